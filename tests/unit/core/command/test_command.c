#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "core/command/command.h"

static char **texts(const char *const *from, size_t count)
{
    char **list = mem_alloc(count * sizeof *list);
    for (size_t i = 0; i < count; i++) {
        list[i] = mem_strdup(from[i]);
    }
    return list;
}

static struct command *full_command(void)
{
    static const char *const devices[] = {"lamp-1", "lamp-2"};
    struct command *command = command_create();
    command->id = mem_strdup("42");
    command->id_is_integer = true;
    command->id_given = true;
    command->rule = mem_strdup("lamp \"set\"");
    command->topic = mem_strdup("home/caf\xC3\xA9");
    command->platform = mem_strdup("main");
    command->lifetime_ms = -5;
    command->idempotent = true;
    command->order = ORDER_RULE;
    command->product_key = mem_strdup("pk");
    command->identifier = mem_strdup("Set");
    command->device_names = texts(devices, 2);
    command->device_count = 2;
    command->calls = mem_alloc(sizeof *command->calls);
    command->call_count = 1;
    command->calls[0].action = mem_strdup("InvokeThingsService");
    parameters_add(&command->calls[0].parameters, "Args", "{\"a\":10.0}");
    parameters_add(&command->calls[0].parameters, "DeviceName.1", "lamp-1");
    parameters_add(&command->calls[0].parameters, "DeviceName.2", "lamp-2");
    command->calls[0].device_names = texts(devices, 2);
    command->calls[0].device_count = 2;
    command->lanes = texts((const char *[]){"rule/x"}, 1);
    command->lane_count = 1;
    command->result_topic = mem_strdup("home/r");
    command->response_topic = mem_strdup("reply/r");
    command->correlation_data = mem_dup("\0\xFF"
                                        "a",
                                        3);
    command->correlation_len = 3;
    command->reply_topic_refused = true;
    command->progress = true;
    return command;
}

static struct command *store_and_read(const struct command *command)
{
    struct command *again = NULL;
    struct diag diag = {0};
    AUTO_FREE char *text = command_encode(command);
    if (command_decode(text, &again, &diag) != ERR_OK) {
        fail_msg("%s: %s", text, diag.text);
    }
    AUTO_FREE char *text_again = command_encode(again);
    assert_string_equal(text, text_again);
    return again;
}

static void a_command_survives_being_stored(void **state)
{
    (void)state;
    AUTO_COMMAND struct command *command = full_command();
    AUTO_COMMAND struct command *again = store_and_read(command);
    assert_string_equal(again->id, "42");
    assert_true(again->id_is_integer);
    assert_true(again->id_given);
    assert_string_equal(again->rule, "lamp \"set\"");
    assert_string_equal(again->topic, "home/caf\xC3\xA9");
    assert_string_equal(again->platform, "main");
    assert_int_equal(again->lifetime_ms, -5);
    assert_true(again->idempotent);
    assert_int_equal(again->order, ORDER_RULE);
    assert_null(again->iot_id);
    assert_null(again->ack_topic);
    assert_string_equal(again->result_topic, "home/r");
    assert_string_equal(again->device_names[1], "lamp-2");
    assert_int_equal(again->call_count, 1);
    assert_int_equal(again->calls[0].parameters.count, 3);
    assert_string_equal(again->calls[0].parameters.items[0].value, "{\"a\":10.0}");
    assert_string_equal(again->calls[0].device_names[0], "lamp-1");
    assert_string_equal(again->lanes[0], "rule/x");
    assert_int_equal(again->correlation_len, 3);
    assert_memory_equal(again->correlation_data,
                        "\0\xFF"
                        "a",
                        3);
    assert_true(again->reply_topic_refused);
    assert_true(again->progress);
    assert_null(again->refusal.code);
}

static void a_refusal_survives_being_stored(void **state)
{
    (void)state;
    AUTO_COMMAND struct command *command = full_command();
    command_clear_target(command);
    failure_set(&command->refusal, "throttled", "the quota %s", "is used up");
    command->refusal.retry_after_ms = 1500;
    strcpy(command->refusal.platform_code, "Throttling.User");
    AUTO_COMMAND struct command *again = store_and_read(command);
    assert_string_equal(again->refusal.code->code, "throttled");
    assert_string_equal(again->refusal.detail, "the quota is used up");
    assert_string_equal(again->refusal.platform_code, "Throttling.User");
    assert_int_equal(again->refusal.retry_after_ms, 1500);
    assert_int_equal(again->call_count, 0);
}

