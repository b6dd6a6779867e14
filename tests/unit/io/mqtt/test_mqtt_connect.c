// io/mqtt/mqtt: options, connecting and what is told when it fails, against a real Mosquitto on loopback.
#include "unit/io/mqtt/mqtt_fixture.h"

static void assert_refused(struct mqtt_options *options, enum err expected, const char *part)
{
    struct mqtt *mqtt = NULL;
    struct diag diag = {""};
    struct mqtt_handlers handlers = {NULL, record_message, record_event};
    assert_int_equal(mqtt_create(options, &handlers, &mqtt, &diag), expected);
    assert_null(mqtt);
    assert_non_null(strstr(diag.text, part));
}

static void assert_url_refused(const char *url, enum err expected, const char *part)
{
    struct mqtt_options options = {.urls = &url, .url_count = 1, .client_id = "x", .version = 5};
    assert_refused(&options, expected, part);
}

static void urls_of_a_wrong_form_are_refused(void **state)
{
    (void)state;
    assert_url_refused("localhost:1883", ERR_SYNTAX, "mqtt://");
    assert_url_refused("http://localhost", ERR_SYNTAX, "mqtt://");
    assert_url_refused("mqtt://", ERR_SYNTAX, "host");
    assert_url_refused("mqtt://:1883", ERR_SYNTAX, "host");
    assert_url_refused("mqtt://[::1", ERR_SYNTAX, "host");
    assert_url_refused("mqtt://host:0", ERR_SYNTAX, "port");
    assert_url_refused("mqtt://host:65536", ERR_SYNTAX, "port");
    assert_url_refused("mqtt://host:", ERR_SYNTAX, "port");
    assert_url_refused("mqtt://host:12x", ERR_SYNTAX, "port or a path");
    assert_url_refused("mqtt://host/path", ERR_SYNTAX, "have a path");
    assert_url_refused("mqtt://host?x", ERR_SYNTAX, "port or a path");
    assert_url_refused("mqtt://ho st", ERR_SYNTAX, "space");
    assert_url_refused("mqtt://host\xff", ERR_SYNTAX, "UTF-8");
}

static void a_password_in_the_url_is_refused_and_not_repeated(void **state)
{
    (void)state;
    const char *url = "mqtt://me:geheim@host";
    struct mqtt_options options = {.urls = &url, .url_count = 1, .client_id = "x", .version = 5};
    struct mqtt *mqtt = NULL;
    struct diag diag = {""};
    struct mqtt_handlers handlers = {NULL, record_message, record_event};
    assert_int_equal(mqtt_create(&options, &handlers, &mqtt, &diag), ERR_REFUSED);
    assert_null(strstr(diag.text, "geheim"));
}

static void options_without_url_or_client_id_or_with_another_version_are_refused(void **state)
{
    (void)state;
    const char *url = "mqtt://localhost";
    struct mqtt_options no_url = {.client_id = "x", .version = 5};
    struct mqtt_options no_id = {.urls = &url, .url_count = 1, .client_id = "", .version = 5};
    struct mqtt_options bad_id = {.urls = &url, .url_count = 1, .client_id = "\xff", .version = 5};
    struct mqtt_options old = {.urls = &url, .url_count = 1, .client_id = "x", .version = 3};
    assert_refused(&no_url, ERR_MISSING, "mqtt.url");
    assert_refused(&no_id, ERR_REFUSED, "client_id");
    assert_refused(&bad_id, ERR_REFUSED, "client_id");
    assert_refused(&old, ERR_REFUSED, "version");
}

static void unreadable_tls_files_are_refused_by_name(void **state)
{
    (void)state;
    const char *url = "mqtts://localhost";
    struct mqtt_options options = {.urls = &url, .url_count = 1, .client_id = "x", .version = 5};
    options.tls = (struct mqtt_tls){.ca_file = "/nowhere/ca.pem"};
    assert_refused(&options, ERR_IO, "tls.ca_file: cannot read /nowhere/ca.pem");
    options.tls = (struct mqtt_tls){.cert_file = "/nowhere/c.pem"};
    assert_refused(&options, ERR_IO, "tls.cert_file");
    options.tls = (struct mqtt_tls){.key_file = "/nowhere/k.pem"};
    assert_refused(&options, ERR_IO, "tls.key_file");
}

