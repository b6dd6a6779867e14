// From text to parts: literal text and ${...} expressions.
//
// One pass over the text with a pointer that the readers move on. An expression is a source, with a path or a name
// behind it, and filters. After a fault reading goes on behind the expression, so that all faults of a text are found.
#include "core/template/template_internal.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/nearest.h"
#include "base/show.h"

#define MAX_FILTERS 16

static const struct {
    const char *name;
    enum expression_kind kind;
    char joint; // what has to follow the name: '.' or nothing
} sources[] = {
    {"payload", EXPRESSION_PAYLOAD, '\0'},  {"topic", EXPRESSION_TOPIC, '\0'}, {"id", EXPRESSION_ID, '\0'},
    {"property", EXPRESSION_PROPERTY, '.'}, {"group", EXPRESSION_GROUP, '.'},  {"now", EXPRESSION_NOW, '\0'},
};

static void skip_space(const char **at)
{
    while (**at == ' ' || **at == '\t') {
        (*at)++;
    }
}

static struct str take_name(const char **at)
{
    const char *start = *at;
    while (isalnum((unsigned char)**at) || **at == '_') {
        (*at)++;
    }
    return (struct str){start, (size_t)(*at - start)};
}

// Everything up to one of `ends`, without white space at its end.
static struct str take_until(const char **at, const char *ends)
{
    const char *start = *at;
    *at += strcspn(*at, ends);
    size_t len = (size_t)(*at - start);
    while (len > 0 && (start[len - 1] == ' ' || start[len - 1] == '\t')) {
        len--;
    }
    return (struct str){start, len};
}

static void add_path(struct template_expression *expression, char *segment)
{
    expression->path = mem_resize(expression->path, expression->path_count + 1, sizeof *expression->path);
    expression->path[expression->path_count++] = segment;
}

static enum err read_dotted(const char **at, struct template_expression *expression, struct diag *diag)
{
    while (**at == '.') {
        (*at)++;
        struct str segment = take_until(at, ".|}\t ");
        if (segment.len == 0) {
            return diag_set(diag, ERR_SYNTAX, "a member's name is missing after '.'");
        }
        add_path(expression, mem_dup(segment.data, segment.len));
    }
    return ERR_OK;
}

// RFC 6901, section 3: ~0 is '~' and ~1 is '/'.
static char *unescape_pointer(struct str segment)
{
    AUTO_BUF struct buf out = {0};
    for (size_t i = 0; i < segment.len; i++) {
        char c = segment.data[i];
        if (c == '~') {
            i++;
            char escaped = i < segment.len ? segment.data[i] : '\0';
            if (escaped != '0' && escaped != '1') {
                return NULL;
            }
            c = escaped == '0' ? '~' : '/';
        }
        buf_char(&out, c);
    }
    return buf_steal(&out);
}

static enum err read_pointer(const char **at, struct template_expression *expression, struct diag *diag)
{
    (*at)++;
    struct str pointer = take_until(at, "|}");
    if (pointer.len > 0 && pointer.data[0] != '/') {
        return diag_set(diag, ERR_SYNTAX, "a JSON Pointer begins with '/', as in ${payload:/a/b}");
    }
    const char *end = pointer.data + pointer.len;
    for (const char *start = pointer.data; start < end;) {
        start++;
        const char *slash = memchr(start, '/', (size_t)(end - start));
        const char *stop = slash != NULL ? slash : end;
        char *segment = unescape_pointer((struct str){start, (size_t)(stop - start)});
        if (segment == NULL) {
            return diag_set(diag, ERR_SYNTAX, "in a JSON Pointer '~' is written ~0 and '/' inside a name ~1");
        }
        add_path(expression, segment);
        start = stop;
    }
    return ERR_OK;
}

static enum err unknown_group(struct str name, const struct template_scope *scope, struct diag *diag)
{
    AUTO_FREE char *text = mem_dup(name.data, name.len);
    struct nearest nearest = {.text = text};
    for (size_t i = 0; i < scope->group_count; i++) {
        nearest_try(&nearest, scope->groups[i].name);
    }
    if (nearest.name != NULL) {
        return diag_set(diag, ERR_MISSING, "there is no group %s; did you mean ${group.%s}?", show_text(text).text,
                        nearest.name);
    }
    return diag_set(diag, ERR_MISSING, "there is no group %s; groups of devices stand under `groups`, in any file",
                    show_text(text).text);
}

static enum err read_group(const char **at, const struct template_scope *scope, struct template_expression *expression,
                           struct diag *diag)
{
    struct str name = take_until(at, "|}");
    for (size_t i = 0; i < scope->group_count; i++) {
        if (str_is(name, scope->groups[i].name)) {
            expression->group = json_ref(scope->groups[i].members);
            return ERR_OK;
        }
    }
    expression->group = json_new_list();
    return scope->groups_unknown ? ERR_OK : unknown_group(name, scope, diag);
}

