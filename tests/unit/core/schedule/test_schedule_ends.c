// Commands that end before they left: expired and superseded ones.
#include "unit/core/schedule/schedule_checks.h"

// ---- deadlines

static void a_command_is_not_given_at_its_deadline(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(10, NULL);
    ENTER(schedule, .id = 1, .lanes = {"a"}, .deadline_ms = 100);
    ENTER(schedule, .id = 2, .lanes = {"b"}, .deadline_ms = 101);
    expect_next(schedule, 100, 2);
    expect_none(schedule, 100);
    expect_expired(schedule, 100, 1);
    schedule_leave(schedule, 1);
    assert_int_equal(schedule->entries.count, 1);
    schedule_destroy(schedule);
}

static void an_expired_command_holds_its_lane_until_it_leaves(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(10, NULL);
    ENTER(schedule, .id = 1, .lanes = {"a"}, .deadline_ms = 100);
    ENTER(schedule, .id = 2, .lanes = {"a"}, .deadline_ms = 200);
    expect_none(schedule, 150);
    expect_expired(schedule, 150, 1);
    expect_expired(schedule, 150, 1);
    assert_int_equal(schedule_wait_ms(schedule, 150), 0);
    schedule_leave(schedule, 1);
    expect_next(schedule, 150, 2);
    schedule_destroy(schedule);
}

static void waiting_commands_expire_behind_others_too(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(10, NULL);
    ENTER(schedule, .id = 1, .lanes = {"a"});
    ENTER(schedule, .id = 2, .lanes = {"a"}, .deadline_ms = 100);
    ENTER(schedule, .id = 3, .lanes = {"a"}, .deadline_ms = 900);
    const struct schedule_release *release = expect_next(schedule, 0, 1);
    expect_expired(schedule, 100, 2);
    schedule_leave(schedule, 2);
    finish(schedule, release, 100);
    expect_next(schedule, 100, 3);
    schedule_destroy(schedule);
}

static void commands_expire_in_the_order_of_their_deadlines(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(10, NULL);
    static const int64_t deadlines[] = {50, 20, 40, 20, 10};
    static const uint64_t order[] = {5, 2, 4, 3, 1}; // of equal ones the older first
    for (size_t i = 0; i < COUNT_OF(deadlines); i++) {
        ENTER(schedule, .id = i + 1, .deadline_ms = deadlines[i]);
    }
    for (size_t i = 0; i < COUNT_OF(order); i++) {
        expect_expired(schedule, 60, order[i]);
        schedule_leave(schedule, order[i]);
    }
    schedule_destroy(schedule);
}

static void what_is_in_flight_does_not_expire(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(1, NULL);
    ENTER(schedule, .id = 1, .deadline_ms = 100);
    const struct schedule_release *release = expect_next(schedule, 0, 1);
    expect_none_expired(schedule, 500);
    assert_int_equal(schedule_wait_ms(schedule, 500), CLOCK_NEVER);
    finish(schedule, release, 500);
    schedule_destroy(schedule);
}

static void a_call_that_waits_expires_once_the_others_have_ended(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(1, NULL);
    ENTER(schedule, .id = 1, .deadline_ms = 100, .calls = 2);
    const struct schedule_release *release = expect_call(schedule, 0, 1, 0);
    expect_none_expired(schedule, 100);
    assert_int_equal(schedule_wait_ms(schedule, 100), CLOCK_NEVER);
    report(schedule, release, 150, SCHEDULE_ANSWERED, NULL);
    schedule_call_done(schedule, 1, 0);
    expect_none(schedule, 150);
    expect_expired(schedule, 150, 1);
    schedule_leave(schedule, 1);
    schedule_destroy(schedule);
}

static void a_command_expires_while_it_waits_for_a_retry(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(1, NULL);
    ENTER(schedule, .id = 1, .deadline_ms = 100);
    retry_at(schedule, expect_next(schedule, 0, 1), 0, 500);
    assert_int_equal(schedule_wait_ms(schedule, 0), 100);
    expect_none_expired(schedule, 99);
    expect_expired(schedule, 100, 1);
    schedule_leave(schedule, 1);
    expect_none(schedule, 500);
    schedule_destroy(schedule);
}

static void what_a_late_command_had_waited_for_is_still_told(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(1, NULL);
    ENTER(schedule, .id = 1, .lanes = {"a"});
    ENTER(schedule, .id = 2, .lanes = {"a"}, .deadline_ms = 100);
    const struct schedule_release *first = expect_next(schedule, 0, 1);
    finish(schedule, first, 200); // the lane is free, but the deadline had passed before
    expect_expired(schedule, 100, 2);
    assert_int_equal(schedule_waits_for(schedule, 2), SCHEDULE_FOR_TURN);
    schedule_leave(schedule, 2);
    ENTER(schedule, .id = 3, .lanes = {"a"}, .deadline_ms = 400);
    ENTER(schedule, .id = 4, .lanes = {"a"}, .deadline_ms = 300);
    expect_next(schedule, 200, 3);
    expect_expired(schedule, 300, 4);
    assert_int_equal(schedule_waits_for(schedule, 4), SCHEDULE_FOR_LANE);
    schedule_destroy(schedule);
}

static void a_retry_that_is_asked_for_after_the_deadline_expires(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(10, NULL);
    ENTER(schedule, .id = 1, .deadline_ms = 100, .calls = 2);
    const struct schedule_release *first = expect_call(schedule, 0, 1, 0);
    const struct schedule_release *second = expect_call(schedule, 0, 1, 1);
    retry_at(schedule, first, 200, 0);
    expect_none(schedule, 200);
    expect_none_expired(schedule, 200); // its second call is still in flight
    retry_at(schedule, second, 200, 0);
    expect_none(schedule, 200);
    expect_expired(schedule, 200, 1);
    schedule_leave(schedule, 1);
    schedule_destroy(schedule);
}

