// Token buckets of actions and rules, their adaption to throttling, and fairness between rules.
#include <math.h>

#include "unit/core/schedule/schedule_checks.h"

static const struct schedule_limit ten[] = {{"Do", 10}, {NULL, 0}};

// ---- buckets

// Lets everything leave as early as schedule_wait_ms tells; gives when each call left.
static size_t release_times(struct schedule *schedule, int64_t until_ms, int64_t *times, size_t most)
{
    size_t count = 0;
    int64_t now_ms = 0;
    while (now_ms <= until_ms && count < most) {
        const struct schedule_release *release = schedule_next(schedule, now_ms);
        if (release == NULL) {
            int64_t wait_ms = schedule_wait_ms(schedule, now_ms);
            if (wait_ms == CLOCK_NEVER) {
                break;
            }
            assert_true(wait_ms > 0); // it would spin
            now_ms += wait_ms;
        } else {
            times[count++] = now_ms;
            finish(schedule, release, now_ms);
        }
    }
    return count;
}

static size_t most_in_a_second(const int64_t *times, size_t count)
{
    size_t most = 0;
    size_t first = 0;
    for (size_t i = 0; i < count; i++) {
        while (times[first] <= times[i] - 1000) {
            first++;
        }
        most = i - first + 1 > most ? i - first + 1 : most;
    }
    return most;
}

static void no_second_holds_more_calls_than_the_limit(void **state)
{
    (void)state;
    static const double limits[] = {1, 2, 3.5, 7, 10, 33, 99, 100, 101, 250, 500, 1000, 3000};
    enum { SECONDS = 20, END_MS = 19000, MOST = 70000 };
    int64_t *times = mem_alloc(MOST * sizeof *times);
    for (size_t i = 0; i < COUNT_OF(limits); i++) {
        const struct schedule_limit limit[] = {{"Do", limits[i]}, {NULL, 0}};
        struct schedule *schedule = schedule_of(64, limit);
        for (uint64_t id = 1; id <= (uint64_t)(limits[i] * SECONDS); id++) {
            ENTER(schedule, .id = id);
        }
        size_t count = release_times(schedule, END_MS, times, MOST);
        assert_true((double)most_in_a_second(times, count) <= ceil(limits[i]));
        assert_true((double)count >= 0.96 * limits[i] * (SECONDS - 1));
        schedule_destroy(schedule);
    }
    free(times);
}

static void a_little_is_saved_up_for_a_burst(void **state)
{
    (void)state;
    const struct schedule_limit limits[] = {{"Do", 500}, {NULL, 0}};
    struct schedule *schedule = schedule_of(64, limits);
    for (uint64_t id = 1; id <= 100; id++) {
        ENTER(schedule, .id = id);
    }
    int64_t times[100];
    assert_int_equal(release_times(schedule, 1000, times, 100), 100);
    size_t at_once = 0;
    while (times[at_once] == 0) {
        at_once++;
    }
    assert_in_range(at_once, 5, 7);
    schedule_destroy(schedule);
}

static void the_wait_is_until_the_next_token(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(64, ten);
    ENTER(schedule, .id = 1);
    ENTER(schedule, .id = 2);
    expect_next(schedule, 1000, 1);
    expect_none(schedule, 1000);
    int64_t wait_ms = schedule_wait_ms(schedule, 1000);
    assert_in_range(wait_ms, 99, 104);
    expect_none(schedule, 1000 + wait_ms - 1);
    expect_next(schedule, 1000 + wait_ms, 2);
    assert_int_equal(schedule_wait_ms(schedule, 1000 + wait_ms), CLOCK_NEVER);
    schedule_destroy(schedule);
}

static void an_action_without_a_limit_has_no_bucket(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(64, ten);
    ENTER(schedule, .id = 1);
    ENTER(schedule, .id = 2);
    ENTER(schedule, .id = 3, .action = "Other");
    ENTER(schedule, .id = 4, .action = "Other");
    expect_next(schedule, 0, 1);
    expect_next(schedule, 0, 3); // an empty bucket holds up its own action only
    expect_next(schedule, 0, 4);
    expect_none(schedule, 0);
    assert_true(isgreater(0, schedule_action_rate(schedule, 0, "Other", 0)));
    assert_true(isgreater(0, schedule_action_rate(schedule, 0, "Unheard", 0)));
    schedule_destroy(schedule);
}

static void accounts_have_their_own_buckets(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(64, ten);
    const struct schedule_account_options options = {.connections = 1, .limits = ten, .limit_count = 1};
    assert_int_equal(schedule_add_account(schedule, &options), 1);
    ENTER(schedule, .id = 1);
    ENTER(schedule, .id = 2);
    ENTER(schedule, .id = 3, .account = 1);
    expect_next(schedule, 0, 1);
    expect_next(schedule, 0, 3);
    expect_none(schedule, 0);
    assert_int_equal(schedule_account_state(schedule, 1).in_flight, 1);
    assert_int_equal(schedule_in_flight(schedule), 2);
    schedule_destroy(schedule);
}

