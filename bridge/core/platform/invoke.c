// A call is a list of parameters in the order in which they were added; signing sorts a copy. An invocation for one
// device becomes a single call, one for several becomes calls with numbered names, as many devices in each as the
// platform takes. Single calls that differ in nothing but the device have one fold key, and are sent as one call for
// several.
#include "core/platform/invoke.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

#define PRODUCT_KEY "ProductKey"
#define IOT_ID      "IotId"
#define DEVICE_NAME "DeviceName"
#define IDENTIFIER  "Identifier"
#define ARGS        "Args"

// ---- parameters

void parameters_add(struct parameters *parameters, const char *name, const char *value)
{
    // Doubled at powers of two: a call can have hundreds of devices.
    if ((parameters->count & (parameters->count - 1)) == 0) {
        size_t capacity = parameters->count > 0 ? parameters->count * 2 : 1;
        parameters->items = mem_resize(parameters->items, capacity, sizeof *parameters->items);
    }
    parameters->items[parameters->count++] = (struct parameter){mem_strdup(name), mem_strdup(value)};
}

const char *parameters_find(const struct parameters *parameters, const char *name)
{
    for (size_t i = 0; i < parameters->count; i++) {
        if (strcmp(parameters->items[i].name, name) == 0) {
            return parameters->items[i].value;
        }
    }
    return NULL;
}

void parameters_clear(struct parameters *parameters)
{
    for (size_t i = 0; i < parameters->count; i++) {
        free(parameters->items[i].name);
        free(parameters->items[i].value);
    }
    free(parameters->items);
    *parameters = (struct parameters){0};
}

char *invoke_numbered(const char *name, size_t index)
{
    return mem_printf("%s.%zu", name, index + 1);
}

bool invoke_kind_of_parameter(const char *parameter, enum name_kind *kind)
{
    static const struct {
        const char *parameter;
        enum name_kind kind;
    } rows[] = {
        {PRODUCT_KEY, NAME_PRODUCT_KEY},
        {IOT_ID, NAME_IOT_ID},
        {DEVICE_NAME, NAME_DEVICE},
        {IDENTIFIER, NAME_IDENTIFIER},
    };
    struct str name = {parameter, strcspn(parameter, ".")};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (str_is(name, rows[i].parameter)) {
            *kind = rows[i].kind;
            return true;
        }
    }
    return false;
}

const char *const invoke_made_parameters[] = {"Action",          "AccessKeyId", "Signature", "SignatureNonce",
                                              "SignatureMethod", "Timestamp",   NULL};

bool invoke_is_common_parameter(const char *name)
{
    static const char *const of_account[] = {"SecurityToken", "SignatureVersion", NULL};
    return str_is_one_of_folded(name, invoke_made_parameters) || str_is_one_of_folded(name, of_account);
}

bool invoke_is_shown(const struct call *call, const char *name)
{
    static const char *const known[] = {
        "Action",  "AccessKeyId", "SignatureMethod", "SignatureNonce", "Timestamp", "SignatureVersion",
        "Version", "Format",      "RegionId",        "IotInstanceId",  NULL};
    bool of_call = parameters_find(&call->parameters, name) != NULL;
    return str_is_one_of(name, known) || (of_call && !invoke_is_common_parameter(name));
}

// ---- calls

void call_add_device(struct call *call, const char *name)
{
    call->device_names = mem_resize(call->device_names, call->device_count + 1, sizeof(char *));
    call->device_names[call->device_count++] = mem_strdup(name);
}

void call_clear(struct call *call)
{
    free(call->action);
    parameters_clear(&call->parameters);
    for (size_t i = 0; i < call->device_count; i++) {
        free(call->device_names[i]);
    }
    free(call->device_names);
    *call = (struct call){0};
}

bool call_is_single(const struct call *call)
{
    return strcmp(call->action, INVOKE_SINGLE) == 0;
}

bool call_is_several(const struct call *call)
{
    return strcmp(call->action, INVOKE_SEVERAL) == 0;
}

static void add_numbered_device(struct call *call, size_t index, const char *name)
{
    AUTO_FREE char *parameter = invoke_numbered(DEVICE_NAME, index);
    parameters_add(&call->parameters, parameter, name);
    call_add_device(call, name);
}

void invoke_call(const struct invocation *invocation, size_t first, struct call *out)
{
    bool several = invocation->device_count > 1;
    out->action = mem_strdup(several ? INVOKE_SEVERAL : INVOKE_SINGLE);
    if (invocation->iot_id != NULL) {
        parameters_add(&out->parameters, IOT_ID, invocation->iot_id);
    } else {
        parameters_add(&out->parameters, PRODUCT_KEY, invocation->product_key);
    }
    if (invocation->device_count == 1) {
        parameters_add(&out->parameters, DEVICE_NAME, invocation->device_names[0]);
        call_add_device(out, invocation->device_names[0]);
    }
    for (size_t i = 0; several && i < INVOKE_MAX_DEVICES && first + i < invocation->device_count; i++) {
        add_numbered_device(out, i, invocation->device_names[first + i]);
    }
    parameters_add(&out->parameters, IDENTIFIER, invocation->identifier);
    parameters_add(&out->parameters, ARGS, invocation->args);
}

// ---- folding

static bool is_device(const struct parameter *parameter)
{
    return strcmp(parameter->name, DEVICE_NAME) == 0;
}

void invoke_put_fold_key(const struct call *single, struct buf *key)
{
    for (size_t i = 0; i < single->parameters.count; i++) {
        const struct parameter *parameter = &single->parameters.items[i];
        if (!is_device(parameter)) {
            buf_printf(key, "\n%s=%s", parameter->name, parameter->value);
        }
    }
}

void invoke_fold(const struct call *single, char *const *device_names, size_t count, struct call *out)
{
    out->action = mem_strdup(INVOKE_SEVERAL);
    for (size_t i = 0; i < single->parameters.count; i++) {
        const struct parameter *parameter = &single->parameters.items[i];
        if (!is_device(parameter)) {
            parameters_add(&out->parameters, parameter->name, parameter->value);
        }
    }
    for (size_t i = 0; i < count; i++) {
        add_numbered_device(out, i, device_names[i]);
    }
}
