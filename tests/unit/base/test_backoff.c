// base/backoff: how long to wait before the next try.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/backoff.h"

static void it_doubles_up_to_the_longest(void **state)
{
    (void)state;
    assert_int_equal(backoff_ms(0, 500, 10000), 500);
    assert_int_equal(backoff_ms(1, 500, 10000), 1000);
    assert_int_equal(backoff_ms(4, 500, 10000), 8000);
    assert_int_equal(backoff_ms(5, 500, 10000), 10000);
    assert_int_equal(backoff_ms(INT32_MAX, 500, 10000), 10000);
}

static void it_is_never_longer_than_the_longest_nor_shorter_than_the_first(void **state)
{
    (void)state;
    assert_int_equal(backoff_ms(0, 500, 100), 100);
    assert_int_equal(backoff_ms(-1, 500, 10000), 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_doubles_up_to_the_longest),
        cmocka_unit_test(it_is_never_longer_than_the_longest_nor_shorter_than_the_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
