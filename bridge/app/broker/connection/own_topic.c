#include "app/broker/connection/own_topic.h"

#include <stdlib.h>
#include <string.h>

#include "base/backoff.h"
#include "base/log.h"
#include "base/mem.h"

#define PAUSE_FIRST_MS 5000
#define PAUSE_MAX_MS   600000

struct own_topic *own_topic_find(const struct own_topic_list *list, const char *topic)
{
    struct own_topic *own = NULL;
    SLIST_FOREACH(own, list, link)
    {
        if (strcmp(own->topic, topic) == 0) {
            return own;
        }
    }
    return NULL;
}

struct own_topic *own_topic_get(struct own_topic_list *list, const char *topic)
{
    struct own_topic *own = own_topic_find(list, topic);
    if (own == NULL) {
        own = mem_alloc(sizeof *own);
        own->topic = mem_strdup(topic);
        SLIST_INSERT_HEAD(list, own, link);
    }
    return own;
}

void own_topic_list_clear(struct own_topic_list *list)
{
    while (!SLIST_EMPTY(list)) {
        struct own_topic *own = SLIST_FIRST(list);
        SLIST_REMOVE_HEAD(list, link);
        free(own->topic);
        free(own);
    }
}

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
