// Two things run side by side on one connection: the fence (idle, sent, acknowledged, back again) and the rounds of a
// pause, which are sent when no fence is to be expected or when it is late. Either proves alone that all has come. Both
// serve to watch the connections: what is awaited on one and makes no progress for LIMIT_MS renews it.
#include "app/broker/subscription/fence.h"

#include <stdlib.h>
#include <string.h>

#include "app/broker/connection/cookie.h"
#include "base/buf.h"
#include "base/crypto.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/machine.h"
#include "base/mem.h"
#include "base/str.h"

#define LIMIT_MS       15000 // without any progress
#define REPEAT_MS      10000
#define SUBSCRIBE_MS   60000 // until a refused filter is tried again
#define PAUSE_MS       500   // while the fence may still come back
#define PAUSE_ROUNDS   3
#define FIRST_ROUND_MS 200 // after its PUBACK: most fences are back by then
#define SLOW_ROUND_MS  100 // from one round to the next
#define BUSY_ROUND_MS  5   // if a message came meanwhile; else the next one follows at once
#define MISSES_MAX     2   // the first may have met a full queue
// Some brokers end a connection that publishes what it may not (Mosquitto 2.0.11 acknowledges it before). So what was
// refused is not sent again soon, and a fence over which several connections in a row ended counts as refused.
#define LOSSES_MAX       3
#define REFUSED_FIRST_MS 60000
#define REFUSED_MAX_MS   600000
#define NOTE_BARRED      "fence_barred"

// A client id may hold what a topic must not.
char *fence_make_topic(const char *base_topic, const char *client_id)
{
    unsigned char digest[CRYPTO_SHA256_LEN];
    AUTO_BUF struct buf hex = {0};
    crypto_sha256(client_id, strlen(client_id), digest);
    str_hex_encode(&hex, digest, 8);
    return mem_printf("%s/bridge/fence/%s", base_topic, hex.data);
}

void fence_init(struct fence *fence, const struct fence_options *options)
{
    *fence = (struct fence){.options = *options};
    fence->round_filter = mem_printf("%s/round", options->topic);
    AUTO_FREE char *barred = outbox_read_note(options->outbox, NOTE_BARRED);
    fence->is_barred = barred != NULL;
}

void fence_clear(struct fence *fence)
{
    free(fence->round_filter);
}

static void set_state(struct fence *fence, enum fence_state state, int64_t now_ms)
{
    static const struct machine_row table[] = {
        [FENCE_IDLE] = {"IDLE", MACHINE_BIT(FENCE_SENT)},
        [FENCE_SENT] = {"SENT", MACHINE_BIT(FENCE_ACKNOWLEDGED) | MACHINE_BIT(FENCE_IDLE)},
        [FENCE_ACKNOWLEDGED] = {"ACKNOWLEDGED", MACHINE_BIT(FENCE_IDLE)},
    };
    machine_change(table, fence->state, state, "fence_state", fence->options.topic);
    fence->state = state;
    fence->since_ms = now_ms;
}

static void stop_waiting(struct fence *fence)
{
    set_state(fence, FENCE_IDLE, 0);
}

// For how long it has been in the state.
static bool has_been(const struct fence *fence, enum fence_state state, int64_t for_ms, int64_t now_ms)
{
    return fence->state == state && now_ms - fence->since_ms >= for_ms;
}

static void log_barred(const struct fence *fence, const char *why)
{
    const char *user = fence->options.config->mqtt.username;
    AUTO_FREE char *hint =
        mem_printf("the broker's access rules must let this client publish to and read its own topics; in Mosquitto's "
                   "acl_file: `user %s` and below it `topic readwrite %s/bridge/#`. Until then the bridge says "
                   "`offline`, and while commands come without a pause after an absence, they count as old as it",
                   user == NULL || user[0] == '\0' ? "NAME" : user, fence->options.config->bridge.base_topic);
    LOG(LOG_ERROR, "mqtt_fence_barred", LOG_S("topic", fence->options.topic), LOG_S("error", why), LOG_S("hint", hint));
}

