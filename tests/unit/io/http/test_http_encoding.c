// io/http/http: compressed answers, which nobody asked for, and servers that speak something else.
#include "unit/io/http/http_fixture.h"

// {"Success":true}
#define GZIP_SUCCESS                                                                                                   \
    "\x1F\x8B\x08\x00\x00\x00\x00\x00\x02\x03\xAB\x56\x0A\x2E\x4D\x4E\x4E\x2D\x2E\x56\xB2\x2A\x29\x2A\x4D\xAD\x05\x00" \
    "\x07\x8F\x92\xAB\x10\x00\x00\x00"
// 100,000 times the letter a.
#define ZEROS_10 "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
#define GZIP_BOMB                                                                                                      \
    "\x1F\x8B\x08\x00\x00\x00\x00\x00\x02\x03\xED\xC1\x31\x01\x00\x00\x00\xC2\xA0\xAC\xEB\x5F\xC2\x1A\x1E\x40"         \
    "\x01" ZEROS_10 ZEROS_10 ZEROS_10 ZEROS_10 ZEROS_10 ZEROS_10 ZEROS_10 ZEROS_10 ZEROS_10                            \
    "\x00\x00\x00\xAF\x06\x87\xFA\xE2\x1B\xA0\x86\x01\x00"

struct packed {
    const char *encoding;
    const char *data;
    size_t len;
    bool chunked;
};

static void append_answer(struct buf *out, const struct packed *body)
{
    buf_printf(out, "HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\n", body->encoding);
    if (body->chunked) {
        buf_printf(out, "Transfer-Encoding: chunked\r\n\r\n%zx\r\n", body->len);
        buf_append(out, body->data, body->len);
        buf_text(out, "\r\n0\r\n\r\n");
    } else {
        buf_printf(out, "Content-Length: %zu\r\n\r\n", body->len);
        buf_append(out, body->data, body->len);
    }
}

static void expect_unpacked(const struct packed *body, enum http_outcome outcome, enum http_trouble trouble,
                            const char *text)
{
    AUTO_BUF struct buf answer = {0};
    append_answer(&answer, body);
    struct server server = {.script = {{{STEP_CUT, answer.data, answer.len}}}};
    server_start(&server);
    struct client client;
    client_create(&client, &server);
    const struct http_answer *got = client_get(&client, "a=b");
    assert_outcome(got, outcome, trouble);
    if (outcome == HTTP_ANSWERED) {
        assert_int_equal(got->body_len, strlen(text));
        assert_string_equal(got->body, text);
    } else {
        assert_non_null(strstr(got->error, text));
    }
    client_destroy(&client);
    server_stop(&server);
    server_free(&server);
}

static void answers_are_wanted_as_they_are(void **state)
{
    (void)state;
    struct server server = {.script = {{{STEP_ANSWER, OK_ANSWER, 0}}}};
    server_start(&server);
    struct client client;
    client_create(&client, &server);
    assert_outcome(client_get(&client, "a=b"), HTTP_ANSWERED, HTTP_FINE);
    client_destroy(&client);
    server_stop(&server);
    assert_non_null(strstr(server.requests[0], "\r\nAccept-Encoding: identity\r\n"));
    assert_null(strstr(server.requests[0], "gzip"));
    server_free(&server);
}

static void a_compressed_answer_is_read_all_the_same(void **state)
{
    (void)state;
    static const char text[] = "{\"Success\":true}";
    const struct packed whole = {"gzip", GZIP_SUCCESS, sizeof GZIP_SUCCESS - 1, false};
    const struct packed chunked = {"gzip", GZIP_SUCCESS, sizeof GZIP_SUCCESS - 1, true};
    const struct packed old_name = {"x-gzip", GZIP_SUCCESS, sizeof GZIP_SUCCESS - 1, false};
    const struct packed plain = {"identity", text, sizeof text - 1, false};
    expect_unpacked(&whole, HTTP_ANSWERED, HTTP_FINE, text);
    expect_unpacked(&chunked, HTTP_ANSWERED, HTTP_FINE, text);
    expect_unpacked(&old_name, HTTP_ANSWERED, HTTP_FINE, text);
    expect_unpacked(&plain, HTTP_ANSWERED, HTTP_FINE, text);
}

static void the_limit_is_that_of_what_comes_out(void **state)
{
    (void)state;
    const struct packed bomb = {"gzip", GZIP_BOMB, sizeof GZIP_BOMB - 1, false};
    expect_unpacked(&bomb, HTTP_NO_ANSWER, HTTP_TOO_LARGE, "larger than allowed");
}

static void what_is_not_in_its_encoding_is_no_answer(void **state)
{
    (void)state;
    const struct packed not_packed = {"gzip", "{\"Success\":true}", 16, false};
    const struct packed unknown = {"rot13", "{\"Success\":true}", 16, false};
    expect_unpacked(&not_packed, HTTP_NO_ANSWER, HTTP_ENCODING, "ncoding");
    expect_unpacked(&unknown, HTTP_NO_ANSWER, HTTP_ENCODING, "ncoding");
}

// ---- servers that speak something else

static void expect_wrong_port(const char *scheme, const struct step *step, enum http_outcome outcome,
                              enum http_trouble trouble, const char *text)
{
    struct server server = {.script = {{*step}, {*step}}};
    server_start(&server);
    struct client client;
    client_prepare(&client, scheme, server.port, "/");
    client_target(&client);
    const struct http_answer *got = client_get(&client, "a=b");
    assert_outcome(got, outcome, trouble);
    if (strstr(got->error, text) == NULL) {
        fail_msg("`%s` is not in: %s", text, got->error);
    }
    client_destroy(&client);
    server_stop(&server);
    server_free(&server);
}

static void http_to_a_tls_port_is_told(void **state)
{
    (void)state;
    static const char alert[] = "\x15\x03\x01\x00\x02\x02\x46";
    static const char advice[] = "if the port speaks TLS, platform.endpoint must begin with https://";
    const struct step says_alert = {STEP_CUT, alert, sizeof alert - 1};
    const struct step says_nothing = {STEP_CUT, "", 0};
    const struct step resets = {STEP_RESET, "", 0};
    expect_wrong_port("http", &says_alert, HTTP_NO_ANSWER, HTTP_OTHER, advice);
    expect_wrong_port("http", &says_nothing, HTTP_NO_ANSWER, HTTP_RESET, advice);
    expect_wrong_port("http", &resets, HTTP_NO_ANSWER, HTTP_RESET, advice);
}

static void https_to_a_port_without_tls_is_told(void **state)
{
    (void)state;
    static const struct {
        struct step step;
        const char *text;
    } servers[] = {
        {{STEP_GREET, "HTTP/1.1 400 Bad Request\r\n\r\n", 0}, "this port does not speak TLS: check platform.endpoint"},
        {{STEP_END, NULL, 0},
         "the connection ended in the TLS handshake: check that the port in platform.endpoint speaks TLS"},
    };
    for (size_t i = 0; i < COUNT_OF(servers); i++) {
        expect_wrong_port("https", &servers[i].step, HTTP_NOT_SENT, HTTP_TLS, servers[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_wanted_as_they_are),
        cmocka_unit_test(a_compressed_answer_is_read_all_the_same),
        cmocka_unit_test(the_limit_is_that_of_what_comes_out),
        cmocka_unit_test(what_is_not_in_its_encoding_is_no_answer),
        cmocka_unit_test(http_to_a_tls_port_is_told),
        cmocka_unit_test(https_to_a_port_without_tls_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
