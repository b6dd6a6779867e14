// What is told of a message: its rule, the other rules, and the value of each template.
#include "unit/core/model/model_checks.h"

#include "base/json/json.h"
#include "core/mapping/load/mapping_load.h"
#include "core/mapping/tools/explain.h"

#define RULES                                                                                                          \
    "version: 1\n"                                                                                                     \
    "defaults: {product_key: k1, expire: 10s}\n"                                                                       \
    "rules:\n"                                                                                                         \
    "  - {name: hall, topic: 'home/{room}/{d}/set', where: {d: 'lamp*', room: [hall, bath]},\n"                        \
    "     invoke: {identifier: Set, device: '${d}', args: {level: '${payload.level}', list: [1, '${room}'],\n"         \
    "     word: '${payload.word | default(\"none\")}'}}, id_from: '${payload.id}', reply: {ack: none}}\n"              \
    "  - {name: all, topic: 'home/+/{d}/set', where: {d: 'lamp*'}, invoke: {identifier: Set, device: '${d}'},\n"       \
    "     empty: accept}\n"                                                                                            \
    "  - {name: rest, topic: 'other/{rest#}', where: {rest: 'a*'}, invoke: {iot_id: Q7, identifier: Set},\n"           \
    "     reply: none}\n"                                                                                              \
    "  - {name: near, topic: 'homes/{room}/{d}/set', where: {d: lamp}, invoke: {identifier: Set, device: '${d}'}}\n"   \
    "  - {name: items, topic: items, call: {action: Pub, parameters: {TopicFullName: a, Items: {x: '${payload}'}}}}\n"

// The report; `command` may be NULL. The mapping is freed.
static struct json_object *explain_with(struct mapping *mapping, const char *topic, const char *payload,
                                        struct command **command)
{
    struct moment arrived = {.boot_id = "boot", .boot_ms = 1000, .wall_ms = NOON_MS};
    struct message message = message_of(topic, payload);
    struct command *made = NULL;
    struct json_object *report = explain_message(mapping, &message, &arrived, UUID, &made);
    mapping_destroy(mapping);
    if (command != NULL) {
        *command = made;
    } else {
        command_free(made);
    }
    return report;
}

static struct json_object *explain(const char *topic, const char *payload, struct command **command)
{
    return explain_with(load(RULES), topic, payload, command);
}

// Of a message on the topic x, with the lamps' thing model.
static struct json_object *explain_lamp(const char *invoke, const char *payload)
{
    struct mapping_options options = default_options();
    AUTO_FREE char *text = mem_printf("version: 1\ndefaults: {product_key: k1ymv1DuLfE, empty: accept}\nrules:\n"
                                      "- {name: a, topic: x, model: " MODELS "lamp.json, invoke: %s}\n",
                                      invoke);
    options.read_file = file_read;
    return explain_with(load_with(text, &options), "x", payload, NULL);
}

static void assert_member(const struct json_object *report, const char *name, const char *json)
{
    struct json_object *value = NULL;
    assert_true(json_member(report, name, &value));
    AUTO_FREE char *text = json_print(value);
    assert_string_equal(text, json);
}

static void the_rule_and_its_captures_are_told(void **state)
{
    (void)state;
    AUTO_COMMAND struct command *command = NULL;
    AUTO_JSON struct json_object *report = explain("home/hall/lamp-1/set", "{\"level\":1.0,\"id\":7}", &command);
    assert_member(report, "outcome", "\"request\"");
    assert_member(report, "rule", "{\"name\":\"hall\",\"topic\":\"home/{room}/{d}/set\"}");
    assert_member(report, "captures", "{\"room\":\"hall\",\"d\":\"lamp-1\"}");
    assert_parameter(command, 0, "DeviceName", "lamp-1");
}

