// Outcomes and final replies as the outbox keeps them, and where replies go.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "core/command/reply.h"

static char *lit(const char *text)
{
    return (char *)text;
}

// ---- outcomes

static struct json_object *parse(const char *text)
{
    struct json_object *value = NULL;
    struct diag diag;
    assert_int_equal(json_parse(text, strlen(text), &(struct json_limits){.max_depth = 64}, &value, &diag), ERR_OK);
    return value;
}

static void an_outcome_survives_the_way_through_the_outbox(void **state)
{
    (void)state;
    struct call_outcome outcome = {.status = STATUS_FAILED,
                                   .message_id = lit("m"),
                                   .request_id = lit("r"),
                                   .result = parse("{\"a\":10.0}"),
                                   .has_result = true};
    failure_set(&outcome.failure, "device_error", "the device \"said\" no");
    strcpy(outcome.failure.platform_code, "x.y");
    outcome.failure.retry_after_ms = 40;
    AUTO_FREE char *text = call_outcome_encode(&outcome);
    struct call_outcome back;
    assert_int_equal(call_outcome_decode(text, &back), ERR_OK);
    assert_int_equal(back.status, STATUS_FAILED);
    assert_string_equal(back.message_id, "m");
    assert_string_equal(back.request_id, "r");
    assert_true(back.has_result);
    AUTO_FREE char *result = json_print(back.result);
    assert_string_equal(result, "{\"a\":10.0}");
    assert_string_equal(back.failure.code->code, "device_error");
    assert_string_equal(back.failure.detail, "the device \"said\" no");
    assert_string_equal(back.failure.platform_code, "x.y");
    assert_int_equal(back.failure.retry_after_ms, 40);
    call_outcome_clear(&back);
    json_free(outcome.result);
}

static void the_note_of_a_call_that_waits_survives(void **state)
{
    (void)state;
    struct retry_note note = {.attempts = 3, .may_have_run = true};
    struct retry_note back = {0};
    failure_set(&note.failure, "connect_failed", "nothing was sent: refused");
    AUTO_FREE char *text = retry_note_encode(&note);
    assert_int_equal(retry_note_decode(text, &back), ERR_OK);
    assert_int_equal(back.attempts, 3);
    assert_true(back.may_have_run);
    assert_string_equal(back.failure.code->code, "connect_failed");
    assert_string_equal(back.failure.detail, "nothing was sent: refused");
    assert_int_equal(back.failure.retry_after_ms, -1);
    AUTO_FREE char *bare = retry_note_encode(&(struct retry_note){.attempts = 1});
    assert_int_equal(retry_note_decode(bare, &back), ERR_OK);
    assert_int_equal(back.attempts, 1);
    assert_false(back.may_have_run);
    assert_null(back.failure.code);
}

static void damaged_notes_are_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        "{",
                                        "[]",
                                        "{}",
                                        "{\"attempts\":\"1\"}",
                                        "{\"attempts\":-1}",
                                        "{\"attempts\":4294967296}",
                                        "{\"attempts\":1,\"code\":\"of_tomorrow\"}"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct retry_note back = {.attempts = 7};
        assert_int_equal(retry_note_decode(texts[i], &back), ERR_SYNTAX);
        assert_int_equal(back.attempts, 7);
    }
}

static void a_bare_outcome_survives_too(void **state)
{
    (void)state;
    struct call_outcome outcome = {.status = STATUS_ACCEPTED};
    AUTO_FREE char *text = call_outcome_encode(&outcome);
    struct call_outcome back;
    assert_int_equal(call_outcome_decode(text, &back), ERR_OK);
    assert_int_equal(back.status, STATUS_ACCEPTED);
    assert_null(back.message_id);
    assert_null(back.request_id);
    assert_null(back.failure.code);
    assert_false(back.has_result);
    call_outcome_clear(&back);
}

static void a_null_result_is_not_taken_for_none(void **state)
{
    (void)state;
    struct call_outcome outcome = {.status = STATUS_OK, .has_result = true};
    AUTO_FREE char *text = call_outcome_encode(&outcome);
    struct call_outcome back;
    assert_int_equal(call_outcome_decode(text, &back), ERR_OK);
    assert_true(back.has_result);
    assert_null(back.result);
    call_outcome_clear(&back);
}

static void damaged_outcomes_are_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        "{",
                                        "null",
                                        "[]",
                                        "{}",
                                        "{\"status\":1}",
                                        "{\"status\":\"fine\"}",
                                        "{\"status\":\"failed\",\"code\":\"of_a_later_version\"}"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct call_outcome back;
        assert_int_equal(call_outcome_decode(texts[i], &back), ERR_SYNTAX);
    }
}

