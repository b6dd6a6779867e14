// The facts of the body (api_facts.c) and the HTTP status choose one row: rows of the configuration and of the table by
// the code's longest prefix, else by the status (api_table.c). The row gives class and error code; the words are made
// here, without the platform's echo of what was signed. No row means success, and then the device's own answer decides.
#include "core/platform/api.h"

#include <string.h>

#include "base/mem.h"
#include "base/show.h"
#include "base/str.h"
#include "core/platform/api_internal.h"

// What each class is called, the error code of a reply where a row says no other, how a command ends with it, and
// whether it is tried again.
static const struct {
    const char *name;
    const char *code;
    enum status status;
    enum retry_advice advice;
} classes[] = {
    [API_SUCCESS] = {"success", NULL, STATUS_OK, RETRY_NEVER},
    [API_DEVICE_FAILED] = {"device_failed", "device_error", STATUS_FAILED, RETRY_NEVER},
    [API_RESULT_UNREAD] = {"result_unread", "result_unreadable", STATUS_UNKNOWN, RETRY_NEVER},
    [API_NOT_TAKEN] = {"not_taken", "request_not_taken", STATUS_FAILED, RETRY_SAFE},
    [API_AUTH] = {"auth", "credentials_refused", STATUS_FAILED, RETRY_NEW_SECRET},
    [API_CLOCK] = {"clock", "clock_wrong", STATUS_FAILED, RETRY_NEW_TIME},
    [API_THROTTLED] = {"throttled", "throttled", STATUS_FAILED, RETRY_SAFE},
    [API_BUSY] = {"busy", "platform_busy", STATUS_FAILED, RETRY_SAFE},
    [API_MAY_HAVE_RUN] = {"may_have_run", "platform_error", STATUS_UNKNOWN, RETRY_IF_IDEMPOTENT},
    [API_NONCE_USED] = {"nonce_used", "nonce_used", STATUS_UNKNOWN, RETRY_IF_IDEMPOTENT},
    [API_REQUEST] = {"request", "request_refused", STATUS_FAILED, RETRY_NEVER},
    [API_DEVICE] = {"device", "device_refused", STATUS_FAILED, RETRY_NEVER},
    [API_DEVICE_OFFLINE] = {"device_offline", "device_offline", STATUS_FAILED, RETRY_NEVER},
    [API_DEVICE_TIMEOUT] = {"device_timeout", "device_timeout", STATUS_UNKNOWN, RETRY_NEVER},
    [API_PUSH_FAILED] = {"push_failed", "push_failed", STATUS_UNKNOWN, RETRY_IF_IDEMPOTENT},
    [API_PERMANENT] = {"permanent", "platform_refused", STATUS_FAILED, RETRY_NEVER},
};

const char *api_class_name(enum api_class class)
{
    return classes[class].name;
}

bool api_class_find(const char *name, enum api_class *class)
{
    for (size_t i = API_AUTH; i < COUNT_OF(classes); i++) {
        if (strcmp(classes[i].name, name) == 0) {
            *class = (enum api_class)i;
            return true;
        }
    }
    return false;
}

const char *api_class_code(enum api_class class)
{
    return classes[class].code;
}

enum retry_advice api_retry_advice(enum api_class class)
{
    return classes[class].advice;
}

void api_answer_clear(struct api_answer *answer)
{
    free(answer->message_id);
    free(answer->request_id);
    json_free(answer->result);
    *answer = (struct api_answer){0};
}

enum status api_status(const struct api_answer *answer)
{
    bool without_result = answer->class == API_SUCCESS && !answer->has_result;
    return without_result ? STATUS_ACCEPTED : classes[answer->class].status;
}

static bool is_2xx(long http_status)
{
    return http_status >= 200 && http_status <= 299;
}

// NULL: it is a success.
static const struct api_row *judge(const struct api_facts *facts, long http_status, const struct api_row *extra_rows,
                                   size_t extra_count)
{
    if (facts->success == API_SUCCESS_TRUE) {
        return facts->code == NULL && is_2xx(http_status) ? NULL : &api_row_contradiction;
    }
    if (facts->code == NULL) {
        return api_row_without_code(facts, http_status);
    }
    const struct api_row *row = api_row_for_code(facts->code, extra_rows, extra_count);
    if (row == NULL) {
        row = api_row_for_status(http_status);
    }
    return row != NULL ? row : &api_row_any_code;
}

// ---- what goes wrong, for people

// The platform's words without echoed strings to sign: they may hold a security token.
static void append_without_echo(struct buf *out, const char *words)
{
    AUTO_BUF struct buf text = {0};
    api_xml_unescape(&text, words, strlen(words));
    const char *rest = text.data != NULL ? text.data : "";
    size_t start = 0;
    size_t len = 0;
    while (api_echo_find(rest, &start, &len)) {
        buf_append(out, rest, start);
        buf_text(out, "(left out)");
        rest += start + len;
    }
    buf_text(out, rest);
}

