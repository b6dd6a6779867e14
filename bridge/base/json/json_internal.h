// Shared by json.c and json_check.c only.
#pragma once

#include "base/buf.h"
#include "base/json/json.h"

struct json_rules {
    size_t max_depth;
    bool any_number; // numbers beyond 64 bits pass
    struct buf
        *quoted; // or NULL: they pass, and this becomes the text with quotes around them; empty if there are none
};
enum err json_check_rules(const char *data, size_t len, const struct json_rules *rules, struct diag *diag) MUST_CHECK;
