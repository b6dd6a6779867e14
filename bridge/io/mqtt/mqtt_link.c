// A link is one attempt to connect and the connection that comes of it, with a Paho client for each URL. Its state
// changes under the lock by the table of legal changes, as Paho's threads and the core may end it at the same moment:
// who changes it emits the event, so each link ends with one. The URLs are tried in order; when none is left, the text
// of the failure has the reason of each.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "io/mqtt/mqtt_internal.h"

static const char *const state_names[LINK_STATE_COUNT] = {"CONNECTING", "UP", "CLOSING", "DOWN"};

static const bool legal[LINK_STATE_COUNT][LINK_STATE_COUNT] = {
    [LINK_CONNECTING] = {[LINK_UP] = true, [LINK_DOWN] = true},
    [LINK_UP] = {[LINK_CLOSING] = true, [LINK_DOWN] = true},
    [LINK_CLOSING] = {[LINK_DOWN] = true},
};

bool mqtt_link_change(struct mqtt_link *link, enum link_state from, enum link_state to)
{
    pthread_mutex_lock(&link->mqtt->lock);
    bool changed = atomic_load(&link->state) == from && legal[from][to];
    if (changed) {
        atomic_store(&link->state, to);
    }
    pthread_mutex_unlock(&link->mqtt->lock);
    if (!changed) {
        return false;
    }
    if (from == LINK_CONNECTING && link->tracing) {
        mqtt_socket_forget(link);
        mqtt_text_trace_end();
    }
    LOG(LOG_DEBUG, "mqtt_state", LOG_S("client_id", link->mqtt->options.client_id), LOG_S("from", state_names[from]),
        LOG_S("to", state_names[to]));
    return true;
}

MQTTAsync mqtt_link_client(struct mqtt_link *link)
{
    return link->clients[atomic_load(&link->url)];
}

static const char *current_url(const struct mqtt_link *link)
{
    return link->mqtt->urls[atomic_load(&link->url)].shown;
}

// Ends a link that was up; silent if it has ended before.
static void link_end(struct mqtt_link *link, struct mqtt_event *event)
{
    bool lost = mqtt_link_change(link, LINK_UP, LINK_DOWN);
    if (!lost && !mqtt_link_change(link, LINK_CLOSING, LINK_DOWN)) {
        return;
    }
    mqtt_requests_lose(link);
    if (!lost) {
        event->kind = MQTT_DISCONNECTED;
    }
    mqtt_emit(link->mqtt, event);
}

static void on_lost(void *context, char *cause)
{
    struct mqtt_event event = {.kind = MQTT_LOST};
    snprintf(event.text, sizeof event.text, "the connection ended%s%s", cause == NULL ? "" : ": ",
             cause == NULL ? "" : cause);
    link_end(context, &event);
}

// MQTT 5: the broker says why it ends the connection.
static void on_broker_disconnect(void *context, MQTTProperties *properties, enum MQTTReasonCodes reason)
{
    struct mqtt_event event = {.kind = MQTT_LOST, .reason = (int)reason};
    if (reason == MQTTREASONCODE_SESSION_TAKEN_OVER) {
        event.kind = MQTT_TAKEN_OVER;
    }
    char said[200];
    mqtt_text_reason(said, sizeof said, (int)reason, properties);
    snprintf(event.text, sizeof event.text, "the broker ended the connection: %s", said);
    link_end(context, &event);
}

static void on_disconnected4(void *context, MQTTAsync_successData *data)
{
    (void)data;
    link_end(context, &(struct mqtt_event){.kind = MQTT_DISCONNECTED});
}

static void on_disconnected5(void *context, MQTTAsync_successData5 *data)
{
    (void)data;
    link_end(context, &(struct mqtt_event){.kind = MQTT_DISCONNECTED});
}

// Paho acknowledges when on_message returns, whatever it returns: only a connection that is cut keeps the PUBACK here.
static void withhold(struct mqtt_link *link)
{
    link->withheld = true;
    (void)mqtt_link_change(link, LINK_UP, LINK_CLOSING);
    if (mqtt_socket_cut(link) != ERR_OK) {
        LOG(LOG_ERROR, "mqtt_cannot_withhold", LOG_S("client_id", link->mqtt->options.client_id),
            LOG_S("hint", "the process ends, so that the broker keeps a message that could not be stored"));
        _exit(EX_IOERR);
    }
}

