#include <string.h>

#include "base/mem.h"
#include "core/schedule/schedule_internal.h"

static struct schedule_lane *open_lane(struct schedule *schedule, const char *name)
{
    uint64_t hash = hash_text(name);
    for (struct hash_node *node = hash_table_first(&schedule->lanes, hash); node != NULL;
         node = hash_table_next(node)) {
        struct schedule_lane *lane = OWNER_OF(node, struct schedule_lane, node);
        if (strcmp(lane->name, name) == 0) {
            return lane;
        }
    }
    size_t size = strlen(name) + 1;
    struct schedule_lane *lane = mem_alloc(sizeof *lane + size);
    memcpy(lane->name, name, size);
    TAILQ_INIT(&lane->queue);
    hash_table_add(&schedule->lanes, &lane->node, hash);
    return lane;
}

void schedule_lane_join(struct schedule *schedule, struct schedule_entry *entry, const char *name)
{
    struct schedule_lane *lane = open_lane(schedule, name);
    const struct schedule_place *last = TAILQ_LAST(&lane->queue, schedule_queue);
    if (last != NULL && last->entry == entry) {
        return; // named twice: it would wait for itself
    }
    struct schedule_place *place = &entry->places[entry->place_count++];
    *place = (struct schedule_place){.entry = entry, .lane = lane};
    TAILQ_INSERT_TAIL(&lane->queue, place, in_lane);
    entry->behind += last != NULL ? 1 : 0;
}

void schedule_lane_leave(struct schedule *schedule, struct schedule_place *place)
{
    struct schedule_lane *lane = place->lane;
    bool was_first = TAILQ_FIRST(&lane->queue) == place;
    TAILQ_REMOVE(&lane->queue, place, in_lane);
    if (TAILQ_EMPTY(&lane->queue)) {
        hash_table_remove(&schedule->lanes, &lane->node);
        free(lane);
    } else if (was_first) {
        struct schedule_entry *next = TAILQ_FIRST(&lane->queue)->entry;
        next->behind--;
        schedule_entry_unblock(schedule, next);
    }
}
