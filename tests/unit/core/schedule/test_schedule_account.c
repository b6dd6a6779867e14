// The in-flight limit and the breaker of an account.
#include "unit/core/schedule/schedule_checks.h"

static size_t limit(const struct schedule *schedule)
{
    return schedule_account_state(schedule, 0).in_flight_limit;
}

static enum schedule_breaker breaker(const struct schedule *schedule)
{
    return schedule_account_state(schedule, 0).breaker;
}

static void enter_many(struct schedule *schedule, uint64_t first, size_t count)
{
    for (uint64_t id = first; id < first + count; id++) {
        ENTER(schedule, .id = id);
    }
}

static size_t take_all(struct schedule *schedule, int64_t now_ms, const struct schedule_release **releases)
{
    size_t count = 0;
    while ((releases[count] = schedule_next(schedule, now_ms)) != NULL) {
        count++;
    }
    return count;
}

static void again(struct schedule *schedule, const struct schedule_release *release, int64_t now_ms,
                  enum schedule_finding finding, const char *device)
{
    const struct schedule_report ended = {.finding = finding, .wait_ms = -1, .device = device};
    send_back(schedule, release, now_ms, &ended, &(struct schedule_retry){.not_before_ms = now_ms});
}

// ---- in flight

static void the_in_flight_limit_starts_at_16_and_holds_calls_back(void **state)
{
    (void)state;
    const struct schedule_release *releases[32] = {0};
    struct schedule *schedule = schedule_of(64, NULL);
    enter_many(schedule, 0, 20);
    assert_int_equal(take_all(schedule, 0, releases), 16);
    assert_int_equal(schedule_in_flight(schedule), 16);
    assert_int_equal(schedule_wait_ms(schedule, 0), FAR);
    finish(schedule, releases[3], 0);
    assert_int_equal(schedule_wait_ms(schedule, 0), 0);
    expect_next(schedule, 0, 16);
    expect_none(schedule, 0);
    schedule_destroy(schedule);
}

static void connections_are_the_ceiling(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(3, NULL);
    const struct schedule_release *releases[8] = {0};
    assert_int_equal(limit(schedule), 3);
    enter_many(schedule, 0, 1000);
    for (int64_t now_ms = 0; now_ms < 200; now_ms++) {
        size_t count = take_all(schedule, now_ms, releases);
        assert_int_equal(count, 3);
        while (count > 0) {
            finish(schedule, releases[--count], now_ms);
        }
    }
    assert_int_equal(limit(schedule), 3);
    take_all(schedule, 5000, releases);
    again(schedule, releases[0], 5000, SCHEDULE_BUSY, "a");
    assert_int_equal(limit(schedule), 3); // fewer than 8 are never halved
    schedule_destroy(schedule);
}

// Answers one call after the other, while others are always held back.
static void answer(struct schedule *schedule, size_t count)
{
    const struct schedule_release *releases[128] = {0};
    while (count-- > 0) {
        assert_true(take_all(schedule, 0, releases) > 0);
        finish(schedule, releases[0], 0);
    }
}

static void the_limit_grows_while_it_holds_calls_back(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(18, NULL);
    enter_many(schedule, 0, 1000);
    answer(schedule, 15);
    assert_int_equal(limit(schedule), 16);
    answer(schedule, 1);
    assert_int_equal(limit(schedule), 17);
    answer(schedule, 16);
    assert_int_equal(limit(schedule), 17);
    answer(schedule, 1);
    assert_int_equal(limit(schedule), 18);
    answer(schedule, 100);
    assert_int_equal(limit(schedule), 18);
    schedule_destroy(schedule);
}

static void the_limit_does_not_grow_while_nothing_is_held_back(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(64, NULL);
    for (uint64_t id = 0; id < 100; id++) {
        ENTER(schedule, .id = id);
        finish(schedule, expect_next(schedule, 0, id), 0);
        expect_none(schedule, 0);
    }
    assert_int_equal(limit(schedule), 16);
    schedule_destroy(schedule);
}

