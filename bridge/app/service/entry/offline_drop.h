// What an operator does to a command while no service runs: in the outbox, which this process has opened. The running
// service's part is pipeline_operator.c. `report` gets a sentence in any case.
#pragma once

#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "io/outbox/outbox.h"

// Ends the command and commits that. The next start publishes the reply. `window_ms`: how long duplicates are answered.
// ERR_MISSING: the command has ended; ERR_REFUSED: its reply is decided; otherwise as outbox_load and outbox_commit.
enum err offline_drop(struct outbox *outbox, int64_t row_id, const struct moment *now, int64_t window_ms,
                      struct diag *report) MUST_CHECK;
// What the next start does with the command; the same errors, and ERR_REFUSED if it is not going to be tried.
enum err offline_retry(struct outbox *outbox, int64_t row_id, const struct moment *now, struct diag *report) MUST_CHECK;
