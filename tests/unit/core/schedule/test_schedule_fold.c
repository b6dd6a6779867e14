// Folding equal commands of different devices into one call.
#include "unit/core/schedule/schedule_checks.h"

static const struct schedule_limit slow[] = {{"Do", 10}, {"DoMany", 1}, {NULL, 0}};
static const struct schedule_limit slow_many[] = {{"DoMany", 1}, {NULL, 0}};

// Commands with ids from `first`, each for a device of its own, with the same key and rule.
static void enter_equal(struct schedule *schedule, uint64_t first, size_t count, const char *key)
{
    for (uint64_t id = first; id < first + count; id++) {
        char device[32];
        snprintf(device, sizeof device, "device-%llu", (unsigned long long)id);
        ENTER(schedule, .id = id, .lanes = {device}, .fold = key, .rule = key, .window_ms = 50);
    }
}

static const struct schedule_release *expect_folded(struct schedule *schedule, int64_t now_ms, uint64_t first,
                                                    size_t count)
{
    const struct schedule_release *release = schedule_next(schedule, now_ms);
    assert_non_null(release);
    assert_int_equal(release->count, count);
    assert_true(release->folded);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(release->ids[i], first + i);
    }
    return release;
}

// ---- groups

static void equal_commands_leave_as_one_call_when_the_window_has_passed(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(10, NULL);
    enter_equal(schedule, 1, 2, "k");
    expect_none(schedule, 100);
    assert_int_equal(schedule_wait_ms(schedule, 100), 50);
    enter_equal(schedule, 3, 1, "k");
    expect_none(schedule, 149);
    const struct schedule_release *release = expect_folded(schedule, 150, 1, 3);
    assert_int_equal(schedule_in_flight(schedule), 1);
    assert_int_equal(schedule_wait_ms(schedule, 150), CLOCK_NEVER);
    finish(schedule, release, 150);
    assert_int_equal(schedule->entries.count, 0);
    schedule_destroy(schedule);
}

static void a_full_group_leaves_at_once(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(10, NULL);
    enter_equal(schedule, 1, 230, "k");
    expect_folded(schedule, 0, 1, 100);
    expect_folded(schedule, 0, 101, 100);
    expect_none(schedule, 49);
    expect_folded(schedule, 50, 201, 30);
    schedule_destroy(schedule);
}

static void one_left_over_alone_goes_as_a_single_call(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(10, slow);
    enter_equal(schedule, 1, 1, "k");
    expect_none(schedule, 0);
    expect_next(schedule, 50, 1);
    enter_equal(schedule, 2, 2, "k");
    expect_none(schedule, 50);
    expect_folded(schedule, 100, 2, 2); // the batch action's token is still there
    schedule_destroy(schedule);
}

static void what_differs_is_not_folded(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(10, NULL);
    const struct schedule_account_options other = {.connections = 1};
    schedule_add_account(schedule, &other);
    ENTER(schedule, .id = 1, .lanes = {"a"}, .fold = "k");
    ENTER(schedule, .id = 2, .lanes = {"b"}, .fold = "another");
    ENTER(schedule, .id = 3, .lanes = {"c"}, .fold = "k", .action = "DoElse");
    ENTER(schedule, .id = 4, .lanes = {"d"}, .fold = "k", .account = 1);
    ENTER(schedule, .id = 5, .lanes = {"e"});
    for (int i = 0; i < 5; i++) {
        const struct schedule_release *release = schedule_next(schedule, 0);
        assert_non_null(release);
        assert_int_equal(release->count, 1);
    }
    schedule_destroy(schedule);
}

static void commands_of_several_rules_are_folded(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(10, NULL);
    ENTER(schedule, .id = 1, .rule = "x", .lanes = {"a"}, .fold = "k", .window_ms = 50);
    ENTER(schedule, .id = 2, .rule = "y", .lanes = {"b"}, .fold = "k", .window_ms = 30); // the shorter window counts
    expect_none(schedule, 29);
    expect_none(schedule, 58);
    expect_folded(schedule, 59, 1, 2);
    schedule_destroy(schedule);
}

