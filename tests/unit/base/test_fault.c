#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fault.h"

// Passes the point so often, and the other one in between, in a process of its own: the environment is read once.
static int pass_in_child(const char *kill_at, int passages)
{
    pid_t child = fork();
    if (child == 0) {
        setenv("THINGBRIDGE_TEST_KILL", kill_at, 1);
        for (int i = 0; i < passages; i++) {
            FAULT_POINT("here");
            FAULT_POINT("there");
        }
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static int ask_in_child(const char *defect, bool *found)
{
    pid_t child = fork();
    if (child == 0) {
        setenv("THINGBRIDGE_TEST_DEFECT", defect, 1);
        _exit(FAULT_DEFECT("known") ? 1 : 0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    *found = WEXITSTATUS(status) == 1;
    return status;
}

#ifdef THINGBRIDGE_FAULTS

static void the_process_ends_at_the_named_passage_of_the_point(void **state)
{
    (void)state;
    assert_true(WIFEXITED(pass_in_child("here:3", 2)));
    int status = pass_in_child("here:3", 3);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGKILL);
}

static void other_points_and_no_number_end_nothing(void **state)
{
    (void)state;
    assert_true(WIFEXITED(pass_in_child("elsewhere:1", 3)));
    assert_true(WIFEXITED(pass_in_child("here", 3)));
}

static void only_the_named_defect_is_in(void **state)
{
    (void)state;
    bool found = false;
    ask_in_child("known", &found);
    assert_true(found);
    ask_in_child("another", &found);
    assert_false(found);
}

#else

static void a_build_for_users_knows_no_faults(void **state)
{
    (void)state;
    bool found = true;
    assert_true(WIFEXITED(pass_in_child("here:1", 3)));
    ask_in_child("known", &found);
    assert_false(found);
}

#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
#ifdef THINGBRIDGE_FAULTS
        cmocka_unit_test(the_process_ends_at_the_named_passage_of_the_point),
        cmocka_unit_test(other_points_and_no_number_end_nothing),
        cmocka_unit_test(only_the_named_defect_is_in),
#else
        cmocka_unit_test(a_build_for_users_knows_no_faults),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
