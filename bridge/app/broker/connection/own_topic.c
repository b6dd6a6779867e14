#include "app/broker/connection/own_topic.h"

#include "base/backoff.h"
#include "base/log.h"

#define PAUSE_FIRST_MS 5000
#define PAUSE_MAX_MS   600000

int64_t own_topic_lost(struct own_topic *own, uint64_t loss, int64_t now_ms)
{
    if (trial_lost_first(&own->suspicion, loss) == TRIAL_AGAIN) {
        return 0;
    }
    int64_t longest_ms = own->longest_pause_ms > 0 ? own->longest_pause_ms : PAUSE_MAX_MS;
    int64_t pause_ms = backoff_ms(own->pauses++, PAUSE_FIRST_MS, longest_ms);
    own->paused_until_ms = now_ms + pause_ms;
    return pause_ms;
}

void own_topic_note_loss(struct own_topic *own, uint64_t loss, int64_t now_ms)
{
    int64_t pause_ms = own_topic_lost(own, loss, now_ms);
    if (pause_ms > 0) {
        LOG(LOG_ERROR, "own_topic_paused", LOG_S("topic", own->topic), LOG_N("pause_ms", pause_ms),
            LOG_S("hint", "the broker ends the connection each time this topic is used: its access rules must let this "
                          "client write and read it"));
    }
}

void own_topic_acknowledged(struct own_topic *own)
{
    own->suspicion = (struct suspicion){0};
    own->pauses = 0;
    own->paused_until_ms = 0;
}

bool own_topic_is_paused(const struct own_topic *own, int64_t now_ms)
{
    return now_ms < own->paused_until_ms;
}
