// What is wrong in a mapping file is told with its place and what to do.
#include "core/mapping/load/mapping_load.h"
#include "unit/core/mapping/mapping_checks.h"

#define HEAD "version: 1\ndefaults: {product_key: k1ymv1DuLfE}\nrules:\n"
#define SET  "invoke: {identifier: Set, device: lamp}"

static void a_file_has_a_version_and_known_keys(void **state)
{
    (void)state;
    assert_error("rules: []\n", 1, "version: 1");
    assert_error("version: 2\n", 1, "version");
    assert_error("version: 1\nrule: []\n", 2, "did you mean `rules`");
    assert_error("- version: 1\n", 1, "keys are expected here");
    assert_error("version: 1\nrules: {}\n", 2, "`rules` must be a list");
    assert_error("version: 1\nrules: [a]\n", 2, "`rules` must be a map");
    assert_error("version: 1\ndefaults: [a]\n", 2, "`defaults` must be a map");
    assert_error("version: 1\ngroups: [a]\n", 2, "`groups` must be a map");
    assert_error("version: 1\ntests: {}\n", 2, "`tests` must be a list");
}

static void an_unknown_key_is_told_at_its_place_with_the_nearest_known_one(void **state)
{
    (void)state;
    assert_error(HEAD "- name: a\n  topic: x\n  " SET "\n  expires: 5s\n", 7, "did you mean `expire`");
    assert_error(HEAD "- {name: a, topic: x, invoke: {identifer: Set, device: d}}\n", 4, "did you mean `identifier`");
    assert_error(HEAD "- {name: a, topic: x, call: {acton: Pub}}\n", 4, "did you mean `action`");
    assert_error(HEAD "- {name: a, topic: x, " SET ", reply: {acks: y}}\n", 4, "did you mean `ack`");
    assert_error(HEAD "- {name: a, topic: x, " SET ", batch: {windows: 5ms}}\n", 4, "did you mean `window`");
    assert_error("version: 1\ndefaults: {topic: x}\n", 2, "unknown key `topic`");
    assert_error("version: 1\ntests: [{topic: a, expects: {}}]\n", 2, "did you mean `expect`");
}

static void values_out_of_range_are_errors(void **state)
{
    (void)state;
    assert_error(HEAD "- {name: a, topic: x, " SET ", expire: 0s}\n", 4, "expire");
    assert_error(HEAD "- {name: a, topic: x, " SET ", expire: 90000h}\n", 4, "expire");
    assert_error(HEAD "- {name: a, topic: x, " SET ", expire: 10}\n", 4, "expire");
    assert_error(HEAD "- {name: a, topic: x, " SET ", order: devices}\n", 4, "did you mean `device`");
    assert_error(HEAD "- {name: a, topic: x, " SET ", idempotent: yes}\n", 4, "idempotent");
    assert_error(HEAD "- {name: a, topic: x, " SET ", retained: keep}\n", 4, "retained");
    assert_error(HEAD "- {name: a, topic: x, " SET ", response_topic: only}\n", 4, "response_topic");
    assert_error(HEAD "- {name: a, topic: x, " SET ", empty: ok}\n", 4, "empty");
    assert_error(HEAD "- {name: a, topic: x, " SET ", rate: 0/s}\n", 4, "rate");
    assert_error(HEAD "- {name: a, topic: x, " SET ", batch: {max: 101}}\n", 4, "max");
    assert_error(HEAD "- {name: a, topic: x, " SET ", batch: {max: 1}}\n", 4, "max");
    assert_error(HEAD "- {name: a, topic: x, " SET ", batch: often}\n", 4, "`batch` must be off or a map");
    assert_error(HEAD "- {name: a, topic: x, " SET ", reply: [a]}\n", 4, "`reply` must be none or a map");
}

