#include "core/command/direct.h"

#include <string.h>

#include "base/json/json.h"
#include "base/mem.h"
#include "core/platform/name.h"

#define MAX_DEPTH 32

static void refuse(struct command *command, const char *code, const char *detail)
{
    if (command->refusal.code == NULL) {
        failure_set(&command->refusal, code, "%s", detail);
    }
}

static void check(struct command *command, enum name_kind kind, const char *text_or_null)
{
    struct diag diag;
    if (text_or_null != NULL && name_check(kind, text_or_null, &diag) != ERR_OK) {
        refuse(command, "name_invalid", diag.text);
    }
}

static bool has_device(const struct command *command, const char *name)
{
    for (size_t i = 0; i < command->device_count; i++) {
        if (strcmp(command->device_names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static void add_devices(struct command *command, const struct direct *direct)
{
    command->device_names = mem_alloc((INVOKE_MAX_DEVICES + 1) * sizeof(char *));
    for (size_t i = 0; i < direct->device_count; i++) {
        check(command, NAME_DEVICE, direct->devices[i]);
        if (has_device(command, direct->devices[i])) {
            continue;
        }
        if (command->device_count == INVOKE_MAX_DEVICES) {
            refuse(command, "request_too_large", "one call has at most 100 devices");
            return;
        }
        command->device_names[command->device_count++] = mem_strdup(direct->devices[i]);
    }
}

// The text as the platform gets it: numbers as they were written, without white space.
static char *make_args(struct command *command, const struct direct *direct)
{
    const struct json_limits limits = {MAX_DEPTH};
    AUTO_JSON struct json_object *value = NULL;
    struct diag diag;
    enum err err = json_parse(direct->args, direct->args_len, &limits, &value, &diag);
    if (err == ERR_LIMIT) {
        bool deep = json_too_deep(direct->args, direct->args_len, &limits);
        refuse(command, deep ? "payload_too_deep" : "number_out_of_range", diag.text);
    } else if (err != ERR_OK) {
        AUTO_FREE char *detail = mem_printf("args are not valid: %s", diag.text);
        refuse(command, "argument_invalid", detail);
    } else if (json_kind(value) != JSON_MAP) {
        AUTO_FREE char *detail = mem_printf("args must be a JSON object, not %s", json_show(value).text);
        refuse(command, "argument_invalid", detail);
    }
    return json_print(value);
}

struct command *direct_command(const struct direct *direct)
{
    struct command *command = command_create();
    check(command, NAME_PRODUCT_KEY, direct->product_key);
    check(command, NAME_IOT_ID, direct->iot_id);
    check(command, NAME_IDENTIFIER, direct->identifier);
    add_devices(command, direct);
    AUTO_FREE char *args = make_args(command, direct);
    if (strlen(args) > INVOKE_MAX_BYTES) {
        refuse(command, "request_too_large", "args have more than 256 KiB");
    }
    command->product_key = mem_strdup_or_null(direct->product_key);
    command->iot_id = mem_strdup_or_null(direct->iot_id);
    command->identifier = mem_strdup(direct->identifier);
    if (command->refusal.code != NULL) {
        command_clear_target(command);
    } else {
        command_add_invoke(command, 0, args);
    }
    return command;
}
