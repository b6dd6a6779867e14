// io/outbox without a file: rows in memory, changes that are staged and committed, and a test that says which commits
// fail. What the real one refuses (a change that no state allows, a row that is not there) fails the test at once.
//
// Of the redelivery record it knows what the callers need: a packet of this connection, of an earlier one with its id,
// and of an earlier one with another.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "io/outbox/outbox.h"

#define FAKE_OUTBOX_GONE (-1)

// The file, which a process closes and opens again, with all that was committed, is gone.
void fake_outbox_erase(void);
// The committed state (enum command_state) of a row, or FAKE_OUTBOX_GONE.
int fake_outbox_state(const struct outbox *outbox, int64_t id);
// The committed reply of a row, borrowed, or NULL.
const char *fake_outbox_reply(const struct outbox *outbox, int64_t id);
int64_t fake_outbox_last_id(const struct outbox *outbox);
size_t fake_outbox_row_count(const struct outbox *outbox); // in all states

// The next `times` commits, or appends, give ERR_UNAVAILABLE or OUTBOX_CANNOT_WRITE, and outbox_prove too until then.
void fake_outbox_fail_commits(struct outbox *outbox, int times);
void fake_outbox_fail_appends(struct outbox *outbox, int times);
// The next `times` appends find no room.
void fake_outbox_fill(struct outbox *outbox, int times);
// An operator asks; and what it was told, borrowed, or NULL as long as no answer is committed.
void fake_outbox_ask(struct outbox *outbox, enum outbox_verb verb, int64_t command);
const char *fake_outbox_told(const struct outbox *outbox);
