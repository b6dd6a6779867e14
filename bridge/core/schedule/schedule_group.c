// Folding: commands with the same key gather in a group, which leaves as one call.
#include <string.h>

#include "base/mem.h"
#include "core/schedule/schedule_internal.h"

// ---- finding the open group

static uint64_t hash_of(const struct queued_call *call)
{
    return hash_text(call->entry->fold->key);
}

static bool fits(const struct schedule_group *group, const struct queued_call *call)
{
    const struct schedule_entry *entry = call->entry;
    return group->folded == entry->fold->action && group->single == call->action &&
           strcmp(group->key, entry->fold->key) == 0 &&
           (group->rule == entry->rule || (!group->of_one_rule && !entry->rule->has_bucket));
}

static struct schedule_group *find_group(const struct schedule *schedule, const struct queued_call *call)
{
    struct hash_node *node = hash_table_first(&schedule->groups, hash_of(call));
    while (node != NULL && !fits(OWNER_OF(node, struct schedule_group, node), call)) {
        node = hash_table_next(node);
    }
    return node == NULL ? NULL : OWNER_OF(node, struct schedule_group, node);
}

static void close_group(struct schedule *schedule, struct schedule_group *group)
{
    if (group->is_open) {
        group->is_open = false;
        hash_table_remove(&schedule->groups, &group->node);
    }
}

static struct schedule_group *open_group(struct schedule *schedule, const struct queued_call *call)
{
    const struct schedule_entry *entry = call->entry;
    size_t size = strlen(entry->fold->key) + 1;
    struct schedule_group *group = mem_alloc(sizeof *group + size);
    memcpy(group->key, entry->fold->key, size);
    group->unit.group = group;
    group->unit.age = (struct heap_node){.key = (int64_t)entry->order};
    group->is_open = true;
    group->rule = entry->rule;
    group->rule->users++;
    group->of_one_rule = entry->rule->has_bucket;
    group->single = call->action;
    group->folded = entry->fold->action;
    group->max = entry->fold->max;
    group->window.key = CLOCK_NEVER;
    group->window_ms = CLOCK_NEVER;
    group->offered_ms = CLOCK_NEVER;
    TAILQ_INIT(&group->calls);
    hash_table_add(&schedule->groups, &group->node, hash_of(call));
    return group;
}

// The lanes keep commands of one device apart, where they have one; a group is short.
static bool has_device(const struct schedule_group *group, uint64_t device)
{
    const struct queued_call *call = NULL;
    TAILQ_FOREACH (call, &group->calls, in_group) {
        if (call->entry->fold->device == device) {
            return true;
        }
    }
    return false;
}

// ---- joining and leaving

static void free_group(struct schedule *schedule, struct schedule_group *group)
{
    heap_remove(&schedule->windows, &group->window);
    close_group(schedule, group);
    schedule_rule_close(schedule, group->rule);
    free(group);
}

void schedule_group_offer(struct schedule *schedule, struct schedule_group *group)
{
    heap_remove(&schedule->windows, &group->window);
    group->offered_ms = schedule->now_ms < group->offered_ms ? schedule->now_ms : group->offered_ms;
    schedule_flow_add(schedule, group->rule, group->count > 1 ? group->folded : group->single, &group->unit);
}

static void append(struct schedule_group *group, struct queued_call *call)
{
    call->group = group;
    TAILQ_INSERT_TAIL(&group->calls, call, in_group);
    group->count++;
}

static void keep_window(struct schedule *schedule, struct schedule_group *group, int64_t until_ms)
{
    if (until_ms < group->window.key) {
        heap_remove(&schedule->windows, &group->window);
        group->window.key = until_ms;
        heap_add(&schedule->windows, &group->window);
    }
}

void schedule_group_join(struct schedule *schedule, struct queued_call *call)
{
    const struct queued_fold *fold = call->entry->fold;
    struct schedule_group *group = find_group(schedule, call);
    if (group != NULL && (group->count >= fold->max || has_device(group, fold->device))) {
        close_group(schedule, group);
        group = NULL;
    }
    group = group != NULL ? group : open_group(schedule, call);
    bool was_offered = group->unit.flow != NULL;
    schedule_flow_remove(schedule, &group->unit);
    append(group, call);
    group->max = fold->max < group->max ? fold->max : group->max;
    group->window_ms = fold->window_ms < group->window_ms ? fold->window_ms : group->window_ms;
    call->state = CALL_GROUPED;
    if (group->count >= group->max) {
        close_group(schedule, group);
    }
    if (was_offered || !group->is_open) {
        schedule_group_offer(schedule, group);
    } else {
        keep_window(schedule, group, schedule->now_ms + fold->window_ms);
    }
}

void schedule_group_leave(struct schedule *schedule, struct queued_call *call)
{
    struct schedule_group *group = call->group;
    bool was_offered = group->unit.flow != NULL;
    schedule_flow_remove(schedule, &group->unit);
    TAILQ_REMOVE(&group->calls, call, in_group);
    call->group = NULL;
    group->count--;
    if (group->count == 0) {
        free_group(schedule, group);
    } else if (was_offered) {
        schedule_group_offer(schedule, group);
    }
}
