// The requests of a command (design, section 5, Calls and Order).
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/show.h"
#include "core/mapping/mapping_internal.h"
#include "core/platform/name.h"
#include "core/template/template_internal.h"

struct request {
    const struct rule *rule;
    const struct template_input *input;
    struct command *command;
    struct failure *failure;
    size_t bytes;             // of all parameters so far
    struct json_object *seen; // names of the devices so far
    size_t capacity;          // of the command's device_names
};

static enum err check_name(struct request *request, enum name_kind kind, const char *text)
{
    struct diag diag;
    enum err err = name_check(kind, text, &diag);
    if (err != ERR_OK) {
        failure_set(request->failure, "name_invalid", "%s", diag.text);
    }
    return err;
}

static enum err make_name(struct request *request, const struct template_text *tmpl, enum name_kind kind, char **out)
{
    char *text = NULL;
    enum err err = template_string(tmpl, request->input, &text, request->failure);
    if (err == ERR_OK) {
        err = check_name(request, kind, text);
    }
    if (err != ERR_OK) {
        free(text);
        return err;
    }
    *out = text;
    return ERR_OK;
}

static enum err count_bytes(struct request *request, const struct parameter *parameter)
{
    request->bytes += strlen(parameter->name) + strlen(parameter->value);
    if (request->bytes > INVOKE_MAX_BYTES) {
        failure_set(request->failure, "request_too_large", "the parameters have more than %d bytes", INVOKE_MAX_BYTES);
        return ERR_LIMIT;
    }
    return ERR_OK;
}

// An empty value is refused: SDKs disagree on how to sign it, and leaving it out would change what is asked.
static enum err add_parameter(struct request *request, struct call *call, const char *name, const char *value)
{
    if (*value == '\0') {
        failure_set(request->failure, "argument_invalid", "the parameter %s is empty", name);
        return ERR_REFUSED;
    }
    parameters_add(&call->parameters, name, value);
    return count_bytes(request, &call->parameters.items[call->parameters.count - 1]);
}

static enum err add_device(struct request *request, const char *name)
{
    struct command *command = request->command;
    struct json_object *known;
    enum err err = check_name(request, NAME_DEVICE, name);
    if (err != ERR_OK || json_member(request->seen, name, &known)) {
        return err;
    }
    if (command->device_count == MAPPING_MAX_DEVICES) {
        failure_set(request->failure, "request_too_large", "the command names more than %d devices",
                    MAPPING_MAX_DEVICES);
        return ERR_LIMIT;
    }
    json_put(request->seen, name, NULL);
    command->device_names =
        mem_grow(command->device_names, command->device_count, &request->capacity, sizeof *command->device_names);
    command->device_names[command->device_count++] = mem_strdup(name);
    return ERR_OK;
}

static enum err add_device_value(struct request *request, const struct json_object *value)
{
    bool is_number = json_kind(value) == JSON_INT || json_kind(value) == JSON_REAL;
    if (json_kind(value) != JSON_TEXT) {
        failure_set(request->failure, "name_invalid", "a device's name is text, not %s%s", json_show(value).text,
                    is_number ? "; the rule can make text of it by | string" : "");
        return ERR_REFUSED;
    }
    return add_device(request, json_text(value));
}

static enum err add_device_list(struct request *request, const struct json_object *value)
{
    if (json_kind(value) != JSON_LIST) {
        return add_device_value(request, value);
    }
    for (size_t i = 0; i < json_count(value); i++) {
        enum err err = add_device_value(request, json_at(value, i));
        if (err != ERR_OK) {
            return err;
        }
    }
    return ERR_OK;
}

