// A template is a list of parts, text or expression, made by template_parse.c. To evaluate one, the value that each
// expression begins with is found in the message (or it is missing, with the reason in words), its filters change it
// one after the other, and the parts are joined; a template that is one expression alone keeps the JSON type of its
// value. What is missing at the end is an error of the message, not of the rule.
#include "core/template/template.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/message.h"
#include "base/show.h"
#include "core/template/template_internal.h"

enum err template_compile_text(const char *text, const struct template_scope *scope, struct template_text **out,
                               struct diag *diag)
{
    struct template_faults faults;
    enum err err = template_parse(text, scope, out, &faults);
    return err == ERR_OK ? ERR_OK : diag_set(diag, err, "%s", faults.items[0].diag.text);
}

enum err template_compile(const struct yaml_node *node, const struct template_scope *scope, struct template_text **out,
                          struct problems *problems)
{
    if (!yaml_has_value(node)) {
        bool is_null = node->kind == YAML_SCALAR;
        yaml_error(problems, node, "this must be text, not %s%s", yaml_kind_name(node),
                   is_null ? ": YAML reads an empty value, or `#` and what follows it, as nothing" : "");
        return ERR_SYNTAX;
    }
    struct template_faults faults;
    enum err err = template_parse(node->text, scope, out, &faults);
    for (size_t i = 0; err != ERR_OK && i < faults.count; i++) {
        problems_add(problems, SEVERITY_ERROR, node->source, node->line, yaml_column_of(node, faults.items[i].at), "%s",
                     faults.items[i].diag.text);
    }
    if (err == ERR_OK) {
        template_warn(node, *out, scope, problems);
    }
    return err;
}

static bool comes_from_outside(const struct template_expression *expression)
{
    return expression->kind != EXPRESSION_GROUP && expression->kind != EXPRESSION_NOW;
}

bool template_uses_outside(const struct template_text *tmpl)
{
    for (size_t i = 0; i < tmpl->count; i++) {
        if (tmpl->parts[i].expression != NULL && comes_from_outside(tmpl->parts[i].expression)) {
            return true;
        }
    }
    return false;
}

static bool is_held(const struct template_expression *expression, const bool *checked)
{
    for (size_t i = 0; i < expression->filter_count; i++) {
        if (template_filter_is_map(&expression->filters[i])) {
            return true;
        }
    }
    return expression->kind == EXPRESSION_CAPTURE && checked[expression->capture];
}

const char *template_unchecked(const struct template_text *tmpl, const bool *checked)
{
    for (size_t i = 0; i < tmpl->count; i++) {
        const struct template_expression *expression = tmpl->parts[i].expression;
        if (expression != NULL && comes_from_outside(expression) && !is_held(expression, checked)) {
            return expression->name;
        }
    }
    return NULL;
}

static struct template_value found(struct json_object *json)
{
    return (struct template_value){.json = json};
}

static struct template_value not_found(const char *why)
{
    struct template_value value = {.missing = true};
    snprintf(value.why, sizeof value.why, "%s", why);
    return value;
}

// A list's index as RFC 6901 writes it: digits without a leading zero.
static bool parse_index(const char *text, size_t *index)
{
    size_t len = strspn(text, "0123456789");
    if (len == 0 || len > 9 || text[len] != '\0' || (len > 1 && text[0] == '0')) {
        return false;
    }
    *index = strtoul(text, NULL, 10);
    return true;
}

static struct template_value find_in_payload(const struct template_expression *expression,
                                             const struct template_input *input)
{
    if (!input->has_payload) {
        return not_found(input->payload_unreadable ? "the payload cannot be read" : "the payload is empty");
    }
    struct json_object *at = input->payload;
    for (size_t i = 0; i < expression->path_count; i++) {
        size_t index;
        const char *segment = expression->path[i];
        bool is_list = json_kind(at) == JSON_LIST;
        if (!is_list && json_kind(at) != JSON_MAP) {
            return not_found(i == 0 ? "the payload is no JSON object or list" : "what holds it is no object or list");
        }
        bool there =
            is_list ? parse_index(segment, &index) && json_item(at, index, &at) : json_member(at, segment, &at);
        if (!there) {
            return not_found("the payload does not hold it");
        }
    }
    return found(json_ref(at));
}

