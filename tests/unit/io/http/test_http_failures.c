// io/http/http: what is told when no answer comes, and that nothing is sent twice or late.
#include "unit/io/http/http_fixture.h"

// ---- endpoints

static void assert_endpoint_refused(const char *endpoint, const char *proxy, enum err expected, const char *part)
{
    struct http_target_options options = {.endpoint = endpoint, .proxy = proxy, .timeout_ms = 1, .max_answer = 1};
    struct http_target *target = NULL;
    struct diag diag = {""};
    assert_int_equal(http_target_create(&options, &target, &diag), expected);
    assert_null(target);
    if (strstr(diag.text, part) == NULL) {
        fail_msg("%s", diag.text);
    }
}

static void endpoints_that_are_not_https_are_refused(void **state)
{
    (void)state;
    assert_endpoint_refused("http://example.com/", NULL, ERR_REFUSED, "https://");
    assert_endpoint_refused("http://192.168.1.4:8686/", NULL, ERR_REFUSED, "https://");
    assert_endpoint_refused("http://127.0.0.1.example.com/", NULL, ERR_REFUSED, "https://");
    assert_endpoint_refused("http://localhost.example.com/", NULL, ERR_REFUSED, "https://");
    assert_endpoint_refused("http://[::2]/", NULL, ERR_REFUSED, "https://");
    assert_endpoint_refused("ftp://example.com/", NULL, ERR_SYNTAX, "https://");
    assert_endpoint_refused("example.com", NULL, ERR_SYNTAX, "https://");
    assert_endpoint_refused("", NULL, ERR_SYNTAX, "https://");
    assert_endpoint_refused("https://", NULL, ERR_SYNTAX, "https://");
    assert_endpoint_refused("https://host:99999/", NULL, ERR_SYNTAX, "https://");
    assert_endpoint_refused("https://host/?a=b", NULL, ERR_REFUSED, "query");
    assert_endpoint_refused("https://host/#x", NULL, ERR_REFUSED, "fragment");
    assert_endpoint_refused("http://localhost/", "http://proxy:3128", ERR_REFUSED, "proxy");
}

static void a_secret_in_the_endpoint_is_refused_and_not_repeated(void **state)
{
    (void)state;
    const char *const endpoints[] = {"https://me:geheim@host/", "https://host/?token=geheim", "https://host/#geheim"};
    for (size_t i = 0; i < COUNT_OF(endpoints); i++) {
        struct http_target_options options = {.endpoint = endpoints[i]};
        struct http_target *target = NULL;
        struct diag diag = {""};
        assert_int_equal(http_target_create(&options, &target, &diag), ERR_REFUSED);
        assert_null(strstr(diag.text, "geheim"));
    }
}

static void loopback_endpoints_may_be_plain(void **state)
{
    (void)state;
    const char *const endpoints[] = {"http://localhost:1/", "http://127.0.0.1:1/", "http://127.1.2.3/",
                                     "http://[::1]:1/"};
    for (size_t i = 0; i < COUNT_OF(endpoints); i++) {
        struct http_target_options options = {.endpoint = endpoints[i]};
        struct http_target *target = NULL;
        struct diag diag = {""};
        assert_int_equal(http_target_create(&options, &target, &diag), ERR_OK);
        http_target_destroy(target);
    }
}

static void unreadable_tls_files_are_refused_by_name(void **state)
{
    (void)state;
    struct http_target_options options = {.endpoint = "https://localhost/", .ca_file = "/nowhere/ca.pem"};
    struct http_target *target = NULL;
    struct diag diag = {""};
    assert_int_equal(http_target_create(&options, &target, &diag), ERR_IO);
    assert_non_null(strstr(diag.text, "tls.ca_file: cannot read /nowhere/ca.pem"));
}

// ---- not sent

static void a_refused_connection_is_not_sent(void **state)
{
    (void)state;
    struct client client;
    client_prepare(&client, "http", port_free(), "/");
    client_target(&client);
    assert_outcome(client_get(&client, "Signature=geheim"), HTTP_NOT_SENT, HTTP_CONNECT);
    assert_null(strstr(client.answer.error, "geheim"));
    client_destroy(&client);
}

