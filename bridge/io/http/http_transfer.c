// An easy handle is configured once per target and gets URL, body and time limits anew for each request. libcurl's
// callbacks note how far the request came (connection, handshake, bytes handed over, end of the headers); at the end
// judge() decides from these facts, not from libcurl's code alone, whether a byte of the request may have reached the
// platform, which decides whether it may be sent again, and describe what went wrong in words.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/mem.h"
#include "base/str.h"
#include "io/http/http_internal.h"

#define MAX_HEADERS ((size_t)64 * 1024)

// ---- what libcurl calls

// After the connection stands, before the bytes of each send. libcurl by itself sends a request again on a new
// connection when a kept one died before any byte of the answer; the first may have run, so this stops the second.
static int before_send(void *context, char *remote_ip, char *local_ip, int remote_port, int local_port)
{
    (void)remote_ip;
    (void)local_ip;
    (void)remote_port;
    (void)local_port;
    struct http_transfer *transfer = context;
    bool late = clock_now().boot_ms > transfer->not_after_boot_ms;
    if (transfer->sends > 0 || late) {
        return CURL_PREREQFUNC_ABORT;
    }
    transfer->sends++;
    FAULT_POINT("before_request_bytes");
    return CURL_PREREQFUNC_OK;
}

static CURLcode before_handshake(CURL *easy, void *tls_context, void *context)
{
    (void)easy;
    (void)tls_context;
    struct http_transfer *transfer = context;
    transfer->tls_begun = true;
    return CURLE_OK;
}

static size_t on_body(char *data, size_t size, size_t count, void *context)
{
    struct http_transfer *transfer = context;
    size_t len = size * count;
    if (len > transfer->target->options.max_answer - transfer->body.len) {
        transfer->too_large = true;
        return 0;
    }
    buf_append(&transfer->body, data, len);
    return len;
}

struct header {
    const char *name;
    size_t offset;
    size_t size;
};

#define HEADER(name, member)                                                                                           \
    {                                                                                                                  \
        (name), offsetof(struct http_answer, member), sizeof(((struct http_answer *)0)->member)                        \
    }

static const struct header headers[] = {
    HEADER("Date", date),
    HEADER("Retry-After", retry_after),
    HEADER("X-RateLimit-User", rate_limit_user),
    HEADER("X-RateLimit-User-API", rate_limit_user_api),
    HEADER("Content-Type", content_type),
    HEADER("Location", location),
};

static struct str trim(struct str text)
{
    while (text.len > 0 && strchr(" \t\r\n", text.data[text.len - 1]) != NULL) {
        text.len--;
    }
    while (text.len > 0 && strchr(" \t", text.data[0]) != NULL) {
        text.data++;
        text.len--;
    }
    return text;
}

static void keep_header(struct http_answer *answer, struct str name, struct str value)
{
    for (size_t i = 0; i < COUNT_OF(headers); i++) {
        if (strlen(headers[i].name) == name.len && strncasecmp(headers[i].name, name.data, name.len) == 0 &&
            value.len < headers[i].size && memchr(value.data, '\0', value.len) == NULL) {
            char *to = (char *)answer + headers[i].offset;
            memcpy(to, value.data, value.len);
            to[value.len] = '\0';
        }
    }
}

static void forget_headers(struct http_answer *answer)
{
    for (size_t i = 0; i < COUNT_OF(headers); i++) {
        *((char *)answer + headers[i].offset) = '\0';
    }
}

static size_t on_header(char *data, size_t size, size_t count, void *context)
{
    struct http_transfer *transfer = context;
    size_t len = size * count;
    transfer->header_len += len;
    if (transfer->header_len > MAX_HEADERS) {
        transfer->too_large = true;
        return 0;
    }
    // The headers of an interim answer (1xx) are not those of the answer.
    if (len >= 5 && memcmp(data, "HTTP/", 5) == 0) {
        forget_headers(&transfer->answer);
        transfer->headers_end = false;
        return len;
    }
    // What follows the body of a chunked answer comes here too.
    if (transfer->headers_end) {
        return len;
    }
    transfer->headers_end = data[0] == '\r' || data[0] == '\n';
    const char *colon = memchr(data, ':', len);
    if (colon != NULL) {
        size_t name_len = (size_t)(colon - data);
        struct str value = {colon + 1, len - name_len - 1};
        keep_header(&transfer->answer, (struct str){data, name_len}, trim(value));
    }
    return len;
}

