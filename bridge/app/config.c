#include "app/config.h"

#include <ctype.h>
#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/secret.h"
#include "base/fault.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

#define ENV_PREFIX    "THINGBRIDGE_"
#define ENV_MAX_LEVEL 8

extern char **environ;

const char *config_method_name(const struct config_platform *platform)
{
    return platform->method == CONFIG_GET ? "GET" : "POST";
}

const char *config_algorithm_name(const struct config_platform *platform)
{
    return platform->algorithm == 0 ? "HMAC-SHA1" : "HMAC-SHA256";
}

// THINGBRIDGE_PLATFORM__TLS__CA_FILE -> platform, tls, ca_file; cuts `name` (lower case) in place.
static size_t split_env_name(char *name, const char *path[ENV_MAX_LEVEL])
{
    size_t count = 0;
    for (char *part = name; part != NULL && count < ENV_MAX_LEVEL;) {
        path[count++] = part;
        char *end = strstr(part, "__");
        if (end != NULL) {
            *end = '\0';
            end += 2;
        }
        part = end;
    }
    return count;
}

static void override_from(const char *variable, struct yaml_document **document, struct problems *problems)
{
    const char *equals = strchr(variable, '=');
    AUTO_FREE char *name = mem_dup(variable, (size_t)(equals - variable));
    AUTO_FREE char *source = mem_printf("environment %s", name);
    for (char *c = name; *c != '\0'; c++) {
        *c = (char)tolower((unsigned char)*c);
    }
    const char *path[ENV_MAX_LEVEL];
    size_t count = split_env_name(name + strlen(ENV_PREFIX), path);
    // The problems tell what is wrong.
    if (yaml_override(document, path, count, source, equals + 1, problems) != ERR_OK && problems->errors == 0) {
        problems_add(problems, SEVERITY_ERROR, source, 0, 0, "cannot be used as a value");
    }
}

static bool is_setting(const char *variable)
{
#ifdef THINGBRIDGE_FAULTS
    if (strncmp(variable, FAULT_ENV_PREFIX, strlen(FAULT_ENV_PREFIX)) == 0) {
        return false;
    }
#endif
    return strncmp(variable, ENV_PREFIX, strlen(ENV_PREFIX)) == 0 && strchr(variable, '=') != NULL;
}

static void read_environment(struct yaml_document **document, struct problems *problems)
{
    for (char **variable = environ; *variable != NULL; variable++) {
        if (is_setting(*variable)) {
            override_from(*variable, document, problems);
        }
    }
}

const char *const config_own_parameters[] = {"Action",          "AccessKeyId", "Signature", "SignatureNonce",
                                             "SignatureMethod", "Timestamp",   NULL};

static void read_parameters(struct config_platform *platform, struct problems *problems)
{
    const struct yaml_node *node = platform->parameters_node;
    if (node == NULL) {
        return;
    }
    if (node->kind != YAML_MAP) {
        yaml_problem(problems, SEVERITY_ERROR, node,
                     "`parameters` is %s; write names and values, as {Version: \"2018-01-20\"}", yaml_kind_name(node));
        return;
    }
    for (size_t i = 0; i < node->count; i++) {
        const char *name = node->keys[i]->text;
        const struct yaml_node *value = node->items[i];
        for (size_t k = 0; config_own_parameters[k] != NULL; k++) {
            if (strcmp(name, config_own_parameters[k]) == 0) {
                yaml_problem(problems, SEVERITY_ERROR, node->keys[i],
                             "%s is set by the bridge for each call: remove it", name);
            }
        }
        if (value->kind != YAML_SCALAR || yaml_type(value) == YAML_NULL || value->text[0] == '\0') {
            yaml_problem(problems, SEVERITY_ERROR, value, "parameter %s is %s; it must be a text that is not empty",
                         name, yaml_kind_name(value));
            continue;
        }
        parameters_add(&platform->parameters, name, value->text);
    }
}

