// The elements of an answer are read by expat. It is never given what can harm: what stands before the root element, so
// also a document type with its entities, is passed over here, and of references it sees only &amp;: each '&' is
// written so, and what the text then holds is decoded as elsewhere in answers, where unknown references and a bare '&'
// stay.
#include <expat.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "core/platform/api_internal.h"

// An element that is open. `children` is NULL while it holds text only.
struct frame {
    char *name;
    struct json_object *children;
    struct buf text; // with its references
};

struct reader {
    XML_Parser parser;
    struct frame frames[API_MAX_DEPTH];
    size_t depth;
    bool too_deep;
    struct json_object *root; // content of the root element, once it is closed
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

// "#20013" or "#x4E2D". NUL, surrogates and what lies above Unicode are no characters.
static bool character_reference(struct str name, uint32_t *point)
{
    bool hex = name.len > 1 && name.data[1] == 'x';
    size_t first = hex ? 2 : 1;
    AUTO_FREE char *digits = mem_dup(name.data + first, name.len - first);
    if (digits[0] == '\0' || digits[strspn(digits, hex ? "0123456789abcdefABCDEF" : "0123456789")] != '\0') {
        return false;
    }
    unsigned long value = strtoul(digits, NULL, hex ? 16 : 10);
    bool surrogate = value >= 0xD800 && value <= 0xDFFF;
    *point = (uint32_t)value;
    return value > 0 && value <= 0x10FFFF && !surrogate;
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

static struct json_object *frame_value(struct frame *frame)
{
    AUTO_BUF struct buf text = {0};
    buf_text(&text, "");
    api_xml_unescape(&text, frame->text.data, frame->text.len);
    struct json_object *value = frame->children != NULL ? frame->children : json_new_text_len(text.data, text.len);
    free(frame->name);
    buf_free(&frame->text);
    return value;
}

// The local part: "Code" of "ns:Code".
static const char *local_name(const char *name)
{
    const char *colon = strrchr(name, ':');
    return colon == NULL ? name : colon + 1;
}

static void XMLCALL open_element(void *context, const char *name, const char **attributes)
{
    (void)attributes;
    struct reader *reader = context;
    if (reader->depth == API_MAX_DEPTH) {
        reader->too_deep = true;
        XML_StopParser(reader->parser, XML_FALSE);
        return;
    }
    reader->frames[reader->depth++] = (struct frame){.name = mem_strdup(local_name(name))};
}

// Nothing behind the root element matters. An empty element is closed also when its start has stopped the parser.
static void XMLCALL close_element(void *context, const char *name)
{
    struct reader *reader = context;
    if (reader->too_deep) {
        return;
    }
    struct json_object *value = frame_value(&reader->frames[--reader->depth]);
    if (reader->depth == 0) {
        reader->root = value;
        XML_StopParser(reader->parser, XML_FALSE);
        return;
    }
    struct frame *parent = &reader->frames[reader->depth - 1];
    if (parent->children == NULL) {
        parent->children = json_new_map();
    }
    json_put(parent->children, local_name(name), value);
}

static void XMLCALL add_text(void *context, const char *text, int len)
{
    struct reader *reader = context;
    buf_append(&reader->frames[reader->depth - 1].text, text, (size_t)len);
}

// ---- the document

static const char *prolog_end(const char *at)
{
    static const struct {
        const char *begin;
        const char *end;
    } parts[] = {{"<!--", "-->"}, {"<![CDATA[", "]]>"}, {"<!", ">"}, {"<?", "?>"}};
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        if (strncmp(at, parts[i].begin, strlen(parts[i].begin)) == 0) {
            const char *end = strstr(at, parts[i].end);
            return end == NULL ? at + strlen(at) : end + strlen(parts[i].end);
        }
    }
    return at;
}

// The root element, or an empty text.
static const char *find_root(const char *text)
{
    for (;;) {
        const char *mark = strchrnul(text, '<');
        text = prolog_end(mark);
        if (text == mark) {
            return mark;
        }
    }
}

static void mask_references(struct buf *out, const char *text)
{
    for (const char *mark; (mark = strchr(text, '&')) != NULL; text = mark + 1) {
        buf_append(out, text, (size_t)(mark - text));
        buf_text(out, "&amp;");
    }
    buf_text(out, text);
}

static enum err fail(const struct reader *reader, struct diag *diag)
{
    if (reader->too_deep) {
        return diag_set(diag, ERR_LIMIT, "its XML is nested too deeply");
    }
    enum XML_Error error = XML_GetErrorCode(reader->parser);
    const char *what = error == XML_ERROR_TAG_MISMATCH             ? "is badly nested"
                       : error == XML_ERROR_UNCLOSED_TOKEN         ? "has a tag without an end"
                       : error == XML_ERROR_UNCLOSED_CDATA_SECTION ? "has a CDATA section without an end"
                       : error == XML_ERROR_NO_ELEMENTS            ? "is cut"
                                                                   : "is not well-formed";
    return diag_set(diag, ERR_SYNTAX, "its XML %s", what);
}

static void *resize(void *old, size_t size)
{
    return mem_resize(old, 1, size);
}

enum err api_xml_parse(const char *data, size_t len, struct json_object **out, struct diag *diag)
{
    if (!str_utf8_valid(data, len) || memchr(data, '\0', len) != NULL) {
        return diag_set(diag, ERR_SYNTAX, "its XML is not UTF-8 without NUL");
    }
    AUTO_FREE char *text = mem_dup(data, len);
    AUTO_BUF struct buf document = {0};
    mask_references(&document, find_root(text));
    static const XML_Memory_Handling_Suite memory = {mem_alloc, resize, free};
    struct reader reader = {.parser = XML_ParserCreate_MM("UTF-8", &memory, NULL)};
    XML_SetUserData(reader.parser, &reader);
    XML_SetElementHandler(reader.parser, open_element, close_element);
    XML_SetCharacterDataHandler(reader.parser, add_text);
    XML_Parse(reader.parser, document.data, (int)document.len, XML_TRUE);
    enum err err = reader.root != NULL ? ERR_OK : fail(&reader, diag);
    while (reader.depth > 0) {
        json_free(frame_value(&reader.frames[--reader.depth]));
    }
    XML_ParserFree(reader.parser);
    if (err == ERR_OK) {
        *out = reader.root;
    }
    return err;
}
