// The requests and lanes of a command.
#include "core/mapping/load/mapping_load.h"
#include "core/mapping/rule.h"
#include "unit/core/mapping/mapping_checks.h"

#define HEAD                                                                                                           \
    "version: 1\n"                                                                                                     \
    "defaults: {product_key: k1ymv1DuLfE}\n"                                                                           \
    "groups: {down: [hall-lamp, kitchen-lamp]}\n"                                                                      \
    "rules:\n"

static struct mapping *load_rule(const char *keys)
{
    AUTO_FREE char *text = mem_printf(HEAD "- {name: r, topic: x, %s}\n", keys);
    struct mapping_options options = default_options();
    struct problems problems = {0};
    const char *texts[] = {text};
    struct mapping *mapping = load_texts(texts, 1, &options, &problems);
    if (mapping == NULL) {
        print_problems(&problems);
        fail();
    }
    problems_clear(&problems);
    return mapping;
}

static struct command *map_by(const char *keys, const char *payload)
{
    struct mapping *mapping = load_rule(keys);
    struct command *command = map_payload(mapping, "x", payload);
    mapping_destroy(mapping);
    return command;
}

static void assert_refused_by(const char *keys, const char *payload, const char *code, const char *words)
{
    AUTO_COMMAND struct command *command = map_by(keys, payload);
    assert_refused(command, code, words);
    assert_null(command->product_key);
    assert_null(command->identifier);
    assert_null(command->iot_id);
}

static void one_device_is_invoke_thing_service(void **state)
{
    (void)state;
    AUTO_COMMAND struct command *command =
        map_by("invoke: {identifier: \"ota:Start\", device: hall-lamp, args: {a: \"${payload.a}\", b: [1.0]}}",
               "{\"a\":10.0}");
    assert_int_equal(command->call_count, 1);
    assert_string_equal(command->calls[0].action, "InvokeThingService");
    assert_int_equal(command->calls[0].parameters.count, 4);
    assert_parameter(command, 0, "ProductKey", "k1ymv1DuLfE");
    assert_parameter(command, 0, "DeviceName", "hall-lamp");
    assert_parameter(command, 0, "Identifier", "ota:Start");
    assert_parameter(command, 0, "Args", "{\"a\":10.0,\"b\":[1.0]}");
    assert_int_equal(command->calls[0].device_count, 1);
    assert_string_equal(command->calls[0].device_names[0], "hall-lamp");
    assert_string_equal(command->product_key, "k1ymv1DuLfE");
    assert_string_equal(command->identifier, "ota:Start");
    assert_string_equal(command->device_names[0], "hall-lamp");
}

static void a_device_by_iot_id_needs_no_product(void **state)
{
    (void)state;
    struct mapping *mapping =
        load("version: 1\nrules:\n- {name: r, topic: x, invoke: {identifier: Set, iot_id: Q7uOhVRdZRRlDnTLv00100}}\n");
    AUTO_COMMAND struct command *command = map_payload(mapping, "x", "{}");
    assert_int_equal(command->calls[0].parameters.count, 3);
    assert_parameter(command, 0, "IotId", "Q7uOhVRdZRRlDnTLv00100");
    assert_parameter(command, 0, "Args", "{}");
    assert_string_equal(command->iot_id, "Q7uOhVRdZRRlDnTLv00100");
    assert_null(command->product_key);
    assert_int_equal(command->lane_count, 1);
    assert_string_equal(command->lanes[0], "iot/Q7uOhVRdZRRlDnTLv00100");
    mapping_destroy(mapping);
}

