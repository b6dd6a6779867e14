// For test_mqtt_*.c: a connection and a recorder of what it tells.
#pragma once

#include <pthread.h>

#include "base/mem.h"
#include "base/message.h"
#include "io/mqtt/mqtt.h"
#include "unit/io/mqtt/mqtt_broker.h"

// ---- recorder

#define RECORDED_MAX 4096

struct recorder {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct mqtt_event events[RECORDED_MAX];
    size_t event_count;
    struct message messages[RECORDED_MAX];
    bool resumed[RECORDED_MAX];
    size_t message_count;
    bool hold;   // the next messages wait in the handler
    bool refuse; // the next messages cannot be stored
};

static inline void record_event(void *context, const struct mqtt_event *event)
{
    struct recorder *recorder = context;
    pthread_mutex_lock(&recorder->lock);
    if (recorder->event_count < RECORDED_MAX) {
        recorder->events[recorder->event_count++] = *event;
    }
    pthread_cond_broadcast(&recorder->changed);
    pthread_mutex_unlock(&recorder->lock);
}

static inline void *dup_or_null(const void *data, size_t len)
{
    return data == NULL ? NULL : mem_dup(data, len);
}

static inline void copy_message(struct message *to, const struct message *from)
{
    *to = *from;
    to->topic = mem_strdup_or_null(from->topic);
    to->payload = dup_or_null(from->payload, from->payload_len);
    to->response_topic = mem_strdup_or_null(from->response_topic);
    to->correlation_data = dup_or_null(from->correlation_data, from->correlation_len);
    to->properties = NULL;
    if (from->property_count > 0) {
        to->properties = mem_resize(NULL, from->property_count, sizeof *to->properties);
    }
    for (size_t i = 0; i < from->property_count; i++) {
        to->properties[i].name = mem_strdup(from->properties[i].name);
        to->properties[i].value = mem_strdup(from->properties[i].value);
    }
}

static inline bool record_message(void *context, const struct message *message, bool resumed)
{
    struct recorder *recorder = context;
    pthread_mutex_lock(&recorder->lock);
    if (recorder->message_count < RECORDED_MAX) {
        recorder->resumed[recorder->message_count] = resumed;
        copy_message(&recorder->messages[recorder->message_count++], message);
    }
    pthread_cond_broadcast(&recorder->changed);
    while (recorder->hold) {
        pthread_cond_wait(&recorder->changed, &recorder->lock);
    }
    bool stored = !recorder->refuse;
    pthread_mutex_unlock(&recorder->lock);
    return stored;
}

static inline struct recorder *recorder_create(void)
{
    struct recorder *recorder = mem_alloc(sizeof *recorder);
    pthread_mutex_init(&recorder->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&recorder->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    return recorder;
}

static inline void recorder_destroy(struct recorder *recorder)
{
    for (size_t i = 0; i < recorder->message_count; i++) {
        message_clear(&recorder->messages[i]);
    }
    pthread_cond_destroy(&recorder->changed);
    pthread_mutex_destroy(&recorder->lock);
    free(recorder);
}

static inline size_t count_locked(const struct recorder *recorder, enum mqtt_event_kind kind, uint64_t cookie,
                                  struct mqtt_event *last)
{
    size_t count = 0;
    for (size_t i = 0; i < recorder->event_count; i++) {
        if (recorder->events[i].kind == kind && recorder->events[i].cookie == cookie) {
            *last = recorder->events[i];
            count++;
        }
    }
    return count;
}

static inline size_t recorder_count(struct recorder *recorder, enum mqtt_event_kind kind, uint64_t cookie)
{
    struct mqtt_event last;
    pthread_mutex_lock(&recorder->lock);
    size_t count = count_locked(recorder, kind, cookie, &last);
    pthread_mutex_unlock(&recorder->lock);
    return count;
}

static inline struct timespec recorder_limit(void)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += LIMIT_MS / 1000;
    return until;
}

static inline void recorder_print_locked(const struct recorder *recorder)
{
    for (size_t i = 0; i < recorder->event_count; i++) {
        const struct mqtt_event *event = &recorder->events[i];
        print_error("event %d cookie %llu reason %d: %s\n", (int)event->kind, (unsigned long long)event->cookie,
                    event->reason, event->text);
    }
}

// Waits for the `nth` event of this kind with this cookie.
static inline struct mqtt_event recorder_wait_nth(struct recorder *recorder, enum mqtt_event_kind kind, uint64_t cookie,
                                                  size_t nth)
{
    struct mqtt_event event = {0};
    struct timespec until = recorder_limit();
    int rc = 0;
    pthread_mutex_lock(&recorder->lock);
    while (count_locked(recorder, kind, cookie, &event) < nth && rc == 0) {
        rc = pthread_cond_timedwait(&recorder->changed, &recorder->lock, &until);
    }
    bool came = count_locked(recorder, kind, cookie, &event) >= nth;
    if (!came) {
        recorder_print_locked(recorder);
    }
    pthread_mutex_unlock(&recorder->lock);
    assert_true(came);
    return event;
}