static void a_rule_has_a_name_of_its_own_over_all_files(void **state)
{
    (void)state;
    static const char *const texts[] = {HEAD "- {name: a, topic: x, " SET "}\n",
                                        HEAD "- {name: b, topic: z, " SET "}\n- {name: a, topic: y, " SET "}\n"};
    struct mapping_options options = default_options();
    struct problems problems = {0};
    assert_null(load_texts(texts, 2, &options, &problems));
    assert_int_equal(problems.count, 1);
    assert_string_equal(problems.items[0].source, "b.yaml");
    assert_int_equal(problems.items[0].line, 5);
    assert_int_equal(problems.items[0].column, 10);
    assert_non_null(strstr(problems.items[0].text, "a.yaml:4"));
    problems_clear(&problems);
    assert_error(HEAD "- {topic: x, " SET "}\n", 4, "no `name`");
    assert_error(HEAD "- {name: \"\", topic: x, " SET "}\n", 4, "1 to 128 bytes");
    assert_error(HEAD "- {name: \"a\\n\", topic: x, " SET "}\n", 4, "control characters");
}

static void a_rule_has_a_topic_that_is_well_formed(void **state)
{
    (void)state;
    assert_error(HEAD "- {name: a, " SET "}\n", 4, "no `topic`");
    assert_error(HEAD "- name: a\n  topic: \"a/{b\"\n  " SET "\n", 5, "whole level");
    assert_error(HEAD "- name: a\n  topic: thingbridge/bridge/request/x\n  " SET "\n", 5, "bridge's own");
}

static void where_names_captures_and_holds_globs(void **state)
{
    (void)state;
    assert_error(HEAD "- name: a\n  topic: \"{room}/x\"\n  where: {rom: hall}\n  " SET "\n", 6, "did you mean `room`");
    assert_error(HEAD "- name: a\n  topic: \"{room}/x\"\n  where: {device: hall}\n  " SET "\n", 6, "no capture");
    assert_error(HEAD "- name: a\n  topic: \"{room}/x\"\n  where: {room: []}\n  " SET "\n", 6, "empty");
    assert_error(HEAD "- name: a\n  topic: \"{room}/x\"\n  where: {room: {a: b}}\n  " SET "\n", 6, "a glob is text");
    assert_error(HEAD "- name: a\n  topic: \"{room}/x\"\n  where: {room: [~]}\n  " SET "\n", 6, "a glob is text");
    assert_error(HEAD "- name: a\n  topic: \"{room}/x\"\n  where: room\n  " SET "\n", 6, "`where` must be a map");
}

static void a_rule_has_either_invoke_or_call(void **state)
{
    (void)state;
    assert_error(HEAD "- {name: a, topic: x}\n", 4, "neither");
    assert_error(HEAD "- {name: a, topic: x, " SET ", call: {action: Pub}}\n", 4, "not both");
}

static void invoke_names_one_service_and_one_kind_of_device(void **state)
{
    (void)state;
    assert_error(HEAD "- {name: a, topic: x, invoke: {device: d}}\n", 4, "no `identifier`");
    assert_error(HEAD "- {name: a, topic: x, invoke: {identifier: Set}}\n", 4, "no device");
    assert_error(HEAD "- {name: a, topic: x, invoke: {identifier: Set, device: d, iot_id: i}}\n", 4, "not several");
    assert_error(HEAD "- {name: a, topic: x, invoke: {identifier: Set, device: [d]}}\n", 4, "under `devices`");
    assert_error(HEAD "- {name: a, topic: x, invoke: {identifier: Set, devices: []}}\n", 4, "empty");
    assert_error(HEAD "- {name: a, topic: x, invoke: {identifier: Set, device: d, args: [1]}}\n", 4, "must be a map");
    assert_error(HEAD "- {name: a, topic: x, invoke: {identifier: Set, device: d, args: level}}\n", 4, "must be a map");
    assert_error(HEAD "- {name: a, topic: x, invoke: Set}\n", 4, "keys are expected");
    assert_error("version: 1\nrules:\n- {name: a, topic: x, " SET "}\n", 3, "no `product_key`");
}