// ---- set-up

void http_answer_clear(struct http_answer *answer)
{
    free(answer->body);
    *answer = (struct http_answer){0};
}

struct http_transfer *http_transfer_create(void)
{
    struct http_transfer *transfer = mem_alloc(sizeof *transfer);
    transfer->easy = curl_easy_init();
    if (transfer->easy == NULL) {
        abort();
    }
    return transfer;
}

void http_transfer_destroy(struct http_transfer *transfer)
{
    curl_easy_cleanup(transfer->easy);
    http_answer_clear(&transfer->answer);
    buf_free(&transfer->body);
    free(transfer->url);
    free(transfer->form);
    free(transfer);
}

// Sets an option and remembers the first failure: libcurl was built without it, or memory ran out.
#define SET(option, value)                                                                                             \
    do {                                                                                                               \
        CURLcode set_code = curl_easy_setopt(easy, option, value);                                                     \
        code = code != CURLE_OK ? code : set_code;                                                                     \
    } while (0)

static CURLcode configure_tls(CURL *easy, const struct http_target *target)
{
    CURLcode code = CURLE_OK;
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 2L);
    if (target->options.ca_file != NULL) {
        SET(CURLOPT_CAINFO, target->options.ca_file);
        // Else the system's authorities would count as well.
        SET(CURLOPT_CAPATH, NULL);
    }
    if (target->options.cert_file != NULL) {
        SET(CURLOPT_SSLCERT, target->options.cert_file);
        SET(CURLOPT_SSLKEY, target->options.key_file != NULL ? target->options.key_file : target->options.cert_file);
        // Else OpenSSL would ask for the password of an encrypted key on the terminal.
        SET(CURLOPT_KEYPASSWD, "");
    }
    return code;
}

static CURLcode configure_limits(CURL *easy, const struct http_target *target)
{
    CURLcode code = CURLE_OK;
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_PROTOCOLS_STR, target->plain ? "http" : "https");
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    SET(CURLOPT_TCP_KEEPALIVE, 1L);
    // Below the idle time after which common load balancers close (15 s and more): a request on a connection that the
    // other side is just closing ends without an answer.
    SET(CURLOPT_MAXAGE_CONN, 10L);
    SET(CURLOPT_TIMEOUT_MS, (long)target->options.timeout_ms);
    if (target->options.proxy != NULL) {
        SET(CURLOPT_PROXY, target->options.proxy);
    }
    return code;
}

static CURLcode configure(struct http_transfer *transfer, const struct http *http)
{
    CURL *easy = transfer->easy;
    curl_easy_reset(easy);
    CURLcode code = configure_limits(easy, transfer->target);
    CURLcode tls = configure_tls(easy, transfer->target);
    code = code != CURLE_OK ? code : tls;
    SET(CURLOPT_SHARE, http->share);
    SET(CURLOPT_HTTPHEADER, http->headers);
    SET(CURLOPT_USERAGENT, "thingbridge/" THINGBRIDGE_VERSION);
    SET(CURLOPT_PRIVATE, transfer);
    SET(CURLOPT_ERRORBUFFER, transfer->error);
    SET(CURLOPT_PREREQFUNCTION, before_send);
    SET(CURLOPT_PREREQDATA, transfer);
    // Only distinguishes time-outs, so a libcurl that cannot do it will do.
    (void)curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, before_handshake);
    (void)curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, transfer);
    // The value goes out as Accept-Encoding. Any value makes libcurl unpack what it can, whatever was asked for.
    SET(CURLOPT_ACCEPT_ENCODING, "identity");
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, transfer);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_HEADERDATA, transfer);
    return code;
}

static CURLcode set_request(struct http_transfer *transfer, int64_t now_boot_ms)
{
    CURL *easy = transfer->easy;
    CURLcode code = CURLE_OK;
    SET(CURLOPT_URL, transfer->url);
    if (transfer->form != NULL) {
        SET(CURLOPT_POSTFIELDS, transfer->form);
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(transfer->form));
    } else {
        SET(CURLOPT_HTTPGET, 1L);
    }
    int64_t left_ms = transfer->not_after_boot_ms - now_boot_ms + 1;
    int64_t connect_ms = transfer->target->options.connect_timeout_ms;
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)(left_ms < connect_ms ? left_ms : connect_ms));
    return code;
}