static void throttling_busyness_and_connect_failures_halve_the_limit(void **state)
{
    (void)state;
    static const enum schedule_finding findings[] = {SCHEDULE_THROTTLED, SCHEDULE_BUSY, SCHEDULE_NOT_CONNECTED};
    for (size_t i = 0; i < COUNT_OF(findings); i++) {
        struct schedule *schedule = schedule_of(64, NULL);
        ENTER(schedule, .id = 1);
        again(schedule, expect_next(schedule, 0, 1), 0, findings[i], "a");
        assert_int_equal(limit(schedule), 8);
        again(schedule, expect_next(schedule, 5000, 1), 5000, findings[i], "a");
        assert_int_equal(limit(schedule), 8); // never below
        schedule_destroy(schedule);
    }
}

static void other_ends_leave_the_limit_alone(void **state)
{
    (void)state;
    static const enum schedule_finding findings[] = {SCHEDULE_NO_ANSWER, SCHEDULE_SERVER_ERROR, SCHEDULE_NOT_TRIED,
                                                     SCHEDULE_ANSWERED};
    struct schedule *schedule = schedule_of(64, NULL);
    ENTER(schedule, .id = 1);
    for (size_t i = 0; i < COUNT_OF(findings); i++) {
        again(schedule, expect_next(schedule, 0, 1), 0, findings[i], "a");
        assert_int_equal(limit(schedule), 16);
    }
    schedule_destroy(schedule);
}

static void a_burst_of_failures_halves_the_limit_once(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(64, NULL);
    const struct schedule_release *releases[128] = {0};
    enter_many(schedule, 0, 5000);
    size_t count = take_all(schedule, 0, releases);
    while (limit(schedule) < 40) {
        finish(schedule, releases[--count], 0);
        count += take_all(schedule, 0, &releases[count]);
    }
    again(schedule, releases[--count], 100, SCHEDULE_THROTTLED, NULL);
    again(schedule, releases[--count], 101, SCHEDULE_THROTTLED, NULL);
    again(schedule, releases[--count], 5000, SCHEDULE_THROTTLED, NULL); // it had left before the limit was halved
    assert_int_equal(limit(schedule), 20);
    while (count > 19) {
        finish(schedule, releases[--count], 5000);
    }
    again(schedule, schedule_next(schedule, 5000), 5001, SCHEDULE_THROTTLED, NULL);
    assert_int_equal(limit(schedule), 10);
    schedule_destroy(schedule);
}

// ---- breaker

static void five_connect_failures_in_a_row_open_the_breaker(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(64, NULL);
    size_t account = 9;
    ENTER(schedule, .id = 1);
    for (int i = 0; i < 4; i++) {
        again(schedule, expect_next(schedule, 0, 1), 0, SCHEDULE_NOT_CONNECTED, "a");
    }
    again(schedule, expect_next(schedule, 0, 1), 0, SCHEDULE_SERVER_ERROR, "a"); // connected: they were not in a row
    assert_false(schedule_breaker_changed(schedule, &account));
    for (int i = 0; i < 5; i++) {
        assert_int_equal(breaker(schedule), SCHEDULE_CLOSED);
        again(schedule, expect_next(schedule, 0, 1), 0, SCHEDULE_NOT_CONNECTED, "a");
    }
    assert_int_equal(breaker(schedule), SCHEDULE_OPEN);
    assert_true(schedule_breaker_changed(schedule, &account));
    assert_int_equal(account, 0);
    assert_false(schedule_breaker_changed(schedule, &account));
    assert_int_equal(schedule_account_state(schedule, 0).cause, SCHEDULE_NOT_CONNECTED);
    expect_none(schedule, 0);
    schedule_destroy(schedule);
}

