// A command enters with its calls, its places in the lanes and, with `latest`, as the newest of its kind; from then on
// the other files move its calls: schedule_wait.c (what a call waits for), schedule_flow.c and schedule_group.c (what
// may leave), schedule_pick.c (what leaves next), schedule_flight.c (what has left). Here are the ends: leaving, the
// lists of expired and superseded commands, and the earliest moment at which any heap has something due.
#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "core/schedule/schedule_internal.h"

struct schedule *schedule_create(uint64_t seed)
{
    struct schedule *schedule = mem_alloc(sizeof *schedule);
    schedule->random = seed;
    TAILQ_INIT(&schedule->superseded);
    return schedule;
}

// ---- latest_only

static struct schedule_entry *find_newest(const struct schedule *schedule, const char *key)
{
    struct hash_node *node = hash_table_first(&schedule->latest, hash_text(key));
    while (node != NULL && strcmp(OWNER_OF(node, struct schedule_entry, latest_node)->latest, key) != 0) {
        node = hash_table_next(node);
    }
    return node == NULL ? NULL : OWNER_OF(node, struct schedule_entry, latest_node);
}

static void stop_being_newest(struct schedule *schedule, struct schedule_entry *entry)
{
    if (entry->is_newest) {
        entry->is_newest = false;
        hash_table_remove(&schedule->latest, &entry->latest_node);
    }
}

static void become_newest(struct schedule *schedule, struct schedule_entry *entry)
{
    struct schedule_entry *before = find_newest(schedule, entry->latest);
    if (before != NULL) {
        stop_being_newest(schedule, before);
        before->outdated = true;
        if (schedule_entry_is_replaceable(before)) {
            schedule_entry_supersede(schedule, before);
        }
    }
    entry->is_newest = true;
    hash_table_add(&schedule->latest, &entry->latest_node, hash_text(entry->latest));
}

// ---- entering and leaving

static struct queued_fold *create_fold(struct schedule_account *account, const struct schedule_fold *given)
{
    assert(given->max > 1);
    size_t size = strlen(given->key) + 1;
    struct queued_fold *fold = mem_alloc(sizeof *fold + size);
    memcpy(fold->key, given->key, size);
    fold->action = schedule_action_open(account, given->action);
    fold->window_ms = given->window_ms;
    fold->max = given->max;
    fold->device = hash_text(given->device);
    return fold;
}

static void create_calls(struct schedule_entry *entry, const struct schedule_command *command)
{
    entry->call_count = command->call_count;
    entry->calls = mem_alloc(command->call_count * sizeof *entry->calls);
    for (size_t i = 0; i < command->call_count; i++) {
        entry->calls[i].entry = entry;
        entry->calls[i].action = schedule_action_open(entry->account, command->calls[i].action);
        entry->calls[i].devices = command->calls[i].devices;
        entry->calls[i].state = CALL_WITHDRAWN;
    }
}

static struct schedule_entry *create_entry(struct schedule *schedule, const struct schedule_command *command)
{
    assert(command->account < schedule->account_count && command->call_count > 0);
    assert(command->fold == NULL || command->call_count == 1);
    struct schedule_entry *entry = mem_alloc(sizeof *entry + command->lane_count * sizeof(struct schedule_place));
    entry->id = command->id;
    entry->order = schedule->entered++;
    entry->account = schedule->accounts[command->account];
    entry->rule = schedule_rule_open(schedule, command->rule);
    entry->deadline = (struct heap_node){.key = command->deadline_ms, .order = entry->order};
    entry->latest = mem_strdup_or_null(command->latest);
    entry->fold = command->fold == NULL ? NULL : create_fold(entry->account, command->fold);
    create_calls(entry, command);
    return entry;
}

void schedule_enter(struct schedule *schedule, const struct schedule_command *command)
{
    assert(schedule_entry_find(schedule, command->id) == NULL);
    struct schedule_entry *entry = create_entry(schedule, command);
    hash_table_add(&schedule->entries, &entry->node, hash_number(entry->id));
    for (size_t i = 0; i < command->lane_count; i++) {
        schedule_lane_join(schedule, entry, command->lanes[i]);
    }
    for (size_t i = 0; i < entry->call_count; i++) {
        schedule_call_wait(schedule, &entry->calls[i], INT64_MIN);
    }
    if (entry->latest != NULL) {
        become_newest(schedule, entry);
    }
}

static void free_entry(struct schedule_entry *entry)
{
    free(entry->latest);
    free(entry->fold);
    free(entry->calls);
    free(entry);
}

