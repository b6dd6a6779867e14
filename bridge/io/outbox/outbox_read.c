// Rows become structs column by column in one place, for the service's start, the reader beside it and the repair. User
// properties are one blob: name and value alternate, each behind its length.
#include "io/outbox/outbox_internal.h"

#include <string.h>

#include "base/buf.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/mem.h"

static void put_piece(struct buf *out, const char *text)
{
    size_t len = strlen(text);
    unsigned char head[4] = {(unsigned char)(len >> 24), (unsigned char)(len >> 16), (unsigned char)(len >> 8),
                             (unsigned char)len};
    buf_append(out, head, sizeof head);
    buf_append(out, text, len);
}

// Name and value alternate, each led by its length in four bytes, the highest first.
char *outbox_encode_properties(const struct message *message, size_t *len)
{
    struct buf out = {0};
    for (size_t i = 0; i < message->property_count; i++) {
        put_piece(&out, message->properties[i].name);
        put_piece(&out, message->properties[i].value);
    }
    *len = out.len;
    return message->property_count == 0 ? NULL : buf_steal(&out);
}

static char *take_piece(const unsigned char **at, size_t *left)
{
    if (*left < 4) {
        return NULL;
    }
    const unsigned char *head = *at;
    size_t len = (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
    if (len > *left - 4) {
        return NULL;
    }
    *at += 4 + len;
    *left -= 4 + len;
    return mem_dup(head + 4, len);
}

static bool decode_properties(const void *data, size_t len, struct message *message)
{
    const unsigned char *at = data;
    while (len > 0) {
        char *name = take_piece(&at, &len);
        char *value = name == NULL ? NULL : take_piece(&at, &len);
        if (value == NULL) {
            free(name);
            return false;
        }
        message->properties = mem_resize(message->properties, message->property_count + 1, sizeof *message->properties);
        message->properties[message->property_count++] = (struct user_property){.name = name, .value = value};
    }
    return true;
}

static void read_message(sqlite3_stmt *statement, struct message *message)
{
    message->topic = outbox_column_text(statement, COLUMN_TOPIC);
    message->payload = outbox_column_blob(statement, COLUMN_PAYLOAD, &message->payload_len);
    message->qos = sqlite3_column_int(statement, COLUMN_QOS);
    message->dup = sqlite3_column_int(statement, COLUMN_DUP) != 0;
    message->retained = sqlite3_column_int(statement, COLUMN_RETAINED) != 0;
    message->packet_id = (uint16_t)sqlite3_column_int(statement, COLUMN_PACKET_ID);
    message->has_expiry = sqlite3_column_type(statement, COLUMN_EXPIRY_S) != SQLITE_NULL;
    message->expiry_s = (uint32_t)sqlite3_column_int64(statement, COLUMN_EXPIRY_S);
    message->response_topic = outbox_column_text(statement, COLUMN_RESPONSE_TOPIC);
    message->correlation_data = outbox_column_blob(statement, COLUMN_CORRELATION_DATA, &message->correlation_len);
    const void *properties = sqlite3_column_blob(statement, COLUMN_PROPERTIES);
    size_t properties_len = (size_t)sqlite3_column_bytes(statement, COLUMN_PROPERTIES);
    // A start that failed for ever on one row would help nobody: the command runs with what could be read.
    if (!decode_properties(properties, properties_len, message)) {
        LOG(LOG_WARN, "outbox_properties_unreadable", LOG_N("id", sqlite3_column_int64(statement, COLUMN_ID)));
    }
}

void outbox_read_row(sqlite3_stmt *statement, struct outbox_row *row)
{
    *row = (struct outbox_row){.id = sqlite3_column_int64(statement, COLUMN_ID),
                               .state = (enum command_state)sqlite3_column_int(statement, COLUMN_STATE)};
    outbox_column_moment(statement, COLUMN_BOOT_ID, &row->arrived);
    read_message(statement, &row->message);
    row->refusal = outbox_column_text(statement, COLUMN_REFUSAL);
    row->command_text = outbox_column_text(statement, COLUMN_COMMAND_TEXT);
    row->reply = outbox_column_text(statement, COLUMN_REPLY);
    row->note = outbox_column_text(statement, COLUMN_NOTE);
}

void outbox_row_clear(struct outbox_row *row)
{
    message_clear(&row->message);
    free(row->refusal);
    free(row->command_text);
    free(row->reply);
    free(row->note);
    *row = (struct outbox_row){0};
}

int outbox_read_rows(sqlite3_stmt *statement, struct outbox_row *rows, size_t *count)
{
    size_t read = 0;
    int code = sqlite3_step(statement);
    for (; code == SQLITE_ROW; code = sqlite3_step(statement)) {
        outbox_read_row(statement, &rows[read++]);
    }
    sqlite3_reset(statement);
    if (code == SQLITE_DONE) {
        *count = read;
        return code;
    }
    for (size_t i = 0; i < read; i++) {
        outbox_row_clear(&rows[i]);
    }
    return code;
}

char *outbox_read_text(sqlite3_stmt *statement)
{
    char *text = sqlite3_step(statement) == SQLITE_ROW ? outbox_column_text(statement, 0) : NULL;
    sqlite3_reset(statement);
    return text;
}

enum err outbox_load(struct outbox *outbox, int64_t after, struct outbox_row *rows, size_t max, size_t *count,
                     struct diag *diag)
{
    AUTO_LOCK(&outbox->mutex);
    sqlite3_stmt *statement = outbox->statements[SQL_LOAD];
    outbox_bind_int(statement, 1, after);
    outbox_bind_int(statement, 2, (int64_t)max);
    int code = outbox_read_rows(statement, rows, count);
    return outbox_sql_result(outbox->db, code, outbox->path, diag);
}

void outbox_calls_free(struct outbox_call *calls, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(calls[i].note);
    }
    free(calls);
}

