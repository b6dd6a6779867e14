#include "app/broker/link.h"

#include <stdlib.h>
#include <string.h>

#include "app/broker/connection.h"
#include "app/broker/info.h"
#include "app/broker/proof.h"
#include "app/broker/subscriber.h"
#include "app/config/secret.h"
#include "base/log.h"
#include "base/mem.h"

#define INFO_COOKIE       (UINT64_C(1) << 61) // of its SUBSCRIBE
#define CONNECT_TIMEOUT_S 10
#define RECEIVE_MAXIMUM   128
#define MAX_PACKET_SIZE   (1024 * 1024)

struct link {
    struct link_options options;
    struct connection commands;
    struct connection replies;
    struct subscriber subscriber;
    struct proof proof;
    struct reply_queue queue;
    struct info info;
    char *state_topic;
    struct own_topic commands_state; // the state's topic on the commands connection
    bool state_under_way;
    struct own_topic info_filter; // bridge/info on the commands connection
    bool info_under_way;          // its SUBSCRIBE
    uint64_t commands_losses;
    struct mqtt_event connected; // of the commands connection, until its quiet time has passed
    bool subscribe_due;
    bool online;
    bool held; // the commands connection is closed by us until commands are taken again
};

#define STATE_COOKIE UINT64_MAX // of the state's PUBLISH on the commands connection

static struct mqtt_options connection_options(const struct link *link, const char *client_id, const char *password)
{
    const struct config_mqtt *config = &link->options.config->mqtt;
    return (struct mqtt_options){
        .urls = (const char *const *)config->urls.items,
        .url_count = config->urls.count,
        .client_id = client_id,
        .version = config->version == CONFIG_MQTT_5 ? 5 : 4,
        .username = config->username,
        .password = password,
        .tls = {config->tls.ca_file, config->tls.cert_file, config->tls.key_file},
        .keepalive_s = (int)(config->keepalive_ms / 1000),
        .connect_timeout_s = CONNECT_TIMEOUT_S,
        .clean_start = true,
    };
}

static enum err create_commands(struct link *link, const char *password, struct diag *diag)
{
    const struct config_mqtt *config = &link->options.config->mqtt;
    struct mqtt_handlers handlers = receiver_command_handlers(link->options.receiver);
    struct mqtt_options options = connection_options(link, config->client_id, password);
    options.clean_start = false;
    options.session_expiry_s = (uint32_t)(config->session_expiry_ms / 1000);
    options.receive_maximum = RECEIVE_MAXIMUM;
    options.max_packet_size = MAX_PACKET_SIZE;
    options.will_topic = link->state_topic;
    options.will_payload = "offline";
    return mqtt_create(&options, &handlers, &link->commands.mqtt, diag);
}

static enum err create_replies(struct link *link, const char *password, struct diag *diag)
{
    AUTO_FREE char *client_id = mem_printf("%s-replies", link->options.config->mqtt.client_id);
    struct mqtt_handlers handlers = receiver_reply_handlers(link->options.receiver);
    struct mqtt_options options = connection_options(link, client_id, password);
    return mqtt_create(&options, &handlers, &link->replies.mqtt, diag);
}

static enum err read_password(const struct config_mqtt *config, char **password, struct diag *diag)
{
    const char *warning = NULL;
    struct diag reason;
    if (!secret_is_set(&config->password)) {
        return ERR_OK;
    }
    enum err err = secret_read(&config->password, password, &warning, &reason);
    if (err != ERR_OK) {
        return diag_set(diag, err, "mqtt.password: %s", reason.text);
    }
    if (warning != NULL) {
        LOG(LOG_WARN, "secret_warning", LOG_S("file", config->password.file), LOG_S("hint", warning));
    }
    return ERR_OK;
}