static void names_that_never_change_are_checked_at_load(void **state)
{
    (void)state;
    assert_error(HEAD "- {name: a, topic: x, invoke: {identifier: \"S e\", device: d}}\n", 4, "identifier \"S e\"");
    assert_error(HEAD "- {name: a, topic: x, invoke: {identifier: \"a:b:c\", device: d}}\n", 4, "module:service");
    assert_error(HEAD "- {name: a, topic: x, invoke: {identifier: Set, device: \"d/1\"}}\n", 4, "device name");
    assert_error(HEAD "- {name: a, topic: x, invoke: {identifier: Set, iot_id: \"a-b\"}}\n", 4, "IotId");
    assert_error(HEAD "- {name: a, topic: x, invoke: {identifier: Set, devices: [ok, \"d d\"]}}\n", 4, "\"d d\"");
    assert_error(HEAD "- {name: a, topic: x, " SET ", product_key: \"a-b\"}\n", 4, "product key");
    struct mapping *mapping =
        load(HEAD "- {name: a, topic: x, invoke: {identifier: \"m_1:Set\", device: \"a@b.c:d_e-f\"}}\n");
    mapping_destroy(mapping);
}

static void names_that_a_message_chooses_from_known_ones_are_checked_at_load(void **state)
{
    (void)state;
    assert_error(HEAD "- name: a\n  topic: \"x/{d}\"\n  where: {d: [lamp, \"lamp 2\"]}\n  reply: none\n"
                      "  invoke: {identifier: Set, device: \"${d}\"}\n",
                 8, "\"lamp 2\"");
    assert_error(
        HEAD "- name: a\n  topic: x\n  invoke: {identifier: '${payload | map(a=\"Set\", b=\"Set it\")}', device: d}\n",
        6, "\"Set it\"");
}

static void a_call_has_literal_names(void **state)
{
    (void)state;
    assert_error(HEAD "- {name: a, topic: x, call: {parameters: {}}}\n", 4, "no `action`");
    assert_error(HEAD "- {name: a, topic: x, call: {action: \"${topic}\"}}\n", 4, "action");
    assert_error(HEAD "- {name: a, topic: x, call: {action: Pub, parameters: [a]}}\n", 4, "must be a map");
    assert_error(HEAD "- {name: a, topic: x, call: {action: Pub, parameters: {\"a b\": 1}}}\n", 4, "parameter name");
    assert_error(HEAD "- {name: a, topic: x, call: {action: Pub, parameters: {signature: x}}}\n", 4, "every request");
    assert_error(HEAD "- {name: a, topic: x, call: {action: Pub, parameters: {A: [x], A.1: y}}}\n", 4, "the same");
    assert_error(HEAD "- {name: a, topic: x, call: {action: Pub, parameters: {A.1: y, A: x}}}\n", 4, "the same");
    assert_error(HEAD "- {name: a, topic: x, call: {action: Pub, parameters: {A.b: x, A.b.1.c: y}}}\n", 4, "the same");
    mapping_destroy(
        load(HEAD "- {name: a, topic: x, call: {action: Pub, parameters: {A.1: x, A.2: y, A1: z, B: w}}}\n"));
}

static void templates_are_compiled_with_their_place(void **state)
{
    (void)state;
    assert_error(HEAD "- name: a\n  topic: \"{room}/x\"\n  invoke:\n    identifier: Set\n    device: \"${rom}\"\n", 8,
                 "did you mean ${room}");
    assert_error(HEAD "- name: a\n  topic: x\n  invoke:\n    identifier: Set\n    device: d\n    args:\n"
                      "      a: \"${payload.a | unknown}\"\n",
                 10, "no filter");
    assert_error(HEAD "- {name: a, topic: x, " SET ", id_from: \"${id}\"}\n", 4, "${id} is what id_from gives");
    assert_error(HEAD "- {name: a, topic: x, " SET ", id_from: [a]}\n", 4, "must be text");
    assert_error(HEAD "- {name: a, topic: x, " SET ", reply: {ack: \"a/+\"}}\n", 4, "no wildcards");
    assert_error(HEAD "- {name: a, topic: x, " SET ", reply: {result: \"\"}}\n", 4, "empty");
    assert_error(HEAD "- {name: a, topic: x, " SET ", reply: {result: \"${x}/a\"}}\n", 4, "no capture");
}

