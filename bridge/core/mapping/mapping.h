// Mapping rules: loaded from YAML trees, matched by topic level, and evaluated into commands. Immutable after loading,
// so any thread may match and map with it. Pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/message.h"
#include "core/command/command.h"
#include "core/topic/topic.h"

#define MAPPING_MAX_RULES  10000
#define MAPPING_MAX_MODELS 1000 // files of thing models

struct mapping;
struct rule;

size_t mapping_rule_count(const struct mapping *mapping);
const struct rule *mapping_rule_at(const struct mapping *mapping, size_t index);
const char *rule_name(const struct rule *rule);
const char *rule_filter(const struct rule *rule);
double rule_rate(const struct rule *rule); // calls per second; 0: no limit
bool rule_accepts_retained(const struct rule *rule);
// Filters of all rules, for subscription_set_build: an array of borrowed texts that the caller frees.
const char **mapping_filters(const struct mapping *mapping, size_t *count);

// The first rule (in order) whose topic and `where` fit, or NULL. Costs as much for 10,000 rules as for ten. Topics of
// our own give NULL.
const struct rule *mapping_match(const struct mapping *mapping, const char *topic);

// Why no rule takes the topic, for people: the first rule that only its `where` keeps from it, with the value that does
// not fit. Looks at every rule, so not for each message. Caller frees.
char *mapping_describe_no_rule(const struct mapping *mapping, const char *topic);

// Maps a message by its rule. Always gives a command: with `refusal` set if it is to be rejected (its id is the
// message's wherever the payload's JSON is well formed, and its reply topics are those of the rule). `uuid` is the id
// it gets if the message brings none. `refuse_with` (or NULL) is a reason found on arrival (payload_too_large,
// outbox_full): only id and reply topics are worked out.
struct command *mapping_command(const struct mapping *mapping, const struct rule *rule, const struct message *message,
                                const struct moment *arrived, const char *uuid, const struct failure *refuse_with);
