// Tests inside mapping files: what they compare, what they tell, and what is wrong with them.
#include "unit/core/mapping/mapping_checks.h"

#include "core/mapping/load/mapping_load.h"
#include "core/mapping/tools/mapping_test.h"

#define RULES                                                                                                          \
    "version: 1\n"                                                                                                     \
    "defaults: {product_key: k1}\n"                                                                                    \
    "groups: {many: [a, b, c]}\n"                                                                                      \
    "rules:\n"                                                                                                         \
    "  - {name: set, topic: 'home/{d}/set', where: {d: 'lamp*'}, invoke: {identifier: Set, device: '${d}', args:\n"    \
    "     {level: '${payload.level}', deep: {list: [1, '${payload.word | default(\"x\")}']}}}}\n"                      \
    "  - {name: all, topic: all/set, invoke: {identifier: Set, devices: '${group.many}'}, empty: accept}\n"            \
    "  - {name: when, topic: when, invoke: {identifier: At, device: a, args: {at: '${now}', by: '${property.by}'}},\n" \
    "     reply: {ack: none, result: 'done/${topic}'}}\n"                                                              \
    "  - {name: items, topic: items, call: {action: SetDeviceProperty, parameters:\n"                                  \
    "     {ProductKey: k1, DeviceName: a, Items: {x: '${payload}'}}}}\n"                                               \
    "tests:\n"

// Runs the one test.
static struct mapping_test_result run_with(const char *test, const struct mapping_test_platform *platforms,
                                           size_t count)
{
    AUTO_FREE char *text = mem_printf("%s  - %s\n", RULES, test);
    struct problems problems = {0};
    struct mapping_options options = default_options();
    AUTO_YAML struct yaml_document *document = NULL;
    struct mapping *mapping = NULL;
    struct mapping_test_result result;
    assert_int_equal(yaml_load_text("a.yaml", text, strlen(text), &document, &problems), ERR_OK);
    enum err err = mapping_create(&document, 1, &options, &mapping, &problems);
    print_problems(&problems);
    assert_int_equal(err, ERR_OK);
    assert_int_equal(mapping_test_count(document), 1);
    mapping_test_run(mapping, document, 0, platforms, count, &result);
    result.source = NULL; // the document goes
    mapping_destroy(mapping);
    problems_clear(&problems);
    return result;
}

static void assert_passes(const char *test)
{
    struct mapping_test_result result = run_with(test, NULL, 0);
    for (size_t i = 0; i < result.count; i++) {
        print_message("%s: %s, not %s\n", result.differences[i].what, result.differences[i].got,
                      result.differences[i].expected);
    }
    assert_int_equal(result.count, 0);
    mapping_test_result_clear(&result);
}

// The first difference.
static void assert_differs(const char *test, const char *what, const char *expected, const char *got)
{
    struct mapping_test_result result = run_with(test, NULL, 0);
    assert_true(result.count > 0);
    assert_string_equal(result.differences[0].what, what);
    assert_string_equal(result.differences[0].expected, expected);
    if (strncmp(result.differences[0].got, got, strlen(got)) != 0) {
        fail_msg("%s: got %s, not %s", what, result.differences[0].got, got);
    }
    mapping_test_result_clear(&result);
}

static void assert_rule(const char *test, const char *rule_or_null)
{
    struct mapping_test_result result = run_with(test, NULL, 0);
    if (rule_or_null == NULL) {
        assert_null(result.rule);
    } else {
        assert_string_equal(result.rule, rule_or_null);
    }
    mapping_test_result_clear(&result);
}

#define LAMP "topic: home/lamp-1/set, payload: {level: 5}"