static void trouble_of_three_devices_opens_the_breaker(void **state)
{
    (void)state;
    static const enum schedule_finding findings[] = {SCHEDULE_NO_ANSWER, SCHEDULE_SERVER_ERROR, SCHEDULE_BUSY};
    struct schedule *schedule = schedule_of(64, NULL);
    static const char *const devices[] = {"a", "b", "c"};
    ENTER(schedule, .id = 1);
    for (size_t i = 0; i < 20; i++) {
        again(schedule, expect_next(schedule, 0, 1), 0, SCHEDULE_NO_ANSWER, i % 2 == 0 ? "a" : "b");
    }
    again(schedule, expect_next(schedule, 0, 1), 0, SCHEDULE_ANSWERED, "d"); // between: it starts anew
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(breaker(schedule), SCHEDULE_CLOSED);
        again(schedule, expect_next(schedule, 0, 1), 0, findings[i], devices[i]);
    }
    assert_int_equal(breaker(schedule), SCHEDULE_OPEN);
    schedule_destroy(schedule);
}

static void one_device_without_a_name_does_not_open_the_breaker(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(64, NULL);
    ENTER(schedule, .id = 1);
    for (size_t i = 0; i < 20; i++) {
        again(schedule, expect_next(schedule, 0, 1), 0, SCHEDULE_NO_ANSWER, NULL);
    }
    assert_int_equal(breaker(schedule), SCHEDULE_CLOSED);
    schedule_destroy(schedule);
}

// Opens it with five calls that cannot connect; command 1 waits afterwards.
static struct schedule *schedule_with_open_breaker(int64_t now_ms)
{
    struct schedule *schedule = schedule_of(64, NULL);
    ENTER(schedule, .id = 1);
    for (int i = 0; i < 5; i++) {
        again(schedule, expect_next(schedule, now_ms, 1), now_ms, SCHEDULE_NOT_CONNECTED, "a");
    }
    assert_int_equal(breaker(schedule), SCHEDULE_OPEN);
    return schedule;
}

static void an_open_breaker_lets_one_call_go_after_a_while(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_with_open_breaker(0);
    enter_many(schedule, 2, 20);
    expect_none(schedule, 0);
    int64_t wait_ms = schedule_wait_ms(schedule, 0);
    assert_in_range(wait_ms, 750, 1000);
    assert_int_equal(schedule_account_state(schedule, 0).retry_at_ms, wait_ms);
    expect_none(schedule, wait_ms - 1);
    const struct schedule_release *probe = expect_next(schedule, wait_ms, 1);
    assert_true(probe->probe);
    assert_int_equal(breaker(schedule), SCHEDULE_PROBING);
    expect_none(schedule, 5000);
    assert_int_equal(schedule_wait_ms(schedule, 5000), FAR - 5000);
    schedule_destroy(schedule);
}

static void a_probe_that_is_answered_closes_the_breaker_and_starts_gently(void **state)
{
    (void)state;
    static const enum schedule_finding findings[] = {SCHEDULE_ANSWERED, SCHEDULE_THROTTLED};
    static const size_t limits[] = {16, 8};
    for (size_t i = 0; i < COUNT_OF(findings); i++) {
        const struct schedule_release *releases[32] = {0};
        size_t account = 9;
        struct schedule *schedule = schedule_with_open_breaker(0);
        enter_many(schedule, 2, 100);
        again(schedule, expect_next(schedule, 1000, 1), 1001, findings[i], "a");
        assert_int_equal(breaker(schedule), SCHEDULE_CLOSED);
        assert_false(schedule_breaker_changed(schedule, &account)); // not seen in between
        assert_int_equal(take_all(schedule, 1001, releases), limits[i]);
        assert_false(releases[0]->probe);
        schedule_destroy(schedule);
    }
}

