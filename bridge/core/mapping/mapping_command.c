// From a message to a command.
//
// The steps need each other's results in this order: the payload, what templates see, the id (which templates can use),
// reply topics, the lifetime, and at last the calls. Each step refuses what is wrong and leaves the rest to the next,
// so that a refused command has an id and reply topics too; the first refusal counts.
#include <stdlib.h>
#include <string.h>

#include "base/json/json.h"
#include "base/mem.h"
#include "core/mapping/mapping_internal.h"
#include "core/template/template_internal.h"

#define MAX_ID_LEN 256
// Year 9999: further away, a time is a mistake, and sums could overflow.
#define MAX_WALL_MS   253402300800000LL
#define LEAST_WALL_MS 100000000000LL

struct mapper {
    const struct mapping *mapping;
    const struct rule *rule;
    const struct message *message;
    const struct moment *arrived;
    struct mapping_payload payload;
    struct str captures[TOPIC_MAX_CAPTURES];
    struct template_input input;
    struct command *command;
};

// The first reason is the one that is reported.
static void refuse(struct mapper *mapper, const struct failure *failure)
{
    if (mapper->command->refusal.code == NULL) {
        mapper->command->refusal = *failure;
    }
}

static void refuse_value(struct mapper *mapper, const char *code, const char *what, const struct json_object *value)
{
    struct failure failure;
    failure_set(&failure, code, "%s is %s", what, json_show(value).text);
    refuse(mapper, &failure);
}

static bool is_saturated(const char *number)
{
    static const char *const ends[] = {"18446744073709551615", "9223372036854775807", "-9223372036854775808", NULL};
    return str_is_one_of(number, ends);
}

// Text of 1 to 256 bytes without control characters, or an integer.
static bool take_id(struct mapper *mapper, const struct json_object *value)
{
    struct command *command = mapper->command;
    if (json_kind(value) == JSON_INT) {
        AUTO_FREE char *number = json_print(value);
        if (!mapper->payload.exact && is_saturated(number)) {
            return false;
        }
        command->id = mem_strdup(number);
        command->id_is_integer = true;
        return true;
    }
    const char *text = json_text(value);
    size_t len = text != NULL ? strlen(text) : 0;
    if (len == 0 || len > MAX_ID_LEN || str_has_control(text, len)) {
        return false;
    }
    command->id = mem_strdup(text);
    return true;
}

// What is missing or null is no id.
static void take_id_from_rule(struct mapper *mapper)
{
    struct template_value value = {0};
    struct failure failure;
    if (template_evaluate(mapper->rule->id_from, &mapper->input, &value, &failure) != ERR_OK) {
        refuse(mapper, &failure);
    } else if (json_kind(value.json) != JSON_NULL && !take_id(mapper, value.json)) {
        refuse_value(mapper, "id_invalid", "what id_from gives", value.json);
    }
    json_free(value.json);
}

static void find_id(struct mapper *mapper, const char *uuid)
{
    if (mapper->payload.id != NULL) {
        if (!take_id(mapper, mapper->payload.id)) {
            refuse_value(mapper, "id_invalid", "$id", mapper->payload.id);
        }
    } else if (mapper->rule->id_from != NULL) {
        take_id_from_rule(mapper);
    }
    mapper->command->id_given = mapper->command->id != NULL;
    if (mapper->command->id == NULL) {
        mapper->command->id = mem_strdup(uuid);
    }
    mapper->input.id = mapper->command->id;
    mapper->input.id_is_integer = mapper->command->id_is_integer;
}

// NULL if there is none, or it may not be used.
static char *make_reply_topic(struct mapper *mapper, const struct template_text *tmpl)
{
    char *topic = NULL;
    struct failure failure;
    if (tmpl == NULL) {
        return NULL;
    }
    if (template_string(tmpl, &mapper->input, &topic, &failure) != ERR_OK) {
        refuse(mapper, &failure);
        return NULL;
    }
    if (!mapping_reply_possible(mapper->mapping, topic)) {
        mapper->command->reply_topic_refused = true;
        free(topic);
        return NULL;
    }
    return topic;
}

// What the requester names: the property, or $reply_to. Null counts as nothing.
static bool requested_topic(const struct mapper *mapper, const char **topic)
{
    if (mapper->message->response_topic != NULL) {
        *topic = mapper->message->response_topic;
        return true;
    }
    *topic = json_text(mapper->payload.reply_to);
    return json_kind(mapper->payload.reply_to) != JSON_NULL;
}

static void find_response_topic(struct mapper *mapper)
{
    struct command *command = mapper->command;
    const char *topic = NULL;
    if (mapper->rule->options.response_topic == RESPONSE_IGNORE || !requested_topic(mapper, &topic)) {
        return;
    }
    if (topic == NULL || !mapping_reply_allowed(mapper->mapping, command->topic, topic)) {
        command->reply_topic_refused = true;
        return;
    }
    command->response_topic = mem_strdup(topic);
    if (mapper->rule->options.response_topic == RESPONSE_INSTEAD) {
        free(command->ack_topic);
        free(command->result_topic);
        command->ack_topic = NULL;
        command->result_topic = NULL;
    }
}

static void find_replies(struct mapper *mapper)
{
    struct command *command = mapper->command;
    const struct message *message = mapper->message;
    command->progress = mapper->rule->progress;
    command->ack_topic = make_reply_topic(mapper, mapper->rule->ack);
    command->result_topic = make_reply_topic(mapper, mapper->rule->result);
    if (message->correlation_data != NULL) {
        command->correlation_data = mem_dup(message->correlation_data, message->correlation_len);
        command->correlation_len = message->correlation_len;
    }
    find_response_topic(mapper);
}

