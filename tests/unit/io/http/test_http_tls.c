// io/http/http over TLS, against `openssl s_server`.
#include "unit/io/http/http_fixture.h"

static char *folder;

static int make_certificates(void **state)
{
    (void)state;
    folder = folder_create();
    certificates_create(folder);
    return 0;
}

static int remove_certificates(void **state)
{
    (void)state;
    folder_remove(folder);
    return 0;
}

struct tls_server {
    pid_t pid;
    int output;
    int port;
};

// It answers any GET with status 200 and a page, on connections that it then closes. `more` ends with NULL.
static struct tls_server tls_start(const char *certificate_name, const char *const more[])
{
    char *cert = path_in(folder, certificate_name);
    char cert_file[256];
    char key_file[256];
    snprintf(cert_file, sizeof cert_file, "%s.pem", cert);
    snprintf(key_file, sizeof key_file, "%s.key", cert);
    free(cert);
    const char *argv[32] = {"openssl", "s_server", "-accept", "127.0.0.1:0", "-www",
                            "-cert",   cert_file,  "-key",    key_file};
    for (size_t i = 9, k = 0; more[k] != NULL; i++, k++) {
        argv[i] = more[k];
    }
    struct tls_server server = {0};
    server.pid = program_start(argv, &server.output);
    char text[4096];
    assert_true(program_says(server.output, "ACCEPT", text, sizeof text));
    const char *colon = strrchr(text, ':');
    assert_non_null(colon);
    server.port = (int)strtol(colon + 1, NULL, 10);
    return server;
}

static void tls_stop(struct tls_server *server)
{
    program_end(server->pid, SIGKILL);
    close(server->output);
}

static const char *const plain_options[] = {NULL};

static void use_authority(struct client *client, const char *name)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s.pem", folder, name);
    client->options.ca_file = path;
}

static void assert_handshake(const char *certificate_name, const char *const server_options[], const char *authority,
                             enum http_outcome outcome, const char *says)
{
    struct tls_server server = tls_start(certificate_name, server_options);
    struct client client;
    client_prepare(&client, "https", server.port, "/");
    client.options.max_answer = 100000;
    use_authority(&client, authority);
    client_target(&client);
    const struct http_answer *answer = client_get(&client, "Signature=geheim");
    assert_outcome(answer, outcome, outcome == HTTP_ANSWERED ? HTTP_FINE : HTTP_TLS);
    if (strstr(answer->error, says) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", answer->error, says);
    }
    assert_null(strstr(answer->error, "geheim"));
    client_destroy(&client);
    tls_stop(&server);
}

static void a_server_with_a_certificate_of_the_given_authority_is_answered(void **state)
{
    (void)state;
    assert_handshake("good", plain_options, "ca", HTTP_ANSWERED, "");
}

static void a_certificate_of_another_authority_is_not_sent_to(void **state)
{
    (void)state;
    assert_handshake("good", plain_options, "other", HTTP_NOT_SENT, "issuer certificate");
}

static void without_a_given_authority_those_of_the_system_count(void **state)
{
    (void)state;
    struct tls_server server = tls_start("good", plain_options);
    struct client client;
    client_prepare(&client, "https", server.port, "/");
    client_target(&client);
    assert_outcome(client_get(&client, "a=b"), HTTP_NOT_SENT, HTTP_TLS);
    client_destroy(&client);
    tls_stop(&server);
}

static void a_certificate_for_another_name_is_not_sent_to(void **state)
{
    (void)state;
    assert_handshake("wrong-name", plain_options, "ca", HTTP_NOT_SENT, "'localhost'");
}

static void an_expired_certificate_is_not_sent_to(void **state)
{
    (void)state;
    assert_handshake("expired", plain_options, "ca", HTTP_NOT_SENT, "expired");
}

static void a_server_with_old_tls_only_is_not_sent_to(void **state)
{
    (void)state;
    static const char *const options[] = {"-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0", NULL};
    assert_handshake("good", options, "ca", HTTP_NOT_SENT, "");
}

static void tls_1_2_is_enough(void **state)
{
    (void)state;
    static const char *const options[] = {"-tls1_2", NULL};
    assert_handshake("good", options, "ca", HTTP_ANSWERED, "");
}

static void a_plain_server_is_not_sent_to(void **state)
{
    (void)state;
    struct server server = {.script = {{{STEP_CUT, OK_ANSWER, 0}}}};
    server_start(&server);
    struct client client;
    client_prepare(&client, "https", server.port, "/");
    client.options.connect_timeout_ms = 500;
    client_target(&client);
    assert_outcome(client_get(&client, "a=b"), HTTP_NOT_SENT, HTTP_TLS);
    client_destroy(&client);
    server_stop(&server);
    server_free(&server);
}

static void the_client_certificate_is_shown(void **state)
{
    (void)state;
    char *ca = path_in(folder, "ca.pem");
    char *cert = path_in(folder, "client.pem");
    char *key = path_in(folder, "client.key");
    struct tls_server server =
        tls_start("good", (const char *const[]){"-Verify", "1", "-verify_return_error", "-CAfile", ca, NULL});
    struct client client;
    client_prepare(&client, "https", server.port, "/");
    client.options.max_answer = 100000;
    client.options.ca_file = ca;
    client.options.cert_file = cert;
    client.options.key_file = key;
    client_target(&client);
    assert_outcome(client_get(&client, "a=b"), HTTP_ANSWERED, HTTP_FINE);
    client_destroy(&client);

    client_prepare(&client, "https", server.port, "/");
    client.options.max_answer = 100000;
    client.options.ca_file = ca;
    client_target(&client);
    assert_int_not_equal(client_get(&client, "a=b")->outcome, HTTP_ANSWERED);
    client_destroy(&client);
    tls_stop(&server);
    free(ca);
    free(cert);
    free(key);
}

static void a_target_with_another_authority_uses_neither_connection_nor_session_of_the_first(void **state)
{
    (void)state;
    struct tls_server server = tls_start("good", plain_options);
    struct client client;
    client_prepare(&client, "https", server.port, "/");
    client.options.max_answer = 100000;
    use_authority(&client, "ca");
    client_target(&client);
    assert_outcome(client_get(&client, "a=b"), HTTP_ANSWERED, HTTP_FINE);
    struct http_target *trusting = client.target;
    use_authority(&client, "other");
    client_target(&client);
    assert_outcome(client_get(&client, "a=b"), HTTP_NOT_SENT, HTTP_TLS);
    struct http_target *distrusting = client.target;
    client.target = trusting;
    assert_outcome(client_get(&client, "a=b"), HTTP_ANSWERED, HTTP_FINE);
    http_target_destroy(distrusting);
    client_destroy(&client);
    tls_stop(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_with_a_certificate_of_the_given_authority_is_answered),
        cmocka_unit_test(a_certificate_of_another_authority_is_not_sent_to),
        cmocka_unit_test(without_a_given_authority_those_of_the_system_count),
        cmocka_unit_test(a_certificate_for_another_name_is_not_sent_to),
        cmocka_unit_test(an_expired_certificate_is_not_sent_to),
        cmocka_unit_test(a_server_with_old_tls_only_is_not_sent_to),
        cmocka_unit_test(tls_1_2_is_enough),
        cmocka_unit_test(a_plain_server_is_not_sent_to),
        cmocka_unit_test(the_client_certificate_is_shown),
        cmocka_unit_test(a_target_with_another_authority_uses_neither_connection_nor_session_of_the_first),
    };
    return cmocka_run_group_tests(tests, make_certificates, remove_certificates);
}