static void several_devices_are_invoke_things_service(void **state)
{
    (void)state;
    AUTO_COMMAND struct command *command =
        map_by("invoke: {identifier: Set, devices: [\"${group.down}\", porch-lamp, \"${payload.more}\", hall-lamp]}",
               "{\"more\":[\"a\",\"kitchen-lamp\"]}");
    assert_int_equal(command->call_count, 1);
    assert_string_equal(command->calls[0].action, "InvokeThingsService");
    assert_parameter(command, 0, "ProductKey", "k1ymv1DuLfE");
    assert_parameter(command, 0, "DeviceName.1", "hall-lamp");
    assert_parameter(command, 0, "DeviceName.2", "kitchen-lamp");
    assert_parameter(command, 0, "DeviceName.3", "porch-lamp");
    assert_parameter(command, 0, "DeviceName.4", "a");
    assert_null(parameter_of(command, 0, "DeviceName.5"));
    assert_int_equal(command->device_count, 4);
    assert_int_equal(command->lane_count, 4);
    assert_string_equal(command->lanes[2], "k1ymv1DuLfE/porch-lamp");
}

static void one_device_in_a_list_is_invoke_thing_service_too(void **state)
{
    (void)state;
    static const char *const payloads[] = {"{\"d\":[\"lamp\"]}", "{\"d\":\"lamp\"}", "{\"d\":[\"lamp\",\"lamp\"]}"};
    for (size_t i = 0; i < COUNT_OF(payloads); i++) {
        AUTO_COMMAND struct command *command =
            map_by("invoke: {identifier: Set, devices: \"${payload.d}\"}", payloads[i]);
        assert_string_equal(command->calls[0].action, "InvokeThingService");
        assert_parameter(command, 0, "DeviceName", "lamp");
    }
}

static void a_list_is_no_device(void **state)
{
    (void)state;
    static const char *const payloads[] = {"{\"d\":[\"lamp\",\"pump\"]}", "{\"d\":[\"lamp\"]}", "{\"d\":[]}"};
    for (size_t i = 0; i < COUNT_OF(payloads); i++) {
        AUTO_COMMAND struct command *command =
            map_by("invoke: {identifier: Set, device: \"${payload.d}\"}", payloads[i]);
        assert_refused(command, "name_invalid", "a device's name is text, not a list");
    }
}

static char *list_of_devices(int count)
{
    AUTO_BUF struct buf text = {0};
    buf_text(&text, "[");
    for (int i = 0; i < count; i++) {
        buf_printf(&text, "%s\"d%d\"", i > 0 ? "," : "", i);
    }
    buf_text(&text, "]");
    return buf_steal(&text);
}

static void more_than_100_devices_are_split_into_calls_of_100(void **state)
{
    (void)state;
    AUTO_FREE char *payload = list_of_devices(201);
    AUTO_COMMAND struct command *command = map_by("invoke: {identifier: Set, devices: \"${payload}\"}", payload);
    assert_int_equal(command->call_count, 3);
    assert_int_equal(command->calls[0].device_count, 100);
    assert_int_equal(command->calls[1].device_count, 100);
    assert_int_equal(command->calls[2].device_count, 1);
    assert_string_equal(command->calls[2].action, "InvokeThingsService");
    assert_parameter(command, 0, "DeviceName.100", "d99");
    assert_parameter(command, 1, "DeviceName.1", "d100");
    assert_parameter(command, 2, "DeviceName.1", "d200");
    assert_parameter(command, 2, "Args", "{}");
    assert_int_equal(command->lane_count, 201);
    AUTO_FREE char *hundred = list_of_devices(100);
    AUTO_COMMAND struct command *exact = map_by("invoke: {identifier: Set, devices: \"${payload}\"}", hundred);
    assert_int_equal(exact->call_count, 1);
}

static void a_list_without_devices_or_with_something_else_is_refused(void **state)
{
    (void)state;
    static const char rule[] = "invoke: {identifier: Set, devices: \"${payload.d}\"}";
    assert_refused_by(rule, "{\"d\":[]}", "no_devices", "at least one");
    assert_refused_by(rule, "{}", "member_missing", "payload.d");
    assert_refused_by(rule, "{\"d\":[\"ok\",5]}", "name_invalid", "integer 5");
    assert_refused_by(rule, "{\"d\":null}", "name_invalid", "null");
    assert_refused_by(rule, "{\"d\":{}}", "name_invalid", "an object");
    assert_refused_by(rule, "{\"d\":[[\"a\"]]}", "name_invalid", "a list");
    assert_refused_by(rule, "{\"d\":[\"a\",\"b c\"]}", "name_invalid", "\"b c\"");
    AUTO_FREE char *list = list_of_devices(10001);
    AUTO_FREE char *payload = mem_printf("{\"d\":%s}", list);
    assert_refused_by(rule, payload, "request_too_large", "10000 devices");
}

