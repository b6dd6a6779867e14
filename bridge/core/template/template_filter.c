// The table of filters, how they are read, and those that work on text.
//
// A filter is read by its row: the name, then as many arguments as the row allows, each a JSON value, of map(...) with
// a name before it; at last the row's own check sees them together. It is applied by the row's function, which gives a
// new value or says what it wants. `default` and `map` see missing values or make them, and are applied here.
#include "core/template/template_internal.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/nearest.h"
#include "base/show.h"
#include "core/template/template_number.h"

#define MAX_ARGS  256
#define ARG_DEPTH 16

#define TEXT    JSON_KIND_BIT(JSON_TEXT)
#define BOOLEAN JSON_KIND_BIT(JSON_BOOL)
#define INTEGER JSON_KIND_BIT(JSON_INT)
#define REAL    JSON_KIND_BIT(JSON_REAL)
#define NUMBER  (INTEGER | REAL)

struct template_filter_row {
    const char *name;
    size_t min_args;
    size_t max_args;
    bool pairs;     // name=value
    unsigned gives; // kinds of values, as bits; 0: those of its arguments, and for `default` those that came in
    enum err (*check)(const struct template_filter *, struct diag *diag); // of the arguments, or NULL
    // NULL for the filters that see missing values, which template_filter_apply knows.
    struct json_object *(*apply)(struct template_filter_use *use);
};

static struct json_object *to_bool(struct template_filter_use *use)
{
    static const char *const words[] = {"false", "true", "off", "on", "no", "yes", "0", "1"};
    use->wants = "wants true, false, on, off, yes, no, 1 or 0";
    AUTO_FREE char *text = json_scalar_text(use->value);
    for (size_t i = 0; text != NULL && i < COUNT_OF(words); i++) {
        if (strcasecmp(text, words[i]) == 0) {
            return json_new_bool(i % 2 == 1);
        }
    }
    return NULL;
}

static struct json_object *to_string(struct template_filter_use *use)
{
    use->wants = "wants text, a number or a boolean (the filter json takes anything)";
    AUTO_FREE char *text = json_scalar_text(use->value);
    return text != NULL ? json_new_text(text) : NULL;
}

static struct json_object *to_json(struct template_filter_use *use)
{
    use->wants = "";
    AUTO_FREE char *text = json_print(use->value);
    return json_new_text(text);
}

static struct json_object *change_case(struct template_filter_use *use, int (*change)(int))
{
    use->wants = "wants text";
    if (json_kind(use->value) != JSON_TEXT) {
        return NULL;
    }
    AUTO_FREE char *text = mem_strdup(json_text(use->value));
    for (char *at = text; *at != '\0'; at++) {
        unsigned char c = (unsigned char)*at;
        *at = (char)(c < 0x80 ? change(c) : c);
    }
    return json_new_text(text);
}

static struct json_object *lower(struct template_filter_use *use)
{
    return change_case(use, tolower);
}

static struct json_object *upper(struct template_filter_use *use)
{
    return change_case(use, toupper);
}

static struct json_object *trim(struct template_filter_use *use)
{
    static const char space[] = " \t\r\n\v\f";
    use->wants = "wants text";
    if (json_kind(use->value) != JSON_TEXT) {
        return NULL;
    }
    const char *text = json_text(use->value) + strspn(json_text(use->value), space);
    size_t len = strlen(text);
    while (len > 0 && strchr(space, text[len - 1]) != NULL) {
        len--;
    }
    return json_new_text_len(text, len);
}

static const struct template_filter_row rows[] = {
    {"int", 0, 0, false, INTEGER, NULL, template_number_int},
    {"float", 0, 0, false, REAL, NULL, template_number_float},
    {"bool", 0, 0, false, BOOLEAN, NULL, to_bool},
    {"string", 0, 0, false, TEXT, NULL, to_string},
    {"json", 0, 0, false, TEXT, NULL, to_json},
    {"lower", 0, 0, false, TEXT, NULL, lower},
    {"upper", 0, 0, false, TEXT, NULL, upper},
    {"trim", 0, 0, false, TEXT, NULL, trim},
    {"default", 1, 1, false, 0, NULL, NULL},
    {"map", 1, MAX_ARGS, true, 0, NULL, NULL},
    {"scale", 4, 4, false, NUMBER, template_number_check_scale, template_number_scale},
    {"clamp", 2, 2, false, NUMBER, template_number_check_clamp, template_number_clamp},
    {"round", 0, 1, false, NUMBER, template_number_check_round, template_number_round},
};

const char *template_filter_name_at(size_t index)
{
    return index < COUNT_OF(rows) ? rows[index].name : NULL;
}

const char *template_filter_name(const struct template_filter *filter)
{
    return filter->row->name;
}

