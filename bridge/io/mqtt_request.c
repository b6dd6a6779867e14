#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "io/mqtt_internal.h"

// MQTT section 1.5.5: the largest variable byte integer, so also the largest packet.
#define MAX_REMAINING 268435455U

// ---- the list of a link

// NULL unless the link is up.
static struct mqtt_request *request_open(struct mqtt *mqtt, enum request_kind kind, uint64_t cookie)
{
    struct mqtt_link *link = mqtt->link;
    if (link == NULL) {
        return NULL;
    }
    struct mqtt_request *request = mem_alloc(sizeof *request);
    *request = (struct mqtt_request){.link = link, .kind = kind, .cookie = cookie};
    pthread_mutex_lock(&mqtt->lock);
    bool up = atomic_load(&link->state) == LINK_UP;
    if (up) {
        request->next = link->requests;
        if (link->requests != NULL) {
            link->requests->previous = request;
        }
        link->requests = request;
        link->publishing += kind == REQUEST_PUBLISH;
    }
    pthread_mutex_unlock(&mqtt->lock);
    if (!up) {
        free(request);
        return NULL;
    }
    return request;
}

static void settle_locked(struct mqtt_request *request)
{
    if (!request->settled) {
        request->settled = true;
        request->link->publishing -= request->kind == REQUEST_PUBLISH;
    }
}

// Takes the request out and frees it. True if it was not settled, so that its one event is the caller's to send;
// *last: it was the last publish in flight of a link that is closing.
static bool request_close(struct mqtt_request *request, bool *last)
{
    struct mqtt_link *link = request->link;
    pthread_mutex_lock(&link->mqtt->lock);
    bool open = !request->settled;
    settle_locked(request);
    if (request->previous != NULL) {
        request->previous->next = request->next;
    } else {
        link->requests = request->next;
    }
    if (request->next != NULL) {
        request->next->previous = request->previous;
    }
    *last =
        open && request->kind == REQUEST_PUBLISH && link->publishing == 0 && atomic_load(&link->state) == LINK_CLOSING;
    pthread_mutex_unlock(&link->mqtt->lock);
    free(request);
    return open;
}

static void request_end(struct mqtt_request *request, const struct mqtt_event *event)
{
    struct mqtt_link *link = request->link;
    bool last = false;
    if (request_close(request, &last)) {
        mqtt_emit(link->mqtt, event);
    }
    if (last) {
        mqtt_link_close(link, 0);
    }
}

// Settles everything and returns the cookies of the publishes among it, which the caller frees.
static uint64_t *settle_all(struct mqtt_link *link, size_t *count)
{
    *count = 0;
    pthread_mutex_lock(&link->mqtt->lock);
    uint64_t *cookies = mem_alloc(link->publishing * sizeof *cookies);
    for (struct mqtt_request *request = link->requests; request != NULL; request = request->next) {
        if (!request->settled && request->kind == REQUEST_PUBLISH) {
            cookies[(*count)++] = request->cookie;
        }
        settle_locked(request);
    }
    pthread_mutex_unlock(&link->mqtt->lock);
    return cookies;
}

void mqtt_requests_lose(struct mqtt_link *link)
{
    size_t count = 0;
    AUTO_FREE uint64_t *cookies = settle_all(link, &count);
    // The newest request stands first in the list.
    while (count > 0) {
        struct mqtt_event event = {.kind = MQTT_PUBLISH_LOST, .cookie = cookies[--count]};
        snprintf(event.text, sizeof event.text, "the connection ended before the broker acknowledged it");
        mqtt_emit(link->mqtt, &event);
    }
}

void mqtt_requests_free(struct mqtt_link *link)
{
    struct mqtt_request *next = NULL;
    for (struct mqtt_request *request = link->requests; request != NULL; request = next) {
        next = request->next;
        free(request);
    }
    link->requests = NULL;
}

// ---- Paho's answers

static void answer(void *context, enum mqtt_event_kind kind, int reason, const char *text)
{
    struct mqtt_request *request = context;
    struct mqtt_event event = {.kind = kind, .cookie = request->cookie, .reason = reason};
    snprintf(event.text, sizeof event.text, "%s", text);
    request_end(request, &event);
}

static void on_published4(void *context, MQTTAsync_successData *data)
{
    (void)data;
    answer(context, MQTT_PUBLISHED, 0, "");
}

static void on_published5(void *context, MQTTAsync_successData5 *data)
{
    answer(context, MQTT_PUBLISHED, data == NULL ? 0 : (int)data->reasonCode, "");
}

static void publish_lost(void *context, int code)
{
    answer(context, MQTT_PUBLISH_LOST, code, "the connection ended before the broker acknowledged it");
}

static void on_publish_failed4(void *context, MQTTAsync_failureData *data)
{
    publish_lost(context, data == NULL ? MQTTASYNC_FAILURE : data->code);
}