static void prepare(struct link *link)
{
    const struct link_options *options = &link->options;
    struct subscriber_options subscriber = {
        .commands = &link->commands,
        .replies = &link->replies,
        .mapping = options->mapping,
        .receiver = options->receiver,
        .outbox = options->outbox,
        .share = options->config->mqtt.share,
        .fence_topic = options->fence_topic,
        .base_topic = options->config->bridge.base_topic,
        .username = options->config->mqtt.username,
        .sessions_may_be_denied = options->config->mqtt.redelivery == CONFIG_BY_CONTENT,
        .client_id = options->config->mqtt.client_id,
        .brings_retained_again = options->config->mqtt.version == CONFIG_MQTT_3_1_1,
    };
    link->commands.name = "commands";
    link->replies.name = "replies";
    link->state_topic = mem_printf("%s/bridge/state", options->config->bridge.base_topic);
    link->info_filter.topic = mem_printf("%s/bridge/info", options->config->bridge.base_topic);
    info_init(&link->info, options->config, options->outbox, link->info_filter.topic,
              mapping_rule_count(options->mapping));
    subscriber_init(&link->subscriber, &subscriber);
    link->commands_state.topic = link->state_topic;
    proof_init(&link->proof, &link->commands, options->outbox, options->fence_topic);
    reply_queue_init(&link->queue, &link->replies, options->fence_topic, options->done, options->context);
}

enum err link_create(const struct link_options *options, struct link **out, struct diag *diag)
{
    struct link *link = mem_alloc(sizeof *link);
    link->options = *options;
    prepare(link);
    char *password = NULL;
    enum err err = read_password(&options->config->mqtt, &password, diag);
    err = err == ERR_OK ? create_commands(link, password, diag) : err;
    err = err == ERR_OK ? create_replies(link, password, diag) : err;
    secret_free(password);
    if (err != ERR_OK) {
        link_destroy(link);
        return err;
    }
    *out = link;
    return ERR_OK;
}

void link_destroy(struct link *link)
{
    mqtt_destroy(link->commands.mqtt);
    mqtt_destroy(link->replies.mqtt);
    subscriber_clear(&link->subscriber);
    info_clear(&link->info);
    reply_queue_clear(&link->queue);
    free(link->state_topic);
    free(link->info_filter.topic);
    free(link);
}

void link_send(struct link *link, struct outgoing *outgoing)
{
    reply_queue_send(&link->queue, outgoing);
}

bool link_withdraw(struct link *link, const void *owner, size_t due)
{
    return reply_queue_withdraw(&link->queue, owner, due);
}

void link_publish_own(struct link *link, const char *topic, const char *payload, bool retain, int64_t now_ms)
{
    reply_queue_publish_own(&link->queue, topic, payload, retain, now_ms);
}

// Through the connection whose will says offline.
static void publish_state(struct link *link, const char *state, int64_t now_ms)
{
    struct diag diag;
    struct mqtt_publication publication = {
        .topic = link->state_topic, .payload = state, .payload_len = strlen(state), .qos = 1, .retain = true};
    if (link->commands.state != CONNECTION_UP || own_topic_is_paused(&link->commands_state, now_ms)) {
        return;
    }
    if (mqtt_publish(link->commands.mqtt, &publication, STATE_COOKIE, &diag) == ERR_OK) {
        link->state_under_way = true;
    } else {
        LOG(LOG_WARN, "own_not_published", LOG_S("topic", link->state_topic), LOG_S("error", diag.text));
    }
}

// A broker does not publish our will when another client takes our session over, so the other connection says it.
static void go_offline(struct link *link, int64_t now_ms)
{
    if (link->online) {
        link->online = false;
        link_publish_own(link, link->state_topic, "offline", true, now_ms);
    }
}

// The first thing that the broker has not answered on the commands connection, or NULL.
static const char *unanswered_command(const struct link *link)
{
    const char *filter = link->subscribe_due ? NULL : subscriber_unanswered(&link->subscriber);
    if (filter != NULL) {
        return filter;
    }
    if (link->info_under_way) {
        return link->info_filter.topic;
    }
    return link->state_under_way ? link->state_topic : link->proof.in_flight ? link->proof.topic : NULL;
}

static void commands_lost(struct link *link, const struct mqtt_event *event, const char *unanswered, int64_t now_ms)
{
    if (unanswered != NULL && trial_blames_message(event)) {
        link->commands_losses++;
        if (unanswered == link->state_topic) {
            own_topic_note_loss(&link->commands_state, link->commands_losses, now_ms);
        } else if (unanswered == link->info_filter.topic) {
            own_topic_note_loss(&link->info_filter, link->commands_losses, now_ms);
        } else {
            subscriber_lost(&link->subscriber, link->commands_losses, now_ms);
        }
    }
    link->state_under_way = false;
    link->info_under_way = false;
    link->subscribe_due = false;
}

