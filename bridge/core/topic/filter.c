// Relations between topic filters (MQTT 5, section 4.7).
#include "core/topic/topic.h"

#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "core/topic/level.h"

static bool dollar_apart(struct str a, struct str b)
{
    return (level_is_wild(a) && level_is_dollar(b)) || (level_is_wild(b) && level_is_dollar(a));
}

bool topic_filter_matches(const char *filter, const char *name)
{
    // A name is a filter without wildcards.
    return topic_filter_overlaps(filter, name);
}

bool topic_filter_overlaps(const char *a, const char *b)
{
    for (bool first = true;; first = false) {
        struct str level_a;
        struct str level_b;
        bool has_a = level_next(&a, &level_a);
        bool has_b = level_next(&b, &level_b);
        if (!has_a || !has_b) {
            return (!has_a && !has_b) || (has_a && level_is_rest(level_a)) || (has_b && level_is_rest(level_b));
        }
        if (first && dollar_apart(level_a, level_b)) {
            return false;
        }
        if (level_is_rest(level_a) || level_is_rest(level_b)) {
            return true;
        }
        if (!level_is_one(level_a) && !level_is_one(level_b) && !level_equal(level_a, level_b)) {
            return false;
        }
    }
}

static bool level_covers(struct str a, struct str b)
{
    return level_is_one(a) || level_equal(a, b);
}

bool topic_filter_covers(const char *a, const char *b)
{
    // Every name has a first level, so "+/#" says no less than "#".
    if (strcmp(a, "+/#") == 0) {
        a = "#";
    }
    for (bool first = true;; first = false) {
        struct str level_a;
        struct str level_b;
        bool has_a = level_next(&a, &level_a);
        bool has_b = level_next(&b, &level_b);
        if (!has_b) {
            return !has_a || level_is_rest(level_a);
        }
        if (!has_a || (first && level_is_wild(level_a) && level_is_dollar(level_b))) {
            return false;
        }
        if (level_is_rest(level_a)) {
            return true;
        }
        if (level_is_rest(level_b) || !level_covers(level_a, level_b)) {
            return false;
        }
    }
}

static void append_level(struct buf *out, bool first, struct str level)
{
    if (!first) {
        buf_char(out, '/');
    }
    buf_append(out, level.data, level.len);
}

char *topic_filter_union(const char *a, const char *b)
{
    AUTO_BUF struct buf out = {0};
    for (bool first = true;; first = false) {
        struct str level_a = {0};
        struct str level_b = {0};
        bool has_a = level_next(&a, &level_a);
        bool has_b = level_next(&b, &level_b);
        if (!has_a && !has_b) {
            return buf_steal(&out);
        }
        if (!has_a || !has_b || level_is_rest(level_a) || level_is_rest(level_b)) {
            if (first && (level_is_dollar(level_a) || level_is_dollar(level_b))) {
                return NULL;
            }
            append_level(&out, first, (struct str){"#", 1});
            return buf_steal(&out);
        }
        bool equal = level_equal(level_a, level_b);
        if (first && !equal && (level_is_dollar(level_a) || level_is_dollar(level_b))) {
            return NULL;
        }
        append_level(&out, first, equal ? level_a : (struct str){"+", 1});
    }
}