static inline struct mqtt_event recorder_wait(struct recorder *recorder, enum mqtt_event_kind kind, uint64_t cookie)
{
    return recorder_wait_nth(recorder, kind, cookie, 1);
}

// Waits for the nth message; the result lives as long as the recorder.
static inline const struct message *recorder_message(struct recorder *recorder, size_t nth)
{
    struct timespec until = recorder_limit();
    int rc = 0;
    pthread_mutex_lock(&recorder->lock);
    while (recorder->message_count < nth && rc == 0) {
        rc = pthread_cond_timedwait(&recorder->changed, &recorder->lock, &until);
    }
    bool came = recorder->message_count >= nth;
    if (!came) {
        recorder_print_locked(recorder);
    }
    pthread_mutex_unlock(&recorder->lock);
    assert_true(came);
    return &recorder->messages[nth - 1];
}

static inline void recorder_hold(struct recorder *recorder, bool hold)
{
    pthread_mutex_lock(&recorder->lock);
    recorder->hold = hold;
    pthread_cond_broadcast(&recorder->changed);
    pthread_mutex_unlock(&recorder->lock);
}

static inline void recorder_refuse(struct recorder *recorder, bool refuse)
{
    pthread_mutex_lock(&recorder->lock);
    recorder->refuse = refuse;
    pthread_mutex_unlock(&recorder->lock);
}

// ---- one connection with its recorder

struct party {
    struct mqtt *mqtt;
    struct recorder *told;
    struct mqtt_options options;
    char urls[3][128];
    const char *url_list[3];
    char client_id[64];
};

static inline void party_url(struct party *party, const char *scheme, int port, const char *path)
{
    size_t i = party->options.url_count++;
    snprintf(party->urls[i], sizeof party->urls[i], "%s://localhost:%d%s", scheme, port, path);
    party->url_list[i] = party->urls[i];
}

// As party_url for what listens on 127.0.0.1 only: "localhost" can be ::1 first.
static inline void party_address(struct party *party, int port)
{
    size_t i = party->options.url_count++;
    snprintf(party->urls[i], sizeof party->urls[i], "mqtt://127.0.0.1:%d", port);
    party->url_list[i] = party->urls[i];
}

// Options that fit most tests; the caller adds urls and changes what it wants, then calls party_create.
static inline struct party *party_prepare(int version)
{
    static int number;
    struct party *party = mem_alloc(sizeof *party);
    party->told = recorder_create();
    snprintf(party->client_id, sizeof party->client_id, "test-%d-%d", (int)getpid(), ++number);
    party->options = (struct mqtt_options){.urls = party->url_list,
                                           .client_id = party->client_id,
                                           .version = version,
                                           .username = "bridge",
                                           .password = "right",
                                           .session_expiry_s = 60,
                                           .keepalive_s = 20,
                                           .connect_timeout_s = 10,
                                           .receive_maximum = 128};
    return party;
}

static inline void party_create(struct party *party)
{
    struct mqtt_handlers handlers = {party->told, record_message, record_event};
    struct diag diag = {""};
    if (mqtt_create(&party->options, &handlers, &party->mqtt, &diag) != ERR_OK) {
        fail_msg("%s", diag.text);
    }
}

static inline void party_connect(struct party *party)
{
    struct diag diag = {""};
    if (mqtt_connect(party->mqtt, &diag) != ERR_OK) {
        fail_msg("%s", diag.text);
    }
}

static inline struct party *party_connected(const struct broker *broker, int version)
{
    struct party *party = party_prepare(version);
    party_url(party, "mqtt", broker->plain, "");
    party_create(party);
    party_connect(party);
    recorder_wait(party->told, MQTT_CONNECTED, 0);
    return party;
}

static inline void party_disconnect(struct party *party)
{
    size_t before = recorder_count(party->told, MQTT_DISCONNECTED, 0);
    mqtt_disconnect(party->mqtt, 1000);
    recorder_wait_nth(party->told, MQTT_DISCONNECTED, 0, before + 1);
}

static inline void party_destroy(struct party *party)
{
    mqtt_destroy(party->mqtt);
    recorder_destroy(party->told);
    free(party);
}

static inline void party_subscribe(struct party *party, const char *filter, uint64_t cookie)
{
    struct diag diag = {""};
    assert_int_equal(mqtt_subscribe(party->mqtt, filter, 1, (uint32_t)cookie, cookie, &diag), ERR_OK);
    recorder_wait(party->told, MQTT_SUBSCRIBED, cookie);
}

static inline enum err party_publish(struct party *party, const char *topic, const char *payload, uint64_t cookie)
{
    struct diag diag = {""};
    struct mqtt_publication publication = {
        .topic = topic, .payload = payload, .payload_len = strlen(payload), .qos = 1};
    return mqtt_publish(party->mqtt, &publication, cookie, &diag);
}

static inline void party_publish_acknowledged(struct party *party, const char *topic, const char *payload,
                                              uint64_t cookie)
{
    assert_int_equal(party_publish(party, topic, payload, cookie), ERR_OK);
    recorder_wait(party->told, MQTT_PUBLISHED, cookie);
}
