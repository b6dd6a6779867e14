// Loops: a reply that would be taken for a command must not be published. What can be seen in the rules is an error at
// load; the rest is checked for each message (mapping_reply.c).
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/mapping_internal.h"
#include "core/show.h"
#include "core/template_internal.h"

struct loop_check {
    const struct mapping *mapping;
    struct shape *shapes; // of the rules
    struct problems *problems;
};

struct loop_search {
    const struct loop_check *check;
    const struct shape *reply;
    size_t found; // the first rule that could take it
};

static bool find_taker(void *context, const size_t *values, size_t count)
{
    struct loop_search *search = context;
    for (size_t i = 0; i < count && values[i] < search->found; i++) {
        if (shape_overlaps(search->reply, &search->check->shapes[values[i]])) {
            search->found = values[i];
        }
    }
    return true;
}

static const struct rule *find_loop(const struct loop_check *check, const struct shape *reply)
{
    const struct mapping *mapping = check->mapping;
    struct loop_search search = {check, reply, SIZE_MAX};
    struct text_list filters;
    shape_filters(reply, &filters);
    for (size_t i = 0; i < filters.count; i++) {
        filter_tree_search(mapping->tree, filters.items[i], find_taker, &search);
    }
    text_list_free(&filters);
    return search.found != SIZE_MAX ? mapping->rules[search.found] : NULL;
}

static bool is_closed(const struct mapping *mapping, const struct template *tmpl)
{
    return tmpl->count > 0 && tmpl->parts[0].text != NULL && mapping_is_closed_topic(mapping, tmpl->parts[0].text);
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

static void check_reply(const struct loop_check *check, const struct rule *rule, const struct template *tmpl,
                        const struct yaml_node *node)
{
    const struct mapping *mapping = check->mapping;
    struct shape shape;
    if (tmpl == NULL) {
        return;
    }
    if (is_closed(mapping, tmpl)) {
        yaml_problem(check->problems, SEVERITY_ERROR, node,
                     "the rule %s cannot reply to %s: topics that begin with $ or %s/bridge/, and Home Assistant's "
                     "discovery topics, are not for replies",
                     show_text(rule->keys.name).text, show_text(tmpl->text).text, mapping->base_topic);
        return;
    }
    if (!shape_of_reply(rule, tmpl, &shape)) {
        return;
    }
    const struct rule *taker = find_loop(check, &shape);
    shape_free(&shape);
    if (taker != NULL) {
        yaml_problem(check->problems, SEVERITY_ERROR, node,
                     "the reply topic %s of the rule %s would be taken for a command by %s %s (topic %s); reply to a "
                     "topic that no rule takes, as reply: {ack: \"reply/${topic}\", result: \"reply/${topic}\"}, or "
                     "narrow that rule with `where`",
                     show_text(tmpl->text).text, show_text(rule->keys.name).text,
                     taker == rule ? "the rule itself," : "the rule", show_text(taker->keys.name).text,
                     show_text(taker->keys.topic).text);
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

void mapping_check_loops(const struct mapping *mapping, const struct rule_source *sources, struct problems *problems)
{
    // Made once, as each reply is compared with many of them.
    AUTO_FREE struct shape *shapes = mem_alloc(mapping->count * sizeof *shapes);
    struct loop_check check = {mapping, shapes, problems};
    for (size_t i = 0; i < mapping->count; i++) {
        shape_of_rule(mapping->rules[i], &shapes[i]);
    }
    for (size_t i = 0; i < mapping->count; i++) {
        check_rule(&check, mapping->rules[i], &sources[i]);
    }
    for (size_t i = 0; i < mapping->count; i++) {
        shape_free(&shapes[i]);
    }
}
