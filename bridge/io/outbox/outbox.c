// Opening takes the lock first, then the database, and repairs it if it is damaged. An append is prepared without the
// mutex, then checked for room and duplicates and committed under it; the facts of live rows (outbox_live.c) follow the
// commit, so memory never knows more than the disk.
#include "io/outbox/outbox_internal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"

#define TOOL_MARK     "tool"
#define LOCK_TRIES    10
#define LOCK_PAUSE_MS 20

// Who has the lock, as it wrote itself into it: its process and, of a tool, that it is one.
struct owner {
    char process[24];
    bool is_tool;
};

static struct owner read_owner(int lock_fd)
{
    struct owner owner = {0};
    char text[48] = "";
    ssize_t len = pread(lock_fd, text, sizeof text - 1, 0);
    text[len > 0 ? strcspn(text, "\n") : 0] = '\0';
    owner.is_tool = strstr(text, TOOL_MARK) != NULL;
    snprintf(owner.process, sizeof owner.process, "%.*s", (int)strspn(text, "0123456789"), text);
    return owner;
}

static enum err refuse_second(const char *path, int lock_fd, struct diag *diag)
{
    struct owner owner = read_owner(lock_fd);
    const char *comma = owner.process[0] == '\0' ? "" : ", process ";
    if (owner.is_tool) {
        return diag_set(diag, ERR_UNAVAILABLE, "outbox %s: is in use by `thingbridge outbox`%s%s, which ends soon",
                        path, comma, owner.process);
    }
    return diag_set(diag, ERR_REFUSED,
                    "outbox %s: is in use by another thingbridge%s%s; stop that one, or name another file as"
                    " outbox.path",
                    path, comma, owner.process);
}

// Who has just got it may not have written itself into it yet, and a tool ends soon. A tool itself has not to wait for
// a service, which it asks then.
static bool lock_in_time(int lock_fd, bool is_tool)
{
    const struct timespec pause = {.tv_nsec = LOCK_PAUSE_MS * 1000000L};
    for (int i = 0; flock(lock_fd, LOCK_EX | LOCK_NB) != 0; i++) {
        bool wait = errno == EWOULDBLOCK && i < LOCK_TRIES && (!is_tool || i == 0 || read_owner(lock_fd).is_tool);
        if (!wait) {
            return false;
        }
        nanosleep(&pause, NULL);
    }
    return true;
}

// Root may repair the outbox of a service that runs as another user, which must be able to open the lock afterwards.
// SQLite does the same with its own files.
static void give_to_owner(const char *path, int fd)
{
    struct stat database;
    if (geteuid() == 0 && stat(path, &database) == 0 && fchown(fd, database.st_uid, database.st_gid) != 0) {
        LOG(LOG_WARN, "outbox_lock_not_given", LOG_S("path", path), LOG_S("error", strerror(errno)));
    }
}

// A file beside the database, locked while the service runs; other programs can still read the database. It is never
// deleted: a second process could hold the lock on a file that is gone.
static enum err take_lock(struct outbox *outbox, struct diag *diag)
{
    AUTO_FREE char *name = mem_printf("%s.lock", outbox->path);
    outbox->lock_fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (outbox->lock_fd < 0) {
        return diag_set(diag, ERR_IO,
                        "outbox %s: %s cannot be opened (%s); the folder must exist, and the service's user must be"
                        " able to write it",
                        outbox->path, name, strerror(errno));
    }
    if (!lock_in_time(outbox->lock_fd, outbox->options.is_tool)) {
        return errno == EWOULDBLOCK
                   ? refuse_second(outbox->path, outbox->lock_fd, diag)
                   : diag_set(diag, ERR_IO, "outbox %s: %s cannot be locked (%s); put it on a local disk", outbox->path,
                              name, strerror(errno));
    }
    give_to_owner(outbox->path, outbox->lock_fd);
    // Only for the message above: a disk that is full shows itself soon enough.
    if (ftruncate(outbox->lock_fd, 0) == 0) {
        (void)dprintf(outbox->lock_fd, "%ld%s\n", (long)getpid(), outbox->options.is_tool ? " " TOOL_MARK : "");
    }
    return ERR_OK;
}