static enum err add_devices_of(struct request *request, const struct template_text *tmpl)
{
    struct template_value value = {0};
    enum err err = template_evaluate(tmpl, request->input, &value, request->failure);
    if (err != ERR_OK) {
        return err;
    }
    if (value.missing) {
        failure_set(request->failure, "member_missing", "devices: %s has no value: %s", show_plain(tmpl->text).text,
                    value.why);
        return ERR_MISSING;
    }
    // `device` is one, whatever the message brings.
    bool takes_list = request->rule->target == TARGET_DEVICES;
    err = (takes_list ? add_device_list : add_device_value)(request, value.json);
    json_free(value.json);
    return err;
}

static enum err collect_devices(struct request *request)
{
    enum err err = ERR_OK;
    request->seen = json_new_map();
    for (size_t i = 0; i < request->rule->device_count && err == ERR_OK; i++) {
        err = add_devices_of(request, request->rule->devices[i]);
    }
    json_free(request->seen);
    if (err == ERR_OK && request->command->device_count == 0) {
        failure_set(request->failure, "no_devices", "the list of devices is empty; name at least one");
        err = ERR_REFUSED;
    }
    return err;
}

static enum err evaluate_args(struct request *request, struct json_object **out)
{
    if (request->rule->args == NULL) {
        *out = json_new_map();
        return ERR_OK;
    }
    return template_tree_value(request->rule->args, request->input, out, request->failure);
}

static enum err make_args(struct request *request, const struct model_service *service_or_null, char **out)
{
    AUTO_JSON struct json_object *value = NULL;
    enum err err = evaluate_args(request, &value);
    if (err != ERR_OK) {
        return err;
    }
    if (json_kind(value) != JSON_MAP) {
        failure_set(request->failure, "argument_invalid", "args must be a JSON object, not %s", json_show(value).text);
        return ERR_REFUSED;
    }
    AUTO_JSON struct json_object *sent = NULL;
    if (service_or_null != NULL) {
        err = model_check_args(service_or_null, value, &sent, request->failure);
    }
    if (err == ERR_OK) {
        *out = json_print(sent != NULL ? sent : value);
    }
    return err;
}

static enum err add_calls(struct request *request, const char *args)
{
    enum err err = ERR_OK;
    size_t first = 0;
    do {
        const struct call *call = command_add_invoke(request->command, first, args);
        for (size_t i = 0; i < call->parameters.count && err == ERR_OK; i++) {
            err = count_bytes(request, &call->parameters.items[i]);
        }
        first += INVOKE_MAX_DEVICES;
    } while (err == ERR_OK && first < request->command->device_count);
    return err;
}

static enum err find_target(struct request *request)
{
    struct command *command = request->command;
    if (request->rule->target == TARGET_IOT_ID) {
        return make_name(request, request->rule->devices[0], NAME_IOT_ID, &command->iot_id);
    }
    command->product_key = mem_strdup(request->rule->options.product_key);
    return collect_devices(request);
}

// What the models say of the command's service; nothing if the rule has none.
static enum err find_service(struct request *request, const struct model_service **out)
{
    struct command *command = request->command;
    if (request->rule->model_count == 0) {
        return ERR_OK;
    }
    enum err err = rule_find_service(request->rule, command->identifier, out, request->failure);
    if (err == ERR_OK && (*out)->is_sync) {
        command->batch_window_ms = 0; // a call for several devices is asynchronous
    }
    return err;
}

static enum err fill_invoke(struct request *request)
{
    AUTO_FREE char *args = NULL;
    const struct model_service *service = NULL;
    enum err err = make_name(request, request->rule->identifier, NAME_IDENTIFIER, &request->command->identifier);
    if (err == ERR_OK) {
        err = find_service(request, &service);
    }
    if (err == ERR_OK) {
        err = make_args(request, service, &args);
    }
    if (err == ERR_OK) {
        err = find_target(request);
    }
    return err == ERR_OK ? add_calls(request, args) : err;
}

