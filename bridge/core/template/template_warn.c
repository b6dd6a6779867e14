// What is legal in a template and hardly meant.
//
// Literal text is searched for what other programs' templates look like; an expression is looked at part by part.
// Whether a filter takes what comes to it is tried with samples of all kinds of values that can come.
#include <ctype.h>
#include <string.h>

#include "base/mem.h"
#include "base/show.h"
#include "core/template/template_internal.h"

unsigned template_source_kinds(enum expression_kind kind)
{
    static const unsigned kinds[] = {
        [EXPRESSION_CAPTURE] = JSON_KIND_BIT(JSON_TEXT),
        [EXPRESSION_PAYLOAD] = JSON_ANY_KIND,
        [EXPRESSION_TOPIC] = JSON_KIND_BIT(JSON_TEXT),
        [EXPRESSION_ID] = JSON_KIND_BIT(JSON_TEXT) | JSON_KIND_BIT(JSON_INT),
        [EXPRESSION_PROPERTY] = JSON_KIND_BIT(JSON_TEXT),
        [EXPRESSION_GROUP] = JSON_KIND_BIT(JSON_LIST),
        [EXPRESSION_NOW] = JSON_KIND_BIT(JSON_TEXT),
    };
    return kinds[kind];
}

// One of the names that ${...} can begin with here.
static bool is_name(const struct template_scope *scope, struct str name)
{
    if (template_is_source(name)) {
        return true;
    }
    for (size_t i = 0; scope->pattern != NULL && i < scope->pattern->name_count; i++) {
        if (str_is(name, scope->pattern->names[i])) {
            return true;
        }
    }
    return false;
}

// What follows a name inside braces, up to their end: nothing, or a path.
static bool is_end(const char *rest, bool is_double)
{
    bool is_path = *rest == '.' && (is_double || rest[strcspn(rest, "\" :,{}")] == '}');
    return is_path || rest[strspn(rest, " ")] == '}';
}

struct lookalike {
    struct str name; // with its path
    bool is_known;
};

static struct str read_path(const char *start, const char *end)
{
    size_t len = *end == '.' ? strcspn(end, "\" :,{}|") : 0;
    return (struct str){start, (size_t)(end - start) + len};
}

// {room}, $room and {{ room }} are how others write what is ${room} here; {{ }} is so whatever is in it.
static bool find_lookalike(const struct template_scope *scope, const char *text, struct lookalike *out)
{
    for (const char *at = strpbrk(text, "${"); at != NULL; at = strpbrk(at + 1, "${")) {
        if (at[0] == '$' && at[1] == '{') { // was written $${
            at++;
            continue;
        }
        bool is_double = at[0] == '{' && at[1] == '{';
        const char *start = at + strspn(at, "${ ");
        const char *end = start;
        while (isalnum((unsigned char)*end) || *end == '_') {
            end++;
        }
        struct str name = {start, (size_t)(end - start)};
        bool is_known = name.len > 0 && (at[0] != '{' || is_end(end, is_double)) && is_name(scope, name);
        if (is_known || (is_double && name.len > 0 && !isdigit((unsigned char)*start) && strstr(end, "}}") != NULL)) {
            *out = (struct lookalike){at[0] == '{' ? read_path(start, end) : name, is_known};
            return true;
        }
    }
    return false;
}

static void warn_of_lookalike(const struct yaml_node *node, const struct template_scope *scope, const char *text,
                              struct problems *problems)
{
    struct lookalike found;
    if (!find_lookalike(scope, text, &found)) {
        return;
    }
    if (found.is_known) {
        yaml_warn(problems, node,
                  "%s is plain text here: a value is written ${%.*s}; if the text is meant, leave it so",
                  show_text(text).text, STR_ARG(found.name));
    } else {
        yaml_warn(problems, node,
                  "%s is plain text here: a value is written ${...}, as ${payload.level}; if the text is meant, leave "
                  "it so",
                  show_text(text).text);
    }
}

