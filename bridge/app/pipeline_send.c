// From the scheduler's word to the platform's answer.
#include "app/pipeline_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "core/api.h"
#include "core/retry.h"
#include "core/sign.h"

#define LONGEST_QUERY 6000 // many servers and proxies refuse a request line above 8 KiB

static void attempt_push(struct attempt **list, struct attempt *attempt)
{
    attempt->previous = NULL;
    attempt->next = *list;
    if (*list != NULL) {
        (*list)->previous = attempt;
    }
    *list = attempt;
}

static void attempt_remove(struct attempt **list, struct attempt *attempt)
{
    *(attempt->previous == NULL ? list : &attempt->previous->next) = attempt->next;
    if (attempt->next != NULL) {
        attempt->next->previous = attempt->previous;
    }
}

static void attempt_free(struct attempt *attempt)
{
    free(attempt->string_to_sign);
    free(attempt);
}

void attempts_free(struct attempt *list)
{
    while (list != NULL) {
        struct attempt *next = list->next;
        attempt_free(list);
        list = next;
    }
}

static void stage_attempt(struct pipeline *pipeline, struct entry *entry, size_t call)
{
    struct attempt *attempt = mem_alloc(sizeof *attempt);
    attempt->entry = entry;
    attempt->call = call;
    entry->attempts++;
    if (entry->state != OUTBOX_SENT) {
        pipeline_set_state(pipeline, entry, OUTBOX_SENT);
    }
    pipeline_set_call_state(pipeline, entry, call, OUTBOX_SENT);
    attempt_push(&pipeline->staged, attempt);
}

// The scheduler counts the calls that are left; this is the next of them.
static size_t next_call(const struct entry *entry)
{
    size_t call = 0;
    while (entry->calls[call].state != OUTBOX_QUEUED) {
        call++;
    }
    return call;
}

static struct entry *scheduled_entry(uint64_t id)
{
    return (struct entry *)(uintptr_t)id; // NOLINT(performance-no-int-to-ptr): made by enter_schedule
}

// Calls that have not left end here; the last of them ends the command.
static void expire(struct pipeline *pipeline, struct entry *entry, const struct moment *now)
{
    size_t count = entry->command->call_count;
    struct call_outcome outcome = {.status = STATUS_EXPIRED};
    failure_set(&outcome.failure, "deadline_passed",
                "it waited for its turn until its deadline passed; nothing was sent");
    for (size_t i = 0; i < count && entry->record.reply == NULL; i++) {
        if (entry->calls[i].state == OUTBOX_QUEUED) {
            pipeline_end_call(pipeline, entry, i, &outcome, now);
        }
    }
}

void pipeline_run(struct pipeline *pipeline, const struct moment *now)
{
    uint64_t id = 0;
    int call = 0;
    if (pipeline->stopping) {
        return;
    }
    while (schedule_expired(pipeline->schedule, now->boot_ms, &id)) {
        expire(pipeline, scheduled_entry(id), now);
    }
    while (schedule_next(pipeline->schedule, now->boot_ms, &id, &call)) {
        struct entry *entry = scheduled_entry(id);
        if (entry->abandoned > 0) {
            schedule_call_done(pipeline->schedule, id); // it was dropped: its remaining calls never leave
            continue;
        }
        stage_attempt(pipeline, entry, next_call(entry));
    }
}

// A long query goes in a body: the method is part of what is signed.
static char *sign_attempt(const struct platform *platform, struct attempt *attempt, const struct moment *now,
                          bool *post)
{
    const struct call *call = &attempt->entry->command->calls[attempt->call];
    struct signature_stages stages = {0};
    struct sign_account account = platform->account;
    char timestamp[CLOCK_ISO_LEN];
    char nonce[CRYPTO_NONCE_LEN];
    clock_iso_s(now->wall_ms, timestamp);
    crypto_nonce(nonce);
    char *query = sign_request(&account, call, nonce, timestamp, &stages);
    *post = platform->config->method == CONFIG_POST;
    if (!*post && strlen(query) > LONGEST_QUERY) {
        free(query);
        signature_stages_free(&stages);
        account.method = "POST";
        *post = true;
        query = sign_request(&account, call, nonce, timestamp, &stages);
    }
    attempt->string_to_sign = buf_steal(&stages.string_to_sign);
    signature_stages_free(&stages);
    return query;
}