static void members_of_a_later_version_are_passed_over(void **state)
{
    (void)state;
    struct call_outcome back;
    assert_int_equal(call_outcome_decode("{\"status\":\"ok\",\"new\":[1]}", &back), ERR_OK);
    call_outcome_clear(&back);
    struct reply_record record;
    assert_int_equal(
        reply_record_decode("{\"reply\":\"{}\",\"deliveries\":[{\"topic\":\"t\",\"new\":1}],\"new\":{}}", &record),
        ERR_OK);
    assert_int_equal(record.delivery_count, 1);
    reply_record_clear(&record);
}

// ---- where replies go

static struct command with_topics(const char *ack, const char *result, const char *response)
{
    return (struct command){.ack_topic = lit(ack),
                            .result_topic = lit(result),
                            .response_topic = lit(response),
                            .correlation_data = response != NULL ? lit("\0\xFF{\"") : NULL,
                            .correlation_len = response != NULL ? 4 : 0};
}

static void build(struct command command, const char *progress, struct reply_record *out)
{
    reply_record_build(&command, mem_strdup("{\"final\":true}"), mem_strdup_or_null(progress), out);
    assert_string_equal(out->reply, "{\"final\":true}");
}

static void expect_delivery(const struct delivery *delivery, const char *topic, const char *data, size_t len)
{
    assert_string_equal(delivery->topic, topic);
    assert_int_equal(delivery->correlation_len, len);
    if (data == NULL) {
        assert_null(delivery->correlation_data);
    } else {
        assert_memory_equal(delivery->correlation_data, data, len);
    }
}

static void a_final_reply_goes_to_the_result_topic_and_the_requester(void **state)
{
    (void)state;
    struct reply_record record;
    build(with_topics("x/ack", "x/result", "reply/me"), NULL, &record);
    assert_int_equal(record.delivery_count, 2);
    expect_delivery(&record.deliveries[0], "x/result", NULL, 0);
    expect_delivery(&record.deliveries[1], "reply/me", "\0\xFF{\"", 4);
    reply_record_clear(&record);
}

static void one_topic_named_twice_gets_the_copy_with_correlation_data(void **state)
{
    (void)state;
    struct reply_record record;
    build(with_topics(NULL, "x/reply", "x/reply"), NULL, &record);
    assert_int_equal(record.delivery_count, 1);
    expect_delivery(&record.deliveries[0], "x/reply", "\0\xFF{\"", 4);
    reply_record_clear(&record);
}

static void topics_that_are_none_get_nothing(void **state)
{
    (void)state;
    struct reply_record record;
    build(with_topics(NULL, NULL, NULL), "{}", &record);
    assert_int_equal(record.delivery_count, 0);
    assert_null(record.progress);
    reply_record_clear(&record);
    build(with_topics(NULL, NULL, "reply/me"), NULL, &record);
    assert_int_equal(record.delivery_count, 1);
    reply_record_clear(&record);
    build(with_topics(NULL, "x/result", NULL), NULL, &record);
    assert_int_equal(record.delivery_count, 1);
    reply_record_clear(&record);
}

static void a_requester_without_correlation_data_gets_none(void **state)
{
    (void)state;
    struct command command = with_topics(NULL, NULL, "reply/me");
    command.correlation_data = NULL;
    command.correlation_len = 0;
    struct reply_record record;
    build(command, NULL, &record);
    expect_delivery(&record.deliveries[0], "reply/me", NULL, 0);
    reply_record_clear(&record);
}

static void progress_goes_to_an_ack_topic_of_its_own(void **state)
{
    (void)state;
    struct reply_record record;
    build(with_topics("x/ack", "x/result", NULL), "{\"final\":false}", &record);
    assert_string_equal(record.progress, "{\"final\":false}");
    assert_string_equal(record.progress_topic, "x/ack");
    reply_record_clear(&record);
    build(with_topics("x/ack", NULL, "reply/me"), "{\"final\":false}", &record);
    assert_string_equal(record.progress_topic, "x/ack");
    reply_record_clear(&record);
}

static void progress_does_not_go_to_the_result_topic(void **state)
{
    (void)state;
    struct reply_record record;
    build(with_topics("x/reply", "x/reply", NULL), "{\"final\":false}", &record);
    assert_null(record.progress);
    assert_null(record.progress_topic);
    reply_record_clear(&record);
}

