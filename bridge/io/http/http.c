// A transfer is one request with its easy handle, in one of three lists: running in libcurl's multi handle, done and
// not yet taken, or spare with a handle to use again. http_poll waits for libcurl's sockets and the caller's
// descriptors together, then moves what libcurl has ended to the done list, where http_take finds it. A request whose
// time is over at the submit is done at once.
#include "io/http/http.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "io/http/http_internal.h"

static struct http_transfer *list_take(struct http_transfer_list *list)
{
    struct http_transfer *transfer = TAILQ_FIRST(list);
    if (transfer != NULL) {
        TAILQ_REMOVE(list, transfer, list);
    }
    return transfer;
}

static void list_destroy(struct http_transfer_list *list)
{
    struct http_transfer *transfer = NULL;
    while ((transfer = list_take(list)) != NULL) {
        http_transfer_destroy(transfer);
    }
}

enum err http_create(size_t max_connections, struct http **out, struct diag *diag)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        return diag_set(diag, ERR_INTERNAL, "libcurl cannot be used");
    }
    struct http *http = mem_alloc(sizeof *http);
    http->max_connections = max_connections;
    TAILQ_INIT(&http->running);
    TAILQ_INIT(&http->done);
    TAILQ_INIT(&http->spare);
    http->multi = curl_multi_init();
    http->share = curl_share_init();
    // No "Expect: 100-continue", which would hold a POST back.
    http->headers = curl_slist_append(NULL, "Expect:");
    struct curl_slist *more = curl_slist_append(http->headers, "Accept: application/json");
    if (http->multi == NULL || http->share == NULL || http->headers == NULL || more == NULL) {
        http_destroy(http);
        return diag_set(diag, ERR_INTERNAL, "libcurl made no handle");
    }
    curl_share_setopt(http->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
    curl_multi_setopt(http->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
    curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, (long)max_connections);
    curl_multi_setopt(http->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)max_connections);
    *out = http;
    return ERR_OK;
}

void http_destroy(struct http *http)
{
    if (http == NULL) {
        return;
    }
    struct http_transfer *transfer = NULL;
    TAILQ_FOREACH (transfer, &http->running, list) {
        curl_multi_remove_handle(http->multi, transfer->easy);
    }
    list_destroy(&http->running);
    list_destroy(&http->done);
    list_destroy(&http->spare);
    curl_multi_cleanup(http->multi);
    curl_share_cleanup(http->share);
    curl_slist_free_all(http->headers);
    free(http->waits);
    free(http);
    curl_global_cleanup();
}

static void finish(struct http *http, struct http_transfer *transfer, CURLcode code)
{
    http_transfer_finish(transfer, code, clock_now().boot_ms);
    TAILQ_INSERT_TAIL(&http->done, transfer, list);
}

static enum err start(struct http *http, struct http_transfer *transfer, const struct http_request *request,
                      int64_t now_boot_ms, struct diag *diag)
{
    enum err err = http_transfer_prepare(transfer, http, request, now_boot_ms, diag);
    if (err != ERR_OK) {
        return err;
    }
    CURLMcode code = curl_multi_add_handle(http->multi, transfer->easy);
    if (code != CURLM_OK) {
        return diag_set(diag, ERR_INTERNAL, "libcurl refused a request: %s", curl_multi_strerror(code));
    }
    TAILQ_INSERT_TAIL(&http->running, transfer, list);
    http->running_count++;
    return ERR_OK;
}

enum err http_submit(struct http *http, const struct http_request *request, struct diag *diag)
{
    if (http->running_count >= http->max_connections) {
        return diag_set(diag, ERR_FULL, "%zu requests are running already", http->running_count);
    }
    struct http_transfer *transfer = list_take(&http->spare);
    if (transfer == NULL) {
        transfer = http_transfer_create();
    }
    int64_t now_boot_ms = clock_now().boot_ms;
    if (now_boot_ms > request->not_after_boot_ms) {
        transfer->context = request->context;
        transfer->not_after_boot_ms = request->not_after_boot_ms;
        finish(http, transfer, CURLE_ABORTED_BY_CALLBACK);
        return ERR_OK;
    }
    enum err err = start(http, transfer, request, now_boot_ms, diag);
    if (err != ERR_OK) {
        http_transfer_destroy(transfer);
    }
    return err;
}

static void reap(struct http *http)
{
    CURLMsg *message = NULL;
    int left = 0;
    while ((message = curl_multi_info_read(http->multi, &left)) != NULL) {
        struct http_transfer *transfer = NULL;
        CURLcode code = message->data.result;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
        curl_multi_remove_handle(http->multi, transfer->easy);
        TAILQ_REMOVE(&http->running, transfer, list);
        http->running_count--;
        finish(http, transfer, code);
    }
}

static void fill_waits(struct http *http, const int *fds, size_t count)
{
    if (count > http->waits_capacity) {
        http->waits = mem_resize(http->waits, count, sizeof *http->waits);
        http->waits_capacity = count;
    }
    for (size_t i = 0; i < count; i++) {
        http->waits[i] = (struct curl_waitfd){.fd = fds[i], .events = CURL_WAIT_POLLIN};
    }
}

void http_poll(struct http *http, int timeout_ms, const int *fds, bool *ready, size_t fd_count)
{
    fill_waits(http, fds, fd_count);
    // What is finished and not yet taken must not wait.
    int wait_ms = TAILQ_EMPTY(&http->done) ? timeout_ms : 0;
    int events = 0;
    (void)curl_multi_poll(http->multi, http->waits, (unsigned)fd_count, wait_ms, &events);
    for (size_t i = 0; i < fd_count; i++) {
        ready[i] = http->waits[i].revents != 0;
    }
    int running = 0;
    (void)curl_multi_perform(http->multi, &running);
    reap(http);
}

bool http_take(struct http *http, struct http_answer *answer)
{
    struct http_transfer *transfer = list_take(&http->done);
    if (transfer == NULL) {
        return false;
    }
    *answer = transfer->answer;
    http_transfer_recycle(transfer);
    TAILQ_INSERT_TAIL(&http->spare, transfer, list);
    return true;
}

void http_wakeup(struct http *http)
{
    (void)curl_multi_wakeup(http->multi);
}
