// Which call may leave when. test_schedule_model.c compares random sequences with a simple model.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/mem.h"
#include "core/schedule.h"

static struct schedule *schedule_of(int max_in_flight)
{
    return schedule_create(&(struct schedule_options){.max_in_flight = max_in_flight});
}

static void enter(struct schedule *schedule, uint64_t id, const char *lane, int64_t deadline_ms)
{
    schedule_enter(schedule, id, &lane, lane != NULL ? 1 : 0, deadline_ms, 1);
}

static void expect_next(struct schedule *schedule, int64_t now_ms, uint64_t id, int call)
{
    uint64_t found_id = 0;
    int found_call = -1;
    assert_true(schedule_next(schedule, now_ms, &found_id, &found_call));
    assert_int_equal(found_id, id);
    assert_int_equal(found_call, call);
}

static void expect_none(struct schedule *schedule, int64_t now_ms)
{
    uint64_t id = 0;
    int call = 0;
    assert_false(schedule_next(schedule, now_ms, &id, &call));
}

static void expect_expired(struct schedule *schedule, int64_t now_ms, uint64_t id)
{
    uint64_t found = 0;
    assert_true(schedule_expired(schedule, now_ms, &found));
    assert_int_equal(found, id);
}

static void finish(struct schedule *schedule, uint64_t id)
{
    schedule_call_done(schedule, id);
    schedule_leave(schedule, id);
}

static void an_empty_schedule_has_nothing_to_do(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(1);
    uint64_t id = 0;
    expect_none(schedule, 0);
    assert_false(schedule_expired(schedule, 1000, &id));
    assert_int_equal(schedule_wait_ms(schedule, 0), -1);
    assert_int_equal(schedule_count(schedule), 0);
    assert_int_equal(schedule_in_flight(schedule), 0);
    schedule_destroy(schedule);
    schedule_destroy(NULL);
}

static void commands_of_one_lane_leave_one_after_the_other(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(10);
    enter(schedule, 1, "a", 100);
    enter(schedule, 2, "a", 100);
    expect_next(schedule, 0, 1, 0);
    expect_none(schedule, 0);
    schedule_call_done(schedule, 1);
    expect_none(schedule, 0); // it has ended only when it leaves
    schedule_leave(schedule, 1);
    expect_next(schedule, 0, 2, 0);
    finish(schedule, 2);
    assert_int_equal(schedule_count(schedule), 0);
    schedule_destroy(schedule);
}

static void lanes_do_not_wait_for_each_other(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(10);
    enter(schedule, 1, "slow", 100);
    enter(schedule, 2, "slow", 100);
    enter(schedule, 3, "other", 100);
    expect_next(schedule, 0, 1, 0);
    expect_next(schedule, 0, 3, 0);
    expect_none(schedule, 0);
    schedule_destroy(schedule);
}

static void a_command_of_two_lanes_waits_for_both_and_holds_both(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(10);
    enter(schedule, 1, "a", 100);
    enter(schedule, 2, "b", 100);
    const char *both[] = {"a", "b"};
    schedule_enter(schedule, 3, both, 2, 100, 1);
    enter(schedule, 4, "b", 100);
    expect_next(schedule, 0, 1, 0);
    expect_next(schedule, 0, 2, 0);
    finish(schedule, 1);
    expect_none(schedule, 0);
    finish(schedule, 2);
    expect_next(schedule, 0, 3, 0);
    expect_none(schedule, 0);
    finish(schedule, 3);
    expect_next(schedule, 0, 4, 0);
    schedule_destroy(schedule);
}

static void a_lane_named_twice_counts_once(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(10);
    const char *twice[] = {"a", "b", "a"};
    schedule_enter(schedule, 1, twice, 3, 100, 1);
    enter(schedule, 2, "a", 100);
    expect_next(schedule, 0, 1, 0);
    expect_none(schedule, 0);
    finish(schedule, 1);
    expect_next(schedule, 0, 2, 0);
    schedule_destroy(schedule);
}

static void commands_without_lanes_wait_for_no_other(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(10);
    enter(schedule, 1, NULL, 100);
    enter(schedule, 2, NULL, 100);
    expect_next(schedule, 0, 1, 0);
    expect_next(schedule, 0, 2, 0);
    schedule_destroy(schedule);
}

