// Runs a test: the message is mapped as the service maps it, the answers are read as the service reads them, and what
// comes of it is compared from the outside in (rule, outcome, topics, request, reply), so that a difference is reported
// where it begins and not by all that follows from it.
#include "core/mapping/tools/mapping_test.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json/json.h"
#include "base/mem.h"
#include "core/mapping/load/mapping_test_internal.h"
#include "core/mapping/rule.h"
#include "core/mapping/tools/dry_run.h"
#include "core/mapping/tools/mapping_test_compare.h"

// Of a command that brings no id.
#define TEST_ID      "00000000-0000-7000-8000-000000000000"
#define NO_RULE_TEXT "no rule takes it"
#define REQUEST_TEXT "a request"

struct run {
    const struct mapping *mapping;
    const struct yaml_node *node;
    struct mapping_test test;
    struct moment now;
    struct message message;
    const struct rule *rule; // or NULL
    struct command *command; // NULL without a rule
    struct mapping_test_result *result;
};

void mapping_test_result_clear(struct mapping_test_result *result)
{
    for (size_t i = 0; i < result->count; i++) {
        free(result->differences[i].what);
        free(result->differences[i].expected);
        free(result->differences[i].got);
    }
    free(result->differences);
    free(result->name);
    free(result->rule);
    *result = (struct mapping_test_result){0};
}

static const struct yaml_node *tests_of(const struct yaml_document *document)
{
    return yaml_get(yaml_root(document), "tests");
}

size_t mapping_test_count(const struct yaml_document *document)
{
    const struct yaml_node *tests = tests_of(document);
    return tests != NULL ? tests->count : 0;
}

// ---- the message

static void make_properties(struct message *message, const struct yaml_node *map)
{
    if (map == NULL) {
        return;
    }
    message->properties = mem_alloc((map->count + 1) * sizeof *message->properties);
    for (size_t i = 0; i < map->count; i++) {
        message->properties[message->property_count++] =
            (struct user_property){.name = mem_strdup(map->keys[i]->text), .value = mem_strdup(map->items[i]->text)};
    }
}

static void make_message(struct run *run)
{
    run->message = (struct message){.topic = mem_strdup(run->test.options.topic), .qos = 1};
    run->message.response_topic = mem_strdup_or_null(run->test.options.response_topic);
    run->now = (struct moment){.boot_id = "test", .boot_ms = 1};
    clock_parse_iso(run->test.options.now, &run->now.wall_ms);
    const struct yaml_node *payload = run->test.options.payload;
    run->message.payload = payload == NULL || yaml_is_null(payload) ? mem_strdup("") : yaml_print(payload);
    run->message.payload_len = strlen(run->message.payload);
    make_properties(&run->message, run->test.options.properties);
}

// ---- what became of it, for people

static char *describe(const struct run *run)
{
    if (run->command == NULL) {
        AUTO_FREE char *why = mapping_describe_no_rule(run->mapping, run->message.topic);
        return mem_printf(NO_RULE_TEXT ": %s", why);
    }
    const struct failure *refusal = &run->command->refusal;
    if (refusal->code != NULL) {
        return mem_printf("rejected, code %s: %s", refusal->code->code, refusal->detail);
    }
    if (run->command->lifetime_ms <= 0) {
        return mem_strdup("expired: its deadline had passed when it came");
    }
    return mem_printf(REQUEST_TEXT ": %s by the rule %s", run->command->calls[0].action, run->command->rule);
}

static void differs(const struct run *run, const char *what, const char *expected)
{
    AUTO_FREE char *got = describe(run);
    mapping_test_differs(run->result, what, expected, got);
}

static bool is_sent(const struct run *run)
{
    return run->command != NULL && !dry_run_is_over(run->command);
}

static void compare_refusal(const struct run *run, const char *code)
{
    bool same = run->command != NULL && run->command->refusal.code != NULL &&
                strcmp(run->command->refusal.code->code, code) == 0;
    if (!same) {
        AUTO_FREE char *expected = mem_printf("rejected, code %s", code);
        differs(run, "outcome", expected);
    }
}

