// Takes commands from the broker on Paho's thread: what is not a command is left, what is one is mapped and committed
// to the outbox, and only then does the broker get its PUBACK. Then the core gets a mail.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "app/broker/receiver/freshness.h"
#include "app/broker/receiver/mail.h"
#include "app/broker/receiver/waiting.h"
#include "app/config/config.h"
#include "core/mapping/mapping.h"
#include "core/topic/topic.h"
#include "io/outbox/outbox.h"

struct receiver;

struct receiver_options {
    const struct config *config;
    struct outbox *outbox;
    const struct mapping *mapping;
    struct mailbox *mailbox;
    struct waiting *waiting;
    const char *fence_topic;
    const char *info_topic;
};

struct receiver *receiver_create(const struct receiver_options *options);
void receiver_destroy(struct receiver *receiver);
// Handlers for the connection that receives commands, and for the one that publishes replies.
struct mqtt_handlers receiver_command_handlers(struct receiver *receiver);
struct mqtt_handlers receiver_reply_handlers(struct receiver *receiver);

// The subscriptions by which copies are distinguished (app/broker/receiver/copies.h); they must outlive the receiver.
// Core thread.
void receiver_set_subscriptions(struct receiver *receiver, const struct subscription_set *before,
                                const struct subscription_set *now);
// All that the broker kept has come: of the subscriptions only `now` counts, and what comes is no redelivery by its
// content. Any thread.
void receiver_all_has_come(struct receiver *receiver);
// How old what arrives may be; the receiver's own, for its other users. Any thread.
struct freshness *receiver_freshness(struct receiver *receiver);
// A gap was found in the time of this process: says so, and notifies the core. Nothing is done for 0. Any thread.
void receiver_note_gap(struct receiver *receiver, int64_t gap_ms);
// This process runs (freshness_beat). Any thread.
void receiver_beat(struct receiver *receiver);
