// For test_http_*.c: a scripted HTTP server on loopback, and a client with one target.
#pragma once

#include <pthread.h>

#include "base/buf.h"
#include "base/mem.h"
#include "io/http/http_internal.h"
#include "unit/io/support.h"

// ---- server

enum step_kind {
    STEP_END = 0, // close the connection
    STEP_ANSWER,  // read a request, send `text`
    STEP_CUT,     // read a request, send `text`, close
    STEP_RESET,   // read a request, send `text`, reset
    STEP_HANG,    // read a request, send `text`, then nothing more until the other side closes
    STEP_SILENT,  // read and send nothing until the other side closes
    STEP_GREET,   // send `text` once the other side has sent something, close
};

struct step {
    enum step_kind kind;
    const char *text;
    size_t len; // of text; 0: it has no NUL
};

#define CONNECTIONS_MAX 4
#define STEPS_MAX       4
#define REQUESTS_MAX    16

struct server {
    struct step script[CONNECTIONS_MAX][STEPS_MAX];
    int listener;
    int port;
    int stop[2];
    pthread_t thread;
    pthread_mutex_t lock;
    size_t connections;
    char *requests[REQUESTS_MAX];
    size_t request_count;
};

static inline bool server_waits(const struct server *server, int fd)
{
    struct pollfd wait[2] = {{.fd = server->stop[0], .events = POLLIN}, {.fd = fd, .events = POLLIN}};
    (void)poll(wait, 2, -1);
    return wait[0].revents == 0;
}

static inline bool request_is_whole(const char *text)
{
    const char *end = strstr(text, "\r\n\r\n");
    if (end == NULL) {
        return false;
    }
    const char *length = strstr(text, "Content-Length: ");
    size_t body = length != NULL && length < end ? strtoul(length + 16, NULL, 10) : 0;
    return strlen(end + 4) >= body;
}

// False if the connection ended before a request.
static inline bool server_reads(struct server *server, int fd)
{
    size_t size = 1024 * 1024;
    size_t len = 0;
    char *text = mem_alloc(size);
    while (!request_is_whole(text)) {
        ssize_t got = server_waits(server, fd) ? recv(fd, text + len, size - len - 1, 0) : 0;
        if (got <= 0) {
            free(text);
            return false;
        }
        len += (size_t)got;
        text[len] = '\0';
    }
    pthread_mutex_lock(&server->lock);
    server->requests[server->request_count++] = text;
    pthread_mutex_unlock(&server->lock);
    return true;
}

static inline void server_until_closed(const struct server *server, int fd)
{
    char byte = 0;
    while (server_waits(server, fd) && recv(fd, &byte, 1, 0) > 0) {
    }
}

static inline bool server_step(struct server *server, int fd, const struct step *step)
{
    if (step->kind == STEP_GREET) {
        char byte = 0;
        (void)!recv(fd, &byte, 1, 0);
        (void)!send(fd, step->text, step->len > 0 ? step->len : strlen(step->text), MSG_NOSIGNAL);
        shutdown(fd, SHUT_WR);
        server_until_closed(server, fd);
        return false;
    }
    if (step->kind == STEP_SILENT) {
        server_until_closed(server, fd);
    }
    if (step->kind == STEP_END || step->kind == STEP_SILENT || !server_reads(server, fd)) {
        return false;
    }
    const char *text = step->text != NULL ? step->text : "";
    (void)send(fd, text, step->len > 0 ? step->len : strlen(text), MSG_NOSIGNAL);
    if (step->kind == STEP_HANG) {
        server_until_closed(server, fd);
    }
    if (step->kind == STEP_RESET) {
        struct linger at_once = {.l_onoff = 1};
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    }
    return step->kind == STEP_ANSWER;
}

static inline void server_serve(struct server *server, int fd, size_t connection)
{
    for (size_t i = 0; connection < CONNECTIONS_MAX && i < STEPS_MAX; i++) {
        if (!server_step(server, fd, &server->script[connection][i])) {
            return;
        }
    }
}

