#include "core/schedule.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "core/schedule_parts.h"

// A command's place in the queue of one lane.
struct place {
    struct entry *entry;
    struct lane *lane;
    struct place *previous;
    struct place *next;
};

struct lane {
    struct table_node node; // in lanes, by name
    struct place *first;
    struct place *last;
    char name[];
};

// A command. It is waiting (in the heap of deadlines, and of ready ones once nothing is before it in its lanes), then
// leaving (some calls have left), then out (all have).
struct entry {
    struct table_node node;    // in entries, by id
    struct heap_node deadline; // while no call has left
    struct heap_node ready;    // key: order of entering
    uint64_t id;
    int calls;
    int left;      // calls that have left
    int in_flight; // of these, calls that have not ended
    size_t behind; // lanes in which another command is first
    size_t place_count;
    struct place places[];
};

struct schedule {
    size_t max_in_flight;
    size_t in_flight;
    uint64_t entered; // commands so far: the order of entering
    struct table entries;
    struct table lanes;
    struct heap deadlines;
    struct heap ready;
    struct entry *leaving; // some of its calls have left, and the others are next; or NULL
};

struct schedule *schedule_create(const struct schedule_options *options)
{
    assert(options->max_in_flight > 0);
    struct schedule *schedule = mem_alloc(sizeof *schedule);
    schedule->max_in_flight = (size_t)options->max_in_flight;
    return schedule;
}

static struct entry *find_entry(const struct schedule *schedule, uint64_t id)
{
    struct table_node *node = table_first(&schedule->entries, table_hash_number(id));
    while (node != NULL && OWNER_OF(node, struct entry, node)->id != id) {
        node = table_next(node);
    }
    return node == NULL ? NULL : OWNER_OF(node, struct entry, node);
}

// ---- lanes

static struct lane *open_lane(struct schedule *schedule, const char *name)
{
    uint64_t hash = table_hash_text(name);
    for (struct table_node *node = table_first(&schedule->lanes, hash); node != NULL; node = table_next(node)) {
        struct lane *lane = OWNER_OF(node, struct lane, node);
        if (strcmp(lane->name, name) == 0) {
            return lane;
        }
    }
    size_t size = strlen(name) + 1;
    struct lane *lane = mem_alloc(sizeof *lane + size);
    memcpy(lane->name, name, size);
    table_add(&schedule->lanes, &lane->node, hash);
    return lane;
}

static void join_lane(struct entry *entry, struct lane *lane)
{
    if (lane->last != NULL && lane->last->entry == entry) {
        return; // named twice: it would wait for itself
    }
    struct place *place = &entry->places[entry->place_count++];
    *place = (struct place){.entry = entry, .lane = lane, .previous = lane->last};
    if (lane->last == NULL) {
        lane->first = place;
    } else {
        lane->last->next = place;
        entry->behind++;
    }
    lane->last = place;
}

static void become_ready(struct schedule *schedule, struct entry *entry)
{
    if (entry->behind == 0 && entry->left == 0) {
        heap_add(&schedule->ready, &entry->ready);
    }
}

static void close_lane(struct schedule *schedule, struct lane *lane)
{
    table_remove(&schedule->lanes, &lane->node);
    free(lane);
}

static void leave_lane(struct schedule *schedule, struct place *place)
{
    struct lane *lane = place->lane;
    *(place->previous != NULL ? &place->previous->next : &lane->first) = place->next;
    *(place->next != NULL ? &place->next->previous : &lane->last) = place->previous;
    if (lane->first == NULL) {
        close_lane(schedule, lane);
    } else if (place->previous == NULL) {
        lane->first->entry->behind--;
        become_ready(schedule, lane->first->entry);
    }
}

// ---- commands

