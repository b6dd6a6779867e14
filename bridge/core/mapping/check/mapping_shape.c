// Topics as they can look, level by level: of a rule's pattern, and of its reply templates.
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json/json.h"
#include "base/mem.h"
#include "core/mapping/check/mapping_shape.h"
#include "core/mapping/rule.h"
#include "core/template/template_internal.h"
#include "core/topic/filter_tree.h"
#include "core/topic/level.h"

// More than this many filters for one shape are not written out.
#define MAX_FILTERS 64
// Beyond, the rest of the topic counts as one `multi`, which keeps the comparison cheap.
#define MAX_MULTI 4

// In the text from which a reply's shape is read: any number of levels is MULTI_MARK, a capture is CAPTURE_MARK and its
// index + FIRST_CAPTURE, which is below '/'. Topics hold no control characters.
#define MULTI_MARK    '\1'
#define CAPTURE_MARK  '\2'
#define FIRST_CAPTURE 3
_Static_assert(FIRST_CAPTURE + TOPIC_MAX_CAPTURES < '/', "a capture's mark must not look like a level's end");

static struct shape_level *add_level(struct shape *shape)
{
    shape->levels = mem_resize(shape->levels, shape->count + 1, sizeof *shape->levels);
    shape->levels[shape->count] = (struct shape_level){0};
    return &shape->levels[shape->count++];
}

const struct where *rule_find_where(const struct rule *rule, int capture)
{
    for (size_t i = 0; i < rule->where_count; i++) {
        if (rule->where[i].capture == capture) {
            return &rule->where[i];
        }
    }
    return NULL;
}

static void add_capture_globs(const struct rule *rule, int capture, struct shape_level *level)
{
    const struct where *where = rule_find_where(rule, capture);
    if (where == NULL) {
        text_list_add(&level->globs, "*");
        return;
    }
    for (size_t i = 0; i < where->globs.count; i++) {
        text_list_add(&level->globs, where->globs.items[i]);
    }
}

void shape_of_rule(const struct rule *rule, struct shape *out)
{
    *out = (struct shape){0};
    for (size_t i = 0; i < rule->pattern->level_count; i++) {
        const struct topic_level *from = &rule->pattern->levels[i];
        struct shape_level *level = add_level(out);
        level->multi = from->kind == LEVEL_REST;
        level->literal = from->kind == LEVEL_TEXT;
        if (from->kind == LEVEL_TEXT) {
            text_list_add(&level->globs, from->text);
        } else {
            add_capture_globs(rule, from->capture, level);
        }
    }
}

// Any text: as it stands between slashes, it is one level or more.
static void mark_levels(struct buf *out)
{
    buf_char(out, '*');
    buf_char(out, '/');
    buf_char(out, MULTI_MARK);
}

static void mark_level(const struct topic_level *level, bool has_rest, struct buf *out)
{
    if (level->kind == LEVEL_TEXT) {
        buf_text(out, level->text);
    } else if (level->kind == LEVEL_REST) {
        if (has_rest) {
            mark_levels(out);
        }
    } else if (level->capture < 0) {
        buf_char(out, '*');
    } else {
        buf_char(out, CAPTURE_MARK);
        buf_char(out, (char)(level->capture + FIRST_CAPTURE));
    }
}

static void mark_topic(const struct topic_pattern *pattern, bool has_rest, struct buf *out)
{
    for (size_t i = 0; i < pattern->level_count; i++) {
        bool left_out = !has_rest && pattern->levels[i].kind == LEVEL_REST; // with the '/' before it
        buf_text(out, i > 0 && !left_out ? "/" : "");
        mark_level(&pattern->levels[i], has_rest, out);
    }
}

const struct topic_level *level_of_capture(const struct topic_pattern *pattern, int capture)
{
    size_t i = 0;
    while (pattern->levels[i].capture != capture) {
        i++;
    }
    return &pattern->levels[i];
}

static bool gives_slash(const struct filter *filter)
{
    for (size_t i = 0; i < filter->count; i++) {
        AUTO_FREE char *text = json_print(filter->args[i]);
        if (strchr(text, '/') != NULL) {
            return true;
        }
    }
    return false;
}

