// Three lists: what waits, what is under way (with messages of our own, in order of sending), and what is set aside.
// A lost connection leaves the first that is under way as its suspect. Suspects are tried one after the other, each in
// four stages: the others flow for a while; what is under way ends; a message of our own is acknowledged, so the
// connection lives; the suspect is sent, alone.
#include "app/broker/reply/reply_queue_internal.h"

#include <stdlib.h>
#include <string.h>

#include "app/broker/connection/cookie.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"

#define WINDOW_MAX   100
#define WINDOW_3_1_1 20 // what a stock Mosquitto takes

void reply_queue_init(struct reply_queue *queue, struct connection *connection, const char *fence_topic,
                      reply_queue_done *done, void *context)
{
    *queue =
        (struct reply_queue){.connection = connection, .fence_topic = fence_topic, .done = done, .context = context};
    TAILQ_INIT(&queue->waiting);
    TAILQ_INIT(&queue->aside);
    TAILQ_INIT(&queue->under_way);
}

void reply_queue_clear(struct reply_queue *queue)
{
    struct outgoing *next = NULL;
    for (struct outgoing *each = TAILQ_FIRST(&queue->under_way); each != NULL; each = next) {
        next = TAILQ_NEXT(each, link);
        if (each->is_own && each != &queue->fence) {
            free(each);
        }
    }
    own_topic_list_clear(&queue->own);
}

// ---- what waits

void reply_queue_send(struct reply_queue *queue, struct outgoing *outgoing)
{
    outgoing->number = ++queue->last_number;
    reply_queue_set_state(queue, outgoing, OUTGOING_WAITING);
}

static size_t count_of(const struct outgoing_list *list, const void *owner)
{
    size_t count = 0;
    const struct outgoing *each = NULL;
    TAILQ_FOREACH (each, list, link) {
        count += each->owner == owner ? 1 : 0;
    }
    return count;
}

static void take_back(struct reply_queue *queue, struct outgoing_list *list, const void *owner)
{
    struct outgoing *next = NULL;
    for (struct outgoing *each = TAILQ_FIRST(list); each != NULL; each = next) {
        next = TAILQ_NEXT(each, link);
        if (each->owner == owner) {
            reply_queue_set_state(queue, each, OUTGOING_ENDED);
        }
    }
}

bool reply_queue_withdraw(struct reply_queue *queue, const void *owner, size_t due)
{
    if (count_of(&queue->waiting, owner) + count_of(&queue->aside, owner) < due) {
        return false;
    }
    take_back(queue, &queue->waiting, owner);
    take_back(queue, &queue->aside, owner);
    return true;
}

// ---- ends

static size_t payload_len(const struct outgoing *outgoing)
{
    return outgoing->payload == NULL ? 0 : strlen(outgoing->payload);
}

void reply_queue_end(struct reply_queue *queue, struct outgoing *outgoing)
{
    reply_queue_set_state(queue, outgoing, OUTGOING_ENDED);
    if (!outgoing->is_own) {
        queue->done(queue->context, outgoing);
    } else if (outgoing != &queue->fence) {
        free(outgoing);
    }
}

// The broker will never have it: that ends the reply.
void reply_queue_refuse(struct reply_queue *queue, struct outgoing *outgoing, const char *why, int reason)
{
    metrics_add(METRIC_REPLIES_REFUSED, 1);
    LOG(LOG_WARN, "reply_refused", LOG_S("id", outgoing->id), LOG_S("rule", outgoing->rule),
        LOG_S("topic", outgoing->topic), LOG_S("error", why), LOG_N("reason", reason));
    reply_queue_end(queue, outgoing);
}

void reply_queue_condemn(struct reply_queue *queue, struct outgoing *outgoing, const char *why)
{
    metrics_add(METRIC_REPLIES_UNDELIVERABLE, 1);
    LOG(LOG_ERROR, "reply_undeliverable", LOG_S("id", outgoing->id), LOG_S("rule", outgoing->rule),
        LOG_S("topic", outgoing->topic), LOG_N("payload_bytes", payload_len(outgoing)), LOG_S("error", why),
        LOG_S("hint", "compare the topic with the broker's access rules, and the size with its packet limit"));
    reply_queue_end(queue, outgoing);
}

static void set_aside(struct reply_queue *queue, struct outgoing *outgoing, int64_t now_ms)
{
    reply_queue_set_state(queue, outgoing, OUTGOING_ASIDE);
    int64_t due_ms = now_ms + trial_pause_ms(&outgoing->suspicion);
    bool is_only_one = TAILQ_FIRST(&queue->aside) == outgoing;
    queue->trial_due_ms = is_only_one ? due_ms : clock_sooner(due_ms, queue->trial_due_ms);
}

