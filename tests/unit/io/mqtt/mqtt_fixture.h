// For test_mqtt_*.c: the broker that all tests of a program share, and helpers. Tests run with MQTT 5 and 3.1.1.
#pragma once

#include "unit/io/mqtt/fake_broker.h"
#include "unit/io/mqtt/mqtt_party.h"

static struct broker *broker;

// Paho's receive thread takes a new socket into its poll only when something arrives or a second has passed. A third
// connection on which something arrives all the time makes the tests ten times as fast.
static struct fake_broker ticker = {.script = "\x20\x02\0\0", .script_len = 4, .tick_ms = 10};
static struct party *ticked;

static const int version5 = 5;
static const int version4 = 4;

#define BOTH(test)                                                                                                     \
    {#test " with MQTT 5", test, NULL, NULL, (void *)&version5},                                                       \
    {                                                                                                                  \
#test " with MQTT 3.1.1", test, NULL, NULL, (void *)&version4                                                  \
    }

static inline int version_of(void **state)
{
    return *(const int *)*state;
}

static inline int start_broker(void **state)
{
    (void)state;
    setenv("http_proxy", "http://127.0.0.1:9", 1);
    setenv("https_proxy", "http://127.0.0.1:9", 1);
    mqtt_library_init();
    broker = broker_create();
    fake_start(&ticker);
    ticked = party_prepare(4);
    party_address(ticked, ticker.port);
    party_create(ticked);
    party_connect(ticked);
    recorder_wait(ticked->told, MQTT_CONNECTED, 0);
    return 0;
}

static inline int stop_broker(void **state)
{
    (void)state;
    party_destroy(ticked);
    fake_stop(&ticker);
    broker_destroy(broker);
    return 0;
}

static inline struct mqtt_event failure(struct party *party)
{
    party_create(party);
    party_connect(party);
    struct mqtt_event event = recorder_wait(party->told, MQTT_CONNECT_FAILED, 0);
    assert_false(mqtt_is_connected(party->mqtt));
    assert_int_equal(recorder_count(party->told, MQTT_CONNECTED, 0), 0);
    party_destroy(party);
    return event;
}

static inline void assert_says(const struct mqtt_event *event, const char *part)
{
    if (strstr(event->text, part) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", event->text, part);
    }
}

static inline struct party *fake_party(struct fake_broker *fake, int version, const char *script, size_t len,
                                       bool close_after)
{
    *fake = (struct fake_broker){.script = script, .script_len = len, .close_after = close_after};
    fake_start(fake);
    struct party *party = party_prepare(version);
    party_address(party, fake->port);
    return party;
}
