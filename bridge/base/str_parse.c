// The small parsers of str.h: numbers with a unit, as they are in configuration and payloads.
#include "base/str.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_DURATION_MS (10LL * 365 * 24 * 60 * 60 * 1000)

struct number_unit {
    const char *name;
    int64_t factor;
};

// Reads the digits at the start of `text`; *rest is what follows them.
static enum err parse_digits(const char *text, int64_t *value, const char **rest)
{
    int64_t sum = 0;
    bool overflow = false;
    const char *end = text;
    for (; *end >= '0' && *end <= '9'; end++) {
        overflow |= __builtin_mul_overflow(sum, 10, &sum) || __builtin_add_overflow(sum, *end - '0', &sum);
    }
    if (end == text) {
        return ERR_SYNTAX;
    }
    *value = sum;
    *rest = end;
    return overflow ? ERR_LIMIT : ERR_OK;
}

static const struct number_unit *find_unit(const struct number_unit *units, const char *name)
{
    for (; units->name != NULL; units++) {
        if (strcmp(units->name, name) == 0) {
            return units;
        }
    }
    return NULL;
}

static enum err parse_with_unit(const char *text, const struct number_unit *units, int64_t max, int64_t *out)
{
    int64_t number = 0;
    const char *rest = NULL;
    enum err err = parse_digits(text, &number, &rest);
    if (err == ERR_SYNTAX) {
        return err;
    }
    const struct number_unit *unit = find_unit(units, rest);
    if (unit == NULL && !(number == 0 && err == ERR_OK && *rest == '\0')) {
        return ERR_SYNTAX;
    }
    int64_t value = 0;
    if (err != ERR_OK || (unit != NULL && __builtin_mul_overflow(number, unit->factor, &value)) || value > max) {
        return ERR_LIMIT;
    }
    *out = value;
    return ERR_OK;
}

enum err str_parse_duration_ms(const char *text, int64_t *ms)
{
    static const struct number_unit units[] = {{"ms", 1},      {"s", 1000},     {"m", 60000},
                                               {"h", 3600000}, {"d", 86400000}, {NULL, 0}};
    return parse_with_unit(text, units, MAX_DURATION_MS, ms);
}

enum err str_parse_size(const char *text, int64_t *bytes)
{
    static const struct number_unit units[] = {
        {"", 1}, {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {NULL, 0}};
    return parse_with_unit(text, units, INT64_MAX, bytes);
}

enum err str_parse_rate(const char *text, double *per_second)
{
    static const struct number_unit units[] = {{"/s", 1}, {"/m", 60}, {"/h", 3600}, {NULL, 0}};
    size_t len = strspn(text, "0123456789");
    size_t fraction = text[len] == '.' ? strspn(text + len + 1, "0123456789") : 0;
    if (len == 0 || (text[len] == '.' && fraction == 0)) {
        return ERR_SYNTAX;
    }
    size_t end = text[len] == '.' ? len + 1 + fraction : len;
    const struct number_unit *unit = find_unit(units, text + end);
    if (unit == NULL) {
        return ERR_SYNTAX;
    }
    if (end > 18) {
        return ERR_LIMIT;
    }
    double number = strtod(text, NULL);
    if (number <= 0) {
        return ERR_LIMIT;
    }
    *per_second = number / (double)unit->factor;
    return ERR_OK;
}

enum err str_parse_int(const char *text, int64_t *value)
{
    const char *digits = *text == '-' || *text == '+' ? text + 1 : text;
    if (*digits == '\0' || digits[strspn(digits, "0123456789")] != '\0') {
        return ERR_SYNTAX;
    }
    errno = 0;
    long long number = strtoll(text, NULL, 10);
    if (errno == ERANGE) {
        return ERR_LIMIT;
    }
    *value = number;
    return ERR_OK;
}
