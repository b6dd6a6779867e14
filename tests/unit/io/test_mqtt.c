// io/mqtt against a real Mosquitto on loopback, MQTT 5 and 3.1.1. Started as "test_mqtt hold PORT ID VERSION" it is the
// subscriber that is killed while its handler runs.
#include "mqtt_fixture.h"

static struct broker *broker;

static const int version5 = 5;
static const int version4 = 4;

static int version_of(void **state)
{
    return *(const int *)*state;
}

static int start_broker(void **state)
{
    (void)state;
    mqtt_library_init();
    broker = broker_create();
    return 0;
}

static int stop_broker(void **state)
{
    (void)state;
    broker_destroy(broker);
    return 0;
}

// ---- options

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

// ---- connecting

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

static struct mqtt_event failure(struct party *party)
{
    party_create(party);
    party_connect(party);
    struct mqtt_event event = recorder_wait(party->told, MQTT_CONNECT_FAILED, 0);
    assert_false(mqtt_is_connected(party->mqtt));
    assert_int_equal(recorder_count(party->told, MQTT_CONNECTED, 0), 0);
    party_destroy(party);
    return event;
}

static void assert_says(const struct mqtt_event *event, const char *part)
{
    if (strstr(event->text, part) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", event->text, part);
    }
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
    // "localhost" can be ::1 first, where nothing listens.
    snprintf(party->urls[0], sizeof party->urls[0], "mqtt://127.0.0.1:%d", port);
    party->url_list[0] = party->urls[0];
    party->options.url_count = 1;
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
    snprintf(party->urls[0], sizeof party->urls[0], "mqtt://127.0.0.1:%d", port);
    party->url_list[0] = party->urls[0];
    party->options.url_count = 1;
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

// ---- TLS and websockets

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
    assert_true(strstr(event.text, "does not speak TLS") != NULL || strstr(event.text, "no connection") != NULL);
}

