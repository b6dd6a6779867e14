#include "base/json/show.h"

#include <stdio.h>
#include <string.h>

#include "base/json/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/text.h"

// Room for quotes, the mark of a cut, and what show_value puts before it.
#define MAX_TEXT (SHOW_LEN - 24)

static size_t cut_len(const char *text, size_t len)
{
    if (len <= MAX_TEXT) {
        return len;
    }
    len = MAX_TEXT;
    while (len > 0 && ((unsigned char)text[len] & 0xC0) == 0x80) {
        len--;
    }
    return len;
}

static struct shown show(const char *text, size_t len, const char *quote)
{
    struct shown shown;
    if (!str_utf8_valid(text, len)) {
        snprintf(shown.text, sizeof shown.text, "(not valid UTF-8)");
        return shown;
    }
    char copy[MAX_TEXT + 1];
    size_t cut = cut_len(text, len);
    memcpy(copy, text, cut);
    str_mask(copy, cut);
    copy[cut] = '\0';
    snprintf(shown.text, sizeof shown.text, "%s%s%s%s", quote, copy, cut < len ? "..." : "", quote);
    return shown;
}

struct shown show_text_len(const char *text, size_t len)
{
    return show(text, len, "\"");
}

struct shown show_plain(const char *text)
{
    return show(text, strlen(text), "");
}

struct shown show_text(const char *text)
{
    return show_text_len(text, strlen(text));
}

struct shown show_value(const struct json_object *value)
{
    struct shown shown;
    enum json_kind kind = json_kind(value);
    if (kind == JSON_NULL) {
        snprintf(shown.text, sizeof shown.text, "null");
    } else if (kind == JSON_LIST || kind == JSON_MAP) {
        snprintf(shown.text, sizeof shown.text, "%s", kind == JSON_LIST ? "a list" : "an object");
    } else if (kind == JSON_TEXT) {
        const char *text = json_text(value);
        snprintf(shown.text, sizeof shown.text, "text %.*s", SHOW_LEN - 6, show_text(text).text);
    } else {
        AUTO_FREE char *text = json_print(value);
        snprintf(shown.text, sizeof shown.text, "%s %.*s", json_kind_name(kind), MAX_TEXT, text);
    }
    return shown;
}