struct damage {
    char *aside;     // new name of the damaged file, or NULL
    char *described; // how it showed, or NULL after a repair that a kill interrupted
};

static enum err open_file(struct outbox *outbox, struct damage *damage, struct diag *diag)
{
    enum err err = outbox_repair_finish(outbox->path, &damage->aside, diag);
    if (err != ERR_OK) {
        return err;
    }
    err = outbox_schema_open(outbox->path, outbox->options.sync_full, &outbox->db, diag);
    if (err != ERR_DAMAGED) {
        return err;
    }
    free(damage->described);
    free(damage->aside);
    *damage = (struct damage){.described = mem_strdup(diag->text)};
    err = outbox_repair(outbox->path, &damage->aside, diag);
    return err != ERR_OK ? err : outbox_schema_open(outbox->path, outbox->options.sync_full, &outbox->db, diag);
}

static enum err open_all(struct outbox *outbox, struct damage *damage, struct diag *diag)
{
    enum err err = take_lock(outbox, diag);
    err = err != ERR_OK ? err : open_file(outbox, damage, diag);
    err = err != ERR_OK
              ? err
              : outbox_sql_prepare(outbox->db, outbox->path, outbox_sql_texts, SQL_COUNT, outbox->statements, diag);
    err = err != ERR_OK ? err : outbox_forget_requests(outbox, diag);
    return err != ERR_OK ? err : outbox_memory_read(outbox, diag);
}

static void report_damage(const struct outbox *outbox, const struct damage *damage, struct diag *diag)
{
    diag->text[0] = '\0';
    if (damage->aside != NULL) {
        diag_set(diag, ERR_OK,
                 "%s; it was set aside as %s, and %lld waiting and %lld finished commands were saved from it; look at"
                 " the disk, and keep the file until nobody misses a command",
                 damage->described == NULL ? outbox->path : damage->described, damage->aside,
                 (long long)outbox->counts.commands, (long long)outbox->counts.done);
    }
}

enum err outbox_open(const struct outbox_options *options, struct outbox **out, struct diag *damaged_or_null,
                     struct diag *diag)
{
    struct outbox *outbox = mem_alloc(sizeof *outbox);
    outbox_record_init(&outbox->record);
    outbox->path = mem_strdup(options->path);
    outbox->options = *options;
    outbox->options.path = outbox->path;
    outbox->lock_fd = -1;
    pthread_mutex_init(&outbox->mutex, NULL);
    struct damage damage = {0};
    enum err err = open_all(outbox, &damage, diag);
    if (err == ERR_OK) {
        if (damaged_or_null != NULL) {
            report_damage(outbox, &damage, damaged_or_null);
        }
        *out = outbox;
    } else {
        outbox_close(outbox);
    }
    free(damage.aside);
    free(damage.described);
    return err;
}

void outbox_close(struct outbox *outbox)
{
    if (outbox == NULL) {
        return;
    }
    outbox_sql_finalize(outbox->statements, SQL_COUNT);
    sqlite3_close(outbox->db);
    if (outbox->lock_fd >= 0) {
        close(outbox->lock_fd);
    }
    outbox_staged_free(&outbox->staged);
    outbox_live_free(&outbox->live);
    outbox_record_free(&outbox->record);
    pthread_mutex_destroy(&outbox->mutex);
    free(outbox->path);
    free(outbox);
}

// ---- append

struct append {
    const struct message *message;
    const struct moment *arrived;
    const char *refusal;
    const char *command_text;
    bool is_recorded; // is looked for in the redelivery record, and enters it
    struct live_facts facts;
    char *properties; // encoded, or NULL
    size_t properties_len;
    unsigned char hash[DELIVERY_HASH_LEN];
};

