// After each connect all filters are asked for, one SUBSCRIBE each, and the fence's last. When every answer is there
// the fence runs; when it comes back, or a pause is proved, the state moves on: from SETTLING all is asked for anew,
// from CHANGING the new set is in force and stale filters are given up. The sets are noted in the outbox before
// anything is sent that changes what the broker's session has.
#include "app/broker/subscription/subscriber.h"

#include <stdlib.h>
#include <string.h>

#include "app/broker/connection/cookie.h"
#include "base/log.h"
#include "base/machine.h"
#include "base/mem.h"

#define SHARE_HINT                                                                                                     \
    "this broker has no shared subscriptions: leave mqtt.share empty and run one bridge for these topics, or use a "   \
    "broker that has them"
#define NOTE_IN_FORCE           "subscriptions_in_force"
#define NOTE_MADE               "subscriptions_made"
#define NO_SHARED_SUBSCRIPTIONS 0x9E // MQTT 5 section 3.9.3

static void set_state(struct subscriber *subscriber, enum subscriber_state state)
{
    static const struct machine_row table[] = {
        [SUBSCRIBER_SETTLING] = {"SETTLING", MACHINE_BIT(SUBSCRIBER_CHANGING)},
        [SUBSCRIBER_CHANGING] = {"CHANGING", MACHINE_BIT(SUBSCRIBER_IN_FORCE)},
        [SUBSCRIBER_IN_FORCE] = {"IN_FORCE", MACHINE_BIT(SUBSCRIBER_CHANGING)},
    };
    machine_change(table, subscriber->state, state, "subscriptions_state", "commands");
    subscriber->state = state;
}

static void remember(struct subscriber *subscriber)
{
    const char *names[] = {NOTE_IN_FORCE, NOTE_MADE};
    struct subscription_set *sets[] = {&subscriber->before, &subscriber->made};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        AUTO_FREE char *text = outbox_read_note(subscriber->options.outbox, names[i]);
        if (text != NULL && subscription_set_decode(text, sets[i]) != ERR_OK) {
            LOG(LOG_WARN, "note_unreadable", LOG_S("note", names[i]));
        }
    }
}

static void remember_unsettled(struct subscriber *subscriber)
{
    bool is_settled = subscription_set_has_all(&subscriber->before, &subscriber->made) ||
                      subscription_set_has_all(&subscriber->made, &subscriber->plain);
    subscriber->state = is_settled ? SUBSCRIBER_CHANGING : SUBSCRIBER_SETTLING;
    if (!is_settled) {
        subscription_set_add_all(&subscriber->left, &subscriber->made);
    }
}

static char *shared(const struct subscriber *subscriber, const char *filter)
{
    const char *group = subscriber->options.config->mqtt.share;
    return group[0] == '\0' ? mem_strdup(filter) : mem_printf("$share/%s/%s", group, filter);
}

// Filters of an earlier configuration are forgotten before they are unsubscribed: else a kill in between would leave
// one that seems to be granted.
static void init_granted(struct subscriber *subscriber)
{
    const struct subscriber_options *options = &subscriber->options;
    struct subscription_set full = {.items = mem_alloc((subscriber->merged.count + 1) * sizeof *full.items)};
    for (; full.count < subscriber->merged.count; full.count++) {
        full.items[full.count].filter = shared(subscriber, subscriber->merged.items[full.count].filter);
    }
    granted_init(&subscriber->granted, options->config, options->mapping, options->outbox, &full);
    subscription_set_free(&full);
}

void subscriber_init(struct subscriber *subscriber, const struct subscriber_options *options)
{
    *subscriber = (struct subscriber){.options = *options, .wanted = &subscriber->plain};
    size_t count = 0;
    AUTO_FREE const char **filters = mapping_filters(options->mapping, &count);
    subscription_set_build(filters, count, false, &subscriber->plain);
    subscription_set_build(filters, count, true, &subscriber->merged);
    remember(subscriber);
    remember_unsettled(subscriber);
    contact_init(&subscriber->contact, receiver_freshness(options->receiver), options->outbox);
    init_granted(subscriber);
    struct fence_options fence = {
        .commands = options->commands,
        .replies = options->replies,
        .freshness = receiver_freshness(options->receiver),
        .outbox = options->outbox,
        .topic = options->fence_topic,
        .config = options->config,
    };
    fence_init(&subscriber->fence, &fence);
    receiver_set_subscriptions(options->receiver, &subscriber->before,
                               subscriber->state == SUBSCRIBER_SETTLING ? &subscriber->left : &subscriber->plain);
}

