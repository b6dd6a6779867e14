// What the files of the outbox share; included by io/outbox/outbox*.c only, and the one place that includes sqlite3.h.
//
// outbox.c         open, close, append
// outbox_schema.c  the connection: settings, schema version, migration, check for damage
// outbox_repair.c  a damaged file is set aside, what is readable is saved into a new one
// outbox_sql.c     statements, binding, and what an error of SQLite means
// outbox_record.c  the redelivery record: commands whose PUBACK is not proved to have arrived
// outbox_live.c    what memory knows of the rows that are not done: states and sizes, and which changes are legal
// outbox_memory.c  fills that at opening
// outbox_stage.c   staged changes and their commit
// outbox_proof.c   can it be written?
// outbox_read.c    rows, calls, notes
// outbox_duplicates.c  the original of a duplicate, and how long rows are kept for that
// outbox_reader.c  other processes look into the file
// outbox_operator.c  requests of an operator: made by another process, taken and answered by the service
#pragma once

#include <pthread.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/queue.h>

#include "io/outbox/outbox.h"

// user_version of the file is MAJOR * 1000 + MINOR. A minor version only adds (tables, columns with a default).
#define SCHEMA_MAJOR      1
#define SCHEMA_VERSION    1002
#define SCHEMA_APP_ID     0x74627267 // "tbrg"
#define RECORD_MAX        65535      // more packets cannot be unacknowledged (MQTT section 2.2.1: 16 bits)
#define PURGE_MAX         500        // rows per outbox_purge
#define BUSY_TIMEOUT_MS   2000       // another program may hold the file for writing that long
#define DELIVERY_HASH_LEN 32

// The columns of a command behind its id; its key and hash are written and read on their own. HEAD is what a list
// needs, and BODY what only the command itself needs.
#define OUTBOX_HEAD(X)                                                                                                 \
    X(STATE, state)                                                                                                    \
    X(BOOT_ID, boot_id)                                                                                                \
    X(BOOT_MS, boot_ms)                                                                                                \
    X(WALL_MS, wall_ms)                                                                                                \
    X(TOPIC, topic)                                                                                                    \
    X(QOS, qos)                                                                                                        \
    X(DUP, dup)                                                                                                        \
    X(RETAINED, retained)                                                                                              \
    X(PACKET_ID, packet_id)                                                                                            \
    X(EXPIRY_S, expiry_s)                                                                                              \
    X(RESPONSE_TOPIC, response_topic)                                                                                  \
    X(REFUSAL, refusal)                                                                                                \
    X(COMMAND_TEXT, plan)                                                                                              \
    X(REPLY, reply)
#define OUTBOX_BODY(X)                                                                                                 \
    X(PAYLOAD, payload)                                                                                                \
    X(CORRELATION_DATA, correlation_data)                                                                              \
    X(PROPERTIES, properties)
#define OUTBOX_NAME(id, name)  ", " #name
#define OUTBOX_PLACE(id, name) ", ?"
#define OUTBOX_INDEX(id, name) COLUMN_##id,

// In a row that outbox_read_row reads; as a parameter of SQL_APPEND one more.
enum row_column { COLUMN_ID, OUTBOX_HEAD(OUTBOX_INDEX) OUTBOX_BODY(OUTBOX_INDEX) COLUMN_NOTE };

#define OUTBOX_HEAD_COLUMNS "id" OUTBOX_HEAD(OUTBOX_NAME)
#define OUTBOX_COLUMNS      OUTBOX_HEAD_COLUMNS OUTBOX_BODY(OUTBOX_NAME)
#define OUTBOX_PLACES       "?" OUTBOX_HEAD(OUTBOX_PLACE) OUTBOX_BODY(OUTBOX_PLACE)
#define OUTBOX_NOTE_COLUMN                                                                                             \
    ", (SELECT note FROM call WHERE command_id = command.id AND call.state < 3 AND note IS NOT NULL"                   \
    " ORDER BY call LIMIT 1)"

enum statement {
    SQL_BEGIN,
    SQL_COMMIT,
    SQL_ROLLBACK,
    SQL_APPEND,
    SQL_RECORD_DELIVERY,
    SQL_FORGET_DELIVERY,
    SQL_SET_STATE,
    SQL_SET_REPLY,
    SQL_SET_KEY,
    SQL_FINISH,
    SQL_DELETE,
    SQL_SET_CALL,
    SQL_DELETE_CALLS,
    SQL_SET_NOTE,
    SQL_DELETE_NOTE,
    SQL_LOAD,
    SQL_LOAD_CALLS,
    SQL_SAME_KEY,
    SQL_ORIGINAL_BY_ID,
    SQL_READ_REPLY,
    SQL_READ_NOTE,
    SQL_OLDEST_DONE,
    SQL_DATA_VERSION,
    SQL_REQUESTS,
    SQL_FORGET_REQUEST,
    SQL_ANSWER_REQUEST,
    SQL_COUNT
};

