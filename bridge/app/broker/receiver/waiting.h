// What waits, in all and by rule: one rule cannot take the queue of all, and commands of QoS 0, which live in memory
// only, are bounded as those of the outbox are. The outbox itself bounds the sum of those on disk. Any thread.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/message.h"
#include "core/command/command.h"
#include "core/platform/code.h"

struct waiting;

struct waiting_limits {
    int64_t max_commands; // of all QoS 0 commands
    int64_t max_bytes;
    double max_share;     // of both, for the commands of one rule, of QoS 0 and of QoS 1 together
    int64_t max_refusals; // of QoS 0, until their replies are acknowledged
};

struct waiting *waiting_create(const struct waiting_limits *limits);
void waiting_destroy(struct waiting *waiting);

// One command that waits. `bytes` is above 0 and is given again when it leaves.
struct waiting_command {
    const char *rule;
    bool in_memory; // QoS 0
    int64_t bytes;
};
// The command of a message; `command_text` is its text as command_encode gives it. Borrows the rule's name.
struct waiting_command waiting_weigh(const struct message *message, const struct command *command,
                                     const char *command_text);
// Counts the command. ERR_FULL: it has no room, is not counted, and *why is its refusal (outbox_full).
enum err waiting_enter(struct waiting *waiting, const struct waiting_command *command, struct failure *why) MUST_CHECK;
// The same for a command of an earlier process, whatever the limits.
void waiting_restore(struct waiting *waiting, const struct waiting_command *command);
void waiting_leave(struct waiting *waiting, const struct waiting_command *command);

// A refusal of QoS 0; false: not even that has room.
bool waiting_enter_refusal(struct waiting *waiting);
void waiting_leave_refusal(struct waiting *waiting);
