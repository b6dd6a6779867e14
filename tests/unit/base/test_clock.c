#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

static struct moment moment_of(const char *boot, int64_t boot_ms, int64_t wall_ms)
{
    struct moment moment = {.boot_ms = boot_ms, .wall_ms = wall_ms};
    memcpy(moment.boot_id, boot, strlen(boot));
    return moment;
}

static void now_has_a_boot_id_and_does_not_go_back(void **state)
{
    (void)state;
    struct moment first = clock_now();
    struct moment second = clock_now();
    assert_true(strlen(first.boot_id) == 36 || strcmp(first.boot_id, "unknown") == 0);
    assert_string_equal(first.boot_id, second.boot_id);
    assert_true(second.boot_ms >= first.boot_ms);
    assert_true(first.wall_ms > 1700000000000);
}

static void within_one_boot_the_wall_clock_does_not_count(void **state)
{
    (void)state;
    struct moment then = moment_of("a", 1000, 9000000);
    struct moment now = moment_of("a", 3500, 1);
    assert_int_equal(clock_elapsed_ms(&then, &now), 2500);
}

static void a_moment_that_another_thread_took_later_is_not_in_the_future(void **state)
{
    (void)state;
    struct moment then = moment_of("a", 1001, 5);
    struct moment now = moment_of("a", 1000, 4);
    assert_int_equal(clock_elapsed_ms(&then, &now), 0);
}

static void after_a_reboot_the_wall_clock_counts(void **state)
{
    (void)state;
    struct moment then = moment_of("a", 500000, 9000);
    struct moment now = moment_of("b", 10, 9700);
    assert_int_equal(clock_elapsed_ms(&then, &now), 700);
    now.wall_ms = 8000;
    assert_int_equal(clock_elapsed_ms(&then, &now), -1000);
}

static void an_unknown_boot_id_is_not_the_same_boot(void **state)
{
    (void)state;
    struct moment then = moment_of("unknown", 500000, 9000);
    struct moment now = moment_of("unknown", 10, 9700);
    assert_int_equal(clock_elapsed_ms(&then, &now), 700);
}

static void times_are_written_in_utc(void **state)
{
    (void)state;
    char text[CLOCK_ISO_LEN];
    clock_iso_ms(1795288051123, text);
    assert_string_equal(text, "2026-11-21T19:07:31.123Z");
    clock_iso_s(1795288051999, text);
    assert_string_equal(text, "2026-11-21T19:07:31Z");
    clock_iso_ms(0, text);
    assert_string_equal(text, "1970-01-01T00:00:00.000Z");
    clock_iso_ms(-1, text);
    assert_string_equal(text, "1969-12-31T23:59:59.999Z");
}

static void a_year_that_does_not_fit_gives_an_empty_text(void **state)
{
    (void)state;
    char text[CLOCK_ISO_LEN];
    clock_iso_ms(INT64_MAX, text);
    assert_string_equal(text, "");
}

static void iso_times_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t wall_ms;
    } rows[] = {
        {"2026-11-21T19:07:31Z", 1795288051000},           {"2026-11-21T19:07:31.5Z", 1795288051500},
        {"2026-11-21T19:07:31.123456789z", 1795288051123}, {"2026-11-21T20:07:31+01:00", 1795288051000},
        {"2026-11-21T13:37:31.001-05:30", 1795288051001},  {"1970-01-01T00:00:00Z", 0},
        {"2024-02-29T00:00:00Z", 1709164800000},           {"2026-11-21t19:07:31z", 1795288051000},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        int64_t wall_ms = -1;
        assert_true(clock_parse_iso(rows[i].text, &wall_ms));
        assert_int_equal(wall_ms, rows[i].wall_ms);
    }
}

static void what_is_no_iso_time_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "now",
        "2026-11-21",
        "2026-11-21T19:07:31",
        "2026-11-21 19:07:31Z",
        "2026-11-21x19:07:31Z",
        "2026-11-21T19:07:31.Z",
        "2026-11-21T19:07:31ZZ",
        "2026-11-21T19:07:31+1:00",
        "2026-11-21T19:07:31+ 1:00",
        "2026-11-21T19:07:31+24:00",
        "2026-11-21T19:07:31+01:60",
        "2026-11-21T19:07:31+01:000",
        "2026-02-29T00:00:00Z",
        "2026-11-31T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-11-21T24:00:00Z",
        "2026-11-21T19:07:60Z",
        " 2026-11-21T19:07:31Z",
        "2026-1-21T19:07:31Z",
        "+026-11-21T19:07:31Z",
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        int64_t wall_ms = 77;
        assert_false(clock_parse_iso(texts[i], &wall_ms));
        assert_int_equal(wall_ms, 77);
    }
}

static void http_dates_are_read_in_the_preferred_form_only(void **state)
{
    (void)state;
    int64_t wall_ms = 0;
    assert_true(clock_parse_http_date("Sat, 21 Nov 2026 19:07:31 GMT", &wall_ms));
    assert_int_equal(wall_ms, 1795288051000);
    assert_false(clock_parse_http_date("Saturday, 21-Nov-26 19:07:31 GMT", &wall_ms));
    assert_false(clock_parse_http_date("Sat, 21 Nov 2026 19:07:31 CET", &wall_ms));
    assert_false(clock_parse_http_date("Sat, 31 Nov 2026 19:07:31 GMT", &wall_ms));
    assert_false(clock_parse_http_date("Sat, 21 Nov 2026 19:07:31 GMT x", &wall_ms));
    assert_false(clock_parse_http_date("120", &wall_ms));
    assert_false(clock_parse_http_date("", &wall_ms));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(now_has_a_boot_id_and_does_not_go_back),
        cmocka_unit_test(within_one_boot_the_wall_clock_does_not_count),
        cmocka_unit_test(a_moment_that_another_thread_took_later_is_not_in_the_future),
        cmocka_unit_test(after_a_reboot_the_wall_clock_counts),
        cmocka_unit_test(an_unknown_boot_id_is_not_the_same_boot),
        cmocka_unit_test(times_are_written_in_utc),
        cmocka_unit_test(a_year_that_does_not_fit_gives_an_empty_text),
        cmocka_unit_test(iso_times_are_read),
        cmocka_unit_test(what_is_no_iso_time_is_refused),
        cmocka_unit_test(http_dates_are_read_in_the_preferred_form_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
