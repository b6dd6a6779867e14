#include "app/cli/terminal.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"

bool terminal_has_colour(FILE *out)
{
    return isatty(fileno(out)) && getenv("NO_COLOR") == NULL;
}

void terminal_print_clean(FILE *out, const char *text)
{
    unsigned code = 0;
    for (size_t len = strlen(text), i = 0, count = 0; i < len; i += count == 0 ? 1 : count) {
        size_t whole = str_utf8_character(text + i, len - i);
        bool is_shown = whole > 0 && str_unshowable(text + i, whole, &code) == 0;
        fwrite(is_shown ? text + i : "?", 1, is_shown ? whole : 1, out);
        count = whole;
    }
}

void terminal_print_json(FILE *out, const char *text)
{
    unsigned code = 0;
    for (size_t len = strlen(text), i = 0, count = 0; i < len; i += count == 0 ? 1 : count) {
        count = str_unshowable(text + i, len - i, &code);
        if (count > 0 && code != '\n') {
            fprintf(out, "\\u%04x", code);
        } else {
            fputc(text[i], out);
        }
    }
    fputc('\n', out);
}

bool terminal_flush(const char *command)
{
    if (fflush(stdout) == 0 && !ferror(stdout)) {
        return true;
    }
    fprintf(stderr, "thingbridge %s: the output cannot be written\n", command);
    return false;
}
