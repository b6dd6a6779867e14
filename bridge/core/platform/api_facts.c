// A body is JSON, or XML read into the same tree; members are found whatever their case. Nothing is judged here: what
// says nothing of a success or a code and was sent as a web page is a page of another server, and only its title is
// kept. A result may be JSON within a text, so it is parsed a second time.
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/show.h"
#include "base/str.h"
#include "core/platform/api_internal.h"

#define MAX_ID_BYTES 256

static const struct json_limits limits = {.max_depth = API_MAX_DEPTH};

static char *member_scalar(const struct json_object *map, const char *name)
{
    return json_word(json_get_folded(map, name));
}

// Ids go into replies, so they have a limit of their own.
static char *member_id(const struct json_object *map, const char *name)
{
    char *id = member_scalar(map, name);
    if (id != NULL && strlen(id) > MAX_ID_BYTES) {
        id[show_whole_len(id, MAX_ID_BYTES)] = '\0';
    }
    return id;
}

static enum api_success read_success(const struct json_object *value)
{
    AUTO_FREE char *text = json_scalar_text(value);
    if (text == NULL) {
        return API_SUCCESS_UNKNOWN;
    }
    if (strcasecmp(text, "true") == 0) {
        return API_SUCCESS_TRUE;
    }
    return strcasecmp(text, "false") == 0 ? API_SUCCESS_FALSE : API_SUCCESS_UNKNOWN;
}

static char *read_code(const struct json_object *root)
{
    static const char *const good[] = {"200", "OK", "Success", NULL};
    char *code = member_scalar(root, "Code");
    if (code != NULL && str_is_one_of_folded(code, good)) {
        free(code);
        return NULL;
    }
    return code;
}

static char *read_message(const struct json_object *root)
{
    char *message = member_scalar(root, "Message");
    return message != NULL ? message : member_scalar(root, "ErrorMessage");
}

// What is left behind a byte order mark and white space.
static struct str skip_blank(struct str text)
{
    static const char mark[] = "\xEF\xBB\xBF";
    size_t at = text.len >= strlen(mark) && memcmp(text.data, mark, strlen(mark)) == 0 ? strlen(mark) : 0;
    while (at < text.len && text.data[at] != '\0' && strchr(" \t\r\n", text.data[at]) != NULL) {
        at++;
    }
    return (struct str){text.data + at, text.len - at};
}

static void read_result(struct json_object *value, struct api_facts *out)
{
    if (value == NULL) {
        return;
    }
    const char *given = json_text(value);
    AUTO_FREE char *printed = given == NULL ? json_print(value) : NULL;
    const char *whole = given != NULL ? given : printed;
    struct str text = skip_blank((struct str){whole, strlen(whole)});
    if (text.len == 0) {
        return;
    }
    out->has_result = true;
    out->result_word = api_result_read(text.data, out->result_code);
    if (json_parse(text.data, text.len, &limits, &out->result, &out->result_trouble) != ERR_OK) {
        out->result = json_ref(value);
    }
}

// Answers of some actions stand at the top level in place of under Data.
static void read_data(const struct json_object *root, struct api_facts *out)
{
    const struct json_object *data = json_get_folded(root, "Data");
    out->message_id = member_id(data, "MessageId");
    if (out->message_id == NULL) {
        out->message_id = member_id(root, "MessageId");
    }
    struct json_object *result = json_get_folded(data, "Result");
    read_result(result != NULL ? result : json_get_folded(root, "Result"), out);
}

static void read_members(const struct json_object *root, struct api_facts *out)
{
    out->readable = true;
    out->success = read_success(json_get_folded(root, "Success"));
    out->code = read_code(root);
    out->message = read_message(root);
    out->string_to_sign = member_scalar(root, "StringToSign");
    out->request_id = member_id(root, "RequestId");
    read_data(root, out);
}

// A number beyond 64 bits makes no answer unreadable.
static enum err parse(struct str body, struct json_object **root, struct diag *diag)
{
    if (body.data[0] == '<') {
        return api_xml_parse(body.data, body.len, root, diag);
    }
    return json_parse_any_number(body.data, body.len, &limits, root, diag);
}

static void read_body(struct str body, struct api_facts *out)
{
    AUTO_JSON struct json_object *root = NULL;
    if (parse(body, &root, &out->trouble) != ERR_OK) {
        return;
    }
    if (json_kind(root) == JSON_MAP) {
        read_members(root, out);
    } else {
        diag_set(&out->trouble, ERR_SYNTAX, "it is no object");
    }
}

// ---- pages of others

static bool begins_page(struct str body)
{
    static const char *const begins[] = {"<!doctype html", "<html", "<head", "<body", "<script"};
    for (size_t i = 0; i < COUNT_OF(begins); i++) {
        size_t len = strlen(begins[i]);
        if (body.len >= len && strncasecmp(body.data, begins[i], len) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_sent_as_page(const char *content_type_or_null)
{
    return content_type_or_null != NULL && strncasecmp(content_type_or_null, "text/html", strlen("text/html")) == 0;
}

// What stands between the first <title> and what follows it, cut; "" if there is none, or none in UTF-8.
static struct str page_title(const char *text)
{
    enum { LONGEST = 80 };
    static const char tag[] = "<title>";
    const char *found = strcasestr(text, tag);
    const char *start = found == NULL ? "" : found + strlen(tag) + strspn(found + strlen(tag), " \t\r\n");
    size_t len = strcspn(start, "<\r\n");
    size_t shown = show_whole_len(start, len < LONGEST ? len : LONGEST);
    return (struct str){start, str_utf8_valid(start, shown) ? shown : 0};
}

static void read_page(struct str body, struct api_facts *out)
{
    enum { LOOKED_AT = 4096 };
    AUTO_FREE char *text = mem_dup(body.data, body.len < LOOKED_AT ? body.len : LOOKED_AT);
    struct str title = page_title(text);
    api_facts_clear(out);
    out->html = true;
    const char *quote = title.len > 0 ? "\"" : "";
    diag_set(&out->trouble, ERR_SYNTAX, "it is a web page%s%s%.*s%s", title.len > 0 ? " with the title " : "", quote,
             STR_ARG(title), quote);
}

void api_facts_read(const struct api_input *input, struct api_facts *out)
{
    *out = (struct api_facts){0};
    struct str body = skip_blank((struct str){input->body, input->body == NULL ? 0 : input->body_len});
    if (body.len == 0) {
        diag_set(&out->trouble, ERR_SYNTAX, "it is empty");
        return;
    }
    if (begins_page(body)) {
        read_page(body, out);
        return;
    }
    read_body(body, out);
    bool says_nothing = out->success == API_SUCCESS_UNKNOWN && out->code == NULL;
    if (says_nothing && is_sent_as_page(input->content_type)) {
        read_page(body, out);
    }
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
