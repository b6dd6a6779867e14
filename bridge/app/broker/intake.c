#include "app/broker/intake.h"

#include <stdio.h>

#include "base/backoff.h"
#include "base/machine.h"

#define BACKOFF_FIRST_MS 500
#define BACKOFF_MAX_MS   10000
#define STEADY_MS        60000 // open for so long, it begins with the first backoff again
#define LOOK_MS          200

const char *intake_state_name(enum intake_state state)
{
    static const char *const names[] = {
        [INTAKE_UNPROVED] = "unwritable",
        [INTAKE_OPEN] = "open",
        [INTAKE_FULL] = "full",
        [INTAKE_UNWRITABLE] = "unwritable",
    };
    return names[state];
}

void intake_init(struct intake *intake, const struct intake_limits *limits)
{
    *intake = (struct intake){.limits = *limits};
}

bool intake_is_open(const struct intake *intake)
{
    return intake->state == INTAKE_OPEN;
}

static void set_state(struct intake *intake, enum intake_state state)
{
    static const struct machine_row table[] = {
        [INTAKE_UNPROVED] = {"UNPROVED", MACHINE_BIT(INTAKE_OPEN)},
        [INTAKE_OPEN] = {"OPEN", MACHINE_BIT(INTAKE_FULL) | MACHINE_BIT(INTAKE_UNWRITABLE)},
        [INTAKE_FULL] = {"FULL", MACHINE_BIT(INTAKE_OPEN) | MACHINE_BIT(INTAKE_UNWRITABLE)},
        [INTAKE_UNWRITABLE] = {"UNWRITABLE", MACHINE_BIT(INTAKE_OPEN)},
    };
    machine_change(table, intake->state, state, "intake_state", "commands");
    intake->state = state;
}

static void close_as(struct intake *intake, enum intake_state state, const char *why, int64_t now_ms)
{
    if (intake->state == INTAKE_OPEN) {
        intake->failures = now_ms - intake->changed_ms < STEADY_MS ? intake->failures : 0;
        intake->changed_ms = now_ms;
    }
    set_state(intake, state);
    intake->failures++;
    intake->retry_ms = now_ms + backoff_ms(intake->failures - 1, BACKOFF_FIRST_MS, BACKOFF_MAX_MS);
    intake->changed = true;
    snprintf(intake->cause, sizeof intake->cause, "%s", why);
}

static void open_again(struct intake *intake, int64_t now_ms)
{
    set_state(intake, INTAKE_OPEN);
    intake->changed_ms = now_ms;
    intake->changed = true;
    intake->cause[0] = '\0';
}

void intake_cannot_write(struct intake *intake, const char *why, int64_t now_ms)
{
    // What was on its way when it closed says nothing new.
    if (intake->state != INTAKE_UNWRITABLE || now_ms >= intake->retry_ms) {
        close_as(intake, intake->state == INTAKE_UNPROVED ? INTAKE_UNPROVED : INTAKE_UNWRITABLE, why, now_ms);
    }
}

void intake_no_room(struct intake *intake, int64_t now_ms)
{
    if (intake->state == INTAKE_OPEN) {
        close_as(intake, INTAKE_FULL, "more commands are refused than replies can be sent", now_ms);
    }
}

bool intake_must_prove(const struct intake *intake, int64_t now_ms)
{
    bool unproved = intake->state == INTAKE_UNPROVED || intake->state == INTAKE_UNWRITABLE;
    return unproved && now_ms >= intake->retry_ms;
}

void intake_proved(struct intake *intake, int64_t now_ms)
{
    open_again(intake, now_ms);
}

static bool queue_has_room(const struct intake *intake, const struct outbox_counts *counts)
{
    const struct intake_limits *limits = &intake->limits;
    return counts->commands - counts->refused <= limits->max_commands / 10 * 9 &&
           counts->bytes <= limits->max_bytes / 10 * 9;
}

// With a queue that stays full it is opened all the same after some time: being refused is better than hearing nothing.
static bool may_open(const struct intake *intake, const struct outbox_counts *counts, int64_t now_ms)
{
    return now_ms >= intake->retry_ms && counts->refused <= intake->limits.refused_reserve / 10 &&
           (queue_has_room(intake, counts) || now_ms - intake->changed_ms >= BACKOFF_MAX_MS);
}

void intake_look(struct intake *intake, const struct outbox_counts *counts, int64_t now_ms)
{
    if (intake->state == INTAKE_OPEN && counts->refused >= intake->limits.refused_reserve / 2) {
        intake_no_room(intake, now_ms);
    } else if (intake->state == INTAKE_FULL && may_open(intake, counts, now_ms)) {
        open_again(intake, now_ms);
    }
}

int64_t intake_wait_ms(const struct intake *intake, int64_t now_ms)
{
    if (intake->state == INTAKE_OPEN) {
        return CLOCK_NEVER;
    }
    int64_t wait_ms = intake->retry_ms > now_ms ? intake->retry_ms - now_ms : 0;
    return intake->state == INTAKE_FULL && wait_ms < LOOK_MS ? LOOK_MS : wait_ms;
}

bool intake_take_change(struct intake *intake)
{
    bool changed = intake->changed;
    intake->changed = false;
    return changed;
}
