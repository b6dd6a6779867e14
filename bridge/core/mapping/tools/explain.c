// Makes the report of a message: a JSON object with what happened and why.
//
// The message is mapped as the service maps it. Beside that the rule's templates are evaluated one by one, since a
// command shows only what they give together, and all other rules are looked at for why they did not take it.
#include "core/mapping/tools/explain.h"

#include <string.h>

#include "base/mem.h"
#include "core/mapping/mapping_internal.h"
#include "core/mapping/tools/dry_run.h"
#include "core/template/template_internal.h"

#define MISSING_LEVEL_COST 16 // in the distance of topics: more than most words differ

static struct json_object *rule_json(const struct rule *rule)
{
    struct json_object *map = json_new_map();
    json_put_text(map, "name", rule->options.name);
    json_put_text(map, "topic", rule->pattern->text);
    return map;
}

// ---- rules that do not take it

static struct json_object *passed_over_json(const struct rule *rule, const struct str *captures)
{
    struct json_object *map = rule_json(rule);
    const struct rule_where *failed = rule_where_failed(rule, captures);
    if (failed != NULL) {
        struct str value = captures[failed->capture];
        json_put_text(map, "capture", rule->pattern->names[failed->capture]);
        json_put(map, "value", json_new_text_len(value.data, value.len));
        json_put(map, "globs", json_new_texts(failed->globs.items, failed->globs.count));
    }
    return map;
}

// How unlike a rule's topic is, level by level; wildcards are like everything.
static size_t topic_distance(const struct topic_pattern *pattern, const char *topic)
{
    size_t distance = 0;
    const char *at = topic;
    for (size_t i = 0; i < pattern->level_count; i++) {
        const struct topic_level *level = &pattern->levels[i];
        if (level->kind == LEVEL_REST) {
            return distance;
        }
        if (at == NULL) {
            distance += MISSING_LEVEL_COST;
            continue;
        }
        size_t len = strcspn(at, "/");
        if (level->kind == LEVEL_TEXT) {
            AUTO_FREE char *text = mem_dup(at, len);
            size_t words = str_distance(level->text, text);
            distance += words < MISSING_LEVEL_COST ? words : MISSING_LEVEL_COST;
        }
        at = at[len] == '/' ? at + len + 1 : NULL;
    }
    for (; at != NULL; at = strchr(at, '/') != NULL ? strchr(at, '/') + 1 : NULL) {
        distance += MISSING_LEVEL_COST;
    }
    return distance;
}

struct nearest_rules {
    const struct rule *rules[EXPLAIN_NEAREST];
    size_t distances[EXPLAIN_NEAREST];
    size_t count;
};

// Keeps the nearest, of equally near ones the first.
static void note_nearest(struct nearest_rules *nearest, const struct rule *rule, const char *topic)
{
    size_t distance = topic_distance(rule->pattern, topic);
    size_t place = nearest->count;
    while (place > 0 && nearest->distances[place - 1] > distance) {
        place--;
    }
    if (place == EXPLAIN_NEAREST) {
        return;
    }
    nearest->count += nearest->count < EXPLAIN_NEAREST ? 1 : 0;
    for (size_t i = nearest->count - 1; i > place; i--) {
        nearest->rules[i] = nearest->rules[i - 1];
        nearest->distances[i] = nearest->distances[i - 1];
    }
    nearest->rules[place] = rule;
    nearest->distances[place] = distance;
}

static void put_other_rules(struct json_object *report, const struct mapping *mapping, const struct rule *chosen,
                            const char *topic)
{
    struct json_object *passed_over = json_new_list();
    struct nearest_rules nearest = {.count = 0};
    size_t fitting = 0;
    size_t others = 0;
    for (size_t i = 0; i < mapping->count; i++) {
        const struct rule *rule = mapping->rules[i];
        struct str captures[TOPIC_MAX_CAPTURES];
        if (rule == chosen) {
            continue;
        }
        if (!topic_pattern_match(rule->pattern, topic, captures)) {
            note_nearest(&nearest, rule, topic);
            others++;
        } else if (fitting++ < EXPLAIN_MAX_RULES) {
            json_add(passed_over, passed_over_json(rule, captures));
        }
    }
    struct json_object *near = json_new_list();
    for (size_t i = 0; i < nearest.count; i++) {
        json_add(near, rule_json(nearest.rules[i]));
    }
    size_t shown = json_count(passed_over);
    json_put(report, "passed_over", passed_over);
    json_put(report, "passed_over_omitted", json_new_int((int64_t)(fitting - shown)));
    json_put(report, "other_rules", json_new_int((int64_t)others));
    json_put(report, "nearest", near);
}

