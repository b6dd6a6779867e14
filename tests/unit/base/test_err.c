#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/str.h"

static void setting_a_diag_returns_the_error(void **state)
{
    (void)state;
    struct diag diag;
    assert_int_equal(diag_set(&diag, ERR_LIMIT, "%d is too much", 7), ERR_LIMIT);
    assert_string_equal(diag.text, "7 is too much");
}

static void a_diag_can_be_put_behind_words_of_the_caller(void **state)
{
    (void)state;
    struct diag diag;
    (void)diag_set(&diag, ERR_IO, "no such file");
    (void)diag_set(&diag, ERR_IO, "secret: %s", diag.text);
    assert_string_equal(diag.text, "secret: no such file");
}

static void a_long_diag_is_cut_between_characters(void **state)
{
    (void)state;
    static const char *const characters[] = {"x", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80"};
    for (size_t kind = 0; kind < 4; kind++) {
        for (int shift = 0; shift < 4; shift++) {
            char text[2000] = "";
            memset(text, 'a', (size_t)shift);
            while (strlen(text) < 1000) {
                strcat(text, characters[kind]);
            }
            struct diag diag;
            (void)diag_set(&diag, ERR_IO, "%s", text);
            size_t len = strlen(diag.text);
            assert_true(len > sizeof diag.text - 1 - 4 && len < sizeof diag.text);
            assert_true(str_utf8_valid(diag.text, len));
            assert_memory_equal(diag.text, text, len);
        }
    }
}

static void problems_keep_place_and_text(void **state)
{
    (void)state;
    struct problems problems = {0};
    problems_add(&problems, SEVERITY_ERROR, "a.yaml", 3, 7, "unknown key `%s`", "foo");
    problems_add(&problems, SEVERITY_WARNING, "b.yaml", 1, 1, "odd");
    assert_int_equal(problems.count, 2);
    assert_int_equal(problems.errors, 1);
    assert_string_equal(problems.items[0].source, "a.yaml");
    assert_int_equal(problems.items[0].line, 3);
    assert_int_equal(problems.items[0].column, 7);
    assert_string_equal(problems.items[0].text, "unknown key `foo`");
    assert_int_equal(problems.items[1].severity, SEVERITY_WARNING);
    problems_clear(&problems);
    assert_int_equal(problems.count, 0);
    assert_int_equal(problems.errors, 0);
}

static void problems_beyond_the_bound_are_only_counted(void **state)
{
    (void)state;
    struct problems problems = {0};
    for (int i = 0; i < PROBLEMS_MAX_ERRORS + 5; i++) {
        problems_add(&problems, SEVERITY_ERROR, "a.yaml", i, 1, "wrong");
    }
    assert_int_equal(problems.count, PROBLEMS_MAX_ERRORS);
    assert_int_equal(problems.omitted_errors, 5);
    assert_int_equal(problems.errors, PROBLEMS_MAX_ERRORS + 5);
    problems_clear(&problems);
}

static void warnings_never_take_the_place_of_an_error(void **state)
{
    (void)state;
    struct problems problems = {0};
    for (int i = 0; i < PROBLEMS_MAX_WARNINGS + 3; i++) {
        problems_add(&problems, SEVERITY_WARNING, "a.yaml", i, 1, "odd");
    }
    problems_add(&problems, SEVERITY_ERROR, "a.yaml", 7, 1, "wrong");
    assert_int_equal(problems.count, PROBLEMS_MAX_WARNINGS + 1);
    assert_int_equal(problems.items[PROBLEMS_MAX_WARNINGS].severity, SEVERITY_ERROR);
    assert_int_equal(problems.warnings, PROBLEMS_MAX_WARNINGS + 3);
    assert_int_equal(problems.omitted_warnings, 3);
    assert_int_equal(problems.errors, 1);
    assert_int_equal(problems.omitted_errors, 0);
    problems_clear(&problems);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(setting_a_diag_returns_the_error),
        cmocka_unit_test(a_diag_can_be_put_behind_words_of_the_caller),
        cmocka_unit_test(a_long_diag_is_cut_between_characters),
        cmocka_unit_test(problems_keep_place_and_text),
        cmocka_unit_test(problems_beyond_the_bound_are_only_counted),
        cmocka_unit_test(warnings_never_take_the_place_of_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
