// One signed request and its answer, outside the service: no broker, no outbox, no second try.
#pragma once

#include <stdint.h>

#include "app/config/config.h"
#include "base/err.h"
#include "core/command/command.h"
#include "core/command/reply.h"

struct one_call {
    struct call_outcome outcome; // call_outcome_clear
    int64_t duration_ms;
    int attempts;  // 1, or 0 if nothing was sent
    int exit_code; // of sysexits.h, by the outcome
};

// Sends the command's one call, or ends it as refused. SIGINT and SIGTERM end the wait, as `unknown`; they stay
// blocked. The diag says why not even that could be done: ERR_REFUSED for the access key's secret, any other for TLS
// files and the endpoint.
enum err one_call_make(struct config *config, struct config_platform *platform, const struct command *command,
                       struct one_call *out, struct diag *diag) MUST_CHECK;
