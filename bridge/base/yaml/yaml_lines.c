// Lines of a source: for places in problems, and for the line shown under an error.
//
// A line is shown only if it cannot hold a secret, and that depends on the lines before it: a walk from the first line
// on keeps what is hidden (the shade of a key whose value may be a secret). So that showing a line does not read the
// whole text again, the state of the walk is kept as a mark every MARK_BYTES, and each look starts from the mark
// before.
#include "base/yaml/yaml_internal.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"

// Bytes from one mark to the next, so that finding a line never reads much more than that.
#define MARK_BYTES 65536

// Length of the line break at the start of the text, 0 if there is none. As libyaml counts lines: LF, CR, CR LF, NEL,
// LS and PS.
static size_t break_len(const char *text, size_t len)
{
    if (len >= 2 && text[0] == '\r' && text[1] == '\n') {
        return 2;
    }
    if (len >= 1 && (*text == '\n' || *text == '\r')) {
        return 1;
    }
    if (len == 0 || (*text & 0x80) == 0) {
        return 0;
    }
    if (len >= 2 && memcmp(text, "\xC2\x85", 2) == 0) {
        return 2;
    }
    bool separator = len >= 3 && (memcmp(text, "\xE2\x80\xA8", 3) == 0 || memcmp(text, "\xE2\x80\xA9", 3) == 0);
    return separator ? 3 : 0;
}

bool yaml_lines_next(const char *text, size_t len, size_t *offset, struct str *line)
{
    if (*offset >= len) {
        return false;
    }
    size_t end = *offset;
    while (end < len && break_len(text + end, len - end) == 0) {
        end++;
    }
    *line = (struct str){.data = text + *offset, .len = end - *offset};
    *offset = end + break_len(text + end, len - end);
    return true;
}

void yaml_lines_place(const char *text, size_t len, size_t offset, int *line, int *column)
{
    size_t next = 0;
    size_t start = 0;
    struct str ignored;
    int number = 0;
    do {
        start = next;
        number++;
    } while (yaml_lines_next(text, len, &next, &ignored) && next <= offset);
    *line = number;
    *column = (int)(offset - start) + 1;
}

// Where a line may hold a secret, or lines behind it.
struct secrecy {
    bool here;
    bool next;  // in the next line that holds anything
    bool below; // in the lines that are further in
};

static size_t skip(struct str line, size_t at, const char *bytes)
{
    while (at < line.len && line.data[at] != '\0' && strchr(bytes, line.data[at]) != NULL) {
        at++;
    }
    return at;
}

// `word` is in small letters. Most bytes are no first letter of one, and files are large.
static bool starts_with(struct str line, size_t at, const char *word)
{
    if (at == line.len || (line.data[at] | 0x20) != word[0]) {
        return false;
    }
    size_t len = strlen(word);
    return line.len - at >= len && strncasecmp(line.data + at, word, len) == 0;
}

// Is what stands after `{` one of the places that a secret is read from?
static bool names_a_place(struct str line, size_t at)
{
    at = skip(line, at, " \t\"'");
    return starts_with(line, at, "file") || starts_with(line, at, "env") || starts_with(line, at, "credential");
}

// Does the value of the key whose ':' is before `at` lie in lines behind it? Sets *at to where it would begin.
static bool value_is_below(struct str line, size_t *at)
{
    *at = skip(line, *at, " \t");
    return *at == line.len || strchr("|>#", line.data[*at]) != NULL;
}

// `at` is after the ':' of a key that names a secret. No secret is a place to read it from, or nothing, with the text
// in the next lines perhaps; all else may be one.
static struct secrecy secrecy_of_value(struct str line, size_t at)
{
    if (value_is_below(line, &at)) {
        return (struct secrecy){.next = true, .below = true};
    }
    bool is_place = line.data[at] == '{' && names_a_place(line, at + 1);
    return (struct secrecy){.here = !is_place, .below = !is_place};
}

