// Output for people: colour where it is wanted, and text of others without what a terminal would obey.
#pragma once

#include <stdbool.h>
#include <stdio.h>

// On a terminal, and never with NO_COLOR set.
bool terminal_has_colour(FILE *out);
// What is not fit for a terminal (str_unshowable), or no UTF-8, becomes '?'.
void terminal_print_clean(FILE *out, const char *text);
// A line, or lines, of JSON that json_print or json_print_pretty has made; such characters are escaped, and so stay
// what they are for programs.
void terminal_print_json(FILE *out, const char *text);
// Flushes standard output. False, and a sentence of `command`, if something could not be written.
bool terminal_flush(const char *command);
