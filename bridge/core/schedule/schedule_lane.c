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
    hash_table_add(&schedule->lanes, &lane->node, hash);
    return lane;
}

void schedule_lane_join(struct schedule *schedule, struct schedule_entry *entry, const char *name)
{
    struct schedule_lane *lane = open_lane(schedule, name);
    if (lane->last != NULL && lane->last->entry == entry) {
        return; // named twice: it would wait for itself
    }
    struct schedule_place *place = &entry->places[entry->place_count++];
    *place = (struct schedule_place){.entry = entry, .lane = lane, .previous = lane->last};
    if (lane->last == NULL) {
        lane->first = place;
    } else {
        lane->last->next = place;
        entry->behind++;
    }
    lane->last = place;
}

static void close_lane(struct schedule *schedule, struct schedule_lane *lane)
{
    hash_table_remove(&schedule->lanes, &lane->node);
    free(lane);
}

void schedule_lane_leave(struct schedule *schedule, struct schedule_place *place)
{
    struct schedule_lane *lane = place->lane;
    *(place->previous != NULL ? &place->previous->next : &lane->first) = place->next;
    *(place->next != NULL ? &place->next->previous : &lane->last) = place->previous;
    if (lane->first == NULL) {
        close_lane(schedule, lane);
    } else if (place->previous == NULL) {
        lane->first->entry->behind--;
        schedule_entry_unblock(schedule, lane->first->entry);
    }
}