static void a_rule_with_a_rate_is_folded_by_itself_and_counts_calls(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(10, NULL);
    schedule_set_rate(schedule, "rated", 1);
    ENTER(schedule, .id = 1, .rule = "rated", .lanes = {"a"}, .fold = "k", .max = 2);
    ENTER(schedule, .id = 2, .rule = "free", .lanes = {"b"}, .fold = "k");
    ENTER(schedule, .id = 3, .rule = "rated", .lanes = {"c"}, .fold = "k", .max = 2);
    ENTER(schedule, .id = 4, .rule = "rated", .lanes = {"d"}, .fold = "k", .max = 2);
    const struct schedule_release *release = schedule_next(schedule, 0);
    assert_int_equal(release->count, 2);
    assert_int_equal(release->ids[0], 1);
    assert_int_equal(release->ids[1], 3);
    expect_next(schedule, 0, 2);
    expect_none(schedule, 1000);
    expect_next(schedule, 1031, 4);
    schedule_destroy(schedule);
}

static void commands_of_one_device_are_never_in_one_call(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(10, NULL);
    for (uint64_t id = 1; id <= 4; id++) {
        ENTER(schedule, .id = id, .device = id % 2 == 0 ? "even" : "odd", .fold = "k", .window_ms = 50);
    }
    expect_none(schedule, 0);
    expect_folded(schedule, 50, 1, 2);
    expect_folded(schedule, 50, 3, 2);
    schedule_destroy(schedule);
}

static void a_command_joins_when_it_is_first_in_its_lane(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(10, NULL);
    ENTER(schedule, .id = 9, .lanes = {"device-2"});
    enter_equal(schedule, 1, 3, "k");
    const struct schedule_release *blocker = expect_next(schedule, 0, 9);
    finish(schedule, blocker, 20);
    expect_none(schedule, 20);
    const struct schedule_release *release = schedule_next(schedule, 50);
    assert_int_equal(release->count, 3);
    assert_int_equal(release->ids[2], 2); // it joined last
    schedule_destroy(schedule);
}

static void a_group_keeps_to_the_smallest_max_of_its_members(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(10, NULL);
    enter_equal(schedule, 1, 4, "k");
    ENTER(schedule, .id = 5, .lanes = {"x"}, .fold = "k", .max = 3);
    ENTER(schedule, .id = 6, .lanes = {"y"}, .fold = "k");
    ENTER(schedule, .id = 7, .lanes = {"z"}, .fold = "k");
    ENTER(schedule, .id = 8, .lanes = {"w"}, .fold = "k");
    expect_folded(schedule, 0, 5, 3); // no window of its own
    expect_next(schedule, 0, 8);
    expect_folded(schedule, 50, 1, 4);
    schedule_destroy(schedule);
}

// ---- members that go

static void a_member_expires_at_its_own_deadline(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(10, NULL);
    enter_equal(schedule, 1, 1, "k");
    ENTER(schedule, .id = 9, .lanes = {"x"}, .fold = "k", .window_ms = 50, .deadline_ms = 30);
    enter_equal(schedule, 2, 1, "k");
    expect_none(schedule, 0);
    assert_int_equal(schedule_wait_ms(schedule, 0), 30);
    expect_expired(schedule, 30, 9);
    schedule_leave(schedule, 9);
    expect_folded(schedule, 50, 1, 2);
    schedule_destroy(schedule);
}

static void a_group_of_which_one_is_left_goes_as_a_single_call(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(10, slow_many);
    enter_equal(schedule, 1, 4, "k");
    expect_none(schedule, 0);
    schedule_leave(schedule, 2);
    finish(schedule, schedule_next(schedule, 50), 50); // takes the token
    enter_equal(schedule, 5, 2, "k");
    ENTER(schedule, .id = 7, .rule = "k"); // a single call waits: no command of a group goes alone
    finish(schedule, expect_next(schedule, 50, 7), 50);
    schedule_leave(schedule, 5);
    expect_next(schedule, 100, 6);
    schedule_destroy(schedule);
}