static void that_it_was_delivered_again_survives_being_stored(void **state)
{
    (void)state;
    const int64_t firsts[] = {0, 17, COMMAND_UNKNOWN};
    for (size_t i = 0; i < COUNT_OF(firsts); i++) {
        AUTO_COMMAND struct command *command = full_command();
        command->redelivery_of = firsts[i];
        AUTO_COMMAND struct command *again = store_and_read(command);
        assert_int_equal(again->redelivery_of, firsts[i]);
    }
}

// It must not turn into a command that runs.
static void one_that_was_delivered_again_and_cannot_be_read_is_refused(void **state)
{
    (void)state;
    AUTO_COMMAND struct command *command = full_command();
    AUTO_FREE char *text = command_encode(command);
    AUTO_FREE char *damaged = mem_printf("{\"redelivery_of\":\"x\",%s", text + 1);
    struct command *again = NULL;
    struct diag diag;
    assert_int_equal(command_decode(damaged, &again, &diag), ERR_SYNTAX);
    assert_non_null(strstr(diag.text, "redelivery_of"));
}

static void empty_correlation_data_is_not_the_same_as_none(void **state)
{
    (void)state;
    AUTO_COMMAND struct command *command = full_command();
    command->correlation_len = 0;
    AUTO_COMMAND struct command *again = store_and_read(command);
    assert_non_null(again->correlation_data);
    assert_int_equal(again->correlation_len, 0);
}

static void members_of_a_later_version_are_ignored(void **state)
{
    (void)state;
    AUTO_COMMAND struct command *command = full_command();
    AUTO_FREE char *text = command_encode(command);
    AUTO_FREE char *newer = mem_printf("{\"batch\":{\"max\":3},%s", text + 1);
    struct command *again = NULL;
    struct diag diag;
    assert_int_equal(command_decode(newer, &again, &diag), ERR_OK);
    assert_string_equal(again->id, "42");
    command_free(again);
}

// The command's text with one member replaced or, for NULL, left out.
static void assert_damaged(const char *member, const char *json)
{
    AUTO_COMMAND struct command *command = full_command();
    AUTO_FREE char *text = command_encode(command);
    AUTO_JSON struct json_object *map = NULL;
    struct json_limits limits = {8};
    struct diag diag = {0};
    assert_int_equal(json_parse(text, strlen(text), &limits, &map, &diag), ERR_OK);
    json_remove(map, member);
    if (json != NULL) {
        struct json_object *value = NULL;
        assert_int_equal(json_parse(json, strlen(json), &limits, &value, &diag), ERR_OK);
        json_put(map, member, value);
    }
    AUTO_FREE char *damaged = json_print(map);
    struct command *out = NULL;
    assert_int_equal(command_decode(damaged, &out, &diag), ERR_SYNTAX);
    assert_null(out);
    assert_non_null(strstr(diag.text, member));
}

static void a_damaged_text_is_refused_with_the_member_s_name(void **state)
{
    (void)state;
    static const char *const required[] = {"id",    "rule",         "topic", "platform", "lifetime_ms",
                                           "order", "device_names", "calls", "lanes"};
    for (size_t i = 0; i < COUNT_OF(required); i++) {
        assert_damaged(required[i], NULL);
        assert_damaged(required[i], "{}");
    }
    assert_damaged("order", "\"sideways\"");
    assert_damaged("idempotent", "1");
    assert_damaged("ack_topic", "5");
    assert_damaged("lanes", "[1]");
    assert_damaged("correlation_data", "\"%\"");
    assert_damaged("calls", "[{}]");
    assert_damaged("calls", "[{\"action\":\"A\",\"parameters\":[[\"a\"]],\"device_names\":[]}]");
    assert_damaged("calls", "[{\"action\":\"A\",\"parameters\":[[\"a\",1]],\"device_names\":[]}]");
    assert_damaged("calls", "[5]");
}

