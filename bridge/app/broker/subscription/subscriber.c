#include "app/broker/subscription/subscriber_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"

#define SHARE_HINT                                                                                                     \
    "this broker has no shared subscriptions: leave mqtt.share empty and run one bridge for these topics, or use a "   \
    "broker that has them"
#define NOTE_BUSY_MS            1000 // with a commit that is due anyway
#define NOTE_IDLE_MS            10000
#define NOTE_IN_FORCE           "subscriptions_in_force"
#define NOTE_MADE               "subscriptions_made"
#define NOTE_CONTACT            "last_contact"
#define NO_SHARED_SUBSCRIPTIONS 0x9E // MQTT 5 section 3.9.3

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

// "BOOT-ID BOOT-MS WALL-MS", as note_contact writes it.
static bool parse_contact(const char *text, struct moment *contact)
{
    size_t len = strcspn(text, " ");
    char *rest = NULL;
    if (len == 0 || len >= sizeof contact->boot_id) {
        return false;
    }
    memcpy(contact->boot_id, text, len);
    contact->boot_ms = strtoll(text + len, &rest, 10);
    contact->wall_ms = strtoll(rest, &rest, 10);
    return *rest == '\0';
}

static void remember_contact(struct subscriber *subscriber)
{
    struct moment contact = {0};
    AUTO_FREE char *text = outbox_read_note(subscriber->options.outbox, NOTE_CONTACT);
    if (text != NULL && parse_contact(text, &contact)) {
        freshness_set_contact(receiver_freshness(subscriber->options.receiver), &contact);
    }
}

static void note_contact(struct subscriber *subscriber, const struct moment *contact)
{
    AUTO_FREE char *text =
        mem_printf("%s %lld %lld", contact->boot_id, (long long)contact->boot_ms, (long long)contact->wall_ms);
    outbox_stage_note(subscriber->options.outbox, NOTE_CONTACT, text);
    subscriber->noted_contact = *contact;
}

static bool set_has(const struct subscription_set *set, const char *filter)
{
    for (size_t i = 0; i < set->count; i++) {
        if (strcmp(set->items[i].filter, filter) == 0) {
            return true;
        }
    }
    return false;
}

// They are mostly the same, filter by filter.
static bool set_has_all(const struct subscription_set *set, const struct subscription_set *part)
{
    for (size_t i = 0; i < part->count; i++) {
        const char *filter = part->items[i].filter;
        bool is_here = i < set->count && strcmp(set->items[i].filter, filter) == 0;
        if (!is_here && !set_has(set, filter)) {
            return false;
        }
    }
    return true;
}

static void remember_unsettled(struct subscriber *subscriber)
{
    AUTO_FREE char *text = subscription_set_encode(&subscriber->made);
    subscriber->is_unsettled = !set_has_all(&subscriber->before, &subscriber->made) &&
                               !set_has_all(&subscriber->made, &subscriber->plain) &&
                               subscription_set_decode(text, &subscriber->left) == ERR_OK;
}

static char *shared(const struct subscriber *subscriber, const char *filter)
{
    const char *group = subscriber->options.share;
    return group[0] == '\0' ? mem_strdup(filter) : mem_printf("$share/%s/%s", group, filter);
}

// Filters of an earlier configuration are forgotten before they are unsubscribed: else a kill in between would leave
// one that seems to be granted.
static void init_granted(struct subscriber *subscriber)
{
    const struct subscriber_options *options = &subscriber->options;
    struct granted_options granted = {.outbox = options->outbox,
                                      .mapping = options->mapping,
                                      .client_id = options->client_id,
                                      .is_needed = options->brings_retained_again};
    struct subscription_set full = {.items = mem_alloc((subscriber->merged.count + 1) * sizeof *full.items)};
    for (; full.count < subscriber->merged.count; full.count++) {
        full.items[full.count].filter = shared(subscriber, subscriber->merged.items[full.count].filter);
    }
    granted_init(&subscriber->granted, &granted, &full);
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
    remember_contact(subscriber);
    init_granted(subscriber);
    struct fence_options fence = {
        .commands = options->commands,
        .replies = options->replies,
        .freshness = receiver_freshness(options->receiver),
        .outbox = options->outbox,
        .topic = options->fence_topic,
        .username = options->username,
        .base_topic = options->base_topic,
    };
    fence_init(&subscriber->fence, &fence);
    receiver_set_subscriptions(options->receiver, &subscriber->before,
                               subscriber->is_unsettled ? &subscriber->left : &subscriber->plain);
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

static void replace_set(struct subscription_set *set, const struct subscription_set *a,
                        const struct subscription_set *b_or_null)
{
    struct subscription_set result = {0};
    size_t b_count = b_or_null == NULL ? 0 : b_or_null->count;
    result.items = mem_alloc((a->count + b_count) * sizeof *result.items);
    for (size_t i = 0; i < a->count + b_count; i++) {
        const struct subscription *item = i < a->count ? &a->items[i] : &b_or_null->items[i - a->count];
        if (!set_has(&result, item->filter)) {
            result.items[result.count++] = (struct subscription){mem_strdup(item->filter), item->id};
        }
    }
    subscription_set_free(set);
    *set = result;
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
        if (set_has(subscriber->wanted, filter)) {
            continue;
        }
        AUTO_FREE char *full = shared(subscriber, filter);
        if (mqtt_unsubscribe(subscriber->options.commands->mqtt, full, 0, &diag) != ERR_OK) {
            LOG(LOG_WARN, "mqtt_unsubscribe_failed", LOG_S("filter", full), LOG_S("error", diag.text));
        }
    }
    replace_set(&subscriber->made, subscriber->wanted, NULL);
    note_set(subscriber, NOTE_MADE, subscriber->wanted);
    note_set(subscriber, NOTE_IN_FORCE, subscriber->wanted);
}

