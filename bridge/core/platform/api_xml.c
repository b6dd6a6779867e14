#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "core/platform/api_internal.h"

// An element that is open. `children` is NULL while it holds text only.
struct frame {
    struct str name;
    struct json_object *children;
    struct buf text;
};

struct reader {
    const char *at;
    const char *end;
    struct frame frames[API_MAX_DEPTH];
    size_t depth;
    struct json_object *root; // content of the root element, once it is closed
    bool closed;
    struct diag *diag;
};

// ---- entities

static void append_utf8(struct buf *out, uint32_t point)
{
    if (point < 0x80) {
        buf_char(out, (char)point);
        return;
    }
    unsigned extra = point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;
    static const unsigned char leads[] = {0, 0xC0, 0xE0, 0xF0};
    buf_char(out, (char)(leads[extra] | (point >> (6 * extra))));
    while (extra > 0) {
        extra--;
        buf_char(out, (char)(0x80 | ((point >> (6 * extra)) & 0x3F)));
    }
}

static uint32_t digit_value(char c)
{
    if (c >= '0' && c <= '9') {
        return (uint32_t)(c - '0');
    }
    if (c >= 'a' && c <= 'f') {
        return (uint32_t)(c - 'a') + 10;
    }
    return c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A') + 10 : 99;
}

// "#20013" or "#x4E2D". NUL, surrogates and what lies above Unicode are no characters.
static bool character_reference(struct str name, uint32_t *point)
{
    bool hex = name.len > 1 && name.data[1] == 'x';
    uint32_t base = hex ? 16 : 10;
    size_t first = hex ? 2 : 1;
    uint32_t value = 0;
    for (size_t i = first; i < name.len; i++) {
        uint32_t digit = digit_value(name.data[i]);
        if (digit >= base || value > 0x10FFFF) {
            return false;
        }
        value = value * base + digit;
    }
    bool surrogate = value >= 0xD800 && value <= 0xDFFF;
    *point = value;
    return name.len > first && value > 0 && value <= 0x10FFFF && !surrogate;
}

static bool entity_value(struct str name, uint32_t *point)
{
    static const struct {
        const char *name;
        char value;
    } known[] = {{"lt", '<'}, {"gt", '>'}, {"amp", '&'}, {"quot", '"'}, {"apos", '\''}};
    for (size_t i = 0; i < COUNT_OF(known); i++) {
        if (str_is(name, known[i].name)) {
            *point = (uint32_t)known[i].value;
            return true;
        }
    }
    return name.len > 1 && name.data[0] == '#' && character_reference(name, point);
}

// At an '&': appends what it stands for and returns how many bytes it takes.
static size_t unescape_one(struct buf *out, const char *text, size_t len)
{
    enum { LONGEST = 12 };
    const char *end = memchr(text, ';', len < LONGEST ? len : LONGEST);
    uint32_t point = 0;
    if (end == NULL || !entity_value((struct str){text + 1, (size_t)(end - text) - 1}, &point)) {
        buf_char(out, '&');
        return 1;
    }
    append_utf8(out, point);
    return (size_t)(end - text) + 1;
}

void api_xml_unescape(struct buf *out, const char *text, size_t len)
{
    while (len > 0) {
        const char *mark = memchr(text, '&', len);
        size_t plain = mark == NULL ? len : (size_t)(mark - text);
        buf_append(out, text, plain);
        text += plain;
        len -= plain;
        if (len > 0) {
            size_t taken = unescape_one(out, text, len);
            text += taken;
            len -= taken;
        }
    }
}

// ---- elements

static enum err fail(struct reader *reader, enum err err, const char *what)
{
    return diag_set(reader->diag, err, "%s", what);
}

static size_t left(const struct reader *reader)
{
    return (size_t)(reader->end - reader->at);
}

static bool begins(const struct reader *reader, const char *text)
{
    size_t len = strlen(text);
    return left(reader) >= len && memcmp(reader->at, text, len) == 0;
}

// Moves behind the next `mark`; false at the end of the text.
static bool skip_past(struct reader *reader, const char *mark)
{
    const char *found = memmem(reader->at, left(reader), mark, strlen(mark));
    if (found == NULL) {
        return false;
    }
    reader->at = found + strlen(mark);
    return true;
}

static void put_child(struct json_object *parent, struct str name, struct json_object *value)
{
    char *text = mem_dup(name.data, name.len);
    json_put(parent, text, value);
    free(text);
}

static struct json_object *frame_value(struct frame *frame)
{
    struct json_object *value =
        frame->children != NULL ? frame->children : json_new_text_len(frame->text.data, frame->text.len);
    frame->children = NULL;
    buf_free(&frame->text);
    return value;
}

static void close_element(struct reader *reader)
{
    struct frame *frame = &reader->frames[--reader->depth];
    struct str name = frame->name;
    struct json_object *value = frame_value(frame);
    if (reader->depth == 0) {
        reader->root = value;
        reader->closed = true;
        return;
    }
    struct frame *parent = &reader->frames[reader->depth - 1];
    if (parent->children == NULL) {
        parent->children = json_new_map();
    }
    put_child(parent->children, name, value);
}

