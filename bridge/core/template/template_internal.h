// What the files of the template module share, and what mapping needs to know of a template's inside. Private to core.
#pragma once

#include "base/show.h"
#include "base/text_list.h"
#include "core/template/template.h"

// A value on its way through filters; `json` is owned.
struct template_value {
    struct json_object *json;
    bool missing;
    char why[SHOW_LEN + 32]; // of a missing one, for people
};

struct template_filter_row;
struct template_filter {
    const struct template_filter_row *row;
    struct json_object **args; // constant: threads share them, so only copies leave
    char **names;              // of map(name=value): as many as args
    size_t count;
};

// A filter while it is applied to a value that is there.
struct template_filter_use {
    const struct template_filter *filter;
    const struct json_object *value;
    const char *wants; // set where the filter does not take the value: what it takes, for people
};

enum expression_kind {
    EXPRESSION_CAPTURE,
    EXPRESSION_PAYLOAD,
    EXPRESSION_TOPIC,
    EXPRESSION_ID,
    EXPRESSION_PROPERTY,
    EXPRESSION_GROUP,
    EXPRESSION_NOW,
};

// One ${...}.
struct template_expression {
    enum expression_kind kind;
    char *name;  // as written, without filters
    int capture; // EXPRESSION_CAPTURE
    char **path; // EXPRESSION_PAYLOAD: member names or list indexes
    size_t path_count;
    char *property;            // EXPRESSION_PROPERTY
    struct json_object *group; // EXPRESSION_GROUP: constant list, shared
    struct template_filter *filters;
    size_t filter_count;
};

// Either text or an expression.
struct template_part {
    char *text;
    struct template_expression *expression;
};

struct template_text {
    char *text; // as written
    struct template_part *parts;
    size_t count;
};

// What is wrong in a text: the first of its errors, each at a byte of it.
#define TEMPLATE_MAX_FAULTS 8
struct template_faults {
    struct {
        size_t at;
        struct diag diag;
    } items[TEMPLATE_MAX_FAULTS];
    size_t count;
};
enum err template_parse(const char *text, const struct template_scope *scope, struct template_text **out,
                        struct template_faults *faults) MUST_CHECK;
// Can ${...} begin with the name, whatever the topic has?
bool template_is_source(struct str name);
// Warnings for what is legal and hardly meant.
void template_warn_constant(const struct yaml_node *node, struct problems *problems); // a value in args
void template_warn(const struct yaml_node *node, const struct template_text *tmpl, const struct template_scope *scope,
                   struct problems *problems);

// Reads "| name(args)" behind *at up to what follows it.
enum err template_filter_parse(const char **at, struct template_filter *out, struct diag *diag) MUST_CHECK;
void template_filter_free(struct template_filter *filter);
const char *template_filter_name_at(size_t index); // NULL after the last: for the reference
const char *template_filter_name(const struct template_filter *filter);
bool template_filter_is_map(const struct template_filter *filter);
bool template_filter_is_default(const struct template_filter *filter);
// The kinds of values that it can give (bits as in struct template_forecast) where it takes those of `kinds`.
unsigned template_filter_kinds(const struct template_filter *filter, unsigned kinds);
// Changes the value in place. `name`: the expression it belongs to.
enum err template_filter_apply(const struct template_filter *filter, const char *name, struct template_value *value,
                               struct failure *failure) MUST_CHECK;

// The value: a template that is one ${...} keeps the JSON type and number text; otherwise text. It is missing if it is
// one ${...} whose value is missing at the end of its filters. Failures: member_missing inside longer text,
// filter_failed, request_too_large.
enum err template_evaluate(const struct template_text *tmpl, const struct template_input *input,
                           struct template_value *out, struct failure *failure) MUST_CHECK;

// The name of the first ${...} whose value comes from outside and is held to nothing: neither to a map(...) nor, for a
// capture, to `checked` (one per capture). NULL if there is none.
const char *template_unchecked(const struct template_text *tmpl, const bool *checked);
const char *template_tree_unchecked(const struct template_tree *tree, const bool *checked);

// Visits every text of the tree with its place below `name`, as "args.color" or "args.list.0".
void template_tree_each(const struct template_tree *tree, const char *name,
                        void (*visit)(void *context, const char *place, const struct template_text *tmpl),
                        void *context);

// What a template can give, whatever message comes. Values that reject the command are not among them.
struct template_forecast {
    bool is_complete;            // it gives one of `values`, or nothing
    struct json_object **values; // owned
    size_t count;
    unsigned kinds; // if it is not complete: JSON_KIND_BIT of each kind that it can give
};
// `captures`: the texts to which each capture is held, NULL for any; one per capture. Clear *out.
void template_forecast(const struct template_text *tmpl, const struct text_list *const *captures,
                       struct template_forecast *out);
void template_forecast_clear(struct template_forecast *forecast);
// The kinds of what ${...} begins with, as bits of struct template_forecast.
unsigned template_source_kinds(enum expression_kind kind);
