// Replies as the sender reads them, byte for byte.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "core/command/reply.h"

static char *lit(const char *text)
{
    return (char *)text;
}

static const struct reply_facts facts = {.wall_ms = 1795288051123, .duration_ms = 231, .attempts = 1};
#define FACTS "\"time\":\"2026-11-21T19:07:31.123Z\",\"duration_ms\":231,\"attempts\":1"

static char *one_device[] = {(char[]){"hall-lamp-1"}};
static char *two_devices[] = {(char[]){"a"}, (char[]){"b"}};
static char *third_device[] = {(char[]){"c"}};
static char *all_devices[] = {(char[]){"a"}, (char[]){"b"}, (char[]){"c"}};

static struct command lamp(void)
{
    return (struct command){.id = lit("req-42"),
                            .rule = lit("lamp-set"),
                            .topic = lit("home/hall/lamp-1/set"),
                            .product_key = lit("k1ymv1DuLfE"),
                            .identifier = lit("Set"),
                            .device_names = one_device,
                            .device_count = 1};
}

static struct call two_calls[] = {{.device_names = two_devices, .device_count = 2},
                                  {.device_names = third_device, .device_count = 1}};

static struct command batch(void)
{
    struct command command = lamp();
    command.device_names = all_devices;
    command.device_count = 3;
    command.calls = two_calls;
    command.call_count = 2;
    return command;
}

#define HEAD(status)                                                                                                   \
    "{\"v\":1,\"id\":\"req-42\",\"status\":\"" status "\",\"final\":true,\"rule\":\"lamp-set\","                       \
    "\"topic\":\"home/hall/lamp-1/set\","
#define TARGET "\"target\":{\"product_key\":\"k1ymv1DuLfE\",\"device_name\":\"hall-lamp-1\",\"identifier\":\"Set\"},"
#define TARGETS                                                                                                        \
    "\"target\":{\"product_key\":\"k1ymv1DuLfE\",\"device_names\":[\"a\",\"b\",\"c\"],\"identifier\":\"Set\"},"

static void expect_final(const struct command *command, const struct call_outcome *outcomes, size_t count,
                         const char *expected)
{
    AUTO_FREE char *reply = reply_final(command, outcomes, count, &facts);
    assert_string_equal(reply, expected);
}

static struct json_object *parse(const char *text)
{
    struct json_object *value = NULL;
    struct diag diag;
    if (json_parse(text, strlen(text), &(struct json_limits){.max_depth = 64}, &value, &diag) != ERR_OK) {
        fail_msg("%s: %s", text, diag.text);
    }
    return value;
}

// ---- one outcome

static void an_ok_reply_reads_as_in_the_design(void **state)
{
    (void)state;
    struct command command = lamp();
    struct call_outcome outcome = {.status = STATUS_OK,
                                   .message_id = lit("abcabc123"),
                                   .request_id = lit("A44C818E"),
                                   .result = parse("{\"code\":200,\"data\":{}}"),
                                   .has_result = true};
    expect_final(&command, &outcome, 1,
                 HEAD("ok") TARGET "\"message_id\":\"abcabc123\",\"request_id\":\"A44C818E\","
                                   "\"result\":{\"code\":200,\"data\":{}}," FACTS "}");
    json_free(outcome.result);
}

static void a_result_is_unchanged_whatever_json_it_is(void **state)
{
    (void)state;
    static const char *const results[] = {
        "{\"b\":10.0,\"a\":[1e2,null,\"/\"],\"n\":18446744073709551615}", "[]", "\"text\"", "false", "0", "null"};
    struct command command = lamp();
    for (size_t i = 0; i < COUNT_OF(results); i++) {
        struct call_outcome outcome = {.status = STATUS_OK, .result = parse(results[i]), .has_result = true};
        AUTO_FREE char *expected = mem_printf(HEAD("ok") TARGET "\"result\":%s," FACTS "}", results[i]);
        expect_final(&command, &outcome, 1, expected);
        json_free(outcome.result);
    }
}

static void an_accepted_reply_has_no_result(void **state)
{
    (void)state;
    struct command command = lamp();
    struct call_outcome outcome = {.status = STATUS_ACCEPTED, .message_id = lit("m")};
    expect_final(&command, &outcome, 1, HEAD("accepted") TARGET "\"message_id\":\"m\"," FACTS "}");
}