// ---- what is under way

void reply_queue_put_under_way(struct reply_queue *queue, struct outgoing *outgoing, int64_t now_ms)
{
    outgoing->is_passed = false;
    outgoing->sent_ms = now_ms;
    reply_queue_set_state(queue, outgoing, OUTGOING_UNDER_WAY);
}

// ---- what becomes of what was sent

static void mark_passed(struct outgoing *acknowledged)
{
    struct outgoing *each = acknowledged;
    while ((each = TAILQ_PREV(each, outgoing_list, link)) != NULL) {
        each->is_passed = true;
    }
}

static void acknowledged_reply(struct reply_queue *queue, struct outgoing *outgoing, const struct mqtt_event *event,
                               int64_t now_ms)
{
    queue->careful -= queue->careful > 0 ? 1 : 0;
    if (outgoing->suspicion.is_aside) {
        LOG(LOG_INFO, outgoing->suspicion.is_cut ? "reply_delivered_cut" : "reply_delivered_alone",
            LOG_S("id", outgoing->id), LOG_S("topic", outgoing->topic));
        reply_queue_set_stage(queue, STAGE_FLOW, now_ms);
        queue->trial_due_ms = now_ms;
    }
    if (event->kind == MQTT_PUBLISH_REFUSED) {
        reply_queue_refuse(queue, outgoing, event->text, event->reason);
        return;
    }
    FAULT_POINT("after_reply_puback");
    reply_queue_end(queue, outgoing);
}

static void settle(struct reply_queue *queue, struct outgoing *outgoing, const struct mqtt_event *event, int64_t now_ms)
{
    queue->last_progress_ms = now_ms;
    if (event->kind == MQTT_PUBLISH_LOST) {
        // What ended the connection is still to be reported.
        reply_queue_set_state(queue, outgoing, OUTGOING_LOST);
        outgoing->lost_ms = now_ms;
        return;
    }
    queue->acknowledged++;
    mark_passed(outgoing);
    if (queue->stuck == outgoing) {
        queue->stuck = NULL;
    }
    if (outgoing->is_own) {
        own_topic_acknowledged(outgoing->owner);
        reply_queue_end(queue, outgoing);
    } else {
        acknowledged_reply(queue, outgoing, event, now_ms);
    }
}

void reply_queue_take(struct reply_queue *queue, const struct mqtt_event *event, int64_t now_ms)
{
    if (event->cookie == COOKIE_PROBE) {
        if (queue->stage == STAGE_PROBE) {
            reply_queue_set_stage(queue, STAGE_TRIAL, now_ms);
        }
        return;
    }
    struct outgoing *outgoing = NULL;
    TAILQ_FOREACH (outgoing, &queue->under_way, link) {
        if (outgoing->number == event->cookie) {
            settle(queue, outgoing, event, now_ms);
            return;
        }
    }
}

void reply_queue_fence_ended(struct reply_queue *queue, const struct mqtt_event *event, int64_t now_ms)
{
    if (queue->fence.state != OUTGOING_ENDED) {
        settle(queue, &queue->fence, event, now_ms);
    }
}

// ---- what a loss shows

const char *reply_queue_unacknowledged(const struct reply_queue *queue)
{
    const struct outgoing *first = TAILQ_FIRST(&queue->under_way);
    return first == NULL ? NULL : first->topic;
}

static bool has_short_form(const struct reply_queue *queue, const struct outgoing *outgoing,
                           const struct mqtt_event *event)
{
    bool may_be_size = !queue->knows_limits || event->reason == 0x95; // Packet too large
    return may_be_size && strstr(outgoing->payload, "\"result\":") != NULL;
}

static enum trial_verdict judge_trial(struct reply_queue *queue, struct outgoing *outgoing,
                                      const struct mqtt_event *event, int64_t now_ms)
{
    bool is_alone = queue->stage == STAGE_TRIAL && TAILQ_FIRST(&queue->under_way) == outgoing &&
                    TAILQ_NEXT(outgoing, link) == NULL && queue->acknowledged > 0;
    bool is_shown = is_alone && trial_blames_message(event) && now_ms - outgoing->sent_ms <= STAGE_MAX_MS;
    if (queue->stuck != outgoing && !is_shown) {
        trial_unclear(&outgoing->suspicion);
        return TRIAL_ALONE;
    }
    return trial_died(&outgoing->suspicion, has_short_form(queue, outgoing, event));
}

