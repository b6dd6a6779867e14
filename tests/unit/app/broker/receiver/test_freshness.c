#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "app/broker/receiver/freshness.h"

#define FENCE "0123456789abcdef0123456789abcdef"

static struct moment at(int64_t ms)
{
    return (struct moment){.boot_id = "a", .boot_ms = ms, .wall_ms = ms};
}

// What most tests begin with: a new session at 1000 s.
static struct freshness *connected(void)
{
    struct moment now = at(1000000);
    struct freshness *freshness = freshness_create(&now);
    freshness_connected(freshness, false, &now);
    return freshness;
}

static int64_t age(struct freshness *freshness, int64_t ms)
{
    struct moment now = at(ms);
    int64_t gap_ms = 0;
    return freshness_message(freshness, &now, &gap_ms);
}

static int64_t beat(struct freshness *freshness, int64_t ms)
{
    struct moment now = at(ms);
    return freshness_beat(freshness, &now);
}

static void beats_until(struct freshness *freshness, int64_t from_ms, int64_t to_ms)
{
    for (int64_t ms = from_ms; ms <= to_ms; ms += FRESHNESS_BEAT_MS) {
        assert_int_equal(beat(freshness, ms), 0);
    }
}

static void connect_again(struct freshness *freshness, int64_t ms)
{
    struct moment now = at(ms);
    freshness_connected(freshness, true, &now);
}

static void expect(struct freshness *freshness, int64_t ms)
{
    struct moment now = at(ms);
    freshness_expect_fence(freshness, FENCE, &now);
}

static bool fence_comes(struct freshness *freshness, int64_t ms)
{
    struct moment now = at(ms);
    int64_t gap_ms = 0;
    return freshness_take_fence(freshness, FENCE, strlen(FENCE), &now, &gap_ms);
}

static bool pause_is_taken(struct freshness *freshness, const struct freshness_mark *since, int64_t ms)
{
    struct moment now = at(ms);
    int64_t gap_ms = 0;
    return freshness_take_pause(freshness, since, &now, &gap_ms);
}

static struct freshness_mark mark(struct freshness *freshness, int64_t ms)
{
    struct moment now = at(ms);
    return freshness_mark(freshness, &now);
}

static void a_new_session_has_nothing_that_waited(void **state)
{
    (void)state;
    struct freshness *freshness = connected();
    assert_false(freshness_in_doubt(freshness));
    assert_int_equal(age(freshness, 1000100), 0);
    freshness_destroy(freshness);
}

static void a_kept_session_without_a_record_may_hold_what_is_of_any_age(void **state)
{
    (void)state;
    struct moment now = at(1000000);
    struct freshness *freshness = freshness_create(&now);
    freshness_connected(freshness, true, &now);
    assert_true(age(freshness, 1000001) == INT64_MAX);
    freshness_destroy(freshness);
}

static void after_an_absence_it_may_be_as_old_as_that_until_the_fence(void **state)
{
    (void)state;
    struct freshness *freshness = connected();
    age(freshness, 1000100);
    beats_until(freshness, 1000500, 1009500);
    connect_again(freshness, 1010000);
    assert_int_equal(age(freshness, 1010050), 9950);
    expect(freshness, 1010100);
    assert_int_equal(age(freshness, 1010200), 10100);
    assert_true(fence_comes(freshness, 1010300));
    assert_int_equal(age(freshness, 1010301), 0);
    freshness_destroy(freshness);
}

static void after_a_reboot_with_a_clock_that_stands_before_it_is_of_any_age(void **state)
{
    (void)state;
    struct moment now = at(1000000);
    struct moment contact = {.boot_id = "b", .boot_ms = 5, .wall_ms = 2000000};
    struct freshness *freshness = freshness_create(&now);
    freshness_set_contact(freshness, &contact);
    freshness_connected(freshness, true, &now);
    assert_true(age(freshness, 1000001) == INT64_MAX);
    freshness_destroy(freshness);
}

static void a_fence_of_an_earlier_connection_proves_nothing(void **state)
{
    (void)state;
    struct freshness *freshness = connected();
    expect(freshness, 1000100);
    connect_again(freshness, 1001000);
    assert_false(fence_comes(freshness, 1001100));
    assert_true(freshness_in_doubt(freshness));
    freshness_destroy(freshness);
}

static void contact_is_when_the_fence_was_sent_and_stands_still_in_doubt(void **state)
{
    (void)state;
    struct moment contact;
    struct freshness *freshness = connected();
    assert_false(freshness_contact(freshness, &contact));
    expect(freshness, 1000100);
    assert_true(fence_comes(freshness, 1000900));
    assert_true(freshness_contact(freshness, &contact));
    assert_int_equal(contact.boot_ms, 1000100);
    age(freshness, 1001000);
    connect_again(freshness, 1002000);
    age(freshness, 1002500);
    assert_true(freshness_contact(freshness, &contact));
    assert_int_equal(contact.boot_ms, 1001000);
    freshness_destroy(freshness);
}

