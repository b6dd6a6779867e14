#include "app/reply_queue.h"

#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "core/reply.h"

#define POKE_MS      300
#define WINDOW_MAX   100
#define WINDOW_3_1_1 20 // what a stock Mosquitto takes

void reply_queue_init(struct reply_queue *queue, struct connection *connection, reply_queue_done *done, void *context)
{
    *queue = (struct reply_queue){.connection = connection, .done = done, .context = context};
    queue->end = &queue->first;
}

void reply_queue_send(struct reply_queue *queue, struct outgoing *outgoing)
{
    outgoing->sequence = ++queue->next_sequence;
    outgoing->next = NULL;
    *queue->end = outgoing;
    queue->end = &outgoing->next;
}

// A reply that was under way when the connection ended goes back to its place among the waiting.
static void put_back(struct reply_queue *queue, struct outgoing *outgoing)
{
    struct outgoing **at = &queue->first;
    while (*at != NULL && (*at)->sequence < outgoing->sequence) {
        at = &(*at)->next;
    }
    outgoing->next = *at;
    *at = outgoing;
    if (outgoing->next == NULL) {
        queue->end = &outgoing->next;
    }
}

bool reply_queue_withdraw(struct reply_queue *queue, const void *owner, size_t due)
{
    size_t waiting = 0;
    for (const struct outgoing *each = queue->first; each != NULL; each = each->next) {
        waiting += each->owner == owner ? 1 : 0;
    }
    if (waiting < due) {
        return false;
    }
    struct outgoing **at = &queue->first;
    while (*at != NULL) {
        if ((*at)->owner == owner) {
            *at = (*at)->next;
        } else {
            at = &(*at)->next;
        }
    }
    queue->end = at;
    return true;
}

static struct outgoing *dequeue(struct reply_queue *queue)
{
    struct outgoing *outgoing = queue->first;
    queue->first = outgoing->next;
    if (queue->first == NULL) {
        queue->end = &queue->first;
    }
    return outgoing;
}

// PUBLISH costs its topic, payload, correlation data and less than 64 bytes besides (MQTT section 3.3).
static bool too_large(const struct reply_queue *queue, const struct outgoing *outgoing)
{
    size_t size = strlen(outgoing->topic) + strlen(outgoing->payload) + outgoing->correlation_len + 64;
    return queue->max_packet_size > 0 && size > queue->max_packet_size;
}

// The broker will never have it: that ends the reply.
static void give_up(struct reply_queue *queue, struct outgoing *outgoing, const char *why, int reason)
{
    metrics_add(METRIC_REPLIES_REFUSED, 1);
    LOG(LOG_WARN, "reply_refused", LOG_S("topic", outgoing->topic), LOG_S("error", why), LOG_N("reason", reason));
    queue->done(queue->context, outgoing);
}

static enum err hand_over(struct reply_queue *queue, struct outgoing *outgoing, struct diag *diag)
{
    AUTO_FREE char *cut = too_large(queue, outgoing) ? reply_cut(outgoing->payload) : NULL;
    const char *payload = cut != NULL ? cut : outgoing->payload;
    struct mqtt_publication publication = {
        .topic = outgoing->topic,
        .payload = payload,
        .payload_len = strlen(payload),
        .qos = 1,
        .correlation_data = outgoing->correlation_data,
        .correlation_len = outgoing->correlation_len,
        .content_type = "application/json",
    };
    return mqtt_publish(queue->connection->mqtt, &publication, (uint64_t)(uintptr_t)outgoing, diag);
}

static void publish_reply(struct reply_queue *queue, struct outgoing *outgoing)
{
    struct diag diag;
    queue->in_flight++;
    FAULT_POINT("before_reply");
    enum err err = hand_over(queue, outgoing, &diag);
    FAULT_POINT("after_reply");
    if (err == ERR_OK) {
        return;
    }
    queue->in_flight--;
    if (err == ERR_LIMIT || err == ERR_REFUSED) {
        give_up(queue, outgoing, diag.text, 0);
        return;
    }
    put_back(queue, outgoing);
    queue->window = 0; // until the next connect
    connection_renew(queue->connection);
    LOG(LOG_WARN, "reply_not_sent", LOG_S("error", diag.text));
}

int64_t reply_queue_run(struct reply_queue *queue, int64_t now_ms)
{
    if (queue->connection->state != CONNECTION_UP) {
        return INT64_MAX;
    }
    if (queue->in_flight == 0) {
        queue->last_progress_ms = now_ms;
    }
    while (queue->first != NULL && queue->in_flight < queue->window) {
        publish_reply(queue, dequeue(queue));
    }
    if (queue->in_flight > 0 && now_ms - queue->last_progress_ms >= POKE_MS) {
        mqtt_poke(queue->connection->mqtt);
        queue->last_progress_ms = now_ms;
    }
    return queue->in_flight > 0 ? POKE_MS : INT64_MAX;
}

void reply_queue_take(struct reply_queue *queue, const struct mqtt_event *event, int64_t now_ms)
{
    struct outgoing *outgoing =
        (struct outgoing *)(uintptr_t)event->cookie; // NOLINT(performance-no-int-to-ptr): made by publish_reply
    if (outgoing == NULL) {
        return;
    }
    queue->in_flight--;
    queue->last_progress_ms = now_ms;
    if (event->kind == MQTT_PUBLISH_LOST) {
        put_back(queue, outgoing);
        return;
    }
    if (event->kind == MQTT_PUBLISH_REFUSED) {
        give_up(queue, outgoing, event->text, event->reason);
        return;
    }
    FAULT_POINT("after_reply_puback");
    queue->done(queue->context, outgoing);
}

void reply_queue_connected(struct reply_queue *queue, const struct mqtt_event *event, bool v5)
{
    size_t theirs = event->receive_maximum > 1 ? (size_t)event->receive_maximum - 1 : 1;
    queue->window = v5 ? theirs : WINDOW_3_1_1;
    queue->window = queue->window > WINDOW_MAX ? WINDOW_MAX : queue->window;
    queue->max_packet_size = event->max_packet_size;
}
