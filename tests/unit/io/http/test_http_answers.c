// io/http/http: requests and answers, kept connections, the poll, against a scripted server on loopback.
#include "unit/io/http/http_fixture.h"

static void an_answer_comes_with_status_body_and_headers(void **state)
{
    (void)state;
    struct server server = {.script = {{{STEP_ANSWER,
                                         "HTTP/1.1 429 Too Many Requests\r\ndate:  Sat, 21 Nov 2026 19:07:31 GMT \r\n"
                                         "Retry-After: 3\r\nX-RateLimit-User: Remain:0,TimeLeft:10\r\n"
                                         "X-RATELIMIT-USER-API: Remain:1,TimeLeft:20\r\nContent-Type: text/xml\r\n"
                                         "Content-Length: 3\r\n\r\na\0b",
                                         0}}}};
    const char *text = server.script[0][0].text;
    server.script[0][0].len = strlen(text) + 2;
    server_start(&server);
    struct client client;
    client_create(&client, &server);
    const struct http_answer *answer = client_get(&client, "Action=X");
    assert_outcome(answer, HTTP_ANSWERED, HTTP_FINE);
    assert_ptr_equal(answer->context, &client);
    assert_int_equal(answer->status, 429);
    assert_int_equal(answer->body_len, 3);
    assert_memory_equal(answer->body, "a\0b", 4);
    assert_string_equal(answer->date, "Sat, 21 Nov 2026 19:07:31 GMT");
    assert_string_equal(answer->retry_after, "3");
    assert_string_equal(answer->rate_limit_user, "Remain:0,TimeLeft:10");
    assert_string_equal(answer->rate_limit_user_api, "Remain:1,TimeLeft:20");
    assert_string_equal(answer->content_type, "text/xml");
    assert_string_equal(answer->error, "");
    assert_in_range(answer->duration_ms, 0, LIMIT_MS);
    client_destroy(&client);
    server_stop(&server);
    server_free(&server);
}

static void absent_and_too_long_headers_are_empty(void **state)
{
    (void)state;
    struct server server = {.script = {{{STEP_ANSWER,
                                         "HTTP/1.1 200 OK\r\nRetry-After: "
                                         "0123456789012345678901234567890123456789012345678901234567890123\r\n"
                                         "Content-Length: 0\r\n\r\n",
                                         0}}}};
    server_start(&server);
    struct client client;
    client_create(&client, &server);
    const struct http_answer *answer = client_get(&client, "Action=X");
    assert_outcome(answer, HTTP_ANSWERED, HTTP_FINE);
    assert_string_equal(answer->retry_after, "");
    assert_string_equal(answer->date, "");
    assert_int_equal(answer->body_len, 0);
    assert_string_equal(answer->body, "");
    client_destroy(&client);
    server_stop(&server);
    server_free(&server);
}

static void headers_of_an_interim_answer_are_not_those_of_the_answer(void **state)
{
    (void)state;
    struct server server = {
        .script = {{{STEP_ANSWER, "HTTP/1.1 103 Early Hints\r\nRetry-After: 9\r\n\r\n" OK_ANSWER, 0}}}};
    server_start(&server);
    struct client client;
    client_create(&client, &server);
    const struct http_answer *answer = client_get(&client, "Action=X");
    assert_outcome(answer, HTTP_ANSWERED, HTTP_FINE);
    assert_int_equal(answer->status, 200);
    assert_string_equal(answer->retry_after, "");
    client_destroy(&client);
    server_stop(&server);
    server_free(&server);
}

static void headers_after_the_body_are_not_those_of_the_answer(void **state)
{
    (void)state;
    struct server server = {.script = {{{STEP_ANSWER,
                                         "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: Retry-After\r\n"
                                         "\r\n2\r\n{}\r\n0\r\nRetry-After: 9\r\n\r\n",
                                         0}}}};
    server_start(&server);
    struct client client;
    client_create(&client, &server);
    const struct http_answer *answer = client_get(&client, "Action=X");
    assert_outcome(answer, HTTP_ANSWERED, HTTP_FINE);
    assert_string_equal(answer->body, "{}");
    assert_string_equal(answer->retry_after, "");
    client_destroy(&client);
    server_stop(&server);
    server_free(&server);
}

static void a_get_carries_the_query_in_the_url(void **state)
{
    (void)state;
    struct server server = {.script = {{{STEP_ANSWER, OK_ANSWER, 0}}}};
    server_start(&server);
    struct client client;
    client_create(&client, &server);
    assert_outcome(client_get(&client, "Action=X&Args=%7B%7D"), HTTP_ANSWERED, HTTP_FINE);
    client_destroy(&client);
    server_stop(&server);
    const char *sent = server.requests[0];
    assert_ptr_equal(strstr(sent, "GET /api/?Action=X&Args=%7B%7D HTTP/1.1\r\n"), sent);
    assert_non_null(strstr(sent, "Accept: application/json\r\n"));
    assert_non_null(strstr(sent, "User-Agent: thingbridge/"));
    server_free(&server);
}

