// A message on its way to the broker. Core thread.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "app/broker/connection/trial.h"

enum outgoing_state {
    OUTGOING_ENDED,     // in none of the queue's lists: not given to it yet, or its end was reported
    OUTGOING_WAITING,   // to be sent in its turn
    OUTGOING_UNDER_WAY, // sent, and not acknowledged
    OUTGOING_LOST,      // the same, but its connection has ended
    OUTGOING_ASIDE,     // to be sent alone
};

// A reply, or a text of our own (is_own: nobody waits for it, and it is never sent again).
struct outgoing {
    const char *topic;
    const char *payload;
    const char *correlation_data; // or NULL
    size_t correlation_len;
    const char *id;   // of the command and its rule, for the log; or NULL
    const char *rule; // or NULL
    void *owner;      // of a reply: whoever waits for its end; of our own: the struct own_topic
    bool is_own;
    // The queue's:
    enum outgoing_state state;
    TAILQ_ENTRY(outgoing) link; // of the list of its state
    uint64_t number;            // its place among the waiting, and the cookie of its PUBLISH; from 1
    struct suspicion suspicion;
    int64_t sent_ms;
    int64_t lost_ms;
    bool is_passed; // the broker has acknowledged what was sent after it
};

TAILQ_HEAD(outgoing_list, outgoing);
