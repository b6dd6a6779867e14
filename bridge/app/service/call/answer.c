#include "app/service/call/answer.h"

#include "core/platform/retry.h"

// How long the platform asks to wait; an HTTP-date is meant in the platform's time.
static int64_t asked_wait_ms(const struct http_answer *answer, const struct moment *now)
{
    struct retry_headers headers = {answer->retry_after, answer->rate_limit_user, answer->rate_limit_user_api};
    int64_t server_ms = now->wall_ms;
    (void)clock_parse_http_date(answer->date, &server_ms);
    return retry_after_ms(&headers, server_ms);
}

enum api_class answer_read(const struct config_platform *platform, const struct http_answer *answer,
                           const char *string_to_sign, const struct moment *now, struct call_outcome *out)
{
    struct api_input input = {.http_status = answer->status,
                              .body = answer->body,
                              .body_len = answer->body_len,
                              .string_to_sign = string_to_sign,
                              .content_type = answer->content_type,
                              .location = answer->location};
    struct api_answer parsed = {0};
    api_classify(&input, platform->errors, platform->error_count, &parsed);
    if (parsed.class == API_THROTTLED || parsed.class == API_BUSY) {
        parsed.failure.retry_after_ms = (long)asked_wait_ms(answer, now);
    }
    *out = call_outcome_of(&parsed);
    return parsed.class;
}

void answer_read_silence(const struct http_answer *answer, struct call_outcome *out)
{
    if (answer->outcome == HTTP_NO_ANSWER) {
        bool is_unread = answer->trouble == HTTP_TOO_LARGE || answer->trouble == HTTP_ENCODING;
        const char *code = is_unread ? "answer_unreadable" : "no_answer";
        *out = (struct call_outcome){.status = STATUS_UNKNOWN};
        failure_set(&out->failure, code, "the request was sent, and then: %s", answer->error);
        return;
    }
    const char *code = answer->trouble == HTTP_RESOLVE ? "resolve_failed"
                       : answer->trouble == HTTP_TLS   ? "tls_failed"
                                                       : "connect_failed";
    *out = (struct call_outcome){.status = STATUS_FAILED};
    failure_set(&out->failure, code, "nothing was sent: %s", answer->error);
}
