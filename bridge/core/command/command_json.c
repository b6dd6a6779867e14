// A command as the JSON text that the outbox stores. Members may be added; the meaning of one never changes.
#include "core/command/command.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/crypto.h"
#include "base/json/json.h"
#include "base/mem.h"

#define MAX_DEPTH 8

const char *const command_orders[] = {[ORDER_DEVICE] = "device", [ORDER_RULE] = "rule", [ORDER_NONE] = "none", NULL};

static struct json_object *encode_call(const struct call *call)
{
    struct json_object *map = json_new_map();
    struct json_object *parameters = json_new_list();
    for (size_t i = 0; i < call->parameters.count; i++) {
        char *pair[] = {call->parameters.items[i].name, call->parameters.items[i].value};
        json_add(parameters, json_new_texts(pair, 2));
    }
    json_put_text(map, "action", call->action);
    json_put(map, "parameters", parameters);
    json_put(map, "device_names", json_new_texts(call->device_names, call->device_count));
    return map;
}

static struct json_object *encode_calls(const struct command *command)
{
    struct json_object *list = json_new_list();
    for (size_t i = 0; i < command->call_count; i++) {
        json_add(list, encode_call(&command->calls[i]));
    }
    return list;
}

static void put_correlation(const struct command *command, struct json_object *map)
{
    if (command->correlation_data != NULL) {
        AUTO_BUF struct buf text = {0};
        crypto_base64_encode(&text, command->correlation_data, command->correlation_len);
        json_put_text(map, "correlation_data", text.data);
    }
}

// Texts of a command by member name; the required ones are never NULL.
#define TEXTS(X)                                                                                                       \
    X(id, true)                                                                                                        \
    X(rule, true)                                                                                                      \
    X(topic, true)                                                                                                     \
    X(platform, true)                                                                                                  \
    X(product_key, false)                                                                                              \
    X(iot_id, false)                                                                                                   \
    X(identifier, false)                                                                                               \
    X(ack_topic, false)                                                                                                \
    X(result_topic, false)                                                                                             \
    X(response_topic, false)

#define FLAGS(X)                                                                                                       \
    X(id_is_integer)                                                                                                   \
    X(id_given)                                                                                                        \
    X(idempotent)                                                                                                      \
    X(latest_only)                                                                                                     \
    X(reply_topic_refused)                                                                                             \
    X(progress)

char *command_encode(const struct command *command)
{
    AUTO_JSON struct json_object *map = json_new_map();
#define PUT_TEXT(name, required) json_put_text(map, #name, command->name);
    TEXTS(PUT_TEXT)
#undef PUT_TEXT
#define PUT_FLAG(name) json_put(map, #name, json_new_bool(command->name));
    FLAGS(PUT_FLAG)
#undef PUT_FLAG
    json_put(map, "lifetime_ms", json_new_int(command->lifetime_ms));
    json_put(map, "batch_window_ms", json_new_int(command->batch_window_ms));
    json_put(map, "batch_max", json_new_int(command->batch_max));
    json_put_text(map, "order", command_orders[command->order]);
    json_put(map, "device_names", json_new_texts(command->device_names, command->device_count));
    json_put(map, "calls", encode_calls(command));
    json_put(map, "lanes", json_new_texts(command->lanes, command->lane_count));
    put_correlation(command, map);
    if (command->redelivery_of != 0) {
        json_put(map, "redelivery_of", json_new_int(command->redelivery_of));
    }
    if (command->refusal.code != NULL) {
        struct json_object *refusal = json_new_map();
        failure_put(&command->refusal, refusal);
        json_put(map, "refusal", refusal);
    }
    return json_print(map);
}

// A command while it is read: the first thing that is wrong is kept.
struct command_reader {
    const struct json_object *map;
    struct diag *diag;
    enum err err;
};

static void refuse(struct command_reader *reader, const char *name)
{
    if (reader->err == ERR_OK) {
        reader->err = diag_set(reader->diag, ERR_SYNTAX, "the stored command's member %s cannot be read", name);
    }
}

// NULL if it is absent or of another kind; an absent one is wrong only if it is required.
static const struct json_object *read_member(struct command_reader *reader, const char *name, enum json_kind kind,
                                             bool required)
{
    struct json_object *value = NULL;
    bool there = json_member(reader->map, name, &value);
    if (there ? json_kind(value) != kind : required) {
        refuse(reader, name);
        return NULL;
    }
    return value;
}

static char *read_text(struct command_reader *reader, const char *name, bool required)
{
    return mem_strdup_or_null(json_text(read_member(reader, name, JSON_TEXT, required)));
}

// False if it is absent: an earlier version did not know it.
static bool read_flag(struct command_reader *reader, const char *name)
{
    return json_bool(read_member(reader, name, JSON_BOOL, false));
}

static int64_t read_int(struct command_reader *reader, const char *name)
{
    return json_int(read_member(reader, name, JSON_INT, true));
}

