// Decimal numbers as they are written: cut, rounded and printed digit by digit, so that nothing is lost to binary
// floating point. Private to core.
#pragma once

#include <stdbool.h>
#include <stddef.h>

// The value 0.DIGITS times ten to the power of `point`; zero has no digits. No zeros at either end.
struct decimal {
    bool negative;
    char *digits;
    size_t count;
    long point;
};

// Sign, digits with an optional point, an optional exponent; white space around is allowed, leading zeros too. False
// for anything else.
bool decimal_parse(const char *text, struct decimal *out);
// The shortest digits that read back as the same double.
void decimal_from_double(double value, struct decimal *out);
void decimal_free(struct decimal *decimal);

// Toward zero.
void decimal_cut(struct decimal *decimal);
// To `places` digits after the point, half away from zero.
void decimal_round(struct decimal *decimal, int places);
// True if it is a whole number that fits into 64 bits, with or without sign.
bool decimal_fits_integer(const struct decimal *decimal);

// Less than, equal to or greater than 0, as the numbers' order is.
int decimal_compare(const struct decimal *a, const struct decimal *b);

// Exact, however many digits it takes; the caller frees *out.
void decimal_add(const struct decimal *a, const struct decimal *b, struct decimal *out);
void decimal_subtract(const struct decimal *a, const struct decimal *b, struct decimal *out);
void decimal_multiply(const struct decimal *a, const struct decimal *b, struct decimal *out);
// Cut, after many more digits than a double holds. `b` is not zero.
void decimal_divide(const struct decimal *a, const struct decimal *b, struct decimal *out);

// JSON number text, the caller frees it: without an exponent for ordinary magnitudes; `point` forces a decimal point.
char *decimal_print(const struct decimal *decimal, bool point);

static inline void decimal_auto_free(struct decimal *decimal)
{
    decimal_free(decimal);
}
#define AUTO_DECIMAL __attribute__((cleanup(decimal_auto_free)))
