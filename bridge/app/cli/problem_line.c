#include "app/cli/problem_line.h"

#include <locale.h>
#include <stdbool.h>
#include <string.h>
#include <wchar.h>

#include "base/buf.h"
#include "base/str.h"

#define INDENT "    "
// Bytes of a long line that are shown, and how many of them stand before the caret at most.
#define SHOWN_LEN  160
#define SHOWN_LEAD 80

struct window {
    size_t start;
    size_t end;
};

static bool is_inside_character(const char *line, size_t len, size_t at)
{
    return at < len && ((unsigned char)line[at] & 0xC0) == 0x80;
}

static struct window place_window(const char *line, size_t len, size_t caret)
{
    struct window window = {0, len};
    if (len > SHOWN_LEN) {
        window.start = caret > SHOWN_LEAD ? caret - SHOWN_LEAD : 0;
        window.end = len - window.start > SHOWN_LEN ? window.start + SHOWN_LEN : len;
    }
    for (int i = 0; i < 3 && window.start > 0 && is_inside_character(line, len, window.start); i++) {
        window.start--;
    }
    for (int i = 0; i < 3 && is_inside_character(line, len, window.end); i++) {
        window.end++;
    }
    return window;
}

// Columns of the character on a terminal; -1 if it is not fit for one.
static int character_width(const char *character, size_t len)
{
    mbstate_t state = {0};
    wchar_t wide;
    unsigned code = 0;
    if (str_unshowable(character, len, &code) > 0) {
        return -1;
    }
    return mbrtowc(&wide, character, len, &state) == len ? wcwidth(wide) : -1;
}

// Appends the character, and the same width to `below`; gives its length in the line.
static size_t show_character(const char *line, size_t end, size_t at, struct buf *shown, struct buf *below)
{
    size_t len = str_utf8_character(line + at, end - at);
    int width = len > 0 ? character_width(line + at, len) : -1;
    if (line[at] == '\t') {
        buf_char(shown, '\t');
        buf_char(below, '\t');
        return 1;
    }
    buf_append(shown, width >= 0 ? line + at : "?", width >= 0 ? len : 1);
    for (int i = 0; i < (width >= 0 ? width : 1); i++) {
        buf_char(below, ' ');
    }
    return len > 0 ? len : 1;
}

static void show_window(const char *line, size_t len, size_t caret, struct buf *shown, struct buf *below)
{
    struct window window = place_window(line, len, caret);
    struct buf unused = {0};
    buf_text(shown, window.start > 0 ? INDENT "..." : INDENT);
    buf_text(below, window.start > 0 ? INDENT "   " : INDENT);
    for (size_t at = window.start; at < window.end;) {
        at += show_character(line, window.end, at, shown, at < caret ? below : &unused);
    }
    buf_text(shown, window.end < len ? "..." : "");
    buf_free(&unused);
}

void problem_line_print(FILE *out, const char *line, size_t len, int column)
{
    AUTO_BUF struct buf shown = {0};
    AUTO_BUF struct buf below = {0};
    size_t caret = column > 0 ? (size_t)column - 1 : 0;
    // The width of a character is the same in all locales, and the user's may know no UTF-8.
    locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    locale_t before = utf8 != (locale_t)0 ? uselocale(utf8) : (locale_t)0;
    show_window(line, len, caret < len ? caret : len, &shown, &below);
    if (utf8 != (locale_t)0) {
        uselocale(before);
        freelocale(utf8);
    }
    fprintf(out, "%s\n", shown.data);
    if (column > 0) {
        fprintf(out, "%s^\n", below.data);
    }
}
