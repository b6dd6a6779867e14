// A line of a source with a caret below it, fit for a terminal: long lines are cut around the caret, which stands under
// its character also behind tabs and wide characters; control characters and what is no UTF-8 are shown as '?'.
#pragma once

#include <stddef.h>
#include <stdio.h>

// `column` is 1-based, in bytes; 0: no caret.
void problem_line_print(FILE *out, const char *line, size_t len, int column);
