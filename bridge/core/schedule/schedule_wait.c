// What calls wait for: their lanes, a retry, a group, a token; and how they stop waiting.
#include <assert.h>

#include "base/mem.h"
#include "core/schedule/schedule_internal.h"

struct schedule_entry *schedule_entry_find(const struct schedule *schedule, uint64_t id)
{
    struct hash_node *node = hash_table_first(&schedule->entries, hash_number(id));
    return node == NULL ? NULL : OWNER_OF(node, struct schedule_entry, node);
}

// A command counts for its deadline while a call of it waits.
static void watch_deadline(struct schedule *schedule, struct schedule_entry *entry)
{
    if (entry->late) {
        return;
    }
    if (entry->waiting == 0) {
        heap_remove(&schedule->deadlines, &entry->deadline);
    } else if (entry->deadline.place == 0) {
        heap_add(&schedule->deadlines, &entry->deadline);
    }
}

static void stop_waiting(struct schedule *schedule, struct queued_call *call, enum queued_call_state state)
{
    switch (call->state) {
    case CALL_DELAYED:
        heap_remove(&schedule->delayed, &call->delay);
        break;
    case CALL_READY:
        schedule_flow_remove(schedule, &call->unit);
        break;
    case CALL_GROUPED:
        schedule_group_leave(schedule, call);
        break;
    case CALL_BLOCKED:
        break;
    case CALL_IN_FLIGHT:
    case CALL_ENDED:
    case CALL_DONE:
    case CALL_WITHDRAWN:
        return;
    }
    call->state = state;
    call->entry->waiting--;
}

static void delay(struct schedule *schedule, struct queued_call *call)
{
    call->state = CALL_DELAYED;
    heap_add(&schedule->delayed, &call->delay);
}

void schedule_call_wait(struct schedule *schedule, struct queued_call *call, int64_t not_before_ms)
{
    struct schedule_entry *entry = call->entry;
    assert(call->state == CALL_WITHDRAWN);
    call->delay = (struct heap_node){.key = not_before_ms, .order = entry->order};
    call->state = CALL_BLOCKED;
    entry->waiting++;
    if (entry->behind == 0) {
        delay(schedule, call);
    }
    watch_deadline(schedule, entry);
}

void schedule_entry_unblock(struct schedule *schedule, struct schedule_entry *entry)
{
    for (size_t i = 0; entry->behind == 0 && i < entry->call_count; i++) {
        if (entry->calls[i].state == CALL_BLOCKED) {
            delay(schedule, &entry->calls[i]);
        }
    }
}

void schedule_call_leave(struct schedule *schedule, struct queued_call *call)
{
    stop_waiting(schedule, call, CALL_IN_FLIGHT);
    call->entry->in_flight++;
    call->entry->away++;
    watch_deadline(schedule, call->entry);
}

void schedule_call_land(struct schedule *schedule, struct queued_call *call, enum queued_call_state state)
{
    struct schedule_entry *entry = call->entry;
    call->state = state;
    entry->away--;
    if (entry->late && entry->away == 0) {
        heap_add(&schedule->expired, &entry->deadline);
    }
}

void schedule_entry_withdraw(struct schedule *schedule, struct schedule_entry *entry)
{
    for (size_t i = 0; i < entry->call_count; i++) {
        stop_waiting(schedule, &entry->calls[i], CALL_WITHDRAWN);
    }
    watch_deadline(schedule, entry);
}

// ---- superseding

bool schedule_entry_is_replaceable(const struct schedule_entry *entry)
{
    return !entry->late && !entry->superseded && !entry->may_have_run && entry->away == 0 && entry->done == 0;
}

void schedule_entry_supersede(struct schedule *schedule, struct schedule_entry *entry)
{
    schedule_entry_withdraw(schedule, entry);
    entry->superseded = true;
    TAILQ_INSERT_TAIL(&schedule->superseded, entry, in_superseded);
}

// ---- what one waits for

// A call that nothing but the platform's limits and other commands hold back.
static enum schedule_reason reason_in_flow(const struct schedule *schedule, const struct schedule_account *account,
                                           const struct schedule_flow *flow)
{
    const struct quota *quota = &flow->action->quota;
    if (flow->rule->has_bucket && bucket_ready_ms(&flow->rule->bucket) > schedule->now_ms) {
        return SCHEDULE_FOR_RATE;
    }
    if (quota->paused_ms > schedule->now_ms) {
        return SCHEDULE_FOR_PAUSE;
    }
    if (quota_ready_ms(quota) > schedule->now_ms) {
        return SCHEDULE_FOR_QUOTA;
    }
    if (account->in_flight >= account->limit) {
        return SCHEDULE_FOR_ROOM;
    }
    // The token that is there now is for one of several.
    return quota->has_limit && flow->action->offered > 1 ? SCHEDULE_FOR_QUOTA : SCHEDULE_FOR_TURN;
}

