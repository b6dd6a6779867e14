// A command is mapped first, as what is stored and counted is its text. Where there is no room for it, it is mapped
// again with its refusal, which has a reserve of its own; where that is used up too, a command of QoS 1 stays with the
// broker, and one of QoS 0 is dropped.
#include "app/broker/receiver/admission.h"

#include <stdio.h>
#include <string.h>

#include "app/broker/receiver/mail.h"
#include "base/crypto.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"

// `weight` is what it is counted with among all that waits; 0 for what is not counted.
static void deliver(const struct admission *admission, const struct incoming *incoming, int64_t row_id, int64_t weight,
                    struct command *command)
{
    struct arrival arrival = {.row_id = row_id, .weight = weight, .arrived = incoming->arrived, .command = command};
    message_hash_payload(incoming->message, arrival.hash);
    bool refused = command->refusal.code != NULL && strcmp(command->refusal.code->code, "outbox_full") == 0;
    metrics_add(METRIC_COMMANDS_REFUSED_FULL, refused ? 1 : 0);
    mail_post_arrival(admission->mailbox, &arrival);
}

// Nothing may be acknowledged that is not on disk: the connection is cut, and the broker keeps the command and sends it
// again when the core connects anew, which it does when the outbox can be written and has room.
static bool leave_to_broker(const struct admission *admission, enum app_mail_kind kind, const char *why)
{
    struct mqtt_event event = {0};
    snprintf(event.text, sizeof event.text, "%s", why);
    metrics_add(METRIC_COMMANDS_LEFT, 1);
    mail_post_event(admission->mailbox, kind, &event);
    return false;
}

static struct command *map(const struct admission *admission, const struct incoming *incoming,
                           const struct failure *refuse_with)
{
    char uuid[CRYPTO_UUID_LEN];
    crypto_uuid7(incoming->arrived.wall_ms, uuid);
    struct command *command =
        mapping_command(admission->mapping, incoming->rule, incoming->message, &incoming->arrived, uuid, refuse_with);
    if (!command->age_known && incoming->age_ms > command->lifetime_ms && incoming->age_ms > 0) {
        command->lifetime_ms = 0;
    }
    if (command->reply_topic_refused) {
        metrics_add(METRIC_REPLY_TOPICS_REFUSED, 1);
        LOG(LOG_WARN, "reply_topic_refused", LOG_S("id", command->id), LOG_S("rule", command->rule),
            LOG_S("topic", incoming->message->topic), LOG_S("response_topic", incoming->message->response_topic),
            LOG_S("hint", "reply.allow does not permit it, or a rule takes that topic"));
    }
    return command;
}

// ---- redeliveries

// Nobody who sees the same content twice can say whether it was sent twice: so it is answered.
static bool answer_redelivery(const struct admission *admission, const struct incoming *incoming,
                              struct command *command, int64_t first)
{
    struct diag diag = {0};
    int64_t id = 0;
    command->redelivery_of = first > 0 ? first : COMMAND_UNKNOWN;
    AUTO_FREE char *command_text = command_encode(command);
    enum outbox_append_result result =
        outbox_append_answer(admission->outbox, incoming->message, &incoming->arrived, command_text, &id, &diag);
    if (result == OUTBOX_APPENDED) {
        deliver(admission, incoming, id, 0, command);
        return true;
    }
    command_free(command);
    if (result == OUTBOX_CANNOT_WRITE) {
        return leave_to_broker(admission, APP_MAIL_CANNOT_WRITE, diag.text);
    }
    LOG(LOG_WARN, "redelivery_not_answered", LOG_S("topic", incoming->message->topic), LOG_S("error", diag.text));
    return true;
}

static bool take_redelivery(struct admission *admission, const struct incoming *incoming, struct command *command,
                            enum outbox_append_result how, int64_t first)
{
    const struct message *message = incoming->message;
    metrics_add(METRIC_COMMANDS_REDELIVERED, 1);
    LOG(LOG_DEBUG, "command_redelivered", LOG_S("topic", message->topic), LOG_N("packet_id", message->packet_id));
    redelivery_note_known(&admission->redelivery, how);
    if (!message->dup) {
        return answer_redelivery(admission, incoming, command, first);
    }
    command_free(command);
    return true;
}

// ---- commands

static bool admit(struct admission *admission, const struct incoming *incoming, const struct failure *refuse_with);

