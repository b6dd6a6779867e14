// Problems as people read them: file:line:col, the line with a caret; or as JSON.
#pragma once

#include <stdio.h>

#include "app/config.h"
#include "base/err.h"

// `documents` (some may be NULL) are searched for the lines to show.
void problem_report(FILE *out, const struct problems *problems, struct yaml_document *const *documents, size_t count);
void problem_report_json(FILE *out, const struct problems *problems);