static void a_group_ends_with_its_last_member(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(10, NULL);
    enter_equal(schedule, 1, 2, "k");
    expect_none(schedule, 0);
    schedule_leave(schedule, 1);
    schedule_leave(schedule, 2);
    assert_int_equal(schedule_wait_ms(schedule, 0), CLOCK_NEVER);
    expect_none(schedule, 50);
    enter_equal(schedule, 3, 2, "k");
    expect_none(schedule, 60);
    expect_folded(schedule, 110, 3, 2); // a window of its own
    schedule_destroy(schedule);
}

static void a_newer_command_replaces_one_in_a_group(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(10, NULL);
    uint64_t id = 0;
    ENTER(schedule, .id = 1, .lanes = {"a"}, .fold = "k", .latest = "a", .window_ms = 50);
    ENTER(schedule, .id = 2, .lanes = {"b"}, .fold = "k", .latest = "b", .window_ms = 50);
    expect_none(schedule, 0);
    ENTER(schedule, .id = 3, .lanes = {"a"}, .fold = "k", .latest = "a", .window_ms = 50);
    assert_true(schedule_superseded(schedule, &id));
    assert_int_equal(id, 1);
    schedule_leave(schedule, 1);
    expect_none(schedule, 0);
    expect_folded(schedule, 50, 2, 2);
    schedule_destroy(schedule);
}

// ---- retries

static const struct schedule_report throttled = {.finding = SCHEDULE_THROTTLED, .wait_ms = -1};
static const struct schedule_report refused = {.finding = SCHEDULE_ANSWERED, .wait_ms = -1};

static void a_folded_call_that_is_tried_again_is_folded_again(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(10, NULL);
    enter_equal(schedule, 1, 3, "k");
    expect_none(schedule, 0);
    const struct schedule_release *release = expect_folded(schedule, 50, 1, 3);
    send_back(schedule, release, 60, &throttled, &(struct schedule_retry){.not_before_ms = 100});
    expect_none(schedule, 100);
    expect_none(schedule, 149);
    expect_folded(schedule, 150, 1, 3);
    schedule_destroy(schedule);
}

static void a_refused_folded_call_is_sent_again_one_by_one(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(10, NULL);
    enter_equal(schedule, 1, 3, "k");
    expect_none(schedule, 0);
    const struct schedule_release *release = expect_folded(schedule, 50, 1, 3);
    send_back(schedule, release, 60, &refused, &(struct schedule_retry){.alone = true});
    for (uint64_t id = 1; id <= 3; id++) {
        expect_next(schedule, 60, id);
    }
    schedule_destroy(schedule);
}

// ---- short quotas

// Takes the batch action's token, and those of the single action are never there.
static struct schedule *schedule_short_of_tokens(void)
{
    static const struct schedule_limit limits[] = {{"Do", 0.0001}, {"DoMany", 1}, {NULL, 0}};
    struct schedule *schedule = schedule_of(10, limits);
    ENTER(schedule, .id = 1000, .action = "DoMany");
    ENTER(schedule, .id = 1001);
    finish(schedule, expect_next(schedule, 0, 1000), 0);
    finish(schedule, expect_next(schedule, 0, 1001), 0);
    return schedule;
}

static void a_group_that_waits_for_a_token_goes_on_filling(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_short_of_tokens();
    enter_equal(schedule, 1, 2, "k");
    expect_none(schedule, 0);
    expect_none(schedule, 60);
    enter_equal(schedule, 3, 100, "k");
    expect_none(schedule, 70);
    expect_folded(schedule, 2000, 1, 100);
    expect_folded(schedule, 4000, 101, 2);
    schedule_destroy(schedule);
}

