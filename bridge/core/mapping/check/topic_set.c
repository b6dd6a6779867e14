// A set's texts are written level by level from the topic of the rule: a capture becomes the glob that `where` has for
// it, in signs. Where a rule leaves few choices among its globs, a reply gets a text for each of them, so that two
// places of one capture agree; else all globs of a capture are a group. A topic pattern "a/{rest#}" also takes "a",
// which is a text of its own. Filters are read from the texts again, level by level.
#include "core/mapping/check/topic_set.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "core/template/template_internal.h"
#include "core/topic/filter_tree.h"

#define MAX_CHOICES 64
// What fits no topic, in a capture {name#} and in other levels.
#define UNFIT_REST  "+#\1\2\3\4\5\6\7\10\11"
#define UNFIT_LEVEL "/" UNFIT_REST

// One text on its way.
struct topic_writing {
    const struct rule *rule;
    const size_t *choice; // or NULL
    bool has_rest;        // the topic has what {rest#} is for
    struct buf *out;
};

static void write_glob(const char *glob, bool is_rest, struct buf *out)
{
    const char *unfit = is_rest ? UNFIT_REST : UNFIT_LEVEL;
    for (const char *at = glob; *at != '\0'; at++) {
        bool is_repeated = at > glob && at[-1] == '*';
        if (*at == '*' && !is_repeated) {
            buf_char(out, is_rest ? SIGN_MANY : SIGN_LEVEL);
        } else if (*at == '?') {
            buf_char(out, is_rest ? SIGN_ONE : SIGN_ONE_INNER);
        } else if (*at != '*') {
            buf_char(out, strchr(unfit, *at) != NULL ? SIGN_NEVER : *at);
        }
    }
}

static bool can_fit(const char *glob, bool is_rest, bool is_first)
{
    // A wildcard at the first level does not match names that begin with '$'.
    return strpbrk(glob, is_rest ? UNFIT_REST : UNFIT_LEVEL) == NULL && !(is_first && glob[0] == '$');
}

static void write_group(const struct text_list *globs, bool is_rest, bool is_first, struct buf *out)
{
    char mark = SIGN_OPEN;
    for (size_t i = 0; i < globs->count; i++) {
        if (can_fit(globs->items[i], is_rest, is_first)) {
            buf_char(out, mark);
            write_glob(globs->items[i], is_rest, out);
            mark = SIGN_OR;
        }
    }
    if (mark == SIGN_OPEN) {
        write_glob(globs->items[0], is_rest, out);
    } else {
        buf_char(out, SIGN_CLOSE);
    }
}

static const struct rule_where *where_of(const struct rule *rule, const struct topic_level *level)
{
    return level->capture >= 0 ? rule_find_where(rule, level->capture) : NULL;
}

// The glob that the choice has; NULL: all of them.
static const char *chosen_glob(const struct topic_writing *writing, const struct rule_where *where)
{
    if (where->globs.count == 1) {
        return where->globs.items[0];
    }
    return writing->choice != NULL ? where->globs.items[writing->choice[where - writing->rule->where]] : NULL;
}

static void write_level(const struct topic_writing *writing, const struct topic_level *level)
{
    const struct rule_where *where = where_of(writing->rule, level);
    bool is_rest = level->kind == LEVEL_REST;
    if (level->kind == LEVEL_TEXT) {
        buf_text(writing->out, level->text);
    } else if (is_rest && !writing->has_rest) {
        return;
    } else if (where == NULL || chosen_glob(writing, where) != NULL) {
        write_glob(where == NULL ? "*" : chosen_glob(writing, where), is_rest, writing->out);
    } else {
        write_group(&where->globs, is_rest, level == writing->rule->pattern->levels, writing->out);
    }
}

static void write_topic(const struct topic_writing *writing)
{
    const struct topic_pattern *pattern = writing->rule->pattern;
    for (size_t i = 0; i < pattern->level_count; i++) {
        bool left_out = !writing->has_rest && pattern->levels[i].kind == LEVEL_REST; // with the '/' before it
        buf_text(writing->out, i > 0 && !left_out ? "/" : "");
        write_level(writing, &pattern->levels[i]);
    }
}