static struct template_value find_property(const struct template_expression *expression,
                                           const struct template_input *input)
{
    for (size_t i = 0; i < input->property_count; i++) {
        if (strcmp(input->properties[i].name, expression->property) == 0) {
            return found(json_new_text(input->properties[i].value));
        }
    }
    return not_found("the message has no such user property");
}

static struct template_value find_id(const struct template_input *input)
{
    if (input->id == NULL) {
        return not_found("the id is not known yet");
    }
    return found(input->id_is_integer ? json_new_number(input->id) : json_new_text(input->id));
}

static struct template_value find(const struct template_expression *expression, const struct template_input *input)
{
    char now[CLOCK_ISO_LEN];
    switch (expression->kind) {
    case EXPRESSION_CAPTURE:
        return found(
            json_new_text_len(input->captures[expression->capture].data, input->captures[expression->capture].len));
    case EXPRESSION_PAYLOAD:
        return find_in_payload(expression, input);
    case EXPRESSION_TOPIC:
        return found(json_new_text(input->topic));
    case EXPRESSION_ID:
        return find_id(input);
    case EXPRESSION_PROPERTY:
        return find_property(expression, input);
    case EXPRESSION_GROUP:
        return found(json_copy(expression->group));
    case EXPRESSION_NOW:
        break;
    }
    clock_iso_ms(input->now_wall_ms, now);
    return found(json_new_text(now));
}

static enum err evaluate_expression(const struct template_expression *expression, const struct template_input *input,
                                    struct template_value *out, struct failure *failure)
{
    struct template_value value = find(expression, input);
    for (size_t i = 0; i < expression->filter_count; i++) {
        enum err err = template_filter_apply(&expression->filters[i], expression->name, &value, failure);
        if (err != ERR_OK) {
            json_free(value.json);
            return err;
        }
    }
    *out = value;
    return ERR_OK;
}

static enum err fail_missing(const struct template_expression *expression, const char *why, struct failure *failure)
{
    failure_set(failure, "member_missing", "${%s} has no value: %s; send one, or add | default(...)",
                show_plain(expression->name).text, why);
    return ERR_MISSING;
}

// Text as it is, numbers and booleans as JSON writes them.
static enum err append_text(struct buf *out, const struct template_expression *expression,
                            const struct json_object *value, struct failure *failure)
{
    AUTO_FREE char *text = json_scalar_text(value);
    if (text == NULL) {
        failure_set(failure, "filter_failed",
                    "${%s} is %s, which is no text; use | json for its JSON text, or | default(...) for null",
                    show_plain(expression->name).text, json_show(value).text);
        return ERR_REFUSED;
    }
    buf_text(out, text);
    if (out->len > TEMPLATE_MAX_VALUE) {
        failure_set(failure, "request_too_large", "the text made with ${%s} has more than %d bytes",
                    show_plain(expression->name).text, TEMPLATE_MAX_VALUE);
        return ERR_LIMIT;
    }
    return ERR_OK;
}

static enum err append_expression(struct buf *out, const struct template_expression *expression,
                                  const struct template_input *input, struct failure *failure)
{
    struct template_value value;
    enum err err = evaluate_expression(expression, input, &value, failure);
    if (err != ERR_OK) {
        return err;
    }
    err = value.missing ? fail_missing(expression, value.why, failure)
                        : append_text(out, expression, value.json, failure);
    json_free(value.json);
    return err;
}

enum err template_string(const struct template_text *tmpl, const struct template_input *input, char **out,
                         struct failure *failure)
{
    AUTO_BUF struct buf text = {0};
    for (size_t i = 0; i < tmpl->count; i++) {
        const struct template_part *part = &tmpl->parts[i];
        enum err err = ERR_OK;
        if (part->expression != NULL) {
            err = append_expression(&text, part->expression, input, failure);
        } else {
            buf_text(&text, part->text);
        }
        if (err != ERR_OK) {
            return err;
        }
    }
    *out = buf_steal(&text);
    return ERR_OK;
}

enum err template_evaluate(const struct template_text *tmpl, const struct template_input *input,
                           struct template_value *out, struct failure *failure)
{
    if (tmpl->count == 1 && tmpl->parts[0].expression != NULL) {
        return evaluate_expression(tmpl->parts[0].expression, input, out, failure);
    }
    AUTO_FREE char *text = NULL;
    enum err err = template_string(tmpl, input, &text, failure);
    if (err == ERR_OK) {
        *out = found(json_new_text(text));
    }
    return err;
}
