// The strict check that outside text passes before json-c sees it.
#include "base/json/json_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

struct json_checker {
    const char *start;
    const char *at;
    const char *end;
    const char *quoted; // up to here the text is in rules->quoted
    size_t depth;
    const struct json_rules *rules;
    struct diag *diag;
};

// "JSON, byte 17: WHAT"; `at` is where it is wrong.
static enum err refuse_at(struct json_checker *checker, enum err err, const char *at, const char *what)
{
    return diag_set(checker->diag, err, "JSON, byte %zu: %s", (size_t)(at - checker->start) + 1, what);
}

static enum err refuse(struct json_checker *checker, const char *what)
{
    if (checker->at == checker->end) {
        what = "the text ends too early";
    }
    return refuse_at(checker, ERR_SYNTAX, checker->at, what);
}

// The next byte, or -1 at the end.
static int peek(const struct json_checker *checker)
{
    return checker->at == checker->end ? -1 : (unsigned char)*checker->at;
}

static bool take(struct json_checker *checker, char c)
{
    if (peek(checker) != c) {
        return false;
    }
    checker->at++;
    return true;
}

static void skip_space(struct json_checker *checker)
{
    while (take(checker, ' ') || take(checker, '\n') || take(checker, '\r') || take(checker, '\t')) {
    }
}

static bool take_digits(struct json_checker *checker)
{
    const char *before = checker->at;
    while (peek(checker) >= '0' && peek(checker) <= '9') {
        checker->at++;
    }
    return checker->at > before;
}

static bool integer_fits(const char *text, size_t len)
{
    bool negative = *text == '-';
    const char *limit = negative ? "9223372036854775808" : "18446744073709551615";
    const char *digits = text + negative;
    size_t count = len - negative;
    size_t limit_count = strlen(limit);
    return count < limit_count || (count == limit_count && memcmp(digits, limit, count) <= 0);
}

static bool real_fits(const char *text, size_t len)
{
    // Without an exponent, fewer than 300 digits cannot exceed DBL_MAX (about 1.8e308).
    if (len < 300 && memchr(text, 'e', len) == NULL && memchr(text, 'E', len) == NULL) {
        return true;
    }
    AUTO_FREE char *copy = mem_dup(text, len);
    return isfinite(strtod(copy, NULL));
}

static void quote(struct json_checker *checker, const char *text)
{
    struct buf *out = checker->rules->quoted;
    buf_append(out, checker->quoted, (size_t)(text - checker->quoted));
    buf_printf(out, "\"%.*s\"", (int)(checker->at - text), text);
    checker->quoted = checker->at;
}

static enum err check_number_range(struct json_checker *checker, const char *text, bool integer)
{
    size_t len = (size_t)(checker->at - text);
    if (checker->rules->any_number || (integer ? integer_fits(text, len) : real_fits(text, len))) {
        return ERR_OK;
    }
    if (checker->rules->quoted != NULL) {
        quote(checker, text);
        return ERR_OK;
    }
    return refuse_at(checker, ERR_LIMIT, text,
                     integer ? "the number does not fit into 64 bits" : "the number is too large");
}

static enum err check_number(struct json_checker *checker)
{
    const char *text = checker->at;
    bool integer = true;
    take(checker, '-');
    if (take(checker, '0')) {
        if (take_digits(checker)) {
            return refuse_at(checker, ERR_SYNTAX, text, "a number may not begin with 0");
        }
    } else if (!take_digits(checker)) {
        return refuse(checker, "a digit is missing");
    }
    if (take(checker, '.')) {
        integer = false;
        if (!take_digits(checker)) {
            return refuse(checker, "a digit is missing after the decimal point");
        }
    }
    if (take(checker, 'e') || take(checker, 'E')) {
        integer = false;
        if (!take(checker, '+')) {
            take(checker, '-');
        }
        if (!take_digits(checker)) {
            return refuse(checker, "a digit is missing in the exponent");
        }
    }
    return check_number_range(checker, text, integer);
}

static int hex_digit(int c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

// Four hex digits after \u; -1 if they are not there.
static long take_hex4(struct json_checker *checker)
{
    long value = 0;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(peek(checker));
        if (digit < 0) {
            return -1;
        }
        value = value * 16 + digit;
        checker->at++;
    }
    return value;
}

static enum err check_unicode_escape(struct json_checker *checker)
{
    const char *escape = checker->at - 2;
    long unit = take_hex4(checker);
    if (unit < 0) {
        return refuse(checker, "\\u needs four hexadecimal digits");
    }
    if (unit == 0) {
        return refuse_at(checker, ERR_SYNTAX, escape, "NUL is not allowed in text");
    }
    if (unit < 0xD800 || unit > 0xDFFF) {
        return ERR_OK;
    }
    if (unit <= 0xDBFF && take(checker, '\\') && take(checker, 'u')) {
        long low = take_hex4(checker);
        if (low >= 0xDC00 && low <= 0xDFFF) {
            return ERR_OK;
        }
    }
    return refuse_at(checker, ERR_SYNTAX, escape, "a surrogate without its other half");
}

