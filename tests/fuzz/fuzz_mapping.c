// A mapping file, and a message: topic, requester's reply topic and payload. What loads is run: its own tests, and the
// message on its topic and on a topic of each rule. What comes of it is held to the promises about requests and
// replies.
#include "fuzz.h"

#include "base/yaml/yaml.h"
#include "core/mapping/load/mapping_load.h"
#include "core/mapping/tools/dry_run.h"
#include "core/mapping/tools/explain.h"
#include "core/mapping/tools/mapping_test.h"
#include "core/platform/name.h"
#include "core/platform/sign.h"
#include "rules.h"

#define UUID      "0192d3c1-0000-7000-8000-000000000001"
#define NOON_MS   1795262400000LL
#define MAX_RULES 12                                               // that are tried with a message
#define PAYLOAD   "{\"level\":50,\"devices\":[\"a\",\"b\",\"a\"]}" // where the input has none

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define DIGITS  "0123456789"

static const char model_text[] =
    "{\"profile\":{\"productKey\":\"k1ymv1DuLfE\"},\"services\":["
    "{\"identifier\":\"Set\",\"callType\":\"async\",\"inputData\":[{\"identifier\":\"brightness\",\"dataType\":"
    "{\"type\":\"int\",\"specs\":{\"min\":\"0\",\"max\":\"100\"}}},{\"identifier\":\"color\",\"dataType\":"
    "{\"type\":\"text\",\"specs\":{\"length\":\"16\"}}}]},"
    "{\"identifier\":\"Calibrate\",\"callType\":\"sync\",\"inputData\":[{\"identifier\":\"gain\",\"required\":true,"
    "\"dataType\":{\"type\":\"float\",\"specs\":{}}}]}]}";

static enum err read_model(const char *path, size_t max_bytes, char **data, size_t *len, struct diag *diag)
{
    if (strstr(path, "lamp") == NULL) {
        return diag_set(diag, ERR_IO, "No such file");
    }
    MUST(sizeof model_text <= max_bytes);
    *data = mem_strdup(model_text);
    *len = strlen(model_text);
    return ERR_OK;
}

static const struct mapping_options options = {.base_topic = "thingbridge",
                                               .default_platform = "default",
                                               .discovery_prefix = "homeassistant",
                                               .max_payload = 262144,
                                               .max_json_depth = 32,
                                               .read_file = read_model};

// ---- names and topics

static void must_be_name(const char *text, size_t max_len, const char *allowed)
{
    MUST(text[0] != '\0' && strlen(text) <= max_len && text[strspn(text, allowed)] == '\0');
}

static void must_be_device(const char *name)
{
    must_be_name(name, 64, LETTERS DIGITS "-_@.:");
}

static void must_be_reply_topic(const struct mapping *mapping, const char *topic_or_null)
{
    if (topic_or_null != NULL) {
        MUST(topic_name_valid(topic_or_null, strlen(topic_or_null)));
        MUST(topic_or_null[0] != '$' && strncmp(topic_or_null, "thingbridge/bridge/", 19) != 0);
        MUST(strncmp(topic_or_null, "homeassistant/", 14) != 0);
        MUST(mapping_match(mapping, topic_or_null) == NULL);
    }
}

// ---- requests

static bool is_own_parameter(struct str name)
{
    static const char *const own[] = {"Action",         "AccessKeyId", "SignatureMethod",
                                      "SignatureNonce", "Timestamp",   "Signature"};
    for (size_t i = 0; i < COUNT_OF(own); i++) {
        if (str_is(name, own[i])) {
            return true;
        }
    }
    return false;
}

static bool is_parameter_of(const struct call *call, struct str name)
{
    for (size_t i = 0; i < call->parameters.count; i++) {
        if (str_is(name, call->parameters.items[i].name)) {
            return true;
        }
    }
    return false;
}

