// All facts of one command: they are gathered as JSON once, and printed as that or as indented text.
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "app/cli/outbox/cli_outbox_internal.h"
#include "app/cli/terminal.h"
#include "base/buf.h"
#include "base/crypto.h"
#include "base/mem.h"
#include "base/str.h"
#include "core/command/command.h"
#include "core/command/reply.h"

struct shown_command {
    struct outbox_row row;
    struct outbox_call *calls;
    size_t call_count;
};

static void put_base64(struct json_object *map, const char *name, const void *data, size_t len)
{
    AUTO_BUF struct buf text = {0};
    crypto_base64_encode(&text, data, len);
    json_put_text(map, name, text.data);
}

// As text if it cannot be read.
static void put_stored_json(struct json_object *map, const char *name, const char *text_or_null)
{
    struct json_object *value = reply_parse(text_or_null);
    if (value != NULL) {
        json_put(map, name, value);
    } else {
        json_put_text(map, name, text_or_null);
    }
}

// ---- what it was mapped to

static struct json_object *call_json(const struct call *call, enum command_state state, const char *note_or_null)
{
    struct json_object *map = json_new_map();
    struct json_object *parameters = json_new_map();
    for (size_t i = 0; i < call->parameters.count; i++) {
        json_put_text(parameters, call->parameters.items[i].name, call->parameters.items[i].value);
    }
    json_put_text(map, "action", call->action);
    json_put_text(map, "state", outbox_state_words[state]);
    json_put(map, "parameters", parameters);
    json_put(map, "device_names", json_new_texts(call->device_names, call->device_count));
    // Of a call that waits the note has the attempts so far.
    put_stored_json(map, state == COMMAND_DONE ? "outcome" : "last_attempt", note_or_null);
    return map;
}

// Of a command of one call its own state is the call's.
static struct json_object *calls_json(const struct command *command, const struct shown_command *stored)
{
    struct json_object *list = json_new_list();
    for (size_t i = 0; i < command->call_count; i++) {
        enum command_state state = command->call_count == 1 ? stored->row.state : COMMAND_QUEUED;
        const char *note = NULL;
        for (size_t j = 0; j < stored->call_count; j++) {
            if (stored->calls[j].call == (int)i) {
                state = command->call_count == 1 ? state : stored->calls[j].state;
                note = stored->calls[j].note;
            }
        }
        json_add(list, call_json(&command->calls[i], state, note));
    }
    return list;
}

static struct json_object *replies_json(const struct command *command)
{
    struct json_object *map = json_new_map();
    json_put_text(map, "ack", command->ack_topic);
    json_put_text(map, "result", command->result_topic);
    json_put_text(map, "response_topic", command->response_topic);
    if (command->correlation_data != NULL) {
        put_base64(map, "correlation_data_base64", command->correlation_data, command->correlation_len);
    }
    return map;
}

static void put_plan(struct json_object *map, const struct shown_command *stored)
{
    AUTO_COMMAND struct command *command = NULL;
    struct diag reason;
    if (stored->row.command_text == NULL) {
        return;
    }
    if (command_decode(stored->row.command_text, &command, &reason) != ERR_OK) {
        json_put_text(map, "unreadable", reason.text);
        return;
    }
    json_put_time(map, "deadline", stored->row.arrived.wall_ms + command->lifetime_ms);
    json_put(map, "idempotent", json_new_bool(command->idempotent));
    json_put_text(map, "order", command_orders[command->order]);
    json_put_text(map, "platform", command->platform);
    json_put_text(map, "refusal", command->refusal.code == NULL ? NULL : command->refusal.detail);
    json_put(map, "calls", calls_json(command, stored));
    json_put(map, "reply_topics", replies_json(command));
}

// ---- what came, and what goes

static struct json_object *properties_json(const struct message *message)
{
    struct json_object *list = json_new_list();
    for (size_t i = 0; i < message->property_count; i++) {
        char *pair[] = {message->properties[i].name, message->properties[i].value};
        json_add(list, json_new_texts(pair, 2));
    }
    return list;
}

