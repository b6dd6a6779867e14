// Each message goes through the same sieve: the fence, another bridge's information, spare copies, topics without a
// rule, retained messages. What passes is admitted (app/broker/receiver/admission.h). Events are handed to the core as
// they come.
#include "app/broker/receiver/receiver.h"

#include <stdlib.h>
#include <string.h>

#include "app/broker/receiver/admission.h"
#include "app/broker/receiver/copies.h"
#include "app/broker/receiver/info.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"

struct receiver {
    struct receiver_options options;
    struct freshness *freshness;
    struct copies copies;
    struct admission admission;
};

struct receiver *receiver_create(const struct receiver_options *options)
{
    struct receiver *receiver = mem_alloc(sizeof *receiver);
    struct moment now = clock_now();
    receiver->options = *options;
    receiver->admission = (struct admission){.outbox = options->outbox,
                                             .mapping = options->mapping,
                                             .mailbox = options->mailbox,
                                             .waiting = options->waiting,
                                             .max_payload = options->config->limits.payload};
    redelivery_init(&receiver->admission.redelivery, options->outbox,
                    options->config->mqtt.redelivery == CONFIG_BY_CONTENT);
    copies_init(&receiver->copies);
    receiver->freshness = freshness_create(&now);
    return receiver;
}

void receiver_destroy(struct receiver *receiver)
{
    freshness_destroy(receiver->freshness);
    copies_clear(&receiver->copies);
    free(receiver);
}

void receiver_set_subscriptions(struct receiver *receiver, const struct subscription_set *before,
                                const struct subscription_set *now)
{
    copies_set(&receiver->copies, before, now);
}

void receiver_all_has_come(struct receiver *receiver)
{
    copies_leave_before(&receiver->copies);
    redelivery_fence_came(&receiver->admission.redelivery);
}

struct freshness *receiver_freshness(struct receiver *receiver)
{
    return receiver->freshness;
}

static void post(struct receiver *receiver, enum app_mail_kind kind)
{
    mail_post_event(receiver->options.mailbox, kind, &(struct mqtt_event){0});
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
    post(receiver, APP_MAIL_GAP);
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
        post(receiver, APP_MAIL_FENCE);
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

static void take_info(struct receiver *receiver, const struct message *message, int64_t age_ms)
{
    struct mqtt_event event = {.reason = !message->retained && age_ms == 0};
    if (info_read(message->payload, message->payload_len, &event)) {
        mail_post_event(receiver->options.mailbox, APP_MAIL_INFO, &event);
    }
}

// NULL: it is no command.
static const struct rule *find_rule(const struct receiver *receiver, const struct message *message)
{
    const struct rule *rule = mapping_match(receiver->options.mapping, message->topic);
    if (rule == NULL) {
        metrics_add(METRIC_COMMANDS_NO_RULE, 1);
        log_no_rule(receiver, message);
        return NULL;
    }
    if (message->retained && !rule_accepts_retained(rule)) {
        metrics_add(METRIC_COMMANDS_RETAINED, 1);
        LOG(LOG_INFO, "retained_ignored", LOG_S("topic", message->topic), LOG_S("rule", rule_name(rule)));
        return NULL;
    }
    return rule;
}

static bool take_message(struct receiver *receiver, const struct message *message, const struct moment *arrived,
                         int64_t age_ms)
{
    if (strcmp(message->topic, receiver->options.info_topic) == 0) {
        take_info(receiver, message, age_ms);
        return true;
    }
    if (copies_is_spare(&receiver->copies, message)) {
        metrics_add(METRIC_COPIES_IGNORED, 1);
        return true;
    }
    struct incoming incoming = {
        .rule = find_rule(receiver, message), .message = message, .arrived = *arrived, .age_ms = age_ms};
    return incoming.rule == NULL || admission_take(&receiver->admission, &incoming);
}

static bool on_message(void *context, const struct message *message, bool resumed)
{
    struct receiver *receiver = context;
    struct moment arrived = clock_now();
    if (message->qos > 0) {
        outbox_count_packet(receiver->options.outbox, message->packet_id);
    }
    if (is_fence(receiver, message)) {
        take_fence(receiver, message, &arrived);
        return true;
    }
    int64_t gap_ms = 0;
    int64_t age_ms = freshness_message(receiver->freshness, &arrived, &gap_ms);
    receiver_note_gap(receiver, gap_ms);
    // A retained message comes because we have just subscribed, and is as old as its rule accepts.
    bool kept = take_message(receiver, message, &arrived, message->retained && !resumed ? 0 : age_ms);
    struct moment done = clock_now();
    receiver_note_gap(receiver, freshness_message_done(receiver->freshness, &arrived, &done));
    return kept;
}

// Before any message of the new connection.
static void begin_session(struct receiver *receiver, const struct mqtt_event *event)
{
    struct moment now = clock_now();
    bool may_be_kept = event->session_present || receiver->admission.redelivery.by_content;
    redelivery_connected(&receiver->admission.redelivery, event->session_present);
    receiver->copies.have_ids = event->subscription_ids;
    freshness_connected(receiver->freshness, may_be_kept, &now);
    if (!may_be_kept) {
        copies_leave_before(&receiver->copies);
    }
}

static void on_command_event(void *context, const struct mqtt_event *event)
{
    struct receiver *receiver = context;
    if (event->kind == MQTT_CONNECTED) {
        begin_session(receiver, event);
    }
    mail_post_event(receiver->options.mailbox, APP_MAIL_COMMANDS, event);
}

static void on_reply_event(void *context, const struct mqtt_event *event)
{
    struct receiver *receiver = context;
    mail_post_event(receiver->options.mailbox, APP_MAIL_REPLIES, event);
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
