// A command that a person gives by hand, without a mapping: one invocation of a service. Pure.
#pragma once

#include <stddef.h>

#include "core/command/command.h"

struct direct {
    const char *product_key;    // NULL with iot_id
    const char *iot_id;         // or NULL
    const char *const *devices; // names; one that is given twice counts once
    size_t device_count;        // 0 with iot_id
    const char *identifier;
    const char *args; // JSON object as text
    size_t args_len;
};

// Always gives a command, of one call; with its refusal set if it cannot be sent: name_invalid, argument_invalid,
// payload_too_deep, number_out_of_range, request_too_large (more than 100 devices or 256 KiB). It has no id, rule or
// topic.
struct command *direct_command(const struct direct *direct);