static void an_error_has_all_that_is_known(void **state)
{
    (void)state;
    struct command command = lamp();
    struct call_outcome outcome = {.status = STATUS_FAILED, .request_id = lit("r")};
    failure_set(&outcome.failure, "throttled", "%s", "the words");
    strcpy(outcome.failure.platform_code, "Throttling.User");
    outcome.failure.retry_after_ms = 1500;
    expect_final(&command, &outcome, 1,
                 HEAD("failed") TARGET
                 "\"request_id\":\"r\",\"error\":{\"code\":\"throttled\",\"title\":\"The platform's quota is used up\","
                 "\"detail\":\"the words\",\"platform_code\":\"Throttling.User\",\"retryable\":true,"
                 "\"retry_after_ms\":1500,\"source\":\"platform\","
                 "\"hint\":\"send fewer commands per second, or ask for a larger quota\"}," FACTS "}");
}

static void what_is_not_known_of_an_error_is_left_out(void **state)
{
    (void)state;
    struct command command = lamp();
    struct call_outcome outcome = {.status = STATUS_FAILED};
    failure_set(&outcome.failure, "device_offline", "%s", "");
    expect_final(&command, &outcome, 1,
                 HEAD("failed") TARGET "\"error\":{\"code\":\"device_offline\",\"title\":\"The device is offline\","
                                       "\"retryable\":true,\"source\":\"device\"}," FACTS "}");
}

static void a_device_error_keeps_its_result(void **state)
{
    (void)state;
    struct command command = lamp();
    struct call_outcome outcome = {
        .status = STATUS_FAILED, .result = parse("{\"code\":460,\"data\":{}}"), .has_result = true};
    failure_set(&outcome.failure, "device_error", "the device answered with code 460");
    expect_final(&command, &outcome, 1,
                 HEAD("failed") TARGET
                 "\"result\":{\"code\":460,\"data\":{}},\"error\":{\"code\":\"device_error\","
                 "\"title\":\"The device answered with an error\",\"detail\":\"the device answered with code 460\","
                 "\"retryable\":false,\"source\":\"device\"}," FACTS "}");
    json_free(outcome.result);
}

static void a_detail_that_was_cut_within_a_character_is_still_utf8(void **state)
{
    (void)state;
    struct command command = lamp();
    struct call_outcome outcome = {.status = STATUS_FAILED};
    failure_set(&outcome.failure, "device_error", "abc\xE5\xAE");
    AUTO_FREE char *reply = reply_final(&command, &outcome, 1, &facts);
    assert_true(str_utf8_valid(reply, strlen(reply)));
    assert_non_null(strstr(reply, "\"detail\":\"abc\""));
    AUTO_FREE char *stored = call_outcome_encode(&outcome);
    assert_true(str_utf8_valid(stored, strlen(stored)));
}

static void a_rejection_without_a_target_has_none(void **state)
{
    (void)state;
    struct command command = {.id = lit("7"), .id_is_integer = true, .rule = lit("r"), .topic = lit("t")};
    struct call_outcome outcome = {.status = STATUS_REJECTED};
    failure_set(&outcome.failure, "payload_empty", "send {}");
    AUTO_FREE char *reply = reply_final(&command, &outcome, 1, &facts);
    static const char head[] = "{\"v\":1,\"id\":7,\"status\":\"rejected\",\"final\":true,\"rule\":\"r\","
                               "\"topic\":\"t\",\"error\":{\"code\":\"payload_empty\",";
    assert_memory_equal(reply, head, sizeof head - 1);
}

static void a_rejection_tells_the_commands_refusal(void **state)
{
    (void)state;
    struct command command = lamp();
    failure_set(&command.refusal, "no_devices", "the list is empty");
    struct call_outcome outcome = {.status = STATUS_REJECTED};
    AUTO_FREE char *reply = reply_final(&command, &outcome, 1, &facts);
    assert_non_null(strstr(reply, "\"error\":{\"code\":\"no_devices\""));
}

static void an_integer_id_is_echoed_as_given(void **state)
{
    (void)state;
    struct command command = lamp();
    command.id = lit("18446744073709551615");
    command.id_is_integer = true;
    struct call_outcome outcome = {.status = STATUS_ACCEPTED};
    AUTO_FREE char *reply = reply_final(&command, &outcome, 1, &facts);
    assert_non_null(strstr(reply, "\"id\":18446744073709551615,"));
}

static void a_target_may_be_an_iot_id(void **state)
{
    (void)state;
    struct command command = lamp();
    command.product_key = NULL;
    command.device_count = 0;
    command.iot_id = lit("Q7uOhVRdZRRlDnTLv0");
    struct call_outcome outcome = {.status = STATUS_ACCEPTED};
    expect_final(&command, &outcome, 1,
                 HEAD("accepted") "\"target\":{\"iot_id\":\"Q7uOhVRdZRRlDnTLv0\",\"identifier\":\"Set\"}," FACTS "}");
}

