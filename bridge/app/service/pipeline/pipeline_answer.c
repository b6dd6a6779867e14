// What an attempt came to: the end of its calls, or another try. The answer is judged once: what it shows of the
// platform goes to the scheduler, and what it means for a call to each command that was folded into the request. Each
// of those then decides alone whether it may be tried again, as that depends on what happened to it before: whether it
// is idempotent, and which remedies (another time, another secret, a second doubt) it has used up.
#include "app/service/pipeline/pipeline_internal.h"

#include <stdlib.h>
#include <string.h>

#include "app/service/call/answer.h"
#include "base/crypto.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "core/platform/api.h"
#include "core/platform/retry.h"

// How long at least a refusal that came right after throttling is left alone.
#define DOUBTED_WAIT_MS 2000
// For so long after an answer that the quota is used up, a refusal of the access key may be due to the quota too.
#define AFTER_THROTTLING_MS 30000

// All that is learned from one attempt.
struct verdict {
    enum retry_advice advice;
    bool each_alone; // a folded call that one device may have spoilt
    struct call_outcome outcome;
    struct schedule_report report;
    bool new_time;         // the platform's time was learned from this answer
    bool new_secret;       // the secret was read again and is another
    bool after_throttling; // of a refusal of the key: the account was throttled just before
};

static enum schedule_finding finding_of(enum api_class class, long http_status)
{
    if (class == API_THROTTLED) {
        return SCHEDULE_THROTTLED;
    }
    if (class == API_BUSY) {
        return SCHEDULE_BUSY;
    }
    return class == API_MAY_HAVE_RUN && http_status >= 500 ? SCHEDULE_SERVER_ERROR : SCHEDULE_ANSWERED;
}

static void judge_answer(struct platform *platform, const struct attempt *attempt, const struct http_answer *answer,
                         const struct moment *now, struct verdict *verdict)
{
    enum api_class class = answer_read(platform->config, answer, attempt->string_to_sign, now, &verdict->outcome);
    if (class == API_THROTTLED) {
        platform->throttled_until_ms = now->boot_ms + AFTER_THROTTLING_MS;
    }
    if (class == API_THROTTLED || class == API_BUSY) {
        verdict->report.wait_ms = verdict->outcome.failure.retry_after_ms;
    }
    verdict->advice = api_retry_advice(class);
    verdict->each_alone = attempt->folded.action != NULL && retry_each_alone(class);
    verdict->report.finding = finding_of(class, answer->status);
    verdict->new_time =
        class == API_CLOCK && platform_learn_clock(platform, answer->date, now->wall_ms, attempt->clock_offset_ms);
    verdict->new_secret = class == API_AUTH && platform_read_secret_again(platform, attempt->secret_version);
    verdict->after_throttling = class == API_AUTH && now->boot_ms <= platform->throttled_until_ms;
}

static void judge(struct platform *platform, const struct attempt *attempt, const struct http_answer *answer,
                  const struct moment *now, struct verdict *verdict)
{
    const struct command *first = attempt->entries[0]->command;
    *verdict = (struct verdict){.report = {.wait_ms = -1}};
    verdict->report.device = first->device_count > 0 ? first->device_names[0] : first->iot_id;
    switch (answer->outcome) {
    case HTTP_ANSWERED:
        judge_answer(platform, attempt, answer, now, verdict);
        break;
    case HTTP_TOO_LATE:
        // Its own deadline ends a command; the others of a folded call go on.
        verdict->advice = RETRY_SAFE;
        verdict->report.finding = SCHEDULE_NOT_TRIED;
        break;
    case HTTP_NOT_SENT:
        verdict->advice = RETRY_SAFE;
        verdict->report.finding = SCHEDULE_NOT_CONNECTED;
        answer_read_silence(answer, &verdict->outcome);
        break;
    case HTTP_NO_ANSWER:
        verdict->advice = RETRY_IF_IDEMPOTENT;
        verdict->report.finding = SCHEDULE_NO_ANSWER;
        answer_read_silence(answer, &verdict->outcome);
        metrics_add(METRIC_REQUESTS_UNANSWERED, 1);
        break;
    }
}

// After the key was refused: once with another secret, and once because a gateway that throttles may say so wrongly.
static bool may_retry_refused(struct entry_call *call, const struct verdict *verdict)
{
    if (verdict->new_secret && !call->secret_read_again) {
        call->secret_read_again = true;
        return true;
    }
    if (verdict->after_throttling && !call->refusal_doubted) {
        call->refusal_doubted = true;
        return true;
    }
    return false;
}