static void the_named_parts_of_a_request_are_compared(void **state)
{
    (void)state;
    assert_passes("{" LAMP ", expect: {rule: set, action: InvokeThingService, ProductKey: k1, DeviceName: lamp-1, "
                  "Identifier: Set, calls: 1, IotId: null}}");
    assert_passes("{" LAMP ", expect: {rule: set}}");
    assert_differs("{" LAMP ", expect: {rule: other}}", "rule", "other", "set");
    assert_differs("{" LAMP ", expect: {action: Pub}}", "action", "Pub", "InvokeThingService");
    assert_differs("{" LAMP ", expect: {DeviceName: lamp-2}}", "DeviceName", "lamp-2", "lamp-1");
    assert_differs("{" LAMP ", expect: {IotId: x}}", "IotId", "x", "(none)");
    assert_differs("{" LAMP ", expect: {ProductKey: null}}", "ProductKey", "(none)", "k1");
    assert_differs("{" LAMP ", expect: {calls: 2}}", "calls", "2", "1");
}

static void arguments_are_compared_as_json(void **state)
{
    (void)state;
    assert_passes("{" LAMP ", expect: {Args: {deep: {list: [1, x]}, level: 5}}}");
    assert_passes("{" LAMP ", expect: {Args: '{\"deep\": {\"list\":[1,\"x\"]},  \"level\":5}'}}");
    assert_passes(
        "{topic: home/lamp/set, payload: {level: 1e2}, expect: {Args: {level: 100.0, deep: {list: [1, x]}}}}");
    assert_differs("{" LAMP ", expect: {Args: {deep: {list: [1, y]}, level: 5}}}", "Args.deep.list.1", "\"y\"",
                   "\"x\"");
    assert_differs("{" LAMP ", expect: {Args: {deep: {list: [1]}, level: 5}}}", "Args.deep.list", "[1]", "[1,\"x\"]");
    assert_differs("{" LAMP ", expect: {Args: {deep: {list: [1, x]}, level: 5.0}}}", "Args.level", "5.0", "5");
    assert_differs("{" LAMP ", expect: {Args: {level: 5}}}", "Args.deep", "(none)", "{\"list\"");
    assert_differs("{" LAMP ", expect: {Args: {deep: {list: [1, x]}, level: 5, more: true}}}", "Args.more", "true",
                   "(none)");
    assert_differs("{" LAMP ", expect: {Args: '{\"level\":6}'}}", "Args.level", "6", "5");
    assert_differs("{" LAMP ", expect: {Args: nothing}}", "Args", "nothing", "{\"level\"");
}

static void a_list_is_the_numbered_parameters_of_all_calls(void **state)
{
    (void)state;
    assert_passes("{topic: all/set, expect: {action: InvokeThingsService, DeviceName: [a, b, c], DeviceName.2: b}}");
    assert_differs("{topic: all/set, expect: {DeviceName: [a, c, b]}}", "DeviceName.1", "\"c\"", "\"b\"");
    assert_differs("{topic: all/set, expect: {DeviceName: [a]}}", "DeviceName", "[\"a\"]", "[\"a\",\"b\",\"c\"]");
    assert_differs("{" LAMP ", expect: {DeviceName: [lamp-1]}}", "DeviceName", "[\"lamp-1\"]", "lamp-1");
}

static void other_actions_are_compared_too(void **state)
{
    (void)state;
    assert_passes("{topic: items, payload: on, expect: {action: SetDeviceProperty, Items: {x: 'on'}}}");
    assert_passes("{topic: items, payload: 7, expect: {Items: {x: 7}}}");
    assert_passes("{topic: items, payload: '\"7\"', expect: {Items: {x: '7'}}}");
    assert_differs("{topic: items, payload: [1], expect: {Items: {x: [2]}}}", "Items.x.0", "2", "1");
}

