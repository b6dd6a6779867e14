// All statements are prepared once, in one table, and reset after each use. A transaction runs one function of the
// caller between BEGIN IMMEDIATE and COMMIT and rolls back what fails; SQLite's codes become errors that say what to
// do.
#include "io/outbox/outbox_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

const char *const outbox_sql_texts[SQL_COUNT] = {
    [SQL_BEGIN] = "BEGIN IMMEDIATE",
    [SQL_COMMIT] = "COMMIT",
    [SQL_ROLLBACK] = "ROLLBACK",
    [SQL_APPEND] = ("INSERT INTO command(" OUTBOX_COLUMNS ") VALUES(" OUTBOX_PLACES ")"),
    [SQL_RECORD_DELIVERY] = ("INSERT OR REPLACE INTO delivery(slot, number, packet_id, hash, command_id)"
                             " VALUES(?1, ?1, ?2, ?3, ?4)"),
    [SQL_FORGET_DELIVERY] = "DELETE FROM delivery WHERE slot = ?1",
    [SQL_SET_STATE] = "UPDATE command SET state = ?2 WHERE id = ?1",
    [SQL_SET_REPLY] = "UPDATE command SET state = 2, reply = ?2, payload = x'', properties = NULL WHERE id = ?1",
    [SQL_SET_KEY] = "UPDATE command SET key = ?2, hash = ?3 WHERE id = ?1",
    [SQL_FINISH] = ("UPDATE command SET state = 3, topic = '', payload = x'', response_topic = NULL,"
                    " correlation_data = NULL, properties = NULL, refusal = NULL, plan = NULL WHERE id = ?1"),
    [SQL_DELETE] = "DELETE FROM command WHERE id = ?1",
    [SQL_SET_CALL] = ("INSERT INTO call(command_id, call, state, note) VALUES(?1, ?2, ?3, ?4)"
                      " ON CONFLICT(command_id, call) DO UPDATE SET state = excluded.state, note = excluded.note"),
    [SQL_DELETE_CALLS] = "DELETE FROM call WHERE command_id = ?1",
    [SQL_SET_NOTE] = "INSERT OR REPLACE INTO note(name, text) VALUES(?1, ?2)",
    [SQL_DELETE_NOTE] = "DELETE FROM note WHERE name = ?1",
    [SQL_LOAD] =
        ("SELECT " OUTBOX_COLUMNS OUTBOX_NOTE_COLUMN " FROM command WHERE id > ?1 AND state <> 3 ORDER BY id LIMIT ?2"),
    [SQL_LOAD_CALLS] = "SELECT call, state, note FROM call WHERE command_id = ?1 ORDER BY call",
    [SQL_SAME_KEY] = "SELECT id, state, boot_id, boot_ms, wall_ms, hash, reply FROM command WHERE key = ?1 ORDER BY id",
    [SQL_ORIGINAL_BY_ID] = "SELECT id, state, boot_id, boot_ms, wall_ms, hash, reply FROM command WHERE id = ?1",
    [SQL_READ_REPLY] = "SELECT reply FROM command WHERE id = ?1",
    [SQL_READ_NOTE] = "SELECT text FROM note WHERE name = ?1",
    [SQL_DATA_VERSION] = "PRAGMA data_version",
    [SQL_REQUESTS] = "SELECT id, verb, command_id, done, boot_id, boot_ms, wall_ms FROM request ORDER BY id",
    [SQL_FORGET_REQUEST] = "DELETE FROM request WHERE id = ?1",
    [SQL_ANSWER_REQUEST] = "UPDATE request SET done = ?2, answer = ?3 WHERE id = ?1",
    [SQL_OLDEST_DONE] = "SELECT id, boot_id, boot_ms, wall_ms FROM command WHERE state = 3 ORDER BY id LIMIT ?1",
};

enum err outbox_sql_prepare(sqlite3 *db, const char *path, const char *const *texts, size_t count,
                            sqlite3_stmt **statements, struct diag *diag)
{
    for (size_t i = 0; i < count; i++) {
        int code = sqlite3_prepare_v3(db, texts[i], -1, SQLITE_PREPARE_PERSISTENT, &statements[i], NULL);
        if (code != SQLITE_OK) {
            return outbox_sql_result(db, code, path, diag);
        }
    }
    return ERR_OK;
}

void outbox_sql_finalize(sqlite3_stmt **statements, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        sqlite3_finalize(statements[i]);
    }
}

int outbox_sql_run(sqlite3_stmt *statement)
{
    int code = SQLITE_ROW;
    while (code == SQLITE_ROW) {
        code = sqlite3_step(statement);
    }
    sqlite3_reset(statement);
    return code;
}

int outbox_sql_run_each(struct outbox *outbox, enum statement which, const int64_t *ids, size_t count)
{
    int code = SQLITE_DONE;
    for (size_t i = 0; code == SQLITE_DONE && i < count; i++) {
        outbox_bind_int(outbox->statements[which], 1, ids[i]);
        code = outbox_sql_run(outbox->statements[which]);
    }
    return code;
}

