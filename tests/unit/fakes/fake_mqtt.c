#include "unit/fakes/fake_mqtt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"

#define CLIENTS_MAX 4
#define ITEMS_MAX   1024

struct mqtt {
    struct mqtt_handlers handlers;
    char *client_id;
    enum fake_mqtt_state state;
    bool resumed;
    size_t connects;
    size_t pokes;
    enum err publish_error;
    struct fake_publication publications[ITEMS_MAX];
    size_t publication_count;
    struct fake_subscription subscriptions[ITEMS_MAX];
    size_t subscription_count;
};

static struct mqtt *clients[CLIENTS_MAX];

void mqtt_library_init(void)
{
}

enum err mqtt_url_check(const char *text, struct diag *diag)
{
    (void)text;
    (void)diag;
    return ERR_OK;
}

bool mqtt_url_is_websocket(const char *url)
{
    (void)url;
    return false;
}

enum err mqtt_create(const struct mqtt_options *options, const struct mqtt_handlers *handlers, struct mqtt **out,
                     struct diag *diag)
{
    (void)diag;
    size_t number = 0;
    while (number < CLIENTS_MAX && clients[number] != NULL) {
        number++;
    }
    assert_true(number < CLIENTS_MAX);
    struct mqtt *mqtt = mem_alloc(sizeof *mqtt);
    mqtt->handlers = *handlers;
    mqtt->client_id = mem_strdup(options->client_id);
    clients[number] = mqtt;
    *out = mqtt;
    return ERR_OK;
}

static void forget_client(const struct mqtt *mqtt)
{
    for (size_t i = 0; i < CLIENTS_MAX; i++) {
        clients[i] = clients[i] == mqtt ? NULL : clients[i];
    }
}

void mqtt_destroy(struct mqtt *mqtt)
{
    if (mqtt == NULL) {
        return;
    }
    forget_client(mqtt);
    for (size_t i = 0; i < mqtt->publication_count; i++) {
        free(mqtt->publications[i].topic);
        free(mqtt->publications[i].payload);
        free(mqtt->publications[i].correlation_data);
    }
    for (size_t i = 0; i < mqtt->subscription_count; i++) {
        free(mqtt->subscriptions[i].filter);
    }
    free(mqtt->client_id);
    free(mqtt);
}

enum err mqtt_connect(struct mqtt *mqtt, struct diag *diag)
{
    if (mqtt->state != FAKE_MQTT_DOWN) {
        return diag_set(diag, ERR_REFUSED, "connected or connecting");
    }
    mqtt->state = FAKE_MQTT_CONNECTING;
    mqtt->connects++;
    return ERR_OK;
}

static void tell(const struct mqtt *mqtt, enum mqtt_event_kind kind, uint64_t cookie, int reason)
{
    struct mqtt_event event = {.kind = kind, .cookie = cookie, .reason = reason};
    snprintf(event.text, sizeof event.text, "the test says so");
    mqtt->handlers.on_event(mqtt->handlers.context, &event);
}

void mqtt_disconnect(struct mqtt *mqtt, int timeout_ms)
{
    (void)timeout_ms;
    if (mqtt->state == FAKE_MQTT_UP) {
        mqtt->state = FAKE_MQTT_ENDING;
    } else if (mqtt->state != FAKE_MQTT_ENDING) {
        mqtt->state = FAKE_MQTT_DOWN;
        tell(mqtt, MQTT_DISCONNECTED, 0, 0);
    }
}

bool mqtt_is_connected(const struct mqtt *mqtt)
{
    return mqtt->state == FAKE_MQTT_UP;
}

static enum err ask(struct mqtt *mqtt, const char *filter, uint32_t id, uint64_t cookie, bool is_unsubscribe,
                    struct diag *diag)
{
    if (mqtt->state != FAKE_MQTT_UP) {
        return diag_set(diag, ERR_UNAVAILABLE, "not connected");
    }
    assert_true(mqtt->subscription_count < ITEMS_MAX);
    mqtt->subscriptions[mqtt->subscription_count++] = (struct fake_subscription){
        .filter = mem_strdup(filter), .id = id, .cookie = cookie, .is_unsubscribe = is_unsubscribe};
    return ERR_OK;
}

enum err mqtt_subscribe(struct mqtt *mqtt, const char *filter, int qos, uint32_t subscription_id, uint64_t cookie,
                        struct diag *diag)
{
    (void)qos;
    return ask(mqtt, filter, subscription_id, cookie, false, diag);
}

enum err mqtt_unsubscribe(struct mqtt *mqtt, const char *filter, uint64_t cookie, struct diag *diag)
{
    return ask(mqtt, filter, 0, cookie, true, diag);
}