bool expression_gives_levels(const struct rule *rule, const struct expression *expression)
{
    if (expression->kind == EXPRESSION_TOPIC) {
        return true;
    }
    if (expression->kind != EXPRESSION_CAPTURE) {
        return false;
    }
    // A capture {name} is one level, and only what a filter gives in its place can be more.
    bool several = level_of_capture(rule->pattern, expression->capture)->kind == LEVEL_REST;
    for (size_t i = 0; i < expression->filter_count; i++) {
        several |= gives_slash(&expression->filters[i]);
    }
    return several;
}

// False if the expression's text depends on the message's content.
static bool mark_expression(const struct rule *rule, const struct expression *expression, bool has_rest,
                            struct buf *out)
{
    bool filtered = expression->filter_count > 0;
    switch (expression->kind) {
    case EXPRESSION_TOPIC:
    case EXPRESSION_CAPTURE:
    case EXPRESSION_ID:
    case EXPRESSION_NOW:
        break;
    case EXPRESSION_PAYLOAD:
    case EXPRESSION_PROPERTY:
    case EXPRESSION_GROUP:
        return false;
    }
    if (!filtered && expression->kind == EXPRESSION_TOPIC) {
        mark_topic(rule->pattern, has_rest, out);
    } else if (!filtered && expression->kind == EXPRESSION_CAPTURE) {
        mark_level(level_of_capture(rule->pattern, expression->capture), has_rest, out);
    } else if (expression_gives_levels(rule, expression)) {
        mark_levels(out);
    } else {
        buf_char(out, '*');
    }
    return true;
}

static void read_marked_level(const struct rule *rule, struct str text, struct shape_level *level)
{
    if (memchr(text.data, MULTI_MARK, text.len) != NULL) {
        level->multi = true;
        text_list_add(&level->globs, "*");
        return;
    }
    if (text.len == 2 && text.data[0] == CAPTURE_MARK) {
        add_capture_globs(rule, text.data[1] - FIRST_CAPTURE, level);
        return;
    }
    AUTO_BUF struct buf glob = {0};
    for (size_t i = 0; i < text.len; i++) {
        bool is_mark = text.data[i] == CAPTURE_MARK;
        buf_char(&glob, is_mark ? '*' : text.data[i]);
        i += is_mark;
    }
    text_list_add(&level->globs, glob.len > 0 ? glob.data : "");
}

bool shape_can_lack_rest(const struct rule *rule)
{
    const struct topic_level *last = &rule->pattern->levels[rule->pattern->level_count - 1];
    const struct where *where = last->capture >= 0 ? rule_find_where(rule, last->capture) : NULL;
    // A topic that is nothing but a rest has one.
    bool can_lack = last->kind == LEVEL_REST && rule->pattern->level_count > 1;
    bool fits = where == NULL;
    for (size_t i = 0; !fits && i < where->globs.count; i++) {
        fits = str_glob(where->globs.items[i], "", 0);
    }
    return can_lack && fits;
}

bool shape_of_reply(const struct rule *rule, const struct template *tmpl, bool has_rest, struct shape *out)
{
    AUTO_BUF struct buf marked = {0};
    for (size_t i = 0; i < tmpl->count; i++) {
        const struct template_part *part = &tmpl->parts[i];
        if (part->expression == NULL) {
            buf_text(&marked, part->text);
        } else if (!mark_expression(rule, part->expression, has_rest, &marked)) {
            return false;
        }
    }
    *out = (struct shape){0};
    const char *rest = marked.data != NULL ? marked.data : "";
    size_t multi_count = 0;
    struct str text;
    while (multi_count < MAX_MULTI && level_next(&rest, &text)) {
        struct shape_level *level = add_level(out);
        read_marked_level(rule, text, level);
        multi_count += level->multi;
    }
    return true;
}

bool glob_is_fixed(const char *glob)
{
    return strpbrk(glob, "*?") == NULL;
}

