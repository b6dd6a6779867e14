#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "io/mqtt/mqtt_internal.h"

static bool text_valid(const char *data, size_t len)
{
    return str_utf8_valid(data, len) && memchr(data, '\0', len) == NULL;
}

// Copies a string of the packet; NULL if it is not text.
static char *copy_text(const MQTTLenString *from)
{
    size_t len = from->len > 0 ? (size_t)from->len : 0;
    return text_valid(len > 0 ? from->data : "", len) ? mem_dup(from->data, len) : NULL;
}

static bool read_user_property(struct message *out, const MQTTProperty *property)
{
    char *name = copy_text(&property->value.data);
    char *value = copy_text(&property->value.value);
    if (name == NULL || value == NULL) {
        free(name);
        free(value);
        return false;
    }
    out->properties[out->property_count++] = (struct user_property){.name = name, .value = value};
    return true;
}

static void read_correlation(struct message *out, const MQTTLenString *data)
{
    free(out->correlation_data);
    out->correlation_len = data->len > 0 ? (size_t)data->len : 0;
    out->correlation_data = mem_dup(data->data, out->correlation_len);
}

static void read_subscription_id(struct message *out, uint32_t id)
{
    if (out->subscription_id_count < MESSAGE_MAX_SUBSCRIPTION_IDS) {
        out->subscription_ids[out->subscription_id_count++] = id;
    }
}

static const char *read_property(struct message *out, const MQTTProperty *property)
{
    // Not a switch: the library's enum has some thirty properties that are none of a PUBLISH or mean nothing here.
    int id = (int)property->identifier;
    if (id == MQTTPROPERTY_CODE_MESSAGE_EXPIRY_INTERVAL) {
        out->has_expiry = true;
        out->expiry_s = property->value.integer4;
    } else if (id == MQTTPROPERTY_CODE_RESPONSE_TOPIC) {
        free(out->response_topic);
        out->response_topic = copy_text(&property->value.data);
        return out->response_topic == NULL ? "its Response Topic is not valid UTF-8 without NUL" : NULL;
    } else if (id == MQTTPROPERTY_CODE_CORRELATION_DATA) {
        read_correlation(out, &property->value.data);
    } else if (id == MQTTPROPERTY_CODE_SUBSCRIPTION_IDENTIFIER) {
        read_subscription_id(out, property->value.integer4);
    } else if (id == MQTTPROPERTY_CODE_USER_PROPERTY) {
        return read_user_property(out, property) ? NULL : "a user property of it is not valid UTF-8 without NUL";
    }
    return NULL;
}

static const char *read_properties(struct message *out, const MQTTProperties *properties)
{
    size_t count = properties->count > 0 ? (size_t)properties->count : 0;
    if (count == 0) {
        return NULL;
    }
    out->properties = mem_alloc(count * sizeof *out->properties);
    for (size_t i = 0; i < count; i++) {
        const char *why = read_property(out, &properties->array[i]);
        if (why != NULL) {
            return why;
        }
    }
    return NULL;
}

bool mqtt_message_read(struct message *out, const char *topic, int topic_len, const MQTTAsync_message *message,
                       const char **why)
{
    // Paho gives the length only if the topic holds a NUL.
    size_t len = topic_len > 0 ? (size_t)topic_len : strlen(topic);
    if (!text_valid(topic, len)) {
        *why = "its topic is not valid UTF-8 without NUL";
        return false;
    }
    size_t payload_len = message->payloadlen > 0 ? (size_t)message->payloadlen : 0;
    *out = (struct message){
        .topic = mem_dup(topic, len),
        .payload = mem_dup(message->payload, payload_len),
        .payload_len = payload_len,
        .qos = message->qos,
        .dup = message->dup != 0,
        .retained = message->retained != 0,
        .packet_id = message->qos > 0 ? (uint16_t)message->msgid : 0,
    };
    *why = read_properties(out, &message->properties);
    if (*why != NULL) {
        message_clear(out);
        return false;
    }
    return true;
}