static bool ends_name(char c)
{
    return c == '>' || c == '/' || c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

// The local part: "Code" of "ns:Code".
static struct str read_name(struct reader *reader)
{
    const char *start = reader->at;
    while (reader->at < reader->end && !ends_name(*reader->at)) {
        reader->at++;
    }
    size_t len = (size_t)(reader->at - start);
    const char *colon = memrchr(start, ':', len);
    return colon == NULL ? (struct str){start, len} : (struct str){colon + 1, (size_t)(reader->at - colon) - 1};
}

// Moves behind the '>' of a start tag; a '>' in a quoted attribute does not count.
static bool skip_attributes(struct reader *reader, bool *self_closing)
{
    char quote = '\0';
    *self_closing = false;
    for (; reader->at < reader->end; reader->at++) {
        char c = *reader->at;
        if (quote != '\0') {
            quote = c == quote ? '\0' : quote;
        } else if (c == '>') {
            *self_closing = reader->at[-1] == '/';
            reader->at++;
            return true;
        } else if (c == '"' || c == '\'') {
            quote = c;
        }
    }
    return false;
}

static enum err read_start_tag(struct reader *reader)
{
    reader->at++;
    struct str name = read_name(reader);
    bool self_closing = false;
    if (name.len == 0 || !skip_attributes(reader, &self_closing)) {
        return fail(reader, ERR_SYNTAX, "its XML has a tag without an end");
    }
    if (reader->depth == API_MAX_DEPTH) {
        return fail(reader, ERR_LIMIT, "its XML is nested too deeply");
    }
    struct frame *frame = &reader->frames[reader->depth++];
    *frame = (struct frame){.name = name};
    buf_text(&frame->text, "");
    if (self_closing) {
        close_element(reader);
    }
    return ERR_OK;
}

static enum err read_end_tag(struct reader *reader)
{
    reader->at += 2;
    struct str name = read_name(reader);
    if (!skip_past(reader, ">")) {
        return fail(reader, ERR_SYNTAX, "its XML has a tag without an end");
    }
    const struct frame *frame = reader->depth > 0 ? &reader->frames[reader->depth - 1] : NULL;
    if (frame == NULL || name.len != frame->name.len || memcmp(name.data, frame->name.data, name.len) != 0) {
        return fail(reader, ERR_SYNTAX, "its XML is badly nested");
    }
    close_element(reader);
    return ERR_OK;
}

static enum err read_cdata(struct reader *reader)
{
    const char *start = reader->at + strlen("<![CDATA[");
    if (!skip_past(reader, "]]>")) {
        return fail(reader, ERR_SYNTAX, "its XML has a CDATA section without an end");
    }
    if (reader->depth > 0) {
        size_t len = (size_t)(reader->at - start) - strlen("]]>");
        buf_append(&reader->frames[reader->depth - 1].text, start, len);
    }
    return ERR_OK;
}

static enum err skip_markup(struct reader *reader, const char *end)
{
    return skip_past(reader, end) ? ERR_OK : fail(reader, ERR_SYNTAX, "its XML is cut");
}

static enum err read_markup(struct reader *reader)
{
    if (begins(reader, "<!--")) {
        return skip_markup(reader, "-->");
    }
    if (begins(reader, "<![CDATA[")) {
        return read_cdata(reader);
    }
    if (begins(reader, "<!")) {
        return skip_markup(reader, ">");
    }
    if (begins(reader, "<?")) {
        return skip_markup(reader, "?>");
    }
    return begins(reader, "</") ? read_end_tag(reader) : read_start_tag(reader);
}

static void read_text(struct reader *reader)
{
    const char *mark = memchr(reader->at, '<', left(reader));
    const char *end = mark != NULL ? mark : reader->end;
    if (reader->depth > 0) {
        api_xml_unescape(&reader->frames[reader->depth - 1].text, reader->at, (size_t)(end - reader->at));
    }
    reader->at = end;
}

static enum err read_document(struct reader *reader)
{
    while (!reader->closed) {
        read_text(reader);
        if (reader->at == reader->end) {
            return fail(reader, ERR_SYNTAX, "its XML is cut");
        }
        enum err err = read_markup(reader);
        if (err != ERR_OK) {
            return err;
        }
    }
    return ERR_OK;
}

enum err api_xml_parse(const char *data, size_t len, struct json_object **out, struct diag *diag)
{
    if (!str_utf8_valid(data, len) || memchr(data, '\0', len) != NULL) {
        return diag_set(diag, ERR_SYNTAX, "its XML is not UTF-8 without NUL");
    }
    struct reader reader = {.at = data, .end = data + len, .diag = diag};
    enum err err = read_document(&reader);
    while (reader.depth > 0) {
        json_free(frame_value(&reader.frames[--reader.depth]));
    }
    if (err == ERR_OK) {
        *out = reader.root;
    }
    return err;
}
