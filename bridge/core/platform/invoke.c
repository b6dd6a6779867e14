#include "core/platform/invoke.h"

#include <stdlib.h>

#include "base/mem.h"

void parameters_add(struct parameters *parameters, const char *name, const char *value)
{
    // Doubled at powers of two: a call can have hundreds of devices.
    if ((parameters->count & (parameters->count - 1)) == 0) {
        size_t capacity = parameters->count > 0 ? parameters->count * 2 : 1;
        parameters->items = mem_resize(parameters->items, capacity, sizeof *parameters->items);
    }
    parameters->items[parameters->count++] = (struct parameter){mem_strdup(name), mem_strdup(value)};
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