static void a_tls_failure_is_not_told_for_the_next_url(void **state)
{
    struct party *party = secure_party(version_of(state), "mqtts", broker->tls_expired, "ca");
    party_url(party, "mqtt", port_free(), "");
    struct mqtt_event event = failure(party);
    assert_says(&event, "expired");
    assert_says(strstr(event.text, "; ") == NULL ? &event : &event, "no connection");
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

// ---- subscribing and messages

static void a_refused_subscription_is_told(void **state)
{
    struct party *party = party_connected(broker, version_of(state));
    struct diag diag = {""};
    assert_int_equal(mqtt_subscribe(party->mqtt, "secret/#", 1, 0, 7, &diag), ERR_OK);
    struct mqtt_event event = recorder_wait(party->told, MQTT_SUBSCRIBE_FAILED, 7);
    assert_int_equal(event.reason, version_of(state) == 5 ? 0x87 : 0x80);
    assert_int_equal(recorder_count(party->told, MQTT_SUBSCRIBED, 7), 0);
    party_destroy(party);
}

static void requests_without_a_connection_are_refused_and_nothing_follows(void **state)
{
    struct party *party = party_prepare(version_of(state));
    party_url(party, "mqtt", broker->plain, "");
    party_create(party);
    struct diag diag = {""};
    assert_int_equal(mqtt_subscribe(party->mqtt, "home/#", 1, 0, 1, &diag), ERR_UNAVAILABLE);
    assert_int_equal(mqtt_unsubscribe(party->mqtt, "home/#", 2, &diag), ERR_UNAVAILABLE);
    assert_int_equal(party_publish(party, "home/x", "x", 3), ERR_UNAVAILABLE);
    mqtt_poke(party->mqtt);
    assert_int_equal(party->told->event_count, 0);
    party_destroy(party);
}

static void after_unsubscribing_nothing_comes(void **state)
{
    struct party *party = party_connected(broker, version_of(state));
    struct diag diag = {""};
    party_subscribe(party, "home/a", 1);
    party_subscribe(party, "home/b", 2);
    assert_int_equal(mqtt_unsubscribe(party->mqtt, "home/a", 3, &diag), ERR_OK);
    recorder_wait(party->told, MQTT_UNSUBSCRIBED, 3);
    party_publish_acknowledged(party, "home/a", "no", 4);
    party_publish_acknowledged(party, "home/b", "yes", 5);
    assert_string_equal(recorder_message(party->told, 1)->payload, "yes");
    party_destroy(party);
}

static void poking_changes_nothing(void **state)
{
    struct party *party = party_connected(broker, version_of(state));
    mqtt_poke(party->mqtt);
    party_publish_acknowledged(party, "home/a", "x", 1);
    assert_true(mqtt_is_connected(party->mqtt));
    assert_int_equal(party->told->event_count, 2);
    party_destroy(party);
}

static void mosquitto_pub(const char *topic, const char *payload, const char *const more[])
{
    char port[16];
    snprintf(port, sizeof port, "%d", broker->plain);
    const char *argv[64] = {"mosquitto_pub", "-h", "localhost", "-p", port,  "-u", "bridge", "-P",
                            "right",         "-q", "1",         "-t", topic, "-m", payload};
    size_t count = 15;
    for (size_t i = 0; more[i] != NULL; i++) {
        argv[count++] = more[i];
    }
    program_run(argv);
}

static void a_message_comes_with_all_its_properties(void **state)
{
    (void)state;
    struct party *party = party_connected(broker, 5);
    party_subscribe(party, "home/+/set", 42);
    mosquitto_pub("home/lamp/set", "{\"level\":1}",
                  (const char *const[]){"-V",
                                        "5",
                                        "-D",
                                        "publish",
                                        "response-topic",
                                        "home/answer",
                                        "-D",
                                        "publish",
                                        "correlation-data",
                                        "abc",
                                        "-D",
                                        "publish",
                                        "message-expiry-interval",
                                        "100",
                                        "-D",
                                        "publish",
                                        "user-property",
                                        "a",
                                        "1",
                                        "-D",
                                        "publish",
                                        "user-property",
                                        "a",
                                        "2",
                                        NULL});
    const struct message *message = recorder_message(party->told, 1);
    assert_string_equal(message->topic, "home/lamp/set");
    assert_string_equal(message->payload, "{\"level\":1}");
    assert_int_equal(message->payload_len, 11);
    assert_int_equal(message->qos, 1);
    assert_false(message->dup);
    assert_false(message->retained);
    assert_int_not_equal(message->packet_id, 0);
    assert_true(message->has_expiry);
    assert_int_equal(message->expiry_s, 100);
    assert_string_equal(message->response_topic, "home/answer");
    assert_int_equal(message->correlation_len, 3);
    assert_memory_equal(message->correlation_data, "abc", 3);
    assert_int_equal(message->property_count, 2);
    assert_string_equal(message->properties[1].name, "a");
    assert_string_equal(message->properties[1].value, "2");
    assert_int_equal(message->subscription_id_count, 1);
    assert_int_equal(message->subscription_ids[0], 42);
    assert_false(party->told->resumed[0]);
    party_destroy(party);
}

static void a_plain_message_has_no_properties(void **state)
{
    struct party *party = party_connected(broker, version_of(state));
    struct diag diag = {""};
    assert_int_equal(mqtt_subscribe(party->mqtt, "home/plain", 1, 0, 1, &diag), ERR_OK);
    recorder_wait(party->told, MQTT_SUBSCRIBED, 1);
    mosquitto_pub("home/plain", "ON", (const char *const[]){NULL});
    const struct message *message = recorder_message(party->told, 1);
    assert_string_equal(message->payload, "ON");
    assert_false(message->has_expiry);
    assert_null(message->response_topic);
    assert_null(message->correlation_data);
    assert_int_equal(message->property_count, 0);
    assert_int_equal(message->subscription_id_count, 0);
    party_destroy(party);
}

static void a_binary_payload_and_correlation_data_come_byte_for_byte(void **state)
{
    (void)state;
    struct party *party = party_connected(broker, 5);
    struct diag diag = {""};
    party_subscribe(party, "home/bytes", 1);
    struct mqtt_publication publication = {.topic = "home/bytes",
                                           .payload = "a\0b\xff",
                                           .payload_len = 4,
                                           .qos = 1,
                                           .correlation_data = "\0\x01\xfe",
                                           .correlation_len = 3,
                                           .content_type = "application/json"};
    assert_int_equal(mqtt_publish(party->mqtt, &publication, 2, &diag), ERR_OK);
    const struct message *message = recorder_message(party->told, 1);
    assert_int_equal(message->payload_len, 4);
    assert_memory_equal(message->payload, "a\0b\xff", 4);
    assert_int_equal(message->correlation_len, 3);
    assert_memory_equal(message->correlation_data, "\0\x01\xfe", 3);
    party_destroy(party);
}

static void an_empty_payload_and_qos_0_come_through(void **state)
{
    struct party *party = party_connected(broker, version_of(state));
    struct diag diag = {""};
    party_subscribe(party, "home/empty", 1);
    struct mqtt_publication publication = {.topic = "home/empty", .qos = 0};
    assert_int_equal(mqtt_publish(party->mqtt, &publication, 2, &diag), ERR_OK);
    recorder_wait(party->told, MQTT_PUBLISHED, 2);
    const struct message *message = recorder_message(party->told, 1);
    assert_int_equal(message->payload_len, 0);
    assert_int_equal(message->qos, 0);
    assert_int_equal(message->packet_id, 0);
    party_destroy(party);
}

static void a_retained_message_is_marked(void **state)
{
    struct party *party = party_connected(broker, version_of(state));
    struct diag diag = {""};
    struct mqtt_publication publication = {
        .topic = "home/kept", .payload = "old", .payload_len = 3, .qos = 1, .retain = true};
    assert_int_equal(mqtt_publish(party->mqtt, &publication, 1, &diag), ERR_OK);
    recorder_wait(party->told, MQTT_PUBLISHED, 1);
    party_subscribe(party, "home/kept", 2);
    assert_true(recorder_message(party->told, 1)->retained);
    party_destroy(party);
}

// ---- PUBACK after the handler

// The subscriber that is killed: says what it got, and never returns from its handler.
static void hold_message(void *context, const struct message *message, bool resumed)
{
    (void)context;
    (void)resumed;
    printf("got %s dup %d\n", message->payload, message->dup);
    fflush(stdout);
    for (;;) {
        pause();
    }
}

static void hold_event(void *context, const struct mqtt_event *event)
{
    (void)context;
    if (event->kind == MQTT_CONNECTED) {
        printf("connected present %d\n", event->session_present);
        fflush(stdout);
    }
}

static int hold(char **argv)
{
    mqtt_library_init();
    char url[64];
    snprintf(url, sizeof url, "mqtt://localhost:%s", argv[2]);
    const char *urls[] = {url};
    struct mqtt_options options = {.urls = urls,
                                   .url_count = 1,
                                   .client_id = argv[3],
                                   .version = argv[4][0] - '0',
                                   .username = "bridge",
                                   .password = "right",
                                   .session_expiry_s = 60,
                                   .keepalive_s = 20,
                                   .connect_timeout_s = 10};
    struct mqtt_handlers handlers = {NULL, hold_message, hold_event};
    struct mqtt *mqtt = NULL;
    struct diag diag = {""};
    if (mqtt_create(&options, &handlers, &mqtt, &diag) != ERR_OK || mqtt_connect(mqtt, &diag) != ERR_OK) {
        return 1;
    }
    for (;;) {
        pause();
    }
}

static void no_puback_leaves_before_the_handler_returned(void **state)
{
    int version = version_of(state);
    struct party *party = party_connected(broker, version);
    party_subscribe(party, "home/durable", 1);
    party_disconnect(party);
    struct party *sender = party_connected(broker, version);
    party_publish_acknowledged(sender, "home/durable", "command", 1);

    char port[16];
    char number[4];
    snprintf(port, sizeof port, "%d", broker->plain);
    snprintf(number, sizeof number, "%d", version);
    int output = -1;
    pid_t pid =
        program_start((const char *const[]){"/proc/self/exe", "hold", port, party->client_id, number, NULL}, &output);
    char text[4096];
    assert_true(program_says(output, "got command dup 0", text, sizeof text));
    program_end(pid, SIGKILL);
    close(output);

    party_connect(party);
    struct mqtt_event event = recorder_wait_nth(party->told, MQTT_CONNECTED, 0, 2);
    assert_true(event.session_present);
    const struct message *message = recorder_message(party->told, 1);
    assert_string_equal(message->payload, "command");
    assert_true(message->dup);
    assert_true(party->told->resumed[0]);

    // Now the handler has returned: after another connect only what is new comes.
    party_disconnect(party);
    party_publish_acknowledged(sender, "home/durable", "next", 2);
    party_connect(party);
    assert_string_equal(recorder_message(party->told, 2)->payload, "next");
    party_destroy(party);
    party_destroy(sender);
}

// ---- publishing

static void a_burst_of_publishes_is_acknowledged_one_by_one(void **state)
{
    struct party *party = party_connected(broker, version_of(state));
    for (uint64_t i = 1; i <= 1000; i++) {
        assert_int_equal(party_publish(party, "home/burst", "x", i), ERR_OK);
    }
    for (uint64_t i = 1; i <= 1000; i++) {
        recorder_wait(party->told, MQTT_PUBLISHED, i);
    }
    party_disconnect(party);
    assert_int_equal(party->told->event_count, 1 + 1000 + 1);
    party_destroy(party);
}

static void a_publish_that_the_broker_refuses_is_told_with_its_reason(void **state)
{
    (void)state;
    struct party *party = party_connected(broker, 5);
    assert_int_equal(party_publish(party, "forbidden/x", "x", 9), ERR_OK);
    struct mqtt_event event = recorder_wait(party->told, MQTT_PUBLISH_REFUSED, 9);
    assert_int_equal(event.reason, 0x87);
    assert_says(&event, "ot authorized");
    assert_true(mqtt_is_connected(party->mqtt));
    party_destroy(party);
}

static void a_topic_that_cannot_be_published_to_is_refused(void **state)
{
    struct party *party = party_connected(broker, version_of(state));
    const char *const topics[] = {"", "home/+", "home/#", "home/\xff"};
    for (size_t i = 0; i < COUNT_OF(topics); i++) {
        assert_int_equal(party_publish(party, topics[i], "x", 1), ERR_REFUSED);
    }
    assert_true(mqtt_is_connected(party->mqtt));
    party_destroy(party);
}

static enum err publish_bytes(struct party *party, size_t len, uint64_t cookie)
{
    struct diag diag = {""};
    char *payload = mem_alloc(len);
    struct mqtt_publication publication = {.topic = "home/big", .payload = payload, .payload_len = len, .qos = 1};
    enum err err = mqtt_publish(party->mqtt, &publication, cookie, &diag);
    free(payload);
    return err;
}

static void a_publish_above_the_brokers_packet_size_is_refused_to_the_byte(void **state)
{
    (void)state;
    struct party *party = party_connected(broker, 5);
    // 1 byte of type, 3 of length, 2 + 8 of topic, 2 of packet id, 1 of properties
    size_t most = 100000 - 17;
    assert_int_equal(publish_bytes(party, most + 1, 1), ERR_LIMIT);
    assert_int_equal(publish_bytes(party, most, 2), ERR_OK);
    recorder_wait(party->told, MQTT_PUBLISHED, 2);
    assert_true(mqtt_is_connected(party->mqtt));
    party_destroy(party);
}

static void a_clean_stop_waits_for_what_is_in_flight(void **state)
{
    struct party *party = party_connected(broker, version_of(state));
    for (uint64_t i = 1; i <= 50; i++) {
        assert_int_equal(party_publish(party, "home/last", "x", i), ERR_OK);
    }
    int64_t start = now_ms();
    mqtt_disconnect(party->mqtt, 10000);
    assert_int_equal(party_publish(party, "home/late", "x", 99), ERR_UNAVAILABLE);
    recorder_wait(party->told, MQTT_DISCONNECTED, 0);
    for (uint64_t i = 1; i <= 50; i++) {
        assert_int_equal(recorder_count(party->told, MQTT_PUBLISHED, i), 1);
    }
    assert_true(now_ms() - start < 2500);
    party_destroy(party);
}

// ---- the end of a connection

static void a_publish_in_flight_when_the_broker_dies_is_lost_once_and_not_sent_again(void **state)
{
    struct party *party = party_connected(broker, version_of(state));
    kill(broker->pid, SIGSTOP);
    for (uint64_t i = 1; i <= 20; i++) {
        assert_int_equal(party_publish(party, "home/lost", "old", i), ERR_OK);
    }
    broker_stop(broker, SIGKILL);
    recorder_wait(party->told, MQTT_LOST, 0);
    for (uint64_t i = 1; i <= 20; i++) {
        assert_int_equal(recorder_count(party->told, MQTT_PUBLISH_LOST, i), 1);
    }
    broker_restart(broker);
    struct party *listener = party_connected(broker, version_of(state));
    party_subscribe(listener, "home/lost", 1);
    party_connect(party);
    recorder_wait_nth(party->told, MQTT_CONNECTED, 0, 2);
    party_publish_acknowledged(party, "home/lost", "new", 100);
    assert_string_equal(recorder_message(listener->told, 1)->payload, "new");
    party_disconnect(party);
    assert_int_equal(party->told->event_count, 1 + 20 + 1 + 1 + 1 + 1);
    party_destroy(party);
    party_destroy(listener);
}

static void after_a_broker_restart_the_session_is_resumed_again_and_again(void **state)
{
    int version = version_of(state);
    struct party *party = party_connected(broker, version);
    party_subscribe(party, "home/again", 1);
    for (size_t round = 1; round <= 3; round++) {
        broker_stop(broker, SIGTERM);
        recorder_wait_nth(party->told, MQTT_LOST, 0, round);
        assert_false(mqtt_is_connected(party->mqtt));
        broker_restart(broker);
        party_connect(party);
        assert_true(recorder_wait_nth(party->told, MQTT_CONNECTED, 0, round + 1).session_present);
        party_publish_acknowledged(party, "home/again", "x", 10 + round);
        recorder_message(party->told, round);
        assert_true(party->told->resumed[round - 1]);
    }
    assert_int_equal(recorder_count(party->told, MQTT_LOST, 0), 3);
    party_destroy(party);
}

static void what_came_while_away_is_delivered_on_the_resumed_session(void **state)
{
    int version = version_of(state);
    struct party *party = party_connected(broker, version);
    party_subscribe(party, "home/queued", 1);
    party_disconnect(party);
    struct party *sender = party_connected(broker, version);
    party_publish_acknowledged(sender, "home/queued", "kept", 1);
    party_connect(party);
    assert_string_equal(recorder_message(party->told, 1)->payload, "kept");
    assert_true(party->told->resumed[0]);
    party_destroy(party);
    party_destroy(sender);
}

static void with_clean_start_no_session_is_kept(void **state)
{
    struct party *party = party_prepare(version_of(state));
    party_url(party, "mqtt", broker->plain, "");
    party->options.clean_start = true;
    party_create(party);
    party_connect(party);
    recorder_wait(party->told, MQTT_CONNECTED, 0);
    party_subscribe(party, "home/clean", 1);
    party_disconnect(party);
    party_connect(party);
    assert_false(recorder_wait_nth(party->told, MQTT_CONNECTED, 0, 2).session_present);
    party_destroy(party);
}

static void another_client_with_our_id_takes_the_session_over(void **state)
{
    int version = version_of(state);
    struct party *first = party_connected(broker, version);
    struct party *second = party_prepare(version);
    party_url(second, "mqtt", broker->plain, "");
    second->options.client_id = first->client_id;
    party_create(second);
    party_connect(second);
    recorder_wait(second->told, MQTT_CONNECTED, 0);
    enum mqtt_event_kind told = version == 5 ? MQTT_TAKEN_OVER : MQTT_LOST;
    enum mqtt_event_kind not_told = version == 5 ? MQTT_LOST : MQTT_TAKEN_OVER;
    struct mqtt_event event = recorder_wait(first->told, told, 0);
    assert_int_equal(event.reason, version == 5 ? 0x8E : 0);
    assert_false(mqtt_is_connected(first->mqtt));
    // The other one stays: nothing of ours connects by itself.
    party_publish_acknowledged(second, "home/mine", "x", 1);
    assert_int_equal(recorder_count(first->told, not_told, 0), 0);
    party_destroy(first);
    assert_true(mqtt_is_connected(second->mqtt));
    party_destroy(second);
}

static void the_will_is_published_and_kept_when_the_client_is_lost(void **state)
{
    int version = version_of(state);
    struct party *watcher = party_connected(broker, version);
    party_subscribe(watcher, "home/state", 1);
    struct party *first = party_prepare(version);
    party_url(first, "mqtt", broker->plain, "");
    first->options.will_topic = "home/state";
    first->options.will_payload = "offline";
    party_create(first);
    party_connect(first);
    recorder_wait(first->told, MQTT_CONNECTED, 0);
    // Being taken over is an end without DISCONNECT of the client; a clean start ends the session, and the will with
    // it.
    struct party *second = party_prepare(version);
    party_url(second, "mqtt", broker->plain, "");
    second->options.client_id = first->client_id;
    second->options.clean_start = true;
    party_create(second);
    party_connect(second);
    const struct message *message = recorder_message(watcher->told, 1);
    assert_string_equal(message->payload, "offline");
    assert_int_equal(message->qos, 1);
    struct party *late = party_connected(broker, version);
    party_subscribe(late, "home/state", 1);
    assert_true(recorder_message(late->told, 1)->retained);
    party_destroy(late);
    party_destroy(first);
    party_destroy(second);
    party_destroy(watcher);
}

static void destroying_with_publishes_in_flight_is_clean(void **state)
{
    struct party *party = party_connected(broker, version_of(state));
    for (uint64_t i = 1; i <= 200; i++) {
        assert_int_equal(party_publish(party, "home/end", "x", i), ERR_OK);
    }
    party_destroy(party);
}

static void two_connections_work_side_by_side(void **state)
{
    struct party *commands = party_connected(broker, version_of(state));
    struct party *replies = party_connected(broker, version_of(state));
    party_subscribe(commands, "home/side", 1);
    for (uint64_t i = 1; i <= 200; i++) {
        assert_int_equal(party_publish(replies, "home/side", "x", i), ERR_OK);
    }
    recorder_message(commands->told, 200);
    for (uint64_t i = 1; i <= 200; i++) {
        recorder_wait(replies->told, MQTT_PUBLISHED, i);
    }
    party_destroy(replies);
    assert_true(mqtt_is_connected(commands->mqtt));
    party_destroy(commands);
}

#define BOTH(test)                                                                                                     \
    {#test " with MQTT 5", test, NULL, NULL, (void *)&version5},                                                       \
    {                                                                                                                  \
#test " with MQTT 3.1.1", test, NULL, NULL, (void *)&version4                                                  \
    }

int main(int argc, char **argv)
{
    if (argc == 5) {
        return hold(argv);
    }
    setenv("http_proxy", "http://127.0.0.1:9", 1);
    setenv("https_proxy", "http://127.0.0.1:9", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urls_of_a_wrong_form_are_refused),
        cmocka_unit_test(a_password_in_the_url_is_refused_and_not_repeated),
        cmocka_unit_test(options_without_url_or_client_id_or_with_another_version_are_refused),
        cmocka_unit_test(unreadable_tls_files_are_refused_by_name),
        cmocka_unit_test(http_proxies_of_the_environment_are_not_used),
        cmocka_unit_test(a_message_comes_with_all_its_properties),
        cmocka_unit_test(a_binary_payload_and_correlation_data_come_byte_for_byte),
        cmocka_unit_test(a_publish_that_the_broker_refuses_is_told_with_its_reason),
        cmocka_unit_test(a_publish_above_the_brokers_packet_size_is_refused_to_the_byte),
        BOTH(it_connects_and_tells_what_the_broker_can),
        BOTH(a_second_connect_while_connected_is_refused),
        BOTH(a_wrong_password_is_told_as_a_refused_login_without_the_password),
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
        BOTH(a_tls_failure_is_not_told_for_the_next_url),
        BOTH(the_client_certificate_is_shown_to_the_broker),
        BOTH(a_refused_subscription_is_told),
        BOTH(requests_without_a_connection_are_refused_and_nothing_follows),
        BOTH(after_unsubscribing_nothing_comes),
        BOTH(poking_changes_nothing),
        BOTH(a_plain_message_has_no_properties),
        BOTH(an_empty_payload_and_qos_0_come_through),
        BOTH(a_retained_message_is_marked),
        BOTH(no_puback_leaves_before_the_handler_returned),
        BOTH(a_burst_of_publishes_is_acknowledged_one_by_one),
        BOTH(a_topic_that_cannot_be_published_to_is_refused),
        BOTH(a_clean_stop_waits_for_what_is_in_flight),
        BOTH(a_publish_in_flight_when_the_broker_dies_is_lost_once_and_not_sent_again),
        BOTH(after_a_broker_restart_the_session_is_resumed_again_and_again),
        BOTH(what_came_while_away_is_delivered_on_the_resumed_session),
        BOTH(with_clean_start_no_session_is_kept),
        BOTH(another_client_with_our_id_takes_the_session_over),
        BOTH(the_will_is_published_and_kept_when_the_client_is_lost),
        BOTH(destroying_with_publishes_in_flight_is_clean),
        BOTH(two_connections_work_side_by_side),
    };
    return cmocka_run_group_tests(tests, start_broker, stop_broker);
}