// May this call be tried again after this?
static bool may_retry(const struct entry *entry, struct entry_call *call, const struct verdict *verdict)
{
    switch (verdict->advice) {
    case RETRY_SAFE:
        return true;
    case RETRY_IF_IDEMPOTENT:
        return entry->command->idempotent;
    case RETRY_NEW_TIME:
        if (call->time_corrected) {
            return false;
        }
        call->time_corrected = true;
        return verdict->new_time;
    case RETRY_NEW_SECRET:
        return may_retry_refused(call, verdict);
    case RETRY_NEVER:
        break;
    }
    return verdict->each_alone;
}

static int64_t retry_delay_ms(const struct entry_call *call, const struct verdict *verdict)
{
    uint64_t random = 0;
    if (verdict->each_alone || verdict->new_time || verdict->new_secret ||
        verdict->report.finding == SCHEDULE_NOT_TRIED) {
        return 0;
    }
    crypto_random(&random, sizeof random);
    int64_t delay = retry_backoff_ms(call->tries - 1, random);
    int64_t least = verdict->after_throttling ? DOUBTED_WAIT_MS : verdict->report.wait_ms;
    return delay > least ? delay : least;
}

static void retry(struct pipeline *pipeline, struct entry *entry, size_t call, size_t scheduled_call,
                  const struct verdict *verdict, const struct moment *now)
{
    struct entry_call *mine = &entry->calls[call];
    int64_t delay_ms = retry_delay_ms(mine, verdict);
    mine->may_have_run = mine->may_have_run || verdict->advice == RETRY_IF_IDEMPOTENT;
    if (verdict->outcome.failure.code != NULL) {
        mine->last = verdict->outcome.failure;
    }
    mine->connecting = verdict->report.finding == SCHEDULE_NOT_TRIED;
    pipeline_set_waiting(pipeline, entry, call);
    metrics_add(METRIC_RETRIES, 1);
    LOG(LOG_INFO, "command_retry", LOG_S("id", entry->command->id), LOG_S("rule", entry->command->rule),
        LOG_S("code", mine->last.code == NULL ? "" : mine->last.code->code), LOG_N("attempts", entry->attempts),
        LOG_N("delay_ms", delay_ms));
    struct schedule_retry again = {
        .not_before_ms = now->boot_ms + delay_ms, .may_have_run = mine->may_have_run, .alone = verdict->each_alone};
    schedule_call_retry(pipeline->schedule, entry->id, scheduled_call, &again);
}

// Each command of a folded call gets its own copy.
static struct call_outcome copy_outcome(const struct call_outcome *outcome)
{
    struct call_outcome copy = *outcome;
    copy.message_id = mem_strdup_or_null(outcome->message_id);
    copy.request_id = mem_strdup_or_null(outcome->request_id);
    copy.result = json_ref(outcome->result);
    return copy;
}

static void conclude(struct pipeline *pipeline, const struct attempt *attempt, struct entry *entry,
                     size_t scheduled_call, struct verdict *verdict, const struct moment *now)
{
    if (entry->abandoned > 0) {
        pipeline_end_abandoned(pipeline, entry, scheduled_call);
        return;
    }
    bool can_wait = !pipeline->stopping || entry->row_id != 0;
    if (can_wait && may_retry(entry, &entry->calls[attempt->call], verdict)) {
        retry(pipeline, entry, attempt->call, scheduled_call, verdict, now);
        return;
    }
    struct call_outcome outcome = copy_outcome(&verdict->outcome);
    schedule_call_done(pipeline->schedule, entry->id, scheduled_call);
    pipeline_end_call(pipeline, entry, attempt->call, &outcome, now);
}

void pipeline_answered(struct pipeline *pipeline, struct http_answer *answer, const struct moment *now)
{
    struct attempt *attempt = answer->context;
    struct platform *platform = platform_find(pipeline->options.platforms, attempt->entries[0]->command->platform);
    size_t scheduled_call = attempt->release->call;
    struct verdict verdict;
    FAULT_POINT("after_answer");
    if (FAULT_DEFECT("sent_after_request")) {
        pipeline_set_sent(pipeline, attempt);
    }
    judge(platform, attempt, answer, now, &verdict);
    schedule_ended(pipeline->schedule, attempt->release, &verdict.report, now->boot_ms);
    for (size_t i = 0; i < attempt->count; i++) {
        conclude(pipeline, attempt, attempt->entries[i], scheduled_call, &verdict, now);
    }
    call_outcome_clear(&verdict.outcome);
    http_answer_clear(answer);
    TAILQ_REMOVE(&pipeline->running, attempt, in_list);
    attempt_free(attempt);
}
