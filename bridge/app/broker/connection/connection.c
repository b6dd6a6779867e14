// The broker says little of why it ends a connection, so its end is judged by how long it lived and what was
// unanswered. Each failure, and each short life, doubles the pause before the next attempt. Short lives in a row with
// nothing unanswered are taken for another program with our client id, to which we yield for minutes.
#include "app/broker/connection/connection.h"

#include <stdio.h>
#include <string.h>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/machine.h"
#include "base/metrics.h"

#define BACKOFF_FIRST_MS 500
#define BACKOFF_MAX_MS   10000
#define YIELD_FIRST_MS   60000
#define YIELD_MAX_MS     600000
// A connection that ends so soon after its connect, so often in a row, is taken for another program with our client id:
// not every broker says so (Mosquitto 2.0.11 does not, and MQTT 3.1.1 has no way to).
#define SHORT_LIFE_MS   2000
#define SHORT_LIVES_MAX 5
#define DISCONNECT_MS   2000

static void set_state(struct connection *connection, enum connection_state state)
{
    static const struct machine_row table[] = {
        // An attempt's success counts, whatever was thought of the attempt.
        [CONNECTION_DOWN] = {"DOWN", MACHINE_BIT(CONNECTION_CONNECTING) | MACHINE_BIT(CONNECTION_UP) |
                                         MACHINE_BIT(CONNECTION_STOPPED)},
        [CONNECTION_CONNECTING] = {"CONNECTING", MACHINE_BIT(CONNECTION_DOWN) | MACHINE_BIT(CONNECTION_UP) |
                                                     MACHINE_BIT(CONNECTION_STOPPED)},
        [CONNECTION_UP] = {"UP", MACHINE_BIT(CONNECTION_DOWN) | MACHINE_BIT(CONNECTION_STOPPING)},
        [CONNECTION_STOPPING] = {"STOPPING", MACHINE_BIT(CONNECTION_STOPPED)},
        [CONNECTION_STOPPED] = {"STOPPED", 0},
    };
    machine_change(table, connection->state, state, "connection_state", connection->name);
    connection->state = state;
}

// For half to all of the delay, which is returned.
static int64_t go_down(struct connection *connection, int doublings, int64_t first_ms, int64_t max_ms, int64_t now_ms)
{
    int64_t delay = backoff_ms(doublings, first_ms, max_ms);
    uint32_t random = 0;
    crypto_random(&random, sizeof random);
    delay = delay / 2 + (int64_t)(random % (uint32_t)(delay / 2 + 1));
    set_state(connection, CONNECTION_DOWN);
    connection->retry_ms = now_ms + delay;
    return delay;
}

static void wait_and_retry(struct connection *connection, int64_t now_ms, const char *event,
                           const struct mqtt_event *why, const char *unanswered)
{
    int64_t delay = go_down(connection, connection->failures++, BACKOFF_FIRST_MS, BACKOFF_MAX_MS, now_ms);
    LOG(LOG_WARN, event, LOG_S("connection", connection->name), LOG_S("error", why->text), LOG_N("reason", why->reason),
        LOG_S("unanswered", unanswered), LOG_N("retry_in_ms", delay));
}

static void yield(struct connection *connection, int64_t now_ms, const char *why)
{
    int64_t delay = go_down(connection, connection->yields++, YIELD_FIRST_MS, YIELD_MAX_MS, now_ms);
    LOG(LOG_ERROR, "mqtt_client_id_in_use", LOG_S("connection", connection->name), LOG_S("error", why),
        LOG_S("hint", "another program uses our client id: give each its own mqtt.client_id; not fighting for it"),
        LOG_N("retry_in_ms", delay));
}

static bool is_short_life(const struct connection *connection, int64_t now_ms)
{
    return now_ms - connection->up_since_ms < SHORT_LIFE_MS;
}

// Something unanswered may be what ended the connection, so it says nothing about the client id. A quiet connection,
// on which nothing is sent for as long as a short life lasts, then shows it.
static void connection_lost(struct connection *connection, const struct mqtt_event *event, const char *unanswered,
                            int64_t now_ms)
{
    metrics_add(METRIC_MQTT_LOSSES, 1);
    bool short_life = is_short_life(connection, now_ms);
    connection->short_lives = short_life ? connection->short_lives + 1 : 0;
    connection->failures = short_life ? connection->failures : 0;
    if (connection->short_lives >= SHORT_LIVES_MAX && unanswered == NULL) {
        connection->short_lives = 0;
        yield(connection, now_ms,
              "the broker ends the connection right after each connect, as it does when another client "
              "connects with the same client id");
        return;
    }
    wait_and_retry(connection, now_ms, "mqtt_lost", event, unanswered);
}

// We ended it, to make it anew: at once, but not in a tight loop.
static void connection_renewed(struct connection *connection, const struct mqtt_event *event, int64_t now_ms)
{
    if (is_short_life(connection, now_ms)) {
        wait_and_retry(connection, now_ms, "mqtt_renewed", event, NULL);
        return;
    }
    set_state(connection, CONNECTION_DOWN);
    connection->retry_ms = now_ms;
}

static void connect_now(struct connection *connection, int64_t now_ms)
{
    struct diag diag;
    set_state(connection, CONNECTION_CONNECTING);
    if (mqtt_connect(connection->mqtt, &diag) != ERR_OK) {
        struct mqtt_event why = {.kind = MQTT_CONNECT_FAILED};
        snprintf(why.text, sizeof why.text, "%.250s", diag.text);
        wait_and_retry(connection, now_ms, "mqtt_connect_failed", &why, NULL);
    }
}

