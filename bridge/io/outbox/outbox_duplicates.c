// The original of a command is looked for by key among committed rows and then among the changes staged for this turn,
// since a command and its duplicate can come in one turn; what is staged to be deleted is no original any more. Purging
// walks the rows that are DONE from the oldest on and ends at the first that stays.
#include "io/outbox/outbox_internal.h"

#include <string.h>

#include "base/lock.h"
#include "base/mem.h"

// Columns of SQL_SAME_KEY and SQL_ORIGINAL_BY_ID.
enum found_column { FOUND_ID, FOUND_STATE, FOUND_BOOT_ID, FOUND_BOOT_MS, FOUND_WALL_MS, FOUND_HASH, FOUND_REPLY };

struct duplicate_search {
    int64_t before; // only ids below; 0: any
    const unsigned char *key;
    const unsigned char *hash;
    const struct moment *now;
    int64_t window_ms;
};

static bool staged_deleted(const struct staged *staged, int64_t id)
{
    for (size_t i = 0; i < staged->count; i++) {
        if (staged->items[i].kind == CHANGE_DELETE && staged->items[i].id == id) {
            return true;
        }
    }
    return false;
}

// A row from the time before a clock was set back looks as if it came from the future: it counts as recent, as running
// a command twice is worse than answering it with an old reply.
static bool fits(const struct outbox *outbox, const struct duplicate_search *search, sqlite3_stmt *statement)
{
    int64_t id = sqlite3_column_int64(statement, FOUND_ID);
    struct moment arrived;
    outbox_column_moment(statement, FOUND_BOOT_ID, &arrived);
    return (search->before == 0 || id < search->before) &&
           clock_elapsed_ms(&arrived, search->now) <= search->window_ms && !staged_deleted(&outbox->staged, id);
}

static void take(const struct duplicate_search *search, sqlite3_stmt *statement, struct outbox_original *original)
{
    const void *hash = sqlite3_column_blob(statement, FOUND_HASH);
    bool whole = sqlite3_column_bytes(statement, FOUND_HASH) == DELIVERY_HASH_LEN;
    free(original->reply);
    *original = (struct outbox_original){.found = true,
                                         .id = sqlite3_column_int64(statement, FOUND_ID),
                                         .state = (enum command_state)sqlite3_column_int(statement, FOUND_STATE),
                                         .same_message = whole && memcmp(hash, search->hash, DELIVERY_HASH_LEN) == 0,
                                         .reply = outbox_column_text(statement, FOUND_REPLY)};
}

static int search_committed(struct outbox *outbox, const struct duplicate_search *search,
                            struct outbox_original *original)
{
    sqlite3_stmt *statement = outbox->statements[SQL_SAME_KEY];
    outbox_bind_blob(statement, 1, search->key, 32);
    int code = SQLITE_ROW;
    while (!original->found && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        if (fits(outbox, search, statement)) {
            take(search, statement, original);
        }
    }
    sqlite3_reset(statement);
    return original->found ? SQLITE_DONE : code;
}

// The row of a key that is staged and not yet committed.
static int consider_staged(struct outbox *outbox, const struct duplicate_search *search, const struct change *change,
                           struct outbox_original *original)
{
    sqlite3_stmt *statement = outbox->statements[SQL_ORIGINAL_BY_ID];
    outbox_bind_int(statement, 1, change->id);
    int code = sqlite3_step(statement);
    if (code == SQLITE_ROW && fits(outbox, search, statement)) {
        take(search, statement, original);
        original->same_message = memcmp(change->hash, search->hash, DELIVERY_HASH_LEN) == 0;
    }
    sqlite3_reset(statement);
    return code == SQLITE_ROW ? SQLITE_DONE : code;
}

