// Rules that stand in each other's way. The first rule that fits takes a message, so a rule can come too late for some
// messages, or for all. Whatever is told here was found with certainty; what only may be so is not told.
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/show.h"
#include "core/mapping/check/mapping_check.h"
#include "core/mapping/check/mapping_example.h"
#include "core/mapping/check/mapping_shape.h"
#include "core/mapping/rule.h"
#include "core/topic/filter_tree.h"

// Comparisons of two texts, for all rules together; a close look at two rules costs as much as some of them.
#define MAX_COMPARISONS 10000000
#define CLOSE_LOOK      50
// Of one comparison of two globs.
#define MAX_STEPS      1000
#define SOME_CHARACTER '\1'
// A rule with more choices among the values of its `where` is compared as a whole.
#define MAX_CHOICES 64

// A rule, or the part of it with one value of `where` per level.
struct part {
    const struct rule *rule;
    const size_t *choice; // per level; NULL: all
};

struct look {
    const struct mapping *mapping;
    struct filter_tree *earlier; // the rules before `late`
    size_t late;                 // the rule that may come too late
    const size_t *choice;
    size_t taker;   // one that takes all of the choice
    size_t crosser; // the first that takes some messages of the rule, and others
    char *example;  // a topic of such a message; owned
    size_t left;    // of MAX_COMPARISONS
};

static struct level_texts texts_of_part(const struct part *part, size_t level)
{
    struct level_texts texts = rule_texts_at(part->rule, level);
    if (part->choice != NULL) {
        texts.items += part->choice[level];
        texts.count = 1;
    }
    return texts;
}

// Places of a glob, as bits: what can stand next. A '*' can be passed over.
static uint64_t pass_stars(const char *glob, uint64_t places)
{
    for (size_t i = 0; glob[i] != '\0'; i++) {
        places |= glob[i] == '*' ? (places >> i & 1) << (i + 1) : 0;
    }
    return places;
}

// Behind one more character; SOME_CHARACTER is one that the glob does not have.
static uint64_t pass_character(const char *glob, uint64_t places, char c)
{
    uint64_t behind = 0;
    for (size_t i = 0; glob[i] != '\0'; i++) {
        bool stands = places >> i & 1;
        behind |= stands && glob[i] == '*' ? 1ULL << i : 0;
        behind |= stands && (glob[i] == '?' || glob[i] == c) ? 1ULL << (i + 1) : 0;
    }
    return pass_stars(glob, behind);
}

// Does the glob, from these places on, fit whatever the other fits?
static bool covers_from(const char *wide, uint64_t places, const char *narrow, size_t *left)
{
    if (places == 0 || *left == 0) {
        return false;
    }
    (*left)--;
    if (*narrow == '\0') {
        return places >> strlen(wide) & 1;
    }
    if (*narrow != '*') {
        uint64_t behind = pass_character(wide, places, *narrow == '?' ? SOME_CHARACTER : *narrow);
        return covers_from(wide, behind, narrow + 1, left);
    }
    uint64_t before = 0;
    for (bool first = true; first || places != before; first = false) {
        if (!covers_from(wide, places, narrow + 1, left)) {
            return false;
        }
        before = places;
        places = pass_character(wide, places, SOME_CHARACTER);
    }
    return true;
}

static bool is_ascii(const char *text)
{
    while (*text != '\0' && ((unsigned char)*text & 0x80) == 0) {
        text++;
    }
    return *text == '\0';
}

static bool globs_cover(const char *wide, const char *narrow)
{
    if (strchr(wide, '?') == NULL) {
        return str_glob(wide, narrow, strlen(narrow));
    }
    size_t left = MAX_STEPS;
    return strlen(wide) < 64 && is_ascii(narrow) && covers_from(wide, pass_stars(wide, 1), narrow, &left);
}

// Does the glob fit all that the other fits? No also for some that do.
static bool glob_covers(const char *wide, bool wide_literal, const char *narrow, bool narrow_literal)
{
    bool narrow_fixed = narrow_literal || glob_is_fixed(narrow);
    if (wide_literal) {
        return narrow_fixed && strcmp(wide, narrow) == 0;
    }
    return narrow_fixed ? str_glob(wide, narrow, strlen(narrow)) : globs_cover(wide, narrow);
}

static bool texts_cover(struct level_texts wide, struct level_texts narrow)
{
    for (size_t i = 0; i < narrow.count; i++) {
        size_t k = 0;
        while (k < wide.count && !glob_covers(wide.items[k], wide.literal, narrow.items[i], narrow.literal)) {
            k++;
        }
        if (k == wide.count) {
            return false;
        }
    }
    return true;
}

