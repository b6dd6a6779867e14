// Output for people: colour where it is wanted, and text of others without what a terminal would obey.
#pragma once

#include <stdbool.h>
#include <stdio.h>

// On a terminal, and never with NO_COLOR set.
bool terminal_has_colour(FILE *out);
// Control characters become '?'.
void terminal_print_clean(FILE *out, const char *text);
// Flushes standard output. False, and a sentence of `command`, if something could not be written.
bool terminal_flush(const char *command);
