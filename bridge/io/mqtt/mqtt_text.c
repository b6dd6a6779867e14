// Reasons come as MQTT codes (two tables), as Paho's error strings and, for a TLS handshake, only as lines of OpenSSL
// and of Paho's trace: those are kept until the failure that they belong to is reported.
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "io/mqtt/mqtt_internal.h"

struct reason {
    int code;
    const char *text;
};

// MQTT 3.1.1 section 3.2.2.3
static const struct reason reasons4[] = {
    {1, "the broker does not speak MQTT 3.1.1"},
    {2, "the broker refused the client id (mqtt.client_id)"},
    {3, "the broker says that it is unavailable"},
    {4, "the broker refused the user name or password (mqtt.username, mqtt.password)"},
    {5, "the broker refused the login: not authorised (mqtt.username, mqtt.password)"},
};

// MQTT 5 section 3.2.2.2. Code 1 is what a broker answers that speaks 3.1.1 only.
static const struct reason reasons5[] = {
    {1, "the broker does not speak MQTT 5: set mqtt.version to 3.1.1"},
    {0x84, "the broker does not speak MQTT 5: set mqtt.version to 3.1.1"},
    {0x85, "the broker refused the client id (mqtt.client_id)"},
    {0x86, "the broker refused the user name or password (mqtt.username, mqtt.password)"},
    {0x87, "the broker refused the login: not authorised (mqtt.username, mqtt.password)"},
    {0x88, "the broker says that it is unavailable"},
    {0x89, "the broker says that it is busy"},
    {0x8A, "the broker has banned this client"},
    {0x95, "the broker says that the CONNECT packet is too large"},
};

struct phrase {
    const char *in_library; // part of what the library says
    const char *text;
};

static const struct phrase tls_phrases[] = {
    {"unknown CA",
     "the broker's certificate is not signed by a known authority: set mqtt.tls.ca_file to the certificate of "
     "the one that signed it"},
    {"certificate expired", "the broker's certificate has expired or is not yet valid"},
    {"certificate revoked", "the broker's certificate has been revoked"},
    {"certificate required", "the broker wants a client certificate (mqtt.tls.cert_file, mqtt.tls.key_file)"},
    {"bad certificate", "a certificate was refused as bad"},
    {"wrong version number", "the broker does not speak TLS on this port"},
};

// What the trace said on this thread since the last failure was reported. The lines of a failing handshake and its
// failure callback come in one go on one thread, so this needs no link.
static _Thread_local char last_alert[96];
static _Thread_local bool name_failed;
static _Thread_local bool handshake_failed;

static atomic_int tracers;

static const char *find_reason(const struct reason *reasons, size_t count, int code)
{
    for (size_t i = 0; i < count; i++) {
        if (reasons[i].code == code) {
            return reasons[i].text;
        }
    }
    return NULL;
}

void mqtt_text_refused(char *out, size_t size, int version, int code)
{
    const char *text = version == 5 ? find_reason(reasons5, COUNT_OF(reasons5), code)
                                    : find_reason(reasons4, COUNT_OF(reasons4), code);
    if (text != NULL) {
        snprintf(out, size, "%s", text);
        return;
    }
    const char *name = MQTTReasonCode_toString((enum MQTTReasonCodes)code);
    snprintf(out, size, "the broker refused the connection: %s (code %d)", name == NULL ? "unknown reason" : name,
             code);
}

void mqtt_text_reason(char *out, size_t size, int reason, MQTTProperties *properties_or_null)
{
    const char *name = MQTTReasonCode_toString((enum MQTTReasonCodes)reason);
    snprintf(out, size, "%s (0x%02X)", name == NULL ? "unknown reason" : name, (unsigned)reason);
    const MQTTProperty *said = properties_or_null == NULL
                                   ? NULL
                                   : MQTTProperties_getProperty(properties_or_null, MQTTPROPERTY_CODE_REASON_STRING);
    if (said != NULL && said->value.data.len > 0 &&
        str_utf8_valid(said->value.data.data, (size_t)said->value.data.len)) {
        size_t len = strlen(out);
        snprintf(out + len, size - len, ": %.*s", said->value.data.len, said->value.data.data);
    }
}

static const char *known_phrase(const char *said)
{
    for (size_t i = 0; i < COUNT_OF(tls_phrases); i++) {
        if (strstr(said, tls_phrases[i].in_library) != NULL) {
            return tls_phrases[i].text;
        }
    }
    return NULL;
}

