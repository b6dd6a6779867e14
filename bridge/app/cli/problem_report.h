// Problems as people read them, errors before warnings: file:line:col, the line with a caret; or as JSON.
#pragma once

#include <stdio.h>

#include "app/config/config.h"
#include "base/err.h"

// The lines to show are those of the configuration's document and of the mapping files; either may be NULL.
void problem_report(FILE *out, const struct problems *problems, const struct yaml_document *document,
                    const struct mapping_files *files);
// "1 error, 3000 warnings".
void problem_report_count(FILE *out, const struct problems *problems);
// {problems: [{file, line, column, severity, text}], errors, warnings, omitted}: the counts are those of all, `omitted`
// says how many of them are not in the list.
void problem_report_json(FILE *out, const struct problems *problems);