// A query may hold what nobody may read.
static void append_redirect(struct buf *out, const struct api_input *input)
{
    const char *location = input->location;
    bool is_redirect = input->http_status >= 300 && input->http_status <= 399;
    if (is_redirect && location != NULL && location[0] != '\0' && str_utf8_valid(location, strlen(location))) {
        AUTO_FREE char *shown = mem_dup(location, strcspn(location, "?#"));
        buf_text(out, " to ");
        append_without_echo(out, shown);
    }
}

static void append_words(struct buf *out, const struct api_facts *facts, const struct api_input *input,
                         const char *code, const char *who)
{
    buf_printf(out, "%s answered HTTP %ld", who, input->http_status);
    append_redirect(out, input);
    if (!facts->readable) {
        buf_text(out, ", and its body cannot be read: ");
        append_without_echo(out, facts->trouble.text);
        return;
    }
    if (facts->success == API_SUCCESS_TRUE) {
        buf_text(out, " with Success: true, which contradicts the error");
    }
    if (code[0] != '\0') {
        buf_printf(out, " with code %s", code);
    } else {
        buf_text(out, " without an error code");
    }
    if (facts->message != NULL) {
        buf_text(out, ": ");
        append_without_echo(out, facts->message);
    }
}

static void set_failure(struct failure *failure, const char *code, const char *detail)
{
    failure_set(failure, code, "%s", "");
    show_cut(failure->detail, sizeof failure->detail, detail);
    show_mask(failure->detail, strlen(failure->detail));
}

static void fill_platform_failure(const struct api_input *input, const struct api_facts *facts,
                                  const struct api_row *row, struct api_answer *out)
{
    char code[sizeof out->failure.platform_code];
    AUTO_BUF struct buf words = {0};
    AUTO_BUF struct buf detail = {0};
    append_without_echo(&words, facts->code != NULL ? facts->code : "");
    show_cut(code, sizeof code, words.data);
    if (strcmp(row->code, "signature_mismatch") == 0) {
        api_signature_verdict(facts, input->string_to_sign, &detail);
        buf_text(&detail, "; ");
    }
    bool is_stranger = strcmp(row->code, "not_the_platform") == 0;
    append_words(&detail, facts, input, code, is_stranger ? "another server" : "the platform");
    out->class = row->class;
    set_failure(&out->failure, row->code, detail.data);
    memcpy(out->failure.platform_code, code, sizeof code);
}

// ---- the device's word

static const char *device_message(const struct json_object *result)
{
    const char *message = json_member_text(result, "message");
    return message != NULL ? message : json_member_text(result, "Message");
}

static void fill_device_error(const struct api_facts *facts, struct api_answer *out)
{
    AUTO_BUF struct buf detail = {0};
    const char *message = device_message(out->result);
    buf_printf(&detail, "the device answered with code %s", facts->result_code);
    if (message != NULL) {
        buf_text(&detail, ": ");
        append_without_echo(&detail, message);
    } else if (facts->result_trouble.text[0] != '\0') {
        buf_printf(&detail, ", and the rest of its answer cannot be read (%s)", facts->result_trouble.text);
    }
    out->class = API_DEVICE_FAILED;
    set_failure(&out->failure, "device_error", detail.data);
}

static void fill_uncertain(const struct api_facts *facts, struct api_answer *out)
{
    const char *trouble = facts->result_trouble.text;
    AUTO_FREE char *detail =
        mem_printf("the platform took the call, and whether the device's answer is an error cannot be read: %s",
                   trouble[0] != '\0' ? trouble : "it has several codes");
    out->class = API_RESULT_UNREAD;
    set_failure(&out->failure, "result_unreadable", detail);
}

static void fill_success(struct api_facts *facts, struct api_answer *out)
{
    out->class = API_SUCCESS;
    out->failure.retry_after_ms = -1;
    out->result = facts->result;
    out->has_result = facts->has_result;
    facts->result = NULL;
    if (out->has_result && facts->result_word == API_RESULT_ERROR) {
        fill_device_error(facts, out);
    } else if (out->has_result && facts->result_word == API_RESULT_UNCERTAIN) {
        fill_uncertain(facts, out);
    }
}

void api_classify(const struct api_input *input, const struct api_row *extra_rows, size_t extra_count,
                  struct api_answer *out)
{
    *out = (struct api_answer){0};
    struct api_facts facts;
    api_facts_read(input, &facts);
    const struct api_row *row = judge(&facts, input->http_status, extra_rows, extra_count);
    if (row == NULL) {
        fill_success(&facts, out);
    } else {
        fill_platform_failure(input, &facts, row, out);
    }
    out->message_id = facts.message_id;
    out->request_id = facts.request_id;
    facts.message_id = NULL;
    facts.request_id = NULL;
    api_facts_clear(&facts);
}
