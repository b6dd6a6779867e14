// app/broker/intake: when commands are taken, with a clock that the test moves.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "app/broker/intake.h"

static const struct intake_limits limits = {.refused_reserve = 1000, .max_commands = 10000, .max_bytes = 1000000};

static struct intake opened(int64_t now_ms)
{
    struct intake intake;
    intake_init(&intake, &limits);
    intake_proved(&intake, now_ms);
    assert_true(intake_take_change(&intake));
    return intake;
}

static void look(struct intake *intake, int64_t commands, int64_t refused, int64_t now_ms)
{
    struct outbox_counts counts = {.commands = commands + refused, .refused = refused};
    intake_look(intake, &counts, now_ms);
}

// Milliseconds from `now_ms` until it opens with these counts.
static int64_t closed_for(struct intake *intake, int64_t commands, int64_t refused, int64_t now_ms)
{
    for (int64_t ms = 0; ms < 100000; ms += 100) {
        look(intake, commands, refused, now_ms + ms);
        if (intake_is_open(intake)) {
            return ms;
        }
    }
    return -1;
}

static void nothing_is_taken_before_the_outbox_is_proved_writable(void **state)
{
    (void)state;
    struct intake intake;
    intake_init(&intake, &limits);
    assert_false(intake_is_open(&intake));
    assert_int_equal(intake.state, INTAKE_UNPROVED);
    assert_true(intake_must_prove(&intake, 0));
    look(&intake, 0, 0, 0);
    assert_false(intake_is_open(&intake));
    intake_proved(&intake, 0);
    assert_true(intake_is_open(&intake));
    assert_true(intake_take_change(&intake));
    assert_false(intake_take_change(&intake));
}

static void failed_proofs_back_off_to_ten_seconds(void **state)
{
    (void)state;
    static const int64_t waits[] = {500, 1000, 2000, 4000, 8000, 10000, 10000};
    struct intake intake;
    int64_t now_ms = 0;
    intake_init(&intake, &limits);
    for (size_t i = 0; i < sizeof waits / sizeof *waits; i++) {
        intake_cannot_write(&intake, "the disk is full", now_ms);
        assert_true(intake_take_change(&intake));
        assert_int_equal(intake.state, INTAKE_UNPROVED);
        assert_int_equal(intake_wait_ms(&intake, now_ms), waits[i]);
        assert_false(intake_must_prove(&intake, now_ms + waits[i] - 1));
        now_ms += waits[i];
        assert_true(intake_must_prove(&intake, now_ms));
    }
    assert_string_equal(intake.cause, "the disk is full");
}

static void half_of_the_reserve_closes_and_an_empty_reserve_opens(void **state)
{
    (void)state;
    struct intake intake = opened(0);
    look(&intake, 10000, 499, 1000);
    assert_true(intake_is_open(&intake));
    look(&intake, 10000, 500, 1000);
    assert_false(intake_is_open(&intake));
    assert_int_equal(intake.state, INTAKE_FULL);
    assert_true(intake_take_change(&intake));
    assert_false(intake_must_prove(&intake, 100000));
    look(&intake, 5000, 101, 5000);
    assert_false(intake_is_open(&intake));
    look(&intake, 5000, 100, 5000);
    assert_true(intake_is_open(&intake));
}

static void closing_soon_after_opening_keeps_it_closed_for_longer(void **state)
{
    (void)state;
    static const int64_t waits[] = {500, 1000, 2000, 4000, 8000, 10000, 10000};
    struct intake intake = opened(0);
    int64_t now_ms = 0;
    for (size_t i = 0; i < sizeof waits / sizeof *waits; i++) {
        look(&intake, 5000, 500, now_ms);
        assert_int_equal(closed_for(&intake, 5000, 0, now_ms), waits[i]);
        now_ms += waits[i] + 100;
    }
    now_ms += 60000;
    look(&intake, 5000, 500, now_ms);
    assert_int_equal(closed_for(&intake, 5000, 0, now_ms), 500);
}

static void a_queue_that_stays_full_is_opened_after_some_time_to_tell_so(void **state)
{
    (void)state;
    struct intake intake = opened(0);
    look(&intake, 10000, 500, 1000);
    assert_int_equal(closed_for(&intake, 10000, 0, 1000), 10000);
}

static void it_is_closed_while_refusals_wait_for_their_replies(void **state)
{
    (void)state;
    struct intake intake = opened(0);
    look(&intake, 0, 500, 1000);
    assert_int_equal(closed_for(&intake, 0, 500, 1000), -1);
    assert_true(intake_wait_ms(&intake, 50000) > 0);
}

static void what_was_on_its_way_when_it_closed_is_no_further_failure(void **state)
{
    (void)state;
    struct intake intake = opened(0);
    intake_cannot_write(&intake, "full", 1000);
    intake_cannot_write(&intake, "full", 1001);
    intake_no_room(&intake, 1002);
    assert_int_equal(intake.state, INTAKE_UNWRITABLE);
    assert_int_equal(intake_wait_ms(&intake, 1000), 500);
    look(&intake, 0, 0, 5000);
    assert_false(intake_is_open(&intake));
    intake_proved(&intake, 5000);
    assert_true(intake_is_open(&intake));
    assert_int_equal(intake_wait_ms(&intake, 5000), CLOCK_NEVER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_taken_before_the_outbox_is_proved_writable),
        cmocka_unit_test(failed_proofs_back_off_to_ten_seconds),
        cmocka_unit_test(half_of_the_reserve_closes_and_an_empty_reserve_opens),
        cmocka_unit_test(closing_soon_after_opening_keeps_it_closed_for_longer),
        cmocka_unit_test(a_queue_that_stays_full_is_opened_after_some_time_to_tell_so),
        cmocka_unit_test(it_is_closed_while_refusals_wait_for_their_replies),
        cmocka_unit_test(what_was_on_its_way_when_it_closed_is_no_further_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