void subscriber_clear(struct subscriber *subscriber)
{
    asked_clear(&subscriber->asked);
    fence_clear(&subscriber->fence);
    subscription_set_free(&subscriber->plain);
    subscription_set_free(&subscriber->merged);
    subscription_set_free(&subscriber->before);
    subscription_set_free(&subscriber->made);
    subscription_set_free(&subscriber->left);
    granted_clear(&subscriber->granted);
}

static void note_set(struct subscriber *subscriber, const char *name, const struct subscription_set *set)
{
    AUTO_FREE char *text = subscription_set_encode(set);
    outbox_stage_note(subscriber->options.outbox, name, text);
}

// Filters of an earlier configuration that the broker's session still has.
static void unsubscribe_stale(struct subscriber *subscriber)
{
    for (size_t i = 0; i < subscriber->made.count; i++) {
        struct diag diag;
        const char *filter = subscriber->made.items[i].filter;
        if (subscription_set_has(subscriber->wanted, filter)) {
            continue;
        }
        AUTO_FREE char *full = shared(subscriber, filter);
        if (mqtt_unsubscribe(subscriber->options.commands->mqtt, full, 0, &diag) != ERR_OK) {
            LOG(LOG_WARN, "mqtt_unsubscribe_failed", LOG_S("filter", full), LOG_S("error", diag.text));
        }
    }
    subscription_set_free(&subscriber->made);
    subscription_set_add_all(&subscriber->made, subscriber->wanted);
    note_set(subscriber, NOTE_MADE, subscriber->wanted);
    note_set(subscriber, NOTE_IN_FORCE, subscriber->wanted);
}

// True if the broker ends the connection over the filter, so that it is not to be asked for now; it then counts as
// refused.
static bool leave_out(struct subscriber *subscriber, const char *filter)
{
    int64_t until_ms = asked_paused_until_ms(&subscriber->asked, filter);
    if (until_ms <= clock_now().boot_ms) {
        return false;
    }
    subscriber->resume_ms = subscriber->resume_ms == 0 ? until_ms : clock_sooner(subscriber->resume_ms, until_ms);
    if (strcmp(filter, subscriber->options.fence_topic) == 0) {
        subscriber->fence_is_left_out = true;
        subscriber->answers_due++;
    } else {
        subscriber->refused++;
    }
    return true;
}

static void subscribe_one(struct subscriber *subscriber, const char *filter, uint32_t id, uint64_t cookie)
{
    struct diag diag;
    if (leave_out(subscriber, filter)) {
        return;
    }
    if (mqtt_subscribe(subscriber->options.commands->mqtt, filter, 1, id, cookie, &diag) == ERR_OK) {
        subscriber->answers_due++;
        asked_add(&subscriber->asked, filter);
        return;
    }
    subscriber->refused++;
    LOG(LOG_ERROR, "mqtt_subscribe_failed", LOG_S("filter", filter), LOG_S("error", diag.text));
}

// To such a broker a shared subscription is a protocol error, for which it ends the connection (MQTT 5 section
// 3.2.2.3.13): it would be made again for ever. So nothing is subscribed, and the bridge does not call itself online.
static void refuse_all(struct subscriber *subscriber)
{
    subscriber->refused = subscriber->wanted->count;
    LOG(LOG_ERROR, "mqtt_share_unsupported", LOG_S("share", subscriber->options.config->mqtt.share),
        LOG_S("hint", SHARE_HINT));
}

static void subscribe_next(struct subscriber *subscriber)
{
    size_t index = subscriber->next++;
    if (index == subscriber->wanted->count) {
        subscribe_one(subscriber, subscriber->options.fence_topic, 0, COOKIE_FENCE_SUBSCRIBE);
        return;
    }
    const struct subscription *item = &subscriber->wanted->items[index];
    AUTO_FREE char *full = shared(subscriber, item->filter);
    if (!subscriber->cannot_share && !granted_holds(&subscriber->granted, full)) {
        subscribe_one(subscriber, full, subscriber->with_ids ? item->id : 0, index + 1);
    }
}

