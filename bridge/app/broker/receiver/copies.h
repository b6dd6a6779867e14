// Overlapping subscriptions bring one copy each (MQTT 5); only the copy with the lowest Subscription Identifier that
// fits counts. What the broker kept while we were away was copied by the subscriptions of that time, `before`; after
// the fence `now` counts. Any thread, but for have_ids.
#pragma once

#include <pthread.h>
#include <stdbool.h>

#include "base/message.h"
#include "core/topic/topic.h"

struct copies {
    bool have_ids;         // on this connection; Paho's thread only
    pthread_mutex_t mutex; // guards what follows
    const struct subscription_set *before;
    const struct subscription_set *now;
};

void copies_init(struct copies *copies);
void copies_clear(struct copies *copies);
// Both are borrowed.
void copies_set(struct copies *copies, const struct subscription_set *before, const struct subscription_set *now);
// All that was copied by `before` has come.
void copies_leave_before(struct copies *copies);
// Is this one of several copies, and not the one that counts?
bool copies_is_spare(struct copies *copies, const struct message *message);
