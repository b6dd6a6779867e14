// The owner's side: options are checked and copied, a connect makes a new link (mqtt_link.c) with a Paho client of its
// own, and a disconnect ends it. Events reach the owner through mqtt_emit.
#include "io/mqtt/mqtt.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "io/mqtt/mqtt_internal.h"

// Paho reads these at every connect, and would tunnel MQTT through them.
static void hide_proxies(void)
{
    // libcurl takes the upper-case form too, and the lower-case one first.
    const char *https = getenv("https_proxy");
    if (https != NULL) {
        setenv("HTTPS_PROXY", https, 1);
        unsetenv("https_proxy");
    }
    unsetenv("http_proxy");
}

void mqtt_library_init(void)
{
    static bool done;
    if (done) {
        return;
    }
    done = true;
    hide_proxies();
    MQTTAsync_init_options options = MQTTAsync_init_options_initializer;
    options.do_openssl_init = 1;
    MQTTAsync_global_init(&options);
    // Paho stops its threads with the last client, which takes up to seconds: this one, never connected, is kept.
    static MQTTAsync keeper;
    (void)MQTTAsync_create(&keeper, "tcp://127.0.0.1:1883", "keeper", MQTTCLIENT_PERSISTENCE_NONE, NULL);
    mqtt_text_watch_library();
}

static enum err check_options(const struct mqtt_options *options, struct diag *diag)
{
    if (options->url_count == 0) {
        return diag_set(diag, ERR_MISSING, "mqtt.url: at least one is needed");
    }
    if (options->version != 4 && options->version != 5) {
        return diag_set(diag, ERR_REFUSED, "mqtt.version: 5 or 3.1.1");
    }
    size_t id_len = strlen(options->client_id);
    if (id_len == 0 || id_len > 65535 || !str_utf8_valid(options->client_id, id_len)) {
        return diag_set(diag, ERR_REFUSED, "mqtt.client_id: 1 to 65535 bytes of valid UTF-8");
    }
    enum err err = file_check_readable("mqtt.tls.ca_file", options->tls.ca_file, diag);
    err = err != ERR_OK ? err : file_check_readable("mqtt.tls.cert_file", options->tls.cert_file, diag);
    err = err != ERR_OK ? err : file_check_readable("mqtt.tls.key_file", options->tls.key_file, diag);
    return err;
}

// The texts that a copy of the options owns.
static void visit_texts(struct mqtt_options *options, void (*visit)(const char **text))
{
    const char **const texts[] = {
        &options->client_id,     &options->username,     &options->password,   &options->tls.ca_file,
        &options->tls.cert_file, &options->tls.key_file, &options->will_topic, &options->will_payload,
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        visit(texts[i]);
    }
}

static void own_text(const char **text)
{
    *text = mem_strdup_or_null(*text);
}

static void free_text(const char **text)
{
    free((char *)*text);
}

static struct mqtt *copy_options(const struct mqtt_options *options)
{
    struct mqtt *mqtt = mem_alloc(sizeof *mqtt);
    mqtt->options = *options;
    mqtt->options.urls = NULL;
    mqtt->options.will_payload = options->will_payload == NULL ? "" : options->will_payload;
    visit_texts(&mqtt->options, own_text);
    atomic_init(&mqtt->keepalive_s, options->keepalive_s);
    atomic_init(&mqtt->will_qos, 1);
    atomic_init(&mqtt->will_retained, true);
    pthread_mutex_init(&mqtt->lock, NULL);
    mqtt->urls = mem_alloc(options->url_count * sizeof *mqtt->urls);
    return mqtt;
}

enum err mqtt_create(const struct mqtt_options *options, const struct mqtt_handlers *handlers, struct mqtt **out,
                     struct diag *diag)
{
    enum err err = check_options(options, diag);
    if (err != ERR_OK) {
        return err;
    }
    struct mqtt *mqtt = copy_options(options);
    mqtt->handlers = *handlers;
    for (size_t i = 0; i < options->url_count; i++) {
        err = mqtt_url_parse(options->urls[i], &mqtt->urls[i], diag);
        if (err != ERR_OK) {
            mqtt_destroy(mqtt);
            return err;
        }
    }
    *out = mqtt;
    return ERR_OK;
}

void mqtt_destroy(struct mqtt *mqtt)
{
    if (mqtt == NULL) {
        return;
    }
    mqtt_link_destroy(mqtt->link);
    for (size_t i = 0; i < mqtt->options.url_count; i++) {
        mqtt_url_clear(&mqtt->urls[i]);
    }
    free(mqtt->urls);
    if (mqtt->options.password != NULL) {
        mem_wipe((char *)mqtt->options.password, strlen(mqtt->options.password));
    }
    visit_texts(&mqtt->options, free_text);
    pthread_mutex_destroy(&mqtt->lock);
    free(mqtt);
}

enum err mqtt_connect(struct mqtt *mqtt, struct diag *diag)
{
    if (mqtt->link != NULL && atomic_load(&mqtt->link->state) != LINK_DOWN) {
        return diag_set(diag, ERR_REFUSED, "already connected or connecting");
    }
    struct mqtt_link *link = NULL;
    enum err err = mqtt_link_create(mqtt, &link, diag);
    if (err != ERR_OK) {
        return err;
    }
    struct mqtt_link *ended = mqtt->link;
    mqtt->link = link;
    mqtt_link_destroy(ended);
    mqtt_link_try(link, 0);
    return ERR_OK;
}

void mqtt_disconnect(struct mqtt *mqtt, int timeout_ms)
{
    struct mqtt_link *link = mqtt->link;
    if (link != NULL && mqtt_link_change(link, LINK_UP, LINK_CLOSING)) {
        mqtt_link_close(link, timeout_ms);
        return;
    }
    if (link != NULL && atomic_load(&link->state) == LINK_CLOSING) {
        return;
    }
    // An attempt under way is given up.
    mqtt->link = NULL;
    mqtt_link_destroy(link);
    mqtt_emit(mqtt, &(struct mqtt_event){.kind = MQTT_DISCONNECTED});
}

bool mqtt_is_connected(const struct mqtt *mqtt)
{
    return mqtt->link != NULL && atomic_load(&mqtt->link->state) == LINK_UP;
}
