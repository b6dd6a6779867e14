// The subscriptions of the commands connection, and the fence. Core thread.
//
// What the broker queued while we were away was copied by the subscriptions of that time. So the set that was in force
// is kept in the outbox, new filters are added first, then a message of our own (the fence) goes through the replies
// connection and comes back behind all that was queued; only then the new set is in force and filters of an earlier
// configuration are unsubscribed. Where no fence comes back, a pause stands for it (app/broker/subscription/fence.h).
//
// If a process ended before its fence came back and the filters have changed again since, all that the session may hold
// is brought into force first, by a fence of its own: else a copy by a filter of that process would pass for a spare
// one of a filter that is new now.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "app/broker/connection/connection.h"
#include "app/broker/receiver/receiver.h"
#include "app/broker/subscription/asked.h"
#include "app/broker/subscription/contact.h"
#include "app/broker/subscription/fence.h"
#include "app/broker/subscription/granted.h"
#include "core/mapping/mapping.h"
#include "core/topic/topic.h"
#include "io/outbox/outbox.h"

struct subscriber_options {
    struct connection *commands;
    struct connection *replies;
    const struct config *config;
    const struct mapping *mapping;
    struct receiver *receiver;
    struct outbox *outbox;
    const char *fence_topic;
};

enum subscriber_state {
    SUBSCRIBER_SETTLING, // what an earlier process may have left (`left`) is brought into force first
    SUBSCRIBER_CHANGING, // what comes may have been copied by earlier subscriptions
    SUBSCRIBER_IN_FORCE, // all that these brought has come on this connection
};

struct subscriber {
    struct subscriber_options options;
    enum subscriber_state state;
    struct subscription_set plain;  // with Subscription Identifiers
    struct subscription_set merged; // without: no two overlap
    const struct subscription_set *wanted;
    struct subscription_set before; // in force when the broker queued for us
    struct subscription_set made;   // all that the session may hold
    struct subscription_set left;   // `made` as the process before left it
    struct granted granted;         // what is not subscribed again
    bool cannot_share;              // the broker has no shared subscriptions
    size_t answers_due;             // SUBACKs that have not come
    size_t refused;
    struct asked asked;
    size_t next; // the first that was not asked for yet; after the wanted ones comes the fence's
    bool with_ids;
    int64_t resume_ms;      // when a filter that is left out on this connection may be asked for again; 0: none is
    bool fence_is_left_out; // and its answer, a refusal of our own, is still to be taken
    int lowest_qos;         // that a command's subscription was granted
    struct fence fence;
    struct contact contact;
};

// The struct must not move afterwards.
void subscriber_init(struct subscriber *subscriber, const struct subscriber_options *options);
void subscriber_clear(struct subscriber *subscriber);
// The commands connection was made: subscribes.
void subscriber_connected(struct subscriber *subscriber, const struct mqtt_event *event);
// MQTT_SUBSCRIBED or MQTT_SUBSCRIBE_FAILED.
void subscriber_answered(struct subscriber *subscriber, const struct mqtt_event *event, int64_t now_ms);
// A round of the fence is answered (COOKIE_FENCE_ROUND). True if the subscriptions have come into force with it.
bool subscriber_round_answered(struct subscriber *subscriber, const struct moment *now);
// The fence came back. True if the subscriptions, all granted, are in force: the bridge is online.
bool subscriber_take_fence(struct subscriber *subscriber, int64_t now_ms);
// Sends the fence (not before `held_until_ms`) and watches for it; returns the milliseconds until it must be called
// again. *sent: the fence was handed to the broker.
int64_t subscriber_run(struct subscriber *subscriber, const struct moment *now, int64_t held_until_ms, bool *sent);
// Notes the moment of a clean stop.
void subscriber_note_stop(struct subscriber *subscriber, const struct moment *now);
