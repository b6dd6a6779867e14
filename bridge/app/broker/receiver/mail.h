// What other threads report to the core thread.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/mailbox.h"
#include "core/command/command.h"
#include "io/mqtt/mqtt.h"

// A command on its way from the broker, or from the outbox at start.
struct arrival {
    int64_t row_id; // in the outbox; 0 for a QoS 0 command, which lives in memory only
    int64_t weight; // bytes that it is counted with (waiting.h); 0 for a refusal made on arrival
    struct moment arrived;
    struct command *command;
    unsigned char hash[CRYPTO_SHA256_LEN]; // of the payload, to know a duplicate from a reused id
};

enum app_mail_kind {
    APP_MAIL_COMMAND, // arrival
    APP_MAIL_FENCE,   // our own message came back: all that the broker kept for us has come before it
    APP_MAIL_GAP,  // this process did not run for a while: what comes may have waited (app/broker/receiver/freshness.h)
    APP_MAIL_INFO, // what a bridge says of itself (app/broker/receiver/info.h): event.text, and event.reason 1 if it is
                   // live
    APP_MAIL_COMMANDS,     // event of the connection that receives commands
    APP_MAIL_REPLIES,      // event of the connection that publishes replies
    APP_MAIL_NO_ROOM,      // a command stays with the broker: not even its refusal has room; event.text
    APP_MAIL_CANNOT_WRITE, // a command stays with the broker: the outbox cannot be written; event.text says why
};

struct app_mail {
    struct mail mail; // first member: a struct mail * is a struct app_mail *
    enum app_mail_kind kind;
    union {
        struct arrival arrival;
        struct mqtt_event event;
    };
};

void mail_post_event(struct mailbox *mailbox, enum app_mail_kind kind, const struct mqtt_event *event);
void mail_post_arrival(struct mailbox *mailbox, const struct arrival *arrival);
