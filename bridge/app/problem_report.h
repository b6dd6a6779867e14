// Problems as people read them: file:line:col, the line with a caret; or as JSON.
#pragma once

#include <stdio.h>

#include "app/config.h"
#include "base/err.h"

// The lines to show are those of the configuration's document and of the mapping files; either may be NULL.
void problem_report(FILE *out, const struct problems *problems, const struct yaml_document *document,
                    const struct mapping_files *files);
void problem_report_json(FILE *out, const struct problems *problems);