static void each_template_is_told_with_its_value(void **state)
{
    (void)state;
    AUTO_JSON struct json_object *report = explain("home/hall/lamp-1/set", "{\"level\":1.0,\"id\":7}", NULL);
    assert_member(
        report, "templates",
        "[{\"place\":\"id_from\",\"template\":\"${payload.id}\",\"value\":7},"
        "{\"place\":\"identifier\",\"template\":\"Set\",\"value\":\"Set\"},"
        "{\"place\":\"device\",\"template\":\"${d}\",\"value\":\"lamp-1\"},"
        "{\"place\":\"args.level\",\"template\":\"${payload.level}\",\"value\":1.0},"
        "{\"place\":\"args.list.1\",\"template\":\"${room}\",\"value\":\"hall\"},"
        "{\"place\":\"args.word\",\"template\":\"${payload.word | default(\\\"none\\\")}\",\"value\":\"none\"},"
        "{\"place\":\"reply.result\",\"template\":\"${topic}/reply\",\"value\":\"home/hall/lamp-1/set/reply\"}]");
}

static void the_templates_of_a_call_are_told(void **state)
{
    (void)state;
    AUTO_JSON struct json_object *report = explain("items", "on", NULL);
    struct json_object *templates = NULL;
    struct json_object *second = NULL;
    assert_true(json_member(report, "templates", &templates));
    assert_true(json_item(templates, 1, &second));
    assert_member(second, "place", "\"Items.x\"");
    assert_member(second, "value", "\"on\"");
}

static void the_command_is_told_with_its_deadline_and_topics(void **state)
{
    (void)state;
    AUTO_JSON struct json_object *report = explain("home/hall/lamp-1/set", "{\"level\":1,\"id\":7}", NULL);
    assert_member(report, "command",
                  "{\"id\":7,\"id_given\":true,\"platform\":\"main\",\"arrived\":\"2026-11-21T12:00:00.000Z\","
                  "\"deadline\":\"2026-11-21T12:00:10.000Z\",\"expire_ms\":10000,\"order\":\"device\","
                  "\"idempotent\":false,\"latest_only\":false,\"progress\":false,\"result_topic\":\"home/hall/lamp-1/"
                  "set/reply\",\"reply_topic_refused\":false}");
}

static void the_reply_to_a_success_is_told(void **state)
{
    (void)state;
    AUTO_JSON struct json_object *report = explain("home/bath/lamp-1/set", "{\"level\":1}", NULL);
    struct json_object *reply = NULL;
    assert_true(json_member(report, "reply", &reply));
    assert_member(reply, "status", "\"accepted\"");
    assert_member(reply, "id", "\"" UUID "\"");
    assert_member(reply, "message_id", "\"abcabc123\"");
}

static void assert_reply(const struct json_object *report, const char *name, const char *status)
{
    struct json_object *reply = NULL;
    if (!json_member(report, name, &reply)) {
        fail_msg("no %s", name);
    }
    assert_string_equal(json_member_text(reply, "status"), status);
}

static void the_reply_of_a_synchronous_service_has_a_result(void **state)
{
    (void)state;
    AUTO_JSON struct json_object *report = explain_lamp("{identifier: Toggle, device: d}", "");
    struct json_object *reply = NULL;
    assert_member(report, "service", "\"sync\"");
    assert_reply(report, "reply", "ok");
    assert_true(json_member(report, "reply", &reply));
    assert_member(reply, "result", "{\"code\":200,\"data\":{},\"message\":\"success\"}");
    assert_false(json_member(report, "reply_if_sync", &reply));
    AUTO_JSON struct json_object *level = explain_lamp("{identifier: GetLevel, device: d}", "");
    assert_true(json_member(level, "reply", &reply));
    assert_member(reply, "result", "{\"code\":200,\"data\":{\"brightness\":0},\"message\":\"success\"}");
}

static void that_of_an_asynchronous_one_says_that_the_platform_took_it(void **state)
{
    (void)state;
    AUTO_JSON struct json_object *report =
        explain_lamp("{identifier: Set, device: d, args: {brightness: '${payload}'}}", "5");
    assert_member(report, "service", "\"async\"");
    assert_reply(report, "reply", "accepted");
}

static void without_a_model_both_replies_are_told(void **state)
{
    (void)state;
    AUTO_JSON struct json_object *report = explain("home/bath/lamp-1/set", "{\"level\":1}", NULL);
    assert_member(report, "service", "\"unknown\"");
    assert_reply(report, "reply", "accepted");
    assert_reply(report, "reply_if_sync", "ok");
}