static void a_device_that_is_always_a_list_is_told(void **state)
{
    (void)state;
    static const char *const groups = "version: 1\ndefaults: {product_key: p}\ngroups: {g: [a, b]}\nrules:\n";
    static const char *const keys[] = {"device: \"${group.g}\"", "iot_id: \"${group.g}\"",
                                       "device: '${payload | map(one=\"a\",all=[\"a\",\"b\"])}'"};
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        AUTO_FREE char *text = mem_printf("%s- {name: a, topic: x, invoke: {identifier: Set, %s}}\n", groups, keys[i]);
        assert_error(text, 5, "a list stands under `devices`");
    }
    AUTO_FREE char *several =
        mem_printf("%s- {name: a, topic: x, invoke: {identifier: Set, devices: \"${group.g}\"}}\n", groups);
    mapping_destroy(load(several));
}

static void errors_of_defaults_are_told_once(void **state)
{
    (void)state;
    static const char *const text = "version: 1\n"
                                    "defaults: {product_key: p, order: devices, reply: {acks: x}, batch: {max: 0}}\n"
                                    "rules:\n- {name: a, topic: x, " SET "}\n- {name: b, topic: y, " SET "}\n";
    struct mapping_options options = default_options();
    struct problems problems = {0};
    assert_null(load_texts(&text, 1, &options, &problems));
    assert_int_equal(problems.count, 1);
    problems_clear(&problems);
    assert_error("version: 1\ndefaults: {reply: {acks: x}}\n", 2, "did you mean `ack`");
    assert_error("version: 1\ndefaults: {batch: {max: 0}}\n", 2, "max");
}

static void groups_are_lists_of_device_names_with_names_of_their_own(void **state)
{
    (void)state;
    assert_error("version: 1\ngroups: {a: []}\n", 2, "at least one");
    assert_error("version: 1\ngroups: {a: lamp}\n", 2, "at least one");
    assert_error("version: 1\ngroups: {\"a b\": [lamp]}\n", 2, "letters, digits");
    assert_error("version: 1\ngroups: {a: [\"la mp\"]}\n", 2, "device name");
    assert_error("version: 1\ngroups: {a: [[lamp]]}\n", 2, "is text");
    static const char *const texts[] = {"version: 1\ngroups: {a: [x]}\n", "version: 1\ngroups: {a: [y]}\n"};
    struct mapping_options options = default_options();
    struct problems problems = {0};
    assert_null(load_texts(texts, 2, &options, &problems));
    assert_non_null(strstr(problems.items[0].text, "another group called \"a\", at a.yaml:2"));
    problems_clear(&problems);
}

static void a_platform_is_one_that_is_configured(void **state)
{
    (void)state;
    static const char *const names[] = {"home", "office"};
    struct mapping_options options = default_options();
    options.platforms = names;
    options.platform_count = 2;
    options.default_platform = NULL;
    assert_problem_with(HEAD "- {name: a, topic: x, " SET ", platform: hom}\n", &options, SEVERITY_ERROR, 4,
                        "did you mean `home`");
    assert_problem_with(HEAD "- {name: a, topic: x, " SET "}\n", &options, SEVERITY_ERROR, 4, "several platforms");
    struct mapping *mapping = load_with(HEAD "- {name: a, topic: x, " SET ", platform: office}\n", &options);
    AUTO_COMMAND struct command *command = map_payload(mapping, "x", "{}");
    assert_string_equal(command->platform, "office");
    mapping_destroy(mapping);
}