// A row that is not DONE, as the sum of all changes so far leaves it.
struct live_facts {
    enum command_state state;
    bool refused;
    bool has_calls;
    bool deleted;
    int64_t head_bytes;    // topic, response topic, correlation data: kept until DONE
    int64_t payload_bytes; // payload and user properties: dropped with the reply
    int64_t command_bytes;
    int64_t reply_bytes;
};

struct live_row {
    int64_t id;
    bool removed;           // a tombstone until the next compaction
    struct live_facts now;  // committed
    struct live_facts next; // with the staged changes, while they are being committed
};

// Ordered by id; rows are only added at the end, as ids only grow.
struct live_rows {
    struct live_row *rows;
    size_t count; // with tombstones
    size_t removed;
    size_t capacity;
};

// A command whose PUBACK is not proved to have arrived at the broker.
struct unproved {
    int64_t slot;                    // its row
    int64_t command_id;              // 0: an earlier version wrote it
    int64_t position;                // of its latest packet, among all
    int64_t connection;              // that brought it; 0: of an earlier process
    TAILQ_ENTRY(unproved) in_bucket; // by position
    TAILQ_ENTRY(unproved) in_list;   // by position
    unsigned char hash[DELIVERY_HASH_LEN];
    uint16_t packet_id;
};

TAILQ_HEAD(unproved_queue, unproved);
struct unproved_list {
    struct unproved_queue queue;
    size_t count;
};

struct record {
    struct unproved_queue *buckets; // by hash; their number is a power of two
    size_t bucket_count;
    struct unproved_list current; // of the connection that is up
    struct unproved_list earlier;
    int64_t connection;
    int64_t position; // of the last packet
    int64_t next_slot;
    size_t packets;     // with QoS 1 on this connection
    bool has_kept_ids;  // the broker was seen to deliver again with the packet id of the first time
    bool knows_last_id; // of this session
    uint16_t last_id;   // the highest packet id so far, in the order in which they are given
    bool goes_on;       // the packet at hand has the id after that, above what this connection alone can have reached
    bool has_overflown; // has been said
};

enum change_kind {
    CHANGE_STATE,
    CHANGE_REPLY,
    CHANGE_DELETE,
    CHANGE_CALL,
    CHANGE_KEY,
    CHANGE_NOTE,
    CHANGE_ANSWER,
    CHANGE_PROVED
};

struct change {
    enum change_kind kind;
    int64_t id;               // of the command; 0 for a note or an answer
    enum command_state state; // of STATE, REPLY and CALL
    int call;
    char *name;      // of a note
    char *text;      // command_text, reply, note of a call, note, answer
    int64_t request; // of an answer
    bool done;       // of an answer
    int64_t *slots;  // of what was proved
    size_t slot_count;
    unsigned char key[32];
    unsigned char hash[32];
};

struct staged {
    struct change *items;
    size_t count;
    size_t capacity;
    // The first bytes of each staged key, close together: a search for an original looks through all of them.
    struct staged_key {
        uint64_t prefix;
        size_t change;
    } * keys;
    size_t key_count;
    size_t key_capacity;
};

// What the service knows of the table of requests, so that it looks into it only when there may be something.
struct request_watch {
    int64_t data_version; // of the last look; changes when another connection writes
    bool any;             // there were requests at the last look
    int64_t last_taken;
};

struct outbox {
    char *path;
    struct outbox_options options; // its path is `path`
    int lock_fd;
    struct staged staged;  // core thread only
    pthread_mutex_t mutex; // guards all that follows
    sqlite3 *db;
    sqlite3_stmt *statements[SQL_COUNT];
    bool is_damaged; // an append has met it; outbox_prove reports it
    int64_t next_id;
    struct live_rows live;
    struct outbox_counts counts;
    struct record record;
    struct request_watch requests;
};

// ---- outbox_sql.c

extern const char *const outbox_sql_texts[SQL_COUNT];
enum err outbox_sql_prepare(sqlite3 *db, const char *path, const char *const *texts, size_t count,
                            sqlite3_stmt **statements, struct diag *diag) MUST_CHECK;
void outbox_sql_finalize(sqlite3_stmt **statements, size_t count);
// Steps to the end and resets; the result is SQLITE_DONE or an error.
int outbox_sql_run(sqlite3_stmt *statement);
// Runs a statement of one parameter with each of the ids, up to the first error.
int outbox_sql_run_each(struct outbox *outbox, enum statement which, const int64_t *ids, size_t count);
// Begins, lets `write` do its work and commits; anything but SQLITE_DONE from it rolls back.
int outbox_sql_transaction(struct outbox *outbox, int (*write)(struct outbox *outbox, void *context), void *context);
// ERR_OK for SQLITE_OK, SQLITE_ROW and SQLITE_DONE, else the kind and the sentence for an error of SQLite.
enum err outbox_sql_result(sqlite3 *db, int code, const char *path, struct diag *diag);
// NULL binds NULL. Memory must live until the statement is reset.
void outbox_bind_text(sqlite3_stmt *statement, int index, const char *text_or_null);
void outbox_bind_blob(sqlite3_stmt *statement, int index, const void *data_or_null, size_t len);
void outbox_bind_int(sqlite3_stmt *statement, int index, int64_t value);
// Copies that the caller frees; NULL for NULL.
char *outbox_column_text(sqlite3_stmt *statement, int column);
char *outbox_column_blob(sqlite3_stmt *statement, int column, size_t *len);
void outbox_column_moment(sqlite3_stmt *statement, int first_column, struct moment *moment);