static bool gives_slash(const struct template_filter *filter)
{
    for (size_t i = 0; i < filter->count; i++) {
        AUTO_FREE char *text = json_print(filter->args[i]);
        if (strchr(text, '/') != NULL) {
            return true;
        }
    }
    return false;
}

// A capture {name} is one level, and only what a filter gives in its place can be more.
static bool gives_levels(const struct rule *rule, const struct template_expression *expression)
{
    bool is_capture = expression->kind == EXPRESSION_CAPTURE;
    bool several = expression->kind == EXPRESSION_TOPIC ||
                   (is_capture && rule_level_of_capture(rule->pattern, expression->capture)->kind == LEVEL_REST);
    for (size_t i = 0; is_capture && i < expression->filter_count; i++) {
        several |= gives_slash(&expression->filters[i]);
    }
    return several;
}

static void write_expression(const struct topic_writing *writing, const struct template_expression *expression)
{
    const struct rule *rule = writing->rule;
    if (expression->kind == EXPRESSION_TOPIC && expression->filter_count == 0) {
        write_topic(writing);
    } else if (expression->kind == EXPRESSION_CAPTURE && expression->filter_count == 0) {
        write_level(writing, rule_level_of_capture(rule->pattern, expression->capture));
    } else {
        buf_char(writing->out, gives_levels(rule, expression) ? SIGN_MANY : SIGN_LEVEL);
    }
}

static bool can_lack_rest(const struct topic_writing *writing)
{
    const struct topic_pattern *pattern = writing->rule->pattern;
    const struct topic_level *last = &pattern->levels[pattern->level_count - 1];
    const struct rule_where *where = where_of(writing->rule, last);
    // A topic that is nothing but a rest has one.
    bool can_lack = last->kind == LEVEL_REST && pattern->level_count > 1;
    if (!can_lack || where == NULL) {
        return can_lack;
    }
    const char *chosen = chosen_glob(writing, where);
    bool fits = chosen != NULL && str_glob(chosen, "", 0);
    for (size_t i = 0; chosen == NULL && i < where->globs.count; i++) {
        fits |= str_glob(where->globs.items[i], "", 0);
    }
    return fits;
}

// Nothing if the topic has no rest and has to have one.
static void write_text(const struct topic_writing *writing, const struct template_text *tmpl_or_null)
{
    if (!writing->has_rest && !can_lack_rest(writing)) {
        return;
    }
    if (tmpl_or_null == NULL) {
        write_topic(writing);
    }
    for (size_t i = 0; tmpl_or_null != NULL && i < tmpl_or_null->count; i++) {
        const struct template_part *part = &tmpl_or_null->parts[i];
        if (part->expression == NULL) {
            buf_text(writing->out, part->text);
        } else {
            write_expression(writing, part->expression);
        }
    }
    buf_char(writing->out, '\0');
}

size_t *topic_choice_first(const struct rule *rule)
{
    size_t count = 1;
    for (size_t i = 0; i < rule->where_count && count <= MAX_CHOICES; i++) {
        count *= rule->where[i].globs.count;
    }
    return count <= MAX_CHOICES ? mem_alloc((rule->where_count + 1) * sizeof(size_t)) : NULL;
}

bool topic_choice_next(const struct rule *rule, size_t *choice)
{
    for (size_t i = 0; i < rule->where_count; i++) {
        if (++choice[i] < rule->where[i].globs.count) {
            return true;
        }
        choice[i] = 0;
    }
    return false;
}

void topic_set_of_rule(const struct rule *rule, const size_t *choice, struct topic_set *out)
{
    struct buf texts = {0};
    write_text(&(struct topic_writing){rule, choice, true, &texts}, NULL);
    write_text(&(struct topic_writing){rule, choice, false, &texts}, NULL);
    *out = (struct topic_set){texts.data, texts.len};
}