// Not while the connection is to be quiet.
static void subscribe_if_due(struct link *link, int64_t now_ms)
{
    if (link->subscribe_due && now_ms >= link->commands.quiet_until_ms) {
        link->subscribe_due = false;
        proof_connected(&link->proof, now_ms);
        // A publish with QoS 0 is not acknowledged, so it proves nothing.
        link->proof.is_unsubscribed = link->proof.is_unsubscribed || link->connected.max_qos < 1;
        subscriber_connected(&link->subscriber, &link->connected);
    }
}

static void take_commands_event(struct link *link, const struct mqtt_event *event, const char *unanswered,
                                int64_t now_ms)
{
    if (!connection_take(&link->commands, event, unanswered, now_ms)) {
        return;
    }
    go_offline(link, now_ms);
    commands_lost(link, event, unanswered, now_ms);
    if (link->commands.state == CONNECTION_UP) {
        link->connected = *event;
        link->subscribe_due = true;
        subscribe_if_due(link, now_ms);
    }
}

static void take_round(struct link *link, const struct moment *now)
{
    if (subscriber_round_answered(&link->subscriber, now)) {
        proof_fence_came(&link->proof, now->boot_ms);
        link->commands.failures = 0;
    }
}

// Once we are subscribed, so that the answer of another bridge comes live.
static void tell_info(struct link *link, const struct mqtt_event *subscribed, int64_t now_ms)
{
    if (subscribed->kind == MQTT_SUBSCRIBE_FAILED) {
        LOG(LOG_WARN, "mqtt_subscribe_refused", LOG_S("filter", link->info.topic), LOG_S("error", subscribed->text),
            LOG_S("hint", "a second bridge with the same bridge.base_topic is not noticed"));
    }
    link->info_under_way = false;
    own_topic_acknowledged(&link->info_filter);
    link_publish_own(link, link->info.topic, link->info.text, true, now_ms);
}

void link_on_commands_event(struct link *link, const struct mqtt_event *event, const struct moment *now)
{
    const char *unanswered = unanswered_command(link);
    if (proof_take(&link->proof, event, now->boot_ms)) {
        return;
    }
    if (fence_is_round(event)) {
        take_round(link, now);
    } else if (event->cookie == INFO_COOKIE) {
        tell_info(link, event, now->boot_ms);
    } else if (event->kind == MQTT_SUBSCRIBED || event->kind == MQTT_SUBSCRIBE_FAILED) {
        subscriber_answered(&link->subscriber, event, now->boot_ms);
    } else if (event->cookie == STATE_COOKIE) {
        link->state_under_way = event->kind == MQTT_PUBLISH_LOST;
        if (event->kind != MQTT_PUBLISH_LOST) {
            own_topic_acknowledged(&link->commands_state);
        }
    } else {
        take_commands_event(link, event, unanswered, now->boot_ms);
    }
}

static void take_replies_event(struct link *link, const struct mqtt_event *event, int64_t now_ms)
{
    const char *unanswered = reply_queue_unacknowledged(&link->queue);
    if (!connection_take(&link->replies, event, unanswered, now_ms)) {
        reply_queue_take(&link->queue, event, now_ms);
    } else if (link->replies.state == CONNECTION_UP) {
        reply_queue_connected(&link->queue, event, link->options.config->mqtt.version == CONFIG_MQTT_5, now_ms);
    } else {
        reply_queue_disconnected(&link->queue, event, now_ms);
        fence_replies_lost(&link->subscriber.fence, now_ms);
    }
}

void link_on_replies_event(struct link *link, const struct mqtt_event *event, int64_t now_ms)
{
    if (event->cookie == FENCE_PUBLISH_COOKIE) {
        fence_published(&link->subscriber.fence, event, now_ms);
        reply_queue_fence_ended(&link->queue, event, now_ms);
    } else {
        take_replies_event(link, event, now_ms);
    }
}

// With QoS 0: what other bridges said while we were away is nothing to keep.
static void subscribe_info(struct link *link, int64_t now_ms)
{
    struct diag diag;
    if (own_topic_is_paused(&link->info_filter, now_ms)) {
        return;
    }
    link->info_under_way = mqtt_subscribe(link->commands.mqtt, link->info.topic, 0, 0, INFO_COOKIE, &diag) == ERR_OK;
}