static void a_test_has_its_own_time_and_properties(void **state)
{
    (void)state;
    assert_passes("{topic: when, payload: {}, properties: {by: Ada}, "
                  "expect: {Args: {at: '2026-01-01T00:00:00.000Z', by: Ada}}}");
    assert_passes("{topic: when, now: '2026-11-21T19:07:31Z', payload: {}, properties: {by: 5}, "
                  "expect: {Args: {at: '2026-11-21T19:07:31.000Z', by: '5'}}}");
    assert_passes("{topic: home/lamp/set, now: '2026-11-21T19:07:31Z', "
                  "payload: {level: 1, $sent_at: '2026-11-21T19:07:00Z'}, expect: {expired: true, rule: set}}");
    assert_differs("{" LAMP ", expect: {expired: true}}", "outcome", "expired", "a request");
    assert_differs("{topic: home/lamp/set, now: '2026-11-21T19:07:31Z', "
                   "payload: {level: 1, $sent_at: '2026-11-21T19:07:00Z'}, expect: {DeviceName: lamp}}",
                   "outcome", "a request", "expired");
}

static void a_rejection_is_compared_by_its_code(void **state)
{
    (void)state;
    assert_passes("{topic: home/lamp/set, payload: {}, expect: {rejected: member_missing, rule: set}}");
    assert_differs("{topic: home/lamp/set, payload: {}, expect: {rejected: filter_failed}}", "outcome",
                   "rejected, code filter_failed", "rejected, code member_missing: ");
    assert_differs("{" LAMP ", expect: {rejected: member_missing}}", "outcome", "rejected, code member_missing",
                   "a request");
    assert_differs("{topic: home/lamp/set, payload: {}, expect: {DeviceName: lamp}}", "outcome", "a request",
                   "rejected, code member_missing: ");
}

static void that_no_rule_takes_it_can_be_expected(void **state)
{
    (void)state;
    assert_passes("{topic: home/door/set, payload: {}, expect: {no_rule: true}}");
    assert_differs("{" LAMP ", expect: {no_rule: true}}", "outcome", "no rule takes it", "rule set takes it");
    assert_differs("{topic: x, expect: {rule: set}}", "rule", "set", "no rule takes it");
    assert_differs("{topic: x, expect: {rejected: payload_empty}}", "outcome", "rejected, code payload_empty",
                   "no rule takes it");
    assert_differs("{topic: x, answer: {}, expect: {reply: {status: ok}}}", "outcome", "a request", "no rule takes it");
}

static void reply_topics_are_compared(void **state)
{
    (void)state;
    assert_passes(
        "{topic: when, payload: {}, properties: {by: x}, expect: {ack_topic: none, result_topic: done/when}}");
    assert_differs("{" LAMP ", expect: {ack_topic: none}}", "ack_topic", "none", "home/lamp-1/set/reply");
}

static void the_reply_to_an_answer_is_compared(void **state)
{
    (void)state;
    assert_passes("{" LAMP ", answer: {body: {Success: true, RequestId: r, Data: {MessageId: 12, Result: "
                  "'{\"code\":200,\"data\":{\"a\":1}}'}}}, expect: {DeviceName: lamp-1, reply: {status: ok, "
                  "request_id: r, message_id: 12, result: {code: 200, data: {a: 1}}, "
                  "target: {product_key: k1, device_name: lamp-1, identifier: Set}, "
                  "id: 00000000-0000-7000-8000-000000000000}}}");
    assert_passes("{" LAMP ", answer: {body: {Success: true}}, expect: {reply: {status: accepted}}}");
    assert_passes("{" LAMP ", answer: {body: '<Error><Code>iot.messagebroker.OFFLINE</Code></Error>', status: 400}, "
                  "expect: {reply: {status: failed, code: device_offline, platform_code: iot.messagebroker.OFFLINE}}}");
    assert_passes("{" LAMP ", answer: {status: 503}, expect: {reply: {status: expired, code: platform_busy}}}");
    assert_passes("{" LAMP ", answer: {status: 500}, expect: {reply: {status: unknown, code: platform_error}}}");
    assert_differs("{" LAMP ", answer: {body: {Success: true}}, expect: {reply: {status: ok}}}", "reply.status", "ok",
                   "accepted");
    assert_differs("{" LAMP ", answer: {body: {Success: true}}, expect: {reply: {result: {}}}}", "reply.result", "{}",
                   "(none)");
    assert_differs("{" LAMP ", answer: {status: 503}, expect: {reply: {code: throttled}}}", "reply.code", "throttled",
                   "platform_busy");
}