static void a_refused_reply_topic_is_told(void **state)
{
    (void)state;
    struct command command = lamp();
    command.reply_topic_refused = true;
    struct call_outcome outcome = {.status = STATUS_ACCEPTED};
    expect_final(&command, &outcome, 1, HEAD("accepted") TARGET FACTS ",\"reply_topic_refused\":true}");
}

static void correlation_data_stands_in_no_reply(void **state)
{
    (void)state;
    struct command command = lamp();
    command.correlation_data = lit("CORRELATION");
    command.correlation_len = strlen("CORRELATION");
    command.response_topic = lit("RESPONSE");
    struct call_outcome outcome = {.status = STATUS_ACCEPTED};
    AUTO_FREE char *reply = reply_final(&command, &outcome, 1, &facts);
    assert_null(strstr(reply, "CORRELATION"));
    assert_null(strstr(reply, "RESPONSE"));
}

// ---- several outcomes

static void equal_outcomes_give_their_status(void **state)
{
    (void)state;
    struct command command = batch();
    struct call_outcome outcomes[] = {{.status = STATUS_ACCEPTED, .request_id = lit("r1")},
                                      {.status = STATUS_ACCEPTED, .request_id = lit("r2")}};
    assert_int_equal(reply_status(outcomes, 2), STATUS_ACCEPTED);
    expect_final(&command, outcomes, 2, HEAD("accepted") TARGETS "\"request_id\":\"r1\"," FACTS "}");
}

static void each_status_is_told_as_it_is_and_two_different_ones_are_partial(void **state)
{
    (void)state;
    for (int a = STATUS_OK; a <= STATUS_UNKNOWN; a++) {
        struct call_outcome outcomes[] = {{.status = (enum status)a}, {.status = (enum status)a}};
        assert_int_equal(reply_status(outcomes, 1), a);
        assert_int_equal(reply_status(outcomes, 2), a);
        for (int b = STATUS_OK; b <= STATUS_UNKNOWN; b++) {
            outcomes[1].status = (enum status)b;
            assert_int_equal(reply_status(outcomes, 2), a == b ? a : (int)STATUS_PARTIAL);
        }
    }
}

static void a_partial_reply_lists_calls_and_failed_devices(void **state)
{
    (void)state;
    struct command command = batch();
    struct call_outcome outcomes[] = {{.status = STATUS_ACCEPTED, .request_id = lit("r1")},
                                      {.status = STATUS_FAILED, .request_id = lit("r2")}};
    failure_set(&outcomes[1].failure, "device_offline", "%s", "");
    expect_final(&command, outcomes, 2,
                 HEAD("partial") TARGETS
                 "\"calls\":[{\"status\":\"accepted\",\"device_names\":[\"a\",\"b\"],\"request_id\":\"r1\"},"
                 "{\"status\":\"failed\",\"device_names\":[\"c\"],\"request_id\":\"r2\",\"error\":{"
                 "\"code\":\"device_offline\",\"title\":\"The device is offline\",\"retryable\":true,"
                 "\"source\":\"device\"}}],\"failed_devices\":[\"c\"]," FACTS "}");
}

static void devices_of_an_unknown_call_are_not_called_failed(void **state)
{
    (void)state;
    struct command command = batch();
    struct call_outcome outcomes[] = {{.status = STATUS_UNKNOWN}, {.status = STATUS_EXPIRED}};
    AUTO_FREE char *reply = reply_final(&command, outcomes, 2, &facts);
    assert_non_null(strstr(reply, "\"failed_devices\":[\"c\"]"));
    outcomes[1].status = STATUS_ACCEPTED;
    AUTO_FREE char *none = reply_final(&command, outcomes, 2, &facts);
    assert_non_null(strstr(none, "\"failed_devices\":[]"));
}

// ---- other replies

static void progress_is_not_final_and_has_no_result(void **state)
{
    (void)state;
    struct command command = lamp();
    struct call_outcome outcome = {
        .status = STATUS_OK, .message_id = lit("m"), .request_id = lit("r"), .result = parse("{}"), .has_result = true};
    AUTO_FREE char *reply = reply_progress(&command, STATUS_ACCEPTED, &outcome, &facts);
    assert_string_equal(reply, "{\"v\":1,\"id\":\"req-42\",\"status\":\"accepted\",\"final\":false,"
                               "\"rule\":\"lamp-set\",\"topic\":\"home/hall/lamp-1/set\"," TARGET
                               "\"message_id\":\"m\",\"request_id\":\"r\"," FACTS "}");
    json_free(outcome.result);
}

