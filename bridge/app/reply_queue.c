// Three lists: what waits, what is under way (with messages of our own, in order of sending), and what is set aside.
// A lost connection leaves the first that is under way as its suspect. Suspects are tried one after the other, each in
// four stages: the others flow for a while; what is under way ends; a message of our own is acknowledged, so the
// connection lives; the suspect is sent, alone.
#include "app/reply_queue.h"

#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "core/reply.h"
#include "core/topic.h"

#define POKE_MS      300
#define WINDOW_MAX   100
#define WINDOW_3_1_1 20   // what a stock Mosquitto takes
#define STAGE_MAX_MS 5000 // the others wait no longer for one that is tried
#define STUCK_MS     30000 // acknowledgments come in order (MQTT section 4.6): one that is passed by for so long is refused

void reply_queue_init(struct reply_queue *queue, struct connection *connection, const char *probe_topic,
                      reply_queue_done *done, void *context)
{
    *queue =
        (struct reply_queue){.connection = connection, .probe_topic = probe_topic, .done = done, .context = context};
}

void reply_queue_clear(struct reply_queue *queue)
{
    struct outgoing *next = NULL;
    for (struct outgoing *each = queue->under_way.first; each != NULL; each = next) {
        next = each->next;
        if (each->is_own && each != &queue->fence) {
            free(each);
        }
    }
    for (size_t i = 0; i < queue->own_count; i++) {
        free(queue->own[i].topic);
    }
}

void reply_queue_send(struct reply_queue *queue, struct outgoing *outgoing)
{
    outgoing->sequence = ++queue->next_sequence;
    outgoing_append(&queue->waiting, outgoing);
}

bool reply_queue_withdraw(struct reply_queue *queue, const void *owner, size_t due)
{
    if (outgoing_count_of(&queue->waiting, owner) + outgoing_count_of(&queue->aside, owner) < due) {
        return false;
    }
    outgoing_remove_of(&queue->waiting, owner);
    outgoing_remove_of(&queue->aside, owner);
    return true;
}

// ---- ends

static size_t payload_len(const struct outgoing *outgoing)
{
    return outgoing->payload == NULL ? 0 : strlen(outgoing->payload);
}

// The broker will never have it: that ends the reply.
static void give_up(struct reply_queue *queue, struct outgoing *outgoing, const char *why, int reason)
{
    metrics_add(METRIC_REPLIES_REFUSED, 1);
    LOG(LOG_WARN, "reply_refused", LOG_S("id", outgoing->id), LOG_S("rule", outgoing->rule),
        LOG_S("topic", outgoing->topic), LOG_S("error", why), LOG_N("reason", reason));
    queue->done(queue->context, outgoing);
}

static void end_undeliverable(struct reply_queue *queue, struct outgoing *outgoing, const char *why)
{
    metrics_add(METRIC_REPLIES_UNDELIVERABLE, 1);
    LOG(LOG_ERROR, "reply_undeliverable", LOG_S("id", outgoing->id), LOG_S("rule", outgoing->rule),
        LOG_S("topic", outgoing->topic), LOG_N("payload_bytes", payload_len(outgoing)), LOG_S("error", why),
        LOG_S("hint", "compare the topic with the broker's access rules, and the size with its packet limit"));
    queue->done(queue->context, outgoing);
}

static void set_stage(struct reply_queue *queue, enum reply_stage stage, int64_t now_ms)
{
    queue->stage = stage;
    queue->stage_since_ms = now_ms;
}

static void set_aside(struct reply_queue *queue, struct outgoing *outgoing, int64_t now_ms)
{
    outgoing_append(&queue->aside, outgoing);
    int64_t due_ms = now_ms + trial_pause_ms(&outgoing->suspicion);
    queue->trial_due_ms = queue->aside.count == 1 || due_ms < queue->trial_due_ms ? due_ms : queue->trial_due_ms;
}

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
    return mqtt_publish(queue->connection->mqtt, &publication, (uint64_t)(uintptr_t)outgoing, diag);
}