static void names_are_held_to_the_platform_s_characters(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",    "a/b",  "a&Action=x",  "a b",
        "a+b", "a%20", "caf\xC3\xA9", "0123456789012345678901234567890123456789012345678901234567890123x"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        AUTO_FREE char *payload = mem_printf("{\"n\":\"%s\"}", bad[i]);
        assert_refused_by("invoke: {identifier: Set, device: \"${payload.n}\"}", payload, "name_invalid",
                          "device name");
        assert_refused_by("invoke: {identifier: Set, iot_id: \"${payload.n}\"}", payload, "name_invalid", "IotId");
        assert_refused_by("call: {action: Pub, parameters: {DeviceName: \"${payload.n}\"}}", payload, "name_invalid",
                          "device name");
    }
    static const char *const identifiers[] = {"", "a-b", ":a", "a:", "a:b:c", "a b"};
    for (size_t i = 0; i < COUNT_OF(identifiers); i++) {
        AUTO_FREE char *payload = mem_printf("{\"n\":\"%s\"}", identifiers[i]);
        assert_refused_by("invoke: {identifier: \"${payload.n}\", device: d}", payload, "name_invalid", "identifier");
    }
}

static void args_are_an_object(void **state)
{
    (void)state;
    static const char rule[] = "invoke: {identifier: Set, device: d, args: \"${payload}\"}";
    AUTO_COMMAND struct command *command = map_by(rule, "{\"a\":1,\"$id\":5}");
    assert_parameter(command, 0, "Args", "{\"a\":1}");
    assert_refused_by(rule, "[1]", "argument_invalid", "not a list");
    assert_refused_by(rule, "ON", "argument_invalid", "not text \"ON\"");
    assert_refused_by(rule, "null", "argument_invalid", "not null");
    assert_refused_by("invoke: {identifier: Set, device: d, args: {l: \"${payload.on | map(ON=1)}\"}}",
                      "{\"on\":\"TOGGLE\"}", "member_missing",
                      "nothing in its map(...) fits text \"TOGGLE\"; send one");
    assert_refused_by("invoke: {identifier: Set, device: d, args: {l: \"${payload.level}\"}}", "{}", "member_missing",
                      "\"l\"");
    assert_refused_by("invoke: {identifier: Set, device: d, args: {l: \"${payload.level | int}\"}}",
                      "{\"level\":\"high\"}", "filter_failed", "the filter int");
}

static void a_request_has_a_bounded_size(void **state)
{
    (void)state;
    AUTO_FREE char *payload = mem_alloc(204801);
    memset(payload, 'x', 204800);
    assert_refused_by("invoke: {identifier: Set, device: d, args: {a: \"${payload}\", b: \"${payload}\"}}", payload,
                      "request_too_large", "bytes");
    assert_refused_by("call: {action: Pub, parameters: {A: \"${payload}\", B: \"${payload}\"}}", payload,
                      "request_too_large", "bytes");
}

