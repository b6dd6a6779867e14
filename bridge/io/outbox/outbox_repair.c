// What can be read of a damaged file is copied into a new one, table by table from the front, and the commands from the
// back as well, so that one unreadable page costs what is on it. The steps, each safe to be cut by a kill:
//   1. PATH.salvaging is built from PATH; one left over is begun anew
//   2. it is renamed to PATH.salvaged: from here on the repair is only finished, never begun again
//   3. PATH and its log files are renamed to PATH.damaged-TIME
//   4. PATH.salvaged becomes PATH
// The damaged files are only read and renamed.
#include "io/outbox/outbox_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

static const char command_columns[] = OUTBOX_COLUMNS ", key, hash";

static const struct table {
    const char *name;
    const char *key;
    const char *columns;
    const char *places;
} tables[] = {
    {"command", "id", command_columns, OUTBOX_PLACES ", ?, ?"},
    {"call", "command_id, call", "command_id, call, state, note", "?1, ?2, ?3, ?4"},
    {"delivery", "slot", "slot, number, packet_id, hash", "?1, ?2, ?3, ?4"},
    {"note", "name", "name, text", "?1, ?2"},
};

// Ids are dense, so that the rows behind an unreadable page can be asked for one by one; this bounds how many.
#define GAP_MAX 1000000

struct salvage {
    sqlite3 *from;
    sqlite3 *to;
    sqlite3_stmt *insert;
    int failure; // of the new file; SQLITE_OK as long as it can be written
};

// Rows that break the rules of the schema are as good as unreadable, and rows that came already are skipped: so IGNORE.
static void copy_row(struct salvage *salvage, sqlite3_stmt *row)
{
    int code = SQLITE_OK;
    for (int i = 0; code == SQLITE_OK && i < sqlite3_column_count(row); i++) {
        code = sqlite3_bind_value(salvage->insert, i + 1, sqlite3_column_value(row, i));
    }
    if (code == SQLITE_OK) {
        code = outbox_sql_run(salvage->insert);
    }
    if (code != SQLITE_DONE) {
        salvage->failure = code;
    }
}

// Copies rows until the end (true) or until something cannot be read; *last is the first column of the last row.
static bool copy_rows(struct salvage *salvage, const char *sql, int64_t *last)
{
    sqlite3_stmt *row = NULL;
    int code = sqlite3_prepare_v2(salvage->from, sql, -1, &row, NULL);
    if (code == SQLITE_OK) {
        code = sqlite3_step(row);
    }
    for (; code == SQLITE_ROW && salvage->failure == SQLITE_OK; code = sqlite3_step(row)) {
        copy_row(salvage, row);
        *last = sqlite3_column_int64(row, 0);
    }
    sqlite3_finalize(row);
    return code == SQLITE_DONE;
}

static void copy_ids(struct salvage *salvage, int64_t first, int64_t end)
{
    AUTO_FREE char *sql = mem_printf("SELECT %s FROM command WHERE id = ?1", command_columns);
    sqlite3_stmt *row = NULL;
    if (sqlite3_prepare_v2(salvage->from, sql, -1, &row, NULL) != SQLITE_OK) {
        return;
    }
    for (int64_t id = first; id < end && salvage->failure == SQLITE_OK; id++) {
        outbox_bind_int(row, 1, id);
        if (sqlite3_step(row) == SQLITE_ROW) {
            copy_row(salvage, row);
        }
        sqlite3_reset(row);
    }
    sqlite3_finalize(row);
}

// From the back to the first unreadable page, then what lies between it and `front`.
static void copy_behind(struct salvage *salvage, int64_t front)
{
    int64_t back = 0;
    AUTO_FREE char *sql =
        mem_printf("SELECT %s FROM command WHERE id > %lld ORDER BY id DESC", command_columns, (long long)front);
    if (copy_rows(salvage, sql, &back)) {
        return;
    }
    if (back == 0) {
        copy_ids(salvage, front + 1, front + GAP_MAX);
    } else {
        copy_ids(salvage, back - GAP_MAX > front ? back - GAP_MAX : front + 1, back);
    }
}

static void copy_table(struct salvage *salvage, const struct table *table)
{
    int64_t front = 0;
    AUTO_FREE char *sql = mem_printf("SELECT %s FROM %s ORDER BY %s", table->columns, table->name, table->key);
    bool complete = copy_rows(salvage, sql, &front);
    if (!complete && table->columns == command_columns) {
        copy_behind(salvage, front);
    }
}

static int copy_tables(struct salvage *salvage)
{
    for (size_t i = 0; i < COUNT_OF(tables) && salvage->failure == SQLITE_OK; i++) {
        AUTO_FREE char *sql =
            mem_printf("INSERT OR IGNORE INTO %s(%s) VALUES(%s)", tables[i].name, tables[i].columns, tables[i].places);
        salvage->failure = sqlite3_prepare_v2(salvage->to, sql, -1, &salvage->insert, NULL);
        if (salvage->failure == SQLITE_OK) {
            copy_table(salvage, &tables[i]);
        }
        sqlite3_finalize(salvage->insert);
        salvage->insert = NULL;
    }
    return salvage->failure;
}