static void steady_beats_are_no_gap(void **state)
{
    (void)state;
    struct freshness *freshness = connected();
    beats_until(freshness, 1000500, 1060000);
    assert_int_equal(age(freshness, 1060000 + FRESHNESS_GAP_MS), 0);
    freshness_destroy(freshness);
}

static void whoever_comes_first_after_a_gap_finds_it(void **state)
{
    (void)state;
    struct moment now = at(1025000);
    int64_t gap_ms = 0;
    struct freshness *freshness = connected();
    assert_int_equal(beat(freshness, 1025000), 25000);
    assert_int_equal(age(freshness, 1025001), 25001);
    freshness_destroy(freshness);

    freshness = connected();
    assert_int_equal(freshness_message(freshness, &now, &gap_ms), 25000);
    assert_int_equal(gap_ms, 25000);
    assert_int_equal(beat(freshness, 1025001), 0);
    freshness_destroy(freshness);

    freshness = connected();
    expect(freshness, 1000001);
    assert_false(freshness_take_fence(freshness, FENCE, strlen(FENCE), &now, &gap_ms));
    assert_int_equal(gap_ms, 25000);
    freshness_destroy(freshness);
}

static void a_fence_that_was_sent_before_a_gap_proves_nothing_about_it(void **state)
{
    (void)state;
    struct freshness *freshness = connected();
    expect(freshness, 1000100);
    beat(freshness, 1025000);
    assert_false(fence_comes(freshness, 1025001));
    assert_int_equal(age(freshness, 1025002), 25002);
    expect(freshness, 1025100);
    assert_true(fence_comes(freshness, 1025200));
    assert_int_equal(age(freshness, 1025201), 0);
    freshness_destroy(freshness);
}

static void a_gap_within_an_absence_takes_nothing_from_it(void **state)
{
    (void)state;
    struct freshness *freshness = connected();
    age(freshness, 1000100);
    beats_until(freshness, 1000500, 1100000);
    connect_again(freshness, 1100000);
    beat(freshness, 1110000);
    assert_int_equal(age(freshness, 1110001), 109901);
    freshness_destroy(freshness);
}

static void a_callback_that_takes_long_leaves_what_lies_behind_it_in_doubt(void **state)
{
    (void)state;
    struct freshness *freshness = connected();
    struct moment came = at(1000100);
    struct moment soon = at(1000200);
    struct moment late = at(1005000);
    age(freshness, 1000100);
    assert_int_equal(freshness_message_done(freshness, &came, &soon), 0);
    beats_until(freshness, 1000600, 1004600);
    assert_int_equal(freshness_message_done(freshness, &came, &late), 4900);
    assert_int_equal(age(freshness, 1005001), 4901);
    freshness_destroy(freshness);
}

static void a_pause_is_none_if_a_message_came_or_a_doubt_began(void **state)
{
    (void)state;
    struct freshness *freshness = connected();
    connect_again(freshness, 1001000);
    struct freshness_mark since = mark(freshness, 1001100);
    age(freshness, 1001200);
    assert_false(freshness_is_quiet(freshness, &since));
    assert_false(pause_is_taken(freshness, &since, 1001300));
    since = mark(freshness, 1001400);
    assert_false(pause_is_taken(freshness, &since, 1025000)); // which is after a gap
    assert_true(freshness_in_doubt(freshness));
    since = mark(freshness, 1025100);
    assert_true(freshness_is_quiet(freshness, &since));
    assert_true(pause_is_taken(freshness, &since, 1025200));
    assert_int_equal(age(freshness, 1025201), 0);
    freshness_destroy(freshness);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_session_has_nothing_that_waited),
        cmocka_unit_test(a_kept_session_without_a_record_may_hold_what_is_of_any_age),
        cmocka_unit_test(after_an_absence_it_may_be_as_old_as_that_until_the_fence),
        cmocka_unit_test(after_a_reboot_with_a_clock_that_stands_before_it_is_of_any_age),
        cmocka_unit_test(a_fence_of_an_earlier_connection_proves_nothing),
        cmocka_unit_test(contact_is_when_the_fence_was_sent_and_stands_still_in_doubt),
        cmocka_unit_test(steady_beats_are_no_gap),
        cmocka_unit_test(whoever_comes_first_after_a_gap_finds_it),
        cmocka_unit_test(a_fence_that_was_sent_before_a_gap_proves_nothing_about_it),
        cmocka_unit_test(a_gap_within_an_absence_takes_nothing_from_it),
        cmocka_unit_test(a_callback_that_takes_long_leaves_what_lies_behind_it_in_doubt),
        cmocka_unit_test(a_pause_is_none_if_a_message_came_or_a_doubt_began),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
