// How calls and commands end: states on disk, the reply, and its publication.
#include "app/service/pipeline_internal.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "core/command/reply.h"

void pipeline_set_state(struct pipeline *pipeline, struct entry *entry, enum command_state state)
{
    entry->state = state;
    if (entry->row_id != 0) {
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

void pipeline_set_call_state(struct pipeline *pipeline, struct entry *entry, size_t call, enum command_state state)
{
    entry->calls[call].state = state;
    if (entry->row_id != 0 && state == COMMAND_QUEUED) {
        stage_note(pipeline, entry, call);
    }
    if (entry->row_id == 0 || entry->command->call_count < 2 || state == COMMAND_QUEUED) {
        return;
    }
    AUTO_FREE char *note = state == COMMAND_DONE ? call_outcome_encode(&entry->calls[call].outcome) : NULL;
    outbox_stage_call(pipeline->options.outbox, entry->row_id, (int)call, state, note);
}

static void count_status(enum status status)
{
    static const enum metric metrics[] = {
        [STATUS_OK] = METRIC_REPLIES_OK,           [STATUS_ACCEPTED] = METRIC_REPLIES_ACCEPTED,
        [STATUS_FAILED] = METRIC_REPLIES_FAILED,   [STATUS_REJECTED] = METRIC_REPLIES_REJECTED,
        [STATUS_EXPIRED] = METRIC_REPLIES_EXPIRED, [STATUS_SUPERSEDED] = METRIC_REPLIES_SUPERSEDED,
        [STATUS_PARTIAL] = METRIC_REPLIES_PARTIAL, [STATUS_UNKNOWN] = METRIC_REPLIES_UNKNOWN,
    };
    metrics_add(metrics[status], 1);
}

static void log_end(const struct entry *entry, enum status status, const struct failure *failure)
{
    bool fine = status == STATUS_OK || status == STATUS_ACCEPTED;
    LOG(fine ? LOG_DEBUG : LOG_WARN, "command_ended", LOG_S("id", entry->command->id),
        LOG_S("rule", entry->command->rule), LOG_S("status", status_name(status)),
        LOG_S("code", failure->code == NULL ? "" : failure->code->code), LOG_S("platform_code", failure->platform_code),
        LOG_S("detail", failure->detail), LOG_N("attempts", entry->attempts));
}

void pipeline_forget(struct pipeline *pipeline, struct entry *entry)
{
    if (entry->row_id != 0 && entry->keep_done) {
        pipeline_set_state(pipeline, entry, COMMAND_DONE);
    } else if (entry->row_id != 0) {
        outbox_stage_delete(pipeline->options.outbox, entry->row_id);
    }
    if (entry->abandoned > 0) {
        entry->forgotten = true;
        return;
    }
    pipeline_remove(pipeline, entry);
}

void pipeline_stage_replies(struct pipeline *pipeline, struct entry *entry)
{
    entry_prepare_outgoing(entry);
    pipeline->replies_due += entry->replies_due;
    entry->next_ready = NULL;
    *pipeline->replied_end = entry;
    pipeline->replied_end = &entry->next_ready;
}

void pipeline_set_reply(struct pipeline *pipeline, struct entry *entry, char *reply, char *progress)
{
    reply_record_build(entry->command, reply, progress, &entry->record);
    entry->state = COMMAND_REPLIED;
    pipeline_unwatch(pipeline, entry);
    if (entry->recent != NULL) {
        recent_ended(pipeline->recent, entry->recent, entry->record.reply);
        entry->recent = NULL;
    }
    if (entry->row_id != 0) {
        AUTO_FREE char *record = reply_record_encode(&entry->record);
        outbox_stage_reply(pipeline->options.outbox, entry->row_id, record);
    }
    pipeline_stage_replies(pipeline, entry);
}

static void answer_twins(struct pipeline *pipeline, struct entry *first)
{
    while (first->duplicates != NULL) {
        struct entry *duplicate = first->duplicates;
        first->duplicates = duplicate->next_duplicate;
        pipeline_set_reply(pipeline, duplicate, reply_duplicate(first->record.reply), NULL);
    }
}

// `accepted` with `final: false` for the ack topic, where that is another than the result's.
static char *make_progress(const struct entry *entry, const struct call_outcome *outcome,
                           const struct reply_facts *facts)
{
    bool taken = outcome->status == STATUS_ACCEPTED || (outcome->has_result && outcome->status != STATUS_REJECTED);
    return taken && entry->command->ack_topic != NULL ? reply_progress(entry->command, STATUS_ACCEPTED, outcome, facts)
                                                      : NULL;
}

static void end_with(struct pipeline *pipeline, struct entry *entry, const struct call_outcome *outcomes, size_t count,
                     const struct moment *now)
{
    struct reply_facts facts = entry_facts(entry, now);
    enum status status = reply_status(outcomes, count);
    count_status(status);
    log_end(entry, status, &outcomes[0].failure);
    pipeline_set_reply(pipeline, entry, reply_final(entry->command, outcomes, count, &facts),
                       make_progress(entry, &outcomes[0], &facts));
    if (entry->scheduled) {
        entry->scheduled = false;
        schedule_leave(pipeline->schedule, (uint64_t)(uintptr_t)entry);
    }
    answer_twins(pipeline, entry);
}

static void end_by_calls(struct pipeline *pipeline, struct entry *entry, const struct moment *now)
{
    size_t count = entry->command->call_count;
    struct call_outcome *outcomes = mem_alloc(count * sizeof *outcomes);
    for (size_t i = 0; i < count; i++) {
        outcomes[i] = entry->calls[i].outcome;
    }
    end_with(pipeline, entry, outcomes, count, now);
    free(outcomes);
}

// Once an attempt may have run, only an answer that tells of the device itself can end the call as anything but
// `unknown`.
static bool tells_of_device(const struct call_outcome *outcome)
{
    return outcome->status == STATUS_OK || outcome->status == STATUS_ACCEPTED || outcome->status == STATUS_UNKNOWN ||
           (outcome->status == STATUS_FAILED && outcome->failure.code->source == SOURCE_DEVICE && outcome->has_result);
}

void pipeline_end_call(struct pipeline *pipeline, struct entry *entry, size_t call, const struct call_outcome *outcome,
                       const struct moment *now)
{
    struct entry_call *mine = &entry->calls[call];
    mine->outcome = *outcome;
    if (mine->may_have_run && !tells_of_device(outcome)) {
        mine->outcome.status = STATUS_UNKNOWN;
    }
    entry->calls_done++;
    pipeline_set_call_state(pipeline, entry, call, COMMAND_DONE);
    if (entry->calls_done == entry->command->call_count) {
        end_by_calls(pipeline, entry, now);
    }
}

// Of the last attempt, if there was one: it says more than that no further one was made.
static void end_waiting_call(struct pipeline *pipeline, struct entry *entry, size_t call, enum status status,
                             const struct failure *failure, const struct moment *now)
{
    const struct failure *last = &entry->calls[call].last;
    struct call_outcome outcome = {.status = status, .failure = last->code != NULL ? *last : *failure};
    pipeline_end_call(pipeline, entry, call, &outcome, now);
}

void pipeline_expire(struct pipeline *pipeline, struct entry *entry, const struct moment *now)
{
    for (size_t i = 0; i < entry->command->call_count && entry->record.reply == NULL; i++) {
        struct failure failure;
        if (entry->calls[i].state == COMMAND_QUEUED) {
            pipeline_describe_late(pipeline, entry, i, now, &failure);
            end_waiting_call(pipeline, entry, i, STATUS_EXPIRED, &failure, now);
        }
    }
}

void pipeline_supersede(struct pipeline *pipeline, struct entry *entry, const struct moment *now)
{
    struct failure failure;
    failure_set(&failure, "superseded", "a newer command of the rule for the same target came before it could be sent");
    for (size_t i = 0; i < entry->command->call_count && entry->record.reply == NULL; i++) {
        if (entry->calls[i].state == COMMAND_QUEUED) {
            end_waiting_call(pipeline, entry, i, STATUS_SUPERSEDED, &failure, now);
        }
    }
}

void pipeline_end_homeless(struct pipeline *pipeline, struct entry *entry, const struct moment *now)
{
    const char *platform = entry->command->platform;
    for (size_t i = 0; i < entry->command->call_count && entry->record.reply == NULL; i++) {
        const struct entry_call *call = &entry->calls[i];
        struct call_outcome outcome = {.status = STATUS_REJECTED};
        failure_set(&outcome.failure, "platform_unknown", "%s, and the configuration has no platform %.128s any more",
                    call->may_have_run ? "it was sent before, what came of it is not known" : "nothing was sent",
                    platform == NULL ? "" : platform);
        if (call->state == COMMAND_QUEUED) {
            pipeline_end_call(pipeline, entry, i, &outcome, now);
        }
    }
}

static void end_rejected(struct pipeline *pipeline, struct entry *entry, const struct failure *failure,
                         const struct moment *now)
{
    struct call_outcome outcome = {.status = STATUS_REJECTED, .failure = *failure};
    end_with(pipeline, entry, &outcome, 1, now);
}

void pipeline_reject(struct pipeline *pipeline, struct entry *entry, const char *code, const char *detail,
                     const struct moment *now)
{
    struct failure failure;
    failure_set(&failure, code, "%s", detail);
    end_rejected(pipeline, entry, &failure, now);
}

void pipeline_end_refused(struct pipeline *pipeline, struct entry *entry, const struct moment *now)
{
    end_rejected(pipeline, entry, &entry->command->refusal, now);
}

void pipeline_reply_done(void *context, struct outgoing *outgoing)
{
    struct pipeline *pipeline = context;
    struct entry *entry = outgoing->owner;
    if (pipeline_is_notice(outgoing)) {
        pipeline_notice_done(outgoing);
        return;
    }
    pipeline->replies_due--;
    if (--entry->replies_due == 0) {
        pipeline_forget(pipeline, entry);
    }
}