void link_on_info(struct link *link, const struct mqtt_event *event, int64_t now_ms)
{
    if (info_take(&link->info, event, event->reason != 0, now_ms)) {
        link_publish_own(link, link->info.topic, link->info.text, true, now_ms);
    }
}

bool link_on_fence(struct link *link, int64_t now_ms)
{
    if (link->commands.state != CONNECTION_UP) {
        return false;
    }
    proof_fence_came(&link->proof, now_ms);
    if (!subscriber_take_fence(&link->subscriber, now_ms) || link->online) {
        return false;
    }
    link->commands.failures = 0;
    link->commands.yields = 0;
    link->replies.failures = 0;
    link->online = true;
    publish_state(link, "online", now_ms);
    subscribe_info(link, now_ms);
    LOG(LOG_INFO, "online", LOG_N("subscriptions", link->subscriber.wanted->count));
    return true;
}

void link_on_gap(struct link *link)
{
    fence_begin_again(&link->subscriber.fence);
}

static int64_t sooner(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t run_subscriber(struct link *link, const struct moment *now)
{
    subscribe_if_due(link, now->boot_ms);
    if (link->subscribe_due) {
        return link->commands.quiet_until_ms - now->boot_ms;
    }
    int64_t held_until_ms = reply_queue_fence_paused_until(&link->queue);
    if (held_until_ms > now->boot_ms) {
        fence_cannot_be_sent(&link->subscriber.fence);
    }
    held_until_ms = link->replies.quiet_until_ms > held_until_ms ? link->replies.quiet_until_ms : held_until_ms;
    bool sent = false;
    int64_t wait_ms = subscriber_run(&link->subscriber, now, held_until_ms, &sent);
    if (sent) {
        reply_queue_fence_sent(&link->queue, now->boot_ms);
    }
    return wait_ms;
}

// The broker keeps what comes meanwhile. What is said of the last contact stays as it is: what the broker has not sent
// yet may be as old as that.
static void hold_commands(struct link *link, int64_t now_ms)
{
    if (link->commands.state == CONNECTION_UP && !link->held) {
        link->held = true;
        go_offline(link, now_ms);
        connection_renew(&link->commands);
    }
}

int64_t link_run(struct link *link, const struct moment *now, bool take_commands)
{
    int64_t wait_ms = connection_run(&link->replies, now->boot_ms);
    if (take_commands) {
        link->held = false;
        wait_ms = sooner(wait_ms, connection_run(&link->commands, now->boot_ms));
    } else {
        hold_commands(link, now->boot_ms);
    }
    wait_ms = sooner(wait_ms, run_subscriber(link, now));
    if (!link->subscribe_due) {
        link->proof.is_unsubscribed = link->proof.is_unsubscribed || link->subscriber.fence.is_barred;
        wait_ms = sooner(wait_ms, proof_run(&link->proof, now->boot_ms));
    }
    return sooner(wait_ms, reply_queue_run(&link->queue, now->boot_ms));
}

struct link_durability link_durability(const struct link *link)
{
    return (struct link_durability){
        .commands_qos = link->subscriber.lowest_qos,
        .replies_qos = link->replies.max_qos < 1 ? 0 : 1,
        .is_state_retained = link->commands.retain_available,
    };
}

bool link_is_online(const struct link *link)
{
    return link->online;
}

void link_stop_commands(struct link *link, const struct moment *now)
{
    if (link->commands.state == CONNECTION_UP) {
        subscriber_note_stop(&link->subscriber, now);
    }
    publish_state(link, "offline", now->boot_ms);
    proof_stop(&link->proof, now->boot_ms);
    link->online = false;
    connection_stop(&link->commands);
}

bool link_commands_stopped(const struct link *link)
{
    return link->commands.state == CONNECTION_STOPPED;
}

void link_stop_replies(struct link *link)
{
    connection_stop(&link->replies);
}

bool link_replies_stopped(const struct link *link)
{
    return link->replies.state == CONNECTION_STOPPED;
}

bool link_replies_up(const struct link *link)
{
    return link->replies.state == CONNECTION_UP;
}