// ---- templates of the rule that does

struct values {
    struct json_object *list;
    const struct template_input *input;
};

static void add_value(void *context, const char *place, const struct template_text *tmpl_or_null)
{
    if (tmpl_or_null == NULL) {
        return;
    }
    const struct values *values = context;
    struct json_object *map = json_new_map();
    struct template_value value = {0};
    struct failure failure;
    json_put_text(map, "place", place);
    json_put_text(map, "template", tmpl_or_null->text);
    if (template_evaluate(tmpl_or_null, values->input, &value, &failure) != ERR_OK) {
        json_put_text(map, "problem", failure.detail);
    } else if (value.missing) {
        json_put_text(map, "problem", value.why);
    } else {
        json_put(map, "value", value.json);
    }
    json_add(values->list, map);
}

static void add_target(struct values *values, const struct rule *rule)
{
    static const char *const places[] = {
        [TARGET_DEVICE] = "device", [TARGET_DEVICES] = "devices", [TARGET_IOT_ID] = "iot_id", [TARGET_CALL] = "call"};
    add_value(values, "identifier", rule->identifier);
    for (size_t i = 0; i < rule->device_count; i++) {
        AUTO_FREE char *place =
            rule->device_count == 1 ? mem_strdup(places[rule->target]) : mem_printf("%s.%zu", places[rule->target], i);
        add_value(values, place, rule->devices[i]);
    }
    if (rule->args != NULL) {
        template_tree_each(rule->args, "args", add_value, values);
    }
    for (size_t i = 0; i < rule->parameter_count; i++) {
        template_tree_each(rule->parameters[i].value, rule->parameters[i].name, add_value, values);
    }
}

static void put_templates(struct json_object *report, const struct rule *rule, struct template_input *input,
                          const struct command *command)
{
    struct values values = {json_new_list(), input};
    add_value(&values, "id_from", rule->id_from); // ${id} is what it gives
    input->id = command->id;
    input->id_is_integer = command->id_is_integer;
    add_target(&values, rule);
    add_value(&values, "reply.ack", rule->ack);
    add_value(&values, "reply.result", rule->result);
    add_value(&values, "sent_at", rule->sent_at);
    json_put(report, "templates", values.list);
}

static void put_captures(struct json_object *report, const struct rule *rule, const struct str *captures)
{
    struct json_object *map = json_new_map();
    for (size_t i = 0; i < rule->pattern->name_count; i++) {
        json_put(map, rule->pattern->names[i], json_new_text_len(captures[i].data, captures[i].len));
    }
    json_put(report, "captures", map);
}

// ---- the command

static void put_batch(struct json_object *map, const struct command *command)
{
    if (command->batch_window_ms > 0) {
        struct json_object *batch = json_new_map();
        json_put(batch, "window_ms", json_new_int(command->batch_window_ms));
        json_put(batch, "max", json_new_int(command->batch_max));
        json_put(map, "batch", batch);
    }
}

static void put_command(struct json_object *report, const struct command *command, const struct moment *arrived)
{
    struct json_object *map = json_new_map();
    json_put(map, "id", command->id_is_integer ? json_new_number(command->id) : json_new_text(command->id));
    json_put(map, "id_given", json_new_bool(command->id_given));
    json_put_text(map, "platform", command->platform);
    json_put_time(map, "arrived", arrived->wall_ms);
    json_put_time(map, "deadline", arrived->wall_ms + command->lifetime_ms);
    json_put(map, "expire_ms", json_new_int(command->lifetime_ms));
    json_put_text(map, "order", command_orders[command->order]);
    json_put(map, "idempotent", json_new_bool(command->idempotent));
    json_put(map, "latest_only", json_new_bool(command->latest_only));
    json_put(map, "progress", json_new_bool(command->progress));
    put_batch(map, command);
    json_put_text(map, "ack_topic", command->ack_topic);
    json_put_text(map, "result_topic", command->result_topic);
    json_put_text(map, "response_topic", command->response_topic);
    json_put(map, "reply_topic_refused", json_new_bool(command->reply_topic_refused));
    json_put(report, "command", map);
}