static void set_barred(struct fence *fence, bool barred, const char *why)
{
    if (barred == fence->is_barred) {
        return;
    }
    fence->is_barred = barred;
    outbox_stage_note(fence->options.outbox, NOTE_BARRED, barred ? "1" : NULL);
    if (barred) {
        log_barred(fence, why);
    } else {
        LOG(LOG_INFO, "mqtt_fence_works", LOG_S("topic", fence->options.topic));
    }
}

void fence_connected(struct fence *fence)
{
    stop_waiting(fence);
    fence->is_subscribed = false;
    fence->is_late_logged = false;
    fence->misses = 0;
    fence->due_ms = fence->refused_ms == 0 ? 0 : fence->due_ms;
    fence->subscribe_due_ms = 0;
    fence->quiet_rounds = 0;
    fence->round_sent_ms = 0;
    fence->round_due_ms = 0;
    fence->answered_ms = 0;
    fence->passed_ms = 0;
    if (fence->is_barred) {
        log_barred(fence, "it did not come back on an earlier connection");
    }
}

void fence_subscribed(struct fence *fence, const struct mqtt_event *event, int64_t now_ms)
{
    fence->is_subscribed = event->kind == MQTT_SUBSCRIBED;
    fence->subscribe_due_ms = now_ms + SUBSCRIBE_MS;
    if (fence->is_subscribed) {
        LOG(LOG_DEBUG, "mqtt_subscribed", LOG_S("filter", fence->options.topic));
    } else {
        set_barred(fence, true, event->text);
    }
}

static void refused(struct fence *fence, const char *why, int64_t now_ms)
{
    fence->losses = 0;
    fence->is_exposed = false;
    fence->refused_ms = fence->refused_ms == 0 ? REFUSED_FIRST_MS : clock_sooner(2 * fence->refused_ms, REFUSED_MAX_MS);
    fence->due_ms = now_ms + fence->refused_ms;
    set_barred(fence, true, why);
}

void fence_published(struct fence *fence, const struct mqtt_event *event, int64_t now_ms)
{
    if (event->kind == MQTT_PUBLISH_REFUSED) {
        refused(fence, event->text, now_ms);
    }
    if (fence->state != FENCE_IDLE && event->kind != MQTT_PUBLISH_LOST) {
        set_state(fence, FENCE_ACKNOWLEDGED, now_ms);
    }
    if (fence->is_barred) {
        stop_waiting(fence);
    }
}

#define ENDS_CONNECTIONS "the broker ends the connection that publishes it"

void fence_cannot_be_sent(struct fence *fence)
{
    stop_waiting(fence);
    set_barred(fence, true, ENDS_CONNECTIONS);
}

void fence_replies_lost(struct fence *fence, int64_t now_ms)
{
    stop_waiting(fence);
    if (!fence->is_exposed) {
        return;
    }
    fence->is_exposed = false;
    fence->due_ms = now_ms;
    if (++fence->losses >= LOSSES_MAX) {
        refused(fence, ENDS_CONNECTIONS, now_ms);
    }
}

void fence_returned(struct fence *fence, int64_t now_ms)
{
    stop_waiting(fence);
    set_barred(fence, false, NULL);
    fence->misses = 0;
    fence->losses = 0;
    fence->is_exposed = false;
    fence->refused_ms = 0;
    fence->quiet_rounds = 0;
    fence->due_ms = now_ms + REPEAT_MS;
    fence->passed_ms = now_ms;
}

void fence_begin_again(struct fence *fence)
{
    stop_waiting(fence);
    fence->quiet_rounds = 0;
    fence->due_ms = fence->refused_ms == 0 ? 0 : fence->due_ms;
    fence->round_due_ms = 0;
}

// ---- rounds

// For how long the rounds of a pause must go on.
static int64_t pause_ms(const struct fence *fence, int64_t now_ms)
{
    bool may_come = !fence->is_barred && !has_been(fence, FENCE_ACKNOWLEDGED, LIMIT_MS, now_ms);
    return may_come ? PAUSE_MS : 0;
}

static void passed_without_fence(struct fence *fence, int64_t now_ms)
{
    bool was_out = fence->state == FENCE_ACKNOWLEDGED && fence->quiet_since.taken.boot_ms >= fence->since_ms;
    bool missed = !fence->is_barred && was_out;
    fence->quiet_rounds = 0;
    fence->passed_ms = now_ms;
    if (!missed) {
        return;
    }
    fence->misses++;
    stop_waiting(fence);
    fence->due_ms = fence->misses < MISSES_MAX ? now_ms : now_ms + REPEAT_MS;
    if (fence->misses >= MISSES_MAX) {
        set_barred(fence, true, "the broker granted and acknowledged it, and did not deliver it");
    }
}

