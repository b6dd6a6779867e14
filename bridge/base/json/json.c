// Text is checked by json_check and then built by json-c; the accessors return what json-c holds without copies.
// Building ends the process when memory runs out, as mem.h does. Reals keep the text that they were written with.
#include "base/json/json.h"

// json-c has a type with the name of our function.
#define json_bool json_c_bool
#include <json-c/json.h>
#undef json_bool

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/json/json_internal.h"
#include "base/mem.h"

// json-c takes no const, even where it only reads.
static struct json_object *unconst(const struct json_object *value)
{
    return (struct json_object *)value;
}

static size_t depth_of(const struct json_limits *limits)
{
    return limits->max_depth < JSON_DEPTH_MAX ? limits->max_depth : JSON_DEPTH_MAX;
}

enum err json_check(const char *data, size_t len, const struct json_limits *limits, struct diag *diag)
{
    struct json_rules rules = {.max_depth = depth_of(limits)};
    return json_check_rules(data, len, &rules, diag);
}

// Of checked text, nested no deeper than `depth`.
static enum err parse_checked(const char *data, size_t len, size_t depth, int flags, struct json_object **out,
                              struct diag *diag)
{
    // json-c counts the scalar inside the innermost list as a level of its own.
    struct json_tokener *tokener = len > INT32_MAX ? NULL : json_tokener_new_ex((int)depth + 2);
    if (tokener == NULL) {
        return diag_set(diag, ERR_INTERNAL, "JSON: the text is too large");
    }
    json_tokener_set_flags(tokener, flags);
    struct json_object *value = json_tokener_parse_ex(tokener, data, (int)len);
    if (json_tokener_get_error(tokener) == json_tokener_continue) {
        // A number at the top ends only when json-c sees what follows it.
        value = json_tokener_parse_ex(tokener, "", 1);
    }
    enum json_tokener_error error = json_tokener_get_error(tokener);
    json_tokener_free(tokener);
    if (error != json_tokener_success) {
        json_object_put(value);
        return diag_set(diag, ERR_INTERNAL, "JSON: json-c refuses what was checked: %s",
                        json_tokener_error_desc(error));
    }
    *out = value;
    return ERR_OK;
}

enum err json_parse(const char *data, size_t len, const struct json_limits *limits, struct json_object **out,
                    struct diag *diag)
{
    enum err err = json_check(data, len, limits, diag);
    return err != ERR_OK ? err : parse_checked(data, len, depth_of(limits), JSON_TOKENER_STRICT, out, diag);
}

enum err json_parse_any_number(const char *data, size_t len, const struct json_limits *limits, struct json_object **out,
                               struct diag *diag)
{
    AUTO_BUF struct buf quoted = {0};
    struct json_rules rules = {.max_depth = depth_of(limits), .quoted = &quoted};
    enum err err = json_check_rules(data, len, &rules, diag);
    if (err != ERR_OK) {
        return err;
    }
    bool is_changed = quoted.len > 0;
    return parse_checked(is_changed ? quoted.data : data, is_changed ? quoted.len : len, rules.max_depth,
                         JSON_TOKENER_STRICT, out, diag);
}

enum err json_parse_lenient(const char *data, size_t len, struct json_object **out)
{
    struct diag ignored;
    struct json_rules rules = {.max_depth = JSON_DEPTH_MAX, .any_number = true};
    enum err err = json_check_rules(data, len, &rules, &ignored);
    return err != ERR_OK ? err : parse_checked(data, len, JSON_DEPTH_MAX, 0, out, &ignored);
}

struct json_object *json_ref(struct json_object *value)
{
    return json_object_get(value);
}

void json_free(struct json_object *value)
{
    json_object_put(value);
}

struct json_object *json_copy(const struct json_object *value)
{
    struct json_object *copy = NULL;
    if (value != NULL && json_object_deep_copy(unconst(value), &copy, NULL) != 0) {
        abort();
    }
    return copy;
}

