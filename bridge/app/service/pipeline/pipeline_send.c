// From the scheduler's word to the request on the wire.
#include "app/service/pipeline/pipeline_internal.h"

#include <stdio.h>

#include "base/fault.h"
#include "base/mem.h"
#include "base/metrics.h"

static void stage_attempt(struct pipeline *pipeline, const struct schedule_release *release)
{
    struct attempt *attempt = attempt_create(release, &pipeline->entries);
    if (!FAULT_DEFECT("sent_after_request")) {
        pipeline_set_sent(pipeline, attempt);
    }
    if (release->folded) {
        metrics_add(METRIC_REQUESTS_FOLDED, 1);
    }
    TAILQ_INSERT_TAIL(&pipeline->staged, attempt, in_list);
}

// ---- a turn

// A further call of a command that was dropped while another of its calls was under way: it never leaves.
static void withhold(struct pipeline *pipeline, const struct schedule_release *release, const struct moment *now)
{
    struct schedule_report report = {.finding = SCHEDULE_NOT_TRIED, .wait_ms = -1};
    uint64_t id = release->ids[0];
    size_t call = release->call;
    schedule_ended(pipeline->schedule, release, &report, now->boot_ms);
    schedule_call_done(pipeline->schedule, id, call);
}

void pipeline_run(struct pipeline *pipeline, const struct moment *now)
{
    const struct schedule_release *release = NULL;
    uint64_t id = 0;
    while (schedule_superseded(pipeline->schedule, &id)) {
        pipeline_end_waiting(pipeline, entry_list_find(&pipeline->entries, id), STATUS_SUPERSEDED, now);
    }
    if (pipeline->stopping) {
        return;
    }
    while (schedule_expired(pipeline->schedule, now->boot_ms, &id)) {
        pipeline_end_waiting(pipeline, entry_list_find(&pipeline->entries, id), STATUS_EXPIRED, now);
    }
    while ((release = schedule_next(pipeline->schedule, now->boot_ms)) != NULL) {
        if (entry_list_find(&pipeline->entries, release->ids[0])->abandoned > 0) {
            withhold(pipeline, release, now);
        } else {
            stage_attempt(pipeline, release);
        }
    }
    pipeline_notify_waiting(pipeline, now);
    pipeline_notify_platforms(pipeline, now);
}

static void send_attempt(struct pipeline *pipeline, struct attempt *attempt, const struct moment *now)
{
    const struct platform *platform =
        platform_find(pipeline->options.platforms, attempt->entries[0]->command->platform);
    struct http_request request = {
        .target = platform->target, .not_after_boot_ms = attempt_deadline_ms(attempt, now), .context = attempt};
    struct signed_call signed_call;
    struct diag diag;
    attempt_sign(attempt, platform, now, &signed_call);
    request.query = signed_call.query;
    request.post = signed_call.post;
    TAILQ_INSERT_HEAD(&pipeline->running, attempt, in_list);
    metrics_add(METRIC_REQUESTS_SENT, 1);
    FAULT_POINT("before_request");
    if (http_submit(pipeline->options.http, &request, &diag) != ERR_OK) {
        struct http_answer answer = {.context = attempt, .outcome = HTTP_NOT_SENT, .trouble = HTTP_OTHER};
        snprintf(answer.error, sizeof answer.error, "%.250s", diag.text);
        pipeline_answered(pipeline, &answer, now);
    }
    signed_call_clear(&signed_call);
}

static void send_replies(struct pipeline *pipeline)
{
    while (!STAILQ_EMPTY(&pipeline->replied)) {
        struct entry *entry = STAILQ_FIRST(&pipeline->replied);
        STAILQ_REMOVE_HEAD(&pipeline->replied, in_replied);
        for (size_t i = 0; i < entry->outgoing_count; i++) {
            broker_send(pipeline->broker, &entry->outgoing[i]);
        }
        if (entry->outgoing_count == 0) {
            pipeline_forget(pipeline, entry);
        }
    }
}

void pipeline_release(struct pipeline *pipeline, const struct moment *now)
{
    send_replies(pipeline);
    while (!TAILQ_EMPTY(&pipeline->staged)) {
        struct attempt *attempt = TAILQ_FIRST(&pipeline->staged);
        TAILQ_REMOVE(&pipeline->staged, attempt, in_list);
        send_attempt(pipeline, attempt, now);
    }
}
