// Private to http*.c, and the only place that includes libcurl.
#pragma once

#include <curl/curl.h>
#include <sys/queue.h>

#include "base/buf.h"
#include "io/http/http.h"

struct http_target {
    uint64_t serial;                    // distinguishes a new target at the address of an old one
    char *url;                          // as libcurl writes it, with a path
    bool plain;                         // http://, so loopback
    struct http_target_options options; // a copy that owns its texts, and has no `endpoint`
};

// One request and its easy handle. In one list of `struct http`: running, done or spare.
struct http_transfer {
    TAILQ_ENTRY(http_transfer) list;
    CURL *easy;
    uint64_t configured; // serial of the target that the handle is set up for
    const struct http_target *target;
    void *context;
    int64_t not_after_boot_ms;
    char *url;        // with the query of a GET
    char *form;       // body of a POST, or NULL
    int sends;        // how often libcurl was about to send: a second time would be a repetition of its own
    bool tls_begun;   // the connection stands and the handshake has begun
    bool headers_end; // the empty line after the headers came
    bool too_large;   // we stopped the answer
    size_t header_len;
    struct buf body;
    struct http_answer answer;
    char error[CURL_ERROR_SIZE];
};

TAILQ_HEAD(http_transfer_list, http_transfer);

struct http {
    CURLM *multi;
    CURLSH *share; // TLS sessions, which a multi handle does not share by itself
    struct curl_slist *headers;
    size_t max_connections;
    size_t running_count;
    struct http_transfer_list running;
    struct http_transfer_list done;
    struct http_transfer_list spare;
    struct curl_waitfd *waits; // grown to the largest number of descriptors
    size_t waits_capacity;
};

// http_transfer.c
struct http_transfer *http_transfer_create(void);
void http_transfer_destroy(struct http_transfer *transfer);
enum err http_transfer_prepare(struct http_transfer *transfer, const struct http *http,
                               const struct http_request *request, int64_t now_boot_ms, struct diag *diag) MUST_CHECK;
// Fills the answer of a transfer that has ended with `code`.
void http_transfer_finish(struct http_transfer *transfer, CURLcode code, int64_t now_boot_ms);
// Makes it a spare one; the answer has been taken.
void http_transfer_recycle(struct http_transfer *transfer);
