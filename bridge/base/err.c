#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

// Takes away the rest of a character that was cut at the end of the array.
static void trim_cut_character(char *text, size_t len)
{
    size_t start = len;
    while (start > 0 && len - start < 4 && ((unsigned char)text[start - 1] & 0xC0) == 0x80) {
        start--;
    }
    if (start > 0 && (unsigned char)text[start - 1] >= 0xC0 && !str_utf8_valid(text + start - 1, len - start + 1)) {
        text[start - 1] = '\0';
    }
}

enum err diag_set(struct diag *diag, enum err err, const char *fmt, ...)
{
    // The arguments may point into the very diag, as when a caller puts its own words before those of a callee.
    char text[sizeof diag->text];
    va_list args;
    va_start(args, fmt);
    int len = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (len >= (int)sizeof text) {
        trim_cut_character(text, sizeof text - 1);
    }
    memcpy(diag->text, text, strlen(text) + 1);
    return err;
}

void problems_add(struct problems *problems, enum severity severity, const char *source, int line, int column,
                  const char *fmt, ...)
{
    if (severity == SEVERITY_ERROR) {
        problems->errors++;
    }
    if (problems->count == PROBLEMS_MAX) {
        problems->omitted++;
        return;
    }
    va_list args;
    va_start(args, fmt);
    char *text = mem_vprintf(fmt, args);
    va_end(args);
    problems->items = mem_resize(problems->items, problems->count + 1, sizeof *problems->items);
    problems->items[problems->count++] = (struct problem){
        .severity = severity, .source = mem_strdup(source), .line = line, .column = column, .text = text};
}

void problems_clear(struct problems *problems)
{
    for (size_t i = 0; i < problems->count; i++) {
        free(problems->items[i].source);
        free(problems->items[i].text);
    }
    free(problems->items);
    *problems = (struct problems){0};
}