static void put_under_way(struct reply_queue *queue, struct outgoing *outgoing, int64_t now_ms)
{
    outgoing->is_lost = false;
    outgoing->is_passed = false;
    outgoing->sent_ms = now_ms;
    queue->replies_under_way += outgoing->is_own ? 0 : 1;
    queue->aside_under_way += outgoing->suspicion.is_aside ? 1 : 0;
    outgoing_append(&queue->under_way, outgoing);
}

static void leave_under_way(struct reply_queue *queue, struct outgoing *outgoing)
{
    queue->replies_under_way -= outgoing->is_own ? 0 : 1;
    queue->aside_under_way -= outgoing->suspicion.is_aside ? 1 : 0;
    outgoing_remove(&queue->under_way, outgoing);
}

static void not_sent(struct reply_queue *queue, struct outgoing *outgoing, enum err err, const struct diag *diag)
{
    if (err == ERR_LIMIT || err == ERR_REFUSED) {
        leave_under_way(queue, outgoing);
        give_up(queue, outgoing, diag->text, 0);
        return;
    }
    outgoing->is_lost = true;
    // Without a connection nothing is wrong with it: the event that ends the connection is on its way.
    if (err != ERR_UNAVAILABLE) {
        queue->stuck = outgoing;
        connection_renew(queue->connection);
        LOG(LOG_WARN, "reply_not_sent", LOG_S("topic", outgoing->topic), LOG_S("error", diag->text));
    }
}

static void publish_reply(struct reply_queue *queue, struct outgoing *outgoing, int64_t now_ms)
{
    struct diag diag;
    if (!topic_name_valid(outgoing->topic, strlen(outgoing->topic))) {
        end_undeliverable(queue, outgoing, "brokers end the connection over such a topic (length, levels, characters)");
        return;
    }
    put_under_way(queue, outgoing, now_ms);
    FAULT_POINT("before_reply");
    enum err err = hand_over(queue, outgoing, &diag);
    FAULT_POINT("after_reply");
    if (err != ERR_OK) {
        not_sent(queue, outgoing, err, &diag);
    }
}

// ---- messages of our own

static struct own_topic *find_own(const struct reply_queue *queue, const char *topic)
{
    for (size_t i = 0; i < queue->own_count; i++) {
        if (strcmp(queue->own[i].topic, topic) == 0) {
            return (struct own_topic *)&queue->own[i];
        }
    }
    return NULL;
}

static struct own_topic *get_own(struct reply_queue *queue, const char *topic)
{
    struct own_topic *own = find_own(queue, topic);
    if (own == NULL && queue->own_count < REPLY_QUEUE_OWN_MAX) {
        own = &queue->own[queue->own_count++];
        *own = (struct own_topic){.topic = mem_strdup(topic)};
    }
    return own;
}

static bool may_send(const struct reply_queue *queue, int64_t now_ms)
{
    return queue->connection->state == CONNECTION_UP && now_ms >= queue->connection->quiet_until_ms &&
           mqtt_is_connected(queue->connection->mqtt);
}

void reply_queue_publish_own(struct reply_queue *queue, const char *topic, const char *payload, bool retain,
                             int64_t now_ms)
{
    struct own_topic *own = get_own(queue, topic);
    struct diag diag;
    if (!may_send(queue, now_ms) || own == NULL || own_topic_is_paused(own, now_ms)) {
        return;
    }
    struct outgoing *outgoing = mem_alloc(sizeof *outgoing);
    *outgoing = (struct outgoing){.topic = own->topic, .owner = own, .is_own = true};
    put_under_way(queue, outgoing, now_ms);
    struct mqtt_publication publication = {
        .topic = topic, .payload = payload, .payload_len = strlen(payload), .qos = 1, .retain = retain};
    if (mqtt_publish(queue->connection->mqtt, &publication, (uint64_t)(uintptr_t)outgoing, &diag) != ERR_OK) {
        LOG(LOG_WARN, "own_not_published", LOG_S("topic", topic), LOG_S("error", diag.text));
        leave_under_way(queue, outgoing);
        free(outgoing);
    }
}

