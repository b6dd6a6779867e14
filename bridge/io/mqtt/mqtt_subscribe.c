#include "io/mqtt/mqtt_internal.h"

enum err mqtt_subscribe(struct mqtt *mqtt, const char *filter, int qos, uint32_t subscription_id, uint64_t cookie,
                        struct diag *diag)
{
    struct mqtt_request *request = mqtt_request_open(mqtt, REQUEST_SUBSCRIBE, cookie);
    if (request == NULL) {
        return mqtt_not_connected(diag);
    }
    request->qos = qos;
    MQTTAsync_responseOptions options = mqtt_request_options(request);
    options.subscribeOptions.retainHandling = mqtt->options.version == 5 ? 1 : 0;
    if (mqtt->options.version == 5 && subscription_id > 0) {
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
    MQTTAsync_responseOptions options = mqtt_request_options(request);
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
