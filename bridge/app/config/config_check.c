// What the table of keys cannot say of the configuration's values.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/config/access.h"
#include "app/config/config_internal.h"
#include "app/config/secret.h"
#include "base/mem.h"
#include "base/str.h"
#include "core/mapping/load/mapping_load.h"
#include "core/mapping/mapping.h"
#include "core/topic/topic.h"
#include "io/http/http.h"
#include "io/mqtt/mqtt.h"

// The node of mqtt.tls.ca_file and its like, for places; the nearest above it that there is.
static const struct yaml_node *find_node(const struct yaml_node *root, const char *const *path)
{
    const struct yaml_node *at = root;
    for (; *path != NULL && at->kind == YAML_MAP; path++) {
        const struct yaml_node *next = yaml_get(at, *path);
        if (next == NULL) {
            return at;
        }
        at = next;
    }
    return at;
}

#define NODE(root, ...) find_node(root, (const char *const[]){__VA_ARGS__, NULL})

static void remove_item(struct text_list *list, size_t index)
{
    free(list->items[index]);
    memmove(&list->items[index], &list->items[index + 1], (list->count - index - 1) * sizeof *list->items);
    list->count--;
}

static void check_urls(const struct config *config, const struct yaml_node *root, struct problems *problems)
{
    const struct yaml_node *node = NODE(root, "mqtt", "url");
    if (config->mqtt.urls.count == 0) {
        yaml_error(problems, node, "`mqtt.url` is an empty list: name a broker, as mqtt://localhost:1883");
    }
    for (size_t i = 0; i < config->mqtt.urls.count; i++) {
        struct diag diag;
        if (mqtt_url_check(config->mqtt.urls.items[i], &diag) != ERR_OK) {
            yaml_error(problems, config_item_node(node, i), "`mqtt.url`: %s", diag.text);
        } else if (mqtt_url_is_websocket(config->mqtt.urls.items[i])) {
            yaml_warn(
                problems, config_item_node(node, i),
                "`mqtt.url`: over WebSocket the MQTT library (Paho, 1.3.15 and all before it) loses its place in "
                "messages of more than about 1 KiB, and the connection with it; use mqtt:// or mqtts:// where the "
                "broker offers it");
        }
    }
}

// What is wrong leaves the list, so that it is not reported of the rules again.
static void check_allow(struct config *config, const struct yaml_node *root, struct problems *problems)
{
    const struct yaml_node *node = NODE(root, "reply", "allow");
    size_t place = 0;
    for (size_t i = 0; i < config->reply.allow.count; place++) {
        struct diag diag;
        if (mapping_check_allow(config->reply.allow.items[i], &diag) == ERR_OK) {
            i++;
            continue;
        }
        yaml_error(problems, config_item_node(node, place), "`reply.allow`: %s", diag.text);
        remove_item(&config->reply.allow, i);
    }
}

static void check_base_topic(struct config *config, const struct yaml_node *root, struct problems *problems)
{
    char *base = config->bridge.base_topic;
    size_t len = strlen(base);
    bool valid = topic_name_valid(base, len) && len <= TOPIC_MAX_LEN / 2 &&
                 topic_count_levels(base, len) <= TOPIC_MAX_LEVELS / 2 && base[0] != '$' && base[len - 1] != '/';
    if (!valid) {
        yaml_error(problems, NODE(root, "bridge", "base_topic"),
                   "`bridge.base_topic` is a topic without + and #, of up to %d bytes and %d levels, that does not "
                   "begin with $ or end with /, as thingbridge",
                   TOPIC_MAX_LEN / 2, TOPIC_MAX_LEVELS / 2);
        // The rules are held to some base topic all the same.
        free(base);
        config->bridge.base_topic = mem_strdup("thingbridge");
    }
}

