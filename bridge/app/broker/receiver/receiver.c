#include "app/broker/receiver/receiver.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/broker/receiver/info.h"
#include "app/broker/receiver/redelivery.h"
#include "base/crypto.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"

struct receiver {
    struct receiver_options options;
    struct freshness *freshness;
    bool copies_have_ids; // Paho's thread only
    bool not_stored;      // the message at hand; Paho's thread only
    int64_t age_ms;       // how old the message at hand may be; Paho's thread only
    struct redelivery redelivery;
    pthread_mutex_t mutex; // guards what follows
    const struct subscription_set *before;
    const struct subscription_set *now;
};

struct receiver *receiver_create(const struct receiver_options *options)
{
    struct receiver *receiver = mem_alloc(sizeof *receiver);
    struct moment now = clock_now();
    receiver->options = *options;
    redelivery_init(&receiver->redelivery, options->outbox, options->redelivery_by_content);
    pthread_mutex_init(&receiver->mutex, NULL);
    receiver->freshness = freshness_create(&now);
    return receiver;
}

void receiver_destroy(struct receiver *receiver)
{
    freshness_destroy(receiver->freshness);
    pthread_mutex_destroy(&receiver->mutex);
    free(receiver);
}

void receiver_set_subscriptions(struct receiver *receiver, const struct subscription_set *before,
                                const struct subscription_set *now)
{
    pthread_mutex_lock(&receiver->mutex);
    receiver->before = before;
    receiver->now = now;
    pthread_mutex_unlock(&receiver->mutex);
}

static void leave_before(struct receiver *receiver)
{
    pthread_mutex_lock(&receiver->mutex);
    receiver->before = receiver->now;
    pthread_mutex_unlock(&receiver->mutex);
}

void receiver_all_has_come(struct receiver *receiver)
{
    leave_before(receiver);
    redelivery_fence_came(&receiver->redelivery);
}

struct freshness *receiver_freshness(struct receiver *receiver)
{
    return receiver->freshness;
}

static void post(struct receiver *receiver, struct app_mail *mail)
{
    mailbox_put(receiver->options.mailbox, &mail->mail);
}

static void post_event(struct receiver *receiver, enum app_mail_kind kind, const struct mqtt_event *event)
{
    struct app_mail *mail = mem_alloc(sizeof *mail);
    mail->kind = kind;
    mail->event = *event;
    post(receiver, mail);
}

void receiver_note_gap(struct receiver *receiver, int64_t gap_ms)
{
    if (gap_ms == 0) {
        return;
    }
    LOG(LOG_WARN, "process_stood_still", LOG_N("ms", gap_ms),
        LOG_S("hint",
              "it was stopped, or the machine was suspended or overloaded; commands that came meanwhile count as "
              "that old"));
    struct app_mail *mail = mem_alloc(sizeof *mail);
    mail->kind = APP_MAIL_GAP;
    post(receiver, mail);
}

void receiver_beat(struct receiver *receiver)
{
    struct moment now = clock_now();
    receiver_note_gap(receiver, freshness_beat(receiver->freshness, &now));
}

static bool is_fence(struct receiver *receiver, const struct message *message)
{
    return strcmp(message->topic, receiver->options.fence_topic) == 0;
}

static void take_fence(struct receiver *receiver, const struct message *message, const struct moment *now)
{
    int64_t gap_ms = 0;
    bool ours = freshness_take_fence(receiver->freshness, message->payload, message->payload_len, now, &gap_ms);
    receiver_note_gap(receiver, gap_ms);
    if (ours) {
        receiver_all_has_come(receiver);
        struct app_mail *mail = mem_alloc(sizeof *mail);
        mail->kind = APP_MAIL_FENCE;
        post(receiver, mail);
    }
}

static uint32_t lowest_id(struct receiver *receiver, const char *topic)
{
    pthread_mutex_lock(&receiver->mutex);
    uint32_t lowest = subscription_set_lowest(receiver->before, topic);
    if (lowest == 0) {
        lowest = subscription_set_lowest(receiver->now, topic);
    }
    pthread_mutex_unlock(&receiver->mutex);
    return lowest;
}

// Is this one of several copies, and not the one that counts?
static bool is_spare_copy(struct receiver *receiver, const struct message *message)
{
    if (!receiver->copies_have_ids || message->subscription_id_count == 0) {
        return false;
    }
    uint32_t lowest = lowest_id(receiver, message->topic);
    for (size_t i = 0; i < message->subscription_id_count; i++) {
        if (message->subscription_ids[i] == lowest) {
            return false;
        }
    }
    return true;
}

