// The states of a stored command and of each of its calls: which may follow which, what a restart does, and whether a
// request may have run. The one table for the pipeline, its restart, the end of a command while no service runs, and
// the outbox. It is here and not beside the command, as io and core both stand on it. Pure.
//
// A command: QUEUED -> SENT -> QUEUED (it surely did not run); QUEUED or SENT -> REPLIED -> DONE. Its row can be
// deleted in any state. A call has no reply of its own: QUEUED -> SENT -> QUEUED; QUEUED or SENT -> DONE.
#pragma once

#include <stdbool.h>

// Stored as these numbers.
enum command_state {
    COMMAND_QUEUED = 0,  // committed; no request has left, or none that may have run
    COMMAND_SENT = 1,    // a request may have left
    COMMAND_REPLIED = 2, // has its final reply; the broker has not acknowledged all copies of it
    COMMAND_DONE = 3,    // a command: kept to answer duplicates; a call: has its outcome
};
const char *command_state_name(enum command_state state); // "QUEUED"

bool command_state_may_follow(enum command_state from, enum command_state to);
bool command_state_may_follow_in_call(enum command_state from, enum command_state to);

// What a start of the service does with a command, or a call, that it finds in this state.
enum command_restart {
    RESTART_GOES_ON,
    RESTART_REPEATS,      // it goes on, and may have run before
    RESTART_ENDS_UNKNOWN, // nobody knows what came of it, and it must not run twice
    RESTART_PUBLISHES,    // the reply again
    RESTART_KEEPS,
};
enum command_restart command_state_restart(enum command_state state, bool idempotent);
// Has a request left that nothing is known of? `earlier_may_have`: of an attempt before the one that the state reports
// of.
bool command_state_may_have_run(enum command_state state, bool earlier_may_have);
