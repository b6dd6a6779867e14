#include "app/subscriber.h"

#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"

#define SHARE_HINT                                                                                                     \
    "this broker has no shared subscriptions: leave mqtt.share empty and run one bridge for these topics, or use a "   \
    "broker that has them"
#define FENCE_LIMIT_MS          15000
#define FENCE_REPEAT_MS         10000
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
        receiver_set_contact(subscriber->options.receiver, &contact);
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
    receiver_set_subscriptions(options->receiver, &subscriber->before,
                               subscriber->is_unsettled ? &subscriber->left : &subscriber->plain);
}

void subscriber_clear(struct subscriber *subscriber)
{
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

static void subscribe_one(struct subscriber *subscriber, const char *filter, uint32_t id, size_t index)
{
    struct diag diag;
    if (mqtt_subscribe(subscriber->options.commands->mqtt, filter, 1, id, index + 1, &diag) == ERR_OK) {
        subscriber->answers_due++;
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

static void subscribe_all(struct subscriber *subscriber, bool with_ids)
{
    subscriber->answers_due = 0;
    subscriber->refused = 0;
    subscriber->lowest_qos = 1;
    if (subscriber->cannot_share) {
        tell_cannot_share(subscriber);
    }
    for (size_t i = 0; i < subscriber->wanted->count && !subscriber->cannot_share; i++) {
        const struct subscription *item = &subscriber->wanted->items[i];
        AUTO_FREE char *full = shared(subscriber, item->filter);
        if (!granted_holds(&subscriber->granted, full)) {
            subscribe_one(subscriber, full, with_ids ? item->id : 0, i);
        }
    }
    subscribe_one(subscriber, subscriber->options.fence_topic, 0, subscriber->wanted->count);
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
    subscriber->fence_due_ms = 0;
}

void subscriber_connected(struct subscriber *subscriber, const struct mqtt_event *event)
{
    subscriber->in_force = false;
    subscriber->fence_readable = false;
    subscriber->fence_sent_ms = 0;
    subscriber->fence_due_ms = 0;
    subscriber->cannot_share = subscriber->options.share[0] != '\0' && !event->shared_subscriptions;
    granted_connected(&subscriber->granted, event->url, event->session_present);
    if (!event->session_present) {
        subscription_set_free(&subscriber->made);
    }
    if (!event->session_present || !event->subscription_ids) {
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

static void note_qos(struct subscriber *subscriber, const struct mqtt_event *event, const char *filter, bool is_fence)
{
    if (is_fence || event->reason >= subscriber->lowest_qos) {
        return;
    }
    subscriber->lowest_qos = event->reason;
    LOG(LOG_WARN, "mqtt_subscribed_weakly", LOG_S("filter", filter), LOG_N("qos", event->reason),
        LOG_S("hint",
              "commands come with QoS 0: the broker keeps none while the bridge is away, and one on its way can "
              "be lost"));
}

static const char *refusal_hint(const struct subscriber *subscriber, const struct mqtt_event *event, bool is_fence)
{
    bool is_shared = subscriber->options.share[0] != '\0' && !is_fence;
    if (is_shared && event->reason == NO_SHARED_SUBSCRIPTIONS) {
        return SHARE_HINT;
    }
    return is_shared
               ? "the broker's access rules must let this client read the filter; or it has no shared subscriptions:"
                 " then leave mqtt.share empty"
               : "the broker's access rules must let this client read the filter";
}

static void note_answer(struct subscriber *subscriber, const struct mqtt_event *event, const char *filter,
                        bool is_fence)
{
    if (event->kind == MQTT_SUBSCRIBED) {
        note_qos(subscriber, event, filter, is_fence);
        subscriber->fence_readable = subscriber->fence_readable || is_fence;
        LOG(LOG_DEBUG, "mqtt_subscribed", LOG_S("filter", filter));
        return;
    }
    subscriber->refused++;
    LOG(LOG_ERROR, "mqtt_subscribe_refused", LOG_S("filter", filter), LOG_S("error", event->text),
        LOG_N("reason", event->reason), LOG_S("hint", refusal_hint(subscriber, event, is_fence)));
    if (is_fence) {
        receiver_forgo_fence(subscriber->options.receiver);
    }
}

static void note_granted(struct subscriber *subscriber, const struct mqtt_event *event, const char *filter)
{
    AUTO_FREE char *full = shared(subscriber, filter);
    granted_set(&subscriber->granted, full, event->kind == MQTT_SUBSCRIBED);
    if (subscriber->answers_due == 0) {
        granted_note(&subscriber->granted);
    }
}

void subscriber_answered(struct subscriber *subscriber, const struct mqtt_event *event)
{
    size_t index = (size_t)event->cookie - 1;
    bool is_fence = index >= subscriber->wanted->count;
    if (subscriber->answers_due > 0) {
        subscriber->answers_due--;
    }
    const char *filter = is_fence ? subscriber->options.fence_topic : subscriber->wanted->items[index].filter;
    note_answer(subscriber, event, filter, is_fence);
    note_granted(subscriber, event, filter);
    bool no_fence_can_come = subscriber->answers_due == 0 && !subscriber->fence_readable;
    if (subscriber->is_unsettled && no_fence_can_come) {
        settle(subscriber);
    }
}

static void send_fence(struct subscriber *subscriber, int64_t now_ms)
{
    char nonce[CRYPTO_NONCE_LEN];
    struct diag diag;
    crypto_nonce(nonce);
    FAULT_POINT("before_fence");
    receiver_expect_fence(subscriber->options.receiver, nonce);
    struct mqtt_publication publication = {
        .topic = subscriber->options.fence_topic, .payload = nonce, .payload_len = strlen(nonce), .qos = 1};
    if (mqtt_publish(subscriber->options.replies->mqtt, &publication, SUBSCRIBER_FENCE_COOKIE, &diag) == ERR_OK) {
        subscriber->fence_acked = false;
        subscriber->fence_sent_ms = now_ms;
        subscriber->fence_due_ms = now_ms + FENCE_REPEAT_MS;
    }
}

void subscriber_fence_published(struct subscriber *subscriber, const struct mqtt_event *event)
{
    subscriber->fence_acked = event->kind == MQTT_PUBLISHED;
    if (event->kind == MQTT_PUBLISH_REFUSED) {
        LOG(LOG_ERROR, "mqtt_fence_refused", LOG_S("topic", subscriber->options.fence_topic),
            LOG_S("error", event->text),
            LOG_S("hint", "the broker's access rules must let this client write the topic"));
        if (subscriber->is_unsettled) {
            settle(subscriber);
        }
    }
}

bool subscriber_take_fence(struct subscriber *subscriber, int64_t now_ms)
{
    bool first = !subscriber->in_force;
    subscriber->fence_sent_ms = 0;
    if (subscriber->is_unsettled) {
        settle(subscriber);
        return false;
    }
    subscriber->fence_due_ms = now_ms + FENCE_REPEAT_MS;
    subscriber->in_force = true;
    if (first) {
        unsubscribe_stale(subscriber);
    }
    return first && subscriber->refused == 0;
}

// What was published on one connection has not come back on the other. If the broker acknowledged it, it is the
// commands connection that carries nothing; else it may be either.
static void renew(struct subscriber *subscriber)
{
    LOG(LOG_ERROR, "mqtt_fence_lost", LOG_S("topic", subscriber->options.fence_topic),
        LOG_N("acknowledged", subscriber->fence_acked),
        LOG_S("hint",
              "a connection carries nothing, or the client may not write and read this topic; connecting anew"));
    // Perhaps no fence ever comes, and the new filters are not to wait for it.
    stop_settling(subscriber, &subscriber->left);
    connection_renew(subscriber->options.commands);
    if (!subscriber->fence_acked) {
        connection_renew(subscriber->options.replies);
    }
    subscriber->fence_sent_ms = 0;
}

static int64_t run_fence(struct subscriber *subscriber, int64_t now_ms, int64_t held_until_ms)
{
    bool both_up =
        subscriber->options.commands->state == CONNECTION_UP && subscriber->options.replies->state == CONNECTION_UP;
    if (!both_up || subscriber->answers_due > 0 || !subscriber->fence_readable) {
        subscriber->fence_sent_ms = 0;
        return INT64_MAX;
    }
    if (subscriber->fence_sent_ms != 0 && now_ms - subscriber->fence_sent_ms >= FENCE_LIMIT_MS) {
        renew(subscriber);
        return 0;
    }
    int64_t due_ms = subscriber->fence_due_ms > held_until_ms ? subscriber->fence_due_ms : held_until_ms;
    if (subscriber->fence_sent_ms == 0 && now_ms >= due_ms) {
        send_fence(subscriber, now_ms);
    }
    return subscriber->fence_sent_ms != 0 ? subscriber->fence_sent_ms + FENCE_LIMIT_MS - now_ms : due_ms - now_ms;
}

// Not at every contact, as each note costs a commit; but soon when there is one anyway.
static void run_contact(struct subscriber *subscriber, const struct moment *now)
{
    struct moment contact;
    if (!receiver_contact(subscriber->options.receiver, &contact) ||
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
    bool was_under_way = subscriber->fence_sent_ms != 0;
    int64_t wait_ms = run_fence(subscriber, now->boot_ms, held_until_ms);
    *sent = !was_under_way && subscriber->fence_sent_ms != 0;
    return wait_ms;
}

// SUBACKs come in the order of the SUBSCRIBEs, the fence's last.
const char *subscriber_unanswered(const struct subscriber *subscriber)
{
    size_t index = subscriber->wanted->count + 1 - subscriber->answers_due;
    if (subscriber->answers_due == 0) {
        return NULL;
    }
    return index < subscriber->wanted->count ? subscriber->wanted->items[index].filter
                                             : subscriber->options.fence_topic;
}

void subscriber_note_stop(struct subscriber *subscriber, const struct moment *now)
{
    if (subscriber->in_force) {
        note_contact(subscriber, now);
    }
}
