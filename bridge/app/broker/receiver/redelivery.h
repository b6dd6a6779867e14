// How commands that the broker delivers again are known on the connection at hand, and what is said of the broker's
// ways, each once. Paho's thread, but for redelivery_fence_came.
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/message.h"
#include "io/outbox/outbox.h"

struct redelivery {
    struct outbox *outbox;
    bool by_content; // mqtt.redelivery: content
    bool session_present;
    _Atomic bool before_fence; // of this connection, on a new session as well
    _Atomic int64_t behind_ms; // CLOCK_BOOTTIME until when what was overtaken by the fence is looked for
    bool said_renumbered;
    bool said_denied;
    bool said_without_dup;
};

void redelivery_init(struct redelivery *redelivery, struct outbox *outbox, bool by_content);
// Before any message of a new connection.
void redelivery_connected(struct redelivery *redelivery, bool session_present);
// All that the broker had kept for us has come on this connection. Any thread.
void redelivery_fence_came(struct redelivery *redelivery);
// Is a message without DUP that equals an earlier one a redelivery now?
bool redelivery_is_by_content(const struct redelivery *redelivery);
// A redelivery came, or a command that is new.
void redelivery_note_known(struct redelivery *redelivery, enum outbox_append_result how);
void redelivery_note_new(struct redelivery *redelivery, const struct message *message);
