// io/mqtt without a broker: records what is asked of it, and the test is the broker. Events are delivered on the
// thread of the test, by the handlers that mqtt_create got.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "io/mqtt/mqtt.h"

enum fake_mqtt_state {
    FAKE_MQTT_DOWN,
    FAKE_MQTT_CONNECTING,
    FAKE_MQTT_UP,
    FAKE_MQTT_ENDING, // mqtt_disconnect was called, the test says when it is done
};
enum fake_mqtt_state fake_mqtt_state(const struct mqtt *mqtt);
// The clients in the order of their mqtt_create; NULL if there are not so many.
struct mqtt *fake_mqtt_at(size_t number);
const char *fake_mqtt_client_id(const struct mqtt *mqtt);
size_t fake_mqtt_connects(const struct mqtt *mqtt); // attempts
size_t fake_mqtt_pokes(const struct mqtt *mqtt);

// ---- connections

// An event with the values of a broker that forbids nothing.
struct mqtt_event fake_mqtt_connack(bool session_present);
// The attempt under way succeeds.
void fake_mqtt_accept(struct mqtt *mqtt, const struct mqtt_event *connack);
void fake_mqtt_refuse(struct mqtt *mqtt, int reason);
// The connection ends: MQTT_PUBLISH_LOST for each publication under way, then `kind` with the reason.
void fake_mqtt_lose(struct mqtt *mqtt, enum mqtt_event_kind kind, int reason);
// What mqtt_disconnect has begun ends in the same way, with MQTT_DISCONNECTED.
void fake_mqtt_end(struct mqtt *mqtt);

// ---- what was published and subscribed, on all connections of the client, numbered from 0

enum fake_mqtt_fate { FAKE_UNDER_WAY, FAKE_ACKNOWLEDGED, FAKE_REFUSED, FAKE_LOST };
struct fake_publication {
    char *topic;
    char *payload;
    char *correlation_data; // or NULL
    int qos;
    bool retain;
    uint64_t cookie;
    enum fake_mqtt_fate fate;
};
size_t fake_mqtt_published(const struct mqtt *mqtt);
const struct fake_publication *fake_mqtt_publication(const struct mqtt *mqtt, size_t number);
size_t fake_mqtt_under_way(const struct mqtt *mqtt);
// How many publications had this topic; and the last of them, or NULL.
size_t fake_mqtt_count_on(const struct mqtt *mqtt, const char *topic);
const struct fake_publication *fake_mqtt_last_on(const struct mqtt *mqtt, const char *topic);
void fake_mqtt_acknowledge(struct mqtt *mqtt, size_t number);
void fake_mqtt_acknowledge_all(struct mqtt *mqtt);
void fake_mqtt_refuse_publication(struct mqtt *mqtt, size_t number, int reason);
// The next mqtt_publish returns this error.
void fake_mqtt_fail_next_publish(struct mqtt *mqtt, enum err err);

struct fake_subscription {
    char *filter;
    uint32_t id;
    uint64_t cookie;
    bool is_unsubscribe;
    enum fake_mqtt_fate fate;
};
size_t fake_mqtt_subscribed(const struct mqtt *mqtt);
const struct fake_subscription *fake_mqtt_subscription(const struct mqtt *mqtt, size_t number);
size_t fake_mqtt_count_filter(const struct mqtt *mqtt, const char *filter, bool is_unsubscribe);
size_t fake_mqtt_unanswered(const struct mqtt *mqtt);
void fake_mqtt_grant(struct mqtt *mqtt, size_t number, int qos);
void fake_mqtt_grant_all(struct mqtt *mqtt); // UNSUBACKs too
void fake_mqtt_refuse_subscription(struct mqtt *mqtt, size_t number, int reason);

// ---- messages

// Delivers a message on the connection that is up. False: it was not stored; the connection is cut then.
bool fake_mqtt_deliver(struct mqtt *mqtt, const struct message *message);
