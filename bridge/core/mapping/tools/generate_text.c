// Texts of a model inside the mapping file that is written from it.
#include <ctype.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "core/mapping/tools/generate_internal.h"

// Besides control characters, these end a line or are not allowed in YAML: U+0080 to U+009F, U+2028, U+2029, U+FEFF.
static size_t breaking_len(const char *at)
{
    const unsigned char *c = (const unsigned char *)at;
    if (c[0] == 0xC2 && c[1] >= 0x80 && c[1] <= 0x9F) {
        return 2;
    }
    bool separator = c[0] == 0xE2 && c[1] == 0x80 && (c[2] == 0xA8 || c[2] == 0xA9);
    bool mark = c[0] == 0xEF && c[1] == 0xBB && c[2] == 0xBF;
    return separator || mark ? 3 : 0;
}

void generate_comment(struct buf *out, const char *text)
{
    for (const char *at = text; *at != '\0'; at++) {
        size_t breaking = breaking_len(at);
        bool control = (unsigned char)*at < 0x20 || *at == 0x7F;
        buf_char(out, breaking > 0 || control ? '?' : *at);
        at += breaking > 0 ? breaking - 1 : 0;
    }
}

static bool is_plain(const char *text)
{
    static const char *const words[] = {"null", "true", "false", "yes", "no", "on", "off", "y", "n", NULL};
    return isalpha((unsigned char)*text) && !str_is_one_of_folded(text, words) &&
           text[strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")] == '\0';
}

void generate_word(struct buf *out, const char *text)
{
    AUTO_JSON struct json_object *value = json_new_text(text);
    AUTO_FREE char *quoted = json_print(value);
    buf_text(out, is_plain(text) ? text : quoted);
}
