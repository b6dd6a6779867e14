// Payload, id and deadline of a command.
#include "core/mapping/load/mapping_load.h"
#include "unit/core/mapping/mapping_checks.h"

#define HEAD "version: 1\ndefaults: {product_key: k1ymv1DuLfE}\nrules:\n"
#define SET  "invoke: {identifier: Set, device: lamp, args: {v: \"${payload}\"}}"
#define RULE HEAD "- {name: set, topic: x, " SET "}\n"

static void assert_args(const struct mapping *mapping, const char *payload, const char *args)
{
    AUTO_COMMAND struct command *command = map_payload(mapping, "x", payload);
    assert_parameter(command, 0, "Args", args);
}

static void assert_payload_refused(const struct mapping *mapping, const char *payload, size_t len, const char *code)
{
    struct message message = message_of("x", NULL);
    message.payload = (char *)payload;
    message.payload_len = len;
    AUTO_COMMAND struct command *command = map_message(mapping, &message);
    assert_refused(command, code, "");
    assert_string_equal(command->id, UUID);
    assert_false(command->id_given);
    assert_string_equal(command->result_topic, "x/reply");
    assert_string_equal(command->rule, "set");
    assert_string_equal(command->platform, "main");
}

static void json_by_its_first_byte_scalars_as_they_are_and_the_rest_as_text(void **state)
{
    (void)state;
    struct mapping *mapping = load(RULE);
    assert_args(mapping, "{\"a\":10.0}", "{\"v\":{\"a\":10.0}}");
    assert_args(mapping, "[1, 1e2]", "{\"v\":[1,1e2]}");
    assert_args(mapping, "\"ON\"", "{\"v\":\"ON\"}");
    assert_args(mapping, "ON", "{\"v\":\"ON\"}");
    assert_args(mapping, "12", "{\"v\":12}");
    assert_args(mapping, "1.50\n", "{\"v\":1.50}");
    assert_args(mapping, "true", "{\"v\":true}");
    assert_args(mapping, "null", "{\"v\":null}");
    assert_args(mapping, "12 V", "{\"v\":\"12 V\"}");
    assert_args(mapping, "trueish", "{\"v\":\"trueish\"}");
    assert_args(mapping, " {\"a\":1}", "{\"v\":{\"a\":1}}");
    assert_args(mapping, "\xEF\xBB\xBF{\"a\":1}", "{\"v\":{\"a\":1}}");
    assert_args(mapping, "\r\n\t[1]", "{\"v\":[1]}");
    assert_args(mapping, "\xEF\xBB\xBF 5", "{\"v\":5}");
    assert_args(mapping, "\xEF\xBB\xBFON", "{\"v\":\"\xEF\xBB\xBFON\"}");
    assert_args(mapping, " ", "{\"v\":\" \"}");
    assert_args(mapping, "\v{\"a\":1}", "{\"v\":\"\\u000b{\\\"a\\\":1}\"}");
    assert_args(mapping, "1e999x", "{\"v\":\"1e999x\"}");
    assert_args(mapping, "caf\xC3\xA9", "{\"v\":\"caf\xC3\xA9\"}");
    mapping_destroy(mapping);
}

static void a_payload_that_cannot_be_read_is_refused_with_its_reason(void **state)
{
    (void)state;
    struct mapping *mapping = load(RULE);
    char deep[80];
    memset(deep, '[', sizeof deep);
    memset(deep + 40, ']', 40);
    assert_payload_refused(mapping, NULL, 0, "payload_empty");
    assert_payload_refused(mapping, "{\"a\":}", 6, "payload_invalid");
    assert_payload_refused(mapping, "{", 1, "payload_invalid");
    assert_payload_refused(mapping, "\"\\u0000\"", 8, "payload_invalid");
    assert_payload_refused(mapping, "O\0N", 3, "payload_invalid");
    assert_payload_refused(mapping, "\0", 1, "payload_invalid");
    assert_payload_refused(mapping, "\xFF", 1, "payload_invalid");
    assert_payload_refused(mapping, deep, sizeof deep, "payload_too_deep");
    assert_payload_refused(mapping, "[18446744073709551616]", 22, "number_out_of_range");
    assert_payload_refused(mapping, "123456789012345678901", 21, "number_out_of_range");
    assert_payload_refused(mapping, "1e999", 5, "number_out_of_range");
    assert_payload_refused(mapping, "[1e999", 6, "payload_invalid");
    AUTO_FREE char *large = mem_alloc(256 * 1024 + 1);
    memset(large, 'x', 256 * 1024 + 1);
    assert_payload_refused(mapping, large, 256 * 1024 + 1, "payload_too_large");
    mapping_destroy(mapping);
}

static void an_empty_payload_is_a_command_if_the_rule_says_so(void **state)
{
    (void)state;
    struct mapping *mapping =
        load(HEAD "- {name: a, topic: x, empty: accept, invoke: {identifier: Toggle, device: lamp}}\n"
                  "- {name: b, topic: y, empty: accept, " SET "}\n");
    AUTO_COMMAND struct command *without_args = map_payload(mapping, "x", "");
    assert_parameter(without_args, 0, "Args", "{}");
    AUTO_COMMAND struct command *with_args = map_payload(mapping, "y", "");
    assert_refused(with_args, "member_missing", "the payload is empty");
    mapping_destroy(mapping);
}

