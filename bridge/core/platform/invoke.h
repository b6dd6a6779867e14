// The platform's words for a call: the names of its actions and of their parameters, which of these only the bridge
// sets, and how the calls for one device, for several, and for several commands are made (PLATFORM.md, The two
// actions). Pure data.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "core/platform/name.h"

#define INVOKE_SINGLE      "InvokeThingService"
#define INVOKE_SEVERAL     "InvokeThingsService" // asynchronous, whatever the service is (platform document)
#define INVOKE_MAX_DEVICES 100                   // of one call of INVOKE_SEVERAL (platform document)
#define INVOKE_MAX_BYTES   262144                // of all parameters of one command: ours

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
// The value, or NULL if there is no parameter of this name.
const char *parameters_find(const struct parameters *parameters, const char *name);
void parameters_clear(struct parameters *parameters);

struct call {
    char *action;
    struct parameters parameters; // Action is not among them
    char **device_names;          // the devices of this call
    size_t device_count;
};
void call_add_device(struct call *call, const char *name);
void call_clear(struct call *call);
bool call_is_single(const struct call *call);
bool call_is_several(const struct call *call);

// A service of one device, by its IotId or its name, or of several.
struct invocation {
    const char *iot_id;      // or NULL
    const char *product_key; // of the devices' names
    char *const *device_names;
    size_t device_count;
    const char *identifier;
    const char *args;
};
// The call for up to INVOKE_MAX_DEVICES devices from `first` on. `out` is empty before.
void invoke_call(const struct invocation *invocation, size_t first, struct call *out);

// Single calls that are equal in all but the device can go as one. The key says which are: all parameters but the
// device's name, appended.
void invoke_put_fold_key(const struct call *single, struct buf *key);
// The call for the devices of all; `single` is one of them, and `out` empty before.
void invoke_fold(const struct call *single, char *const *device_names, size_t count, struct call *out);

// Name.1 is the first value of a list under Name (index 0). Caller frees.
char *invoke_numbered(const char *name, size_t index);
// The kind of name that a parameter holds, a numbered one too; false for other parameters.
bool invoke_kind_of_parameter(const char *parameter, enum name_kind *kind);

// What the bridge makes for each request: neither a rule nor the configuration sets it. Ends with NULL.
extern const char *const invoke_made_parameters[];
// That, or what is in every request of an account: the configuration sets it, a rule does not. Case does not count.
bool invoke_is_common_parameter(const char *name);
// May people see the parameter's value in a request for the call? What the call brings, and a few known to be no
// secret.
bool invoke_is_shown(const struct call *call, const char *name);
