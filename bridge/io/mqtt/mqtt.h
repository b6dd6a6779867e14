// One connection to an MQTT broker (Eclipse Paho MQTTAsync), MQTT 5 or 3.1.1.
//
// A message whose topic, Response Topic or user property is not valid UTF-8 without NUL is logged, acknowledged and not
// handed over. The module makes no decision about reconnecting: it reports what happened, and its owner calls
// mqtt_connect again. Handlers run on Paho's threads with Paho's lock held: they must return quickly and may not call
// functions of this module. All mqtt_ functions must be called from one thread (the core); none of them waits for the
// network.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/message.h"

struct mqtt;

struct mqtt_tls {
    const char *ca_file; // NULL: the system's
    const char *cert_file;
    const char *key_file;
};

struct mqtt_options {
    const char *const *urls; // mqtt:// mqtts:// ws:// wss://, tried in order; at least one
    size_t url_count;
    const char *client_id;
    int version;          // 5 or 4 (3.1.1)
    const char *username; // or NULL
    const char *password; // or NULL; copied by Paho, and wiped from this module's memory at destroy
    struct mqtt_tls tls;
    uint32_t session_expiry_s; // MQTT 5; with 3.1.1 the session has no end
    bool clean_start;          // true for the replies connection
    int keepalive_s;
    int connect_timeout_s;
    uint16_t receive_maximum; // MQTT 5, 0: not sent
    uint32_t max_packet_size; // MQTT 5, 0: not sent
    const char *will_topic;   // or NULL; will is QoS 1, retained
    const char *will_payload;
};

enum mqtt_event_kind {
    MQTT_CONNECTED,
    MQTT_CONNECT_FAILED,
    MQTT_LOST,       // the connection ended
    MQTT_TAKEN_OVER, // in place of MQTT_LOST. DISCONNECT 0x8E: another client has our client id (MQTT section
                     // 3.14.2.1). Mosquitto 2.0.11 and MQTT 3.1.1 do not say it: there it is MQTT_LOST
    MQTT_SUBSCRIBED, // granted; reason is the QoS, and the text says so if it is lower than asked for
    MQTT_SUBSCRIBE_FAILED,
    MQTT_UNSUBSCRIBED,
    MQTT_PUBLISHED,       // PUBACK with reason < 0x80, or a QoS 0 message was written
    MQTT_PUBLISH_REFUSED, // PUBACK with reason >= 0x80: will not be delivered, sending again does not help
    MQTT_PUBLISH_LOST,    // the connection ended before the PUBACK: publish again after the next connect
    MQTT_DISCONNECTED,    // mqtt_disconnect has finished, or on_message has returned false
};

struct mqtt_event {
    enum mqtt_event_kind kind;
    uint64_t cookie; // of the subscribe, unsubscribe or publish
    int reason;      // MQTT 5 reason code, 3.1.1 return code, or a negative Paho code; 0 if none
    char text[256];  // for people, never with a password
    // of MQTT_CONNECTED; with 3.1.1, which says nothing of it, the values that forbid nothing, but no
    // subscription_ids, which it does not have:
    bool session_present;
    uint16_t receive_maximum; // the broker's; 65535 if it sent none
    uint32_t max_packet_size; // the broker's; 0: no limit
    bool subscription_ids;    // the broker supports Subscription Identifiers
    bool shared_subscriptions;
    int max_qos; // of what we publish (MQTT 5 section 3.2.2.3.4)
    bool retain_available;
    int keepalive_s; // the broker's, if it is shorter than what this connection asked for; else 0. Paho does not heed
                     // it: something must be sent within that time (mqtt_poke)
    char url[256];
};

struct mqtt_handlers {
    void *context;
    // A message came; it is borrowed for the call. `resumed`: the connection resumed a session. True: it is on disk, or
    // nothing that must be kept; the PUBACK leaves. False: it could not be stored. No PUBACK leaves, the connection is
    // cut (MQTT_DISCONNECTED follows), nothing more of it is handed over, and the broker sends the message again.
    bool (*on_message)(void *context, const struct message *message, bool resumed);
    void (*on_event)(void *context, const struct mqtt_event *event);
};

// Once per process, before the first connection: library set-up (and http_proxy is hidden from Paho, which would use it
// for MQTT).
void mqtt_library_init(void);

// Is the text a broker's URL? ERR_SYNTAX, or ERR_REFUSED with a user name in it.
enum err mqtt_url_check(const char *text, struct diag *diag) MUST_CHECK;
// Is it for MQTT over WebSocket (ws, wss)?
bool mqtt_url_is_websocket(const char *url);
enum err mqtt_create(const struct mqtt_options *options, const struct mqtt_handlers *handlers, struct mqtt **out,
                     struct diag *diag) MUST_CHECK;
// Frees everything; connected or not. No handler runs after it returned.
void mqtt_destroy(struct mqtt *mqtt);

// Starts one attempt, trying the urls in order; MQTT_CONNECTED or MQTT_CONNECT_FAILED follows. TLS checks chain and
// host name. The text of a failure has the reason for each url; `reason` is what the first broker that answered said.
// ERR_REFUSED while connected or connecting.
enum err mqtt_connect(struct mqtt *mqtt, struct diag *diag) MUST_CHECK;
// Sends DISCONNECT when what is in flight has finished or timeout_ms passed (Paho looks every 3 s only, so after 3 s at
// the latest); MQTT_DISCONNECTED follows, on the calling thread if there was no connection. An attempt under way is
// given up without another event. The session is kept.
void mqtt_disconnect(struct mqtt *mqtt, int timeout_ms);
bool mqtt_is_connected(const struct mqtt *mqtt);

// One filter per call (several in one are reported as success even if all were refused). `subscription_id` 0: none.
// Retain Handling 1 on MQTT 5: retained messages are sent only for a new subscription. What is unanswered when the
// connection ends gets no event of its own: MQTT_LOST reports it. The same holds for unsubscribing.
enum err mqtt_subscribe(struct mqtt *mqtt, const char *filter, int qos, uint32_t subscription_id, uint64_t cookie,
                        struct diag *diag) MUST_CHECK;
enum err mqtt_unsubscribe(struct mqtt *mqtt, const char *filter, uint64_t cookie, struct diag *diag) MUST_CHECK;

struct mqtt_publication {
    const char *topic;
    const char *payload;
    size_t payload_len;
    int qos;
    bool retain;
    const char *correlation_data; // MQTT 5; or NULL
    size_t correlation_len;
    const char *content_type; // MQTT 5; or NULL
};
// Hands the message to Paho, which copies it; MQTT_PUBLISHED, _REFUSED or _LOST with the cookie follows, possibly
// before this returns, and exactly once: what a connection leaves unacknowledged is lost with it, never resent by Paho.
// ERR_UNAVAILABLE when not connected, ERR_LIMIT when the packet is larger than the broker takes, ERR_REFUSED for a
// topic that nobody can publish to: nothing follows. What the broker's CONNACK forbids is not sent: retain is left out,
// and QoS 1 becomes 0 (then MQTT_PUBLISHED says only that it was written). The caller keeps a window of its own (Paho
// stalls when its own is full).
enum err mqtt_publish(struct mqtt *mqtt, const struct mqtt_publication *publication, uint64_t cookie,
                      struct diag *diag) MUST_CHECK;
// Paho can miss a wake-up of its send thread: call it when a publish is unanswered for 300 ms.
void mqtt_poke(struct mqtt *mqtt);
