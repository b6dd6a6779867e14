// The file becomes a YAML tree, the environment's variables are put into the tree, and the table of options reads it
// all; only then are the parts read that a table cannot say: parameters, limits, rows of errors, one or several
// platforms. So a value from the environment is checked as one from the file is, and its problem names the variable.
#include "app/config/config_internal.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/config/secret.h"
#include "base/buf.h"
#include "base/fault.h"
#include "base/mem.h"
#include "base/nearest.h"
#include "base/show.h"
#include "base/str.h"
#include "core/mapping/load/mapping_load.h"
#include "core/mapping/mapping.h"

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

// The variable's name with "__" where one '_' stands between two levels; NULL if it is right, or of no key at all.
static char *find_meant(const char *name)
{
    AUTO_FREE char *found = options_find_joined(config_options, name);
    if (found == NULL || strcmp(found, name) == 0) {
        return NULL;
    }
    char *meant = mem_printf(ENV_PREFIX "%s", found);
    for (char *c = meant; *c != '\0'; c++) {
        *c = (char)toupper((unsigned char)*c);
    }
    return meant;
}

static void override_from(const char *variable, struct yaml_document **document, struct problems *problems)
{
    const char *equals = strchr(variable, '=');
    AUTO_FREE char *name = mem_dup(variable, (size_t)(equals - variable));
    AUTO_FREE char *source = mem_printf("environment %s", name);
    for (char *c = name; *c != '\0'; c++) {
        *c = (char)tolower((unsigned char)*c);
    }
    AUTO_FREE char *meant = find_meant(name + strlen(ENV_PREFIX));
    if (meant != NULL) {
        problems_add(problems, SEVERITY_ERROR, source, 0, 0,
                     "two underscores stand between the levels of a key: call it %s", meant);
        return;
    }
    const char *path[ENV_MAX_LEVEL];
    size_t count = split_env_name(name + strlen(ENV_PREFIX), path);
    // The problems say what is wrong.
    if (yaml_override(document, path, count, source, equals + 1, problems) != ERR_OK && problems->errors == 0) {
        problems_add(problems, SEVERITY_ERROR, source, 0, 0, "cannot be used as a value");
    }
}