static void it_connects_and_tells_what_the_broker_can(void **state)
{
    struct party *party = party_connected(broker, version_of(state));
    struct mqtt_event event = recorder_wait(party->told, MQTT_CONNECTED, 0);
    assert_false(event.session_present);
    assert_string_equal(event.url, party->urls[0]);
    assert_int_equal(event.receive_maximum, version_of(state) == 5 ? 20 : 65535);
    assert_int_equal(event.max_packet_size, version_of(state) == 5 ? 100000 : 0);
    assert_int_equal(event.subscription_ids, version_of(state) == 5);
    assert_int_equal(event.max_qos, 2);
    assert_true(mqtt_is_connected(party->mqtt));
    party_disconnect(party);
    assert_false(mqtt_is_connected(party->mqtt));
    party_destroy(party);
}

static void a_second_connect_while_connected_is_refused(void **state)
{
    struct party *party = party_connected(broker, version_of(state));
    struct diag diag = {""};
    assert_int_equal(mqtt_connect(party->mqtt, &diag), ERR_REFUSED);
    party_destroy(party);
}

static void a_wrong_password_is_told_as_a_refused_login_without_the_password(void **state)
{
    struct party *party = party_prepare(version_of(state));
    party_url(party, "mqtt", broker->plain, "");
    party->options.password = "geheim";
    struct mqtt_event event = failure(party);
    assert_int_equal(event.reason, version_of(state) == 5 ? 0x87 : 5);
    assert_says(&event, "refused the login");
    assert_null(strstr(event.text, "geheim"));
}

static void a_port_without_broker_is_told_as_no_connection(void **state)
{
    struct party *party = party_prepare(version_of(state));
    party_url(party, "mqtt", port_free(), "");
    struct mqtt_event event = failure(party);
    assert_says(&event, "no connection to localhost");
}

static void a_name_that_does_not_resolve_is_told_as_no_connection(void **state)
{
    struct party *party = party_prepare(version_of(state));
    snprintf(party->urls[0], sizeof party->urls[0], "mqtt://no-such-host.invalid");
    party->url_list[0] = party->urls[0];
    party->options.url_count = 1;
    struct mqtt_event event = failure(party);
    assert_says(&event, "no connection to no-such-host.invalid");
}

static void a_broker_that_accepts_and_stays_silent_ends_in_a_timeout(void **state)
{
    int port = 0;
    int fd = port_bind(&port);
    assert_int_equal(listen(fd, 4), 0);
    struct party *party = party_prepare(version_of(state));
    party_address(party, port);
    party->options.connect_timeout_s = 1;
    struct mqtt_event event = failure(party);
    assert_says(&event, "no answer within 1 s");
    close(fd);
}

static void urls_are_tried_in_order_whatever_their_kinds(void **state)
{
    struct party *party = party_prepare(version_of(state));
    char *ca = path_in(broker->folder, "ca.pem");
    party->options.tls.ca_file = ca;
    party_url(party, "mqtt", port_free(), "");
    party_url(party, "wss", port_free(), "/mqtt");
    party_url(party, "mqtt", broker->plain, "");
    party_create(party);
    party_connect(party);
    struct mqtt_event event = recorder_wait(party->told, MQTT_CONNECTED, 0);
    assert_string_equal(event.url, party->urls[2]);
    party_destroy(party);
    free(ca);
}

static void when_all_urls_fail_each_is_told_with_its_reason(void **state)
{
    struct party *party = party_prepare(version_of(state));
    party->options.password = "geheim";
    party_url(party, "mqtt", broker->plain, "");
    party_url(party, "mqtt", port_free(), "");
    struct mqtt_event event = failure(party);
    assert_int_equal(event.reason, version_of(state) == 5 ? 0x87 : 5);
    assert_says(&event, "refused the login");
    assert_says(&event, "; mqtt://localhost");
}

static void an_attempt_under_way_can_be_given_up(void **state)
{
    int port = 0;
    int fd = port_bind(&port);
    assert_int_equal(listen(fd, 4), 0);
    struct party *party = party_prepare(version_of(state));
    party_address(party, port);
    party_create(party);
    party_connect(party);
    party_disconnect(party);
    assert_int_equal(recorder_count(party->told, MQTT_CONNECT_FAILED, 0), 0);
    party_destroy(party);
    close(fd);
}