void rule_fixed_captures(const struct rule *rule, const struct text_list *out[TOPIC_MAX_CAPTURES])
{
    for (size_t i = 0; i < TOPIC_MAX_CAPTURES; i++) {
        const struct where *where = rule_find_where(rule, (int)i);
        bool fixed = where != NULL;
        for (size_t k = 0; fixed && k < where->globs.count; k++) {
            fixed = glob_is_fixed(where->globs.items[k]);
        }
        out[i] = fixed ? &where->globs : NULL;
    }
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t fixed_tail(const char *glob, size_t len)
{
    size_t tail = 0;
    while (tail < len && glob[len - tail - 1] != '*' && glob[len - tail - 1] != '?') {
        tail++;
    }
    return tail;
}

// Two globs that both have wildcards: what stands before their first and behind their last one is compared, and the
// rest may agree.
static bool ends_agree(const char *a, const char *b)
{
    size_t a_len = strlen(a);
    size_t b_len = strlen(b);
    size_t first = least(strcspn(a, "*?"), strcspn(b, "*?"));
    size_t last = least(fixed_tail(a, a_len), fixed_tail(b, b_len));
    return strncmp(a, b, first) == 0 && strcmp(a + a_len - last, b + b_len - last) == 0;
}

bool globs_meet(const char *a, const char *b)
{
    if (glob_is_fixed(a)) {
        return str_glob(b, a, strlen(a));
    }
    return glob_is_fixed(b) ? str_glob(a, b, strlen(b)) : ends_agree(a, b);
}

static bool levels_meet(const struct shape_level *a, const struct shape_level *b)
{
    for (size_t i = 0; i < a->globs.count; i++) {
        for (size_t k = 0; k < b->globs.count; k++) {
            if (globs_meet(a->globs.items[i], b->globs.items[k])) {
                return true;
            }
        }
    }
    return false;
}

// Can the levels from `first` on, written as one text, fit what `where` says of the capture {name#}?
static bool rest_fits(const struct shape *shape, size_t first, const struct text_list *globs)
{
    AUTO_BUF struct buf rest = {0};
    buf_text(&rest, "");
    for (size_t i = first; i < shape->count; i++) {
        const struct shape_level *level = &shape->levels[i];
        // No level at all would leave out a '/' too, so next to `multi` there is none.
        bool joined = i > first && !level->multi && !shape->levels[i - 1].multi;
        buf_text(&rest, joined ? "/" : "");
        buf_text(&rest, level->multi || level->globs.count != 1 ? "*" : level->globs.items[0]);
    }
    for (size_t i = 0; i < globs->count; i++) {
        if (globs_meet(rest.data, globs->items[i])) {
            return true;
        }
    }
    return false;
}

// `failed` has what was found not to overlap: with several `multi` the same is asked again and again.
struct comparison {
    const struct shape *a;
    const struct shape *b;
    bool *failed;
};

static bool overlaps_from(const struct comparison *comparison, size_t i, size_t k);

static bool overlaps_at(const struct comparison *comparison, size_t i, size_t k)
{
    const struct shape *a = comparison->a;
    const struct shape *b = comparison->b;
    if (i == a->count && k == b->count) {
        return true;
    }
    if (k + 1 == b->count && b->levels[k].multi) {
        return rest_fits(a, i, &b->levels[k].globs);
    }
    if (i < a->count && a->levels[i].multi) {
        return overlaps_from(comparison, i + 1, k) || (k < b->count && overlaps_from(comparison, i, k + 1));
    }
    if (k < b->count && b->levels[k].multi) {
        return overlaps_from(comparison, i, k + 1) || (i < a->count && overlaps_from(comparison, i + 1, k));
    }
    return i < a->count && k < b->count && levels_meet(&a->levels[i], &b->levels[k]) &&
           overlaps_from(comparison, i + 1, k + 1);
}

static bool overlaps_from(const struct comparison *comparison, size_t i, size_t k)
{
    bool *failed = &comparison->failed[i * (comparison->b->count + 1) + k];
    if (!*failed) {
        *failed = !overlaps_at(comparison, i, k);
    }
    return !*failed;
}

bool shape_overlaps(const struct shape *reply, const struct shape *command)
{
    bool few[64] = {false};
    size_t size = (reply->count + 1) * (command->count + 1);
    // No topic has so many levels.
    if (reply->count > TOPIC_MAX_LEN + 1 + MAX_MULTI) {
        return false;
    }
    AUTO_FREE bool *many = size > sizeof few ? mem_alloc(size) : NULL;
    struct comparison comparison = {reply, command, many != NULL ? many : few};
    return overlaps_from(&comparison, 0, 0);
}

// As the level of a filter; NULL if only '+' can stand for it. The caller frees it. *exact is cleared if it stands for
// more than the glob.
static char *write_glob(const char *glob, bool *exact)
{
    static const char special[] = {'/', '+', '#', FILTER_TREE_PREFIX, '\0'};
    size_t fixed = strcspn(glob, "*?");
    if (strpbrk(glob, special) != NULL) {
        return NULL;
    }
    if (glob[fixed] == '\0') {
        return mem_strdup(glob);
    }
    if (fixed == 0) {
        return NULL;
    }
    bool is_cut = fixed > FILTER_TREE_MAX_PREFIX;
    *exact &= !is_cut && strcmp(glob + fixed, "*") == 0;
    return mem_printf("%.*s%c", is_cut ? FILTER_TREE_MAX_PREFIX : (int)fixed, glob, FILTER_TREE_PREFIX);
}

// The texts of a level; false if a wildcard has to stand for it.
static bool write_level(const struct shape_level *level, size_t max, struct text_list *out, bool *exact)
{
    bool written = !level->multi && level->globs.count <= max;
    for (size_t i = 0; i < level->globs.count && written; i++) {
        const char *glob = level->globs.items[i];
        AUTO_FREE char *text = level->literal ? mem_strdup(glob) : write_glob(glob, exact);
        written = text != NULL;
        text_list_add(out, written ? text : "");
    }
    return written;
}

// Each filter so far is continued with each value of the level, or with a wildcard if those are not fixed or too many.
static void continue_filters(struct text_list *filters, bool first, const struct shape_level *level, bool *exact)
{
    struct text_list longer = {0};
    struct text_list values = {0};
    if (!write_level(level, MAX_FILTERS / filters->count, &values, exact)) {
        text_list_free(&values);
        text_list_add(&values, level->multi ? "#" : "+");
        *exact &= level->globs.count == 1 && strcmp(level->globs.items[0], "*") == 0;
    }
    for (size_t i = 0; i < filters->count; i++) {
        for (size_t k = 0; k < values.count; k++) {
            AUTO_FREE char *text = mem_printf("%s%s%s", filters->items[i], first ? "" : "/", values.items[k]);
            text_list_add(&longer, text);
        }
    }
    text_list_free(&values);
    text_list_free(filters);
    *filters = longer;
}

static int compare_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

// The same value can stand twice in `where`.
static void drop_repeated(struct text_list *list)
{
    qsort(list->items, list->count, sizeof *list->items, compare_text);
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++) {
        if (kept > 0 && strcmp(list->items[kept - 1], list->items[i]) == 0) {
            free(list->items[i]);
        } else {
            list->items[kept++] = list->items[i];
        }
    }
    list->count = kept;
}

bool shape_filters(const struct shape *shape, struct text_list *out)
{
    bool exact = true;
    *out = (struct text_list){0};
    text_list_add(out, "");
    for (size_t i = 0; i < shape->count; i++) {
        continue_filters(out, i == 0, &shape->levels[i], &exact);
        if (shape->levels[i].multi) {
            exact &= i + 1 == shape->count;
            break;
        }
    }
    drop_repeated(out);
    // A wildcard at the first level does not match names that begin with '$', but a value of `where` would.
    for (size_t i = 0; i < out->count; i++) {
        exact &= out->items[i][0] != '$';
    }
    return exact;
}

void shape_free(struct shape *shape)
{
    for (size_t i = 0; i < shape->count; i++) {
        text_list_free(&shape->levels[i].globs);
    }
    free(shape->levels);
    *shape = (struct shape){0};
}
