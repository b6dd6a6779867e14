// Digits are kept as text behind "0." with a power of ten, without zeros at either end, so that cutting, rounding and
// comparing work on texts; arithmetic is that of school. Text is printed without an exponent between 10^-6 and 10^21,
// as JavaScript does, else in scientific form.
#include "core/template/decimal.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

#define SPACE        " \t\r\n\v\f"
#define EXPONENT_MAX 100000000L

// Largest and smallest power of ten that is written without an exponent.
#define PLAIN_MAX_POINT 21
#define PLAIN_MIN_POINT (-6)

// Of a quotient, beside the digits of both numbers. A quotient can lie very near to the middle between two doubles: it
// takes 17 digits and those of the divisor to see on which side.
#define EXTRA_DIGITS 40

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

// Appends the digits at *at to `out` and returns their count.
static size_t take_digits(const char **at, struct buf *out)
{
    const char *start = *at;
    while (is_digit(**at)) {
        (*at)++;
    }
    buf_append(out, start, (size_t)(*at - start));
    return (size_t)(*at - start);
}

static bool take_exponent(const char **at, long *exponent)
{
    *exponent = 0;
    if (**at != 'e' && **at != 'E') {
        return true;
    }
    (*at)++;
    bool negative = **at == '-';
    if (**at == '-' || **at == '+') {
        (*at)++;
    }
    if (!is_digit(**at)) {
        return false;
    }
    for (; is_digit(**at); (*at)++) {
        if (*exponent < EXPONENT_MAX) {
            *exponent = *exponent * 10 + (**at - '0');
        }
    }
    *exponent = negative ? -*exponent : *exponent;
    return true;
}

// Takes the zeros at both ends away, and the sign of zero.
static void trim_zeros(struct decimal *decimal)
{
    size_t leading = strspn(decimal->digits, "0");
    decimal->count -= leading;
    decimal->point -= (long)leading;
    memmove(decimal->digits, decimal->digits + leading, decimal->count + 1);
    while (decimal->count > 0 && decimal->digits[decimal->count - 1] == '0') {
        decimal->digits[--decimal->count] = '\0';
    }
    if (decimal->count == 0) {
        decimal->point = 0;
        decimal->negative = false;
    }
}

bool decimal_parse(const char *text, struct decimal *out)
{
    const char *at = text + strspn(text, SPACE);
    bool negative = *at == '-';
    if (*at == '-' || *at == '+') {
        at++;
    }
    AUTO_BUF struct buf digits = {0};
    size_t whole = take_digits(&at, &digits);
    if (*at == '.') {
        at++;
        take_digits(&at, &digits);
    }
    long exponent;
    if (digits.len == 0 || !take_exponent(&at, &exponent) || at[strspn(at, SPACE)] != '\0') {
        return false;
    }
    size_t count = digits.len;
    *out = (struct decimal){negative, buf_steal(&digits), count, (long)whole + exponent};
    trim_zeros(out);
    return true;
}

void decimal_from_double(double value, struct decimal *out)
{
    char text[40];
    // Up to 15 digits a decimal survives the way through a double, so shorter ones show as zeros at the end. Subnormal
    // doubles hold fewer.
    for (int digits = fabs(value) < DBL_MIN ? 1 : 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*e", digits - 1, value);
        if (strtod(text, NULL) == value) {
            break;
        }
    }
    if (!decimal_parse(text, out)) {
        *out = (struct decimal){.digits = mem_strdup("")};
    }
}

void decimal_free(struct decimal *decimal)
{
    free(decimal->digits);
    *decimal = (struct decimal){0};
}

static void keep_digits(struct decimal *decimal, long keep)
{
    if (keep < (long)decimal->count) {
        decimal->count = keep > 0 ? (size_t)keep : 0;
        decimal->digits[decimal->count] = '\0';
    }
}

void decimal_cut(struct decimal *decimal)
{
    keep_digits(decimal, decimal->point);
    trim_zeros(decimal);
}

// Adds one to the digit before `end`; a carry out of the first digit makes the number one digit longer.
static void add_one(struct decimal *decimal, size_t end)
{
    size_t i = end;
    while (i > 0 && decimal->digits[i - 1] == '9') {
        decimal->digits[--i] = '0';
    }
    if (i > 0) {
        decimal->digits[i - 1]++;
        return;
    }
    char *longer = mem_printf("1%s", decimal->digits);
    free(decimal->digits);
    decimal->digits = longer;
    decimal->count++;
    decimal->point++;
}

void decimal_round(struct decimal *decimal, int places)
{
    long keep = decimal->point + places;
    if (keep >= (long)decimal->count) {
        return;
    }
    bool up = keep >= 0 && decimal->digits[keep] >= '5';
    keep_digits(decimal, keep);
    if (up) {
        add_one(decimal, decimal->count);
    }
    trim_zeros(decimal);
}

bool decimal_fits_integer(const struct decimal *decimal)
{
    const char *limit = decimal->negative ? "9223372036854775808" : "18446744073709551615";
    long limit_count = (long)strlen(limit);
    if (decimal->point < (long)decimal->count || decimal->point > limit_count) {
        return false;
    }
    if (decimal->point < limit_count) {
        return true;
    }
    char padded[24];
    snprintf(padded, sizeof padded, "%s", decimal->digits);
    memset(padded + decimal->count, '0', (size_t)limit_count - decimal->count);
    return memcmp(padded, limit, (size_t)limit_count) <= 0;
}

// The digits are those behind "0.", without zeros at their end, so the order of the texts is that of the numbers.
static int compare_magnitude(const struct decimal *a, const struct decimal *b)
{
    if (a->count == 0 || b->count == 0) {
        return (a->count > 0) - (b->count > 0);
    }
    return a->point != b->point ? (a->point > b->point) - (a->point < b->point) : strcmp(a->digits, b->digits);
}

