// Filters over which the broker ends the connection: they are left out while the others are subscribed.
#include "app/broker/subscription/subscriber_internal.h"

#include <string.h>

bool subscriber_leave_out(struct subscriber *subscriber, const char *filter)
{
    int64_t until_ms = asked_paused_until_ms(&subscriber->asked, filter);
    if (until_ms <= clock_now().boot_ms) {
        return false;
    }
    if (subscriber->resume_ms == 0 || until_ms < subscriber->resume_ms) {
        subscriber->resume_ms = until_ms;
    }
    if (strcmp(filter, subscriber->options.fence_topic) == 0) {
        subscriber->fence_is_left_out = true;
        subscriber->answers_due++;
    } else {
        subscriber->refused++;
    }
    return true;
}

// Whoever waits for the fence is told that none comes, as if the broker had refused it.
static void refuse_fence_if_left_out(struct subscriber *subscriber, int64_t now_ms)
{
    if (subscriber->fence_is_left_out) {
        struct mqtt_event event = {.kind = MQTT_SUBSCRIBE_FAILED,
                                   .cookie = FENCE_SUBSCRIBE_COOKIE,
                                   .text = "the broker ends the connection over it"};
        subscriber_answered(subscriber, &event, now_ms);
        subscriber->fence_is_left_out = false;
    }
}

// All is subscribed anew: if the broker still ends the connection, the pause that follows is longer.
static void resume_if_due(struct subscriber *subscriber, int64_t now_ms)
{
    bool is_due = subscriber->resume_ms > 0 && now_ms >= subscriber->resume_ms;
    if (is_due && subscriber->options.commands->state == CONNECTION_UP) {
        subscriber->resume_ms = 0;
        connection_renew(subscriber->options.commands);
    }
}

void subscriber_run_left_out(struct subscriber *subscriber, int64_t now_ms)
{
    refuse_fence_if_left_out(subscriber, now_ms);
    resume_if_due(subscriber, now_ms);
}

const char *subscriber_unanswered(const struct subscriber *subscriber)
{
    return asked_first(&subscriber->asked);
}

void subscriber_lost(struct subscriber *subscriber, uint64_t loss, int64_t now_ms)
{
    asked_lost(&subscriber->asked, loss, now_ms);
}
