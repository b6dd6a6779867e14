// What templates can give, whatever message comes: so that what can never be right is reported when a rule is loaded.
#include <stdlib.h>

#include "base/mem.h"
#include "core/template/template_internal.h"

#define MAX_VALUES 1000 // more are not written out

void template_forecast_clear(struct template_forecast *forecast)
{
    for (size_t i = 0; i < forecast->count; i++) {
        json_free(forecast->values[i]);
    }
    free(forecast->values);
    *forecast = (struct template_forecast){0};
}

// Takes the value.
static void add_value(struct template_forecast *forecast, struct json_object *value)
{
    forecast->values = mem_resize(forecast->values, forecast->count + 1, sizeof(struct json_object *));
    forecast->values[forecast->count++] = value;
}

static void forecast_source(const struct template_expression *expression, const struct text_list *const *captures,
                            struct template_forecast *out)
{
    const struct text_list *texts = expression->kind == EXPRESSION_CAPTURE ? captures[expression->capture] : NULL;
    *out = (struct template_forecast){.kinds = template_source_kinds(expression->kind)};
    if (texts == NULL || texts->count > MAX_VALUES) {
        return;
    }
    out->is_complete = true;
    for (size_t i = 0; i < texts->count; i++) {
        add_value(out, json_new_text(texts->items[i]));
    }
}

// Keeps what comes out of the filter; a value that it refuses rejects the command. True if it may give none.
static bool filter_values(const struct template_filter *filter, const char *name, struct template_forecast *forecast)
{
    bool may_be_missing = false;
    size_t kept = 0;
    for (size_t i = 0; i < forecast->count; i++) {
        struct template_value value = {.json = forecast->values[i]};
        struct failure failure;
        bool refused = template_filter_apply(filter, name, &value, &failure) != ERR_OK;
        may_be_missing |= !refused && value.missing;
        if (refused || value.missing) {
            json_free(value.json);
        } else {
            forecast->values[kept++] = value.json;
        }
    }
    forecast->count = kept;
    return may_be_missing;
}

static void add_args(const struct template_filter *filter, struct template_forecast *forecast)
{
    for (size_t i = 0; i < filter->count; i++) {
        add_value(forecast, json_copy(filter->args[i]));
    }
}

static void forecast_expression(const struct template_expression *expression, const struct text_list *const *captures,
                                struct template_forecast *out)
{
    bool may_be_missing = false;
    forecast_source(expression, captures, out);
    for (size_t i = 0; i < expression->filter_count; i++) {
        const struct template_filter *filter = &expression->filters[i];
        if (out->is_complete) {
            may_be_missing |= filter_values(filter, expression->name, out);
        } else if (template_filter_is_map(filter)) {
            out->is_complete = may_be_missing = true;
            add_args(filter, out);
        } else {
            out->kinds = template_filter_kinds(filter, out->kinds);
        }
        if (template_filter_is_default(filter) && may_be_missing) {
            may_be_missing = false;
            add_args(filter, out);
        }
    }
}

// Each text so far is continued with each value; those that are no text reject the command.
static void continue_texts(struct text_list *texts, const struct template_forecast *values)
{
    struct text_list endings = {0};
    for (size_t i = 0; i < values->count; i++) {
        AUTO_FREE char *text = json_scalar_text(values->values[i]);
        if (text != NULL) {
            text_list_add(&endings, text);
        }
    }
    text_list_continue(texts, "", &endings);
    text_list_free(&endings);
}

static bool write_texts(const struct template_text *tmpl, const struct text_list *const *captures,
                        struct text_list *texts)
{
    text_list_add(texts, "");
    for (size_t i = 0; i < tmpl->count; i++) {
        const struct template_part *part = &tmpl->parts[i];
        struct template_forecast values = {.is_complete = true};
        if (part->expression != NULL) {
            forecast_expression(part->expression, captures, &values);
        } else {
            add_value(&values, json_new_text(part->text));
        }
        bool is_written = values.is_complete && values.count * texts->count <= MAX_VALUES;
        if (is_written) {
            continue_texts(texts, &values);
        }
        template_forecast_clear(&values);
        if (!is_written) {
            return false;
        }
    }
    return true;
}

void template_forecast(const struct template_text *tmpl, const struct text_list *const *captures,
                       struct template_forecast *out)
{
    if (tmpl->count == 1 && tmpl->parts[0].expression != NULL) {
        forecast_expression(tmpl->parts[0].expression, captures, out);
        return;
    }
    struct text_list texts = {0};
    *out = (struct template_forecast){.kinds = JSON_KIND_BIT(JSON_TEXT)};
    out->is_complete = write_texts(tmpl, captures, &texts);
    for (size_t i = 0; out->is_complete && i < texts.count; i++) {
        add_value(out, json_new_text(texts.items[i]));
    }
    text_list_free(&texts);
}