static void read_limit(struct config_platform *platform, const char *action, const struct yaml_node *value,
                       struct problems *problems)
{
    double rate = 0;
    if (value->kind != YAML_SCALAR || str_parse_rate(value->text, &rate) != ERR_OK) {
        yaml_problem(problems, SEVERITY_ERROR, value, "the limit of %s is not a rate; write it as 500/s or 20/m",
                     action);
        return;
    }
    platform->limits = mem_resize(platform->limits, platform->limit_count + 1, sizeof *platform->limits);
    platform->limits[platform->limit_count++] = (struct schedule_limit){mem_strdup(action), rate};
}

static bool has_limit(const struct config_platform *platform, const char *action)
{
    for (size_t i = 0; i < platform->limit_count; i++) {
        if (strcmp(platform->limits[i].action, action) == 0) {
            return true;
        }
    }
    return false;
}

// The documented quotas hold for what the configuration does not name.
static void add_default_limit(struct config_platform *platform, const char *action, double per_second)
{
    if (!has_limit(platform, action)) {
        platform->limits = mem_resize(platform->limits, platform->limit_count + 1, sizeof *platform->limits);
        platform->limits[platform->limit_count++] = (struct schedule_limit){mem_strdup(action), per_second};
    }
}

static void read_limits(struct config_platform *platform, struct problems *problems)
{
    const struct yaml_node *node = platform->limits_node;
    if (node != NULL && node->kind != YAML_MAP) {
        yaml_problem(problems, SEVERITY_ERROR, node,
                     "`limits` is %s; write actions and rates, as {InvokeThingService: 500/s}", yaml_kind_name(node));
        return;
    }
    for (size_t i = 0; node != NULL && i < node->count; i++) {
        read_limit(platform, node->keys[i]->text, node->items[i], problems);
    }
    add_default_limit(platform, "InvokeThingService", 500);
    add_default_limit(platform, "InvokeThingsService", 10);
}

static void read_error_row(struct config_platform *platform, const struct yaml_node *key, const struct yaml_node *value,
                           struct problems *problems)
{
    enum api_class class;
    if (key->text[0] == '\0') {
        yaml_problem(problems, SEVERITY_ERROR, key, "an error code cannot be empty");
    } else if (value->kind != YAML_SCALAR || !api_class_find(value->text, &class)) {
        yaml_problem(problems, SEVERITY_ERROR, value,
                     "%s has to be one of auth, clock, throttled, busy, may_have_run, nonce_used, request, device, "
                     "device_offline, device_timeout, push_failed, permanent",
                     key->text);
    } else {
        platform->errors = mem_resize(platform->errors, platform->error_count + 1, sizeof *platform->errors);
        platform->errors[platform->error_count++] =
            (struct api_row){.prefix = mem_strdup(key->text), .class = class, .code = api_class_code(class)};
    }
}

static void read_errors(struct config_platform *platform, struct problems *problems)
{
    const struct yaml_node *node = platform->errors_node;
    if (node != NULL && node->kind != YAML_MAP) {
        yaml_problem(problems, SEVERITY_ERROR, node,
                     "`errors` is %s; write codes and what they mean, as {iot.vendor.Busy: busy}",
                     yaml_kind_name(node));
        return;
    }
    for (size_t i = 0; node != NULL && i < node->count; i++) {
        read_error_row(platform, node->keys[i], node->items[i], problems);
    }
}

static void require(bool present, const struct yaml_node *where, const char *what, struct problems *problems)
{
    if (!present) {
        yaml_problem(problems, SEVERITY_ERROR, where, "%s is missing", what);
    }
}

static void read_platform(const char *name, const struct yaml_node *node, struct config *config,
                          struct problems *problems)
{
    if (node->kind != YAML_MAP) {
        yaml_problem(problems, SEVERITY_ERROR, node,
                     "`platform` is %s; it must be a map with endpoint, access_key_id and access_key_secret",
                     yaml_kind_name(node));
        return;
    }
    config->platforms = mem_resize(config->platforms, config->platform_count + 1, sizeof *config->platforms);
    struct config_platform *platform = &config->platforms[config->platform_count++];
    *platform = (struct config_platform){.name = mem_strdup(name)};
    keys_defaults(config_platform_keys, platform);
    size_t errors = problems->errors;
    if (keys_read(config_platform_keys, node, platform, problems) == ERR_OK && problems->errors == errors) {
        require(platform->endpoint != NULL, node, "`endpoint` (as https://si-example.tuyacloud.com:8686/)", problems);
        require(platform->access_key_id != NULL, node, "`access_key_id`", problems);
        require(secret_is_set(&platform->access_key_secret), node,
                "`access_key_secret` (as {file: /etc/thingbridge/secret})", problems);
    }
    read_parameters(platform, problems);
    read_limits(platform, problems);
    read_errors(platform, problems);
}

