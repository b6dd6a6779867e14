// How a call ends that an operator drops.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "app/service/entry/drop.h"

static void assert_dropped(enum command_state call_state, bool earlier_may_have_run, enum status expected)
{
    const struct entry_call call = {.state = call_state, .may_have_run = earlier_may_have_run};
    struct call_outcome outcome;
    drop_outcome(&call, &outcome);
    assert_int_equal(outcome.status, expected);
    assert_string_equal(outcome.failure.code->code, "dropped_by_operator");
}

static void what_has_not_left_is_rejected(void **state)
{
    (void)state;
    assert_dropped(COMMAND_QUEUED, false, STATUS_REJECTED);
}

static void what_is_under_way_or_may_have_run_before_is_unknown(void **state)
{
    (void)state;
    assert_dropped(COMMAND_SENT, false, STATUS_UNKNOWN);
    assert_dropped(COMMAND_SENT, true, STATUS_UNKNOWN);
    assert_dropped(COMMAND_QUEUED, true, STATUS_UNKNOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_has_not_left_is_rejected),
        cmocka_unit_test(what_is_under_way_or_may_have_run_before_is_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