static enum err fill(struct salvage *salvage, const char *path, struct diag *diag)
{
    int code = sqlite3_exec(salvage->to, "BEGIN IMMEDIATE", NULL, NULL, NULL);
    if (code == SQLITE_OK) {
        code = copy_tables(salvage);
    }
    if (code == SQLITE_OK) {
        code = sqlite3_exec(salvage->to, "COMMIT", NULL, NULL, NULL);
    }
    return outbox_sql_result(salvage->to, code, path, diag);
}

static void remove_unfinished(const char *unfinished)
{
    AUTO_FREE char *journal = mem_printf("%s-journal", unfinished);
    unlink(journal);
    unlink(unfinished);
}

// With a writable schema SQLite also reads a file that is shorter than its header says; query_only keeps it unchanged.
static enum err connect_damaged(const char *path, sqlite3 **out, struct diag *diag)
{
    enum err err = outbox_schema_connect(path, out, diag);
    if (err == ERR_OK) {
        sqlite3_db_config(*out, SQLITE_DBCONFIG_DEFENSIVE, 0, NULL);
        sqlite3_db_config(*out, SQLITE_DBCONFIG_WRITABLE_SCHEMA, 1, NULL);
        (void)sqlite3_exec(*out, "PRAGMA query_only = ON", NULL, NULL, NULL);
    }
    return err;
}

static enum err salvage_into(const char *path, const char *unfinished, struct diag *diag)
{
    struct salvage salvage = {.failure = SQLITE_OK};
    remove_unfinished(unfinished);
    enum err err = outbox_schema_connect(unfinished, &salvage.to, diag);
    if (err != ERR_OK) {
        return err;
    }
    err = outbox_schema_migrate(salvage.to, unfinished, 0, diag);
    err = err != ERR_OK ? err : connect_damaged(path, &salvage.from, diag);
    err = err != ERR_OK ? err : fill(&salvage, unfinished, diag);
    sqlite3_close(salvage.from);
    sqlite3_close(salvage.to);
    return err;
}

static enum err move(const char *from, const char *to, struct diag *diag)
{
    if (rename(from, to) == 0) {
        return ERR_OK;
    }
    return diag_set(diag, ERR_IO, "outbox: %s cannot be renamed to %s (%s); let the service's user write the folder",
                    from, to, strerror(errno));
}

static bool exists(const char *path, const char *ending)
{
    AUTO_FREE char *name = mem_printf("%s%s", path, ending);
    return access(name, F_OK) == 0;
}

static const char *const endings[] = {"-shm", "-wal", ""};

static bool is_taken(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(endings); i++) {
        if (exists(name, endings[i])) {
            return true;
        }
    }
    return false;
}

// PATH.damaged-20261121T190731Z; a number follows if a file of that name is there.
static char *choose_aside(const char *path)
{
    char iso[CLOCK_ISO_LEN];
    clock_iso_s(clock_now().wall_ms, iso);
    char stamp[CLOCK_ISO_LEN];
    size_t len = 0;
    for (const char *c = iso; *c != '\0'; c++) {
        if (*c != '-' && *c != ':') {
            stamp[len++] = *c;
        }
    }
    stamp[len] = '\0';
    char *name = mem_printf("%s.damaged-%s", path, stamp);
    for (int i = 2; is_taken(name); i++) {
        free(name);
        name = mem_printf("%s.damaged-%s.%d", path, stamp, i);
    }
    return name;
}

static enum err set_aside(const char *path, const char *aside, struct diag *diag)
{
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < COUNT_OF(endings); i++) {
        AUTO_FREE char *from = mem_printf("%s%s", path, endings[i]);
        AUTO_FREE char *to = mem_printf("%s%s", aside, endings[i]);
        if (exists(from, "")) {
            err = move(from, to, diag);
        }
    }
    return err;
}

// Makes renames durable. A file system that cannot do it for a folder is no reason to stop.
static void sync_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    AUTO_FREE char *folder = slash == NULL ? mem_strdup(".") : mem_printf("%.*s/", (int)(slash - path), path);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        (void)fsync(fd);
        close(fd);
    }
}

enum err outbox_repair_finish(const char *path, char **aside, struct diag *diag)
{
    AUTO_FREE char *finished = mem_printf("%s.salvaged", path);
    if (!exists(finished, "")) {
        return ERR_OK;
    }
    char *name = choose_aside(path);
    enum err err = set_aside(path, name, diag);
    if (err == ERR_OK) {
        sync_folder(path);
        err = move(finished, path, diag);
    }
    if (err != ERR_OK) {
        free(name);
        return err;
    }
    sync_folder(path);
    *aside = name;
    return ERR_OK;
}

enum err outbox_repair(const char *path, char **aside, struct diag *diag)
{
    AUTO_FREE char *unfinished = mem_printf("%s.salvaging", path);
    AUTO_FREE char *finished = mem_printf("%s.salvaged", path);
    enum err err = salvage_into(path, unfinished, diag);
    if (err == ERR_OK) {
        err = move(unfinished, finished, diag);
    }
    if (err != ERR_OK) {
        return err;
    }
    sync_folder(path);
    return outbox_repair_finish(path, aside, diag);
}