static void a_call_for_several_devices_has_no_result_whatever_the_service_is(void **state)
{
    (void)state;
    AUTO_JSON struct json_object *report =
        explain_with(load_with_warnings("version: 1\nrules:\n- {name: a, topic: x, product_key: k1, "
                                        "invoke: {identifier: Set, devices: '${payload}'}}\n"),
                     "x", "[\"a\",\"b\"]", NULL);
    struct json_object *other = NULL;
    assert_member(report, "service", "\"async\"");
    assert_reply(report, "reply", "accepted");
    assert_false(json_member(report, "reply_if_sync", &other));
}

static void another_action_is_no_service(void **state)
{
    (void)state;
    AUTO_JSON struct json_object *report = explain("items", "on", NULL);
    struct json_object *other = NULL;
    assert_false(json_member(report, "service", &other));
    assert_reply(report, "reply", "accepted");
}

static void a_payload_that_cannot_be_read_is_not_called_empty(void **state)
{
    (void)state;
    AUTO_JSON struct json_object *report = explain("home/hall/lamp-1/set", "{\"level\":", NULL);
    struct json_object *templates = NULL;
    struct json_object *level = NULL;
    assert_true(json_member(report, "templates", &templates) && json_item(templates, 3, &level));
    assert_member(level, "problem", "\"the payload cannot be read\"");
    AUTO_JSON struct json_object *empty = explain("home/hall/lamp-1/set", "", NULL);
    assert_true(json_member(empty, "templates", &templates) && json_item(templates, 3, &level));
    assert_member(level, "problem", "\"the payload is empty\"");
}

static void what_the_rule_says_about_waiting_is_told(void **state)
{
    (void)state;
    AUTO_JSON struct json_object *report =
        explain_with(load("version: 1\nrules:\n- {name: a, topic: x, product_key: k1, latest_only: true,\n"
                          "   batch: {window: 50ms, max: 20}, reply: {progress: true, ack: a},\n"
                          "   invoke: {identifier: Set, device: d}}\n"),
                     "x", "{}", NULL);
    struct json_object *command = NULL;
    assert_true(json_member(report, "command", &command));
    assert_member(command, "latest_only", "true");
    assert_member(command, "batch", "{\"window_ms\":50,\"max\":20}");
    assert_member(command, "progress", "true");
}

static void a_value_that_is_missing_is_told_with_its_reason(void **state)
{
    (void)state;
    AUTO_COMMAND struct command *command = NULL;
    AUTO_JSON struct json_object *report = explain("home/hall/lamp-1/set", "{\"id\":7}", &command);
    struct json_object *templates = NULL;
    struct json_object *level = NULL;
    struct json_object *reply = NULL;
    assert_member(report, "outcome", "\"rejected\"");
    assert_true(json_member(report, "templates", &templates) && json_item(templates, 3, &level));
    assert_member(level, "problem", "\"the payload does not hold it\"");
    assert_true(json_member(report, "reply", &reply));
    assert_member(reply, "status", "\"rejected\"");
    assert_refused(command, "member_missing", "level");
}

static void a_command_that_comes_too_late_is_told(void **state)
{
    (void)state;
    AUTO_JSON struct json_object *report = explain("home/x/lamp/set", "{\"$sent_at\":1}", NULL);
    struct json_object *reply = NULL;
    assert_member(report, "outcome", "\"expired\"");
    assert_true(json_member(report, "reply", &reply));
    assert_member(reply, "status", "\"expired\"");
}

static void rules_whose_topic_fits_are_told_with_what_does_not(void **state)
{
    (void)state;
    AUTO_JSON struct json_object *report = explain("home/attic/lamp-1/set", "", NULL);
    assert_member(report, "rule", "{\"name\":\"all\",\"topic\":\"home/+/{d}/set\"}");
    assert_member(report, "passed_over",
                  "[{\"name\":\"hall\",\"topic\":\"home/{room}/{d}/set\",\"capture\":\"room\",\"value\":\"attic\","
                  "\"globs\":[\"hall\",\"bath\"]}]");
    AUTO_JSON struct json_object *first = explain("home/hall/lamp-1/set", "{\"level\":1}", NULL);
    assert_member(first, "passed_over", "[{\"name\":\"all\",\"topic\":\"home/+/{d}/set\"}]");
}

