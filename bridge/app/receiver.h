// Takes commands from the broker on Paho's thread: what is not a command is left, what is one is mapped and committed
// to the outbox, and only then does the broker get its PUBACK. Then the core is told by mail.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "app/mail.h"
#include "app/waiting.h"
#include "core/mapping.h"
#include "core/topic.h"
#include "io/outbox.h"

struct receiver;

struct receiver_options {
    struct outbox *outbox;
    const struct mapping *mapping;
    struct mailbox *mailbox;
    int64_t max_payload;
    struct waiting *waiting;
    const char *fence_topic;
    bool redelivery_by_content; // else by DUP alone
};

struct receiver *receiver_create(const struct receiver_options *options);
void receiver_destroy(struct receiver *receiver);
// Handlers for the connection that receives commands, and for the one that publishes replies.
struct mqtt_handlers receiver_command_handlers(struct receiver *receiver);
struct mqtt_handlers receiver_reply_handlers(struct receiver *receiver);

// Overlapping subscriptions bring one copy each (MQTT 5); only the copy with the lowest Subscription Identifier that
// fits counts. What the broker kept while we were away was copied by the subscriptions of that time, `before`; after
// the fence `now` counts. Both are borrowed and must outlive the receiver. Core thread.
void receiver_set_subscriptions(struct receiver *receiver, const struct subscription_set *before,
                                const struct subscription_set *now);
// When the broker was last heard through both connections, as the outbox remembers it. Core thread, before the first
// connect.
void receiver_set_contact(struct receiver *receiver, const struct moment *contact);
// The same now; false if it is not known. Any thread.
bool receiver_contact(struct receiver *receiver, struct moment *contact);
// No fence can come (the broker does not let us read its topic): what arrives is taken for fresh.
void receiver_forgo_fence(struct receiver *receiver);
// The payload by which the fence is known; for each connection a new one. Core thread.
void receiver_expect_fence(struct receiver *receiver, const char *nonce);
