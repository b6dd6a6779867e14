// Shared by json.c and json_check.c only.
#pragma once

#include "base/json.h"

struct json_rules {
    size_t max_depth;
    bool any_number; // numbers beyond 64 bits pass
};
enum err json_check_rules(const char *data, size_t len, const struct json_rules *rules, struct diag *diag) MUST_CHECK;