static inline void *server_run(void *context)
{
    struct server *server = context;
    while (server_waits(server, server->listener)) {
        int fd = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0) {
            return NULL;
        }
        pthread_mutex_lock(&server->lock);
        size_t connection = server->connections++;
        pthread_mutex_unlock(&server->lock);
        server_serve(server, fd, connection);
        close(fd);
    }
    return NULL;
}

static inline void server_start(struct server *server)
{
    pthread_mutex_init(&server->lock, NULL);
    server->listener = port_bind(&server->port);
    assert_int_equal(listen(server->listener, 16), 0);
    assert_int_equal(pipe2(server->stop, O_CLOEXEC), 0);
    assert_int_equal(pthread_create(&server->thread, NULL, server_run, server), 0);
}

// After this the counts and requests can be read without lock.
static inline void server_stop(struct server *server)
{
    close(server->stop[1]);
    pthread_join(server->thread, NULL);
    close(server->stop[0]);
    close(server->listener);
}

static inline void server_free(struct server *server)
{
    for (size_t i = 0; i < server->request_count; i++) {
        free(server->requests[i]);
    }
    pthread_mutex_destroy(&server->lock);
}

// ---- client

struct client {
    struct http *http;
    struct http_target *target;
    struct http_target_options options;
    char endpoint[128];
    struct http_answer answer;
};

static inline void client_target(struct client *client)
{
    struct diag diag = {""};
    if (http_target_create(&client->options, &client->target, &diag) != ERR_OK) {
        fail_msg("%s", diag.text);
    }
}

// The caller changes what it wants in client->options, then calls client_target.
static inline void client_prepare(struct client *client, const char *scheme, int port, const char *path)
{
    struct diag diag = {""};
    *client = (struct client){0};
    snprintf(client->endpoint, sizeof client->endpoint, "%s://localhost:%d%s", scheme, port, path);
    client->options = (struct http_target_options){
        .endpoint = client->endpoint, .timeout_ms = 10000, .connect_timeout_ms = 3000, .max_answer = 1000};
    assert_int_equal(http_create(4, &client->http, &diag), ERR_OK);
}

static inline void client_create(struct client *client, const struct server *server)
{
    client_prepare(client, "http", server->port, "/api/");
    client_target(client);
}

static inline void client_destroy(struct client *client)
{
    http_answer_clear(&client->answer);
    http_destroy(client->http);
    http_target_destroy(client->target);
}

static inline enum err client_submit(struct client *client, const char *query, bool post, int64_t not_after_boot_ms)
{
    struct diag diag = {""};
    struct http_request request = {.target = client->target,
                                   .query = query,
                                   .post = post,
                                   .not_after_boot_ms = not_after_boot_ms,
                                   .context = client};
    return http_submit(client->http, &request, &diag);
}

static inline const struct http_answer *client_wait(struct client *client)
{
    int64_t until = now_ms() + LIMIT_MS;
    http_answer_clear(&client->answer);
    while (!http_take(client->http, &client->answer)) {
        assert_true(now_ms() < until);
        http_poll(client->http, 1000, NULL, NULL, 0);
    }
    return &client->answer;
}

static inline const struct http_answer *client_get(struct client *client, const char *query)
{
    assert_int_equal(client_submit(client, query, false, now_ms() + LIMIT_MS), ERR_OK);
    return client_wait(client);
}

static inline void assert_outcome(const struct http_answer *answer, enum http_outcome outcome,
                                  enum http_trouble trouble)
{
    if (answer->outcome != outcome || answer->trouble != trouble) {
        fail_msg("outcome %d trouble %d: %s", (int)answer->outcome, (int)answer->trouble, answer->error);
    }
    if (outcome != HTTP_ANSWERED) {
        assert_null(answer->body);
        assert_int_equal(answer->status, 0);
        assert_string_not_equal(answer->error, "");
    }
}

#define OK_ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
