// Compares what a test expects with what came. Only what is expected is looked at. Values are compared as JSON, member
// by member, so that a difference is named by its path.
#include "core/mapping/tools/mapping_test_compare.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/nearest.h"
#include "base/show.h"

#define NONE "(none)"

static const struct json_limits limits = {.max_depth = 64};

void mapping_test_differs(struct mapping_test_result *result, const char *what, const char *expected, const char *got)
{
    if (result->count == TEST_MAX_DIFFERENCES) {
        return;
    }
    result->differences = mem_resize(result->differences, result->count + 1, sizeof *result->differences);
    result->differences[result->count++] = (struct mapping_test_difference){
        .what = mem_strdup(what), .expected = mem_strdup(expected), .got = mem_strdup(got)};
}

static void compare_text(struct mapping_test_result *result, const char *what, const char *expected_or_null,
                         const char *got_or_null)
{
    if (expected_or_null != NULL && (got_or_null == NULL || strcmp(expected_or_null, got_or_null) != 0)) {
        mapping_test_differs(result, what, expected_or_null, got_or_null != NULL ? got_or_null : NONE);
    }
}

void mapping_test_compare_topic(struct mapping_test_result *result, const char *what, const char *expected_or_null,
                                const char *got_or_null)
{
    compare_text(result, what, expected_or_null, got_or_null != NULL ? got_or_null : "none");
}

// ---- JSON

static void compare_json(struct mapping_test_result *result, const char *what, const struct json_object *expected,
                         const struct json_object *got);

struct walk {
    struct mapping_test_result *result;
    const char *what;
    const struct json_object *other;
    bool backwards; // looks only for members that are too many
};

static bool compare_member(void *context, const char *name, struct json_object *value)
{
    const struct walk *walk = context;
    struct json_object *other = NULL;
    bool there = json_member(walk->other, name, &other);
    AUTO_FREE char *path = mem_printf("%s.%s", walk->what, show_plain(name).text);
    if (there && !walk->backwards) {
        compare_json(walk->result, path, value, other);
    } else if (!there) {
        AUTO_FREE char *text = json_print(value);
        mapping_test_differs(walk->result, path, walk->backwards ? NONE : text, walk->backwards ? text : NONE);
    }
    return true;
}

static void compare_maps(struct mapping_test_result *result, const char *what, const struct json_object *expected,
                         const struct json_object *got)
{
    json_each(expected, compare_member, &(struct walk){result, what, got, false});
    json_each(got, compare_member, &(struct walk){result, what, expected, true});
}

static void compare_lists(struct mapping_test_result *result, const char *what, const struct json_object *expected,
                          const struct json_object *got)
{
    for (size_t i = 0; i < json_count(expected); i++) {
        AUTO_FREE char *path = mem_printf("%s.%zu", what, i);
        compare_json(result, path, json_at(expected, i), json_at(got, i));
    }
}

static bool same_scalar(const struct json_object *expected, const struct json_object *got, const char *expected_text,
                        const char *got_text)
{
    if (json_kind(expected) != json_kind(got)) {
        return false;
    }
    // Numbers with a point or an exponent are one value in several spellings.
    bool is_real = json_kind(expected) == JSON_REAL;
    return is_real ? json_real(expected) == json_real(got) : strcmp(expected_text, got_text) == 0;
}

// JSON values, member by member: order does not count, and 10 is not 10.0 (the platform keeps them apart). A difference
// is reported at the innermost place; `what` leads its path.
static void compare_json(struct mapping_test_result *result, const char *what, const struct json_object *expected,
                         const struct json_object *got)
{
    enum json_kind kind = json_kind(expected);
    bool same_kind = kind == json_kind(got);
    if (same_kind && kind == JSON_MAP) {
        compare_maps(result, what, expected, got);
        return;
    }
    if (same_kind && kind == JSON_LIST && json_count(expected) == json_count(got)) {
        compare_lists(result, what, expected, got);
        return;
    }
    AUTO_FREE char *expected_text = json_print(expected);
    AUTO_FREE char *got_text = json_print(got);
    if (!same_scalar(expected, got, expected_text, got_text)) {
        mapping_test_differs(result, what, expected_text, got_text);
    }
}

static bool parse(const char *text, struct json_object **out)
{
    struct diag ignored;
    return json_parse(text, strlen(text), &limits, out, &ignored) == ERR_OK;
}

static bool is_container(const struct json_object *value)
{
    return json_kind(value) == JSON_MAP || json_kind(value) == JSON_LIST;
}

// ---- the request

// NAME.1, NAME.2 ... of all calls of the command, in their order.
static struct json_object *numbered_values(const struct command *command, const char *name)
{
    struct json_object *list = json_new_list();
    for (size_t i = 0; i < command->call_count; i++) {
        const char *value = NULL;
        for (size_t k = 0;; k++) {
            AUTO_FREE char *numbered = invoke_numbered(name, k);
            value = parameters_find(&command->calls[i].parameters, numbered);
            if (value == NULL) {
                break;
            }
            json_add(list, json_new_text(value));
        }
    }
    return list;
}

static struct json_object *list_of_texts(const struct yaml_node *node)
{
    struct json_object *list = json_new_list();
    for (size_t i = 0; i < node->count; i++) {
        AUTO_FREE char *text = yaml_print(node->items[i]);
        json_add(list, json_new_text(text));
    }
    return list;
}

