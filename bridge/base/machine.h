// A state machine's table: a row for each state, with the states that may follow it. Its owner's setter asks for each
// change here, so that an illegal one is seen where it is made. Any thread.
#pragma once

struct machine_row {
    const char *name;
    unsigned next; // a bit for each state that may follow
};
#define MACHINE_BIT(state) (1U << (state))

// Asserts that `to` may follow `from`, and logs the change at debug: `subject` is what changes. A state that stays is
// no change.
void machine_change(const struct machine_row *table, unsigned from, unsigned to, const char *event,
                    const char *subject);
