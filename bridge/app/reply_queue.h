// Replies on their way to the broker, in order, within a window of our own (Paho stalls when its own is full). Core
// thread.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "app/connection.h"

// A reply on its way. The queue borrows it until it calls `done`, once.
struct outgoing {
    struct outgoing *next; // the queue's
    uint64_t sequence;     // the queue's
    const char *topic;
    const char *payload;
    const char *correlation_data; // or NULL
    size_t correlation_len;
    void *owner;
};

// The broker has acknowledged a reply, or refused it (which ends it too).
typedef void reply_queue_done(void *context, struct outgoing *outgoing);

struct reply_queue {
    struct connection *connection;
    reply_queue_done *done;
    void *context;
    struct outgoing *first; // waiting, by sequence
    struct outgoing **end;
    uint64_t next_sequence;
    size_t window;
    size_t in_flight;
    uint32_t max_packet_size; // the broker's; 0: no limit
    int64_t last_progress_ms;
};

void reply_queue_init(struct reply_queue *queue, struct connection *connection, reply_queue_done *done, void *context);
void reply_queue_send(struct reply_queue *queue, struct outgoing *outgoing);
// Takes the replies of an owner out of the queue; false (and nothing is changed) if fewer than `due` wait in it: the
// others were given to the broker, or are still to come. `done` is not called.
bool reply_queue_withdraw(struct reply_queue *queue, const void *owner, size_t due);
// A connection was made: its window is min(100, the broker's Receive Maximum - 1), on 3.1.1 20.
void reply_queue_connected(struct reply_queue *queue, const struct mqtt_event *event, bool v5);
// MQTT_PUBLISHED, _REFUSED or _LOST.
void reply_queue_take(struct reply_queue *queue, const struct mqtt_event *event, int64_t now_ms);
// Publishes what the window allows; returns the milliseconds until it must be called again, INT64_MAX if only an event
// changes something.
int64_t reply_queue_run(struct reply_queue *queue, int64_t now_ms);
