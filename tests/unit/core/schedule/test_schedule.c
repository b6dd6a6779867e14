// Lanes, calls and retries. test_schedule_model.c compares random sequences with a model.
#include "unit/core/schedule/schedule_checks.h"

static void an_empty_schedule_has_nothing_to_do(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(1, NULL);
    uint64_t id = 0;
    expect_none(schedule, 0);
    expect_none_expired(schedule, 1000);
    assert_false(schedule_superseded(schedule, &id));
    assert_false(schedule_retry_now(schedule, 1));
    assert_int_equal(schedule_wait_ms(schedule, 0), CLOCK_NEVER);
    assert_int_equal(schedule->entries.count, 0);
    assert_int_equal(schedule_in_flight(schedule), 0);
    schedule_destroy(schedule);
    schedule_destroy(NULL);
}

// ---- lanes

static void commands_of_one_lane_leave_one_after_the_other(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(10, NULL);
    ENTER(schedule, .id = 1, .lanes = {"a"});
    ENTER(schedule, .id = 2, .lanes = {"a"});
    const struct schedule_release *release = expect_next(schedule, 0, 1);
    expect_none(schedule, 0);
    report(schedule, release, 0, SCHEDULE_ANSWERED, NULL);
    schedule_call_done(schedule, 1, 0);
    expect_none(schedule, 0); // it has ended only when it leaves
    schedule_leave(schedule, 1);
    assert_int_equal(schedule_wait_ms(schedule, 0), 0);
    finish(schedule, expect_next(schedule, 0, 2), 0);
    assert_int_equal(schedule->entries.count, 0);
    schedule_destroy(schedule);
}

static void lanes_do_not_wait_for_each_other(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(10, NULL);
    ENTER(schedule, .id = 1, .lanes = {"slow"});
    ENTER(schedule, .id = 2, .lanes = {"slow"});
    ENTER(schedule, .id = 3, .lanes = {"other"});
    expect_next(schedule, 0, 1);
    expect_next(schedule, 0, 3);
    expect_none(schedule, 0);
    schedule_destroy(schedule);
}

static void a_command_of_two_lanes_waits_for_both_and_holds_both(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(10, NULL);
    ENTER(schedule, .id = 1, .lanes = {"a"});
    ENTER(schedule, .id = 2, .lanes = {"b"});
    ENTER(schedule, .id = 3, .lanes = {"a", "b"});
    ENTER(schedule, .id = 4, .lanes = {"b"});
    const struct schedule_release *first = expect_next(schedule, 0, 1);
    const struct schedule_release *second = expect_next(schedule, 0, 2);
    finish(schedule, first, 0);
    expect_none(schedule, 0);
    finish(schedule, second, 0);
    const struct schedule_release *third = expect_next(schedule, 0, 3);
    expect_none(schedule, 0);
    finish(schedule, third, 0);
    expect_next(schedule, 0, 4);
    schedule_destroy(schedule);
}

static void a_lane_named_twice_counts_once(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(10, NULL);
    ENTER(schedule, .id = 1, .lanes = {"a", "b", "a"});
    ENTER(schedule, .id = 2, .lanes = {"a"});
    finish(schedule, expect_next(schedule, 0, 1), 0);
    expect_next(schedule, 0, 2);
    schedule_destroy(schedule);
}

static void commands_without_lanes_wait_for_no_other(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(10, NULL);
    ENTER(schedule, .id = 1);
    ENTER(schedule, .id = 2);
    expect_next(schedule, 0, 1);
    expect_next(schedule, 0, 2);
    schedule_destroy(schedule);
}

static void ready_commands_of_a_rule_leave_in_the_order_they_came(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(10, NULL);
    ENTER(schedule, .id = 9, .lanes = {"a"});
    ENTER(schedule, .id = 8, .lanes = {"a"});
    ENTER(schedule, .id = 7, .lanes = {"b"}, .deadline_ms = 500);
    ENTER(schedule, .id = 6, .deadline_ms = 50);
    finish(schedule, expect_next(schedule, 0, 9), 0); // makes 8 ready, which came before 7 and 6
    expect_next(schedule, 0, 8);
    expect_next(schedule, 0, 7);
    expect_next(schedule, 0, 6);
    schedule_destroy(schedule);
}

