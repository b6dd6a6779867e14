// The core's changes are a list in memory until the turn's commit. The commit first walks them over the facts in
// memory: one change that is not legal refuses the transaction before it begins. Then they are written in order in one
// transaction, and only after the disk has them are the facts in memory changed the same way.
#include "io/outbox/outbox_internal.h"

#include <string.h>

#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"

static struct change *stage(struct outbox *outbox, enum change_kind kind, int64_t id)
{
    struct staged *staged = &outbox->staged;
    staged->items = mem_grow(staged->items, staged->count, &staged->capacity, sizeof *staged->items);
    struct change *change = &staged->items[staged->count++];
    *change = (struct change){.kind = kind, .id = id};
    return change;
}

void outbox_stage_state(struct outbox *outbox, int64_t id, enum command_state state)
{
    stage(outbox, CHANGE_STATE, id)->state = state;
}

void outbox_stage_reply(struct outbox *outbox, int64_t id, const char *reply)
{
    struct change *change = stage(outbox, CHANGE_REPLY, id);
    change->state = COMMAND_REPLIED;
    change->text = mem_strdup(reply);
}

void outbox_stage_delete(struct outbox *outbox, int64_t id)
{
    stage(outbox, CHANGE_DELETE, id);
}

void outbox_stage_call(struct outbox *outbox, int64_t id, int call, enum command_state state, const char *note)
{
    struct change *change = stage(outbox, CHANGE_CALL, id);
    change->call = call;
    change->state = state;
    change->text = mem_strdup_or_null(note);
}

void outbox_stage_key(struct outbox *outbox, int64_t id, const unsigned char key[32], const unsigned char hash[32])
{
    struct staged *staged = &outbox->staged;
    staged->keys = mem_grow(staged->keys, staged->key_count, &staged->key_capacity, sizeof *staged->keys);
    struct staged_key *entry = &staged->keys[staged->key_count++];
    entry->change = staged->count;
    memcpy(&entry->prefix, key, sizeof entry->prefix);
    struct change *change = stage(outbox, CHANGE_KEY, id);
    memcpy(change->key, key, sizeof change->key);
    memcpy(change->hash, hash, sizeof change->hash);
}

void outbox_stage_note(struct outbox *outbox, const char *name, const char *text_or_null)
{
    struct change *change = stage(outbox, CHANGE_NOTE, 0);
    change->name = mem_strdup(name);
    change->text = mem_strdup_or_null(text_or_null);
}

void outbox_answer_request(struct outbox *outbox, int64_t request, bool done, const char *text)
{
    struct change *change = stage(outbox, CHANGE_ANSWER, 0);
    change->request = request;
    change->done = done;
    change->text = mem_strdup(text);
}

void outbox_stage_proved(struct outbox *outbox, int64_t *slots, size_t count)
{
    struct change *change = stage(outbox, CHANGE_PROVED, 0);
    change->slots = slots;
    change->slot_count = count;
}

bool outbox_has_staged(const struct outbox *outbox)
{
    return outbox->staged.count > 0;
}

static void drop_staged(struct staged *staged)
{
    for (size_t i = 0; i < staged->count; i++) {
        free(staged->items[i].name);
        free(staged->items[i].text);
        free(staged->items[i].slots);
    }
    staged->count = 0;
    staged->key_count = 0;
}

void outbox_staged_free(struct staged *staged)
{
    drop_staged(staged);
    free(staged->items);
    free(staged->keys);
    *staged = (struct staged){0};
}

static enum err refuse(const struct outbox *outbox, const struct change *change, struct diag *diag)
{
    const struct live_row *row = outbox_live_find(&outbox->live, change->id);
    const char *from = row == NULL ? "gone" : command_state_name(row->next.state);
    LOG(LOG_ERROR, "outbox_impossible_change", LOG_N("id", change->id), LOG_S("from", from),
        LOG_N("change", change->kind), LOG_S("to", command_state_name(change->state)));
    return diag_set(diag, ERR_INTERNAL,
                    "outbox %s: an impossible change of command %lld (state %s) was asked for; this is a fault of"
                    " thingbridge: restart it and report it",
                    outbox->path, (long long)change->id, from);
}

