// Schoolbook arithmetic on the digits of decimals.
#include <string.h>

#include "base/mem.h"
#include "core/template/decimal_internal.h"

// Of a quotient, beside the digits of both numbers. A quotient can lie very near to the middle between two doubles: it
// takes 17 digits and those of the divisor to see on which side.
#define EXTRA_DIGITS 40

// The digit that counts ten to the power of `power`.
static int digit_at(const struct decimal *decimal, long power)
{
    long index = decimal->point - 1 - power;
    return index >= 0 && index < (long)decimal->count ? decimal->digits[index] - '0' : 0;
}

static int signed_digit_at(const struct decimal *decimal, long power)
{
    int digit = digit_at(decimal, power);
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
        int sum = signed_digit_at(a, low + (long)i) + signed_digit_at(b, low + (long)i);
        int column = (negative ? -sum : sum) + carry;
        int digit = (column + 20) % 10;
        carry = (column - digit) / 10;
        out->digits[count - 1 - i] = (char)('0' + digit);
    }
    out->digits[count] = '\0';
    decimal_trim_zeros(out);
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
    decimal_trim_zeros(out);
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
    decimal_trim_zeros(out);
}
