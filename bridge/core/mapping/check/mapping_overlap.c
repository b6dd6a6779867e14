// Rules that get in each other's way. The first rule that fits takes a message, so a rule can come too late for some
// messages, or for all. Whatever is reported here was found with certainty; what only may be so is not. Rule by rule,
// the ones before it whose filters overlap its own are found in a tree, for each choice among its globs, as several
// rules can take all of it together; the sets of topics are compared exactly.
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/show.h"
#include "core/mapping/check/mapping_check.h"
#include "core/mapping/rule.h"
#include "core/topic/filter_tree.h"

#define MAX_STEPS 40000000 // of comparisons, for all rules together
#define MAX_COVER 100000   // steps of one question whether a set covers another one

struct look {
    const struct mapping *mapping;
    const struct topic_set *sets; // of the rules
    struct filter_tree *earlier;  // the rules before `late`
    size_t late;                  // the rule that may come too late
    struct topic_set part;        // of its topics, those of one choice
    size_t taker;                 // one that takes all of them
    size_t crosser;               // the first that takes some messages of the rule, and others
    char *example;                // a topic of such a message; owned
    size_t left;                  // of MAX_STEPS
};

static enum topic_answer covers(struct look *look, const struct topic_set *wide, const struct topic_set *narrow)
{
    size_t most = look->left < MAX_COVER ? look->left : MAX_COVER;
    size_t left = most;
    enum topic_answer answer = topic_set_covers(wide, narrow, &left);
    look->left -= most - left;
    return answer;
}

// Is the topic one that both rules fit, and is it the earlier one that takes it? As is meant, another rule may come
// before both.
static bool is_taken(const struct look *look, size_t earlier, const char *topic)
{
    struct str captures[TOPIC_MAX_CAPTURES];
    return topic_name_valid(topic, strlen(topic)) && rule_takes(look->mapping->rules[look->late], topic, captures) &&
           mapping_match(look->mapping, topic) == look->mapping->rules[earlier];
}

static void look_at(struct look *look, size_t index)
{
    const struct topic_set *earlier = &look->sets[index];
    AUTO_FREE char *topic = NULL;
    if (topic_set_meets(earlier, &look->sets[look->late], &look->left, &topic) != TOPIC_YES) {
        return;
    }
    if (covers(look, earlier, &look->part) == TOPIC_YES) {
        look->taker = index;
    }
    // A special rule before a general one is how it is meant to be.
    if (index < look->crosser && is_taken(look, index, topic) &&
        covers(look, &look->sets[look->late], earlier) == TOPIC_NO) {
        look->crosser = index;
        free(look->example);
        look->example = mem_strdup(topic);
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

// A rule that takes all of the part; SIZE_MAX if there is none.
static size_t find_taker(struct look *look, const size_t *choice)
{
    struct text_list filters;
    topic_set_of_rule(look->mapping->rules[look->late], choice, &look->part);
    (void)topic_set_filters(&look->part, 1, &filters);
    look->taker = SIZE_MAX;
    for (size_t i = 0; i < filters.count && look->taker == SIZE_MAX; i++) {
        filter_tree_search(look->earlier, filters.items[i], look_at_each, look);
    }
    text_list_free(&filters);
    topic_set_free(&look->part);
    return look->taker;
}

// A rule that takes messages of this one, if there are such rules for all of them; else SIZE_MAX.
static size_t find_takers(struct look *look)
{
    const struct rule *rule = look->mapping->rules[look->late];
    AUTO_FREE size_t *choice = topic_choice_first(rule);
    bool all_taken = true;
    size_t first = SIZE_MAX;
    do {
        size_t taker = find_taker(look, choice);
        all_taken &= taker != SIZE_MAX;
        first = taker < first ? taker : first;
    } while (choice != NULL && topic_choice_next(rule, choice));
    return all_taken ? first : SIZE_MAX;
}

static void report(const struct look *look, size_t taker, const struct rule_source *sources, struct problems *problems)
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
        report(look, taker, sources, problems);
    }
    free(look->example);
    look->example = NULL;
}

void mapping_check_overlaps(const struct mapping *mapping, const struct topic_set *sets,
                            const struct rule_source *sources, struct problems *problems)
{
    struct look look = {.mapping = mapping, .sets = sets, .earlier = filter_tree_create(), .left = MAX_STEPS};
    for (look.late = 0; look.late < mapping->count && look.left > 0; look.late++) {
        check_rule(&look, sources, problems);
        (void)topic_set_add_to(&sets[look.late], look.earlier, look.late);
    }
    if (look.late < mapping->count) {
        yaml_problem(problems, SEVERITY_WARNING, rule_place(&sources[look.late], "topic"),
                     "so many rules have topics in common that overlaps are looked for up to this rule only");
    }
    filter_tree_destroy(look.earlier);
}