static void a_probe_that_fails_doubles_the_wait_up_to_half_a_minute(void **state)
{
    (void)state;
    static const int64_t waits[] = {2000, 4000, 8000, 16000, 30000, 30000};
    static const enum schedule_finding findings[] = {SCHEDULE_NOT_CONNECTED, SCHEDULE_NO_ANSWER, SCHEDULE_BUSY,
                                                     SCHEDULE_SERVER_ERROR};
    struct schedule *schedule = schedule_with_open_breaker(0);
    int64_t now_ms = 1000;
    for (size_t i = 0; i < COUNT_OF(waits); i++) {
        const struct schedule_release *probe = expect_next(schedule, now_ms, 1);
        again(schedule, probe, now_ms, findings[i % COUNT_OF(findings)], "a");
        assert_int_equal(breaker(schedule), SCHEDULE_OPEN);
        expect_none(schedule, now_ms);
        int64_t wait_ms = schedule_wait_ms(schedule, now_ms);
        assert_in_range(wait_ms, waits[i] * 3 / 4, waits[i]);
        now_ms += wait_ms;
    }
    again(schedule, expect_next(schedule, now_ms, 1), now_ms, SCHEDULE_ANSWERED, "a");
    for (int i = 0; i < 5; i++) {
        again(schedule, expect_next(schedule, now_ms, 1), now_ms, SCHEDULE_NOT_CONNECTED, "a");
    }
    expect_none(schedule, now_ms);
    assert_in_range(schedule_wait_ms(schedule, now_ms), 750, 1000); // from the start
    schedule_destroy(schedule);
}

static void a_probe_that_was_not_tried_makes_room_for_another(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_with_open_breaker(0);
    again(schedule, expect_next(schedule, 1000, 1), 1000, SCHEDULE_NOT_TRIED, "a");
    assert_int_equal(breaker(schedule), SCHEDULE_OPEN);
    assert_true(expect_next(schedule, 1000, 1)->probe);
    schedule_destroy(schedule);
}

static void late_answers_neither_close_nor_open_it_again(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(64, NULL);
    const struct schedule_release *releases[32] = {0};
    enter_many(schedule, 1, 10);
    take_all(schedule, 0, releases);
    for (size_t i = 0; i < 5; i++) {
        again(schedule, releases[i], 10, SCHEDULE_NOT_CONNECTED, "a");
    }
    int64_t retry_at_ms = schedule_account_state(schedule, 0).retry_at_ms;
    again(schedule, releases[5], 20, SCHEDULE_NOT_CONNECTED, "a");
    again(schedule, releases[6], 20, SCHEDULE_ANSWERED, "a");
    assert_int_equal(breaker(schedule), SCHEDULE_OPEN);
    assert_int_equal(schedule_account_state(schedule, 0).retry_at_ms, retry_at_ms);
    assert_non_null(schedule_next(schedule, retry_at_ms));
    finish(schedule, releases[7], retry_at_ms);
    assert_int_equal(breaker(schedule), SCHEDULE_PROBING);
    schedule_destroy(schedule);
}

static void deadlines_go_on_while_it_is_open(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_with_open_breaker(0);
    ENTER(schedule, .id = 2, .deadline_ms = 300);
    assert_int_equal(schedule_wait_ms(schedule, 0), 0); // 2 has just come
    expect_none(schedule, 0);
    assert_int_equal(schedule_wait_ms(schedule, 0), 300);
    expect_expired(schedule, 300, 2);
    schedule_leave(schedule, 2);
    schedule_destroy(schedule);
}

static void the_probe_of_a_group_is_one_command(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_with_open_breaker(0);
    schedule_leave(schedule, 1);
    ENTER(schedule, .id = 2, .lanes = {"a"}, .fold = "k");
    ENTER(schedule, .id = 3, .lanes = {"b"}, .fold = "k");
    ENTER(schedule, .id = 4, .lanes = {"c"}, .fold = "k");
    const struct schedule_release *probe = expect_next(schedule, 1000, 2);
    assert_true(probe->probe);
    finish(schedule, probe, 1000);
    assert_int_equal(schedule_next(schedule, 1000)->count, 2);
    schedule_destroy(schedule);
}

