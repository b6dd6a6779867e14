#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "app/service/entry/entry.h"
#include "app/service/pipeline/recent.h"
#include "base/mem.h"

#define WINDOW_MS 1000

static struct moment at(int64_t boot_ms)
{
    return (struct moment){.boot_id = "a", .boot_ms = boot_ms, .wall_ms = boot_ms};
}

// Keys of small numbers share their slot, so that chains are tested as well.
static const unsigned char *key(int number)
{
    static unsigned char bytes[CRYPTO_SHA256_LEN];
    memset(bytes, 0, sizeof bytes);
    memcpy(bytes + 2, &number, sizeof number);
    bytes[0] = (unsigned char)(number >> 8); // and those far apart do not
    return bytes;
}

static struct recent_command *add(struct recent *recent, int number, int64_t arrived_ms, struct entry *entry)
{
    struct moment arrived = at(arrived_ms);
    unsigned char hash[CRYPTO_SHA256_LEN] = {(unsigned char)number};
    return recent_add(recent, key(number), hash, &arrived, entry);
}

static const struct recent_command *find(const struct recent *recent, int number, int64_t now_ms)
{
    struct moment now = at(now_ms);
    return recent_find(recent, key(number), &now);
}

static void a_command_under_way_is_found_by_its_entry(void **state)
{
    (void)state;
    struct recent *recent = recent_create(10, WINDOW_MS);
    struct entry entry = {0};
    add(recent, 1, 0, &entry);
    assert_ptr_equal(find(recent, 1, 500)->entry, &entry);
    assert_int_equal(find(recent, 1, 500)->hash[0], 1);
    assert_null(find(recent, 2, 500));
    recent_destroy(recent);
}

static void a_command_under_way_is_known_beyond_the_window(void **state)
{
    (void)state;
    struct recent *recent = recent_create(10, WINDOW_MS);
    struct entry entry = {0};
    add(recent, 1, 0, &entry);
    assert_non_null(find(recent, 1, 100000));
    recent_destroy(recent);
}

static void one_that_has_ended_keeps_its_reply_for_the_window(void **state)
{
    (void)state;
    struct recent *recent = recent_create(10, WINDOW_MS);
    struct entry entry = {0};
    recent_ended(recent, add(recent, 1, 0, &entry), "{}");
    assert_string_equal(find(recent, 1, WINDOW_MS)->reply, "{}");
    assert_null(find(recent, 1, WINDOW_MS)->entry);
    assert_null(find(recent, 1, WINDOW_MS + 1));
    recent_destroy(recent);
}

static void a_later_one_stands_before_one_whose_window_has_passed(void **state)
{
    (void)state;
    struct recent *recent = recent_create(10, WINDOW_MS);
    struct entry entry = {0};
    recent_ended(recent, add(recent, 1, 0, &entry), "first");
    recent_ended(recent, add(recent, 1, 5000, &entry), "second");
    assert_string_equal(find(recent, 1, 5500)->reply, "second");
    recent_destroy(recent);
}

static void the_oldest_are_forgotten_above_the_limit(void **state)
{
    (void)state;
    struct recent *recent = recent_create(3, WINDOW_MS);
    struct entry entry = {0};
    for (int i = 0; i < 5; i++) {
        recent_ended(recent, add(recent, i, 0, &entry), "{}");
    }
    assert_null(find(recent, 0, 1));
    assert_null(find(recent, 1, 1));
    for (int i = 2; i < 5; i++) {
        assert_non_null(find(recent, i, 1));
    }
    recent_destroy(recent);
}

static void with_a_limit_of_none_only_those_under_way_are_known(void **state)
{
    (void)state;
    struct recent *recent = recent_create(0, WINDOW_MS);
    struct entry entry = {0};
    struct recent_command *command = add(recent, 1, 0, &entry);
    assert_non_null(find(recent, 1, 1));
    recent_ended(recent, command, "{}");
    assert_null(find(recent, 1, 1));
    recent_ended(recent, add(recent, 2, 0, &entry), "{}");
    assert_null(find(recent, 2, 1));
    recent_destroy(recent);
}

static void large_replies_are_forgotten_and_their_commands_are_not(void **state)
{
    enum { LEN = 1024 * 1024 };
    (void)state;
    struct recent *recent = recent_create(1000, WINDOW_MS);
    struct entry entry = {0};
    char *large = mem_alloc(LEN + 1);
    memset(large, 'x', LEN);
    for (int i = 0; i < 20; i++) {
        recent_ended(recent, add(recent, i, 0, &entry), large);
    }
    assert_non_null(find(recent, 0, 1));
    assert_null(find(recent, 11, 1)->reply);
    assert_null(find(recent, 11, 1)->entry);
    assert_non_null(find(recent, 12, 1)->reply);
    free(large);
    recent_destroy(recent);
}

static void as_many_are_known_as_are_allowed(void **state)
{
    enum { COUNT = 30000 };
    (void)state;
    struct recent *recent = recent_create(COUNT, WINDOW_MS);
    struct entry entry = {0};
    for (int i = 0; i < COUNT + 1; i++) {
        recent_ended(recent, add(recent, i, 0, &entry), "{}");
    }
    assert_null(find(recent, 0, 1));
    assert_non_null(find(recent, 1, 1));
    assert_non_null(find(recent, COUNT, 1));
    recent_destroy(recent);
}

static void those_whose_window_has_passed_make_room(void **state)
{
    (void)state;
    struct recent *recent = recent_create(2, WINDOW_MS);
    struct entry entry = {0};
    recent_ended(recent, add(recent, 1, 0, &entry), "{}");
    recent_ended(recent, add(recent, 2, 0, &entry), "{}");
    recent_ended(recent, add(recent, 3, WINDOW_MS + 1, &entry), "{}");
    assert_null(find(recent, 1, 0));
    assert_null(find(recent, 2, 0));
    assert_non_null(find(recent, 3, WINDOW_MS + 1));
    recent_destroy(recent);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_command_under_way_is_found_by_its_entry),
        cmocka_unit_test(a_command_under_way_is_known_beyond_the_window),
        cmocka_unit_test(one_that_has_ended_keeps_its_reply_for_the_window),
        cmocka_unit_test(a_later_one_stands_before_one_whose_window_has_passed),
        cmocka_unit_test(the_oldest_are_forgotten_above_the_limit),
        cmocka_unit_test(with_a_limit_of_none_only_those_under_way_are_known),
        cmocka_unit_test(large_replies_are_forgotten_and_their_commands_are_not),
        cmocka_unit_test(as_many_are_known_as_are_allowed),
        cmocka_unit_test(those_whose_window_has_passed_make_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
