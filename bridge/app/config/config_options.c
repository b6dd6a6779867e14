// The table of the configuration: a row per key.
#include <stddef.h>

#include "app/config/config.h"

#define SECOND 1000LL
#define MINUTE (60 * SECOND)
#define DAY    (24LL * 60 * MINUTE)
#define MIB    (1024LL * 1024)

static const char *const versions[] = {"5", "3.1.1", NULL};
static const char *const redeliveries[] = {"dup", "content", NULL};
static const char *const methods[] = {"GET", "POST", NULL};
static const char *const algorithms[] = {"HMAC-SHA1", "HMAC-SHA256", NULL};
static const char *const syncs[] = {"full", "normal", NULL};
static const char *const controls[] = {"off", "read", "full", NULL};
static const char *const levels[] = {"debug", "info", "warn", "error", NULL};
static const char *const formats[] = {"auto", "text", "logfmt", "json", "journald", NULL};

// clang-format off
static const struct option_row tls_keys[] = {
    {.name = "ca_file", .type = OPTION_TEXT, .offset = offsetof(struct config_tls, ca_file), .empty_ok = true,
     .help = "certificates to trust, PEM; default: the system's"},
    {.name = "cert_file", .type = OPTION_TEXT, .offset = offsetof(struct config_tls, cert_file), .empty_ok = true,
     .help = "client certificate with its chain, PEM"},
    {.name = "key_file", .type = OPTION_TEXT, .offset = offsetof(struct config_tls, key_file), .empty_ok = true,
     .help = "private key of the client certificate, PEM"},
    {.members = config_options},
};

#define MQTT(member) offsetof(struct config_mqtt, member)
static const struct option_row mqtt_keys[] = {
    {.name = "url", .type = OPTION_TEXT_LIST, .offset = MQTT(urls), .fallback = "mqtt://localhost:1883",
     .help = "broker: mqtt, mqtts, ws or wss; a list is tried in order"},
    {.name = "client_id", .type = OPTION_TEXT, .offset = MQTT(client_id), .min = 1,
     .help = "stable: the broker keeps our session under it; default thingbridge-HOSTNAME"},
    {.name = "version", .type = OPTION_CHOICE, .offset = MQTT(version), .fallback = "\"5\"", .choices = versions,
     .help = "version of MQTT"},
    {.name = "username", .type = OPTION_TEXT, .offset = MQTT(username), .help = "name to log in with"},
    {.name = "password", .type = OPTION_SECRET, .offset = MQTT(password), .help = "where the password is read from"},
    {.name = "session_expiry", .type = OPTION_DURATION, .offset = MQTT(session_expiry_ms), .fallback = "1d",
     .min = SECOND, .max = 365LL * DAY, .help = "how long the broker queues for us while we are away (MQTT 5)"},
    {.name = "keepalive", .type = OPTION_DURATION, .offset = MQTT(keepalive_ms), .fallback = "20s", .min = SECOND,
     .max = 60LL * MINUTE, .help = "longest silence on a connection before it is tested"},
    {.name = "share", .type = OPTION_TEXT, .offset = MQTT(share), .fallback = "\"\"",
     .help = "group name: shared subscription with other bridges"},
    {.name = "redelivery", .type = OPTION_CHOICE, .offset = MQTT(redelivery), .fallback = "dup", .choices = redeliveries,
     .help = "how a command that the broker delivers again is known: dup: by the DUP flag; content: after a reconnect"
             " also by equal content, for brokers that set no DUP or deny a session that they keep"},
    {.name = "tls", .type = OPTION_GROUP, .offset = MQTT(tls), .members = tls_keys, .help = "for mqtts and wss"},
    {.members = config_options},
};