// ---- several calls

static void all_calls_of_a_command_may_be_in_flight_together(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(10, NULL);
    ENTER(schedule, .id = 1, .lanes = {"a"}, .calls = 3);
    ENTER(schedule, .id = 2, .lanes = {"a"});
    const struct schedule_release *releases[3];
    for (size_t i = 0; i < 3; i++) {
        releases[i] = expect_call(schedule, 0, 1, i);
    }
    assert_int_equal(schedule_in_flight(schedule), 3);
    for (size_t i = 0; i < 3; i++) {
        expect_none(schedule, 0);
        report(schedule, releases[i], 0, SCHEDULE_ANSWERED, NULL);
        schedule_call_done(schedule, 1, i);
    }
    expect_none(schedule, 0);
    schedule_leave(schedule, 1);
    expect_next(schedule, 0, 2);
    schedule_destroy(schedule);
}

static void each_call_of_a_command_is_retried_on_its_own(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(10, NULL);
    ENTER(schedule, .id = 1, .calls = 2);
    const struct schedule_release *first = expect_call(schedule, 0, 1, 0);
    const struct schedule_release *second = expect_call(schedule, 0, 1, 1);
    retry_at(schedule, second, 0, 100);
    expect_none(schedule, 99);
    second = expect_call(schedule, 100, 1, 1);
    report(schedule, first, 100, SCHEDULE_ANSWERED, NULL);
    schedule_call_done(schedule, 1, 0);
    finish(schedule, second, 100);
    schedule_destroy(schedule);
}

static void a_command_may_leave_before_all_its_calls_did(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(1, NULL);
    ENTER(schedule, .id = 1, .lanes = {"a"}, .calls = 3);
    ENTER(schedule, .id = 2, .lanes = {"a"});
    finish(schedule, expect_next(schedule, 0, 1), 0);
    expect_next(schedule, 0, 2);
    assert_int_equal(schedule->entries.count, 1);
    schedule_destroy(schedule);
}

// ---- retries

static void a_command_that_waits_for_a_retry_keeps_its_place(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(10, NULL);
    ENTER(schedule, .id = 1, .lanes = {"a"});
    ENTER(schedule, .id = 2, .lanes = {"a"});
    ENTER(schedule, .id = 3, .lanes = {"b"});
    retry_at(schedule, expect_next(schedule, 0, 1), 0, 500);
    expect_next(schedule, 0, 3);
    expect_none(schedule, 499);
    assert_int_equal(schedule_wait_ms(schedule, 400), 100);
    finish(schedule, expect_next(schedule, 500, 1), 500);
    expect_next(schedule, 500, 2);
    schedule_destroy(schedule);
}

static void an_operator_can_have_a_retry_at_once(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(10, NULL);
    ENTER(schedule, .id = 1);
    retry_at(schedule, expect_next(schedule, 0, 1), 0, 500);
    assert_true(schedule_retry_now(schedule, 1));
    assert_int_equal(schedule_wait_ms(schedule, 10), 0);
    const struct schedule_release *release = expect_next(schedule, 10, 1);
    assert_true(schedule_retry_now(schedule, 1)); // nothing waits: nothing happens
    expect_none(schedule, 10);
    finish(schedule, release, 10);
    assert_false(schedule_retry_now(schedule, 1));
    schedule_destroy(schedule);
}

// ---- waiting and size