static void an_acceptance_does_not_tell_the_devices_error(void **state)
{
    (void)state;
    struct command command = lamp();
    struct call_outcome outcome = {.status = STATUS_FAILED, .message_id = lit("m")};
    failure_set(&outcome.failure, "device_error", "the device answered with code 460");
    AUTO_FREE char *accepted = reply_progress(&command, STATUS_ACCEPTED, &outcome, &facts);
    assert_null(strstr(accepted, "error"));
    assert_non_null(strstr(accepted, "\"message_id\":\"m\""));
}

static void a_queued_reply_tells_why_it_waits(void **state)
{
    (void)state;
    struct command command = lamp();
    struct call_outcome outcome = {.status = STATUS_FAILED};
    failure_set(&outcome.failure, "throttled", "the words");
    AUTO_FREE char *queued = reply_progress(&command, STATUS_QUEUED, &outcome, &facts);
    assert_non_null(strstr(queued, "\"status\":\"queued\",\"final\":false"));
    assert_non_null(strstr(queued, "\"error\":{\"code\":\"throttled\""));
}

static void progress_without_an_outcome_tells_the_command(void **state)
{
    (void)state;
    struct command command = lamp();
    AUTO_FREE char *reply = reply_progress(&command, STATUS_QUEUED, NULL, &facts);
    assert_string_equal(reply, "{\"v\":1,\"id\":\"req-42\",\"status\":\"queued\",\"final\":false,"
                               "\"rule\":\"lamp-set\",\"topic\":\"home/hall/lamp-1/set\"," TARGET FACTS "}");
}

static void a_duplicate_adds_one_member_and_changes_nothing_else(void **state)
{
    (void)state;
    AUTO_FREE char *reply = reply_duplicate("{\"v\":1,\"a\":\"\\u0041 10.0\"}");
    assert_string_equal(reply, "{\"v\":1,\"a\":\"\\u0041 10.0\",\"duplicate\":true}");
    AUTO_FREE char *empty = reply_duplicate("{}");
    assert_string_equal(empty, "{\"duplicate\":true}");
    AUTO_FREE char *damaged = reply_duplicate("");
    assert_string_equal(damaged, "");
}

static void a_cut_reply_says_so(void **state)
{
    (void)state;
    AUTO_FREE char *reply = reply_cut("{\"v\":1,\"result\":{\"big\":[1,2]},\"id\":10.0,\"attempts\":1}");
    assert_string_equal(reply, "{\"v\":1,\"id\":10.0,\"attempts\":1,\"result_cut\":true}");
    AUTO_FREE char *damaged = reply_cut("{damaged");
    assert_string_equal(damaged, "{damaged");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_ok_reply_reads_as_in_the_design),
        cmocka_unit_test(a_result_is_unchanged_whatever_json_it_is),
        cmocka_unit_test(an_accepted_reply_has_no_result),
        cmocka_unit_test(an_error_has_all_that_is_known),
        cmocka_unit_test(what_is_not_known_of_an_error_is_left_out),
        cmocka_unit_test(a_device_error_keeps_its_result),
        cmocka_unit_test(a_detail_that_was_cut_within_a_character_is_still_utf8),
        cmocka_unit_test(a_rejection_without_a_target_has_none),
        cmocka_unit_test(a_rejection_tells_the_commands_refusal),
        cmocka_unit_test(an_integer_id_is_echoed_as_given),
        cmocka_unit_test(a_target_may_be_an_iot_id),
        cmocka_unit_test(a_refused_reply_topic_is_told),
        cmocka_unit_test(correlation_data_stands_in_no_reply),
        cmocka_unit_test(equal_outcomes_give_their_status),
        cmocka_unit_test(each_status_is_told_as_it_is_and_two_different_ones_are_partial),
        cmocka_unit_test(a_partial_reply_lists_calls_and_failed_devices),
        cmocka_unit_test(devices_of_an_unknown_call_are_not_called_failed),
        cmocka_unit_test(progress_is_not_final_and_has_no_result),
        cmocka_unit_test(an_acceptance_does_not_tell_the_devices_error),
        cmocka_unit_test(a_queued_reply_tells_why_it_waits),
        cmocka_unit_test(progress_without_an_outcome_tells_the_command),
        cmocka_unit_test(a_duplicate_adds_one_member_and_changes_nothing_else),
        cmocka_unit_test(a_cut_reply_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
