// Topics, line by line: patterns and filters, and names to match with them. What matches is compared with a matcher
// that is written straight from the MQTT specification, section 4.7.
#include "fuzz.h"

#include "core/topic/filter_tree.h"
#include "core/topic/topic.h"

#define MAX_LINES 8
#define MAX_GLOB  100 // bytes

struct lines {
    char *items[MAX_LINES];
    size_t count;
};

struct filters {
    const char *items[MAX_LINES];
    size_t count;
};

// ---- the plain matcher

static bool level_ends(const char *at)
{
    return *at == '/' || *at == '\0';
}

static bool plain_levels_match(const char *filter, const char *name)
{
    if (strcmp(filter, "#") == 0) {
        return true;
    }
    if (filter[0] == '+' && level_ends(filter + 1)) {
        filter++;
        name += strcspn(name, "/");
    }
    while (!level_ends(filter) && *filter == *name) {
        filter++;
        name++;
    }
    if (!level_ends(filter) || !level_ends(name)) {
        return false;
    }
    if (*name == '\0') {
        return *filter == '\0' || strcmp(filter, "/#") == 0;
    }
    return *filter == '/' && plain_levels_match(filter + 1, name + 1);
}

static bool plain_match(const char *filter, const char *name)
{
    bool wild_first = filter[0] == '+' || filter[0] == '#';
    return !(wild_first && name[0] == '$') && plain_levels_match(filter, name);
}

static size_t character_len(const char *text)
{
    size_t len = 1;
    while (((unsigned char)text[len] & 0xC0) == 0x80) {
        len++;
    }
    return len;
}

// What the ends of both are to each other, from the last bytes to the first.
static bool plain_glob(const char *glob, const char *text)
{
    bool fits[MAX_GLOB + 1][MAX_GLOB + 1] = {{false}};
    size_t glob_len = strlen(glob);
    size_t text_len = strlen(text);
    fits[glob_len][text_len] = true;
    for (size_t g = glob_len; g-- > 0;) {
        for (size_t t = text_len + 1; t-- > 0;) {
            bool more = t < text_len;
            if (glob[g] == '*') {
                fits[g][t] = fits[g + 1][t] || (more && fits[g][t + 1]);
            } else if (glob[g] == '?') {
                fits[g][t] = more && fits[g + 1][t + character_len(text + t)];
            } else {
                fits[g][t] = more && glob[g] == text[t] && fits[g + 1][t + 1];
            }
        }
    }
    return fits[0][0];
}

// ---- patterns

static void must_be_slices(const struct topic_pattern *pattern, const char *name, const struct str *captures)
{
    const char *end = name + strlen(name);
    for (size_t i = 0; i < pattern->name_count; i++) {
        struct str capture = captures[i];
        MUST(capture.len == 0 || (capture.data >= name && capture.data + capture.len <= end));
    }
}

// The name put together again from the pattern's texts and what was captured, where nothing is unnamed.
static void must_rebuild(const struct topic_pattern *pattern, const char *name, const struct str *captures)
{
    AUTO_BUF struct buf out = {0};
    buf_text(&out, "");
    for (size_t i = 0; i < pattern->level_count; i++) {
        const struct topic_level *level = &pattern->levels[i];
        bool is_text = level->kind == LEVEL_TEXT;
        if (!is_text && level->capture < 0) {
            return;
        }
        struct str text = is_text ? (struct str){level->text, strlen(level->text)} : captures[level->capture];
        bool no_rest = level->kind == LEVEL_REST && text.len == 0 && strcmp(name, out.data) == 0;
        buf_text(&out, i > 0 && !no_rest ? "/" : "");
        buf_append(&out, text.data, text.len);
    }
    MUST(strcmp(out.data, name) == 0);
}

static void check_match(const struct topic_pattern *pattern, const char *name)
{
    struct str captures[TOPIC_MAX_CAPTURES];
    bool matches = topic_pattern_match(pattern, name, captures);
    MUST(matches == plain_match(pattern->filter, name));
    if (matches) {
        must_be_slices(pattern, name, captures);
        must_rebuild(pattern, name, captures);
    }
}

static void check_pattern(const char *text, const struct lines *lines)
{
    struct topic_pattern *pattern = NULL;
    struct diag diag = {""};
    if (topic_pattern_compile(text, &pattern, &diag) != ERR_OK) {
        MUST(pattern == NULL);
        must_tell(diag.text);
        return;
    }
    MUST(strcmp(pattern->text, text) == 0);
    MUST(pattern->name_count <= TOPIC_MAX_CAPTURES);
    MUST(topic_filter_check(pattern->filter, &diag) == ERR_OK);
    for (size_t i = 0; i < lines->count; i++) {
        if (topic_name_valid(lines->items[i], strlen(lines->items[i]))) {
            check_match(pattern, lines->items[i]);
        }
    }
    topic_pattern_free(pattern);
}

// ---- filters