static void a_post_carries_it_in_a_form_body_without_expect(void **state)
{
    (void)state;
    struct server server = {.script = {{{STEP_ANSWER, OK_ANSWER, 0}, {STEP_ANSWER, OK_ANSWER, 0}}}};
    server_start(&server);
    struct client client;
    client_create(&client, &server);
    char *query = mem_alloc(100001);
    memset(query, 'a', 100000);
    assert_int_equal(client_submit(&client, query, true, now_ms() + LIMIT_MS), ERR_OK);
    assert_outcome(client_wait(&client), HTTP_ANSWERED, HTTP_FINE);
    // The same handle makes a GET again.
    assert_outcome(client_get(&client, "b"), HTTP_ANSWERED, HTTP_FINE);
    client_destroy(&client);
    server_stop(&server);
    const char *sent = server.requests[0];
    assert_ptr_equal(strstr(sent, "POST /api/ HTTP/1.1\r\n"), sent);
    assert_non_null(strstr(sent, "Content-Type: application/x-www-form-urlencoded\r\n"));
    assert_null(strstr(sent, "Expect"));
    assert_string_equal(strstr(sent, "\r\n\r\n") + 4, query);
    assert_ptr_equal(strstr(server.requests[1], "GET /api/?b HTTP/1.1\r\n"), server.requests[1]);
    server_free(&server);
    free(query);
}

static void an_endpoint_without_path_gets_one(void **state)
{
    (void)state;
    struct server server = {.script = {{{STEP_ANSWER, OK_ANSWER, 0}}}};
    server_start(&server);
    struct client client;
    client_prepare(&client, "http", server.port, "");
    client_target(&client);
    assert_outcome(client_get(&client, "a=b"), HTTP_ANSWERED, HTTP_FINE);
    client_destroy(&client);
    server_stop(&server);
    assert_ptr_equal(strstr(server.requests[0], "GET /?a=b HTTP/1.1\r\n"), server.requests[0]);
    server_free(&server);
}

static void requests_use_one_kept_connection(void **state)
{
    (void)state;
    struct server server = {
        .script = {{{STEP_ANSWER, OK_ANSWER, 0}, {STEP_ANSWER, OK_ANSWER, 0}, {STEP_ANSWER, OK_ANSWER, 0}}}};
    server_start(&server);
    struct client client;
    client_create(&client, &server);
    for (int i = 0; i < 3; i++) {
        assert_outcome(client_get(&client, "a=b"), HTTP_ANSWERED, HTTP_FINE);
    }
    client_destroy(&client);
    server_stop(&server);
    assert_int_equal(server.connections, 1);
    assert_int_equal(server.request_count, 3);
    server_free(&server);
}

static void a_kept_connection_that_the_server_closed_is_replaced(void **state)
{
    (void)state;
    struct server server = {
        .script = {{{STEP_CUT, OK_ANSWER, 0}}, {{STEP_ANSWER, OK_ANSWER, 0}}, {{STEP_ANSWER, OK_ANSWER, 0}}}};
    server_start(&server);
    struct client client;
    client_create(&client, &server);
    struct client other;
    client_create(&other, &server);
    assert_outcome(client_get(&client, "a=1"), HTTP_ANSWERED, HTTP_FINE);
    // The server serves another only when it has closed the first connection.
    assert_outcome(client_get(&other, "a=2"), HTTP_ANSWERED, HTTP_FINE);
    client_destroy(&other);
    assert_outcome(client_get(&client, "a=3"), HTTP_ANSWERED, HTTP_FINE);
    client_destroy(&client);
    server_stop(&server);
    assert_int_equal(server.request_count, 3);
    server_free(&server);
}

static void a_redirect_is_an_answer_and_not_followed(void **state)
{
    (void)state;
    struct server server = {
        .script = {{{STEP_ANSWER, "HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", 0},
                    {STEP_ANSWER, OK_ANSWER, 0}}}};
    server_start(&server);
    struct client client;
    client_create(&client, &server);
    const struct http_answer *answer = client_get(&client, "Signature=s");
    assert_outcome(answer, HTTP_ANSWERED, HTTP_FINE);
    assert_int_equal(answer->status, 302);
    client_destroy(&client);
    server_stop(&server);
    assert_int_equal(server.request_count, 1);
    server_free(&server);
}

static void a_demand_for_a_login_is_an_answer_and_not_repeated(void **state)
{
    (void)state;
    struct server server = {
        .script = {{{STEP_ANSWER, "HTTP/1.1 401 No\r\nWWW-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n", 0},
                    {STEP_ANSWER, OK_ANSWER, 0}}}};
    server_start(&server);
    struct client client;
    client_create(&client, &server);
    assert_outcome(client_get(&client, "a=b"), HTTP_ANSWERED, HTTP_FINE);
    assert_int_equal(client.answer.status, 401);
    client_destroy(&client);
    server_stop(&server);
    assert_int_equal(server.request_count, 1);
    server_free(&server);
}

static void an_answer_of_just_the_limit_is_taken(void **state)
{
    (void)state;
    struct server server = {.script = {{{STEP_ANSWER, OK_ANSWER, 0}}}};
    server_start(&server);
    struct client client;
    client_prepare(&client, "http", server.port, "/");
    client.options.max_answer = 2;
    client_target(&client);
    assert_outcome(client_get(&client, "a=b"), HTTP_ANSWERED, HTTP_FINE);
    client_destroy(&client);
    server_stop(&server);
    server_free(&server);
}

