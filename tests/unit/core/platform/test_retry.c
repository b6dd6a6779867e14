#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "core/platform/retry.h"

#define NOW 1794255051000 // 2026-11-09T20:10:51Z

static int64_t wait_for(const char *retry_after, const char *user, const char *api)
{
    return retry_after_ms(&(struct retry_headers){retry_after, user, api}, NOW);
}

static void seconds_and_dates_are_read(void **state)
{
    (void)state;
    assert_int_equal(wait_for("7", "", ""), 7000);
    assert_int_equal(wait_for("0", "", ""), 0);
    assert_int_equal(wait_for("Mon, 09 Nov 2026 20:11:01 GMT", "", ""), 10000);
}

static void a_date_that_has_passed_means_at_once(void **state)
{
    (void)state;
    assert_int_equal(wait_for("Mon, 09 Nov 2026 20:00:00 GMT", "", ""), 0);
}

static void what_cannot_be_read_tells_nothing(void **state)
{
    (void)state;
    assert_int_equal(wait_for("", "", ""), -1);
    assert_int_equal(wait_for("soon", "Limit:500", "TimeLeft:x"), -1);
    assert_int_equal(wait_for("-3", "", ""), -1);
    assert_int_equal(wait_for("1.5", "", ""), -1);
}

static void the_time_left_of_a_quota_is_in_milliseconds(void **state)
{
    (void)state;
    assert_int_equal(wait_for("", "Limit:500,Remain:0,TimeLeft:123,Reset:1", ""), 123);
    assert_int_equal(wait_for("", "", "limit:10, remain:0, timeleft: 900"), 900);
}

static void the_longest_wait_counts(void **state)
{
    (void)state;
    assert_int_equal(wait_for("1", "TimeLeft:2500", "TimeLeft:30"), 2500);
}

static void no_server_may_ask_for_more_than_an_hour(void **state)
{
    (void)state;
    assert_int_equal(wait_for("999999999", "", ""), RETRY_AFTER_MAX_MS);
    assert_int_equal(wait_for("", "TimeLeft:99999999999999999999", ""), RETRY_AFTER_MAX_MS);
    assert_int_equal(wait_for("Mon, 09 Nov 2099 20:11:01 GMT", "", ""), RETRY_AFTER_MAX_MS);
}

static void backoff_doubles_up_to_half_a_minute(void **state)
{
    (void)state;
    static const int64_t longest[] = {500, 1000, 2000, 4000, 8000, 16000, 30000, 30000};
    for (size_t i = 0; i < COUNT_OF(longest); i++) {
        assert_int_equal(retry_backoff_ms((int)i, 0), 0);
        assert_int_equal(retry_backoff_ms((int)i, (uint64_t)longest[i]), longest[i]);
        assert_int_equal(retry_backoff_ms((int)i, (uint64_t)longest[i] + 1), 0);
    }
    assert_int_equal(retry_backoff_ms(INT_MAX, 30000), 30000);
    assert_int_equal(retry_backoff_ms(-1, 500), 500);
}

static void any_random_number_gives_a_wait_in_range(void **state)
{
    (void)state;
    assert_in_range(retry_backoff_ms(0, UINT64_MAX), 0, 500);
    assert_in_range(retry_backoff_ms(1000, UINT64_MAX), 0, 30000);
}

static void backoff_is_spread_evenly(void **state)
{
    (void)state;
    int64_t sum = 0;
    for (uint64_t i = 0; i < 1001; i++) {
        sum += retry_backoff_ms(1, i);
    }
    assert_int_equal(sum / 1001, 500);
}

static void only_what_surely_did_not_run_is_tried_again_without_a_question(void **state)
{
    (void)state;
    static const enum retry_advice advice[] = {
        [API_SUCCESS] = RETRY_NEVER,
        [API_DEVICE_FAILED] = RETRY_NEVER,
        [API_RESULT_UNREAD] = RETRY_NEVER,
        [API_NOT_TAKEN] = RETRY_SAFE,
        [API_AUTH] = RETRY_NEW_SECRET,
        [API_CLOCK] = RETRY_NEW_TIME,
        [API_THROTTLED] = RETRY_SAFE,
        [API_BUSY] = RETRY_SAFE,
        [API_MAY_HAVE_RUN] = RETRY_IF_IDEMPOTENT,
        [API_NONCE_USED] = RETRY_IF_IDEMPOTENT,
        [API_REQUEST] = RETRY_NEVER,
        [API_DEVICE] = RETRY_NEVER,
        [API_DEVICE_OFFLINE] = RETRY_NEVER,
        [API_DEVICE_TIMEOUT] = RETRY_NEVER,
        [API_PUSH_FAILED] = RETRY_IF_IDEMPOTENT,
        [API_PERMANENT] = RETRY_NEVER,
    };
    for (enum api_class class = API_SUCCESS; class <= API_PERMANENT; class ++) {
        assert_int_equal(api_retry_advice(class), advice[class]);
    }
}

static void a_folded_call_is_divided_only_after_an_error_of_request_or_device(void **state)
{
    (void)state;
    for (enum api_class class = API_SUCCESS; class <= API_PERMANENT; class ++) {
        bool divided = class == API_REQUEST || class == API_DEVICE || class == API_DEVICE_OFFLINE;
        assert_int_equal(retry_each_alone(class), divided);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seconds_and_dates_are_read),
        cmocka_unit_test(a_date_that_has_passed_means_at_once),
        cmocka_unit_test(what_cannot_be_read_tells_nothing),
        cmocka_unit_test(the_time_left_of_a_quota_is_in_milliseconds),
        cmocka_unit_test(the_longest_wait_counts),
        cmocka_unit_test(no_server_may_ask_for_more_than_an_hour),
        cmocka_unit_test(backoff_doubles_up_to_half_a_minute),
        cmocka_unit_test(any_random_number_gives_a_wait_in_range),
        cmocka_unit_test(backoff_is_spread_evenly),
        cmocka_unit_test(only_what_surely_did_not_run_is_tried_again_without_a_question),
        cmocka_unit_test(a_folded_call_is_divided_only_after_an_error_of_request_or_device),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
