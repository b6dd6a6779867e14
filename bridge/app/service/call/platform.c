// Accounts are made at the start, and what they need may change while the service runs: the secret is read again when
// the platform refuses the key, and the platform's time is learned from the Date header of an answer that refuses ours.
// Both are counted or compared with what a request was signed with, so that many refused requests cause one change.
#include "app/service/call/platform.h"

#include <stdlib.h>
#include <string.h>

#include "app/config/secret.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/mem.h"

#define CONNECT_TIMEOUT_MS 3000
#define CLOCK_STEP_MS      1000 // a Date header has whole seconds

static enum err make_key(const struct platform *platform, struct crypto_mac_key **key, struct diag *diag)
{
    const struct config_platform *config = platform->config;
    struct diag reason;
    char *secret = NULL;
    const char *warning = NULL;
    enum err err = secret_read(&config->access_key_secret, &secret, &warning, &reason);
    if (err != ERR_OK) {
        return diag_set(diag, err, "access_key_secret of platform %s: %s", config->name, reason.text);
    }
    if (warning != NULL) {
        LOG(LOG_WARN, "secret_warning", LOG_S("platform", config->name), LOG_S("file", config->access_key_secret.file),
            LOG_S("hint", warning));
    }
    *key = sign_key_create(config_algorithm_name(config), secret);
    secret_free(secret);
    return ERR_OK;
}

enum err platform_target_create(const struct config_platform *config, int64_t max_answer, struct http_target **out,
                                struct diag *diag)
{
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
    enum err err = http_target_create(&options, out, &reason);
    return err == ERR_OK ? ERR_OK : diag_set(diag, err, "platform %s: %s", config->name, reason.text);
}

static enum err prepare(struct platform *platform, const struct config *config, const struct config_platform *own,
                        struct diag *diag)
{
    platform->config = own;
    enum err err = make_key(platform, &platform->key, diag);
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
    return platform_target_create(own, config->limits.answer, &platform->target, diag);
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

// Two keys are compared by what they make of the same text, as neither can be read back.
static bool same_key(struct crypto_mac_key *a, struct crypto_mac_key *b)
{
    static const char text[] = "the same text for both";
    unsigned char of_a[CRYPTO_MAC_MAX] = {0};
    unsigned char of_b[CRYPTO_MAC_MAX] = {0};
    crypto_mac_compute(a, text, sizeof text, of_a);
    crypto_mac_compute(b, text, sizeof text, of_b);
    return memcmp(of_a, of_b, sizeof of_a) == 0;
}

// Of requests that were under way together only the first finds the secret changed.
bool platform_read_secret_again(struct platform *platform, int used_version)
{
    struct crypto_mac_key *key = NULL;
    struct diag diag;
    if (platform->secret_version != used_version) {
        return true;
    }
    if (make_key(platform, &key, &diag) != ERR_OK) {
        LOG(LOG_ERROR, "secret_unreadable", LOG_S("platform", platform->config->name), LOG_S("error", diag.text));
        return false;
    }
    bool changed = !same_key(platform->key, key);
    crypto_mac_destroy(changed ? platform->key : key);
    if (changed) {
        platform->key = key;
        platform->account.key = key;
        platform->secret_version++;
        LOG(LOG_INFO, "secret_changed", LOG_S("platform", platform->config->name));
    }
    return changed;
}

static bool same_time(int64_t a_ms, int64_t b_ms)
{
    return a_ms - b_ms > -CLOCK_STEP_MS && a_ms - b_ms < CLOCK_STEP_MS;
}

bool platform_learn_clock(struct platform *platform, const char *date, int64_t now_wall_ms, int64_t used_offset_ms)
{
    int64_t server_ms = 0;
    if (!clock_parse_http_date(date, &server_ms)) {
        return false;
    }
    int64_t offset_ms = server_ms - now_wall_ms;
    if (!same_time(offset_ms, platform->clock_offset_ms)) {
        platform->clock_offset_ms = offset_ms;
        LOG(LOG_WARN, "clock_offset", LOG_S("platform", platform->config->name), LOG_N("offset_ms", offset_ms),
            LOG_S("hint", "this machine's clock differs from the platform's: set it (NTP)"));
    }
    return !same_time(platform->clock_offset_ms, used_offset_ms);
}
