// The command is made from its row and calls as the next start of the service would make it. An end is what that start
// finds: the row REPLIED, with a record whose reply it publishes.
#include "app/service/entry/offline_drop.h"

#include <stdlib.h>

#include "app/service/entry/drop.h"
#include "base/crypto.h"
#include "base/mem.h"

// With the calls.
static enum err load(struct outbox *outbox, int64_t row_id, struct outbox_row *row, struct entry **entry,
                     struct diag *report)
{
    enum err err = drop_load(outbox, row_id, row, entry, report);
    bool has_calls = err == ERR_OK && *entry != NULL && (*entry)->state == COMMAND_SENT;
    return has_calls ? entry_load_calls(*entry, outbox, report) : err;
}

static enum err refuse_decided(const struct entry *entry, struct diag *report)
{
    long long id = (long long)entry->row_id;
    const struct error_code *refusal = entry->command->refusal.code;
    if (command_state_restart(entry->state, entry->command->idempotent) == RESTART_PUBLISHES) {
        return diag_set(report, ERR_REFUSED,
                        "command %lld has its reply already; the next start of the service publishes it", id);
    }
    if (refusal != NULL) {
        return diag_set(report, ERR_REFUSED,
                        "command %lld was refused on arrival (%s); the next start of the service tells its sender", id,
                        refusal->code);
    }
    return ERR_OK;
}

// ---- drop

// A service that was killed before it looked at the command has left no key of it: its duplicates would run.
static enum err stage_key(struct outbox *outbox, const struct outbox_row *row, const struct command *command,
                          const struct moment *now, int64_t window_ms, struct diag *report)
{
    unsigned char key[CRYPTO_SHA256_LEN];
    unsigned char hash[CRYPTO_SHA256_LEN];
    struct outbox_original original = {0};
    if (!command->id_given || row->state != COMMAND_QUEUED) {
        return ERR_OK;
    }
    command_key(command, key);
    message_hash_payload(&row->message, hash);
    enum err err = outbox_find_original(outbox, row->id, key, hash, now, window_ms, &original, report);
    free(original.reply);
    if (err == ERR_OK && !original.found) {
        outbox_stage_key(outbox, row->id, key, hash);
    }
    return err;
}

// An idempotent command that was sent again after a crash has calls that wait and may have run all the same: its row
// shows that.
static void end_call(struct entry *entry, size_t at)
{
    struct entry_call *call = &entry->calls[at];
    call->may_have_run = call->may_have_run || (entry->command->idempotent && entry->state == COMMAND_SENT);
    if (call->state == COMMAND_DONE) {
        entry->attempts++;
        return;
    }
    entry->attempts += command_state_may_have_run(call->state, call->may_have_run) ? 1 : 0;
    drop_outcome(call, &entry->outcomes[at]);
}

static void stage_end(struct outbox *outbox, struct entry *entry, const struct moment *now, struct diag *report)
{
    entry->attempts = 0; // counted anew, one for each call that has left
    size_t count = entry->command->call_count;
    for (size_t i = 0; i < count; i++) {
        end_call(entry, i);
    }
    struct reply_facts facts = entry_facts(entry, now);
    reply_record_build(entry->command, reply_final(entry->command, entry->outcomes, count, &facts), NULL,
                       &entry->record);
    AUTO_FREE char *record = reply_record_encode(&entry->record);
    outbox_stage_reply(outbox, entry->row_id, record);
    diag_set(report, ERR_OK, "command %lld is dropped; the next start of the service tells its sender `%s`",
             (long long)entry->row_id, status_name(reply_status(entry->outcomes, count)));
}

static enum err stage_drop(struct outbox *outbox, const struct outbox_row *row, struct entry *entry_or_null,
                           const struct moment *now, int64_t window_ms, struct diag *report)
{
    if (entry_or_null == NULL) {
        drop_unreadable(outbox, row->id, report);
        return ERR_OK;
    }
    enum err err = refuse_decided(entry_or_null, report);
    err = err == ERR_OK ? stage_key(outbox, row, entry_or_null->command, now, window_ms, report) : err;
    if (err == ERR_OK) {
        stage_end(outbox, entry_or_null, now, report);
    }
    return err;
}

enum err offline_drop(struct outbox *outbox, int64_t row_id, const struct moment *now, int64_t window_ms,
                      struct diag *report)
{
    struct outbox_row row = {0};
    struct entry *entry = NULL;
    struct diag diag;
    enum err err = load(outbox, row_id, &row, &entry, report);
    if (err == ERR_OK) {
        err = stage_drop(outbox, &row, entry, now, window_ms, report);
    }
    if (err == ERR_OK) {
        err = outbox_commit(outbox, &diag);
        *report = err == ERR_OK ? *report : diag;
    }
    outbox_row_clear(&row);
    entry_free(entry);
    return err;
}

// ---- retry

static enum err describe_retry(const struct entry *entry, const struct moment *now, struct diag *report)
{
    long long id = (long long)entry->row_id;
    enum err err = refuse_decided(entry, report);
    if (err != ERR_OK) {
        return err;
    }
    if (command_state_restart(entry->state, entry->command->idempotent) == RESTART_ENDS_UNKNOWN) {
        return diag_set(report, ERR_REFUSED,
                        "command %lld is not tried again: a request left before the service stopped, and the next"
                        " start tells its sender `unknown`",
                        id);
    }
    int64_t left_ms = entry_deadline_ms(entry, now) - now->boot_ms;
    if (left_ms <= 0) {
        return diag_set(report, ERR_REFUSED, "command %lld is not tried: its deadline has passed", id);
    }
    return diag_set(report, ERR_OK,
                    "the service does not run; command %lld is tried when it starts, if that is within %lld s", id,
                    (long long)(left_ms / 1000));
}

enum err offline_retry(struct outbox *outbox, int64_t row_id, const struct moment *now, struct diag *report)
{
    struct outbox_row row = {0};
    struct entry *entry = NULL;
    enum err err = load(outbox, row_id, &row, &entry, report);
    if (err == ERR_OK && entry == NULL) {
        err = diag_set(report, ERR_REFUSED, "command %lld cannot be tried: what it was mapped to cannot be read",
                       (long long)row_id);
    } else if (err == ERR_OK) {
        err = describe_retry(entry, now, report);
    }
    outbox_row_clear(&row);
    entry_free(entry);
    return err;
}
