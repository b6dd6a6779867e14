// The two connections to the broker: one receives commands, one publishes replies; and whether we are online. Core
// thread.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "app/broker/receiver/receiver.h"
#include "app/broker/reply/reply_queue.h"
#include "app/config/config.h"
#include "io/mqtt/mqtt.h"
#include "io/outbox/outbox.h"

struct broker;

struct broker_options {
    const struct config *config;
    const struct mapping *mapping;
    struct receiver *receiver;
    struct outbox *outbox;
    const char *fence_topic;
    reply_queue_done *done;
    void *context; // of done
};

enum err broker_create(const struct broker_options *options, struct broker **out, struct diag *diag) MUST_CHECK;
void broker_destroy(struct broker *broker);

// Publishes a reply as soon as the broker can take it; `done` follows.
void broker_send(struct broker *broker, struct outgoing *outgoing);
// Takes back the `due` replies of an owner; false (and nothing is changed) if one of them may be on its way to the
// broker. `done` does not follow.
bool broker_withdraw(struct broker *broker, const void *owner, size_t due);
// A text of our own to BASE/bridge/NAME, through the replies connection; nothing if that is down.
void broker_publish_own(struct broker *broker, const char *name, const char *payload, bool retain, int64_t now_ms);

void broker_on_commands_event(struct broker *broker, const struct mqtt_event *event, const struct moment *now);
void broker_on_replies_event(struct broker *broker, const struct mqtt_event *event, int64_t now_ms);
// True if the bridge has come online with it.
bool broker_on_fence(struct broker *broker, int64_t now_ms);
// APP_MAIL_INFO.
void broker_on_info(struct broker *broker, const struct mqtt_event *event, int64_t now_ms);
// This process did not run for a while (APP_MAIL_GAP).
void broker_on_gap(struct broker *broker);
// Connects, publishes and watches; returns the milliseconds until it must be called again.
// Without `take_commands` the connection that receives them is closed, and not made.
int64_t broker_run(struct broker *broker, const struct moment *now, bool take_commands);
// What the broker's limits leave of the promises; of the last connections.
struct broker_durability {
    int commands_qos; // the lowest that a subscription was granted
    int replies_qos;
    bool is_state_retained;
};
struct broker_durability broker_durability(const struct broker *broker);
bool broker_is_online(const struct broker *broker);

// Takes no more commands: publishes offline and disconnects the commands connection.
void broker_stop_commands(struct broker *broker, const struct moment *now);
bool broker_commands_stopped(const struct broker *broker);
void broker_stop_replies(struct broker *broker);
bool broker_replies_stopped(const struct broker *broker);
bool broker_replies_up(const struct broker *broker);