static void read_platforms(struct config *config, const struct yaml_node *root, struct problems *problems)
{
    const struct yaml_node *many = config->platforms_node;
    if (config->platform_node != NULL && many != NULL) {
        yaml_problem(problems, SEVERITY_ERROR, many,
                     "`platform` and `platforms` are both given: put the one into the others");
    } else if (config->platform_node != NULL) {
        read_platform("default", config->platform_node, config, problems);
    } else if (many == NULL) {
        bool misspelt = keys_misspelt(config_keys, root, "platform") || keys_misspelt(config_keys, root, "platforms");
        require(misspelt, root,
                "`platform` (with platform.endpoint, platform.access_key_id and platform.access_key_secret)", problems);
    } else if (many->kind != YAML_MAP || many->count == 0) {
        yaml_problem(problems, SEVERITY_ERROR, many, "`platforms` is %s; write {NAME: {endpoint: ...}, ...}",
                     yaml_kind_name(many));
    } else {
        for (size_t i = 0; i < many->count; i++) {
            read_platform(many->keys[i]->text, many->items[i], config, problems);
        }
    }
}

static void default_client_id(struct config *config)
{
    char host[256] = "";
    if (config->mqtt.client_id == NULL) {
        gethostname(host, sizeof host - 1);
        config->mqtt.client_id = mem_printf("thingbridge-%s", host);
    }
}

static void check_values(struct config *config, const struct yaml_node *root, struct problems *problems)
{
    const struct yaml_node *bridge = yaml_get(root, "bridge");
    const struct yaml_node *base = bridge == NULL ? NULL : yaml_get(bridge, "base_topic");
    if (base != NULL && !topic_name_valid(config->bridge.base_topic, strlen(config->bridge.base_topic))) {
        yaml_problem(problems, SEVERITY_ERROR, base, "`base_topic` is not a topic name: no + or #, not empty");
    }
    const struct yaml_node *reply = yaml_get(root, "reply");
    for (size_t i = 0; i < config->reply.allow.count; i++) {
        struct diag diag;
        if (topic_filter_check(config->reply.allow.items[i], &diag) != ERR_OK) {
            yaml_problem(problems, SEVERITY_ERROR, yaml_get(reply, "allow"), "reply.allow: %s", diag.text);
        }
    }
    if (config->mqtt.urls.count == 0) {
        yaml_problem(problems, SEVERITY_ERROR, root,
                     "`mqtt.url` is an empty list: name a broker, as mqtt://localhost:1883");
    }
}

static enum err load_document(const char *path, struct config *config, struct problems *problems)
{
    bool absent = path == NULL && access(CONFIG_DEFAULT_PATH, F_OK) != 0 && errno == ENOENT;
    if (!absent) {
        return yaml_load_file(path != NULL ? path : CONFIG_DEFAULT_PATH, &config->document, problems);
    }
    return yaml_load_text("(no " CONFIG_DEFAULT_PATH ", and no -c FILE)", "{}", 2, &config->document, problems);
}

void config_defaults(struct config *config)
{
    *config = (struct config){0};
    keys_defaults(config_keys, config);
    default_client_id(config);
}

enum err config_load(const char *path, struct config *config, struct problems *problems)
{
    config_defaults(config);
    size_t errors_before = problems->errors;
    if (load_document(path, config, problems) != ERR_OK && !config_is_read(config)) {
        return ERR_SYNTAX;
    }
    read_environment(&config->document, problems);
    const struct yaml_node *root = yaml_root(config->document);
    size_t errors = problems->errors;
    if (keys_read(config_keys, root, config, problems) == ERR_OK && problems->errors == errors) {
        check_values(config, root, problems);
    }
    if (root->kind == YAML_MAP) {
        read_platforms(config, root, problems);
    }
    return problems->errors == errors_before ? ERR_OK : ERR_SYNTAX;
}

