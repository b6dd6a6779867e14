// What is read back from the outbox after a restart, perhaps written by another version or damaged: commands, outcomes,
// replies and subscriptions.
#include "fuzz.h"

#include "core/command/command.h"
#include "core/command/reply.h"
#include "core/topic/topic.h"

static void check_command(const char *text)
{
    struct command *command = NULL;
    struct diag diag = {""};
    if (command_decode(text, &command, &diag) != ERR_OK) {
        MUST(command == NULL);
        must_tell(diag.text);
        return;
    }
    AUTO_FREE char *stored = command_encode(command);
    AUTO_COMMAND struct command *again = NULL;
    MUST(command_decode(stored, &again, &diag) == ERR_OK);
    must_be_same(mem_strdup(stored), command_encode(again));
    unsigned char key[32];
    command_key(command, key);
    struct call_outcome outcome = {.status = STATUS_REJECTED};
    AUTO_FREE char *reply = reply_final(command, &outcome, 1, &(struct reply_facts){0});
    AUTO_FREE char *progress = reply_progress(command, STATUS_QUEUED, NULL, &(struct reply_facts){0});
    json_free(must_be_json(reply));
    json_free(must_be_json(progress));
    command_free(command);
}

static void check_outcome(const char *text)
{
    struct call_outcome outcome = {0};
    struct call_outcome again = {0};
    if (call_outcome_decode(text, &outcome) == ERR_OK) {
        AUTO_FREE char *stored = call_outcome_encode(&outcome);
        MUST(call_outcome_decode(stored, &again) == ERR_OK);
        must_be_same(mem_strdup(stored), call_outcome_encode(&again));
    }
    call_outcome_clear(&outcome);
    call_outcome_clear(&again);
}

static void check_retry_note(const char *text)
{
    struct retry_note note = {0};
    struct retry_note again = {0};
    if (retry_note_decode(text, &note) == ERR_OK) {
        AUTO_FREE char *stored = retry_note_encode(&note);
        MUST(note.attempts >= 0);
        MUST(retry_note_decode(stored, &again) == ERR_OK);
        must_be_same(mem_strdup(stored), retry_note_encode(&again));
    }
}

static void check_record(const char *text)
{
    struct reply_record record = {0};
    struct reply_record again = {0};
    if (reply_record_decode(text, &record) == ERR_OK) {
        AUTO_FREE char *stored = reply_record_encode(&record);
        MUST(reply_record_decode(stored, &again) == ERR_OK);
        must_be_same(mem_strdup(stored), reply_record_encode(&again));
    }
    reply_record_clear(&record);
    reply_record_clear(&again);
}

static void check_subscriptions(const char *text)
{
    struct subscription_set set;
    struct subscription_set again;
    if (subscription_set_decode(text, &set) == ERR_OK) {
        AUTO_FREE char *stored = subscription_set_encode(&set);
        MUST(subscription_set_decode(stored, &again) == ERR_OK);
        must_be_same(mem_strdup(stored), subscription_set_encode(&again));
        subscription_set_free(&again);
    }
    subscription_set_free(&set);
}

// A stored reply is one that we wrote: JSON without white space.
static void check_reply(const char *text)
{
    AUTO_JSON struct json_object *value = NULL;
    struct diag diag;
    if (json_parse(text, strlen(text), &(struct json_limits){32}, &value, &diag) != ERR_OK ||
        json_kind(value) != JSON_MAP) {
        return;
    }
    AUTO_FREE char *reply = json_print(value);
    AUTO_FREE char *cut = reply_cut(reply);
    AUTO_FREE char *duplicate = reply_duplicate(reply);
    AUTO_JSON struct json_object *without = must_be_json(cut);
    AUTO_JSON struct json_object *again = must_be_json(duplicate);
    struct json_object *member;
    MUST(!json_member(without, "result", &member) && json_member(without, "result_cut", &member));
    MUST(json_member(again, "duplicate", &member) && json_bool(member));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_FREE char *text = mem_dup(data, size);
    check_command(text);
    check_outcome(text);
    check_retry_note(text);
    check_record(text);
    check_subscriptions(text);
    check_reply(text);
    return 0;
}