// All that needs no lock.
static void prepare_append(struct append *append)
{
    const struct message *message = append->message;
    message_hash(message, append->hash);
    append->facts = (struct live_facts){
        .state = COMMAND_QUEUED,
        .refused = append->refusal != NULL,
        .head_bytes = outbox_text_len(message->topic) + outbox_text_len(message->response_topic) +
                      (int64_t)message->correlation_len,
        .command_bytes = outbox_text_len(append->command_text),
    };
    if (append->refusal == NULL) {
        append->properties = outbox_encode_properties(message, &append->properties_len);
        append->facts.payload_bytes = (int64_t)(message->payload_len + append->properties_len);
    }
}

static bool has_room(const struct outbox *outbox, const struct live_facts *facts, struct diag *diag)
{
    const struct outbox_options *options = &outbox->options;
    const struct outbox_counts *counts = &outbox->counts;
    if (facts->refused) {
        if (counts->refused < options->refused_reserve) {
            return true;
        }
        diag_set(diag, ERR_FULL, "outbox %s: %lld refusals wait for their replies, and no more are taken", outbox->path,
                 (long long)counts->refused);
        return false;
    }
    if (counts->commands - counts->refused < options->max_commands &&
        counts->bytes + outbox_live_bytes(facts) <= options->max_bytes) {
        return true;
    }
    diag_set(diag, ERR_FULL,
             "outbox %s: %lld commands with %lld bytes wait, and it holds at most %lld commands and %lld bytes"
             " (outbox.max_commands, outbox.max_bytes)",
             outbox->path, (long long)(counts->commands - counts->refused), (long long)counts->bytes,
             (long long)options->max_commands, (long long)options->max_bytes);
    return false;
}

static void bind_message(sqlite3_stmt *statement, const struct append *append)
{
    const struct message *message = append->message;
    bool with_payload = append->refusal == NULL && message->payload != NULL;
    outbox_bind_text(statement, COLUMN_TOPIC + 1, message->topic);
    outbox_bind_int(statement, COLUMN_QOS + 1, message->qos);
    outbox_bind_int(statement, COLUMN_DUP + 1, message->dup);
    outbox_bind_int(statement, COLUMN_RETAINED + 1, message->retained);
    outbox_bind_int(statement, COLUMN_PACKET_ID + 1, message->packet_id);
    if (message->has_expiry) {
        outbox_bind_int(statement, COLUMN_EXPIRY_S + 1, message->expiry_s);
    } else {
        outbox_bind_text(statement, COLUMN_EXPIRY_S + 1, NULL);
    }
    outbox_bind_text(statement, COLUMN_RESPONSE_TOPIC + 1, message->response_topic);
    outbox_bind_blob(statement, COLUMN_PAYLOAD + 1, with_payload ? message->payload : "",
                     with_payload ? message->payload_len : 0);
    outbox_bind_blob(statement, COLUMN_CORRELATION_DATA + 1, message->correlation_data, message->correlation_len);
    outbox_bind_blob(statement, COLUMN_PROPERTIES + 1, append->properties, append->properties_len);
}

static int forget_excess(struct outbox *outbox)
{
    const struct unproved *excess = outbox_record_excess(&outbox->record);
    if (excess == NULL) {
        return SQLITE_DONE;
    }
    return outbox_sql_run_each(outbox, SQL_FORGET_DELIVERY, &excess->slot, 1);
}

static int write_delivery(struct outbox *outbox, const struct append *append)
{
    int code = append->is_recorded ? forget_excess(outbox) : SQLITE_DONE;
    if (code != SQLITE_DONE || !append->is_recorded) {
        return code;
    }
    sqlite3_stmt *statement = outbox->statements[SQL_RECORD_DELIVERY];
    outbox_bind_int(statement, 1, outbox->record.next_slot);
    outbox_bind_int(statement, 2, append->message->packet_id);
    outbox_bind_blob(statement, 3, append->hash, sizeof append->hash);
    outbox_bind_int(statement, 4, outbox->next_id);
    return outbox_sql_run(statement);
}

