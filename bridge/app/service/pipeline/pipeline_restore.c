// Takes up at start what the outbox holds.
#include "app/service/pipeline/pipeline_internal.h"

#include <stdlib.h>

#include "base/crypto.h"
#include "base/log.h"
#include "base/mem.h"

#define LOAD_ROWS 100

// A call that had left when the process ended may have run. The row stays SENT: that an attempt has left remains true.
static void settle_interrupted(struct pipeline *pipeline, struct entry *entry, const struct moment *now)
{
    struct call_outcome outcome = {.status = STATUS_UNKNOWN};
    failure_set(&outcome.failure, "interrupted",
                "the bridge was stopped after the request left and before its answer came");
    for (size_t i = 0; i < entry->command->call_count && entry->record.reply == NULL; i++) {
        struct entry_call *call = &entry->calls[i];
        entry->attempts += call->state == COMMAND_SENT && !call->may_have_run ? 1 : 0; // else it may wait as well
        switch (command_state_restart(call->state, entry->command->idempotent)) {
        case RESTART_REPEATS:
            call->may_have_run = true;
            pipeline_set_call_state(pipeline, entry, i, COMMAND_QUEUED);
            break;
        case RESTART_ENDS_UNKNOWN:
            pipeline_end_call(pipeline, entry, i, &outcome, now);
            break;
        case RESTART_GOES_ON:
        case RESTART_PUBLISHES:
        case RESTART_KEEPS:
            break;
        }
    }
    if (entry->record.reply == NULL) {
        pipeline_admit(pipeline, entry, now);
    }
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

static void count_waiting(struct pipeline *pipeline, const struct outbox_row *row, struct entry *entry)
{
    if (row->refusal == NULL) {
        struct waiting_command counted = waiting_weigh(&row->message, entry->command, row->command_text);
        waiting_restore(pipeline->options.waiting, &counted);
        entry->weight = counted.bytes;
    }
}

static void take_queued(struct pipeline *pipeline, const struct outbox_row *row, struct entry *entry,
                        const struct moment *now)
{
    unsigned char hash[CRYPTO_SHA256_LEN];
    message_hash_payload(&row->message, hash);
    pipeline_take(pipeline, entry, hash, now);
}

static enum err restore_entry(struct pipeline *pipeline, const struct outbox_row *row, struct entry *entry,
                              const struct moment *now, struct diag *diag)
{
    if (entry->state == COMMAND_QUEUED) {
        take_queued(pipeline, row, entry, now);
        return ERR_OK;
    }
    entry->keep_done = entry_is_remembered(entry) || pipeline_may_be_redelivered(pipeline, entry);
    entry_list_add(&pipeline->entries, entry);
    if (entry->state == COMMAND_REPLIED) {
        restore_replied(pipeline, entry, row->reply);
        return ERR_OK;
    }
    enum err err = entry_load_calls(entry, pipeline->options.outbox, diag);
    if (err == ERR_OK) {
        settle_interrupted(pipeline, entry, now);
    }
    return err;
}

static enum err restore_row(struct pipeline *pipeline, const struct outbox_row *row, const struct moment *now,
                            struct diag *diag)
{
    struct entry *entry = NULL;
    struct diag reason;
    if (entry_create_stored(row, &entry, &reason) != ERR_OK) {
        LOG(LOG_ERROR, "outbox_plan_unreadable", LOG_N("row", row->id), LOG_S("topic", row->message.topic),
            LOG_S("error", reason.text));
        return ERR_OK;
    }
    count_waiting(pipeline, row, entry);
    return restore_entry(pipeline, row, entry, now, diag);
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