static void ready_commands_leave_in_the_order_they_came(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(10);
    enter(schedule, 9, "a", 100);
    enter(schedule, 8, "a", 100);
    enter(schedule, 7, "b", 500);
    enter(schedule, 6, NULL, 50);
    expect_next(schedule, 0, 9, 0);
    finish(schedule, 9); // makes 8 ready, which came before 7 and 6
    expect_next(schedule, 0, 8, 0);
    expect_next(schedule, 0, 7, 0);
    expect_next(schedule, 0, 6, 0);
    schedule_destroy(schedule);
}

static void the_in_flight_limit_holds_calls_back(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(2);
    enter(schedule, 1, NULL, 100);
    enter(schedule, 2, NULL, 100);
    enter(schedule, 3, NULL, 100);
    expect_next(schedule, 0, 1, 0);
    expect_next(schedule, 0, 2, 0);
    assert_int_equal(schedule_in_flight(schedule), 2);
    expect_none(schedule, 0);
    schedule_call_done(schedule, 2);
    assert_int_equal(schedule_in_flight(schedule), 1);
    expect_next(schedule, 0, 3, 0);
    schedule_destroy(schedule);
}

static void all_calls_of_a_command_leave_together(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(10);
    const char *lane = "a";
    schedule_enter(schedule, 1, &lane, 1, 100, 3);
    enter(schedule, 2, "a", 100);
    expect_next(schedule, 0, 1, 0);
    expect_next(schedule, 0, 1, 1);
    expect_next(schedule, 0, 1, 2);
    expect_none(schedule, 0);
    assert_int_equal(schedule_in_flight(schedule), 3);
    schedule_call_done(schedule, 1);
    schedule_call_done(schedule, 1);
    expect_none(schedule, 0);
    finish(schedule, 1);
    expect_next(schedule, 0, 2, 0);
    schedule_destroy(schedule);
}

static void a_command_that_has_begun_to_leave_goes_before_older_ones(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(2);
    enter(schedule, 1, "a", 100);
    enter(schedule, 2, "a", 100);
    schedule_enter(schedule, 3, NULL, 0, 100, 2);
    expect_next(schedule, 0, 1, 0);
    expect_next(schedule, 0, 3, 0);
    finish(schedule, 1); // 2 is older than 3
    expect_next(schedule, 0, 3, 1);
    expect_none(schedule, 0);
    schedule_call_done(schedule, 3);
    expect_next(schedule, 0, 2, 0);
    schedule_destroy(schedule);
}

static void a_command_is_not_given_after_its_deadline(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(10);
    enter(schedule, 1, "a", 100);
    enter(schedule, 2, "b", 101);
    expect_next(schedule, 100, 2, 0);
    expect_none(schedule, 100);
    expect_expired(schedule, 100, 1);
    schedule_leave(schedule, 1);
    assert_int_equal(schedule_count(schedule), 1);
    schedule_destroy(schedule);
}

static void an_expired_command_holds_its_lane_until_it_leaves(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(10);
    enter(schedule, 1, "a", 100);
    enter(schedule, 2, "a", 200);
    expect_none(schedule, 150);
    expect_expired(schedule, 150, 1);
    expect_expired(schedule, 150, 1);
    schedule_leave(schedule, 1);
    expect_next(schedule, 150, 2, 0);
    schedule_destroy(schedule);
}

static void waiting_commands_expire_behind_others_too(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(10);
    enter(schedule, 1, "a", 1000);
    enter(schedule, 2, "a", 100);
    enter(schedule, 3, "a", 900);
    expect_next(schedule, 0, 1, 0);
    expect_expired(schedule, 100, 2);
    schedule_leave(schedule, 2);
    finish(schedule, 1);
    expect_next(schedule, 100, 3, 0);
    schedule_destroy(schedule);
}

static void commands_expire_in_the_order_of_their_deadlines(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(10);
    static const int64_t deadlines[] = {50, 20, 40, 20, 10};
    static const uint64_t order[] = {5, 2, 4, 3, 1}; // of equal ones the older first
    for (size_t i = 0; i < COUNT_OF(deadlines); i++) {
        enter(schedule, i + 1, NULL, deadlines[i]);
    }
    for (size_t i = 0; i < COUNT_OF(order); i++) {
        expect_expired(schedule, 60, order[i]);
        schedule_leave(schedule, order[i]);
    }
    schedule_destroy(schedule);
}

