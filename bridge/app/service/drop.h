// What an operator's drop means for a command, whether the service runs (pipeline_operator.c) or not (offline_drop.c).
#pragma once

#include <stdbool.h>

#include "app/service/entry.h"

// The end of a call that has no outcome yet: `rejected`, or `unknown` if an attempt may have run.
void drop_outcome(const struct entry_call *call, struct call_outcome *outcome);
// A stored command that cannot be read has nobody to notify: stages its deletion.
void drop_unreadable(struct outbox *outbox, int64_t row_id, struct diag *report);
