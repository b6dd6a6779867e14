#include "app/service/drop.h"

#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/mem.h"
#include "core/command/command.h"

void drop_outcome(bool may_have_run, struct call_outcome *outcome)
{
    *outcome = (struct call_outcome){.status = may_have_run ? STATUS_UNKNOWN : STATUS_REJECTED};
    failure_set(&outcome->failure, "dropped_by_operator",
                may_have_run ? "an operator dropped it after a request had left: it may or may not have run"
                             : "an operator dropped it before it was sent");
}

static void delete_unreadable(struct outbox *outbox, int64_t id, struct diag *told)
{
    outbox_stage_delete(outbox, id);
    diag_set(told, ERR_OK, "command %lld is gone; what it was mapped to cannot be read, so nobody could be told",
             (long long)id);
}

bool drop_unreadable(struct outbox *outbox, const struct outbox_row *row, struct diag *told)
{
    AUTO_COMMAND struct command *command = NULL;
    struct diag reason;
    if (row->command_text != NULL && command_decode(row->command_text, &command, &reason) == ERR_OK) {
        return false;
    }
    delete_unreadable(outbox, row->id, told);
    return true;
}

// ---- a command as it is stored

struct stored_command {
    struct outbox_row row;
    struct command *command; // NULL: cannot be read
    struct outbox_call *calls;
    size_t call_count;
};

static void stored_clear(struct stored_command *stored)
{
    outbox_row_clear(&stored->row);
    command_free(stored->command);
    outbox_calls_free(stored->calls, stored->call_count);
}

static enum err stored_load(struct outbox *outbox, int64_t id, struct stored_command *stored, struct diag *told)
{
    size_t count = 0;
    struct diag reason;
    enum err err = outbox_load(outbox, id - 1, &stored->row, 1, &count, told);
    if (err == ERR_OK && (count == 0 || stored->row.id != id)) {
        err = diag_set(told, ERR_MISSING, "command %lld has ended already", (long long)id);
    }
    if (err == ERR_OK) {
        err = outbox_load_calls(outbox, id, &stored->calls, &stored->call_count, told);
    }
    if (err == ERR_OK && stored->row.command_text != NULL &&
        command_decode(stored->row.command_text, &stored->command, &reason) != ERR_OK) {
        stored->command = NULL;
    }
    return err;
}

static const struct outbox_call *find_call(const struct stored_command *stored, size_t call)
{
    for (size_t i = 0; i < stored->call_count; i++) {
        if (stored->calls[i].call == (int)call) {
            return &stored->calls[i];
        }
    }
    return NULL;
}

// A command of one call has no call rows: its own state is the call's. An idempotent one that was sent again after a
// crash has calls that wait and may have run all the same, and its row tells so.
static bool may_have_run(const struct stored_command *stored, const struct outbox_call *call_or_null)
{
    bool sent = stored->row.state == COMMAND_SENT;
    if (stored->command->call_count < 2 || stored->command->idempotent) {
        return sent;
    }
    return sent && call_or_null != NULL && call_or_null->state != COMMAND_QUEUED;
}

static void end_call(const struct stored_command *stored, size_t call, struct call_outcome *outcome)
{
    const struct outbox_call *found = find_call(stored, call);
    if (found == NULL || found->state != COMMAND_DONE || found->note == NULL ||
        call_outcome_decode(found->note, outcome) != ERR_OK) {
        drop_outcome(may_have_run(stored, found), outcome);
    }
}

static int count_attempts(const struct stored_command *stored)
{
    int attempts = 0;
    for (size_t i = 0; i < stored->command->call_count; i++) {
        const struct outbox_call *found = find_call(stored, i);
        bool done = found != NULL && found->state == COMMAND_DONE;
        attempts += done || may_have_run(stored, found) ? 1 : 0;
    }
    return attempts;
}

// ---- drop

static char *make_record(const struct stored_command *stored, const struct call_outcome *outcomes,
                         const struct moment *now)
{
    int64_t elapsed = clock_elapsed_ms(&stored->row.arrived, now);
    struct reply_facts facts = {
        .wall_ms = now->wall_ms, .duration_ms = elapsed < 0 ? 0 : elapsed, .attempts = count_attempts(stored)};
    struct reply_record record = {0};
    reply_record_build(stored->command, reply_final(stored->command, outcomes, stored->command->call_count, &facts),
                       NULL, &record);
    char *text = reply_record_encode(&record);
    reply_record_clear(&record);
    return text;
}