void schedule_enter(struct schedule *schedule, uint64_t id, const char *const *lanes, size_t lane_count,
                    int64_t deadline_ms, int calls)
{
    assert(calls > 0 && find_entry(schedule, id) == NULL);
    struct entry *entry = mem_alloc(sizeof *entry + lane_count * sizeof(struct place));
    uint64_t order = schedule->entered++;
    entry->id = id;
    entry->calls = calls;
    entry->deadline = (struct heap_node){.key = deadline_ms, .order = order};
    entry->ready = (struct heap_node){.order = order};
    for (size_t i = 0; i < lane_count; i++) {
        join_lane(entry, open_lane(schedule, lanes[i]));
    }
    table_add(&schedule->entries, &entry->node, table_hash_number(id));
    heap_add(&schedule->deadlines, &entry->deadline);
    become_ready(schedule, entry);
}

// The first ready command whose deadline has not passed. One whose deadline has passed can only expire: it is taken
// out, so that it is looked at once.
static struct entry *first_ready(struct schedule *schedule, int64_t now_ms)
{
    for (struct heap_node *node = heap_first(&schedule->ready); node != NULL; node = heap_first(&schedule->ready)) {
        struct entry *entry = OWNER_OF(node, struct entry, ready);
        if (entry->deadline.key > now_ms) {
            return entry;
        }
        heap_remove(&schedule->ready, node);
    }
    return NULL;
}

static void begin_leaving(struct schedule *schedule, struct entry *entry)
{
    heap_remove(&schedule->ready, &entry->ready);
    heap_remove(&schedule->deadlines, &entry->deadline);
    schedule->leaving = entry;
}

bool schedule_next(struct schedule *schedule, int64_t now_ms, uint64_t *id, int *call)
{
    if (schedule->in_flight >= schedule->max_in_flight) {
        return false;
    }
    if (schedule->leaving == NULL) {
        struct entry *entry = first_ready(schedule, now_ms);
        if (entry == NULL) {
            return false;
        }
        begin_leaving(schedule, entry);
    }
    struct entry *entry = schedule->leaving;
    *id = entry->id;
    *call = entry->left++;
    entry->in_flight++;
    schedule->in_flight++;
    if (entry->left == entry->calls) {
        schedule->leaving = NULL;
    }
    return true;
}

void schedule_call_done(struct schedule *schedule, uint64_t id)
{
    struct entry *entry = find_entry(schedule, id);
    assert(entry != NULL && entry->in_flight > 0);
    entry->in_flight--;
    schedule->in_flight--;
}

void schedule_leave(struct schedule *schedule, uint64_t id)
{
    struct entry *entry = find_entry(schedule, id);
    assert(entry != NULL && entry->in_flight == 0);
    heap_remove(&schedule->ready, &entry->ready);
    heap_remove(&schedule->deadlines, &entry->deadline);
    if (schedule->leaving == entry) {
        schedule->leaving = NULL;
    }
    for (size_t i = 0; i < entry->place_count; i++) {
        leave_lane(schedule, &entry->places[i]);
    }
    table_remove(&schedule->entries, &entry->node);
    free(entry);
}

bool schedule_expired(struct schedule *schedule, int64_t now_ms, uint64_t *id)
{
    const struct heap_node *node = heap_first(&schedule->deadlines);
    if (node == NULL || node->key > now_ms) {
        return false;
    }
    *id = OWNER_OF(node, struct entry, deadline)->id;
    return true;
}

int64_t schedule_wait_ms(const struct schedule *schedule, int64_t now_ms)
{
    const struct heap_node *node = heap_first(&schedule->deadlines);
    if (node == NULL) {
        return -1;
    }
    return node->key > now_ms ? node->key - now_ms : 0;
}

size_t schedule_count(const struct schedule *schedule)
{
    return schedule->entries.count;
}

size_t schedule_in_flight(const struct schedule *schedule)
{
    return schedule->in_flight;
}

static void free_entry(struct table_node *node)
{
    free(OWNER_OF(node, struct entry, node));
}

static void free_lane(struct table_node *node)
{
    free(OWNER_OF(node, struct lane, node));
}

void schedule_destroy(struct schedule *schedule)
{
    if (schedule == NULL) {
        return;
    }
    table_free(&schedule->entries, free_entry);
    table_free(&schedule->lanes, free_lane);
    heap_free(&schedule->deadlines);
    heap_free(&schedule->ready);
    free(schedule);
}