static enum err read_property(const char **at, struct template_expression *expression, struct diag *diag)
{
    struct str name = take_until(at, "|}");
    if (name.len == 0) {
        return diag_set(diag, ERR_SYNTAX, "the property's name is missing after ${property.");
    }
    expression->property = mem_dup(name.data, name.len);
    return ERR_OK;
}

static enum err read_capture(struct str name, const struct template_scope *scope,
                             struct template_expression *expression, struct diag *diag)
{
    AUTO_FREE char *text = mem_dup(name.data, name.len);
    struct nearest nearest = {.text = text};
    expression->kind = EXPRESSION_CAPTURE;
    for (size_t i = 0; scope->pattern != NULL && i < scope->pattern->name_count; i++) {
        if (strcmp(scope->pattern->names[i], text) == 0) {
            expression->capture = (int)i;
            return ERR_OK;
        }
        nearest_try(&nearest, scope->pattern->names[i]);
    }
    if (scope->captures_unknown) {
        return ERR_OK;
    }
    for (size_t i = 0; i < COUNT_OF(sources); i++) {
        nearest_try(&nearest, sources[i].name);
    }
    for (size_t i = 0; i < scope->group_count; i++) {
        if (strcmp(scope->groups[i].name, text) == 0) {
            return diag_set(diag, ERR_MISSING, "the topic has no capture {%s}; the group is written ${group.%s}", text,
                            text);
        }
    }
    if (nearest.name != NULL) {
        return diag_set(diag, ERR_MISSING, "the topic has no capture {%s}; did you mean ${%s}?", text, nearest.name);
    }
    return diag_set(diag, ERR_MISSING,
                    "the topic has no capture {%s}; other names are payload, topic, id, property.NAME, group.NAME "
                    "and now",
                    show_plain(text).text);
}

static enum err read_detail(const char **at, const struct template_scope *scope, struct template_expression *expression,
                            struct diag *diag)
{
    switch (expression->kind) {
    case EXPRESSION_PAYLOAD:
        return **at == ':' ? read_pointer(at, expression, diag) : read_dotted(at, expression, diag);
    case EXPRESSION_PROPERTY:
        (*at)++;
        return read_property(at, expression, diag);
    case EXPRESSION_GROUP:
        (*at)++;
        return read_group(at, scope, expression, diag);
    case EXPRESSION_CAPTURE:
    case EXPRESSION_TOPIC:
    case EXPRESSION_ID:
    case EXPRESSION_NOW:
        break;
    }
    return ERR_OK;
}

bool template_is_source(struct str name)
{
    for (size_t i = 0; i < COUNT_OF(sources); i++) {
        if (str_is(name, sources[i].name)) {
            return true;
        }
    }
    return false;
}

static enum err read_source(const char **at, const struct template_scope *scope, struct template_expression *expression,
                            struct diag *diag)
{
    struct str name = take_name(at);
    if (name.len == 0 && **at == '{') {
        return diag_set(diag, ERR_SYNTAX, "one pair of braces is enough: ${payload.level}, not ${{payload.level}}");
    }
    if (name.len == 0) {
        return diag_set(diag, ERR_SYNTAX, "a name is missing after ${");
    }
    for (size_t i = 0; i < COUNT_OF(sources); i++) {
        if (!str_is(name, sources[i].name)) {
            continue;
        }
        if (sources[i].joint != '\0' && **at != sources[i].joint) {
            return diag_set(diag, ERR_SYNTAX, "write ${%s.NAME}", sources[i].name);
        }
        expression->kind = sources[i].kind;
        return read_detail(at, scope, expression, diag);
    }
    return read_capture(name, scope, expression, diag);
}

static enum err read_filters(const char **at, struct template_expression *expression, struct diag *diag)
{
    for (skip_space(at); **at == '|'; skip_space(at)) {
        if (expression->filter_count == MAX_FILTERS) {
            return diag_set(diag, ERR_LIMIT, "more than %d filters in one ${...}", MAX_FILTERS);
        }
        expression->filters =
            mem_resize(expression->filters, expression->filter_count + 1, sizeof *expression->filters);
        enum err err = template_filter_parse(at, &expression->filters[expression->filter_count], diag);
        if (err != ERR_OK) {
            return err;
        }
        expression->filter_count++;
    }
    if (**at == '}') {
        (*at)++;
        return ERR_OK;
    }
    if (**at == '\0') {
        return diag_set(diag, ERR_SYNTAX, "${ without its }; a literal ${ is written $${");
    }
    return diag_set(diag, ERR_SYNTAX, "expected '|' or '}' before %s", show_text(*at).text);
}

// *at stands behind "${".
static enum err read_expression(const char **at, const struct template_scope *scope,
                                struct template_expression *expression, struct diag *diag)
{
    skip_space(at);
    const char *start = *at;
    enum err err = read_source(at, scope, expression, diag);
    if (err != ERR_OK) {
        return err;
    }
    const char *end = *at;
    while (end > start && (end[-1] == ' ' || end[-1] == '\t')) {
        end--;
    }
    expression->name = mem_dup(start, (size_t)(end - start));
    return read_filters(at, expression, diag);
}

