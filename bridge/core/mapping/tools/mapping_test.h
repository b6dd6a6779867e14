// Runs the tests inside mapping files: without a broker, a platform, a clock or chance. Pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/yaml/yaml.h"
#include "core/mapping/mapping.h"
#include "core/platform/api.h"

// The rows that a platform's configuration puts before the table of answers.
struct mapping_test_platform {
    const char *name;
    const struct api_row *rows;
    size_t row_count;
};

// One thing that is not as expected. Texts are owned; for people, JSON where the value is JSON.
struct mapping_test_difference {
    char *what; // "DeviceName", "Args.brightness", "reply.status"
    char *expected;
    char *got;
};

#define TEST_MAX_DIFFERENCES 50
struct mapping_test_result {
    char *name;
    const char *source; // file; the document's
    int line;           // of the test
    char *rule;         // that took the message; NULL: none
    struct mapping_test_difference *differences;
    size_t count; // none: it passed. At most TEST_MAX_DIFFERENCES are reported
};
void mapping_test_result_clear(struct mapping_test_result *result);

// Tests of a document from which a mapping was made without errors.
size_t mapping_test_count(const struct yaml_document *document);
void mapping_test_run(const struct mapping *mapping, const struct yaml_document *document, size_t index,
                      const struct mapping_test_platform *platforms, size_t platform_count,
                      struct mapping_test_result *out);
