// What `check` says about rules beside each other: replies that would be commands, rules that no message reaches. Pure.
#pragma once

#include "core/mapping/check/topic_set.h"
#include "core/mapping/rule.h"

// Errors for reply topics that would be taken for commands. `sets` has the topics of each rule, `sources` its place.
void mapping_check_loops(const struct mapping *mapping, const struct topic_set *sets, const struct rule_source *sources,
                         struct problems *problems);

// Warnings for rules that no message reaches, or that others before them take messages from.
void mapping_check_overlaps(const struct mapping *mapping, const struct topic_set *sets,
                            const struct rule_source *sources, struct problems *problems);
