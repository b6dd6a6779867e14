// What a device's answer says of itself (PLATFORM.md, The two actions), also where it is no JSON that we take: a
// device's error must not pass as a success for a number or a character elsewhere in it.
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/str.h"
#include "core/platform/api_internal.h"

enum expected {
    EXPECT_VALUE,
    EXPECT_ITEM_OR_END, // after [
    EXPECT_NAME,
    EXPECT_NAME_OR_END, // after {
    EXPECT_COLON,
    EXPECT_COMMA_OR_END,
    EXPECT_NOTHING, // the outermost value has ended
};

// Reads JSON's structure strictly and its scalars loosely: texts with any bytes and escapes, and words in place of
// numbers.
struct result_reader {
    const char *at;
    const char *end;
    enum expected expected;
    struct buf open;     // '{' or '[' of each value around
    struct str name;     // of the member of the outermost object, with its quotes
    bool has_other;      // it has data or message
    bool has_code;       // it has a code
    bool has_other_code; // and another one
    char code[API_RESULT_CODE_LEN];
};

// ---- members of the outermost object

// The text within the quotes; NULL if it is none that we take. The caller frees it.
static char *quoted_text(struct str quoted)
{
    static const struct json_limits flat = {.max_depth = 1};
    AUTO_JSON struct json_object *value = NULL;
    struct diag ignored;
    if (json_parse(quoted.data, quoted.len, &flat, &value, &ignored) != ERR_OK) {
        return NULL;
    }
    return mem_strdup_or_null(json_text(value));
}

static bool is_integer(const char *text)
{
    text += *text == '-';
    size_t digits = strspn(text, "0123456789");
    return digits > 0 && text[digits] == '\0';
}

// Without what changes nothing: 0200 is 200.
static void keep_code(struct result_reader *reader, const char *text)
{
    char code[API_RESULT_CODE_LEN];
    const char *sign = *text == '-' ? "-" : "";
    const char *digits = text + strlen(sign);
    while (digits[0] == '0' && digits[1] != '\0') {
        digits++;
    }
    snprintf(code, sizeof code, "%s%s", strcmp(digits, "0") == 0 ? "" : sign, digits);
    reader->has_other_code = reader->has_other_code || (reader->has_code && strcmp(code, reader->code) != 0);
    reader->has_code = true;
    memcpy(reader->code, code, sizeof code);
}

static bool is_outermost_member(const struct result_reader *reader)
{
    return reader->open.len == 1 && reader->open.data[0] == '{';
}

static void note_name(struct result_reader *reader)
{
    AUTO_FREE char *name = quoted_text(reader->name);
    reader->has_other =
        reader->has_other || (name != NULL && (strcasecmp(name, "data") == 0 || strcasecmp(name, "message") == 0));
}

static void note_scalar(struct result_reader *reader, struct str token)
{
    AUTO_FREE char *name = quoted_text(reader->name);
    if (name == NULL || strcasecmp(name, "code") != 0) {
        return;
    }
    AUTO_FREE char *value = token.data[0] == '"' ? quoted_text(token) : mem_dup(token.data, token.len);
    if (value != NULL && is_integer(value)) {
        keep_code(reader, value);
    }
}

// ---- structure

// Behind the closing quote; NULL if there is none.
static const char *text_end(const char *at, const char *end)
{
    for (at++; at < end; at++) {
        if (*at == '"') {
            return at + 1;
        }
        at += *at == '\\';
    }
    return NULL;
}

// NULL if there is no word, or nothing that shows its end.
static const char *word_end(const char *at, const char *end)
{
    static const char letters[] = "0123456789+-.abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    size_t len = strspn(at, letters);
    return len == 0 || at + len == end ? NULL : at + len;
}

// A text with its quotes, or a word; empty if there is none that is whole.
static struct str read_scalar(struct result_reader *reader)
{
    const char *start = reader->at;
    const char *end = *start == '"' ? text_end(start, reader->end) : word_end(start, reader->end);
    if (end == NULL) {
        return (struct str){start, 0};
    }
    reader->at = end;
    return (struct str){start, (size_t)(end - start)};
}

