#include "core/mapping/check/mapping_texts.h"

#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "core/mapping/check/mapping_shape.h"
#include "core/mapping/rule.h"
#include "core/template/template_internal.h"

#define MAX_CHOICES 64
#define MAX_COST    4000000 // of one comparison; longer texts are no topics

// One of the texts: which value of each `where`, and whether the topic has its rest.
struct choice {
    const struct rule *rule;
    size_t *values; // per `where`; NULL: it does not count
    bool has_rest;
};

static const char *chosen_glob(const struct choice *choice, int capture)
{
    const struct where *where = capture >= 0 ? rule_find_where(choice->rule, capture) : NULL;
    if (where == NULL || choice->values == NULL) {
        return "*";
    }
    return where->globs.items[choice->values[where - choice->rule->where]];
}

static void append_glob(const char *glob, bool is_rest, struct buf *out)
{
    for (; *glob != '\0'; glob++) {
        if (*glob == '*') {
            buf_char(out, is_rest ? TEXT_MANY : TEXT_LEVEL);
        } else if (*glob == '?') {
            buf_char(out, is_rest ? TEXT_ONE : TEXT_ONE_INNER);
        } else {
            buf_char(out, *glob);
        }
    }
}

static void append_level(const struct choice *choice, const struct topic_level *level, struct buf *out)
{
    if (level->kind == LEVEL_TEXT) {
        buf_text(out, level->text);
    } else if (level->kind == LEVEL_ONE || choice->has_rest) {
        append_glob(chosen_glob(choice, level->capture), level->kind == LEVEL_REST, out);
    }
}

static void append_topic(const struct choice *choice, struct buf *out)
{
    const struct topic_pattern *pattern = choice->rule->pattern;
    for (size_t i = 0; i < pattern->level_count; i++) {
        bool left_out = !choice->has_rest && pattern->levels[i].kind == LEVEL_REST; // with the '/' before it
        buf_text(out, i > 0 && !left_out ? "/" : "");
        append_level(choice, &pattern->levels[i], out);
    }
}

static void append_expression(const struct choice *choice, const struct expression *expression, struct buf *out)
{
    const struct topic_pattern *pattern = choice->rule->pattern;
    if (expression->kind == EXPRESSION_TOPIC && expression->filter_count == 0) {
        append_topic(choice, out);
        return;
    }
    if (expression->kind == EXPRESSION_CAPTURE && expression->filter_count == 0) {
        append_level(choice, level_of_capture(pattern, expression->capture), out);
        return;
    }
    buf_char(out, expression_gives_levels(choice->rule, expression) ? TEXT_MANY : TEXT_LEVEL);
}

static void add_text(const struct choice *choice, const struct template *tmpl_or_null, struct text_list *out)
{
    const struct topic_pattern *pattern = choice->rule->pattern;
    const char *rest = chosen_glob(choice, pattern->levels[pattern->level_count - 1].capture);
    AUTO_BUF struct buf text = {0};
    buf_text(&text, "");
    if (!choice->has_rest && !str_glob(rest, "", 0)) {
        return;
    }
    if (tmpl_or_null == NULL) {
        append_topic(choice, &text);
    }
    for (size_t i = 0; tmpl_or_null != NULL && i < tmpl_or_null->count; i++) {
        const struct template_part *part = &tmpl_or_null->parts[i];
        if (part->expression == NULL) {
            buf_text(&text, part->text);
        } else {
            append_expression(choice, part->expression, &text);
        }
    }
    text_list_add(out, text.data);
}

// The next choice of one value for each `where`; false after the last.
static bool next_values(const struct rule *rule, size_t *values)
{
    for (size_t i = 0; i < rule->where_count; i++) {
        if (++values[i] < rule->where[i].globs.count) {
            return true;
        }
        values[i] = 0;
    }
    return false;
}