// Walks through the changes in memory first: a transaction with a change that is not legal is not even begun.
static enum err check_changes(struct outbox *outbox, struct diag *diag)
{
    for (size_t i = 0; i < outbox->staged.count; i++) {
        struct live_row *row = outbox_live_find(&outbox->live, outbox->staged.items[i].id);
        if (row != NULL) {
            row->next = row->now;
        }
    }
    for (size_t i = 0; i < outbox->staged.count; i++) {
        const struct change *change = &outbox->staged.items[i];
        struct live_row *row = outbox_live_find(&outbox->live, change->id);
        bool needs_no_row = change->kind == CHANGE_NOTE || change->kind == CHANGE_ANSWER ||
                            change->kind == CHANGE_PROVED || change->kind == CHANGE_DELETE;
        if (row == NULL ? !needs_no_row : !outbox_live_apply(&row->next, change)) {
            return refuse(outbox, change, diag);
        }
    }
    return ERR_OK;
}

static int delete_calls(struct outbox *outbox, int64_t id)
{
    // next, as the calls may have come with this very commit.
    const struct live_row *row = outbox_live_find(&outbox->live, id);
    if (row == NULL || !row->next.has_calls) {
        return SQLITE_DONE;
    }
    return outbox_sql_run_each(outbox, SQL_DELETE_CALLS, &id, 1);
}

static int write_text(struct outbox *outbox, enum statement which, const struct change *change)
{
    sqlite3_stmt *statement = outbox->statements[which];
    outbox_bind_int(statement, 1, change->id);
    outbox_bind_text(statement, 2, change->text);
    return outbox_sql_run(statement);
}

static int write_state(struct outbox *outbox, const struct change *change)
{
    sqlite3_stmt *statement = outbox->statements[SQL_SET_STATE];
    if (change->state == COMMAND_DONE) {
        int code = delete_calls(outbox, change->id);
        if (code != SQLITE_DONE) {
            return code;
        }
        statement = outbox->statements[SQL_FINISH];
    } else {
        outbox_bind_int(statement, 2, change->state);
    }
    outbox_bind_int(statement, 1, change->id);
    return outbox_sql_run(statement);
}

static int write_call(struct outbox *outbox, const struct change *change)
{
    sqlite3_stmt *statement = outbox->statements[SQL_SET_CALL];
    outbox_bind_int(statement, 1, change->id);
    outbox_bind_int(statement, 2, change->call);
    outbox_bind_int(statement, 3, change->state);
    outbox_bind_text(statement, 4, change->text);
    return outbox_sql_run(statement);
}

static int write_key(struct outbox *outbox, const struct change *change)
{
    sqlite3_stmt *statement = outbox->statements[SQL_SET_KEY];
    outbox_bind_int(statement, 1, change->id);
    outbox_bind_blob(statement, 2, change->key, sizeof change->key);
    outbox_bind_blob(statement, 3, change->hash, sizeof change->hash);
    return outbox_sql_run(statement);
}

static int write_note(struct outbox *outbox, const struct change *change)
{
    sqlite3_stmt *statement = outbox->statements[change->text == NULL ? SQL_DELETE_NOTE : SQL_SET_NOTE];
    outbox_bind_text(statement, 1, change->name);
    if (change->text != NULL) {
        outbox_bind_text(statement, 2, change->text);
    }
    return outbox_sql_run(statement);
}

// A request that was withdrawn meanwhile has no row any more, and nobody waits for its answer.
static int write_answer(struct outbox *outbox, const struct change *change)
{
    sqlite3_stmt *statement = outbox->statements[SQL_ANSWER_REQUEST];
    outbox_bind_int(statement, 1, change->request);
    outbox_bind_int(statement, 2, change->done);
    outbox_bind_text(statement, 3, change->text);
    return outbox_sql_run(statement);
}

// *done_deleted counts the rows that were DONE already, which memory does not know one by one.
static int write_delete(struct outbox *outbox, const struct change *change, int64_t *done_deleted)
{
    int code = delete_calls(outbox, change->id);
    if (code == SQLITE_DONE) {
        code = outbox_sql_run_each(outbox, SQL_DELETE, &change->id, 1);
    }
    if (code == SQLITE_DONE && outbox_live_find(&outbox->live, change->id) == NULL) {
        *done_deleted += sqlite3_changes(outbox->db);
    }
    return code;
}

