// Commands given by hand.
#include "unit/core/mapping/mapping_checks.h"

#include "core/command/direct.h"

static struct command *make(struct direct direct, const char *args)
{
    direct.args = args;
    direct.args_len = strlen(args);
    return direct_command(&direct);
}

static const char *const one[] = {"lamp-1"};
static const char *const three[] = {"a", "b", "a"};

static struct direct by_name(const char *const *devices, size_t count)
{
    return (struct direct){.product_key = "k1", .devices = devices, .device_count = count, .identifier = "Set"};
}

static void one_device_is_a_single_call(void **state)
{
    (void)state;
    AUTO_COMMAND struct command *command = make(by_name(one, 1), " {\"a\": 10.0 , \"b\":1e2}");
    assert_string_equal(command->calls[0].action, "InvokeThingService");
    assert_parameter(command, 0, "ProductKey", "k1");
    assert_parameter(command, 0, "DeviceName", "lamp-1");
    assert_parameter(command, 0, "Identifier", "Set");
    assert_parameter(command, 0, "Args", "{\"a\":10.0,\"b\":1e2}");
    assert_string_equal(command->device_names[0], "lamp-1");
}

static void several_devices_are_one_call_and_each_counts_once(void **state)
{
    (void)state;
    AUTO_COMMAND struct command *command = make(by_name(three, 3), "{}");
    assert_string_equal(command->calls[0].action, "InvokeThingsService");
    assert_int_equal(command->device_count, 2);
    assert_parameter(command, 0, "DeviceName.1", "a");
    assert_parameter(command, 0, "DeviceName.2", "b");
    assert_null(parameter_of(command, 0, "DeviceName.3"));
    AUTO_COMMAND struct command *same = make(by_name((const char *const[]){"a", "a"}, 2), "{}");
    assert_string_equal(same->calls[0].action, "InvokeThingService");
}

static void an_iot_id_stands_for_product_and_name(void **state)
{
    (void)state;
    AUTO_COMMAND struct command *command = make((struct direct){.iot_id = "Q7", .identifier = "m:Set"}, "{}");
    assert_parameter(command, 0, "IotId", "Q7");
    assert_null(parameter_of(command, 0, "ProductKey"));
    assert_parameter(command, 0, "Identifier", "m:Set");
}

static void assert_direct_refused(struct direct direct, const char *args, const char *code)
{
    AUTO_COMMAND struct command *command = make(direct, args);
    assert_string_equal(command->refusal.code != NULL ? command->refusal.code->code : "not refused", code);
    assert_int_equal(command->call_count, 0);
}

static void what_the_platform_would_not_take_is_refused(void **state)
{
    (void)state;
    struct direct direct = by_name(one, 1);
    assert_direct_refused(direct, "", "argument_invalid");
    assert_direct_refused(direct, "{a:1}", "argument_invalid");
    assert_direct_refused(direct, "[1]", "argument_invalid");
    assert_direct_refused(direct, "null", "argument_invalid");
    assert_direct_refused(direct, "{\"a\":99999999999999999999}", "number_out_of_range");
    AUTO_BUF struct buf deep = {0};
    for (int i = 0; i < 40; i++) {
        buf_text(&deep, "{\"a\":");
    }
    buf_text(&deep, "1");
    for (int i = 0; i < 40; i++) {
        buf_text(&deep, "}");
    }
    assert_direct_refused(direct, deep.data, "payload_too_deep");
    assert_direct_refused(by_name((const char *const[]){"a b"}, 1), "{}", "name_invalid");
    direct.identifier = "a:b:c";
    assert_direct_refused(direct, "{}", "name_invalid");
    direct = by_name(one, 1);
    direct.product_key = "k-1";
    assert_direct_refused(direct, "{}", "name_invalid");
    assert_direct_refused((struct direct){.iot_id = "", .identifier = "Set"}, "{}", "name_invalid");
}

static void more_than_a_hundred_devices_are_refused(void **state)
{
    (void)state;
    static char names[101][8];
    const char *devices[101];
    for (int i = 0; i < 101; i++) {
        snprintf(names[i], sizeof names[i], "d%d", i);
        devices[i] = names[i];
    }
    assert_direct_refused(by_name(devices, 101), "{}", "request_too_large");
    AUTO_COMMAND struct command *command = make(by_name(devices, 100), "{}");
    assert_parameter(command, 0, "DeviceName.100", "d99");
}

static void arguments_beyond_the_limit_are_refused(void **state)
{
    (void)state;
    AUTO_BUF struct buf args = {0};
    buf_text(&args, "{\"a\":\"");
    for (int i = 0; i < 262144; i++) {
        buf_char(&args, 'x');
    }
    buf_text(&args, "\"}");
    assert_direct_refused(by_name(one, 1), args.data, "request_too_large");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_device_is_a_single_call),
        cmocka_unit_test(several_devices_are_one_call_and_each_counts_once),
        cmocka_unit_test(an_iot_id_stands_for_product_and_name),
        cmocka_unit_test(what_the_platform_would_not_take_is_refused),
        cmocka_unit_test(more_than_a_hundred_devices_are_refused),
        cmocka_unit_test(arguments_beyond_the_limit_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
