// Proves that all that the broker kept for us has come, and that both connections carry messages. Core thread.
//
// The fence is a message of our own. It goes through the replies connection to a topic that the commands connection
// subscribes to, and comes back behind all that the broker had queued. It is repeated, to watch both connections.
//
// Where the broker's access rules keep it from us (SUBSCRIBE or PUBLISH refused, or, as Mosquitto's acl_file does it,
// all granted and nothing delivered), a pause takes its place: rounds on the commands connection, an UNSUBSCRIBE of a
// filter that nobody has and its UNSUBACK, between which no message comes. The first answer shows that our thread has
// acknowledged all that came before it; so the next round's UNSUBSCRIBE reaches the broker behind these PUBACKs, and
// its answer comes behind whatever the broker sent on having them. A broker that had still something for us would have
// sent it. This counts rounds and no time, so a loaded machine changes nothing. As a broker may take packets up in
// another order than they came, three rounds are wanted, and while the fence may still come, rounds over half a
// second.
//
// If there never is a pause, what comes counts as old as the absence for as long: never late, and it is logged.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "app/broker/connection/connection.h"
#include "app/broker/receiver/freshness.h"
#include "app/config/config.h"
#include "io/outbox/outbox.h"

struct fence_options {
    struct connection *commands;
    struct connection *replies;
    struct freshness *freshness;
    struct outbox *outbox;
    const char *topic;
    const struct config *config;
};

enum fence_state {
    FENCE_IDLE,         // to be sent when it is due
    FENCE_SENT,         // the broker has not acknowledged it
    FENCE_ACKNOWLEDGED, // it is to come back
};

struct fence {
    struct fence_options options;
    enum fence_state state;
    int64_t since_ms; // of the state, except FENCE_IDLE
    char *round_filter;
    bool is_subscribed; // its filter was granted on this connection
    bool is_barred;     // it does not come back; kept in the outbox
    int misses;         // pauses in a row in which it should have come back
    int losses;         // of the connection that had just published it, in a row
    bool is_exposed;    // the replies connection has published it and lives
    int64_t refused_ms; // its PUBLISH was refused: until it is tried again; else 0
    int64_t due_ms;     // the next one
    int64_t subscribe_due_ms;
    bool is_late_logged;
    // rounds
    struct freshness_mark quiet_since;
    int quiet_rounds;
    uint64_t round;        // number of the last one
    int64_t round_sent_ms; // 0: none under way
    int64_t round_due_ms;  // not before
    int64_t answered_ms;   // the last answer
    int64_t passed_ms;     // the last proof on this connection, 0: none
};

// A topic of this bridge's own, owned by the caller.
char *fence_make_topic(const char *base_topic, const char *client_id);
void fence_init(struct fence *fence, const struct fence_options *options);
void fence_clear(struct fence *fence);

// The commands connection was made anew.
void fence_connected(struct fence *fence);
// Answers about the fence's filter, its PUBLISH (on the replies connection) and a round. An event about a round
// has COOKIE_FENCE_ROUND in its cookie.
void fence_subscribed(struct fence *fence, const struct mqtt_event *event, int64_t now_ms);
void fence_published(struct fence *fence, const struct mqtt_event *event, int64_t now_ms);
// The replies connection has ended.
void fence_replies_lost(struct fence *fence, int64_t now_ms);
// Connections end over it, so that it is not to be sent for a while.
void fence_cannot_be_sent(struct fence *fence);
// True if the pause is proved with it: all that was kept has come. *gap_ms as freshness_beat's result.
bool fence_round_answered(struct fence *fence, const struct moment *now, int64_t *gap_ms);
// The fence came back.
void fence_returned(struct fence *fence, int64_t now_ms);
// A doubt began while connected (app/broker/receiver/freshness.h): proves anew.
void fence_begin_again(struct fence *fence);
// Sends and watches, once all subscriptions are answered; returns the milliseconds until it must be called again.
// The fence is not sent before `held_until_ms`, when it has ended connections; *sent: it was sent now.
int64_t fence_run(struct fence *fence, const struct moment *now, int64_t held_until_ms, bool *sent);