enum err http_transfer_prepare(struct http_transfer *transfer, const struct http *http,
                               const struct http_request *request, int64_t now_boot_ms, struct diag *diag)
{
    transfer->target = request->target;
    transfer->context = request->context;
    transfer->not_after_boot_ms = request->not_after_boot_ms;
    if (request->post) {
        transfer->url = mem_strdup(request->target->url);
        transfer->form = mem_strdup(request->query);
    } else {
        transfer->url = mem_printf("%s?%s", request->target->url, request->query);
    }
    CURLcode code = CURLE_OK;
    if (transfer->configured != request->target->serial) {
        transfer->configured = 0;
        code = configure(transfer, http);
    }
    code = code != CURLE_OK ? code : set_request(transfer, now_boot_ms);
    if (code != CURLE_OK) {
        return diag_set(diag, ERR_INTERNAL, "libcurl refused the set-up of a request: %s", curl_easy_strerror(code));
    }
    transfer->configured = request->target->serial;
    return ERR_OK;
}

// ---- the end

struct cause {
    CURLcode code;
    enum http_trouble trouble;
};

static const struct cause causes[] = {
    {CURLE_COULDNT_RESOLVE_HOST, HTTP_RESOLVE}, {CURLE_COULDNT_RESOLVE_PROXY, HTTP_RESOLVE},
    {CURLE_COULDNT_CONNECT, HTTP_CONNECT},      {CURLE_PROXY, HTTP_CONNECT},
    {CURLE_SSL_CONNECT_ERROR, HTTP_TLS},        {CURLE_PEER_FAILED_VERIFICATION, HTTP_TLS},
    {CURLE_SSL_CERTPROBLEM, HTTP_TLS},          {CURLE_SSL_CIPHER, HTTP_TLS},
    {CURLE_SSL_CACERT_BADFILE, HTTP_TLS},       {CURLE_SSL_ENGINE_NOTFOUND, HTTP_TLS},
    {CURLE_SSL_ENGINE_SETFAILED, HTTP_TLS},     {CURLE_SSL_ENGINE_INITFAILED, HTTP_TLS},
    {CURLE_SSL_ISSUER_ERROR, HTTP_TLS},         {CURLE_SSL_CRL_BADFILE, HTTP_TLS},
    {CURLE_SSL_INVALIDCERTSTATUS, HTTP_TLS},    {CURLE_SSL_CLIENTCERT, HTTP_TLS},
};

static enum http_trouble find_cause(CURLcode code)
{
    for (size_t i = 0; i < COUNT_OF(causes); i++) {
        if (causes[i].code == code) {
            return causes[i].trouble;
        }
    }
    return HTTP_OTHER;
}

static enum http_trouble trouble_before_send(const struct http_transfer *transfer, CURLcode code)
{
    if (code == CURLE_OPERATION_TIMEDOUT) {
        curl_off_t resolved_us = 0;
        curl_easy_getinfo(transfer->easy, CURLINFO_NAMELOOKUP_TIME_T, &resolved_us);
        return transfer->tls_begun ? HTTP_TLS : resolved_us > 0 ? HTTP_CONNECT : HTTP_RESOLVE;
    }
    // As a proxy's refusal, or a reset while connecting.
    if (code == CURLE_RECV_ERROR || code == CURLE_SEND_ERROR || code == CURLE_GOT_NOTHING) {
        return HTTP_CONNECT;
    }
    return find_cause(code);
}

static enum http_trouble trouble_after_send(const struct http_transfer *transfer, CURLcode code)
{
    if (transfer->too_large) {
        return HTTP_TOO_LARGE;
    }
    // Not a switch: the library's enum has a hundred codes.
    if (code == CURLE_OPERATION_TIMEDOUT) {
        return HTTP_TIMEOUT;
    }
    if (code == CURLE_BAD_CONTENT_ENCODING) {
        return HTTP_ENCODING;
    }
    if (code == CURLE_RECV_ERROR || code == CURLE_SEND_ERROR || code == CURLE_GOT_NOTHING ||
        code == CURLE_PARTIAL_FILE || code == CURLE_ABORTED_BY_CALLBACK || code == CURLE_OK) {
        return HTTP_RESET;
    }
    // A kept connection died, and libcurl could not make another for the repetition, which we would have stopped.
    return find_cause(code) == HTTP_OTHER ? HTTP_OTHER : HTTP_RESET;
}

