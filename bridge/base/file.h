// Reading files whole, and whether they can be read. May block as files do; any thread.
#pragma once

#include <stddef.h>

#include "base/err.h"

// A regular file of 1 to max_bytes bytes; the caller frees *data, which has a NUL byte after it. ERR_IO if it cannot be
// read or is no regular file, ERR_SYNTAX if it is empty, ERR_LIMIT if it is larger. The diag does not name the path.
enum err file_read(const char *path, size_t max_bytes, char **data, size_t *len, struct diag *diag) MUST_CHECK;
// ERR_IO, with the name of the option that gave it, if the file cannot be read; NULL is fine.
enum err file_check_readable(const char *option, const char *path_or_null, struct diag *diag) MUST_CHECK;
