// Looks into the file of a service that may be running. Each call is a transaction of its own: one that stayed open
// would keep the service from starting its write-ahead log anew.
#include "io/outbox/outbox_internal.h"

#include <string.h>

#include "base/mem.h"

struct outbox_reader {
    char *path;
    sqlite3 *db;
    sqlite3_stmt *list;
    sqlite3_stmt *show;
    sqlite3_stmt *calls;
    sqlite3_stmt *note;
};

static const char list_sql[] = "SELECT " OUTBOX_HEAD_COLUMNS ", x'', NULL, NULL" OUTBOX_NOTE_COLUMN
                               " FROM command WHERE id > ?1 AND (1 << state) & ?2 ORDER BY id LIMIT ?3";
static const char show_sql[] = "SELECT " OUTBOX_COLUMNS OUTBOX_NOTE_COLUMN " FROM command WHERE id = ?1";
static const char note_sql[] = "SELECT text FROM note WHERE name = ?1";
static const char calls_sql[] = "SELECT call, state, note FROM call WHERE command_id = ?1 ORDER BY call";

static enum err result(const struct outbox_reader *reader, int code, struct diag *diag)
{
    return outbox_sql_result(reader->db, code, reader->path, diag);
}

static enum err prepare(struct outbox_reader *reader, struct diag *diag)
{
    int code = sqlite3_prepare_v2(reader->db, list_sql, -1, &reader->list, NULL);
    if (code == SQLITE_OK) {
        code = sqlite3_prepare_v2(reader->db, show_sql, -1, &reader->show, NULL);
    }
    if (code == SQLITE_OK) {
        code = sqlite3_prepare_v2(reader->db, calls_sql, -1, &reader->calls, NULL);
    }
    if (code == SQLITE_OK) {
        code = sqlite3_prepare_v2(reader->db, note_sql, -1, &reader->note, NULL);
    }
    return result(reader, code, diag);
}

enum err outbox_open_reader(const char *path, struct outbox_reader **out, struct diag *diag)
{
    struct outbox_reader *reader = mem_alloc(sizeof *reader);
    int version = 0;
    reader->path = mem_strdup(path);
    enum err err = outbox_schema_attach(path, false, &reader->db, &version, diag);
    if (err == ERR_OK) {
        err = prepare(reader, diag);
    }
    if (err != ERR_OK) {
        outbox_close_reader(reader);
        return err;
    }
    *out = reader;
    return ERR_OK;
}

void outbox_close_reader(struct outbox_reader *reader)
{
    if (reader == NULL) {
        return;
    }
    sqlite3_finalize(reader->list);
    sqlite3_finalize(reader->show);
    sqlite3_finalize(reader->calls);
    sqlite3_finalize(reader->note);
    sqlite3_close(reader->db);
    free(reader->path);
    free(reader);
}

enum err outbox_list(struct outbox_reader *reader, int64_t after, unsigned states, struct outbox_row *rows, size_t max,
                     size_t *count, struct diag *diag)
{
    outbox_bind_int(reader->list, 1, after);
    outbox_bind_int(reader->list, 2, states);
    outbox_bind_int(reader->list, 3, (int64_t)max);
    return result(reader, outbox_read_rows(reader->list, rows, count), diag);
}

char *outbox_reader_note(struct outbox_reader *reader, const char *name)
{
    outbox_bind_text(reader->note, 1, name);
    return outbox_read_text(reader->note);
}

// SQLITE_ROW if there is such a row.
static int read_one(struct outbox_reader *reader, int64_t id, struct outbox_row *row, struct outbox_call **calls,
                    size_t *count)
{
    outbox_bind_int(reader->show, 1, id);
    int code = sqlite3_step(reader->show);
    if (code == SQLITE_ROW) {
        outbox_read_row(reader->show, row);
        int calls_code = outbox_read_calls(reader->calls, id, calls, count);
        code = calls_code == SQLITE_DONE ? SQLITE_ROW : calls_code;
    }
    sqlite3_reset(reader->show);
    return code;
}

enum err outbox_show(struct outbox_reader *reader, int64_t id, struct outbox_row *row, struct outbox_call **calls,
                     size_t *count, struct diag *diag)
{
    struct outbox_row found = {0};
    // The row's statement is not reset before the calls are read, so both are of one transaction.
    int code = read_one(reader, id, &found, calls, count);
    if (code == SQLITE_ROW) {
        *row = found;
        return ERR_OK;
    }
    outbox_row_clear(&found);
    if (code != SQLITE_DONE) {
        return result(reader, code, diag);
    }
    return diag_set(diag, ERR_MISSING, "outbox %s: there is no command %lld", reader->path, (long long)id);
}
