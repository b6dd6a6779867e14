#include "io/mqtt/mqtt_internal.h"

static void add_number(MQTTProperties *properties, enum MQTTPropertyCodes id, uint32_t value)
{
    MQTTProperty property = {.identifier = id};
    if (id == MQTTPROPERTY_CODE_RECEIVE_MAXIMUM) {
        property.value.integer2 = (unsigned short)value;
    } else {
        property.value.integer4 = value;
    }
    if (value > 0) {
        MQTTProperties_add(properties, &property);
    }
}

static void fill_version(struct mqtt_connect_set *set, const struct mqtt *mqtt)
{
    MQTTAsync_connectOptions *options = &set->options;
    if (mqtt->options.version == 5) {
        *options = (MQTTAsync_connectOptions)MQTTAsync_connectOptions_initializer5;
        options->cleanstart = mqtt->options.clean_start;
        add_number(&set->properties, MQTTPROPERTY_CODE_SESSION_EXPIRY_INTERVAL, mqtt->options.session_expiry_s);
        add_number(&set->properties, MQTTPROPERTY_CODE_RECEIVE_MAXIMUM, mqtt->options.receive_maximum);
        add_number(&set->properties, MQTTPROPERTY_CODE_MAXIMUM_PACKET_SIZE, mqtt->options.max_packet_size);
        options->connectProperties = &set->properties;
    } else {
        *options = (MQTTAsync_connectOptions)MQTTAsync_connectOptions_initializer;
        options->MQTTVersion = MQTTVERSION_3_1_1;
        options->cleansession = mqtt->options.clean_start;
    }
}

static void fill_tls(struct mqtt_connect_set *set, struct mqtt_link *link)
{
    const struct mqtt *mqtt = link->mqtt;
    set->tls = (MQTTAsync_SSLOptions)MQTTAsync_SSLOptions_initializer;
    set->tls.enableServerCertAuth = 1;
    set->tls.verify = 1;
    set->tls.trustStore = mqtt->options.tls.ca_file;
    set->tls.disableDefaultTrustStore = mqtt->options.tls.ca_file != NULL;
    set->tls.keyStore = mqtt->options.tls.cert_file;
    set->tls.privateKey = mqtt->options.tls.key_file;
    // Else OpenSSL would ask for the password of an encrypted key on the terminal.
    set->tls.privateKeyPassword = "";
    set->tls.ssl_error_cb = mqtt_text_on_tls_error;
    set->tls.ssl_error_context = link;
    set->options.ssl = &set->tls;
}

static void fill_will(struct mqtt_connect_set *set, const struct mqtt *mqtt)
{
    set->will = (MQTTAsync_willOptions)MQTTAsync_willOptions_initializer;
    set->will.topicName = mqtt->options.will_topic;
    set->will.message = mqtt->options.will_payload;
    set->will.qos = atomic_load(&mqtt->will_qos);
    set->will.retained = atomic_load(&mqtt->will_retained);
    set->options.will = &set->will;
}

void mqtt_connect_set_fill(struct mqtt_connect_set *set, struct mqtt_link *link)
{
    const struct mqtt *mqtt = link->mqtt;
    *set = (struct mqtt_connect_set){.properties = MQTTProperties_initializer};
    fill_version(set, mqtt);
    set->options.keepAliveInterval = atomic_load(&mqtt->keepalive_s);
    set->options.connectTimeout = mqtt->options.connect_timeout_s;
    set->options.maxInflight = 65535;
    set->options.automaticReconnect = 0;
    set->options.username = mqtt->options.username;
    set->options.password = mqtt->options.password;
    set->options.context = link;
    if (mqtt->urls[atomic_load(&link->url)].tls) {
        fill_tls(set, link);
    }
    if (mqtt->options.will_topic != NULL) {
        fill_will(set, mqtt);
    }
}

void mqtt_connect_set_clear(struct mqtt_connect_set *set)
{
    MQTTProperties_free(&set->properties);
}
