// SUBSCRIBEs whose answer is due, and filters over which the broker ends the connection: such a filter is left out for
// a while, longer each time, so that the others are subscribed. Core thread.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "app/broker/connection/own_topic.h"

struct asked {
    char **waiting; // filters in the order in which they were asked for
    size_t waiting_count;
    size_t answered; // the first of them
    struct own_topic_list suspects;
    bool is_careful; // a connection was lost with an answer due: they are to be asked for one at a time
};

void asked_clear(struct asked *asked);
// A connection was made: nothing is due.
void asked_begin(struct asked *asked);
void asked_add(struct asked *asked, const char *filter);
void asked_answered(struct asked *asked, const char *filter);
const char *asked_first(const struct asked *asked); // NULL if no answer is due
// The connection ended with `asked_first` unanswered.
void asked_lost(struct asked *asked, uint64_t loss, int64_t now_ms);
// Until when the filter is not to be asked for; 0: it may be.
int64_t asked_paused_until_ms(const struct asked *asked, const char *filter);
