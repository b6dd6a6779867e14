// What the outbox keeps of replies and outcomes: texts of our own that come back after a restart.
#include <limits.h>
#include <string.h>

#include "base/crypto.h"
#include "base/mem.h"
#include "core/command/reply.h"

// ---- outcomes of calls

char *call_outcome_encode(const struct call_outcome *outcome)
{
    AUTO_JSON struct json_object *map = json_new_map();
    json_put_text(map, "status", status_name(outcome->status));
    json_put_text(map, "message_id", outcome->message_id);
    json_put_text(map, "request_id", outcome->request_id);
    if (outcome->has_result) {
        json_put(map, "result", json_ref(outcome->result));
    }
    failure_put(&outcome->failure, map);
    return json_print(map);
}

static enum err read_outcome(const struct json_object *map, struct call_outcome *out)
{
    struct call_outcome outcome = {0};
    const char *status = json_member_text(map, "status");
    if (status == NULL || !status_parse(status, &outcome.status) || !failure_read(map, &outcome.failure)) {
        return ERR_SYNTAX;
    }
    struct json_object *result = NULL;
    outcome.has_result = json_member(map, "result", &result);
    outcome.result = json_ref(result);
    outcome.message_id = mem_strdup_or_null(json_member_text(map, "message_id"));
    outcome.request_id = mem_strdup_or_null(json_member_text(map, "request_id"));
    *out = outcome;
    return ERR_OK;
}

enum err call_outcome_decode(const char *text, struct call_outcome *out)
{
    AUTO_JSON struct json_object *map = reply_parse(text);
    return map != NULL ? read_outcome(map, out) : ERR_SYNTAX;
}

// ---- calls that wait to be tried again

char *retry_note_encode(const struct retry_note *note)
{
    AUTO_JSON struct json_object *map = json_new_map();
    json_put(map, "attempts", json_new_int(note->attempts));
    json_put(map, "may_have_run", json_new_bool(note->may_have_run));
    failure_put(&note->failure, map);
    return json_print(map);
}

static enum err read_retry_note(const struct json_object *map, struct retry_note *out)
{
    struct json_object *attempts = NULL;
    struct json_object *may_have_run = NULL;
    struct retry_note note = {0};
    if (!json_member(map, "attempts", &attempts) || json_kind(attempts) != JSON_INT || json_int(attempts) < 0 ||
        json_int(attempts) > INT_MAX || !failure_read(map, &note.failure)) {
        return ERR_SYNTAX;
    }
    note.attempts = (int)json_int(attempts);
    note.may_have_run = json_member(map, "may_have_run", &may_have_run) && json_bool(may_have_run);
    *out = note;
    return ERR_OK;
}

enum err retry_note_decode(const char *text, struct retry_note *out)
{
    AUTO_JSON struct json_object *map = reply_parse(text);
    return map != NULL ? read_retry_note(map, out) : ERR_SYNTAX;
}

// ---- records of final replies

static void add_delivery(struct reply_record *record, const char *topic, const char *correlation, size_t len)
{
    size_t count = record->delivery_count + 1;
    record->deliveries = mem_resize(record->deliveries, count, sizeof *record->deliveries);
    record->deliveries[count - 1] = (struct delivery){
        .topic = mem_strdup(topic),
        .correlation_data = correlation != NULL ? mem_dup(correlation, len) : NULL,
        .correlation_len = correlation != NULL ? len : 0,
    };
    record->delivery_count = count;
}

static bool same_topic(const char *a, const char *b)
{
    return a != NULL && b != NULL && strcmp(a, b) == 0;
}

void reply_record_build(const struct command *command, char *reply, char *progress_or_null, struct reply_record *out)
{
    *out = (struct reply_record){.reply = reply};
    if (command->result_topic != NULL && !same_topic(command->result_topic, command->response_topic)) {
        add_delivery(out, command->result_topic, NULL, 0);
    }
    if (command->response_topic != NULL) {
        add_delivery(out, command->response_topic, command->correlation_data, command->correlation_len);
    }
    if (command->ack_topic == NULL || same_topic(command->ack_topic, command->result_topic)) {
        free(progress_or_null);
    } else if (progress_or_null != NULL) {
        out->progress = progress_or_null;
        out->progress_topic = mem_strdup(command->ack_topic);
    }
}

void reply_record_clear(struct reply_record *record)
{
    for (size_t i = 0; i < record->delivery_count; i++) {
        free(record->deliveries[i].topic);
        free(record->deliveries[i].correlation_data);
    }
    free(record->deliveries);
    free(record->reply);
    free(record->progress);
    free(record->progress_topic);
    *record = (struct reply_record){0};
}

// Correlation data is bytes (MQTT section 3.3.2.3.6), and JSON holds text only: base64.
static struct json_object *delivery_item(const struct delivery *delivery)
{
    struct json_object *item = json_new_map();
    json_put_text(item, "topic", delivery->topic);
    if (delivery->correlation_data != NULL) {
        AUTO_BUF struct buf text = {0};
        crypto_base64_encode(&text, delivery->correlation_data, delivery->correlation_len);
        json_put_text(item, "correlation", text.data);
    }
    return item;
}

char *reply_record_encode(const struct reply_record *record)
{
    AUTO_JSON struct json_object *map = json_new_map();
    json_put_text(map, "reply", record->reply);
    json_put_text(map, "progress", record->progress);
    json_put_text(map, "progress_topic", record->progress_topic);
    struct json_object *deliveries = json_new_list();
    for (size_t i = 0; i < record->delivery_count; i++) {
        json_add(deliveries, delivery_item(&record->deliveries[i]));
    }
    json_put(map, "deliveries", deliveries);
    return json_print(map);
}

static enum err read_delivery(const struct json_object *item, struct reply_record *out)
{
    const char *topic = json_member_text(item, "topic");
    if (topic == NULL) {
        return ERR_SYNTAX;
    }
    const char *correlation = json_member_text(item, "correlation");
    AUTO_BUF struct buf bytes = {0};
    buf_text(&bytes, "");
    if (correlation != NULL && crypto_base64_decode(&bytes, correlation, strlen(correlation)) != ERR_OK) {
        return ERR_SYNTAX;
    }
    add_delivery(out, topic, correlation != NULL ? bytes.data : NULL, bytes.len);
    return ERR_OK;
}

static enum err read_record(const struct json_object *map, struct reply_record *out)
{
    const char *reply = json_member_text(map, "reply");
    struct json_object *deliveries = NULL;
    if (reply == NULL || !json_member(map, "deliveries", &deliveries) || json_kind(deliveries) != JSON_LIST) {
        return ERR_SYNTAX;
    }
    out->reply = mem_strdup(reply);
    out->progress = mem_strdup_or_null(json_member_text(map, "progress"));
    out->progress_topic = mem_strdup_or_null(json_member_text(map, "progress_topic"));
    struct json_object *item = NULL;
    enum err err = (out->progress == NULL) == (out->progress_topic == NULL) ? ERR_OK : ERR_SYNTAX;
    for (size_t i = 0; err == ERR_OK && json_item(deliveries, i, &item); i++) {
        err = read_delivery(item, out);
    }
    return err;
}

enum err reply_record_decode(const char *text, struct reply_record *out)
{
    AUTO_JSON struct json_object *map = reply_parse(text);
    struct reply_record record = {0};
    enum err err = read_record(map, &record);
    if (err != ERR_OK) {
        reply_record_clear(&record);
        return err;
    }
    *out = record;
    return ERR_OK;
}