bool fence_round_answered(struct fence *fence, const struct moment *now, int64_t *gap_ms)
{
    *gap_ms = 0;
    fence->round_sent_ms = 0;
    fence->answered_ms = now->boot_ms;
    int64_t needed_ms = pause_ms(fence, now->boot_ms);
    bool quiet = freshness_is_quiet(fence->options.freshness, &fence->quiet_since);
    fence->round_due_ms = now->boot_ms + (needed_ms > 0 ? SLOW_ROUND_MS : quiet ? 0 : BUSY_ROUND_MS);
    if (!quiet) {
        fence->quiet_rounds = 0;
        // Nothing is to be proved, and that the connection lives is seen.
        if (fence->passed_ms != 0 && !freshness_in_doubt(fence->options.freshness)) {
            fence->passed_ms = now->boot_ms;
        }
        return false;
    }
    fence->quiet_rounds++;
    if (fence->quiet_rounds < PAUSE_ROUNDS || now->boot_ms - fence->quiet_since.taken.boot_ms < needed_ms ||
        !freshness_take_pause(fence->options.freshness, &fence->quiet_since, now, gap_ms)) {
        return false;
    }
    passed_without_fence(fence, now->boot_ms);
    return true;
}

// If nothing else happens.
static int64_t next_round_ms(const struct fence *fence)
{
    int64_t wanted_ms = fence->state == FENCE_ACKNOWLEDGED ? fence->since_ms + FIRST_ROUND_MS : CLOCK_NEVER;
    if (fence->is_barred || fence->options.replies->state != CONNECTION_UP) {
        bool is_unproved = fence->passed_ms == 0 || freshness_in_doubt(fence->options.freshness);
        wanted_ms = is_unproved ? 0 : fence->passed_ms + REPEAT_MS;
    }
    return clock_later(wanted_ms, fence->round_due_ms);
}

static void send_round(struct fence *fence, const struct moment *now)
{
    struct diag diag;
    if (fence->quiet_rounds == 0 || !freshness_is_quiet(fence->options.freshness, &fence->quiet_since)) {
        fence->quiet_rounds = 0;
        fence->quiet_since = freshness_mark(fence->options.freshness, now);
    }
    fence->round_due_ms = now->boot_ms + SLOW_ROUND_MS;
    fence->round++;
    if (mqtt_unsubscribe(fence->options.commands->mqtt, fence->round_filter, COOKIE_FENCE_ROUND | fence->round,
                         &diag) == ERR_OK) {
        fence->round_sent_ms = now->boot_ms;
    }
}

// ---- watching

// When the commands connection was last seen to carry something, of what is awaited on it now; CLOCK_NEVER if nothing
// is.
static int64_t commands_progress_ms(const struct fence *fence)
{
    if (fence->round_sent_ms == 0 && fence->state != FENCE_ACKNOWLEDGED) {
        return CLOCK_NEVER;
    }
    int64_t awaited_ms = fence->round_sent_ms != 0 ? fence->round_sent_ms : fence->since_ms;
    return clock_later(clock_later(awaited_ms, fence->answered_ms),
                       freshness_last_message_ms(fence->options.freshness));
}

// What was published on one connection has not come back on the other. If the broker acknowledged it, it is the
// commands connection that carries nothing; else it may be either.
static void renew(struct fence *fence, bool commands, bool replies)
{
    LOG(LOG_ERROR, "mqtt_fence_lost", LOG_S("topic", fence->options.topic), LOG_N("acknowledged", !replies),
        LOG_S("hint", "a connection seems to live and carries nothing; connecting anew"));
    if (commands) {
        connection_renew(fence->options.commands);
    }
    if (replies) {
        connection_renew(fence->options.replies);
    }
    stop_waiting(fence);
    fence->round_sent_ms = 0;
}

