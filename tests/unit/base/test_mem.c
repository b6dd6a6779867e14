#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/mem.h"

static void allocated_memory_is_zeroed(void **state)
{
    (void)state;
    AUTO_FREE unsigned char *data = mem_alloc(1000);
    for (size_t i = 0; i < 1000; i++) {
        assert_int_equal(data[i], 0);
    }
}

static void no_bytes_are_still_an_owner(void **state)
{
    (void)state;
    AUTO_FREE char *nothing = mem_alloc(0);
    assert_non_null(nothing);
    AUTO_FREE char *none = mem_resize(NULL, 0, 8);
    assert_non_null(none);
}

static void resizing_keeps_what_was_there(void **state)
{
    (void)state;
    int *numbers = mem_resize(NULL, 2, sizeof *numbers);
    numbers[0] = 1;
    numbers[1] = 2;
    numbers = mem_resize(numbers, 2000, sizeof *numbers);
    assert_int_equal(numbers[0], 1);
    assert_int_equal(numbers[1], 2);
    free(numbers);
}

static void a_copy_has_a_nul_after_it(void **state)
{
    (void)state;
    AUTO_FREE char *copy = mem_dup("a\0bc", 3);
    assert_memory_equal(copy, "a\0b", 4);
    AUTO_FREE char *empty = mem_dup(NULL, 0);
    assert_string_equal(empty, "");
}

static void copying_no_text_gives_none(void **state)
{
    (void)state;
    assert_null(mem_strdup_or_null(NULL));
    AUTO_FREE char *copy = mem_strdup_or_null("text");
    assert_string_equal(copy, "text");
}

static void printing_allocates_what_is_needed(void **state)
{
    (void)state;
    AUTO_FREE char *text = mem_printf("%s-%05d", "id", 42);
    assert_string_equal(text, "id-00042");
    AUTO_FREE char *wide = mem_printf("%2000d", 1);
    assert_int_equal(strlen(wide), 2000);
}

static void wiping_overwrites(void **state)
{
    (void)state;
    char secret[] = "secret";
    mem_wipe(secret, sizeof secret);
    assert_memory_equal(secret, "\0\0\0\0\0\0", sizeof secret);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allocated_memory_is_zeroed),
        cmocka_unit_test(no_bytes_are_still_an_owner),
        cmocka_unit_test(resizing_keeps_what_was_there),
        cmocka_unit_test(a_copy_has_a_nul_after_it),
        cmocka_unit_test(copying_no_text_gives_none),
        cmocka_unit_test(printing_allocates_what_is_needed),
        cmocka_unit_test(wiping_overwrites),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