// Duration text such as "10s", or milliseconds.
static bool read_expire(const struct json_object *value, int64_t *ms)
{
    const char *text = json_text(value);
    if (text != NULL) {
        return str_parse_duration_ms(text, ms) == ERR_OK && *ms > 0;
    }
    *ms = json_int(value);
    return *ms > 0 && *ms <= MAPPING_MAX_LIFETIME;
}

// Milliseconds since 1970, or seconds: as milliseconds such a number would lie before March 1973, as seconds it reaches
// the year 5138.
static bool read_since_1970(int64_t number, int64_t *wall_ms)
{
    *wall_ms = number < LEAST_WALL_MS ? number * 1000 : number;
    return number >= 0 && *wall_ms < MAX_WALL_MS;
}

// RFC 3339 time, or a number since 1970, also as text.
static bool read_time(const struct json_object *value, int64_t *wall_ms)
{
    int64_t number = 0;
    const char *text = json_text(value);
    if (text == NULL) {
        return json_kind(value) == JSON_INT && read_since_1970(json_int(value), wall_ms);
    }
    if (str_parse_int(text, &number) == ERR_OK) {
        return read_since_1970(number, wall_ms);
    }
    return clock_parse_iso(text, wall_ms) && *wall_ms >= 0 && *wall_ms < MAX_WALL_MS;
}

// Gives the time at which the message was sent, if it says so.
static bool find_sent_at(struct mapper *mapper, int64_t *wall_ms)
{
    struct template_value sent = {json_ref(mapper->payload.sent_at), !mapper->payload.has_sent_at, ""};
    struct failure failure;
    if (sent.missing && mapper->rule->sent_at != NULL &&
        template_evaluate(mapper->rule->sent_at, &mapper->input, &sent, &failure) != ERR_OK) {
        refuse(mapper, &failure);
        return false;
    }
    bool is_read = !sent.missing && read_time(sent.json, wall_ms);
    if (!sent.missing && !is_read) {
        refuse_value(mapper, "expire_invalid", "the time when it was sent", sent.json);
    }
    json_free(sent.json);
    return is_read;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void find_lifetime(struct mapper *mapper)
{
    int64_t expire_ms = mapper->rule->options.expire_ms;
    if (mapper->payload.has_expire && !read_expire(mapper->payload.expire, &expire_ms)) {
        refuse_value(mapper, "expire_invalid", "$expire", mapper->payload.expire);
        expire_ms = mapper->rule->options.expire_ms;
    }
    int64_t lifetime_ms = expire_ms;
    int64_t sent_ms;
    if (mapper->message->has_expiry) {
        lifetime_ms = least(lifetime_ms, (int64_t)mapper->message->expiry_s * 1000);
    }
    if (find_sent_at(mapper, &sent_ms)) {
        lifetime_ms = least(lifetime_ms, sent_ms + expire_ms - mapper->arrived->wall_ms);
        mapper->command->age_known = true;
    }
    mapper->command->lifetime_ms = lifetime_ms;
}

void mapping_make_input(const struct rule *rule, const struct message *message, const struct moment *arrived,
                        const struct mapping_payload *payload, struct str *captures, struct template_input *out)
{
    rule_takes(rule, message->topic, captures);
    *out = (struct template_input){.captures = captures,
                                   .topic = message->topic,
                                   .payload = payload->value,
                                   .has_payload = payload->present,
                                   .payload_unreadable = !payload->present && message->payload_len > 0,
                                   .properties = message->properties,
                                   .property_count = message->property_count,
                                   .now_wall_ms = arrived->wall_ms};
}

static void prepare(struct mapper *mapper)
{
    const struct rule *rule = mapper->rule;
    const struct message *message = mapper->message;
    struct command *command = mapper->command;
    command->rule = mem_strdup(rule->options.name);
    command->topic = mem_strdup(message->topic);
    command->platform =
        mem_strdup(rule->options.platform != NULL ? rule->options.platform : mapper->mapping->default_platform);
    command->idempotent = rule->options.idempotent;
    command->latest_only = rule->options.latest_only;
    command->batch_window_ms = rule->batch.window_ms;
    command->batch_max = rule->batch.max;
    command->order = (enum order)rule->options.order;
    mapping_payload_read(mapper->mapping, rule, message, &mapper->payload);
    mapping_make_input(rule, message, mapper->arrived, &mapper->payload, mapper->captures, &mapper->input);
}

struct command *mapping_command(const struct mapping *mapping, const struct rule *rule, const struct message *message,
                                const struct moment *arrived, const char *uuid, const struct failure *refuse_with)
{
    struct mapper mapper = {
        .mapping = mapping, .rule = rule, .message = message, .arrived = arrived, .command = command_create()};
    struct failure failure;
    prepare(&mapper);
    if (refuse_with != NULL) {
        refuse(&mapper, refuse_with);
    }
    if (mapper.payload.failure.code != NULL) {
        refuse(&mapper, &mapper.payload.failure);
    }
    find_id(&mapper, uuid);
    find_replies(&mapper);
    find_lifetime(&mapper);
    if (mapper.command->refusal.code == NULL &&
        mapping_fill_target(rule, &mapper.input, mapper.command, &failure) != ERR_OK) {
        refuse(&mapper, &failure);
    }
    mapping_payload_clear(&mapper.payload);
    return mapper.command;
}
