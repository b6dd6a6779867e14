// A payload as rules see it (design, section 5, Payloads).
#include <string.h>

#include "core/mapping/mapping_internal.h"

static void refuse(struct mapping_payload *payload, const char *code, const char *detail)
{
    if (payload->failure.code == NULL) {
        failure_set(&payload->failure, code, "%s", detail);
    }
}

// JSON that is well formed and beyond a limit: rejected, and read all the same for the id.
static void read_beyond_limits(struct str json, const struct json_limits *limits, const struct diag *diag,
                               struct mapping_payload *out)
{
    const char *code = json_too_deep(json.data, json.len, limits) ? "payload_too_deep" : "number_out_of_range";
    enum err err = json_parse_lenient(json.data, json.len, &out->value);
    out->exact = false;
    out->present = err == ERR_OK;
    if (err == ERR_SYNTAX) {
        refuse(out, "payload_invalid", "the payload begins like JSON, and is not valid JSON");
    } else {
        refuse(out, code, diag->text);
    }
}

static void read_json(struct str json, const struct json_limits *limits, struct mapping_payload *out)
{
    struct diag diag;
    enum err err = json_parse(json.data, json.len, limits, &out->value, &diag);
    out->present = err == ERR_OK;
    if (err == ERR_LIMIT) {
        read_beyond_limits(json, limits, &diag, out);
    } else if (err != ERR_OK) {
        refuse(out, "payload_invalid", diag.text);
    }
}

static void read_text(const struct message *message, struct mapping_payload *out)
{
    bool valid = str_utf8_valid(message->payload, message->payload_len) &&
                 memchr(message->payload, '\0', message->payload_len) == NULL;
    if (!valid) {
        refuse(out, "payload_invalid", "the payload is not valid UTF-8, or holds NUL");
        return;
    }
    out->value = json_new_text_len(message->payload, message->payload_len);
    out->present = true;
}

// A JSON number, true, false or null is that value; anything else is text, with all that stands before it.
static void read_scalar(const struct message *message, struct str json, const struct json_limits *limits,
                        struct mapping_payload *out)
{
    struct diag diag;
    struct json_object *ignored = NULL;
    enum err err = json_parse(json.data, json.len, limits, &out->value, &diag);
    out->present = err == ERR_OK;
    if (err == ERR_LIMIT && json_parse_lenient(json.data, json.len, &ignored) == ERR_OK &&
        (json_kind(ignored) == JSON_INT || json_kind(ignored) == JSON_REAL)) {
        refuse(out, "number_out_of_range", diag.text);
    } else if (err != ERR_OK) {
        read_text(message, out);
    }
    json_free(ignored);
}

// The payload without the byte order marks and JSON's white space (RFC 8259, section 2) that it begins with.
static struct str skip_lead(const struct message *message)
{
    static const char mark[] = "\xEF\xBB\xBF";
    struct str rest = {message->payload, message->payload_len};
    for (;;) {
        bool is_mark = rest.len >= 3 && memcmp(rest.data, mark, 3) == 0;
        bool is_white = rest.len > 0 && rest.data[0] != '\0' && strchr(" \t\r\n", rest.data[0]) != NULL;
        if (!is_mark && !is_white) {
            return rest;
        }
        rest.data += is_mark ? 3 : 1;
        rest.len -= is_mark ? 3 : 1;
    }
}

static bool take(struct json_object *map, const char *name, struct json_object **out)
{
    struct json_object *value;
    if (!json_member(map, name, &value)) {
        return false;
    }
    *out = json_ref(value);
    json_remove(map, name);
    return true;
}

static void take_bridge_members(struct mapping_payload *payload)
{
    struct json_object *traceparent = NULL;
    take(payload->value, "$id", &payload->id);
    take(payload->value, "$reply_to", &payload->reply_to);
    payload->has_expire = take(payload->value, "$expire", &payload->expire);
    payload->has_sent_at = take(payload->value, "$sent_at", &payload->sent_at);
    take(payload->value, "$traceparent", &traceparent);
    json_free(traceparent);
}

void mapping_payload_read(const struct mapping *mapping, const struct rule *rule, const struct message *message,
                          struct mapping_payload *out)
{
    struct json_limits limits = {mapping->max_json_depth};
    *out = (struct mapping_payload){.exact = true};
    if (message->payload_len == 0) {
        if (rule->options.empty != EMPTY_ACCEPT) {
            refuse(out, "payload_empty", "the rule wants a payload: send {} for a service without arguments");
        }
        return;
    }
    if (message->payload_len > mapping->max_payload) {
        failure_set(&out->failure, "payload_too_large", "the payload has %zu bytes; at most %zu are taken",
                    message->payload_len, mapping->max_payload);
    }
    struct str json = skip_lead(message);
    if (json.len > 0 && json.data[0] != '\0' && strchr("{[\"", json.data[0]) != NULL) {
        read_json(json, &limits, out);
    } else {
        read_scalar(message, json, &limits, out);
    }
    take_bridge_members(out);
}

void mapping_payload_clear(struct mapping_payload *payload)
{
    json_free(payload->value);
    json_free(payload->id);
    json_free(payload->reply_to);
    json_free(payload->expire);
    json_free(payload->sent_at);
    *payload = (struct mapping_payload){0};
}