static void on_publish_failed5(void *context, MQTTAsync_failureData5 *data)
{
    if (data == NULL || data->reasonCode < MQTTREASONCODE_UNSPECIFIED_ERROR) {
        publish_lost(context, data == NULL ? MQTTASYNC_FAILURE : data->code);
        return;
    }
    char text[256];
    mqtt_text_reason(text, sizeof text, (int)data->reasonCode, &data->properties);
    answer(context, MQTT_PUBLISH_REFUSED, (int)data->reasonCode, text);
}

static void subscribed(struct mqtt_request *request, int granted)
{
    char text[64] = "";
    if (granted < request->qos) {
        snprintf(text, sizeof text, "granted with QoS %d, asked for QoS %d", granted, request->qos);
    }
    answer(request, MQTT_SUBSCRIBED, granted, text);
}

static void on_subscribed4(void *context, MQTTAsync_successData *data)
{
    subscribed(context, data->alt.qos);
}

static void on_subscribed5(void *context, MQTTAsync_successData5 *data)
{
    subscribed(context, (int)data->reasonCode);
}

// Without a broker's answer the connection has ended, which MQTT_LOST tells.
static void on_subscribe_failed4(void *context, MQTTAsync_failureData *data)
{
    if (data != NULL && data->code == MQTT_BAD_SUBSCRIBE) {
        answer(context, MQTT_SUBSCRIBE_FAILED, data->code, "the broker refused the subscription");
    } else {
        bool last = false;
        (void)request_close(context, &last);
    }
}

static void on_subscribe_failed5(void *context, MQTTAsync_failureData5 *data)
{
    if (data == NULL || data->reasonCode < MQTTREASONCODE_UNSPECIFIED_ERROR) {
        bool last = false;
        (void)request_close(context, &last);
        return;
    }
    char said[200];
    char text[256];
    mqtt_text_reason(said, sizeof said, (int)data->reasonCode, &data->properties);
    snprintf(text, sizeof text, "the broker refused the subscription: %s", said);
    answer(context, MQTT_SUBSCRIBE_FAILED, (int)data->reasonCode, text);
}

static void on_unsubscribed4(void *context, MQTTAsync_successData *data)
{
    (void)data;
    answer(context, MQTT_UNSUBSCRIBED, 0, "");
}

static void on_unsubscribed5(void *context, MQTTAsync_successData5 *data)
{
    answer(context, MQTT_UNSUBSCRIBED, (int)data->reasonCode, "");
}

// ---- requests

static enum err not_connected(struct diag *diag)
{
    return diag_set(diag, ERR_UNAVAILABLE, "not connected to the broker");
}

// What to return after Paho was asked with `request` as context. If the link ended meanwhile, the request's event has
// been sent and the caller may not think that nothing follows.
static enum err asked(struct mqtt_request *request, int rc, struct diag *diag)
{
    if (rc == MQTTASYNC_SUCCESS) {
        return ERR_OK;
    }
    enum request_kind kind = request->kind;
    bool last = false;
    bool open = request_close(request, &last);
    if (!open && kind == REQUEST_PUBLISH) {
        return ERR_OK;
    }
    if (rc == MQTTASYNC_DISCONNECTED) {
        return not_connected(diag);
    }
    return diag_set(diag, ERR_INTERNAL, "the MQTT library refused the request: %s", MQTTAsync_strerror(rc));
}

enum err mqtt_subscribe(struct mqtt *mqtt, const char *filter, int qos, uint32_t subscription_id, uint64_t cookie,
                        struct diag *diag)
{
    struct mqtt_request *request = request_open(mqtt, REQUEST_SUBSCRIBE, cookie);
    if (request == NULL) {
        return not_connected(diag);
    }
    request->qos = qos;
    MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
    options.context = request;
    if (mqtt->version == 5) {
        options.onSuccess5 = on_subscribed5;
        options.onFailure5 = on_subscribe_failed5;
        options.subscribeOptions.retainHandling = 1;
    } else {
        options.onSuccess = on_subscribed4;
        options.onFailure = on_subscribe_failed4;
    }
    if (mqtt->version == 5 && subscription_id > 0) {
        MQTTProperty property = {.identifier = MQTTPROPERTY_CODE_SUBSCRIPTION_IDENTIFIER};
        property.value.integer4 = subscription_id;
        MQTTProperties_add(&options.properties, &property);
    }
    int rc = MQTTAsync_subscribe(mqtt_link_client(mqtt->link), filter, qos, &options);
    MQTTProperties_free(&options.properties);
    return asked(request, rc, diag);
}

enum err mqtt_unsubscribe(struct mqtt *mqtt, const char *filter, uint64_t cookie, struct diag *diag)
{
    struct mqtt_request *request = request_open(mqtt, REQUEST_UNSUBSCRIBE, cookie);
    if (request == NULL) {
        return not_connected(diag);
    }
    MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
    options.context = request;
    if (mqtt->version == 5) {
        options.onSuccess5 = on_unsubscribed5;
        options.onFailure5 = on_subscribe_failed5;
    } else {
        options.onSuccess = on_unsubscribed4;
        options.onFailure = on_subscribe_failed4;
    }
    return asked(request, MQTTAsync_unsubscribe(mqtt_link_client(mqtt->link), filter, &options), diag);
}