// After a loss that left a SUBACK due one at a time, so that the next loss shows which filter it was.
static void subscribe_more(struct subscriber *subscriber)
{
    while (subscriber->next <= subscriber->wanted->count &&
           (!subscriber->asked.is_careful || asked_first(&subscriber->asked) == NULL)) {
        subscribe_next(subscriber);
    }
}

static void subscribe_all(struct subscriber *subscriber, bool with_ids)
{
    subscriber->answers_due = 0;
    subscriber->refused = 0;
    subscriber->lowest_qos = 1;
    subscriber->resume_ms = 0;
    subscriber->next = 0;
    subscriber->with_ids = with_ids;
    asked_begin(&subscriber->asked);
    if (subscriber->cannot_share) {
        refuse_all(subscriber);
    }
    subscribe_more(subscriber);
}

static void subscribe_to(struct subscriber *subscriber, const struct subscription_set *wanted)
{
    subscriber->wanted = wanted;
    subscription_set_add_all(&subscriber->made, wanted);
    note_set(subscriber, NOTE_MADE, &subscriber->made);
    subscribe_all(subscriber, true);
}

static void stop_settling(struct subscriber *subscriber, const struct subscription_set *before)
{
    if (subscriber->state == SUBSCRIBER_SETTLING) {
        set_state(subscriber, SUBSCRIBER_CHANGING);
        receiver_set_subscriptions(subscriber->options.receiver, before, &subscriber->plain);
    }
}

// What the broker copied before is through: only copies by `left`, or by filters that are new now, can come.
static void settle(struct subscriber *subscriber)
{
    stop_settling(subscriber, &subscriber->left);
    note_set(subscriber, NOTE_IN_FORCE, &subscriber->left);
    subscribe_to(subscriber, &subscriber->plain);
    fence_begin_again(&subscriber->fence);
}

void subscriber_connected(struct subscriber *subscriber, const struct mqtt_event *event)
{
    bool may_be_denied = subscriber->options.config->mqtt.redelivery == CONFIG_BY_CONTENT;
    bool is_new = !event->session_present && !may_be_denied;
    if (subscriber->state == SUBSCRIBER_IN_FORCE) {
        set_state(subscriber, SUBSCRIBER_CHANGING);
    }
    fence_connected(&subscriber->fence);
    subscriber->cannot_share = subscriber->options.config->mqtt.share[0] != '\0' && !event->shared_subscriptions;
    granted_connected(&subscriber->granted, event->url, event->session_present);
    if (is_new) {
        subscription_set_free(&subscriber->made);
    }
    if (is_new || !event->subscription_ids) {
        stop_settling(subscriber, &subscriber->plain);
    }
    if (event->subscription_ids) {
        subscribe_to(subscriber, subscriber->state == SUBSCRIBER_SETTLING ? &subscriber->left : &subscriber->plain);
        return;
    }
    // Copies cannot be distinguished here, so at no time may two filters overlap.
    subscriber->wanted = &subscriber->merged;
    unsubscribe_stale(subscriber);
    subscribe_all(subscriber, false);
}

static void note_qos(struct subscriber *subscriber, const struct mqtt_event *event, const char *filter)
{
    if (event->reason >= subscriber->lowest_qos) {
        return;
    }
    subscriber->lowest_qos = event->reason;
    LOG(LOG_WARN, "mqtt_subscribed_weakly", LOG_S("filter", filter), LOG_N("qos", event->reason),
        LOG_S("hint",
              "commands come with QoS 0: the broker keeps none while the bridge is away, and one on its way can "
              "be lost"));
}

static const char *refusal_hint(const struct subscriber *subscriber, const struct mqtt_event *event)
{
    bool is_shared = subscriber->options.config->mqtt.share[0] != '\0';
    if (is_shared && event->reason == NO_SHARED_SUBSCRIPTIONS) {
        return SHARE_HINT;
    }
    return is_shared
               ? "the broker's access rules must let this client read the filter; or it has no shared subscriptions:"
                 " then leave mqtt.share empty"
               : "the broker's access rules must let this client read the filter";
}

// All that the broker copied by earlier subscriptions has come.
static void come_into_force(struct subscriber *subscriber)
{
    if (subscriber->state == SUBSCRIBER_SETTLING) {
        settle(subscriber);
    } else if (subscriber->state == SUBSCRIBER_CHANGING) {
        set_state(subscriber, SUBSCRIBER_IN_FORCE);
        unsubscribe_stale(subscriber);
    }
}