static int write_change(struct outbox *outbox, const struct change *change, int64_t *done_deleted)
{
    switch (change->kind) {
    case CHANGE_STATE:
        return write_state(outbox, change);
    case CHANGE_REPLY:
        return write_text(outbox, SQL_SET_REPLY, change);
    case CHANGE_DELETE:
        return write_delete(outbox, change, done_deleted);
    case CHANGE_CALL:
        return write_call(outbox, change);
    case CHANGE_KEY:
        return write_key(outbox, change);
    case CHANGE_NOTE:
        return write_note(outbox, change);
    case CHANGE_ANSWER:
        return write_answer(outbox, change);
    case CHANGE_PROVED:
        return outbox_sql_run_each(outbox, SQL_FORGET_DELIVERY, change->slots, change->slot_count);
    }
    return SQLITE_INTERNAL;
}

static int write_changes(struct outbox *outbox, void *done_deleted)
{
    int code = SQLITE_DONE;
    for (size_t i = 0; code == SQLITE_DONE && i < outbox->staged.count; i++) {
        code = write_change(outbox, &outbox->staged.items[i], done_deleted);
    }
    return code;
}

static void pass_point(const struct change *change, const struct live_facts *now)
{
    static const char *const points[] = {
        [COMMAND_QUEUED] = "after_queued_commit",
        [COMMAND_SENT] = "after_sent_commit",
        [COMMAND_REPLIED] = "after_replied_commit",
        [COMMAND_DONE] = "after_done_commit",
    };
    FAULT_POINT(now->deleted                  ? "after_gone_commit"
                : change->kind == CHANGE_CALL ? "after_call_commit"
                                              : points[now->state]);
}

// The one place where a row's state in memory changes.
static void accept_change(struct outbox *outbox, const struct change *change)
{
    struct live_row *row = outbox_live_find(&outbox->live, change->id);
    if (row == NULL) {
        return;
    }
    enum command_state from = row->now.state;
    outbox_live_count(&outbox->counts, &row->now, -1);
    (void)outbox_live_apply(&row->now, change);
    outbox_live_count(&outbox->counts, &row->now, 1);
    pass_point(change, &row->now);
    if (row->now.state != from || row->now.deleted) {
        LOG(LOG_DEBUG, "outbox_state", LOG_N("id", change->id), LOG_S("from", command_state_name(from)),
            LOG_S("to", row->now.deleted ? "gone" : command_state_name(row->now.state)));
    }
}

static void accept_changes(struct outbox *outbox, int64_t done_deleted)
{
    outbox->counts.done -= done_deleted;
    for (size_t i = 0; i < outbox->staged.count; i++) {
        accept_change(outbox, &outbox->staged.items[i]);
    }
    for (size_t i = 0; i < outbox->staged.count; i++) {
        struct live_row *row = outbox_live_find(&outbox->live, outbox->staged.items[i].id);
        if (row != NULL && (row->now.deleted || row->now.state == COMMAND_DONE)) {
            outbox_live_remove(&outbox->live, row);
        }
    }
}

static enum err commit_locked(struct outbox *outbox, struct diag *diag)
{
    enum err err = check_changes(outbox, diag);
    if (err != ERR_OK) {
        return err;
    }
    int64_t done_deleted = 0;
    FAULT_POINT("before_commit");
    int code = outbox_sql_transaction(outbox, write_changes, &done_deleted);
    if (code != SQLITE_DONE) {
        return outbox_sql_result(outbox->db, code, outbox->path, diag);
    }
    FAULT_POINT("after_commit");
    accept_changes(outbox, done_deleted);
    return ERR_OK;
}

enum err outbox_commit(struct outbox *outbox, struct diag *diag)
{
    if (outbox->staged.count == 0) {
        return ERR_OK;
    }
    pthread_mutex_lock(&outbox->mutex);
    enum err err = commit_locked(outbox, diag);
    pthread_mutex_unlock(&outbox->mutex);
    if (err == ERR_OK) {
        drop_staged(&outbox->staged);
    }
    return err;
}
