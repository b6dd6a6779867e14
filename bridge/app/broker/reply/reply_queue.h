// Replies on their way to the broker, in order, within a window of our own (Paho stalls when its own is full), and
// texts of our own. Core thread.
//
// A message that makes the broker end the connection is found (app/broker/connection/trial.h) and does not hold up the
// others: a reply is set aside and tried alone while the others flow; condemned, it ends and is counted. A text of our
// own is not sent for a while, longer each time.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "app/broker/connection/connection.h"
#include "app/broker/connection/own_topic.h"
#include "app/broker/reply/outgoing.h"

// The queue borrows a reply until it calls this, once: the broker has acknowledged it, or refused it, or it can never
// be delivered (which ends it too).
typedef void reply_queue_done(void *context, struct outgoing *outgoing);

enum reply_stage {
    STAGE_FLOW,  // replies are sent as they come, within the window
    STAGE_DRAIN, // one is to be sent alone: what is under way ends first
    STAGE_PROBE, // an UNSUBSCRIBE, which no access rule forbids, shows that the connection lives
    STAGE_TRIAL, // the one is under way, alone
};

struct reply_queue {
    struct connection *connection;
    const char *fence_topic;
    reply_queue_done *done;
    void *context;
    struct outgoing_list waiting;   // by number
    struct outgoing_list aside;     // in turn
    struct outgoing_list under_way; // and lost, in order of sending, with our own
    uint64_t last_number;
    size_t replies_under_way; // without our own
    size_t window;
    size_t careful;      // so many replies are sent one at a time, so that a loss shows which it was
    size_t acknowledged; // on this connection, with our own: it carries something
    uint64_t losses;     // with something under way
    enum reply_stage stage;
    int64_t stage_since_ms;
    int64_t trial_due_ms;
    int64_t trial_life_ms;    // when this connection has lived long enough for one
    struct outgoing *stuck;   // it is passed by, or the library refuses it: the connection was ended for it
    uint32_t max_packet_size; // the broker's; 0: no limit
    bool knows_limits;        // MQTT 5: the broker says its limits, so that size is no cause of a loss
    int64_t last_progress_ms;
    struct outgoing fence; // stands for the fence, which the subscriber publishes
    struct own_topic_list own;
};

// The struct must not move afterwards.
void reply_queue_init(struct reply_queue *queue, struct connection *connection, const char *fence_topic,
                      reply_queue_done *done, void *context);
void reply_queue_clear(struct reply_queue *queue);
void reply_queue_send(struct reply_queue *queue, struct outgoing *outgoing);
// Takes the replies of an owner out of the queue; false (and nothing is changed) if fewer than `due` wait in it: the
// others were given to the broker, or are still to come. `done` is not called.
bool reply_queue_withdraw(struct reply_queue *queue, const void *owner, size_t due);
// A text of our own, sent now or never.
void reply_queue_publish_own(struct reply_queue *queue, const char *topic, const char *payload, bool retain,
                             int64_t now_ms);
// The fence was handed to the broker; its events go to reply_queue_fence_ended.
void reply_queue_fence_sent(struct reply_queue *queue, int64_t now_ms);
void reply_queue_fence_ended(struct reply_queue *queue, const struct mqtt_event *event, int64_t now_ms);
// Until when the fence is not to be sent, as connections ended over it; 0: it may.
int64_t reply_queue_fence_paused_until(const struct reply_queue *queue);

// A connection was made: its window is min(100, the broker's Receive Maximum - 1), on 3.1.1 20.
void reply_queue_connected(struct reply_queue *queue, const struct mqtt_event *event, bool v5, int64_t now_ms);
// The topic of the first message that a loss leaves unacknowledged; NULL if nothing is under way.
const char *reply_queue_unacknowledged(const struct reply_queue *queue);
// The connection has ended, however it did.
void reply_queue_disconnected(struct reply_queue *queue, const struct mqtt_event *event, int64_t now_ms);
// MQTT_PUBLISHED, _REFUSED or _LOST.
void reply_queue_take(struct reply_queue *queue, const struct mqtt_event *event, int64_t now_ms);
// Publishes what the window allows; returns the milliseconds until it must be called again, CLOCK_NEVER if only an
// event changes something.
int64_t reply_queue_run(struct reply_queue *queue, int64_t now_ms);
