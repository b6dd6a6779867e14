#include "unit/fakes/fake_outbox_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"

// ---- the file

static struct outbox *file; // of which a process has at most one open

enum err outbox_open(const struct outbox_options *options, struct outbox **out, struct diag *damaged_or_null,
                     struct diag *diag)
{
    (void)options;
    (void)damaged_or_null;
    (void)diag;
    file = file == NULL ? mem_alloc(sizeof *file) : file;
    *out = file;
    return ERR_OK;
}

void outbox_close(struct outbox *outbox)
{
    fake_outbox_drop_staged(outbox);
    outbox->is_asked = false;
}

void fake_outbox_erase(void)
{
    struct outbox *outbox = file;
    file = NULL;
    for (size_t i = 0; i < outbox->row_count; i++) {
        fake_outbox_clear_calls(&outbox->rows[i]);
        outbox_row_clear(&outbox->rows[i].row);
    }
    for (size_t i = 0; i < outbox->note_count; i++) {
        free(outbox->notes[i].name);
        free(outbox->notes[i].text);
    }
    free(outbox->told);
    free(outbox);
}

enum err outbox_prove(struct outbox *outbox, struct diag *diag)
{
    return outbox->failing_commits > 0 ? diag_set(diag, ERR_UNAVAILABLE, "the test lets it fail") : ERR_OK;
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

struct fake_row *fake_outbox_find_row(const struct outbox *outbox, int64_t id)
{
    bool is_known = id > 0 && id <= (int64_t)outbox->row_count;
    struct fake_row *row = is_known ? (struct fake_row *)&outbox->rows[id - 1] : NULL;
    return row != NULL && !row->is_gone ? row : NULL;
}

void fake_outbox_clear_calls(struct fake_row *row)
{
    for (size_t i = 0; i < row->call_count; i++) {
        free(row->calls[i].note);
    }
    row->call_count = 0;
}

bool fake_outbox_takes_one(int *times)
{
    bool takes = *times > 0;
    *times -= takes ? 1 : 0;
    return takes;
}

// ---- appends

static void copy_message(struct message *to, const struct message *from)
{
    *to = (struct message){.topic = mem_strdup(from->topic),
                           .payload = mem_alloc(from->payload_len + 1),
                           .payload_len = from->payload_len,
                           .qos = from->qos,
                           .dup = from->dup,
                           .packet_id = from->packet_id,
                           .response_topic = mem_strdup_or_null(from->response_topic)};
    memcpy(to->payload, from->payload, from->payload_len);
}

static int64_t add_row(struct outbox *outbox, const struct message *message, const struct moment *arrived,
                       const char *refusal, const char *command_text)
{
    assert_true(outbox->row_count < ROWS_MAX);
    struct fake_row *row = &outbox->rows[outbox->row_count++];
    *row = (struct fake_row){.row = {.id = (int64_t)outbox->row_count,
                                     .arrived = *arrived,
                                     .refusal = mem_strdup_or_null(refusal),
                                     .command_text = mem_strdup_or_null(command_text)}};
    copy_message(&row->row.message, message);
    return row->row.id;
}

static struct fake_delivery *find_delivery(struct outbox *outbox, const struct message *message,
                                           const unsigned char *hash, bool by_content)
{
    struct fake_delivery *found = NULL;
    for (size_t i = 0; i < outbox->record_count && (message->dup || by_content); i++) {
        struct fake_delivery *each = &outbox->record[i];
        bool same_id = each->packet_id == message->packet_id;
        bool is_earlier = each->connection != outbox->connection;
        if (memcmp(each->hash, hash, HASH_LEN) == 0 && (is_earlier || (same_id && message->dup))) {
            found = found == NULL || same_id ? each : found;
        }
    }
    return found;
}

static enum outbox_append_result take_again(struct outbox *outbox, struct fake_delivery *delivery, uint16_t packet_id)
{
    bool kept_id = delivery->packet_id == packet_id;
    if (delivery->connection == outbox->connection) {
        return OUTBOX_RESENT;
    }
    delivery->packet_id = packet_id;
    delivery->connection = outbox->connection;
    delivery->position = ++outbox->position;
    return kept_id ? OUTBOX_REDELIVERED : OUTBOX_RENUMBERED;
}

static void record(struct outbox *outbox, const struct message *message, const unsigned char *hash, int64_t command)
{
    assert_true(outbox->record_count < RECORD_MAX);
    struct fake_delivery *delivery = &outbox->record[outbox->record_count++];
    *delivery = (struct fake_delivery){.packet_id = message->packet_id,
                                       .command = command,
                                       .connection = outbox->connection,
                                       .position = ++outbox->position};
    memcpy(delivery->hash, hash, HASH_LEN);
}

static enum outbox_append_result append(struct outbox *outbox, const struct message *message,
                                        const struct moment *arrived, const char *refusal, const char *command_text,
                                        int64_t *id, struct diag *diag)
{
    if (fake_outbox_takes_one(&outbox->failing_appends)) {
        diag_set(diag, ERR_UNAVAILABLE, "the test lets it fail");
        return OUTBOX_CANNOT_WRITE;
    }
    if (fake_outbox_takes_one(&outbox->full_appends)) {
        return OUTBOX_NO_ROOM;
    }
    *id = add_row(outbox, message, arrived, refusal, command_text);
    return OUTBOX_APPENDED;
}

enum outbox_append_result outbox_append(struct outbox *outbox, const struct message *message,
                                        const struct moment *arrived, bool by_content, const char *refusal,
                                        const char *command_text, int64_t *id, struct diag *diag)
{
    unsigned char hash[HASH_LEN];
    message_hash(message, hash);
    struct fake_delivery *delivery = find_delivery(outbox, message, hash, by_content);
    if (delivery != NULL) {
        *id = delivery->command;
        return take_again(outbox, delivery, message->packet_id);
    }
    enum outbox_append_result result = append(outbox, message, arrived, refusal, command_text, id, diag);
    if (result == OUTBOX_APPENDED && message->qos > 0) {
        record(outbox, message, hash, *id);
    }
    return result;
}

enum outbox_append_result outbox_append_answer(struct outbox *outbox, const struct message *message,
                                               const struct moment *arrived, const char *command_text, int64_t *id,
                                               struct diag *diag)
{
    return append(outbox, message, arrived, NULL, command_text, id, diag);
}

void outbox_begin_connection(struct outbox *outbox, bool session_present)
{
    (void)session_present;
    outbox->connection++;
}

void outbox_count_packet(struct outbox *outbox, uint16_t packet_id)
{
    (void)outbox;
    (void)packet_id;
}

bool outbox_knows(struct outbox *outbox, const struct message *message)
{
    unsigned char hash[HASH_LEN];
    message_hash(message, hash);
    const struct fake_delivery *delivery = find_delivery(outbox, message, hash, true);
    return delivery != NULL && delivery->connection != outbox->connection;
}

struct outbox_unproved outbox_unproved(struct outbox *outbox)
{
    struct outbox_unproved unproved = {.connection = outbox->connection, .position = outbox->position};
    for (size_t i = 0; i < outbox->record_count; i++) {
        bool is_current = outbox->record[i].connection == outbox->connection;
        unproved.current += is_current ? 1 : 0;
        unproved.earlier += is_current ? 0 : 1;
    }
    return unproved;
}

void outbox_forget_proved(struct outbox *outbox, int64_t connection, int64_t position, bool earlier_too)
{
    size_t kept = 0;
    for (size_t i = 0; i < outbox->record_count; i++) {
        const struct fake_delivery *each = &outbox->record[i];
        bool is_proved = each->connection == connection && each->position <= position;
        if (!is_proved && !(earlier_too && each->connection < connection)) {
            outbox->record[kept++] = *each;
        }
    }
    outbox->record_count = kept;
}

// ---- reading

static struct outbox_row copy_row(const struct fake_row *row)
{
    struct outbox_row copy = {.id = row->row.id,
                              .state = row->row.state,
                              .arrived = row->row.arrived,
                              .refusal = mem_strdup_or_null(row->row.refusal),
                              .command_text = mem_strdup_or_null(row->row.command_text),
                              .reply = mem_strdup_or_null(row->row.reply)};
    copy_message(&copy.message, &row->row.message);
    for (size_t i = 0; i < row->call_count && copy.note == NULL; i++) {
        copy.note = row->calls[i].state == COMMAND_DONE ? NULL : mem_strdup_or_null(row->calls[i].note);
    }
    return copy;
}

enum err outbox_load(struct outbox *outbox, int64_t after, struct outbox_row *rows, size_t max, size_t *count,
                     struct diag *diag)
{
    (void)diag;
    *count = 0;
    for (size_t i = (size_t)after; i < outbox->row_count && *count < max; i++) {
        const struct fake_row *row = &outbox->rows[i];
        if (!row->is_gone && row->row.state != COMMAND_DONE) {
            rows[(*count)++] = copy_row(row);
        }
    }
    return ERR_OK;
}

enum err outbox_load_calls(struct outbox *outbox, int64_t id, struct outbox_call **calls, size_t *count,
                           struct diag *diag)
{
    (void)diag;
    const struct fake_row *row = fake_outbox_find_row(outbox, id);
    *count = row == NULL ? 0 : row->call_count;
    *calls = mem_alloc((*count + 1) * sizeof **calls);
    for (size_t i = 0; i < *count; i++) {
        (*calls)[i] = row->calls[i];
        (*calls)[i].note = mem_strdup_or_null(row->calls[i].note);
    }
    return ERR_OK;
}

void outbox_calls_free(struct outbox_call *calls, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(calls[i].note);
    }
    free(calls);
}

