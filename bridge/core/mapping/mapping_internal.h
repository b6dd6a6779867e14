// What the files of the mapping module share. Private to core.
#pragma once

#include "base/options/keys.h"
#include "base/yaml/yaml.h"
#include "core/mapping/mapping.h"
#include "core/model/model.h"
#include "core/template/template.h"
#include "core/topic/filter_tree.h"

#define MAPPING_MAX_DEVICES    10000  // of one command
#define MAPPING_MAX_REQUEST    262144 // bytes of all parameters of one command
#define MAPPING_MAX_LIFETIME   (10LL * 365 * 24 * 60 * 60 * 1000)
#define MAPPING_CALL_DEVICES   100 // of one InvokeThingsService call (platform document)
#define MAPPING_MAX_NAME_BYTES 128 // of a rule's name

// What entries of reply.allow may begin with.
#define ALLOW_COMMAND_TOPIC "<command topic>"
#define ALLOW_BASE          "<base>"

enum response_topic { RESPONSE_ALSO, RESPONSE_INSTEAD, RESPONSE_IGNORE };
enum retained { RETAINED_IGNORE, RETAINED_ACCEPT };
enum empty { EMPTY_REJECT, EMPTY_ACCEPT };
enum target_kind { TARGET_DEVICE, TARGET_DEVICES, TARGET_IOT_ID, TARGET_CALL };

// Filled through mapping_file_keys. Nodes are borrowed from the document.
struct file_keys {
    int64_t version;
    const struct yaml_node *defaults;
    const struct yaml_node *groups;
    const struct yaml_node *rules;
    const struct yaml_node *tests;
};