static int write_append(struct outbox *outbox, void *context)
{
    const struct append *append = context;
    sqlite3_stmt *statement = outbox->statements[SQL_APPEND];
    outbox_bind_int(statement, COLUMN_ID + 1, outbox->next_id);
    outbox_bind_int(statement, COLUMN_STATE + 1, COMMAND_QUEUED);
    outbox_bind_text(statement, COLUMN_BOOT_ID + 1, append->arrived->boot_id);
    outbox_bind_int(statement, COLUMN_BOOT_MS + 1, append->arrived->boot_ms);
    outbox_bind_int(statement, COLUMN_WALL_MS + 1, append->arrived->wall_ms);
    bind_message(statement, append);
    outbox_bind_text(statement, COLUMN_REFUSAL + 1, append->refusal);
    outbox_bind_text(statement, COLUMN_COMMAND_TEXT + 1, append->command_text);
    int code = outbox_sql_run(statement);
    return code == SQLITE_DONE ? write_delivery(outbox, append) : code;
}

static void accept_append(struct outbox *outbox, const struct append *append)
{
    outbox_live_add(&outbox->live, outbox->next_id, &append->facts);
    if (append->is_recorded) {
        outbox_record_add(&outbox->record, append->message->packet_id, append->hash, outbox->next_id);
    }
    outbox->next_id++;
    outbox_live_count(&outbox->counts, &append->facts, 1);
}

static enum outbox_append_result append_new(struct outbox *outbox, struct append *append, int64_t *id,
                                            struct diag *diag)
{
    if (!has_room(outbox, &append->facts, diag)) {
        return OUTBOX_NO_ROOM;
    }
    int code = outbox_sql_transaction(outbox, write_append, append);
    if (code != SQLITE_DONE) {
        outbox->is_damaged = outbox_sql_result(outbox->db, code, outbox->path, diag) == ERR_DAMAGED;
        return OUTBOX_CANNOT_WRITE;
    }
    *id = outbox->next_id;
    accept_append(outbox, append);
    return OUTBOX_APPENDED;
}

static enum outbox_append_result match_or_append(struct outbox *outbox, struct append *append, bool by_content,
                                                 int64_t *id, struct diag *diag)
{
    const struct message *message = append->message;
    struct unproved *first =
        append->is_recorded ? outbox_record_match(&outbox->record, message, append->hash, by_content) : NULL;
    if (first == NULL) {
        return append_new(outbox, append, id, diag);
    }
    *id = first->command_id;
    return outbox_record_take(&outbox->record, first, message->packet_id);
}

static enum outbox_append_result run_append(struct outbox *outbox, struct append *append, bool by_content, int64_t *id,
                                            struct diag *diag)
{
    prepare_append(append);
    pthread_mutex_lock(&outbox->mutex);
    enum outbox_append_result result = match_or_append(outbox, append, by_content, id, diag);
    pthread_mutex_unlock(&outbox->mutex);
    free(append->properties);
    return result;
}

enum outbox_append_result outbox_append(struct outbox *outbox, const struct message *message,
                                        const struct moment *arrived, bool by_content, const char *refusal,
                                        const char *command_text, int64_t *id, struct diag *diag)
{
    assert(refusal == NULL || command_text != NULL);
    struct append append = {.message = message,
                            .arrived = arrived,
                            .refusal = refusal,
                            .command_text = command_text,
                            .is_recorded = message->qos > 0};
    return run_append(outbox, &append, by_content, id, diag);
}

enum outbox_append_result outbox_append_answer(struct outbox *outbox, const struct message *message,
                                               const struct moment *arrived, const char *command_text, int64_t *id,
                                               struct diag *diag)
{
    struct append append = {.message = message, .arrived = arrived, .command_text = command_text};
    return run_append(outbox, &append, false, id, diag);
}