// ---- outbox_schema.c

// Opens, checks and migrates. ERR_DAMAGED: `diag` says how it shows.
enum err outbox_schema_open(const char *path, bool sync_full, sqlite3 **out, struct diag *diag) MUST_CHECK;
// Connects without touching what the file holds, not even its write-ahead log at close.
enum err outbox_schema_connect(const char *path, sqlite3 **out, struct diag *diag) MUST_CHECK;
// Connects to a file of the service, which may have it open, without creating or migrating anything. ERR_MISSING: there
// is no file, or nothing in it; ERR_NEWER, ERR_REFUSED as outbox_open.
enum err outbox_schema_attach(const char *path, bool writable, sqlite3 **out, int *version,
                              struct diag *diag) MUST_CHECK;
// Creates the tables in a new file.
enum err outbox_schema_migrate(sqlite3 *db, const char *path, int from_version, struct diag *diag) MUST_CHECK;

// ---- outbox_repair.c

// Sets the damaged file aside and puts one in its place with all that could be read. `aside` is its new name (the
// caller frees it).
enum err outbox_repair(const char *path, char **aside, struct diag *diag) MUST_CHECK;
// Ends a repair that a kill interrupted; *aside stays NULL if there was none.
enum err outbox_repair_finish(const char *path, char **aside, struct diag *diag) MUST_CHECK;

// ---- outbox_live.c

static inline int64_t outbox_text_len(const char *text_or_null)
{
    return text_or_null == NULL ? 0 : (int64_t)strlen(text_or_null);
}
void outbox_live_add(struct live_rows *live, int64_t id, const struct live_facts *facts); // id above all others
struct live_row *outbox_live_find(const struct live_rows *live, int64_t id);              // or NULL
void outbox_live_remove(struct live_rows *live, struct live_row *row);
void outbox_live_free(struct live_rows *live);
int64_t outbox_live_bytes(const struct live_facts *facts);
// Adds what the row adds to the counts; a `sign` of -1 takes it away.
void outbox_live_count(struct outbox_counts *counts, const struct live_facts *facts, int64_t sign);
// Applies one change; false if it is not legal.
bool outbox_live_apply(struct live_facts *facts, const struct change *change);

// ---- outbox_record.c. With the outbox's mutex held.

void outbox_record_init(struct record *record); // empty
// Enters a row at opening.
void outbox_record_load(struct record *record, int64_t slot, uint16_t packet_id, const unsigned char *hash,
                        int64_t command_id);
// The entry that this packet is a redelivery of, or NULL.
struct unproved *outbox_record_match(struct record *record, const struct message *message, const unsigned char *hash,
                                     bool by_content);
// How the match came; from now on the entry waits for the proof of this packet's PUBACK.
enum outbox_append_result outbox_record_take(struct record *record, struct unproved *entry, uint16_t packet_id);
// The entry that has to go so that another has room, or NULL.
const struct unproved *outbox_record_excess(const struct record *record);
// Enters a new command's packet under `next_slot`.
void outbox_record_add(struct record *record, uint16_t packet_id, const unsigned char *hash, int64_t command_id);
void outbox_record_free(struct record *record);

// ---- outbox_stage.c

// A change that removes these rows of the redelivery record; takes `slots`.
void outbox_stage_proved(struct outbox *outbox, int64_t *slots, size_t count);
void outbox_staged_free(struct staged *staged);

// ---- outbox_memory.c

// Fills live rows, counts, redelivery record and the next id at opening.
enum err outbox_memory_read(struct outbox *outbox, struct diag *diag) MUST_CHECK;

// ---- outbox_read.c

// User properties as one blob; NULL and 0 for none. The caller frees it.
char *outbox_encode_properties(const struct message *message, size_t *len);
// Of a statement that gives OUTBOX_COLUMNS and OUTBOX_NOTE_COLUMN.
void outbox_read_row(sqlite3_stmt *statement, struct outbox_row *row);
// Runs such a statement, which gives no more rows than there is room for; SQLITE_DONE or an error.
int outbox_read_rows(sqlite3_stmt *statement, struct outbox_row *rows, size_t *count);
// Runs a statement that gives one text at most; NULL if it gives none. The caller frees it.
char *outbox_read_text(sqlite3_stmt *statement);
// Runs a statement that gives call, state and note of the calls of one command; SQLITE_DONE or an error.
int outbox_read_calls(sqlite3_stmt *statement, int64_t id, struct outbox_call **calls, size_t *count);

// ---- outbox_operator.c

// At opening: what a crash left over of earlier requests is dropped.
enum err outbox_forget_requests(struct outbox *outbox, struct diag *diag) MUST_CHECK;
