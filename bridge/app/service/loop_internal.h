// What the files of the loop share, with the tests that make its turns themselves. Not for others.
#pragma once

#include "app/broker/broker.h"
#include "app/broker/intake.h"
#include "app/broker/receiver/receiver.h"
#include "app/broker/receiver/waiting.h"
#include "app/service/call/platform.h"
#include "app/service/health.h"
#include "app/service/operator.h"
#include "app/service/pipeline/pipeline.h"
#include "base/mailbox.h"
#include "io/http/http.h"
#include "io/outbox/outbox.h"

enum loop_state {
    LOOP_RUNNING,
    LOOP_FINISHING, // no new commands; requests under way and replies are waited for
    LOOP_CLOSING,   // the replies connection says goodbye
    LOOP_ENDED,
};

struct loop {
    const struct config *config;
    const struct mapping *mapping;
    char *fence_topic;
    char *info_topic;
    struct outbox *outbox;
    struct http *http;
    struct platform_set platforms;
    struct mailbox *mailbox;
    struct waiting *waiting;
    struct receiver *receiver;
    struct pulse *pulse;
    struct broker *broker;
    struct pipeline *pipeline;
    struct health health;
    struct intake intake;
    struct operator_requests requests;
    int signals;
    enum loop_state state;
    int64_t stop_at_ms;
    int64_t purge_at_ms;
    bool commit_failed; // what is staged waits for an outbox that can be written
    int code;           // what loop_run returns
};

// Makes all parts. EX_OK, or the exit code, and the reason has been logged; a signal that asked to stop meanwhile is
// EX_OK and LOOP_ENDED. In any case loop_close follows.
int loop_open(struct loop *loop, const struct config *config, const struct mapping *mapping);
void loop_close(struct loop *loop);
// Waits for at most *wait_ms; sets how long the next turn may wait.
void loop_turn(struct loop *loop, int64_t *wait_ms);
// Of sysexits.h.
int loop_exit_code(enum err err);