static enum err check_escape(struct json_checker *checker)
{
    if (take(checker, 'u')) {
        return check_unicode_escape(checker);
    }
    int c = peek(checker);
    if (c <= 0 || strchr("\"\\/bfnrt", c) == NULL) {
        return refuse(checker, "unknown escape in text");
    }
    checker->at++;
    return ERR_OK;
}

// After the opening quote.
static enum err check_text(struct json_checker *checker)
{
    const char *text = checker->at;
    while (!take(checker, '"')) {
        int c = peek(checker);
        if (c < 0x20) {
            return refuse(checker,
                          c == 0 ? "NUL is not allowed in text" : "a control character in text must be escaped");
        }
        checker->at++;
        enum err err = c == '\\' ? check_escape(checker) : ERR_OK;
        if (err != ERR_OK) {
            return err;
        }
    }
    if (!str_utf8_valid(text, (size_t)(checker->at - text))) {
        return refuse_at(checker, ERR_SYNTAX, text, "the text that begins here is not valid UTF-8");
    }
    return ERR_OK;
}

static enum err check_value(struct json_checker *checker);

static enum err check_member(struct json_checker *checker)
{
    skip_space(checker);
    if (!take(checker, '"')) {
        return refuse(checker, "expected a member's name in double quotes");
    }
    enum err err = check_text(checker);
    if (err != ERR_OK) {
        return err;
    }
    skip_space(checker);
    if (!take(checker, ':')) {
        return refuse(checker, "expected : after a member's name");
    }
    return check_value(checker);
}

// After the opening bracket; `missing` is said where neither a comma nor the closing one follows.
static enum err check_items(struct json_checker *checker, char closing, enum err (*check)(struct json_checker *),
                            const char *missing)
{
    skip_space(checker);
    if (take(checker, closing)) {
        return ERR_OK;
    }
    for (;;) {
        enum err err = check(checker);
        if (err != ERR_OK) {
            return err;
        }
        skip_space(checker);
        if (take(checker, closing)) {
            return ERR_OK;
        }
        if (!take(checker, ',')) {
            return refuse(checker, missing);
        }
    }
}

static enum err check_nested(struct json_checker *checker, char closing, enum err (*check)(struct json_checker *),
                             const char *missing)
{
    if (checker->depth == checker->rules->max_depth) {
        return diag_set(checker->diag, ERR_LIMIT, "JSON, byte %zu: nested deeper than %zu levels",
                        (size_t)(checker->at - checker->start), checker->rules->max_depth);
    }
    checker->depth++;
    enum err err = check_items(checker, closing, check, missing);
    checker->depth--;
    return err;
}

static bool take_word(struct json_checker *checker, const char *word)
{
    size_t len = strlen(word);
    if ((size_t)(checker->end - checker->at) < len || memcmp(checker->at, word, len) != 0) {
        return false;
    }
    checker->at += len;
    return true;
}

static enum err check_value(struct json_checker *checker)
{
    skip_space(checker);
    if (take(checker, '{')) {
        return check_nested(checker, '}', check_member, "expected , or } in an object");
    }
    if (take(checker, '[')) {
        return check_nested(checker, ']', check_value, "expected , or ] in a list");
    }
    if (take(checker, '"')) {
        return check_text(checker);
    }
    if (peek(checker) == '-' || (peek(checker) >= '0' && peek(checker) <= '9')) {
        return check_number(checker);
    }
    if (take_word(checker, "true") || take_word(checker, "false") || take_word(checker, "null")) {
        return ERR_OK;
    }
    return refuse(checker, "expected a value");
}

enum err json_check_rules(const char *data, size_t len, const struct json_rules *rules, struct diag *diag)
{
    struct json_checker checker = {
        .start = data, .at = data, .end = data + len, .quoted = data, .rules = rules, .diag = diag};
    enum err err = check_value(&checker);
    if (err != ERR_OK) {
        return err;
    }
    skip_space(&checker);
    if (checker.at != checker.end) {
        return refuse(&checker, "something follows after the value");
    }
    if (checker.quoted != data) {
        buf_append(rules->quoted, checker.quoted, (size_t)(checker.end - checker.quoted));
    }
    return ERR_OK;
}

bool json_too_deep(const char *data, size_t len, const struct json_limits *limits)
{
    struct diag ignored;
    // With any number allowed, depth is the only limit left.
    struct json_rules rules = {.max_depth = limits->max_depth, .any_number = true};
    return json_check_rules(data, len, &rules, &ignored) == ERR_LIMIT;
}