void schedule_leave(struct schedule *schedule, uint64_t id)
{
    struct schedule_entry *entry = schedule_entry_find(schedule, id);
    assert(entry != NULL && entry->in_flight == 0);
    schedule_entry_withdraw(schedule, entry);
    if (entry->late) {
        heap_remove(&schedule->expired, &entry->deadline);
    }
    if (entry->superseded) {
        TAILQ_REMOVE(&schedule->superseded, entry, in_superseded);
    }
    stop_being_newest(schedule, entry);
    for (size_t i = 0; i < entry->place_count; i++) {
        schedule_lane_leave(schedule, &entry->places[i]);
    }
    hash_table_remove(&schedule->entries, &entry->node);
    schedule_rule_close(schedule, entry->rule);
    free_entry(entry);
}

bool schedule_expired(struct schedule *schedule, int64_t now_ms, uint64_t *id)
{
    schedule_advance(schedule, now_ms);
    const struct heap_node *node = heap_first(&schedule->expired);
    if (node == NULL) {
        return false;
    }
    *id = OWNER_OF(node, struct schedule_entry, deadline)->id;
    return true;
}

bool schedule_superseded(const struct schedule *schedule, uint64_t *id)
{
    if (TAILQ_EMPTY(&schedule->superseded)) {
        return false;
    }
    *id = TAILQ_FIRST(&schedule->superseded)->id;
    return true;
}

bool schedule_retry_now(struct schedule *schedule, uint64_t id)
{
    struct schedule_entry *entry = schedule_entry_find(schedule, id);
    for (size_t i = 0; entry != NULL && i < entry->call_count; i++) {
        struct queued_call *call = &entry->calls[i];
        if (call->state == CALL_DELAYED) {
            heap_remove(&schedule->delayed, &call->delay);
            call->delay.key = INT64_MIN;
            heap_add(&schedule->delayed, &call->delay);
        }
    }
    return entry != NULL;
}

// ---- for the loop

static int64_t earlier_of(const struct heap *heap, int64_t at_ms)
{
    const struct heap_node *node = heap_first(heap);
    return node != NULL && node->key < at_ms ? node->key : at_ms;
}

int64_t schedule_wait_ms(const struct schedule *schedule, int64_t now_ms)
{
    if (schedule->expired.count > 0 || !TAILQ_EMPTY(&schedule->superseded)) {
        return 0;
    }
    int64_t at_ms = earlier_of(&schedule->deadlines, CLOCK_NEVER);
    at_ms = earlier_of(&schedule->delayed, at_ms);
    at_ms = earlier_of(&schedule->windows, at_ms);
    at_ms = earlier_of(&schedule->limited, at_ms);
    for (size_t i = 0; i < schedule->account_count; i++) {
        int64_t wake_ms = schedule_account_wake_ms(schedule->accounts[i]);
        at_ms = wake_ms < at_ms ? wake_ms : at_ms;
    }
    return at_ms == CLOCK_NEVER ? CLOCK_NEVER : clock_later(at_ms, now_ms) - now_ms;
}

size_t schedule_in_flight(const struct schedule *schedule)
{
    return schedule->in_flight;
}

// ---- the end

static void free_entry_node(struct hash_node *node)
{
    free_entry(OWNER_OF(node, struct schedule_entry, node));
}

static void free_lane_node(struct hash_node *node)
{
    free(OWNER_OF(node, struct schedule_lane, node));
}

static void free_rule_node(struct hash_node *node)
{
    schedule_rule_free(OWNER_OF(node, struct schedule_rule, node));
}

static void keep_owner(struct hash_node *node)
{
    (void)node; // freed with the entries
}

// A group ends with its last member.
static void withdraw_all(struct schedule *schedule)
{
    for (size_t i = 0; i < schedule->entries.slot_count; i++) {
        for (struct hash_node *node = schedule->entries.slots[i]; node != NULL; node = node->next) {
            schedule_entry_withdraw(schedule, OWNER_OF(node, struct schedule_entry, node));
        }
    }
}

void schedule_destroy(struct schedule *schedule)
{
    if (schedule == NULL) {
        return;
    }
    withdraw_all(schedule);
    while (!LIST_EMPTY(&schedule->flights)) {
        schedule_flight_free(LIST_FIRST(&schedule->flights));
    }
    hash_table_free(&schedule->latest, keep_owner);
    hash_table_free(&schedule->entries, free_entry_node);
    hash_table_free(&schedule->lanes, free_lane_node);
    hash_table_free(&schedule->rules, free_rule_node);
    hash_table_free(&schedule->groups, keep_owner);
    for (size_t i = 0; i < schedule->account_count; i++) {
        schedule_account_free(schedule->accounts[i]);
    }
    free(schedule->accounts);
    heap_free(&schedule->deadlines);
    heap_free(&schedule->expired);
    heap_free(&schedule->delayed);
    heap_free(&schedule->windows);
    heap_free(&schedule->limited);
    free(schedule);
}