// ---- the reply

static const char service_unknown[] = "unknown";

// NULL for other actions. *result is set for a synchronous service.
static const char *service_kind(const struct rule *rule, const struct command *command, struct json_object **result)
{
    const struct model_service *service = NULL;
    struct failure ignored;
    if (call_is_several(&command->calls[0])) {
        return "async";
    }
    if (!call_is_single(&command->calls[0])) {
        return NULL;
    }
    if (rule->model_count == 0 || rule_find_service(rule, command->identifier, &service, &ignored) != ERR_OK) {
        return service_unknown;
    }
    if (service->is_sync) {
        *result = model_sample(service->outputs, service->output_count);
    }
    return service->is_sync ? "sync" : "async";
}

// `result_or_null`: the data of the device's result, if there is one.
static void put_reply(struct json_object *report, const char *name, const struct command *command,
                      const struct moment *arrived, struct json_object *result_or_null)
{
    AUTO_FREE char *body = dry_run_is_over(command) ? NULL : dry_run_success_body(&command->calls[0], result_or_null);
    struct api_input answer = {.http_status = 200, .body = body, .body_len = body != NULL ? strlen(body) : 0};
    json_put(report, name, dry_run_reply(command, &(struct dry_run){&answer, 1, NULL, 0}, arrived->wall_ms));
}

static void put_replies(struct json_object *report, const struct rule *rule, const struct command *command,
                        const struct moment *arrived)
{
    if (dry_run_is_over(command)) {
        put_reply(report, "reply", command, arrived, NULL);
        return;
    }
    AUTO_JSON struct json_object *result = NULL;
    const char *kind = service_kind(rule, command, &result);
    json_put_text(report, "service", kind);
    put_reply(report, "reply", command, arrived, result);
    if (kind == service_unknown) {
        AUTO_JSON struct json_object *nothing = json_new_map();
        put_reply(report, "reply_if_sync", command, arrived, nothing);
    }
}

static struct command *explain_command(struct json_object *report, const struct mapping *mapping,
                                       const struct rule *rule, const struct message *message,
                                       const struct moment *arrived, const char *uuid)
{
    struct command *command = mapping_command(mapping, rule, message, arrived, uuid, NULL);
    struct str captures[TOPIC_MAX_CAPTURES];
    struct template_input input;
    struct mapping_payload payload;
    mapping_payload_read(mapping, rule, message, &payload);
    mapping_make_input(rule, message, arrived, &payload, captures, &input);
    json_put_text(report, "outcome",
                  command->refusal.code != NULL ? "rejected"
                  : command->lifetime_ms <= 0   ? "expired"
                                                : "request");
    json_put(report, "rule", rule_json(rule));
    put_captures(report, rule, captures);
    put_templates(report, rule, &input, command);
    put_command(report, command, arrived);
    put_replies(report, rule, command, arrived);
    mapping_payload_clear(&payload);
    return command;
}

struct json_object *explain_message(const struct mapping *mapping, const struct message *message,
                                    const struct moment *arrived, const char *uuid, struct command **command_or_null)
{
    struct json_object *report = json_new_map();
    const struct rule *rule = mapping_match(mapping, message->topic);
    *command_or_null = NULL;
    json_put_text(report, "topic", message->topic);
    if (rule != NULL) {
        *command_or_null = explain_command(report, mapping, rule, message, arrived, uuid);
    } else {
        json_put_text(report, "outcome", mapping_is_own_topic(mapping, message->topic) ? "own_topic" : "no_rule");
    }
    put_other_rules(report, mapping, rule, message->topic);
    return report;
}
