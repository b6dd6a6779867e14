#include "base/command_state.h"

#define BIT(state) (1U << (state))

static const struct {
    const char *name;
    unsigned next;
    unsigned next_of_call;
    enum command_restart restart;
    enum command_restart restart_idempotent;
    bool may_have_run;
} table[] = {
    [COMMAND_QUEUED] = {.name = "QUEUED",
                        .next = BIT(COMMAND_SENT) | BIT(COMMAND_REPLIED),
                        .next_of_call = BIT(COMMAND_SENT) | BIT(COMMAND_DONE),
                        .restart = RESTART_GOES_ON,
                        .restart_idempotent = RESTART_GOES_ON},
    [COMMAND_SENT] = {.name = "SENT",
                      .next = BIT(COMMAND_QUEUED) | BIT(COMMAND_REPLIED),
                      .next_of_call = BIT(COMMAND_QUEUED) | BIT(COMMAND_DONE),
                      .restart = RESTART_ENDS_UNKNOWN,
                      .restart_idempotent = RESTART_REPEATS,
                      .may_have_run = true},
    [COMMAND_REPLIED] = {.name = "REPLIED",
                         .next = BIT(COMMAND_DONE),
                         .restart = RESTART_PUBLISHES,
                         .restart_idempotent = RESTART_PUBLISHES},
    [COMMAND_DONE] = {.name = "DONE", .restart = RESTART_KEEPS, .restart_idempotent = RESTART_KEEPS},
};

const char *command_state_name(enum command_state state)
{
    return table[state].name;
}

bool command_state_may_follow(enum command_state from, enum command_state to)
{
    return (table[from].next & BIT(to)) != 0;
}

bool command_state_may_follow_in_call(enum command_state from, enum command_state to)
{
    return (table[from].next_of_call & BIT(to)) != 0;
}

enum command_restart command_state_restart(enum command_state state, bool idempotent)
{
    return idempotent ? table[state].restart_idempotent : table[state].restart;
}

bool command_state_may_have_run(enum command_state state, bool earlier_may_have)
{
    return table[state].may_have_run || earlier_may_have;
}
