// What is sent, and when: replies within the window, one alone in its stages, and messages of our own.
#include "app/broker/reply/reply_queue_internal.h"

#include <string.h>

#include "app/broker/connection/cookie.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/command/reply.h"
#include "core/topic/topic.h"

#define POKE_MS            300
#define LOST_MS            5000
#define FENCE_PAUSE_MAX_MS 60000 // without it the bridge is not online
#define STUCK_MS           30000 // acknowledgments come in order (MQTT section 4.6): one passed by for so long is refused
#define UNPROVED_MAX_MS    10000 // beyond the least life of a connection, as fences follow each other

// ---- sending

// PUBLISH costs its topic, payload, correlation data and less than 64 bytes besides (MQTT section 3.3).
static bool too_large(const struct reply_queue *queue, const struct outgoing *outgoing)
{
    size_t size = strlen(outgoing->topic) + strlen(outgoing->payload) + outgoing->correlation_len + 64;
    return queue->max_packet_size > 0 && size > queue->max_packet_size;
}

static enum err hand_over(struct reply_queue *queue, struct outgoing *outgoing, struct diag *diag)
{
    bool is_cut = outgoing->suspicion.is_cut || too_large(queue, outgoing);
    AUTO_FREE char *cut = is_cut ? reply_cut(outgoing->payload) : NULL;
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
    return mqtt_publish(queue->connection->mqtt, &publication, outgoing->number, diag);
}

static void not_sent(struct reply_queue *queue, struct outgoing *outgoing, enum err err, const struct diag *diag,
                     int64_t now_ms)
{
    if (err == ERR_LIMIT || err == ERR_REFUSED) {
        reply_queue_refuse(queue, outgoing, diag->text, 0);
        return;
    }
    if (err == ERR_UNAVAILABLE) {
        // It has not left, so the loss that is about to be reported is not its doing.
        reply_queue_put_back(queue, outgoing, now_ms);
        return;
    }
    reply_queue_set_state(queue, outgoing, OUTGOING_LOST);
    outgoing->lost_ms = now_ms;
    queue->stuck = outgoing;
    connection_renew(queue->connection);
    LOG(LOG_WARN, "reply_not_sent", LOG_S("topic", outgoing->topic), LOG_S("error", diag->text));
}

static void publish_reply(struct reply_queue *queue, struct outgoing *outgoing, int64_t now_ms)
{
    struct diag diag;
    if (!topic_name_valid(outgoing->topic, strlen(outgoing->topic))) {
        reply_queue_condemn(queue, outgoing,
                            "brokers end the connection over such a topic (length, levels, characters)");
        return;
    }
    reply_queue_put_under_way(queue, outgoing, now_ms);
    FAULT_POINT("before_reply");
    enum err err = hand_over(queue, outgoing, &diag);
    FAULT_POINT("after_reply");
    if (err != ERR_OK) {
        not_sent(queue, outgoing, err, &diag, now_ms);
    }
}

// ---- messages of our own

static bool may_send(const struct reply_queue *queue, int64_t now_ms)
{
    return queue->connection->state == CONNECTION_UP && now_ms >= queue->connection->quiet_until_ms &&
           mqtt_is_connected(queue->connection->mqtt);
}

void reply_queue_publish_own(struct reply_queue *queue, const char *topic, const char *payload, bool retain,
                             int64_t now_ms)
{
    struct own_topic *own = own_topic_get(&queue->own, topic);
    struct diag diag;
    if (!may_send(queue, now_ms) || own_topic_is_paused(own, now_ms)) {
        return;
    }
    struct outgoing *outgoing = mem_alloc(sizeof *outgoing);
    *outgoing = (struct outgoing){.topic = own->topic, .owner = own, .is_own = true, .number = ++queue->last_number};
    reply_queue_put_under_way(queue, outgoing, now_ms);
    if (connection_publish(queue->connection, topic, payload, retain, outgoing->number, &diag) != ERR_OK) {
        LOG(LOG_WARN, "own_not_published", LOG_S("topic", topic), LOG_S("error", diag.text));
        reply_queue_end(queue, outgoing);
    }
}

void reply_queue_fence_sent(struct reply_queue *queue, int64_t now_ms)
{
    reply_queue_set_state(queue, &queue->fence, OUTGOING_ENDED);
    struct own_topic *own = own_topic_get(&queue->own, queue->fence_topic);
    own->longest_pause_ms = FENCE_PAUSE_MAX_MS;
    queue->fence = (struct outgoing){.topic = queue->fence_topic, .owner = own, .is_own = true};
    reply_queue_put_under_way(queue, &queue->fence, now_ms);
}

int64_t reply_queue_fence_paused_until(const struct reply_queue *queue)
{
    const struct own_topic *own = own_topic_find(&queue->own, queue->fence_topic);
    return own == NULL ? 0 : own->paused_until_ms;
}

// ---- stages

// Where the broker has acknowledged nothing yet, the end of the connection would show nothing, and the next fence is
// soon due.
static int64_t trial_at_ms(const struct reply_queue *queue)
{
    int64_t life_ms = queue->trial_life_ms + (queue->acknowledged == 0 ? UNPROVED_MAX_MS : 0);
    return queue->trial_due_ms > life_ms ? queue->trial_due_ms : life_ms;
}

