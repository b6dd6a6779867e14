#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/str.h"
#include "core/api_internal.h"
#include "core/text.h"

#define MAX_ID_BYTES 256

static const struct json_limits limits = {.max_depth = API_MAX_DEPTH};

struct wanted {
    const char *name;
    struct json_object *found;
};

static bool is_wanted(void *context, const char *name, struct json_object *value)
{
    struct wanted *wanted = context;
    if (strcasecmp(name, wanted->name) == 0 && value != NULL) {
        wanted->found = value;
    }
    return wanted->found == NULL;
}

// The first member of that name, whatever its case, that is not null; NULL if there is none.
static struct json_object *member(const struct json_object *map, const char *name)
{
    struct wanted wanted = {.name = name};
    if (json_kind(map) == JSON_MAP) {
        json_each(map, is_wanted, &wanted);
    }
    return wanted.found;
}

// Text or a number as it was written; NULL for anything else and for an empty text. The caller frees it.
static char *scalar_text(const struct json_object *value)
{
    enum json_kind kind = json_kind(value);
    if (kind == JSON_INT || kind == JSON_REAL) {
        return json_print(value);
    }
    const char *text = json_text(value);
    return text != NULL && text[0] != '\0' ? mem_strdup(text) : NULL;
}

static char *member_scalar(const struct json_object *map, const char *name)
{
    return scalar_text(member(map, name));
}

// Ids go into replies, so they have a limit of their own.
static char *member_id(const struct json_object *map, const char *name)
{
    char *id = member_scalar(map, name);
    if (id != NULL && strlen(id) > MAX_ID_BYTES) {
        id[text_whole_len(id, MAX_ID_BYTES)] = '\0';
    }
    return id;
}

static enum api_success read_success(const struct json_object *value)
{
    if (json_kind(value) == JSON_BOOL) {
        return json_bool(value) ? API_SUCCESS_TRUE : API_SUCCESS_FALSE;
    }
    const char *text = json_text(value);
    if (text == NULL) {
        return API_SUCCESS_UNTOLD;
    }
    if (strcasecmp(text, "true") == 0) {
        return API_SUCCESS_TRUE;
    }
    return strcasecmp(text, "false") == 0 ? API_SUCCESS_FALSE : API_SUCCESS_UNTOLD;
}

static char *read_code(const struct json_object *root)
{
    static const char *const good[] = {"200", "OK", "Success"};
    char *code = member_scalar(root, "Code");
    for (size_t i = 0; code != NULL && i < COUNT_OF(good); i++) {
        if (strcasecmp(code, good[i]) == 0) {
            free(code);
            return NULL;
        }
    }
    return code;
}

static char *read_message(const struct json_object *root)
{
    char *message = member_scalar(root, "Message");
    return message != NULL ? message : member_scalar(root, "ErrorMessage");
}

static bool is_blank(const char *text)
{
    return text[strspn(text, " \t\r\n")] == '\0';
}

static void read_result(struct json_object *value, struct api_facts *out)
{
    const char *text = json_text(value);
    if (value == NULL || (text != NULL && is_blank(text))) {
        return;
    }
    out->has_result = true;
    struct diag ignored;
    if (text == NULL || json_parse(text, strlen(text), &limits, &out->result, &ignored) != ERR_OK) {
        out->result = json_ref(value);
    }
}

// Answers of some actions stand at the top level in place of under Data.
static void read_data(const struct json_object *root, struct api_facts *out)
{
    const struct json_object *data = member(root, "Data");
    out->message_id = member_id(data, "MessageId");
    if (out->message_id == NULL) {
        out->message_id = member_id(root, "MessageId");
    }
    struct json_object *result = member(data, "Result");
    read_result(result != NULL ? result : member(root, "Result"), out);
}

static void read_members(const struct json_object *root, struct api_facts *out)
{
    out->readable = true;
    out->success = read_success(member(root, "Success"));
    out->code = read_code(root);
    out->message = read_message(root);
    out->string_to_sign = member_scalar(root, "StringToSign");
    out->request_id = member_id(root, "RequestId");
    read_data(root, out);
}

static enum err parse(const char *body, size_t len, struct json_object **root, struct diag *diag)
{
    if (body[0] == '<') {
        return api_xml_parse(body, len, root, diag);
    }
    return json_parse(body, len, &limits, root, diag);
}

void api_facts_read(const char *body, size_t len, struct api_facts *out)
{
    *out = (struct api_facts){0};
    if (body != NULL && len >= 3 && memcmp(body, "\xEF\xBB\xBF", 3) == 0) {
        body += 3;
        len -= 3;
    }
    while (body != NULL && len > 0 && strchr(" \t\r\n", *body) != NULL && *body != '\0') {
        body++;
        len--;
    }
    if (body == NULL || len == 0) {
        diag_set(&out->trouble, ERR_SYNTAX, "it is empty");
        return;
    }
    struct json_object *root = NULL;
    if (parse(body, len, &root, &out->trouble) != ERR_OK) {
        return;
    }
    if (json_kind(root) == JSON_MAP) {
        read_members(root, out);
    } else {
        diag_set(&out->trouble, ERR_SYNTAX, "it is no object");
    }
    json_free(root);
}

void api_facts_clear(struct api_facts *facts)
{
    free(facts->code);
    free(facts->message);
    free(facts->string_to_sign);
    free(facts->message_id);
    free(facts->request_id);
    json_free(facts->result);
    *facts = (struct api_facts){0};
}