// libcurl is content with an answer whose headers are cut.
static bool is_whole(const struct http_transfer *transfer, CURLcode code)
{
    return code == CURLE_OK && transfer->headers_end && transfer->answer.status >= 200;
}

static void judge(struct http_transfer *transfer, CURLcode code, int64_t now_boot_ms)
{
    struct http_answer *answer = &transfer->answer;
    bool stopped = code == CURLE_ABORTED_BY_CALLBACK;
    if (is_whole(transfer, code)) {
        answer->outcome = HTTP_ANSWERED;
        answer->trouble = HTTP_FINE;
    } else if (transfer->sends > 0) {
        answer->outcome = HTTP_NO_ANSWER;
        answer->trouble = trouble_after_send(transfer, code);
    } else if (stopped || now_boot_ms > transfer->not_after_boot_ms) {
        answer->outcome = HTTP_TOO_LATE;
        answer->trouble = stopped ? HTTP_FINE : trouble_before_send(transfer, code);
    } else {
        answer->outcome = HTTP_NOT_SENT;
        answer->trouble = trouble_before_send(transfer, code);
    }
}

// What is likely wrong with the port, for people.
static const char *port_advice(const struct http_transfer *transfer, const char *text)
{
    const struct http_answer *answer = &transfer->answer;
    bool is_cut = answer->trouble == HTTP_RESET || answer->trouble == HTTP_OTHER;
    if (answer->outcome == HTTP_NO_ANSWER && transfer->target->plain && is_cut) {
        return "; if the port speaks TLS, platform.endpoint must begin with https://";
    }
    if (answer->outcome != HTTP_NOT_SENT || answer->trouble != HTTP_TLS) {
        return "";
    }
    if (strstr(text, "wrong version number") != NULL || strstr(text, "packet length too long") != NULL) {
        return "; this port does not speak TLS: check platform.endpoint";
    }
    bool has_ended = strstr(text, "SSL_ERROR_SYSCALL") != NULL || strstr(text, "unexpected eof") != NULL ||
                     strstr(text, "reset by peer") != NULL;
    return has_ended
               ? "; the connection ended in the TLS handshake: check that the port in platform.endpoint speaks TLS"
               : "";
}

static void describe(struct http_transfer *transfer, CURLcode code)
{
    struct http_answer *answer = &transfer->answer;
    const char *text = transfer->error[0] != '\0' ? transfer->error : curl_easy_strerror(code);
    if (answer->outcome == HTTP_ANSWERED) {
        text = "";
    } else if (transfer->too_large) {
        text = "the answer is larger than allowed";
    } else if (answer->outcome == HTTP_TOO_LATE && code == CURLE_ABORTED_BY_CALLBACK) {
        text = "the deadline passed before the request could be sent";
    } else if (code == CURLE_OK) {
        text = "the connection ended within the headers of the answer";
    } else if (code == CURLE_ABORTED_BY_CALLBACK) {
        text = "the connection ended before the answer; the request was not sent again";
    }
    snprintf(answer->error, sizeof answer->error, "%s%s", text, port_advice(transfer, text));
}

void http_transfer_finish(struct http_transfer *transfer, CURLcode code, int64_t now_boot_ms)
{
    struct http_answer *answer = &transfer->answer;
    answer->context = transfer->context;
    if (code == CURLE_OK) {
        curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &answer->status);
    }
    judge(transfer, code, now_boot_ms);
    describe(transfer, code);
    if (answer->outcome == HTTP_ANSWERED) {
        answer->body_len = transfer->body.len;
        answer->body = buf_steal(&transfer->body);
    } else {
        answer->status = 0;
        forget_headers(answer);
    }
    // Without a URL it was never started, and libcurl would give the time of the handle's last request.
    curl_off_t microseconds = 0;
    if (transfer->url != NULL) {
        curl_easy_getinfo(transfer->easy, CURLINFO_TOTAL_TIME_T, &microseconds);
    }
    answer->duration_ms = microseconds / 1000;
}

void http_transfer_recycle(struct http_transfer *transfer)
{
    buf_reset(&transfer->body);
    free(transfer->url);
    free(transfer->form);
    *transfer =
        (struct http_transfer){.easy = transfer->easy, .configured = transfer->configured, .body = transfer->body};
}
