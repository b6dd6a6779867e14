// What the files that load mapping files share: mapping_load.c has loader_rule.c load each rule, and that the files for
// its parts: loader_topic.c, loader_target.c, loader_reply.c and loader_model.c. Private to this room.
#pragma once

#include "core/mapping/load/mapping_load.h"
#include "core/mapping/rule.h"
#include "core/template/template_internal.h"

// Read by mapping_file_options. Nodes are borrowed from the document.
struct file_options {
    int64_t version;
    const struct yaml_node *defaults;
    const struct yaml_node *groups;
    const struct yaml_node *rules;
    const struct yaml_node *tests;
};

// What all rules of all files need while they are loaded.
struct loader {
    const struct mapping_options *options;
    struct device_group *groups;
    size_t group_count;
    struct json_object *group_names; // the same names as members, with their places
    bool groups_unknown;             // not all that define some could be read
    struct model_shelf *models;
    struct problems *problems;
};

// One rule while it is loaded. What is wrong with it is in the problems.
struct rule_loader {
    const struct loader *shared;
    struct problems *problems;
    const struct yaml_node *node;                         // the rule, a map
    const struct yaml_node *defaults;                     // or NULL
    struct rule *rule;                                    // so far
    struct template_scope scope;                          // once the topic is loaded: what names mean in templates
    const struct text_list *captures[TOPIC_MAX_CAPTURES]; // once `where` is loaded: as of rule_fixed_captures
};

// NULL if there was an error.
struct rule *loader_load_rule(const struct loader *shared, const struct rule_source *source);
void loader_free_rule(struct rule *rule);
void loader_free_models(struct model_shelf *shelf);
// Checks `defaults` once, so that their errors are reported once and not for each rule.
void loader_check_defaults(const struct yaml_node *defaults, struct problems *problems);

// ---- what the files that load one rule share

void loader_load_topic(const struct rule_loader *loader);
void loader_load_where(const struct rule_loader *loader);
void loader_load_target(const struct rule_loader *loader); // `invoke` or `call`
void loader_load_reply(const struct rule_loader *loader);
void loader_load_batch(const struct rule_loader *loader);
void loader_check_default_parts(const struct rule_options *defaults, struct problems *problems);
// Reads the files of `model`.
void loader_load_models(const struct rule_loader *loader);
// Holds what is known of `invoke` and `batch` before a message comes to the models. The rule is loaded otherwise.
void loader_check_models(const struct rule_loader *loader);

// As rule_place.
const struct yaml_node *loader_place(const struct rule_loader *loader, const char *key);
// A key that each rule has is not there.
void loader_say_missing(const struct rule_loader *loader, const char *key, const char *example);
// Nothing for a NULL node; *out stays NULL if it does not compile.
void loader_compile(const struct rule_loader *loader, const struct yaml_node *node, struct template_text **out);
// What the node's text can give as a template, whatever message comes; clear *out. False if it is no text that
// compiles, which is a problem already, and with *out unset.
bool loader_forecast(const struct rule_loader *loader, const struct yaml_node *node, struct template_forecast *out);