// Payload and properties are stored only as long as they are needed.
static struct json_object *message_json(const struct message *message)
{
    struct json_object *map = json_new_map();
    json_put(map, "qos", json_new_int(message->qos));
    json_put(map, "retained", json_new_bool(message->retained));
    if (message->has_expiry) {
        json_put(map, "expiry_s", json_new_int(message->expiry_s));
    }
    if (message->property_count > 0) {
        json_put(map, "user_properties", properties_json(message));
    }
    if (message->payload_len == 0) {
        return map;
    }
    if (str_utf8_valid(message->payload, message->payload_len) &&
        memchr(message->payload, '\0', message->payload_len) == NULL) {
        json_put(map, "payload", json_new_text_len(message->payload, message->payload_len));
    } else {
        put_base64(map, "payload_base64", message->payload, message->payload_len);
    }
    return map;
}

static void put_reply(struct json_object *map, const char *stored)
{
    struct reply_record record = {0};
    if (reply_record_decode(stored, &record) != ERR_OK) {
        json_put_text(map, "unreadable", "its stored reply");
        return;
    }
    struct json_object *topics = json_new_list();
    for (size_t i = 0; i < record.delivery_count; i++) {
        json_add(topics, json_new_text(record.deliveries[i].topic));
    }
    json_put(map, "reply_goes_to", topics);
    put_stored_json(map, "reply", record.reply);
    reply_record_clear(&record);
}

static struct json_object *all_facts(struct outbox_reader *reader, const struct shown_command *stored)
{
    struct moment now = clock_now();
    struct outbox_view view;
    outbox_view_read(&stored->row, &now, &view);
    outbox_view_look(reader, &view);
    struct json_object *map = outbox_view_json(&view);
    outbox_view_clear(&view);
    put_plan(map, stored);
    if (stored->row.state != COMMAND_DONE) {
        json_put(map, "message", message_json(&stored->row.message));
    }
    if (stored->row.reply != NULL) {
        put_reply(map, stored->row.reply);
    }
    return map;
}

// ---- text

struct text_writer {
    int indent;
    const char *mark; // what stands before the first member of an item of a list
};

static void print_value(const struct json_object *value, int indent);

static bool print_member(void *context, const char *name, struct json_object *value)
{
    struct text_writer *writer = context;
    if (*writer->mark == '\0') {
        printf("%*s", writer->indent, "");
    } else {
        printf("%*s%s", writer->indent - 2, "", writer->mark);
        writer->mark = "";
    }
    terminal_print_clean(stdout, name);
    putchar(':');
    print_value(value, writer->indent + 2);
    return true;
}

static void print_items(const struct json_object *list, int indent)
{
    struct json_object *item = NULL;
    for (size_t i = 0; json_item(list, i, &item); i++) {
        if (json_kind(item) == JSON_MAP && json_count(item) > 0) {
            struct text_writer writer = {.indent = indent + 2, .mark = "- "};
            json_each(item, print_member, &writer);
        } else {
            printf("%*s-", indent, "");
            print_value(item, indent + 2);
        }
    }
}

static void print_value(const struct json_object *value, int indent)
{
    enum json_kind kind = json_kind(value);
    struct text_writer writer = {.indent = indent, .mark = ""};
    if ((kind == JSON_MAP || kind == JSON_LIST) && json_count(value) > 0) {
        putchar('\n');
        if (kind == JSON_MAP) {
            json_each(value, print_member, &writer);
        } else {
            print_items(value, indent);
        }
        return;
    }
    AUTO_FREE char *text = kind == JSON_TEXT ? mem_strdup(json_text(value)) : json_print(value);
    putchar(' ');
    terminal_print_clean(stdout, text);
    putchar('\n');
}

static void print_facts(struct outbox_reader *reader, const struct shown_command *stored, bool json)
{
    AUTO_JSON struct json_object *map = all_facts(reader, stored);
    if (json) {
        AUTO_FREE char *text = json_print_pretty(map);
        terminal_print_json(stdout, text);
        return;
    }
    struct text_writer writer = {.indent = 0, .mark = ""};
    json_each(map, print_member, &writer);
}

int outbox_show_command(struct outbox_reader *reader, int64_t number, bool json)
{
    struct shown_command stored = {0};
    struct diag diag;
    enum err err = outbox_show(reader, number, &stored.row, &stored.calls, &stored.call_count, &diag);
    if (err == ERR_MISSING) {
        fprintf(stderr, "thingbridge outbox show: command %lld has just ended\n", (long long)number);
        return EX_DATAERR;
    }
    if (err != ERR_OK) {
        return outbox_fail("show", err, &diag);
    }
    print_facts(reader, &stored, json);
    outbox_row_clear(&stored.row);
    outbox_calls_free(stored.calls, stored.call_count);
    return EX_OK;
}