static int on_message(void *context, char *topic, int topic_len, MQTTAsync_message *raw)
{
    struct mqtt_link *link = context;
    struct message message;
    const char *why = NULL;
    if (link->withheld) {
        // Read before the cut; the broker sends it again.
    } else if (mqtt_message_read(&message, topic, topic_len, raw, &why)) {
        bool stored = link->mqtt->handlers.on_message(link->mqtt->handlers.context, &message, link->session_present);
        message_clear(&message);
        if (!stored) {
            withhold(link);
        }
    } else {
        metrics_add(METRIC_MESSAGES_INVALID, 1);
        LOG(LOG_WARN, "mqtt_message_refused", LOG_S("client_id", link->mqtt->options.client_id), LOG_S("reason", why),
            LOG_N("payload_bytes", raw->payloadlen));
    }
    MQTTAsync_freeMessage(&raw);
    MQTTAsync_free(topic);
    // Never 0: Paho would acknowledge all the same and deliver again.
    return 1;
}

static void link_is_up(struct mqtt_link *link, struct mqtt_event *event)
{
    snprintf(event->url, sizeof event->url, "%s", current_url(link));
    link->session_present = event->session_present;
    link->max_packet_size = event->max_packet_size;
    link->max_qos = event->max_qos;
    link->retain_available = event->retain_available;
    if (mqtt_link_change(link, LINK_CONNECTING, LINK_UP)) {
        mqtt_emit(link->mqtt, event);
    }
}

static void on_connected4(void *context, MQTTAsync_successData *data)
{
    struct mqtt_link *link = context;
    struct mqtt_event event = {.kind = MQTT_CONNECTED,
                               .session_present = data->alt.connect.sessionPresent != 0,
                               .receive_maximum = UINT16_MAX,
                               .shared_subscriptions = true,
                               .max_qos = 2,
                               .retain_available = true};
    link_is_up(link, &event);
}

static uint32_t number(MQTTProperties *properties, enum MQTTPropertyCodes id, uint32_t fallback)
{
    return MQTTProperties_hasProperty(properties, id) ? (uint32_t)MQTTProperties_getNumericValue(properties, id)
                                                      : fallback;
}

// Paho does not heed the Server Keep Alive (MQTT 5 section 3.2.2.3.14): our owner does on this connection, and the next
// one asks for no more than it allows. Returns it if it is shorter than what was asked for, else 0.
static int heed_keepalive(struct mqtt *mqtt, MQTTProperties *said)
{
    uint32_t allowed = number(said, MQTTPROPERTY_CODE_SERVER_KEEP_ALIVE, 0);
    if (allowed == 0 || (int)allowed >= atomic_load(&mqtt->keepalive_s)) {
        return 0;
    }
    LOG(LOG_INFO, "mqtt_keepalive_lowered", LOG_S("client_id", mqtt->options.client_id), LOG_N("seconds", allowed));
    atomic_store(&mqtt->keepalive_s, (int)allowed);
    return (int)allowed;
}

// A broker may keep the session for a shorter time than it was asked to (MQTT 5 section 3.2.2.3.2).
static void say_session_is_shorter(const struct mqtt *mqtt, MQTTProperties *said)
{
    uint32_t kept_s = number(said, MQTTPROPERTY_CODE_SESSION_EXPIRY_INTERVAL, mqtt->options.session_expiry_s);
    if (kept_s < mqtt->options.session_expiry_s) {
        LOG(LOG_WARN, "mqtt_session_expiry_lowered", LOG_S("client_id", mqtt->options.client_id),
            LOG_N("seconds", kept_s), LOG_N("asked_for", mqtt->options.session_expiry_s),
            LOG_S("hint",
                  "the broker keeps commands for this long while the bridge is away, and loses later ones: raise "
                  "the broker's own limit"));
    }
}