static void entries_of_reply_allow_are_topic_filters(void **state)
{
    (void)state;
    static const char *const allow[] = {"<command topic>/#", "a/#/b"};
    struct mapping_options options = default_options();
    options.reply_allow = allow;
    options.reply_allow_count = 2;
    assert_problem_with("version: 1\n", &options, SEVERITY_ERROR, 0, "last level");
}

static void the_shape_of_tests_is_checked(void **state)
{
    (void)state;
    mapping_destroy(
        load("version: 1\ntests:\n- {name: a, topic: x, payload: {a: 1}, properties: {b: c}, expect: {rule: a}}\n"));
    assert_error("version: 1\ntests: [{topic: x}]\n", 2, "no `expect`");
    assert_error("version: 1\ntests: [{expect: {}}]\n", 2, "no `topic`");
    assert_error("version: 1\ntests: [a]\n", 2, "keys are expected");
}

static void values_of_a_test_s_payload_that_become_others_are_warned_about(void **state)
{
    (void)state;
    assert_warning("version: 1\ntests:\n- topic: a\n  payload:\n    list: [1, {n: 18446744073709551616}]\n"
                   "  expect: {no_rule: true}\n",
                   5, "64 bits");
    mapping_destroy(load("version: 1\ntests: [{topic: a, payload: 18446744073709551616, expect: {no_rule: true}}]\n"));
}

static void names_that_anyone_can_choose_are_warned_about(void **state)
{
    (void)state;
    assert_warning(HEAD "- {name: a, topic: \"x/{d}\", invoke: {identifier: Set, device: \"lamp-${d}\"}}\n", 4,
                   "where: {d:");
    assert_warning(HEAD "- {name: a, topic: x, invoke: {identifier: \"${payload.s}\", device: d}}\n", 4,
                   "chooses the service by ${payload.s}");
    assert_warning(HEAD "- {name: a, topic: x, invoke: {identifier: Set, devices: \"${payload.d}\"}}\n", 4, "device");
    assert_warning(HEAD "- {name: a, topic: x, call: {action: Pub, parameters: {IotId: \"${payload.i}\"}}}\n", 4,
                   "device");
    mapping_destroy(load(HEAD "- name: a\n  topic: \"x/{d}/{s}\"\n  where: {d: \"lamp-*\"}\n  reply: none\n"
                              "  invoke: {identifier: \"${s | map(on=\\\"On\\\")}\", device: \"${d}\"}\n"));
    mapping_destroy(load(HEAD "- {name: a, topic: x, call: {action: Pub, parameters: {Text: \"${payload.i}\"}}}\n"));
}

static void keys_that_do_nothing_for_the_rule_s_target_are_warned_about(void **state)
{
    (void)state;
    assert_warning(HEAD "- {name: a, topic: x, call: {action: Pub}, batch: {window: 50ms}}\n", 4, "`batch` folds");
    assert_warning(HEAD "- {name: a, topic: x, invoke: {identifier: Set, iot_id: a1}, batch: {window: 50ms}}\n", 4,
                   "`batch` folds");
    assert_warning(HEAD "- {name: a, topic: x, call: {action: Pub}, latest_only: true}\n", 4, "names no device");
    mapping_destroy(
        load("version: 1\ndefaults: {batch: {window: 50ms}, latest_only: true}\nrules:\n"
             "- {name: a, topic: x, call: {action: Pub}}\n"
             "- {name: b, topic: y, invoke: {identifier: Set, iot_id: a1}, batch: off}\n"
             "- {name: c, topic: z, call: {action: P, parameters: {IotId: a}}, latest_only: true}\n"
             "- {name: d, topic: u, call: {action: P, parameters: {DeviceName: [a, b]}}, latest_only: true}\n"
             "- {name: e, topic: v, call: {action: P}, latest_only: false}\n"));
}

