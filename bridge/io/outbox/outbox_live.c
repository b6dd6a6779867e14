#include "io/outbox/outbox_internal.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"

static void compact(struct live_rows *live)
{
    size_t kept = 0;
    for (size_t i = 0; i < live->count; i++) {
        if (!live->rows[i].removed) {
            live->rows[kept++] = live->rows[i];
        }
    }
    live->count = kept;
    live->removed = 0;
}

void outbox_live_add(struct live_rows *live, int64_t id, const struct live_facts *facts)
{
    assert(live->count == 0 || id > live->rows[live->count - 1].id);
    if (live->count == live->capacity && live->removed > live->capacity / 2) {
        compact(live);
    }
    live->rows = mem_grow(live->rows, live->count, &live->capacity, sizeof *live->rows);
    live->rows[live->count++] = (struct live_row){.id = id, .now = *facts, .next = *facts};
}

struct live_row *outbox_live_find(const struct live_rows *live, int64_t id)
{
    size_t low = 0;
    size_t high = live->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (live->rows[middle].id < id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    bool found = low < live->count && live->rows[low].id == id && !live->rows[low].removed;
    return found ? &live->rows[low] : NULL;
}

void outbox_live_remove(struct live_rows *live, struct live_row *row)
{
    row->removed = true;
    live->removed++;
    // An empty table needs no tombstones; most tables are small or become empty again.
    if (live->removed == live->count) {
        compact(live);
    }
}

void outbox_live_free(struct live_rows *live)
{
    free(live->rows);
    *live = (struct live_rows){0};
}

int64_t outbox_live_bytes(const struct live_facts *facts)
{
    return facts->head_bytes + facts->payload_bytes + facts->command_bytes + facts->reply_bytes;
}

void outbox_live_count(struct outbox_counts *counts, const struct live_facts *facts, int64_t sign)
{
    if (facts->deleted) {
        return;
    }
    if (facts->state == COMMAND_DONE) {
        counts->done += sign;
        return;
    }
    counts->commands += sign;
    counts->refused += facts->refused ? sign : 0;
    counts->bytes += sign * outbox_live_bytes(facts);
}

static bool set_state(struct live_facts *facts, enum command_state state)
{
    if (!command_state_may_follow(facts->state, state)) {
        return false;
    }
    facts->state = state;
    return true;
}

static bool set_reply(struct live_facts *facts, const char *reply)
{
    facts->payload_bytes = 0;
    facts->reply_bytes = outbox_text_len(reply);
    return set_state(facts, COMMAND_REPLIED);
}

bool outbox_live_apply(struct live_facts *facts, const struct change *change)
{
    if (facts->deleted) {
        return change->kind == CHANGE_DELETE;
    }
    switch (change->kind) {
    case CHANGE_DELETE:
        facts->deleted = true;
        return true;
    case CHANGE_STATE:
        return change->state != COMMAND_REPLIED && set_state(facts, change->state);
    case CHANGE_REPLY:
        return set_reply(facts, change->text);
    case CHANGE_CALL:
        facts->has_calls = true;
        return facts->state != COMMAND_DONE;
    case CHANGE_KEY:
    case CHANGE_NOTE:
    case CHANGE_ANSWER:
    case CHANGE_PROVED:
        return true;
    }
    return false;
}
