// Secrets: read from a file, an environment variable or a systemd credential; never logged, wiped when freed.
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "base/options/options.h"

#define SECRET_MAX_LEN 4096

// The secret's text without one line end at its end; free it with secret_free. ERR_MISSING: no source is set.
// ERR_REFUSED: a file that others can write, or whose text can be no secret. *warning is what is legal and hardly
// meant, with the cure, as a file that others can read or quotes around the text; NULL if nothing. It is constant.
enum err secret_read(const struct secret_source *source, char **out, const char **warning,
                     struct diag *diag) MUST_CHECK;
void secret_free(char *secret);
bool secret_is_set(const struct secret_source *source);
// For a process that holds secrets: no core dump of it, and nobody but root looks into its memory.
void secret_hide_memory(void);