static void a_refusal_that_cannot_be_read_does_not_turn_into_a_command_that_runs(void **state)
{
    (void)state;
    assert_damaged("refusal", "{}");
    assert_damaged("refusal", "null");
    assert_damaged("refusal", "{\"code\":\"of_a_later_version\",\"detail\":\"x\",\"retry_after_ms\":-1}");
    assert_damaged("refusal", "{\"code\":\"throttled\",\"retry_after_ms\":-1}");
    assert_damaged("refusal", "{\"code\":\"throttled\",\"detail\":\"x\"}");
}

static void an_integer_id_that_is_none_is_refused(void **state)
{
    (void)state;
    assert_damaged("id", "\"4et\"");
    assert_damaged("id", "\"4.5\"");
    assert_damaged("id", "\"\"");
    assert_damaged("id", "\"18446744073709551616\"");
}

static void a_long_platform_code_is_cut_at_a_character(void **state)
{
    (void)state;
    AUTO_COMMAND struct command *command = full_command();
    command_clear_target(command);
    failure_set(&command->refusal, "throttled", "busy");
    strcpy(command->refusal.platform_code, "@");
    AUTO_FREE char *text = command_encode(command);
    char *at = strchr(text, '@');
    AUTO_BUF struct buf longer = {0};
    buf_append(&longer, text, (size_t)(at - text));
    for (int i = 0; i < 100; i++) {
        buf_text(&longer, "\u00e9");
    }
    buf_text(&longer, at + 1);
    struct command *again = NULL;
    struct diag diag;
    assert_int_equal(command_decode(longer.data, &again, &diag), ERR_OK);
    assert_true(str_utf8_valid(again->refusal.platform_code, strlen(again->refusal.platform_code)));
    assert_int_equal(strlen(again->refusal.platform_code), 126);
    command_free(again);
}

static void a_text_that_is_no_json_object_is_refused(void **state)
{
    (void)state;
    static const char *const damaged[] = {"", "{", "[]", "null", "\"x\"", "[[[[[[[[[[]]]]]]]]]]"};
    for (size_t i = 0; i < COUNT_OF(damaged); i++) {
        struct command *command = NULL;
        struct diag diag = {0};
        assert_int_equal(command_decode(damaged[i], &command, &diag), ERR_SYNTAX);
        assert_null(command);
        assert_string_not_equal(diag.text, "");
    }
}

static void the_key_depends_on_topic_and_id_only(void **state)
{
    (void)state;
    AUTO_COMMAND struct command *one = full_command();
    AUTO_COMMAND struct command *other = full_command();
    unsigned char a[32];
    unsigned char b[32];
    other->id_is_integer = false;
    other->lifetime_ms = 9;
    command_key(one, a);
    command_key(other, b);
    assert_memory_equal(a, b, 32);
    free(other->id);
    other->id = mem_strdup("43");
    command_key(other, b);
    assert_memory_not_equal(a, b, 32);
}

static void no_other_topic_and_id_make_the_same_key(void **state)
{
    (void)state;
    AUTO_COMMAND struct command *one = full_command();
    AUTO_COMMAND struct command *other = full_command();
    unsigned char a[32];
    unsigned char b[32];
    free(one->topic);
    free(one->id);
    free(other->topic);
    free(other->id);
    one->topic = mem_strdup("a");
    one->id = mem_strdup("bc");
    other->topic = mem_strdup("ab");
    other->id = mem_strdup("c");
    command_key(one, a);
    command_key(other, b);
    assert_memory_not_equal(a, b, 32);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_command_survives_being_stored),
        cmocka_unit_test(a_refusal_survives_being_stored),
        cmocka_unit_test(that_it_was_delivered_again_survives_being_stored),
        cmocka_unit_test(one_that_was_delivered_again_and_cannot_be_read_is_refused),
        cmocka_unit_test(empty_correlation_data_is_not_the_same_as_none),
        cmocka_unit_test(members_of_a_later_version_are_ignored),
        cmocka_unit_test(a_damaged_text_is_refused_with_the_member_s_name),
        cmocka_unit_test(a_refusal_that_cannot_be_read_does_not_turn_into_a_command_that_runs),
        cmocka_unit_test(an_integer_id_that_is_none_is_refused),
        cmocka_unit_test(a_long_platform_code_is_cut_at_a_character),
        cmocka_unit_test(a_text_that_is_no_json_object_is_refused),
        cmocka_unit_test(the_key_depends_on_topic_and_id_only),
        cmocka_unit_test(no_other_topic_and_id_make_the_same_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
