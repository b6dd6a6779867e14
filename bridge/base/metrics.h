// Counters of the process, one row each; atomic, so any thread may add.
#pragma once

#include <stdint.h>

#define METRICS(X)                                                                                                     \
    X(COMMANDS_RECEIVED, "commands_received", "commands taken from the broker")                                        \
    X(COMMANDS_NO_RULE, "no_rule", "messages that no rule takes")                                                      \
    X(COMMANDS_RETAINED, "retained_ignored", "retained messages ignored")                                              \
    X(COMMANDS_REDELIVERED, "redelivered", "redeliveries by the broker that were not run again")                       \
    X(COMMANDS_DUPLICATE, "duplicates", "commands answered with the reply of the first with the same id")              \
    X(COMMANDS_REFUSED_FULL, "refused_full", "commands refused as the queue, or their rule's share of it, was full")   \
    X(COMMANDS_DROPPED, "dropped", "QoS 0 commands dropped without a reply, as too many refusals waited for theirs")   \
    X(COMMANDS_LEFT, "left_to_broker", "commands left with the broker, as they could not be stored")                   \
    X(MESSAGES_INVALID, "messages_invalid", "messages with text that is not valid UTF-8 without NUL")                  \
    X(COPIES_IGNORED, "copies_ignored", "copies of one message for overlapping subscriptions")                         \
    X(REPLIES_OK, "replies_ok", "final replies ok")                                                                    \
    X(REPLIES_ACCEPTED, "replies_accepted", "final replies accepted")                                                  \
    X(REPLIES_FAILED, "replies_failed", "final replies failed")                                                        \
    X(REPLIES_REJECTED, "replies_rejected", "final replies rejected")                                                  \
    X(REPLIES_EXPIRED, "replies_expired", "final replies expired")                                                     \
    X(REPLIES_SUPERSEDED, "replies_superseded", "final replies superseded")                                            \
    X(REPLIES_PARTIAL, "replies_partial", "final replies partial")                                                     \
    X(REPLIES_UNKNOWN, "replies_unknown", "final replies unknown")                                                     \
    X(REPLIES_REFUSED, "replies_refused", "replies that the broker refused")                                           \
    X(REPLIES_UNDELIVERABLE, "replies_undeliverable", "replies that ended each connection they were sent on")          \
    X(REPLY_TOPICS_REFUSED, "reply_topics_refused", "reply topics that were not allowed")                              \
    X(REQUESTS_SENT, "requests_sent", "requests handed to the HTTP client")                                            \
    X(RETRIES, "retries", "calls that were tried again")                                                               \
    X(REQUESTS_FOLDED, "requests_folded", "requests for the commands of several senders")                              \
    X(REQUESTS_UNANSWERED, "requests_unanswered", "requests that ended without an answer")                             \
    X(MQTT_CONNECTS, "mqtt_connects", "connections made to the broker")                                                \
    X(MQTT_LOSSES, "mqtt_losses", "connections to the broker lost")                                                    \
    X(INTAKE_CLOSINGS, "intake_closings", "times that no more commands were taken, as there was no room or no disk")

enum metric {
#define METRIC_ENUM(name, text, help) METRIC_##name,
    METRICS(METRIC_ENUM)
#undef METRIC_ENUM
        METRIC_COUNT
};

void metrics_add(enum metric metric, uint64_t n);
uint64_t metrics_get(enum metric metric);
const char *metrics_name(enum metric metric);
