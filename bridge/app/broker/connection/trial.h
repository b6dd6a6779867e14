// Does a message end the connection that it is sent on? Decided from what was seen. Pure.
//
// A broker handles what a client sends in order, so a message that makes it end the connection is each time the first
// that stays unacknowledged. A broker that restarts or a network that flaps looks the same. An experiment tells them
// apart: the message is sent alone, on a connection that has lived for a while and on which the broker has just
// acknowledged another message of ours. Only several connections that died of such experiments condemn a message;
// until then it costs nothing but time.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "io/mqtt/mqtt.h"

#define TRIAL_LOSSES  2    // losses in a row with the message as the first unacknowledged: it is set aside
#define TRIAL_DEATHS  3    // connections that died of it alone: it is condemned
#define TRIAL_LIFE_MS 2000 // that a connection has lived before an experiment

struct suspicion {
    int losses;
    uint64_t last_loss; // the number of the loss that `losses` ends with
    int deaths;
    int unclear; // experiments that showed nothing
    bool is_aside;
    bool is_cut; // what is tried is the short form
};

enum trial_verdict {
    TRIAL_AGAIN,     // it is sent again in its turn
    TRIAL_ALONE,     // it is set aside, to be sent alone
    TRIAL_CUT,       // the same, in its short form
    TRIAL_CONDEMNED, // it can never be delivered
};

// Can the end of the connection be a message's doing? Not if we ended it, or if the broker gave a reason of its own
// (MQTT 5 section 3.14.2.1): another client with our id, shutting down, busy, keep alive, moved, too many connections.
bool trial_blames_message(const struct mqtt_event *event);
// A connection was lost with the message as the first unacknowledged among others. Losses are numbered from 1.
enum trial_verdict trial_lost_first(struct suspicion *suspicion, uint64_t loss);
// An experiment ended without an acknowledgment. `has_short_form`: there is less that could be sent in its place.
enum trial_verdict trial_died(struct suspicion *suspicion, bool has_short_form);
void trial_unclear(struct suspicion *suspicion);
// How long to leave it aside before the next experiment: 2 s, doubled with each that showed nothing, at most 64 s.
int64_t trial_pause_ms(const struct suspicion *suspicion);
