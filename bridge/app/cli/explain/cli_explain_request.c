// Each call of the command is signed as the service would and taken apart again, so that what is shown is what is sent.
// A curl command is shell text: every byte that a terminal or a shell would obey is quoted.
#include <stdlib.h>
#include <string.h>

#include "app/cli/explain/cli_explain_internal.h"
#include "app/config/secret.h"
#include "app/service/call/platform.h"
#include "app/service/call/signed_call.h"
#include "base/mem.h"
#include "base/str.h"
#include "core/platform/sign.h"
#include "io/http/http.h"

#define MASKED       "***"
#define LONGEST_WORD 100000 // bytes; the kernel takes 128 KiB for one argument

// ---- what is shown

static int hex_digit(char c)
{
    const char *digits = "0123456789ABCDEF";
    const char *found = c != '\0' ? strchr(digits, c) : NULL;
    return found != NULL ? (int)(found - digits) : -1;
}

// The inverse of str_percent_encode.
static char *percent_decode(const char *text, size_t len)
{
    AUTO_BUF struct buf out = {0};
    for (size_t i = 0; i < len; i++) {
        bool encoded = text[i] == '%' && i + 2 < len && hex_digit(text[i + 1]) >= 0 && hex_digit(text[i + 2]) >= 0;
        buf_char(&out, encoded ? (char)(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2])) : text[i]);
        i += encoded ? 2 : 0;
    }
    return buf_steal(&out);
}

// Everything that goes over the wire, as it is signed.
static struct json_object *parameters_of(const struct call *call, const char *query)
{
    struct json_object *map = json_new_map();
    for (const char *at = query; *at != '\0';) {
        size_t len = strcspn(at, "&");
        size_t name_len = strcspn(at, "=");
        AUTO_FREE char *name = percent_decode(at, name_len);
        AUTO_FREE char *value = percent_decode(at + name_len + 1, len - name_len - 1);
        json_put_text(map, name, invoke_is_shown(call, name) ? value : MASKED);
        at += len + (at[len] == '&' ? 1 : 0);
    }
    return map;
}

// ---- curl

// What a terminal would obey stands there in a form that every shell turns back.
static void quote_bytes(struct buf *out, const char *text, size_t len)
{
    buf_text(out, "'\"$(printf '");
    for (size_t i = 0; i < len; i++) {
        buf_printf(out, "\\%03o", (unsigned char)text[i]);
    }
    buf_text(out, "')\"'");
}

// In single quotes nothing means anything to a shell but their end.
static void quote(struct buf *out, const char *text)
{
    size_t len = strlen(text);
    unsigned code = 0;
    buf_char(out, '\'');
    for (size_t i = 0, count = 0; i < len; i += count == 0 ? 1 : count) {
        count = str_unshowable(text + i, len - i, &code);
        if (count > 0 && code != '\n') {
            quote_bytes(out, text + i, count);
        } else if (text[i] == '\'') {
            buf_text(out, "'\\''");
        } else {
            buf_char(out, text[i]);
        }
    }
    buf_char(out, '\'');
}

static void add_option(struct buf *out, const char *option, const char *value_or_null)
{
    if (value_or_null != NULL) {
        buf_printf(out, " %s ", option);
        quote(out, value_or_null);
    }
}

// The command may be pasted in another folder.
static void add_file(struct buf *out, const char *option, const char *path_or_null)
{
    AUTO_FREE char *absolute = path_or_null != NULL ? realpath(path_or_null, NULL) : NULL;
    add_option(out, option, absolute != NULL ? absolute : path_or_null);
}

// A proxy's address may hold a password; then curl has to find it in the environment.
static void add_proxy(struct buf *out, const char *proxy_or_null)
{
    if (proxy_or_null != NULL && *proxy_or_null == '\0') {
        add_option(out, "--noproxy", "*");
    } else if (proxy_or_null != NULL && strchr(proxy_or_null, '@') == NULL) {
        add_option(out, "--proxy", proxy_or_null);
    }
}