static bool is_under_way(const struct reply_queue *queue, const struct outgoing *outgoing)
{
    return outgoing->previous != NULL || queue->under_way.first == outgoing;
}

void reply_queue_fence_sent(struct reply_queue *queue, int64_t now_ms)
{
    if (is_under_way(queue, &queue->fence)) {
        outgoing_remove(&queue->under_way, &queue->fence);
    }
    struct own_topic *own = get_own(queue, queue->probe_topic);
    queue->fence = (struct outgoing){.topic = queue->probe_topic, .owner = own, .is_own = true};
    put_under_way(queue, &queue->fence, now_ms);
}

int64_t reply_queue_fence_paused_until(const struct reply_queue *queue)
{
    const struct own_topic *own = find_own(queue, queue->probe_topic);
    return own == NULL ? 0 : own->paused_until_ms;
}

// ---- what becomes of what was sent

static void mark_passed(const struct outgoing *acknowledged)
{
    for (struct outgoing *each = acknowledged->previous; each != NULL; each = each->previous) {
        each->is_passed = true;
    }
}

static void acknowledged_own(struct reply_queue *queue, struct outgoing *outgoing, int64_t now_ms)
{
    struct own_topic *own = outgoing->owner;
    own_topic_acknowledged(own);
    if (queue->stage == STAGE_PROBE && strcmp(own->topic, queue->probe_topic) == 0) {
        set_stage(queue, STAGE_TRIAL, now_ms);
    }
    if (outgoing != &queue->fence) {
        free(outgoing);
    }
}

static void acknowledged_reply(struct reply_queue *queue, struct outgoing *outgoing, const struct mqtt_event *event,
                               int64_t now_ms)
{
    queue->acknowledged++;
    queue->careful -= queue->careful > 0 ? 1 : 0;
    if (outgoing->suspicion.is_aside) {
        LOG(LOG_INFO, outgoing->suspicion.is_cut ? "reply_delivered_cut" : "reply_delivered_alone",
            LOG_S("id", outgoing->id), LOG_S("topic", outgoing->topic));
        set_stage(queue, STAGE_FLOW, now_ms);
        queue->trial_due_ms = now_ms;
    }
    if (event->kind == MQTT_PUBLISH_REFUSED) {
        give_up(queue, outgoing, event->text, event->reason);
        return;
    }
    FAULT_POINT("after_reply_puback");
    queue->done(queue->context, outgoing);
}

static void settle(struct reply_queue *queue, struct outgoing *outgoing, const struct mqtt_event *event, int64_t now_ms)
{
    queue->last_progress_ms = now_ms;
    if (event->kind == MQTT_PUBLISH_LOST) {
        outgoing->is_lost = true; // what ended the connection is still to be told
        return;
    }
    mark_passed(outgoing);
    leave_under_way(queue, outgoing);
    if (queue->stuck == outgoing) {
        queue->stuck = NULL;
    }
    if (outgoing->is_own) {
        acknowledged_own(queue, outgoing, now_ms);
    } else {
        acknowledged_reply(queue, outgoing, event, now_ms);
    }
}

void reply_queue_take(struct reply_queue *queue, const struct mqtt_event *event, int64_t now_ms)
{
    struct outgoing *outgoing =
        (struct outgoing *)(uintptr_t)event->cookie; // NOLINT(performance-no-int-to-ptr): made by publish_reply
    if (outgoing != NULL) {
        settle(queue, outgoing, event, now_ms);
    }
}

void reply_queue_fence_ended(struct reply_queue *queue, const struct mqtt_event *event, int64_t now_ms)
{
    if (is_under_way(queue, &queue->fence)) {
        settle(queue, &queue->fence, event, now_ms);
    }
}

// ---- what a loss shows

const char *reply_queue_unacknowledged(const struct reply_queue *queue)
{
    return queue->under_way.first == NULL ? NULL : queue->under_way.first->topic;
}