// The levels of the part from `first` on as one glob that fits at least what they take: of {name#} the '/' before it
// can be absent too.
static char *write_rest(const struct part *part, size_t first)
{
    AUTO_BUF struct buf rest = {0};
    for (size_t i = first; i < part->rule->pattern->level_count; i++) {
        struct level_texts texts = texts_of_part(part, i);
        bool is_rest = part->rule->pattern->levels[i].kind == LEVEL_REST;
        buf_text(&rest, i > first && !is_rest ? "/" : "");
        buf_text(&rest, texts.count == 1 && !is_rest ? texts.items[0] : "*");
    }
    return buf_steal(&rest);
}

static bool rest_covers(const struct rule *wide, const struct part *narrow, size_t level)
{
    struct level_texts texts = rule_texts_at(wide, level);
    if (narrow->rule->pattern->level_count == level + 1) {
        return texts_cover(texts, texts_of_part(narrow, level));
    }
    AUTO_FREE char *rest = write_rest(narrow, level);
    return texts_cover(texts, (struct level_texts){&rest, 1, false});
}

static bool takes_dollar(const struct part *part)
{
    struct level_texts texts = texts_of_part(part, 0);
    for (size_t i = 0; i < texts.count; i++) {
        if (texts.items[i][0] == '$') {
            return true;
        }
    }
    return false;
}

// Does the rule take all that the part takes?
static bool covers(const struct rule *wide, const struct part *narrow)
{
    const struct topic_pattern *pattern = wide->pattern;
    const struct topic_pattern *other = narrow->rule->pattern;
    // Wildcards at the first level do not match topics that begin with '$'.
    if (pattern->levels[0].kind != LEVEL_TEXT && takes_dollar(narrow)) {
        return false;
    }
    for (size_t i = 0; i < pattern->level_count; i++) {
        bool other_goes_on = i < other->level_count;
        if (pattern->levels[i].kind == LEVEL_REST) {
            return i <= other->level_count && rest_covers(wide, narrow, i);
        }
        if (!other_goes_on || other->levels[i].kind == LEVEL_REST ||
            !texts_cover(rule_texts_at(wide, i), texts_of_part(narrow, i))) {
            return false;
        }
    }
    return pattern->level_count == other->level_count;
}

static bool levels_may_meet(struct look *look, struct level_texts a, struct level_texts b)
{
    for (size_t i = 0; i < a.count; i++) {
        for (size_t k = 0; k < b.count && look->left > 0; k++) {
            look->left--;
            if (globs_meet(a.items[i], b.items[k])) {
                return true;
            }
        }
    }
    return false;
}

// A first look, which is cheap: most rules with topics of the same form differ in a level.
static bool may_meet(struct look *look, const struct rule *a, const struct rule *b)
{
    for (size_t i = 0; i < a->pattern->level_count && i < b->pattern->level_count; i++) {
        if (a->pattern->levels[i].kind == LEVEL_REST || b->pattern->levels[i].kind == LEVEL_REST) {
            return true;
        }
        if (!levels_may_meet(look, rule_texts_at(a, i), rule_texts_at(b, i))) {
            return false;
        }
    }
    return true;
}

static size_t cost_of(const struct rule *a, const struct rule *b)
{
    size_t cost = CLOSE_LOOK;
    for (size_t i = 0; i < a->pattern->level_count && i < b->pattern->level_count; i++) {
        cost += rule_texts_at(a, i).count * rule_texts_at(b, i).count;
    }
    return cost;
}

static void spend(struct look *look, size_t cost)
{
    look->left -= look->left < cost ? look->left : cost;
}

static void look_for_example(struct look *look, size_t index)
{
    const struct rule *earlier = look->mapping->rules[index];
    const struct rule *late = look->mapping->rules[look->late];
    char *example = example_of_both(earlier, late);
    // Another rule may come before both and take it, as is meant.
    if (example != NULL && mapping_match(look->mapping, example) == earlier && rule_takes_others(earlier, late)) {
        look->crosser = index;
        free(look->example);
        look->example = example;
    } else {
        free(example);
    }
}

static void look_at(struct look *look, size_t index)
{
    const struct rule *earlier = look->mapping->rules[index];
    const struct rule *late = look->mapping->rules[look->late];
    if (!may_meet(look, earlier, late)) {
        return;
    }
    spend(look, cost_of(earlier, late));
    if (covers(earlier, &(struct part){late, look->choice})) {
        look->taker = index;
    }
    // A special rule before a general one is how it is meant to be.
    if (index < look->crosser && !covers(late, &(struct part){earlier, NULL})) {
        look_for_example(look, index);
    }
}

static bool look_at_each(void *context, const size_t *values, size_t count)
{
    struct look *look = context;
    for (size_t i = 0; i < count && look->left > 0 && look->taker == SIZE_MAX; i++) {
        look_at(look, values[i]);
    }
    return look->left > 0 && look->taker == SIZE_MAX;
}