static void more_requests_than_connections_are_refused_until_one_ends(void **state)
{
    (void)state;
    struct server server = {.script = {{{STEP_SILENT, NULL, 0}}, {{STEP_SILENT, NULL, 0}}}};
    server_start(&server);
    struct client client;
    client_prepare(&client, "http", server.port, "/");
    client.options.timeout_ms = 200;
    client_target(&client);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(client.http->running_count, i);
        assert_int_equal(client_submit(&client, "a=b", false, now_ms() + LIMIT_MS), ERR_OK);
    }
    assert_int_equal(client_submit(&client, "a=b", false, now_ms() + LIMIT_MS), ERR_FULL);
    (void)client_wait(&client);
    assert_true(client.http->running_count < 4);
    assert_int_equal(client_submit(&client, "a=b", false, now_ms() + LIMIT_MS), ERR_OK);
    client_destroy(&client);
    server_stop(&server);
    server_free(&server);
}

static void *wake(void *context)
{
    http_wakeup(context);
    return NULL;
}

static void a_wakeup_from_another_thread_ends_the_wait(void **state)
{
    (void)state;
    struct diag diag = {""};
    struct http *http = NULL;
    assert_int_equal(http_create(4, &http, &diag), ERR_OK);
    pthread_t thread;
    int64_t start = now_ms();
    assert_int_equal(pthread_create(&thread, NULL, wake, http), 0);
    http_poll(http, LIMIT_MS, NULL, NULL, 0);
    assert_true(now_ms() - start < LIMIT_MS / 2);
    pthread_join(thread, NULL);
    http_destroy(http);
}

static void a_readable_descriptor_ends_the_wait_and_is_told(void **state)
{
    (void)state;
    struct diag diag = {""};
    struct http *http = NULL;
    assert_int_equal(http_create(4, &http, &diag), ERR_OK);
    int quiet[2];
    int busy[2];
    assert_int_equal(pipe2(quiet, O_CLOEXEC), 0);
    assert_int_equal(pipe2(busy, O_CLOEXEC), 0);
    assert_int_equal(write(busy[1], "x", 1), 1);
    bool ready[2] = {true, false};
    http_poll(http, LIMIT_MS, (const int[]){quiet[0], busy[0]}, ready, 2);
    assert_false(ready[0]);
    assert_true(ready[1]);
    http_destroy(http);
    const int ends[] = {quiet[0], quiet[1], busy[0], busy[1]};
    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        close(ends[i]);
    }
}

static void a_poll_without_anything_ends_after_its_time(void **state)
{
    (void)state;
    struct diag diag = {""};
    struct http *http = NULL;
    struct http_answer answer;
    assert_int_equal(http_create(4, &http, &diag), ERR_OK);
    http_poll(http, 10, NULL, NULL, 0);
    assert_false(http_take(http, &answer));
    assert_int_equal(http->running_count, 0);
    http_destroy(http);
}

static void destroying_cuts_what_runs(void **state)
{
    (void)state;
    struct server server = {.script = {{{STEP_SILENT, NULL, 0}}}};
    server_start(&server);
    struct client client;
    client_create(&client, &server);
    assert_int_equal(client_submit(&client, "a=b", false, now_ms() + LIMIT_MS), ERR_OK);
    http_poll(client.http, 10, NULL, NULL, 0);
    client_destroy(&client);
    server_stop(&server);
    server_free(&server);
}

int main(void)
{
    // Plain requests stay on this machine whatever the environment says.
    setenv("http_proxy", "http://127.0.0.1:9", 1);
    setenv("all_proxy", "http://127.0.0.1:9", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_comes_with_status_body_and_headers),
        cmocka_unit_test(absent_and_too_long_headers_are_empty),
        cmocka_unit_test(headers_of_an_interim_answer_are_not_those_of_the_answer),
        cmocka_unit_test(headers_after_the_body_are_not_those_of_the_answer),
        cmocka_unit_test(a_get_carries_the_query_in_the_url),
        cmocka_unit_test(a_post_carries_it_in_a_form_body_without_expect),
        cmocka_unit_test(an_endpoint_without_path_gets_one),
        cmocka_unit_test(requests_use_one_kept_connection),
        cmocka_unit_test(a_kept_connection_that_the_server_closed_is_replaced),
        cmocka_unit_test(a_redirect_is_an_answer_and_not_followed),
        cmocka_unit_test(a_demand_for_a_login_is_an_answer_and_not_repeated),
        cmocka_unit_test(an_answer_of_just_the_limit_is_taken),
        cmocka_unit_test(more_requests_than_connections_are_refused_until_one_ends),
        cmocka_unit_test(a_wakeup_from_another_thread_ends_the_wait),
        cmocka_unit_test(a_readable_descriptor_ends_the_wait_and_is_told),
        cmocka_unit_test(a_poll_without_anything_ends_after_its_time),
        cmocka_unit_test(destroying_cuts_what_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
