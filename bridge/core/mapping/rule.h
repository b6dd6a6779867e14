// The rules as they were compiled, for the rooms of the mapping. Immutable after loading. Private to core/mapping.
#pragma once

#include "base/options/options.h"
#include "base/yaml/yaml.h"
#include "core/mapping/mapping.h"
#include "core/model/model.h"
#include "core/template/template.h"
#include "core/topic/filter_tree.h"

#define MAPPING_MAX_DEVICES    10000 // of one command
#define MAPPING_MAX_LIFETIME   (10LL * 365 * 24 * 60 * 60 * 1000)
#define MAPPING_MAX_NAME_BYTES 128 // of a rule's name

// What entries of reply.allow may begin with.
#define ALLOW_COMMAND_TOPIC "<command topic>"
#define ALLOW_BASE          "<base>"

enum response_topic { RESPONSE_ALSO, RESPONSE_INSTEAD, RESPONSE_IGNORE };
enum retained { RETAINED_IGNORE, RETAINED_ACCEPT };
enum empty { EMPTY_REJECT, EMPTY_ACCEPT };
enum target_kind { TARGET_DEVICE, TARGET_DEVICES, TARGET_IOT_ID, TARGET_CALL };

// Filled through mapping_rule_options. Nodes are borrowed from the document, and NULL once the rule is loaded.
struct rule_options {
    char *name;
    char *topic;
    char *product_key;
    char *platform;
    struct text_list model; // paths, relative to the mapping file's folder
    int64_t expire_ms;
    bool idempotent;
    int order; // enum order
    bool latest_only;
    double rate;        // per second; 0: none
    int retained;       // enum retained
    int response_topic; // enum response_topic
    int empty;          // enum empty
    const struct yaml_node *where;
    const struct yaml_node *invoke;
    const struct yaml_node *call;
    const struct yaml_node *reply;
    const struct yaml_node *batch;
    const struct yaml_node *id_from;
    const struct yaml_node *sent_at;
};

struct invoke_options {
    const struct yaml_node *identifier;
    const struct yaml_node *device;
    const struct yaml_node *devices;
    const struct yaml_node *iot_id;
    char *product_key; // or NULL: the rule's
    const struct yaml_node *args;
};

struct call_options {
    char *action;
    const struct yaml_node *parameters;
};

struct reply_options {
    const struct yaml_node *ack;
    const struct yaml_node *result;
    bool progress;
};

struct batch_options {
    int64_t window_ms; // 0: off
    int64_t max;
};

struct rule_where {
    int capture;
    struct text_list globs; // one of them has to fit
};

struct rule_parameter {
    char *name;
    struct template_tree *value;
};

struct rule {
    struct rule_options options;
    struct batch_options batch;
    struct topic_pattern *pattern;
    struct rule_where *where; // all of them have to fit
    size_t where_count;
    bool where_wrong; // while loading: it has errors
    enum target_kind target;
    struct template_text *identifier;
    struct template_text **devices; // TARGET_DEVICE and TARGET_IOT_ID: one
    size_t device_count;
    struct template_tree *args; // or NULL
    char *action;               // TARGET_CALL
    struct rule_parameter *parameters;
    size_t parameter_count;
    struct template_text *ack;    // NULL publishes none
    struct template_text *result; // NULL publishes none
    bool progress;
    struct template_text *id_from; // or NULL
    struct template_text *sent_at; // or NULL
    const struct model **models;   // the mapping's; none: nothing is known of the services
    size_t model_count;
};

// The thing models of all rules, each read once.
struct model_shelf {
    struct shelved_model *items;
    size_t count;
};
struct mapping {
    struct rule **rules;
    size_t count;
    struct filter_tree *tree; // rule indexes
    bool *filter_decides;     // per rule: it takes whatever its filters in the tree match
    char *base_topic;
    char *discovery_prefix;
    char *default_platform;
    struct text_list reply_allow;
    struct model_shelf models;
    size_t max_payload;
    size_t max_json_depth;
};

// Do topic and `where` fit? `captures` as in topic_pattern_match.
bool rule_takes(const struct rule *rule, const char *topic, struct str *captures);
// The first member of `where` that the captures do not fit, or NULL.
const struct rule_where *rule_where_failed(const struct rule *rule, const struct str *captures);
// The service of a rule with models; the failure names the nearest one. ERR_MISSING if there is none.
enum err rule_find_service(const struct rule *rule, const char *identifier, const struct model_service **out,
                           struct failure *failure) MUST_CHECK;
// The level of the topic that is the capture, which it has.
const struct topic_level *rule_level_of_capture(const struct topic_pattern *pattern, int capture);
// What `where` says of a capture, or NULL.
const struct rule_where *rule_find_where(const struct rule *rule, int capture);
// The texts to which `where` holds each capture, one per capture of the topic; NULL: others too.
void rule_fixed_captures(const struct rule *rule, const struct text_list *out[TOPIC_MAX_CAPTURES]);

// A rule or the `defaults` that apply to it; both are maps.
struct rule_source {
    const struct yaml_node *rule;
    const struct yaml_node *defaults; // or NULL
};
// Node of a key, in the rule or else in the defaults; the rule itself if it is in neither.
const struct yaml_node *rule_place(const struct rule_source *source, const char *key);
