// Made-up sets of filters, compared with trying every topic of a few levels. A failure tells the seed of its set.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "core/topic/topic.h"

#define SETS        2000
#define MAX_FILTERS 9
#define MAX_LEVELS  3 // of a filter
#define MAX_TOPICS  500
#define TEXT_LEN    32

struct topics {
    char items[MAX_TOPICS][TEXT_LEN];
    size_t count;
};

struct filters {
    uint32_t seed;
    bool merged;
    char items[MAX_FILTERS][TEXT_LEN];
    const char *texts[MAX_FILTERS];
    size_t count;
};

// "z" stands for all texts that no filter has. One topic is empty: no message has it, but filters are compared as if.
static const char *const names[] = {"a", "b", "", "z", "$x"};

static void add_topics(struct topics *topics, const char *start, size_t levels)
{
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        char topic[TEXT_LEN];
        snprintf(topic, sizeof topic, "%s%s%s", start, levels > 0 ? "/" : "", names[i]);
        // A '$' counts at the first level only.
        if (levels > 0 && names[i][0] == '$') {
            continue;
        }
        assert_true(topics->count < MAX_TOPICS);
        memcpy(topics->items[topics->count++], topic, sizeof topic);
        if (levels < MAX_LEVELS) {
            add_topics(topics, topic, levels + 1);
        }
    }
}

static uint32_t draw(uint32_t *seed, uint32_t count)
{
    *seed = *seed * 1664525U + 1013904223U;
    return (uint32_t)(((uint64_t)*seed * count) >> 32);
}

static void draw_filter(uint32_t *seed, char out[TEXT_LEN])
{
    static const char *const levels[] = {"a", "b", "a", "+", "+", "", "$x"};
    uint32_t count = 1 + draw(seed, MAX_LEVELS);
    out[0] = '\0';
    for (uint32_t i = 0; i < count; i++) {
        bool rest = i + 1 == count && draw(seed, 4) == 0;
        size_t choice = draw(seed, i == 0 ? COUNT_OF(levels) : COUNT_OF(levels) - 1);
        size_t len = strlen(out);
        snprintf(out + len, TEXT_LEN - len, "%s%s", i > 0 ? "/" : "", rest ? "#" : levels[choice]);
    }
    if (out[0] == '\0') {
        strcpy(out, "b");
    }
}

static void draw_filters(uint32_t seed, bool merged, struct filters *filters)
{
    filters->seed = seed;
    filters->merged = merged;
    filters->count = 1 + draw(&seed, MAX_FILTERS);
    for (size_t i = 0; i < filters->count; i++) {
        draw_filter(&seed, filters->items[i]);
        filters->texts[i] = filters->items[i];
    }
}

// MQTT section 4.7, level by level.
static bool fits_levels(const char *filter, const char *topic)
{
    if (strcmp(filter, "#") == 0) {
        return true;
    }
    size_t wanted = strcspn(filter, "/");
    size_t len = strcspn(topic, "/");
    if (strncmp(filter, "+", wanted) != 0 || wanted != 1) {
        if (wanted != len || memcmp(filter, topic, len) != 0) {
            return false;
        }
    }
    if (topic[len] == '\0') {
        return filter[wanted] == '\0' || strcmp(filter + wanted, "/#") == 0;
    }
    return filter[wanted] == '/' && fits_levels(filter + wanted + 1, topic + len + 1);
}

static bool fits(const char *filter, const char *topic)
{
    bool wild = filter[0] == '+' || filter[0] == '#';
    return !(wild && topic[0] == '$') && fits_levels(filter, topic);
}

static size_t count_wanting(const struct filters *filters, const char *topic)
{
    size_t count = 0;
    for (size_t i = 0; i < filters->count; i++) {
        count += fits(filters->items[i], topic);
    }
    return count;
}

// Copies that a broker sends, one for each subscription, and which of them count.
static void count_copies(const struct subscription_set *set, const char *topic, size_t *sent, size_t *counting)
{
    uint32_t lowest = subscription_set_lowest(set, topic);
    *sent = 0;
    *counting = 0;
    for (size_t i = 0; i < set->count; i++) {
        bool is_sent = fits(set->items[i].filter, topic);
        *sent += is_sent;
        *counting += is_sent && set->items[i].id == lowest;
    }
}

static void check_topic(const struct filters *filters, const struct subscription_set *set, const char *topic)
{
    size_t sent;
    size_t counting;
    bool wanted = count_wanting(filters, topic) > 0;
    count_copies(set, topic, &sent, &counting);
    // A filter that covers two others can bring messages that neither of them wants.
    bool right = filters->merged ? sent <= 1 && sent >= wanted : (sent > 0) == wanted;
    if (!right || counting != (sent > 0) || (subscription_set_lowest(set, topic) != 0) != (sent > 0)) {
        fail_msg("seed %u, topic \"%s\": %zu filters want it, %zu copies are sent and %zu count", filters->seed, topic,
                 count_wanting(filters, topic), sent, counting);
    }
}

static bool fits_all_of(const struct topics *topics, const char *wide, const char *narrow)
{
    for (size_t i = 0; i < topics->count; i++) {
        if (fits(narrow, topics->items[i]) && !fits(wide, topics->items[i])) {
            return false;
        }
    }
    return true;
}

static void check_none_is_covered(const struct topics *topics, const struct filters *filters,
                                  const struct subscription_set *set)
{
    for (size_t i = 0; i < set->count; i++) {
        for (size_t k = 0; k < set->count; k++) {
            if (i != k && fits_all_of(topics, set->items[i].filter, set->items[k].filter)) {
                fail_msg("seed %u: \"%s\" covers \"%s\"", filters->seed, set->items[i].filter, set->items[k].filter);
            }
        }
    }
}

static void check_set(const struct topics *topics, uint32_t seed, bool merged)
{
    struct filters filters;
    struct subscription_set set;
    draw_filters(seed, merged, &filters);
    subscription_set_build(filters.texts, filters.count, filters.merged, &set);
    for (size_t i = 0; i < topics->count; i++) {
        check_topic(&filters, &set, topics->items[i]);
    }
    check_none_is_covered(topics, &filters, &set);
    subscription_set_free(&set);
}

static void check_sets(bool merged)
{
    struct topics topics = {.count = 0};
    add_topics(&topics, "", 0);
    for (uint32_t seed = 0; seed < SETS; seed++) {
        check_set(&topics, seed, merged);
    }
}

static void of_overlapping_filters_one_copy_counts(void **state)
{
    (void)state;
    check_sets(false);
}

static void merged_filters_bring_one_copy(void **state)
{
    (void)state;
    check_sets(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_overlapping_filters_one_copy_counts),
        cmocka_unit_test(merged_filters_bring_one_copy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
