// Which call may leave when: lanes, deadlines, and the in-flight limit. Pure: time is an argument.
//
// Each operation costs O(log n) in the waiting commands (times the lanes of the command), however many wait in one
// lane. Memory follows the commands that are entered; empty lanes are freed. A deadline has passed when now_ms >=
// deadline_ms.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct schedule;

struct schedule_options {
    int max_in_flight; // calls; above 0
};

struct schedule *schedule_create(const struct schedule_options *options);
void schedule_destroy(struct schedule *schedule);

// Enters a command into its lanes, in arrival order. `id` is unique among the entered. A command without lanes waits
// for no other; a lane named twice counts once. `deadline_ms`: CLOCK_BOOTTIME. `calls` > 0: all calls of a command
// leave together, as far as the in-flight limit lets them.
void schedule_enter(struct schedule *schedule, uint64_t id, const char *const *lanes, size_t lane_count,
                    int64_t deadline_ms, int calls);
// Next call that may leave now: the command is first in all its lanes, and of such commands the one that was entered
// first. False if none. It counts as in flight afterwards. A command's first call is never given after its deadline; of
// one that has begun to leave the remaining calls are, so that the caller can end them (it checks the deadline again
// before it sends).
bool schedule_next(struct schedule *schedule, int64_t now_ms, uint64_t *id, int *call);
// A call has ended.
void schedule_call_done(struct schedule *schedule, uint64_t id);
// The command has ended: it leaves its lanes. Its calls must have ended, or never left.
void schedule_leave(struct schedule *schedule, uint64_t id);
// Next command of which no call has left and whose deadline has passed; it stays until schedule_leave.
bool schedule_expired(struct schedule *schedule, int64_t now_ms, uint64_t *id);
// Milliseconds until the next deadline of a waiting command; 0 if one has passed, -1 if there is none.
int64_t schedule_wait_ms(const struct schedule *schedule, int64_t now_ms);
size_t schedule_count(const struct schedule *schedule);
size_t schedule_in_flight(const struct schedule *schedule);