static void check_pair(const char *a, const char *b, const struct lines *lines)
{
    AUTO_FREE char *both = topic_filter_union(a, b);
    bool covers = topic_filter_covers(a, b);
    bool overlaps = topic_filter_overlaps(a, b);
    struct diag diag;
    MUST(overlaps == topic_filter_overlaps(b, a));
    MUST(!covers || overlaps);
    MUST(strcmp(a, b) != 0 || covers);
    if (both != NULL) {
        MUST(topic_filter_check(both, &diag) == ERR_OK);
        MUST(topic_filter_covers(both, a) && topic_filter_covers(both, b));
    }
    for (size_t i = 0; i < lines->count; i++) {
        const char *name = lines->items[i];
        if (topic_name_valid(name, strlen(name))) {
            bool in_a = topic_filter_matches(a, name);
            bool in_b = topic_filter_matches(b, name);
            MUST(in_a == plain_match(a, name) && in_b == plain_match(b, name));
            MUST(!covers || !in_b || in_a);
            MUST(overlaps || !in_a || !in_b);
            MUST(both == NULL || (!in_a && !in_b) || topic_filter_matches(both, name));
        }
    }
}

static bool count_values(void *context, const size_t *values, size_t count)
{
    unsigned *found = context;
    for (size_t i = 0; i < count; i++) {
        MUST((*found & (1U << values[i])) == 0);
        *found |= 1U << values[i];
    }
    return true;
}

// The tree finds each filter once, and those alone that overlap.
static void check_tree(const struct filters *filters, const char *wanted)
{
    struct filter_tree *tree = filter_tree_create();
    unsigned found = 0;
    for (size_t i = 0; i < filters->count; i++) {
        filter_tree_add(tree, filters->items[i], i);
    }
    filter_tree_search(tree, wanted, count_values, &found);
    for (size_t i = 0; i < filters->count; i++) {
        MUST(((found >> i) & 1) == topic_filter_overlaps(filters->items[i], wanted));
    }
    filter_tree_destroy(tree);
}

// ---- subscriptions

static void must_be_subscriptions(const struct subscription_set *set, bool merged)
{
    struct diag diag;
    for (size_t i = 0; i < set->count; i++) {
        MUST(topic_filter_check(set->items[i].filter, &diag) == ERR_OK);
        MUST(set->items[i].id >= 1 && (i == 0 || set->items[i].id > set->items[i - 1].id));
        for (size_t k = 0; k < set->count && k != i; k++) {
            MUST(!topic_filter_covers(set->items[i].filter, set->items[k].filter));
            MUST(!merged || !topic_filter_overlaps(set->items[i].filter, set->items[k].filter));
        }
    }
}

static bool is_subscribed(const struct subscription_set *set, const char *filter)
{
    bool found = false;
    for (size_t i = 0; i < set->count; i++) {
        found |= topic_filter_covers(set->items[i].filter, filter);
    }
    return found;
}

static void check_subscriptions(const struct filters *filters, const struct lines *lines, bool merge)
{
    struct subscription_set set;
    struct subscription_set again;
    subscription_set_build(filters->items, filters->count, merge, &set);
    must_be_subscriptions(&set, merge);
    for (size_t i = 0; i < filters->count; i++) {
        MUST(is_subscribed(&set, filters->items[i]));
    }
    AUTO_FREE char *text = subscription_set_encode(&set);
    MUST(subscription_set_decode(text, &again) == ERR_OK);
    must_be_same(mem_strdup(text), subscription_set_encode(&again));
    for (size_t i = 0; i < lines->count; i++) {
        if (topic_name_valid(lines->items[i], strlen(lines->items[i]))) {
            uint32_t expected = 0;
            for (size_t k = set.count; k > 0; k--) {
                expected = plain_match(set.items[k - 1].filter, lines->items[i]) ? set.items[k - 1].id : expected;
            }
            MUST(subscription_set_lowest(&set, lines->items[i]) == expected);
            MUST(subscription_set_lowest(&again, lines->items[i]) == expected);
        }
    }
    subscription_set_free(&again);
    subscription_set_free(&set);
}

static void check_filters(const struct lines *lines)
{
    struct filters filters = {.count = 0};
    struct diag diag = {""};
    for (size_t i = 0; i < lines->count; i++) {
        if (topic_filter_check(lines->items[i], &diag) == ERR_OK) {
            filters.items[filters.count++] = lines->items[i];
        } else {
            must_tell(diag.text);
        }
    }
    for (size_t i = 0; i < filters.count; i++) {
        check_tree(&filters, filters.items[i]);
        for (size_t k = 0; k < filters.count; k++) {
            check_pair(filters.items[i], filters.items[k], lines);
        }
    }
    check_subscriptions(&filters, lines, false);
    check_subscriptions(&filters, lines, true);
}

static void check_glob(const char *glob, const char *text)
{
    bool is_utf8 = str_utf8_valid(glob, strlen(glob)) && str_utf8_valid(text, strlen(text));
    if (is_utf8 && strlen(glob) <= MAX_GLOB && strlen(text) <= MAX_GLOB) {
        MUST(str_glob(glob, text, strlen(text)) == plain_glob(glob, text));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct parts parts = parts_of(data, size);
    struct lines lines = {.count = 0};
    while (lines.count < MAX_LINES && parts.at < parts.end) {
        lines.items[lines.count++] = next_text(&parts, "\n");
    }
    for (size_t i = 0; i < lines.count; i++) {
        check_pattern(lines.items[i], &lines);
        check_glob(lines.items[0], lines.items[i]);
    }
    check_filters(&lines);
    for (size_t i = 0; i < lines.count; i++) {
        free(lines.items[i]);
    }
    return 0;
}
