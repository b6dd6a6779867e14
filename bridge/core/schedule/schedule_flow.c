// Fairness: which rule is next for which action.
#include <string.h>

#include "base/mem.h"
#include "core/schedule/schedule_internal.h"

// ---- rules

static struct schedule_rule *find_rule(const struct schedule *schedule, const char *name)
{
    struct hash_node *node = hash_table_first(&schedule->rules, hash_text(name));
    while (node != NULL && strcmp(OWNER_OF(node, struct schedule_rule, node)->name, name) != 0) {
        node = hash_table_next(node);
    }
    return node == NULL ? NULL : OWNER_OF(node, struct schedule_rule, node);
}

// A new rule stands behind all others: rules that come and go cannot push one aside that waits.
static struct schedule_rule *add_rule(struct schedule *schedule, const char *name)
{
    size_t size = strlen(name) + 1;
    struct schedule_rule *rule = mem_alloc(sizeof *rule + size);
    memcpy(rule->name, name, size);
    rule->turn = ++schedule->turns;
    hash_table_add(&schedule->rules, &rule->node, hash_text(name));
    return rule;
}

struct schedule_rule *schedule_rule_open(struct schedule *schedule, const char *name)
{
    struct schedule_rule *rule = find_rule(schedule, name);
    rule = rule != NULL ? rule : add_rule(schedule, name);
    rule->users++;
    return rule;
}

void schedule_rule_free(struct schedule_rule *rule)
{
    while (rule->flows != NULL) {
        struct schedule_flow *next = rule->flows->next;
        heap_free(&rule->flows->units);
        heap_free(&rule->flows->groups);
        heap_free(&rule->flows->large);
        free(rule->flows);
        rule->flows = next;
    }
    free(rule);
}

static void free_unused(struct schedule *schedule, struct schedule_rule *rule)
{
    if (rule->users == 0 && !rule->has_bucket) {
        hash_table_remove(&schedule->rules, &rule->node);
        schedule_rule_free(rule);
    }
}

void schedule_rule_close(struct schedule *schedule, struct schedule_rule *rule)
{
    rule->users--;
    free_unused(schedule, rule);
}

void schedule_set_rate(struct schedule *schedule, const char *name, double per_second)
{
    struct schedule_rule *rule = find_rule(schedule, name);
    if (rule == NULL && per_second <= 0) {
        return;
    }
    rule = rule != NULL ? rule : add_rule(schedule, name);
    rule->has_bucket = per_second > 0;
    if (rule->has_bucket) {
        bucket_set(&rule->bucket, per_second);
    }
    schedule_rule_place(schedule, rule);
    free_unused(schedule, rule);
}

// ---- flows

static size_t unit_size(const struct schedule_unit *unit)
{
    return unit->group != NULL ? unit->group->count : OWNER_OF(unit, struct queued_call, unit)->devices;
}

static void hide_flow(struct schedule_flow *flow)
{
    flow->action->offered -= flow->offered;
    flow->offered = 0;
    heap_remove(&flow->action->by_turn, &flow->by_turn);
    heap_remove(&flow->action->by_group_turn, &flow->by_group_turn);
    heap_remove(&flow->action->by_size, &flow->by_size);
}

static void show_flow(struct schedule_flow *flow)
{
    int64_t turn = (int64_t)flow->rule->turn;
    flow->offered = flow->units.count;
    flow->action->offered += flow->offered;
    if (flow->units.count > 0) {
        flow->by_turn.key = turn;
        heap_add(&flow->action->by_turn, &flow->by_turn);
    }
    if (flow->groups.count > 0) {
        flow->by_group_turn.key = turn;
        heap_add(&flow->action->by_group_turn, &flow->by_group_turn);
    }
    if (flow->large.count > 0) {
        flow->by_size.key = heap_first(&flow->large)->key;
        flow->by_size.order = (uint64_t)turn;
        heap_add(&flow->action->by_size, &flow->by_size);
    }
}

void schedule_rule_place(struct schedule *schedule, struct schedule_rule *rule)
{
    int64_t ready_ms = rule->has_bucket ? bucket_ready_ms(&rule->bucket) : 0;
    bool is_waiting = false;
    for (struct schedule_flow *flow = rule->flows; flow != NULL; flow = flow->next) {
        hide_flow(flow);
        if (ready_ms <= schedule->now_ms) {
            show_flow(flow);
        }
        is_waiting = is_waiting || flow->units.count > 0;
    }
    heap_remove(&schedule->limited, &rule->limited);
    if (is_waiting && ready_ms > schedule->now_ms) {
        rule->limited.key = ready_ms;
        heap_add(&schedule->limited, &rule->limited);
    }
}

void schedule_rule_served(struct schedule *schedule, struct schedule_rule *rule)
{
    rule->turn = ++schedule->turns;
    if (rule->has_bucket) {
        bucket_take(&rule->bucket, schedule->now_ms);
    }
    schedule_rule_place(schedule, rule);
}

static struct schedule_flow *open_flow(struct schedule_rule *rule, struct schedule_action *action)
{
    struct schedule_flow *flow = rule->flows;
    while (flow != NULL && flow->action != action) {
        flow = flow->next;
    }
    if (flow == NULL) {
        flow = mem_alloc(sizeof *flow);
        *flow = (struct schedule_flow){.next = rule->flows, .rule = rule, .action = action};
        rule->flows = flow;
    }
    return flow;
}

void schedule_flow_add(struct schedule *schedule, struct schedule_rule *rule, struct schedule_action *action,
                       struct schedule_unit *unit)
{
    struct schedule_flow *flow = open_flow(rule, action);
    size_t size = unit_size(unit);
    unit->flow = flow;
    heap_add(&flow->units, &unit->age);
    if (size > 1) {
        unit->size = (struct heap_node){.key = -(int64_t)size, .order = (uint64_t)unit->age.key};
        heap_add(&flow->large, &unit->size);
    }
    if (unit->group != NULL && size > 1) {
        unit->group->age = (struct heap_node){.key = unit->age.key, .order = unit->age.order};
        heap_add(&flow->groups, &unit->group->age);
    }
    schedule_rule_place(schedule, rule);
}

void schedule_flow_remove(struct schedule *schedule, struct schedule_unit *unit)
{
    struct schedule_flow *flow = unit->flow;
    if (flow == NULL) {
        return;
    }
    unit->flow = NULL;
    heap_remove(&flow->units, &unit->age);
    heap_remove(&flow->large, &unit->size);
    if (unit->group != NULL) {
        heap_remove(&flow->groups, &unit->group->age);
    }
    schedule_rule_place(schedule, flow->rule);
}
