// Sets of topics: those that a rule takes, and those that a reply template can give whatever message comes. They are
// compared exactly. Pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/mapping/rule.h"

// In a text of a set: what is there for more than itself. Topics hold no control characters.
enum topic_sign {
    SIGN_MANY = 1,  // any text
    SIGN_LEVEL,     // any text without '/'
    SIGN_ONE,       // one character
    SIGN_ONE_INNER, // one character but '/'
    SIGN_OPEN,      // begins a group of texts, one of which is there; groups are not nested
    SIGN_OR,        // between two of them
    SIGN_CLOSE,
    SIGN_NEVER, // a character that no topic has
    SIGN_COUNT,
};

// Texts one after another, each ended by NUL: a topic that fits one of them is in the set. Topics begin with '$' only
// where the text does.
struct topic_set {
    char *texts;
    size_t len; // with all NULs
};
// `choice` has an index into the globs of each `where`, or is NULL: all globs.
void topic_set_of_rule(const struct rule *rule, const size_t *choice, struct topic_set *out);
// False if the topic depends on the message's content: nothing is known about it before it is there. `has_rest`:
// whether the command's topic has one, as "a/{rest#}" also takes "a"; the set is empty if it has to have one. What
// filters give counts as any text, of one level for {name}; so do two places of one capture as two captures, unless the
// rule has few choices.
bool topic_set_of_reply(const struct rule *rule, const struct template_text *tmpl, bool has_rest,
                        struct topic_set *out);
void topic_set_free(struct topic_set *set);
// The text behind this one, NULL for the first; NULL after the last.
const char *topic_set_next(const struct topic_set *set, const char *text_or_null);

// The first choice among the globs of `where`; NULL if there are too many to go through. The caller frees it.
size_t *topic_choice_first(const struct rule *rule);
bool topic_choice_next(const struct rule *rule, size_t *choice);

#define TOPIC_SET_MAX_FILTERS 64 // more are not written out
// At most `max` topic filters for each text, which together cover the set: groups of few fixed texts are written out,
// levels that begin with a fixed text have FILTER_TREE_PREFIX. True if they match no other topic than those of the set.
bool topic_set_filters(const struct topic_set *set, size_t max, struct text_list *out);
// Adds TOPIC_SET_MAX_FILTERS of them or fewer to the tree, with the value; true as there.
bool topic_set_add_to(const struct topic_set *set, struct filter_tree *tree, size_t value);

// UNKNOWN: the answer costs more than *left, from which what it costs is taken, or is about no valid topic.
enum topic_answer { TOPIC_NO, TOPIC_YES, TOPIC_UNKNOWN };
// Is there a topic in both sets? Then *example is one, which the caller frees; it may be longer than topics are.
enum topic_answer topic_set_meets(const struct topic_set *a, const struct topic_set *b, size_t *left, char **example);
// Are all topics of `narrow` in `wide` too? NO is certain: some valid topic is not.
enum topic_answer topic_set_covers(const struct topic_set *wide, const struct topic_set *narrow, size_t *left);

// Of a text: the character or sign at this place.
size_t topic_sign_len(const char *at);
bool topic_sign_is_long(const char *at);  // for any number of characters
bool topic_sign_is_group(const char *at); // of a group
// Can the character be taken here?
bool topic_sign_takes(const char *at, const char *character);
// Where that leads.
const char *topic_sign_behind(const char *at);
// The places that are next without a character, one behind the other, the last text of a group first: the one that
// follows `last`, NULL for the first; NULL after the last.
const char *topic_sign_skip(const char *at, const char *last_or_null);
