// Topic levels as sets of globs: to see whether a reply topic can be taken for a command.
#pragma once

#include "core/mapping/rule.h"

struct expression;

struct shape_level {
    bool multi;             // any number of levels, none too; the globs are for their whole text
    bool literal;           // its one glob is a text: `*` and `?` are themselves
    struct text_list globs; // one of them fits
};
struct shape {
    struct shape_level *levels;
    size_t count;
};
void shape_of_rule(const struct rule *rule, struct shape *out);
// False if the topic depends on the message's content: nothing can be told about it before it is there.
// `has_rest`: whether the command's topic has one, as "a/{rest#}" also takes "a".
bool shape_of_reply(const struct rule *rule, const struct template *tmpl, bool has_rest, struct shape *out);
bool shape_can_lack_rest(const struct rule *rule);
// Can it be more than one level?
bool expression_gives_levels(const struct rule *rule, const struct expression *expression);
// It fits one text only.
bool glob_is_fixed(const char *glob);
// The texts to which `where` holds each capture, one per capture of the topic; NULL: others too.
void rule_fixed_captures(const struct rule *rule, const struct text_list *out[TOPIC_MAX_CAPTURES]);
bool shape_overlaps(const struct shape *reply, const struct shape *command);
// Is there a text that fits both? Yes also for some pairs without one.
bool globs_meet(const char *a, const char *b);
// Topic filters that together cover the shape: levels with few fixed values are written out,
// those with few globs as levels with FILTER_TREE_PREFIX. True if they match no other topic than the shape does.
bool shape_filters(const struct shape *shape, struct text_list *out);
void shape_free(struct shape *shape);
