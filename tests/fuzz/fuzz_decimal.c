// Decimal numbers: a whole number of up to 64 bits and a power of ten, cut and rounded as __int128 computes it; two
// whole numbers, computed with as __int128 and double do; and any text that is a number, printed and read again.
#include "fuzz.h"

#include <math.h>

#include "core/template/decimal.h"

#define MAX_SHIFT 18 // so that 10^MAX_SHIFT * 2^63 fits into 128 bits
// Further out exponents are no longer told apart, as no number of the platform's is there.
#define MAX_POINT 99000000

struct number {
    int64_t digits;
    int power; // of ten
};

static __int128 power_of_ten(int power)
{
    __int128 result = 1;
    while (power-- > 0) {
        result *= 10;
    }
    return result;
}

static char *print_scaled(__int128 value, int power)
{
    char digits[48];
    char *at = digits + sizeof digits - 1;
    *at = '\0';
    bool negative = value < 0;
    unsigned __int128 left = negative ? -(unsigned __int128)value : (unsigned __int128)value;
    do {
        *--at = (char)('0' + (int)(left % 10));
        left /= 10;
    } while (left > 0);
    return mem_printf("%s%se%d", negative ? "-" : "", at, power);
}

static struct decimal must_parse(const char *text)
{
    struct decimal decimal;
    MUST(decimal_parse(text, &decimal));
    return decimal;
}

// Prints and reads it again, both ways.
static void must_print(const struct decimal *decimal)
{
    for (int point = 0; point <= 1; point++) {
        AUTO_FREE char *text = decimal_print(decimal, point);
        AUTO_DECIMAL struct decimal again = must_parse(text);
        MUST(decimal_compare(decimal, &again) == 0 || labs(decimal->point) > MAX_POINT);
        MUST(!point || strchr(text, '.') != NULL);
        struct diag diag;
        enum err err = json_check(text, strlen(text), &(struct json_limits){1}, &diag);
        MUST(err == ERR_OK || err == ERR_LIMIT);
    }
}

static void must_equal(const struct decimal *decimal, __int128 value, int power)
{
    AUTO_FREE char *text = print_scaled(value, power);
    AUTO_DECIMAL struct decimal expected = must_parse(text);
    MUST(decimal_compare(decimal, &expected) == 0);
    must_print(decimal);
}

static void check_cut(const char *text, struct number number)
{
    AUTO_DECIMAL struct decimal decimal = must_parse(text);
    decimal_cut(&decimal);
    __int128 whole = number.power >= 0 ? (__int128)number.digits * power_of_ten(number.power)
                                       : (__int128)number.digits / power_of_ten(-number.power);
    must_equal(&decimal, whole, 0);
    MUST(decimal_fits_integer(&decimal) == (whole >= INT64_MIN && whole <= (__int128)UINT64_MAX));
}

static void check_round(const char *text, struct number number, int places)
{
    AUTO_DECIMAL struct decimal decimal = must_parse(text);
    decimal_round(&decimal, places);
    int drop = -number.power - places; // digits that go
    if (drop <= 0) {
        must_equal(&decimal, number.digits, number.power);
        return;
    }
    __int128 unit = power_of_ten(drop);
    __int128 half = number.digits < 0 ? -(unit / 2) : unit / 2;
    must_equal(&decimal, ((__int128)number.digits + half) / unit, -places);
}

static void check_arithmetic(int64_t a, int64_t b)
{
    AUTO_FREE char *text_a = print_scaled(a, 0);
    AUTO_FREE char *text_b = print_scaled(b, 0);
    AUTO_DECIMAL struct decimal decimal_a = must_parse(text_a);
    AUTO_DECIMAL struct decimal decimal_b = must_parse(text_b);
    AUTO_DECIMAL struct decimal sum = {0};
    AUTO_DECIMAL struct decimal difference = {0};
    AUTO_DECIMAL struct decimal product = {0};
    AUTO_DECIMAL struct decimal quotient = {0};
    decimal_add(&decimal_a, &decimal_b, &sum);
    decimal_subtract(&decimal_a, &decimal_b, &difference);
    decimal_multiply(&decimal_a, &decimal_b, &product);
    must_equal(&sum, (__int128)a + b, 0);
    must_equal(&difference, (__int128)a - b, 0);
    must_equal(&product, (__int128)a * b, 0);
    if (b != 0) {
        decimal_divide(&product, &decimal_b, &quotient);
        must_equal(&quotient, a, 0);
    }
}

// To the nearest double, as the machine divides; up to 2^53 the operands are exact.
static void check_quotient(int64_t a, int64_t b)
{
    if (b == 0) {
        return;
    }
    AUTO_FREE char *text_a = print_scaled(a, 0);
    AUTO_FREE char *text_b = print_scaled(b, 0);
    AUTO_DECIMAL struct decimal decimal_a = must_parse(text_a);
    AUTO_DECIMAL struct decimal decimal_b = must_parse(text_b);
    AUTO_DECIMAL struct decimal quotient = {0};
    decimal_divide(&decimal_a, &decimal_b, &quotient);
    AUTO_FREE char *text = decimal_print(&quotient, true);
    MUST(strtod(text, NULL) == (double)a / (double)b);
}

static void check_double(double value)
{
    AUTO_DECIMAL struct decimal decimal = {0};
    if (!isfinite(value)) {
        return;
    }
    decimal_from_double(value, &decimal);
    AUTO_FREE char *text = decimal_print(&decimal, true);
    MUST(strtod(text, NULL) == value);
    must_print(&decimal);
}

static void check_text(const char *text)
{
    struct decimal decimal;
    if (!decimal_parse(text, &decimal)) {
        return;
    }
    must_print(&decimal);
    decimal_round(&decimal, 3);
    must_print(&decimal);
    decimal_cut(&decimal);
    must_print(&decimal);
    decimal_free(&decimal);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_FREE char *given = mem_dup(data, size);
    check_text(given);
    struct number number = {0};
    int64_t other = 0;
    double real = 0;
    if (size < sizeof number.digits + 2) {
        return 0;
    }
    memcpy(&number.digits, data, sizeof number.digits);
    memcpy(&real, data, sizeof real);
    number.power = data[8] % (2 * MAX_SHIFT + 1) - MAX_SHIFT;
    AUTO_FREE char *text = print_scaled(number.digits, number.power);
    check_cut(text, number);
    check_round(text, number, data[9] % 3);
    check_double(real);
    memcpy(&other, data + 2, sizeof other);
    other >>= data[9] % 53;
    check_arithmetic(number.digits, other);
    check_quotient(number.digits >> 11, other >> 11);
    return 0;
}