static bool refuse_full(struct admission *admission, const struct incoming *incoming, bool is_refused_already)
{
    struct failure full = {0};
    if (is_refused_already) {
        return leave_to_broker(admission, APP_MAIL_NO_ROOM, "the reserve for refusals is used up");
    }
    failure_set(&full, "outbox_full",
                "the bridge's queue is full; send it again later, or raise outbox.max_commands or outbox.max_bytes");
    return admit(admission, incoming, &full);
}

// `counted` is NULL for a refusal.
static bool store(struct admission *admission, const struct incoming *incoming, struct command *command,
                  const char *command_text, const struct waiting_command *counted)
{
    struct diag diag = {0};
    int64_t id = 0;
    const char *refusal = counted == NULL ? command->refusal.code->code : NULL;
    enum outbox_append_result result =
        outbox_append(admission->outbox, incoming->message, &incoming->arrived,
                      redelivery_is_by_content(&admission->redelivery), refusal, command_text, &id, &diag);
    if (counted != NULL && result != OUTBOX_APPENDED) {
        waiting_leave(admission->waiting, counted);
    }
    switch (result) {
    case OUTBOX_APPENDED:
        FAULT_POINT("after_append_commit");
        redelivery_note_new(&admission->redelivery, incoming->message);
        deliver(admission, incoming, id, counted != NULL ? counted->bytes : 0, command);
        return true;
    case OUTBOX_RESENT:
    case OUTBOX_REDELIVERED:
    case OUTBOX_RENUMBERED:
        return take_redelivery(admission, incoming, command, result, id);
    case OUTBOX_CANNOT_WRITE:
        command_free(command);
        return leave_to_broker(admission, APP_MAIL_CANNOT_WRITE, diag.text);
    case OUTBOX_NO_ROOM:
        break;
    }
    command_free(command);
    return refuse_full(admission, incoming, counted == NULL);
}

// QoS 0: no disk, and so no promise beyond this process.
static bool is_in_memory(const struct incoming *incoming)
{
    return incoming->message->qos == 0 || FAULT_DEFECT("ack_before_commit");
}

static bool may_refuse_in_memory(const struct admission *admission, const struct incoming *incoming,
                                 const struct failure *refuse_with)
{
    if (waiting_enter_refusal(admission->waiting)) {
        return true;
    }
    metrics_add(METRIC_COMMANDS_DROPPED, 1);
    LOG(LOG_WARN, "command_dropped", LOG_S("topic", incoming->message->topic), LOG_S("error", refuse_with->detail),
        LOG_S("hint", "more QoS 0 commands are refused than replies can be sent, so nobody is told; use QoS 1"));
    return false;
}

static bool admit(struct admission *admission, const struct incoming *incoming, const struct failure *refuse_with)
{
    bool in_memory = is_in_memory(incoming);
    if (in_memory && refuse_with != NULL && !may_refuse_in_memory(admission, incoming, refuse_with)) {
        return true;
    }
    struct command *command = map(admission, incoming, refuse_with);
    AUTO_FREE char *command_text = command_encode(command);
    struct waiting_command counted = waiting_weigh(incoming->message, command, command_text);
    struct failure full = {0};
    counted.in_memory = in_memory;
    if (refuse_with == NULL && waiting_enter(admission->waiting, &counted, &full) != ERR_OK) {
        command_free(command);
        return admit(admission, incoming, &full);
    }
    if (!in_memory) {
        return store(admission, incoming, command, command_text, refuse_with == NULL ? &counted : NULL);
    }
    deliver(admission, incoming, 0, refuse_with == NULL ? counted.bytes : 0, command);
    return true;
}

bool admission_take(struct admission *admission, const struct incoming *incoming)
{
    const struct message *message = incoming->message;
    struct failure too_large = {0};
    const struct failure *refuse_with = NULL;
    if (message->payload_len > (size_t)admission->max_payload) {
        failure_set(&too_large, "payload_too_large", "the payload has %zu bytes, %lld are allowed (limits.payload)",
                    message->payload_len, (long long)admission->max_payload);
        refuse_with = &too_large;
    }
    metrics_add(METRIC_COMMANDS_RECEIVED, 1);
    if (is_in_memory(incoming)) {
        return admit(admission, incoming, refuse_with);
    }
    FAULT_POINT("before_append_commit");
    bool kept = admit(admission, incoming, refuse_with);
    FAULT_POINT("before_puback");
    return kept;
}