// Nothing in a value can become a parameter of its own.
static void must_be_query(const struct call *call, const char *query)
{
    struct parts parts = parts_of((const uint8_t *)query, strlen(query));
    struct str pair;
    size_t count = 0;
    must_be_name(query, SIZE_MAX, LETTERS DIGITS "-_.~%&=");
    while (next_part(&parts, "&", &pair)) {
        const char *equals = memchr(pair.data, '=', pair.len);
        MUST(equals != NULL);
        struct str name = {pair.data, (size_t)(equals - pair.data)};
        MUST(memchr(equals + 1, '=', pair.len - name.len - 1) == NULL);
        MUST(is_own_parameter(name) != is_parameter_of(call, name));
        count++;
    }
    MUST(count == call->parameters.count + 6);
}

static void must_sign(const struct call *call)
{
    static struct crypto_mac_key *key;
    if (key == NULL) {
        key = sign_key_create("HMAC-SHA1", "secret");
    }
    struct sign_account account = {
        .access_key_id = "xMr9wgwXQLhv5AUa", .algorithm = "HMAC-SHA1", .method = "GET", .key = key};
    AUTO_FREE char *query = sign_request(&account, call, "nonce", "2026-11-21T12:00:00Z", NULL);
    must_be_query(call, query);
}

static void must_be_parameter(const struct parameter *parameter)
{
    enum name_kind kind;
    struct diag diag;
    must_be_name(parameter->name, 80, LETTERS DIGITS "._"); // with the number of a list's item
    MUST(parameter->value[0] != '\0' && str_utf8_valid(parameter->value, strlen(parameter->value)));
    MUST(!invoke_kind_of_parameter(parameter->name, &kind) || name_check(kind, parameter->value, &diag) == ERR_OK);
    if (strcmp(parameter->name, "DeviceName") == 0) {
        must_be_device(parameter->value);
    }
}

static void must_be_call(const struct call *call)
{
    must_be_name(call->action, 64, LETTERS DIGITS);
    for (size_t i = 0; i < call->parameters.count; i++) {
        must_be_parameter(&call->parameters.items[i]);
        for (size_t k = 0; k < i; k++) {
            MUST(strcmp(call->parameters.items[i].name, call->parameters.items[k].name) != 0);
        }
    }
    for (size_t i = 0; i < call->device_count; i++) {
        must_be_device(call->device_names[i]);
    }
    must_sign(call);
}

static void must_be_invoke_calls(const struct command *command)
{
    for (size_t i = 0; i < command->call_count; i++) {
        const struct parameters *parameters = &command->calls[i].parameters;
        const struct parameter *args = &parameters->items[parameters->count - 1];
        MUST(command->calls[i].device_count <= 100);
        MUST(strcmp(args->name, "Args") == 0);
        AUTO_JSON struct json_object *value = must_be_json(args->value);
        MUST(json_kind(value) == JSON_MAP);
    }
    must_be_name(command->identifier, 128, LETTERS DIGITS "_:");
}

// ---- commands

static void must_be_request(const struct rule *rule, const struct command *command)
{
    if (command->refusal.code != NULL) {
        must_be_failure(&command->refusal);
        MUST(command->call_count == 0 && command->lane_count == 0 && command->device_count == 0);
        return;
    }
    MUST(command->call_count >= 1);
    for (size_t i = 0; i < command->call_count; i++) {
        must_be_call(&command->calls[i]);
    }
    if (rule->target != TARGET_CALL) {
        must_be_invoke_calls(command);
    }
}

static void must_store(const struct command *command)
{
    AUTO_FREE char *stored = command_encode(command);
    AUTO_COMMAND struct command *again = NULL;
    struct diag diag;
    MUST(command_decode(stored, &again, &diag) == ERR_OK);
    must_be_same(mem_strdup(stored), command_encode(again));
}

static void must_rehearse(const struct command *command)
{
    static const char refused[] = "{\"Success\":false,\"Code\":\"iot.messagebroker.OFFLINE\",\"ErrorMessage\":\"x\"}";
    struct api_input answer = {.http_status = 200, .body = refused, .body_len = sizeof refused - 1};
    AUTO_JSON struct json_object *value = dry_run_reply(command, &(struct dry_run){&answer, 1, NULL, 0}, NOON_MS);
    MUST(json_member_text(value, "status") != NULL && json_member_text(value, "rule") != NULL);
}