enum err mqtt_publish(struct mqtt *mqtt, const struct mqtt_publication *publication, uint64_t cookie, struct diag *diag)
{
    enum err err = mqtt->state == FAKE_MQTT_UP ? mqtt->publish_error : ERR_UNAVAILABLE;
    mqtt->publish_error = ERR_OK;
    if (err != ERR_OK) {
        return diag_set(diag, err, "the test lets it fail, or there is no connection");
    }
    assert_true(mqtt->publication_count < ITEMS_MAX);
    mqtt->publications[mqtt->publication_count++] = (struct fake_publication){
        .topic = mem_strdup(publication->topic),
        .payload = mem_printf("%.*s", (int)publication->payload_len, publication->payload),
        .correlation_data = publication->correlation_data == NULL
                                ? NULL
                                : mem_printf("%.*s", (int)publication->correlation_len, publication->correlation_data),
        .qos = publication->qos,
        .retain = publication->retain,
        .cookie = cookie};
    return ERR_OK;
}

void mqtt_poke(struct mqtt *mqtt)
{
    mqtt->pokes++;
}

// ---- the test's side

enum fake_mqtt_state fake_mqtt_state(const struct mqtt *mqtt)
{
    return mqtt->state;
}

struct mqtt *fake_mqtt_at(size_t number)
{
    return number < CLIENTS_MAX ? clients[number] : NULL;
}

const char *fake_mqtt_client_id(const struct mqtt *mqtt)
{
    return mqtt->client_id;
}

size_t fake_mqtt_connects(const struct mqtt *mqtt)
{
    return mqtt->connects;
}

size_t fake_mqtt_pokes(const struct mqtt *mqtt)
{
    return mqtt->pokes;
}

struct mqtt_event fake_mqtt_connack(bool session_present)
{
    return (struct mqtt_event){.kind = MQTT_CONNECTED,
                               .session_present = session_present,
                               .receive_maximum = 65535,
                               .subscription_ids = true,
                               .shared_subscriptions = true,
                               .max_qos = 2,
                               .retain_available = true,
                               .url = "mqtt://broker:1883"};
}

void fake_mqtt_accept(struct mqtt *mqtt, const struct mqtt_event *connack)
{
    assert_int_equal(mqtt->state, FAKE_MQTT_CONNECTING);
    mqtt->state = FAKE_MQTT_UP;
    mqtt->resumed = connack->session_present;
    mqtt->handlers.on_event(mqtt->handlers.context, connack);
}

void fake_mqtt_refuse(struct mqtt *mqtt, int reason)
{
    assert_int_equal(mqtt->state, FAKE_MQTT_CONNECTING);
    mqtt->state = FAKE_MQTT_DOWN;
    tell(mqtt, MQTT_CONNECT_FAILED, 0, reason);
}

static void end_connection(struct mqtt *mqtt, enum mqtt_event_kind kind, int reason)
{
    mqtt->state = FAKE_MQTT_DOWN;
    for (size_t i = 0; i < mqtt->subscription_count; i++) {
        if (mqtt->subscriptions[i].fate == FAKE_UNDER_WAY) {
            mqtt->subscriptions[i].fate = FAKE_LOST;
        }
    }
    for (size_t i = 0; i < mqtt->publication_count; i++) {
        if (mqtt->publications[i].fate == FAKE_UNDER_WAY) {
            mqtt->publications[i].fate = FAKE_LOST;
            tell(mqtt, MQTT_PUBLISH_LOST, mqtt->publications[i].cookie, 0);
        }
    }
    tell(mqtt, kind, 0, reason);
}

void fake_mqtt_lose(struct mqtt *mqtt, enum mqtt_event_kind kind, int reason)
{
    assert_int_equal(mqtt->state, FAKE_MQTT_UP);
    end_connection(mqtt, kind, reason);
}

void fake_mqtt_end(struct mqtt *mqtt)
{
    assert_int_equal(mqtt->state, FAKE_MQTT_ENDING);
    end_connection(mqtt, MQTT_DISCONNECTED, 0);
}

// ---- publications

size_t fake_mqtt_published(const struct mqtt *mqtt)
{
    return mqtt->publication_count;
}

const struct fake_publication *fake_mqtt_publication(const struct mqtt *mqtt, size_t number)
{
    assert_true(number < mqtt->publication_count);
    return &mqtt->publications[number];
}

size_t fake_mqtt_under_way(const struct mqtt *mqtt)
{
    size_t count = 0;
    for (size_t i = 0; i < mqtt->publication_count; i++) {
        count += mqtt->publications[i].fate == FAKE_UNDER_WAY ? 1 : 0;
    }
    return count;
}

