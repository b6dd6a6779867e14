#include "app/terminal.h"

#include <ctype.h>
#include <stdlib.h>
#include <unistd.h>

bool terminal_has_colour(FILE *out)
{
    return isatty(fileno(out)) && getenv("NO_COLOR") == NULL;
}

void terminal_print_clean(FILE *out, const char *text)
{
    for (const unsigned char *c = (const unsigned char *)text; *c != '\0'; c++) {
        bool is_c1 = c[0] == 0xC2 && c[1] >= 0x80 && c[1] <= 0x9F; // U+0080 to U+009F in UTF-8
        c += is_c1 ? 1 : 0;
        fputc(is_c1 || iscntrl(*c) ? '?' : *c, out);
    }
}

bool terminal_flush(const char *command)
{
    if (fflush(stdout) == 0 && !ferror(stdout)) {
        return true;
    }
    fprintf(stderr, "thingbridge %s: the output cannot be written\n", command);
    return false;
}