static void note_answer(struct subscriber *subscriber, const struct mqtt_event *event, const char *filter)
{
    if (event->kind == MQTT_SUBSCRIBED) {
        note_qos(subscriber, event, filter);
        LOG(LOG_DEBUG, "mqtt_subscribed", LOG_S("filter", filter));
        return;
    }
    subscriber->refused++;
    LOG(LOG_ERROR, "mqtt_subscribe_refused", LOG_S("filter", filter), LOG_S("error", event->text),
        LOG_N("reason", event->reason), LOG_S("hint", refusal_hint(subscriber, event)));
}

// An answer of our own, as that of a filter that is left out, says nothing about the broker.
static void note_asked(struct subscriber *subscriber, const char *full_filter)
{
    if (asked_paused_until_ms(&subscriber->asked, full_filter) <= clock_now().boot_ms) {
        asked_answered(&subscriber->asked, full_filter);
    }
    subscribe_more(subscriber);
}

void subscriber_answered(struct subscriber *subscriber, const struct mqtt_event *event, int64_t now_ms)
{
    size_t index = (size_t)event->cookie - 1;
    if (subscriber->answers_due > 0) {
        subscriber->answers_due--;
    }
    if (event->cookie == COOKIE_FENCE_SUBSCRIBE) {
        note_asked(subscriber, subscriber->options.fence_topic);
        fence_subscribed(&subscriber->fence, event, now_ms);
    } else if (index < subscriber->wanted->count) {
        AUTO_FREE char *full = shared(subscriber, subscriber->wanted->items[index].filter);
        note_asked(subscriber, full);
        note_answer(subscriber, event, subscriber->wanted->items[index].filter);
        granted_set(&subscriber->granted, full, event->kind == MQTT_SUBSCRIBED);
    }
    if (subscriber->answers_due == 0) {
        subscriber->asked.is_careful = false;
        granted_note(&subscriber->granted);
    }
}

bool subscriber_round_answered(struct subscriber *subscriber, const struct moment *now)
{
    int64_t gap_ms = 0;
    bool passed = fence_round_answered(&subscriber->fence, now, &gap_ms);
    receiver_note_gap(subscriber->options.receiver, gap_ms);
    if (passed) {
        receiver_all_has_come(subscriber->options.receiver);
        come_into_force(subscriber);
    }
    return passed;
}

bool subscriber_take_fence(struct subscriber *subscriber, int64_t now_ms)
{
    fence_returned(&subscriber->fence, now_ms);
    come_into_force(subscriber);
    return subscriber->state == SUBSCRIBER_IN_FORCE && subscriber->refused == 0;
}

// Whoever waits for the fence learns that none comes, as if the broker had refused it.
static void refuse_fence_if_left_out(struct subscriber *subscriber, int64_t now_ms)
{
    if (subscriber->fence_is_left_out) {
        struct mqtt_event event = {.kind = MQTT_SUBSCRIBE_FAILED,
                                   .cookie = COOKIE_FENCE_SUBSCRIBE,
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

int64_t subscriber_run(struct subscriber *subscriber, const struct moment *now, int64_t held_until_ms, bool *sent)
{
    contact_run(&subscriber->contact, now);
    refuse_fence_if_left_out(subscriber, now->boot_ms);
    resume_if_due(subscriber, now->boot_ms);
    bool ready = subscriber->options.commands->state == CONNECTION_UP && subscriber->answers_due == 0;
    *sent = false;
    int64_t wait_ms = ready ? fence_run(&subscriber->fence, now, held_until_ms, sent) : CLOCK_NEVER;
    int64_t resume_ms = subscriber->resume_ms > 0 ? subscriber->resume_ms - now->boot_ms : CLOCK_NEVER;
    return clock_sooner(wait_ms, clock_later(resume_ms, 0));
}

void subscriber_note_stop(struct subscriber *subscriber, const struct moment *now)
{
    if (subscriber->state == SUBSCRIBER_IN_FORCE &&
        !freshness_in_doubt(receiver_freshness(subscriber->options.receiver))) {
        contact_note(&subscriber->contact, now);
    }
}
