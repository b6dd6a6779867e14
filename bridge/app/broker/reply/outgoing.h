// A message on its way to the broker, and lists of them. Core thread.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "app/broker/connection/trial.h"

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
    struct outgoing *next;
    struct outgoing *previous;
    uint64_t sequence; // its place among the waiting
    struct suspicion suspicion;
    int64_t sent_ms;
    bool is_lost; // its connection has ended
    int64_t lost_ms;
    bool is_passed; // the broker has acknowledged what was sent after it
};

struct outgoing_list {
    struct outgoing *first;
    struct outgoing *last;
    size_t count;
};

void outgoing_append(struct outgoing_list *list, struct outgoing *outgoing);
// Before the first one with a higher sequence.
void outgoing_insert(struct outgoing_list *list, struct outgoing *outgoing);
void outgoing_remove(struct outgoing_list *list, struct outgoing *outgoing);
size_t outgoing_count_of(const struct outgoing_list *list, const void *owner);
void outgoing_remove_of(struct outgoing_list *list, const void *owner);
