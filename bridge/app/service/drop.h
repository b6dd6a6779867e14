// How a command ends that an operator drops, whether the service runs (pipeline_operator.c) or not.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "core/command/reply.h"
#include "io/outbox/outbox.h"

// The end of a call that has no outcome yet: `rejected`, or `unknown` if an attempt may have run.
void drop_outcome(bool may_have_run, struct call_outcome *outcome);
// A stored command that no version can map any more has nobody to tell: true if it is such a row, and then its deletion
// is staged and told.
bool drop_unreadable(struct outbox *outbox, const struct outbox_row *row, struct diag *told);

// For a service that does not run: ends the command in the outbox, which this process has opened, and commits it. The
// next start publishes the reply. `window_ms`: how long duplicates are answered. `told` gets a sentence in any case;
// ERR_MISSING: the command has ended; ERR_REFUSED: its reply is decided; otherwise as outbox_load and outbox_commit.
enum err drop_stored(struct outbox *outbox, int64_t id, const struct moment *now, int64_t window_ms,
                     struct diag *told) MUST_CHECK;
// What the next start does with the command; the same errors, and ERR_REFUSED if it is not going to be tried.
enum err drop_retry_stored(struct outbox *outbox, int64_t id, const struct moment *now, struct diag *told) MUST_CHECK;
