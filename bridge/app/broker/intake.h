// Whether the bridge takes commands. It does while the outbox can be written and has room; else the connection that
// receives them is closed, and the broker keeps what comes. Pure: time and counts are arguments.
//
// Room is judged by the refusals that wait for their replies: when half of the reserve for them is taken, more come
// than can be answered. What closes it soon after it was opened keeps it closed for longer, so that it does not flap.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "io/outbox/outbox.h"

enum intake_state {
    INTAKE_UNPROVED, // the outbox has not been written by this process: no connection is made at all
    INTAKE_OPEN,
    INTAKE_FULL,       // too many refusals wait; opened when they are gone and the queue has room, or after some time
    INTAKE_UNWRITABLE, // the outbox could not be written; opened when it is proved that it can
};
const char *intake_state_name(enum intake_state state);

struct intake_limits {
    int64_t refused_reserve;
    int64_t max_commands;
    int64_t max_bytes;
};

struct intake {
    struct intake_limits limits;
    enum intake_state state;
    int64_t changed_ms; // CLOCK_BOOTTIME of the last change between open and closed
    int64_t retry_ms;   // not before
    int failures;       // closings and failed proofs in a row, for the backoff
    bool changed;       // since intake_take_change
    char cause[512];
};

void intake_init(struct intake *intake, const struct intake_limits *limits);
bool intake_is_open(const struct intake *intake);
// The outbox could not be written, or a proof that it can has failed: `why` is the outbox's sentence.
void intake_cannot_write(struct intake *intake, const char *why, int64_t now_ms);
// Not even a refusal had room.
void intake_no_room(struct intake *intake, int64_t now_ms);
// Is it time to prove that the outbox can be written?
bool intake_must_prove(const struct intake *intake, int64_t now_ms);
void intake_proved(struct intake *intake, int64_t now_ms);
// Opens and closes by what the outbox holds.
void intake_look(struct intake *intake, const struct outbox_counts *counts, int64_t now_ms);
// Milliseconds until intake_must_prove or intake_look has something to do; CLOCK_NEVER: nothing by time.
int64_t intake_wait_ms(const struct intake *intake, int64_t now_ms);
// True once after each change that users must hear of; also after each failed proof.
bool intake_take_change(struct intake *intake);
