#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "app/service/entry/entry.h"

#define HOUR 3600000

static struct moment moment_of(const char *boot_id, int64_t boot_ms, int64_t wall_ms)
{
    struct moment moment = {.boot_ms = boot_ms, .wall_ms = wall_ms};
    strcpy(moment.boot_id, boot_id);
    return moment;
}

// A command that arrived at boot time 5000 and wall time 100 h, and may live for 10 s.
static struct entry *ten_seconds(void)
{
    struct arrival arrival = {.row_id = 1, .arrived = moment_of("a", 5000, 100LL * HOUR), .command = command_create()};
    arrival.command->lifetime_ms = 10000;
    return entry_create(&arrival);
}

static void the_deadline_is_arrival_and_lifetime_in_boot_time(void **state)
{
    (void)state;
    struct entry *entry = ten_seconds();
    struct moment now = moment_of("a", 8000, 100LL * HOUR + 3000);
    assert_int_equal(entry_deadline_ms(entry, &now), 15000);
    entry_free(entry);
}

static void setting_the_clock_moves_no_deadline(void **state)
{
    (void)state;
    struct entry *entry = ten_seconds();
    struct moment forward = moment_of("a", 8000, 101LL * HOUR);
    struct moment back = moment_of("a", 8000, 1LL * HOUR);
    assert_int_equal(entry_deadline_ms(entry, &forward), 15000);
    assert_int_equal(entry_deadline_ms(entry, &back), 15000);
    entry_free(entry);
}

static void a_command_that_arrived_after_the_turn_began_is_not_late(void **state)
{
    (void)state;
    struct entry *entry = ten_seconds();
    struct moment now = moment_of("a", 4999, 100LL * HOUR - 1);
    assert_true(entry_deadline_ms(entry, &now) > now.boot_ms);
    entry_free(entry);
}

static void after_a_reboot_the_wall_clock_tells_what_is_left(void **state)
{
    (void)state;
    struct entry *entry = ten_seconds();
    struct moment soon = moment_of("b", 200, 100LL * HOUR + 4000);
    struct moment late = moment_of("b", 200, 100LL * HOUR + 20000);
    assert_int_equal(entry_deadline_ms(entry, &soon), 200 + 6000);
    assert_true(entry_deadline_ms(entry, &late) < late.boot_ms);
    entry_free(entry);
}

static void after_a_reboot_with_a_clock_before_the_arrival_it_is_too_late(void **state)
{
    (void)state;
    struct entry *entry = ten_seconds();
    struct moment now = moment_of("b", 200, 99LL * HOUR);
    assert_true(entry_deadline_ms(entry, &now) <= now.boot_ms);
    entry_free(entry);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_deadline_is_arrival_and_lifetime_in_boot_time),
        cmocka_unit_test(setting_the_clock_moves_no_deadline),
        cmocka_unit_test(a_command_that_arrived_after_the_turn_began_is_not_late),
        cmocka_unit_test(after_a_reboot_the_wall_clock_tells_what_is_left),
        cmocka_unit_test(after_a_reboot_with_a_clock_before_the_arrival_it_is_too_late),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
