// Loads mapping rules from YAML trees. Pure: files that rules name are read by a function that the caller gives.
#pragma once

#include "base/err.h"
#include "base/options/options.h"
#include "base/yaml/yaml.h"
#include "core/mapping/mapping.h"

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

// The tables of options, for the schema and the reference.
extern const struct option_row mapping_file_options[];
extern const struct option_row mapping_rule_options[];
extern const struct option_row
    mapping_default_options[]; // `defaults`: a rule's but name, topic, where, invoke and call
extern const struct option_row mapping_invoke_options[];
extern const struct option_row mapping_call_options[];
extern const struct option_row mapping_reply_options[];
extern const struct option_row mapping_batch_options[];
extern const struct option_row mapping_test_options[];
extern const struct option_row mapping_answer_options[];       // `answer` of a test
extern const struct option_row mapping_expect_options[];       // `expect` of a test, without the request's parameters
extern const struct option_row mapping_expect_reply_options[]; // `reply` of `expect`

// Is it a filter that reply_allow can have?
enum err mapping_check_allow(const char *filter, struct diag *diag) MUST_CHECK;
