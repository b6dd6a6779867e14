// What reply a command would get, without a platform: for tests of mappings and for explaining them. Pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/api.h"
#include "core/command.h"

// Nothing of the command can be sent: it is refused, or its deadline had passed when it came.
bool rehearse_is_over(const struct command *command);
// The final reply if each call of the command gets this answer, and no better one until its deadline. For a command
// that is over the answer is not read and may be NULL. JSON text, the caller frees.
char *rehearse_reply(const struct command *command, const struct api_input *answer, const struct api_row *extra_rows,
                     size_t extra_count, int64_t wall_ms);
// The body that the platform sends when it takes a call, as its document shows it: with the device's result, as after
// a synchronous service, or without. Constant text.
const char *rehearse_success_body(const struct call *call, bool with_result);
