// One command's way from its arrival to the acknowledgment of its reply. The only file that calls core and io together.
// Core thread.
//
// Nothing leaves before its commit: requests and replies are gathered in lists during a turn of the loop, and
// pipeline_release sends them after outbox_commit.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "app/broker/broker.h"
#include "app/broker/receiver/mail.h"
#include "app/broker/receiver/waiting.h"
#include "app/service/call/platform.h"
#include "io/http/http.h"
#include "io/outbox/outbox.h"

// The outbox's note on a platform that cannot be used: this and its name. JSON: cause, since.
#define PIPELINE_NOTE_DOWN "platform_down/"

struct json_object;
struct pipeline;

struct pipeline_options {
    const struct config *config;
    const struct mapping *mapping;
    struct platform_set *platforms;
    struct http *http;
    struct outbox *outbox;
    struct waiting *waiting;
};

struct pipeline *pipeline_create(const struct pipeline_options *options);
void pipeline_destroy(struct pipeline *pipeline); // open commands stay in the outbox
void pipeline_set_broker(struct pipeline *pipeline, struct broker *broker);

// Takes up what the outbox holds: QUEUED goes on, SENT ends `unknown` (of an idempotent rule: is sent again), REPLIED
// is published again.
enum err pipeline_restore(struct pipeline *pipeline, const struct moment *now, struct diag *diag) MUST_CHECK;
// Takes the arrival's command.
void pipeline_accept(struct pipeline *pipeline, struct arrival *arrival, const struct moment *now);
// Takes the answer's content.
void pipeline_answered(struct pipeline *pipeline, struct http_answer *answer, const struct moment *now);
// Ends what is too late and lets go what may go.
void pipeline_run(struct pipeline *pipeline, const struct moment *now);
// After the commit.
void pipeline_release(struct pipeline *pipeline, const struct moment *now);
// The broker's `done`; context is the pipeline.
void pipeline_reply_done(void *context, struct outgoing *outgoing);

// What an operator asks for; `report` gets a sentence for them in any case. ERR_MISSING: there is no such command any
// more; ERR_REFUSED: it cannot be done, and nothing was changed. Not while changes of an earlier turn wait for their
// commit.
//
// A waiting command is tried as soon as its turn comes.
enum err pipeline_retry_now(struct pipeline *pipeline, int64_t row_id, const struct moment *now,
                            struct diag *report) MUST_CHECK;
// Ends a command: `rejected`, or `unknown` if an attempt may have run; the answer to a request that is under way is
// then ignored, but the command's lanes and its place among the requests in flight are free only after it. A reply that
// waits while there is no connection to publish it is thrown away.
enum err pipeline_drop(struct pipeline *pipeline, int64_t row_id, const struct moment *now,
                       struct diag *report) MUST_CHECK;

// No further request leaves; what waits stays in the outbox. QoS 0 commands that wait are rejected.
void pipeline_stop(struct pipeline *pipeline, const struct moment *now);
// BASE/bridge/platform as it is now; for a broker that has just been connected.
void pipeline_publish_platform(struct pipeline *pipeline, const struct moment *now);
// For bridge/health: a JSON list with name, breaker, in_flight, in_flight_limit and clock_offset_ms of each platform.
// The caller owns it.
struct json_object *pipeline_describe_platforms(const struct pipeline *pipeline);
size_t pipeline_in_flight(const struct pipeline *pipeline);
size_t pipeline_replies_due(const struct pipeline *pipeline); // not yet acknowledged by the broker
size_t pipeline_count(const struct pipeline *pipeline);
// Milliseconds until pipeline_run has something to do; CLOCK_NEVER.
int64_t pipeline_wait_ms(const struct pipeline *pipeline, const struct moment *now);
