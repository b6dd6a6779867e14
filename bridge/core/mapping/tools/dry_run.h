// What reply a command would get, without a platform: for tests of mappings and for explaining them. Pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json/json.h"
#include "core/command/command.h"
#include "core/platform/api.h"

// Nothing of the command can be sent: it is refused, or its deadline had passed when it came.
bool dry_run_is_over(const struct command *command);
// What the platform answers to the calls of a command, in their order; the last answer is also that to all that follow.
struct dry_run {
    const struct api_input *answers;
    size_t answer_count; // at least one, but for a command that is over
    const struct api_row *extra_rows;
    size_t extra_count;
};
// The final reply if no better answers come until the deadline. The caller frees it.
struct json_object *dry_run_reply(const struct command *command, const struct dry_run *dry_run, int64_t wall_ms);
// The body that the platform sends when it takes a call, as its document shows it: with the device's result, as after
// a synchronous service, that has these data, or without. The caller frees it.
char *dry_run_success_body(const struct call *call, struct json_object *result_data_or_null);
