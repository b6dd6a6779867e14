// A message that a rule takes becomes a command: mapped, counted among what waits, committed to the outbox (QoS 0: kept
// in memory), and reported to the core by mail. What has no room is a command all the same, whose reply refuses it.
// Paho's thread.
#pragma once

#include "app/broker/receiver/redelivery.h"
#include "app/broker/receiver/waiting.h"
#include "base/mailbox.h"
#include "core/mapping/mapping.h"
#include "io/outbox/outbox.h"

struct admission {
    struct outbox *outbox;
    const struct mapping *mapping;
    struct mailbox *mailbox;
    struct waiting *waiting;
    int64_t max_payload;
    struct redelivery redelivery;
};

struct incoming {
    const struct rule *rule;
    const struct message *message;
    struct moment arrived;
    int64_t age_ms; // how old it may be
};

// False: nothing of it is on disk, so that it must not be acknowledged.
bool admission_take(struct admission *admission, const struct incoming *incoming);
