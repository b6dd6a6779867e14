// BASE/bridge/health: a line of JSON every minute with what the bridge has done and has to do. Core thread.
#pragma once

#include <stdint.h>

#include "app/broker/broker.h"
#include "app/broker/intake.h"
#include "app/service/pipeline/pipeline.h"
#include "base/clock.h"

struct health {
    const char *intake; // as it was reported last
    int64_t started_ms; // CLOCK_BOOTTIME
    int64_t next_ms;
};

void health_init(struct health *health);
void health_run(struct health *health, struct broker *broker, const struct pipeline *pipeline,
                const struct moment *now);
int64_t health_wait_ms(const struct health *health, int64_t now_ms);
// Logs that commands are taken or not, if that has changed, and publishes it as an event. Without a broker only the log
// hears of it.
void health_notify_intake(struct health *health, struct broker *broker_or_null, struct intake *intake,
                          const struct moment *now);
// The counters as one log line, at the end of the process.
void health_log(const struct health *health);
