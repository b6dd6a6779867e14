// Looks into the file of a service that may be running. Each call is a transaction of its own: one that stayed open
// would keep the service from starting its write-ahead log anew.
#include "io/outbox/outbox_internal.h"

#include <string.h>

#include "base/mem.h"

enum reader_statement { READER_LIST, READER_SHOW, READER_CALLS, READER_NOTE, READER_COUNT };

struct outbox_reader {
    char *path;
    sqlite3 *db;
    sqlite3_stmt *statements[READER_COUNT];
};

static enum err result(const struct outbox_reader *reader, int code, struct diag *diag)
{
    return outbox_sql_result(reader->db, code, reader->path, diag);
}

static enum err prepare(struct outbox_reader *reader, struct diag *diag)
{
    const char *const texts[] = {
        [READER_LIST] = ("SELECT " OUTBOX_HEAD_COLUMNS ", x'', NULL, NULL" OUTBOX_NOTE_COLUMN
                         " FROM command WHERE id > ?1 AND (1 << state) & ?2 ORDER BY id LIMIT ?3"),
        [READER_SHOW] = "SELECT " OUTBOX_COLUMNS OUTBOX_NOTE_COLUMN " FROM command WHERE id = ?1",
        [READER_CALLS] = outbox_sql_texts[SQL_LOAD_CALLS],
        [READER_NOTE] = outbox_sql_texts[SQL_READ_NOTE],
    };
    return outbox_sql_prepare(reader->db, reader->path, texts, READER_COUNT, reader->statements, diag);
}

enum err outbox_open_reader(const char *path, struct outbox_reader **out, struct diag *diag)
{
    struct outbox_reader *reader = mem_alloc(sizeof *reader);
    int version = 0;
    reader->path = mem_strdup(path);
    enum err err = outbox_schema_attach(path, false, &reader->db, &version, diag);
    err = err != ERR_OK ? err : prepare(reader, diag);
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
    outbox_sql_finalize(reader->statements, READER_COUNT);
    sqlite3_close(reader->db);
    free(reader->path);
    free(reader);
}

enum err outbox_list(struct outbox_reader *reader, int64_t after, unsigned states, struct outbox_row *rows, size_t max,
                     size_t *count, struct diag *diag)
{
    sqlite3_stmt *list = reader->statements[READER_LIST];
    outbox_bind_int(list, 1, after);
    outbox_bind_int(list, 2, states);
    outbox_bind_int(list, 3, (int64_t)max);
    return result(reader, outbox_read_rows(list, rows, count), diag);
}

char *outbox_reader_note(struct outbox_reader *reader, const char *name)
{
    outbox_bind_text(reader->statements[READER_NOTE], 1, name);
    return outbox_read_text(reader->statements[READER_NOTE]);
}

// SQLITE_ROW if there is such a row.
static int read_one(struct outbox_reader *reader, int64_t id, struct outbox_row *row, struct outbox_call **calls,
                    size_t *count)
{
    sqlite3_stmt *show = reader->statements[READER_SHOW];
    outbox_bind_int(show, 1, id);
    int code = sqlite3_step(show);
    if (code == SQLITE_ROW) {
        outbox_read_row(show, row);
        int calls_code = outbox_read_calls(reader->statements[READER_CALLS], id, calls, count);
        code = calls_code == SQLITE_DONE ? SQLITE_ROW : calls_code;
    }
    sqlite3_reset(show);
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