static void rules_are_left_alone_when_their_defaults_are_wrong_in_a_hundred_places(void **state)
{
    (void)state;
    for (int wrong = 100; wrong <= 101; wrong++) {
        AUTO_BUF struct buf text = {0};
        buf_text(&text, "version: 1\ndefaults:\n");
        for (int i = 0; i < wrong; i++) {
            buf_printf(&text, "  k%d: 1\n", i);
        }
        buf_text(&text, "rules:\n- {topic: x}\n");
        const char *texts[] = {text.data};
        struct mapping_options options = default_options();
        struct problems problems = {0};
        assert_null(load_texts(texts, 1, &options, &problems));
        assert_int_equal(problems.errors > (size_t)wrong, wrong == 100);
        problems_clear(&problems);
    }
}

static void many_parameters_of_a_call_are_compared_like_few(void **state)
{
    (void)state;
    AUTO_BUF struct buf text = {0};
    buf_text(&text, HEAD "- name: a\n  topic: x\n  call:\n    action: Pub\n    parameters:\n");
    for (int i = 0; i < 20000; i++) {
        buf_printf(&text, "      k%d: x\n", i);
    }
    buf_text(&text, "      k0.1: x\n");
    assert_error(text.data, 9, "the same");
}

static void all_errors_of_all_files_are_told_in_one_go(void **state)
{
    (void)state;
    static const char *const texts[] = {HEAD "- {name: a, topic: x/#/y, " SET "}\n- {name: b, topic: x}\n",
                                        "version: 3\nrules:\n- {name: c, topic: z, call: {action: P, x: y}, k: 1}\n"};
    struct mapping_options options = default_options();
    struct problems problems = {0};
    assert_null(load_texts(texts, 2, &options, &problems));
    assert_int_equal(problems.errors, 5);
    problems_clear(&problems);
}

static void constant_parameters_that_would_reject_each_command_are_errors(void **state)
{
    (void)state;
#define CALL "- {name: a, topic: x, call: {action: Pub, parameters: "
    static const char *const empty[] = {"{A: }", "{A: ~}", "{A: \"\"}", "{A: []}"};
    for (size_t i = 0; i < sizeof empty / sizeof empty[0]; i++) {
        AUTO_FREE char *text = mem_printf(HEAD CALL "%s}}\n", empty[i]);
        assert_error(text, 4, "never sent an empty parameter");
    }
    assert_error(HEAD CALL "{DeviceName: \"a b\"}}}\n", 4, "the device name \"a b\"");
    assert_error(HEAD CALL "{DeviceName: [a, \"b c\"]}}}\n", 4, "the device name \"b c\"");
    assert_error(HEAD CALL "{ProductKey: a-b}}}\n", 4, "the product key \"a-b\"");
    mapping_destroy(load(HEAD CALL "{DeviceName: [a, b], Items: {}, Count: 0, Flag: false}}}\n"));
}

static void topics_that_are_hardly_meant_are_told(void **state)
{
    (void)state;
    assert_warning(HEAD "- {name: a, topic: \"home/*/set\", " SET "}\n", 4, "write {name} or +");
    assert_warning(HEAD "- {name: a, topic: \"home/x \", " SET "}\n", 4, "the space at the topic's end");
    assert_error(HEAD "- {name: a, topic: \"home/${room}/set\", " SET "}\n", 4, "without $: {room}");
    assert_error(HEAD "- {name: a, topic: \"$SYS/x\", " SET "}\n", 4, "topics that begin with $");
    assert_error(HEAD "- {name: a, topic: \"homeassistant/{x}\", " SET "}\n", 4, "discovery topics");
}