// Nothing may be acknowledged that is not on disk: the connection is cut, and the broker keeps the command and sends it
// again when the core connects anew, which it does when the outbox can be written and has room.
static void leave_to_broker(struct receiver *receiver, enum app_mail_kind kind, const char *why)
{
    struct app_mail *mail = mem_alloc(sizeof *mail);
    mail->kind = kind;
    snprintf(mail->event.text, sizeof mail->event.text, "%s", why);
    receiver->not_stored = true;
    metrics_add(METRIC_COMMANDS_LEFT, 1);
    post(receiver, mail);
}

// `weight` is what it is counted with among all that waits; 0 for what is not counted.
static void deliver(struct receiver *receiver, int64_t row_id, int64_t weight, const struct moment *arrived,
                    struct command *command, const struct message *message)
{
    struct app_mail *mail = mem_alloc(sizeof *mail);
    mail->kind = APP_MAIL_COMMAND;
    mail->arrival = (struct arrival){.row_id = row_id, .weight = weight, .arrived = *arrived, .command = command};
    message_hash_payload(message, mail->arrival.hash);
    bool refused = command->refusal.code != NULL && strcmp(command->refusal.code->code, "outbox_full") == 0;
    metrics_add(METRIC_COMMANDS_REFUSED_FULL, refused ? 1 : 0);
    post(receiver, mail);
}

static struct command *map(const struct receiver *receiver, const struct rule *rule, const struct message *message,
                           const struct moment *arrived, const struct failure *refuse_with)
{
    char uuid[CRYPTO_UUID_LEN];
    crypto_uuid7(arrived->wall_ms, uuid);
    struct command *command = mapping_command(receiver->options.mapping, rule, message, arrived, uuid, refuse_with);
    if (!command->age_known && receiver->age_ms > command->lifetime_ms && receiver->age_ms > 0) {
        command->lifetime_ms = 0;
    }
    if (command->reply_topic_refused) {
        metrics_add(METRIC_REPLY_TOPICS_REFUSED, 1);
        LOG(LOG_WARN, "reply_topic_refused", LOG_S("id", command->id), LOG_S("rule", command->rule),
            LOG_S("topic", message->topic), LOG_S("response_topic", message->response_topic),
            LOG_S("hint", "reply.allow does not permit it, or a rule takes that topic"));
    }
    return command;
}

// ---- redeliveries

// Nobody who sees the same content twice can say whether it was sent twice: so it is answered.
static void answer_redelivery(struct receiver *receiver, const struct message *message, const struct moment *arrived,
                              struct command *command, int64_t first)
{
    struct diag diag = {0};
    int64_t id = 0;
    command->redelivery_of = first > 0 ? first : COMMAND_UNKNOWN;
    AUTO_FREE char *command_text = command_encode(command);
    enum outbox_append_result result =
        outbox_append_answer(receiver->options.outbox, message, arrived, command_text, &id, &diag);
    if (result == OUTBOX_APPENDED) {
        deliver(receiver, id, 0, arrived, command, message);
        return;
    }
    command_free(command);
    if (result == OUTBOX_CANNOT_WRITE) {
        leave_to_broker(receiver, APP_MAIL_CANNOT_WRITE, diag.text);
        return;
    }
    LOG(LOG_WARN, "redelivery_not_answered", LOG_S("topic", message->topic), LOG_S("error", diag.text));
}

static void take_redelivery(struct receiver *receiver, const struct message *message, const struct moment *arrived,
                            struct command *command, enum outbox_append_result how, int64_t first)
{
    metrics_add(METRIC_COMMANDS_REDELIVERED, 1);
    LOG(LOG_DEBUG, "command_redelivered", LOG_S("topic", message->topic), LOG_N("packet_id", message->packet_id));
    redelivery_note_known(&receiver->redelivery, how);
    if (message->dup) {
        command_free(command);
    } else {
        answer_redelivery(receiver, message, arrived, command, first);
    }
}

// ---- commands

static void store(struct receiver *receiver, const struct rule *rule, const struct message *message,
                  const struct moment *arrived, const struct failure *refuse_with);