int outbox_sql_transaction(struct outbox *outbox, int (*write)(struct outbox *outbox, void *context), void *context)
{
    int code = outbox_sql_run(outbox->statements[SQL_BEGIN]);
    if (code != SQLITE_DONE) {
        return code;
    }
    code = write(outbox, context);
    if (code == SQLITE_DONE) {
        code = outbox_sql_run(outbox->statements[SQL_COMMIT]);
    }
    // SQLite has rolled back by itself after some errors, and not after others.
    if (code != SQLITE_DONE && sqlite3_get_autocommit(outbox->db) == 0) {
        (void)outbox_sql_run(outbox->statements[SQL_ROLLBACK]);
    }
    return code;
}

static const struct trouble {
    int code;
    enum err err;
    const char *advice;
} troubles[] = {
    {SQLITE_FULL, ERR_UNAVAILABLE, "the disk is full; free some space on it"},
    {SQLITE_IOERR, ERR_UNAVAILABLE, "reading or writing failed; check the disk, its space and the system's log"},
    {SQLITE_READONLY, ERR_IO, "it cannot be written; let the service's user write the file and its folder"},
    {SQLITE_CANTOPEN, ERR_IO, "it cannot be opened; let the service's user write the file and its folder"},
    {SQLITE_PERM, ERR_IO, "it cannot be opened; let the service's user write the file and its folder"},
    {SQLITE_BUSY, ERR_UNAVAILABLE, "another program is writing it; end that program"},
    {SQLITE_LOCKED, ERR_UNAVAILABLE, "another program is writing it; end that program"},
    {SQLITE_CORRUPT, ERR_DAMAGED, "it is damaged; restart, and the file is set aside and what is readable is saved"},
    {SQLITE_NOTADB, ERR_DAMAGED, "it is damaged; restart, and the file is set aside and what is readable is saved"},
};

enum err outbox_sql_result(sqlite3 *db, int code, const char *path, struct diag *diag)
{
    if (code == SQLITE_OK || code == SQLITE_ROW || code == SQLITE_DONE) {
        return ERR_OK;
    }
    struct trouble found = {code, ERR_IO, "the database failed; check the disk and restart"};
    for (size_t i = 0; i < COUNT_OF(troubles); i++) {
        if ((code & 0xff) == troubles[i].code) {
            found = troubles[i];
        }
    }
    int system = db == NULL ? 0 : sqlite3_system_errno(db);
    bool has_system = system != 0 && (found.code == SQLITE_IOERR || found.code == SQLITE_CANTOPEN);
    // No waiting makes a file of a folder.
    enum err err = system == EISDIR ? ERR_IO : found.err;
    return diag_set(diag, err, "outbox %s: %s (%s%s%s)", path, found.advice, sqlite3_errstr(code),
                    has_system ? ": " : "", has_system ? strerror(system) : "");
}

// What is bound is bounded and not copied, so this can fail for want of memory only, and that ends the process
// (base/mem.h).
static void must_bind(int code)
{
    if (code != SQLITE_OK) {
        fprintf(stderr, "thingbridge: cannot bind a value: %s\n", sqlite3_errstr(code));
        abort();
    }
}

void outbox_bind_text(sqlite3_stmt *statement, int index, const char *text_or_null)
{
    must_bind(sqlite3_bind_text(statement, index, text_or_null, -1, SQLITE_STATIC));
}

void outbox_bind_blob(sqlite3_stmt *statement, int index, const void *data_or_null, size_t len)
{
    must_bind(sqlite3_bind_blob64(statement, index, data_or_null, len, SQLITE_STATIC));
}

void outbox_bind_int(sqlite3_stmt *statement, int index, int64_t value)
{
    must_bind(sqlite3_bind_int64(statement, index, value));
}

char *outbox_column_text(sqlite3_stmt *statement, int column)
{
    return mem_strdup_or_null((const char *)sqlite3_column_text(statement, column));
}

char *outbox_column_blob(sqlite3_stmt *statement, int column, size_t *len)
{
    *len = 0;
    if (sqlite3_column_type(statement, column) == SQLITE_NULL) {
        return NULL;
    }
    const void *data = sqlite3_column_blob(statement, column);
    *len = (size_t)sqlite3_column_bytes(statement, column);
    return mem_dup(data, *len);
}

void outbox_column_moment(sqlite3_stmt *statement, int first_column, struct moment *moment)
{
    const char *boot_id = (const char *)sqlite3_column_text(statement, first_column);
    *moment = (struct moment){.boot_ms = sqlite3_column_int64(statement, first_column + 1),
                              .wall_ms = sqlite3_column_int64(statement, first_column + 2)};
    snprintf(moment->boot_id, sizeof moment->boot_id, "%s", boot_id == NULL ? "" : boot_id);
}
