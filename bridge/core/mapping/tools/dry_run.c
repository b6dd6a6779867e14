#include "core/mapping/tools/dry_run.h"

#include <string.h>

#include "base/mem.h"
#include "core/command/reply.h"

bool dry_run_is_over(const struct command *command)
{
    return command->refusal.code != NULL || command->lifetime_ms <= 0;
}

static struct call_outcome outcome_of(const struct dry_run *dry_run, size_t call)
{
    size_t last = dry_run->answer_count - 1;
    struct api_answer parsed = {0};
    api_classify(&dry_run->answers[call < last ? call : last], dry_run->extra_rows, dry_run->extra_count, &parsed);
    struct call_outcome outcome = call_outcome_of(&parsed);
    // What surely did not run is tried until the deadline, and then it has expired with the last answer.
    if (api_retry_advice(parsed.class) == RETRY_SAFE) {
        outcome.status = STATUS_EXPIRED;
    }
    return outcome;
}

static struct call_outcome outcome_of_none(const struct command *command)
{
    struct call_outcome outcome = {.status = STATUS_REJECTED, .failure = command->refusal};
    if (command->refusal.code == NULL) {
        outcome.status = STATUS_EXPIRED;
        failure_set(&outcome.failure, "deadline_passed", "its deadline had passed when it came; nothing was sent");
    }
    return outcome;
}

struct json_object *dry_run_reply(const struct command *command, const struct dry_run *dry_run, int64_t wall_ms)
{
    bool over = dry_run_is_over(command);
    size_t count = over ? 1 : command->call_count;
    struct reply_facts facts = {.wall_ms = wall_ms, .attempts = over ? 0 : (int)count};
    AUTO_FREE struct call_outcome *outcomes = mem_alloc(count * sizeof *outcomes);
    for (size_t i = 0; i < count; i++) {
        outcomes[i] = over ? outcome_of_none(command) : outcome_of(dry_run, i);
    }
    AUTO_FREE char *reply = reply_final(command, outcomes, count, &facts);
    for (size_t i = 0; i < count; i++) {
        call_outcome_clear(&outcomes[i]);
    }
    return reply_parse(reply);
}

static struct json_object *result_text(struct json_object *data)
{
    AUTO_JSON struct json_object *result = json_new_map();
    json_put(result, "code", json_new_int(200));
    json_put(result, "data", json_ref(data));
    json_put_text(result, "message", "success");
    AUTO_FREE char *text = json_print(result);
    return json_new_text(text);
}

char *dry_run_success_body(const struct call *call, struct json_object *result_data_or_null)
{
    AUTO_JSON struct json_object *body = json_new_map();
    json_put_text(body, "RequestId", "57b144cf-09fc-4916-a272-a62902d5b207");
    json_put(body, "Success", json_new_bool(true));
    if (call_is_single(call)) {
        struct json_object *data = json_new_map();
        json_put_text(data, "MessageId", "abcabc123");
        if (result_data_or_null != NULL) {
            json_put(data, "Result", result_text(result_data_or_null));
        }
        json_put(body, "Data", data);
    }
    return json_print(body);
}