static enum schedule_reason reason_of_call(const struct schedule *schedule, const struct queued_call *call)
{
    const struct schedule_account *account = call->entry->account;
    if (call->state == CALL_READY) {
        return reason_in_flow(schedule, account, call->unit.flow);
    }
    if (call->state == CALL_GROUPED) {
        const struct schedule_flow *flow = call->group->unit.flow;
        return flow != NULL ? reason_in_flow(schedule, account, flow) : SCHEDULE_FOR_GROUP;
    }
    bool is_due = call->state == CALL_DELAYED && call->delay.key <= schedule->now_ms;
    return is_due ? SCHEDULE_FOR_TURN : SCHEDULE_FOR_RETRY;
}

static enum schedule_reason reason_of(const struct schedule *schedule, const struct schedule_entry *entry)
{
    if (entry->waiting == 0) {
        return SCHEDULE_NO_WAIT;
    }
    if (entry->behind > 0) {
        return SCHEDULE_FOR_LANE;
    }
    if (entry->account->breaker.state != SCHEDULE_CLOSED) {
        return SCHEDULE_FOR_PLATFORM;
    }
    enum schedule_reason reason = SCHEDULE_FOR_RETRY;
    for (size_t i = 0; i < entry->call_count && reason == SCHEDULE_FOR_RETRY; i++) {
        reason = reason_of_call(schedule, &entry->calls[i]);
    }
    return reason;
}

enum schedule_reason schedule_waits_for(const struct schedule *schedule, uint64_t id)
{
    const struct schedule_entry *entry = schedule_entry_find(schedule, id);
    if (entry == NULL) {
        return SCHEDULE_NO_WAIT;
    }
    return entry->late ? entry->late_for : reason_of(schedule, entry);
}

bool schedule_before(const struct schedule *schedule, uint64_t id, uint64_t *before)
{
    const struct schedule_entry *entry = schedule_entry_find(schedule, id);
    for (size_t i = 0; entry != NULL && i < entry->place_count; i++) {
        const struct schedule_entry *first = TAILQ_FIRST(&entry->places[i].lane->queue)->entry;
        if (first != entry) {
            *before = first->id;
            return true;
        }
    }
    return false;
}

// ---- time

static void become_late(struct schedule *schedule, struct schedule_entry *entry)
{
    entry->late_for = reason_of(schedule, entry);
    schedule_entry_withdraw(schedule, entry);
    entry->late = true;
    if (entry->away == 0) {
        heap_add(&schedule->expired, &entry->deadline);
    }
}

static void become_ready(struct schedule *schedule, struct queued_call *call)
{
    heap_remove(&schedule->delayed, &call->delay);
    if (call->entry->fold != NULL && !call->entry->alone) {
        schedule_group_join(schedule, call);
        return;
    }
    call->state = CALL_READY;
    size_t index = (size_t)(call - call->entry->calls);
    call->unit.age = (struct heap_node){.key = (int64_t)call->entry->order, .order = index};
    schedule_flow_add(schedule, call->entry->rule, call->action, &call->unit);
}

static struct heap_node *due(const struct heap *heap, int64_t now_ms)
{
    struct heap_node *node = heap_first(heap);
    return node != NULL && node->key <= now_ms ? node : NULL;
}

void schedule_advance(struct schedule *schedule, int64_t now_ms)
{
    struct heap_node *node = NULL;
    schedule->now_ms = now_ms > schedule->now_ms ? now_ms : schedule->now_ms;
    while ((node = due(&schedule->deadlines, schedule->now_ms)) != NULL) {
        become_late(schedule, OWNER_OF(node, struct schedule_entry, deadline));
    }
    while ((node = due(&schedule->delayed, schedule->now_ms)) != NULL) {
        become_ready(schedule, OWNER_OF(node, struct queued_call, delay));
    }
    while ((node = due(&schedule->windows, schedule->now_ms)) != NULL) {
        schedule_group_offer(schedule, OWNER_OF(node, struct schedule_group, window));
    }
    while ((node = due(&schedule->limited, schedule->now_ms)) != NULL) {
        schedule_rule_place(schedule, OWNER_OF(node, struct schedule_rule, limited));
    }
}
