// io/mqtt/mqtt: subscriptions and messages, against a real Mosquitto on loopback. Started as
// "test_mqtt_messages hold PORT ID VERSION" it is the subscriber that is killed while its handler runs.
#include "unit/io/mqtt/mqtt_fixture.h"

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

// The subscriber that is killed: says what it got, and never returns from its handler.
static bool hold_message(void *context, const struct message *message, bool resumed)
{
    (void)context;
    (void)resumed;
    printf("got %s dup %d\n", message->payload, message->dup);
    fflush(stdout);
    for (;;) {
        pause();
    }
    return true;
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

static void messages_with_texts_that_are_not_utf8_are_refused_and_the_next_comes(void **state)
{
    (void)state;
    static const char script[] = "\x20\x03\0\0\0" // CONNACK
                                 "\x32\x08\0\x02"
                                 "a\xFF\0\x01\0x" // topic a FF
                                 "\x32\x09\0\x03"
                                 "a\0b\0\x02\0x" // topic a NUL b
                                 "\x32\x0B\0\x01"
                                 "a\0\x03\x04\x08\0\x01\xFFx" // Response Topic FF
                                 "\x32\x0E\0\x01"
                                 "a\0\x04\x07\x26\0\x01n\0\x01\xFFx" // user property n = FF
                                 "\x32\x07\0\x01"
                                 "a\0\x05\0y"; // good
    struct fake_broker fake;
    struct party *party = fake_party(&fake, 5, script, sizeof script - 1, false);
    party_create(party);
    party_connect(party);
    const struct message *message = recorder_message(party->told, 1);
    assert_string_equal(message->payload, "y");
    assert_int_equal(message->packet_id, 5);
    party_destroy(party);
    fake_stop(&fake);
}

static struct party *party_connected_by(const char *scheme, int port, int version)
{
    struct party *party = party_prepare(version);
    char *ca = path_in(broker->folder, "ca.pem");
    party_url(party, scheme, port, "");
    party->options.tls.ca_file = ca;
    party_create(party);
    free(ca);
    party_connect(party);
    recorder_wait(party->told, MQTT_CONNECTED, 0);
    return party;
}

// What cannot be stored gets no PUBACK; the broker has it and all that follows for the next connection.
static void a_message_that_is_not_stored_is_not_acknowledged(const char *scheme, int port, int version)
{
    struct party *party = party_connected_by(scheme, port, version);
    party_subscribe(party, "home/unstored", 1);
    struct party *sender = party_connected(broker, version);
    party_publish_acknowledged(sender, "home/unstored", "first", 1);
    recorder_message(party->told, 1);
    recorder_refuse(party->told, true);
    party_publish_acknowledged(sender, "home/unstored", "second", 2);
    party_publish_acknowledged(sender, "home/unstored", "third", 3);
    recorder_wait(party->told, MQTT_DISCONNECTED, 0);
    assert_int_equal(party->told->message_count, 2);
    assert_int_equal(recorder_count(party->told, MQTT_LOST, 0), 0);
    recorder_refuse(party->told, false);
    party_connect(party);
    assert_string_equal(recorder_message(party->told, 3)->payload, "second");
    assert_true(party->told->messages[2].dup);
    assert_string_equal(recorder_message(party->told, 4)->payload, "third");
    party_publish_acknowledged(sender, "home/unstored", "fourth", 4);
    assert_string_equal(recorder_message(party->told, 5)->payload, "fourth");
    party_destroy(party);
    party_destroy(sender);
}

static void what_is_not_stored_is_not_acknowledged(void **state)
{
    a_message_that_is_not_stored_is_not_acknowledged("mqtt", broker->plain, version_of(state));
}

static void what_is_not_stored_is_not_acknowledged_over_tls(void **state)
{
    a_message_that_is_not_stored_is_not_acknowledged("mqtts", broker->tls, version_of(state));
}

static void what_is_not_stored_is_not_acknowledged_over_websockets(void **state)
{
    a_message_that_is_not_stored_is_not_acknowledged("ws", broker->ws, version_of(state));
}

int main(int argc, char **argv)
{
    if (argc == 5) {
        return hold(argv);
    }
    const struct CMUnitTest tests[] = {
        BOTH(a_refused_subscription_is_told),
        BOTH(requests_without_a_connection_are_refused_and_nothing_follows),
        BOTH(after_unsubscribing_nothing_comes),
        BOTH(poking_changes_nothing),
        cmocka_unit_test(a_message_comes_with_all_its_properties),
        BOTH(a_plain_message_has_no_properties),
        cmocka_unit_test(a_binary_payload_and_correlation_data_come_byte_for_byte),
        BOTH(an_empty_payload_and_qos_0_come_through),
        BOTH(a_retained_message_is_marked),
        cmocka_unit_test(messages_with_texts_that_are_not_utf8_are_refused_and_the_next_comes),
        BOTH(no_puback_leaves_before_the_handler_returned),
        BOTH(what_is_not_stored_is_not_acknowledged),
        BOTH(what_is_not_stored_is_not_acknowledged_over_tls),
        BOTH(what_is_not_stored_is_not_acknowledged_over_websockets),
        BOTH(what_came_while_away_is_delivered_on_the_resumed_session),
    };
    return cmocka_run_group_tests(tests, start_broker, stop_broker);
}