// It shows numbers as the payload has them, also those for which the payload is rejected.
static void must_be_explanation(const char *text)
{
    AUTO_JSON struct json_object *value = NULL;
    MUST(json_parse_lenient(text, strlen(text), &value) == ERR_OK);
}

static void must_explain(const struct mapping *mapping, const struct message *message, const struct moment *arrived,
                         const struct command *command_or_null)
{
    struct command *command = NULL;
    AUTO_JSON struct json_object *told = explain_message(mapping, message, arrived, UUID, &command);
    AUTO_FREE char *text = json_print(told);
    must_be_explanation(text);
    MUST((command == NULL) == (command_or_null == NULL));
    if (command != NULL) {
        must_be_same(command_encode(command), command_encode(command_or_null));
    }
    command_free(command);
}

static struct str behind_lead(struct str text)
{
    size_t len = 1;
    while (len > 0) {
        len = text.len >= 3 && memcmp(text.data, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
        len += len == 0 && text.len > 0 && memchr(" \t\r\n", text.data[0], 4) != NULL;
        text.data += len;
        text.len -= len;
    }
    return text;
}

// Wherever the payload is an object in JSON that is well formed, its id is the command's, but for null.
static void must_keep_id(const struct message *message, const struct command *command)
{
    AUTO_JSON struct json_object *payload = NULL;
    struct json_object *id = NULL;
    struct str json = behind_lead((struct str){message->payload, message->payload_len});
    if (json.len == 0 || json.data[0] != '{' || json_parse_lenient(json.data, json.len, &payload) != ERR_OK ||
        !json_member(payload, "$id", &id) || json_kind(id) == JSON_NULL) {
        return;
    }
    AUTO_FREE char *text = json_kind(id) == JSON_TEXT ? mem_strdup(json_text(id)) : json_print(id);
    bool is_good =
        json_kind(id) == JSON_TEXT && text[0] != '\0' && strlen(text) <= 256 && !str_has_control(text, strlen(text));
    bool is_small = json_kind(id) == JSON_INT && json_int(id) > INT64_MIN && json_int(id) < INT64_MAX;
    if (is_good || is_small) {
        MUST(strcmp(command->id, text) == 0 && command->id_is_integer == is_small && command->id_given);
    } else if (json_kind(id) != JSON_INT) {
        MUST(strcmp(command->id, UUID) == 0 && command->refusal.code != NULL);
    }
}

static bool is_level(const char *at, const char *name)
{
    size_t len = strlen(name);
    return strncmp(at, name, len) == 0 && (at[len] == '/' || at[len] == '\0');
}

// The list of the design: below the command's topic; or reply or response as the first or second level.
static void must_be_allowed(const struct command *command)
{
    const char *topic = command->response_topic;
    if (topic == NULL) {
        return;
    }
    const char *slash = strchr(topic, '/');
    const char *second = slash != NULL ? slash + 1 : "";
    MUST(is_level(topic, command->topic) || is_level(topic, "reply") || is_level(topic, "response") ||
         is_level(second, "reply") || is_level(second, "response"));
}

static void check_message(const struct mapping *mapping, const struct message *message)
{
    struct moment arrived = {.boot_id = "boot", .boot_ms = 1000, .wall_ms = NOON_MS};
    struct command *command = NULL;
    const struct rule *rule = must_match(mapping, message->topic);
    if (rule != NULL) {
        command = mapping_command(mapping, rule, message, &arrived, UUID, NULL);
        must_keep_id(message, command);
        must_be_allowed(command);
        must_be_request(rule, command);
        must_be_no_loop(mapping, rule, message, rule->ack);
        must_be_no_loop(mapping, rule, message, rule->result);
        must_be_reply_topic(mapping, command->ack_topic);
        must_be_reply_topic(mapping, command->result_topic);
        must_be_reply_topic(mapping, command->response_topic);
        must_store(command);
        must_rehearse(command);
    }
    must_explain(mapping, message, &arrived, command);
    command_free(command);
}

// ---- messages

static void append_glob(struct buf *out, const char *glob)
{
    for (; *glob != '\0'; glob++) {
        buf_char(out, *glob == '*' || *glob == '?' ? 'x' : *glob);
    }
}

static const char *glob_of_capture(const struct rule *rule, int capture)
{
    for (size_t i = 0; i < rule->where_count; i++) {
        if (rule->where[i].capture == capture && rule->where[i].globs.count > 0) {
            return rule->where[i].globs.items[0];
        }
    }
    return "lamp-1";
}

// A topic that the rule takes, if no rule before it does.
static char *topic_of_rule(const struct rule *rule)
{
    AUTO_BUF struct buf out = {0};
    for (size_t i = 0; i < rule->pattern->level_count; i++) {
        const struct topic_level *level = &rule->pattern->levels[i];
        buf_text(&out, i > 0 ? "/" : "");
        append_glob(&out, level->kind == LEVEL_TEXT ? level->text : glob_of_capture(rule, level->capture));
    }
    return buf_steal(&out);
}

static void check_messages(const struct mapping *mapping, struct message *message)
{
    char *given = message->topic;
    if (topic_name_valid(given, strlen(given))) {
        check_message(mapping, message);
    }
    for (size_t i = 0; i < mapping_rule_count(mapping) && i < MAX_RULES; i++) {
        AUTO_FREE char *topic = topic_of_rule(mapping_rule_at(mapping, i));
        message->topic = topic;
        if (topic_name_valid(topic, strlen(topic))) {
            check_message(mapping, message);
        }
    }
    message->topic = given;
}

static void run_messages(const struct mapping *mapping, struct parts parts)
{
    static struct user_property properties[] = {{(char *)"site", (char *)"north/+&x=1"}};
    AUTO_FREE char *topic = next_text(&parts, "\n");
    AUTO_FREE char *response = next_text(&parts, "\n");
    struct str rest = rest_of(&parts);
    struct str payload = rest.len > 0 ? rest : (struct str){PAYLOAD, strlen(PAYLOAD)};
    // A copy of its own size, so that reading beyond its end shows.
    AUTO_FREE char *bytes = mem_resize(NULL, payload.len, 1);
    memcpy(bytes, payload.data, payload.len);
    bool named = response[0] != '\0' && str_utf8_valid(response, strlen(response));
    struct message message = {.topic = topic,
                              .payload = bytes,
                              .payload_len = payload.len,
                              .qos = 1,
                              .response_topic = named ? response : NULL,
                              .correlation_data = (char *)"c\0d",
                              .correlation_len = 3,
                              .properties = properties,
                              .property_count = 1};
    check_messages(mapping, &message);
    message.payload_len = 0;
    check_messages(mapping, &message);
}

static void run_tests(const struct mapping *mapping, const struct yaml_document *document)
{
    for (size_t i = 0; i < mapping_test_count(document); i++) {
        struct mapping_test_result result;
        mapping_test_run(mapping, document, i, NULL, 0, &result);
        MUST(result.line >= 1 && result.count <= TEST_MAX_DIFFERENCES);
        for (size_t k = 0; k < result.count; k++) {
            must_tell(result.differences[k].what);
        }
        mapping_test_result_clear(&result);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct parts parts = parts_of(data, size);
    struct str file = {"", 0};
    struct yaml_document *document = NULL;
    struct mapping *mapping = NULL;
    struct problems problems = {0};
    next_part(&parts, PART_SEPARATOR, &file);
    enum err err = yaml_load_text("fuzz.yaml", file.data, file.len, &document, &problems);
    if (err == ERR_OK) {
        err = mapping_create(&document, 1, &options, &mapping, &problems);
    }
    must_be_problems(&problems, err != ERR_OK);
    MUST((mapping != NULL) == (err == ERR_OK));
    if (mapping != NULL) {
        run_tests(mapping, document);
        run_messages(mapping, parts);
    }
    mapping_destroy(mapping);
    yaml_free(document);
    problems_clear(&problems);
    return 0;
}
