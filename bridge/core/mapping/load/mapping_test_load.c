// Reads and checks the tests of a mapping file, so that a wrong word in a test is reported at its place.
//
// Tests are read twice: when a file is loaded, for the problems, and when they run. The parameters in `expect` are
// words of the platform, beside those of ours: the latter are split off and read by a table.
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/nearest.h"
#include "base/show.h"
#include "core/mapping/load/mapping_load.h"
#include "core/mapping/load/mapping_test_internal.h"
#include "core/mapping/rule.h"
#include "core/platform/code.h"
#include "core/template/template_internal.h"
#include "core/topic/topic.h"

#define MAX_TESTS 10000

bool mapping_test_is_parameter(const char *name)
{
    return name[0] >= 'A' && name[0] <= 'Z';
}

static void problem(struct problems *problems, const struct yaml_node *node, const char *text)
{
    yaml_error(problems, node, "%s", text);
}

static const struct yaml_node *place_of(const struct yaml_node *map, const char *key)
{
    const struct yaml_node *node = yaml_get(map, key);
    return node != NULL ? node : map;
}

// ---- the message

static void check_properties(const struct yaml_node *node, struct problems *problems)
{
    if (!yaml_expect(node, YAML_MAP, "properties", problems)) {
        return;
    }
    for (size_t i = 0; i < node->count; i++) {
        if (node->items[i]->kind != YAML_SCALAR) {
            yaml_error(problems, node->items[i], "a user property is text, not %s", yaml_kind_name(node->items[i]));
        }
    }
}

// A map or list is sent as JSON, where a number can become another than was meant. Text is what senders send, `on` too.
static void warn_values(const struct yaml_node *node, struct problems *problems)
{
    if (node->kind == YAML_SCALAR && yaml_type(node) != YAML_TEXT) {
        template_warn_constant(node, problems);
    }
    for (size_t i = 0; i < node->count; i++) {
        warn_values(node->items[i], problems);
    }
}

static void check_message(const struct yaml_node *node, const struct test_options *keys, struct problems *problems)
{
    int64_t ignored;
    if (yaml_get(node, "topic") == NULL) {
        problem(problems, node, "the test has no `topic`");
    } else if (keys->topic != NULL && !topic_name_valid(keys->topic, strlen(keys->topic))) {
        problem(problems, place_of(node, "topic"), "this is no topic on which a message can come (no + and #)");
    }
    if (keys->now != NULL && !clock_parse_iso(keys->now, &ignored)) {
        problem(problems, place_of(node, "now"), "`now` is a time as 2026-11-21T19:07:31Z");
    }
    if (keys->response_topic != NULL && !topic_name_valid(keys->response_topic, strlen(keys->response_topic))) {
        problem(problems, place_of(node, "response_topic"), "this is no topic to reply to (no + and #)");
    }
    if (keys->properties != NULL) {
        check_properties(keys->properties, problems);
    }
    if (keys->payload != NULL && keys->payload->kind != YAML_SCALAR) {
        warn_values(keys->payload, problems);
    }
}

// One, or a list with one for each request.
static void read_answers(struct mapping_test *test, struct problems *problems)
{
    const struct yaml_node *node = test->options.answer;
    bool is_list = node != NULL && node->kind == YAML_LIST;
    size_t count = is_list ? node->count : node != NULL;
    if (is_list && count == 0) {
        problem(problems, node, "the list of answers is empty");
    }
    test->answers = mem_alloc((count + 1) * sizeof *test->answers);
    for (size_t i = 0; i < count; i++) {
        struct answer_options *answer = &test->answers[test->answer_count++];
        options_defaults(mapping_answer_options, answer);
        enum err err = options_read(mapping_answer_options, is_list ? node->items[i] : node, answer, problems);
        (void)err; // the problems have it
    }
}

// ---- what is expected

static void check_code(const struct yaml_node *node, const char *code, struct problems *problems)
{
    if (code == NULL || error_code_find(code) != NULL) {
        return;
    }
    struct nearest nearest = {.text = code};
    for (size_t i = 0; error_code_at(i) != NULL; i++) {
        nearest_try(&nearest, error_code_at(i)->code);
    }
    yaml_error(problems, node, "there is no error code %s" NEAREST_FORMAT, show_text(code).text,
               NEAREST_ARGS(nearest.name, "; ERRORS.md lists them"));
}

static void check_status(const struct yaml_node *node, const char *name, struct problems *problems)
{
    enum status status;
    if (name != NULL && !status_parse(name, &status)) {
        yaml_error(problems, node,
                   "there is no status %s; a final reply has ok, accepted, failed, "
                   "rejected, expired, partial or unknown",
                   show_text(name).text);
    }
}

