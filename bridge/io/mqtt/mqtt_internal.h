// Private to mqtt*.c: how a connection is kept, and the only place that includes the library.
//
// Each mqtt_connect makes a new `struct mqtt_link` with Paho clients of its own, and the next one destroys it. So
// nothing that Paho keeps of an ended connection (in-flight messages that it would resend, a lowered in-flight window,
// the kind of the last URL) reaches the next, and every publish ends with the link that took it.
#pragma once

#include <MQTTAsync.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/queue.h>

#include "io/mqtt/mqtt.h"

struct mqtt_url {
    char *shown; // as configured
    char *paho;  // as Paho wants it, always with a port
    char *host;
    int port;
    bool tls;
    bool websocket;
};

enum link_state {
    LINK_CONNECTING, // one url after the other
    LINK_UP,         // CONNACK came
    LINK_CLOSING,    // mqtt_disconnect was called, DISCONNECT is not yet sent
    LINK_DOWN,       // ended; nothing of it is reported any more
    LINK_STATE_COUNT
};

enum request_kind { REQUEST_SUBSCRIBE, REQUEST_UNSUBSCRIBE, REQUEST_PUBLISH };

// The context of one Paho command. It lives until Paho's callback came or the link is destroyed, so that a late
// callback never meets freed memory.
struct mqtt_request {
    struct mqtt_link *link;
    LIST_ENTRY(mqtt_request) list;
    uint64_t cookie;
    enum request_kind kind;
    int qos;      // requested
    bool settled; // its one event has been sent, or it needs none
};

struct mqtt_link {
    struct mqtt *mqtt;
    MQTTAsync *clients; // one per url, made before the first connect since a Paho callback cannot make one
    _Atomic(enum link_state) state;
    atomic_size_t url;                  // the one in use
    LIST_HEAD(, mqtt_request) requests; // guarded by mqtt->lock, as is `publishing`
    size_t publishing;                  // publishes that are not settled
    bool session_present;               // written before the first message of the link
    uint32_t max_packet_size;           // the broker's, as the two that follow: written before LINK_UP
    int max_qos;
    bool retain_available;
    bool tracing;      // holds Paho's trace open
    bool withheld;     // a message could not be stored; used by Paho's receive thread only
    atomic_int socket; // of the connection, as Paho's trace has it; -1: not known
    struct mqtt_link *next_watched;
    // Of the attempt, used by Paho's threads only:
    bool repeated; // the url in use is tried for the second time
    char tls_error[128];
    int reason;
    char failures[256];
};

struct mqtt {
    struct mqtt_options options; // a copy that owns its texts, and has no `urls`
    struct mqtt_url *urls;       // options.url_count
    atomic_int keepalive_s; // lowered to what the broker said last: Paho does not heed it, but the next connect can
    atomic_int will_qos;    // lowered, as the next, when the broker refuses a CONNECT for it
    atomic_bool will_retained;
    struct mqtt_handlers handlers;
    pthread_mutex_t lock;   // never held while Paho or a handler is called
    struct mqtt_link *link; // changed by the core thread only
};

// mqtt_url.c. Takes no user name in the URL: it would end in logs.
enum err mqtt_url_parse(const char *text, struct mqtt_url *out, struct diag *diag) MUST_CHECK;
void mqtt_url_clear(struct mqtt_url *url);

// mqtt_link.c
enum err mqtt_link_create(struct mqtt *mqtt, struct mqtt_link **out, struct diag *diag) MUST_CHECK;
// No callback of the link runs after it returned. NULL is allowed.
void mqtt_link_destroy(struct mqtt_link *link);
// Connects to the urls from `first` on until Paho takes one; reports MQTT_CONNECT_FAILED if there is none left.
void mqtt_link_try(struct mqtt_link *link, size_t first);
void mqtt_link_close(struct mqtt_link *link, int timeout_ms);
MQTTAsync mqtt_link_client(struct mqtt_link *link);
// Sets the state if the change is legal, and returns whether it was.
bool mqtt_link_change(struct mqtt_link *link, enum link_state from, enum link_state to);

// mqtt_socket.c
// From now on, and until mqtt_socket_forget, the link learns the socket of its connection.
void mqtt_socket_watch(struct mqtt_link *link);
void mqtt_socket_forget(struct mqtt_link *link);
// A line of Paho's trace.
void mqtt_socket_on_trace(const char *line);
// Nothing is sent or received on the connection any more. ERR_INTERNAL: the socket is not known.
enum err mqtt_socket_cut(struct mqtt_link *link) MUST_CHECK;

// mqtt_connect_options.c: the options of one attempt; they borrow from `mqtt` and live until the next call.
struct mqtt_connect_set {
    MQTTAsync_connectOptions options;
    MQTTAsync_SSLOptions tls;
    MQTTAsync_willOptions will;
    MQTTProperties properties;
};
void mqtt_connect_set_fill(struct mqtt_connect_set *set, struct mqtt_link *link);
void mqtt_connect_set_clear(struct mqtt_connect_set *set);

// mqtt_request.c
// NULL unless the link is up.
struct mqtt_request *mqtt_request_open(struct mqtt *mqtt, enum request_kind kind, uint64_t cookie);
// What to return after Paho was asked with `request` as context, with Paho's code. If the link ended meanwhile, the
// request's event has been sent and the caller may not think that nothing follows.
enum err mqtt_request_asked(struct mqtt_request *request, int rc, struct diag *diag) MUST_CHECK;
// With these Paho calls back when the request is answered, which sends its one event, if it has none yet, and frees it.
MQTTAsync_responseOptions mqtt_request_options(struct mqtt_request *request);
enum err mqtt_not_connected(struct diag *diag);
// Settles all requests of an ended link: MQTT_PUBLISH_LOST for each publish without an outcome.
void mqtt_requests_lose(struct mqtt_link *link);
void mqtt_requests_free(struct mqtt_link *link);

// mqtt_message.c
// Copies what came. False, with the reason in *why: a text in it is not valid UTF-8 without NUL (MQTT section 1.5.4).
bool mqtt_message_read(struct message *out, const char *topic, int topic_len, const MQTTAsync_message *message,
                       const char **why);

// mqtt_text.c: sentences for people
void mqtt_text_refused(char *out, size_t size, int version, int code);
void mqtt_text_reason(char *out, size_t size, int reason, MQTTProperties *properties_or_null);
void mqtt_text_unreached(char *out, size_t size, const struct mqtt_link *link, const char *message);
void mqtt_text_watch_library(void);
// Paho reports the reason of a failed TLS handshake, and the socket of a connection, in its trace only, which costs
// time: so it is on while a connection is made.
void mqtt_text_trace_begin(void);
void mqtt_text_trace_end(void);
int mqtt_text_on_tls_error(const char *text, size_t len, void *link);

static inline void mqtt_emit(const struct mqtt *mqtt, const struct mqtt_event *event)
{
    mqtt->handlers.on_event(mqtt->handlers.context, event);
}
