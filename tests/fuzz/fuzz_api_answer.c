// An answer of the platform: the HTTP status (the first line), and a body of JSON, XML or anything. What it comes to is
// told in a reply and stored.
#include "fuzz.h"

#include "core/command/reply.h"
#include "core/platform/api.h"
#include "core/platform/api_internal.h"

#define STRING_TO_SIGN "GET&%2F&AccessKeyId%3DxMr9wgwXQLhv5AUa%26Action%3DInvokeThingService"

static const struct api_row extra_rows[] = {{"iot.vendor.", API_DEVICE, "device_error"},
                                            {"iot.vendor.Busy", API_BUSY, "platform_busy"}};

static void must_be_id(const char *id_or_null)
{
    MUST(id_or_null == NULL ||
         (id_or_null[0] != '\0' && strlen(id_or_null) <= 256 && str_utf8_valid(id_or_null, strlen(id_or_null))));
}

struct told {
    bool code;
    bool other;
};

static bool look_at_member(void *context, const char *name, struct json_object *value)
{
    struct told *told = context;
    const char *text = json_text(value);
    bool is_other_code = json_kind(value) == JSON_INT ? json_int(value) != 200
                                                      : text != NULL && text[0] != '\0' && atoi(text) != 200 &&
                                                            text[strspn(text, "0123456789")] == '\0';
    told->code = told->code || (strcasecmp(name, "code") == 0 && is_other_code);
    told->other = told->other || strcasecmp(name, "data") == 0 || strcasecmp(name, "message") == 0;
    return true;
}

// A whole reply of a device that is no success, as JSON's own reader sees it.
static bool tells_error(const struct json_object *result)
{
    struct told told = {0};
    json_each(result, look_at_member, &told);
    return told.code && told.other;
}

static void check_status(const struct api_input *input, const struct api_answer *answer, const struct api_facts *facts)
{
    enum status status = api_status(answer);
    bool http_good = input->http_status >= 200 && input->http_status <= 299;
    bool taken = status == STATUS_OK || status == STATUS_ACCEPTED;
    MUST(status == STATUS_OK || status == STATUS_ACCEPTED || status == STATUS_FAILED || status == STATUS_REJECTED ||
         status == STATUS_UNKNOWN);
    MUST(taken == (answer->class == API_SUCCESS));
    MUST(!taken || (http_good && facts->readable && facts->success == API_SUCCESS_TRUE && facts->code == NULL));
    MUST(status != STATUS_OK || answer->has_result);
    MUST(status != STATUS_OK || (facts->result_word == API_RESULT_GOOD && !tells_error(answer->result)));
    MUST(status != STATUS_ACCEPTED || !answer->has_result);
    MUST(!http_good || facts->readable || answer->class == API_MAY_HAVE_RUN);
    MUST(input->http_status < 500 || answer->class != API_PERMANENT);
    MUST(facts->success != API_SUCCESS_TRUE || status == STATUS_UNKNOWN || taken || answer->class == API_DEVICE_FAILED);
}

static void check_failure(const struct api_answer *answer)
{
    MUST((answer->failure.code == NULL) == (answer->class == API_SUCCESS));
    if (answer->failure.code != NULL) {
        must_be_failure(&answer->failure);
        MUST(str_utf8_valid(answer->failure.platform_code, strlen(answer->failure.platform_code)));
        // The beginning of a string to sign, which may hold a security token.
        MUST(strcasestr(answer->failure.detail, "&%2F&") == NULL);
        MUST(strcasestr(answer->failure.platform_code, "&%2F&") == NULL);
        MUST(!str_has_control(answer->failure.detail, strlen(answer->failure.detail)));
    }
}

static struct command *make_command(void)
{
    struct command *command = command_create();
    command->id = mem_strdup("42");
    command->rule = mem_strdup("lamp-set");
    command->topic = mem_strdup("home/hall/set");
    command->platform = mem_strdup("default");
    return command;
}

static void must_reply(const struct call_outcome *outcome)
{
    AUTO_COMMAND struct command *command = make_command();
    AUTO_FREE char *reply = reply_final(command, outcome, 1, &(struct reply_facts){.wall_ms = 1795262400000LL});
    AUTO_FREE char *cut = reply_cut(reply);
    AUTO_FREE char *duplicate = reply_duplicate(reply);
    AUTO_JSON struct json_object *whole = must_be_json(reply);
    AUTO_JSON struct json_object *without = must_be_json(cut);
    AUTO_JSON struct json_object *again = must_be_json(duplicate);
    struct json_object *member = NULL;
    MUST(strcmp(json_member_text(whole, "status"), status_name(outcome->status)) == 0);
    MUST(json_member(whole, "result", &member) == outcome->has_result);
    MUST(!json_member(without, "result", &member) && json_member(without, "result_cut", &member));
    MUST(json_member(again, "duplicate", &member));
}

static void must_store(const struct call_outcome *outcome)
{
    AUTO_FREE char *stored = call_outcome_encode(outcome);
    struct call_outcome again = {0};
    MUST(call_outcome_decode(stored, &again) == ERR_OK);
    must_be_same(mem_strdup(stored), call_outcome_encode(&again));
    call_outcome_clear(&again);
}

static void check_answer(const struct api_input *input)
{
    struct api_answer answer;
    struct api_facts facts;
    api_facts_read(input, &facts);
    MUST(facts.readable || facts.trouble.text[0] != '\0');
    api_classify(input, extra_rows, COUNT_OF(extra_rows), &answer);
    must_be_id(answer.message_id);
    must_be_id(answer.request_id);
    check_status(input, &answer, &facts);
    check_failure(&answer);
    struct call_outcome outcome = {.status = api_status(&answer),
                                   .message_id = answer.message_id,
                                   .request_id = answer.request_id,
                                   .result = answer.result,
                                   .has_result = answer.has_result,
                                   .failure = answer.failure};
    must_reply(&outcome);
    must_store(&outcome);
    api_facts_clear(&facts);
    api_answer_clear(&answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct parts parts = parts_of(data, size);
    AUTO_FREE char *status = next_text(&parts, "\n");
    struct str body = rest_of(&parts);
    struct api_input input = {.http_status = strtol(status, NULL, 10) % 1000,
                              .body = body.data,
                              .body_len = body.len,
                              .string_to_sign = STRING_TO_SIGN};
    check_answer(&input);
    return 0;
}