enum json_kind json_kind(const struct json_object *value)
{
    switch (json_object_get_type(value)) {
    case json_type_boolean:
        return JSON_BOOL;
    case json_type_int:
        return JSON_INT;
    case json_type_double:
        return JSON_REAL;
    case json_type_string:
        return JSON_TEXT;
    case json_type_array:
        return JSON_LIST;
    case json_type_object:
        return JSON_MAP;
    case json_type_null:
        break;
    }
    return JSON_NULL;
}

const char *json_kind_name(enum json_kind kind)
{
    static const char *const names[] = {
        [JSON_NULL] = "null", [JSON_BOOL] = "boolean", [JSON_INT] = "integer", [JSON_REAL] = "number",
        [JSON_TEXT] = "text", [JSON_LIST] = "list",    [JSON_MAP] = "object",
    };
    return names[kind];
}

bool json_member(const struct json_object *map, const char *name, struct json_object **out)
{
    struct json_object *value = NULL;
    if (json_kind(map) != JSON_MAP || !json_object_object_get_ex(map, name, &value)) {
        return false;
    }
    *out = value;
    return true;
}

bool json_item(const struct json_object *list, size_t index, struct json_object **out)
{
    if (json_kind(list) != JSON_LIST || index >= json_object_array_length(list)) {
        return false;
    }
    *out = json_object_array_get_idx(list, index);
    return true;
}

struct json_object *json_get(const struct json_object *map, const char *name)
{
    struct json_object *value = NULL;
    json_member(map, name, &value);
    return value;
}

struct json_object *json_at(const struct json_object *list, size_t index)
{
    struct json_object *value = NULL;
    json_item(list, index, &value);
    return value;
}

size_t json_count(const struct json_object *value)
{
    switch (json_kind(value)) {
    case JSON_LIST:
        return json_object_array_length(value);
    case JSON_MAP:
        return (size_t)json_object_object_length(value);
    case JSON_NULL:
    case JSON_BOOL:
    case JSON_INT:
    case JSON_REAL:
    case JSON_TEXT:
        break;
    }
    return 0;
}

void json_each(const struct json_object *map, bool (*visit)(void *context, const char *name, struct json_object *value),
               void *context)
{
    if (json_kind(map) != JSON_MAP) {
        return;
    }
    struct json_object_iterator end = json_object_iter_end(map);
    for (struct json_object_iterator at = json_object_iter_begin(unconst(map)); !json_object_iter_equal(&at, &end);
         json_object_iter_next(&at)) {
        if (!visit(context, json_object_iter_peek_name(&at), json_object_iter_peek_value(&at))) {
            return;
        }
    }
}

struct json_object *json_get_folded(const struct json_object *map, const char *name)
{
    if (json_kind(map) != JSON_MAP) {
        return NULL;
    }
    json_object_object_foreach(unconst(map), member, value)
    {
        if (value != NULL && strcasecmp(member, name) == 0) {
            return value;
        }
    }
    return NULL;
}

bool json_bool(const struct json_object *value)
{
    return json_kind(value) == JSON_BOOL && json_object_get_boolean(value);
}

int64_t json_int(const struct json_object *value)
{
    return json_kind(value) == JSON_INT ? json_object_get_int64(value) : 0;
}

double json_real(const struct json_object *value)
{
    return json_kind(value) == JSON_INT || json_kind(value) == JSON_REAL ? json_object_get_double(value) : 0;
}

const char *json_text(const struct json_object *value)
{
    return json_kind(value) == JSON_TEXT ? json_object_get_string(unconst(value)) : NULL;
}

const char *json_member_text(const struct json_object *map, const char *name)
{
    struct json_object *value = NULL;
    return json_member(map, name, &value) ? json_text(value) : NULL;
}

static struct json_object *made(struct json_object *value)
{
    if (value == NULL) {
        abort();
    }
    return value;
}