// False: what became of the message is not what the rest of the test is about.
static bool compare_outcome(const struct run *run)
{
    const struct expect_options *expect = &run->test.expect;
    size_t before = run->result->count;
    bool wants_request = expect->action != NULL || expect->calls > 0 || run->test.parameter_count > 0;
    if (expect->no_rule && run->rule != NULL) {
        AUTO_FREE char *got = mem_printf("rule %s takes it", rule_name(run->rule));
        mapping_test_differs(run->result, "outcome", NO_RULE_TEXT, got);
    } else if (expect->rejected != NULL) {
        compare_refusal(run, expect->rejected);
    } else if (expect->expired) {
        if (run->command == NULL || run->command->refusal.code != NULL || run->command->lifetime_ms > 0) {
            differs(run, "outcome", "expired");
        }
    } else if (!expect->no_rule && !is_sent(run) && (wants_request || expect->reply == NULL || run->command == NULL)) {
        differs(run, "outcome", REQUEST_TEXT);
    }
    return run->result->count == before;
}

// ---- the reply

static const struct mapping_test_platform *find_platform(const struct run *run,
                                                         const struct mapping_test_platform *platforms, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(platforms[i].name, run->command->platform) == 0) {
            return &platforms[i];
        }
    }
    return NULL;
}

static struct json_object *make_reply(const struct run *run, const struct mapping_test_platform *platform_or_null)
{
    size_t count = run->test.answer_count;
    AUTO_FREE struct api_input *answers = mem_alloc((count + 1) * sizeof *answers);
    AUTO_FREE char **bodies = mem_alloc((count + 1) * sizeof *bodies);
    for (size_t i = 0; i < count; i++) {
        bodies[i] = run->test.answers[i].body != NULL ? yaml_print(run->test.answers[i].body) : mem_strdup("");
        answers[i] = (struct api_input){
            .http_status = (long)run->test.answers[i].status, .body = bodies[i], .body_len = strlen(bodies[i])};
    }
    struct dry_run dry_run = {.answers = answers, .answer_count = count};
    if (platform_or_null != NULL) {
        dry_run.extra_rows = platform_or_null->rows;
        dry_run.extra_count = platform_or_null->row_count;
    }
    struct json_object *reply = dry_run_reply(run->command, &dry_run, run->now.wall_ms);
    for (size_t i = 0; i < count; i++) {
        free(bodies[i]);
    }
    return reply;
}

static void compare_reply(const struct run *run, const struct mapping_test_platform *platform_or_null)
{
    if (run->test.expect.reply == NULL) {
        return;
    }
    // Only a wrong test comes here: loading asks for an answer unless nothing is sent.
    if (run->test.answer_count == 0 && is_sent(run)) {
        mapping_test_differs(run->result, "reply.status", run->test.reply.status, REQUEST_TEXT);
        return;
    }
    AUTO_JSON struct json_object *reply = make_reply(run, platform_or_null);
    mapping_test_compare_reply(run->result, &run->test.reply, reply);
}

// ----

static void compare(const struct run *run, const struct mapping_test_platform *platforms, size_t platform_count)
{
    const struct expect_options *expect = &run->test.expect;
    if (expect->rule != NULL && (run->rule == NULL || strcmp(rule_name(run->rule), expect->rule) != 0)) {
        mapping_test_differs(run->result, "rule", expect->rule,
                             run->rule != NULL ? rule_name(run->rule) : NO_RULE_TEXT);
    }
    if (!compare_outcome(run) || run->command == NULL) {
        return;
    }
    mapping_test_compare_topic(run->result, "ack_topic", expect->ack_topic, run->command->ack_topic);
    mapping_test_compare_topic(run->result, "result_topic", expect->result_topic, run->command->result_topic);
    mapping_test_compare_topic(run->result, "response_topic", expect->response_topic, run->command->response_topic);
    if (is_sent(run)) {
        mapping_test_compare_request(run->result, run->test.options.expect, expect, run->command);
    }
    compare_reply(run, find_platform(run, platforms, platform_count));
}

void mapping_test_run(const struct mapping *mapping, const struct yaml_document *document, size_t index,
                      const struct mapping_test_platform *platforms, size_t platform_count,
                      struct mapping_test_result *out)
{
    struct problems none = {0};
    struct run run = {.mapping = mapping, .node = tests_of(document)->items[index], .result = out};
    mapping_test_read(run.node, &run.test, &none);
    make_message(&run);
    *out = (struct mapping_test_result){
        .source = run.node->source,
        .line = run.node->line,
        .name = mem_strdup(run.test.options.name != NULL ? run.test.options.name : run.message.topic)};
    run.rule = mapping_match(mapping, run.message.topic);
    if (run.rule != NULL) {
        out->rule = mem_strdup(rule_name(run.rule));
        run.command = mapping_command(mapping, run.rule, &run.message, &run.now, TEST_ID, NULL);
    }
    compare(&run, platforms, platform_count);
    command_free(run.command);
    message_clear(&run.message);
    mapping_test_clear(&run.test);
    problems_clear(&none);
}
