// The one place where the state of a command or of a call changes: each change must be legal, is logged, and is staged
// for the turn's commit.
#include "app/service/pipeline/pipeline_internal.h"

#include <assert.h>

#include "base/log.h"
#include "base/mem.h"

void pipeline_set_state(struct pipeline *pipeline, struct entry *entry, enum command_state state)
{
    assert(command_state_may_follow(entry->state, state));
    LOG(LOG_DEBUG, "command_state", LOG_N("row", entry->row_id), LOG_S("id", entry->command->id),
        LOG_S("rule", entry->command->rule), LOG_S("from", command_state_name(entry->state)),
        LOG_S("to", command_state_name(state)));
    entry->state = state;
    if (entry->row_id == 0) {
        return;
    }
    if (state == COMMAND_REPLIED) {
        AUTO_FREE char *record = reply_record_encode(&entry->record);
        outbox_stage_reply(pipeline->options.outbox, entry->row_id, record);
    } else {
        outbox_stage_state(pipeline->options.outbox, entry->row_id, state);
    }
}

// What an operator sees of a command that waits to be tried again. What may have run stays SENT on disk, however often
// it is tried.
static void stage_note(struct pipeline *pipeline, const struct entry *entry, size_t call)
{
    const struct entry_call *mine = &entry->calls[call];
    struct retry_note note = {.attempts = entry->attempts, .may_have_run = mine->may_have_run, .failure = mine->last};
    AUTO_FREE char *text = retry_note_encode(&note);
    outbox_stage_call(pipeline->options.outbox, entry->row_id, (int)call,
                      mine->may_have_run ? COMMAND_SENT : COMMAND_QUEUED, text);
}

static void stage_call(struct pipeline *pipeline, const struct entry *entry, size_t call)
{
    const struct entry_call *mine = &entry->calls[call];
    if (mine->state == COMMAND_QUEUED) {
        stage_note(pipeline, entry, call);
    } else if (entry->command->call_count > 1) {
        AUTO_FREE char *note = mine->state == COMMAND_DONE ? call_outcome_encode(&entry->outcomes[call]) : NULL;
        outbox_stage_call(pipeline->options.outbox, entry->row_id, (int)call, mine->state, note);
    }
}

void pipeline_set_call_state(struct pipeline *pipeline, struct entry *entry, size_t call, enum command_state state)
{
    struct entry_call *mine = &entry->calls[call];
    assert(command_state_may_follow_in_call(mine->state, state));
    LOG(LOG_DEBUG, "call_state", LOG_N("row", entry->row_id), LOG_S("id", entry->command->id),
        LOG_S("rule", entry->command->rule), LOG_N("call", call), LOG_S("from", command_state_name(mine->state)),
        LOG_S("to", command_state_name(state)));
    mine->state = state;
    if (entry->row_id != 0) {
        stage_call(pipeline, entry, call);
    }
}

static void set_sent(struct pipeline *pipeline, struct entry *entry, size_t call)
{
    entry->attempts++;
    entry->calls[call].tries++;
    if (entry->state != COMMAND_SENT) {
        pipeline_set_state(pipeline, entry, COMMAND_SENT);
    }
    pipeline_set_call_state(pipeline, entry, call, COMMAND_SENT);
}

void pipeline_set_sent(struct pipeline *pipeline, const struct attempt *attempt)
{
    for (size_t i = 0; i < attempt->count; i++) {
        set_sent(pipeline, attempt->entries[i], attempt->call);
    }
}

void pipeline_set_waiting(struct pipeline *pipeline, struct entry *entry, size_t call)
{
    pipeline_set_call_state(pipeline, entry, call, COMMAND_QUEUED);
    if (entry->command->call_count == 1 && !entry->calls[call].may_have_run) {
        pipeline_set_state(pipeline, entry, COMMAND_QUEUED);
    }
}
