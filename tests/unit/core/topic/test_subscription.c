#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/topic/filter_tree.h"
#include "core/topic/topic.h"

static bool has_filter(const struct subscription_set *set, const char *filter)
{
    for (size_t i = 0; i < set->count; i++) {
        if (strcmp(set->items[i].filter, filter) == 0) {
            return true;
        }
    }
    return false;
}

static void a_filter_covered_by_another_is_not_subscribed(void **state)
{
    (void)state;
    const char *filters[] = {"a/b", "a/+", "a/+", "x/y", "x/#", "x", "$SYS/y", "#"};
    struct subscription_set set;
    subscription_set_build(filters, 7, false, &set);
    assert_int_equal(set.count, 3);
    assert_true(has_filter(&set, "a/+"));
    assert_true(has_filter(&set, "x/#"));
    assert_true(has_filter(&set, "$SYS/y"));
    subscription_set_free(&set);
    subscription_set_build(filters, 8, false, &set);
    assert_int_equal(set.count, 2);
    assert_true(has_filter(&set, "#"));
    assert_true(has_filter(&set, "$SYS/y"));
    subscription_set_free(&set);
}

static void of_two_filters_that_say_the_same_one_stays(void **state)
{
    (void)state;
    const char *filters[] = {"+/#", "#"};
    struct subscription_set set;
    subscription_set_build(filters, 2, true, &set);
    assert_int_equal(set.count, 1);
    subscription_set_free(&set);
}

static void partly_overlapping_filters_stay_apart_without_merge(void **state)
{
    (void)state;
    const char *filters[] = {"a/+/c", "a/b/+"};
    struct subscription_set set;
    subscription_set_build(filters, 2, false, &set);
    assert_int_equal(set.count, 2);
    uint32_t lowest = set.items[0].id;
    assert_true(lowest < set.items[1].id);
    assert_int_equal(subscription_set_lowest(&set, "a/b/c"), lowest);
    assert_int_equal(subscription_set_lowest(&set, "nothing"), 0);
    subscription_set_free(&set);
}

static void with_merge_overlapping_filters_become_one_until_none_overlap(void **state)
{
    (void)state;
    // The union of the first two is a/+/+, which overlaps the third.
    const char *filters[] = {"a/+/c", "a/b/+", "+/x/y", "z/z"};
    struct subscription_set set;
    subscription_set_build(filters, 4, true, &set);
    assert_int_equal(set.count, 2);
    assert_true(has_filter(&set, "+/+/+"));
    assert_true(has_filter(&set, "z/z"));
    subscription_set_free(&set);
}

static void no_two_merged_filters_overlap_and_all_are_covered(void **state)
{
    (void)state;
    static const char *const levels[] = {"a", "b", "+"};
    char texts[80][16];
    const char *filters[80];
    uint32_t random = 7;
    for (size_t i = 0; i < 80; i++) {
        random = random * 1664525U + 1013904223U;
        snprintf(texts[i], sizeof texts[i], "%s%u/%s/%s", random >> 31 ? "$" : "", (random >> 16) % 9,
                 levels[(random >> 20) % 3], (random >> 24) % 5 == 0 ? "#" : levels[(random >> 24) % 3]);
        filters[i] = texts[i];
    }
    struct subscription_set set;
    subscription_set_build(filters, 80, true, &set);
    for (size_t i = 0; i < 80; i++) {
        size_t covering = 0;
        for (size_t k = 0; k < set.count; k++) {
            covering += topic_filter_covers(set.items[k].filter, filters[i]);
        }
        assert_int_equal(covering, 1);
    }
    for (size_t i = 0; i < set.count; i++) {
        for (size_t k = i + 1; k < set.count; k++) {
            assert_false(topic_filter_overlaps(set.items[i].filter, set.items[k].filter));
        }
    }
    subscription_set_free(&set);
}

static void identifiers_depend_on_the_filter_only_and_are_in_range(void **state)
{
    (void)state;
    const char *few[] = {"a/+", "b/+"};
    const char *more[] = {"c/#", "b/+", "0", "a/+"};
    struct subscription_set one;
    struct subscription_set two;
    subscription_set_build(few, 2, false, &one);
    subscription_set_build(more, 4, false, &two);
    assert_int_equal(subscription_set_lowest(&one, "a/x"), subscription_set_lowest(&two, "a/x"));
    assert_int_equal(subscription_set_lowest(&one, "b/x"), subscription_set_lowest(&two, "b/x"));
    for (size_t i = 0; i < two.count; i++) {
        assert_in_range(two.items[i].id, 1, 268435455);
        assert_true(i == 0 || two.items[i - 1].id < two.items[i].id);
    }
    subscription_set_free(&one);
    subscription_set_free(&two);
}

static void filters_whose_texts_give_the_same_identifier_get_two(void **state)
{
    (void)state;
    const char *filters[] = {"home/29114/+", "home/49432/+"};
    struct subscription_set set;
    subscription_set_build(filters, 1, false, &set);
    uint32_t first = set.items[0].id;
    subscription_set_free(&set);
    subscription_set_build(filters + 1, 1, false, &set);
    assert_int_equal(set.items[0].id, first);
    subscription_set_free(&set);
    subscription_set_build(filters, 2, false, &set);
    assert_int_equal(subscription_set_lowest(&set, "home/29114/x"), first);
    assert_int_equal(subscription_set_lowest(&set, "home/49432/x"), first + 1);
    subscription_set_free(&set);
}

