// Proves to the redelivery record which PUBACKs have arrived at the broker. Core thread.
//
// A connection carries its packets in order, so a message of our own that goes through the commands connection behind
// PUBACKs, and is acknowledged, proves them. One follows when 100 packets are unproved, and after some seconds at the
// latest. What an earlier connection brought is settled when all that the broker had to deliver again must have come:
// behind the fence.
//
// Paho 1.3.12 calls back and writes the PUBACK with a lock held that its send thread needs for every message, and
// writes nothing past acknowledgments that a full socket holds back (MQTTAsync_cycle, MQTTAsync_processCommand,
// MQTTProtocol_writeAvailable). So what is published after a command was entered leaves behind that command's PUBACK.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "app/broker/connection/connection.h"
#include "io/outbox/outbox.h"

struct proof {
    const struct connection *commands;
    struct outbox *outbox;
    const char *topic; // one that the broker lets us write; what comes back of it is ignored
    bool in_flight;
    struct outbox_unproved asked; // what the one in flight will prove
    bool asked_for_earlier;
    int64_t waiting_ms;   // since when packets have been unproved; 0: there are none
    int64_t settled_ms;   // when what has not been delivered again will not be
    int losses;           // connections in a row that ended with one in flight
    bool is_unsubscribed; // the broker ends connections that publish it, so another packet asks
};

void proof_init(struct proof *proof, const struct connection *commands, struct outbox *outbox, const char *topic);
// The commands connection was made.
void proof_connected(struct proof *proof, int64_t now_ms);
// All that the broker kept for us has come.
void proof_fence_came(struct proof *proof, int64_t now_ms);
// The commands connection is about to be ended: what is unproved is asked for now.
void proof_stop(struct proof *proof, int64_t now_ms);
// Any event of the commands connection; true if it was about a proof. What is proved is staged for the turn's commit.
bool proof_take(struct proof *proof, const struct mqtt_event *event, int64_t now_ms);
// Publishes one when it is due; returns the milliseconds until it must be called again, CLOCK_NEVER if only an event
// changes something.
int64_t proof_run(struct proof *proof, int64_t now_ms);
