#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/json/json.h"
#include "base/json/show.h"
#include "base/mem.h"
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
        struct shown as_value = show_value(value);
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
        assert_string_equal(show_value(value).text, rows[i].shown);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_shown_in_quotes_without_control_characters),
        cmocka_unit_test(long_text_is_cut_at_a_character),
        cmocka_unit_test(values_are_shown_with_their_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
