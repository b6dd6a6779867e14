// UTF-8 is checked by the table of RFC 3629 (no overlong forms, no surrogates). What must not be shown, and quotes or
// spaces that look like others, are found by code point. The distance of two words counts exchanged neighbours as one
// step, and is computed in three rows.
#include "base/str.h"

#include <string.h>
#include <strings.h>

static bool is_continuation(unsigned char byte)
{
    return (byte & 0xC0) == 0x80;
}

static bool in_range(unsigned char byte, unsigned char low, unsigned char high)
{
    return byte >= low && byte <= high;
}

// Table 3-7 of the Unicode standard: the first continuation byte is narrowed after E0, ED, F0 and F4, which excludes
// overlong forms, surrogates and code points above U+10FFFF.
static bool second_byte_valid(unsigned char first, unsigned char second)
{
    switch (first) {
    case 0xE0:
        return in_range(second, 0xA0, 0xBF);
    case 0xED:
        return in_range(second, 0x80, 0x9F);
    case 0xF0:
        return in_range(second, 0x90, 0xBF);
    case 0xF4:
        return in_range(second, 0x80, 0x8F);
    default:
        return is_continuation(second);
    }
}

static size_t sequence_len(unsigned char first)
{
    if (first < 0x80) {
        return 1;
    }
    if (in_range(first, 0xC2, 0xDF)) {
        return 2;
    }
    if (in_range(first, 0xE0, 0xEF)) {
        return 3;
    }
    return in_range(first, 0xF0, 0xF4) ? 4 : 0;
}

size_t str_utf8_character(const char *data, size_t len)
{
    const unsigned char *bytes = (const unsigned char *)data;
    size_t count = len > 0 ? sequence_len(bytes[0]) : 0;
    if (count == 0 || count > len || (count > 1 && !second_byte_valid(bytes[0], bytes[1]))) {
        return 0;
    }
    for (size_t k = 2; k < count; k++) {
        if (!is_continuation(bytes[k])) {
            return 0;
        }
    }
    return count;
}

bool str_utf8_valid(const char *data, size_t len)
{
    size_t i = 0;
    for (size_t count; i < len; i += count) {
        count = str_utf8_character(data + i, len - i);
        if (count == 0) {
            return false;
        }
    }
    return true;
}

bool str_has_control(const char *data, size_t len)
{
    const unsigned char *bytes = (const unsigned char *)data;
    for (size_t i = 0; i < len; i++) {
        bool c1 = bytes[i] == 0xC2 && i + 1 < len && in_range(bytes[i + 1], 0x80, 0x9F);
        if (bytes[i] < 0x20 || bytes[i] == 0x7F || c1) {
            return true;
        }
    }
    return false;
}

bool str_has_noncharacter(const char *data, size_t len)
{
    const unsigned char *bytes = (const unsigned char *)data;
    for (size_t i = 2; i < len; i++) {
        bool fdd0_to_fdef = bytes[i - 2] == 0xEF && bytes[i - 1] == 0xB7 && in_range(bytes[i], 0x90, 0xAF);
        bool ends_plane = bytes[i - 1] == 0xBF && in_range(bytes[i], 0xBE, 0xBF);
        bool plane_0 = ends_plane && bytes[i - 2] == 0xEF;
        bool other_plane = ends_plane && i >= 3 && bytes[i - 3] >= 0xF0 && (bytes[i - 2] & 0x0F) == 0x0F;
        if (fdd0_to_fdef || plane_0 || other_plane) {
            return true;
        }
    }
    return false;
}

static bool is_unshowable(unsigned code)
{
    return code < 0x20 || (code >= 0x7F && code <= 0x9F) || code == 0x061C || code == 0x200E || code == 0x200F ||
           (code >= 0x2028 && code <= 0x202E) || (code >= 0x2066 && code <= 0x2069);
}