static void a_command_that_is_not_sent_has_a_reply_without_an_answer(void **state)
{
    (void)state;
    assert_passes("{topic: home/lamp/set, payload: {$id: 7}, expect: {reply: {status: rejected, code: member_missing, "
                  "id: 7}}}");
    assert_passes("{topic: home/lamp/set, payload: {}, expect: {rejected: member_missing, reply: {id: "
                  "00000000-0000-7000-8000-000000000000}}}");
    assert_passes("{topic: home/lamp/set, payload: {level: 1, $sent_at: 1}, expect: {reply: {status: expired}}}");
    assert_differs("{" LAMP ", expect: {reply: {status: rejected}}}", "reply.status", "rejected", "a request");
}

static void rows_of_the_configuration_count(void **state)
{
    (void)state;
    static const struct api_row rows[] = {{"MyCode", API_DEVICE_OFFLINE, "device_offline"}};
    static const struct mapping_test_platform platforms[] = {{"other", NULL, 0}, {"main", rows, 1}};
    struct mapping_test_result result = run_with("{" LAMP ", answer: {body: {Success: false, Code: MyCode}}, "
                                                 "expect: {reply: {code: device_offline}}}",
                                                 platforms, 2);
    assert_int_equal(result.count, 0);
    mapping_test_result_clear(&result);
}

static void a_result_has_name_and_line(void **state)
{
    (void)state;
    struct mapping_test_result named = run_with("{name: half, " LAMP ", expect: {rule: set}}", NULL, 0);
    assert_string_equal(named.name, "half");
    assert_int_equal(named.line, 13);
    struct mapping_test_result other = run_with("{" LAMP ", expect: {rule: set}}", NULL, 0);
    assert_string_equal(other.name, "home/lamp-1/set");
    mapping_test_result_clear(&named);
    mapping_test_result_clear(&other);
}

static void differences_are_bounded(void **state)
{
    (void)state;
    AUTO_BUF struct buf text = {0};
    buf_text(&text, "{" LAMP ", expect: {Args: {");
    for (int i = 0; i < 200; i++) {
        buf_printf(&text, "a%d: 1, ", i);
    }
    buf_text(&text, "}}}");
    struct mapping_test_result result = run_with(text.data, NULL, 0);
    assert_int_equal(result.count, TEST_MAX_DIFFERENCES);
    mapping_test_result_clear(&result);
}

// ---- wrong tests

static void assert_wrong(const char *test, const char *words)
{
    AUTO_FREE char *text = mem_printf("version: 1\ntests:\n  - %s\n", test);
    assert_error(text, 3, words);
}

static void what_is_wrong_with_a_test_is_told(void **state)
{
    (void)state;
    assert_error("version: 1\ntests: 7\n", 2, "must be a list");
    assert_wrong("7", "keys are expected");
    assert_wrong("{expect: {rule: x}}", "no `topic`");
    assert_wrong("{topic: a}", "no `expect`");
    assert_wrong("{topic: a/#, expect: {rule: x}}", "no topic on which");
    assert_wrong("{topic: '', expect: {rule: x}}", "");
    assert_wrong("{topic: a, expect: {}}", "`expect` is a map");
    assert_wrong("{topic: a, expect: 7}", "`expect` is a map");
    assert_wrong("{topic: a, expect: {acton: x}}", "did you mean `action`");
    assert_wrong("{topic: a, expect: {rejected: member_mising}}", "did you mean `member_missing`");
    assert_wrong("{topic: a, expect: {rejected: zzz}}", "ERRORS.md");
    assert_wrong("{topic: a, expect: {no_rule: maybe}}", "true or false");
    assert_wrong("{topic: a, expect: {no_rule: true, rule: x}}", "neither a rule nor a reply");
    assert_wrong("{topic: a, expect: {no_rule: true, rejected: no_devices}}", "expect one of these");
    assert_wrong("{topic: a, expect: {rejected: no_devices, DeviceName: x}}", "expect one of these");
    assert_wrong("{topic: a, expect: {expired: true, action: x}}", "expect one of these");
    assert_wrong("{topic: a, expect: {calls: 0}}", "calls");
    assert_wrong("{topic: a, now: noon, expect: {rule: x}}", "2026-11-21T19:07:31Z");
    assert_wrong("{topic: a, properties: [x], expect: {rule: x}}", "`properties` must be a map");
    assert_wrong("{topic: a, properties: {x: [1]}, expect: {rule: x}}", "is text");
    assert_wrong("{topic: a, answer: {status: 99}, expect: {rule: x}}", "status");
    assert_wrong("{topic: a, answer: {staus: 200}, expect: {rule: x}}", "did you mean `status`");
    assert_wrong("{topic: a, expect: {reply: {status: ok}}}", "`answer`");
    assert_wrong("{topic: a, answer: {}, expect: {reply: {status: okay}}}", "no status");
    assert_wrong("{topic: a, answer: {}, expect: {reply: {staus: ok}}}", "did you mean `status`");
    assert_wrong("{topic: a, answer: {}, expect: {reply: {code: offline}}}", "no error code");
    assert_wrong("{topic: a, answer: {}, expect: {reply: ok}}", "keys are expected");
}