static void write_level(struct level_texts texts, struct buf *filter)
{
    const char *text = texts.items[0];
    size_t fixed = texts.literal ? strlen(text) : strcspn(text, "*?");
    bool is_whole = text[fixed] == '\0';
    if (texts.count > 1 || (!texts.literal && strpbrk(text, "/+#") != NULL) || (!is_whole && fixed == 0)) {
        buf_char(filter, '+');
    } else if (is_whole) {
        buf_text(filter, text);
    } else {
        size_t max = FILTER_TREE_MAX_PREFIX;
        buf_append(filter, text, fixed < max ? fixed : max);
        buf_char(filter, FILTER_TREE_PREFIX);
    }
}

// A filter that covers the part.
static char *write_filter(const struct part *part)
{
    AUTO_BUF struct buf filter = {0};
    for (size_t i = 0; i < part->rule->pattern->level_count; i++) {
        buf_text(&filter, i > 0 ? "/" : "");
        if (part->rule->pattern->levels[i].kind == LEVEL_REST) {
            buf_char(&filter, '#');
        } else {
            write_level(texts_of_part(part, i), &filter);
        }
    }
    return buf_steal(&filter);
}

static void search(struct look *look)
{
    AUTO_FREE char *filter = write_filter(&(struct part){look->mapping->rules[look->late], look->choice});
    look->taker = SIZE_MAX;
    filter_tree_search(look->earlier, filter, look_at_each, look);
}

static void add_rule(struct look *look, size_t index)
{
    struct shape shape;
    struct text_list filters;
    shape_of_rule(look->mapping->rules[index], &shape);
    shape_filters(&shape, &filters);
    for (size_t i = 0; i < filters.count; i++) {
        filter_tree_add(look->earlier, filters.items[i], index);
    }
    text_list_free(&filters);
    shape_free(&shape);
}

static size_t count_choices(const struct rule *rule)
{
    size_t count = 1;
    for (size_t i = 0; i < rule->pattern->level_count && count <= MAX_CHOICES; i++) {
        count *= rule_texts_at(rule, i).count;
    }
    return count;
}

// The next choice of one value per level; false after the last.
static bool next_choice(const struct rule *rule, size_t *choice)
{
    for (size_t i = 0; i < rule->pattern->level_count; i++) {
        if (++choice[i] < rule_texts_at(rule, i).count) {
            return true;
        }
        choice[i] = 0;
    }
    return false;
}

// A rule that takes messages of this one, if there are such rules for all of them; else SIZE_MAX.
static size_t find_takers(struct look *look)
{
    const struct rule *rule = look->mapping->rules[look->late];
    AUTO_FREE size_t *choice = mem_alloc(rule->pattern->level_count * sizeof *choice);
    bool by_choice = count_choices(rule) <= MAX_CHOICES;
    bool all_taken = true;
    size_t first = SIZE_MAX;
    look->choice = by_choice ? choice : NULL;
    do {
        search(look);
        all_taken &= look->taker != SIZE_MAX;
        first = look->taker < first ? look->taker : first;
    } while (by_choice && next_choice(rule, choice));
    return all_taken ? first : SIZE_MAX;
}

static void tell(const struct look *look, size_t taker, const struct rule_source *sources, struct problems *problems)
{
    const struct yaml_node *node = rule_place(&sources[look->late], "topic");
    size_t other = taker != SIZE_MAX ? taker : look->crosser;
    const struct yaml_node *place = rule_place(&sources[other], "topic");
    struct shown name = show_text(look->mapping->rules[other]->options.name);
    if (taker != SIZE_MAX) {
        yaml_problem(
            problems, SEVERITY_WARNING, node,
            "no message reaches this rule: rules before it take them all, one of them %s (%s:%d); put this one "
            "before it, or say with `where` which are meant",
            name.text, place->source, place->line);
    } else {
        yaml_problem(problems, SEVERITY_WARNING, node,
                     "a message on %s fits the rule %s (%s:%d) too, which comes first and takes it; say with `where` "
                     "which are meant",
                     show_text(look->example).text, name.text, place->source, place->line);
    }
}

static void check_rule(struct look *look, const struct rule_source *sources, struct problems *problems)
{
    look->crosser = SIZE_MAX;
    size_t taker = find_takers(look);
    if (taker != SIZE_MAX || look->crosser != SIZE_MAX) {
        tell(look, taker, sources, problems);
    }
    free(look->example);
    look->example = NULL;
}

void mapping_check_overlaps(const struct mapping *mapping, const struct rule_source *sources, struct problems *problems)
{
    struct look look = {.mapping = mapping, .earlier = filter_tree_create(), .left = MAX_COMPARISONS};
    for (look.late = 0; look.late < mapping->count && look.left > 0; look.late++) {
        check_rule(&look, sources, problems);
        add_rule(&look, look.late);
    }
    if (look.late < mapping->count) {
        yaml_problem(problems, SEVERITY_WARNING, rule_place(&sources[look.late], "topic"),
                     "so many rules have topics in common that overlaps are looked for up to this rule only");
    }
    filter_tree_destroy(look.earlier);
}