static void members_for_the_bridge_are_not_part_of_the_payload(void **state)
{
    (void)state;
    struct mapping *mapping = load(RULE);
    assert_args(mapping,
                "{\"$id\":\"i\",\"a\":1,\"$reply_to\":\"x/r\",\"$expire\":\"5s\",\"$sent_at\":1795262400000,"
                "\"$traceparent\":\"00-1\",\"$other\":{\"$id\":2}}",
                "{\"v\":{\"a\":1,\"$other\":{\"$id\":2}}}");
    mapping_destroy(mapping);
}

static void assert_id(const struct mapping *mapping, const char *topic, const char *payload, const char *id,
                      bool is_integer)
{
    AUTO_COMMAND struct command *command = map_payload(mapping, topic, payload);
    assert_null(command->refusal.code);
    assert_string_equal(command->id, id);
    assert_int_equal(command->id_is_integer, is_integer);
    assert_int_equal(command->id_given, strcmp(id, UUID) != 0);
}

static void assert_id_refused(const struct mapping *mapping, const char *topic, const char *payload)
{
    AUTO_COMMAND struct command *command = map_payload(mapping, topic, payload);
    assert_refused(command, "id_invalid", "");
    assert_string_equal(command->id, UUID);
    assert_false(command->id_given);
}

static void the_id_is_the_payload_s_or_the_rule_s_or_ours(void **state)
{
    (void)state;
    struct mapping *mapping =
        load(HEAD "- {name: a, topic: x, " SET ", id_from: \"${payload.n}\"}\n"
                  "- {name: b, topic: y, " SET ", id_from: \"${property.request}-${payload.n}\"}\n");
    AUTO_FREE char *longest = mem_printf("{\"$id\":\"%0256d\"}", 7);
    AUTO_FREE char *too_long = mem_printf("{\"$id\":\"%0257d\"}", 7);
    assert_id(mapping, "x", "{\"$id\":\"req-42\",\"n\":5}", "req-42", false);
    assert_id(mapping, "x", "{\"$id\":18446744073709551615}", "18446744073709551615", true);
    assert_id(mapping, "x", "{\"n\":-5}", "-5", true);
    assert_id(mapping, "x", "{\"n\":\"a b\"}", "a b", false);
    assert_id(mapping, "x", "{}", UUID, false);
    assert_id(mapping, "x", "{\"n\":null}", UUID, false);
    assert_id(mapping, "x", "{\"$id\":null}", UUID, false);
    assert_id(mapping, "x", "{\"$id\":null,\"n\":7}", "7", true);
    assert_id(mapping, "x", "ON", UUID, false);
    AUTO_COMMAND struct command *command = map_payload(mapping, "x", longest);
    assert_int_equal(strlen(command->id), 256);
    assert_id_refused(mapping, "x", too_long);
    assert_id_refused(mapping, "x", "{\"$id\":\"\"}");
    assert_id_refused(mapping, "x", "{\"$id\":\"a\\n\"}");
    assert_id_refused(mapping, "x", "{\"$id\":1.5}");
    assert_id_refused(mapping, "x", "{\"$id\":[1]}");
    assert_id_refused(mapping, "x", "{\"n\":true}");
    AUTO_COMMAND struct command *missing = map_payload(mapping, "y", "{\"n\":1}");
    assert_refused(missing, "member_missing", "property.request");
    assert_string_equal(missing->id, UUID);
    mapping_destroy(mapping);
}

static void a_rejection_carries_the_id_wherever_the_json_is_well_formed(void **state)
{
    (void)state;
    struct mapping *mapping = load(RULE);
    AUTO_FREE char *deep = mem_printf("{\"$id\":\"i\",\"a\":%.*s%.*s}", 40, "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
                                      40, "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]");
    AUTO_COMMAND struct command *too_deep = map_payload(mapping, "x", deep);
    assert_refused(too_deep, "payload_too_deep", "32 levels");
    assert_string_equal(too_deep->id, "i");
    AUTO_COMMAND struct command *number = map_payload(mapping, "x", "{\"n\":123456789012345678901,\"$id\":7}");
    assert_refused(number, "number_out_of_range", "64 bits");
    assert_string_equal(number->id, "7");
    AUTO_COMMAND struct command *rounded = map_payload(mapping, "x", "{\"$id\":123456789012345678901}");
    assert_refused(rounded, "number_out_of_range", "64 bits");
    assert_string_equal(rounded->id, UUID);
    mapping_destroy(mapping);
}

