// What the files that load mapping files share. Private to this room.
#pragma once

#include "core/mapping/load/mapping_load.h"
#include "core/mapping/rule.h"

// Filled through mapping_file_options. Nodes are borrowed from the document.
struct file_options {
    int64_t version;
    const struct yaml_node *defaults;
    const struct yaml_node *groups;
    const struct yaml_node *rules;
    const struct yaml_node *tests;
};

void model_shelf_free(struct model_shelf *shelf);
void rule_free(struct rule *rule);

// While loading: what all rules of all files need.
struct loader {
    const struct mapping_options *options;
    const struct device_group *groups;
    size_t group_count;
    const struct json_object *group_names; // the same names as members
    bool groups_unknown;                   // not all that define some could be read
    struct model_shelf *models;
    struct problems *problems;
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
// What names mean in the rule's templates.
struct template_scope rule_scope(const struct loader *loader, const struct rule *rule);
// Nothing for a NULL node; *out stays NULL if it does not compile.
void rule_load_template(const struct loader *loader, const struct yaml_node *node, const struct template_scope *scope,
                        struct template **out);
// The same of `product_key`, which can be in `invoke` too.
const struct yaml_node *rule_product_place(const struct rule_source *source);
// Checks `defaults` once, so that their errors are told once and not for each rule.
void rule_check_defaults(const struct yaml_node *defaults, struct problems *problems);
void rule_check_default_parts(const struct rule_options *defaults, struct problems *problems);
