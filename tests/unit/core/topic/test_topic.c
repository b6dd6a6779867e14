#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/topic/topic.h"

static struct diag diag;

static void assert_captures(const char *pattern_text, const char *name, const char *const *expected, size_t count)
{
    struct topic_pattern *pattern = NULL;
    struct str captures[TOPIC_MAX_CAPTURES];
    assert_int_equal(topic_pattern_compile(pattern_text, &pattern, &diag), ERR_OK);
    assert_int_equal(pattern->name_count, count);
    assert_true(topic_pattern_match(pattern, name, captures));
    for (size_t i = 0; i < count; i++) {
        AUTO_FREE char *text = mem_dup(captures[i].data, captures[i].len);
        assert_string_equal(text, expected[i]);
    }
    topic_pattern_free(pattern);
}

static bool pattern_matches(const char *pattern_text, const char *name)
{
    struct topic_pattern *pattern = NULL;
    struct str captures[TOPIC_MAX_CAPTURES];
    assert_int_equal(topic_pattern_compile(pattern_text, &pattern, &diag), ERR_OK);
    bool matches = topic_pattern_match(pattern, name, captures);
    topic_pattern_free(pattern);
    return matches;
}

static void assert_pattern_refused(const char *text, enum err err, const char *words)
{
    struct topic_pattern *pattern = NULL;
    assert_int_equal(topic_pattern_compile(text, &pattern, &diag), err);
    assert_null(pattern);
    assert_non_null(strstr(diag.text, words));
}

static void names_have_1_to_1024_bytes_of_utf8_without_wildcards_and_control_characters(void **state)
{
    (void)state;
    char long_name[TOPIC_MAX_LEN + 1];
    memset(long_name, 'a', sizeof long_name);
    assert_true(topic_name_valid("home/hall", 9));
    assert_true(topic_name_valid("caf\xC3\xA9//", 7));
    assert_true(topic_name_valid(long_name, TOPIC_MAX_LEN));
    assert_false(topic_name_valid(long_name, TOPIC_MAX_LEN + 1));
    assert_false(topic_name_valid("", 0));
    assert_false(topic_name_valid("a/+", 3));
    assert_false(topic_name_valid("a/#", 3));
    assert_false(topic_name_valid("a\0b", 3));
    assert_false(topic_name_valid("a\nb", 3));
    assert_false(topic_name_valid("a\xC2\x85", 3));
    assert_false(topic_name_valid("\xFF", 1));
    assert_false(topic_name_valid("a/\xEF\xB7\x90", 5));
    assert_false(topic_name_valid("a/\xEF\xBF\xBF", 5));
}

static void names_have_200_levels_and_filters_leave_room_for_a_group(void **state)
{
    (void)state;
    char slashes[201];
    memset(slashes, '/', sizeof slashes);
    assert_true(topic_name_valid(slashes, TOPIC_MAX_LEVELS - 1));
    assert_false(topic_name_valid(slashes, TOPIC_MAX_LEVELS));
    slashes[FILTER_MAX_LEVELS] = '\0';
    assert_int_equal(topic_filter_check(slashes, &diag), ERR_LIMIT);
    assert_non_null(strstr(diag.text, "199 levels"));
    slashes[FILTER_MAX_LEVELS - 1] = '\0';
    assert_int_equal(topic_filter_check(slashes, &diag), ERR_OK);
    assert_pattern_refused("a/\xEF\xB7\x90", ERR_SYNTAX, "noncharacters");
}

static void filters_have_wildcards_as_whole_levels_only(void **state)
{
    (void)state;
    assert_int_equal(topic_filter_check("home/+/set", &diag), ERR_OK);
    assert_int_equal(topic_filter_check("#", &diag), ERR_OK);
    assert_int_equal(topic_filter_check("/+/", &diag), ERR_OK);
    assert_int_equal(topic_filter_check("", &diag), ERR_SYNTAX);
    assert_int_equal(topic_filter_check("a/#/b", &diag), ERR_SYNTAX);
    assert_int_equal(topic_filter_check("a/b#", &diag), ERR_SYNTAX);
    assert_int_equal(topic_filter_check("a/b+/c", &diag), ERR_SYNTAX);
    assert_int_equal(topic_filter_check("a/\x01", &diag), ERR_SYNTAX);
    assert_int_equal(topic_filter_check("a/\xC0\xAF", &diag), ERR_SYNTAX);
    char long_filter[TOPIC_MAX_LEN + 2];
    memset(long_filter, 'a', sizeof long_filter);
    long_filter[TOPIC_MAX_LEN + 1] = '\0';
    assert_int_equal(topic_filter_check(long_filter, &diag), ERR_LIMIT);
}