bool config_is_read(const struct config *config)
{
    return config->document != NULL && yaml_root(config->document) != NULL;
}

void config_clear(struct config *config)
{
    for (size_t i = 0; i < config->platform_count; i++) {
        struct config_platform *platform = &config->platforms[i];
        free(platform->name);
        parameters_clear(&platform->parameters);
        for (size_t k = 0; k < platform->limit_count; k++) {
            free((char *)platform->limits[k].action);
        }
        free(platform->limits);
        for (size_t k = 0; k < platform->error_count; k++) {
            free((char *)platform->errors[k].prefix);
        }
        free(platform->errors);
        keys_free(config_platform_keys, platform);
    }
    free(config->platforms);
    keys_free(config_keys, config);
    yaml_free(config->document);
    *config = (struct config){0};
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

// All files of all patterns, sorted by name, each once.
static enum err expand(const struct text_list *patterns, struct text_list *paths, struct problems *problems)
{
    for (size_t i = 0; i < patterns->count; i++) {
        glob_t found = {0};
        if (glob(patterns->items[i], GLOB_BRACE | GLOB_TILDE, NULL, &found) != 0) {
            problems_add(problems, SEVERITY_ERROR, patterns->items[i], 0, 0,
                         "no mapping file has this name: check `mappings` in the configuration");
        }
        for (size_t k = 0; k < found.gl_pathc; k++) {
            text_list_add(paths, found.gl_pathv[k]);
        }
        globfree(&found);
    }
    if (paths->count > 1) {
        qsort(paths->items, paths->count, sizeof *paths->items, by_name);
    }
    return problems->errors == 0 ? ERR_OK : ERR_SYNTAX;
}

enum err config_load_mappings(const struct text_list *patterns, struct mapping_files *files, struct problems *problems)
{
    struct text_list paths = {0};
    *files = (struct mapping_files){0};
    enum err err = expand(patterns, &paths, problems);
    for (size_t i = 0; i < paths.count; i++) {
        struct yaml_document *document = NULL;
        if (i > 0 && strcmp(paths.items[i], paths.items[i - 1]) == 0) {
            continue;
        }
        if (yaml_load_file(paths.items[i], &document, problems) != ERR_OK) {
            err = ERR_SYNTAX;
        }
        if (document == NULL) {
            continue;
        }
        files->documents = mem_resize(files->documents, files->count + 1, sizeof(struct yaml_document *));
        files->documents[files->count++] = document;
    }
    files->incomplete |= err != ERR_OK;
    text_list_free(&paths);
    return err;
}

void mapping_files_clear(struct mapping_files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        yaml_free(files->documents[i]);
    }
    free(files->documents);
    *files = (struct mapping_files){0};
}

enum err config_build_mapping(const struct config *config, const struct mapping_files *files, struct mapping **out,
                              struct problems *problems)
{
    size_t document_count = 0;
    AUTO_FREE struct yaml_document **documents = mem_alloc((files->count + 1) * sizeof(struct yaml_document *));
    for (size_t i = 0; i < files->count; i++) {
        if (yaml_root(files->documents[i]) != NULL) {
            documents[document_count++] = files->documents[i];
        }
    }
    size_t count = config->platform_count;
    AUTO_FREE const char **names = mem_alloc((count + 1) * sizeof *names);
    for (size_t i = 0; i < count; i++) {
        names[i] = config->platforms[i].name;
    }
    struct mapping_options options = {
        .base_topic = config->bridge.base_topic,
        .reply_allow = (const char *const *)config->reply.allow.items,
        .reply_allow_count = config->reply.allow.count,
        .platforms = names,
        .platform_count = count,
        .default_platform = count > 0 ? names[0] : "default",
        .discovery_prefix = "homeassistant",
        .max_payload = config->limits.payload,
        .max_json_depth = config->limits.json_depth,
        .incomplete = files->incomplete,
        .read_file = file_read,
    };
    return mapping_create(documents, document_count, &options, out, problems);
}
