#include "app/service/operator.h"

#include "base/log.h"

#define LOOK_MS  250
#define TURN_MAX 20 // requests per look

static enum err perform(const struct operator_requests *mine, const struct outbox_request *request,
                        const struct moment *now, struct diag *report)
{
    switch (request->verb) {
    case OUTBOX_RETRY:
        return pipeline_retry_now(mine->pipeline, request->command, now, report);
    case OUTBOX_DROP:
        return pipeline_drop(mine->pipeline, request->command, now, report);
    case OUTBOX_OTHER_VERB:
        break;
    }
    return diag_set(report, ERR_REFUSED, "the service that runs is of an older version and does not know this request");
}

static void answer(const struct operator_requests *mine, const struct outbox_request *request, const struct moment *now)
{
    static const char *const events[] = {
        [OUTBOX_RETRY] = "operator_retry", [OUTBOX_DROP] = "operator_drop", [OUTBOX_OTHER_VERB] = "operator_other"};
    struct diag report;
    bool done = perform(mine, request, now, &report) == ERR_OK;
    outbox_answer_request(mine->outbox, request->id, done, report.text);
    LOG(LOG_INFO, events[request->verb], LOG_N("row", request->command), LOG_S("result", done ? "done" : "refused"),
        LOG_S("detail", report.text));
}

void operator_run(struct operator_requests *mine, const struct moment *now)
{
    if (now->boot_ms < mine->next_ms) {
        return;
    }
    mine->next_ms = now->boot_ms + LOOK_MS;
    for (int i = 0; i < TURN_MAX; i++) {
        struct outbox_request request;
        struct diag diag;
        bool found = false;
        if (outbox_take_request(mine->outbox, now, &request, &found, &diag) != ERR_OK) {
            LOG(LOG_WARN, "operator_requests_unreadable", LOG_S("error", diag.text));
            return;
        }
        if (!found) {
            return;
        }
        answer(mine, &request, now);
    }
}

int64_t operator_wait_ms(const struct operator_requests *mine, int64_t now_ms)
{
    return mine->next_ms > now_ms ? mine->next_ms - now_ms : 0;
}
