// Requests of an operator. The file itself carries them, so they work with every other way in switched off.
#include "io/outbox/outbox_internal.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

#define FIRST_VERSION 1001 // of a file that can carry requests

static const char *const verbs[] = {[OUTBOX_RETRY] = "retry", [OUTBOX_DROP] = "drop"};

// ---- the operator's side

struct outbox_asker {
    char *path;
    sqlite3 *db;
    int64_t id;
};

static void close_asker(struct outbox_asker *asker)
{
    sqlite3_close(asker->db);
    free(asker->path);
    free(asker);
}

static enum err attach(struct outbox_asker *asker, struct diag *diag)
{
    int version = 0;
    enum err err = outbox_schema_attach(asker->path, true, &asker->db, &version, diag);
    if (err == ERR_OK && version < FIRST_VERSION) {
        return diag_set(diag, ERR_UNAVAILABLE,
                        "outbox %s: the service that has it open is of an older version, which takes no requests;"
                        " restart it with this version",
                        asker->path);
    }
    if (err == ERR_OK) {
        // A request need not survive a power cut, and moving the log into the file is the service's work.
        int code =
            sqlite3_exec(asker->db, "PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0", NULL, NULL, NULL);
        err = outbox_sql_result(asker->db, code, asker->path, diag);
    }
    return err;
}

static void bind_request(sqlite3_stmt *statement, enum outbox_verb verb, int64_t command, const struct moment *now)
{
    outbox_bind_text(statement, 1, verbs[verb]);
    outbox_bind_int(statement, 2, command);
    outbox_bind_text(statement, 3, now->boot_id);
    outbox_bind_int(statement, 4, now->boot_ms);
    outbox_bind_int(statement, 5, now->wall_ms);
    outbox_bind_int(statement, 6, OUTBOX_REQUESTS_MAX);
}

static enum err insert(struct outbox_asker *asker, enum outbox_verb verb, int64_t command, const struct moment *now,
                       struct diag *diag)
{
    static const char sql[] = "INSERT INTO request(verb, command_id, boot_id, boot_ms, wall_ms)"
                              " SELECT ?1, ?2, ?3, ?4, ?5 WHERE (SELECT count(*) FROM request) < ?6";
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(asker->db, sql, -1, &statement, NULL);
    if (code == SQLITE_OK) {
        bind_request(statement, verb, command, now);
        code = outbox_sql_run(statement);
    }
    sqlite3_finalize(statement);
    if ((code & 0xff) == SQLITE_BUSY) {
        return diag_set(diag, ERR_FULL,
                        "outbox %s: the service is writing it and does not come to an end; try again later",
                        asker->path);
    }
    if (code != SQLITE_DONE) {
        return outbox_sql_result(asker->db, code, asker->path, diag);
    }
    if (sqlite3_changes(asker->db) == 0) {
        return diag_set(diag, ERR_FULL, "outbox %s: %d requests wait for the service already; try again later",
                        asker->path, OUTBOX_REQUESTS_MAX);
    }
    asker->id = sqlite3_last_insert_rowid(asker->db);
    return ERR_OK;
}

enum err outbox_request_make(const char *path, enum outbox_verb verb, int64_t command, const struct moment *now,
                             struct outbox_asker **out, struct diag *diag)
{
    struct outbox_asker *asker = mem_alloc(sizeof *asker);
    asker->path = mem_strdup(path);
    enum err err = attach(asker, diag);
    err = err != ERR_OK ? err : insert(asker, verb, command, now, diag);
    if (err != ERR_OK) {
        close_asker(asker);
        return err;
    }
    *out = asker;
    return ERR_OK;
}

static void read_answer(sqlite3_stmt *statement, struct outbox_answer *answer)
{
    const char *text = (const char *)sqlite3_column_text(statement, 1);
    *answer = (struct outbox_answer){.kind = OUTBOX_WAITING};
    if (sqlite3_column_type(statement, 0) != SQLITE_NULL) {
        answer->kind = sqlite3_column_int(statement, 0) != 0 ? OUTBOX_PERFORMED : OUTBOX_REFUSED;
        snprintf(answer->text.text, sizeof answer->text.text, "%s", text == NULL ? "" : text);
    }
}

enum err outbox_request_look(struct outbox_asker *asker, struct outbox_answer *answer, struct diag *diag)
{
    sqlite3_stmt *statement = NULL;
    struct outbox_answer found = {.kind = OUTBOX_FORGOTTEN};
    int code = sqlite3_prepare_v2(asker->db, "SELECT done, answer FROM request WHERE id = ?1", -1, &statement, NULL);
    if (code == SQLITE_OK) {
        outbox_bind_int(statement, 1, asker->id);
        code = sqlite3_step(statement);
    }
    if (code == SQLITE_ROW) {
        read_answer(statement, &found);
    }
    sqlite3_finalize(statement);
    enum err err = outbox_sql_result(asker->db, code, asker->path, diag);
    if (err == ERR_OK) {
        *answer = found;
    }
    return err;
}