static void check_share(const struct config *config, const struct yaml_node *root, struct problems *problems)
{
    const char *share = config->mqtt.share;
    if (strpbrk(share, "/+#") != NULL || str_has_control(share, strlen(share)) ||
        str_has_noncharacter(share, strlen(share)) || strlen(share) > TOPIC_MAX_LEN) {
        yaml_error(problems, NODE(root, "mqtt", "share"),
                   "`mqtt.share` is the name of a group, of up to %d bytes, without / + #, control characters and "
                   "noncharacters",
                   TOPIC_MAX_LEN);
    }
}

static void check_client_id(const struct config *config, const struct yaml_node *root, struct problems *problems)
{
    const char *client_id = config->mqtt.client_id;
    size_t len = strlen(client_id);
    // The other connection's name is a few bytes longer, and both fit into two bytes of length.
    if (len > 65000 || str_has_control(client_id, len) || str_has_noncharacter(client_id, len)) {
        yaml_error(problems, NODE(root, "mqtt", "client_id"),
                   "`mqtt.client_id` has up to 65000 bytes, no control characters and no noncharacters");
    }
}

static void check_tls_pair(const struct config_tls *tls, const struct yaml_node *node, struct problems *problems)
{
    if ((tls->cert_file == NULL) != (tls->key_file == NULL)) {
        yaml_error(problems, node, "`tls` has `%s` and no `%s`: a client certificate needs both",
                   tls->cert_file != NULL ? "cert_file" : "key_file",
                   tls->cert_file != NULL ? "key_file" : "cert_file");
    }
}

void config_check_values(struct config *config, const struct yaml_node *root, struct problems *problems)
{
    check_urls(config, root, problems);
    check_client_id(config, root, problems);
    check_share(config, root, problems);
    check_tls_pair(&config->mqtt.tls, NODE(root, "mqtt", "tls"), problems);
    check_base_topic(config, root, problems);
    check_allow(config, root, problems);
}

void config_check_platform(const struct config_platform *platform, const struct yaml_node *node,
                           struct problems *problems)
{
    struct diag diag;
    struct http_target_options options = {.endpoint = platform->endpoint, .proxy = platform->proxy};
    if (platform->endpoint != NULL && http_target_check(&options, &diag) != ERR_OK) {
        yaml_error(problems, NODE(node, "endpoint"), "`endpoint`: %s", diag.text);
    }
    check_tls_pair(&platform->tls, NODE(node, "tls"), problems);
}

// Another user or machine may read what this one cannot, but what is wrong with a secret is so for all.
static void check_secret(const struct secret_source *source, const struct yaml_node *node, struct problems *problems)
{
    char *secret = NULL;
    const char *warning = NULL;
    struct diag diag;
    if (!secret_is_set(source)) {
        return;
    }
    enum err err = secret_read(source, &secret, &warning, &diag);
    if (err != ERR_OK) {
        bool is_here_only = err == ERR_IO || err == ERR_MISSING;
        yaml_problem(problems, is_here_only ? SEVERITY_WARNING : SEVERITY_ERROR, node, "%s", diag.text);
    } else if (warning != NULL) {
        yaml_warn(problems, node, "%s", warning);
    }
    secret_free(secret);
}

static void check_file(const char *path, const struct yaml_node *node, struct problems *problems)
{
    struct diag diag;
    if (path != NULL && access_check(path, R_OK, &diag) != ERR_OK) {
        yaml_warn(problems, node, "cannot be read: %s", diag.text);
    }
}

static void check_tls_files(const struct config_tls *tls, const struct yaml_node *node, struct problems *problems)
{
    check_file(tls->ca_file, NODE(node, "ca_file"), problems);
    check_file(tls->cert_file, NODE(node, "cert_file"), problems);
    check_file(tls->key_file, NODE(node, "key_file"), problems);
}

static const struct yaml_node *platform_node(const struct config *config, size_t index)
{
    return config->platform_node != NULL
               ? config->platform_node
               : NODE(yaml_root(config->document), "platforms", config->platforms[index].name);
}

static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? mem_strdup(".") : slash == path ? mem_strdup("/") : mem_dup(path, (size_t)(slash - path));
}