static void disconnecting_without_a_connection_is_told_at_once(void **state)
{
    struct party *party = party_prepare(version_of(state));
    party_url(party, "mqtt", broker->plain, "");
    party_create(party);
    mqtt_disconnect(party->mqtt, 1000);
    assert_int_equal(recorder_count(party->told, MQTT_DISCONNECTED, 0), 1);
    party_destroy(party);
}

static struct party *secure_party(int version, const char *scheme, int port, const char *ca_name)
{
    static char ca[256];
    snprintf(ca, sizeof ca, "%s/%s.pem", broker->folder, ca_name);
    struct party *party = party_prepare(version);
    party_url(party, scheme, port, scheme[0] == 'w' ? "/mqtt" : "");
    party->options.tls.ca_file = ca;
    return party;
}

static void assert_carries_messages(struct party *party)
{
    party_create(party);
    party_connect(party);
    recorder_wait(party->told, MQTT_CONNECTED, 0);
    party_subscribe(party, "home/secure", 1);
    party_publish_acknowledged(party, "home/secure", "hello", 2);
    assert_string_equal(recorder_message(party->told, 1)->payload, "hello");
    party_destroy(party);
}

static void mqtts_ws_and_wss_carry_messages(void **state)
{
    assert_carries_messages(secure_party(version_of(state), "mqtts", broker->tls, "ca"));
    assert_carries_messages(secure_party(version_of(state), "wss", broker->wss, "ca"));
    assert_carries_messages(secure_party(version_of(state), "ws", broker->ws, "ca"));
}

static void a_certificate_of_an_unknown_authority_is_refused_and_told(void **state)
{
    struct mqtt_event event = failure(secure_party(version_of(state), "mqtts", broker->tls, "other"));
    assert_says(&event, "not signed by a known authority");
    event = failure(secure_party(version_of(state), "wss", broker->wss, "other"));
    assert_says(&event, "not signed by a known authority");
    struct party *party = secure_party(version_of(state), "mqtts", broker->tls, "other");
    party->options.tls.ca_file = NULL;
    event = failure(party);
    assert_says(&event, "not signed by a known authority");
}

static void a_certificate_for_another_name_is_refused_and_told(void **state)
{
    struct mqtt_event event = failure(secure_party(version_of(state), "mqtts", broker->tls_wrong_name, "ca"));
    assert_says(&event, "not for the host name localhost");
}

static void an_expired_certificate_is_refused_and_told(void **state)
{
    struct mqtt_event event = failure(secure_party(version_of(state), "mqtts", broker->tls_expired, "ca"));
    assert_says(&event, "expired");
}

static void tls_to_a_plain_port_is_told(void **state)
{
    struct mqtt_event event = failure(secure_party(version_of(state), "mqtts", broker->plain, "ca"));
    assert_says(&event, "ended the connection in the TLS handshake: check that the port of mqtt.url speaks TLS");
    event = failure(secure_party(version_of(state), "wss", broker->plain, "ca"));
    assert_says(&event, "ended the connection in the TLS handshake");
    event = failure(secure_party(version_of(state), "mqtts", broker->ws, "ca"));
    assert_says(&event, "TLS failed: the broker does not speak TLS on this port");
    event = failure(secure_party(version_of(state), "mqtts", port_free(), "ca"));
    assert_says(&event, "no connection to localhost");
}

static void a_scheme_that_does_not_fit_the_port_is_told(void **state)
{
    const struct {
        const char *scheme;
        int port;
    } wrong[] = {
        {"mqtt", broker->tls}, {"ws", broker->wss},   {"ws", broker->tls},
        {"mqtt", broker->ws},  {"ws", broker->plain}, {"mqtt", broker->wss},
    };
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        struct mqtt_event event = failure(secure_party(version_of(state), wrong[i].scheme, wrong[i].port, "ca"));
        assert_says(&event, wrong[i].scheme[0] == 'w'
                                ? "ended the connection: check that it speaks WebSocket"
                                : "ended the connection in place of an answer: check that mqtt.url");
    }
}

static void a_tls_failure_is_not_told_for_the_next_url(void **state)
{
    struct party *party = secure_party(version_of(state), "mqtts", broker->tls_expired, "ca");
    party_url(party, "mqtt", port_free(), "");
    struct mqtt_event event = failure(party);
    assert_says(&event, "expired");
    assert_says(&event, "; mqtt://localhost");
    assert_says(&event, "no connection");
}