static enum trial_verdict judge(struct reply_queue *queue, struct outgoing *outgoing, const struct mqtt_event *event,
                                int64_t now_ms)
{
    if (outgoing->suspicion.is_aside) {
        return judge_trial(queue, outgoing, event, now_ms);
    }
    return trial_lost_first(&outgoing->suspicion, queue->losses);
}

static void blame(struct reply_queue *queue, struct outgoing *first, const struct mqtt_event *event, int64_t now_ms)
{
    queue->losses++;
    if (first->is_own) {
        own_topic_note_loss(first->owner, queue->losses, now_ms);
        return;
    }
    enum trial_verdict verdict = judge(queue, first, event, now_ms);
    if (verdict == TRIAL_AGAIN) {
        reply_queue_set_state(queue, first, OUTGOING_WAITING);
        return;
    }
    if (verdict == TRIAL_CONDEMNED) {
        reply_queue_condemn(queue, first, "the broker ended the connection each time this reply was sent, alone");
        return;
    }
    LOG(LOG_WARN, "reply_set_aside", LOG_S("id", first->id), LOG_S("rule", first->rule), LOG_S("topic", first->topic),
        LOG_N("payload_bytes", payload_len(first)), LOG_N("deaths", first->suspicion.deaths),
        LOG_S("hint", "the broker ended the connection over it; it is tried again alone, the others go on"));
    set_aside(queue, first, now_ms);
}

void reply_queue_put_back(struct reply_queue *queue, struct outgoing *outgoing, int64_t now_ms)
{
    if (outgoing->suspicion.is_aside) {
        set_aside(queue, outgoing, now_ms);
    } else if (outgoing->is_own) {
        reply_queue_end(queue, outgoing);
    } else {
        reply_queue_set_state(queue, outgoing, OUTGOING_WAITING);
    }
}

void reply_queue_put_back_lost(struct reply_queue *queue, int64_t lost_before_ms, int64_t now_ms)
{
    struct outgoing *next = NULL;
    for (struct outgoing *each = TAILQ_FIRST(&queue->under_way); each != NULL; each = next) {
        next = TAILQ_NEXT(each, link);
        if (each->state == OUTGOING_LOST && each->lost_ms <= lost_before_ms) {
            reply_queue_put_back(queue, each, now_ms);
        }
    }
}

// A connection that ends although nothing is under way ends by itself, so those before it may have done so too.
static void forget_deaths(struct reply_queue *queue)
{
    struct outgoing *each = NULL;
    TAILQ_FOREACH (each, &queue->aside, link) {
        each->suspicion.deaths = 0;
    }
}

void reply_queue_disconnected(struct reply_queue *queue, const struct mqtt_event *event, int64_t now_ms)
{
    struct outgoing *first = queue->stuck != NULL ? queue->stuck : TAILQ_FIRST(&queue->under_way);
    queue->careful = queue->replies_under_way > queue->careful ? queue->replies_under_way : queue->careful;
    if (first == NULL && event->kind == MQTT_LOST) {
        forget_deaths(queue);
    }
    if (first != NULL && first->state == OUTGOING_LOST && (queue->stuck != NULL || trial_blames_message(event))) {
        blame(queue, first, event, now_ms);
    }
    reply_queue_put_back_lost(queue, now_ms, now_ms);
    queue->stuck = NULL;
    reply_queue_set_stage(queue, STAGE_FLOW, now_ms);
}

// Not always the same: a connection that always ends at a certain age is not to seem to die of a trial.
static int64_t trial_life_ms(void)
{
    uint32_t random = 0;
    crypto_random(&random, sizeof random);
    return TRIAL_LIFE_MS + (int64_t)(random % (TRIAL_LIFE_MS / 2));
}

void reply_queue_connected(struct reply_queue *queue, const struct mqtt_event *event, bool v5, int64_t now_ms)
{
    size_t theirs = event->receive_maximum > 1 ? (size_t)event->receive_maximum - 1 : 1;
    queue->window = v5 ? theirs : WINDOW_3_1_1;
    queue->window = queue->window > WINDOW_MAX ? WINDOW_MAX : queue->window;
    queue->max_packet_size = event->max_packet_size;
    queue->knows_limits = v5;
    queue->acknowledged = 0;
    queue->trial_life_ms = now_ms + trial_life_ms();
    reply_queue_set_stage(queue, STAGE_FLOW, now_ms);
}
