// Text that a person gives to a command: on the command line, from a file or from standard input. Bounded.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

// "-" is standard input, which is read to its end; anything else is the text itself, or with `with_files` and a leading
// '@' the name of a file that holds it. The text is NUL-terminated, may hold NUL, and is the caller's. ERR_LIMIT,
// ERR_IO.
enum err input_read(const char *word, bool with_files, size_t max_len, char **out, size_t *len,
                    struct diag *diag) MUST_CHECK;