static void send_attempt(struct pipeline *pipeline, struct attempt *attempt, const struct moment *now)
{
    struct entry *entry = attempt->entry;
    const struct platform *platform = platform_find(pipeline->options.platforms, entry->command->platform);
    struct http_request request = {
        .target = platform->target, .not_after_boot_ms = entry_deadline_ms(entry, now), .context = attempt};
    AUTO_FREE char *query = sign_attempt(platform, attempt, now, &request.post);
    request.query = query;
    struct diag diag;
    attempt_push(&pipeline->running, attempt);
    metrics_add(METRIC_REQUESTS_SENT, 1);
    if (http_submit(pipeline->options.http, &request, &diag) != ERR_OK) {
        struct http_answer answer = {.context = attempt, .outcome = HTTP_NOT_SENT, .trouble = HTTP_OTHER};
        snprintf(answer.error, sizeof answer.error, "%.250s", diag.text);
        pipeline_answered(pipeline, &answer, now);
    }
}

static void send_replies(struct pipeline *pipeline)
{
    struct entry *entry = pipeline->replied;
    pipeline->replied = NULL;
    pipeline->replied_end = &pipeline->replied;
    while (entry != NULL) {
        struct entry *next = entry->next_ready;
        for (size_t i = 0; i < entry->outgoing_count; i++) {
            link_send(pipeline->link, &entry->outgoing[i]);
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
    while (attempt != NULL) {
        struct attempt *next = attempt->next;
        send_attempt(pipeline, attempt, now);
        attempt = next;
    }
}

// How long the platform asks to wait; an HTTP-date is meant in the platform's time.
static void read_wait(const struct http_answer *answer, const struct moment *now, struct failure *failure)
{
    struct retry_headers headers = {answer->retry_after, answer->rate_limit_user, answer->rate_limit_user_api};
    int64_t server_ms = now->wall_ms;
    (void)clock_parse_http_date(answer->date, &server_ms);
    failure->retry_after_ms = (long)retry_after_ms(&headers, server_ms);
}

static void outcome_of_answer(const struct attempt *attempt, const struct http_answer *answer, const struct moment *now,
                              struct call_outcome *outcome)
{
    struct api_input input = {.http_status = answer->status,
                              .body = answer->body,
                              .body_len = answer->body_len,
                              .string_to_sign = attempt->string_to_sign};
    struct api_answer parsed = {0};
    api_classify(&input, NULL, 0, &parsed);
    if (parsed.class == API_THROTTLED || parsed.class == API_BUSY) {
        read_wait(answer, now, &parsed.failure);
    }
    *outcome = (struct call_outcome){
        .status = api_status(&parsed),
        .message_id = parsed.message_id,
        .request_id = parsed.request_id,
        .result = parsed.result,
        .has_result = parsed.has_result,
        .failure = parsed.failure,
    };
}

static void outcome_of_trouble(const struct http_answer *answer, struct call_outcome *outcome)
{
    static const char *const not_sent[] = {
        [HTTP_FINE] = "connect_failed",      [HTTP_RESOLVE] = "resolve_failed", [HTTP_CONNECT] = "connect_failed",
        [HTTP_TLS] = "tls_failed",           [HTTP_TIMEOUT] = "connect_failed", [HTTP_RESET] = "connect_failed",
        [HTTP_TOO_LARGE] = "connect_failed", [HTTP_OTHER] = "connect_failed",
    };
    *outcome = (struct call_outcome){0};
    if (answer->outcome == HTTP_TOO_LATE) {
        outcome->status = STATUS_EXPIRED;
        failure_set(&outcome->failure, "deadline_passed",
                    "its deadline passed while the connection was made; nothing was sent");
    } else if (answer->outcome == HTTP_NOT_SENT) {
        outcome->status = STATUS_FAILED;
        failure_set(&outcome->failure, not_sent[answer->trouble], "nothing was sent: %s", answer->error);
    } else {
        outcome->status = STATUS_UNKNOWN;
        const char *code = answer->trouble == HTTP_TOO_LARGE ? "answer_unreadable" : "no_answer";
        failure_set(&outcome->failure, code, "the request was sent, and then: %s", answer->error);
        metrics_add(METRIC_REQUESTS_UNANSWERED, 1);
    }
}

void pipeline_answered(struct pipeline *pipeline, struct http_answer *answer, const struct moment *now)
{
    struct attempt *attempt = answer->context;
    struct call_outcome outcome = {0};
    if (attempt->entry->abandoned > 0) {
        http_answer_clear(answer);
        attempt_remove(&pipeline->running, attempt);
        pipeline_end_abandoned(pipeline, attempt->entry);
        attempt_free(attempt);
        return;
    }
    if (answer->outcome == HTTP_ANSWERED) {
        outcome_of_answer(attempt, answer, now, &outcome);
    } else {
        outcome_of_trouble(answer, &outcome);
    }
    http_answer_clear(answer);
    attempt_remove(&pipeline->running, attempt);
    schedule_call_done(pipeline->schedule, (uint64_t)(uintptr_t)attempt->entry);
    pipeline_end_call(pipeline, attempt->entry, attempt->call, &outcome, now);
    attempt_free(attempt);
}