#define PLATFORM(member) offsetof(struct config_platform, member)
const struct option_row config_platform_options[] = {
    {.name = "endpoint", .type = OPTION_TEXT, .offset = PLATFORM(endpoint), .min = 1,
     .help = "https://host:port/ of the platform; http:// only on loopback"},
    {.name = "access_key_id", .type = OPTION_TEXT, .offset = PLATFORM(access_key_id), .min = 1,
     .help = "the account's AccessKeyId"},
    {.name = "access_key_secret", .type = OPTION_SECRET, .offset = PLATFORM(access_key_secret),
     .help = "where the AccessKeySecret is read from"},
    {.name = "method", .type = OPTION_CHOICE, .offset = PLATFORM(method), .fallback = "GET", .choices = methods,
     .help = "HTTP method of the calls"},
    {.name = "algorithm", .type = OPTION_CHOICE, .offset = PLATFORM(algorithm), .fallback = "HMAC-SHA1",
     .choices = algorithms, .help = "SignatureMethod"},
    {.name = "parameters", .type = OPTION_NODE, .offset = PLATFORM(parameters_node),
     .help = "further signed common parameters: Version, Format, RegionId, IotInstanceId ..."},
    {.name = "timeout", .type = OPTION_DURATION, .offset = PLATFORM(timeout_ms), .fallback = "12s", .min = 100,
     .max = 10LL * MINUTE, .help = "for one call; the platform waits up to 8 s for a synchronous device"},
    {.name = "connections", .type = OPTION_INT, .offset = PLATFORM(connections), .fallback = "64", .min = 1, .max = 1000,
     .help = "most calls at the same time"},
    {.name = "limits", .type = OPTION_NODE, .offset = PLATFORM(limits_node),
     .help = "quota per action, as {InvokeThingService: 500/s}"},
    {.name = "errors", .type = OPTION_NODE, .offset = PLATFORM(errors_node),
     .help = "what further error codes mean, as {iot.vendor.Busy: busy}; the longest prefix wins"},
    {.name = "proxy", .type = OPTION_TEXT, .offset = PLATFORM(proxy),
     .help = "proxy URL; empty: none; default: HTTPS_PROXY and NO_PROXY of the environment"},
    {.name = "tls", .type = OPTION_GROUP, .offset = PLATFORM(tls), .members = tls_keys, .help = "for https"},
    {.members = config_options},
};

#define AT(member) offsetof(struct config, member)
static const struct option_row outbox_keys[] = {
    {.name = "path", .type = OPTION_TEXT, .offset = AT(outbox.path) - AT(outbox), .min = 1,
     .fallback = "/var/lib/thingbridge/outbox.db", .help = "file of the durable queue; its folder must exist"},
    {.name = "sync", .type = OPTION_CHOICE, .offset = AT(outbox.sync) - AT(outbox), .fallback = "full", .choices = syncs,
     .help = "full: fsync before PUBACK; normal: safe on kill -9, not on power loss"},
    {.name = "max_commands", .type = OPTION_INT, .offset = AT(outbox.max_commands) - AT(outbox),
     .fallback = "10000", .min = 1, .max = 10000000, .help = "most commands that wait"},
    {.name = "max_share", .type = OPTION_FRACTION, .offset = AT(outbox.max_share) - AT(outbox), .fallback = "0.5",
     .help = "of max_commands and of max_bytes, for the commands of one rule: one topic cannot fill the queue for all"},
    {.name = "max_bytes", .type = OPTION_SIZE, .offset = AT(outbox.max_bytes) - AT(outbox), .fallback = "64MiB",
     .min = MIB, .max = 64LL * 1024LL * MIB, .help = "most bytes that waiting commands take"},
    {.name = "dedupe_window", .type = OPTION_DURATION, .offset = AT(outbox.dedupe_window_ms) - AT(outbox),
     .fallback = "10m", .min = 0, .max = 30LL * DAY, .help = "how long an id is remembered"},
    {.name = "dedupe_max", .type = OPTION_INT, .offset = AT(outbox.dedupe_max) - AT(outbox), .fallback = "100000",
     .min = 0, .max = 10000000, .help = "most ids that are remembered"},
    {.members = config_options},
};