static bool has_short_form(const struct reply_queue *queue, const struct outgoing *outgoing,
                           const struct mqtt_event *event)
{
    bool may_be_size = !queue->tells_limits || event->reason == 0x95; // Packet too large
    return may_be_size && strstr(outgoing->payload, "\"result\":") != NULL;
}

static enum trial_verdict judge_trial(struct reply_queue *queue, struct outgoing *outgoing,
                                      const struct mqtt_event *event, int64_t now_ms)
{
    bool is_alone = queue->stage == STAGE_TRIAL && queue->under_way.count == 0;
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
        own_topic_lost(first->owner, queue->losses, now_ms);
        return;
    }
    leave_under_way(queue, first);
    enum trial_verdict verdict = judge(queue, first, event, now_ms);
    if (verdict == TRIAL_AGAIN) {
        outgoing_insert(&queue->waiting, first);
        return;
    }
    if (verdict == TRIAL_CONDEMNED) {
        end_undeliverable(queue, first, "the broker ended the connection each time this reply was sent, alone");
        return;
    }
    LOG(LOG_WARN, "reply_set_aside", LOG_S("id", first->id), LOG_S("rule", first->rule), LOG_S("topic", first->topic),
        LOG_N("payload_bytes", payload_len(first)), LOG_N("deaths", first->suspicion.deaths),
        LOG_S("hint", "the broker ended the connection over it; it is tried again alone, the others go on"));
    set_aside(queue, first, now_ms);
}

static void put_back(struct reply_queue *queue, struct outgoing *outgoing, int64_t now_ms)
{
    leave_under_way(queue, outgoing);
    if (outgoing->suspicion.is_aside) {
        set_aside(queue, outgoing, now_ms);
    } else if (!outgoing->is_own) {
        outgoing_insert(&queue->waiting, outgoing);
    } else if (outgoing != &queue->fence) {
        free(outgoing);
    }
}

static void put_back_lost(struct reply_queue *queue, int64_t now_ms)
{
    struct outgoing *next = NULL;
    for (struct outgoing *each = queue->under_way.first; each != NULL; each = next) {
        next = each->next;
        if (each->is_lost) {
            put_back(queue, each, now_ms);
        }
    }
}

void reply_queue_disconnected(struct reply_queue *queue, const struct mqtt_event *event, int64_t now_ms)
{
    struct outgoing *first = queue->stuck != NULL ? queue->stuck : queue->under_way.first;
    queue->careful = queue->replies_under_way > queue->careful ? queue->replies_under_way : queue->careful;
    if (first != NULL && first->is_lost && (queue->stuck != NULL || trial_blames_message(event))) {
        blame(queue, first, event, now_ms);
    }
    put_back_lost(queue, now_ms);
    queue->stuck = NULL;
    set_stage(queue, STAGE_FLOW, now_ms);
}

void reply_queue_connected(struct reply_queue *queue, const struct mqtt_event *event, bool v5, int64_t now_ms)
{
    size_t theirs = event->receive_maximum > 1 ? (size_t)event->receive_maximum - 1 : 1;
    queue->window = v5 ? theirs : WINDOW_3_1_1;
    queue->window = queue->window > WINDOW_MAX ? WINDOW_MAX : queue->window;
    queue->max_packet_size = event->max_packet_size;
    queue->tells_limits = v5;
    queue->acknowledged = 0;
    set_stage(queue, STAGE_FLOW, now_ms);
}

// ---- stages

static bool is_trial_due(const struct reply_queue *queue, int64_t now_ms)
{
    return queue->aside.first != NULL && queue->aside_under_way == 0 && now_ms >= queue->trial_due_ms &&
           now_ms - queue->connection->up_since_ms >= TRIAL_LIFE_MS;
}