bool template_filter_is_map(const struct template_filter *filter)
{
    return filter->row->pairs;
}

bool template_filter_is_default(const struct template_filter *filter)
{
    return filter->row->apply == NULL && !filter->row->pairs;
}

unsigned template_filter_kinds(const struct template_filter *filter, unsigned kinds)
{
    unsigned gives = filter->row->gives;
    gives |= template_filter_is_default(filter) ? kinds & ~JSON_KIND_BIT(JSON_NULL) : 0;
    for (size_t i = 0; filter->row->gives == 0 && i < filter->count; i++) {
        gives |= JSON_KIND_BIT(json_kind(filter->args[i]));
    }
    return gives;
}

static enum err fail(const struct template_filter *filter, const char *name, const struct json_object *value,
                     const char *wants, struct failure *failure)
{
    failure_set(failure, "filter_failed", "the filter %s of ${%s} %s, not %s", filter->row->name, show_plain(name).text,
                wants, json_show(value).text);
    return ERR_REFUSED;
}

// The entry that the text names; as many as there are if there is none.
static size_t find_entry(const struct template_filter *filter, const char *text_or_null)
{
    size_t i = 0;
    while (i < filter->count && (text_or_null == NULL || strcmp(filter->names[i], text_or_null) != 0)) {
        i++;
    }
    return i;
}

static enum err apply_map(const struct template_filter *filter, const char *name, struct template_value *value,
                          struct failure *failure)
{
    enum json_kind kind = json_kind(value->json);
    if (kind == JSON_LIST || kind == JSON_MAP) {
        return fail(filter, name, value->json, "wants text, a number or a boolean", failure);
    }
    AUTO_FREE char *text = json_scalar_text(value->json);
    size_t entry = find_entry(filter, text);
    struct template_value mapped = {.missing = entry == filter->count};
    if (mapped.missing) {
        snprintf(mapped.why, sizeof mapped.why, "nothing in its map(...) fits %s", json_show(value->json).text);
    } else {
        mapped.json = json_copy(filter->args[entry]);
    }
    json_free(value->json);
    *value = mapped;
    return ERR_OK;
}

enum err template_filter_apply(const struct template_filter *filter, const char *name, struct template_value *value,
                               struct failure *failure)
{
    if (template_filter_is_default(filter)) {
        if (value->missing || json_kind(value->json) == JSON_NULL) {
            *value = (struct template_value){.json = json_copy(filter->args[0])};
        }
        return ERR_OK;
    }
    if (value->missing) {
        return ERR_OK;
    }
    if (filter->row->pairs) {
        return apply_map(filter, name, value, failure);
    }
    struct template_filter_use use = {.filter = filter, .value = value->json};
    struct json_object *result = filter->row->apply(&use);
    if (result == NULL) {
        return fail(filter, name, value->json, use.wants, failure);
    }
    json_free(value->json);
    value->json = result;
    return ERR_OK;
}

static void skip_space(const char **at)
{
    while (**at == ' ' || **at == '\t' || **at == '\n') {
        (*at)++;
    }
}

static const char *after_text(const char *at)
{
    for (at++; *at != '\0' && *at != '"'; at++) {
        if (*at == '\\' && at[1] != '\0') {
            at++;
        }
    }
    return *at == '"' ? at + 1 : at;
}

// The end of a JSON value, or of what replaces one: whether it is JSON, json_parse says.
static const char *after_value(const char *at)
{
    size_t depth = 0;
    for (; *at != '\0'; at++) {
        if (*at == '"') {
            at = after_text(at) - 1;
        } else if (*at == '{' || *at == '[') {
            depth++;
        } else if (depth > 0 && (*at == '}' || *at == ']')) {
            depth--;
        } else if (depth == 0 && (*at == ',' || *at == ')' || *at == '}')) {
            break;
        }
    }
    return at;
}

static enum err read_value(const char **at, struct json_object **out, struct diag *diag)
{
    const char *start = *at;
    *at = after_value(start);
    size_t len = (size_t)(*at - start);
    struct diag why;
    enum err err = json_parse(start, len, &(struct json_limits){ARG_DEPTH}, out, &why);
    if (err != ERR_OK) {
        bool is_template = memmem(start, len, "${", 2) != NULL;
        return diag_set(diag, ERR_SYNTAX, "the argument %s is not a JSON value (%s)", show_text_len(start, len).text,
                        is_template ? "it is a constant: no ${...} can be in it" : "text must be in double quotes");
    }
    return ERR_OK;
}