void outbox_request_end(struct outbox_asker *asker)
{
    char sql[64];
    snprintf(sql, sizeof sql, "DELETE FROM request WHERE id = %lld", (long long)asker->id);
    // Where this fails, the service drops the request when it is too old.
    (void)sqlite3_exec(asker->db, sql, NULL, NULL, NULL);
    close_asker(asker);
}

// ---- the service's side

enum err outbox_forget_requests(struct outbox *outbox, struct diag *diag)
{
    // Without the condition SQLite would write the table anew even if it is empty.
    int code = sqlite3_exec(outbox->db, "DELETE FROM request WHERE id > 0", NULL, NULL, NULL);
    return outbox_sql_result(outbox->db, code, outbox->path, diag);
}

static int read_data_version(struct outbox *outbox, int64_t *version)
{
    sqlite3_stmt *statement = outbox->statements[SQL_DATA_VERSION];
    int code = sqlite3_step(statement);
    *version = sqlite3_column_int64(statement, 0);
    sqlite3_reset(statement);
    return code == SQLITE_ROW ? SQLITE_DONE : code;
}

// What one look into the table finds. The table may hold more rows than an operator of this version makes: the rest of
// the old ones goes with the next look.
struct operator_look {
    const struct moment *now;
    struct outbox_request *request;
    bool found;
    bool any;
    int64_t old[OUTBOX_REQUESTS_MAX];
    size_t old_count;
};

static enum outbox_verb verb_of(const char *text)
{
    for (size_t i = 0; text != NULL && i < COUNT_OF(verbs); i++) {
        if (strcmp(verbs[i], text) == 0) {
            return (enum outbox_verb)i;
        }
    }
    return OUTBOX_OTHER_VERB;
}

static void consider(const struct outbox *outbox, sqlite3_stmt *statement, struct operator_look *look)
{
    struct moment made;
    int64_t id = sqlite3_column_int64(statement, 0);
    outbox_column_moment(statement, 4, &made);
    int64_t age_ms = clock_elapsed_ms(&made, look->now);
    look->any = true;
    if (age_ms < 0 || age_ms > OUTBOX_REQUEST_LIFE_MS) {
        if (look->old_count < COUNT_OF(look->old)) {
            look->old[look->old_count++] = id;
        }
    } else if (!look->found && id > outbox->requests.last_taken && sqlite3_column_type(statement, 3) == SQLITE_NULL) {
        look->found = true;
        *look->request = (struct outbox_request){.id = id,
                                                 .verb = verb_of((const char *)sqlite3_column_text(statement, 1)),
                                                 .command = sqlite3_column_int64(statement, 2)};
    }
}

static int look_for_requests(struct outbox *outbox, struct operator_look *look)
{
    sqlite3_stmt *statement = outbox->statements[SQL_REQUESTS];
    int code = sqlite3_step(statement);
    for (; code == SQLITE_ROW; code = sqlite3_step(statement)) {
        consider(outbox, statement, look);
    }
    sqlite3_reset(statement);
    return code == SQLITE_DONE ? outbox_sql_run_each(outbox, SQL_FORGET_REQUEST, look->old, look->old_count) : code;
}

static int take_locked(struct outbox *outbox, struct operator_look *look)
{
    struct request_watch *watch = &outbox->requests;
    int64_t version = 0;
    int code = read_data_version(outbox, &version);
    if (code != SQLITE_DONE || (version == watch->data_version && !watch->any)) {
        return code;
    }
    code = look_for_requests(outbox, look);
    if (code == SQLITE_DONE) {
        watch->data_version = version;
        watch->any = look->any;
        watch->last_taken = look->found ? look->request->id : watch->last_taken;
    }
    return code;
}

enum err outbox_take_request(struct outbox *outbox, const struct moment *now, struct outbox_request *request,
                             bool *found, struct diag *diag)
{
    struct outbox_request taken = {0};
    struct operator_look look = {.now = now, .request = &taken};
    pthread_mutex_lock(&outbox->mutex);
    int code = take_locked(outbox, &look);
    enum err err = outbox_sql_result(outbox->db, code, outbox->path, diag);
    pthread_mutex_unlock(&outbox->mutex);
    if (err == ERR_OK) {
        *request = taken;
        *found = look.found;
    }
    return err;
}