static size_t aside_under_way(const struct reply_queue *queue)
{
    size_t count = 0;
    const struct outgoing *each = NULL;
    TAILQ_FOREACH (each, &queue->under_way, link) {
        count += each->suspicion.is_aside ? 1 : 0;
    }
    return count;
}

static bool is_one_to_try(const struct reply_queue *queue)
{
    return queue->stage == STAGE_FLOW && !TAILQ_EMPTY(&queue->aside) && aside_under_way(queue) == 0;
}

static void begin_probe(struct reply_queue *queue, int64_t now_ms)
{
    struct diag diag;
    AUTO_FREE char *filter = mem_printf("%s/probe", queue->fence_topic);
    if (mqtt_unsubscribe(queue->connection->mqtt, filter, COOKIE_PROBE, &diag) == ERR_OK) {
        reply_queue_set_stage(queue, STAGE_PROBE, now_ms);
    } else {
        // What the connection has carried before may show it; else an end shows nothing, but it may be delivered.
        reply_queue_set_stage(queue, STAGE_TRIAL, now_ms);
    }
}

static void begin_trial(struct reply_queue *queue, int64_t now_ms)
{
    queue->trial_due_ms = now_ms + TRIAL_LIFE_MS; // of the next one
    publish_reply(queue, TAILQ_FIRST(&queue->aside), now_ms);
    if (TAILQ_EMPTY(&queue->under_way)) {
        reply_queue_set_stage(queue, STAGE_FLOW, now_ms); // it did not leave
    }
}

// The others have waited long enough.
static void give_stage_up(struct reply_queue *queue, int64_t now_ms)
{
    queue->trial_due_ms = now_ms + STAGE_MAX_MS;
    reply_queue_set_stage(queue, STAGE_FLOW, now_ms);
}

static void advance_stage(struct reply_queue *queue, int64_t now_ms)
{
    if (is_one_to_try(queue) && now_ms >= trial_at_ms(queue)) {
        reply_queue_set_stage(queue, STAGE_DRAIN, now_ms);
    }
    if (queue->stage == STAGE_DRAIN && TAILQ_EMPTY(&queue->under_way)) {
        begin_probe(queue, now_ms);
    }
    if (queue->stage == STAGE_TRIAL && TAILQ_EMPTY(&queue->under_way)) {
        if (TAILQ_EMPTY(&queue->aside)) {
            reply_queue_set_stage(queue, STAGE_FLOW, now_ms);
        } else {
            begin_trial(queue, now_ms);
        }
    }
    if (queue->stage != STAGE_FLOW && now_ms - queue->stage_since_ms >= STAGE_MAX_MS) {
        give_stage_up(queue, now_ms);
    }
}

static void renew_if_stuck(struct reply_queue *queue, int64_t now_ms)
{
    struct outgoing *first = TAILQ_FIRST(&queue->under_way);
    if (first != NULL && first->is_passed && now_ms - first->sent_ms >= STUCK_MS) {
        LOG(LOG_ERROR, "publish_passed_by", LOG_S("topic", first->topic),
            LOG_S("hint", "the broker acknowledges what was published later and not this; connecting anew"));
        queue->stuck = first;
        connection_renew(queue->connection);
    }
}

static int64_t wait_ms(const struct reply_queue *queue, int64_t now_ms)
{
    int64_t wait = queue->replies_under_way > 0 || queue->stage != STAGE_FLOW ? POKE_MS : CLOCK_NEVER;
    if (is_one_to_try(queue) && trial_at_ms(queue) - now_ms < wait) {
        wait = trial_at_ms(queue) - now_ms;
    }
    return wait > 0 ? wait : 0;
}

static bool has_room(const struct reply_queue *queue)
{
    bool is_careful = queue->careful > 0 && queue->replies_under_way > aside_under_way(queue);
    return !is_careful && queue->replies_under_way < queue->window;
}

int64_t reply_queue_run(struct reply_queue *queue, int64_t now_ms)
{
    if (!may_send(queue, now_ms)) {
        bool is_quiet = queue->connection->state == CONNECTION_UP && now_ms < queue->connection->quiet_until_ms;
        return is_quiet ? queue->connection->quiet_until_ms - now_ms : CLOCK_NEVER;
    }
    // The library may report what is lost before it reports that the connection is; if it never does, they are sent
    // again.
    reply_queue_put_back_lost(queue, now_ms - LOST_MS, now_ms);
    if (queue->replies_under_way == 0) {
        queue->last_progress_ms = now_ms;
    }
    advance_stage(queue, now_ms);
    while (queue->stage == STAGE_FLOW && !TAILQ_EMPTY(&queue->waiting) && has_room(queue) && may_send(queue, now_ms)) {
        publish_reply(queue, TAILQ_FIRST(&queue->waiting), now_ms);
    }
    if (queue->replies_under_way > 0 && now_ms - queue->last_progress_ms >= POKE_MS) {
        mqtt_poke(queue->connection->mqtt);
        queue->last_progress_ms = now_ms;
    }
    renew_if_stuck(queue, now_ms);
    return wait_ms(queue, now_ms);
}