static void no_progress_leaves_the_ack_topic_out(void **state)
{
    (void)state;
    struct reply_record record;
    build(with_topics("x/ack", "x/result", NULL), NULL, &record);
    assert_null(record.progress_topic);
    reply_record_clear(&record);
}

// ---- records

static void a_record_survives_the_way_through_the_outbox(void **state)
{
    (void)state;
    struct reply_record record;
    struct reply_record back;
    struct command command = with_topics("x/ack", "x/result", "reply/me");
    reply_record_build(&command, mem_strdup("{\"a\":\"\\u00e9 \xC3\xA9 \\\\ / 10.0\"}"), mem_strdup("{}"), &record);
    AUTO_FREE char *text = reply_record_encode(&record);
    assert_int_equal(reply_record_decode(text, &back), ERR_OK);
    assert_string_equal(back.reply, record.reply);
    assert_string_equal(back.progress, "{}");
    assert_string_equal(back.progress_topic, "x/ack");
    assert_int_equal(back.delivery_count, 2);
    expect_delivery(&back.deliveries[0], "x/result", NULL, 0);
    expect_delivery(&back.deliveries[1], "reply/me", "\0\xFF{\"", 4);
    reply_record_clear(&record);
    reply_record_clear(&back);
}

static void correlation_data_of_any_bytes_survives(void **state)
{
    (void)state;
    char bytes[256];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (char)i;
    }
    for (size_t len = 0; len <= sizeof bytes; len++) {
        struct command command = {.response_topic = lit("r"), .correlation_data = bytes, .correlation_len = len};
        struct reply_record record;
        struct reply_record back;
        build(command, NULL, &record);
        AUTO_FREE char *text = reply_record_encode(&record);
        assert_int_equal(reply_record_decode(text, &back), ERR_OK);
        expect_delivery(&back.deliveries[0], "r", bytes, len);
        reply_record_clear(&record);
        reply_record_clear(&back);
    }
}

static void a_record_without_deliveries_survives(void **state)
{
    (void)state;
    struct reply_record record;
    struct reply_record back;
    build(with_topics(NULL, NULL, NULL), NULL, &record);
    AUTO_FREE char *text = reply_record_encode(&record);
    assert_int_equal(reply_record_decode(text, &back), ERR_OK);
    assert_int_equal(back.delivery_count, 0);
    assert_null(back.progress);
    reply_record_clear(&record);
    reply_record_clear(&back);
}

static void damaged_records_are_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "{",
        "[]",
        "{}",
        "{\"reply\":\"{}\"}",
        "{\"reply\":1,\"deliveries\":[]}",
        "{\"reply\":\"{}\",\"deliveries\":{}}",
        "{\"reply\":\"{}\",\"deliveries\":[1]}",
        "{\"reply\":\"{}\",\"deliveries\":[{}]}",
        "{\"reply\":\"{}\",\"deliveries\":[{\"topic\":\"t\"},{\"topic\":\"t\",\"correlation\":\"!\"}]}",
        "{\"reply\":\"{}\",\"progress\":\"{}\",\"deliveries\":[]}",
        "{\"reply\":\"{}\",\"progress_topic\":\"t\",\"deliveries\":[]}",
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct reply_record back;
        if (reply_record_decode(texts[i], &back) != ERR_SYNTAX) {
            fail_msg("not refused: %s", texts[i]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_outcome_survives_the_way_through_the_outbox),
        cmocka_unit_test(a_bare_outcome_survives_too),
        cmocka_unit_test(a_null_result_is_not_taken_for_none),
        cmocka_unit_test(damaged_outcomes_are_refused),
        cmocka_unit_test(members_of_a_later_version_are_passed_over),
        cmocka_unit_test(a_final_reply_goes_to_the_result_topic_and_the_requester),
        cmocka_unit_test(one_topic_named_twice_gets_the_copy_with_correlation_data),
        cmocka_unit_test(topics_that_are_none_get_nothing),
        cmocka_unit_test(a_requester_without_correlation_data_gets_none),
        cmocka_unit_test(progress_goes_to_an_ack_topic_of_its_own),
        cmocka_unit_test(progress_does_not_go_to_the_result_topic),
        cmocka_unit_test(no_progress_leaves_the_ack_topic_out),
        cmocka_unit_test(the_note_of_a_call_that_waits_survives),
        cmocka_unit_test(damaged_notes_are_refused),
        cmocka_unit_test(a_record_survives_the_way_through_the_outbox),
        cmocka_unit_test(correlation_data_of_any_bytes_survives),
        cmocka_unit_test(a_record_without_deliveries_survives),
        cmocka_unit_test(damaged_records_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