static void filters_match_as_mqtt_says(void **state)
{
    (void)state;
    assert_true(topic_filter_matches("a/b", "a/b"));
    assert_true(topic_filter_matches("a/+", "a/b"));
    assert_true(topic_filter_matches("a/+", "a/"));
    assert_true(topic_filter_matches("a/#", "a"));
    assert_true(topic_filter_matches("a/#", "a/b/c"));
    assert_true(topic_filter_matches("#", "/a"));
    assert_true(topic_filter_matches("+/+", "/a"));
    assert_true(topic_filter_matches("$SYS/#", "$SYS/broker"));
    assert_false(topic_filter_matches("a/+", "a"));
    assert_false(topic_filter_matches("a/+", "a/b/c"));
    assert_false(topic_filter_matches("a/b", "a/B"));
    assert_false(topic_filter_matches("#", "$SYS/broker"));
    assert_false(topic_filter_matches("+/broker", "$SYS/broker"));
}

static void a_filter_covers_another_if_it_matches_all_its_names(void **state)
{
    (void)state;
    assert_true(topic_filter_covers("a/#", "a"));
    assert_true(topic_filter_covers("a/#", "a/+/#"));
    assert_true(topic_filter_covers("a/+", "a/b"));
    assert_true(topic_filter_covers("a/+", "a/+"));
    assert_true(topic_filter_covers("#", "a/+/c"));
    assert_true(topic_filter_covers("+/#", "#"));
    assert_true(topic_filter_covers("$SYS/#", "$SYS/+"));
    assert_false(topic_filter_covers("a/b", "a/+"));
    assert_false(topic_filter_covers("a/+", "a/#"));
    assert_false(topic_filter_covers("a/+/#", "a/#"));
    assert_false(topic_filter_covers("a", "a/#"));
    assert_false(topic_filter_covers("#", "$SYS/#"));
    assert_false(topic_filter_covers("+/#", "$SYS/#"));
    assert_false(topic_filter_covers("a/b/c", "a/b"));
}

static void filters_overlap_if_a_name_fits_both(void **state)
{
    (void)state;
    assert_true(topic_filter_overlaps("a/+/c", "a/b/+"));
    assert_true(topic_filter_overlaps("a/#", "+"));
    assert_true(topic_filter_overlaps("+/b", "a/#"));
    assert_true(topic_filter_overlaps("#", "+/+/x"));
    assert_false(topic_filter_overlaps("a/+/c", "a/b/d"));
    assert_false(topic_filter_overlaps("a/+", "a/b/c"));
    assert_false(topic_filter_overlaps("+/x", "$SYS/x"));
    assert_false(topic_filter_overlaps("$SYS/#", "#"));
}

static void assert_union(const char *a, const char *b, const char *expected)
{
    AUTO_FREE char *one = topic_filter_union(a, b);
    AUTO_FREE char *other = topic_filter_union(b, a);
    assert_string_equal(one, expected);
    assert_string_equal(other, expected);
    assert_true(topic_filter_covers(one, a));
    assert_true(topic_filter_covers(one, b));
}

static void a_union_covers_both_and_no_more_than_it_must(void **state)
{
    (void)state;
    assert_union("a/+/c", "a/b/+", "a/+/+");
    assert_union("a/b", "a/b", "a/b");
    assert_union("a", "a/b", "a/#");
    assert_union("a/b/c", "a/b", "a/b/#");
    assert_union("a/#", "b/c", "+/#");
    assert_union("$SYS/a", "$SYS/b", "$SYS/+");
    assert_null(topic_filter_union("$SYS/a", "home/a"));
    assert_null(topic_filter_union("#", "$SYS/a"));
}

