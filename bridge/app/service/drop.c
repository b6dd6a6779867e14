#include "app/service/drop.h"

void drop_outcome(const struct entry_call *call, struct call_outcome *outcome)
{
    bool may_have_run = command_state_may_have_run(call->state, call->may_have_run);
    *outcome = (struct call_outcome){.status = may_have_run ? STATUS_UNKNOWN : STATUS_REJECTED};
    failure_set(&outcome->failure, "dropped_by_operator",
                may_have_run ? "an operator dropped it after a request had left: it may or may not have run"
                             : "an operator dropped it before it was sent");
}

void drop_unreadable(struct outbox *outbox, int64_t row_id, struct diag *report)
{
    outbox_stage_delete(outbox, row_id);
    diag_set(report, ERR_OK, "command %lld is gone; what it was mapped to cannot be read, so nobody could be told",
             (long long)row_id);
}
