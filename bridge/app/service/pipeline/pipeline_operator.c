// What an operator does to a command while the service runs. What is possible depends on where the command is: waiting
// (it is tried now, or ends), about to leave after this turn's commit (neither), under way (its answer decides, or is
// ignored), replied (only a reply that no connection can have carried is thrown away), or not held at all.
#include "app/service/pipeline/pipeline_internal.h"

#include "app/service/entry/drop.h"
#include "base/log.h"
#include "base/mem.h"

static long long number(const struct entry *entry)
{
    return (long long)entry->row_id;
}

// A row that could not be restored, or a command that this turn has not taken up yet.
static enum err drop_unheld(struct pipeline *pipeline, int64_t row_id, struct diag *report)
{
    struct outbox_row row = {0};
    struct entry *entry = NULL;
    enum err err = drop_load(pipeline->options.outbox, row_id, &row, &entry, report);
    if (err == ERR_OK && entry == NULL) {
        drop_unreadable(pipeline->options.outbox, row_id, report);
    } else if (err == ERR_OK) {
        err = diag_set(report, ERR_REFUSED, "command %lld is only just arriving; try again", (long long)row_id);
    }
    entry_free(entry);
    outbox_row_clear(&row);
    return err;
}

static bool is_held(const struct entry *entry_or_null)
{
    return entry_or_null != NULL && !entry_or_null->forgotten;
}

// ---- retry

static enum err try_now(struct pipeline *pipeline, const struct entry *entry, struct diag *report)
{
    if (entry->original != NULL) {
        return diag_set(report, ERR_REFUSED, "command %lld is a duplicate of command %lld and gets its reply",
                        number(entry), number(entry->original));
    }
    (void)schedule_retry_now(pipeline->schedule, entry->id);
    return diag_set(report, ERR_OK, "command %lld leaves as soon as its turn comes", number(entry));
}

enum err pipeline_retry_now(struct pipeline *pipeline, int64_t row_id, const struct moment *now, struct diag *report)
{
    const struct entry *entry = entry_list_find_row(&pipeline->entries, row_id);
    if (!is_held(entry)) {
        return drop_report_ended(row_id, report);
    }
    if (entry->record.reply != NULL) {
        return diag_set(report, ERR_REFUSED, "command %lld has its reply already, which waits for the broker",
                        number(entry));
    }
    if (attempt_list_count(&pipeline->running, entry) + attempt_list_count(&pipeline->staged, entry) > 0) {
        return diag_set(report, ERR_REFUSED, "command %lld is under way; its answer decides", number(entry));
    }
    if (entry_deadline_ms(entry, now) <= now->boot_ms) {
        return diag_set(report, ERR_REFUSED, "command %lld is not tried: its deadline has passed", number(entry));
    }
    return try_now(pipeline, entry, report);
}

// ---- drop

// A reply whose publication may have begun would come all the same.
static enum err drop_reply(struct pipeline *pipeline, struct entry *entry, struct diag *report)
{
    long long id = number(entry);
    if (broker_replies_up(pipeline->broker)) {
        return diag_set(report, ERR_REFUSED, "command %lld has its reply already, which is on its way to the broker",
                        id);
    }
    if (entry->replies_due == 0 || !broker_withdraw(pipeline->broker, entry, entry->replies_due)) {
        return diag_set(report, ERR_REFUSED, "command %lld has its reply already, which may be at the broker", id);
    }
    LOG(LOG_WARN, "reply_dropped", LOG_N("row", id), LOG_S("id", entry->command->id),
        LOG_S("rule", entry->command->rule));
    pipeline->replies_due -= entry->replies_due;
    entry->replies_due = 0;
    pipeline_forget(pipeline, entry);
    return diag_set(report, ERR_OK,
                    "command %lld had its reply, which could not be delivered for want of a connection to the broker:"
                    " it is thrown away, and its sender is told nothing",
                    id);
}

// Requests that are under way keep the lanes and their places until they end: the next command for the device must not
// overtake them.
static enum status end_calls(struct pipeline *pipeline, struct entry *entry, const struct moment *now)
{
    entry->abandoned = attempt_list_count(&pipeline->running, entry);
    entry->scheduled = entry->scheduled && entry->abandoned == 0;
    for (size_t i = 0; i < entry->command->call_count && entry->record.reply == NULL; i++) {
        const struct entry_call *call = &entry->calls[i];
        struct call_outcome outcome;
        if (call->state != COMMAND_DONE) {
            drop_outcome(call, &outcome);
            pipeline_end_call(pipeline, entry, i, &outcome, now);
        }
    }
    return reply_status(entry->outcomes, entry->command->call_count);
}

// A duplicate ends alone: its original goes on.
static enum status end_duplicate(struct pipeline *pipeline, struct entry *entry, const struct moment *now)
{
    struct call_outcome outcome;
    LIST_REMOVE(entry, in_duplicates);
    entry->original = NULL;
    drop_outcome(&(struct entry_call){.state = COMMAND_QUEUED}, &outcome);
    pipeline_reject(pipeline, entry, outcome.failure.code->code, outcome.failure.detail, now);
    return outcome.status;
}

enum err pipeline_drop(struct pipeline *pipeline, int64_t row_id, const struct moment *now, struct diag *report)
{
    struct entry *entry = entry_list_find_row(&pipeline->entries, row_id);
    if (entry == NULL) {
        return drop_unheld(pipeline, row_id, report);
    }
    if (entry->forgotten) {
        return drop_report_ended(row_id, report);
    }
    if (entry->record.reply != NULL) {
        return drop_reply(pipeline, entry, report);
    }
    if (attempt_list_count(&pipeline->staged, entry) > 0) {
        return diag_set(report, ERR_REFUSED, "command %lld is about to leave; try again", number(entry));
    }
    bool under_way = attempt_list_count(&pipeline->running, entry) > 0;
    enum status status =
        entry->original != NULL ? end_duplicate(pipeline, entry, now) : end_calls(pipeline, entry, now);
    return diag_set(report, ERR_OK, "command %lld is dropped, and its sender is told `%s`%s", number(entry),
                    status_name(status), under_way ? "; a request is under way, and its answer will be ignored" : "");
}