static int search_staged(struct outbox *outbox, const struct duplicate_search *search, struct outbox_original *original)
{
    const struct staged *staged = &outbox->staged;
    uint64_t prefix = 0;
    memcpy(&prefix, search->key, sizeof prefix);
    int code = SQLITE_DONE;
    for (size_t i = 0; code == SQLITE_DONE && i < staged->key_count; i++) {
        if (staged->keys[i].prefix != prefix) {
            continue;
        }
        const struct change *change = &staged->items[staged->keys[i].change];
        bool earlier = !original->found || change->id < original->id;
        if (earlier && memcmp(change->key, search->key, sizeof change->key) == 0) {
            code = consider_staged(outbox, search, change, original);
        }
    }
    return code;
}

// The caller decides by what it has asked for already, committed or not.
static void apply_staged(const struct staged *staged, struct outbox_original *original)
{
    for (size_t i = 0; i < staged->count; i++) {
        const struct change *change = &staged->items[i];
        bool changes_state = change->kind == CHANGE_STATE || change->kind == CHANGE_REPLY;
        if (change->id != original->id || !changes_state) {
            continue;
        }
        original->state = change->state;
        if (change->kind == CHANGE_REPLY) {
            free(original->reply);
            original->reply = mem_strdup(change->text);
        }
    }
}

enum err outbox_find_original(struct outbox *outbox, int64_t id, const unsigned char key[32],
                              const unsigned char hash[32], const struct moment *now, int64_t window_ms,
                              struct outbox_original *original, struct diag *diag)
{
    struct duplicate_search search = {.before = id, .key = key, .hash = hash, .now = now, .window_ms = window_ms};
    struct outbox_original found = {0};
    pthread_mutex_lock(&outbox->mutex);
    int code = search_committed(outbox, &search, &found);
    if (code == SQLITE_DONE) {
        code = search_staged(outbox, &search, &found);
    }
    enum err err = outbox_sql_result(outbox->db, code, outbox->path, diag);
    pthread_mutex_unlock(&outbox->mutex);
    if (err != ERR_OK) {
        free(found.reply);
        return err;
    }
    if (found.found) {
        apply_staged(&outbox->staged, &found);
    }
    *original = found;
    return ERR_OK;
}

struct purge {
    const struct moment *now;
    int64_t window_ms;
    int64_t excess; // rows above max_done
    int64_t ids[PURGE_MAX];
    size_t count;
};

// The oldest stand first: the first one that stays ends the search.
static int find_purged(struct outbox *outbox, struct purge *purge)
{
    sqlite3_stmt *statement = outbox->statements[SQL_OLDEST_DONE];
    outbox_bind_int(statement, 1, PURGE_MAX);
    int code = sqlite3_step(statement);
    for (; code == SQLITE_ROW; code = sqlite3_step(statement)) {
        struct moment arrived;
        outbox_column_moment(statement, 1, &arrived);
        if ((int64_t)purge->count >= purge->excess && clock_elapsed_ms(&arrived, purge->now) <= purge->window_ms) {
            code = SQLITE_DONE;
            break;
        }
        purge->ids[purge->count++] = sqlite3_column_int64(statement, 0);
    }
    sqlite3_reset(statement);
    return code;
}

static int delete_purged(struct outbox *outbox, void *context)
{
    const struct purge *purge = context;
    return outbox_sql_run_each(outbox, SQL_DELETE, purge->ids, purge->count);
}

enum err outbox_purge(struct outbox *outbox, const struct moment *now, int64_t window_ms, int64_t max_done,
                      struct diag *diag)
{
    AUTO_LOCK(&outbox->mutex);
    struct purge purge = {.now = now, .window_ms = window_ms, .excess = outbox->counts.done - max_done};
    int code = find_purged(outbox, &purge);
    if (code == SQLITE_DONE && purge.count > 0) {
        code = outbox_sql_transaction(outbox, delete_purged, &purge);
    }
    outbox->counts.done -= code == SQLITE_DONE ? (int64_t)purge.count : 0;
    return outbox_sql_result(outbox->db, code, outbox->path, diag);
}
