// Loops: a reply that would be taken for a command must not be published. What can be seen in the rules is an error at
// load; the rest is checked for each message (mapping_reply.c). The rules whose filters overlap one of a reply topic's
// filters are found in the mapping's tree; a loop is there if the set of topics of one of them meets the reply's.
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json/json.h"
#include "base/mem.h"
#include "base/show.h"
#include "core/mapping/check/mapping_check.h"
#include "core/mapping/mapping_internal.h"
#include "core/template/template_internal.h"

// Steps of comparisons, for all rules together, until rules whose filters overlap count as loops.
#define MAX_STEPS 50000000

struct loop_check {
    const struct mapping *mapping;
    const struct topic_set *sets; // of the rules
    struct json_object *clear;    // filters that no rule's overlaps: many rules reply to topics that look alike
    size_t *left;                 // of MAX_STEPS
    struct problems *problems;
};

struct loop_search {
    const struct loop_check *check;
    const struct topic_set *reply;
    size_t found; // the first rule that could take it
    bool met;     // some rule was looked at
};

static bool find_taker(void *context, const size_t *values, size_t count)
{
    struct loop_search *search = context;
    search->met = true;
    for (size_t i = 0; i < count && values[i] < search->found; i++) {
        AUTO_FREE char *topic = NULL;
        const struct topic_set *set = &search->check->sets[values[i]];
        if (topic_set_meets(search->reply, set, search->check->left, &topic) != TOPIC_NO) {
            search->found = values[i];
        }
    }
    return true;
}

static void search_filter(const struct loop_check *check, const char *filter, struct loop_search *search)
{
    struct json_object *known = NULL;
    if (json_member(check->clear, filter, &known)) {
        return;
    }
    search->met = false;
    filter_tree_search(check->mapping->tree, filter, find_taker, search);
    if (!search->met) {
        json_put(check->clear, filter, NULL);
    }
}

static size_t find_loop(const struct loop_check *check, const struct topic_set *reply)
{
    struct text_list filters;
    struct loop_search search = {.check = check, .reply = reply, .found = SIZE_MAX};
    (void)topic_set_filters(reply, TOPIC_SET_MAX_FILTERS, &filters);
    for (size_t i = 0; i < filters.count; i++) {
        search_filter(check, filters.items[i], &search);
    }
    text_list_free(&filters);
    return search.found;
}

// NULL if there is none, or if it depends on the message's content.
static const struct rule *find_taker_of(const struct loop_check *check, const struct rule *rule,
                                        const struct template_text *tmpl)
{
    static const bool has_rest[] = {true, false};
    size_t found = SIZE_MAX;
    struct topic_set reply;
    for (size_t i = 0; i < COUNT_OF(has_rest) && found == SIZE_MAX; i++) {
        if (!topic_set_of_reply(rule, tmpl, has_rest[i], &reply)) {
            return NULL;
        }
        found = find_loop(check, &reply);
        topic_set_free(&reply);
    }
    return found != SIZE_MAX ? check->mapping->rules[found] : NULL;
}

static bool begins_with_topic(const struct template_text *tmpl)
{
    const struct template_expression *first = tmpl->count > 0 ? tmpl->parts[0].expression : NULL;
    return first != NULL && first->kind == EXPRESSION_TOPIC && first->filter_count == 0;
}

// What the reply topic surely begins with is enough to see that nobody may reply there.
static bool is_closed(const struct mapping *mapping, const struct rule *rule, const struct template_text *tmpl)
{
    AUTO_BUF struct buf beginning = {0};
    buf_text(&beginning, "");
    if (begins_with_topic(tmpl)) {
        const struct topic_pattern *pattern = rule->pattern;
        for (size_t i = 0; i < pattern->level_count && pattern->levels[i].kind == LEVEL_TEXT; i++) {
            buf_printf(&beginning, "%s/", pattern->levels[i].text);
        }
    } else if (tmpl->count > 0 && tmpl->parts[0].text != NULL) {
        // Something stands behind it, unless it is the whole.
        buf_printf(&beginning, "%s%s", tmpl->parts[0].text, tmpl->count > 1 ? "x" : "");
    }
    return mapping_is_closed_topic(mapping, beginning.data);
}

static const struct yaml_node *place_of_reply(const struct rule_source *source, const char *key)
{
    const struct yaml_node *reply = rule_place(source, "reply");
    const struct yaml_node *node = reply != source->rule && reply->kind == YAML_MAP ? yaml_get(reply, key) : NULL;
    if (node == NULL) {
        node = reply != source->rule ? reply : yaml_get(source->rule, "topic");
    }
    return node;
}

static void check_reply(const struct loop_check *check, const struct rule *rule, const struct template_text *tmpl,
                        const struct yaml_node *node)
{
    if (tmpl == NULL) {
        return;
    }
    if (is_closed(check->mapping, rule, tmpl)) {
        yaml_problem(
            check->problems, SEVERITY_ERROR, node,
            "the rule %s cannot reply to %s: topics that begin with $ or %s/bridge/, and Home Assistant's "
            "discovery topics, are not for replies; reply elsewhere, as reply: {ack: \"reply/${topic}\", result: "
            "\"reply/${topic}\"}",
            show_text(rule->options.name).text, show_text(tmpl->text).text, check->mapping->base_topic);
        return;
    }
    const struct rule *taker = find_taker_of(check, rule, tmpl);
    if (taker != NULL) {
        yaml_problem(check->problems, SEVERITY_ERROR, node,
                     "the reply topic %s of the rule %s would be taken for a command by %s %s (topic %s); reply to a "
                     "topic that no rule takes, as reply: {ack: \"reply/${topic}\", result: \"reply/${topic}\"}, or "
                     "narrow that rule with `where`",
                     show_text(tmpl->text).text, show_text(rule->options.name).text,
                     taker == rule ? "the rule itself," : "the rule", show_text(taker->options.name).text,
                     show_text(taker->options.topic).text);
    }
}

static void check_rule(const struct loop_check *check, const struct rule *rule, const struct rule_source *source)
{
    bool same = rule->ack != NULL && rule->result != NULL && strcmp(rule->ack->text, rule->result->text) == 0;
    check_reply(check, rule, rule->result, place_of_reply(source, "result"));
    if (!same) {
        check_reply(check, rule, rule->ack, place_of_reply(source, "ack"));
    }
}

void mapping_check_loops(const struct mapping *mapping, const struct topic_set *sets, const struct rule_source *sources,
                         struct problems *problems)
{
    size_t left = MAX_STEPS;
    AUTO_JSON struct json_object *clear = json_new_map();
    struct loop_check check = {mapping, sets, clear, &left, problems};
    for (size_t i = 0; i < mapping->count; i++) {
        check_rule(&check, mapping->rules[i], &sources[i]);
    }
}
