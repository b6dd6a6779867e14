// The configuration: one table of keys, read from a YAML file and the environment (design, section 4).
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/options/options.h"
#include "base/yaml/yaml.h"
#include "core/command/command.h"
#include "core/mapping/mapping.h"
#include "core/platform/api.h"
#include "core/schedule/schedule.h"

#define CONFIG_DEFAULT_PATH "/etc/thingbridge/thingbridge.yaml"

struct config_tls {
    char *ca_file;
    char *cert_file;
    char *key_file;
};

enum config_redelivery { CONFIG_BY_DUP, CONFIG_BY_CONTENT };

enum config_mqtt_version { CONFIG_MQTT_5, CONFIG_MQTT_3_1_1 };

struct config_mqtt {
    struct text_list urls;
    char *client_id;
    int version; // enum config_mqtt_version
    char *username;
    struct secret_source password;
    int64_t session_expiry_ms;
    int64_t keepalive_ms;
    char *share;
    int redelivery; // enum config_redelivery
    struct config_tls tls;
};

enum config_method { CONFIG_GET, CONFIG_POST };

struct config_platform {
    char *name;
    char *endpoint;
    char *access_key_id;
    struct secret_source access_key_secret;
    int method; // enum config_method
    int algorithm;
    const struct yaml_node *parameters_node;
    struct parameters parameters;
    int64_t timeout_ms;
    int64_t connections;
    const struct yaml_node *limits_node;
    struct schedule_limit *limits; // actions owned
    size_t limit_count;
    const struct yaml_node *errors_node;
    struct api_row *errors; // rows put before the table of answers; prefixes owned
    size_t error_count;
    char *proxy;
    struct config_tls tls;
};
const char *config_method_name(const struct config_platform *platform);    // "GET" or "POST"
const char *config_algorithm_name(const struct config_platform *platform); // value of SignatureMethod

struct config {
    struct config_mqtt mqtt;
    const struct yaml_node *platform_node;
    const struct yaml_node *platforms_node;
    struct config_platform *platforms; // the first is the default of rules without `platform`
    size_t platform_count;
    struct config_outbox {
        char *path;
        int sync; // 0 full, 1 normal
        int64_t max_commands;
        double max_share;
        int64_t max_bytes;
        int64_t dedupe_window_ms;
        int64_t dedupe_max;
    } outbox;
    struct config_reply {
        struct text_list allow;
    } reply;
    struct config_bridge {
        char *base_topic;
        int control;
    } bridge;
    struct config_admin {
        char *listen;
    } admin;
    struct config_log {
        int level;
        int format;
    } log;
    struct config_limits {
        int64_t payload;
        int64_t json_depth;
        int64_t answer;
        int64_t stop_ms;
    } limits;
    struct text_list mappings;
    bool mappings_unknown; // what is given for it is wrong
    char fingerprint[17];  // by config_fingerprint
    bool is_mapping_file;  // what was given as a configuration is none
    // what it was read from; nodes above borrow from it
    struct yaml_document *document;
};

extern const struct option_row config_options[];
extern const struct option_row config_platform_options[];

// Reads FILE (NULL: the default path, which may be absent) and the environment's THINGBRIDGE_ variables. All problems
// are collected; the struct is filled as far as possible and must be cleared in any case. ERR_SYNTAX if there was an
// error.
enum err config_load(const char *path, struct config *config, struct problems *problems) MUST_CHECK;
// Only the defaults, without a platform: for work on mapping files alone.
void config_defaults(struct config *config);
// Warns of secrets and certificates that cannot be read by this user on this machine; a secret that is no good is an
// error. The configuration has to be read.
void config_check_files(const struct config *config, struct problems *problems);
// Could the file be read, be it with errors?
bool config_is_read(const struct config *config);
void config_clear(struct config *config);

// Mapping files of `patterns` (globs), sorted by name, each loaded. A pattern without files is an error. A file with
// errors is among them if its lines can be shown, and has a root if more errors can be found in it.
struct mapping_files {
    struct yaml_document **documents;
    size_t count;
    bool incomplete; // not all that the patterns name could be read without errors
};
enum err config_load_mappings(const struct text_list *patterns, struct mapping_files *files,
                              struct problems *problems) MUST_CHECK;
// The same with the configuration's own patterns; a problem with one has its place there.
enum err config_load_own_mappings(const struct config *config, struct mapping_files *files,
                                  struct problems *problems) MUST_CHECK;
// Sets config->fingerprint to 16 hex digits that are the same for the same configuration and mappings, comments and
// layout aside.
void config_fingerprint(struct config *config, const struct mapping_files *files);
void config_clear_mappings(struct mapping_files *files);

// Builds the rules with the options that the configuration gives.
enum err config_build_mapping(const struct config *config, const struct mapping_files *files, struct mapping **out,
                              struct problems *problems) MUST_CHECK;