void mqtt_poke(struct mqtt *mqtt)
{
    if (!mqtt_is_connected(mqtt)) {
        return;
    }
    // Any new command wakes the send thread; giving up a subscription that nobody has changes nothing.
    AUTO_FREE char *filter = mem_printf("thingbridge-wake/%s", mqtt->client_id);
    (void)MQTTAsync_unsubscribe(mqtt_link_client(mqtt->link), filter, NULL);
}

static enum err check_topic(const char *topic, struct diag *diag)
{
    size_t len = strlen(topic);
    if (len == 0 || len > 65535 || !str_utf8_valid(topic, len) || strpbrk(topic, "+#") != NULL) {
        return diag_set(diag, ERR_REFUSED,
                        "a topic to publish to must be 1 to 65535 bytes of valid UTF-8 without + and #");
    }
    return ERR_OK;
}

static size_t varint_len(size_t value)
{
    return value < 128 ? 1 : value < 16384 ? 2 : value < 2097152 ? 3 : 4;
}

// MQTT section 3.3: the bytes of the PUBLISH packet after its fixed header.
static size_t remaining_len(const struct mqtt *mqtt, const struct mqtt_publication *publication)
{
    size_t len = 2 + strlen(publication->topic) + (publication->qos > 0 ? 2 : 0) + publication->payload_len;
    if (mqtt->version == 5) {
        size_t properties = 0;
        properties += publication->correlation_data == NULL ? 0 : 3 + publication->correlation_len;
        properties += publication->content_type == NULL ? 0 : 3 + strlen(publication->content_type);
        len += varint_len(properties) + properties;
    }
    return len;
}

static enum err check_size(const struct mqtt *mqtt, const struct mqtt_publication *publication, struct diag *diag)
{
    if (publication->correlation_len > 65535 || publication->payload_len > MAX_REMAINING ||
        remaining_len(mqtt, publication) > MAX_REMAINING) {
        return diag_set(diag, ERR_LIMIT, "the message is larger than MQTT allows");
    }
    size_t remaining = remaining_len(mqtt, publication);
    size_t packet = 1 + varint_len(remaining) + remaining;
    uint32_t most = mqtt->link->max_packet_size;
    if (most > 0 && packet > most) {
        return diag_set(diag, ERR_LIMIT, "the message's packet has %zu bytes, the broker takes at most %u", packet,
                        most);
    }
    return ERR_OK;
}

static MQTTLenString borrow(const char *data, size_t len)
{
    return (MQTTLenString){.len = (int)len, .data = (char *)data};
}

static void add_properties(MQTTProperties *properties, const struct mqtt_publication *publication)
{
    if (publication->correlation_data != NULL) {
        MQTTProperty property = {.identifier = MQTTPROPERTY_CODE_CORRELATION_DATA};
        property.value.data = borrow(publication->correlation_data, publication->correlation_len);
        MQTTProperties_add(properties, &property);
    }
    if (publication->content_type != NULL) {
        MQTTProperty property = {.identifier = MQTTPROPERTY_CODE_CONTENT_TYPE};
        property.value.data = borrow(publication->content_type, strlen(publication->content_type));
        MQTTProperties_add(properties, &property);
    }
}

static int send_message(struct mqtt *mqtt, const struct mqtt_publication *publication, struct mqtt_request *request)
{
    MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
    options.context = request;
    MQTTAsync_message message = MQTTAsync_message_initializer;
    message.payload = (void *)publication->payload;
    message.payloadlen = (int)publication->payload_len;
    message.qos = publication->qos;
    message.retained = publication->retain;
    if (mqtt->version == 5) {
        options.onSuccess5 = on_published5;
        options.onFailure5 = on_publish_failed5;
        add_properties(&message.properties, publication);
    } else {
        options.onSuccess = on_published4;
        options.onFailure = on_publish_failed4;
    }
    int rc = MQTTAsync_sendMessage(mqtt_link_client(mqtt->link), publication->topic, &message, &options);
    MQTTProperties_free(&message.properties);
    return rc;
}

enum err mqtt_publish(struct mqtt *mqtt, const struct mqtt_publication *publication, uint64_t cookie, struct diag *diag)
{
    enum err err = check_topic(publication->topic, diag);
    if (err != ERR_OK) {
        return err;
    }
    if (!mqtt_is_connected(mqtt)) {
        return not_connected(diag);
    }
    err = check_size(mqtt, publication, diag);
    if (err != ERR_OK) {
        return err;
    }
    struct mqtt_request *request = request_open(mqtt, REQUEST_PUBLISH, cookie);
    if (request == NULL) {
        return not_connected(diag);
    }
    return asked(request, send_message(mqtt, publication, request), diag);
}
