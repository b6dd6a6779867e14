// How calls and commands end: the outcome, the reply, and its publication. A call ends with an outcome; the last one of
// a command makes its reply, which is staged as REPLIED and answers the duplicates that wait for it. The reply leaves
// after the commit (pipeline_send.c); when the broker has acknowledged all copies the command is forgotten: its row
// turns DONE or goes, and its room is free. A command whose request is still under way then (an operator dropped it)
// stays in memory until that ends.
#include "app/service/pipeline/pipeline_internal.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "core/command/reply.h"

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

static void release_room(struct pipeline *pipeline, const struct entry *entry)
{
    struct waiting_command counted = {
        .rule = entry->command->rule, .in_memory = entry->row_id == 0, .bytes = entry->weight};
    if (entry->weight > 0) {
        waiting_leave(pipeline->options.waiting, &counted);
    } else if (entry->row_id == 0) {
        waiting_leave_refusal(pipeline->options.waiting);
    }
}

static void remove_entry(struct pipeline *pipeline, struct entry *entry)
{
    entry_list_remove(&pipeline->entries, entry);
    release_room(pipeline, entry);
    entry_free(entry);
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
    remove_entry(pipeline, entry);
}

void pipeline_stage_replies(struct pipeline *pipeline, struct entry *entry)
{
    entry_prepare_outgoing(entry);
    pipeline->replies_due += entry->replies_due;
    STAILQ_INSERT_TAIL(&pipeline->replied, entry, in_replied);
}

void pipeline_set_reply(struct pipeline *pipeline, struct entry *entry, char *reply, char *progress)
{
    reply_record_build(entry->command, reply, progress, &entry->record);
    pipeline_set_state(pipeline, entry, COMMAND_REPLIED);
    pipeline_unwatch(entry);
    if (entry->recent != NULL) {
        recent_ended(pipeline->recent, entry->recent, entry->record.reply);
        entry->recent = NULL;
    }
    pipeline_stage_replies(pipeline, entry);
}

static void answer_duplicates(struct pipeline *pipeline, struct entry *entry)
{
    while (!LIST_EMPTY(&entry->duplicates)) {
        struct entry *duplicate = LIST_FIRST(&entry->duplicates);
        LIST_REMOVE(duplicate, in_duplicates);
        duplicate->original = NULL;
        pipeline_set_reply(pipeline, duplicate, reply_duplicate(entry->record.reply), NULL);
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
        schedule_leave(pipeline->schedule, entry->id);
    }
    answer_duplicates(pipeline, entry);
}

// Once an attempt may have run, only an answer about the device itself can end the call as anything but
// `unknown`.
static bool is_about_device(const struct call_outcome *outcome)
{
    return outcome->status == STATUS_OK || outcome->status == STATUS_ACCEPTED || outcome->status == STATUS_UNKNOWN ||
           (outcome->status == STATUS_FAILED && outcome->failure.code->source == SOURCE_DEVICE && outcome->has_result);
}

void pipeline_end_call(struct pipeline *pipeline, struct entry *entry, size_t call, const struct call_outcome *outcome,
                       const struct moment *now)
{
    entry->outcomes[call] = *outcome;
    if (entry->calls[call].may_have_run && !is_about_device(outcome)) {
        entry->outcomes[call].status = STATUS_UNKNOWN;
    }
    entry->calls_done++;
    pipeline_set_call_state(pipeline, entry, call, COMMAND_DONE);
    if (entry->calls_done == entry->command->call_count) {
        end_with(pipeline, entry, entry->outcomes, entry->calls_done, now);
    }
}

void pipeline_end_waiting(struct pipeline *pipeline, struct entry *entry, enum status status, const struct moment *now)
{
    for (size_t i = 0; i < entry->command->call_count && entry->record.reply == NULL; i++) {
        // The last attempt, if there was one, says more than that no further one was made.
        struct call_outcome outcome = {.status = status, .failure = entry->calls[i].last};
        if (entry->calls[i].state != COMMAND_QUEUED) {
            continue;
        }
        if (outcome.failure.code == NULL && status == STATUS_SUPERSEDED) {
            failure_set(&outcome.failure, "superseded",
                        "a newer command of the rule for the same target came before it could be sent");
        } else if (outcome.failure.code == NULL) {
            pipeline_describe_late(pipeline, entry, i, now, &outcome.failure);
        }
        pipeline_end_call(pipeline, entry, i, &outcome, now);
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

void pipeline_end_rejected(struct pipeline *pipeline, struct entry *entry, const struct failure *failure,
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
    pipeline_end_rejected(pipeline, entry, &failure, now);
}

void pipeline_end_abandoned(struct pipeline *pipeline, struct entry *entry, size_t scheduled_call)
{
    schedule_call_done(pipeline->schedule, entry->id, scheduled_call);
    if (--entry->abandoned > 0) {
        return;
    }
    schedule_leave(pipeline->schedule, entry->id);
    if (entry->forgotten) {
        remove_entry(pipeline, entry);
    }
}

void pipeline_reply_done(void *context, struct outgoing *outgoing)
{
    struct pipeline *pipeline = context;
    struct entry *entry = outgoing->owner;
    if (pipeline_end_notice(outgoing)) {
        return;
    }
    pipeline->replies_due--;
    if (--entry->replies_due == 0) {
        pipeline_forget(pipeline, entry);
    }
}
