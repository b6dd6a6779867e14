// From the scheduler's word to the request on the wire.
#include "app/service/pipeline_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/service/signed_call.h"
#include "base/fault.h"
#include "base/mem.h"
#include "base/metrics.h"

// ---- attempts

static void attempt_free(struct attempt *attempt)
{
    call_clear(&attempt->folded);
    free(attempt->entries);
    free(attempt->string_to_sign);
    free(attempt);
}

void pipeline_attempts_free(struct attempt *list)
{
    while (list != NULL) {
        struct attempt *next = list->next;
        attempt_free(list);
        list = next;
    }
}

static void start_running(struct pipeline *pipeline, struct attempt *attempt)
{
    attempt->previous = NULL;
    attempt->next = pipeline->running;
    if (pipeline->running != NULL) {
        pipeline->running->previous = attempt;
    }
    pipeline->running = attempt;
}

void pipeline_attempt_ended(struct pipeline *pipeline, struct attempt *attempt)
{
    *(attempt->previous == NULL ? &pipeline->running : &attempt->previous->next) = attempt->next;
    if (attempt->next != NULL) {
        attempt->next->previous = attempt->previous;
    }
    attempt_free(attempt);
}

// One call for the devices of all: the parameters of the first command, which are equal in all but the device.
static void fold(struct attempt *attempt)
{
    const struct parameters *common = &attempt->entries[0]->command->calls[0].parameters;
    attempt->folded.action = mem_strdup(FOLDED_ACTION);
    for (size_t i = 0; i < common->count; i++) {
        if (strcmp(common->items[i].name, "DeviceName") != 0) {
            parameters_add(&attempt->folded.parameters, common->items[i].name, common->items[i].value);
        }
    }
    for (size_t i = 0; i < attempt->count; i++) {
        char name[32];
        snprintf(name, sizeof name, "DeviceName.%zu", i + 1);
        parameters_add(&attempt->folded.parameters, name, attempt->entries[i]->command->device_names[0]);
    }
}

static void stage_sent(struct pipeline *pipeline, struct entry *entry, size_t call)
{
    entry->attempts++;
    entry->calls[call].tries++;
    if (entry->state != COMMAND_SENT) {
        pipeline_set_state(pipeline, entry, COMMAND_SENT);
    }
    pipeline_set_call_state(pipeline, entry, call, COMMAND_SENT);
}

void pipeline_stage_sent(struct pipeline *pipeline, const struct attempt *attempt)
{
    for (size_t i = 0; i < attempt->count; i++) {
        stage_sent(pipeline, attempt->entries[i], attempt->call);
    }
}

static void stage_attempt(struct pipeline *pipeline, const struct schedule_release *release)
{
    struct attempt *attempt = mem_alloc(sizeof *attempt);
    attempt->release = release;
    attempt->count = release->count;
    attempt->entries = mem_alloc(release->count * sizeof(struct entry *));
    for (size_t i = 0; i < release->count; i++) {
        attempt->entries[i] = pipeline_scheduled_entry(release->ids[i]);
    }
    attempt->call = attempt->entries[0]->scheduled_calls[release->call];
    if (!FAULT_DEFECT("sent_after_request")) {
        pipeline_stage_sent(pipeline, attempt);
    }
    if (release->folded) {
        metrics_add(METRIC_REQUESTS_FOLDED, 1);
        fold(attempt);
    }
    *pipeline->staged_end = attempt;
    pipeline->staged_end = &attempt->next;
}

// ---- a turn

static void expire_late(struct pipeline *pipeline, const struct moment *now)
{
    uint64_t id = 0;
    while (schedule_expired(pipeline->schedule, now->boot_ms, &id)) {
        pipeline_expire(pipeline, pipeline_scheduled_entry(id), now);
    }
}

static void end_superseded(struct pipeline *pipeline, const struct moment *now)
{
    uint64_t id = 0;
    while (schedule_superseded(pipeline->schedule, &id)) {
        pipeline_supersede(pipeline, pipeline_scheduled_entry(id), now);
    }
}

// A further call of a command that was dropped while another of its calls was under way: it never leaves.
static void withhold(struct pipeline *pipeline, const struct schedule_release *release, const struct moment *now)
{
    struct schedule_report report = {.outcome = SCHEDULE_NOT_TRIED, .wait_ms = -1};
    uint64_t id = release->ids[0];
    size_t call = release->call;
    schedule_ended(pipeline->schedule, release, &report, now->boot_ms);
    schedule_call_done(pipeline->schedule, id, call);
}

void pipeline_run(struct pipeline *pipeline, const struct moment *now)
{
    const struct schedule_release *release = NULL;
    end_superseded(pipeline, now);
    if (pipeline->stopping) {
        return;
    }
    expire_late(pipeline, now);
    while ((release = schedule_next(pipeline->schedule, now->boot_ms)) != NULL) {
        if (pipeline_scheduled_entry(release->ids[0])->abandoned > 0) {
            withhold(pipeline, release, now);
        } else {
            stage_attempt(pipeline, release);
        }
    }
    pipeline_notify_waiting(pipeline, now);
    pipeline_notify_platforms(pipeline, now);
}

static void sign_attempt(const struct platform *platform, struct attempt *attempt, const struct moment *now,
                         struct signed_call *out)
{
    const struct call *call =
        attempt->folded.action != NULL ? &attempt->folded : &attempt->entries[0]->command->calls[attempt->call];
    signed_call_make(&platform->account, call, now->wall_ms + platform->clock_offset_ms, out);
    attempt->secret_version = platform->secret_version;
    attempt->clock_offset_ms = platform->clock_offset_ms;
    attempt->string_to_sign = out->string_to_sign;
    out->string_to_sign = NULL;
}

static int64_t earliest_deadline_ms(const struct attempt *attempt, const struct moment *now)
{
    int64_t earliest = INT64_MAX;
    for (size_t i = 0; i < attempt->count; i++) {
        int64_t deadline = entry_deadline_ms(attempt->entries[i], now);
        earliest = deadline < earliest ? deadline : earliest;
    }
    return earliest;
}

static void send_attempt(struct pipeline *pipeline, struct attempt *attempt, const struct moment *now)
{
    const struct platform *platform =
        platform_find(pipeline->options.platforms, attempt->entries[0]->command->platform);
    struct http_request request = {
        .target = platform->target, .not_after_boot_ms = earliest_deadline_ms(attempt, now), .context = attempt};
    struct signed_call signed_call;
    struct diag diag;
    sign_attempt(platform, attempt, now, &signed_call);
    request.query = signed_call.query;
    request.post = signed_call.post;
    start_running(pipeline, attempt);
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
    struct entry *entry = pipeline->replied;
    pipeline->replied = NULL;
    pipeline->replied_end = &pipeline->replied;
    while (entry != NULL) {
        struct entry *next = entry->next_ready;
        for (size_t i = 0; i < entry->outgoing_count; i++) {
            broker_send(pipeline->broker, &entry->outgoing[i]);
        }
        if (entry->outgoing_count == 0) {
            pipeline_forget(pipeline, entry);
        }
        entry = next;
    }
}

void pipeline_release(struct pipeline *pipeline, const struct moment *now)
{
    send_replies(pipeline);
    struct attempt *attempt = pipeline->staged;
    pipeline->staged = NULL;
    pipeline->staged_end = &pipeline->staged;
    while (attempt != NULL) {
        struct attempt *next = attempt->next;
        send_attempt(pipeline, attempt, now);
        attempt = next;
    }
}
