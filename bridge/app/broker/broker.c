// Events are handed to the part that they are about; broker_run lets each part do what is due. The parts do not see
// each other: what one shows the other (a fence that was sent or came back, a connection that ended) goes through here.
#include "app/broker/broker_internal.h"

#include "app/broker/connection/cookie.h"
#include "base/log.h"
#include "base/mem.h"

void broker_send(struct broker *broker, struct outgoing *outgoing)
{
    reply_queue_send(&broker->queue, outgoing);
}

bool broker_withdraw(struct broker *broker, const void *owner, size_t due)
{
    return reply_queue_withdraw(&broker->queue, owner, due);
}

void broker_publish_own(struct broker *broker, const char *name, const char *payload, bool retain, int64_t now_ms)
{
    AUTO_FREE char *topic = mem_printf("%s/bridge/%s", broker->options.config->bridge.base_topic, name);
    reply_queue_publish_own(&broker->queue, topic, payload, retain, now_ms);
}

// Through the connection whose will says offline.
static void publish_state(struct broker *broker, const char *state, int64_t now_ms)
{
    struct diag diag;
    if (broker->commands.state != CONNECTION_UP || own_topic_is_paused(&broker->commands_state, now_ms)) {
        return;
    }
    if (connection_publish(&broker->commands, broker->commands_state.topic, state, true, COOKIE_STATE, &diag) ==
        ERR_OK) {
        broker->state_under_way = true;
    } else {
        LOG(LOG_WARN, "own_not_published", LOG_S("topic", broker->commands_state.topic), LOG_S("error", diag.text));
    }
}

// A broker does not publish our will when another client takes our session over, so the other connection says it.
static void go_offline(struct broker *broker, int64_t now_ms)
{
    if (broker->online) {
        broker->online = false;
        broker_publish_own(broker, "state", "offline", true, now_ms);
    }
}

// The first thing that the broker has not answered on the commands connection, or NULL.
static const char *unanswered_command(const struct broker *broker)
{
    const char *filter = broker->subscribe_due ? NULL : asked_first(&broker->subscriber.asked);
    if (filter != NULL) {
        return filter;
    }
    if (broker->info_under_way) {
        return broker->info_filter.topic;
    }
    return broker->state_under_way   ? broker->commands_state.topic
           : broker->proof.in_flight ? broker->proof.topic
                                     : NULL;
}

static void commands_lost(struct broker *broker, const struct mqtt_event *event, const char *unanswered, int64_t now_ms)
{
    if (unanswered != NULL && trial_blames_message(event)) {
        broker->commands_losses++;
        if (unanswered == broker->commands_state.topic) {
            own_topic_note_loss(&broker->commands_state, broker->commands_losses, now_ms);
        } else if (unanswered == broker->info_filter.topic) {
            own_topic_note_loss(&broker->info_filter, broker->commands_losses, now_ms);
        } else {
            asked_lost(&broker->subscriber.asked, broker->commands_losses, now_ms);
        }
    }
    broker->state_under_way = false;
    broker->info_under_way = false;
    broker->subscribe_due = false;
}

// Not while the connection is to be quiet.
static void subscribe_if_due(struct broker *broker, int64_t now_ms)
{
    if (broker->subscribe_due && now_ms >= broker->commands.quiet_until_ms) {
        broker->subscribe_due = false;
        proof_connected(&broker->proof, now_ms);
        // A publish with QoS 0 is not acknowledged, so it proves nothing.
        broker->proof.is_unsubscribed = broker->proof.is_unsubscribed || broker->connected.max_qos < 1;
        subscriber_connected(&broker->subscriber, &broker->connected);
    }
}

static void take_commands_event(struct broker *broker, const struct mqtt_event *event, const char *unanswered,
                                int64_t now_ms)
{
    if (!connection_take(&broker->commands, event, unanswered, now_ms)) {
        return;
    }
    go_offline(broker, now_ms);
    commands_lost(broker, event, unanswered, now_ms);
    if (broker->commands.state == CONNECTION_UP) {
        broker->connected = *event;
        broker->subscribe_due = true;
        subscribe_if_due(broker, now_ms);
    }
}