static void what_has_left_does_not_expire(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(1);
    uint64_t id = 0;
    schedule_enter(schedule, 1, NULL, 0, 100, 2);
    expect_next(schedule, 0, 1, 0);
    assert_false(schedule_expired(schedule, 500, &id));
    assert_int_equal(schedule_wait_ms(schedule, 0), -1);
    schedule_call_done(schedule, 1);
    expect_next(schedule, 500, 1, 1); // for the caller to end it
    schedule_destroy(schedule);
}

static void a_command_may_leave_before_all_its_calls_did(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(1);
    const char *lane = "a";
    schedule_enter(schedule, 1, &lane, 1, 100, 3);
    enter(schedule, 2, "a", 100);
    expect_next(schedule, 0, 1, 0);
    finish(schedule, 1);
    expect_next(schedule, 0, 2, 0);
    assert_int_equal(schedule_count(schedule), 1);
    schedule_destroy(schedule);
}

static void the_wait_is_until_the_next_deadline(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(1);
    enter(schedule, 1, NULL, 300);
    enter(schedule, 2, NULL, 200);
    assert_int_equal(schedule_wait_ms(schedule, 50), 150);
    assert_int_equal(schedule_wait_ms(schedule, 200), 0);
    assert_int_equal(schedule_wait_ms(schedule, 250), 0);
    schedule_leave(schedule, 2);
    assert_int_equal(schedule_wait_ms(schedule, 250), 50);
    schedule_destroy(schedule);
}

static void an_id_can_enter_again_after_it_left(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(1);
    enter(schedule, 1, "a", 100);
    schedule_leave(schedule, 1);
    enter(schedule, 1, "a", 100);
    expect_next(schedule, 0, 1, 0);
    schedule_destroy(schedule);
}

// With a cost per call that grew with the queue, these two would not end in time.
enum { MANY = 200000 };

static void a_long_queue_in_one_lane_is_worked_off_in_order(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(16);
    for (uint64_t id = 1; id <= MANY; id++) {
        enter(schedule, id, "device", 1000000);
    }
    for (uint64_t id = 1; id <= MANY; id++) {
        expect_next(schedule, 0, id, 0);
        expect_none(schedule, 0);
        finish(schedule, id);
    }
    assert_int_equal(schedule_count(schedule), 0);
    schedule_destroy(schedule);
}

static void many_lanes_are_opened_and_closed(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(MANY);
    for (int round = 0; round < 2; round++) {
        for (uint64_t id = 1; id <= MANY; id++) {
            char lane[32];
            snprintf(lane, sizeof lane, "product/device-%llu", (unsigned long long)id);
            enter(schedule, id, lane, 1000000);
        }
        for (uint64_t id = 1; id <= MANY; id++) {
            expect_next(schedule, 0, id, 0);
        }
        for (uint64_t id = MANY; id >= 1; id--) {
            finish(schedule, id);
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
        cmocka_unit_test(ready_commands_leave_in_the_order_they_came),
        cmocka_unit_test(the_in_flight_limit_holds_calls_back),
        cmocka_unit_test(all_calls_of_a_command_leave_together),
        cmocka_unit_test(a_command_that_has_begun_to_leave_goes_before_older_ones),
        cmocka_unit_test(a_command_is_not_given_after_its_deadline),
        cmocka_unit_test(an_expired_command_holds_its_lane_until_it_leaves),
        cmocka_unit_test(waiting_commands_expire_behind_others_too),
        cmocka_unit_test(commands_expire_in_the_order_of_their_deadlines),
        cmocka_unit_test(what_has_left_does_not_expire),
        cmocka_unit_test(a_command_may_leave_before_all_its_calls_did),
        cmocka_unit_test(the_wait_is_until_the_next_deadline),
        cmocka_unit_test(an_id_can_enter_again_after_it_left),
        cmocka_unit_test(a_long_queue_in_one_lane_is_worked_off_in_order),
        cmocka_unit_test(many_lanes_are_opened_and_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