// What the outbox needs of this machine. It is made when the service starts.
static void check_outbox(const char *path, const struct yaml_node *node, struct problems *problems)
{
    AUTO_FREE char *folder = folder_of(path);
    struct stat status;
    struct diag diag;
    if (stat(folder, &status) != 0 && errno == ENOENT) {
        yaml_warn(problems, node,
                  "`outbox.path`: the folder %s does not exist: create it, for the user that runs the bridge", folder);
    } else if (stat(path, &status) == 0 && S_ISDIR(status.st_mode)) {
        yaml_error(problems, node, "`outbox.path`: %s is a folder: name a file in it", path);
    } else if (access_check(folder, W_OK | X_OK, &diag) != ERR_OK ||
               (access(path, F_OK) == 0 && access_check(path, R_OK | W_OK, &diag) != ERR_OK)) {
        yaml_warn(problems, node, "`outbox.path`: %s", diag.text);
    }
}

// A file that the service needs, with its place in the configuration.
struct needed_file {
    const char *path;
    int mode; // as for access(2)
    const struct yaml_node *node;
};

struct needed_files {
    struct needed_file *items;
    size_t count;
};

static void need(struct needed_files *files, const char *path_or_null, int mode, const struct yaml_node *node)
{
    if (path_or_null != NULL) {
        files->items = mem_resize(files->items, files->count + 1, sizeof *files->items);
        files->items[files->count++] = (struct needed_file){path_or_null, mode, node};
    }
}

// Root can read all, so check as root is of no help to a service that is another user's: that is the user to whom any
// of these files belongs, if not all are root's.
static void check_as_owner(const struct needed_files *files, struct problems *problems)
{
    uid_t user = 0;
    struct stat status;
    for (size_t i = 0; geteuid() == 0 && i < files->count && user == 0; i++) {
        user = stat(files->items[i].path, &status) == 0 ? status.st_uid : 0;
    }
    for (size_t i = 0; user != 0 && i < files->count; i++) {
        const struct needed_file *file = &files->items[i];
        if (!access_of_user(user, file->path, file->mode)) {
            AUTO_FREE char *name = access_user_name(user);
            yaml_warn(problems, file->node,
                      "the user %s, to whom other files of the bridge belong, cannot %s %s: if the bridge runs as "
                      "%s, chown it",
                      name, (file->mode & W_OK) != 0 ? "write" : "read", file->path, name);
        }
    }
}

static void check_owners(const struct config *config, const struct yaml_node *root, struct problems *problems)
{
    struct needed_files files = {0};
    AUTO_FREE char *folder = folder_of(config->outbox.path);
    need(&files, folder, R_OK | W_OK | X_OK, NODE(root, "outbox", "path"));
    need(&files, config->mqtt.password.file, R_OK, NODE(root, "mqtt", "password"));
    need(&files, config->mqtt.tls.key_file, R_OK, NODE(root, "mqtt", "tls", "key_file"));
    for (size_t i = 0; i < config->platform_count; i++) {
        const struct config_platform *platform = &config->platforms[i];
        const struct yaml_node *node = platform_node(config, i);
        need(&files, platform->access_key_secret.file, R_OK, NODE(node, "access_key_secret"));
        need(&files, platform->tls.key_file, R_OK, NODE(node, "tls", "key_file"));
    }
    check_as_owner(&files, problems);
    free(files.items);
}

void config_check_files(const struct config *config, struct problems *problems)
{
    const struct yaml_node *root = yaml_root(config->document);
    check_secret(&config->mqtt.password, NODE(root, "mqtt", "password"), problems);
    check_tls_files(&config->mqtt.tls, NODE(root, "mqtt", "tls"), problems);
    for (size_t i = 0; i < config->platform_count; i++) {
        const struct config_platform *platform = &config->platforms[i];
        const struct yaml_node *node = platform_node(config, i);
        check_secret(&platform->access_key_secret, NODE(node, "access_key_secret"), problems);
        check_tls_files(&platform->tls, NODE(node, "tls"), problems);
    }
    check_outbox(config->outbox.path, NODE(root, "outbox", "path"), problems);
    check_owners(config, root, problems);
}
