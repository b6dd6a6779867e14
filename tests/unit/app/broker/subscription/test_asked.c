#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "app/broker/subscription/asked.h"

static void answers_in_any_order_leave_the_first_that_is_due(void **state)
{
    (void)state;
    struct asked asked = {0};
    assert_null(asked_first(&asked));
    asked_add(&asked, "a");
    asked_add(&asked, "b");
    asked_add(&asked, "c");
    asked_answered(&asked, "b");
    assert_string_equal(asked_first(&asked), "a");
    asked_answered(&asked, "a");
    assert_string_equal(asked_first(&asked), "c");
    asked_answered(&asked, "c");
    assert_null(asked_first(&asked));
    asked_add(&asked, "d");
    assert_string_equal(asked_first(&asked), "d");
    asked_begin(&asked);
    assert_null(asked_first(&asked));
    asked_clear(&asked);
}

static void lose(struct asked *asked, const char *filter, uint64_t loss, int64_t now_ms)
{
    asked_begin(asked);
    asked_add(asked, filter);
    asked_lost(asked, loss, now_ms);
}

static void a_filter_is_paused_when_it_was_due_at_two_losses_in_a_row_and_longer_each_time(void **state)
{
    (void)state;
    struct asked asked = {0};
    lose(&asked, "a", 1, 1000);
    assert_true(asked.is_careful);
    assert_int_equal(asked_paused_until_ms(&asked, "a"), 0);
    lose(&asked, "a", 2, 2000);
    assert_int_equal(asked_paused_until_ms(&asked, "a"), 7000);
    assert_int_equal(asked_paused_until_ms(&asked, "b"), 0);
    lose(&asked, "a", 3, 7000);
    assert_int_equal(asked_paused_until_ms(&asked, "a"), 17000);
    asked_answered(&asked, "a");
    assert_int_equal(asked_paused_until_ms(&asked, "a"), 0);
    asked_clear(&asked);
}

static void losses_with_one_and_another_due_pause_none(void **state)
{
    (void)state;
    struct asked asked = {0};
    for (uint64_t loss = 1; loss < 20; loss += 2) {
        lose(&asked, "a", loss, 1000);
        lose(&asked, "b", loss + 1, 1000);
    }
    assert_int_equal(asked_paused_until_ms(&asked, "a"), 0);
    assert_int_equal(asked_paused_until_ms(&asked, "b"), 0);
    asked_begin(&asked);
    asked_lost(&asked, 100, 1000);
    asked_clear(&asked);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_in_any_order_leave_the_first_that_is_due),
        cmocka_unit_test(a_filter_is_paused_when_it_was_due_at_two_losses_in_a_row_and_longer_each_time),
        cmocka_unit_test(losses_with_one_and_another_due_pause_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