static void a_name_that_does_not_resolve_is_not_sent(void **state)
{
    (void)state;
    struct client client;
    client_prepare(&client, "http", 1, "/");
    client.options.endpoint = "https://no-such-host.invalid/";
    client_target(&client);
    assert_outcome(client_get(&client, "Signature=geheim"), HTTP_NOT_SENT, HTTP_RESOLVE);
    assert_null(strstr(client.answer.error, "geheim"));
    client_destroy(&client);
}

static void a_silent_tls_handshake_is_not_sent(void **state)
{
    (void)state;
    struct server server = {.script = {{{STEP_SILENT, NULL, 0}}}};
    server_start(&server);
    struct client client;
    client_prepare(&client, "https", server.port, "/");
    client.options.connect_timeout_ms = 200;
    client_target(&client);
    assert_outcome(client_get(&client, "a=b"), HTTP_NOT_SENT, HTTP_TLS);
    client_destroy(&client);
    server_stop(&server);
    server_free(&server);
}

static void a_proxy_that_refuses_is_not_sent_and_sees_no_query(void **state)
{
    (void)state;
    struct server proxy = {
        .script = {{{STEP_ANSWER, "HTTP/1.1 403 Forbidden\r\nDate: x\r\nContent-Length: 0\r\n\r\n", 0}}}};
    server_start(&proxy);
    char address[64];
    snprintf(address, sizeof address, "http://127.0.0.1:%d", proxy.port);
    struct client client;
    client_prepare(&client, "https", 1, "/");
    client.options.endpoint = "https://platform.example:8686/";
    client.options.proxy = address;
    client_target(&client);
    assert_outcome(client_get(&client, "Signature=geheim"), HTTP_NOT_SENT, HTTP_CONNECT);
    assert_string_equal(client.answer.date, "");
    client_destroy(&client);
    server_stop(&proxy);
    assert_ptr_equal(strstr(proxy.requests[0], "CONNECT platform.example:8686 HTTP/1.1\r\n"), proxy.requests[0]);
    assert_null(strstr(proxy.requests[0], "geheim"));
    server_free(&proxy);
}

// ---- too late

static void a_passed_deadline_makes_no_connection(void **state)
{
    (void)state;
    struct server server = {.script = {{{STEP_ANSWER, OK_ANSWER, 0}}}};
    server_start(&server);
    struct client client;
    client_create(&client, &server);
    assert_int_equal(client_submit(&client, "a=b", false, now_ms() - 1), ERR_OK);
    assert_int_equal(client.http->running_count, 0);
    assert_outcome(client_wait(&client), HTTP_TOO_LATE, HTTP_FINE);
    assert_ptr_equal(client.answer.context, &client);
    client_destroy(&client);
    server_stop(&server);
    assert_int_equal(server.connections, 0);
    server_free(&server);
}

static void a_deadline_that_passes_before_the_first_byte_sends_none(void **state)
{
    (void)state;
    struct server server = {.script = {{{STEP_ANSWER, OK_ANSWER, 0}, {STEP_ANSWER, OK_ANSWER, 0}}}};
    server_start(&server);
    struct client client;
    client_create(&client, &server);
    // With a kept connection, so that nothing but the deadline stands between it and the bytes.
    assert_outcome(client_get(&client, "a=1"), HTTP_ANSWERED, HTTP_FINE);
    int64_t deadline = now_ms() + 5;
    assert_int_equal(client_submit(&client, "a=2", false, deadline), ERR_OK);
    while (now_ms() <= deadline) {
    }
    assert_outcome(client_wait(&client), HTTP_TOO_LATE, HTTP_FINE);
    assert_int_equal(client.http->running_count, 0);
    client_destroy(&client);
    server_stop(&server);
    assert_int_equal(server.request_count, 1);
    server_free(&server);
}

