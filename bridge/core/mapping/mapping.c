#include "core/mapping/mapping.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/show.h"
#include "core/mapping/mapping_internal.h"

struct match {
    const struct mapping *mapping;
    const char *topic;
    size_t best;
};

size_t mapping_rule_count(const struct mapping *mapping)
{
    return mapping->count;
}

const struct rule *mapping_rule_at(const struct mapping *mapping, size_t index)
{
    return mapping->rules[index];
}

const char **mapping_filters(const struct mapping *mapping, size_t *count)
{
    const char **filters = mem_alloc((mapping->count + 1) * sizeof *filters);
    for (size_t i = 0; i < mapping->count; i++) {
        filters[i] = mapping->rules[i]->pattern->filter;
    }
    *count = mapping->count;
    return filters;
}

// Values come in rule order within one filter, but filters in any order: so the lowest rule so far ends the look.
static bool find_first(void *context, const size_t *values, size_t count)
{
    struct match *match = context;
    const struct mapping *mapping = match->mapping;
    struct str captures[TOPIC_MAX_CAPTURES];
    for (size_t i = 0; i < count && values[i] < match->best; i++) {
        if (mapping->filter_decides[values[i]] || rule_takes(mapping->rules[values[i]], match->topic, captures)) {
            match->best = values[i];
        }
    }
    return true;
}

bool mapping_is_own_topic(const struct mapping *mapping, const char *topic)
{
    size_t len = strlen(mapping->base_topic);
    return strncmp(topic, mapping->base_topic, len) == 0 && strncmp(topic + len, "/bridge/", 8) == 0;
}

static char *describe_miss(const struct rule *rule, const struct rule_where *failed, const struct str *captures,
                           size_t others)
{
    struct str value = captures[failed->capture];
    char more[64] = "";
    if (others > 0) {
        snprintf(more, sizeof more, "; %zu more rule%s fit%s but for `where`", others, others == 1 ? "" : "s",
                 others == 1 ? "s" : "");
    }
    return mem_printf("the topic fits %s, whose `where` does not take %s for %s%s", rule->options.name,
                      show_text_len(value.data, value.len).text, rule->pattern->names[failed->capture], more);
}

char *mapping_describe_no_rule(const struct mapping *mapping, const char *topic)
{
    const struct rule *first = NULL;
    struct str captures[TOPIC_MAX_CAPTURES];
    size_t count = 0;
    if (mapping_is_own_topic(mapping, topic)) {
        return mem_strdup("it is one of the bridge's own topics");
    }
    for (size_t i = 0; i < mapping->count; i++) {
        if (topic_pattern_match(mapping->rules[i]->pattern, topic, captures)) {
            first = count++ == 0 ? mapping->rules[i] : first;
        }
    }
    if (first == NULL || !topic_pattern_match(first->pattern, topic, captures)) {
        return mem_strdup("none has such a topic");
    }
    const struct rule_where *failed = rule_where_failed(first, captures);
    return failed == NULL ? mem_strdup("") : describe_miss(first, failed, captures, count - 1);
}

const struct rule *mapping_match(const struct mapping *mapping, const char *topic)
{
    struct match match = {mapping, topic, SIZE_MAX};
    if (mapping_is_own_topic(mapping, topic)) {
        return NULL;
    }
    filter_tree_match(mapping->tree, topic, find_first, &match);
    return match.best == SIZE_MAX ? NULL : mapping->rules[match.best];
}