static enum err add_call_value(struct request *request, struct call *call, const char *name,
                               const struct json_object *value)
{
    enum name_kind kind;
    if (json_kind(value) == JSON_NULL) {
        failure_set(request->failure, "argument_invalid", "the parameter %s is null", name);
        return ERR_REFUSED;
    }
    AUTO_FREE char *printed = json_kind(value) == JSON_TEXT ? NULL : json_print(value);
    const char *text = printed != NULL ? printed : json_text(value);
    enum err err = invoke_kind_of_parameter(name, &kind) ? check_name(request, kind, text) : ERR_OK;
    return err != ERR_OK ? err : add_parameter(request, call, name, text);
}

static enum err add_call_parameter(struct request *request, struct call *call, const char *name,
                                   const struct json_object *value)
{
    if (json_kind(value) != JSON_LIST) {
        return add_call_value(request, call, name, value);
    }
    if (json_count(value) == 0) {
        failure_set(request->failure, "argument_invalid", "the list %s is empty", name);
        return ERR_REFUSED;
    }
    enum err err = ERR_OK;
    for (size_t i = 0; i < json_count(value) && err == ERR_OK; i++) {
        AUTO_FREE char *numbered = invoke_numbered(name, i);
        err = add_call_value(request, call, numbered, json_at(value, i));
    }
    return err;
}

// The target of a call, as far as its parameters name one.
static void note_target(struct command *command, struct call *call)
{
    for (size_t i = 0; i < call->parameters.count; i++) {
        const struct parameter *parameter = &call->parameters.items[i];
        enum name_kind kind;
        if (!invoke_kind_of_parameter(parameter->name, &kind)) {
            continue;
        }
        if (kind == NAME_DEVICE) {
            call_add_device(call, parameter->value);
            continue;
        }
        char **member = kind == NAME_PRODUCT_KEY ? &command->product_key
                        : kind == NAME_IOT_ID    ? &command->iot_id
                                                 : &command->identifier;
        free(*member);
        *member = mem_strdup(parameter->value);
    }
    command->device_count = call->device_count;
    command->device_names = mem_alloc((call->device_count + 1) * sizeof(char *));
    for (size_t i = 0; i < call->device_count; i++) {
        command->device_names[i] = mem_strdup(call->device_names[i]);
    }
}

static enum err fill_call(struct request *request)
{
    const struct rule *rule = request->rule;
    struct call *call = command_add_call(request->command);
    call->action = mem_strdup(rule->action);
    for (size_t i = 0; i < rule->parameter_count; i++) {
        AUTO_JSON struct json_object *value = NULL;
        enum err err = template_tree_value(rule->parameters[i].value, request->input, &value, request->failure);
        if (err == ERR_OK) {
            err = add_call_parameter(request, call, rule->parameters[i].name, value);
        }
        if (err != ERR_OK) {
            return err;
        }
    }
    note_target(request->command, call);
    return ERR_OK;
}

static void fill_lanes(struct command *command)
{
    command->lanes = mem_alloc((command->device_count + 1) * sizeof *command->lanes);
    if (command->order == ORDER_RULE) {
        command->lanes[command->lane_count++] = mem_printf("rule/%s", command->rule);
    } else if (command->order == ORDER_DEVICE && command->iot_id != NULL) {
        command->lanes[command->lane_count++] = mem_printf("iot/%s", command->iot_id);
    } else if (command->order == ORDER_DEVICE && command->product_key != NULL) {
        for (size_t i = 0; i < command->device_count; i++) {
            command->lanes[command->lane_count++] = mem_printf("%s/%s", command->product_key, command->device_names[i]);
        }
    }
}

enum err mapping_fill_target(const struct rule *rule, const struct template_input *input, struct command *command,
                             struct failure *failure)
{
    struct request request = {.rule = rule, .input = input, .command = command, .failure = failure};
    enum err err = rule->target == TARGET_CALL ? fill_call(&request) : fill_invoke(&request);
    if (err != ERR_OK) {
        command_clear_target(command);
        return err;
    }
    fill_lanes(command);
    return ERR_OK;
}
