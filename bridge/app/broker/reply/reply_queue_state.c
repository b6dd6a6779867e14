// The states of a message and of the queue: which may follow which, and the list that goes with it.
#include "app/broker/reply/reply_queue_internal.h"

#include "base/machine.h"

static struct outgoing_list *list_of(struct reply_queue *queue, enum outgoing_state state)
{
    switch (state) {
    case OUTGOING_WAITING:
        return &queue->waiting;
    case OUTGOING_UNDER_WAY:
    case OUTGOING_LOST:
        return &queue->under_way;
    case OUTGOING_ASIDE:
        return &queue->aside;
    case OUTGOING_ENDED:
        break;
    }
    return NULL;
}

// What waits again has a low number, and what is new the highest.
static void insert(struct outgoing_list *list, struct outgoing *outgoing)
{
    const struct outgoing *last = TAILQ_LAST(list, outgoing_list);
    if (last == NULL || last->number < outgoing->number) {
        TAILQ_INSERT_TAIL(list, outgoing, link);
        return;
    }
    struct outgoing *at = TAILQ_FIRST(list);
    while (at->number < outgoing->number) {
        at = TAILQ_NEXT(at, link);
    }
    TAILQ_INSERT_BEFORE(at, outgoing, link);
}

static void move(struct reply_queue *queue, struct outgoing *outgoing, struct outgoing_list *from,
                 struct outgoing_list *to)
{
    size_t replies = outgoing->is_own ? 0 : 1;
    if (from != NULL) {
        TAILQ_REMOVE(from, outgoing, link);
        queue->replies_under_way -= from == &queue->under_way ? replies : 0;
    }
    if (to == &queue->waiting) {
        insert(to, outgoing);
    } else if (to != NULL) {
        TAILQ_INSERT_TAIL(to, outgoing, link);
        queue->replies_under_way += to == &queue->under_way ? replies : 0;
    }
}

void reply_queue_set_state(struct reply_queue *queue, struct outgoing *outgoing, enum outgoing_state state)
{
    enum {
        AGAIN = MACHINE_BIT(OUTGOING_ENDED) | MACHINE_BIT(OUTGOING_WAITING) | MACHINE_BIT(OUTGOING_ASIDE),
        SENT = MACHINE_BIT(OUTGOING_ENDED) | MACHINE_BIT(OUTGOING_UNDER_WAY),
    };
    static const struct machine_row table[] = {
        [OUTGOING_ENDED] = {"ENDED", MACHINE_BIT(OUTGOING_WAITING) | MACHINE_BIT(OUTGOING_UNDER_WAY)},
        [OUTGOING_WAITING] = {"WAITING", SENT},
        [OUTGOING_UNDER_WAY] = {"UNDER_WAY", AGAIN | MACHINE_BIT(OUTGOING_LOST)},
        [OUTGOING_LOST] = {"LOST", AGAIN},
        [OUTGOING_ASIDE] = {"ASIDE", SENT},
    };
    struct outgoing_list *from = list_of(queue, outgoing->state);
    struct outgoing_list *to = list_of(queue, state);
    machine_change(table, outgoing->state, state, "message_state",
                   outgoing->id != NULL ? outgoing->id : outgoing->topic);
    outgoing->state = state;
    if (from != to) {
        move(queue, outgoing, from, to);
    }
}

void reply_queue_set_stage(struct reply_queue *queue, enum reply_stage stage, int64_t now_ms)
{
    static const struct machine_row table[] = {
        [STAGE_FLOW] = {"FLOW", MACHINE_BIT(STAGE_DRAIN)},
        [STAGE_DRAIN] = {"DRAIN", MACHINE_BIT(STAGE_PROBE) | MACHINE_BIT(STAGE_TRIAL) | MACHINE_BIT(STAGE_FLOW)},
        [STAGE_PROBE] = {"PROBE", MACHINE_BIT(STAGE_TRIAL) | MACHINE_BIT(STAGE_FLOW)},
        [STAGE_TRIAL] = {"TRIAL", MACHINE_BIT(STAGE_FLOW)},
    };
    machine_change(table, queue->stage, stage, "replies_stage", queue->connection->name);
    queue->stage = stage;
    queue->stage_since_ms = now_ms;
}