static void warn_of_path(const struct yaml_node *node, const struct template_expression *expression,
                         struct problems *problems)
{
    static const char *const taken_out[] = {"$id", "$reply_to", "$expire", "$sent_at", "$traceparent", NULL};
    const char *first = expression->path_count > 0 ? expression->path[0] : "";
    if (str_is_one_of(first, taken_out)) {
        yaml_warn(problems, node, "%s is for the bridge and taken out of ${payload}, so there is nothing here%s", first,
                  strcmp(first, "$id") == 0 ? "; the command's id is ${id}" : "");
    }
    for (size_t i = 0; i < expression->path_count; i++) {
        size_t len = strlen(expression->path[i]);
        if (strchr(expression->path[i], '[') != NULL && len > 0 && expression->path[i][len - 1] == ']') {
            yaml_warn(problems, node,
                      "%s is a member's name here; an item of a list is written .0, as ${payload.list.0}",
                      show_text(expression->path[i]).text);
        }
    }
}

// Samples of each kind, of text some that look like something else.
static const struct {
    enum json_kind kind;
    const char *json;
} samples[] = {
    {JSON_NULL, "null"}, {JSON_BOOL, "true"},   {JSON_INT, "1"},    {JSON_REAL, "1.5"}, {JSON_TEXT, "\"1\""},
    {JSON_TEXT, "\"\""}, {JSON_TEXT, "\"on\""}, {JSON_LIST, "[1]"}, {JSON_MAP, "{}"},
};

// Does the filter take any value of these kinds?
static bool filter_takes(const struct template_filter *filter, unsigned kinds)
{
    static const struct json_limits limits = {.max_depth = 2};
    bool takes = false;
    for (size_t i = 0; i < COUNT_OF(samples) && !takes; i++) {
        struct template_value value = {.json = NULL};
        struct failure failure;
        struct diag ignored;
        if ((kinds & JSON_KIND_BIT(samples[i].kind)) == 0 ||
            json_parse(samples[i].json, strlen(samples[i].json), &limits, &value.json, &ignored) != ERR_OK) {
            continue;
        }
        takes = template_filter_apply(filter, "", &value, &failure) == ERR_OK;
        json_free(value.json);
    }
    return takes;
}

static bool holds_template(const struct json_object *value)
{
    const char *text = json_text(value);
    return text != NULL && strstr(text, "${") != NULL;
}

static void warn_of_arguments(const struct yaml_node *node, const struct template_expression *expression,
                              struct problems *problems)
{
    for (size_t i = 0; i < expression->filter_count; i++) {
        const struct template_filter *filter = &expression->filters[i];
        for (size_t k = 0; k < filter->count; k++) {
            if (holds_template(filter->args[k])) {
                yaml_warn(problems, node,
                          "the argument of the filter %s in ${%s | ...} is a constant: ${...} in it is plain text",
                          template_filter_name(filter), show_plain(expression->name).text);
            }
        }
    }
}

static void warn_of_odd_space(const struct yaml_node *node, const struct template_expression *expression,
                              struct problems *problems)
{
    unsigned code;
    if (str_find_odd_space(expression->name, strlen(expression->name), &code) != NULL) {
        yaml_warn(problems, node,
                  "${%s} holds a character (U+%04X) that only looks like a space or nothing, and takes it for a part "
                  "of the name: replace it",
                  show_plain(expression->name).text, code);
    }
}

static void warn_of_filters(const struct yaml_node *node, const struct template_expression *expression,
                            struct problems *problems)
{
    unsigned kinds = template_source_kinds(expression->kind);
    bool may_be_missing = expression->kind == EXPRESSION_PAYLOAD || expression->kind == EXPRESSION_PROPERTY;
    for (size_t i = 0; i < expression->filter_count; i++) {
        const struct template_filter *filter = &expression->filters[i];
        may_be_missing |= template_filter_is_map(filter);
        if (template_filter_is_default(filter) && !may_be_missing) {
            yaml_warn(problems, node, "${%s} is never missing, so its default has no effect%s",
                      show_plain(expression->name).text,
                      expression->kind == EXPRESSION_CAPTURE ? "; where nothing was captured it is the empty text"
                                                             : "");
        }
        if (!template_filter_is_default(filter) && !filter_takes(filter, kinds)) {
            const char *what = kinds == JSON_KIND_BIT(JSON_TEXT) ? "text" : "never of a kind";
            yaml_warn(problems, node, "what comes to the filter %s in ${%s | ...} is %s%s",
                      template_filter_name(filter), show_plain(expression->name).text, what,
                      kinds == JSON_KIND_BIT(JSON_TEXT) ? ", which it does not take: put another filter before it, "
                                                          "such as float"
                                                        : " that it takes");
            return;
        }
        kinds = template_filter_kinds(filter, kinds);
    }
}