bool topic_set_of_reply(const struct rule *rule, const struct template_text *tmpl, bool has_rest, struct topic_set *out)
{
    for (size_t i = 0; i < tmpl->count; i++) {
        const struct template_expression *expression = tmpl->parts[i].expression;
        if (expression != NULL && (expression->kind == EXPRESSION_PAYLOAD || expression->kind == EXPRESSION_PROPERTY ||
                                   expression->kind == EXPRESSION_GROUP)) {
            return false;
        }
    }
    AUTO_FREE size_t *choice = topic_choice_first(rule);
    struct buf texts = {0};
    do {
        write_text(&(struct topic_writing){rule, choice, has_rest, &texts}, tmpl);
    } while (choice != NULL && topic_choice_next(rule, choice));
    *out = (struct topic_set){texts.data, texts.len};
    return true;
}

void topic_set_free(struct topic_set *set)
{
    free(set->texts);
    *set = (struct topic_set){0};
}

const char *topic_set_next(const struct topic_set *set, const char *text_or_null)
{
    const char *next = text_or_null != NULL ? text_or_null + strlen(text_or_null) + 1 : set->texts;
    return set->len > 0 && next < set->texts + set->len ? next : NULL;
}

size_t topic_sign_len(const char *at)
{
    size_t len = 1;
    while (((unsigned char)at[len] & 0xC0) == 0x80) {
        len++;
    }
    return len;
}

// Where the group ends that this place is in.
static const char *group_close(const char *at)
{
    return strchr(at, SIGN_CLOSE);
}

bool topic_sign_is_long(const char *at)
{
    return *at == SIGN_MANY || *at == SIGN_LEVEL;
}

bool topic_sign_is_group(const char *at)
{
    return *at == SIGN_OPEN || *at == SIGN_OR || *at == SIGN_CLOSE;
}

bool topic_sign_takes(const char *at, const char *character)
{
    if (*at == SIGN_MANY || *at == SIGN_ONE) {
        return true;
    }
    if (*at == SIGN_LEVEL || *at == SIGN_ONE_INNER) {
        return *character != '/';
    }
    return *at == *character && strncmp(at, character, topic_sign_len(character)) == 0;
}

const char *topic_sign_behind(const char *at)
{
    return topic_sign_is_long(at) ? at : at + topic_sign_len(at);
}

const char *topic_sign_skip(const char *at, const char *last_or_null)
{
    if (*at == SIGN_OPEN) {
        const char *end = last_or_null != NULL ? last_or_null - 1 : group_close(at);
        while (end > at && end[-1] != SIGN_OR && end[-1] != SIGN_OPEN) {
            end--;
        }
        return end > at ? end : NULL;
    }
    if (last_or_null != NULL) {
        return NULL;
    }
    return topic_sign_is_long(at) ? at + 1 : topic_sign_is_group(at) ? group_close(at) + 1 : NULL;
}

// Up to the '/' or the end behind the level; one in a group is part of it.
static size_t level_len(const char *text)
{
    const char *at = text;
    while (*at != '\0' && *at != '/') {
        at = *at == SIGN_OPEN ? group_close(at) : at + 1;
    }
    return (size_t)(at - text);
}

static bool level_is_multi(struct str level)
{
    return memchr(level.data, SIGN_MANY, level.len) != NULL || memchr(level.data, SIGN_ONE, level.len) != NULL ||
           memchr(level.data, '/', level.len) != NULL;
}

// Up to the first sign.
static size_t fixed_len(struct str text)
{
    size_t len = 0;
    while (len < text.len && (unsigned char)text.data[len] >= SIGN_COUNT) {
        len++;
    }
    return len;
}

// What a level or one text of a group is in a filter. *exact is cleared if that is more.
static char *filter_level(struct str text, bool *exact)
{
    size_t fixed = fixed_len(text);
    if (fixed == text.len) {
        return mem_printf("%.*s", STR_ARG(text));
    }
    bool is_cut = fixed > FILTER_TREE_MAX_PREFIX;
    *exact &= !is_cut && fixed + 1 == text.len && text.data[fixed] == SIGN_LEVEL;
    if (fixed == 0 || memchr(text.data, SIGN_NEVER, text.len) != NULL) {
        return mem_strdup("+");
    }
    return mem_printf("%.*s%c", is_cut ? FILTER_TREE_MAX_PREFIX : (int)fixed, text.data, FILTER_TREE_PREFIX);
}

