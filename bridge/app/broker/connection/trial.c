#include "app/broker/connection/trial.h"

#include <stddef.h>

#include "base/backoff.h"
#include "base/mem.h"

#define PAUSE_MAX_MS 64000

bool trial_blames_message(const struct mqtt_event *event)
{
    static const int reasons_of_the_broker[] = {
        0x89, // Server busy
        0x8B, // Server shutting down
        0x8D, // Keep Alive timeout
        0x8E, // Session taken over
        0x98, // Administrative action
        0x9C, // Use another server
        0x9D, // Server moved
        0x9F, // Connection rate exceeded
        0xA0, // Maximum connect time
    };
    for (size_t i = 0; i < COUNT_OF(reasons_of_the_broker); i++) {
        if (event->reason == reasons_of_the_broker[i]) {
            return false;
        }
    }
    return event->kind == MQTT_LOST;
}

enum trial_verdict trial_lost_first(struct suspicion *suspicion, uint64_t loss)
{
    bool in_a_row = suspicion->losses > 0 && suspicion->last_loss + 1 == loss;
    suspicion->losses = in_a_row ? suspicion->losses + 1 : 1;
    suspicion->last_loss = loss;
    if (suspicion->losses < TRIAL_LOSSES) {
        return TRIAL_AGAIN;
    }
    suspicion->is_aside = true;
    return TRIAL_ALONE;
}

enum trial_verdict trial_died(struct suspicion *suspicion, bool has_short_form)
{
    suspicion->unclear = 0;
    if (++suspicion->deaths < TRIAL_DEATHS) {
        return suspicion->is_cut ? TRIAL_CUT : TRIAL_ALONE;
    }
    if (!has_short_form || suspicion->is_cut) {
        return TRIAL_CONDEMNED;
    }
    suspicion->is_cut = true;
    suspicion->deaths = 0;
    return TRIAL_CUT;
}

void trial_unclear(struct suspicion *suspicion)
{
    suspicion->unclear++;
}

int64_t trial_pause_ms(const struct suspicion *suspicion)
{
    return backoff_ms(suspicion->unclear, TRIAL_LIFE_MS, PAUSE_MAX_MS);
}