static void tls_text(char *out, size_t size, const struct mqtt_link *link, const char *host)
{
    const char *known = known_phrase(last_alert);
    if (known == NULL) {
        known = known_phrase(link->tls_error);
    }
    if (name_failed) {
        snprintf(out, size, "the broker's certificate is not for the host name %s", host);
    } else if (known != NULL) {
        snprintf(out, size, "TLS failed: %s", known);
    } else {
        snprintf(out, size, "TLS failed: %s", link->tls_error[0] != '\0' ? link->tls_error : last_alert);
    }
}

void mqtt_text_unreached(char *out, size_t size, const struct mqtt_link *link, const char *message)
{
    const struct mqtt_url *url = &link->mqtt->urls[atomic_load(&link->url)];
    if (url->tls && (name_failed || last_alert[0] != '\0' || link->tls_error[0] != '\0')) {
        tls_text(out, size, link, url->host);
    } else if (url->tls && handshake_failed) {
        snprintf(out, size,
                 "%s port %d ended the connection in the TLS handshake: check that the port of mqtt.url speaks "
                 "TLS (it is mqtt:// or ws:// where it does not)",
                 url->host, url->port);
    } else if (message == NULL) {
        // Failed before it waited for the network.
        snprintf(out, size, "no connection to %s: the name is unknown or there is no route to it", url->host);
    } else if (strstr(message, "timeout") != NULL) {
        snprintf(out, size, "no answer within %d s", link->mqtt->options.connect_timeout_s);
    } else if (strstr(message, "TCP/TLS connect failure") != NULL) {
        snprintf(out, size, "no connection to %s port %d: refused or cut", url->host, url->port);
    } else if (url->websocket) {
        snprintf(
            out, size,
            "%s port %d ended the connection: check that it speaks WebSocket; or the answer to the WebSocket handshake "
            "came in pieces, which the MQTT library cannot read",
            url->host, url->port);
    } else {
        const char *version =
            link->mqtt->options.version == 5 ? ", or set mqtt.version to 3.1.1 (RabbitMQ before 3.13)" : "";
        snprintf(out, size,
                 "%s port %d ended the connection in place of an answer: check that mqtt.url fits the port (mqtt, "
                 "mqtts, ws, wss)%s; the broker's log may say more",
                 url->host, url->port, version);
    }
    last_alert[0] = '\0';
    name_failed = false;
    handshake_failed = false;
}

int mqtt_text_on_tls_error(const char *text, size_t len, void *link)
{
    struct mqtt_link *l = link;
    // "40F7B1C0:error:0A000086:SSL routines:tls_process:certificate verify failed:../ssl/statem.c:1889:": the part
    // behind the function, which may be empty, is for people.
    enum { PARTS_BEFORE = 4 };
    const char *start = strstr(text, "error:");
    for (int i = 0; start != NULL && i < PARTS_BEFORE; i++) {
        const char *colon = strchr(start, ':');
        start = colon == NULL ? NULL : colon + 1;
    }
    start = start == NULL ? text : start;
    size_t said = strcspn(start, ":\n");
    snprintf(l->tls_error, sizeof l->tls_error, "%.*s", (int)said, start);
    return (int)len;
}

static void on_trace(enum MQTTASYNC_TRACE_LEVELS level, char *line)
{
    const char *alert = strstr(line, "SSL alert ");
    if (alert != NULL && strstr(alert, ":fatal:") != NULL) {
        snprintf(last_alert, sizeof last_alert, "%s", strrchr(alert, ':') + 1);
    } else if (strstr(line, "X509_check_host") != NULL) {
        name_failed = strstr(line, " failed") != NULL;
    } else if (strstr(line, "X509_check_ip_asc is 1") != NULL) {
        name_failed = false;
    } else if (strstr(line, "SSLSocket error ") != NULL && strstr(line, " in SSL_connect ") != NULL) {
        handshake_failed = true;
    } else if (level == MQTTASYNC_TRACE_PROTOCOL) {
        mqtt_socket_on_trace(line);
    } else if (level >= MQTTASYNC_TRACE_ERROR) {
        LOG(LOG_DEBUG, "mqtt_library", LOG_S("text", line));
    }
}

void mqtt_text_watch_library(void)
{
    MQTTAsync_setTraceCallback(on_trace);
    MQTTAsync_setTraceLevel(MQTTASYNC_TRACE_ERROR);
}

void mqtt_text_trace_begin(void)
{
    if (atomic_fetch_add(&tracers, 1) == 0) {
        MQTTAsync_setTraceLevel(MQTTASYNC_TRACE_MINIMUM);
    }
}

void mqtt_text_trace_end(void)
{
    if (atomic_fetch_sub(&tracers, 1) == 1) {
        MQTTAsync_setTraceLevel(MQTTASYNC_TRACE_ERROR);
    }
}