// The code point of a UTF-8 character of `len` bytes.
static unsigned code_of(const char *text, size_t len)
{
    static const unsigned char lead_bits[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    unsigned code = (unsigned char)text[0] & lead_bits[len];
    for (size_t i = 1; i < len; i++) {
        code = code << 6 | ((unsigned char)text[i] & 0x3FU);
    }
    return code;
}

size_t str_unshowable(const char *data, size_t len, unsigned *code)
{
    size_t count = str_utf8_character(data, len);
    if (count == 0) {
        return 0;
    }
    *code = code_of(data, count);
    return is_unshowable(*code) ? count : 0;
}

static bool is_odd_quote(unsigned code)
{
    return (code >= 0x2018 && code <= 0x201F) || code == 0xAB || code == 0xBB;
}

static bool is_odd_space(unsigned code)
{
    return code == 0xA0 || (code >= 0x2000 && code <= 0x200D) || code == 0x202F || code == 0x205F || code == 0x2060 ||
           code == 0x3000 || code == 0xFEFF;
}

static const char *find_code(const char *text, size_t len, bool (*is_sought)(unsigned), unsigned *code)
{
    for (size_t i = 0, count = 0; i < len; i += count == 0 ? 1 : count) {
        count = str_utf8_character(text + i, len - i);
        unsigned found = count > 0 ? code_of(text + i, count) : 0;
        if (is_sought(found)) {
            *code = found;
            return text + i;
        }
    }
    return NULL;
}

const char *str_find_odd_quote(const char *text, size_t len, unsigned *code)
{
    return find_code(text, len, is_odd_quote, code);
}

const char *str_find_odd_space(const char *text, size_t len, unsigned *code)
{
    return find_code(text, len, is_odd_space, code);
}

// Index after the character at `i`. Invalid UTF-8 is walked through without leaving the text.
static size_t next_character(const char *text, size_t len, size_t i)
{
    i++;
    while (i < len && is_continuation((unsigned char)text[i])) {
        i++;
    }
    return i;
}

bool str_glob(const char *pattern, const char *text, size_t text_len)
{
    const char *after_star = NULL;
    size_t star_at = 0;
    size_t i = 0;
    while (i < text_len) {
        if (*pattern == '*') {
            after_star = ++pattern;
            star_at = i;
        } else if (*pattern == '?') {
            pattern++;
            i = next_character(text, text_len, i);
        } else if (*pattern == text[i] && *pattern != '\0') {
            pattern++;
            i++;
        } else if (after_star != NULL) {
            // Only the last '*' ever needs to take more: what earlier ones took already fits.
            pattern = after_star;
            star_at = next_character(text, text_len, star_at);
            i = star_at;
        } else {
            return false;
        }
    }
    while (*pattern == '*') {
        pattern++;
    }
    return *pattern == '\0';
}

#define DISTANCE_MAX_LEN 64

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t str_distance(const char *a, const char *b)
{
    size_t a_len = strnlen(a, DISTANCE_MAX_LEN + 1);
    size_t b_len = strnlen(b, DISTANCE_MAX_LEN + 1);
    if (a_len > DISTANCE_MAX_LEN || b_len > DISTANCE_MAX_LEN) {
        return SIZE_MAX;
    }
    size_t rows[3][DISTANCE_MAX_LEN + 1];
    for (size_t k = 0; k <= b_len; k++) {
        rows[0][k] = k;
    }
    for (size_t i = 1; i <= a_len; i++) {
        size_t *row = rows[i % 3];
        const size_t *above = rows[(i + 2) % 3];
        const size_t *two_above = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t k = 1; k <= b_len; k++) {
            row[k] = least(least(above[k], row[k - 1]) + 1, above[k - 1] + (a[i - 1] != b[k - 1]));
            if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1]) {
                row[k] = least(row[k], two_above[k - 2] + 1);
            }
        }
    }
    return rows[a_len % 3][b_len];
}

bool str_is_one_of(const char *text, const char *const *words)
{
    while (*words != NULL && strcmp(text, *words) != 0) {
        words++;
    }
    return *words != NULL;
}

bool str_is_one_of_folded(const char *text, const char *const *words)
{
    while (*words != NULL && strcasecmp(text, *words) != 0) {
        words++;
    }
    return *words != NULL;
}

void str_percent_encode(struct buf *out, const char *data, size_t len)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < len; i++) {
        unsigned char byte = (unsigned char)data[i];
        bool letter = in_range(byte, 'A', 'Z') || in_range(byte, 'a', 'z');
        bool mark = byte == '-' || byte == '_' || byte == '.' || byte == '~';
        if (letter || mark || in_range(byte, '0', '9')) {
            buf_char(out, (char)byte);
        } else {
            buf_append(out, (const char[]){'%', digits[byte >> 4], digits[byte & 15]}, 3);
        }
    }
}

void str_hex_encode(struct buf *out, const void *data, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *bytes = data;
    for (size_t i = 0; i < len; i++) {
        buf_append(out, (const char[]){digits[bytes[i] >> 4], digits[bytes[i] & 15]}, 2);
    }
}