// Kubernetes sets variables in all pods for each Service, and one may be called thingbridge.
static bool is_of_kubernetes(const char *variable)
{
    static const char *const beginnings[] = {ENV_PREFIX "PORT=", ENV_PREFIX "PORT_", ENV_PREFIX "SERVICE_"};
    for (size_t i = 0; i < COUNT_OF(beginnings); i++) {
        if (strncmp(variable, beginnings[i], strlen(beginnings[i])) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_setting(const char *variable)
{
#ifdef THINGBRIDGE_FAULTS
    if (strncmp(variable, FAULT_ENV_PREFIX, strlen(FAULT_ENV_PREFIX)) == 0) {
        return false;
    }
#endif
    return strncmp(variable, ENV_PREFIX, strlen(ENV_PREFIX)) == 0 && strchr(variable, '=') != NULL &&
           !is_of_kubernetes(variable);
}

static void read_environment(struct yaml_document **document, struct problems *problems)
{
    for (char **variable = environ; *variable != NULL; variable++) {
        if (is_setting(*variable)) {
            override_from(*variable, document, problems);
        }
    }
}

// Reads an entry of a key whose map no table describes.
typedef void read_entry(struct config_platform *platform, const struct yaml_node *key, const struct yaml_node *value,
                        struct problems *problems);

static void read_entries(struct config_platform *platform, const struct yaml_node *node_or_null, const char *key,
                         const char *cure, read_entry *read, struct problems *problems)
{
    if (node_or_null != NULL && node_or_null->kind != YAML_MAP) {
        yaml_error(problems, node_or_null, "`%s` is %s; write %s", key, yaml_kind_name(node_or_null), cure);
        return;
    }
    for (size_t i = 0; node_or_null != NULL && i < node_or_null->count; i++) {
        read(platform, node_or_null->keys[i], node_or_null->items[i], problems);
    }
}

static void read_parameter(struct config_platform *platform, const struct yaml_node *key, const struct yaml_node *value,
                           struct problems *problems)
{
    const char *name = key->text;
    if (str_is_one_of_folded(name, invoke_made_parameters)) {
        yaml_error(problems, key, "%s is set by the bridge for each call: remove it", name);
    }
    if (name[0] == '\0') {
        yaml_error(problems, key, "a parameter's name cannot be empty");
    } else if (value->kind != YAML_SCALAR || yaml_type(value) == YAML_NULL || value->text[0] == '\0') {
        yaml_error(problems, value, "parameter %s is %s; it must be a text that is not empty", show_short(name).text,
                   yaml_kind_name(value));
    } else {
        parameters_add(&platform->parameters, name, value->text);
    }
}

static void add_limit(struct config_platform *platform, const char *action, double per_second)
{
    platform->limits = mem_resize(platform->limits, platform->limit_count + 1, sizeof *platform->limits);
    platform->limits[platform->limit_count++] = (struct schedule_limit){mem_strdup(action), per_second};
}

static void read_limit(struct config_platform *platform, const struct yaml_node *action, const struct yaml_node *value,
                       struct problems *problems)
{
    static const char *const known[] = {INVOKE_SINGLE, INVOKE_SEVERAL, NULL};
    double rate = 0;
    const char *nearest = nearest_of(action->text, known);
    if (nearest != NULL && strcmp(nearest, action->text) != 0) {
        yaml_warn(problems, action, "no action of the platform has this name; did you mean `%s`?", nearest);
    }
    if (value->kind != YAML_SCALAR || str_parse_rate(value->text, &rate) != ERR_OK) {
        yaml_error(problems, value, "the limit of %s is not a rate; write it as 500/s or 20/m",
                   show_short(action->text).text);
        return;
    }
    add_limit(platform, action->text, rate);
}

// The documented quotas hold for what the configuration does not name.
static void add_default_limit(struct config_platform *platform, const char *action, double per_second)
{
    for (size_t i = 0; i < platform->limit_count; i++) {
        if (strcmp(platform->limits[i].action, action) == 0) {
            return;
        }
    }
    add_limit(platform, action, per_second);
}

static void wrong_class(const struct yaml_node *key, const struct yaml_node *value, struct problems *problems)
{
    const char *names[API_PERMANENT + 2] = {NULL};
    AUTO_BUF struct buf text = {0};
    buf_printf(&text, "%s has to be one of", show_short(key->text).text);
    for (enum api_class each = API_AUTH; each <= API_PERMANENT; each++) {
        names[each - API_AUTH] = api_class_name(each);
        buf_printf(&text, "%s%s", each == API_AUTH ? " " : ", ", api_class_name(each));
    }
    const char *nearest = value->kind == YAML_SCALAR ? nearest_of(value->text, names) : NULL;
    yaml_error(problems, value, "%s" NEAREST_FORMAT, text.data, NEAREST_ARGS(nearest, ""));
}

static void read_error_row(struct config_platform *platform, const struct yaml_node *key, const struct yaml_node *value,
                           struct problems *problems)
{
    enum api_class class;
    if (key->text[0] == '\0') {
        yaml_error(problems, key, "an error code cannot be empty");
    } else if (value->kind != YAML_SCALAR || !api_class_find(value->text, &class)) {
        wrong_class(key, value, problems);
    } else {
        platform->errors = mem_resize(platform->errors, platform->error_count + 1, sizeof *platform->errors);
        platform->errors[platform->error_count++] =
            (struct api_row){.prefix = mem_strdup(key->text), .class = class, .code = api_class_code(class)};
    }
}

static void require(bool present, const struct yaml_node *where, const char *what, struct problems *problems)
{
    if (!present) {
        yaml_error(problems, where, "%s is missing", what);
    }
}

static void read_platform(const char *name, const struct yaml_node *node, struct config *config,
                          struct problems *problems)
{
    if (node->kind != YAML_MAP) {
        yaml_error(problems, node,
                   "`platform` is %s; it must be a map with endpoint, access_key_id and access_key_secret",
                   yaml_kind_name(node));
        return;
    }
    config->platforms = mem_resize(config->platforms, config->platform_count + 1, sizeof *config->platforms);
    struct config_platform *platform = &config->platforms[config->platform_count++];
    *platform = (struct config_platform){.name = mem_strdup(name)};
    options_defaults(config_platform_options, platform);
    if (options_read(config_platform_options, node, platform, problems) == ERR_OK) {
        require(platform->endpoint != NULL, node, "`endpoint` (as https://si-example.tuyacloud.com:8686/)", problems);
        require(platform->access_key_id != NULL, node, "`access_key_id`", problems);
        require(secret_is_set(&platform->access_key_secret), node,
                "`access_key_secret` (as {file: /etc/thingbridge/secret})", problems);
    }
    config_check_platform(platform, node, problems);
    read_entries(platform, platform->parameters_node, "parameters", "names and values, as {Version: \"2018-01-20\"}",
                 read_parameter, problems);
    read_entries(platform, platform->limits_node, "limits", "actions and rates, as {InvokeThingService: 500/s}",
                 read_limit, problems);
    add_default_limit(platform, INVOKE_SINGLE, 500);
    add_default_limit(platform, INVOKE_SEVERAL, 10);
    read_entries(platform, platform->errors_node, "errors", "codes and what they mean, as {iot.vendor.Busy: busy}",
                 read_error_row, problems);
}

static void read_platforms(struct config *config, const struct yaml_node *root, struct problems *problems)
{
    const struct yaml_node *many = config->platforms_node;
    if (config->platform_node != NULL && many != NULL) {
        yaml_error(problems, many, "`platform` and `platforms` are both given: put the one into the others");
    } else if (config->platform_node != NULL) {
        read_platform("default", config->platform_node, config, problems);
    } else if (many == NULL) {
        bool misspelt = options_misspelt(config_options, root, "platform") ||
                        options_misspelt(config_options, root, "platforms") ||
                        options_has_foreign(config_platform_options, config_options, root);
        require(misspelt, root,
                "`platform` (with platform.endpoint, platform.access_key_id and platform.access_key_secret)", problems);
    } else if (many->kind != YAML_MAP || many->count == 0) {
        yaml_error(problems, many, "`platforms` is %s; write {NAME: {endpoint: ...}, ...}", yaml_kind_name(many));
    } else if (yaml_get(many, "endpoint") != NULL) {
        yaml_error(problems, many,
                   "`platforms` holds platforms by name, as {home: {endpoint: ...}}; a single one stands under "
                   "`platform`");
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

static bool is_known(struct str key)
{
    return options_knows(config_options, key);
}

static enum err load_document(const char *path, struct config *config, struct problems *problems)
{
    bool absent = path == NULL && access(CONFIG_DEFAULT_PATH, F_OK) != 0 && errno == ENOENT;
    if (!absent) {
        enum err err = yaml_load_file(path != NULL ? path : CONFIG_DEFAULT_PATH, &config->document, problems);
        if (config->document != NULL) {
            yaml_hide_unknown(config->document, is_known);
        }
        return err;
    }
    return yaml_load_text("(no " CONFIG_DEFAULT_PATH ", and no -c FILE)", "{}", 2, &config->document, problems);
}

void config_defaults(struct config *config)
{
    *config = (struct config){0};
    options_defaults(config_options, config);
    default_client_id(config);
}

// A wrong value of `mappings` leaves the default, which is not what is meant.
static bool mappings_read(const struct config *config, const struct yaml_node *root)
{
    const struct yaml_node *node = yaml_get(root, "mappings");
    bool is_list = node != NULL && node->kind == YAML_LIST;
    size_t count = is_list ? node->count : 1;
    for (size_t i = 0; node != NULL && i < count; i++) {
        const struct yaml_node *item = is_list ? node->items[i] : node;
        if (item->kind != YAML_SCALAR || i >= config->mappings.count ||
            strcmp(item->text, config->mappings.items[i]) != 0) {
            return false;
        }
    }
    return true;
}

// A file that was given in place of the other kind is reported as that, and not key by key.
static bool check_kind(struct config *config, struct problems *problems)
{
    const struct yaml_node *root = yaml_root(config->document);
    config->is_mapping_file = options_has_any(mapping_file_options, root) && !options_has_any(config_options, root);
    if (config->is_mapping_file) {
        yaml_error(problems, root,
                   "this is a mapping file and no configuration: name it under `mappings` of the configuration, or "
                   "give it to `thingbridge check` without -c");
    }
    return !config->is_mapping_file;
}

enum err config_load(const char *path, struct config *config, struct problems *problems)
{
    config_defaults(config);
    size_t errors_before = problems->errors;
    if (load_document(path, config, problems) != ERR_OK && !config_is_read(config)) {
        return ERR_SYNTAX;
    }
    if (!check_kind(config, problems)) {
        return ERR_SYNTAX;
    }
    read_environment(&config->document, problems);
    const struct yaml_node *root = yaml_root(config->document);
    enum err err = options_read(config_options, root, config, problems);
    (void)err; // it is in the problems
    config_check_values(config, root, problems);
    config->mappings_unknown = options_misspelt(config_options, root, "mappings") || !mappings_read(config, root);
    if (root->kind == YAML_MAP) {
        read_platforms(config, root, problems);
    }
    return problems->errors == errors_before ? ERR_OK : ERR_SYNTAX;
}

bool config_is_read(const struct config *config)
{
    return config->document != NULL && yaml_root(config->document) != NULL && !config->is_mapping_file;
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
        options_free(config_platform_options, platform);
    }
    free(config->platforms);
    options_free(config_options, config);
    yaml_free(config->document);
    *config = (struct config){0};
}
