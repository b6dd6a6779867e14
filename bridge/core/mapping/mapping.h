// Mapping rules: loaded from YAML trees, matched by topic level, and evaluated into commands. Immutable after loading,
// so any thread may match and map with it. Pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/message.h"
#include "base/options/keys.h"
#include "base/yaml/yaml.h"
#include "core/command/command.h"
#include "core/topic/topic.h"

#define MAPPING_MAX_RULES  10000
#define MAPPING_MAX_MODELS 1000 // files of thing models

struct mapping;
struct rule;

struct mapping_options {
    const char *base_topic;         // "thingbridge": topics below BASE/bridge/ are ours, never commands
    const char *const *reply_allow; // filters for requesters' topics, which may begin with "<command topic>" or
                                    // "<base>"; NULL: the default list of the design
    size_t reply_allow_count;
    const char *const *platforms; // names that `platform:` may have; none: any name
    size_t platform_count;
    const char *default_platform; // name used by rules without `platform`; NULL: each rule has to name one
    const char *discovery_prefix; // "homeassistant": never a reply topic
    int64_t max_payload;          // bytes
    int64_t max_json_depth;
    bool incomplete; // a file could not be read: only errors are looked for, but for those that it may explain
    // Reads a whole file that rules name (`model`), of up to max_bytes; the caller frees *data. NULL: there are no
    // files, and a rule that names one is an error.
    enum err (*read_file)(const char *path, size_t max_bytes, char **data, size_t *len, struct diag *diag);
};

// Builds the rules of all documents in the order given (the caller sorts files by name). All errors and warnings of all
// files are collected in problems; *out is set only if there are no errors. Documents may be freed afterwards.
enum err mapping_create(struct yaml_document *const *documents, size_t count, const struct mapping_options *options,
                        struct mapping **out, struct problems *problems) MUST_CHECK;
void mapping_destroy(struct mapping *mapping);

// Tables of keys, for the schema and the reference.
extern const struct key mapping_file_keys[];
extern const struct key mapping_rule_keys[];
extern const struct key mapping_default_keys[]; // `defaults`: a rule's but name, topic, where, invoke and call
extern const struct key mapping_invoke_keys[];
extern const struct key mapping_call_keys[];
extern const struct key mapping_reply_keys[];
extern const struct key mapping_batch_keys[];
extern const struct key mapping_test_keys[];
extern const struct key mapping_answer_keys[];       // `answer` of a test
extern const struct key mapping_expect_keys[];       // `expect` of a test, without the request's parameters
extern const struct key mapping_expect_reply_keys[]; // `reply` of `expect`

// Is it a filter that reply_allow can have?
enum err mapping_check_allow(const char *filter, struct diag *diag) MUST_CHECK;

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
