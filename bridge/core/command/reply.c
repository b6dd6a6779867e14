// A reply is built member by member in one order, from the command and the outcomes of its calls. Several calls that
// ended alike give one status; else it is `partial`, and the reply lists calls and the devices whose call surely did
// nothing.
#include "core/command/reply.h"

#include "core/command/reply.h"

#include <assert.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

// A stored reply wraps a result of the greatest depth that answers may have.
#define MAX_DEPTH 64

struct json_object *reply_parse(const char *text_or_null)
{
    struct json_object *value = NULL;
    struct diag ignored;
    if (text_or_null != NULL) {
        (void)!json_parse(text_or_null, strlen(text_or_null), &(struct json_limits){MAX_DEPTH}, &value, &ignored);
    }
    return value;
}

struct call_outcome call_outcome_of(const struct api_answer *answer)
{
    return (struct call_outcome){
        .status = api_status(answer),
        .message_id = answer->message_id,
        .request_id = answer->request_id,
        .result = answer->result,
        .has_result = answer->has_result,
        .failure = answer->failure,
    };
}

void call_outcome_clear(struct call_outcome *outcome)
{
    free(outcome->message_id);
    free(outcome->request_id);
    json_free(outcome->result);
    *outcome = (struct call_outcome){0};
}

// ---- parts of a reply, in the order of the design's example

static void put_status(struct json_object *reply, const struct command *command, enum status status, bool final)
{
    json_put(reply, "v", json_new_int(1));
    if (command->id != NULL) {
        json_put(reply, "id", command->id_is_integer ? json_new_number(command->id) : json_new_text(command->id));
    }
    json_put_text(reply, "status", status_name(status));
    json_put(reply, "final", json_new_bool(final));
    json_put_text(reply, "rule", command->rule);
    json_put_text(reply, "topic", command->topic);
}

// Left out if nothing of it is known, as in a rejection.
static void put_target(struct json_object *reply, const struct command *command)
{
    struct json_object *target = json_new_map();
    json_put_text(target, "product_key", command->product_key);
    if (command->device_count == 1) {
        json_put_text(target, "device_name", command->device_names[0]);
    } else if (command->device_count > 1) {
        json_put(target, "device_names", json_new_texts(command->device_names, command->device_count));
    }
    json_put_text(target, "iot_id", command->iot_id);
    json_put_text(target, "identifier", command->identifier);
    if (json_count(target) > 0) {
        json_put(reply, "target", target);
    } else {
        json_free(target);
    }
}

static void put_if_any(struct json_object *map, const char *name, const char *text)
{
    json_put_text(map, name, text[0] != '\0' ? text : NULL);
}

static void put_error(struct json_object *map, const struct failure *failure)
{
    const struct error_code *code = failure->code;
    if (code == NULL) {
        return;
    }
    struct json_object *error = json_new_map();
    json_put_text(error, "code", code->code);
    json_put_text(error, "title", code->title);
    put_if_any(error, "detail", failure->detail);
    put_if_any(error, "platform_code", failure->platform_code);
    json_put(error, "retryable", json_new_bool(code->retryable));
    if (failure->retry_after_ms >= 0) {
        json_put(error, "retry_after_ms", json_new_int(failure->retry_after_ms));
    }
    json_put_text(error, "source", error_source_name(code->source));
    json_put_text(error, "hint", failure_hint(failure));
    json_put(map, "error", error);
}

static void put_outcome(struct json_object *reply, const struct call_outcome *outcome)
{
    json_put_text(reply, "message_id", outcome->message_id);
    json_put_text(reply, "request_id", outcome->request_id);
    if (outcome->has_result) {
        json_put(reply, "result", json_ref(outcome->result));
    }
    put_error(reply, &outcome->failure);
}