static void a_typing_error_is_told_once(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "versio: 1\nrules: []\n",
        HEAD "- {nam: a, topic: x, " SET "}\n",
        HEAD "- {name: a, topci: x, " SET "}\n",
        HEAD "- {name: a, topic: x, invok: {}}\n",
        HEAD "- {name: a, topic: x, cal: {}}\n",
        HEAD "- {name: a, topic: x, invoke: {identifer: Set, device: a}}\n",
        HEAD "- {name: a, topic: x, invoke: {identifier: Set, devise: a}}\n",
        HEAD "- {name: a, topic: x, call: {acton: Pub}}\n",
        "version: 1\ndefaults: {product_kex: a}\nrules: [{name: a, topic: x, " SET "}]\n",
        HEAD "- {name: a, topic: \"{room}\", where: {rom: x}, invoke: {identifier: Set, device: \"${room}\"}}\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct mapping_options options = default_options();
        struct problems problems = {0};
        assert_null(load_texts(&texts[i], 1, &options, &problems));
        print_problems(&problems);
        assert_int_equal(problems.count, 1);
        problems_clear(&problems);
    }
}

static void one_error_does_not_hide_the_others_of_its_rule(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t count;
    } rows[] = {
        {HEAD "- {name: a, topic: \"{x\", invoke: {identifier: \"a b\", device: \"${q | itn}\"}, expire: 5}\n", 4},
        {HEAD "- {name: a, topic: x, invoke: {identifer: Set, device: \"a b\", args: {a: \"${q} ${r}\"}}}\n", 4},
        {HEAD "- {name: a, topic: x, call: {acton: Pub, parameters: {\"a b\": 1, B: \"${q}\"}}}\n", 3},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct mapping_options options = default_options();
        struct problems problems = {0};
        assert_null(load_texts(&rows[i].text, 1, &options, &problems));
        print_problems(&problems);
        assert_int_equal(problems.errors, rows[i].count);
        problems_clear(&problems);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_has_a_version_and_known_keys),
        cmocka_unit_test(an_unknown_key_is_told_at_its_place_with_the_nearest_known_one),
        cmocka_unit_test(values_out_of_range_are_errors),
        cmocka_unit_test(a_rule_has_a_name_of_its_own_over_all_files),
        cmocka_unit_test(a_rule_has_a_topic_that_is_well_formed),
        cmocka_unit_test(where_names_captures_and_holds_globs),
        cmocka_unit_test(a_rule_has_either_invoke_or_call),
        cmocka_unit_test(invoke_names_one_service_and_one_kind_of_device),
        cmocka_unit_test(names_that_never_change_are_checked_at_load),
        cmocka_unit_test(names_that_a_message_chooses_from_known_ones_are_checked_at_load),
        cmocka_unit_test(a_call_has_literal_names),
        cmocka_unit_test(templates_are_compiled_with_their_place),
        cmocka_unit_test(a_device_that_is_always_a_list_is_told),
        cmocka_unit_test(errors_of_defaults_are_told_once),
        cmocka_unit_test(groups_are_lists_of_device_names_with_names_of_their_own),
        cmocka_unit_test(a_platform_is_one_that_is_configured),
        cmocka_unit_test(entries_of_reply_allow_are_topic_filters),
        cmocka_unit_test(the_shape_of_tests_is_checked),
        cmocka_unit_test(values_of_a_test_s_payload_that_become_others_are_warned_about),
        cmocka_unit_test(names_that_anyone_can_choose_are_warned_about),
        cmocka_unit_test(keys_that_do_nothing_for_the_rule_s_target_are_warned_about),
        cmocka_unit_test(rules_are_left_alone_when_their_defaults_are_wrong_in_a_hundred_places),
        cmocka_unit_test(many_parameters_of_a_call_are_compared_like_few),
        cmocka_unit_test(all_errors_of_all_files_are_told_in_one_go),
        cmocka_unit_test(constant_parameters_that_would_reject_each_command_are_errors),
        cmocka_unit_test(topics_that_are_hardly_meant_are_told),
        cmocka_unit_test(a_typing_error_is_told_once),
        cmocka_unit_test(one_error_does_not_hide_the_others_of_its_rule),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