static void what_a_command_waits_for_can_be_told(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(1, NULL);
    ENTER(schedule, .id = 1, .lanes = {"a"});
    ENTER(schedule, .id = 2, .lanes = {"a"});
    ENTER(schedule, .id = 3);
    assert_int_equal(schedule_waits_for(schedule, 1), SCHEDULE_FOR_TURN);
    const struct schedule_release *release = expect_next(schedule, 0, 1);
    expect_none(schedule, 0);
    assert_int_equal(schedule_waits_for(schedule, 1), SCHEDULE_NO_WAIT);
    assert_int_equal(schedule_waits_for(schedule, 2), SCHEDULE_FOR_LANE);
    assert_int_equal(schedule_waits_for(schedule, 3), SCHEDULE_FOR_ROOM);
    assert_int_equal(schedule_waits_for(schedule, 4), SCHEDULE_NO_WAIT);
    retry_at(schedule, release, 0, 500);
    assert_int_equal(schedule_waits_for(schedule, 1), SCHEDULE_FOR_RETRY);
    for (int i = 0; i < 5; i++) {
        const struct schedule_report ended = {.finding = SCHEDULE_NOT_CONNECTED, .wait_ms = -1};
        send_back(schedule, expect_next(schedule, 0, 3), 0, &ended, &(struct schedule_retry){0});
    }
    assert_int_equal(schedule_waits_for(schedule, 3), SCHEDULE_FOR_PLATFORM);
    schedule_destroy(schedule);
}

static void the_command_before_one_in_its_lanes_can_be_told(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(4, NULL);
    uint64_t before = 0;
    ENTER(schedule, .id = 1, .lanes = {"a"});
    ENTER(schedule, .id = 2, .lanes = {"a"});
    ENTER(schedule, .id = 3, .lanes = {"b", "a"});
    assert_false(schedule_before(schedule, 1, &before));
    assert_false(schedule_before(schedule, 9, &before));
    assert_true(schedule_before(schedule, 3, &before));
    assert_int_equal(before, 1); // which 2 waits for as well
    finish(schedule, expect_next(schedule, 0, 1), 0);
    assert_true(schedule_before(schedule, 3, &before));
    assert_int_equal(before, 2);
    schedule_destroy(schedule);
}

static void limits_that_hold_a_command_back_can_be_told(void **state)
{
    (void)state;
    static const struct schedule_limit limits[] = {{"Do", 1}, {"DoMany", 1}, {NULL, 0}};
    const struct schedule_report asked = {.finding = SCHEDULE_THROTTLED, .wait_ms = 5000};
    struct schedule *schedule = schedule_of(10, limits);
    schedule_set_rate(schedule, "rated", 1);
    ENTER(schedule, .id = 1);
    ENTER(schedule, .id = 2);
    ENTER(schedule, .id = 3, .rule = "rated", .action = "DoElse");
    ENTER(schedule, .id = 4, .rule = "rated", .action = "DoElse");
    ENTER(schedule, .id = 5, .fold = "k", .device = "x", .window_ms = 100);
    expect_next(schedule, 0, 3);
    const struct schedule_release *first = expect_next(schedule, 0, 1);
    expect_none(schedule, 0);
    assert_int_equal(schedule_waits_for(schedule, 2), SCHEDULE_FOR_QUOTA);
    assert_int_equal(schedule_waits_for(schedule, 4), SCHEDULE_FOR_RATE);
    assert_int_equal(schedule_waits_for(schedule, 5), SCHEDULE_FOR_GROUP);
    send_back(schedule, first, 10, &asked, &(struct schedule_retry){0});
    expect_none(schedule, 200);
    assert_int_equal(schedule_waits_for(schedule, 2), SCHEDULE_FOR_PAUSE);
    assert_int_equal(schedule_waits_for(schedule, 5), SCHEDULE_FOR_PAUSE);
    schedule_destroy(schedule);
}

static void the_wait_is_until_the_next_deadline_of_what_waits(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(1, NULL);
    ENTER(schedule, .id = 1);
    expect_next(schedule, 0, 1);
    ENTER(schedule, .id = 2, .deadline_ms = 300);
    ENTER(schedule, .id = 3, .deadline_ms = 200);
    expect_none(schedule, 50);
    assert_int_equal(schedule_wait_ms(schedule, 50), 150);
    assert_int_equal(schedule_wait_ms(schedule, 200), 0);
    assert_int_equal(schedule_wait_ms(schedule, 250), 0);
    schedule_leave(schedule, 3);
    assert_int_equal(schedule_wait_ms(schedule, 250), 50);
    schedule_destroy(schedule);
}

