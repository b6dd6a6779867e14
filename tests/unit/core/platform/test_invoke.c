// How the calls of a service are made, and who sets which parameter.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "core/platform/invoke.h"

static char *written(const struct call *call)
{
    struct buf out = {0};
    buf_text(&out, call->action);
    for (size_t i = 0; i < call->parameters.count; i++) {
        buf_printf(&out, " %s=%s", call->parameters.items[i].name, call->parameters.items[i].value);
    }
    return buf_steal(&out);
}

static void expect_call(const struct invocation *invocation, size_t first, const char *expected)
{
    struct call call = {0};
    invoke_call(invocation, first, &call);
    AUTO_FREE char *text = written(&call);
    assert_string_equal(text, expected);
    call_clear(&call);
}

static void one_device_gets_a_single_call(void **state)
{
    (void)state;
    char *names[] = {"lamp"};
    expect_call(&(struct invocation){NULL, "a1", names, 1, "Set", "{}"}, 0,
                "InvokeThingService ProductKey=a1 DeviceName=lamp Identifier=Set Args={}");
    expect_call(&(struct invocation){.iot_id = "i1", .identifier = "Set", .args = "{}"}, 0,
                "InvokeThingService IotId=i1 Identifier=Set Args={}");
}

static void more_devices_than_one_call_takes_get_several(void **state)
{
    (void)state;
    char *names[INVOKE_MAX_DEVICES + 1];
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        names[i] = mem_printf("d%zu", i + 1);
    }
    struct invocation invocation = {NULL, "a1", names, COUNT_OF(names), "Set", "{}"};
    struct call call = {0};
    invoke_call(&invocation, 0, &call);
    assert_int_equal(call.device_count, INVOKE_MAX_DEVICES);
    assert_string_equal(parameters_find(&call.parameters, "DeviceName.100"), "d100");
    assert_null(parameters_find(&call.parameters, "DeviceName.101"));
    call_clear(&call);
    expect_call(&invocation, INVOKE_MAX_DEVICES,
                "InvokeThingsService ProductKey=a1 DeviceName.1=d101 Identifier=Set Args={}");
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        free(names[i]);
    }
}

static void single_calls_fold_into_one(void **state)
{
    (void)state;
    char *names[] = {"lamp", "fan"};
    struct call single = {0};
    struct call folded = {0};
    AUTO_BUF struct buf key = {0};
    invoke_call(&(struct invocation){NULL, "a1", names, 1, "Set", "{}"}, 0, &single);
    assert_true(call_is_single(&single));
    invoke_put_fold_key(&single, &key);
    assert_string_equal(key.data, "\nProductKey=a1\nIdentifier=Set\nArgs={}");
    invoke_fold(&single, names, 2, &folded);
    assert_true(call_is_several(&folded));
    AUTO_FREE char *text = written(&folded);
    assert_string_equal(text,
                        "InvokeThingsService ProductKey=a1 Identifier=Set Args={} DeviceName.1=lamp DeviceName.2=fan");
    call_clear(&single);
    call_clear(&folded);
}

static void a_numbered_parameter_holds_the_kind_of_its_list(void **state)
{
    (void)state;
    enum name_kind kind = NAME_ACTION;
    assert_true(invoke_kind_of_parameter("DeviceName.12", &kind));
    assert_int_equal(kind, NAME_DEVICE);
    assert_false(invoke_kind_of_parameter("DeviceNames", &kind));
    assert_false(invoke_kind_of_parameter("Device", &kind));
}

static void a_rule_sets_less_than_the_configuration(void **state)
{
    (void)state;
    for (size_t i = 0; invoke_made_parameters[i] != NULL; i++) {
        assert_true(invoke_is_common_parameter(invoke_made_parameters[i]));
    }
    assert_true(invoke_is_common_parameter("securitytoken"));
    assert_true(invoke_is_common_parameter("SignatureVersion"));
    assert_false(invoke_is_common_parameter("Args"));
}

static void what_is_not_known_to_be_harmless_is_not_shown(void **state)
{
    (void)state;
    struct call call = {0};
    parameters_add(&call.parameters, "Args", "{}");
    parameters_add(&call.parameters, "SecurityToken", "t");
    assert_true(invoke_is_shown(&call, "Args"));
    assert_true(invoke_is_shown(&call, "Version"));
    assert_false(invoke_is_shown(&call, "Signature"));
    assert_false(invoke_is_shown(&call, "SecurityToken"));
    assert_false(invoke_is_shown(&call, "securityToken"));
    assert_false(invoke_is_shown(&call, "Token"));
    call_clear(&call);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_device_gets_a_single_call),
        cmocka_unit_test(more_devices_than_one_call_takes_get_several),
        cmocka_unit_test(single_calls_fold_into_one),
        cmocka_unit_test(a_numbered_parameter_holds_the_kind_of_its_list),
        cmocka_unit_test(a_rule_sets_less_than_the_configuration),
        cmocka_unit_test(what_is_not_known_to_be_harmless_is_not_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