// The row as it will be once what is staged is committed.
struct fake_preview {
    bool is_gone;
    enum command_state state;
    const char *reply;
    const unsigned char *key; // or NULL
    const unsigned char *hash;
};

static struct fake_preview preview(const struct outbox *outbox, const struct fake_row *row)
{
    struct fake_preview view = {.is_gone = row->is_gone,
                                .state = row->row.state,
                                .reply = row->row.reply,
                                .key = row->has_key ? row->key : NULL,
                                .hash = row->hash};
    for (size_t i = 0; i < outbox->staged_count; i++) {
        const struct fake_change *change = &outbox->staged[i];
        if (change->id != row->row.id) {
            continue;
        }
        view.is_gone = view.is_gone || change->kind == DELETE_ROW;
        view.state = change->kind == SET_STATE || change->kind == SET_REPLY ? change->state : view.state;
        view.reply = change->kind == SET_REPLY ? change->text : view.reply;
        view.key = change->kind == SET_KEY ? change->key : view.key;
        view.hash = change->kind == SET_KEY ? change->hash : view.hash;
    }
    return view;
}

enum err outbox_find_original(struct outbox *outbox, int64_t id, const unsigned char key[32],
                              const unsigned char hash[32], const struct moment *now, int64_t window_ms,
                              struct outbox_original *original, struct diag *diag)
{
    (void)diag;
    *original = (struct outbox_original){0};
    for (size_t i = 0; i < outbox->row_count && !original->found; i++) {
        const struct fake_row *row = &outbox->rows[i];
        struct fake_preview view = preview(outbox, row);
        bool is_before = id == 0 || row->row.id < id;
        if (is_before && !view.is_gone && view.key != NULL && memcmp(view.key, key, HASH_LEN) == 0 &&
            clock_elapsed_ms(&row->row.arrived, now) <= window_ms) {
            *original = (struct outbox_original){.found = true,
                                                 .id = row->row.id,
                                                 .state = view.state,
                                                 .same_message = memcmp(view.hash, hash, HASH_LEN) == 0,
                                                 .reply = mem_strdup_or_null(view.reply)};
        }
    }
    return ERR_OK;
}