// Nothing is sent for these, so they have a reply without an answer.
static bool replies_alone(const struct expect_reply_options *reply)
{
    return reply->status != NULL && (strcmp(reply->status, "rejected") == 0 || strcmp(reply->status, "expired") == 0);
}

static void read_reply(struct mapping_test *test, struct problems *problems)
{
    const struct yaml_node *node = test->expect.reply;
    if (node == NULL) {
        return;
    }
    if (options_read(mapping_expect_reply_options, node, &test->reply, problems) != ERR_OK) {
        return;
    }
    check_status(place_of(node, "status"), test->reply.status, problems);
    check_code(place_of(node, "code"), test->reply.code, problems);
    if (test->options.answer == NULL && !replies_alone(&test->reply) && test->expect.rejected == NULL &&
        !test->expect.expired) {
        problem(problems, node, "a `reply` needs the platform's `answer`, beside `payload`: {status: 200, body: ...}");
    }
}

// A command is sent, or it is refused in one way.
static void check_sense(const struct yaml_node *node, const struct mapping_test *test, struct problems *problems)
{
    const struct expect_options *expect = &test->expect;
    bool sends = expect->action != NULL || expect->calls > 0 || test->parameter_count > 0;
    bool replies = expect->reply != NULL || expect->ack_topic != NULL || expect->result_topic != NULL ||
                   expect->response_topic != NULL;
    int ways = sends + (expect->rejected != NULL) + expect->expired + expect->no_rule;
    if (ways > 1) {
        problem(problems, node,
                "a message is either sent (action, parameters, calls), or rejected, or expired, or "
                "taken by no rule (no_rule): expect one of these");
    } else if (expect->no_rule && (replies || expect->rule != NULL)) {
        problem(problems, node, "a message that no rule takes (no_rule) has neither a rule nor a reply");
    }
}

// Reads the words of `expect` that are ours; the parameters are left to the run.
static void read_expect(struct mapping_test *test, struct problems *problems)
{
    const struct yaml_node *node = test->options.expect;
    if (node->kind != YAML_MAP || node->count == 0) {
        problem(problems, node, "`expect` is a map, as {action: InvokeThingService, DeviceName: lamp-1}");
        return;
    }
    AUTO_FREE struct yaml_node **keys = mem_alloc(node->count * sizeof(struct yaml_node *));
    AUTO_FREE struct yaml_node **items = mem_alloc(node->count * sizeof(struct yaml_node *));
    struct yaml_node ours = *node;
    ours.keys = keys;
    ours.items = items;
    ours.count = 0;
    for (size_t i = 0; i < node->count; i++) {
        if (mapping_test_is_parameter(node->keys[i]->text)) {
            test->parameter_count++;
            continue;
        }
        keys[ours.count] = node->keys[i];
        items[ours.count++] = node->items[i];
    }
    if (options_read(mapping_expect_options, &ours, &test->expect, problems) == ERR_OK) {
        check_code(place_of(node, "rejected"), test->expect.rejected, problems);
        read_reply(test, problems);
        check_sense(node, test, problems);
    }
}

void mapping_test_read(const struct yaml_node *node, struct mapping_test *out, struct problems *problems)
{
    *out = (struct mapping_test){0};
    options_defaults(mapping_test_options, &out->options);
    if (options_read(mapping_test_options, node, &out->options, problems) != ERR_OK) {
        return;
    }
    check_message(node, &out->options, problems);
    read_answers(out, problems);
    if (out->options.expect == NULL) {
        problem(problems, node, "the test has no `expect`");
    } else {
        read_expect(out, problems);
    }
}

void mapping_test_clear(struct mapping_test *test)
{
    options_free(mapping_test_options, &test->options);
    for (size_t i = 0; i < test->answer_count; i++) {
        options_free(mapping_answer_options, &test->answers[i]);
    }
    free(test->answers);
    options_free(mapping_expect_options, &test->expect);
    options_free(mapping_expect_reply_options, &test->reply);
}

void mapping_check_tests(const struct yaml_node *tests, struct problems *problems)
{
    if (!yaml_expect(tests, YAML_LIST, "tests", problems)) {
        return;
    }
    if (tests->count > MAX_TESTS) {
        problem(problems, tests, "a file has at most 10,000 tests");
        return;
    }
    for (size_t i = 0; i < tests->count; i++) {
        struct mapping_test test;
        mapping_test_read(tests->items[i], &test, problems);
        mapping_test_clear(&test);
    }
}
