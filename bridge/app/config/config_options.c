// The table of the configuration: a row per key.
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

static const struct option_row tls_keys[] = {
    OPTION_ROW(config_tls, "ca_file", OPTION_TEXT, ca_file, .empty_ok = true,
               .help = "certificates to trust, PEM; default: the system's"),
    OPTION_ROW(config_tls, "cert_file", OPTION_TEXT, cert_file, .empty_ok = true,
               .help = "client certificate with its chain, PEM"),
    OPTION_ROW(config_tls, "key_file", OPTION_TEXT, key_file, .empty_ok = true,
               .help = "private key of the client certificate, PEM"),
    {.members = config_options},
};

static const struct option_row mqtt_keys[] = {
    OPTION_ROW(config_mqtt, "url", OPTION_TEXT_LIST, urls, .fallback = "mqtt://localhost:1883",
               .help = "broker: mqtt, mqtts, ws or wss; a list is tried in order"),
    OPTION_ROW(config_mqtt, "client_id", OPTION_TEXT, client_id, .min = 1,
               .help = "stable: the broker keeps our session under it; default thingbridge-HOSTNAME"),
    OPTION_ROW(config_mqtt, "version", OPTION_CHOICE, version, .fallback = "\"5\"", .choices = versions,
               .help = "version of MQTT"),
    OPTION_ROW(config_mqtt, "username", OPTION_TEXT, username, .help = "name to log in with"),
    OPTION_ROW(config_mqtt, "password", OPTION_SECRET, password, .help = "where the password is read from"),
    OPTION_ROW(config_mqtt, "session_expiry", OPTION_DURATION, session_expiry_ms, .fallback = "1d", .min = SECOND,
               .max = 365LL * DAY, .help = "how long the broker queues for us while we are away (MQTT 5)"),
    OPTION_ROW(config_mqtt, "keepalive", OPTION_DURATION, keepalive_ms, .fallback = "20s", .min = SECOND,
               .max = 60LL * MINUTE, .help = "longest silence on a connection before it is tested"),
    OPTION_ROW(config_mqtt, "share", OPTION_TEXT, share, .fallback = "\"\"",
               .help = "group name: shared subscription with other bridges"),
    OPTION_ROW(config_mqtt, "redelivery", OPTION_CHOICE, redelivery, .fallback = "dup", .choices = redeliveries,
               .help = "how a command that the broker delivers again is known: dup: by the DUP flag; content: after a "
                       "reconnect also by equal content, for brokers that set no DUP or deny a session that they keep"),
    OPTION_ROW(config_mqtt, "tls", OPTION_GROUP, tls, .members = tls_keys, .help = "for mqtts and wss"),
    {.members = config_options},
};

const struct option_row config_platform_options[] = {
    OPTION_ROW(config_platform, "endpoint", OPTION_TEXT, endpoint, .min = 1,
               .help = "https://host:port/ of the platform; http:// only on loopback"),
    OPTION_ROW(config_platform, "access_key_id", OPTION_TEXT, access_key_id, .min = 1,
               .help = "the account's AccessKeyId"),
    OPTION_ROW(config_platform, "access_key_secret", OPTION_SECRET, access_key_secret,
               .help = "where the AccessKeySecret is read from"),
    OPTION_ROW(config_platform, "method", OPTION_CHOICE, method, .fallback = "GET", .choices = methods,
               .help = "HTTP method of the calls"),
    OPTION_ROW(config_platform, "algorithm", OPTION_CHOICE, algorithm, .fallback = "HMAC-SHA1", .choices = algorithms,
               .help = "SignatureMethod"),
    OPTION_ROW(config_platform, "parameters", OPTION_NODE, parameters_node,
               .help = "further signed common parameters: Version, Format, RegionId, IotInstanceId ..."),
    OPTION_ROW(config_platform, "timeout", OPTION_DURATION, timeout_ms, .fallback = "12s", .min = 100,
               .max = 10LL * MINUTE, .help = "for one call; the platform waits up to 8 s for a synchronous device"),
    OPTION_ROW(config_platform, "connections", OPTION_INT, connections, .fallback = "64", .min = 1, .max = 1000,
               .help = "most calls at the same time"),
    OPTION_ROW(config_platform, "limits", OPTION_NODE, limits_node,
               .help = "quota per action, as {InvokeThingService: 500/s}"),
    OPTION_ROW(config_platform, "errors", OPTION_NODE, errors_node,
               .help = "what further error codes mean, as {iot.vendor.Busy: busy}; the longest prefix wins"),
    OPTION_ROW(config_platform, "proxy", OPTION_TEXT, proxy,
               .help = "proxy URL; empty: none; default: HTTPS_PROXY and NO_PROXY of the environment"),
    OPTION_ROW(config_platform, "tls", OPTION_GROUP, tls, .members = tls_keys, .help = "for https"),
    {.members = config_options},
};

