#include "app/broker/receiver/copies.h"

#include "base/lock.h"

void copies_init(struct copies *copies)
{
    *copies = (struct copies){0};
    pthread_mutex_init(&copies->mutex, NULL);
}

void copies_clear(struct copies *copies)
{
    pthread_mutex_destroy(&copies->mutex);
}

void copies_set(struct copies *copies, const struct subscription_set *before, const struct subscription_set *now)
{
    AUTO_LOCK(&copies->mutex);
    copies->before = before;
    copies->now = now;
}

void copies_leave_before(struct copies *copies)
{
    AUTO_LOCK(&copies->mutex);
    copies->before = copies->now;
}

static uint32_t lowest_id(struct copies *copies, const char *topic)
{
    AUTO_LOCK(&copies->mutex);
    uint32_t lowest = subscription_set_lowest(copies->before, topic);
    return lowest != 0 ? lowest : subscription_set_lowest(copies->now, topic);
}

bool copies_is_spare(struct copies *copies, const struct message *message)
{
    if (!copies->have_ids || message->subscription_id_count == 0) {
        return false;
    }
    uint32_t lowest = lowest_id(copies, message->topic);
    for (size_t i = 0; i < message->subscription_id_count; i++) {
        if (message->subscription_ids[i] == lowest) {
            return false;
        }
    }
    return true;
}
