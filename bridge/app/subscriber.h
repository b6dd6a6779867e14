// The subscriptions of the commands connection, and the fence. Core thread.
//
// What the broker queued while we were away was copied by the subscriptions of that time. So the set that was in force
// is kept in the outbox, new filters are added first, then a message of our own (the fence) goes through the replies
// connection and comes back behind all that was queued; only then the new set is in force and filters of an earlier
// configuration are unsubscribed. The fence also shows that both connections really carry messages.
//
// If a process ended before its fence came back and the filters have changed again since, all that the session may hold
// is brought into force first, by a fence of its own: else a copy by a filter of that process would pass for a spare
// one of a filter that is new now.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "app/connection.h"
#include "app/granted.h"
#include "app/receiver.h"
#include "core/mapping.h"
#include "core/topic.h"
#include "io/outbox.h"

struct subscriber_options {
    struct connection *commands;
    struct connection *replies;
    const struct mapping *mapping;
    struct receiver *receiver;
    struct outbox *outbox;
    const char *share; // group name, or ""
    const char *fence_topic;
    const char *client_id;
    bool brings_retained_again; // MQTT 3.1.1: each SUBSCRIBE does
};

struct subscriber {
    struct subscriber_options options;
    struct subscription_set plain;  // with Subscription Identifiers
    struct subscription_set merged; // without: no two overlap
    const struct subscription_set *wanted;
    struct subscription_set before; // in force when the broker queued for us
    struct subscription_set made;   // all that the session may hold
    struct subscription_set left;   // `made` as the process before left it
    struct granted granted;         // what is not subscribed again
    bool is_unsettled;              // `left` is to be brought into force first
    bool cannot_share;              // the broker has no shared subscriptions
    size_t answers_due;             // SUBACKs that have not come
    size_t refused;
    int lowest_qos;        // that a command's subscription was granted
    bool fence_readable;   // the fence's own filter was granted
    bool in_force;         // the fence has come back on this connection
    bool fence_acked;      // the broker has it, so the replies connection lives
    int64_t fence_sent_ms; // 0: not under way
    int64_t fence_due_ms;  // the next one
    struct moment noted_contact;
};

// The struct must not move afterwards.
void subscriber_init(struct subscriber *subscriber, const struct subscriber_options *options);
void subscriber_clear(struct subscriber *subscriber);
// The commands connection was made: subscribes.
void subscriber_connected(struct subscriber *subscriber, const struct mqtt_event *event);
// MQTT_SUBSCRIBED or MQTT_SUBSCRIBE_FAILED.
void subscriber_answered(struct subscriber *subscriber, const struct mqtt_event *event);
// The broker's answer to the fence's PUBLISH.
void subscriber_fence_published(struct subscriber *subscriber, const struct mqtt_event *event);
// The fence came back. True if with it the subscriptions, all granted, have come into force: the bridge is online.
bool subscriber_take_fence(struct subscriber *subscriber, int64_t now_ms);
// Sends the fence (not before `held_until_ms`) and watches for it; returns the milliseconds until it must be called
// again. *sent: the fence was handed to the broker.
int64_t subscriber_run(struct subscriber *subscriber, const struct moment *now, int64_t held_until_ms, bool *sent);
// The first filter whose SUBACK has not come; NULL if all have.
const char *subscriber_unanswered(const struct subscriber *subscriber);
// Notes the moment of a clean stop.
void subscriber_note_stop(struct subscriber *subscriber, const struct moment *now);

#define SUBSCRIBER_FENCE_COOKIE 1 // of the fence's PUBLISH, on the replies connection
