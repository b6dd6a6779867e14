// Text that outsiders send: checks, small parsers and encodings. Pure functions, no state.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

// A borrowed piece of text, not NUL-terminated. Print it with "%.*s" and STR_ARG.
struct str {
    const char *data;
    size_t len;
};
#define STR_ARG(s) (int)(s).len, (s).data

static inline bool str_is(struct str s, const char *text)
{
    return __builtin_strlen(text) == s.len && (s.len == 0 || __builtin_memcmp(s.data, text, s.len) == 0);
}

// UTF-8 as RFC 3629 defines it: no overlong forms, no surrogates, nothing above U+10FFFF. NUL is valid UTF-8; callers
// that forbid it check for it.
bool str_utf8_valid(const char *data, size_t len);
// Length of the UTF-8 character that the text begins with; 0 if it begins with none.
size_t str_utf8_character(const char *data, size_t len);
// True if the text holds a C0 or C1 control character or DEL (U+0000-1F, U+7F-9F).
bool str_has_control(const char *data, size_t len);
// True if valid UTF-8 holds a noncharacter (U+FDD0-FDEF, and the last two code points of each plane): MQTT advises
// against them (section 1.5.4), and brokers end a connection that sends one (Mosquitto does).
bool str_has_noncharacter(const char *data, size_t len);
// Length of the character that the text begins with, and its code, if it does more on a terminal than to show itself:
// control characters, and those that end a line or turn the direction of writing (U+061C, U+200E-F, U+2028-2E,
// U+2066-69), so that what is read is not what is there; else 0.
size_t str_unshowable(const char *data, size_t len, unsigned *code);
// The first character that looks like a straight quote and is none (U+2018 to U+201F, « and »), or like a space or
// nothing at all (no-break, zero-width and wide spaces, U+FEFF). NULL if there is none; *code is its code point.
const char *str_find_odd_quote(const char *text, size_t len, unsigned *code);
const char *str_find_odd_space(const char *text, size_t len, unsigned *code);
// Shell-like glob without character classes: '*' any text, '?' one UTF-8 character; case counts. Linear space, no
// recursion.
bool str_glob(const char *pattern, const char *text, size_t text_len);
// Edit distance (insert, delete, replace, swap of neighbours cost 1 each); texts above 64 bytes give SIZE_MAX.
size_t str_distance(const char *a, const char *b);
// `words` ends with NULL.
bool str_is_one_of(const char *text, const char *const *words);
// Likewise, whatever the case of ASCII letters.
bool str_is_one_of_folded(const char *text, const char *const *words);

// "250ms", "12s", "5m", "1h", "2d"; the unit is required unless the number is 0. Result in milliseconds, at most 10
// years.
enum err str_parse_duration_ms(const char *text, int64_t *ms) MUST_CHECK;
// "512", "64KiB", "64MiB", "1GiB": bytes.
enum err str_parse_size(const char *text, int64_t *bytes) MUST_CHECK;
// "500/s", "20/m": events per second, above 0.
enum err str_parse_rate(const char *text, double *per_second) MUST_CHECK;
// The whole text is a decimal integer with optional sign, within int64.
enum err str_parse_int(const char *text, int64_t *value) MUST_CHECK;

// Percent-encoding of the platform's signature (RFC 3986 unreserved characters stay, the rest is %XX in upper case).
void str_percent_encode(struct buf *out, const char *data, size_t len);
void str_hex_encode(struct buf *out, const void *data, size_t len);
