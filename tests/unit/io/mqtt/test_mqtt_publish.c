// io/mqtt/mqtt: publishing and the end of connections, against a real Mosquitto on loopback.
#include "unit/io/mqtt/mqtt_fixture.h"

// As the owner of a connection does: at most 19 in flight, one less than what Mosquitto allows.
static void publish_many(struct party *party, const char *topic, uint64_t count)
{
    for (uint64_t i = 1; i <= count; i++) {
        if (i > 19) {
            recorder_wait(party->told, MQTT_PUBLISHED, i - 19);
        }
        assert_int_equal(party_publish(party, topic, "x", i), ERR_OK);
    }
}

static void many_publishes_are_acknowledged_one_by_one(void **state)
{
    struct party *party = party_connected(broker, version_of(state));
    publish_many(party, "home/burst", 1000);
    party_disconnect(party);
    for (uint64_t i = 1; i <= 1000; i++) {
        assert_int_equal(recorder_count(party->told, MQTT_PUBLISHED, i), 1);
    }
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
    publish_many(party, "home/last", 50);
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

static void a_connection_lost_to_another_client_with_our_id_is_told_once(void **state)
{
    int version = version_of(state);
    struct party *first = party_connected(broker, version);
    struct party *second = party_prepare(version);
    party_url(second, "mqtt", broker->plain, "");
    second->options.client_id = first->client_id;
    party_create(second);
    party_connect(second);
    recorder_wait(second->told, MQTT_CONNECTED, 0);
    recorder_wait(first->told, MQTT_LOST, 0);
    assert_false(mqtt_is_connected(first->mqtt));
    // The other one stays: nothing of ours connects by itself.
    party_publish_acknowledged(second, "home/mine", "x", 1);
    assert_int_equal(first->told->event_count, 2);
    party_destroy(first);
    assert_true(mqtt_is_connected(second->mqtt));
    party_destroy(second);
}

static void disconnect_8e_is_told_as_taken_over_and_as_nothing_else(void **state)
{
    (void)state;
    static const char script[] = "\x20\x03\0\0\0"                   // CONNACK
                                 "\xE0\x0A\x8E\x08\x1F\0\x05other"; // DISCONNECT with a Reason String
    struct fake_broker fake;
    struct party *party = fake_party(&fake, 5, script, sizeof script - 1, true);
    party_create(party);
    party_connect(party);
    struct mqtt_event event = recorder_wait(party->told, MQTT_TAKEN_OVER, 0);
    assert_int_equal(event.reason, 0x8E);
    assert_says(&event, "aken over");
    assert_says(&event, ": other");
    fake_stop(&fake);
    party_destroy(party);
}

static void another_disconnect_is_told_as_lost_with_its_reason(void **state)
{
    (void)state;
    static const char script[] = "\x20\x03\0\0\0"
                                 "\xE0\x01\x8B"; // server shutting down
    struct fake_broker fake;
    struct party *party = fake_party(&fake, 5, script, sizeof script - 1, true);
    party_create(party);
    party_connect(party);
    struct mqtt_event event = recorder_wait(party->told, MQTT_LOST, 0);
    assert_int_equal(event.reason, 0x8B);
    fake_stop(&fake);
    assert_int_equal(recorder_count(party->told, MQTT_LOST, 0), 1);
    party_destroy(party);
}

static void a_shorter_keepalive_of_the_broker_counts_from_the_next_connect_on(void **state)
{
    (void)state;
    static const char script[] = "\x20\x06\0\0\x03\x13\0\x07"; // CONNACK, Server Keep Alive 7
    struct fake_broker fake;
    struct party *party = fake_party(&fake, 5, script, sizeof script - 1, true);
    party_create(party);
    for (size_t i = 1; i <= 2; i++) {
        party_connect(party);
        recorder_wait_nth(party->told, MQTT_LOST, 0, i);
    }
    fake_stop(&fake);
    // After type, length, "MQTT", version and flags.
    assert_memory_equal(fake.connect + 10, "\0\x07", 2);
    party_destroy(party);
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
    publish_many(party, "home/end", 50);
    party_destroy(party);
}

static void two_connections_work_side_by_side(void **state)
{
    struct party *commands = party_connected(broker, version_of(state));
    struct party *replies = party_connected(broker, version_of(state));
    party_subscribe(commands, "home/side", 1);
    publish_many(replies, "home/side", 200);
    recorder_message(commands->told, 200);
    party_destroy(replies);
    assert_true(mqtt_is_connected(commands->mqtt));
    party_destroy(commands);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(many_publishes_are_acknowledged_one_by_one),
        cmocka_unit_test(a_publish_that_the_broker_refuses_is_told_with_its_reason),
        BOTH(a_topic_that_cannot_be_published_to_is_refused),
        cmocka_unit_test(a_publish_above_the_brokers_packet_size_is_refused_to_the_byte),
        BOTH(a_clean_stop_waits_for_what_is_in_flight),
        BOTH(a_publish_in_flight_when_the_broker_dies_is_lost_once_and_not_sent_again),
        BOTH(after_a_broker_restart_the_session_is_resumed_again_and_again),
        BOTH(with_clean_start_no_session_is_kept),
        BOTH(a_connection_lost_to_another_client_with_our_id_is_told_once),
        cmocka_unit_test(disconnect_8e_is_told_as_taken_over_and_as_nothing_else),
        cmocka_unit_test(a_shorter_keepalive_of_the_broker_counts_from_the_next_connect_on),
        cmocka_unit_test(another_disconnect_is_told_as_lost_with_its_reason),
        BOTH(the_will_is_published_and_kept_when_the_client_is_lost),
        BOTH(destroying_with_publishes_in_flight_is_clean),
        BOTH(two_connections_work_side_by_side),
    };
    return cmocka_run_group_tests(tests, start_broker, stop_broker);
}