static void without_a_rule_the_nearest_are_told(void **state)
{
    (void)state;
    AUTO_COMMAND struct command *command = NULL;
    AUTO_JSON struct json_object *report = explain("homs/hall/lamp/set", "{}", &command);
    assert_null(command);
    assert_member(report, "outcome", "\"no_rule\"");
    assert_member(report, "passed_over", "[]");
    assert_member(report, "other_rules", "5");
    assert_member(
        report, "nearest",
        "[{\"name\":\"hall\",\"topic\":\"home/{room}/{d}/set\"},{\"name\":\"all\",\"topic\":\"home/+/{d}/set\"},"
        "{\"name\":\"near\",\"topic\":\"homes/{room}/{d}/set\"}]");
    AUTO_JSON struct json_object *shorter = explain("homs", "{}", NULL);
    struct json_object *nearest = NULL;
    struct json_object *first = NULL;
    assert_true(json_member(shorter, "nearest", &nearest) && json_item(nearest, 0, &first));
    assert_member(first, "name", "\"items\"");
    AUTO_JSON struct json_object *longer = explain("othr/a/b/c/d/e", "{}", NULL);
    assert_true(json_member(longer, "nearest", &nearest) && json_item(nearest, 0, &first));
    assert_member(first, "name", "\"rest\"");
}

static void the_bridge_s_own_topics_are_said_to_be_that(void **state)
{
    (void)state;
    AUTO_JSON struct json_object *report = explain("thingbridge/bridge/state", "", NULL);
    assert_member(report, "outcome", "\"own_topic\"");
}

static void many_rules_are_told_in_part(void **state)
{
    (void)state;
    struct moment arrived = {.boot_id = "boot", .boot_ms = 1000, .wall_ms = NOON_MS};
    struct message message = message_of("x/b", "{}");
    AUTO_BUF struct buf text = {0};
    AUTO_COMMAND struct command *command = NULL;
    buf_text(&text, "version: 1\ndefaults: {product_key: k1}\nrules:\n");
    for (int i = 0; i < 70; i++) {
        buf_printf(&text, "- {name: r%d, topic: 'x/{c}', where: {c: a%d}, invoke: {identifier: Set, device: d}}\n", i,
                   i);
    }
    struct mapping *mapping = load(text.data);
    AUTO_JSON struct json_object *report = explain_message(mapping, &message, &arrived, UUID, &command);
    struct json_object *passed_over = NULL;
    assert_true(json_member(report, "passed_over", &passed_over));
    assert_int_equal(json_count(passed_over), EXPLAIN_MAX_RULES);
    assert_member(report, "passed_over_omitted", "20");
    mapping_destroy(mapping);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rule_and_its_captures_are_told),
        cmocka_unit_test(each_template_is_told_with_its_value),
        cmocka_unit_test(the_templates_of_a_call_are_told),
        cmocka_unit_test(the_command_is_told_with_its_deadline_and_topics),
        cmocka_unit_test(the_reply_to_a_success_is_told),
        cmocka_unit_test(the_reply_of_a_synchronous_service_has_a_result),
        cmocka_unit_test(that_of_an_asynchronous_one_says_that_the_platform_took_it),
        cmocka_unit_test(without_a_model_both_replies_are_told),
        cmocka_unit_test(a_call_for_several_devices_has_no_result_whatever_the_service_is),
        cmocka_unit_test(another_action_is_no_service),
        cmocka_unit_test(a_payload_that_cannot_be_read_is_not_called_empty),
        cmocka_unit_test(what_the_rule_says_about_waiting_is_told),
        cmocka_unit_test(a_value_that_is_missing_is_told_with_its_reason),
        cmocka_unit_test(a_command_that_comes_too_late_is_told),
        cmocka_unit_test(rules_whose_topic_fits_are_told_with_what_does_not),
        cmocka_unit_test(without_a_rule_the_nearest_are_told),
        cmocka_unit_test(the_bridge_s_own_topics_are_said_to_be_that),
        cmocka_unit_test(many_rules_are_told_in_part),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