// A service that was killed before it looked at the command has left no key of it: its duplicates would run.
static enum err stage_key(struct outbox *outbox, const struct stored_command *stored, const struct moment *now,
                          int64_t window_ms, struct diag *told)
{
    unsigned char key[CRYPTO_SHA256_LEN];
    unsigned char hash[CRYPTO_SHA256_LEN];
    struct outbox_original original = {0};
    if (!stored->command->id_given || stored->row.state != COMMAND_QUEUED) {
        return ERR_OK;
    }
    command_key(stored->command, key);
    message_hash_payload(&stored->row.message, hash);
    enum err err = outbox_find_original(outbox, stored->row.id, key, hash, now, window_ms, &original, told);
    free(original.reply);
    if (err == ERR_OK && !original.found) {
        outbox_stage_key(outbox, stored->row.id, key, hash);
    }
    return err;
}

static void stage_end(struct outbox *outbox, const struct stored_command *stored, const struct moment *now,
                      struct diag *told)
{
    size_t count = stored->command->call_count;
    struct call_outcome *outcomes = mem_alloc(count * sizeof *outcomes);
    for (size_t i = 0; i < count; i++) {
        end_call(stored, i, &outcomes[i]);
    }
    AUTO_FREE char *record = make_record(stored, outcomes, now);
    outbox_stage_reply(outbox, stored->row.id, record);
    diag_set(told, ERR_OK, "command %lld is dropped; the next start of the service tells its sender `%s`",
             (long long)stored->row.id, status_name(reply_status(outcomes, count)));
    for (size_t i = 0; i < count; i++) {
        call_outcome_clear(&outcomes[i]);
    }
    free(outcomes);
}

static enum err refuse_decided(const struct stored_command *stored, struct diag *told)
{
    long long id = (long long)stored->row.id;
    if (stored->row.state == COMMAND_REPLIED) {
        return diag_set(told, ERR_REFUSED,
                        "command %lld has its reply already; the next start of the service publishes it", id);
    }
    if (stored->command->refusal.code != NULL) {
        return diag_set(told, ERR_REFUSED,
                        "command %lld was refused on arrival (%s); the next start of the service tells its sender", id,
                        stored->command->refusal.code->code);
    }
    return ERR_OK;
}

static enum err stage_drop(struct outbox *outbox, const struct stored_command *stored, const struct moment *now,
                           int64_t window_ms, struct diag *told)
{
    if (stored->command == NULL) {
        delete_unreadable(outbox, stored->row.id, told);
        return ERR_OK;
    }
    enum err err = refuse_decided(stored, told);
    err = err == ERR_OK ? stage_key(outbox, stored, now, window_ms, told) : err;
    if (err == ERR_OK) {
        stage_end(outbox, stored, now, told);
    }
    return err;
}

static enum err drop_loaded(struct outbox *outbox, const struct stored_command *stored, const struct moment *now,
                            int64_t window_ms, struct diag *told)
{
    struct diag diag;
    enum err err = stage_drop(outbox, stored, now, window_ms, told);
    if (err != ERR_OK) {
        return err;
    }
    err = outbox_commit(outbox, &diag);
    *told = err == ERR_OK ? *told : diag;
    return err;
}

enum err drop_stored(struct outbox *outbox, int64_t id, const struct moment *now, int64_t window_ms, struct diag *told)
{
    struct stored_command stored = {0};
    enum err err = stored_load(outbox, id, &stored, told);
    if (err == ERR_OK) {
        err = drop_loaded(outbox, &stored, now, window_ms, told);
    }
    stored_clear(&stored);
    return err;
}

// ---- retry

static enum err tell_retry(const struct stored_command *stored, const struct moment *now, struct diag *told)
{
    long long id = (long long)stored->row.id;
    if (stored->command == NULL) {
        return diag_set(told, ERR_REFUSED, "command %lld cannot be tried: what it was mapped to cannot be read", id);
    }
    enum err err = refuse_decided(stored, told);
    if (err != ERR_OK) {
        return err;
    }
    if (stored->row.state == COMMAND_SENT && !stored->command->idempotent) {
        return diag_set(told, ERR_REFUSED,
                        "command %lld is not tried again: a request left before the service stopped, and the next"
                        " start tells its sender `unknown`",
                        id);
    }
    int64_t elapsed = clock_elapsed_ms(&stored->row.arrived, now);
    if (elapsed < 0 || elapsed >= stored->command->lifetime_ms) {
        return diag_set(told, ERR_REFUSED, "command %lld is not tried: its deadline has passed", id);
    }
    return diag_set(told, ERR_OK,
                    "the service does not run; command %lld is tried when it starts, if that is within %lld s", id,
                    (long long)((stored->command->lifetime_ms - elapsed) / 1000));
}

enum err drop_retry_stored(struct outbox *outbox, int64_t id, const struct moment *now, struct diag *told)
{
    struct stored_command stored = {0};
    enum err err = stored_load(outbox, id, &stored, told);
    if (err == ERR_OK) {
        err = tell_retry(&stored, now, told);
    }
    stored_clear(&stored);
    return err;
}
