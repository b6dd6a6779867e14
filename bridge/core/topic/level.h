// Walking a topic name or filter level by level. Private to core.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/str.h"

// Gives the next level and moves *rest behind it; *rest is NULL after the last one.
static inline bool level_next(const char **rest, struct str *level)
{
    if (*rest == NULL) {
        return false;
    }
    const char *slash = strchr(*rest, '/');
    *level = (struct str){*rest, slash != NULL ? (size_t)(slash - *rest) : strlen(*rest)};
    *rest = slash != NULL ? slash + 1 : NULL;
    return true;
}

static inline bool level_is_one(struct str level)
{
    return level.len == 1 && level.data[0] == '+';
}

static inline bool level_is_rest(struct str level)
{
    return level.len == 1 && level.data[0] == '#';
}

static inline bool level_is_wild(struct str level)
{
    return level_is_one(level) || level_is_rest(level);
}

// Names whose first level begins with '$' are not matched by a wildcard there (MQTT 5, section 4.7.2).
static inline bool level_is_dollar(struct str level)
{
    return level.len > 0 && level.data[0] == '$';
}

static inline bool level_equal(struct str a, struct str b)
{
    return a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
}
