// A topic of our own (state, health, fence ...) and how its messages fared. Nobody is owed such a message, so one that
// ends connections is not sent for a while, longer each time: 5 s to 10 minutes. Core thread.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "app/broker/connection/trial.h"

struct own_topic {
    SLIST_ENTRY(own_topic) link;
    char *topic;
    struct suspicion suspicion;
    int pauses;               // in a row
    int64_t longest_pause_ms; // 0: 10 minutes
    int64_t paused_until_ms;
};

// Found by topic; each stays where it is.
SLIST_HEAD(own_topic_list, own_topic);
struct own_topic *own_topic_find(const struct own_topic_list *list, const char *topic); // or NULL
struct own_topic *own_topic_get(struct own_topic_list *list, const char *topic);        // added if it is not there
void own_topic_list_clear(struct own_topic_list *list);

// A connection ended with a message on it as the first unacknowledged; losses of a connection are numbered. Returns for
// how long it is paused now, or 0.
int64_t own_topic_lost(struct own_topic *own, uint64_t loss, int64_t now_ms);
// The same, with a line in the log.
void own_topic_note_loss(struct own_topic *own, uint64_t loss, int64_t now_ms);
void own_topic_acknowledged(struct own_topic *own);
bool own_topic_is_paused(const struct own_topic *own, int64_t now_ms);