static void take_round(struct broker *broker, const struct moment *now)
{
    if (subscriber_round_answered(&broker->subscriber, now)) {
        proof_fence_came(&broker->proof, now->boot_ms);
        broker->commands.failures = 0;
    }
}

// Once we are subscribed, so that the answer of another bridge comes live.
static void publish_info(struct broker *broker, const struct mqtt_event *subscribed, int64_t now_ms)
{
    if (subscribed->kind == MQTT_SUBSCRIBE_FAILED) {
        LOG(LOG_WARN, "mqtt_subscribe_refused", LOG_S("filter", broker->info_filter.topic),
            LOG_S("error", subscribed->text),
            LOG_S("hint", "a second bridge with the same bridge.base_topic is not noticed"));
    }
    broker->info_under_way = false;
    own_topic_acknowledged(&broker->info_filter);
    broker_publish_own(broker, "info", broker->info.text, true, now_ms);
}

void broker_on_commands_event(struct broker *broker, const struct mqtt_event *event, const struct moment *now)
{
    const char *unanswered = unanswered_command(broker);
    if (proof_take(&broker->proof, event, now->boot_ms)) {
        return;
    }
    if ((event->cookie & COOKIE_FENCE_ROUND) != 0) {
        take_round(broker, now);
    } else if (event->cookie == COOKIE_INFO_SUBSCRIBE) {
        publish_info(broker, event, now->boot_ms);
    } else if (event->kind == MQTT_SUBSCRIBED || event->kind == MQTT_SUBSCRIBE_FAILED) {
        subscriber_answered(&broker->subscriber, event, now->boot_ms);
    } else if (event->cookie == COOKIE_STATE) {
        broker->state_under_way = event->kind == MQTT_PUBLISH_LOST;
        if (event->kind != MQTT_PUBLISH_LOST) {
            own_topic_acknowledged(&broker->commands_state);
        }
    } else {
        take_commands_event(broker, event, unanswered, now->boot_ms);
    }
}

static void take_replies_event(struct broker *broker, const struct mqtt_event *event, int64_t now_ms)
{
    const char *unanswered = reply_queue_unacknowledged(&broker->queue);
    if (!connection_take(&broker->replies, event, unanswered, now_ms)) {
        reply_queue_take(&broker->queue, event, now_ms);
    } else if (broker->replies.state == CONNECTION_UP) {
        reply_queue_connected(&broker->queue, event, broker->options.config->mqtt.version == CONFIG_MQTT_5, now_ms);
    } else {
        reply_queue_disconnected(&broker->queue, event, now_ms);
        fence_replies_lost(&broker->subscriber.fence, now_ms);
    }
}

void broker_on_replies_event(struct broker *broker, const struct mqtt_event *event, int64_t now_ms)
{
    if (event->cookie == COOKIE_FENCE) {
        fence_published(&broker->subscriber.fence, event, now_ms);
        reply_queue_fence_ended(&broker->queue, event, now_ms);
    } else {
        take_replies_event(broker, event, now_ms);
    }
}

// With QoS 0: what other bridges said while we were away is nothing to keep.
static void subscribe_info(struct broker *broker, int64_t now_ms)
{
    struct diag diag;
    if (own_topic_is_paused(&broker->info_filter, now_ms)) {
        return;
    }
    broker->info_under_way =
        mqtt_subscribe(broker->commands.mqtt, broker->info_filter.topic, 0, 0, COOKIE_INFO_SUBSCRIBE, &diag) == ERR_OK;
}

void broker_on_info(struct broker *broker, const struct mqtt_event *event, int64_t now_ms)
{
    if (info_take(&broker->info, event, event->reason != 0, now_ms)) {
        broker_publish_own(broker, "info", broker->info.text, true, now_ms);
    }
}