// No room for a command: there is a reserve for telling so.
static void store_refused(struct receiver *receiver, const struct rule *rule, const struct message *message,
                          const struct moment *arrived, const struct failure *refused_already)
{
    struct failure full = {0};
    if (refused_already != NULL) {
        leave_to_broker(receiver, APP_MAIL_NO_ROOM, "the reserve for refusals is used up");
        return;
    }
    failure_set(&full, "outbox_full",
                "the bridge's queue is full; send it again later, or raise outbox.max_commands or outbox.max_bytes");
    store(receiver, rule, message, arrived, &full);
}

static void store(struct receiver *receiver, const struct rule *rule, const struct message *message,
                  const struct moment *arrived, const struct failure *refuse_with)
{
    struct diag diag = {0};
    int64_t id = 0;
    bool by_content = redelivery_is_by_content(&receiver->redelivery);
    struct command *command = map(receiver, rule, message, arrived, refuse_with);
    AUTO_FREE char *command_text = command_encode(command);
    struct waiting_command counted = waiting_weigh(message, command, command_text);
    struct failure over_share = {0};
    if (refuse_with == NULL && waiting_enter(receiver->options.waiting, &counted, &over_share) != ERR_OK) {
        command_free(command);
        store(receiver, rule, message, arrived, &over_share);
        return;
    }
    const char *refusal = refuse_with != NULL ? refuse_with->code->code : NULL;
    enum outbox_append_result result =
        outbox_append(receiver->options.outbox, message, arrived, by_content, refusal, command_text, &id, &diag);
    if (refuse_with == NULL && result != OUTBOX_APPENDED) {
        waiting_leave(receiver->options.waiting, &counted);
    }
    switch (result) {
    case OUTBOX_APPENDED:
        FAULT_POINT("after_append_commit");
        redelivery_note_new(&receiver->redelivery, message);
        deliver(receiver, id, refuse_with == NULL ? counted.bytes : 0, arrived, command, message);
        return;
    case OUTBOX_RESENT:
    case OUTBOX_REDELIVERED:
    case OUTBOX_RENUMBERED:
        take_redelivery(receiver, message, arrived, command, result, id);
        return;
    case OUTBOX_CANNOT_WRITE:
        command_free(command);
        leave_to_broker(receiver, APP_MAIL_CANNOT_WRITE, diag.text);
        return;
    case OUTBOX_NO_ROOM:
        command_free(command);
        store_refused(receiver, rule, message, arrived, refuse_with);
        return;
    }
}

// QoS 0: no disk, and so no promise beyond this process. Bounded all the same.
static void refuse_in_memory(struct receiver *receiver, const struct rule *rule, const struct message *message,
                             const struct moment *arrived, const struct failure *refuse_with)
{
    if (!waiting_enter_refusal(receiver->options.waiting)) {
        metrics_add(METRIC_COMMANDS_DROPPED, 1);
        LOG(LOG_WARN, "command_dropped", LOG_S("topic", message->topic), LOG_S("error", refuse_with->detail),
            LOG_S("hint", "more QoS 0 commands are refused than replies can be sent, so nobody is told; use QoS 1"));
        return;
    }
    deliver(receiver, 0, 0, arrived, map(receiver, rule, message, arrived, refuse_with), message);
}

static void keep_in_memory(struct receiver *receiver, const struct rule *rule, const struct message *message,
                           const struct moment *arrived, const struct failure *refuse_with)
{
    if (refuse_with != NULL) {
        refuse_in_memory(receiver, rule, message, arrived, refuse_with);
        return;
    }
    struct failure full = {0};
    struct command *command = map(receiver, rule, message, arrived, NULL);
    AUTO_FREE char *command_text = command_encode(command);
    struct waiting_command counted = waiting_weigh(message, command, command_text);
    counted.in_memory = true;
    if (waiting_enter(receiver->options.waiting, &counted, &full) == ERR_OK) {
        deliver(receiver, 0, counted.bytes, arrived, command, message);
        return;
    }
    command_free(command);
    refuse_in_memory(receiver, rule, message, arrived, &full);
}

static void take_command(struct receiver *receiver, const struct rule *rule, const struct message *message,
                         const struct moment *arrived)
{
    struct failure too_large = {0};
    const struct failure *refuse_with = NULL;
    if (message->payload_len > (size_t)receiver->options.max_payload) {
        failure_set(&too_large, "payload_too_large", "the payload has %zu bytes, %lld are allowed (limits.payload)",
                    message->payload_len, (long long)receiver->options.max_payload);
        refuse_with = &too_large;
    }
    metrics_add(METRIC_COMMANDS_RECEIVED, 1);
    if (message->qos == 0 || FAULT_DEFECT("ack_before_commit")) {
        keep_in_memory(receiver, rule, message, arrived, refuse_with);
    } else {
        FAULT_POINT("before_append_commit");
        store(receiver, rule, message, arrived, refuse_with);
        FAULT_POINT("before_puback");
    }
}

