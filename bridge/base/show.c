#include "base/show.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"

#define MAX_TEXT  (SHOW_LEN - 24) // with room for quotes, the mark of a cut, and what json_show puts before it
#define MAX_SHORT 60

static size_t character_len(unsigned char lead)
{
    if (lead >= 0xF0) {
        return 4;
    }
    if (lead >= 0xE0) {
        return 3;
    }
    return lead >= 0xC0 ? 2 : 1;
}

size_t show_whole_len(const char *data, size_t len)
{
    size_t start = len;
    while (start > 0 && len - start < 4) {
        start--;
        unsigned char byte = (unsigned char)data[start];
        if ((byte & 0xC0) != 0x80) {
            return start + character_len(byte) > len ? start : len;
        }
    }
    return len;
}

void show_cut(char *out, size_t size, const char *text)
{
    size_t len = strlen(text);
    if (len >= size) {
        len = show_whole_len(text, size - 1);
    }
    memcpy(out, text, len);
    out[len] = '\0';
}

void show_mask(char *data, size_t len)
{
    unsigned code = 0;
    for (size_t i = 0, count = 0; i < len; i += count == 0 ? 1 : count) {
        count = str_unshowable(data + i, len - i, &code);
        memset(data + i, '?', count);
    }
}

static struct shown show(const char *text, size_t len, size_t max, const char *quote)
{
    struct shown shown;
    char copy[MAX_TEXT + 1];
    size_t cut = len > max ? show_whole_len(text, max) : len;
    memcpy(copy, text, cut);
    show_mask(copy, cut);
    copy[cut] = '\0';
    snprintf(shown.text, sizeof shown.text, "%s%s%s%s", quote, copy, cut < len ? "..." : "", quote);
    return shown;
}

static struct shown show_valid(const char *text, size_t len, const char *quote)
{
    return str_utf8_valid(text, len) ? show(text, len, MAX_TEXT, quote) : (struct shown){"(not valid UTF-8)"};
}

struct shown show_text_len(const char *text, size_t len)
{
    return show_valid(text, len, "\"");
}

struct shown show_plain(const char *text)
{
    return show_valid(text, strlen(text), "");
}

struct shown show_text(const char *text)
{
    return show_text_len(text, strlen(text));
}

struct shown show_short(const char *text)
{
    return show(text, strlen(text), MAX_SHORT, "");
}
