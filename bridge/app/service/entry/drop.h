// What an operator's drop means for a command, whether the service runs (pipeline_operator.c) or not (offline_drop.c).
#pragma once

#include <stdbool.h>

#include "app/service/entry/entry.h"

// The end of a call that has no outcome yet: `rejected`, or `unknown` if an attempt may have run.
void drop_outcome(const struct entry_call *call, struct call_outcome *outcome);
// The row, and what was mapped: NULL if that cannot be read. ERR_MISSING: there is no such row any more.
enum err drop_load(struct outbox *outbox, int64_t row_id, struct outbox_row *row, struct entry **entry,
                   struct diag *report) MUST_CHECK;
enum err drop_report_ended(int64_t row_id, struct diag *report);
// A stored command that cannot be read has nobody to notify: stages its deletion.
void drop_unreadable(struct outbox *outbox, int64_t row_id, struct diag *report);
