// What an operator asks of the running service with `thingbridge outbox`: requests come by the outbox's file and are
// performed between two turns' commits. Core thread.
#pragma once

#include <stdint.h>

#include "app/service/pipeline/pipeline.h"
#include "io/outbox/outbox.h"

struct operator_requests {
    struct outbox *outbox;
    struct pipeline *pipeline;
    int64_t next_ms; // CLOCK_BOOTTIME
};

// Performs what waits, at most every 250 ms. The answers are staged with what was done. Not while changes of an earlier
// turn wait for their commit.
void operator_run(struct operator_requests *mine, const struct moment *now);
int64_t operator_wait_ms(const struct operator_requests *mine, int64_t now_ms);