static void put_facts(struct json_object *reply, const struct command *command, const struct reply_facts *facts)
{
    json_put_time(reply, "time", facts->wall_ms);
    json_put(reply, "duration_ms", json_new_int(facts->duration_ms));
    json_put(reply, "attempts", json_new_int(facts->attempts));
    if (command->reply_topic_refused) {
        json_put(reply, "reply_topic_refused", json_new_bool(true));
    }
}

// ---- commands of several calls

enum status reply_status(const struct call_outcome *outcomes, size_t count)
{
    assert(count > 0);
    for (size_t i = 1; i < count; i++) {
        if (outcomes[i].status != outcomes[0].status) {
            return STATUS_PARTIAL;
        }
    }
    return outcomes[0].status;
}

static struct json_object *call_item(const struct call *call, const struct call_outcome *outcome)
{
    struct json_object *item = json_new_map();
    json_put_text(item, "status", status_name(outcome->status));
    json_put(item, "device_names", json_new_texts(call->device_names, call->device_count));
    json_put_text(item, "request_id", outcome->request_id);
    put_error(item, &outcome->failure);
    return item;
}

// Devices whose call surely did nothing; those of an `unknown` call are no safe candidates for sending again.
static bool is_failed(enum status status)
{
    return status == STATUS_FAILED || status == STATUS_REJECTED || status == STATUS_EXPIRED ||
           status == STATUS_SUPERSEDED;
}

static void put_calls(struct json_object *reply, const struct command *command, const struct call_outcome *outcomes,
                      size_t count)
{
    assert(count == command->call_count);
    struct json_object *calls = json_new_list();
    struct json_object *failed = json_new_list();
    for (size_t i = 0; i < count; i++) {
        const struct call *call = &command->calls[i];
        json_add(calls, call_item(call, &outcomes[i]));
        for (size_t j = 0; is_failed(outcomes[i].status) && j < call->device_count; j++) {
            json_add(failed, json_new_text(call->device_names[j]));
        }
    }
    json_put(reply, "calls", calls);
    json_put(reply, "failed_devices", failed);
}

// ---- whole replies

char *reply_final(const struct command *command, const struct call_outcome *outcomes, size_t count,
                  const struct reply_facts *facts)
{
    enum status status = reply_status(outcomes, count);
    AUTO_JSON struct json_object *reply = json_new_map();
    put_status(reply, command, status, true);
    put_target(reply, command);
    if (status == STATUS_PARTIAL) {
        put_calls(reply, command, outcomes, count);
    } else {
        put_outcome(reply, &outcomes[0]);
    }
    if (status == STATUS_REJECTED && outcomes[0].failure.code == NULL) {
        put_error(reply, &command->refusal);
    }
    put_facts(reply, command, facts);
    return json_print(reply);
}

char *reply_progress(const struct command *command, enum status status, const struct call_outcome *outcome_or_null,
                     const struct reply_facts *facts)
{
    AUTO_JSON struct json_object *reply = json_new_map();
    put_status(reply, command, status, false);
    put_target(reply, command);
    if (outcome_or_null != NULL) {
        json_put_text(reply, "message_id", outcome_or_null->message_id);
        json_put_text(reply, "request_id", outcome_or_null->request_id);
        if (status != STATUS_ACCEPTED) {
            put_error(reply, &outcome_or_null->failure);
        }
    }
    put_facts(reply, command, facts);
    return json_print(reply);
}

// Added to the text, so that all other bytes stay those of the first reply.
char *reply_duplicate(const char *reply)
{
    size_t len = strlen(reply);
    if (len < 2 || reply[len - 1] != '}') {
        return mem_strdup(reply);
    }
    return mem_printf("%.*s%s\"duplicate\":true}", (int)(len - 1), reply, reply[len - 2] == '{' ? "" : ",");
}

char *reply_cut(const char *reply)
{
    AUTO_JSON struct json_object *map = reply_parse(reply);
    if (map == NULL) {
        return mem_strdup(reply);
    }
    json_remove(map, "result");
    json_put(map, "result_cut", json_new_bool(true));
    return json_print(map);
}