size_t fake_mqtt_count_on(const struct mqtt *mqtt, const char *topic)
{
    size_t count = 0;
    for (size_t i = 0; i < mqtt->publication_count; i++) {
        count += strcmp(mqtt->publications[i].topic, topic) == 0 ? 1 : 0;
    }
    return count;
}

const struct fake_publication *fake_mqtt_last_on(const struct mqtt *mqtt, const char *topic)
{
    const struct fake_publication *last = NULL;
    for (size_t i = 0; i < mqtt->publication_count; i++) {
        last = strcmp(mqtt->publications[i].topic, topic) == 0 ? &mqtt->publications[i] : last;
    }
    return last;
}

static void settle(struct mqtt *mqtt, size_t number, enum fake_mqtt_fate fate, enum mqtt_event_kind kind, int reason)
{
    assert_true(number < mqtt->publication_count);
    assert_int_equal(mqtt->publications[number].fate, FAKE_UNDER_WAY);
    mqtt->publications[number].fate = fate;
    tell(mqtt, kind, mqtt->publications[number].cookie, reason);
}

void fake_mqtt_acknowledge(struct mqtt *mqtt, size_t number)
{
    settle(mqtt, number, FAKE_ACKNOWLEDGED, MQTT_PUBLISHED, 0);
}

void fake_mqtt_acknowledge_all(struct mqtt *mqtt)
{
    for (size_t i = 0; i < mqtt->publication_count; i++) {
        if (mqtt->publications[i].fate == FAKE_UNDER_WAY) {
            fake_mqtt_acknowledge(mqtt, i);
        }
    }
}

void fake_mqtt_refuse_publication(struct mqtt *mqtt, size_t number, int reason)
{
    settle(mqtt, number, FAKE_REFUSED, MQTT_PUBLISH_REFUSED, reason);
}

void fake_mqtt_fail_next_publish(struct mqtt *mqtt, enum err err)
{
    mqtt->publish_error = err;
}

// ---- subscriptions

size_t fake_mqtt_subscribed(const struct mqtt *mqtt)
{
    return mqtt->subscription_count;
}

const struct fake_subscription *fake_mqtt_subscription(const struct mqtt *mqtt, size_t number)
{
    assert_true(number < mqtt->subscription_count);
    return &mqtt->subscriptions[number];
}

size_t fake_mqtt_count_filter(const struct mqtt *mqtt, const char *filter, bool is_unsubscribe)
{
    size_t count = 0;
    for (size_t i = 0; i < mqtt->subscription_count; i++) {
        const struct fake_subscription *each = &mqtt->subscriptions[i];
        count += each->is_unsubscribe == is_unsubscribe && strcmp(each->filter, filter) == 0 ? 1 : 0;
    }
    return count;
}

size_t fake_mqtt_unanswered(const struct mqtt *mqtt)
{
    size_t count = 0;
    for (size_t i = 0; i < mqtt->subscription_count; i++) {
        count += mqtt->subscriptions[i].fate == FAKE_UNDER_WAY ? 1 : 0;
    }
    return count;
}

static void answer(struct mqtt *mqtt, size_t number, enum fake_mqtt_fate fate, enum mqtt_event_kind kind, int reason)
{
    assert_true(number < mqtt->subscription_count);
    assert_int_equal(mqtt->subscriptions[number].fate, FAKE_UNDER_WAY);
    mqtt->subscriptions[number].fate = fate;
    tell(mqtt, kind, mqtt->subscriptions[number].cookie, reason);
}

void fake_mqtt_grant(struct mqtt *mqtt, size_t number, int qos)
{
    bool is_unsubscribe = fake_mqtt_subscription(mqtt, number)->is_unsubscribe;
    answer(mqtt, number, FAKE_ACKNOWLEDGED, is_unsubscribe ? MQTT_UNSUBSCRIBED : MQTT_SUBSCRIBED, qos);
}

void fake_mqtt_grant_all(struct mqtt *mqtt)
{
    for (size_t i = 0; i < mqtt->subscription_count; i++) {
        if (mqtt->subscriptions[i].fate == FAKE_UNDER_WAY) {
            fake_mqtt_grant(mqtt, i, mqtt->subscriptions[i].is_unsubscribe ? 0 : 1);
        }
    }
}

void fake_mqtt_refuse_subscription(struct mqtt *mqtt, size_t number, int reason)
{
    answer(mqtt, number, FAKE_REFUSED, MQTT_SUBSCRIBE_FAILED, reason);
}

// ---- messages

bool fake_mqtt_deliver(struct mqtt *mqtt, const struct message *message)
{
    assert_int_equal(mqtt->state, FAKE_MQTT_UP);
    if (mqtt->handlers.on_message(mqtt->handlers.context, message, mqtt->resumed)) {
        return true;
    }
    end_connection(mqtt, MQTT_DISCONNECTED, 0);
    return false;
}
