// A request is settled once: by what Paho calls back with, or when its link ends. Its one event is sent by who settles
// it, outside the lock; what is called back later only frees it.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "io/mqtt/mqtt_internal.h"

static const char lost_text[] = "the connection ended before the broker acknowledged it";

struct mqtt_request *mqtt_request_open(struct mqtt *mqtt, enum request_kind kind, uint64_t cookie)
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
        LIST_INSERT_HEAD(&link->requests, request, list);
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
    LIST_REMOVE(request, list);
    *last =
        open && request->kind == REQUEST_PUBLISH && link->publishing == 0 && atomic_load(&link->state) == LINK_CLOSING;
    pthread_mutex_unlock(&link->mqtt->lock);
    free(request);
    return open;
}

// Settles everything and returns the cookies of the publishes among it, which the caller frees.
static uint64_t *settle_all(struct mqtt_link *link, size_t *count)
{
    *count = 0;
    pthread_mutex_lock(&link->mqtt->lock);
    uint64_t *cookies = mem_alloc(link->publishing * sizeof *cookies);
    struct mqtt_request *request = NULL;
    LIST_FOREACH (request, &link->requests, list) {
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
        snprintf(event.text, sizeof event.text, "%s", lost_text);
        mqtt_emit(link->mqtt, &event);
    }
}

void mqtt_requests_free(struct mqtt_link *link)
{
    struct mqtt_request *request = NULL;
    while ((request = LIST_FIRST(&link->requests)) != NULL) {
        LIST_REMOVE(request, list);
        free(request);
    }
}

// Sends the request's one event, if it has none yet, and frees the request.
static void answer(struct mqtt_request *request, enum mqtt_event_kind kind, int reason, const char *text)
{
    struct mqtt_link *link = request->link;
    struct mqtt_event event = {.kind = kind, .cookie = request->cookie, .reason = reason};
    snprintf(event.text, sizeof event.text, "%s", text);
    bool last = false;
    if (request_close(request, &last)) {
        mqtt_emit(link->mqtt, &event);
    }
    if (last) {
        mqtt_link_close(link, 0);
    }
}

// ---- what Paho calls: MQTT 3.1.1 and 5 differ only in what comes with it

static void succeed(struct mqtt_request *request, int reason)
{
    static const enum mqtt_event_kind kinds[] = {[REQUEST_SUBSCRIBE] = MQTT_SUBSCRIBED,
                                                 [REQUEST_UNSUBSCRIBE] = MQTT_UNSUBSCRIBED,
                                                 [REQUEST_PUBLISH] = MQTT_PUBLISHED};
    char text[64] = "";
    if (request->kind == REQUEST_SUBSCRIBE && reason < request->qos) {
        snprintf(text, sizeof text, "granted with QoS %d, asked for QoS %d", reason, request->qos);
    }
    answer(request, kinds[request->kind], reason, text);
}

static void refuse(struct mqtt_request *request, int reason, const char *said)
{
    if (request->kind == REQUEST_PUBLISH) {
        answer(request, MQTT_PUBLISH_REFUSED, reason, said);
        return;
    }
    char text[256];
    snprintf(text, sizeof text, "the broker refused the subscription%s%.199s", *said == '\0' ? "" : ": ", said);
    answer(request, MQTT_SUBSCRIBE_FAILED, reason, text);
}

// Without a broker's answer the connection has ended: of a subscription MQTT_LOST reports it.
static void end_unanswered(struct mqtt_request *request, int code)
{
    if (request->kind == REQUEST_PUBLISH) {
        answer(request, MQTT_PUBLISH_LOST, code, lost_text);
    } else {
        bool last = false;
        (void)request_close(request, &last);
    }
}

static void on_success4(void *context, MQTTAsync_successData *data)
{
    struct mqtt_request *request = context;
    succeed(request, request->kind == REQUEST_SUBSCRIBE ? data->alt.qos : 0);
}

static void on_success5(void *context, MQTTAsync_successData5 *data)
{
    succeed(context, data == NULL ? 0 : (int)data->reasonCode);
}

static void on_failure4(void *context, MQTTAsync_failureData *data)
{
    struct mqtt_request *request = context;
    int code = data == NULL ? MQTTASYNC_FAILURE : data->code;
    if (request->kind != REQUEST_PUBLISH && code == MQTT_BAD_SUBSCRIBE) {
        refuse(request, code, "");
    } else {
        end_unanswered(request, code);
    }
}

static void on_failure5(void *context, MQTTAsync_failureData5 *data)
{
    if (data == NULL || data->reasonCode < MQTTREASONCODE_UNSPECIFIED_ERROR) {
        end_unanswered(context, data == NULL ? MQTTASYNC_FAILURE : data->code);
        return;
    }
    char said[256];
    mqtt_text_reason(said, sizeof said, (int)data->reasonCode, &data->properties);
    refuse(context, (int)data->reasonCode, said);
}

MQTTAsync_responseOptions mqtt_request_options(struct mqtt_request *request)
{
    MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
    options.context = request;
    if (request->link->mqtt->options.version == 5) {
        options.onSuccess5 = on_success5;
        options.onFailure5 = on_failure5;
    } else {
        options.onSuccess = on_success4;
        options.onFailure = on_failure4;
    }
    return options;
}

enum err mqtt_not_connected(struct diag *diag)
{
    return diag_set(diag, ERR_UNAVAILABLE, "not connected to the broker");
}

enum err mqtt_request_asked(struct mqtt_request *request, int rc, struct diag *diag)
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
        return mqtt_not_connected(diag);
    }
    return diag_set(diag, ERR_INTERNAL, "the MQTT library refused the request: %s", MQTTAsync_strerror(rc));
}