bool broker_on_fence(struct broker *broker, int64_t now_ms)
{
    if (broker->commands.state != CONNECTION_UP) {
        return false;
    }
    proof_fence_came(&broker->proof, now_ms);
    if (!subscriber_take_fence(&broker->subscriber, now_ms) || broker->online) {
        return false;
    }
    broker->commands.failures = 0;
    broker->commands.yields = 0;
    broker->replies.failures = 0;
    broker->online = true;
    publish_state(broker, "online", now_ms);
    subscribe_info(broker, now_ms);
    LOG(LOG_INFO, "online", LOG_N("subscriptions", broker->subscriber.wanted->count));
    return true;
}

void broker_on_gap(struct broker *broker)
{
    fence_begin_again(&broker->subscriber.fence);
}

static int64_t run_subscriber(struct broker *broker, const struct moment *now)
{
    subscribe_if_due(broker, now->boot_ms);
    if (broker->subscribe_due) {
        return broker->commands.quiet_until_ms - now->boot_ms;
    }
    int64_t held_until_ms = reply_queue_fence_paused_until(&broker->queue);
    if (held_until_ms > now->boot_ms) {
        fence_cannot_be_sent(&broker->subscriber.fence);
    }
    held_until_ms = clock_later(held_until_ms, broker->replies.quiet_until_ms);
    bool sent = false;
    int64_t wait_ms = subscriber_run(&broker->subscriber, now, held_until_ms, &sent);
    if (sent) {
        reply_queue_fence_sent(&broker->queue, now->boot_ms);
    }
    return wait_ms;
}

// The broker keeps what comes meanwhile. What is said of the last contact stays as it is: what the broker has not sent
// yet may be as old as that.
static void hold_commands(struct broker *broker, int64_t now_ms)
{
    if (broker->commands.state == CONNECTION_UP && !broker->held) {
        broker->held = true;
        go_offline(broker, now_ms);
        connection_renew(&broker->commands);
    }
}

int64_t broker_run(struct broker *broker, const struct moment *now, bool take_commands)
{
    int64_t wait_ms = connection_run(&broker->replies, now->boot_ms);
    if (take_commands) {
        broker->held = false;
        wait_ms = clock_sooner(wait_ms, connection_run(&broker->commands, now->boot_ms));
    } else {
        hold_commands(broker, now->boot_ms);
    }
    wait_ms = clock_sooner(wait_ms, run_subscriber(broker, now));
    if (!broker->subscribe_due) {
        broker->proof.is_unsubscribed = broker->proof.is_unsubscribed || broker->subscriber.fence.is_barred;
        wait_ms = clock_sooner(wait_ms, proof_run(&broker->proof, now->boot_ms));
    }
    return clock_sooner(wait_ms, reply_queue_run(&broker->queue, now->boot_ms));
}

struct broker_durability broker_durability(const struct broker *broker)
{
    return (struct broker_durability){
        .commands_qos = broker->subscriber.lowest_qos,
        .replies_qos = broker->replies.max_qos < 1 ? 0 : 1,
        .is_state_retained = broker->commands.retain_available,
    };
}

bool broker_is_online(const struct broker *broker)
{
    return broker->online;
}

void broker_stop_commands(struct broker *broker, const struct moment *now)
{
    if (broker->commands.state == CONNECTION_UP) {
        subscriber_note_stop(&broker->subscriber, now);
    }
    publish_state(broker, "offline", now->boot_ms);
    proof_stop(&broker->proof, now->boot_ms);
    broker->online = false;
    connection_stop(&broker->commands);
}

bool broker_commands_stopped(const struct broker *broker)
{
    return broker->commands.state == CONNECTION_STOPPED;
}

void broker_stop_replies(struct broker *broker)
{
    connection_stop(&broker->replies);
}

bool broker_replies_stopped(const struct broker *broker)
{
    return broker->replies.state == CONNECTION_STOPPED;
}

bool broker_replies_up(const struct broker *broker)
{
    return broker->replies.state == CONNECTION_UP;
}