// Why not is looked for in all rules: only where the line is written.
static void log_no_rule(const struct receiver *receiver, const struct message *message)
{
    if (log_is_due(LOG_INFO, "no_rule")) {
        AUTO_FREE char *why = mapping_describe_no_rule(receiver->options.mapping, message->topic);
        LOG(LOG_INFO, "no_rule", LOG_S("topic", message->topic), LOG_S("why", why));
    }
}

static void take_info(struct receiver *receiver, const struct message *message)
{
    struct mqtt_event event = {.reason = !message->retained && receiver->age_ms == 0};
    if (info_read(message->payload, message->payload_len, &event)) {
        post_event(receiver, APP_MAIL_INFO, &event);
    }
}

static void take_message(struct receiver *receiver, const struct message *message, const struct moment *arrived)
{
    if (strcmp(message->topic, receiver->options.info_topic) == 0) {
        take_info(receiver, message);
        return;
    }
    if (is_spare_copy(receiver, message)) {
        metrics_add(METRIC_COPIES_IGNORED, 1);
        return;
    }
    const struct rule *rule = mapping_match(receiver->options.mapping, message->topic);
    if (rule == NULL) {
        metrics_add(METRIC_COMMANDS_NO_RULE, 1);
        log_no_rule(receiver, message);
        return;
    }
    if (message->retained && !rule_accepts_retained(rule)) {
        metrics_add(METRIC_COMMANDS_RETAINED, 1);
        LOG(LOG_INFO, "retained_ignored", LOG_S("topic", message->topic), LOG_S("rule", rule_name(rule)));
        return;
    }
    take_command(receiver, rule, message, arrived);
}

static bool on_message(void *context, const struct message *message, bool resumed)
{
    struct receiver *receiver = context;
    struct moment arrived = clock_now();
    receiver->not_stored = false;
    if (message->qos > 0) {
        outbox_count_packet(receiver->options.outbox, message->packet_id);
    }
    if (is_fence(receiver, message)) {
        take_fence(receiver, message, &arrived);
        return true;
    }
    int64_t gap_ms = 0;
    receiver->age_ms = freshness_message(receiver->freshness, &arrived, &gap_ms);
    receiver_note_gap(receiver, gap_ms);
    if (message->retained && !resumed) {
        receiver->age_ms = 0; // it comes because we have just subscribed, and is as old as its rule accepts
    }
    take_message(receiver, message, &arrived);
    struct moment done = clock_now();
    receiver_note_gap(receiver, freshness_message_done(receiver->freshness, &arrived, &done));
    return !receiver->not_stored;
}

// Before any message of the new connection.
static void begin_session(struct receiver *receiver, const struct mqtt_event *event)
{
    struct moment now = clock_now();
    bool may_be_kept = event->session_present || receiver->options.redelivery_by_content;
    redelivery_connected(&receiver->redelivery, event->session_present);
    receiver->copies_have_ids = event->subscription_ids;
    freshness_connected(receiver->freshness, may_be_kept, &now);
    if (!may_be_kept) {
        leave_before(receiver);
    }
}

static void on_command_event(void *context, const struct mqtt_event *event)
{
    struct receiver *receiver = context;
    if (event->kind == MQTT_CONNECTED) {
        begin_session(receiver, event);
    }
    post_event(receiver, APP_MAIL_COMMANDS, event);
}

static void on_reply_event(void *context, const struct mqtt_event *event)
{
    post_event(context, APP_MAIL_REPLIES, event);
}

static bool on_stray_message(void *context, const struct message *message, bool resumed)
{
    (void)context;
    (void)resumed;
    LOG(LOG_WARN, "mqtt_stray_message", LOG_S("topic", message->topic));
    return true;
}

struct mqtt_handlers receiver_command_handlers(struct receiver *receiver)
{
    return (struct mqtt_handlers){.context = receiver, .on_message = on_message, .on_event = on_command_event};
}

struct mqtt_handlers receiver_reply_handlers(struct receiver *receiver)
{
    return (struct mqtt_handlers){.context = receiver, .on_message = on_stray_message, .on_event = on_reply_event};
}
