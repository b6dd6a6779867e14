#include "app/broker/subscription/granted.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define NOTE_SESSION "subscriptions_granted_by"
#define NOTE_GRANTED "subscriptions_granted"

static void remember(struct granted *granted)
{
    char *session = outbox_read_note(granted->outbox, NOTE_SESSION);
    AUTO_FREE char *text = outbox_read_note(granted->outbox, NOTE_GRANTED);
    if (session != NULL && text != NULL && subscription_set_decode(text, &granted->set) == ERR_OK) {
        granted->session = session;
    } else {
        free(session);
    }
}

static void drop(struct subscription_set *set, size_t at)
{
    free(set->items[at].filter);
    set->count--;
    memmove(&set->items[at], &set->items[at + 1], (set->count - at) * sizeof *set->items);
}

static bool is_needed(const struct granted *granted)
{
    return granted->config->mqtt.version == CONFIG_MQTT_3_1_1;
}

void granted_init(struct granted *granted, const struct config *config, const struct mapping *mapping,
                  struct outbox *outbox, const struct subscription_set *wanted)
{
    *granted = (struct granted){.config = config, .mapping = mapping, .outbox = outbox};
    if (!is_needed(granted)) {
        return;
    }
    remember(granted);
    for (size_t i = granted->set.count; i > 0; i--) {
        if (!subscription_set_has(wanted, granted->set.items[i - 1].filter)) {
            drop(&granted->set, i - 1);
            granted->is_changed = true;
        }
    }
    granted_note(granted);
}

void granted_clear(struct granted *granted)
{
    free(granted->session);
    subscription_set_free(&granted->set);
}

void granted_connected(struct granted *granted, const char *url, bool session_present)
{
    char *session = mem_printf("%s %s", url, granted->config->mqtt.client_id);
    bool is_known = session_present && granted->session != NULL && strcmp(session, granted->session) == 0;
    if (!is_known && granted->set.count > 0) {
        subscription_set_free(&granted->set);
        granted->is_changed = true;
    }
    free(granted->session);
    granted->session = session;
}

// A shared subscription never brings them, and its name overlaps no rule's filter.
static bool can_bring_retained(const struct granted *granted, const char *filter)
{
    for (size_t i = 0; is_needed(granted) && i < mapping_rule_count(granted->mapping); i++) {
        const struct rule *rule = mapping_rule_at(granted->mapping, i);
        if (rule_accepts_retained(rule) && topic_filter_overlaps(rule_filter(rule), filter)) {
            return true;
        }
    }
    return false;
}

bool granted_holds(const struct granted *granted, const char *filter)
{
    return subscription_set_has(&granted->set, filter) && can_bring_retained(granted, filter);
}

void granted_set(struct granted *granted, const char *filter, bool is_granted)
{
    size_t at = subscription_set_find(&granted->set, filter);
    bool is_noted = at < granted->set.count;
    if (is_noted == is_granted || (is_granted && !can_bring_retained(granted, filter))) {
        return;
    }
    granted->is_changed = true;
    if (is_granted) {
        // A stored set has identifiers; here they mean nothing.
        subscription_set_add(&granted->set, filter, (uint32_t)granted->set.count + 1);
    } else {
        drop(&granted->set, at);
    }
}

void granted_note(struct granted *granted)
{
    if (!granted->is_changed) {
        return;
    }
    AUTO_FREE char *text = subscription_set_encode(&granted->set);
    outbox_stage_note(granted->outbox, NOTE_GRANTED, text);
    outbox_stage_note(granted->outbox, NOTE_SESSION, granted->session);
    granted->is_changed = false;
}