static enum order read_order(struct command_reader *reader)
{
    const char *text = json_member_text(reader->map, "order");
    for (size_t i = 0; text != NULL && command_orders[i] != NULL; i++) {
        if (strcmp(command_orders[i], text) == 0) {
            return (enum order)i;
        }
    }
    refuse(reader, "order");
    return ORDER_DEVICE;
}

static void read_texts(struct command_reader *reader, const char *name, char ***texts, size_t *count)
{
    const struct json_object *list = read_member(reader, name, JSON_LIST, true);
    *texts = mem_alloc((json_count(list) + 1) * sizeof **texts);
    for (size_t i = 0; i < json_count(list); i++) {
        const char *text = json_text(json_at(list, i));
        if (text == NULL) {
            refuse(reader, name);
            return;
        }
        (*texts)[(*count)++] = mem_strdup(text);
    }
}

static void read_parameters(struct command_reader *reader, struct parameters *out)
{
    const struct json_object *list = read_member(reader, "parameters", JSON_LIST, true);
    for (size_t i = 0; i < json_count(list); i++) {
        const struct json_object *pair = json_at(list, i);
        const char *name = json_text(json_at(pair, 0));
        const char *value = json_text(json_at(pair, 1));
        if (name == NULL || value == NULL) {
            refuse(reader, "parameters");
            return;
        }
        parameters_add(out, name, value);
    }
}

static void read_calls(struct command_reader *reader, struct command *command)
{
    const struct json_object *list = read_member(reader, "calls", JSON_LIST, true);
    command->calls = mem_alloc((json_count(list) + 1) * sizeof *command->calls);
    for (size_t i = 0; i < json_count(list); i++) {
        struct command_reader inner = {json_at(list, i), reader->diag, ERR_OK};
        struct call *call = &command->calls[command->call_count++];
        call->action = read_text(&inner, "action", true);
        read_parameters(&inner, &call->parameters);
        read_texts(&inner, "device_names", &call->device_names, &call->device_count);
        if (inner.err != ERR_OK) {
            refuse(reader, "calls");
        }
    }
}

// A refusal must not turn into a command that runs, so one that cannot be read is an error.
static void read_refusal(struct command_reader *reader, struct failure *out)
{
    struct json_object *map;
    if (json_member(reader->map, "refusal", &map) &&
        (!failure_read(map, out) || out->code == NULL || json_member_text(map, "detail") == NULL ||
         json_kind(json_get(map, "retry_after_ms")) != JSON_INT)) {
        refuse(reader, "refusal");
    }
}

static void read_correlation(struct command_reader *reader, struct command *command)
{
    AUTO_FREE char *text = read_text(reader, "correlation_data", false);
    AUTO_BUF struct buf bytes = {0};
    if (text == NULL) {
        return;
    }
    if (crypto_base64_decode(&bytes, text, strlen(text)) != ERR_OK) {
        refuse(reader, "correlation_data");
        return;
    }
    command->correlation_len = bytes.len;
    command->correlation_data = buf_steal(&bytes);
}

// Replies write it as it is, so another text would make one that is no JSON.
static void check_integer_id(struct command_reader *reader, const char *id)
{
    AUTO_JSON struct json_object *number = NULL;
    struct diag ignored;
    if (json_parse(id, strlen(id), &(struct json_limits){0}, &number, &ignored) != ERR_OK ||
        json_kind(number) != JSON_INT) {
        refuse(reader, "id");
    }
}

static void read_command(struct command_reader *reader, struct command *command)
{
#define READ_TEXT(name, required) command->name = read_text(reader, #name, required);
    TEXTS(READ_TEXT)
#undef READ_TEXT
#define READ_FLAG(name) command->name = read_flag(reader, #name);
    FLAGS(READ_FLAG)
#undef READ_FLAG
    if (command->id != NULL && command->id_is_integer) {
        check_integer_id(reader, command->id);
    }
    command->lifetime_ms = read_int(reader, "lifetime_ms");
    command->batch_window_ms = read_int(reader, "batch_window_ms");
    command->batch_max = read_int(reader, "batch_max");
    // Absent in most.
    struct json_object *ignored = NULL;
    command->redelivery_of =
        json_member(reader->map, "redelivery_of", &ignored) ? read_int(reader, "redelivery_of") : 0;
    command->order = read_order(reader);
    read_texts(reader, "device_names", &command->device_names, &command->device_count);
    read_calls(reader, command);
    read_texts(reader, "lanes", &command->lanes, &command->lane_count);
    read_correlation(reader, command);
    read_refusal(reader, &command->refusal);
}

enum err command_decode(const char *text, struct command **out, struct diag *diag)
{
    AUTO_JSON struct json_object *map = NULL;
    struct diag why;
    if (json_parse(text, strlen(text), &(struct json_limits){MAX_DEPTH}, &map, &why) != ERR_OK) {
        return diag_set(diag, ERR_SYNTAX, "the stored command cannot be read: %.400s", why.text);
    }
    AUTO_COMMAND struct command *command = command_create();
    struct command_reader reader = {map, diag, ERR_OK};
    read_command(&reader, command);
    if (reader.err != ERR_OK) {
        return reader.err;
    }
    *out = command;
    command = NULL;
    return ERR_OK;
}
