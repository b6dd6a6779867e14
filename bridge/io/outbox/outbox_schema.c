// A file gets the steps of the schema above its own version in one transaction, so a kill leaves it old or new. A file
// that is not ours, is newer by a major version or fails SQLite's check is refused before anything is written into it.
#include "io/outbox/outbox_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/mem.h"

// One step per schema version; a file gets all steps above its own. Steps within a major version only add, so that the
// version before still reads and writes the file.
//
// payload stands last: the columns before it are then read and changed without touching its overflow pages.
static const struct step {
    int version;
    const char *sql;
} steps[] = {
    {1000, "CREATE TABLE command("
           " id INTEGER PRIMARY KEY,"
           " state INTEGER NOT NULL CHECK(state BETWEEN 0 AND 3),"
           " boot_id TEXT NOT NULL, boot_ms INTEGER NOT NULL, wall_ms INTEGER NOT NULL,"
           " qos INTEGER NOT NULL, dup INTEGER NOT NULL, retained INTEGER NOT NULL, packet_id INTEGER NOT NULL,"
           " expiry_s INTEGER, key BLOB, hash BLOB, topic TEXT NOT NULL, response_topic TEXT, correlation_data BLOB,"
           " refusal TEXT, plan TEXT, reply TEXT, properties BLOB, payload BLOB NOT NULL);"
           "CREATE INDEX command_key ON command(key) WHERE key IS NOT NULL;"
           "CREATE INDEX command_done ON command(state) WHERE state = 3;"
           "CREATE TABLE call("
           " command_id INTEGER NOT NULL, call INTEGER NOT NULL,"
           " state INTEGER NOT NULL CHECK(state BETWEEN 0 AND 3), note TEXT,"
           " PRIMARY KEY(command_id, call)) WITHOUT ROWID;"
           "CREATE TABLE delivery("
           " slot INTEGER PRIMARY KEY, number INTEGER NOT NULL, packet_id INTEGER NOT NULL, hash BLOB NOT NULL);"
           "CREATE TABLE note(name TEXT NOT NULL PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID;"},
    // AUTOINCREMENT: an answer must never meet a later request that got the same id.
    {1001, "CREATE TABLE request("
           " id INTEGER PRIMARY KEY AUTOINCREMENT, verb TEXT NOT NULL, command_id INTEGER NOT NULL,"
           " boot_id TEXT NOT NULL, boot_ms INTEGER NOT NULL, wall_ms INTEGER NOT NULL,"
           " done INTEGER, answer TEXT);"},
    // A version that knows no command_id keeps the last 256 in slots of its own, and is right with what it finds here.
    {1002, "ALTER TABLE delivery ADD COLUMN command_id INTEGER;"},
};

// SQLite gives its further files the mode of the first, so that one is created here.
static enum err create_private(const char *path, struct diag *diag)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        return diag_set(diag, ERR_IO,
                        "outbox %s: cannot be opened (%s); the folder must exist, and the service's user must be able"
                        " to write it and the file",
                        path, strerror(errno));
    }
    close(fd);
    return ERR_OK;
}

// The files hold payloads: others may not read them, whoever copied them here.
static void make_private(const char *path)
{
    static const char *const endings[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < COUNT_OF(endings); i++) {
        AUTO_FREE char *file = mem_printf("%s%s", path, endings[i]);
        struct stat found;
        if (stat(file, &found) == 0 && (found.st_mode & 077) != 0) {
            (void)chmod(file, 0600);
        }
    }
}

static enum err connect(const char *path, int flags, sqlite3 **out, struct diag *diag)
{
    // A path with a slash in it is never taken for a URI or one of SQLite's special names.
    AUTO_FREE char *name = mem_printf("%s%s", strchr(path, '/') == NULL ? "./" : "", path);
    sqlite3 *db = NULL;
    int code = sqlite3_open_v2(name, &db, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
    if (code != SQLITE_OK) {
        enum err err = outbox_sql_result(db, code, path, diag);
        sqlite3_close(db);
        return err;
    }
    sqlite3_busy_timeout(db, BUSY_TIMEOUT_MS);
    sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    *out = db;
    return ERR_OK;
}

enum err outbox_schema_connect(const char *path, sqlite3 **out, struct diag *diag)
{
    enum err err = create_private(path, diag);
    if (err != ERR_OK) {
        return err;
    }
    make_private(path);
    return connect(path, SQLITE_OPEN_READWRITE, out, diag);
}

static enum err run(sqlite3 *db, const char *path, const char *sql, struct diag *diag)
{
    return outbox_sql_result(db, sqlite3_exec(db, sql, NULL, NULL, NULL), path, diag);
}

// The first column of the first row, as text; "" for none.
static enum err ask(sqlite3 *db, const char *path, const char *sql, char *answer, size_t size, struct diag *diag)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
    if (code == SQLITE_OK) {
        code = sqlite3_step(statement);
    }
    const char *text = code == SQLITE_ROW ? (const char *)sqlite3_column_text(statement, 0) : NULL;
    snprintf(answer, size, "%s", text == NULL ? "" : text);
    sqlite3_finalize(statement);
    return outbox_sql_result(db, code, path, diag);
}

static enum err ask_int(sqlite3 *db, const char *path, const char *sql, int *value, struct diag *diag)
{
    char answer[32];
    enum err err = ask(db, path, sql, answer, sizeof answer, diag);
    *value = (int)strtol(answer, NULL, 10);
    return err;
}

