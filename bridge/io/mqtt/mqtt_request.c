#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "io/mqtt/mqtt_internal.h"

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
        snprintf(event.text, sizeof event.text, "the connection ended before the broker acknowledged it");
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

void mqtt_request_answer(void *context, enum mqtt_event_kind kind, int reason, const char *text)
{
    struct mqtt_request *request = context;
    struct mqtt_event event = {.kind = kind, .cookie = request->cookie, .reason = reason};
    snprintf(event.text, sizeof event.text, "%s", text);
    request_end(request, &event);
}

void mqtt_request_drop(struct mqtt_request *request)
{
    bool last = false;
    (void)request_close(request, &last);
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