static void a_deadline_that_passes_while_connecting_is_too_late(void **state)
{
    (void)state;
    struct server server = {.script = {{{STEP_SILENT, NULL, 0}}}};
    server_start(&server);
    struct client client;
    client_prepare(&client, "https", server.port, "/");
    client_target(&client);
    int64_t start = now_ms();
    assert_int_equal(client_submit(&client, "a=b", false, start + 100), ERR_OK);
    assert_outcome(client_wait(&client), HTTP_TOO_LATE, HTTP_TLS);
    assert_true(now_ms() - start < 2000);
    client_destroy(&client);
    server_stop(&server);
    server_free(&server);
}

// ---- no answer

struct failing {
    struct step step;
    enum http_trouble trouble;
};

static void what_breaks_after_the_request_left_is_no_answer(void **state)
{
    (void)state;
    static const struct failing failings[] = {
        {{STEP_CUT, "", 0}, HTTP_RESET},
        {{STEP_RESET, "", 0}, HTTP_RESET},
        {{STEP_CUT, "HTTP/1.1 200 OK\r\nContent-", 0}, HTTP_RESET},
        {{STEP_CUT, "HTTP/1.1 103 Early Hints\r\n\r\n", 0}, HTTP_RESET},
        {{STEP_CUT, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}", 0}, HTTP_RESET},
        {{STEP_RESET, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}", 0}, HTTP_RESET},
        {{STEP_CUT, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", 0}, HTTP_RESET},
        {{STEP_CUT, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n", 0}, HTTP_RESET},
        {{STEP_CUT, "garbage\r\n\r\n", 0}, HTTP_OTHER},
        {{STEP_HANG, "", 0}, HTTP_TIMEOUT},
        {{STEP_HANG, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}", 0}, HTTP_TIMEOUT},
        {{STEP_HANG, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n12345", 0}, HTTP_TOO_LARGE},
        {{STEP_HANG, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n", 0}, HTTP_TOO_LARGE},
    };
    for (size_t i = 0; i < COUNT_OF(failings); i++) {
        struct server server = {.script = {{failings[i].step}, {{STEP_ANSWER, OK_ANSWER, 0}}}};
        server_start(&server);
        struct client client;
        client_prepare(&client, "http", server.port, "/");
        client.options.timeout_ms = 300;
        client.options.max_answer = 4;
        client_target(&client);
        assert_outcome(client_get(&client, "a=b"), HTTP_NO_ANSWER, failings[i].trouble);
        client_destroy(&client);
        server_stop(&server);
        assert_int_equal(server.request_count, 1);
        server_free(&server);
    }
}

static void headers_without_end_are_too_large(void **state)
{
    (void)state;
    struct buf text = {0};
    buf_text(&text, "HTTP/1.1 200 OK\r\n");
    for (int i = 0; i < 10000; i++) {
        buf_text(&text, "X-More: and more\r\n");
    }
    struct server server = {.script = {{{STEP_HANG, text.data, 0}}}};
    server_start(&server);
    struct client client;
    client_create(&client, &server);
    assert_outcome(client_get(&client, "a=b"), HTTP_NO_ANSWER, HTTP_TOO_LARGE);
    client_destroy(&client);
    server_stop(&server);
    server_free(&server);
    buf_free(&text);
}

static void a_kept_connection_that_dies_before_the_answer_is_no_answer_and_not_sent_again(void **state)
{
    (void)state;
    static const enum step_kind ends[] = {STEP_CUT, STEP_RESET};
    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        struct server server = {
            .script = {{{STEP_ANSWER, OK_ANSWER, 0}, {ends[i], "", 0}}, {{STEP_ANSWER, OK_ANSWER, 0}}}};
        server_start(&server);
        struct client client;
        client_create(&client, &server);
        assert_outcome(client_get(&client, "a=1"), HTTP_ANSWERED, HTTP_FINE);
        assert_outcome(client_get(&client, "a=2"), HTTP_NO_ANSWER, HTTP_RESET);
        assert_non_null(strstr(client.answer.error, "not sent again"));
        client_destroy(&client);
        server_stop(&server);
        assert_int_equal(server.request_count, 2);
        server_free(&server);
    }
}

static void a_kept_connection_that_dies_with_its_server_is_no_answer(void **state)
{
    (void)state;
    struct server server = {.script = {{{STEP_ANSWER, OK_ANSWER, 0}, {STEP_RESET, "", 0}}}};
    server_start(&server);
    struct client client;
    client_create(&client, &server);
    assert_outcome(client_get(&client, "a=1"), HTTP_ANSWERED, HTTP_FINE);
    // No further connection is taken.
    assert_int_equal(shutdown(server.listener, SHUT_RD), 0);
    assert_outcome(client_get(&client, "a=2"), HTTP_NO_ANSWER, HTTP_RESET);
    client_destroy(&client);
    server_stop(&server);
    assert_int_equal(server.request_count, 2);
    server_free(&server);
}

static void a_post_body_that_is_sent_in_part_only_counts_as_sent(void **state)
{
    (void)state;
    int port = 0;
    int listener = port_bind(&port);
    assert_int_equal(listen(listener, 1), 0);
    struct client client;
    client_prepare(&client, "http", port, "/");
    client.options.timeout_ms = 300;
    client_target(&client);
    // More than the socket buffers of both sides take, of which nobody reads.
    size_t len = (size_t)32 * 1024 * 1024;
    char *query = mem_alloc(len + 1);
    memset(query, 'a', len);
    assert_int_equal(client_submit(&client, query, true, now_ms() + LIMIT_MS), ERR_OK);
    assert_outcome(client_wait(&client), HTTP_NO_ANSWER, HTTP_TIMEOUT);
    client_destroy(&client);
    close(listener);
    free(query);
}

static void after_a_failure_the_next_request_works(void **state)
{
    (void)state;
    struct server server = {
        .script = {{{STEP_HANG, "HTTP/1.1 200 OK\r\nRetry-After: 9\r\nContent-Length: 10\r\n\r\n{}", 0}},
                   {{STEP_ANSWER, OK_ANSWER, 0}}}};
    server_start(&server);
    struct client client;
    client_prepare(&client, "http", server.port, "/");
    client.options.timeout_ms = 300;
    client_target(&client);
    assert_outcome(client_get(&client, "a=1"), HTTP_NO_ANSWER, HTTP_TIMEOUT);
    assert_string_equal(client.answer.retry_after, "");
    assert_outcome(client_get(&client, "a=2"), HTTP_ANSWERED, HTTP_FINE);
    assert_int_equal(client.answer.body_len, 2);
    client_destroy(&client);
    server_stop(&server);
    server_free(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(endpoints_that_are_not_https_are_refused),
        cmocka_unit_test(a_secret_in_the_endpoint_is_refused_and_not_repeated),
        cmocka_unit_test(loopback_endpoints_may_be_plain),
        cmocka_unit_test(unreadable_tls_files_are_refused_by_name),
        cmocka_unit_test(a_refused_connection_is_not_sent),
        cmocka_unit_test(a_name_that_does_not_resolve_is_not_sent),
        cmocka_unit_test(a_silent_tls_handshake_is_not_sent),
        cmocka_unit_test(a_proxy_that_refuses_is_not_sent_and_sees_no_query),
        cmocka_unit_test(a_passed_deadline_makes_no_connection),
        cmocka_unit_test(a_deadline_that_passes_before_the_first_byte_sends_none),
        cmocka_unit_test(a_deadline_that_passes_while_connecting_is_too_late),
        cmocka_unit_test(what_breaks_after_the_request_left_is_no_answer),
        cmocka_unit_test(headers_without_end_are_too_large),
        cmocka_unit_test(a_kept_connection_that_dies_before_the_answer_is_no_answer_and_not_sent_again),
        cmocka_unit_test(a_kept_connection_that_dies_with_its_server_is_no_answer),
        cmocka_unit_test(a_post_body_that_is_sent_in_part_only_counts_as_sent),
        cmocka_unit_test(after_a_failure_the_next_request_works),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
