// What the files of the generate module share. Private to core.
#pragma once

#include "base/buf.h"
#include "base/json/json.h"
#include "core/mapping/tools/generate.h"

// Text of a model inside a comment: on one line.
void generate_comment(struct buf *out, const char *text);
// A text as YAML: plain where that is read as the same text, else in quotes.
void generate_word(struct buf *out, const char *text);

// The tests of a service that is called by `topic` for `device`.
void generate_tests(const struct model_service *service, const char *product_key, const char *topic, const char *device,
                    struct buf *out);