static void the_probe_is_a_whole_group_if_no_single_call_may_leave(void **state)
{
    (void)state;
    const struct schedule_limit limits[] = {{"Do", 0.001}, {NULL, 0}};
    struct schedule *schedule = schedule_of(64, limits);
    ENTER(schedule, .id = 1);
    finish(schedule, expect_next(schedule, 0, 1), 0);
    ENTER(schedule, .id = 1, .action = "Other");
    for (int i = 0; i < 5; i++) {
        again(schedule, expect_next(schedule, 0, 1), 0, SCHEDULE_NOT_CONNECTED, "a");
    }
    schedule_leave(schedule, 1);
    ENTER(schedule, .id = 2, .lanes = {"a"}, .fold = "k");
    ENTER(schedule, .id = 3, .lanes = {"b"}, .fold = "k");
    const struct schedule_release *probe = schedule_next(schedule, 1000);
    assert_true(probe->probe);
    assert_int_equal(probe->count, 2);
    schedule_destroy(schedule);
}

static void one_accounts_breaker_does_not_hold_up_another_account(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_with_open_breaker(0);
    const struct schedule_account_options other = {.connections = 1};
    schedule_add_account(schedule, &other);
    ENTER(schedule, .id = 2, .account = 1);
    expect_next(schedule, 0, 2);
    assert_int_equal(schedule_account_state(schedule, 1).breaker, SCHEDULE_CLOSED);
    schedule_destroy(schedule);
}

static void a_busy_platform_is_left_alone_as_long_as_it_asks(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(64, NULL);
    ENTER(schedule, .id = 1);
    const struct schedule_report busy = {.finding = SCHEDULE_BUSY, .wait_ms = 2000, .device = "a"};
    send_back(schedule, expect_next(schedule, 0, 1), 0, &busy, &(struct schedule_retry){0});
    expect_none(schedule, 1999);
    expect_next(schedule, 2000, 1);
    schedule_destroy(schedule);
}

static void states_have_names(void **state)
{
    (void)state;
    assert_string_equal(schedule_breaker_name(SCHEDULE_CLOSED), "closed");
    assert_string_equal(schedule_breaker_name(SCHEDULE_OPEN), "open");
    assert_string_equal(schedule_breaker_name(SCHEDULE_PROBING), "probing");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_in_flight_limit_starts_at_16_and_holds_calls_back),
        cmocka_unit_test(connections_are_the_ceiling),
        cmocka_unit_test(the_limit_grows_while_it_holds_calls_back),
        cmocka_unit_test(the_limit_does_not_grow_while_nothing_is_held_back),
        cmocka_unit_test(throttling_busyness_and_connect_failures_halve_the_limit),
        cmocka_unit_test(other_ends_leave_the_limit_alone),
        cmocka_unit_test(a_burst_of_failures_halves_the_limit_once),
        cmocka_unit_test(five_connect_failures_in_a_row_open_the_breaker),
        cmocka_unit_test(trouble_of_three_devices_opens_the_breaker),
        cmocka_unit_test(one_device_without_a_name_does_not_open_the_breaker),
        cmocka_unit_test(an_open_breaker_lets_one_call_go_after_a_while),
        cmocka_unit_test(a_probe_that_is_answered_closes_the_breaker_and_starts_gently),
        cmocka_unit_test(a_probe_that_fails_doubles_the_wait_up_to_half_a_minute),
        cmocka_unit_test(a_probe_that_was_not_tried_makes_room_for_another),
        cmocka_unit_test(late_answers_neither_close_nor_open_it_again),
        cmocka_unit_test(deadlines_go_on_while_it_is_open),
        cmocka_unit_test(the_probe_of_a_group_is_one_command),
        cmocka_unit_test(the_probe_is_a_whole_group_if_no_single_call_may_leave),
        cmocka_unit_test(one_accounts_breaker_does_not_hold_up_another_account),
        cmocka_unit_test(a_busy_platform_is_left_alone_as_long_as_it_asks),
        cmocka_unit_test(states_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