static void a_pattern_names_levels_and_the_rest(void **state)
{
    (void)state;
    struct topic_pattern *pattern = NULL;
    assert_int_equal(topic_pattern_compile("home/{room}/+/{path#}", &pattern, &diag), ERR_OK);
    assert_string_equal(pattern->filter, "home/+/+/#");
    assert_string_equal(pattern->text, "home/{room}/+/{path#}");
    topic_pattern_free(pattern);
    assert_captures("home/{room}/{device}/set", "home/hall/lamp-1/set", (const char *[]){"hall", "lamp-1"}, 2);
    assert_captures("home/{path#}", "home/a/b/c", (const char *[]){"a/b/c"}, 1);
    assert_captures("a/{rest#}", "a", (const char *[]){""}, 1);
    assert_captures("a/{rest#}", "a/", (const char *[]){""}, 1);
    assert_captures("{a}/x", "/x", (const char *[]){""}, 1);
    assert_captures("+/{_b2}", "a/b", (const char *[]){"b"}, 1);
}

static void a_pattern_refuses_names_that_do_not_fit(void **state)
{
    (void)state;
    assert_true(pattern_matches("a/+/#", "a/b"));
    assert_true(pattern_matches("$SYS/{x}", "$SYS/y"));
    assert_false(pattern_matches("home/{room}/set", "home/hall/get"));
    assert_false(pattern_matches("home/{room}", "home"));
    assert_false(pattern_matches("home/{room}", "home/a/b"));
    assert_false(pattern_matches("{a}/x", "$SYS/x"));
    assert_false(pattern_matches("{all#}", "$SYS/x"));
}

static void a_pattern_that_is_malformed_is_refused_with_its_reason(void **state)
{
    (void)state;
    assert_pattern_refused("", ERR_SYNTAX, "empty");
    assert_pattern_refused("a/{b}c", ERR_SYNTAX, "whole level");
    assert_pattern_refused("a/{b#}/c", ERR_SYNTAX, "last level");
    assert_pattern_refused("a/#/c", ERR_SYNTAX, "last level");
    assert_pattern_refused("a/b+", ERR_SYNTAX, "whole levels");
    assert_pattern_refused("a/{}", ERR_SYNTAX, "name is a letter");
    assert_pattern_refused("a/{1b}", ERR_SYNTAX, "name is a letter");
    assert_pattern_refused("a/{b-c}", ERR_SYNTAX, "name is a letter");
    assert_pattern_refused("a/{b+}", ERR_SYNTAX, "name is a letter");
    assert_pattern_refused("a/{b}/{b}", ERR_REFUSED, "twice");
    assert_pattern_refused("$share/group/a", ERR_REFUSED, "mqtt.share");
    static const char *const reserved[] = {"{payload}", "{topic}", "{id}", "{property}", "{group}", "{now#}"};
    for (size_t i = 0; i < COUNT_OF(reserved); i++) {
        assert_pattern_refused(reserved[i], ERR_REFUSED, "means something else");
    }
}

static void a_pattern_has_a_bounded_number_of_captures(void **state)
{
    (void)state;
    char text[512] = "{c0}";
    for (int i = 1; i <= TOPIC_MAX_CAPTURES; i++) {
        snprintf(text + strlen(text), sizeof text - strlen(text), "/{c%d}", i);
    }
    assert_pattern_refused(text, ERR_LIMIT, "more than 32");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_have_1_to_1024_bytes_of_utf8_without_wildcards_and_control_characters),
        cmocka_unit_test(names_have_200_levels_and_filters_leave_room_for_a_group),
        cmocka_unit_test(filters_have_wildcards_as_whole_levels_only),
        cmocka_unit_test(filters_match_as_mqtt_says),
        cmocka_unit_test(a_filter_covers_another_if_it_matches_all_its_names),
        cmocka_unit_test(filters_overlap_if_a_name_fits_both),
        cmocka_unit_test(a_union_covers_both_and_no_more_than_it_must),
        cmocka_unit_test(a_pattern_names_levels_and_the_rest),
        cmocka_unit_test(a_pattern_refuses_names_that_do_not_fit),
        cmocka_unit_test(a_pattern_that_is_malformed_is_refused_with_its_reason),
        cmocka_unit_test(a_pattern_has_a_bounded_number_of_captures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