static const struct option_row reply_keys[] = {
    {.name = "allow", .type = OPTION_TEXT_LIST, .offset = 0,
     .help = "topic filters that a requester may name as Response Topic"},
    {.members = config_options},
};

static const struct option_row bridge_keys[] = {
    {.name = "base_topic", .type = OPTION_TEXT, .offset = AT(bridge.base_topic) - AT(bridge), .min = 1, .fallback = "thingbridge",
     .help = "where our own topics begin"},
    {.name = "control", .type = OPTION_CHOICE, .offset = AT(bridge.control) - AT(bridge), .fallback = "read",
     .choices = controls, .help = "control verbs over MQTT"},
    {.members = config_options},
};

static const struct option_row admin_keys[] = {
    {.name = "listen", .type = OPTION_TEXT, .offset = 0, .fallback = "127.0.0.1:10464",
     .help = "address of the admin endpoint, unix:PATH, or off"},
    {.members = config_options},
};

static const struct option_row log_keys[] = {
    {.name = "level", .type = OPTION_CHOICE, .offset = AT(log.level) - AT(log), .fallback = "info", .choices = levels,
     .help = "least important lines to write"},
    {.name = "format", .type = OPTION_CHOICE, .offset = AT(log.format) - AT(log), .fallback = "auto", .choices = formats,
     .help = "auto: text on a terminal, logfmt otherwise"},
    {.members = config_options},
};

static const struct option_row limit_keys[] = {
    {.name = "payload", .type = OPTION_SIZE, .offset = AT(limits.payload) - AT(limits), .fallback = "256KiB",
     .min = 1, .max = MIB, .help = "largest payload of a command"},
    {.name = "json_depth", .type = OPTION_INT, .offset = AT(limits.json_depth) - AT(limits), .fallback = "32",
     .min = 1, .max = 256, .help = "deepest nesting of a payload's JSON"},
    {.name = "answer", .type = OPTION_SIZE, .offset = AT(limits.answer) - AT(limits), .fallback = "1MiB",
     .min = 1024, .max = 64LL * MIB, .help = "largest answer of the platform"},
    {.name = "stop", .type = OPTION_DURATION, .offset = AT(limits.stop_ms) - AT(limits), .fallback = "15s",
     .min = 0, .max = 10LL * MINUTE, .help = "how long a stop waits for what is in flight"},
    {.members = config_options},
};

const struct option_row config_options[] = {
    {.name = "mqtt", .type = OPTION_GROUP, .offset = AT(mqtt), .members = mqtt_keys, .help = "the broker"},
    {.name = "platform", .type = OPTION_NODE, .offset = AT(platform_node), .members = config_platform_options,
     .help = "the platform (or platforms)"},
    {.name = "platforms", .type = OPTION_NODE, .offset = AT(platforms_node), .members = config_platform_options,
     .each = "platform of `platforms`",
     .help = "several platforms by name, for `platform: NAME` in a rule; the first is the default"},
    {.name = "outbox", .type = OPTION_GROUP, .offset = AT(outbox), .members = outbox_keys, .help = "the durable queue"},
    {.name = "reply", .type = OPTION_GROUP, .offset = AT(reply), .members = reply_keys, .help = "replies"},
    {.name = "bridge", .type = OPTION_GROUP, .offset = AT(bridge), .members = bridge_keys, .help = "our own topics"},
    {.name = "admin", .type = OPTION_GROUP, .offset = AT(admin), .members = admin_keys, .help = "the admin endpoint"},
    {.name = "log", .type = OPTION_GROUP, .offset = AT(log), .members = log_keys, .help = "log lines"},
    {.name = "limits", .type = OPTION_GROUP, .offset = AT(limits), .members = limit_keys, .help = "limits"},
    {.name = "mappings", .type = OPTION_TEXT_LIST, .offset = AT(mappings),
     .fallback = "/etc/thingbridge/mappings/*.yaml", .help = "mapping files; globs, merged in name order"},
    {.members = config_options},
};
// clang-format on