// *version is 0 for an empty file.
static enum err check_version(sqlite3 *db, const char *path, int *version, struct diag *diag)
{
    int app_id = 0;
    int tables = 0;
    enum err err = ask_int(db, path, "PRAGMA application_id", &app_id, diag);
    err = err != ERR_OK ? err : ask_int(db, path, "PRAGMA user_version", version, diag);
    err = err != ERR_OK ? err : ask_int(db, path, "SELECT count(*) FROM sqlite_schema", &tables, diag);
    if (err != ERR_OK) {
        return err;
    }
    if (app_id != SCHEMA_APP_ID && (app_id != 0 || *version != 0 || tables != 0)) {
        return diag_set(diag, ERR_REFUSED,
                        "outbox %s: is a database of another program; name another file as outbox.path", path);
    }
    if (*version / 1000 > SCHEMA_MAJOR) {
        return diag_set(diag, ERR_NEWER,
                        "outbox %s: was written by a newer thingbridge (schema %d.%d, this one knows %d); install that"
                        " version again, or name another file as outbox.path; nothing was changed",
                        path, *version / 1000, *version % 1000, SCHEMA_MAJOR);
    }
    return ERR_OK;
}

static enum err check_damage(sqlite3 *db, const char *path, struct diag *diag)
{
    char answer[256];
    enum err err = ask(db, path, "PRAGMA quick_check(1)", answer, sizeof answer, diag);
    if (err != ERR_OK || strcmp(answer, "ok") == 0) {
        return err;
    }
    for (char *c = answer; *c != '\0'; c++) {
        *c = *c == '\n' ? ' ' : *c;
    }
    return diag_set(diag, ERR_DAMAGED, "outbox %s: it is damaged (%s)", path, answer);
}

static enum err configure(sqlite3 *db, const char *path, bool sync_full, struct diag *diag)
{
    char mode[16];
    enum err err = ask(db, path, "PRAGMA journal_mode = WAL", mode, sizeof mode, diag);
    if (err != ERR_OK) {
        return err;
    }
    if (strcmp(mode, "wal") != 0) {
        return diag_set(diag, ERR_IO,
                        "outbox %s: its file system cannot share memory between programs, which a write-ahead log"
                        " needs; put it on a local disk",
                        path);
    }
    // The log may grow in a long transaction or under a long reader; afterwards it is cut to this size.
    err = run(db, path, "PRAGMA journal_size_limit = 16777216; PRAGMA temp_store = MEMORY", diag);
    if (err != ERR_OK) {
        return err;
    }
    if (FAULT_DEFECT("no_fsync")) {
        return run(db, path, "PRAGMA synchronous = OFF", diag);
    }
    return run(db, path, sync_full ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL", diag);
}

enum err outbox_schema_migrate(sqlite3 *db, const char *path, int from_version, struct diag *diag)
{
    if (from_version >= SCHEMA_VERSION) {
        return ERR_OK;
    }
    enum err err = run(db, path, "BEGIN IMMEDIATE", diag);
    for (size_t i = 0; err == ERR_OK && i < COUNT_OF(steps); i++) {
        if (steps[i].version > from_version) {
            err = run(db, path, steps[i].sql, diag);
        }
    }
    if (err == ERR_OK) {
        AUTO_FREE char *stamp =
            mem_printf("PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT", SCHEMA_APP_ID, SCHEMA_VERSION);
        err = run(db, path, stamp, diag);
    }
    return err;
}

static enum err check_and_migrate(sqlite3 *db, const char *path, bool sync_full, struct diag *diag)
{
    int version = 0;
    enum err err = run(db, path, "PRAGMA cell_size_check = ON", diag);
    err = err != ERR_OK ? err : check_version(db, path, &version, diag);
    err = err != ERR_OK ? err : check_damage(db, path, diag);
    err = err != ERR_OK ? err : configure(db, path, sync_full, diag);
    return err != ERR_OK ? err : outbox_schema_migrate(db, path, version, diag);
}

enum err outbox_schema_open(const char *path, bool sync_full, sqlite3 **out, struct diag *diag)
{
    sqlite3 *db = NULL;
    enum err err = outbox_schema_connect(path, &db, diag);
    if (err != ERR_OK) {
        return err;
    }
    err = check_and_migrate(db, path, sync_full, diag);
    if (err != ERR_OK) {
        sqlite3_close(db);
        return err;
    }
    sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
    *out = db;
    return ERR_OK;
}

static enum err check_existing(sqlite3 *db, const char *path, int *version, struct diag *diag)
{
    enum err err = check_version(db, path, version, diag);
    if (err == ERR_OK && *version == 0) {
        return diag_set(diag, ERR_MISSING, "outbox %s: it is empty; the service has not written it yet", path);
    }
    return err;
}

enum err outbox_schema_attach(const char *path, bool writable, sqlite3 **out, int *version, struct diag *diag)
{
    sqlite3 *db = NULL;
    if (access(path, F_OK) != 0 && errno == ENOENT) {
        return diag_set(diag, ERR_MISSING,
                        "outbox %s: there is no such file; the service makes it at its first start; is outbox.path of"
                        " the right configuration?",
                        path);
    }
    enum err err = connect(path, writable ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY, &db, diag);
    if (err != ERR_OK) {
        return err;
    }
    err = check_existing(db, path, version, diag);
    if (err != ERR_OK) {
        sqlite3_close(db);
        return err;
    }
    *out = db;
    return ERR_OK;
}