static const struct option_row outbox_keys[] = {
    OPTION_ROW(config_outbox, "path", OPTION_TEXT, path, .min = 1, .fallback = "/var/lib/thingbridge/outbox.db",
               .help = "file of the durable queue; its folder must exist"),
    OPTION_ROW(config_outbox, "sync", OPTION_CHOICE, sync, .fallback = "full", .choices = syncs,
               .help = "full: fsync before PUBACK; normal: safe on kill -9, not on power loss"),
    OPTION_ROW(config_outbox, "max_commands", OPTION_INT, max_commands, .fallback = "10000", .min = 1, .max = 10000000,
               .help = "most commands that wait"),
    OPTION_ROW(config_outbox, "max_share", OPTION_FRACTION, max_share, .fallback = "0.5",
               .help = "of max_commands and of max_bytes, for the commands of one rule: one topic cannot fill the "
                       "queue for all"),
    OPTION_ROW(config_outbox, "max_bytes", OPTION_SIZE, max_bytes, .fallback = "64MiB", .min = MIB,
               .max = 64LL * 1024LL * MIB, .help = "most bytes that waiting commands take"),
    OPTION_ROW(config_outbox, "dedupe_window", OPTION_DURATION, dedupe_window_ms, .fallback = "10m", .min = 0,
               .max = 30LL * DAY, .help = "how long an id is remembered"),
    OPTION_ROW(config_outbox, "dedupe_max", OPTION_INT, dedupe_max, .fallback = "100000", .min = 0, .max = 10000000,
               .help = "most ids that are remembered"),
    {.members = config_options},
};

static const struct option_row reply_keys[] = {
    OPTION_ROW(config_reply, "allow", OPTION_TEXT_LIST, allow,
               .help = "topic filters that a requester may name as Response Topic"),
    {.members = config_options},
};

static const struct option_row bridge_keys[] = {
    OPTION_ROW(config_bridge, "base_topic", OPTION_TEXT, base_topic, .min = 1, .fallback = "thingbridge",
               .help = "where our own topics begin"),
    OPTION_ROW(config_bridge, "control", OPTION_CHOICE, control, .fallback = "read", .choices = controls,
               .help = "control verbs over MQTT"),
    {.members = config_options},
};

static const struct option_row admin_keys[] = {
    OPTION_ROW(config_admin, "listen", OPTION_TEXT, listen, .fallback = "127.0.0.1:10464",
               .help = "address of the admin endpoint, unix:PATH, or off"),
    {.members = config_options},
};

static const struct option_row log_keys[] = {
    OPTION_ROW(config_log, "level", OPTION_CHOICE, level, .fallback = "info", .choices = levels,
               .help = "least important lines to write"),
    OPTION_ROW(config_log, "format", OPTION_CHOICE, format, .fallback = "auto", .choices = formats,
               .help = "auto: text on a terminal, logfmt otherwise"),
    {.members = config_options},
};

static const struct option_row limit_keys[] = {
    OPTION_ROW(config_limits, "payload", OPTION_SIZE, payload, .fallback = "256KiB", .min = 1, .max = MIB,
               .help = "largest payload of a command"),
    OPTION_ROW(config_limits, "json_depth", OPTION_INT, json_depth, .fallback = "32", .min = 1, .max = 256,
               .help = "deepest nesting of a payload's JSON"),
    OPTION_ROW(config_limits, "answer", OPTION_SIZE, answer, .fallback = "1MiB", .min = 1024, .max = 64LL * MIB,
               .help = "largest answer of the platform"),
    OPTION_ROW(config_limits, "stop", OPTION_DURATION, stop_ms, .fallback = "15s", .min = 0, .max = 10LL * MINUTE,
               .help = "how long a stop waits for what is in flight"),
    {.members = config_options},
};

const struct option_row config_options[] = {
    OPTION_ROW(config, "mqtt", OPTION_GROUP, mqtt, .members = mqtt_keys, .help = "the broker"),
    OPTION_ROW(config, "platform", OPTION_NODE, platform_node, .members = config_platform_options,
               .help = "the platform (or platforms)"),
    OPTION_ROW(config, "platforms", OPTION_NODE, platforms_node, .members = config_platform_options,
               .each = "platform of `platforms`",
               .help = "several platforms by name, for `platform: NAME` in a rule; the first is the default"),
    OPTION_ROW(config, "outbox", OPTION_GROUP, outbox, .members = outbox_keys, .help = "the durable queue"),
    OPTION_ROW(config, "reply", OPTION_GROUP, reply, .members = reply_keys, .help = "replies"),
    OPTION_ROW(config, "bridge", OPTION_GROUP, bridge, .members = bridge_keys, .help = "our own topics"),
    OPTION_ROW(config, "admin", OPTION_GROUP, admin, .members = admin_keys, .help = "the admin endpoint"),
    OPTION_ROW(config, "log", OPTION_GROUP, log, .members = log_keys, .help = "log lines"),
    OPTION_ROW(config, "limits", OPTION_GROUP, limits, .members = limit_keys, .help = "limits"),
    OPTION_ROW(config, "mappings", OPTION_TEXT_LIST, mappings, .fallback = "/etc/thingbridge/mappings/*.yaml",
               .help = "mapping files; globs, merged in name order"),
    {.members = config_options},
};
