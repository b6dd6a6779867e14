#include "app/service/entry/drop.h"

void drop_outcome(const struct entry_call *call, struct call_outcome *outcome)
{
    bool may_have_run = command_state_may_have_run(call->state, call->may_have_run);
    *outcome = (struct call_outcome){.status = may_have_run ? STATUS_UNKNOWN : STATUS_REJECTED};
    failure_set(&outcome->failure, "dropped_by_operator",
                may_have_run ? "an operator dropped it after a request had left: it may or may not have run"
                             : "an operator dropped it before it was sent");
}

enum err drop_report_ended(int64_t row_id, struct diag *report)
{
    return diag_set(report, ERR_MISSING, "command %lld has ended already", (long long)row_id);
}

enum err drop_load(struct outbox *outbox, int64_t row_id, struct outbox_row *row, struct entry **entry,
                   struct diag *report)
{
    size_t count = 0;
    struct diag reason;
    enum err err = outbox_load(outbox, row_id - 1, row, 1, &count, report);
    if (err == ERR_OK && (count == 0 || row->id != row_id)) {
        return drop_report_ended(row_id, report);
    }
    if (err == ERR_OK && entry_create_stored(row, entry, &reason) != ERR_OK) {
        *entry = NULL;
    }
    return err;
}

void drop_unreadable(struct outbox *outbox, int64_t row_id, struct diag *report)
{
    outbox_stage_delete(outbox, row_id);
    diag_set(report, ERR_OK, "command %lld is gone; what it was mapped to cannot be read, so nobody could be told",
             (long long)row_id);
}
