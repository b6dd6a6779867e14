// An endpoint is checked part by part (scheme, host, no password, no query) and written anew by libcurl's URL parser,
// so that what is connected to is what was checked; certificate files have to be readable.
#include <arpa/inet.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "io/http/http_internal.h"

static void free_curl_text(char **text)
{
    curl_free(*text);
}
#define AUTO_CURL_TEXT AUTO(free_curl_text)

static void free_curl_url(CURLU **url)
{
    curl_url_cleanup(*url);
}

static bool is_loopback(const char *host)
{
    struct in_addr address;
    if (inet_pton(AF_INET, host, &address) == 1) {
        return (ntohl(address.s_addr) >> 24) == 127;
    }
    return strcmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0;
}

static bool has_part(CURLU *url, CURLUPart part)
{
    AUTO_CURL_TEXT char *text = NULL;
    return curl_url_get(url, part, &text, 0) == CURLUE_OK;
}

// `endpoint` may hold a password or a token, so of one that holds such a part only what is before it is shown.
static enum err check_parts(CURLU *url, const char *endpoint, struct diag *diag)
{
    if (has_part(url, CURLUPART_USER) || has_part(url, CURLUPART_PASSWORD)) {
        return diag_set(diag, ERR_REFUSED, "the endpoint may not hold a user name or password");
    }
    if (has_part(url, CURLUPART_QUERY) || has_part(url, CURLUPART_FRAGMENT)) {
        return diag_set(diag, ERR_REFUSED, "%.*s: the endpoint may not hold a query or fragment",
                        (int)strcspn(endpoint, "?#"), endpoint);
    }
    return ERR_OK;
}

static enum err check_scheme(CURLU *url, const struct http_target_options *options, bool *plain, struct diag *diag)
{
    AUTO_CURL_TEXT char *scheme = NULL;
    AUTO_CURL_TEXT char *host = NULL;
    if (curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
        curl_url_get(url, CURLUPART_HOST, &host, 0) != CURLUE_OK) {
        return diag_set(diag, ERR_SYNTAX, "%s: the endpoint must be https://HOST[:PORT]/[PATH]", options->endpoint);
    }
    *plain = strcmp(scheme, "http") == 0;
    if (!*plain && strcmp(scheme, "https") != 0) {
        return diag_set(diag, ERR_SYNTAX, "%s: the endpoint must begin with https://", options->endpoint);
    }
    if (*plain && !is_loopback(host)) {
        return diag_set(diag, ERR_REFUSED,
                        "%s: http:// is allowed to localhost only, as everybody on the way could read and change the "
                        "requests: use https://",
                        options->endpoint);
    }
    if (*plain && options->proxy != NULL && options->proxy[0] != '\0') {
        return diag_set(diag, ERR_REFUSED, "%s: http:// cannot go through a proxy, as it would leave this machine",
                        options->endpoint);
    }
    return ERR_OK;
}

static enum err check_endpoint(const struct http_target_options *options, char **normal, bool *plain, struct diag *diag)
{
    AUTO(free_curl_url) CURLU *url = curl_url();
    CURLUcode code = curl_url_set(url, CURLUPART_URL, options->endpoint, 0);
    if (code != CURLUE_OK) {
        return diag_set(diag, ERR_SYNTAX, "the endpoint must be https://HOST[:PORT]/[PATH]: %s",
                        curl_url_strerror(code));
    }
    enum err err = check_parts(url, options->endpoint, diag);
    err = err != ERR_OK ? err : check_scheme(url, options, plain, diag);
    if (err != ERR_OK) {
        return err;
    }
    AUTO_CURL_TEXT char *text = NULL;
    code = curl_url_get(url, CURLUPART_URL, &text, 0);
    if (code != CURLUE_OK) {
        return diag_set(diag, ERR_SYNTAX, "%s: %s", options->endpoint, curl_url_strerror(code));
    }
    *normal = mem_strdup(text);
    return ERR_OK;
}

enum err http_target_check(const struct http_target_options *options, struct diag *diag)
{
    AUTO_FREE char *url = NULL;
    bool plain = false;
    return check_endpoint(options, &url, &plain, diag);
}

enum err http_target_create(const struct http_target_options *options, struct http_target **out, struct diag *diag)
{
    static atomic_uint_fast64_t serials;
    enum err err = file_check_readable("tls.ca_file", options->ca_file, diag);
    err = err != ERR_OK ? err : file_check_readable("tls.cert_file", options->cert_file, diag);
    err = err != ERR_OK ? err : file_check_readable("tls.key_file", options->key_file, diag);
    if (err != ERR_OK) {
        return err;
    }
    char *url = NULL;
    bool plain = false;
    err = check_endpoint(options, &url, &plain, diag);
    if (err != ERR_OK) {
        return err;
    }
    struct http_target *target = mem_alloc(sizeof *target);
    *target = (struct http_target){
        .serial = atomic_fetch_add(&serials, 1) + 1,
        .url = url,
        .plain = plain,
        .options = *options,
    };
    target->options.endpoint = NULL;
    target->options.ca_file = mem_strdup_or_null(options->ca_file);
    target->options.cert_file = mem_strdup_or_null(options->cert_file);
    target->options.key_file = mem_strdup_or_null(options->key_file);
    // Plain requests never leave this machine, whatever the environment says.
    target->options.proxy = mem_strdup_or_null(plain ? "" : options->proxy);
    *out = target;
    return ERR_OK;
}

void http_target_destroy(struct http_target *target)
{
    if (target == NULL) {
        return;
    }
    free(target->url);
    free((char *)target->options.ca_file);
    free((char *)target->options.cert_file);
    free((char *)target->options.key_file);
    free((char *)target->options.proxy);
    free(target);
}
