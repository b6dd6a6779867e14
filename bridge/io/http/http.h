// HTTPS requests to the platform (libcurl multi): kept connections, bounded answers, limits in time, nothing sent twice
// by libcurl.
//
// All functions belong to the core thread but http_wakeup. HTTP/1.1 only (FACTS: HTTP/2 of libcurl 7.88 has faults
// under load); redirects are never followed; http:// is allowed only to loopback. Requests ask for answers that are not
// compressed; one that is all the same is unpacked, and its limit is that of what comes out.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct http;        // one per process: the multi handle and its pool
struct http_target; // one per platform: address, TLS, proxy

struct http_target_options {
    const char *endpoint; // https://host[:port]/[path]; http:// only to 127.0.0.0/8, ::1 or localhost
    const char *ca_file;  // NULL: the system's
    const char *cert_file;
    const char *key_file;
    const char *proxy;          // NULL: as libcurl reads the environment; "": none. Plain http:// never uses one
    int64_t timeout_ms;         // whole request
    int64_t connect_timeout_ms; // 3000
    size_t max_answer;          // bytes of the body
};

struct http_request {
    const struct http_target *target;
    const char *query;         // the signed parameters, form-encoded; copied
    bool post;                 // query in a form body, else in the URL
    int64_t not_after_boot_ms; // CLOCK_BOOTTIME: no byte leaves after it
    void *context;             // given back with the answer
};

enum http_outcome {
    HTTP_ANSWERED,  // status and body are whole
    HTTP_NOT_SENT,  // failed before the first byte of the request: name, connection, TLS, proxy
    HTTP_TOO_LATE,  // not_after passed before the first byte: nothing was sent. The trouble says what it waited for
    HTTP_NO_ANSWER, // it left (or may have), and no whole answer came: time-out, reset, cut or too large an answer
};

// Why there is no answer, for the error code of the reply.
enum http_trouble {
    HTTP_FINE,
    HTTP_RESOLVE,
    HTTP_CONNECT,
    HTTP_TLS,
    HTTP_TIMEOUT,
    HTTP_RESET,
    HTTP_TOO_LARGE,
    HTTP_ENCODING, // the answer's Content-Encoding is unknown, or the body is not in it
    HTTP_OTHER
};

struct http_answer {
    void *context;
    enum http_outcome outcome;
    enum http_trouble trouble;
    long status;
    char *body; // owned by the answer (http_answer_clear), NUL-terminated; NULL if none
    size_t body_len;
    char date[64]; // header values, "" if absent; a value longer than the array counts as absent
    char retry_after[64];
    char rate_limit_user[128];     // X-RateLimit-User
    char rate_limit_user_api[128]; // X-RateLimit-User-API
    char content_type[64];
    char location[256]; // of a redirect, which is not followed
    char error[256];    // for people: what libcurl says
    int64_t duration_ms;
};
void http_answer_clear(struct http_answer *answer);

enum err http_create(size_t max_connections, struct http **out, struct diag *diag) MUST_CHECK;
void http_destroy(struct http *http); // running requests are cut

// Is the endpoint (and the proxy with it) one that a target can have? ERR_SYNTAX or ERR_REFUSED.
enum err http_target_check(const struct http_target_options *options, struct diag *diag) MUST_CHECK;
// Checks the endpoint (no user name, query or fragment) and that the files can be read. Must outlive its requests.
// ERR_SYNTAX, ERR_REFUSED or ERR_IO.
enum err http_target_create(const struct http_target_options *options, struct http_target **out,
                            struct diag *diag) MUST_CHECK;
void http_target_destroy(struct http_target *target);

// Starts a request. The caller never has more than max_connections running: more is ERR_FULL.
enum err http_submit(struct http *http, const struct http_request *request, struct diag *diag) MUST_CHECK;

// Waits up to timeout_ms for the network, http_wakeup or one of the descriptors, and moves all transfers on. `ready[i]`
// is set where fds[i] can be read.
void http_poll(struct http *http, int timeout_ms, const int *fds, bool *ready, size_t fd_count);
// Next finished request; false if there is none.
bool http_take(struct http *http, struct http_answer *answer);
// From any thread: makes a running or the next http_poll return at once.
void http_wakeup(struct http *http);