static void subscribe_one(struct subscriber *subscriber, const char *filter, uint32_t id, uint64_t cookie)
{
    struct diag diag;
    if (subscriber_leave_out(subscriber, filter)) {
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
static void tell_cannot_share(struct subscriber *subscriber)
{
    subscriber->refused = subscriber->wanted->count;
    LOG(LOG_ERROR, "mqtt_share_unsupported", LOG_S("share", subscriber->options.share), LOG_S("hint", SHARE_HINT));
}

static void subscribe_next(struct subscriber *subscriber)
{
    size_t index = subscriber->next++;
    if (index == subscriber->wanted->count) {
        subscribe_one(subscriber, subscriber->options.fence_topic, 0, FENCE_SUBSCRIBE_COOKIE);
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
        tell_cannot_share(subscriber);
    }
    subscribe_more(subscriber);
}

static void subscribe_to(struct subscriber *subscriber, const struct subscription_set *wanted)
{
    subscriber->wanted = wanted;
    replace_set(&subscriber->made, &subscriber->made, wanted);
    note_set(subscriber, NOTE_MADE, &subscriber->made);
    subscribe_all(subscriber, true);
}

static void stop_settling(struct subscriber *subscriber, const struct subscription_set *before)
{
    if (subscriber->is_unsettled) {
        subscriber->is_unsettled = false;
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
    bool is_new = !event->session_present && !subscriber->options.sessions_may_be_denied;
    subscriber->in_force = false;
    fence_connected(&subscriber->fence);
    subscriber->cannot_share = subscriber->options.share[0] != '\0' && !event->shared_subscriptions;
    granted_connected(&subscriber->granted, event->url, event->session_present);
    if (is_new) {
        subscription_set_free(&subscriber->made);
    }
    if (is_new || !event->subscription_ids) {
        stop_settling(subscriber, &subscriber->plain);
    }
    if (event->subscription_ids) {
        subscribe_to(subscriber, subscriber->is_unsettled ? &subscriber->left : &subscriber->plain);
        return;
    }
    // Copies cannot be told apart here, so at no time may two filters overlap.
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
    bool is_shared = subscriber->options.share[0] != '\0';
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
    if (subscriber->is_unsettled) {
        settle(subscriber);
    } else if (!subscriber->in_force) {
        subscriber->in_force = true;
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

static void note_granted(struct subscriber *subscriber, const struct mqtt_event *event, const char *filter)
{
    AUTO_FREE char *full = shared(subscriber, filter);
    granted_set(&subscriber->granted, full, event->kind == MQTT_SUBSCRIBED);
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
    if (event->cookie == FENCE_SUBSCRIBE_COOKIE) {
        note_asked(subscriber, subscriber->options.fence_topic);
        fence_subscribed(&subscriber->fence, event, now_ms);
    } else if (index < subscriber->wanted->count) {
        AUTO_FREE char *full = shared(subscriber, subscriber->wanted->items[index].filter);
        note_asked(subscriber, full);
        note_answer(subscriber, event, subscriber->wanted->items[index].filter);
        note_granted(subscriber, event, subscriber->wanted->items[index].filter);
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
    return subscriber->in_force && subscriber->refused == 0;
}

// Not at every contact, as each note costs a commit; but soon when there is one anyway.
static void run_contact(struct subscriber *subscriber, const struct moment *now)
{
    struct moment contact;
    if (!freshness_contact(receiver_freshness(subscriber->options.receiver), &contact) ||
        contact.boot_ms == subscriber->noted_contact.boot_ms) {
        return;
    }
    int64_t since_ms = now->boot_ms - subscriber->noted_contact.boot_ms;
    if (since_ms >= (outbox_has_staged(subscriber->options.outbox) ? NOTE_BUSY_MS : NOTE_IDLE_MS)) {
        note_contact(subscriber, &contact);
    }
}

int64_t subscriber_run(struct subscriber *subscriber, const struct moment *now, int64_t held_until_ms, bool *sent)
{
    run_contact(subscriber, now);
    subscriber_run_left_out(subscriber, now->boot_ms);
    bool ready = subscriber->options.commands->state == CONNECTION_UP && subscriber->answers_due == 0;
    *sent = false;
    int64_t wait_ms = ready ? fence_run(&subscriber->fence, now, held_until_ms, sent) : INT64_MAX;
    int64_t resume_ms = subscriber->resume_ms > 0 ? subscriber->resume_ms - now->boot_ms : INT64_MAX;
    resume_ms = resume_ms > 0 ? resume_ms : 0;
    return resume_ms < wait_ms ? resume_ms : wait_ms;
}

void subscriber_note_stop(struct subscriber *subscriber, const struct moment *now)
{
    if (subscriber->in_force && !freshness_in_doubt(receiver_freshness(subscriber->options.receiver))) {
        note_contact(subscriber, now);
    }
}
