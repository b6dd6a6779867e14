#include "unit/fakes/fake_http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"

#define REQUESTS_MAX 256

struct http_target {
    char *endpoint;
};

enum fake_request_state { REQUEST_RUNNING, REQUEST_FINISHED, REQUEST_TAKEN };

struct fake_request {
    enum fake_request_state state;
    char *query;
    int64_t not_after_ms;
    void *context;
    struct http_answer answer;
};

struct http {
    struct fake_request requests[REQUESTS_MAX];
    size_t count;
    size_t max_connections;
    bool fails_next;
};

enum err http_create(size_t max_connections, struct http **out, struct diag *diag)
{
    (void)diag;
    *out = mem_alloc(sizeof **out);
    (*out)->max_connections = max_connections;
    return ERR_OK;
}

void http_destroy(struct http *http)
{
    for (size_t i = 0; i < http->count; i++) {
        free(http->requests[i].query);
        if (http->requests[i].state != REQUEST_TAKEN) {
            http_answer_clear(&http->requests[i].answer);
        }
    }
    free(http);
}

void http_answer_clear(struct http_answer *answer)
{
    free(answer->body);
    *answer = (struct http_answer){0};
}

enum err http_target_check(const struct http_target_options *options, struct diag *diag)
{
    (void)options;
    (void)diag;
    return ERR_OK;
}

enum err http_target_create(const struct http_target_options *options, struct http_target **out, struct diag *diag)
{
    (void)diag;
    *out = mem_alloc(sizeof **out);
    (*out)->endpoint = mem_strdup(options->endpoint);
    return ERR_OK;
}

void http_target_destroy(struct http_target *target)
{
    if (target != NULL) {
        free(target->endpoint);
        free(target);
    }
}

static size_t count_running(const struct http *http)
{
    size_t running = 0;
    for (size_t i = 0; i < http->count; i++) {
        running += http->requests[i].state == REQUEST_TAKEN ? 0 : 1;
    }
    return running;
}

enum err http_submit(struct http *http, const struct http_request *request, struct diag *diag)
{
    if (http->fails_next) {
        http->fails_next = false;
        return diag_set(diag, ERR_INTERNAL, "the test lets it fail");
    }
    if (count_running(http) >= http->max_connections) {
        return diag_set(diag, ERR_FULL, "too many requests are running");
    }
    assert_true(http->count < REQUESTS_MAX);
    http->requests[http->count++] = (struct fake_request){
        .query = mem_strdup(request->query), .not_after_ms = request->not_after_boot_ms, .context = request->context};
    return ERR_OK;
}

void http_poll(struct http *http, int timeout_ms, const int *fds, bool *ready, size_t fd_count)
{
    (void)http;
    (void)timeout_ms;
    (void)fds;
    for (size_t i = 0; i < fd_count; i++) {
        ready[i] = false;
    }
}

bool http_take(struct http *http, struct http_answer *answer)
{
    for (size_t i = 0; i < http->count; i++) {
        struct fake_request *request = &http->requests[i];
        if (request->state == REQUEST_FINISHED) {
            request->state = REQUEST_TAKEN;
            *answer = request->answer;
            return true;
        }
    }
    return false;
}

void http_wakeup(struct http *http)
{
    (void)http;
}

// ---- the test's side

static const struct fake_request *request_at(const struct http *http, size_t number)
{
    assert_true(number < http->count);
    return &http->requests[number];
}

static struct fake_request *running_at(struct http *http, size_t number)
{
    assert_true(fake_http_is_running(http, number));
    return &http->requests[number];
}

size_t fake_http_count(const struct http *http)
{
    return http->count;
}

bool fake_http_is_running(const struct http *http, size_t number)
{
    return request_at(http, number)->state == REQUEST_RUNNING;
}

const char *fake_http_query(const struct http *http, size_t number)
{
    return request_at(http, number)->query;
}

int64_t fake_http_not_after_ms(const struct http *http, size_t number)
{
    return request_at(http, number)->not_after_ms;
}

void fake_http_answer(struct http *http, size_t number, long status, const char *body)
{
    struct fake_request *request = running_at(http, number);
    request->state = REQUEST_FINISHED;
    request->answer = (struct http_answer){.context = request->context,
                                           .outcome = HTTP_ANSWERED,
                                           .status = status,
                                           .body = mem_strdup(body),
                                           .body_len = strlen(body),
                                           .content_type = "application/json"};
}

void fake_http_end(struct http *http, size_t number, enum http_outcome outcome, enum http_trouble trouble)
{
    struct fake_request *request = running_at(http, number);
    request->state = REQUEST_FINISHED;
    request->answer = (struct http_answer){.context = request->context, .outcome = outcome, .trouble = trouble};
    snprintf(request->answer.error, sizeof request->answer.error, "the test ends it");
}

void fake_http_fail_next(struct http *http)
{
    http->fails_next = true;
}
