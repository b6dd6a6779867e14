#include "app/link.h"

#include <stdlib.h>
#include <string.h>

#include "app/connection.h"
#include "app/info.h"
#include "app/secret.h"
#include "app/subscriber.h"
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
    struct reply_queue queue;
    struct info info;
    char *state_topic;
    bool online;
    bool held; // the commands connection is closed by us until commands are taken again
};

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
        .sessions_may_be_denied = options->config->mqtt.redelivery == CONFIG_REDELIVERY_CONTENT,
    };
    link->commands.name = "commands";
    link->replies.name = "replies";
    link->state_topic = mem_printf("%s/bridge/state", options->config->bridge.base_topic);
    info_init(&link->info, options->config, options->outbox, options->info_topic, mapping_rule_count(options->mapping));
    subscriber_init(&link->subscriber, &subscriber);
    reply_queue_init(&link->queue, &link->replies, options->done, options->context);
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
    free(link->state_topic);
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

static void publish(struct connection *connection, const char *topic, const char *payload, bool retain)
{
    struct diag diag;
    struct mqtt_publication publication = {
        .topic = topic, .payload = payload, .payload_len = strlen(payload), .qos = 1, .retain = retain};
    if (connection->state == CONNECTION_UP && mqtt_publish(connection->mqtt, &publication, 0, &diag) != ERR_OK) {
        LOG(LOG_WARN, "own_not_published", LOG_S("topic", topic), LOG_S("error", diag.text));
    }
}

void link_publish_own(struct link *link, const char *topic, const char *payload, bool retain)
{
    publish(&link->replies, topic, payload, retain);
}

// A broker does not publish our will when another client takes our session over, so the other connection says it.
static void go_offline(struct link *link)
{
    if (link->online) {
        link->online = false;
        publish(&link->replies, link->state_topic, "offline", true);
    }
}

// Once we are subscribed, so that the answer of another bridge comes live.
static void tell_info(struct link *link, const struct mqtt_event *subscribed)
{
    if (subscribed->kind == MQTT_SUBSCRIBE_FAILED) {
        LOG(LOG_WARN, "mqtt_subscribe_refused", LOG_S("filter", link->info.topic), LOG_S("error", subscribed->text),
            LOG_S("hint", "a second bridge with the same bridge.base_topic is not noticed"));
    }
    publish(&link->replies, link->info.topic, link->info.text, true);
}

void link_on_commands_event(struct link *link, const struct mqtt_event *event, const struct moment *now)
{
    if (fence_is_round(event)) {
        if (subscriber_round_answered(&link->subscriber, now)) {
            link->commands.failures = 0;
        }
    } else if (event->cookie == INFO_COOKIE) {
        tell_info(link, event);
    } else if (event->kind == MQTT_SUBSCRIBED || event->kind == MQTT_SUBSCRIBE_FAILED) {
        subscriber_answered(&link->subscriber, event, now->boot_ms);
    } else if (connection_take(&link->commands, event, now->boot_ms)) {
        go_offline(link);
        if (link->commands.state == CONNECTION_UP) {
            subscriber_connected(&link->subscriber, event);
        }
    }
}

void link_on_replies_event(struct link *link, const struct mqtt_event *event, int64_t now_ms)
{
    if (event->cookie == FENCE_PUBLISH_COOKIE) {
        fence_published(&link->subscriber.fence, event, now_ms);
    } else if (!connection_take(&link->replies, event, now_ms)) {
        reply_queue_take(&link->queue, event, now_ms);
    } else if (link->replies.state == CONNECTION_UP) {
        reply_queue_connected(&link->queue, event, link->options.config->mqtt.version == CONFIG_MQTT_5);
    } else {
        fence_replies_lost(&link->subscriber.fence, now_ms);
    }
}

static void subscribe_info(struct link *link)
{
    struct diag diag;
    if (mqtt_subscribe(link->commands.mqtt, link->info.topic, 1, 0, INFO_COOKIE, &diag) != ERR_OK) {
        LOG(LOG_DEBUG, "mqtt_subscribe_failed", LOG_S("filter", link->info.topic), LOG_S("error", diag.text));
    }
}

void link_on_info(struct link *link, const struct mqtt_event *event, int64_t now_ms)
{
    if (info_take(&link->info, event, event->reason != 0, now_ms)) {
        publish(&link->replies, link->info.topic, link->info.text, true);
    }
}

bool link_on_fence(struct link *link, int64_t now_ms)
{
    if (link->commands.state != CONNECTION_UP || !subscriber_take_fence(&link->subscriber, now_ms) || link->online) {
        return false;
    }
    link->commands.failures = 0;
    link->commands.yields = 0;
    link->replies.failures = 0;
    link->online = true;
    publish(&link->commands, link->state_topic, "online", true);
    subscribe_info(link);
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

// The broker keeps what comes meanwhile. What is said of the last contact stays as it is: what the broker has not sent
// yet may be as old as that.
static void hold_commands(struct link *link)
{
    if (link->commands.state == CONNECTION_UP && !link->held) {
        link->held = true;
        go_offline(link);
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
        hold_commands(link);
    }
    wait_ms = sooner(wait_ms, subscriber_run(&link->subscriber, now));
    return sooner(wait_ms, reply_queue_run(&link->queue, now->boot_ms));
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
    publish(&link->commands, link->state_topic, "offline", true);
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
