#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "io/mqtt/mqtt_internal.h"

struct scheme {
    const char *name;
    const char *paho;
    int port;
    bool tls;
    bool path;
};

static const struct scheme schemes[] = {
    {"mqtt://", "tcp://", 1883, false, false},
    {"mqtts://", "ssl://", 8883, true, false},
    {"ws://", "ws://", 80, false, true},
    {"wss://", "wss://", 443, true, true},
};

static const struct scheme *find_scheme(const char *text)
{
    for (size_t i = 0; i < COUNT_OF(schemes); i++) {
        if (strncmp(text, schemes[i].name, strlen(schemes[i].name)) == 0) {
            return &schemes[i];
        }
    }
    return NULL;
}

// Length of the host at the start of `text`, an IPv6 address with its brackets.
static size_t host_len(const char *text)
{
    if (text[0] != '[') {
        return strcspn(text, ":/?#");
    }
    const char *end = strchr(text, ']');
    return end == NULL ? 0 : (size_t)(end - text) + 1;
}

static bool read_port(const char **cursor, int *port)
{
    if (**cursor != ':') {
        return true;
    }
    size_t len = strspn(*cursor + 1, "0123456789");
    AUTO_FREE char *digits = mem_dup(*cursor + 1, len);
    int64_t value = 0;
    if (str_parse_int(digits, &value) != ERR_OK || value < 1 || value > 65535) {
        return false;
    }
    *port = (int)value;
    *cursor += 1 + len;
    return true;
}

static enum err check_characters(const char *text, struct diag *diag)
{
    if (!str_utf8_valid(text, strlen(text)) || str_has_control(text, strlen(text)) || strchr(text, ' ') != NULL) {
        return diag_set(diag, ERR_SYNTAX, "the broker's URL holds a space, a control character or invalid UTF-8");
    }
    if (strchr(text, '@') != NULL) {
        return diag_set(diag, ERR_REFUSED,
                        "the broker's URL may not hold a user name or password: use mqtt.username and mqtt.password");
    }
    return ERR_OK;
}

enum err mqtt_url_parse(const char *text, struct mqtt_url *out, struct diag *diag)
{
    enum err err = check_characters(text, diag);
    if (err != ERR_OK) {
        return err;
    }
    const struct scheme *scheme = find_scheme(text);
    if (scheme == NULL) {
        return diag_set(diag, ERR_SYNTAX, "%s: the broker's URL must begin with mqtt://, mqtts://, ws:// or wss://",
                        text);
    }
    const char *host = text + strlen(scheme->name);
    size_t len = host_len(host);
    if (len == 0) {
        return diag_set(diag, ERR_SYNTAX, "%s: the host name is missing", text);
    }
    const char *cursor = host + len;
    int port = scheme->port;
    if (!read_port(&cursor, &port)) {
        return diag_set(diag, ERR_SYNTAX, "%s: the port must be a number from 1 to 65535", text);
    }
    if (*cursor != '\0' && *cursor != '/') {
        return diag_set(diag, ERR_SYNTAX, "%s: nothing but a port or a path may follow the host", text);
    }
    if (!scheme->path && cursor[0] == '/' && cursor[1] != '\0') {
        return diag_set(diag, ERR_SYNTAX, "%s: only ws:// and wss:// have a path", text);
    }
    out->shown = mem_strdup(text);
    out->host = mem_dup(host, len);
    out->port = port;
    out->tls = scheme->tls;
    out->websocket = scheme->path;
    out->paho = mem_printf("%s%s:%d%s", scheme->paho, out->host, port, scheme->path ? cursor : "");
    return ERR_OK;
}

enum err mqtt_url_check(const char *text, struct diag *diag)
{
    struct mqtt_url url = {0};
    enum err err = mqtt_url_parse(text, &url, diag);
    mqtt_url_clear(&url);
    return err;
}

bool mqtt_url_is_websocket(const char *url)
{
    const struct scheme *scheme = find_scheme(url);
    return scheme != NULL && scheme->path;
}

void mqtt_url_clear(struct mqtt_url *url)
{
    free(url->shown);
    free(url->paho);
    free(url->host);
    *url = (struct mqtt_url){0};
}