// ---- latest_only

static void expect_superseded(struct schedule *schedule, uint64_t id)
{
    uint64_t found = 0;
    assert_true(schedule_superseded(schedule, &found));
    assert_int_equal(found, id);
    assert_int_equal(schedule_wait_ms(schedule, 0), 0);
    schedule_leave(schedule, id);
}

static void expect_none_superseded(const struct schedule *schedule)
{
    uint64_t id = 0;
    assert_false(schedule_superseded(schedule, &id));
}

static void a_newer_command_replaces_a_waiting_one_and_stands_at_the_end(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(10, NULL);
    ENTER(schedule, .id = 1, .lanes = {"a"}, .latest = "set");
    ENTER(schedule, .id = 2, .lanes = {"a"});
    ENTER(schedule, .id = 3, .lanes = {"a"}, .latest = "set");
    ENTER(schedule, .id = 4, .lanes = {"a"}, .latest = "other");
    expect_superseded(schedule, 1);
    expect_none_superseded(schedule);
    finish(schedule, expect_next(schedule, 0, 2), 0);
    finish(schedule, expect_next(schedule, 0, 3), 0);
    expect_next(schedule, 0, 4);
    schedule_destroy(schedule);
}

static void a_superseded_command_neither_leaves_nor_expires(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(10, NULL);
    ENTER(schedule, .id = 1, .deadline_ms = 100, .latest = "set");
    ENTER(schedule, .id = 2, .latest = "set");
    ENTER(schedule, .id = 3, .latest = "set");
    expect_next(schedule, 0, 3);
    expect_none(schedule, 0);
    expect_none_expired(schedule, 200);
    schedule_leave(schedule, 2); // in any order
    expect_superseded(schedule, 1);
    expect_none_superseded(schedule);
    schedule_destroy(schedule);
}

static void what_is_in_flight_or_may_have_run_is_not_replaced(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(10, NULL);
    ENTER(schedule, .id = 1, .lanes = {"a"}, .latest = "set");
    const struct schedule_release *release = expect_next(schedule, 0, 1);
    ENTER(schedule, .id = 2, .lanes = {"a"}, .latest = "set");
    expect_none_superseded(schedule);
    send_back(schedule, release, 0, &(struct schedule_report){.finding = SCHEDULE_NO_ANSWER},
              &(struct schedule_retry){.not_before_ms = 100, .may_have_run = true});
    expect_none_superseded(schedule);
    ENTER(schedule, .id = 3, .lanes = {"a"}, .latest = "set");
    expect_superseded(schedule, 2);
    finish(schedule, expect_next(schedule, 100, 1), 100);
    expect_next(schedule, 100, 3);
    schedule_destroy(schedule);
}

static void a_command_of_which_a_call_is_done_is_not_replaced(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(1, NULL);
    ENTER(schedule, .id = 1, .calls = 2, .latest = "set");
    report(schedule, expect_call(schedule, 0, 1, 0), 0, SCHEDULE_ANSWERED, NULL);
    schedule_call_done(schedule, 1, 0);
    ENTER(schedule, .id = 2, .latest = "set");
    expect_none_superseded(schedule);
    finish(schedule, expect_call(schedule, 0, 1, 1), 0);
    expect_next(schedule, 0, 2);
    schedule_destroy(schedule);
}

static void a_command_that_surely_did_not_run_gives_way_when_it_comes_back(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(10, NULL);
    ENTER(schedule, .id = 1, .lanes = {"a"}, .latest = "set");
    const struct schedule_release *release = expect_next(schedule, 0, 1);
    ENTER(schedule, .id = 2, .lanes = {"a"}, .latest = "set");
    retry_at(schedule, release, 0, 100);
    expect_superseded(schedule, 1);
    expect_next(schedule, 0, 2);
    schedule_destroy(schedule);
}

static void an_expired_command_is_not_superseded_too(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(10, NULL);
    ENTER(schedule, .id = 1, .deadline_ms = 100, .latest = "set");
    expect_expired(schedule, 100, 1);
    ENTER(schedule, .id = 2, .latest = "set");
    expect_none_superseded(schedule);
    schedule_leave(schedule, 1);
    ENTER(schedule, .id = 3, .latest = "set");
    expect_superseded(schedule, 2);
    schedule_destroy(schedule);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_command_is_not_given_at_its_deadline),
        cmocka_unit_test(an_expired_command_holds_its_lane_until_it_leaves),
        cmocka_unit_test(waiting_commands_expire_behind_others_too),
        cmocka_unit_test(commands_expire_in_the_order_of_their_deadlines),
        cmocka_unit_test(what_is_in_flight_does_not_expire),
        cmocka_unit_test(a_call_that_waits_expires_once_the_others_have_ended),
        cmocka_unit_test(a_command_expires_while_it_waits_for_a_retry),
        cmocka_unit_test(what_a_late_command_had_waited_for_is_still_told),
        cmocka_unit_test(a_retry_that_is_asked_for_after_the_deadline_expires),
        cmocka_unit_test(a_newer_command_replaces_a_waiting_one_and_stands_at_the_end),
        cmocka_unit_test(a_superseded_command_neither_leaves_nor_expires),
        cmocka_unit_test(what_is_in_flight_or_may_have_run_is_not_replaced),
        cmocka_unit_test(a_command_of_which_a_call_is_done_is_not_replaced),
        cmocka_unit_test(a_command_that_surely_did_not_run_gives_way_when_it_comes_back),
        cmocka_unit_test(an_expired_command_is_not_superseded_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
