// Which state of a command may follow which, and what each means.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/command_state.h"

#define STATES 4

// One row per state from which, one letter per state that follows: Queued, Sent, Replied, Done.
static void assert_changes(bool (*may_follow)(enum command_state from, enum command_state to),
                           const char *const expected[STATES])
{
    for (int from = 0; from < STATES; from++) {
        for (int to = 0; to < STATES; to++) {
            bool expect = expected[from][to] != '.';
            if (may_follow((enum command_state)from, (enum command_state)to) != expect) {
                fail_msg("%s -> %s should %sbe legal", command_state_name((enum command_state)from),
                         command_state_name((enum command_state)to), expect ? "" : "not ");
            }
        }
    }
}

static void a_command_changes_only_along_its_way(void **state)
{
    (void)state;
    assert_changes(command_state_may_follow, (const char *const[STATES]){".SR.", "Q.R.", "...D", "...."});
}

static void a_call_has_no_reply_of_its_own(void **state)
{
    (void)state;
    assert_changes(command_state_may_follow_in_call, (const char *const[STATES]){".S.D", "Q..D", "....", "...."});
}

static void a_restart_repeats_only_what_is_idempotent(void **state)
{
    (void)state;
    static const enum command_restart expected[STATES][2] = {
        {RESTART_GOES_ON, RESTART_GOES_ON},
        {RESTART_ENDS_UNKNOWN, RESTART_REPEATS},
        {RESTART_PUBLISHES, RESTART_PUBLISHES},
        {RESTART_KEEPS, RESTART_KEEPS},
    };
    for (int i = 0; i < STATES; i++) {
        assert_int_equal(command_state_restart((enum command_state)i, false), expected[i][0]);
        assert_int_equal(command_state_restart((enum command_state)i, true), expected[i][1]);
    }
}

static void what_was_sent_may_have_run_and_so_may_what_an_earlier_attempt_left(void **state)
{
    (void)state;
    for (int i = 0; i < STATES; i++) {
        assert_int_equal(command_state_may_have_run((enum command_state)i, false), i == COMMAND_SENT);
        assert_true(command_state_may_have_run((enum command_state)i, true));
    }
}

static void each_state_has_its_name(void **state)
{
    (void)state;
    assert_string_equal(command_state_name(COMMAND_QUEUED), "QUEUED");
    assert_string_equal(command_state_name(COMMAND_SENT), "SENT");
    assert_string_equal(command_state_name(COMMAND_REPLIED), "REPLIED");
    assert_string_equal(command_state_name(COMMAND_DONE), "DONE");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_command_changes_only_along_its_way),
        cmocka_unit_test(a_call_has_no_reply_of_its_own),
        cmocka_unit_test(a_restart_repeats_only_what_is_idempotent),
        cmocka_unit_test(what_was_sent_may_have_run_and_so_may_what_an_earlier_attempt_left),
        cmocka_unit_test(each_state_has_its_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