int outbox_read_calls(sqlite3_stmt *statement, int64_t id, struct outbox_call **calls, size_t *count)
{
    struct outbox_call *read = NULL;
    size_t read_count = 0;
    outbox_bind_int(statement, 1, id);
    int code = sqlite3_step(statement);
    for (; code == SQLITE_ROW; code = sqlite3_step(statement)) {
        read = mem_resize(read, read_count + 1, sizeof *read);
        read[read_count++] = (struct outbox_call){.call = sqlite3_column_int(statement, 0),
                                                  .state = (enum command_state)sqlite3_column_int(statement, 1),
                                                  .note = outbox_column_text(statement, 2)};
    }
    sqlite3_reset(statement);
    if (code != SQLITE_DONE) {
        outbox_calls_free(read, read_count);
        return code;
    }
    *calls = read;
    *count = read_count;
    return code;
}

enum err outbox_load_calls(struct outbox *outbox, int64_t id, struct outbox_call **calls, size_t *count,
                           struct diag *diag)
{
    AUTO_LOCK(&outbox->mutex);
    int code = outbox_read_calls(outbox->statements[SQL_LOAD_CALLS], id, calls, count);
    return outbox_sql_result(outbox->db, code, outbox->path, diag);
}

char *outbox_read_note(struct outbox *outbox, const char *name)
{
    AUTO_LOCK(&outbox->mutex);
    outbox_bind_text(outbox->statements[SQL_READ_NOTE], 1, name);
    return outbox_read_text(outbox->statements[SQL_READ_NOTE]);
}

char *outbox_read_reply(struct outbox *outbox, int64_t id)
{
    AUTO_LOCK(&outbox->mutex);
    outbox_bind_int(outbox->statements[SQL_READ_REPLY], 1, id);
    return outbox_read_text(outbox->statements[SQL_READ_REPLY]);
}

struct outbox_counts outbox_counts(struct outbox *outbox)
{
    AUTO_LOCK(&outbox->mutex);
    return outbox->counts;
}