// Filled through mapping_rule_keys. Nodes are borrowed from the document, and NULL once the rule is loaded.
struct rule_keys {
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

struct invoke_keys {
    const struct yaml_node *identifier;
    const struct yaml_node *device;
    const struct yaml_node *devices;
    const struct yaml_node *iot_id;
    char *product_key; // or NULL: the rule's
    const struct yaml_node *args;
};

struct call_keys {
    char *action;
    const struct yaml_node *parameters;
};

struct reply_keys {
    const struct yaml_node *ack;
    const struct yaml_node *result;
    bool progress;
};

struct batch_keys {
    int64_t window_ms; // 0: off
    int64_t max;
};

struct where {
    int capture;
    struct text_list globs; // one of them has to fit
};

struct rule_parameter {
    char *name;
    struct template_tree *value;
};

struct rule {
    struct rule_keys keys;
    struct batch_keys batch;
    struct topic_pattern *pattern;
    struct where *where; // all of them have to fit
    size_t where_count;
    bool where_wrong; // while loading: it has errors
    enum target_kind target;
    struct template *identifier;
    struct template **devices; // TARGET_DEVICE and TARGET_IOT_ID: one
    size_t device_count;
    struct template_tree *args; // or NULL
    char *action;               // TARGET_CALL
    struct rule_parameter *parameters;
    size_t parameter_count;
    struct template *ack;    // NULL publishes none
    struct template *result; // NULL publishes none
    bool progress;
    struct template *id_from;    // or NULL
    struct template *sent_at;    // or NULL
    const struct model **models; // the mapping's; none: nothing is known of the services
    size_t model_count;
};

// The thing models of all rules, each read once.
struct model_shelf {
    struct shelved_model *items;
    size_t count;
};
void model_shelf_free(struct model_shelf *shelf);

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

void rule_free(struct rule *rule);
// Do topic and `where` fit? `captures` as in topic_pattern_match.
bool rule_takes(const struct rule *rule, const char *topic, struct str *captures);
// The first member of `where` that the captures do not fit, or NULL.
const struct where *rule_where_failed(const struct rule *rule, const struct str *captures);

// While loading: what all rules of all files need.
struct loader {
    const struct mapping_options *options;
    const struct group *groups;
    size_t group_count;
    const struct json_object *group_names; // the same names as members
    bool groups_unknown;                   // not all that define some could be read
    struct model_shelf *models;
    struct problems *problems;
};
// A rule or the `defaults` that apply to it; both are maps.
struct rule_source {
    const struct yaml_node *rule;
    const struct yaml_node *defaults; // or NULL
};
// NULL if there was an error; problems has it.
struct rule *rule_load(const struct loader *loader, const struct rule_source *source);
// Loads `invoke` or `call`; what is wrong is in the problems. `scope` belongs to the rule's topic.
void rule_load_target(const struct loader *loader, const struct rule_source *source, const struct template_scope *scope,
                      struct rule *rule);
void rule_load_reply(const struct loader *loader, const struct rule_source *source, const struct template_scope *scope,
                     struct rule *rule);
void rule_load_batch(const struct loader *loader, const struct rule_source *source, struct rule *rule);
// Reads the files of `model`.
void rule_load_models(const struct loader *loader, const struct rule_source *source, struct rule *rule);
// Holds what is known of `invoke` and `batch` before a message comes to the models. The rule is loaded otherwise.
void rule_check_models(const struct loader *loader, const struct rule_source *source, const struct rule *rule);
// The service of a rule with models; the failure names the nearest one. ERR_MISSING if there is none.
enum err rule_find_service(const struct rule *rule, const char *identifier, const struct model_service **out,
                           struct failure *failure) MUST_CHECK;
// What names mean in the rule's templates.
struct template_scope rule_scope(const struct loader *loader, const struct rule *rule);
// Nothing for a NULL node; *out stays NULL if it does not compile.
void rule_load_template(const struct loader *loader, const struct yaml_node *node, const struct template_scope *scope,
                        struct template **out);
// Node of a key, in the rule or else in the defaults; the rule itself if it is in neither.
const struct yaml_node *rule_place(const struct rule_source *source, const char *key);
// The same of `product_key`, which can be in `invoke` too.
const struct yaml_node *rule_product_place(const struct rule_source *source);
// Tells a key of a map that has to be a map. False and a problem if it is something else.
bool expect_map(const struct yaml_node *node, const char *what, struct problems *problems);
// Checks `defaults` once, so that their errors are told once and not for each rule.
void rule_check_defaults(const struct yaml_node *defaults, struct problems *problems);
void rule_check_default_parts(const struct rule_keys *defaults, struct problems *problems);

// Names as the platform allows them (PLATFORM.md, Names). The diag names the value and what is allowed.
enum name_kind { NAME_PRODUCT_KEY, NAME_IOT_ID, NAME_DEVICE, NAME_IDENTIFIER, NAME_ACTION, NAME_PARAMETER };
enum err name_check(enum name_kind kind, const char *text, struct diag *diag) MUST_CHECK;
// The same as a regular expression, but for the place of an identifier's ':'. Caller frees.
char *name_pattern(enum name_kind kind);
// The kind of name that a parameter of a call holds; false for other parameters.
bool name_kind_of_parameter(const char *parameter, enum name_kind *kind);

struct expression;
// The level of the topic that is the capture, which it has.
const struct topic_level *level_of_capture(const struct topic_pattern *pattern, int capture);
// What `where` says of a capture, or NULL.
const struct where *rule_find_where(const struct rule *rule, int capture);

// Topic levels as sets of globs: to see whether a reply topic can be taken for a command.
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

// Errors for reply topics that would be taken for commands. `sources` has one per rule.
void mapping_check_loops(const struct mapping *mapping, const struct rule_source *sources, struct problems *problems);

// Warnings for rules that no message reaches, or that others before them take messages from.
void mapping_check_overlaps(const struct mapping *mapping, const struct rule_source *sources,
                            struct problems *problems);

// Below BASE/bridge/: the bridge's own topics.
bool mapping_is_own_topic(const struct mapping *mapping, const char *topic);
// Topics, or beginnings of topics, to which nobody may reply whatever the rules are: those that begin with '$', our
// own, and Home Assistant's discovery topics.
bool mapping_is_closed_topic(const struct mapping *mapping, const char *topic);
// A reply may be published there: a valid name, not one of ours, not one that a rule takes.
bool mapping_reply_possible(const struct mapping *mapping, const char *topic);
// And a requester may name it.
bool mapping_reply_allowed(const struct mapping *mapping, const char *command_topic, const char *topic);

// A message's payload as the rule sees it, and what is in it for the bridge.
struct payload {
    bool present; // false: empty or not readable
    bool exact;   // false: numbers are rounded, so only what is told with a rejection may be read
    struct json_object *value;
    struct json_object *id; // owned, as the others; has_ tells JSON null from none, but a $id of null is none
    struct json_object *reply_to;
    struct json_object *expire;
    struct json_object *sent_at;
    bool has_id;
    bool has_reply_to;
    bool has_expire;
    bool has_sent_at;
    struct failure failure; // code set: the command is rejected for it
};
void payload_read(const struct mapping *mapping, const struct rule *rule, const struct message *message,
                  struct payload *out);
void payload_clear(struct payload *payload);

// What the rule's templates see of a message that it takes, but for the id. Fills `captures` (TOPIC_MAX_CAPTURES);
// everything in *out is borrowed.
void rule_make_input(const struct rule *rule, const struct message *message, const struct moment *arrived,
                     const struct payload *payload, struct str *captures, struct template_input *out);

// Fills calls, target and lanes of the command. On failure they are left empty.
enum err command_fill_target(const struct rule *rule, const struct template_input *input, struct command *command,
                             struct failure *failure) MUST_CHECK;
