// Topics that rules take, made up level by level and tried.
#include "core/mapping/check/mapping_example.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "core/mapping/rule.h"

// Of a rule with more values of `where` in a level some are not tried.
#define MAX_TURNS 16

struct level_texts rule_texts_at(const struct rule *rule, size_t level)
{
    static char *const any[] = {(char *)"*"};
    const struct topic_level *at = &rule->pattern->levels[level];
    if (at->kind == LEVEL_TEXT) {
        return (struct level_texts){&at->text, 1, true};
    }
    const struct where *where = at->capture >= 0 ? rule_find_where(rule, at->capture) : NULL;
    return where != NULL ? (struct level_texts){where->globs.items, where->globs.count, false}
                         : (struct level_texts){any, 1, false};
}

// Some text that fits the glob.
static char *example_of(const char *glob)
{
    AUTO_BUF struct buf text = {0};
    for (; *glob != '\0'; glob++) {
        if (*glob != '*') {
            buf_char(&text, *glob == '?' ? 'x' : *glob);
        }
    }
    return text.len > 0 ? buf_steal(&text) : mem_strdup("x");
}

static size_t tail_of(const char *glob)
{
    size_t len = strlen(glob);
    size_t tail = 0;
    while (tail < len && strchr("*?", glob[len - tail - 1]) == NULL) {
        tail++;
    }
    return tail;
}

// The longer beginning and the longer end of both.
static char *join_ends(const char *a, const char *b)
{
    const char *start = strcspn(a, "*?") > strcspn(b, "*?") ? a : b;
    const char *end = tail_of(a) > tail_of(b) ? a : b;
    return mem_printf("%.*s%s", (int)strcspn(start, "*?"), start, end + strlen(end) - tail_of(end));
}

static bool text_fits(const char *glob, bool literal, const char *text)
{
    return literal ? strcmp(glob, text) == 0 : str_glob(glob, text, strlen(text));
}

// A text that fits both globs, or NULL if none is found.
static char *common_text(const char *a, bool a_literal, const char *b, bool b_literal)
{
    char *tries[] = {a_literal ? mem_strdup(a) : example_of(a), b_literal ? mem_strdup(b) : example_of(b),
                     join_ends(a, b)};
    char *found = NULL;
    for (size_t i = 0; i < COUNT_OF(tries); i++) {
        if (found == NULL && text_fits(a, a_literal, tries[i]) && text_fits(b, b_literal, tries[i])) {
            found = tries[i];
        } else {
            free(tries[i]);
        }
    }
    return found;
}

static char *common_of_levels(struct level_texts a, struct level_texts b)
{
    for (size_t i = 0; i < a.count; i++) {
        for (size_t k = 0; k < b.count; k++) {
            char *text = common_text(a.items[i], a.literal, b.items[k], b.literal);
            if (text != NULL) {
                return text;
            }
        }
    }
    return NULL;
}

static void append_level(struct buf *topic, bool first, const char *text)
{
    buf_text(topic, first ? "" : "/");
    buf_text(topic, text);
}

char *example_of_both(const struct rule *a, const struct rule *b)
{
    AUTO_BUF struct buf topic = {0};
    struct str captures[TOPIC_MAX_CAPTURES];
    size_t a_count = a->pattern->level_count;
    size_t b_count = b->pattern->level_count;
    bool a_rest = false;
    bool b_rest = false;
    for (size_t i = 0; i < a_count || i < b_count; i++) {
        a_rest |= i < a_count && a->pattern->levels[i].kind == LEVEL_REST;
        b_rest |= i < b_count && b->pattern->levels[i].kind == LEVEL_REST;
        if (i >= a_count || i >= b_count) {
            const struct rule *longer = i < a_count ? a : b;
            bool goes_on = i < a_count ? b_rest : a_rest;
            if (longer->pattern->levels[i].kind == LEVEL_REST && !goes_on) {
                break;
            }
            AUTO_FREE char *text = example_of(rule_texts_at(longer, i).items[0]);
            append_level(&topic, i == 0, text);
            continue;
        }
        AUTO_FREE char *text = common_of_levels(rule_texts_at(a, i), rule_texts_at(b, i));
        if (text == NULL) {
            return NULL;
        }
        append_level(&topic, i == 0, text);
    }
    bool fits = (a_rest || b_rest || a_count == b_count) && topic_name_valid(topic.data, topic.len) &&
                rule_takes(a, topic.data, captures) && rule_takes(b, topic.data, captures);
    return fits ? buf_steal(&topic) : NULL;
}

// What stands in a topic for the wildcards of globs: texts that no rule names, and none.
struct filler {
    const char *any;  // '*' in one level
    const char *many; // '*' in a rest; NULL: the rest is left out, with the '/' before it
};

static void append_filled(struct buf *topic, const char *glob, bool literal, const char *any)
{
    for (; *glob != '\0'; glob++) {
        if (!literal && *glob == '*') {
            buf_text(topic, any);
        } else {
            buf_char(topic, !literal && *glob == '?' ? '~' : *glob);
        }
    }
}

// `turn` chooses one of the values of each level.
static void write_topic(const struct rule *rule, const struct filler *filler, size_t turn, struct buf *topic)
{
    for (size_t i = 0; i < rule->pattern->level_count; i++) {
        struct level_texts texts = rule_texts_at(rule, i);
        bool is_rest = rule->pattern->levels[i].kind == LEVEL_REST;
        if (is_rest && filler->many == NULL) {
            break;
        }
        buf_text(topic, i > 0 ? "/" : "");
        append_filled(topic, texts.items[turn % texts.count], texts.literal, is_rest ? filler->many : filler->any);
    }
}

static bool takes_another(const struct rule *rule, const struct rule *other, const struct filler *filler, size_t turn)
{
    AUTO_BUF struct buf topic = {0};
    struct str captures[TOPIC_MAX_CAPTURES];
    buf_text(&topic, "");
    write_topic(rule, filler, turn, &topic);
    return topic_name_valid(topic.data, topic.len) && rule_takes(rule, topic.data, captures) &&
           !rule_takes(other, topic.data, captures);
}

bool rule_takes_others(const struct rule *rule, const struct rule *other)
{
    static const struct filler fillers[] = {{"~", "~"}, {"", ""}, {"~~", "~/~"}, {"~", NULL}, {"~", "~/~/~"}};
    size_t turns = 1;
    for (size_t i = 0; i < rule->pattern->level_count; i++) {
        size_t count = rule_texts_at(rule, i).count;
        turns = count > turns ? count : turns;
    }
    for (size_t turn = 0; turn < turns && turn < MAX_TURNS; turn++) {
        for (size_t i = 0; i < COUNT_OF(fillers); i++) {
            if (takes_another(rule, other, &fillers[i], turn)) {
                return true;
            }
        }
    }
    return false;
}