static bool watch(struct fence *fence, int64_t now_ms)
{
    int64_t progress_ms = commands_progress_ms(fence);
    bool commands_lost = progress_ms != CLOCK_NEVER && now_ms - progress_ms >= LIMIT_MS;
    bool unacknowledged = has_been(fence, FENCE_SENT, LIMIT_MS, now_ms);
    bool idle = now_ms - freshness_last_message_ms(fence->options.freshness) >= LIMIT_MS &&
                now_ms - fence->answered_ms >= LIMIT_MS;
    if (commands_lost || unacknowledged) {
        renew(fence, commands_lost || idle, unacknowledged);
        return false;
    }
    if (has_been(fence, FENCE_ACKNOWLEDGED, LIMIT_MS, now_ms) && !fence->is_late_logged) {
        fence->is_late_logged = true;
        LOG(LOG_WARN, "mqtt_fence_late", LOG_N("ms", now_ms - fence->since_ms),
            LOG_S("hint",
                  "messages still come ahead of it: a large backlog, or access rules that keep it from us while "
                  "messages come without a pause; if this was an absence, they count as old as it"));
    }
    return true;
}

static int64_t watch_wait_ms(const struct fence *fence, int64_t now_ms)
{
    int64_t wait_ms = CLOCK_NEVER;
    int64_t progress_ms = commands_progress_ms(fence);
    if (progress_ms != CLOCK_NEVER) {
        wait_ms = progress_ms + LIMIT_MS - now_ms;
    }
    if (fence->state == FENCE_SENT) {
        wait_ms = clock_sooner(wait_ms, fence->since_ms + LIMIT_MS - now_ms);
    }
    return wait_ms;
}

static void send_fence(struct fence *fence, const struct moment *now)
{
    char nonce[CRYPTO_NONCE_LEN];
    struct diag diag;
    crypto_nonce(nonce);
    FAULT_POINT("before_fence");
    freshness_expect_fence(fence->options.freshness, nonce, now);
    fence->due_ms = now->boot_ms + REPEAT_MS;
    if (connection_publish(fence->options.replies, fence->options.topic, nonce, false, COOKIE_FENCE, &diag) == ERR_OK) {
        set_state(fence, FENCE_SENT, now->boot_ms);
        // The connection has outlived the one before.
        fence->losses = fence->is_exposed ? 0 : fence->losses;
        fence->refused_ms = fence->is_exposed ? 0 : fence->refused_ms;
        fence->is_exposed = true;
    }
}

static void subscribe_again(struct fence *fence, int64_t now_ms)
{
    struct diag diag;
    fence->subscribe_due_ms = now_ms + SUBSCRIBE_MS;
    if (mqtt_subscribe(fence->options.commands->mqtt, fence->options.topic, 1, 0, COOKIE_FENCE_SUBSCRIBE, &diag) !=
        ERR_OK) {
        LOG(LOG_DEBUG, "mqtt_subscribe_failed", LOG_S("filter", fence->options.topic), LOG_S("error", diag.text));
    }
}

int64_t fence_run(struct fence *fence, const struct moment *now, int64_t held_until_ms, bool *sent)
{
    int64_t now_ms = now->boot_ms;
    bool replies_up = fence->options.replies->state == CONNECTION_UP;
    if (!replies_up) {
        stop_waiting(fence);
    }
    if (!watch(fence, now_ms)) {
        return 0;
    }
    if (held_until_ms > fence->due_ms) {
        fence->due_ms = held_until_ms;
    }
    if (replies_up && fence->state == FENCE_IDLE && now_ms >= fence->due_ms) {
        send_fence(fence, now);
        *sent = fence->state == FENCE_SENT;
    }
    if (!fence->is_subscribed && now_ms >= fence->subscribe_due_ms) {
        subscribe_again(fence, now_ms);
    }
    if (fence->round_sent_ms == 0 && now_ms >= next_round_ms(fence)) {
        send_round(fence, now);
    }
    int64_t wait_ms = watch_wait_ms(fence, now_ms);
    if (replies_up && fence->state == FENCE_IDLE) {
        wait_ms = clock_sooner(wait_ms, clock_later(fence->due_ms - now_ms, 1));
    }
    int64_t round_ms = fence->round_sent_ms == 0 ? next_round_ms(fence) : CLOCK_NEVER;
    if (round_ms != CLOCK_NEVER) {
        wait_ms = clock_sooner(wait_ms, clock_later(round_ms - now_ms, 1));
    }
    return wait_ms;
}