enum err outbox_purge(struct outbox *outbox, const struct moment *now, int64_t window_ms, int64_t max_done,
                      struct diag *diag)
{
    (void)max_done;
    (void)diag;
    for (size_t i = 0; i < outbox->row_count; i++) {
        struct fake_row *row = &outbox->rows[i];
        bool is_old = clock_elapsed_ms(&row->row.arrived, now) > window_ms;
        row->is_gone = row->is_gone || (row->row.state == COMMAND_DONE && is_old);
    }
    return ERR_OK;
}

struct outbox_counts outbox_counts(struct outbox *outbox)
{
    struct outbox_counts counts = {0};
    for (size_t i = 0; i < outbox->row_count; i++) {
        const struct fake_row *row = &outbox->rows[i];
        bool is_done = row->row.state == COMMAND_DONE;
        counts.done += !row->is_gone && is_done ? 1 : 0;
        counts.commands += !row->is_gone && !is_done ? 1 : 0;
        counts.refused += !row->is_gone && !is_done && row->row.refusal != NULL ? 1 : 0;
    }
    return counts;
}

char *outbox_read_reply(struct outbox *outbox, int64_t id)
{
    const struct fake_row *row = fake_outbox_find_row(outbox, id);
    return row == NULL ? NULL : mem_strdup_or_null(row->row.reply);
}

char *outbox_read_note(struct outbox *outbox, const char *name)
{
    for (size_t i = 0; i < outbox->note_count; i++) {
        if (strcmp(outbox->notes[i].name, name) == 0) {
            return mem_strdup_or_null(outbox->notes[i].text);
        }
    }
    return NULL;
}

// ---- an operator

enum err outbox_take_request(struct outbox *outbox, const struct moment *now, struct outbox_request *request,
                             bool *found, struct diag *diag)
{
    (void)now;
    (void)diag;
    *found = outbox->is_asked;
    *request = outbox->request;
    outbox->is_asked = false;
    return ERR_OK;
}

// ---- the test's side

int fake_outbox_state(const struct outbox *outbox, int64_t id)
{
    const struct fake_row *row = fake_outbox_find_row(outbox, id);
    return row == NULL ? FAKE_OUTBOX_GONE : (int)row->row.state;
}

const char *fake_outbox_reply(const struct outbox *outbox, int64_t id)
{
    const struct fake_row *row = fake_outbox_find_row(outbox, id);
    return row == NULL ? NULL : row->row.reply;
}

int64_t fake_outbox_last_id(const struct outbox *outbox)
{
    return (int64_t)outbox->row_count;
}

size_t fake_outbox_row_count(const struct outbox *outbox)
{
    size_t count = 0;
    for (size_t i = 0; i < outbox->row_count; i++) {
        count += outbox->rows[i].is_gone ? 0 : 1;
    }
    return count;
}

void fake_outbox_fail_commits(struct outbox *outbox, int times)
{
    outbox->failing_commits = times;
}

void fake_outbox_fail_appends(struct outbox *outbox, int times)
{
    outbox->failing_appends = times;
}

void fake_outbox_fill(struct outbox *outbox, int times)
{
    outbox->full_appends = times;
}

void fake_outbox_ask(struct outbox *outbox, enum outbox_verb verb, int64_t command)
{
    outbox->request = (struct outbox_request){.id = REQUEST_ID, .verb = verb, .command = command};
    outbox->is_asked = true;
    free(outbox->told);
    outbox->told = NULL;
}

const char *fake_outbox_told(const struct outbox *outbox)
{
    return outbox->told;
}