static void begin_probe(struct reply_queue *queue, int64_t now_ms)
{
    const struct own_topic *own = get_own(queue, queue->probe_topic);
    if (own != NULL && !own_topic_is_paused(own, now_ms)) {
        set_stage(queue, STAGE_PROBE, now_ms);
        reply_queue_publish_own(queue, queue->probe_topic, "probe", false, now_ms);
    } else if (queue->acknowledged > 0) {
        set_stage(queue, STAGE_TRIAL, now_ms); // other replies have shown it
    } else {
        set_stage(queue, STAGE_FLOW, now_ms);
        queue->trial_due_ms = now_ms + TRIAL_LIFE_MS;
    }
}

static void begin_trial(struct reply_queue *queue, int64_t now_ms)
{
    struct outgoing *outgoing = queue->aside.first;
    outgoing_remove(&queue->aside, outgoing);
    queue->trial_due_ms = now_ms + TRIAL_LIFE_MS; // of the next one
    publish_reply(queue, outgoing, now_ms);
}

// The others have waited long enough.
static void give_stage_up(struct reply_queue *queue, int64_t now_ms)
{
    queue->trial_due_ms = now_ms + STAGE_MAX_MS;
    set_stage(queue, STAGE_FLOW, now_ms);
}

static void advance_stage(struct reply_queue *queue, int64_t now_ms)
{
    if (queue->stage == STAGE_FLOW && is_trial_due(queue, now_ms)) {
        set_stage(queue, STAGE_DRAIN, now_ms);
    }
    if (queue->stage == STAGE_DRAIN && queue->under_way.count == 0) {
        begin_probe(queue, now_ms);
    }
    if (queue->stage == STAGE_TRIAL && queue->under_way.count == 0) {
        if (queue->aside.first == NULL) {
            set_stage(queue, STAGE_FLOW, now_ms);
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
    struct outgoing *first = queue->under_way.first;
    if (first != NULL && first->is_passed && now_ms - first->sent_ms >= STUCK_MS) {
        LOG(LOG_ERROR, "publish_passed_by", LOG_S("topic", first->topic),
            LOG_S("hint", "the broker acknowledges what was published later and not this; connecting anew"));
        queue->stuck = first;
        connection_renew(queue->connection);
    }
}

static int64_t wait_ms(const struct reply_queue *queue, int64_t now_ms)
{
    int64_t wait = queue->replies_under_way > 0 || queue->stage != STAGE_FLOW ? POKE_MS : INT64_MAX;
    if (queue->aside.first != NULL && queue->aside_under_way == 0 && queue->stage == STAGE_FLOW) {
        int64_t alive_ms = queue->connection->up_since_ms + TRIAL_LIFE_MS;
        int64_t due_ms = queue->trial_due_ms > alive_ms ? queue->trial_due_ms : alive_ms;
        wait = due_ms - now_ms < wait ? due_ms - now_ms : wait;
    }
    return wait > 0 ? wait : 0;
}

static bool has_room(const struct reply_queue *queue)
{
    bool is_careful = queue->careful > 0 && queue->replies_under_way > queue->aside_under_way;
    return !is_careful && queue->replies_under_way < queue->window;
}

int64_t reply_queue_run(struct reply_queue *queue, int64_t now_ms)
{
    if (!may_send(queue, now_ms)) {
        bool is_quiet = queue->connection->state == CONNECTION_UP && now_ms < queue->connection->quiet_until_ms;
        return is_quiet ? queue->connection->quiet_until_ms - now_ms : INT64_MAX;
    }
    put_back_lost(queue, now_ms);
    if (queue->replies_under_way == 0) {
        queue->last_progress_ms = now_ms;
    }
    advance_stage(queue, now_ms);
    while (queue->stage == STAGE_FLOW && queue->waiting.first != NULL && has_room(queue)) {
        struct outgoing *next = queue->waiting.first;
        outgoing_remove(&queue->waiting, next);
        publish_reply(queue, next, now_ms);
    }
    if (queue->replies_under_way > 0 && now_ms - queue->last_progress_ms >= POKE_MS) {
        mqtt_poke(queue->connection->mqtt);
        queue->last_progress_ms = now_ms;
    }
    renew_if_stuck(queue, now_ms);
    return wait_ms(queue, now_ms);
}
