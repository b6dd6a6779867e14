// Text is cut between characters.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"

static void whole_texts_keep_their_length(void **state)
{
    (void)state;
    assert_int_equal(text_whole_len("", 0), 0);
    assert_int_equal(text_whole_len("abc", 3), 3);
    assert_int_equal(text_whole_len("\xC3\xA9", 2), 2);
    assert_int_equal(text_whole_len("a\xE5\xAE\xA2", 4), 4);
    assert_int_equal(text_whole_len("\xF0\x9F\x92\xA1", 4), 4);
}

static void a_character_without_its_end_is_left_out(void **state)
{
    (void)state;
    assert_int_equal(text_whole_len("a\xC3", 2), 1);
    assert_int_equal(text_whole_len("a\xE5", 2), 1);
    assert_int_equal(text_whole_len("a\xE5\xAE", 3), 1);
    assert_int_equal(text_whole_len("\xF0\x9F\x92", 3), 0);
    assert_int_equal(text_whole_len("\xC3\xA9\xF0\x9F", 4), 2);
}

static void a_text_that_fits_is_copied_whole(void **state)
{
    (void)state;
    char out[5];
    text_cut(out, sizeof out, "abcd");
    assert_string_equal(out, "abcd");
    text_cut(out, sizeof out, "");
    assert_string_equal(out, "");
}

static void a_longer_text_is_cut_between_characters(void **state)
{
    (void)state;
    char out[5];
    text_cut(out, sizeof out, "abcde");
    assert_string_equal(out, "abcd");
    text_cut(out, sizeof out, "abc\xC3\xA9");
    assert_string_equal(out, "abc");
    text_cut(out, sizeof out, "\xE5\xAE\xA2\xE5\xAE\xA2");
    assert_string_equal(out, "\xE5\xAE\xA2");
    text_cut(out, 1, "\xE5\xAE\xA2");
    assert_string_equal(out, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_texts_keep_their_length),
        cmocka_unit_test(a_character_without_its_end_is_left_out),
        cmocka_unit_test(a_text_that_fits_is_copied_whole),
        cmocka_unit_test(a_longer_text_is_cut_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
