// The platform's echo of its string to sign, compared with ours: distinguishes a wrong secret from a wrong encoding.
#include <string.h>

#include "base/str.h"
#include "core/platform/api_internal.h"

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

// A string to sign is made of unreserved characters, '%' and its two '&'.
static bool may_stand_in_it(char c)
{
    return (c >= 'a' && c <= 'z') || is_upper(c) || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("-_.~%&", c) != NULL);
}

// Who encodes otherwise than we do may write %2f.
bool api_echo_find(const char *text, size_t *start, size_t *len)
{
    static const char separator[] = "&%2F&";
    const char *mark = strcasestr(text, separator);
    if (mark == NULL) {
        return false;
    }
    const char *first = mark;
    while (first > text && is_upper(first[-1])) {
        first--;
    }
    const char *end = mark + strlen(separator);
    while (may_stand_in_it(*end)) {
        end++;
    }
    *start = (size_t)(first - text);
    *len = (size_t)(end - first);
    return true;
}

// Bytes that both begin with.
static size_t common_len(struct str a, struct str b)
{
    size_t len = 0;
    while (len < a.len && len < b.len && a.data[len] == b.data[len]) {
        len++;
    }
    return len;
}

// Name of the parameter in which byte `at` of a string to sign lies. In it '&' is %26 and '=' is %3D.
static struct str parameter_at(struct str text, size_t at)
{
    const char *from = memmem(text.data, text.len, "&%2F&", 5);
    const char *name = from == NULL ? text.data : from + 5;
    const char *limit = text.data + at;
    while (name < limit) {
        const char *next = memmem(name, (size_t)(limit - name), "%26", 3);
        if (next == NULL) {
            break;
        }
        name = next + 3;
    }
    size_t rest = (size_t)(text.data + text.len - name);
    const char *end = memmem(name, rest, "%3D", 3);
    return (struct str){name, end == NULL ? rest : (size_t)(end - name)};
}

// Only the name of the parameter is shown: its value may be a security token.
static void say_difference(struct str ours, struct str theirs, struct buf *out)
{
    enum { NAME_SHOWN = 64 };
    size_t at = common_len(ours, theirs);
    struct str name = parameter_at(ours, at);
    if (name.len > NAME_SHOWN) {
        name.len = NAME_SHOWN;
    }
    buf_printf(out,
               "the encoding is wrong, not the secret: the platform's string to sign differs from ours at byte %zu "
               "(parameter %.*s)",
               at, STR_ARG(name));
}

// A full stop after the echo may be the sentence's.
static bool same(struct str ours, struct str theirs)
{
    while (theirs.len > ours.len && theirs.data[theirs.len - 1] == '.') {
        theirs.len--;
    }
    return ours.len == theirs.len && memcmp(ours.data, theirs.data, ours.len) == 0;
}

static void compare(const char *ours, struct str theirs, struct buf *out)
{
    struct str own = {ours, strlen(ours)};
    if (same(own, theirs)) {
        buf_text(out, "the secret is wrong: the platform's string to sign is the same as ours");
    } else {
        say_difference(own, theirs, out);
    }
}

void api_signature_verdict(const struct api_facts *facts, const char *ours, struct buf *out)
{
    const char *words = facts->string_to_sign != NULL ? facts->string_to_sign : facts->message;
    AUTO_BUF struct buf text = {0};
    if (words != NULL) {
        api_xml_unescape(&text, words, strlen(words)); // '&' may come escaped once more
    }
    size_t start = 0;
    size_t len = 0;
    if (ours == NULL || text.data == NULL || !api_echo_find(text.data, &start, &len)) {
        buf_text(out, "the secret or the encoding is wrong: the platform did not tell its string to sign");
        return;
    }
    compare(ours, (struct str){text.data + start, len}, out);
}