static void the_largest_group_goes_first_when_tokens_are_short(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_short_of_tokens();
    enter_equal(schedule, 1, 2, "small");
    enter_equal(schedule, 11, 5, "large");
    enter_equal(schedule, 21, 3, "medium");
    expect_none(schedule, 0);
    expect_none(schedule, 500);
    expect_folded(schedule, 2000, 11, 5);
    expect_folded(schedule, 4000, 21, 3);
    expect_folded(schedule, 6000, 1, 2);
    schedule_destroy(schedule);
}

static void a_list_of_devices_counts_as_large_as_it_is(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_short_of_tokens();
    enter_equal(schedule, 1, 3, "small");
    ENTER(schedule, .id = 50, .action = "DoMany", .devices = 4);
    ENTER(schedule, .id = 51, .action = "DoMany", .devices = 2);
    expect_none(schedule, 0);
    expect_none(schedule, 500);
    expect_next(schedule, 2000, 50);
    expect_folded(schedule, 4000, 1, 3);
    expect_next(schedule, 6000, 51);
    schedule_destroy(schedule);
}

static void large_groups_do_not_starve_small_ones(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_short_of_tokens();
    enter_equal(schedule, 1, 2, "small");
    enter_equal(schedule, 11, 5, "large");
    expect_none(schedule, 0);
    size_t before_small = 0;
    uint64_t first = 100;
    for (int64_t now_ms = 2000; schedule->entries.count > 0 && before_small < 100; now_ms += 2000) {
        enter_equal(schedule, first, 5, "large");
        first += 5;
        expect_none(schedule, now_ms - 1000);
        const struct schedule_release *release = schedule_next(schedule, now_ms);
        assert_non_null(release);
        if (release->ids[0] == 1) {
            break;
        }
        before_small++;
        finish(schedule, release, now_ms);
    }
    assert_int_equal(before_small, 7);
    schedule_destroy(schedule);
}

static void members_go_singly_with_tokens_that_no_single_call_needs(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(10, slow);
    ENTER(schedule, .id = 500, .action = "DoMany");
    finish(schedule, expect_next(schedule, 0, 500), 0);
    enter_equal(schedule, 1, 5, "k");
    expect_none(schedule, 0);
    finish(schedule, expect_next(schedule, 50, 1), 50); // the oldest
    expect_none(schedule, 50);
    int64_t wait_ms = schedule_wait_ms(schedule, 50);
    assert_in_range(wait_ms, 99, 104);
    expect_none(schedule, 50 + wait_ms - 1);
    finish(schedule, expect_next(schedule, 50 + wait_ms, 2), 50 + wait_ms);
    expect_folded(schedule, 1031, 3, 3); // its own token has come
    schedule_destroy(schedule);
}

static const struct schedule_limit real[] = {{"Do", 500}, {"DoMany", 10}, {NULL, 0}};

// Enters `count` equal commands with a window of a second for groups of `max`, lets them go for as long as it takes,
// and counts the calls.
static size_t count_calls(size_t count, size_t max, int64_t deadline_ms, size_t *single)
{
    struct schedule *schedule = schedule_of(64, real);
    size_t calls = 0;
    *single = 0;
    for (uint64_t id = 1; id <= count; id++) {
        char device[32];
        snprintf(device, sizeof device, "device-%llu", (unsigned long long)id);
        ENTER(schedule, .id = id, .lanes = {device}, .fold = "k", .window_ms = 1000, .max = max,
              .deadline_ms = deadline_ms);
    }
    for (int64_t now_ms = 0; schedule->entries.count > 0; now_ms++) {
        const struct schedule_release *release = NULL;
        expect_none_expired(schedule, now_ms);
        while ((release = schedule_next(schedule, now_ms)) != NULL) {
            calls++;
            *single += release->folded ? 0 : 1;
            finish(schedule, release, now_ms);
        }
    }
    schedule_destroy(schedule);
    return calls;
}