struct json_object *json_new_map(void)
{
    return made(json_object_new_object());
}

struct json_object *json_new_list(void)
{
    return made(json_object_new_array());
}

struct json_object *json_new_text(const char *text)
{
    return json_new_text_len(text, strlen(text));
}

struct json_object *json_new_text_len(const char *text, size_t len)
{
    return len > INT32_MAX ? made(NULL) : made(json_object_new_string_len(text, (int)len));
}

struct json_object *json_new_texts(char *const *texts, size_t count)
{
    struct json_object *list = json_new_list();
    for (size_t i = 0; i < count; i++) {
        json_add(list, json_new_text(texts[i]));
    }
    return list;
}

struct json_object *json_new_int(int64_t value)
{
    return made(json_object_new_int64(value));
}

struct json_object *json_new_bool(bool value)
{
    return made(json_object_new_boolean(value));
}

struct json_object *json_new_number(const char *text)
{
    if (strpbrk(text, ".eE") != NULL) {
        return made(json_object_new_double_s(strtod(text, NULL), text));
    }
    if (*text == '-') {
        return json_new_int(strtoll(text, NULL, 10));
    }
    unsigned long long value = strtoull(text, NULL, 10);
    return value <= INT64_MAX ? json_new_int((int64_t)value) : made(json_object_new_uint64(value));
}

void json_put(struct json_object *map, const char *name, struct json_object *value)
{
    if (json_object_object_add(map, name, value) != 0) {
        abort();
    }
}

void json_put_text(struct json_object *map, const char *name, const char *text_or_null)
{
    if (text_or_null != NULL) {
        json_put(map, name, json_new_text(text_or_null));
    }
}

void json_put_time(struct json_object *map, const char *name, int64_t wall_ms)
{
    char text[CLOCK_ISO_LEN];
    clock_iso_ms(wall_ms, text);
    json_put_text(map, name, text);
}

void json_remove(struct json_object *map, const char *name)
{
    json_object_object_del(map, name);
}

void json_add(struct json_object *list, struct json_object *value)
{
    if (json_object_array_add(list, value) != 0) {
        abort();
    }
}

char *json_word(const struct json_object *value)
{
    if (json_kind(value) == JSON_INT || json_kind(value) == JSON_REAL) {
        return json_print(value);
    }
    const char *text = json_text(value);
    return text != NULL && *text != '\0' ? mem_strdup(text) : NULL;
}

char *json_print(const struct json_object *value)
{
    int flags = JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE;
    return mem_strdup(json_object_to_json_string_ext(unconst(value), flags));
}

char *json_scalar_text(const struct json_object *value)
{
    switch (json_kind(value)) {
    case JSON_TEXT:
        return mem_strdup(json_text(value));
    case JSON_BOOL:
    case JSON_INT:
    case JSON_REAL:
        return json_print(value);
    case JSON_NULL:
    case JSON_LIST:
    case JSON_MAP:
        break;
    }
    return NULL;
}

char *json_print_pretty(const struct json_object *value)
{
    int flags = JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE;
    return mem_strdup(json_object_to_json_string_ext(unconst(value), flags));
}

struct shown json_show(const struct json_object *value)
{
    struct shown shown;
    enum json_kind kind = json_kind(value);
    if (kind == JSON_NULL) {
        snprintf(shown.text, sizeof shown.text, "null");
    } else if (kind == JSON_LIST || kind == JSON_MAP) {
        snprintf(shown.text, sizeof shown.text, "%s", kind == JSON_LIST ? "a list" : "an object");
    } else if (kind == JSON_TEXT) {
        const char *text = json_text(value);
        snprintf(shown.text, sizeof shown.text, "text %.*s", SHOW_LEN - 6, show_text(text).text);
    } else {
        AUTO_FREE char *text = json_print(value);
        snprintf(shown.text, sizeof shown.text, "%s %.*s", json_kind_name(kind), SHOW_LEN - 24, text);
    }
    return shown;
}