static void the_rule_that_took_the_message_is_told(void **state)
{
    (void)state;
    assert_rule("{" LAMP ", expect: {calls: 2}}", "set");
    assert_rule("{topic: none/at/all, expect: {calls: 2}}", NULL);
}

static void a_request_that_was_not_expected_is_described(void **state)
{
    (void)state;
    assert_differs("{" LAMP ", expect: {rejected: member_missing}}", "outcome", "rejected, code member_missing",
                   "a request: InvokeThingService by the rule set");
}

static void what_where_does_not_take_is_told(void **state)
{
    (void)state;
    assert_differs("{topic: home/door/set, payload: {level: 5}, expect: {DeviceName: door}}", "outcome", "a request",
                   "no rule takes it: the topic fits set, whose `where` does not take \"door\" for d");
    assert_differs("{topic: no/topic, payload: {level: 5}, expect: {DeviceName: door}}", "outcome", "a request",
                   "no rule takes it: none has such a topic");
}

static void a_parameter_of_another_name_is_told_with_the_nearest(void **state)
{
    (void)state;
    assert_differs("{" LAMP ", expect: {Devicename: lamp-1}}", "Devicename", "lamp-1", "(none); there is DeviceName");
    assert_differs("{" LAMP ", expect: {Frobnicate: lamp-1}}", "Frobnicate", "lamp-1", "(none)");
}

static void several_devices_are_told_where_one_is_expected(void **state)
{
    (void)state;
    assert_differs("{topic: all/set, expect: {DeviceName: a}}", "DeviceName", "a", "[\"a\",\"b\",\"c\"]");
}

static void the_requesters_own_reply_topic_is_compared(void **state)
{
    (void)state;
    assert_passes("{" LAMP ", response_topic: reply/me, expect: {response_topic: reply/me, "
                  "result_topic: home/lamp-1/set/reply}}");
    assert_passes("{" LAMP ", response_topic: elsewhere, expect: {response_topic: none}}");
    assert_passes("{" LAMP ", expect: {response_topic: none}}");
    assert_differs("{" LAMP ", response_topic: reply/me, expect: {response_topic: none}}", "response_topic", "none",
                   "reply/me");
    assert_error("version: 1\nrules: []\ntests:\n- topic: x\n  response_topic: a/#\n  expect: {no_rule: true}\n", 5,
                 "no topic to reply to");
}

