// The broker's parts are made: both connections, with what the configuration says of them, and what works on them.
#include "app/broker/broker_internal.h"

#include <stdlib.h>

#include "app/config/secret.h"
#include "base/log.h"
#include "base/mem.h"

#define CONNECT_TIMEOUT_S 10
#define RECEIVE_MAXIMUM   128
#define MAX_PACKET_SIZE   (1024 * 1024)

static struct mqtt_options connection_options(const struct broker *broker, const char *client_id, const char *password)
{
    const struct config_mqtt *config = &broker->options.config->mqtt;
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

static enum err create_commands(struct broker *broker, const char *password, struct diag *diag)
{
    const struct config_mqtt *config = &broker->options.config->mqtt;
    struct mqtt_handlers handlers = receiver_command_handlers(broker->options.receiver);
    struct mqtt_options options = connection_options(broker, config->client_id, password);
    options.clean_start = false;
    options.session_expiry_s = (uint32_t)(config->session_expiry_ms / 1000);
    options.receive_maximum = RECEIVE_MAXIMUM;
    options.max_packet_size = MAX_PACKET_SIZE;
    options.will_topic = broker->commands_state.topic;
    options.will_payload = "offline";
    return mqtt_create(&options, &handlers, &broker->commands.mqtt, diag);
}

static enum err create_replies(struct broker *broker, const char *password, struct diag *diag)
{
    AUTO_FREE char *client_id = mem_printf("%s-replies", broker->options.config->mqtt.client_id);
    struct mqtt_handlers handlers = receiver_reply_handlers(broker->options.receiver);
    struct mqtt_options options = connection_options(broker, client_id, password);
    return mqtt_create(&options, &handlers, &broker->replies.mqtt, diag);
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

static void prepare(struct broker *broker)
{
    const struct broker_options *options = &broker->options;
    struct subscriber_options subscriber = {
        .commands = &broker->commands,
        .replies = &broker->replies,
        .config = options->config,
        .mapping = options->mapping,
        .receiver = options->receiver,
        .outbox = options->outbox,
        .fence_topic = options->fence_topic,
    };
    broker->commands.name = "commands";
    broker->replies.name = "replies";
    broker->commands_state.topic = mem_printf("%s/bridge/state", options->config->bridge.base_topic);
    broker->info_filter.topic = mem_printf("%s/bridge/info", options->config->bridge.base_topic);
    info_init(&broker->info, options->config, options->outbox, mapping_rule_count(options->mapping));
    subscriber_init(&broker->subscriber, &subscriber);
    proof_init(&broker->proof, &broker->commands, options->outbox, options->fence_topic);
    reply_queue_init(&broker->queue, &broker->replies, options->fence_topic, options->done, options->context);
}

enum err broker_create(const struct broker_options *options, struct broker **out, struct diag *diag)
{
    struct broker *broker = mem_alloc(sizeof *broker);
    broker->options = *options;
    prepare(broker);
    char *password = NULL;
    enum err err = read_password(&options->config->mqtt, &password, diag);
    err = err == ERR_OK ? create_commands(broker, password, diag) : err;
    err = err == ERR_OK ? create_replies(broker, password, diag) : err;
    secret_free(password);
    if (err != ERR_OK) {
        broker_destroy(broker);
        return err;
    }
    *out = broker;
    return ERR_OK;
}

void broker_destroy(struct broker *broker)
{
    mqtt_destroy(broker->commands.mqtt);
    mqtt_destroy(broker->replies.mqtt);
    subscriber_clear(&broker->subscriber);
    info_clear(&broker->info);
    reply_queue_clear(&broker->queue);
    free(broker->commands_state.topic);
    free(broker->info_filter.topic);
    free(broker);
}