static void compare_numbered(struct mapping_test_result *result, const char *name, const struct yaml_node *node,
                             const struct command *command)
{
    AUTO_JSON struct json_object *expected = list_of_texts(node);
    AUTO_JSON struct json_object *got = numbered_values(command, name);
    const char *single = parameters_find(&command->calls[0].parameters, name);
    if (json_count(got) == 0 && single != NULL) {
        AUTO_FREE char *text = json_print(expected);
        mapping_test_differs(result, name, text, single);
        return;
    }
    compare_json(result, name, expected, got);
}

// Why there is no parameter of this name: there are numbered ones, or one that is called nearly so.
static char *describe_missing(const struct command *command, const char *name)
{
    const struct parameters *parameters = &command->calls[0].parameters;
    AUTO_JSON struct json_object *numbered = numbered_values(command, name);
    if (json_count(numbered) > 0) {
        return json_print(numbered);
    }
    struct nearest nearest = {.text = name};
    for (size_t i = 0; i < parameters->count; i++) {
        nearest_try(&nearest, parameters->items[i].name);
    }
    return nearest.name != NULL ? mem_printf(NONE "; there is %s", nearest.name) : mem_strdup(NONE);
}

// A map is compared as JSON; so is text that is the JSON text of a map or list.
static void compare_value(struct mapping_test_result *result, const char *name, const struct yaml_node *node,
                          const char *got)
{
    AUTO_FREE char *expected = yaml_print(node);
    AUTO_JSON struct json_object *expected_value = NULL;
    AUTO_JSON struct json_object *got_value = NULL;
    if (parse(expected, &expected_value) && is_container(expected_value) && parse(got, &got_value)) {
        compare_json(result, name, expected_value, got_value);
    } else {
        compare_text(result, name, expected, got);
    }
}

static void compare_parameter(struct mapping_test_result *result, const char *name, const struct yaml_node *node,
                              const struct command *command)
{
    const char *got = parameters_find(&command->calls[0].parameters, name);
    if (yaml_is_null(node)) {
        if (got != NULL) {
            mapping_test_differs(result, name, NONE, got);
        }
    } else if (node->kind == YAML_LIST) {
        compare_numbered(result, name, node, command);
    } else if (got != NULL) {
        compare_value(result, name, node, got);
    } else {
        AUTO_FREE char *expected = yaml_print(node);
        AUTO_FREE char *missing = describe_missing(command, name);
        mapping_test_differs(result, name, expected, missing);
    }
}

void mapping_test_compare_request(struct mapping_test_result *result, const struct yaml_node *expect,
                                  const struct expect_options *keys, const struct command *command)
{
    compare_text(result, "action", keys->action, command->calls[0].action);
    if (keys->calls > 0 && (size_t)keys->calls != command->call_count) {
        AUTO_FREE char *expected = mem_printf("%lld", (long long)keys->calls);
        AUTO_FREE char *got = mem_printf("%zu", command->call_count);
        mapping_test_differs(result, "calls", expected, got);
    }
    for (size_t i = 0; i < expect->count; i++) {
        if (mapping_test_is_parameter(expect->keys[i]->text)) {
            compare_parameter(result, expect->keys[i]->text, expect->items[i], command);
        }
    }
}

// ---- the reply

static void compare_member_text(struct mapping_test_result *result, const char *what, const char *expected_or_null,
                                const struct json_object *map, const char *name)
{
    AUTO_FREE char *path = mem_printf("reply.%s", what);
    compare_text(result, path, expected_or_null, json_member_text(map, name));
}

// Another status is reported with its reason.
static void compare_status(struct mapping_test_result *result, const char *expected_or_null,
                           const struct json_object *reply, const struct json_object *error)
{
    const char *status = json_member_text(reply, "status");
    const char *code = json_member_text(error, "code");
    if (expected_or_null == NULL || strcmp(expected_or_null, status) == 0) {
        return;
    }
    AUTO_FREE char *got = code == NULL ? mem_strdup(status)
                                       : mem_printf("%s, code %s: %s", status, code, json_member_text(error, "detail"));
    mapping_test_differs(result, "reply.status", expected_or_null, got);
}

static void compare_member_value(struct mapping_test_result *result, const char *name,
                                 const struct yaml_node *expected_or_null, const struct json_object *reply)
{
    struct json_object *got = NULL;
    if (expected_or_null == NULL) {
        return;
    }
    AUTO_FREE char *path = mem_printf("reply.%s", name);
    AUTO_JSON struct json_object *expected = yaml_to_json(expected_or_null);
    if (json_member(reply, name, &got)) {
        compare_json(result, path, expected, got);
    } else {
        AUTO_FREE char *text = json_print(expected);
        mapping_test_differs(result, path, text, NONE);
    }
}

void mapping_test_compare_reply(struct mapping_test_result *result, const struct expect_reply_options *expected,
                                const struct json_object *reply)
{
    const struct json_object *error = json_get(reply, "error");
    compare_status(result, expected->status, reply, error);
    compare_member_text(result, "code", expected->code, error, "code");
    compare_member_text(result, "platform_code", expected->platform_code, error, "platform_code");
    compare_member_text(result, "message_id", expected->message_id, reply, "message_id");
    compare_member_text(result, "request_id", expected->request_id, reply, "request_id");
    compare_member_value(result, "id", expected->id, reply);
    compare_member_value(result, "result", expected->result, reply);
    compare_member_value(result, "target", expected->target, reply);
    compare_member_value(result, "failed_devices", expected->failed_devices, reply);
}
