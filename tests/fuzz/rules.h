// Of rules that have loaded.
#pragma once

#include "fuzz.h"

#include "base/clock.h"
#include "core/mapping/mapping_internal.h"
#include "core/template/template_internal.h"

// The rule that is found by the index, compared with trying all of them.
static inline const struct rule *must_match(const struct mapping *mapping, const char *topic)
{
    struct str captures[TOPIC_MAX_CAPTURES];
    const struct rule *rule = mapping_match(mapping, topic);
    size_t i = 0;
    while (i < mapping_rule_count(mapping) &&
           (mapping_is_own_topic(mapping, topic) || !rule_takes(mapping_rule_at(mapping, i), topic, captures))) {
        i++;
    }
    MUST(rule == (i < mapping_rule_count(mapping) ? mapping_rule_at(mapping, i) : NULL));
    return rule;
}

// Made of nothing but the command's topic.
static inline bool is_known_at_load(const struct template_text *tmpl)
{
    for (size_t i = 0; i < tmpl->count; i++) {
        const struct template_expression *expression = tmpl->parts[i].expression;
        bool of_topic =
            expression == NULL || expression->kind == EXPRESSION_TOPIC || expression->kind == EXPRESSION_CAPTURE;
        if (!of_topic || (expression != NULL && expression->filter_count > 0)) {
            return false;
        }
    }
    return true;
}

// A reply that would be taken for a command is an error of the file, not a reply that is lost later.
static inline void must_be_no_loop(const struct mapping *mapping, const struct rule *rule,
                                   const struct message *message, const struct template_text *tmpl_or_null)
{
    struct str captures[TOPIC_MAX_CAPTURES];
    struct template_input input;
    struct failure failure;
    struct mapping_payload none = {0};
    char *topic = NULL;
    if (tmpl_or_null == NULL || !is_known_at_load(tmpl_or_null)) {
        return;
    }
    mapping_make_input(rule, message, &(struct moment){.boot_ms = 1}, &none, captures, &input);
    MUST(template_string(tmpl_or_null, &input, &topic, &failure) == ERR_OK);
    MUST(!topic_name_valid(topic, strlen(topic)) || mapping_match(mapping, topic) == NULL);
    free(topic);
}