static void the_client_certificate_is_shown_to_the_broker(void **state)
{
    struct party *without = secure_party(version_of(state), "mqtts", broker->tls_client, "ca");
    (void)failure(without);
    char *cert = path_in(broker->folder, "client.pem");
    char *key = path_in(broker->folder, "client.key");
    struct party *with = secure_party(version_of(state), "mqtts", broker->tls_client, "ca");
    with->options.tls.cert_file = cert;
    with->options.tls.key_file = key;
    assert_carries_messages(with);
    free(cert);
    free(key);
}

static void http_proxies_of_the_environment_are_not_used(void **state)
{
    (void)state;
    assert_null(getenv("http_proxy"));
    assert_null(getenv("https_proxy"));
    assert_string_equal(getenv("HTTPS_PROXY"), "http://127.0.0.1:9");
}

struct refusal {
    int version;
    int reason;
    size_t len;
    const char *connack;
    const char *says;
};

static void each_refusal_of_the_broker_is_told_plainly(void **state)
{
    (void)state;
    static const struct refusal refusals[] = {
        {4, 1, 4, "\x20\x02\0\x01", "does not speak MQTT 3.1.1"},
        {4, 2, 4, "\x20\x02\0\x02", "client id"},
        {4, 3, 4, "\x20\x02\0\x03", "unavailable"},
        {4, 4, 4, "\x20\x02\0\x04", "user name or password"},
        {4, 5, 4, "\x20\x02\0\x05", "not authorised"},
        {5, 0x84, 5, "\x20\x03\0\x84\0", "does not speak MQTT 5"},
        {5, 0x85, 5, "\x20\x03\0\x85\0", "client id"},
        {5, 0x86, 5, "\x20\x03\0\x86\0", "user name or password"},
        {5, 0x87, 5, "\x20\x03\0\x87\0", "not authorised"},
        {5, 0x89, 5, "\x20\x03\0\x89\0", "busy"},
        {5, 0x9F, 5, "\x20\x03\0\x9F\0", "Connection rate exceeded"},
    };
    for (size_t i = 0; i < COUNT_OF(refusals); i++) {
        struct fake_broker fake;
        struct party *party = fake_party(&fake, refusals[i].version, refusals[i].connack, refusals[i].len, true);
        struct mqtt_event event = failure(party);
        assert_int_equal(event.reason, refusals[i].reason);
        assert_says(&event, refusals[i].says);
        fake_stop(&fake);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urls_of_a_wrong_form_are_refused),
        cmocka_unit_test(a_password_in_the_url_is_refused_and_not_repeated),
        cmocka_unit_test(options_without_url_or_client_id_or_with_another_version_are_refused),
        cmocka_unit_test(unreadable_tls_files_are_refused_by_name),
        cmocka_unit_test(http_proxies_of_the_environment_are_not_used),
        BOTH(it_connects_and_tells_what_the_broker_can),
        BOTH(a_second_connect_while_connected_is_refused),
        BOTH(a_wrong_password_is_told_as_a_refused_login_without_the_password),
        cmocka_unit_test(each_refusal_of_the_broker_is_told_plainly),
        BOTH(a_port_without_broker_is_told_as_no_connection),
        BOTH(a_name_that_does_not_resolve_is_told_as_no_connection),
        BOTH(a_broker_that_accepts_and_stays_silent_ends_in_a_timeout),
        BOTH(urls_are_tried_in_order_whatever_their_kinds),
        BOTH(when_all_urls_fail_each_is_told_with_its_reason),
        BOTH(an_attempt_under_way_can_be_given_up),
        BOTH(disconnecting_without_a_connection_is_told_at_once),
        BOTH(mqtts_ws_and_wss_carry_messages),
        BOTH(a_certificate_of_an_unknown_authority_is_refused_and_told),
        BOTH(a_certificate_for_another_name_is_refused_and_told),
        BOTH(an_expired_certificate_is_refused_and_told),
        BOTH(tls_to_a_plain_port_is_told),
        BOTH(a_scheme_that_does_not_fit_the_port_is_told),
        BOTH(a_tls_failure_is_not_told_for_the_next_url),
        BOTH(the_client_certificate_is_shown_to_the_broker),
    };
    return cmocka_run_group_tests(tests, start_broker, stop_broker);
}