// The name before '=' in map(...): a bare word, or JSON text.
static enum err read_pair_name(const char **at, char **out, struct diag *diag)
{
    const char *start = *at;
    *at = *start == '"' ? after_text(start) : start + strcspn(start, "=,)}");
    size_t len = (size_t)(*at - start);
    while (len > 0 && (start[len - 1] == ' ' || start[len - 1] == '\t')) {
        len--;
    }
    skip_space(at);
    if (len == 0 || **at != '=') {
        return diag_set(diag, ERR_SYNTAX, "its arguments are name=value, as map(on=1,off=0)");
    }
    (*at)++;
    if (*start != '"') {
        *out = mem_dup(start, len);
        return ERR_OK;
    }
    AUTO_JSON struct json_object *name = NULL;
    enum err err = json_parse(start, len, &(struct json_limits){1}, &name, diag);
    if (err == ERR_OK) {
        *out = mem_strdup(json_text(name));
    }
    return err;
}

static bool is_repeated(const struct template_filter *filter, const char *name_or_null)
{
    for (size_t i = 0; name_or_null != NULL && i < filter->count; i++) {
        if (strcmp(filter->names[i], name_or_null) == 0) {
            return true;
        }
    }
    return false;
}

static enum err read_arg(const char **at, struct template_filter *filter, struct diag *diag)
{
    if (filter->count == filter->row->max_args) {
        return diag_set(diag, ERR_LIMIT, filter->count == 0 ? "it takes no arguments" : "it has too many arguments");
    }
    filter->args = mem_resize(filter->args, filter->count + 1, sizeof(struct json_object *));
    filter->names = mem_resize(filter->names, filter->count + 1, sizeof *filter->names);
    char **name = &filter->names[filter->count];
    *name = NULL;
    enum err err = filter->row->pairs ? read_pair_name(at, name, diag) : ERR_OK;
    if (err != ERR_OK) {
        return err;
    }
    skip_space(at);
    err = is_repeated(filter, *name) ? diag_set(diag, ERR_REFUSED, "the name %s stands twice", show_text(*name).text)
                                     : read_value(at, &filter->args[filter->count], diag);
    if (err != ERR_OK) {
        free(*name);
        return err;
    }
    filter->count++;
    return ERR_OK;
}

// *at stands behind '('.
static enum err read_args(const char **at, struct template_filter *filter, struct diag *diag)
{
    skip_space(at);
    if (**at == ')') {
        (*at)++;
        return ERR_OK;
    }
    for (;;) {
        enum err err = read_arg(at, filter, diag);
        if (err != ERR_OK) {
            return err;
        }
        char end = **at;
        if (end != ',' && end != ')') {
            return diag_set(diag, ERR_SYNTAX, "its ) is missing");
        }
        (*at)++;
        if (end == ')') {
            return ERR_OK;
        }
        skip_space(at);
    }
}

static enum err find_row(const char **at, const struct template_filter_row **row, struct diag *diag)
{
    size_t len = strspn(*at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
    AUTO_FREE char *name = mem_dup(*at, len);
    struct nearest nearest = {.text = name};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (strcmp(rows[i].name, name) == 0) {
            *at += len;
            *row = &rows[i];
            return ERR_OK;
        }
        nearest_try(&nearest, rows[i].name);
    }
    if (nearest.name != NULL) {
        return diag_set(diag, ERR_MISSING, "there is no filter %s; did you mean %s?", show_text(name).text,
                        nearest.name);
    }
    return diag_set(diag, ERR_MISSING,
                    "there is no filter %s; there are int float bool string json lower upper trim default map scale "
                    "clamp round",
                    show_text(name).text);
}

static enum err finish_filter(const struct template_filter *filter, struct diag *diag)
{
    if (filter->count < filter->row->min_args) {
        return diag_set(diag, ERR_MISSING, "it needs %zu argument%s", filter->row->min_args,
                        filter->row->min_args == 1 ? "" : "s");
    }
    return filter->row->check != NULL ? filter->row->check(filter, diag) : ERR_OK;
}

enum err template_filter_parse(const char **at, struct template_filter *out, struct diag *diag)
{
    struct template_filter filter = {0};
    (*at)++;
    skip_space(at);
    enum err err = find_row(at, &filter.row, diag);
    if (err != ERR_OK) {
        return err;
    }
    struct diag why;
    skip_space(at);
    if (**at == '(') {
        (*at)++;
        err = read_args(at, &filter, &why);
    }
    if (err == ERR_OK) {
        err = finish_filter(&filter, &why);
    }
    if (err != ERR_OK) {
        template_filter_free(&filter);
        return diag_set(diag, err, "the filter %s: %.400s", filter.row->name, why.text);
    }
    *out = filter;
    return ERR_OK;
}

void template_filter_free(struct template_filter *filter)
{
    for (size_t i = 0; i < filter->count; i++) {
        json_free(filter->args[i]);
        free(filter->names[i]);
    }
    free(filter->args);
    free(filter->names);
    filter->args = NULL;
    filter->names = NULL;
    filter->count = 0;
}
