#include "base/err.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/show.h"

enum err diag_set(struct diag *diag, enum err err, const char *fmt, ...)
{
    // The arguments may point into the very diag, as when a caller puts its own words before those of a callee.
    char text[sizeof diag->text];
    va_list args;
    va_start(args, fmt);
    int len = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (len >= (int)sizeof text) {
        text[show_whole_len(text, sizeof text - 1)] = '\0';
    }
    show_mask(text, strlen(text));
    memcpy(diag->text, text, strlen(text) + 1);
    return err;
}

// What is wrong in one place can be met on several ways, as through an alias or the defaults of a file.
static bool is_known(const struct problems *problems, const struct problem *problem)
{
    for (size_t i = 0; i < problems->count; i++) {
        const struct problem *other = &problems->items[i];
        if (other->line == problem->line && other->column == problem->column && other->severity == problem->severity &&
            strcmp(other->text, problem->text) == 0 && strcmp(other->source, problem->source) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_full(const struct problems *problems, enum severity severity)
{
    return severity == SEVERITY_ERROR ? problems->errors - problems->omitted_errors == PROBLEMS_MAX_ERRORS
                                      : problems->warnings - problems->omitted_warnings == PROBLEMS_MAX_WARNINGS;
}

void problems_add(struct problems *problems, enum severity severity, const char *source, int line, int column,
                  const char *fmt, ...)
{
    size_t *found = severity == SEVERITY_ERROR ? &problems->errors : &problems->warnings;
    if (is_full(problems, severity)) {
        *found += 1;
        *(severity == SEVERITY_ERROR ? &problems->omitted_errors : &problems->omitted_warnings) += 1;
        return;
    }
    va_list args;
    va_start(args, fmt);
    char *text = mem_vprintf(fmt, args);
    va_end(args);
    show_mask(text, strlen(text));
    struct problem problem = {
        .severity = severity, .source = (char *)source, .line = line, .column = column, .text = text};
    if (is_known(problems, &problem)) {
        free(text);
        return;
    }
    problem.source = mem_strdup(source);
    *found += 1;
    problems->items = mem_resize(problems->items, problems->count + 1, sizeof *problems->items);
    problems->items[problems->count++] = problem;
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