// ---- rates of rules

static void a_rule_with_a_rate_does_not_hold_up_others(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(64, NULL);
    schedule_set_rate(schedule, "slow", 2);
    ENTER(schedule, .id = 1, .rule = "slow");
    ENTER(schedule, .id = 2, .rule = "slow");
    ENTER(schedule, .id = 3, .rule = "free");
    ENTER(schedule, .id = 4, .rule = "free");
    expect_next(schedule, 0, 1);
    expect_next(schedule, 0, 3);
    expect_next(schedule, 0, 4);
    expect_none(schedule, 0);
    int64_t wait_ms = schedule_wait_ms(schedule, 0);
    assert_in_range(wait_ms, 500, 516);
    expect_none(schedule, wait_ms - 1);
    expect_next(schedule, wait_ms, 2);
    schedule_destroy(schedule);
}

static void a_rate_can_be_taken_back(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(64, NULL);
    schedule_set_rate(schedule, "unheard", 0);
    schedule_set_rate(schedule, "slow", 0.1);
    ENTER(schedule, .id = 1, .rule = "slow");
    ENTER(schedule, .id = 2, .rule = "slow");
    expect_next(schedule, 0, 1);
    expect_none(schedule, 0);
    schedule_set_rate(schedule, "slow", 0);
    expect_next(schedule, 0, 2);
    schedule_destroy(schedule);
}

static void a_rules_bucket_outlives_its_commands(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(64, NULL);
    schedule_set_rate(schedule, "slow", 1);
    ENTER(schedule, .id = 1, .rule = "slow");
    finish(schedule, expect_next(schedule, 0, 1), 0);
    ENTER(schedule, .id = 2, .rule = "slow");
    expect_none(schedule, 500);
    expect_next(schedule, 1031, 2);
    schedule_destroy(schedule);
}

// ---- fairness

static const char *const names[] = {"a", "b", "c"};

// A flood of one rule and a few commands of two others, held back by `schedule`'s account: each of the others gets
// every third call.
static void expect_round_robin(struct schedule *schedule)
{
    for (uint64_t id = 0; id < 3000; id += 3) {
        ENTER(schedule, .id = id, .rule = names[0]);
    }
    for (uint64_t id = 1; id < 30; id += 3) {
        ENTER(schedule, .id = id, .rule = names[1]);
        ENTER(schedule, .id = id + 1, .rule = names[2]);
    }
    int64_t now_ms = 0;
    for (size_t i = 0; i < 30; i++) {
        const struct schedule_release *release = schedule_next(schedule, now_ms);
        while (release == NULL) {
            int64_t wait_ms = schedule_wait_ms(schedule, now_ms);
            assert_true(wait_ms > 0);
            now_ms += wait_ms;
            release = schedule_next(schedule, now_ms);
        }
        assert_int_equal(release->ids[0], i); // also in order within each rule
        finish(schedule, release, now_ms);
    }
    schedule_destroy(schedule);
}

static void rules_take_turns_while_the_bucket_is_empty(void **state)
{
    (void)state;
    expect_round_robin(schedule_of(64, ten));
}

static void rules_take_turns_under_the_in_flight_limit(void **state)
{
    (void)state;
    expect_round_robin(schedule_of(1, NULL));
}

static void rules_take_turns_across_actions(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(1, NULL);
    for (uint64_t id = 0; id < 10; id++) {
        ENTER(schedule, .id = 100 + id, .rule = "flood");
    }
    ENTER(schedule, .id = 1, .rule = "other", .action = "Other");
    ENTER(schedule, .id = 2, .rule = "other", .action = "Other");
    finish(schedule, expect_next(schedule, 0, 100), 0);
    finish(schedule, expect_next(schedule, 0, 1), 0);
    finish(schedule, expect_next(schedule, 0, 101), 0);
    finish(schedule, expect_next(schedule, 0, 2), 0);
    schedule_destroy(schedule);
}

static void rules_that_come_anew_do_not_push_a_waiting_one_aside(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(1, NULL);
    ENTER(schedule, .id = 1, .rule = "patient");
    ENTER(schedule, .id = 2, .rule = "patient");
    finish(schedule, expect_next(schedule, 0, 1), 0);
    ENTER(schedule, .id = 3, .rule = "new");
    finish(schedule, expect_next(schedule, 0, 2), 0);
    finish(schedule, expect_next(schedule, 0, 3), 0);
    schedule_destroy(schedule);
}

// ---- throttling

static double rate(const struct schedule *schedule, int64_t now_ms)
{
    return schedule_action_rate(schedule, 0, "Do", now_ms);
}