static bool is_blank(const char *text)
{
    return text[strspn(text, " \t\n")] == '\0';
}

// "${payload.level} " is text, where "${payload.level}" is the number.
static void warn_of_blanks(const struct yaml_node *node, const struct template_text *tmpl, struct problems *problems)
{
    size_t expressions = 0;
    for (size_t i = 0; i < tmpl->count; i++) {
        expressions += tmpl->parts[i].expression != NULL;
        if (tmpl->parts[i].expression == NULL && !is_blank(tmpl->parts[i].text)) {
            return;
        }
    }
    if (expressions == 1 && tmpl->count > 1) {
        yaml_warn(problems, node,
                  "the space or line end beside ${...} is part of the value and makes text of it: remove it (a block "
                  "begun by | or > ends in a line end, one begun by |- or >- does not)");
    }
}

static bool is_switch_word(const char *text)
{
    static const char *const words[] = {"yes", "no", "on", "off", NULL};
    return str_is_one_of_folded(text, words);
}

// 1_000
static bool is_grouped_number(const char *text)
{
    size_t sign = strspn(text, "+-");
    size_t len = strspn(text + sign, "0123456789_");
    return len > 0 && text[sign + len] == '\0' && isdigit((unsigned char)text[sign]) && strchr(text, '_') != NULL;
}

// 007 or -012
static bool has_leading_zero(const char *text)
{
    text += strspn(text, "+-");
    return text[0] == '0' && isdigit((unsigned char)text[1]);
}

void template_warn_constant(const struct yaml_node *node, struct problems *problems)
{
    if (node->quoted) {
        return;
    }
    enum yaml_type type = yaml_type(node);
    AUTO_JSON struct json_object *value = type == YAML_TEXT ? NULL : yaml_to_json(node);
    bool is_number = type == YAML_INT || type == YAML_FLOAT;
    const char *text = node->text;
    if (type == YAML_NULL && *text == '\0') {
        yaml_warn(problems, node,
                  "there is no value, so null is sent: YAML reads an empty value, or `#` and what follows it, as "
                  "nothing; write null if it is meant");
    } else if (is_number && json_kind(value) == JSON_TEXT) {
        yaml_warn(problems, node,
                  type == YAML_INT
                      ? "the number does not fit into 64 bits and is taken as text; put it in quotes to say so"
                      : "JSON has no such number, so it is taken as text; put it in quotes to say so");
    } else if (is_number && has_leading_zero(text)) {
        AUTO_FREE char *read = json_print(value);
        yaml_warn(problems, node, "this is the number %s: without the zeros in front it says so; in quotes it is text",
                  read);
    } else if (type == YAML_TEXT && is_switch_word(text)) {
        yaml_warn(problems, node, "this is text: write true or false if a truth value is meant, else put it in quotes");
    } else if (type == YAML_TEXT && is_grouped_number(text)) {
        yaml_warn(problems, node,
                  "this is text: write the digits without _ if a number is meant, else put it in quotes");
    }
}

void template_warn(const struct yaml_node *node, const struct template_text *tmpl, const struct template_scope *scope,
                   struct problems *problems)
{
    for (size_t i = 0; i < tmpl->count; i++) {
        const struct template_expression *expression = tmpl->parts[i].expression;
        if (expression == NULL) {
            warn_of_lookalike(node, scope, tmpl->parts[i].text, problems);
        } else {
            warn_of_path(node, expression, problems);
            warn_of_odd_space(node, expression, problems);
            warn_of_arguments(node, expression, problems);
            warn_of_filters(node, expression, problems);
        }
    }
    warn_of_blanks(node, tmpl, problems);
}
