#include <string.h>

#include "base/str.h"
#include "io/mqtt/mqtt_internal.h"

// MQTT section 1.5.5: the largest variable byte integer, so also the largest packet.
#define MAX_REMAINING 268435455U

static enum err check_topic(const char *topic, struct diag *diag)
{
    size_t len = strlen(topic);
    if (len == 0 || len > 65535 || !str_utf8_valid(topic, len) || str_has_control(topic, len) ||
        str_has_noncharacter(topic, len) || strpbrk(topic, "+#") != NULL) {
        return diag_set(diag, ERR_REFUSED,
                        "a topic to publish to must be 1 to 65535 bytes of valid UTF-8 without + and #, control "
                        "characters and noncharacters");
    }
    return ERR_OK;
}

static size_t varint_len(size_t value)
{
    return value < 128 ? 1 : value < 16384 ? 2 : value < 2097152 ? 3 : 4;
}

// MQTT section 3.3: the bytes of the PUBLISH packet after its fixed header.
static size_t remaining_len(const struct mqtt *mqtt, const struct mqtt_publication *publication)
{
    size_t len = 2 + strlen(publication->topic) + (publication->qos > 0 ? 2 : 0) + publication->payload_len;
    if (mqtt->options.version == 5) {
        size_t properties = 0;
        properties += publication->correlation_data == NULL ? 0 : 3 + publication->correlation_len;
        properties += publication->content_type == NULL ? 0 : 3 + strlen(publication->content_type);
        len += varint_len(properties) + properties;
    }
    return len;
}

static enum err check_size(const struct mqtt *mqtt, const struct mqtt_publication *publication, struct diag *diag)
{
    if (publication->correlation_len > 65535 || publication->payload_len > MAX_REMAINING ||
        remaining_len(mqtt, publication) > MAX_REMAINING) {
        return diag_set(diag, ERR_LIMIT, "the message is larger than MQTT allows");
    }
    size_t remaining = remaining_len(mqtt, publication);
    size_t packet = 1 + varint_len(remaining) + remaining;
    uint32_t most = mqtt->link->max_packet_size;
    if (most > 0 && packet > most) {
        return diag_set(diag, ERR_LIMIT, "the message's packet has %zu bytes, the broker takes at most %u", packet,
                        most);
    }
    return ERR_OK;
}

static void add_data(MQTTProperties *properties, enum MQTTPropertyCodes id, const char *data_or_null, size_t len)
{
    MQTTProperty property = {.identifier = id};
    property.value.data = (MQTTLenString){.len = (int)len, .data = (char *)data_or_null};
    if (data_or_null != NULL) {
        MQTTProperties_add(properties, &property);
    }
}

static int send_message(struct mqtt *mqtt, const struct mqtt_publication *publication, struct mqtt_request *request)
{
    MQTTAsync_responseOptions options = mqtt_request_options(request);
    MQTTAsync_message message = MQTTAsync_message_initializer;
    message.payload = (void *)publication->payload;
    message.payloadlen = (int)publication->payload_len;
    message.qos = publication->qos > mqtt->link->max_qos ? mqtt->link->max_qos : publication->qos;
    message.retained = publication->retain && mqtt->link->retain_available;
    if (mqtt->options.version == 5) {
        const char *type = publication->content_type;
        add_data(&message.properties, MQTTPROPERTY_CODE_CORRELATION_DATA, publication->correlation_data,
                 publication->correlation_len);
        add_data(&message.properties, MQTTPROPERTY_CODE_CONTENT_TYPE, type, type == NULL ? 0 : strlen(type));
    }
    int rc = MQTTAsync_sendMessage(mqtt_link_client(mqtt->link), publication->topic, &message, &options);
    MQTTProperties_free(&message.properties);
    return rc;
}

enum err mqtt_publish(struct mqtt *mqtt, const struct mqtt_publication *publication, uint64_t cookie, struct diag *diag)
{
    enum err err = check_topic(publication->topic, diag);
    if (err != ERR_OK) {
        return err;
    }
    if (!mqtt_is_connected(mqtt)) {
        return mqtt_not_connected(diag);
    }
    err = check_size(mqtt, publication, diag);
    if (err != ERR_OK) {
        return err;
    }
    struct mqtt_request *request = mqtt_request_open(mqtt, REQUEST_PUBLISH, cookie);
    if (request == NULL) {
        return mqtt_not_connected(diag);
    }
    return mqtt_request_asked(request, send_message(mqtt, publication, request), diag);
}