static void throttle(struct schedule *schedule, const struct schedule_release *release, int64_t now_ms, int64_t wait_ms)
{
    const struct schedule_report ended = {.finding = SCHEDULE_THROTTLED, .wait_ms = wait_ms};
    const struct schedule_retry retry = {.not_before_ms = now_ms};
    send_back(schedule, release, now_ms, &ended, &retry);
}

static void a_throttled_action_pauses_as_long_as_the_platform_asks(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(64, ten);
    ENTER(schedule, .id = 1);
    ENTER(schedule, .id = 2, .action = "Other");
    throttle(schedule, expect_next(schedule, 0, 1), 50, 3000);
    expect_next(schedule, 50, 2);
    expect_none(schedule, 3049);
    assert_int_equal(schedule_wait_ms(schedule, 50), 3000);
    assert_true(fabs(rate(schedule, 100)) < 1e-9);
    expect_next(schedule, 3050, 1);
    assert_true(rate(schedule, 3050) < 9.7);
    schedule_destroy(schedule);
}

static void an_action_without_a_limit_pauses_too(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(64, NULL);
    ENTER(schedule, .id = 1);
    throttle(schedule, expect_next(schedule, 0, 1), 0, 700);
    expect_none(schedule, 699);
    finish(schedule, expect_next(schedule, 700, 1), 700);
    ENTER(schedule, .id = 2);
    ENTER(schedule, .id = 3);
    expect_next(schedule, 700, 2);
    expect_next(schedule, 700, 3);
    schedule_destroy(schedule);
}

static void a_throttled_actions_rate_is_lowered_once_for_a_burst(void **state)
{
    (void)state;
    const struct schedule_limit limits[] = {{"Do", 500}, {NULL, 0}};
    struct schedule *schedule = schedule_of(64, limits);
    const struct schedule_release *releases[4];
    for (uint64_t id = 0; id < 4; id++) {
        ENTER(schedule, .id = id);
        releases[id] = expect_next(schedule, 1000, id);
    }
    double full = rate(schedule, 1000);
    assert_true(fabs(full - 485) < 1e-6);
    throttle(schedule, releases[0], 1010, -1);
    double cut = rate(schedule, 1010);
    assert_true(cut < 0.95 * full);
    throttle(schedule, releases[1], 1011, -1);
    throttle(schedule, releases[2], 5000, -1); // it had left before the cut
    assert_true(fabs(rate(schedule, 5000) - cut) < 1e-9);
    releases[1] = schedule_next(schedule, 5000);
    throttle(schedule, releases[1], 5010, -1);
    assert_true(rate(schedule, 5010) < 0.9 * cut); // nothing was answered between: a larger cut
    schedule_destroy(schedule);
}

static void a_lowered_rate_never_comes_to_nothing_and_is_restored_slowly(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(64, ten);
    int64_t now_ms = 0;
    ENTER(schedule, .id = 1);
    for (int i = 0; i < 50; i++) {
        now_ms += 20000;
        throttle(schedule, expect_next(schedule, now_ms, 1), now_ms, -1);
    }
    assert_true(rate(schedule, now_ms) >= 0.09);
    double before = rate(schedule, now_ms);
    size_t answered = 0;
    for (; rate(schedule, now_ms) < 9.69; answered++) {
        now_ms += 20000;
        ENTER(schedule, .id = 2 + answered);
        finish(schedule, schedule_next(schedule, now_ms), now_ms);
        assert_true(rate(schedule, now_ms) > before);
        before = rate(schedule, now_ms);
    }
    assert_in_range(answered, 100, 1000);
    schedule_destroy(schedule);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_second_holds_more_calls_than_the_limit),
        cmocka_unit_test(a_little_is_saved_up_for_a_burst),
        cmocka_unit_test(the_wait_is_until_the_next_token),
        cmocka_unit_test(an_action_without_a_limit_has_no_bucket),
        cmocka_unit_test(accounts_have_their_own_buckets),
        cmocka_unit_test(a_rule_with_a_rate_does_not_hold_up_others),
        cmocka_unit_test(a_rate_can_be_taken_back),
        cmocka_unit_test(a_rules_bucket_outlives_its_commands),
        cmocka_unit_test(rules_take_turns_while_the_bucket_is_empty),
        cmocka_unit_test(rules_take_turns_under_the_in_flight_limit),
        cmocka_unit_test(rules_take_turns_across_actions),
        cmocka_unit_test(rules_that_come_anew_do_not_push_a_waiting_one_aside),
        cmocka_unit_test(a_throttled_action_pauses_as_long_as_the_platform_asks),
        cmocka_unit_test(an_action_without_a_limit_pauses_too),
        cmocka_unit_test(a_throttled_actions_rate_is_lowered_once_for_a_burst),
        cmocka_unit_test(a_lowered_rate_never_comes_to_nothing_and_is_restored_slowly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
