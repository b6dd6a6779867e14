#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <string.h>

#include "base/metrics.h"

static void counters_begin_at_zero_and_add_up(void **state)
{
    (void)state;
    assert_int_equal(metrics_get(METRIC_REPLIES_OK), 0);
    metrics_add(METRIC_REPLIES_OK, 1);
    metrics_add(METRIC_REPLIES_OK, 41);
    assert_int_equal(metrics_get(METRIC_REPLIES_OK), 42);
    assert_int_equal(metrics_get(METRIC_REPLIES_FAILED), 0);
}

static void *add_many(void *unused)
{
    (void)unused;
    for (int i = 0; i < 10000; i++) {
        metrics_add(METRIC_REQUESTS_SENT, 1);
    }
    return NULL;
}

static void threads_lose_no_count(void **state)
{
    (void)state;
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, add_many, NULL), 0);
    }
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_int_equal(metrics_get(METRIC_REQUESTS_SENT), 40000);
}

static void each_counter_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (int i = 0; i < METRIC_COUNT; i++) {
        const char *name = metrics_name((enum metric)i);
        assert_non_null(name);
        assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz_"), strlen(name));
        for (int k = 0; k < i; k++) {
            assert_string_not_equal(name, metrics_name((enum metric)k));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counters_begin_at_zero_and_add_up),
        cmocka_unit_test(threads_lose_no_count),
        cmocka_unit_test(each_counter_has_a_name_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