static void a_burst_is_as_many_calls_as_it_fills(void **state)
{
    (void)state;
    size_t single = 0;
    assert_int_equal(count_calls(300, 100, FAR, &single), 3);
    assert_int_equal(single, 0);
    assert_int_equal(count_calls(1500, 100, FAR, &single), 15); // the last waits for 1,443 ms
    assert_int_equal(single, 0);
}

static void what_would_wait_for_longer_than_the_window_and_half_a_second_goes_singly_before(void **state)
{
    (void)state;
    size_t single = 0;
    assert_true(count_calls(1700, 100, FAR, &single) > 17); // the last would wait for 1,649 ms
    assert_in_range(single, 1, 200);
    (void)count_calls(300, 2, FAR, &single);
    assert_true(single > 200); // 15.4 s
}

static void what_would_expire_for_want_of_a_token_goes_singly_before(void **state)
{
    (void)state;
    size_t single = 0;
    (void)count_calls(1000, 100, 700, &single); // the eighth group would leave at 722 ms; none expires
    assert_in_range(single, 201, 500);
}

static void members_do_not_take_tokens_from_single_calls(void **state)
{
    (void)state;
    struct schedule *schedule = schedule_of(10, slow);
    ENTER(schedule, .id = 500, .action = "DoMany");
    finish(schedule, expect_next(schedule, 0, 500), 0);
    enter_equal(schedule, 1, 5, "k");
    expect_none(schedule, 0);
    for (uint64_t id = 600; id < 610; id++) {
        ENTER(schedule, .id = id, .rule = "single");
    }
    for (uint64_t id = 600; id < 609; id++) {
        int64_t now_ms = 50 + 104 * (int64_t)(id - 600);
        expect_next(schedule, now_ms, id);
        expect_none(schedule, now_ms);
    }
    expect_folded(schedule, 1031, 1, 5);
    schedule_destroy(schedule);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_commands_leave_as_one_call_when_the_window_has_passed),
        cmocka_unit_test(a_full_group_leaves_at_once),
        cmocka_unit_test(one_left_over_alone_goes_as_a_single_call),
        cmocka_unit_test(what_differs_is_not_folded),
        cmocka_unit_test(commands_of_several_rules_are_folded),
        cmocka_unit_test(a_rule_with_a_rate_is_folded_by_itself_and_counts_calls),
        cmocka_unit_test(commands_of_one_device_are_never_in_one_call),
        cmocka_unit_test(a_command_joins_when_it_is_first_in_its_lane),
        cmocka_unit_test(a_group_keeps_to_the_smallest_max_of_its_members),
        cmocka_unit_test(a_member_expires_at_its_own_deadline),
        cmocka_unit_test(a_group_of_which_one_is_left_goes_as_a_single_call),
        cmocka_unit_test(a_group_ends_with_its_last_member),
        cmocka_unit_test(a_newer_command_replaces_one_in_a_group),
        cmocka_unit_test(a_folded_call_that_is_tried_again_is_folded_again),
        cmocka_unit_test(a_refused_folded_call_is_sent_again_one_by_one),
        cmocka_unit_test(a_group_that_waits_for_a_token_goes_on_filling),
        cmocka_unit_test(the_largest_group_goes_first_when_tokens_are_short),
        cmocka_unit_test(a_list_of_devices_counts_as_large_as_it_is),
        cmocka_unit_test(large_groups_do_not_starve_small_ones),
        cmocka_unit_test(members_go_singly_with_tokens_that_no_single_call_needs),
        cmocka_unit_test(a_burst_is_as_many_calls_as_it_fills),
        cmocka_unit_test(what_would_wait_for_longer_than_the_window_and_half_a_second_goes_singly_before),
        cmocka_unit_test(what_would_expire_for_want_of_a_token_goes_singly_before),
        cmocka_unit_test(members_do_not_take_tokens_from_single_calls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