static void an_id_can_enter_again_after_it_left(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(1, NULL);
    ENTER(schedule, .id = 1, .lanes = {"a"});
    schedule_leave(schedule, 1);
    ENTER(schedule, .id = 1, .lanes = {"a"});
    expect_next(schedule, 0, 1);
    schedule_destroy(schedule);
}

static void time_that_goes_back_is_taken_as_standing_still(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(1, NULL);
    ENTER(schedule, .id = 1, .deadline_ms = 100);
    expect_none_expired(schedule, 99);
    expect_expired(schedule, 100, 1);
    expect_none(schedule, 50);
    expect_expired(schedule, 50, 1);
    schedule_destroy(schedule);
}

// With a cost per operation that grew with the queue, these would not end in time.
enum { MANY = 200000 };

static void a_long_queue_in_one_lane_is_worked_off_in_order(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(16, NULL);
    for (uint64_t id = 1; id <= MANY; id++) {
        ENTER(schedule, .id = id, .lanes = {"device"});
    }
    for (uint64_t id = 1; id <= MANY; id++) {
        const struct schedule_release *release = expect_next(schedule, 0, id);
        expect_none(schedule, 0);
        finish(schedule, release, 0);
    }
    assert_int_equal(schedule->entries.count, 0);
    schedule_destroy(schedule);
}

static void many_lanes_and_rules_are_opened_and_closed(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(64, NULL);
    for (int round = 0; round < 2; round++) {
        for (uint64_t id = 1; id <= MANY; id++) {
            char lane[32];
            char rule[32];
            snprintf(lane, sizeof lane, "device-%llu", (unsigned long long)id);
            snprintf(rule, sizeof rule, "rule-%llu", (unsigned long long)(id % 1000));
            ENTER(schedule, .id = id, .lanes = {lane}, .rule = rule, .latest = lane);
        }
        for (uint64_t id = 1; id <= MANY; id++) {
            finish(schedule, expect_next(schedule, 0, id), 0);
        }
    }
    schedule_destroy(schedule);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_schedule_has_nothing_to_do),
        cmocka_unit_test(commands_of_one_lane_leave_one_after_the_other),
        cmocka_unit_test(lanes_do_not_wait_for_each_other),
        cmocka_unit_test(a_command_of_two_lanes_waits_for_both_and_holds_both),
        cmocka_unit_test(a_lane_named_twice_counts_once),
        cmocka_unit_test(commands_without_lanes_wait_for_no_other),
        cmocka_unit_test(ready_commands_of_a_rule_leave_in_the_order_they_came),
        cmocka_unit_test(all_calls_of_a_command_may_be_in_flight_together),
        cmocka_unit_test(each_call_of_a_command_is_retried_on_its_own),
        cmocka_unit_test(a_command_may_leave_before_all_its_calls_did),
        cmocka_unit_test(a_command_that_waits_for_a_retry_keeps_its_place),
        cmocka_unit_test(an_operator_can_have_a_retry_at_once),
        cmocka_unit_test(what_a_command_waits_for_can_be_told),
        cmocka_unit_test(the_command_before_one_in_its_lanes_can_be_told),
        cmocka_unit_test(limits_that_hold_a_command_back_can_be_told),
        cmocka_unit_test(the_wait_is_until_the_next_deadline_of_what_waits),
        cmocka_unit_test(an_id_can_enter_again_after_it_left),
        cmocka_unit_test(time_that_goes_back_is_taken_as_standing_still),
        cmocka_unit_test(a_long_queue_in_one_lane_is_worked_off_in_order),
        cmocka_unit_test(many_lanes_and_rules_are_opened_and_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
