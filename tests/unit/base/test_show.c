#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/json/json.h"
#include "base/mem.h"
#include "base/show.h"
#include "base/str.h"

static void text_is_shown_in_quotes_without_control_characters(void **state)
{
    (void)state;
    assert_string_equal(show_text("hall lamp").text, "\"hall lamp\"");
    assert_string_equal(show_text("a\nb\x7F").text, "\"a?b?\"");
    assert_string_equal(show_plain("hall").text, "hall");
    assert_string_equal(show_text("\xC3").text, "(not valid UTF-8)");
}

static void long_text_is_cut_at_a_character(void **state)
{
    (void)state;
    for (size_t before = 0; before < 4; before++) {
        char text[400] = "";
        memset(text, 'a', before);
        for (size_t i = 0; i < 60; i++) {
            strcat(text, "\xE2\x82\xAC");
        }
        struct shown shown = show_text(text);
        assert_true(str_utf8_valid(shown.text, strlen(shown.text)));
        assert_non_null(strstr(shown.text, "...\""));
        AUTO_JSON struct json_object *value = json_new_text(text);
        struct shown as_value = json_show(value);
        assert_true(str_utf8_valid(as_value.text, strlen(as_value.text)));
    }
}

static void values_are_shown_with_their_kind(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        const char *shown;
    } rows[] = {{"5", "integer 5"},        {"1.50", "number 1.50"}, {"true", "boolean true"}, {"null", "null"},
                {"\"on\"", "text \"on\""}, {"[1]", "a list"},       {"{}", "an object"}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        AUTO_JSON struct json_object *value = NULL;
        struct json_limits limits = {2};
        struct diag diag;
        assert_int_equal(json_parse(rows[i].json, strlen(rows[i].json), &limits, &value, &diag), ERR_OK);
        assert_string_equal(json_show(value).text, rows[i].shown);
    }
}

static void control_characters_are_masked(void **state)
{
    (void)state;
    char text[] = "a\x1B[m\t\x7F\xC2\x85\xC3\xA9\xE5\xAE\xA2";
    show_mask(text, sizeof text - 1);
    assert_string_equal(text, "a?[m????\xC3\xA9\xE5\xAE\xA2");
    char turned[] = "a\xE2\x80\xAE"
                    "b";
    show_mask(turned, sizeof turned - 1);
    assert_string_equal(turned, "a???b");
}

static void what_is_shown_has_nothing_that_a_terminal_would_obey(void **state)
{
    (void)state;
    assert_string_equal(show_short("a\nb\xC2\x9B[2J\xE2\x80\xAEtxt\x9B").text, "a?b??[2J???txt\x9B");
}

static void whole_texts_keep_their_length(void **state)
{
    (void)state;
    assert_int_equal(show_whole_len("", 0), 0);
    assert_int_equal(show_whole_len("abc", 3), 3);
    assert_int_equal(show_whole_len("\xC3\xA9", 2), 2);
    assert_int_equal(show_whole_len("a\xE5\xAE\xA2", 4), 4);
    assert_int_equal(show_whole_len("\xF0\x9F\x92\xA1", 4), 4);
}

static void a_character_without_its_end_is_left_out(void **state)
{
    (void)state;
    assert_int_equal(show_whole_len("a\xC3", 2), 1);
    assert_int_equal(show_whole_len("a\xE5", 2), 1);
    assert_int_equal(show_whole_len("a\xE5\xAE", 3), 1);
    assert_int_equal(show_whole_len("\xF0\x9F\x92", 3), 0);
    assert_int_equal(show_whole_len("\xC3\xA9\xF0\x9F", 4), 2);
}

static void a_text_that_fits_is_copied_whole(void **state)
{
    (void)state;
    char out[5];
    show_cut(out, sizeof out, "abcd");
    assert_string_equal(out, "abcd");
    show_cut(out, sizeof out, "");
    assert_string_equal(out, "");
}

static void a_longer_text_is_cut_between_characters(void **state)
{
    (void)state;
    char out[5];
    show_cut(out, sizeof out, "abcde");
    assert_string_equal(out, "abcd");
    show_cut(out, sizeof out, "abc\xC3\xA9");
    assert_string_equal(out, "abc");
    show_cut(out, sizeof out, "\xE5\xAE\xA2\xE5\xAE\xA2");
    assert_string_equal(out, "\xE5\xAE\xA2");
    show_cut(out, 1, "\xE5\xAE\xA2");
    assert_string_equal(out, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_shown_in_quotes_without_control_characters),
        cmocka_unit_test(long_text_is_cut_at_a_character),
        cmocka_unit_test(values_are_shown_with_their_kind),
        cmocka_unit_test(whole_texts_keep_their_length),
        cmocka_unit_test(a_character_without_its_end_is_left_out),
        cmocka_unit_test(a_text_that_fits_is_copied_whole),
        cmocka_unit_test(a_longer_text_is_cut_between_characters),
        cmocka_unit_test(control_characters_are_masked),
        cmocka_unit_test(what_is_shown_has_nothing_that_a_terminal_would_obey),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