static struct template_part *add_part(struct template_text *tmpl)
{
    tmpl->parts = mem_resize(tmpl->parts, tmpl->count + 1, sizeof *tmpl->parts);
    tmpl->parts[tmpl->count] = (struct template_part){0};
    return &tmpl->parts[tmpl->count++];
}

static void add_text(struct template_text *tmpl, struct buf *text)
{
    if (text->len > 0) {
        add_part(tmpl)->text = buf_steal(text);
    }
}

static void add_fault(struct template_faults *faults, size_t at, const struct diag *diag)
{
    if (faults->count < TEMPLATE_MAX_FAULTS) {
        faults->items[faults->count].at = at;
        faults->items[faults->count++].diag = *diag;
    }
}

// What looks like a quote or a space and is none is the likely cause of whatever is wrong there.
static void blame_odd_character(const char *text, size_t len, struct diag *diag)
{
    unsigned code;
    if (memchr(text, '"', len) == NULL && str_find_odd_quote(text, len, &code) != NULL) {
        (void)diag_set(diag, ERR_SYNTAX, "%s; typographic quotes are none here: write \"", diag->text);
    } else if (str_find_odd_space(text, len, &code) != NULL) {
        (void)diag_set(diag, ERR_SYNTAX, "%s; it holds a character (U+%04X) that only looks like a space: replace it",
                       diag->text, code);
    }
}

// *at stands at "${". What is wrong becomes a fault, and reading goes on behind it, for further ones.
static enum err read_expression_part(struct template_text *tmpl, const char **at, const struct template_scope *scope,
                                     struct template_faults *faults)
{
    const char *start = *at;
    struct template_part *part = add_part(tmpl);
    struct diag diag;
    part->expression = mem_alloc(sizeof *part->expression);
    *at += 2;
    enum err err = read_expression(at, scope, part->expression, &diag);
    if (err != ERR_OK) {
        size_t len = strcspn(start, "}");
        blame_odd_character(start, len, &diag);
        add_fault(faults, (size_t)(start - tmpl->text), &diag);
        const char *next = strstr(start + 2, "${");
        *at = next != NULL && next < start + len ? next : start + len + (start[len] == '}');
    }
    return err;
}

static enum err read_parts(struct template_text *tmpl, const struct template_scope *scope,
                           struct template_faults *faults)
{
    AUTO_BUF struct buf text = {0};
    enum err result = ERR_OK;
    for (const char *at = tmpl->text; *at != '\0';) {
        if (strncmp(at, "$${", 3) == 0) {
            buf_text(&text, "${");
            at += 3;
        } else if (strncmp(at, "${", 2) == 0) {
            add_text(tmpl, &text);
            enum err err = read_expression_part(tmpl, &at, scope, faults);
            result = result == ERR_OK ? err : result;
        } else {
            buf_char(&text, *at++);
        }
    }
    add_text(tmpl, &text);
    return result;
}

static enum err check_text(const char *text, struct diag *diag)
{
    if (strlen(text) > TEMPLATE_MAX_LEN) {
        return diag_set(diag, ERR_LIMIT, "the text has %zu bytes; at most %d are allowed", strlen(text),
                        TEMPLATE_MAX_LEN);
    }
    if (!str_utf8_valid(text, strlen(text))) {
        return diag_set(diag, ERR_SYNTAX, "the text is not valid UTF-8");
    }
    return ERR_OK;
}

enum err template_parse(const char *text, const struct template_scope *scope, struct template_text **out,
                        struct template_faults *faults)
{
    struct diag diag;
    faults->count = 0;
    enum err err = check_text(text, &diag);
    if (err != ERR_OK) {
        add_fault(faults, 0, &diag);
        return err;
    }
    struct template_text *tmpl = mem_alloc(sizeof *tmpl);
    tmpl->text = mem_strdup(text);
    err = read_parts(tmpl, scope, faults);
    if (err != ERR_OK) {
        template_free(tmpl);
        return err;
    }
    *out = tmpl;
    return ERR_OK;
}

static void free_expression(struct template_expression *expression)
{
    if (expression == NULL) {
        return;
    }
    for (size_t i = 0; i < expression->path_count; i++) {
        free(expression->path[i]);
    }
    for (size_t i = 0; i < expression->filter_count; i++) {
        template_filter_free(&expression->filters[i]);
    }
    json_free(expression->group);
    free(expression->path);
    free(expression->property);
    free(expression->filters);
    free(expression->name);
    free(expression);
}

void template_free(struct template_text *tmpl)
{
    if (tmpl == NULL) {
        return;
    }
    for (size_t i = 0; i < tmpl->count; i++) {
        free(tmpl->parts[i].text);
        free_expression(tmpl->parts[i].expression);
    }
    free(tmpl->parts);
    free(tmpl->text);
    free(tmpl);
}
