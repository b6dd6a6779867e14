#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

static void appended_pieces_stand_in_order_and_end_with_nul(void **state)
{
    (void)state;
    AUTO_BUF struct buf buf = {0};
    buf_text(&buf, "one");
    buf_char(&buf, ' ');
    buf_append(&buf, "two three", 3);
    buf_printf(&buf, " %d", 3);
    assert_string_equal(buf.data, "one two 3");
    assert_int_equal(buf.len, 9);
}

static void bytes_may_hold_nul(void **state)
{
    (void)state;
    AUTO_BUF struct buf buf = {0};
    buf_append(&buf, "a\0b", 3);
    assert_int_equal(buf.len, 3);
    assert_memory_equal(buf.data, "a\0b", 4);
}

static void appending_nothing_makes_an_empty_text(void **state)
{
    (void)state;
    AUTO_BUF struct buf buf = {0};
    buf_append(&buf, NULL, 0);
    assert_int_equal(buf.len, 0);
    assert_string_equal(buf.data, "");
}

static void it_grows_beyond_any_first_size(void **state)
{
    (void)state;
    AUTO_BUF struct buf buf = {0};
    for (int i = 0; i < 100000; i++) {
        buf_char(&buf, (char)('a' + i % 26));
    }
    assert_int_equal(buf.len, 100000);
    assert_int_equal(strlen(buf.data), 100000);
    assert_int_equal(buf.data[99999], 'a' + 99999 % 26);
}

static void reset_empties_and_keeps_the_memory(void **state)
{
    (void)state;
    AUTO_BUF struct buf buf = {0};
    buf_reset(&buf);
    assert_null(buf.data);
    buf_text(&buf, "text");
    size_t capacity = buf.capacity;
    buf_reset(&buf);
    assert_string_equal(buf.data, "");
    assert_int_equal(buf.len, 0);
    assert_int_equal(buf.capacity, capacity);
}

static void stealing_gives_the_text_away(void **state)
{
    (void)state;
    struct buf buf = {0};
    buf_text(&buf, "mine");
    char *text = buf_steal(&buf);
    assert_string_equal(text, "mine");
    assert_null(buf.data);
    assert_int_equal(buf.len, 0);
    free(text);
}

static void stealing_from_an_empty_buffer_gives_an_empty_text(void **state)
{
    (void)state;
    struct buf buf = {0};
    char *text = buf_steal(&buf);
    assert_string_equal(text, "");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appended_pieces_stand_in_order_and_end_with_nul),
        cmocka_unit_test(bytes_may_hold_nul),
        cmocka_unit_test(appending_nothing_makes_an_empty_text),
        cmocka_unit_test(it_grows_beyond_any_first_size),
        cmocka_unit_test(reset_empties_and_keeps_the_memory),
        cmocka_unit_test(stealing_gives_the_text_away),
        cmocka_unit_test(stealing_from_an_empty_buffer_gives_an_empty_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
