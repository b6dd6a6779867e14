// Keeps one connection to the broker: connects for ever with backoff, and does not fight for a client id. Core thread.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "io/mqtt/mqtt.h"

// connection_run moves DOWN on when its time has come, events move the others.
enum connection_state {
    CONNECTION_DOWN,       // waits for retry_ms
    CONNECTION_CONNECTING, // an attempt is under way
    CONNECTION_UP,
    CONNECTION_STOPPING, // DISCONNECT is on its way
    CONNECTION_STOPPED,
};

struct connection {
    const char *name;
    struct mqtt *mqtt; // the owner creates and destroys it
    enum connection_state state;
    int64_t retry_ms; // CLOCK_BOOTTIME
    int64_t up_since_ms;
    int64_t quiet_until_ms; // until then nothing may be sent: does the connection live if we are silent?
    int64_t poke_every_ms;  // the broker wants to hear of us so often, sooner than Paho would; 0: Paho sees to it
    int64_t poke_ms;
    int max_qos; // what the broker takes of what we publish, as the next; from the last CONNACK
    bool retain_available;
    int failures; // attempts and short lives in a row, for the backoff; the owner sets it to 0 when all is well
    int short_lives;
    int yields; // the same for a client id that another program uses
};

// Connects when it is time; returns the milliseconds until it must be called again, CLOCK_NEVER if only an event
// changes something.
int64_t connection_run(struct connection *connection, int64_t now_ms);
// True if the event was about the connection itself; its state is then changed. `unanswered`: what the broker has not
// answered of what was sent on the connection (the first topic or filter), or NULL if it has answered all.
bool connection_take(struct connection *connection, const struct mqtt_event *event, const char *unanswered,
                     int64_t now_ms);
// Ends a connection that is up, to be made anew at once.
void connection_renew(struct connection *connection);
// Disconnects for good.
void connection_stop(struct connection *connection);
// A text of our own, with QoS 1; as mqtt_publish.
enum err connection_publish(const struct connection *connection, const char *topic, const char *text, bool retain,
                            uint64_t cookie, struct diag *diag) MUST_CHECK;
