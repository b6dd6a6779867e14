// The subscriptions that the broker's session is known to have, where they must not be made again: with MQTT 3.1.1 each
// SUBSCRIBE brings the retained messages anew (section 3.8.4), and a rule with `retained: accept` would act on them at
// each reconnect. MQTT 5 asks for them with Retain Handling 1, for a new subscription only. Core thread.
#pragma once

#include <stdbool.h>

#include "app/config/config.h"
#include "core/mapping/mapping.h"
#include "core/topic/topic.h"
#include "io/outbox/outbox.h"

struct granted {
    const struct config *config;
    const struct mapping *mapping;
    struct outbox *outbox;
    char *session;               // broker and client id
    struct subscription_set set; // those that bring such messages
    bool is_changed;             // since it was noted in the outbox
};

// `wanted`: all that is going to be subscribed; what else was granted is forgotten.
void granted_init(struct granted *granted, const struct config *config, const struct mapping *mapping,
                  struct outbox *outbox, const struct subscription_set *wanted);
void granted_clear(struct granted *granted);
// The session of this connection: of a new one, or of one at another broker, nothing is known.
void granted_connected(struct granted *granted, const char *url, bool session_present);
// Must a filter not be subscribed again? Filters are given as they are subscribed, with a share's name.
bool granted_holds(const struct granted *granted, const char *filter);
// The broker granted it, refused it, or it is to be given up.
void granted_set(struct granted *granted, const char *filter, bool is_granted);
// Stages what has changed.
void granted_note(struct granted *granted);
