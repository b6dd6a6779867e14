#include "app/broker/subscription/asked.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"

void asked_begin(struct asked *asked)
{
    for (size_t i = asked->answered; i < asked->waiting_count; i++) {
        free(asked->waiting[i]);
    }
    asked->waiting_count = 0;
    asked->answered = 0;
}

void asked_clear(struct asked *asked)
{
    asked_begin(asked);
    own_topic_list_clear(&asked->suspects);
    free(asked->waiting);
}

void asked_add(struct asked *asked, const char *filter)
{
    asked->waiting = mem_resize(asked->waiting, asked->waiting_count + 1, sizeof *asked->waiting);
    asked->waiting[asked->waiting_count++] = mem_strdup(filter);
}

void asked_answered(struct asked *asked, const char *filter)
{
    struct own_topic *suspect = own_topic_find(&asked->suspects, filter);
    if (suspect != NULL) {
        own_topic_acknowledged(suspect);
    }
    for (size_t i = asked->answered; i < asked->waiting_count; i++) {
        if (strcmp(asked->waiting[i], filter) == 0) {
            free(asked->waiting[i]);
            // Answers come in order, so this moves nothing but where a broker does as it likes.
            memmove(&asked->waiting[asked->answered + 1], &asked->waiting[asked->answered],
                    (i - asked->answered) * sizeof *asked->waiting);
            asked->answered++;
            return;
        }
    }
}

const char *asked_first(const struct asked *asked)
{
    return asked->answered < asked->waiting_count ? asked->waiting[asked->answered] : NULL;
}

void asked_lost(struct asked *asked, uint64_t loss, int64_t now_ms)
{
    const char *filter = asked_first(asked);
    if (filter == NULL) {
        return;
    }
    asked->is_careful = true;
    struct own_topic *suspect = own_topic_get(&asked->suspects, filter);
    int64_t pause_ms = own_topic_lost(suspect, loss, now_ms);
    if (pause_ms > 0) {
        LOG(LOG_ERROR, "mqtt_filter_paused", LOG_S("filter", suspect->topic), LOG_N("pause_ms", pause_ms),
            LOG_S("hint",
                  "the broker ends the connection each time this filter is subscribed to: its access rules must "
                  "let this client read it; the other filters are subscribed meanwhile"));
    }
}

int64_t asked_paused_until_ms(const struct asked *asked, const char *filter)
{
    const struct own_topic *suspect = own_topic_find(&asked->suspects, filter);
    return suspect == NULL ? 0 : suspect->paused_until_ms;
}
