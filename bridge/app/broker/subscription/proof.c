#include "app/broker/subscription/proof.h"

#include "app/broker/connection/cookie.h"
#include "base/log.h"
#include "base/mem.h"

#define PACKETS_MAX 100
#define WAIT_MAX_MS 5000
#define BEHIND_MS   1000  // a broker with a queue for each subscription may let the fence overtake
#define WITHOUT_MS  30000 // no fence has come
#define LOSSES_MAX  3
#define PAYLOAD     "acknowledged"

void proof_init(struct proof *proof, const struct connection *commands, struct outbox *outbox, const char *topic)
{
    *proof = (struct proof){.commands = commands, .outbox = outbox, .topic = topic};
}

void proof_connected(struct proof *proof, int64_t now_ms)
{
    proof->in_flight = false;
    proof->waiting_ms = 0;
    proof->settled_ms = now_ms + WITHOUT_MS;
}

void proof_fence_came(struct proof *proof, int64_t now_ms)
{
    if (now_ms + BEHIND_MS < proof->settled_ms) {
        proof->settled_ms = now_ms + BEHIND_MS;
    }
}

// A broker may end the connection of a client that publishes where its access rules forbid it. To give up a
// subscription is forbidden nowhere, and its answer proves the same.
static void note_loss(struct proof *proof)
{
    if (++proof->losses < LOSSES_MAX || proof->is_unsubscribed) {
        return;
    }
    proof->is_unsubscribed = true;
    LOG(LOG_WARN, "mqtt_proof_lost", LOG_S("topic", proof->topic),
        LOG_S("hint",
              "the connection ended each time after a message to this topic; if the broker's access rules forbid"
              " it, let this client write and read it"));
}

static bool is_answer(const struct mqtt_event *event)
{
    return event->kind == MQTT_PUBLISHED || event->kind == MQTT_PUBLISH_REFUSED || event->kind == MQTT_UNSUBSCRIBED;
}

bool proof_take(struct proof *proof, const struct mqtt_event *event, int64_t now_ms)
{
    // An UNSUBSCRIBE that is not answered gets no event of its own.
    bool has_ended = event->kind == MQTT_LOST || event->kind == MQTT_TAKEN_OVER;
    bool is_mine = event->cookie == COOKIE_PROOF && (is_answer(event) || event->kind == MQTT_PUBLISH_LOST);
    if (proof->in_flight && (has_ended || is_mine)) {
        proof->in_flight = false;
        if (is_answer(event)) {
            proof->losses = 0;
            proof->waiting_ms = now_ms;
            outbox_forget_proved(proof->outbox, proof->asked.connection, proof->asked.position,
                                 proof->asked_for_earlier);
        } else {
            note_loss(proof);
        }
    }
    return is_mine;
}

static enum err send(const struct proof *proof)
{
    struct diag diag;
    if (proof->is_unsubscribed) {
        AUTO_FREE char *filter = mem_printf("%s/" PAYLOAD, proof->topic);
        return mqtt_unsubscribe(proof->commands->mqtt, filter, COOKIE_PROOF, &diag);
    }
    return connection_publish(proof->commands, proof->topic, PAYLOAD, false, COOKIE_PROOF, &diag);
}

static void ask(struct proof *proof, const struct outbox_unproved *unproved, int64_t now_ms)
{
    // Before it is sent, as its answer may come before this returns.
    proof->in_flight = true;
    proof->asked = *unproved;
    proof->asked_for_earlier = now_ms >= proof->settled_ms;
    if (send(proof) != ERR_OK) {
        proof->in_flight = false;
        proof->waiting_ms = now_ms;
    }
}

static int64_t due_ms(struct proof *proof, const struct outbox_unproved *unproved, int64_t now_ms)
{
    if (unproved->current == 0) {
        proof->waiting_ms = 0;
    } else if (proof->waiting_ms == 0) {
        proof->waiting_ms = now_ms;
    }
    int64_t due = unproved->current >= PACKETS_MAX ? now_ms
                  : unproved->current > 0          ? proof->waiting_ms + WAIT_MAX_MS
                                                   : CLOCK_NEVER;
    return unproved->earlier > 0 && proof->settled_ms < due ? proof->settled_ms : due;
}

int64_t proof_run(struct proof *proof, int64_t now_ms)
{
    if (proof->commands->state != CONNECTION_UP || proof->in_flight) {
        return CLOCK_NEVER;
    }
    struct outbox_unproved unproved = outbox_unproved(proof->outbox);
    int64_t due = due_ms(proof, &unproved, now_ms);
    if (due <= now_ms) {
        ask(proof, &unproved, now_ms);
        return CLOCK_NEVER;
    }
    return due == CLOCK_NEVER ? CLOCK_NEVER : due - now_ms;
}

void proof_stop(struct proof *proof, int64_t now_ms)
{
    struct outbox_unproved unproved = outbox_unproved(proof->outbox);
    if (proof->commands->state == CONNECTION_UP && !proof->in_flight && unproved.current > 0) {
        ask(proof, &unproved, now_ms);
    }
}