static void add_texts(const struct rule *rule, const struct template *tmpl_or_null, struct text_list *out)
{
    AUTO_FREE size_t *values = mem_alloc((rule->where_count + 1) * sizeof *values);
    size_t count = 1;
    for (size_t i = 0; i < rule->where_count && count <= MAX_CHOICES; i++) {
        count *= rule->where[i].globs.count;
    }
    struct choice choice = {rule, count <= MAX_CHOICES ? values : NULL, true};
    *out = (struct text_list){0};
    do {
        choice.has_rest = true;
        add_text(&choice, tmpl_or_null, out);
        choice.has_rest = false;
        if (shape_can_lack_rest(rule)) {
            add_text(&choice, tmpl_or_null, out);
        }
    } while (choice.values != NULL && next_values(rule, values));
}

void texts_of_rule(const struct rule *rule, struct text_list *out)
{
    add_texts(rule, NULL, out);
}

void texts_of_reply(const struct rule *rule, const struct template *tmpl, struct text_list *out)
{
    add_texts(rule, tmpl, out);
}

static bool is_long(char sign)
{
    return sign == TEXT_MANY || sign == TEXT_LEVEL;
}

static bool is_inner(char sign)
{
    return sign == TEXT_LEVEL || sign == TEXT_ONE_INNER;
}

static bool is_wild(char sign)
{
    return is_long(sign) || sign == TEXT_ONE || sign == TEXT_ONE_INNER;
}

// Can what begins at both places be the same character?
static bool characters_meet(struct str a, struct str b)
{
    if (!is_wild(a.data[0]) && !is_wild(b.data[0])) {
        return a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
    }
    return !(is_inner(a.data[0]) && b.data[0] == '/') && !(is_inner(b.data[0]) && a.data[0] == '/');
}

static struct str character_at(const char *text, size_t at)
{
    size_t len = 1;
    while (((unsigned char)text[at + len] & 0xC0) == 0x80) {
        len++;
    }
    return (struct str){text + at, len};
}

// `reached` tells of each pair of places whether a beginning of both texts can be the same; it is filled row by row.
static bool text_meets(const char *a, const char *b, bool *reached)
{
    size_t a_len = strlen(a);
    size_t width = strlen(b) + 1;
    reached[0] = true;
    for (size_t at = 0; at < (a_len + 1) * width; at++) {
        size_t i = at / width;
        size_t k = at % width;
        if (!reached[at]) {
            continue;
        }
        if (is_long(a[i])) {
            reached[at + width] = true;
        }
        if (is_long(b[k])) {
            reached[at + 1] = true;
        }
        if (i < a_len && k + 1 < width && characters_meet(character_at(a, i), character_at(b, k))) {
            size_t down = is_long(a[i]) ? 0 : character_at(a, i).len;
            size_t along = is_long(b[k]) ? 0 : character_at(b, k).len;
            reached[at + down * width + along] = true;
        }
    }
    return reached[(a_len + 1) * width - 1];
}

// Most texts differ before their first wildcard.
static bool beginnings_differ(const char *a, const char *b, size_t *cost)
{
    size_t i = 0;
    while (a[i] == b[i] && a[i] != '\0' && !is_wild(a[i])) {
        i++;
    }
    *cost = i + 1;
    return a[i] != b[i] && !is_wild(a[i]) && !is_wild(b[i]);
}

static bool pair_meets(const char *a, const char *b, size_t *left)
{
    size_t cost;
    bool differ = beginnings_differ(a, b, &cost);
    if (!differ) {
        cost += (strlen(a) + 1) * (strlen(b) + 1);
    }
    if (cost > *left || cost > MAX_COST) {
        return true;
    }
    *left -= cost;
    if (differ) {
        return false;
    }
    AUTO_FREE bool *reached = mem_alloc(cost * sizeof *reached);
    return text_meets(a, b, reached);
}

bool texts_meet(const struct text_list *a, const struct text_list *b, size_t *left)
{
    for (size_t i = 0; i < a->count; i++) {
        for (size_t k = 0; k < b->count; k++) {
            if (pair_meets(a->items[i], b->items[k], left)) {
                return true;
            }
        }
    }
    return false;
}
