#include <stdio.h>

#include "base/mem.h"
#include "io/mqtt/mqtt_internal.h"

static void subscribed(struct mqtt_request *request, int granted)
{
    char text[64] = "";
    if (granted < request->qos) {
        snprintf(text, sizeof text, "granted with QoS %d, asked for QoS %d", granted, request->qos);
    }
    mqtt_request_answer(request, MQTT_SUBSCRIBED, granted, text);
}

static void on_subscribed4(void *context, MQTTAsync_successData *data)
{
    subscribed(context, data->alt.qos);
}

static void on_subscribed5(void *context, MQTTAsync_successData5 *data)
{
    subscribed(context, (int)data->reasonCode);
}

// Without a broker's answer the connection has ended, which MQTT_LOST reports.
static void on_subscribe_failed4(void *context, MQTTAsync_failureData *data)
{
    if (data != NULL && data->code == MQTT_BAD_SUBSCRIBE) {
        mqtt_request_answer(context, MQTT_SUBSCRIBE_FAILED, data->code, "the broker refused the subscription");
    } else {
        mqtt_request_drop(context);
    }
}

static void on_subscribe_failed5(void *context, MQTTAsync_failureData5 *data)
{
    if (data == NULL || data->reasonCode < MQTTREASONCODE_UNSPECIFIED_ERROR) {
        mqtt_request_drop(context);
        return;
    }
    char said[200];
    char text[256];
    mqtt_text_reason(said, sizeof said, (int)data->reasonCode, &data->properties);
    snprintf(text, sizeof text, "the broker refused the subscription: %s", said);
    mqtt_request_answer(context, MQTT_SUBSCRIBE_FAILED, (int)data->reasonCode, text);
}

static void on_unsubscribed4(void *context, MQTTAsync_successData *data)
{
    (void)data;
    mqtt_request_answer(context, MQTT_UNSUBSCRIBED, 0, "");
}

static void on_unsubscribed5(void *context, MQTTAsync_successData5 *data)
{
    mqtt_request_answer(context, MQTT_UNSUBSCRIBED, (int)data->reasonCode, "");
}

enum err mqtt_subscribe(struct mqtt *mqtt, const char *filter, int qos, uint32_t subscription_id, uint64_t cookie,
                        struct diag *diag)
{
    struct mqtt_request *request = mqtt_request_open(mqtt, REQUEST_SUBSCRIBE, cookie);
    if (request == NULL) {
        return mqtt_not_connected(diag);
    }
    request->qos = qos;
    MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
    options.context = request;
    if (mqtt->version == 5) {
        options.onSuccess5 = on_subscribed5;
        options.onFailure5 = on_subscribe_failed5;
        options.subscribeOptions.retainHandling = 1;
    } else {
        options.onSuccess = on_subscribed4;
        options.onFailure = on_subscribe_failed4;
    }
    if (mqtt->version == 5 && subscription_id > 0) {
        MQTTProperty property = {.identifier = MQTTPROPERTY_CODE_SUBSCRIPTION_IDENTIFIER};
        property.value.integer4 = subscription_id;
        MQTTProperties_add(&options.properties, &property);
    }
    int rc = MQTTAsync_subscribe(mqtt_link_client(mqtt->link), filter, qos, &options);
    MQTTProperties_free(&options.properties);
    return mqtt_request_asked(request, rc, diag);
}

enum err mqtt_unsubscribe(struct mqtt *mqtt, const char *filter, uint64_t cookie, struct diag *diag)
{
    struct mqtt_request *request = mqtt_request_open(mqtt, REQUEST_UNSUBSCRIBE, cookie);
    if (request == NULL) {
        return mqtt_not_connected(diag);
    }
    MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
    options.context = request;
    if (mqtt->version == 5) {
        options.onSuccess5 = on_unsubscribed5;
        options.onFailure5 = on_subscribe_failed5;
    } else {
        options.onSuccess = on_unsubscribed4;
        options.onFailure = on_subscribe_failed4;
    }
    return mqtt_request_asked(request, MQTTAsync_unsubscribe(mqtt_link_client(mqtt->link), filter, &options), diag);
}

void mqtt_poke(struct mqtt *mqtt)
{
    if (!mqtt_is_connected(mqtt)) {
        return;
    }
    // Any new command wakes the send thread; giving up a subscription that nobody has changes nothing. The filter holds
    // no text of others: a client id may hold what would end the connection here.
    (void)MQTTAsync_unsubscribe(mqtt_link_client(mqtt->link), "thingbridge-wake", NULL);
}