// The texts of a level that is nothing but a group, for each of the filters so far; false if they are too many, or a
// wildcard is there for one of them.
static bool filter_group(struct str level, size_t so_far, size_t max, struct text_list *out, bool *exact)
{
    if (level.len == 0 || level.data[0] != SIGN_OPEN || group_close(level.data) != level.data + level.len - 1) {
        return false;
    }
    bool written = true;
    for (const char *at = level.data; *at != SIGN_CLOSE && written;) {
        size_t len = strcspn(at + 1, (char[]){SIGN_OR, SIGN_CLOSE, '\0'});
        AUTO_FREE char *text = filter_level((struct str){at + 1, len}, exact);
        written = (out->count + 1) * so_far <= max && strcmp(text, "+") != 0;
        text_list_add(out, text);
        at += 1 + len;
    }
    return written;
}

// What a level of many and all behind it is in a filter.
static char *filter_rest(struct str level, bool *exact)
{
    bool is_exact = *exact && level.len == 1 && level.data[0] == SIGN_MANY && level.data[1] == '\0';
    size_t fixed = fixed_len(level);
    AUTO_FREE char *start = filter_level((struct str){level.data, fixed + 1}, exact);
    *exact = is_exact;
    return fixed > 0 ? mem_printf("%s/#", start) : mem_strdup("#");
}

static void add_level(struct text_list *filters, bool first, struct str level, size_t max, bool *exact)
{
    struct text_list values = {0};
    bool is_multi = level_is_multi(level);
    if (is_multi || !filter_group(level, filters->count, max, &values, exact)) {
        text_list_free(&values);
        AUTO_FREE char *text = is_multi ? filter_rest(level, exact) : filter_level(level, exact);
        text_list_add(&values, text);
    }
    text_list_continue(filters, first ? "" : "/", &values);
    text_list_free(&values);
}

static bool text_filters(const char *text, size_t max, struct text_list *out)
{
    bool exact = true;
    struct text_list filters = {0};
    text_list_add(&filters, "");
    for (const char *at = text; at != NULL;) {
        struct str level = {at, level_len(at)};
        add_level(&filters, at == text, level, max, &exact);
        at = level_is_multi(level) || at[level.len] == '\0' ? NULL : at + level.len + 1;
    }
    for (size_t i = 0; i < filters.count; i++) {
        // A wildcard at the first level does not match names that begin with '$', but a value of `where` would.
        exact &= filters.items[i][0] != '$';
        // "a/#" is there for "a" too.
        if (out->count == 0 || !topic_filter_covers(out->items[out->count - 1], filters.items[i])) {
            text_list_add(out, filters.items[i]);
        }
    }
    text_list_free(&filters);
    return exact;
}

// "a/#" matches "a" too, which is then to be the next text.
static bool has_without_rest(const struct topic_set *set, const char *text)
{
    size_t len = strlen(text);
    bool has_rest = len >= 2 && text[len - 2] == '/' && text[len - 1] == SIGN_MANY;
    const char *next = topic_set_next(set, text);
    return !has_rest || (next != NULL && strlen(next) == len - 2 && strncmp(next, text, len - 2) == 0);
}

bool topic_set_filters(const struct topic_set *set, size_t max, struct text_list *out)
{
    bool exact = true;
    *out = (struct text_list){0};
    for (const char *text = topic_set_next(set, NULL); text != NULL; text = topic_set_next(set, text)) {
        exact &= text_filters(text, max, out) && has_without_rest(set, text);
    }
    return exact;
}

bool topic_set_add_to(const struct topic_set *set, struct filter_tree *tree, size_t value)
{
    struct text_list filters;
    bool exact = topic_set_filters(set, TOPIC_SET_MAX_FILTERS, &filters);
    for (size_t i = 0; i < filters.count; i++) {
        filter_tree_add(tree, filters.items[i], value);
    }
    text_list_free(&filters);
    return exact;
}