static void note_limits(struct connection *connection, const struct mqtt_event *event)
{
    connection->max_qos = event->max_qos;
    connection->retain_available = event->retain_available;
    if (event->max_qos < 1) {
        LOG(LOG_WARN, "mqtt_qos_limited", LOG_S("connection", connection->name),
            LOG_S("hint", "the broker takes QoS 0 only: what is published here, replies above all, is lost if the "
                          "connection ends on the way"));
    }
    if (!event->retain_available) {
        LOG(LOG_WARN, "mqtt_retain_unavailable", LOG_S("connection", connection->name),
            LOG_S("hint", "the broker keeps no retained messages: who subscribes later does not learn the bridge's "
                          "state"));
    }
}

static void connection_up(struct connection *connection, const struct mqtt_event *event, int64_t now_ms)
{
    set_state(connection, CONNECTION_UP);
    connection->up_since_ms = now_ms;
    connection->quiet_until_ms = now_ms + (connection->short_lives >= SHORT_LIVES_MAX ? SHORT_LIFE_MS : 0);
    // Half of what the broker allows, as a poke may be late.
    connection->poke_every_ms = (int64_t)event->keepalive_s * 1000 / 2;
    connection->poke_ms = now_ms + connection->poke_every_ms;
    note_limits(connection, event);
    metrics_add(METRIC_MQTT_CONNECTS, 1);
    LOG(LOG_INFO, "mqtt_connected", LOG_S("connection", connection->name), LOG_S("url", event->url),
        LOG_N("session_present", event->session_present));
}

static bool is_stopping(const struct connection *connection)
{
    return connection->state == CONNECTION_STOPPING || connection->state == CONNECTION_STOPPED;
}

static void connection_down(struct connection *connection, const struct mqtt_event *event, const char *unanswered,
                            int64_t now_ms)
{
    if (is_stopping(connection)) {
        set_state(connection, CONNECTION_STOPPED);
    } else if (event->kind == MQTT_CONNECT_FAILED) {
        wait_and_retry(connection, now_ms, "mqtt_connect_failed", event, NULL);
    } else if (event->kind == MQTT_LOST) {
        connection_lost(connection, event, unanswered, now_ms);
    } else if (event->kind == MQTT_TAKEN_OVER) {
        metrics_add(METRIC_MQTT_LOSSES, 1);
        yield(connection, now_ms, event->text);
    } else if (connection->state == CONNECTION_UP) {
        connection_renewed(connection, event, now_ms);
    } // else it ended by itself while we were about to end it, and its pause holds
}

bool connection_take(struct connection *connection, const struct mqtt_event *event, const char *unanswered,
                     int64_t now_ms)
{
    switch (event->kind) {
    case MQTT_CONNECTED:
        if (!is_stopping(connection)) {
            connection_up(connection, event, now_ms);
        }
        return true;
    case MQTT_CONNECT_FAILED:
    case MQTT_LOST:
    case MQTT_TAKEN_OVER:
    case MQTT_DISCONNECTED:
        connection_down(connection, event, unanswered, now_ms);
        return true;
    case MQTT_SUBSCRIBED:
    case MQTT_SUBSCRIBE_FAILED:
    case MQTT_UNSUBSCRIBED:
    case MQTT_PUBLISHED:
    case MQTT_PUBLISH_REFUSED:
    case MQTT_PUBLISH_LOST:
        return false;
    }
    return false;
}

static int64_t keep_alive(struct connection *connection, int64_t now_ms)
{
    if (connection->poke_every_ms == 0) {
        return CLOCK_NEVER;
    }
    if (now_ms >= connection->poke_ms) {
        mqtt_poke(connection->mqtt);
        connection->poke_ms = now_ms + connection->poke_every_ms;
    }
    return connection->poke_ms - now_ms;
}

int64_t connection_run(struct connection *connection, int64_t now_ms)
{
    if (connection->state == CONNECTION_UP) {
        return keep_alive(connection, now_ms);
    }
    if (connection->state != CONNECTION_DOWN) {
        return CLOCK_NEVER;
    }
    if (now_ms >= connection->retry_ms) {
        connect_now(connection, now_ms);
        return CLOCK_NEVER;
    }
    return connection->retry_ms - now_ms;
}

void connection_stop(struct connection *connection)
{
    if (connection->state == CONNECTION_UP) {
        set_state(connection, CONNECTION_STOPPING);
        mqtt_disconnect(connection->mqtt, DISCONNECT_MS);
    } else if (connection->state != CONNECTION_STOPPING) {
        set_state(connection, CONNECTION_STOPPED);
    }
}

void connection_renew(struct connection *connection)
{
    if (connection->state == CONNECTION_UP) {
        mqtt_disconnect(connection->mqtt, 0);
    }
}

enum err connection_publish(const struct connection *connection, const char *topic, const char *text, bool retain,
                            uint64_t cookie, struct diag *diag)
{
    struct mqtt_publication publication = {
        .topic = topic, .payload = text, .payload_len = strlen(text), .qos = 1, .retain = retain};
    return mqtt_publish(connection->mqtt, &publication, cookie, diag);
}