static void another_status_is_told_with_its_reason(void **state)
{
    (void)state;
    assert_differs("{topic: home/lamp-1/set, payload: {}, answer: {status: 200}, expect: {reply: {status: ok}}}",
                   "reply.status", "ok", "rejected, code member_missing: \"level\"");
    assert_differs("{" LAMP ", answer: {body: {Success: false, Code: Xyz, ErrorMessage: why}}, expect: {reply: "
                   "{status: ok}}}",
                   "reply.status", "ok",
                   "failed, code platform_refused: the platform answered HTTP 200 with code Xyz: why");
    assert_differs("{" LAMP ", answer: {body: {Success: true}}, expect: {reply: {status: ok}}}", "reply.status", "ok",
                   "accepted");
}

static void each_request_can_have_an_answer_of_its_own(void **state)
{
    (void)state;
    AUTO_BUF struct buf names = {0};
    for (int i = 0; i < 250; i++) {
        buf_printf(&names, "%sd%d", i > 0 ? ", " : "", i);
    }
    AUTO_FREE char *text =
        mem_printf("version: 1\ngroups: {all: [%s]}\nrules:\n"
                   "- {name: a, topic: x, empty: accept, product_key: k1, invoke: {identifier: Set, devices: "
                   "'${group.all}'}}\ntests:\n- topic: x\n  answer: [{body: {Success: true}}, {status: 500}]\n"
                   "  expect: {calls: 3, reply: {status: partial, failed_devices: []}}\n"
                   "- topic: x\n  answer: [{status: 503}, {status: 503}, {status: 503}, {body: {Success: true}}]\n"
                   "  expect: {reply: {status: expired, code: platform_busy}}\n",
                   names.data);
    AUTO_YAML struct yaml_document *document = NULL;
    struct problems problems = {0};
    struct mapping *mapping = load(text);
    assert_int_equal(yaml_load_text("a.yaml", text, strlen(text), &document, &problems), ERR_OK);
    for (size_t i = 0; i < 2; i++) {
        struct mapping_test_result result;
        mapping_test_run(mapping, document, i, NULL, 0, &result);
        assert_int_equal(result.count, 0);
        mapping_test_result_clear(&result);
    }
    mapping_destroy(mapping);
}

static void a_list_without_an_answer_is_an_error(void **state)
{
    (void)state;
    assert_error("version: 1\nrules: []\ntests:\n- topic: x\n  answer: []\n  expect: {reply: {status: ok}}\n", 5,
                 "the list of answers is empty");
    assert_error("version: 1\nrules: []\ntests:\n- topic: x\n  answer: [{}, {statu: 5}]\n  expect: {reply: {status: "
                 "ok}}\n",
                 5, "statu");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_named_parts_of_a_request_are_compared),
        cmocka_unit_test(arguments_are_compared_as_json),
        cmocka_unit_test(a_list_is_the_numbered_parameters_of_all_calls),
        cmocka_unit_test(other_actions_are_compared_too),
        cmocka_unit_test(a_test_has_its_own_time_and_properties),
        cmocka_unit_test(a_rejection_is_compared_by_its_code),
        cmocka_unit_test(that_no_rule_takes_it_can_be_expected),
        cmocka_unit_test(reply_topics_are_compared),
        cmocka_unit_test(the_reply_to_an_answer_is_compared),
        cmocka_unit_test(a_command_that_is_not_sent_has_a_reply_without_an_answer),
        cmocka_unit_test(rows_of_the_configuration_count),
        cmocka_unit_test(a_result_has_name_and_line),
        cmocka_unit_test(differences_are_bounded),
        cmocka_unit_test(what_is_wrong_with_a_test_is_told),
        cmocka_unit_test(the_rule_that_took_the_message_is_told),
        cmocka_unit_test(a_request_that_was_not_expected_is_described),
        cmocka_unit_test(what_where_does_not_take_is_told),
        cmocka_unit_test(a_parameter_of_another_name_is_told_with_the_nearest),
        cmocka_unit_test(several_devices_are_told_where_one_is_expected),
        cmocka_unit_test(the_requesters_own_reply_topic_is_compared),
        cmocka_unit_test(another_status_is_told_with_its_reason),
        cmocka_unit_test(each_request_can_have_an_answer_of_its_own),
        cmocka_unit_test(a_list_without_an_answer_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