static void a_call_takes_lists_objects_and_scalars(void **state)
{
    (void)state;
    AUTO_COMMAND struct command *command =
        map_by("call: {action: SetDevicesProperty, parameters: {ProductKey: pk1, DeviceName: \"${group.down}\", "
               "Items: {on: \"${payload.on}\", t: 1.50}, N: 5, B: true, L: [{a: 1}, x]}}",
               "{\"on\":true}");
    assert_string_equal(command->calls[0].action, "SetDevicesProperty");
    assert_parameter(command, 0, "ProductKey", "pk1");
    assert_parameter(command, 0, "DeviceName.1", "hall-lamp");
    assert_parameter(command, 0, "DeviceName.2", "kitchen-lamp");
    assert_parameter(command, 0, "Items", "{\"on\":true,\"t\":1.50}");
    assert_parameter(command, 0, "N", "5");
    assert_parameter(command, 0, "B", "true");
    assert_parameter(command, 0, "L.1", "{\"a\":1}");
    assert_parameter(command, 0, "L.2", "x");
    assert_string_equal(command->product_key, "pk1");
    assert_int_equal(command->device_count, 2);
    assert_int_equal(command->lane_count, 2);
    assert_string_equal(command->lanes[1], "pk1/kitchen-lamp");
}

static void a_call_never_sends_an_empty_value(void **state)
{
    (void)state;
    static const char rule[] = "call: {action: Pub, parameters: {A: \"${payload.a}\"}}";
    assert_refused_by(rule, "{\"a\":\"\"}", "argument_invalid", "A is empty");
    assert_refused_by(rule, "{\"a\":null}", "argument_invalid", "A is null");
    assert_refused_by(rule, "{\"a\":[]}", "argument_invalid", "A is empty");
    assert_refused_by(rule, "{\"a\":[1,\"\"]}", "argument_invalid", "A.2 is empty");
    assert_refused_by(rule, "{\"a\":[null]}", "argument_invalid", "A.1 is null");
    assert_refused_by(rule, "{}", "member_missing", "payload.a");
}

static void a_call_without_a_device_has_no_lane(void **state)
{
    (void)state;
    AUTO_COMMAND struct command *command =
        map_by("call: {action: GetThingModelTsl, parameters: {ProductKey: pk}}", "{}");
    assert_int_equal(command->lane_count, 0);
    assert_string_equal(command->product_key, "pk");
    AUTO_COMMAND struct command *by_iot_id = map_by("call: {action: GetDeviceStatus, parameters: {IotId: abc}}", "{}");
    assert_string_equal(by_iot_id->lanes[0], "iot/abc");
    AUTO_COMMAND struct command *bare = map_by("call: {action: ListAll}", "{}");
    assert_int_equal(bare->call_count, 1);
    assert_int_equal(bare->calls[0].parameters.count, 0);
}

static void order_says_which_lanes_a_command_enters(void **state)
{
    (void)state;
    AUTO_COMMAND struct command *device = map_by("invoke: {identifier: Set, device: d}", "{}");
    AUTO_COMMAND struct command *rule = map_by("invoke: {identifier: Set, device: d}, order: rule", "{}");
    AUTO_COMMAND struct command *none = map_by("invoke: {identifier: Set, device: d}, order: none", "{}");
    assert_string_equal(device->lanes[0], "k1ymv1DuLfE/d");
    assert_int_equal(rule->lane_count, 1);
    assert_string_equal(rule->lanes[0], "rule/r");
    assert_int_equal(rule->order, ORDER_RULE);
    assert_int_equal(none->lane_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_device_is_invoke_thing_service),
        cmocka_unit_test(a_device_by_iot_id_needs_no_product),
        cmocka_unit_test(several_devices_are_invoke_things_service),
        cmocka_unit_test(one_device_in_a_list_is_invoke_thing_service_too),
        cmocka_unit_test(a_list_is_no_device),
        cmocka_unit_test(more_than_100_devices_are_split_into_calls_of_100),
        cmocka_unit_test(a_list_without_devices_or_with_something_else_is_refused),
        cmocka_unit_test(names_are_held_to_the_platform_s_characters),
        cmocka_unit_test(args_are_an_object),
        cmocka_unit_test(a_request_has_a_bounded_size),
        cmocka_unit_test(a_call_takes_lists_objects_and_scalars),
        cmocka_unit_test(a_call_never_sends_an_empty_value),
        cmocka_unit_test(a_call_without_a_device_has_no_lane),
        cmocka_unit_test(order_says_which_lanes_a_command_enters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
