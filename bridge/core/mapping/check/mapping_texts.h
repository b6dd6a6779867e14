// Topics as whole texts with wildcards: those that a rule takes, and those of its replies. They are compared exactly,
// which costs more than comparing shapes. Pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/mapping/rule.h"

// What stands in a text for more than itself; topics hold no control characters.
#define TEXT_MANY      '\1' // any text
#define TEXT_LEVEL     '\2' // any text without '/'
#define TEXT_ONE       '\3' // one character
#define TEXT_ONE_INNER '\4' // one character but '/'

// One text for each choice among the values of `where`. With too many of them `where` does not count.
void texts_of_rule(const struct rule *rule, struct text_list *out);
// Of a template for which shape_of_reply is true. What filters give counts as any text, of one level for {name}; so do
// two places of one capture as two captures, unless `where` names its texts.
void texts_of_reply(const struct rule *rule, const struct template *tmpl, struct text_list *out);
// Is there a topic that fits a text of each? Takes what it costs from *left; when that is used up, it says yes.
bool texts_meet(const struct text_list *a, const struct text_list *b, size_t *left);