// Defaults of the CONNACK's properties: MQTT 5 section 3.2.2.3.
static void on_connected5(void *context, MQTTAsync_successData5 *data)
{
    struct mqtt_link *link = context;
    MQTTProperties *said = &data->properties;
    struct mqtt_event event = {
        .kind = MQTT_CONNECTED,
        .session_present = data->alt.connect.sessionPresent != 0,
        .receive_maximum = (uint16_t)number(said, MQTTPROPERTY_CODE_RECEIVE_MAXIMUM, UINT16_MAX),
        .max_packet_size = number(said, MQTTPROPERTY_CODE_MAXIMUM_PACKET_SIZE, 0),
        .subscription_ids = number(said, MQTTPROPERTY_CODE_SUBSCRIPTION_IDENTIFIERS_AVAILABLE, 1) != 0,
        .shared_subscriptions = number(said, MQTTPROPERTY_CODE_SHARED_SUBSCRIPTION_AVAILABLE, 1) != 0,
        .max_qos = (int)number(said, MQTTPROPERTY_CODE_MAXIMUM_QOS, 2),
        .retain_available = number(said, MQTTPROPERTY_CODE_RETAIN_AVAILABLE, 1) != 0,
        .keepalive_s = heed_keepalive(link->mqtt, said),
    };
    say_session_is_shorter(link->mqtt, said);
    link_is_up(link, &event);
}

static void note_failure(struct mqtt_link *link, int reason, const char *text)
{
    size_t used = strlen(link->failures);
    snprintf(link->failures + used, sizeof link->failures - used, "%s%s: %s", used > 0 ? "; " : "", current_url(link),
             text);
    // What a broker answered says more than that another could not be reached.
    if (link->reason <= 0) {
        link->reason = reason;
    }
}

// Paho 1.3.12 lets go of its lock between seeing an error on a descriptor and looking for its client. If the client was
// closed and a new one got the same descriptor meanwhile, the new one gets this, and for nothing else.
static bool meant_another(const struct mqtt_link *link, const char *message)
{
    return !link->repeated && message != NULL && strcmp(message, "socket error") == 0;
}

// A broker that has no retained messages, or no QoS 1, must refuse a CONNECT with such a will (MQTT 5
// sections 3.2.2.3.4 and 3.2.2.3.5).
static bool lower_will(struct mqtt *mqtt, int code)
{
    bool no_retain = code == MQTTREASONCODE_RETAIN_NOT_SUPPORTED && atomic_exchange(&mqtt->will_retained, false);
    bool no_qos = code == MQTTREASONCODE_QOS_NOT_SUPPORTED && atomic_exchange(&mqtt->will_qos, 0) > 0;
    return no_retain || no_qos;
}

static void url_failed(struct mqtt_link *link, int code, const char *message)
{
    if (atomic_load(&link->state) != LINK_CONNECTING) {
        return;
    }
    if (lower_will(link->mqtt, code)) {
        mqtt_link_try(link, atomic_load(&link->url));
        return;
    }
    if (meant_another(link, message)) {
        link->repeated = true;
        mqtt_link_try(link, atomic_load(&link->url));
        return;
    }
    char text[200];
    if (code > 0) {
        mqtt_text_refused(text, sizeof text, link->mqtt->options.version, code);
    } else {
        mqtt_text_unreached(text, sizeof text, link, message);
    }
    note_failure(link, code, text);
    link->repeated = false;
    mqtt_link_try(link, atomic_load(&link->url) + 1);
}

static void on_connect_failed4(void *context, MQTTAsync_failureData *data)
{
    url_failed(context, data == NULL ? MQTTASYNC_FAILURE : data->code, data == NULL ? NULL : data->message);
}

static void on_connect_failed5(void *context, MQTTAsync_failureData5 *data)
{
    if (data == NULL) {
        url_failed(context, MQTTASYNC_FAILURE, NULL);
    } else {
        url_failed(context, data->reasonCode != 0 ? (int)data->reasonCode : data->code, data->message);
    }
}

static int connect_client(struct mqtt_link *link)
{
    atomic_store(&link->socket, -1);
    struct mqtt_connect_set set;
    mqtt_connect_set_fill(&set, link);
    if (link->mqtt->options.version == 5) {
        set.options.onSuccess5 = on_connected5;
        set.options.onFailure5 = on_connect_failed5;
    } else {
        set.options.onSuccess = on_connected4;
        set.options.onFailure = on_connect_failed4;
    }
    int rc = MQTTAsync_connect(mqtt_link_client(link), &set.options);
    mqtt_connect_set_clear(&set);
    return rc;
}