static char *curl_command(const struct config_platform *platform, const struct signed_call *signed_call)
{
    AUTO_BUF struct buf out = {0};
    bool long_body = signed_call->post && strlen(signed_call->query) > LONGEST_WORD;
    AUTO_FREE char *url = signed_call->post ? mem_strdup(platform->endpoint)
                                            : mem_printf("%s?%s", platform->endpoint, signed_call->query);
    buf_printf(&out, "curl --silent --show-error --globoff --write-out '\\n' --max-time %lld",
               (long long)(platform->timeout_ms + 999) / 1000);
    add_file(&out, "--cacert", platform->tls.ca_file);
    add_file(&out, "--cert", platform->tls.cert_file);
    add_file(&out, "--key", platform->tls.key_file);
    add_proxy(&out, strncmp(platform->endpoint, "http://", 7) == 0 ? "" : platform->proxy);
    if (signed_call->post) {
        add_option(&out, long_body ? "--data" : "--data-raw", long_body ? "@-" : signed_call->query);
    }
    buf_char(&out, ' ');
    quote(&out, url);
    if (long_body) {
        buf_printf(&out, " <<'END'\n%s\nEND", signed_call->query);
    }
    return buf_steal(&out);
}

// ---- a request

static void add_request(struct json_object *list, const struct config_platform *platform,
                        const struct sign_account *account, const struct call *call, const struct moment *now,
                        bool curl)
{
    struct json_object *map = json_new_map();
    struct signed_call signed_call;
    signed_call_make(account, call, now->wall_ms, &signed_call);
    json_put_text(map, "platform", platform->name);
    json_put_text(map, "method", signed_call.post ? "POST" : "GET");
    json_put_text(map, "url", platform->endpoint);
    json_put(map, "parameters", parameters_of(call, signed_call.query));
    if (curl) {
        AUTO_FREE char *text = curl_command(platform, &signed_call);
        json_put_text(map, "curl", text);
    }
    json_add(list, map);
    signed_call_clear(&signed_call);
}

// The checks that the service makes before it uses the endpoint, so that no password in it is shown.
static enum err check_target(const struct config_platform *platform, struct diag *diag)
{
    struct http_target *target = NULL;
    if (platform_target_create(platform, 0, &target, diag) != ERR_OK) {
        return ERR_SYNTAX;
    }
    http_target_destroy(target);
    return ERR_OK;
}

// Without --curl no secret is read, and what is signed with an empty one is not shown.
static enum err make_key(const struct config_platform *platform, bool with_secret, struct crypto_mac_key **key,
                         struct diag *diag)
{
    struct diag reason;
    char *secret = NULL;
    const char *warning = NULL;
    if (with_secret && secret_read(&platform->access_key_secret, &secret, &warning, &reason) != ERR_OK) {
        return diag_set(diag, ERR_REFUSED, "access_key_secret of platform %s: %s", platform->name, reason.text);
    }
    *key = sign_key_create(config_algorithm_name(platform), secret != NULL ? secret : "");
    secret_free(secret);
    return ERR_OK;
}

static const struct config_platform *find_platform(const struct config *config, const char *name)
{
    for (size_t i = 1; i < config->platform_count; i++) {
        if (strcmp(config->platforms[i].name, name) == 0) {
            return &config->platforms[i];
        }
    }
    return &config->platforms[0];
}

enum err explain_put_requests(struct json_object *report, const struct config *config, const struct command *command,
                              const struct moment *now, bool curl, struct diag *diag)
{
    const struct config_platform *platform = find_platform(config, command->platform);
    struct crypto_mac_key *key = NULL;
    enum err err = check_target(platform, diag);
    err = err != ERR_OK ? err : make_key(platform, curl, &key, diag);
    if (err != ERR_OK) {
        return err;
    }
    struct sign_account account = {.access_key_id = platform->access_key_id,
                                   .algorithm = config_algorithm_name(platform),
                                   .method = config_method_name(platform),
                                   .key = key,
                                   .common = &platform->parameters};
    struct json_object *list = json_new_list();
    for (size_t i = 0; i < command->call_count; i++) {
        add_request(list, platform, &account, &command->calls[i], now, curl);
    }
    json_put(report, "requests", list);
    crypto_mac_destroy(key);
    return ERR_OK;
}

void explain_put_unsigned_requests(struct json_object *report, const struct command *command)
{
    struct json_object *list = json_new_list();
    for (size_t i = 0; i < command->call_count; i++) {
        const struct call *call = &command->calls[i];
        struct json_object *map = json_new_map();
        struct json_object *parameters = json_new_map();
        json_put_text(parameters, "Action", call->action);
        for (size_t k = 0; k < call->parameters.count; k++) {
            json_put_text(parameters, call->parameters.items[k].name, call->parameters.items[k].value);
        }
        json_put(map, "parameters", parameters);
        json_add(list, map);
    }
    json_put(report, "requests", list);
}
