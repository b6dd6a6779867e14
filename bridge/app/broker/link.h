// The two connections to the broker: one receives commands, one publishes replies; and whether we are online. Core
// thread.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "app/broker/receiver.h"
#include "app/broker/reply_queue.h"
#include "app/config/config.h"
#include "io/mqtt/mqtt.h"
#include "io/outbox/outbox.h"

struct link;

struct link_options {
    const struct config *config;
    const struct mapping *mapping;
    struct receiver *receiver;
    struct outbox *outbox;
    const char *fence_topic;
    reply_queue_done *done;
    void *context; // of done
};

enum err link_create(const struct link_options *options, struct link **out, struct diag *diag) MUST_CHECK;
void link_destroy(struct link *link);

// Publishes a reply as soon as the broker can take it; `done` follows.
void link_send(struct link *link, struct outgoing *outgoing);
// Takes back the `due` replies of an owner; false (and nothing is changed) if one of them may be on its way to the
// broker. `done` does not follow.
bool link_withdraw(struct link *link, const void *owner, size_t due);
// A text of our own through the replies connection; nothing if that is down.
void link_publish_own(struct link *link, const char *topic, const char *payload, bool retain, int64_t now_ms);

void link_on_commands_event(struct link *link, const struct mqtt_event *event, const struct moment *now);
void link_on_replies_event(struct link *link, const struct mqtt_event *event, int64_t now_ms);
// True if the bridge has come online with it.
bool link_on_fence(struct link *link, int64_t now_ms);
// APP_MAIL_INFO.
void link_on_info(struct link *link, const struct mqtt_event *event, int64_t now_ms);
// This process did not run for a while (APP_MAIL_GAP).
void link_on_gap(struct link *link);
// Connects, publishes and watches; returns the milliseconds until it must be called again.
// Without `take_commands` the connection that receives them is closed, and not made.
int64_t link_run(struct link *link, const struct moment *now, bool take_commands);
// What the broker's limits leave of the promises; of the last connections.
struct link_durability {
    int commands_qos; // the lowest that a subscription was granted
    int replies_qos;
    bool is_state_retained;
};
struct link_durability link_durability(const struct link *link);
bool link_is_online(const struct link *link);

// Takes no more commands: publishes offline and disconnects the commands connection.
void link_stop_commands(struct link *link, const struct moment *now);
bool link_commands_stopped(const struct link *link);
void link_stop_replies(struct link *link);
bool link_replies_stopped(const struct link *link);
bool link_replies_up(const struct link *link);