void mqtt_link_try(struct mqtt_link *link, size_t first)
{
    for (size_t i = first; i < link->mqtt->options.url_count; i++) {
        atomic_store(&link->url, i);
        link->tls_error[0] = '\0';
        int rc = connect_client(link);
        if (rc == MQTTASYNC_SUCCESS) {
            return;
        }
        note_failure(link, rc, MQTTAsync_strerror(rc));
    }
    if (mqtt_link_change(link, LINK_CONNECTING, LINK_DOWN)) {
        struct mqtt_event event = {.kind = MQTT_CONNECT_FAILED, .reason = link->reason};
        snprintf(event.text, sizeof event.text, "%s", link->failures);
        mqtt_emit(link->mqtt, &event);
    }
}

static enum err create_client(struct mqtt_link *link, size_t i, struct diag *diag)
{
    const struct mqtt *mqtt = link->mqtt;
    MQTTAsync_createOptions options = MQTTAsync_createOptions_initializer;
    options.MQTTVersion = mqtt->options.version == 5 ? MQTTVERSION_5 : MQTTVERSION_3_1_1;
    // The bound on publishes that its send thread has not yet taken; with the default of 100 a burst is refused.
    options.maxBufferedMessages = 65535;
    int rc = MQTTAsync_createWithOptions(&link->clients[i], mqtt->urls[i].paho, mqtt->options.client_id,
                                         MQTTCLIENT_PERSISTENCE_NONE, NULL, &options);
    if (rc == MQTTASYNC_SUCCESS) {
        rc = MQTTAsync_setCallbacks(link->clients[i], link, on_lost, on_message, NULL);
    }
    if (rc == MQTTASYNC_SUCCESS && mqtt->options.version == 5) {
        rc = MQTTAsync_setDisconnected(link->clients[i], link, on_broker_disconnect);
    }
    if (rc != MQTTASYNC_SUCCESS) {
        return diag_set(diag, ERR_INTERNAL, "the MQTT library made no client for %s: %s", mqtt->urls[i].shown,
                        MQTTAsync_strerror(rc));
    }
    return ERR_OK;
}

enum err mqtt_link_create(struct mqtt *mqtt, struct mqtt_link **out, struct diag *diag)
{
    struct mqtt_link *link = mem_alloc(sizeof *link);
    link->mqtt = mqtt;
    link->clients = mem_alloc(mqtt->options.url_count * sizeof *link->clients);
    atomic_init(&link->socket, -1);
    for (size_t i = 0; i < mqtt->options.url_count; i++) {
        enum err err = create_client(link, i, diag);
        if (err != ERR_OK) {
            atomic_store(&link->state, LINK_DOWN);
            mqtt_link_destroy(link);
            return err;
        }
    }
    link->tracing = true;
    mqtt_socket_watch(link);
    mqtt_text_trace_begin();
    *out = link;
    return ERR_OK;
}

void mqtt_link_destroy(struct mqtt_link *link)
{
    if (link == NULL) {
        return;
    }
    (void)(mqtt_link_change(link, LINK_CONNECTING, LINK_DOWN) || mqtt_link_change(link, LINK_UP, LINK_DOWN) ||
           mqtt_link_change(link, LINK_CLOSING, LINK_DOWN));
    for (size_t i = 0; i < link->mqtt->options.url_count; i++) {
        if (link->clients[i] != NULL) {
            MQTTAsync_destroy(&link->clients[i]);
        }
    }
    mqtt_requests_free(link);
    free(link->clients);
    free(link);
}

// Paho sends DISCONNECT when nothing is in flight; it looks at its timeout every 3 s only, so the request that settles
// last asks again with none.
void mqtt_link_close(struct mqtt_link *link, int timeout_ms)
{
    MQTTAsync_disconnectOptions options = MQTTAsync_disconnectOptions_initializer;
    if (link->mqtt->options.version == 5) {
        options = (MQTTAsync_disconnectOptions)MQTTAsync_disconnectOptions_initializer5;
        options.onSuccess5 = on_disconnected5;
    } else {
        options.onSuccess = on_disconnected4;
    }
    options.timeout = timeout_ms;
    options.context = link;
    int rc = MQTTAsync_disconnect(mqtt_link_client(link), &options);
    if (rc != MQTTASYNC_SUCCESS) {
        link_end(link, &(struct mqtt_event){.kind = MQTT_DISCONNECTED});
    }
}