static void a_message_refused_on_arrival_keeps_its_id_and_reply_topics(void **state)
{
    (void)state;
    struct mapping *mapping = load(RULE);
    struct failure full;
    failure_set(&full, "outbox_full", "no room");
    struct message message = message_of("x", "{\"$id\":\"i\",\"$reply_to\":\"reply/me\"}");
    AUTO_COMMAND struct command *command = map_message_with(mapping, &message, &full);
    assert_refused(command, "outbox_full", "no room");
    assert_string_equal(command->id, "i");
    assert_string_equal(command->ack_topic, "x/reply");
    assert_string_equal(command->response_topic, "reply/me");
    struct message broken = message_of("x", "{\"$id\":");
    AUTO_COMMAND struct command *unreadable = map_message_with(mapping, &broken, &full);
    assert_refused(unreadable, "outbox_full", "no room");
    assert_string_equal(unreadable->id, UUID);
    mapping_destroy(mapping);
}

static void assert_lifetime(const struct mapping *mapping, const char *payload, int64_t expiry_s, int64_t expected)
{
    struct message message = message_of("x", payload);
    message.has_expiry = expiry_s >= 0;
    message.expiry_s = (uint32_t)(expiry_s >= 0 ? expiry_s : 0);
    AUTO_COMMAND struct command *command = map_message(mapping, &message);
    assert_null(command->refusal.code);
    assert_int_equal(command->lifetime_ms, expected);
}

static void the_earliest_of_all_deadlines_counts(void **state)
{
    (void)state;
    struct mapping *mapping = load(HEAD "- {name: a, topic: x, " SET ", expire: 20s, sent_at: \"${payload.at}\"}\n");
    assert_lifetime(mapping, "{}", -1, 20000);
    assert_lifetime(mapping, "{}", 5, 5000);
    assert_lifetime(mapping, "{}", 0, 0);
    assert_lifetime(mapping, "{}", 4294967295, 20000);
    assert_lifetime(mapping, "{\"$expire\":\"250ms\"}", -1, 250);
    assert_lifetime(mapping, "{\"$expire\":60000}", -1, 60000);
    assert_lifetime(mapping, "{\"$expire\":\"1h\"}", 7, 7000);
    assert_lifetime(mapping, "{\"$sent_at\":\"2026-11-21T11:59:55Z\"}", -1, 15000);
    assert_lifetime(mapping, "{\"$sent_at\":1795262395000}", 30, 15000);
    assert_lifetime(mapping, "{\"at\":\"1795262390000\"}", -1, 10000);
    assert_lifetime(mapping, "{\"at\":1795262390000,\"$sent_at\":1795262399000}", -1, 19000);
    assert_lifetime(mapping, "{\"$sent_at\":1795262300000}", -1, -80000);
    assert_lifetime(mapping, "{\"$sent_at\":1795262395}", -1, 15000);
    assert_lifetime(mapping, "{\"at\":\"1795262390\"}", -1, 10000);
    assert_lifetime(mapping, "{\"$sent_at\":99999999999}", -1, 20000); // seconds: the year 5138
    assert_lifetime(mapping, "{\"$sent_at\":100000000000}", -1, 100000000000 + 20000 - 1795262400000);
    // A sender whose clock is ahead gains nothing.
    assert_lifetime(mapping, "{\"$sent_at\":1795262900000}", -1, 20000);
    assert_lifetime(mapping, "{\"$expire\":\"10s\",\"$sent_at\":1795262395000}", -1, 5000);
    mapping_destroy(mapping);
}

static void a_time_limit_that_cannot_be_read_is_refused(void **state)
{
    (void)state;
    static const char *const payloads[] = {
        "{\"$expire\":\"soon\"}",     "{\"$expire\":0}",      "{\"$expire\":-5}",
        "{\"$expire\":\"10\"}",       "{\"$expire\":null}",   "{\"$expire\":1.5}",
        "{\"$expire\":315360000001}", "{\"$expire\":\"0s\"}", "{\"$expire\":\"90000h\"}",
        "{\"$sent_at\":\"noon\"}",    "{\"$sent_at\":null}",  "{\"$sent_at\":-1}",
        "{\"$sent_at\":1.5}",         "{\"at\":true}",        "{\"$sent_at\":9223372036854775807}"};
    struct mapping *mapping = load(HEAD "- {name: a, topic: x, " SET ", sent_at: \"${payload.at}\"}\n");
    for (size_t i = 0; i < COUNT_OF(payloads); i++) {
        AUTO_COMMAND struct command *command = map_payload(mapping, "x", payloads[i]);
        assert_refused(command, "expire_invalid", " is ");
    }
    mapping_destroy(mapping);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_by_its_first_byte_scalars_as_they_are_and_the_rest_as_text),
        cmocka_unit_test(a_payload_that_cannot_be_read_is_refused_with_its_reason),
        cmocka_unit_test(an_empty_payload_is_a_command_if_the_rule_says_so),
        cmocka_unit_test(members_for_the_bridge_are_not_part_of_the_payload),
        cmocka_unit_test(the_id_is_the_payload_s_or_the_rule_s_or_ours),
        cmocka_unit_test(a_rejection_carries_the_id_wherever_the_json_is_well_formed),
        cmocka_unit_test(a_message_refused_on_arrival_keeps_its_id_and_reply_topics),
        cmocka_unit_test(the_earliest_of_all_deadlines_counts),
        cmocka_unit_test(a_time_limit_that_cannot_be_read_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