static void a_set_survives_being_stored(void **state)
{
    (void)state;
    const char *filters[] = {"a/+/c", "a/b/+", "caf\xC3\xA9/#"};
    struct subscription_set set;
    struct subscription_set again;
    subscription_set_build(filters, 3, false, &set);
    AUTO_FREE char *text = subscription_set_encode(&set);
    assert_int_equal(subscription_set_decode(text, &again), ERR_OK);
    assert_int_equal(again.count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(again.items[i].filter, set.items[i].filter);
        assert_int_equal(again.items[i].id, set.items[i].id);
    }
    assert_int_equal(subscription_set_lowest(&again, "a/b/c"), subscription_set_lowest(&set, "a/b/c"));
    subscription_set_free(&set);
    subscription_set_free(&again);
}

static void what_is_added_to_a_set_is_found_by_the_lowest_identifier(void **state)
{
    (void)state;
    static const char *const few[] = {"a/+/c"};
    static const char *const more[] = {"a/b/+", "a/+/c", "+/b/c", "x"};
    struct subscription_set set = {0};
    struct subscription_set one;
    struct subscription_set two;
    subscription_set_build(few, COUNT_OF(few), false, &one);
    subscription_set_build(more, COUNT_OF(more), false, &two);
    subscription_set_add_all(&set, &one);
    assert_int_equal(subscription_set_lowest(&set, "a/b/c"), one.items[0].id);
    subscription_set_add_all(&set, &two);
    assert_int_equal(set.count, COUNT_OF(more));
    assert_int_equal(subscription_set_lowest(&set, "a/b/c"), subscription_set_lowest(&two, "a/b/c"));
    assert_int_equal(subscription_set_lowest(&set, "x"), subscription_set_lowest(&two, "x"));
    subscription_set_free(&set);
    subscription_set_free(&one);
    subscription_set_free(&two);
}

static void a_damaged_set_is_refused_and_left_empty(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        "{}",
                                        "[1]",
                                        "[{\"filter\":\"a\"}]",
                                        "[{\"id\":1}]",
                                        "[{\"filter\":\"a/#/b\",\"id\":1}]",
                                        "[{\"filter\":\"a\",\"id\":0}]",
                                        "[{\"filter\":\"a\",\"id\":268435456}]",
                                        "[{\"filter\":\"a\",\"id\":1},{\"filter\":\"b\",\"id\":\"2\"}]"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct subscription_set set;
        assert_int_equal(subscription_set_decode(texts[i], &set), ERR_SYNTAX);
        assert_int_equal(set.count, 0);
        assert_null(set.items);
        assert_int_equal(subscription_set_lowest(&set, "a"), 0);
        subscription_set_free(&set);
    }
}

static void an_empty_set_subscribes_nothing(void **state)
{
    (void)state;
    struct subscription_set set;
    subscription_set_build(NULL, 0, true, &set);
    assert_int_equal(set.count, 0);
    assert_int_equal(subscription_set_lowest(&set, "a"), 0);
    subscription_set_free(&set);
}

struct seen {
    bool values[200];
};

static bool note(void *context, const size_t *values, size_t count)
{
    struct seen *seen = context;
    for (size_t i = 0; i < count; i++) {
        assert_false(seen->values[values[i]]);
        seen->values[values[i]] = true;
    }
    return true;
}

static void random_filter(uint32_t *random, char out[32])
{
    static const char *const levels[] = {"a", "b", "", "+", "$x"};
    *random = *random * 1664525U + 1013904223U;
    size_t depth = 1 + (*random >> 28) % 4;
    out[0] = '\0';
    for (size_t i = 0; i < depth; i++) {
        *random = *random * 1664525U + 1013904223U;
        bool last = i + 1 == depth;
        const char *level = last && (*random >> 30) == 0 ? "#" : levels[(*random >> 16) % (i == 0 ? 5 : 4)];
        snprintf(out + strlen(out), 32 - strlen(out), "%s%s", i > 0 ? "/" : "", level);
    }
}

static void the_tree_finds_exactly_the_filters_that_overlap(void **state)
{
    (void)state;
    uint32_t random = 42;
    char filters[200][32];
    struct filter_tree *tree = filter_tree_create();
    for (size_t i = 0; i < 200; i++) {
        random_filter(&random, filters[i]);
        filter_tree_add(tree, filters[i], i);
    }
    for (size_t round = 0; round < 500; round++) {
        char wanted[32];
        struct seen seen = {0};
        random_filter(&random, wanted);
        filter_tree_search(tree, wanted, note, &seen);
        for (size_t i = 0; i < 200; i++) {
            assert_int_equal(seen.values[i], topic_filter_overlaps(filters[i], wanted));
        }
    }
    filter_tree_destroy(tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_filter_covered_by_another_is_not_subscribed),
        cmocka_unit_test(of_two_filters_that_say_the_same_one_stays),
        cmocka_unit_test(partly_overlapping_filters_stay_apart_without_merge),
        cmocka_unit_test(with_merge_overlapping_filters_become_one_until_none_overlap),
        cmocka_unit_test(no_two_merged_filters_overlap_and_all_are_covered),
        cmocka_unit_test(identifiers_depend_on_the_filter_only_and_are_in_range),
        cmocka_unit_test(filters_whose_texts_give_the_same_identifier_get_two),
        cmocka_unit_test(a_set_survives_being_stored),
        cmocka_unit_test(what_is_added_to_a_set_is_found_by_the_lowest_identifier),
        cmocka_unit_test(a_damaged_set_is_refused_and_left_empty),
        cmocka_unit_test(an_empty_set_subscribes_nothing),
        cmocka_unit_test(the_tree_finds_exactly_the_filters_that_overlap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
