// Topics for example, of messages that rules take: found by trying some, so none may be found where there is one. Pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/mapping/rule.h"

// What can stand in one level: one text, or something that fits one of the globs.
struct level_texts {
    char *const *items;
    size_t count;
    bool literal;
};
struct level_texts rule_texts_at(const struct rule *rule, size_t level);

// A topic that both rules take, or NULL if none is found. The caller frees it.
char *example_of_both(const struct rule *a, const struct rule *b);
// Is there a topic that the rule takes and the other does not? False if none is found.
bool rule_takes_others(const struct rule *rule, const struct rule *other);
