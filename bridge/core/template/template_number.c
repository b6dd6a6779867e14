// Numbers are decimals as they were written (decimal.h) wherever that has an end; only `scale` divides, once and at the
// end. A filter that cannot take its value says what it wants instead, and template_filter.c makes the error of it.
#include "core/template/template_number.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/template/decimal.h"

#define MAX_PLACES 15

static bool is_number(const struct json_object *value)
{
    return json_kind(value) == JSON_INT || json_kind(value) == JSON_REAL;
}

// Of a number or of numeric text.
static bool read_decimal(const struct json_object *value, struct decimal *out)
{
    if (json_kind(value) == JSON_TEXT) {
        return decimal_parse(json_text(value), out);
    }
    if (!is_number(value)) {
        return false;
    }
    AUTO_FREE char *text = json_print(value);
    return decimal_parse(text, out);
}

// Whole numbers beyond 64 bits are written as reals, so that nobody reads them as integers and rounds.
static struct json_object *new_number(const struct decimal *decimal, bool point)
{
    bool is_whole = decimal->point >= (long)decimal->count;
    AUTO_FREE char *text = decimal_print(decimal, point || (is_whole && !decimal_fits_integer(decimal)));
    return json_new_number(text);
}

static struct json_object *whole_number(struct template_filter_use *use, const struct decimal *decimal)
{
    use->wants = "wants a number within 64 bits";
    return decimal_fits_integer(decimal) ? new_number(decimal, false) : NULL;
}

struct json_object *template_number_int(struct template_filter_use *use)
{
    AUTO_DECIMAL struct decimal decimal = {0};
    use->wants = "wants a number, or text that is one";
    if (!read_decimal(use->value, &decimal)) {
        return NULL;
    }
    decimal_cut(&decimal);
    return whole_number(use, &decimal);
}

struct json_object *template_number_round(struct template_filter_use *use)
{
    AUTO_DECIMAL struct decimal decimal = {0};
    use->wants = "wants a number, or text that is one";
    if (!read_decimal(use->value, &decimal)) {
        return NULL;
    }
    int places = use->filter->count > 0 ? (int)json_int(use->filter->args[0]) : 0;
    decimal_round(&decimal, places);
    if (places == 0) {
        return whole_number(use, &decimal);
    }
    use->wants = "wants a number of ordinary size";
    // Above, a double has no digits after the point.
    return decimal.point <= 20 ? new_number(&decimal, true) : NULL;
}

static bool is_finite(const struct decimal *decimal)
{
    AUTO_FREE char *text = decimal_print(decimal, true);
    return isfinite(strtod(text, NULL));
}

struct json_object *template_number_float(struct template_filter_use *use)
{
    if (json_kind(use->value) == JSON_REAL) {
        AUTO_FREE char *text = json_print(use->value);
        if (strchr(text, '.') != NULL) {
            return json_new_number(text);
        }
    }
    AUTO_DECIMAL struct decimal decimal = {0};
    use->wants = "wants a number, or text that is one";
    if (!read_decimal(use->value, &decimal)) {
        return NULL;
    }
    use->wants = "wants a number that a double can hold";
    return is_finite(&decimal) ? new_number(&decimal, true) : NULL;
}

// `to + (value - from) * to_span / span` with one division, at the end. In doubles, 0.29 of 1 would
// be 28.999999999999996 of 100.
static double scaled(const struct decimal *value, const struct decimal range[4])
{
    const struct decimal *from = &range[0];
    const struct decimal *to = &range[2];
    AUTO_DECIMAL struct decimal span = {0};
    AUTO_DECIMAL struct decimal to_span = {0};
    AUTO_DECIMAL struct decimal way = {0};
    AUTO_DECIMAL struct decimal way_scaled = {0};
    AUTO_DECIMAL struct decimal start = {0};
    AUTO_DECIMAL struct decimal sum = {0};
    AUTO_DECIMAL struct decimal result = {0};
    decimal_subtract(&range[1], from, &span);
    decimal_subtract(&range[3], to, &to_span);
    decimal_subtract(value, from, &way);
    decimal_multiply(&way, &to_span, &way_scaled);
    decimal_multiply(to, &span, &start);
    decimal_add(&start, &way_scaled, &sum);
    decimal_divide(&sum, &span, &result);
    AUTO_FREE char *text = decimal_print(&result, true);
    return strtod(text, NULL);
}

// As a double holds them, so that what is computed with has an end.
struct json_object *template_number_scale(struct template_filter_use *use)
{
    use->wants = "wants a number (of text, `float |` before it makes one)";
    if (!is_number(use->value)) {
        return NULL;
    }
    struct decimal range[4];
    AUTO_DECIMAL struct decimal number = {0};
    AUTO_DECIMAL struct decimal decimal = {0};
    decimal_from_double(json_real(use->value), &number);
    for (size_t i = 0; i < COUNT_OF(range); i++) {
        decimal_from_double(json_real(use->filter->args[i]), &range[i]);
    }
    double result = scaled(&number, range);
    for (size_t i = 0; i < COUNT_OF(range); i++) {
        decimal_free(&range[i]);
    }
    use->wants = "wants a number of ordinary size";
    if (!isfinite(result)) {
        return NULL;
    }
    decimal_from_double(result, &decimal);
    return new_number(&decimal, false);
}

static int compare_numbers(const struct json_object *a, const struct json_object *b)
{
    AUTO_DECIMAL struct decimal first = {0};
    AUTO_DECIMAL struct decimal second = {0};
    (void)read_decimal(a, &first);
    (void)read_decimal(b, &second);
    return decimal_compare(&first, &second);
}

struct json_object *template_number_clamp(struct template_filter_use *use)
{
    use->wants = "wants a number (of text, `float |` before it makes one)";
    if (!is_number(use->value)) {
        return NULL;
    }
    if (compare_numbers(use->value, use->filter->args[0]) < 0) {
        return json_copy(use->filter->args[0]);
    }
    if (compare_numbers(use->value, use->filter->args[1]) > 0) {
        return json_copy(use->filter->args[1]);
    }
    return json_copy(use->value);
}

static enum err check_numbers(const struct template_filter *filter, struct diag *diag)
{
    for (size_t i = 0; i < filter->count; i++) {
        if (!is_number(filter->args[i])) {
            return diag_set(diag, ERR_SYNTAX, "its arguments are numbers");
        }
    }
    return ERR_OK;
}

enum err template_number_check_round(const struct template_filter *filter, struct diag *diag)
{
    if (filter->count == 0) {
        return ERR_OK;
    }
    int64_t places = json_int(filter->args[0]);
    if (json_kind(filter->args[0]) != JSON_INT || places < 0 || places > MAX_PLACES) {
        return diag_set(diag, ERR_LIMIT, "its argument is a whole number from 0 to %d", MAX_PLACES);
    }
    return ERR_OK;
}

enum err template_number_check_scale(const struct template_filter *filter, struct diag *diag)
{
    enum err err = check_numbers(filter, diag);
    if (err == ERR_OK && json_real(filter->args[0]) == json_real(filter->args[1])) {
        return diag_set(diag, ERR_REFUSED, "its first two arguments are the same number: nothing to scale from");
    }
    return err;
}

enum err template_number_check_clamp(const struct template_filter *filter, struct diag *diag)
{
    enum err err = check_numbers(filter, diag);
    if (err == ERR_OK && compare_numbers(filter->args[0], filter->args[1]) > 0) {
        return diag_set(diag, ERR_REFUSED, "its first argument is greater than its second");
    }
    return err;
}