// `at` is after a word that names a secret.
static struct secrecy secrecy_after(struct str line, size_t at)
{
    static const char word_bytes[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-\"'";
    at = skip(line, skip(line, at, word_bytes), " \t");
    if (at == line.len || line.data[at] != ':') {
        return (struct secrecy){.here = true};
    }
    return secrecy_of_value(line, at + 1);
}

static bool names_a_secret(struct str line, size_t at, size_t *end)
{
    static const char *const words[] = {"secret", "password"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (starts_with(line, at, words[i])) {
            *end = at + strlen(words[i]);
            return true;
        }
    }
    return false;
}

// https://user:password@host
static bool holds_login(struct str line)
{
    const char *scheme = line.len > 0 ? memmem(line.data, line.len, "://", 3) : NULL;
    return scheme != NULL && memchr(scheme, '@', line.len - (size_t)(scheme - line.data)) != NULL;
}

static struct secrecy both(struct secrecy a, struct secrecy b)
{
    return (struct secrecy){a.here || b.here, a.next || b.next, a.below || b.below};
}

static bool ends_plain_key(struct str line, size_t at)
{
    return line.data[at] == ':' && (at + 1 == line.len || line.data[at + 1] == ' ' || line.data[at + 1] == '\t');
}

// The key that begins at `at`, and where its ':' is; a key after '?' may have it in the next line. False if there is
// none.
static bool find_key(struct str line, size_t at, bool is_explicit, struct str *key, size_t *colon)
{
    bool is_quoted = at < line.len && (line.data[at] == '"' || line.data[at] == '\'');
    size_t start = at + is_quoted;
    size_t end = start;
    while (end < line.len && (is_quoted ? line.data[end] != line.data[at] : !ends_plain_key(line, end))) {
        end++;
    }
    *colon = skip(line, is_quoted && end < line.len ? end + 1 : end, " \t");
    while (!is_quoted && end > start && strchr(" \t", line.data[end - 1]) != NULL) {
        end--;
    }
    *key = (struct str){line.data + start, end - start};
    return *colon < line.len ? line.data[*colon] == ':' : is_explicit;
}

// Keys that are not known may be misspelt ones of a secret.
static struct secrecy secrecy_of_keys(struct str line, bool (*is_known)(struct str key))
{
    struct secrecy all = {0};
    struct str key;
    size_t colon;
    size_t at = skip(line, 0, " \t-?{[");
    bool is_explicit = memchr(line.data, '?', at) != NULL;
    while (find_key(line, at, is_explicit, &key, &colon)) {
        if (!is_known(key)) {
            all = both(all, secrecy_of_value(line, colon < line.len ? colon + 1 : colon));
        }
        at = colon;
        while (at < line.len && strchr(",{[", line.data[at]) == NULL) {
            at++;
        }
        at = skip(line, at, " \t,{[");
        is_explicit = false;
    }
    return all;
}

static struct secrecy secrecy_of(struct str line, const struct line_walk *walk)
{
    bool is_anchor = walk->hides_anchors && memchr(line.data, '&', line.len) != NULL;
    struct secrecy all = {.here = is_anchor || holds_login(line), .below = is_anchor};
    if (walk->is_known != NULL) {
        all = both(all, secrecy_of_keys(line, walk->is_known));
    }
    bool place_named = false;
    size_t end;
    for (size_t i = 0; i < line.len; i++) {
        if (!place_named && names_a_secret(line, i, &end)) {
            struct secrecy found = secrecy_after(line, end);
            all = both(all, found);
            // The place itself may be called so: {file: /etc/thingbridge/secret}
            place_named = !found.here && !found.next;
        }
        place_named = place_named && line.data[i] != '}';
    }
    return all;
}

// Does the line, which is not blank, belong to the value of a key that names a secret?
static bool is_in_shade(const struct line_shade *shade, struct str line, size_t indent)
{
    return shade->open && (shade->next || (shade->below && indent > shade->indent) || line.data[indent] == ':');
}

// May the line hold a secret? Changes the shade to what it is for the next line.
static bool is_hidden(struct line_walk *walk, struct str line)
{
    struct line_shade *shade = &walk->shade;
    // libyaml passes over byte order marks at the beginning of any line.
    while (line.len >= 3 && memcmp(line.data, "\xEF\xBB\xBF", 3) == 0) {
        line = (struct str){line.data + 3, line.len - 3};
    }
    size_t indent = skip(line, 0, " \t");
    struct secrecy own = secrecy_of(line, walk);
    if (indent == line.len || line.data[indent] == '#') {
        return shade->open || own.here;
    }
    bool in_shade = is_in_shade(shade, line, indent);
    if (in_shade && line.data[indent] == ':') {
        size_t at = indent + 1;
        *shade = (struct line_shade){true, value_is_below(line, &at), true, indent};
    } else if (in_shade && shade->below && indent > shade->indent) {
        shade->next = own.next;
    } else {
        *shade = (struct line_shade){own.here || own.next, own.next, own.below, indent};
    }
    return in_shade || own.here;
}

static bool walk_on(struct line_walk *walk, const char *text, size_t len, struct str *line, bool *hidden)
{
    if (!yaml_lines_next(text, len, &walk->offset, line)) {
        return false;
    }
    walk->number++;
    *hidden = is_hidden(walk, *line);
    return true;
}

static bool has_secret_alias(const struct yaml_document *document)
{
    struct line_walk walk = {0};
    struct str line;
    bool hidden;
    bool has_anchors = memchr(document->text, '&', document->text_len) != NULL;
    while (has_anchors && walk_on(&walk, document->text, document->text_len, &line, &hidden)) {
        if (hidden && memchr(line.data, '*', line.len) != NULL) {
            return true;
        }
    }
    return false;
}

void yaml_lines_mark(struct yaml_document *document, bool (*is_known)(struct str key))
{
    struct line_walk walk = {.is_known = is_known, .hides_anchors = has_secret_alias(document)};
    struct str line;
    bool hidden;
    free(document->marks);
    document->mark_count = 0;
    document->marks = mem_alloc((document->text_len / MARK_BYTES + 1) * sizeof *document->marks);
    document->marks[document->mark_count++] = walk;
    while (walk_on(&walk, document->text, document->text_len, &line, &hidden)) {
        if (walk.offset - document->marks[document->mark_count - 1].offset >= MARK_BYTES) {
            document->marks[document->mark_count++] = walk;
        }
    }
}

void yaml_hide_unknown(struct yaml_document *document, bool (*is_known)(struct str key))
{
    if (document->text != NULL) {
        yaml_lines_mark(document, is_known);
    }
}

bool yaml_source_line(const struct yaml_document *document, int line, const char **text, size_t *len)
{
    size_t mark = document->mark_count;
    while (mark > 0 && document->marks[mark - 1].number >= line) {
        mark--;
    }
    if (mark == 0) {
        return false;
    }
    struct line_walk walk = document->marks[mark - 1];
    struct str found;
    bool hidden = true;
    while (walk.number < line && walk_on(&walk, document->text, document->text_len, &found, &hidden)) {
    }
    if (walk.number < line || hidden) {
        return false;
    }
    *text = found.data;
    *len = found.len;
    return true;
}
