// Takes up at start what the outbox holds.
#include "app/service/pipeline_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"

#define LOAD_ROWS 100

// A note tells the attempts of the whole command at its time: the latest has the most.
static void restore_note(struct entry *entry, size_t call, const char *text)
{
    struct retry_note note;
    if (retry_note_decode(text, &note) == ERR_OK) {
        entry->attempts = note.attempts > entry->attempts ? note.attempts : entry->attempts;
        entry->calls[call].last = note.failure;
        entry->calls[call].may_have_run = note.may_have_run;
    }
}

static void restore_call(struct entry *entry, const struct outbox_call *stored)
{
    struct entry_call *call = &entry->calls[stored->call];
    // A command of one call has its state itself.
    call->state = entry->command->call_count == 1 ? entry->state : stored->state;
    if (call->state != COMMAND_DONE) {
        if (stored->note != NULL) {
            restore_note(entry, (size_t)stored->call, stored->note);
        }
        return;
    }
    if (stored->note != NULL && call_outcome_decode(stored->note, &call->outcome) == ERR_OK) {
        entry->calls_done++;
    } else {
        call->state = COMMAND_SENT; // its outcome cannot be read: it may have run
    }
}

static enum err restore_calls(struct pipeline *pipeline, struct entry *entry, struct diag *diag)
{
    struct outbox_call *calls = NULL;
    size_t count = 0;
    enum err err = outbox_load_calls(pipeline->options.outbox, entry->row_id, &calls, &count, diag);
    entry->calls[0].state = entry->command->call_count == 1 ? entry->state : COMMAND_QUEUED;
    for (size_t i = 0; err == ERR_OK && i < count; i++) {
        if (calls[i].call >= 0 && (size_t)calls[i].call < entry->command->call_count) {
            restore_call(entry, &calls[i]);
        }
    }
    outbox_calls_free(calls, count);
    return err;
}

// A call that had left when the process ended may have run. The row stays SENT: that an attempt has left remains true.
static void settle_interrupted(struct pipeline *pipeline, struct entry *entry, const struct moment *now)
{
    struct call_outcome outcome = {.status = STATUS_UNKNOWN};
    failure_set(&outcome.failure, "interrupted",
                "the bridge was stopped after the request left and before its answer came");
    for (size_t i = 0; i < entry->command->call_count && entry->record.reply == NULL; i++) {
        if (entry->calls[i].state != COMMAND_SENT) {
            continue;
        }
        entry->attempts += entry->calls[i].may_have_run ? 0 : 1; // else it may wait as well
        if (entry->command->idempotent) {
            entry->calls[i].may_have_run = true;
            pipeline_set_call_state(pipeline, entry, i, COMMAND_QUEUED);
        } else {
            pipeline_end_call(pipeline, entry, i, &outcome, now);
        }
    }
    if (entry->record.reply == NULL) {
        pipeline_admit(pipeline, entry, now);
    }
}

static enum err restore_sent(struct pipeline *pipeline, struct entry *entry, const struct moment *now,
                             struct diag *diag)
{
    enum err err = restore_calls(pipeline, entry, diag);
    if (err == ERR_OK) {
        settle_interrupted(pipeline, entry, now);
    }
    return err;
}

static void restore_replied(struct pipeline *pipeline, struct entry *entry, const char *reply)
{
    if (reply == NULL || reply_record_decode(reply, &entry->record) != ERR_OK) {
        LOG(LOG_ERROR, "outbox_reply_unreadable", LOG_N("row", entry->row_id), LOG_S("id", entry->command->id));
        pipeline_forget(pipeline, entry);
        return;
    }
    pipeline_stage_replies(pipeline, entry);
}

static int64_t count_waiting(struct pipeline *pipeline, const struct outbox_row *row, const struct command *command)
{
    struct waiting_command counted = waiting_weigh(&row->message, command, row->command_text);
    waiting_restore(pipeline->options.waiting, &counted);
    return counted.bytes;
}

static enum err restore_row(struct pipeline *pipeline, struct outbox_row *row, const struct moment *now,
                            struct diag *diag)
{
    struct arrival arrival = {.row_id = row->id, .arrived = row->arrived};
    message_hash_payload(&row->message, arrival.hash);
    struct diag reason = {0};
    if (row->command_text == NULL || command_decode(row->command_text, &arrival.command, &reason) != ERR_OK) {
        LOG(LOG_ERROR, "outbox_plan_unreadable", LOG_N("row", row->id), LOG_S("topic", row->message.topic),
            LOG_S("error", reason.text));
        return ERR_OK;
    }
    arrival.weight = row->refusal == NULL ? count_waiting(pipeline, row, arrival.command) : 0;
    if (row->state == COMMAND_QUEUED) {
        struct entry *entry = entry_create(&arrival);
        if (row->note != NULL) {
            restore_note(entry, 0, row->note);
        }
        pipeline_take(pipeline, entry, arrival.hash, now);
        return ERR_OK;
    }
    struct entry *entry = entry_create(&arrival);
    entry->state = row->state;
    entry->keep_done = entry_is_remembered(entry) || pipeline_may_be_redelivered(pipeline, entry);
    pipeline_add(pipeline, entry);
    if (row->state == COMMAND_SENT) {
        return restore_sent(pipeline, entry, now, diag);
    }
    restore_replied(pipeline, entry, row->reply);
    return ERR_OK;
}

enum err pipeline_restore(struct pipeline *pipeline, const struct moment *now, struct diag *diag)
{
    struct outbox_row *rows = mem_alloc(LOAD_ROWS * sizeof *rows);
    pipeline_forget_platforms(pipeline);
    int64_t after = 0;
    size_t count = LOAD_ROWS;
    size_t total = 0;
    enum err err = ERR_OK;
    while (err == ERR_OK && count == LOAD_ROWS) {
        err = outbox_load(pipeline->options.outbox, after, rows, LOAD_ROWS, &count, diag);
        count = err == ERR_OK ? count : 0;
        for (size_t i = 0; i < count; i++) {
            after = rows[i].id;
            err = err == ERR_OK ? restore_row(pipeline, &rows[i], now, diag) : err;
            outbox_row_clear(&rows[i]);
        }
        total += count;
    }
    free(rows);
    if (total > 0) {
        LOG(LOG_INFO, "outbox_restored", LOG_N("commands", total), LOG_N("replies_due", pipeline->replies_due));
    }
    return err;
}
