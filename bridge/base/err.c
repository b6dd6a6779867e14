#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

enum err diag_set(struct diag *diag, enum err err, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(diag->text, sizeof diag->text, fmt, args);
    va_end(args);
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
