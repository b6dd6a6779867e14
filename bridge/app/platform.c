#include "app/platform.h"

#include <stdlib.h>
#include <string.h>

#include "app/secret.h"
#include "base/log.h"
#include "base/mem.h"

#define CONNECT_TIMEOUT_MS 3000

static enum err make_key(struct platform *platform, struct diag *diag)
{
    const struct config_platform *config = platform->config;
    struct diag reason;
    char *secret = NULL;
    bool readable = false;
    enum err err = secret_read(&config->access_key_secret, &secret, &readable, &reason);
    if (err != ERR_OK) {
        return diag_set(diag, err, "access_key_secret of platform %s: %s", config->name, reason.text);
    }
    if (readable) {
        LOG(LOG_WARN, "secret_readable", LOG_S("platform", config->name), LOG_S("file", config->access_key_secret.file),
            LOG_S("hint", "others can read this file: chmod 600"));
    }
    platform->key = sign_key_create(config_algorithm_name(config), secret);
    secret_free(secret);
    return ERR_OK;
}

static enum err make_target(struct platform *platform, int64_t max_answer, struct diag *diag)
{
    const struct config_platform *config = platform->config;
    struct http_target_options options = {
        .endpoint = config->endpoint,
        .ca_file = config->tls.ca_file,
        .cert_file = config->tls.cert_file,
        .key_file = config->tls.key_file,
        .proxy = config->proxy,
        .timeout_ms = config->timeout_ms,
        .connect_timeout_ms = CONNECT_TIMEOUT_MS,
        .max_answer = (size_t)max_answer,
    };
    struct diag reason;
    enum err err = http_target_create(&options, &platform->target, &reason);
    return err == ERR_OK ? ERR_OK : diag_set(diag, err, "platform %s: %s", config->name, reason.text);
}

static enum err prepare(struct platform *platform, const struct config *config, const struct config_platform *own,
                        struct diag *diag)
{
    platform->config = own;
    enum err err = make_key(platform, diag);
    if (err != ERR_OK) {
        return err;
    }
    platform->account = (struct sign_account){
        .access_key_id = own->access_key_id,
        .algorithm = config_algorithm_name(own),
        .method = config_method_name(own),
        .key = platform->key,
        .common = &own->parameters,
    };
    return make_target(platform, config->limits.answer, diag);
}

enum err platform_set_create(const struct config *config, struct platform_set *out, struct diag *diag)
{
    struct platform_set set = {.items = mem_alloc(config->platform_count * sizeof *set.items)};
    for (size_t i = 0; i < config->platform_count; i++) {
        enum err err = prepare(&set.items[set.count++], config, &config->platforms[i], diag);
        if (err != ERR_OK) {
            platform_set_clear(&set);
            return err;
        }
        set.max_connections += (int)config->platforms[i].connections;
    }
    *out = set;
    return ERR_OK;
}

void platform_set_clear(struct platform_set *set)
{
    for (size_t i = 0; i < set->count; i++) {
        http_target_destroy(set->items[i].target);
        crypto_mac_destroy(set->items[i].key);
    }
    free(set->items);
    *set = (struct platform_set){0};
}

struct platform *platform_find(const struct platform_set *set, const char *name)
{
    for (size_t i = 0; i < set->count; i++) {
        if (strcmp(set->items[i].config->name, name) == 0) {
            return &set->items[i];
        }
    }
    return NULL;
}
