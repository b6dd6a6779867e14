// The tree that model_parse.c has read: searches in it by identifier, and describes what a type of data takes in words
// that fit into an error ("a whole number from 0 to 100").
#include "core/model/model.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/nearest.h"
#include "base/show.h"
#include "core/template/decimal.h"

#define SHOWN_CHOICES 12

static void free_data(struct model_data *data)
{
    free(data->min);
    free(data->max);
    free(data->unit);
    for (size_t i = 0; i < data->choice_count; i++) {
        free(data->choices[i].value);
        free(data->choices[i].name);
    }
    free(data->choices);
    if (data->item != NULL) {
        free_data(data->item);
        free(data->item);
    }
    model_free_fields(data->fields, data->field_count);
}

void model_free_fields(struct model_field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(fields[i].identifier);
        free(fields[i].name);
        free_data(&fields[i].data);
    }
    free(fields);
}

void model_free(struct model *model)
{
    if (model == NULL) {
        return;
    }
    for (size_t i = 0; i < model->service_count; i++) {
        free(model->services[i].identifier);
        free(model->services[i].name);
        model_free_fields(model->services[i].inputs, model->services[i].input_count);
        model_free_fields(model->services[i].outputs, model->services[i].output_count);
    }
    free(model->services);
    free(model->product_key);
    free(model);
}

const struct model_service *model_find(const struct model *model, const char *identifier)
{
    for (size_t i = 0; i < model->service_count; i++) {
        if (strcmp(model->services[i].identifier, identifier) == 0) {
            return &model->services[i];
        }
    }
    return NULL;
}

const struct model_field *model_find_field(const struct model_field *fields, size_t count, const char *identifier)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(fields[i].identifier, identifier) == 0) {
            return &fields[i];
        }
    }
    return NULL;
}

const char *model_nearest_field(const struct model_field *fields, size_t count, const char *identifier)
{
    struct nearest nearest = {.text = identifier};
    for (size_t i = 0; i < count; i++) {
        nearest_try(&nearest, fields[i].identifier);
    }
    return nearest.name;
}

static void describe_range(const struct model_data *data, const char *what, struct buf *out)
{
    buf_text(out, what);
    if (data->min != NULL && data->max != NULL) {
        buf_printf(out, " from %s to %s", data->min, data->max);
    } else if (data->min != NULL) {
        buf_printf(out, " from %s", data->min);
    } else if (data->max != NULL) {
        buf_printf(out, " up to %s", data->max);
    }
    if (data->unit != NULL) {
        buf_printf(out, " (%s)", show_plain(data->unit).text);
    }
}

// Without such bounds the type allows less than they say.
static bool is_within_32_bits(const char *bound_or_null)
{
    AUTO_DECIMAL struct decimal low = {0};
    AUTO_DECIMAL struct decimal high = {0};
    AUTO_DECIMAL struct decimal bound = {0};
    return bound_or_null != NULL && decimal_parse(bound_or_null, &bound) && decimal_parse(MODEL_INT_MIN, &low) &&
           decimal_parse(MODEL_INT_MAX, &high) && decimal_compare(&bound, &low) >= 0 &&
           decimal_compare(&bound, &high) <= 0;
}

static void describe_size(const struct model_data *data, const char *what, const char *unit, struct buf *out)
{
    buf_text(out, what);
    if (data->max_size > 0) {
        buf_printf(out, " of up to %zu %s", data->max_size, unit);
    }
}

static void describe_choices(const struct model_data *data, struct buf *out)
{
    buf_text(out, data->choice_count > 0 ? "one of " : "0 or 1"); // an enum has some
    for (size_t i = 0; i < data->choice_count && i < SHOWN_CHOICES; i++) {
        buf_printf(out, "%s%s", i > 0 ? ", " : "", data->choices[i].value);
        if (data->choices[i].name != NULL) {
            buf_printf(out, " (%s)", show_plain(data->choices[i].name).text);
        }
    }
    buf_text(out, data->choice_count > SHOWN_CHOICES ? " ..." : "");
}

static void describe_members(const struct model_data *data, struct buf *out)
{
    buf_text(out, data->field_count > 0 ? "an object with " : "an object");
    for (size_t i = 0; i < data->field_count; i++) {
        buf_printf(out, "%s%s", i > 0 ? ", " : "", data->fields[i].identifier);
    }
}

void model_describe(const struct model_data *data, struct buf *out)
{
    switch (data->type) {
    case MODEL_INT:
        describe_range(
            data, is_within_32_bits(data->min) && is_within_32_bits(data->max) ? "an integer" : "an integer of 32 bits",
            out);
        break;
    case MODEL_FLOAT:
    case MODEL_DOUBLE:
        describe_range(data, "a number", out);
        break;
    case MODEL_ENUM:
    case MODEL_BOOL:
        describe_choices(data, out);
        break;
    case MODEL_TEXT:
        describe_size(data, "text", "bytes", out);
        break;
    case MODEL_DATE:
        buf_text(out, "milliseconds since 1970, as text");
        break;
    case MODEL_ARRAY:
        describe_size(data, "a list", "items", out);
        buf_text(out, ", each ");
        model_describe(data->item, out);
        break;
    case MODEL_STRUCT:
        describe_members(data, out);
        break;
    }
}
