// Calls of the platform's actions. Pure data.
#pragma once

#include <stddef.h>

#define INVOKE_MAX_DEVICES 100    // of one InvokeThingsService call (platform document)
#define INVOKE_MAX_BYTES   262144 // of all parameters of one command: ours

// Signed parameters of one action, without the common ones. Names and values are UTF-8 without NUL; values are never
// empty.
struct parameter {
    char *name;
    char *value;
};
struct parameters {
    struct parameter *items;
    size_t count;
};
void parameters_add(struct parameters *parameters, const char *name, const char *value);
void parameters_clear(struct parameters *parameters);

struct call {
    char *action;
    struct parameters parameters; // Action is not among them
    char **device_names;          // the devices of this call
    size_t device_count;
};

void call_clear(struct call *call);