static enum expected after_value(const struct result_reader *reader)
{
    return reader->open.len == 0 ? EXPECT_NOTHING : EXPECT_COMMA_OR_END;
}

static bool open_value(struct result_reader *reader)
{
    char bracket = *reader->at++;
    buf_char(&reader->open, bracket);
    reader->expected = bracket == '{' ? EXPECT_NAME_OR_END : EXPECT_ITEM_OR_END;
    return true;
}

static bool close_value(struct result_reader *reader)
{
    char opened = reader->open.data[reader->open.len - 1];
    if (*reader->at != (opened == '{' ? '}' : ']')) {
        return false;
    }
    reader->at++;
    reader->open.len--;
    reader->expected = after_value(reader);
    return true;
}

static bool read_value(struct result_reader *reader)
{
    if (*reader->at == '{' || *reader->at == '[') {
        return open_value(reader);
    }
    struct str token = read_scalar(reader);
    if (token.len > 0 && is_outermost_member(reader)) {
        note_scalar(reader, token);
    }
    reader->expected = after_value(reader);
    return token.len > 0;
}

static bool read_name(struct result_reader *reader)
{
    struct str token = *reader->at == '"' ? read_scalar(reader) : (struct str){0};
    if (is_outermost_member(reader)) {
        reader->name = token;
    }
    reader->expected = EXPECT_COLON;
    return token.len > 0;
}

static bool read_colon(struct result_reader *reader)
{
    if (is_outermost_member(reader)) {
        note_name(reader);
    }
    reader->expected = EXPECT_VALUE;
    return *reader->at++ == ':';
}

static bool read_comma(struct result_reader *reader)
{
    char opened = reader->open.data[reader->open.len - 1];
    reader->expected = opened == '{' ? EXPECT_NAME : EXPECT_VALUE;
    return *reader->at++ == ',';
}

// False if what is there is not what must be.
static bool read_next(struct result_reader *reader)
{
    switch (reader->expected) {
    case EXPECT_VALUE:
        return read_value(reader);
    case EXPECT_ITEM_OR_END:
        return *reader->at == ']' ? close_value(reader) : read_value(reader);
    case EXPECT_NAME:
        return read_name(reader);
    case EXPECT_NAME_OR_END:
        return *reader->at == '}' ? close_value(reader) : read_name(reader);
    case EXPECT_COLON:
        return read_colon(reader);
    case EXPECT_COMMA_OR_END:
        return *reader->at == ',' ? read_comma(reader) : close_value(reader);
    case EXPECT_NOTHING:
        break;
    }
    return false;
}

static void skip_space(struct result_reader *reader)
{
    while (reader->at < reader->end && strchr(" \t\r\n", *reader->at) != NULL) {
        reader->at++;
    }
}

// True if the whole text is one value.
static bool read_all(struct result_reader *reader)
{
    skip_space(reader);
    while (reader->at < reader->end) {
        if (!read_next(reader)) {
            return false;
        }
        skip_space(reader);
    }
    return reader->expected == EXPECT_NOTHING;
}

// ---- the verdict

// An object of which a part is missing reports an error, but no success: what is missing may be the error. Before its
// code or before what makes it a whole reply it says nothing.
static enum api_result_word judge(const struct result_reader *reader, bool is_whole)
{
    bool is_reply = reader->has_code && reader->has_other;
    if (is_reply && !reader->has_other_code && strcmp(reader->code, "200") != 0) {
        return API_RESULT_ERROR;
    }
    return is_whole && !(is_reply && reader->has_other_code) ? API_RESULT_GOOD : API_RESULT_UNCERTAIN;
}

enum api_result_word api_result_read(const char *text, char code[API_RESULT_CODE_LEN])
{
    size_t len = strlen(text);
    struct result_reader reader = {.at = text, .end = text + len};
    skip_space(&reader);
    if (*reader.at != '{') {
        AUTO_JSON struct json_object *ignored = NULL;
        return json_parse_lenient(text, len, &ignored) == ERR_OK ? API_RESULT_GOOD : API_RESULT_UNCERTAIN;
    }
    bool is_whole = read_all(&reader);
    memcpy(code, reader.code, API_RESULT_CODE_LEN);
    buf_free(&reader.open);
    return judge(&reader, is_whole);
}