int decimal_compare(const struct decimal *a, const struct decimal *b)
{
    if (a->negative != b->negative) {
        return a->negative ? -1 : 1;
    }
    return a->negative ? compare_magnitude(b, a) : compare_magnitude(a, b);
}

static void append_zeros(struct buf *out, long count)
{
    for (; count > 0; count--) {
        buf_char(out, '0');
    }
}

static void print_plain(const struct decimal *decimal, bool point, struct buf *out)
{
    size_t whole = decimal->point <= 0 ? 0 : (size_t)decimal->point;
    size_t shown = whole < decimal->count ? whole : decimal->count;
    buf_append(out, decimal->digits, shown);
    append_zeros(out, whole == 0 ? 1 : (long)(whole - shown));
    if (decimal->count > shown) {
        buf_char(out, '.');
        append_zeros(out, -decimal->point);
        buf_append(out, decimal->digits + shown, decimal->count - shown);
    } else if (point) {
        buf_text(out, ".0");
    }
}

static void print_scientific(const struct decimal *decimal, bool point, struct buf *out)
{
    buf_char(out, decimal->digits[0]);
    if (decimal->count > 1) {
        buf_printf(out, ".%s", decimal->digits + 1);
    } else if (point) {
        buf_text(out, ".0");
    }
    buf_printf(out, "e%ld", decimal->point - 1);
}

char *decimal_print(const struct decimal *decimal, bool point)
{
    AUTO_BUF struct buf out = {0};
    buf_text(&out, decimal->negative ? "-" : "");
    bool plain = decimal->point <= PLAIN_MAX_POINT && decimal->point >= PLAIN_MIN_POINT;
    (plain ? print_plain : print_scientific)(decimal, point, &out);
    return buf_steal(&out);
}

// ---- arithmetic

// The digit that counts ten to the power of `power`, with the number's sign.
static int digit_at(const struct decimal *decimal, long power)
{
    long index = decimal->point - 1 - power;
    int digit = index >= 0 && index < (long)decimal->count ? decimal->digits[index] - '0' : 0;
    return decimal->negative ? -digit : digit;
}

static long lowest_power(const struct decimal *decimal)
{
    return decimal->point - (long)decimal->count;
}

static struct decimal negated(const struct decimal *decimal)
{
    struct decimal result = *decimal;
    result.negative = !decimal->negative && decimal->count > 0;
    return result;
}

void decimal_add(const struct decimal *a, const struct decimal *b, struct decimal *out)
{
    long low = lowest_power(a) < lowest_power(b) ? lowest_power(a) : lowest_power(b);
    long high = a->point > b->point ? a->point : b->point; // the carry's
    struct decimal minus_b = negated(b);
    bool negative = decimal_compare(a, &minus_b) < 0;
    size_t count = (size_t)(high - low + 1);
    *out = (struct decimal){negative, mem_alloc(count + 1), count, high + 1};
    int carry = 0;
    for (size_t i = 0; i < count; i++) {
        int sum = digit_at(a, low + (long)i) + digit_at(b, low + (long)i);
        int column = (negative ? -sum : sum) + carry;
        int digit = (column + 20) % 10;
        carry = (column - digit) / 10;
        out->digits[count - 1 - i] = (char)('0' + digit);
    }
    out->digits[count] = '\0';
    trim_zeros(out);
}

void decimal_subtract(const struct decimal *a, const struct decimal *b, struct decimal *out)
{
    struct decimal minus_b = negated(b);
    decimal_add(a, &minus_b, out);
}

void decimal_multiply(const struct decimal *a, const struct decimal *b, struct decimal *out)
{
    size_t count = a->count + b->count;
    *out = (struct decimal){a->negative != b->negative, mem_alloc(count + 1), count, a->point + b->point};
    memset(out->digits, '0', count);
    out->digits[count] = '\0';
    for (size_t i = a->count; i > 0; i--) {
        int carry = 0;
        for (size_t k = b->count; k > 0; k--) {
            char *place = &out->digits[i + k - 1];
            int column = *place - '0' + (a->digits[i - 1] - '0') * (b->digits[k - 1] - '0') + carry;
            *place = (char)('0' + column % 10);
            carry = column / 10;
        }
        out->digits[i - 1] = (char)('0' + carry);
    }
    trim_zeros(out);
}

// Takes `amount` off `rest`, both of `count` digits, as often as it goes.
static int take_off(char *rest, const char *amount, size_t count)
{
    int times = 0;
    for (; memcmp(rest, amount, count) >= 0; times++) {
        int borrow = 0;
        for (size_t i = count; i > 0; i--) {
            int column = rest[i - 1] - amount[i - 1] - borrow;
            borrow = column < 0;
            rest[i - 1] = (char)('0' + column + 10 * borrow);
        }
    }
    return times;
}

void decimal_divide(const struct decimal *a, const struct decimal *b, struct decimal *out)
{
    size_t width = b->count + 1;
    size_t count = a->count + 2 * b->count + EXTRA_DIGITS;
    AUTO_FREE char *divisor = mem_printf("0%s", b->digits);
    AUTO_FREE char *rest = mem_printf("%0*d", (int)width, 0);
    long point = a->point - b->point + (long)b->count;
    *out = (struct decimal){a->negative != b->negative, mem_alloc(count + 1), count, point};
    memset(out->digits, '0', count);
    for (size_t i = 0; i < count && (i < a->count || strspn(rest, "0") < width); i++) {
        memmove(rest, rest + 1, width - 1);
        rest[width - 1] = i < a->count ? a->digits[i] : '0';
        out->digits[i] = (char)('0' + take_off(rest, divisor, width));
    }
    trim_zeros(out);
}
