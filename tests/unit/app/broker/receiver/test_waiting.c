// app/broker/receiver/waiting: how much may wait, by rule and in memory.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "app/broker/receiver/waiting.h"

static const struct waiting_limits limits = {
    .max_commands = 10, .max_bytes = 1000, .max_share = 0.5, .max_refusals = 2};

static struct waiting_command on_disk(const char *rule, int64_t bytes)
{
    return (struct waiting_command){.rule = rule, .bytes = bytes};
}

static struct waiting_command in_memory(const char *rule, int64_t bytes)
{
    return (struct waiting_command){.rule = rule, .in_memory = true, .bytes = bytes};
}

static void assert_enters(struct waiting *waiting, struct waiting_command command)
{
    struct failure why = {0};
    assert_int_equal(waiting_enter(waiting, &command, &why), ERR_OK);
    assert_null(why.code);
}

static void assert_full(struct waiting *waiting, struct waiting_command command, const char *part)
{
    struct failure why = {0};
    assert_int_equal(waiting_enter(waiting, &command, &why), ERR_FULL);
    assert_string_equal(why.code->code, "outbox_full");
    if (strstr(why.detail, part) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", why.detail, part);
    }
}

static void a_rule_has_its_share_of_the_commands_and_leaves_the_rest_to_others(void **state)
{
    (void)state;
    struct waiting *waiting = waiting_create(&limits);
    struct waiting_command one = on_disk("a", 1);
    for (int i = 0; i < 5; i++) {
        assert_enters(waiting, one);
    }
    assert_full(waiting, one, "5 commands of the rule with 5 bytes wait, and one rule may have 0.5 of 10 commands");
    assert_full(waiting, in_memory("a", 1), "outbox.max_share");
    assert_enters(waiting, on_disk("b", 1));
    waiting_leave(waiting, &one);
    assert_enters(waiting, one);
    assert_full(waiting, one, "outbox.max_share");
    waiting_destroy(waiting);
}

static void a_rule_has_its_share_of_the_bytes(void **state)
{
    (void)state;
    struct waiting *waiting = waiting_create(&limits);
    assert_enters(waiting, on_disk("a", 400));
    assert_full(waiting, on_disk("a", 101), "1 commands of the rule with 400 bytes");
    assert_enters(waiting, on_disk("a", 100));
    assert_enters(waiting, on_disk("b", 500));
    waiting_destroy(waiting);
}

static void a_rule_can_always_have_one_command(void **state)
{
    (void)state;
    struct waiting_limits small = limits;
    small.max_share = 0.01;
    struct waiting *waiting = waiting_create(&small);
    assert_enters(waiting, on_disk("a", 900));
    assert_full(waiting, on_disk("a", 1), "outbox.max_share");
    waiting_destroy(waiting);
}

static void what_an_earlier_process_left_counts_whatever_the_limits(void **state)
{
    (void)state;
    struct waiting *waiting = waiting_create(&limits);
    struct waiting_command one = on_disk("a", 1);
    for (int i = 0; i < 8; i++) {
        waiting_restore(waiting, &one);
    }
    assert_full(waiting, one, "8 commands");
    for (int i = 0; i < 4; i++) {
        waiting_leave(waiting, &one);
    }
    assert_enters(waiting, one);
    waiting_destroy(waiting);
}

static void commands_in_memory_are_bounded_in_number_and_bytes(void **state)
{
    (void)state;
    struct waiting *waiting = waiting_create(&limits);
    assert_enters(waiting, in_memory("a", 400));
    assert_enters(waiting, in_memory("b", 400));
    assert_full(waiting, in_memory("c", 400), "2 QoS 0 commands with 800 bytes wait, and at most 10 with 1000 bytes");
    assert_enters(waiting, on_disk("c", 400));
    struct waiting_command gone = in_memory("a", 400);
    waiting_leave(waiting, &gone);
    char rules[9][2];
    for (int i = 0; i < 9; i++) {
        snprintf(rules[i], sizeof rules[i], "%d", i);
        assert_enters(waiting, in_memory(rules[i], 1));
    }
    assert_full(waiting, in_memory("d", 1), "10 QoS 0 commands");
    waiting_destroy(waiting);
}

static void refusals_in_memory_are_bounded_too(void **state)
{
    (void)state;
    struct waiting *waiting = waiting_create(&limits);
    assert_true(waiting_enter_refusal(waiting));
    assert_true(waiting_enter_refusal(waiting));
    assert_false(waiting_enter_refusal(waiting));
    waiting_leave_refusal(waiting);
    assert_true(waiting_enter_refusal(waiting));
    waiting_destroy(waiting);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rule_has_its_share_of_the_commands_and_leaves_the_rest_to_others),
        cmocka_unit_test(a_rule_has_its_share_of_the_bytes),
        cmocka_unit_test(a_rule_can_always_have_one_command),
        cmocka_unit_test(what_an_earlier_process_left_counts_whatever_the_limits),
        cmocka_unit_test(commands_in_memory_are_bounded_in_number_and_bytes),
        cmocka_unit_test(refusals_in_memory_are_bounded_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
