// Lines of a source: for places in problems, and for the line shown under an error.
#include "base/yaml_internal.h"

#include <string.h>
#include <strings.h>

// Length of the line break at the start of the text, 0 if there is none. As libyaml counts lines: LF, CR, CR LF, NEL,
// LS and PS.
static size_t break_len(const char *text, size_t len)
{
    if (len >= 2 && memcmp(text, "\r\n", 2) == 0) {
        return 2;
    }
    if (len >= 1 && (*text == '\n' || *text == '\r')) {
        return 1;
    }
    if (len >= 2 && memcmp(text, "\xC2\x85", 2) == 0) {
        return 2;
    }
    bool separator = len >= 3 && (memcmp(text, "\xE2\x80\xA8", 3) == 0 || memcmp(text, "\xE2\x80\xA9", 3) == 0);
    return separator ? 3 : 0;
}

bool lines_next(const char *text, size_t len, size_t *offset, struct str *line)
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

void lines_place(const char *text, size_t len, size_t offset, int *line, int *column)
{
    size_t next = 0;
    size_t start = 0;
    struct str ignored;
    int number = 0;
    do {
        start = next;
        number++;
    } while (lines_next(text, len, &next, &ignored) && next <= offset);
    *line = number;
    *column = (int)(offset - start) + 1;
}

enum secrecy { SECRECY_NONE, SECRECY_NEXT_LINE, SECRECY_THIS_LINE };

static size_t skip(struct str line, size_t at, const char *bytes)
{
    while (at < line.len && line.data[at] != '\0' && strchr(bytes, line.data[at]) != NULL) {
        at++;
    }
    return at;
}

static bool starts_with(struct str line, size_t at, const char *word)
{
    size_t len = strlen(word);
    return line.len - at >= len && strncasecmp(line.data + at, word, len) == 0;
}

// Is what stands after `{` one of the places that a secret is read from?
static bool names_a_place(struct str line, size_t at)
{
    at = skip(line, at, " \t\"'");
    return starts_with(line, at, "file") || starts_with(line, at, "env") || starts_with(line, at, "credential");
}

// `at` is after a word that names a secret. No secret is a place to read it from, or nothing, with the text in the next
// lines perhaps; all else may be one.
static enum secrecy secrecy_after(struct str line, size_t at)
{
    static const char word_bytes[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-\"'";
    at = skip(line, skip(line, at, word_bytes), " \t");
    if (at == line.len || line.data[at] != ':') {
        return SECRECY_THIS_LINE;
    }
    at = skip(line, at + 1, " \t");
    if (at == line.len || strchr("|>#", line.data[at]) != NULL) {
        return SECRECY_NEXT_LINE;
    }
    return line.data[at] == '{' && names_a_place(line, at + 1) ? SECRECY_NONE : SECRECY_THIS_LINE;
}

static enum secrecy secrecy_of(struct str line)
{
    static const char *const words[] = {"secret", "password"};
    enum secrecy most = SECRECY_NONE;
    bool place_named = false;
    for (size_t i = 0; i < line.len; i++) {
        for (size_t k = 0; k < sizeof words / sizeof words[0]; k++) {
            if (!place_named && starts_with(line, i, words[k])) {
                enum secrecy found = secrecy_after(line, i + strlen(words[k]));
                most = found > most ? found : most;
                // The place itself may be called so: {file: /etc/thingbridge/secret}
                place_named = found == SECRECY_NONE;
            }
        }
        place_named = place_named && line.data[i] != '}';
    }
    return most;
}

bool yaml_text_line(const char *data, size_t data_len, int line, const char **text, size_t *len)
{
    size_t offset = 0;
    struct str found = {0};
    enum secrecy before = SECRECY_NONE;
    enum secrecy here = SECRECY_NONE;
    for (int number = 0; number < line; number++) {
        if (!lines_next(data, data_len, &offset, &found)) {
            return false;
        }
        before = here;
        here = secrecy_of(found);
    }
    if (line < 1 || here == SECRECY_THIS_LINE || before == SECRECY_NEXT_LINE) {
        return false;
    }
    *text = found.data;
    *len = found.len;
    return true;
}
