// Loads one rule.
//
// The rule's options are read over those of `defaults`; then its parts are loaded, the topic first, since it says what
// names mean in templates. Each part adds what is wrong with it to the problems and goes on, so that all errors of a
// rule are reported at once; a rule with any is freed. Warnings that take several parts to see come last.
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/nearest.h"
#include "base/show.h"
#include "core/mapping/load/loader.h"
#include "core/platform/name.h"

static void check_name(const struct rule_loader *loader)
{
    const char *name = loader->rule->options.name;
    const struct yaml_node *node = yaml_get(loader->node, "name");
    if (node == NULL) {
        loader_say_missing(loader, "name", "name: lamp-set");
    } else if (name != NULL &&
               (*name == '\0' || strlen(name) > MAPPING_MAX_NAME_BYTES || str_has_control(name, strlen(name)))) {
        yaml_error(loader->problems, node, "a rule's name has 1 to %d bytes and no control characters",
                   MAPPING_MAX_NAME_BYTES);
    }
}

static bool uses(const struct template_text *tmpl, enum expression_kind kind)
{
    for (size_t i = 0; i < tmpl->count; i++) {
        if (tmpl->parts[i].expression != NULL && tmpl->parts[i].expression->kind == kind) {
            return true;
        }
    }
    return false;
}

// Nothing of it comes from the message or its topic.
static bool is_same_for_all(const struct template_text *tmpl)
{
    return !uses(tmpl, EXPRESSION_NOW) && !template_uses_outside(tmpl);
}

static void load_id(const struct rule_loader *loader)
{
    struct rule *rule = loader->rule;
    loader_compile(loader, rule->options.id_from, &rule->id_from);
    loader_compile(loader, rule->options.sent_at, &rule->sent_at);
    if (rule->id_from != NULL && uses(rule->id_from, EXPRESSION_ID)) {
        yaml_error(loader->problems, loader_place(loader, "id_from"),
                   "${id} is what id_from gives; take a member of the payload, as ${payload.id}");
    }
    if (rule->id_from != NULL && is_same_for_all(rule->id_from)) {
        yaml_warn(loader->problems, loader_place(loader, "id_from"),
                  "all commands get the same id, so only the first on a topic runs; take a member of the "
                  "payload, as ${payload.id}");
    }
    if (rule->sent_at != NULL && is_same_for_all(rule->sent_at)) {
        yaml_warn(loader->problems, loader_place(loader, "sent_at"),
                  "the time does not come from the message; take a member of the payload, as ${payload.sent_at}");
    }
}

static void load_platform(const struct rule_loader *loader)
{
    struct rule *rule = loader->rule;
    const struct mapping_options *options = loader->shared->options;
    const struct yaml_node *node = loader_place(loader, "platform");
    if (rule->options.platform == NULL) {
        if (options->default_platform == NULL) {
            yaml_error(loader->problems, node, "there are several platforms, and the rule names none with `platform`");
        }
        return;
    }
    struct nearest nearest = {.text = rule->options.platform};
    for (size_t i = 0; i < options->platform_count; i++) {
        if (strcmp(options->platforms[i], rule->options.platform) == 0) {
            return;
        }
        nearest_try(&nearest, options->platforms[i]);
    }
    if (options->platform_count > 0) {
        yaml_error(loader->problems, node, "no platform %s is configured" NEAREST_FORMAT,
                   show_text(rule->options.platform).text, NEAREST_ARGS(nearest.name, ""));
    }
}

static const struct yaml_node *product_of_invoke(const struct rule_loader *loader)
{
    const struct yaml_node *invoke = yaml_get(loader->node, "invoke");
    return invoke != NULL ? yaml_get(invoke, "product_key") : NULL;
}

// What is in `invoke` wins over the defaults. Its kind is checked where `invoke` is read.
static void take_product_of_invoke(const struct rule_loader *loader)
{
    struct rule *rule = loader->rule;
    const struct yaml_node *node = product_of_invoke(loader);
    if (node == NULL || !yaml_has_value(node)) {
        return;
    }
    if (yaml_get(loader->node, "product_key") != NULL) {
        yaml_error(loader->problems, node, "`product_key` is in the rule already: leave one of the two out");
        return;
    }
    free(rule->options.product_key);
    rule->options.product_key = mem_strdup(node->text);
}

// Is there a product's key that is written in a wrong way, which is a problem already?
static bool is_product_misspelt(const struct rule_loader *loader)
{
    const struct yaml_node *invoke = loader->rule->options.invoke;
    return product_of_invoke(loader) != NULL || options_misspelt(mapping_rule_options, loader->node, "product_key") ||
           options_misspelt(mapping_invoke_options, invoke, "product_key") ||
           (loader->defaults != NULL && options_misspelt(mapping_default_options, loader->defaults, "product_key"));
}

static void load_product(const struct rule_loader *loader)
{
    const struct rule *rule = loader->rule;
    struct diag diag;
    if (rule->options.product_key == NULL) {
        bool by_name = rule->target == TARGET_DEVICE || rule->target == TARGET_DEVICES;
        if (by_name && rule->options.invoke != NULL && !is_product_misspelt(loader)) {
            yaml_error(loader->problems, loader->node,
                       "the rule has no `product_key`, which a device's name needs (in the rule, in `invoke` or in "
                       "`defaults`)");
        }
    } else if (name_check(NAME_PRODUCT_KEY, rule->options.product_key, &diag) != ERR_OK) {
        const struct yaml_node *node = product_of_invoke(loader);
        yaml_error(loader->problems, node != NULL ? node : loader_place(loader, "product_key"), "%s", diag.text);
    }
}

static void load_target(const struct rule_loader *loader)
{
    struct rule *rule = loader->rule;
    if (rule->options.invoke != NULL && rule->options.call != NULL) {
        yaml_error(loader->problems, loader->node, "a rule has either `invoke` or `call`, not both");
        return;
    }
    if (rule->options.invoke == NULL && rule->options.call == NULL) {
        bool is_misplaced = yaml_get(loader->node, "identifier") != NULL || yaml_get(loader->node, "action") != NULL;
        if (!options_misspelt(mapping_rule_options, loader->node, "call") && !is_misplaced) {
            loader_say_missing(loader, "invoke",
                               "invoke: {identifier: Set, device: lamp}, or a `call`: this one has neither");
        }
        return;
    }
    loader_load_target(loader);
}

static void read_options(const struct rule_loader *loader)
{
    struct rule *rule = loader->rule;
    struct problems ignored = {0};
    options_defaults(mapping_rule_options, &rule->options);
    if (loader->defaults != NULL) {
        enum err err = options_read(mapping_default_options, loader->defaults, &rule->options, &ignored);
        (void)err; // loader_check_defaults reports it, once
        problems_clear(&ignored);
    }
    enum err err = options_read(mapping_rule_options, loader->node, &rule->options, loader->problems);
    (void)err; // the problems have it
    take_product_of_invoke(loader);
}

static bool call_names_device(const struct rule *rule)
{
    enum name_kind kind;
    for (size_t i = 0; i < rule->parameter_count; i++) {
        if (invoke_kind_of_parameter(rule->parameters[i].name, &kind) && (kind == NAME_DEVICE || kind == NAME_IOT_ID)) {
            return true;
        }
    }
    return false;
}

// In the defaults these keys are for the file's other rules.
static void warn_of_useless_keys(const struct rule_loader *loader)
{
    const struct rule *rule = loader->rule;
    const struct yaml_node *latest_only = yaml_get(loader->node, "latest_only");
    const struct yaml_node *batch = yaml_get(loader->node, "batch");
    bool is_call = rule->target == TARGET_CALL;
    if (batch != NULL && rule->batch.window_ms > 0 && (is_call || rule->target == TARGET_IOT_ID)) {
        yaml_warn(loader->problems, batch, "`batch` folds what `invoke` asks of a `device`; of %s nothing is folded",
                  is_call ? "a `call`" : "an `iot_id`");
    }
    if (latest_only != NULL && rule->options.latest_only && is_call && !call_names_device(rule)) {
        yaml_warn(loader->problems, latest_only,
                  "the call names no device (DeviceName or IotId), so each newer command of the rule takes the place "
                  "of one that waits, whatever it is for");
    }
}

// MQTT clears a retained message by an empty one (MQTT section 3.3.1.3), which a subscriber gets like any other.
static void warn_of_clearing(const struct rule_loader *loader)
{
    const struct rule *rule = loader->rule;
    if (rule->options.empty == EMPTY_ACCEPT && rule->options.retained == RETAINED_ACCEPT) {
        yaml_warn(loader->problems, loader_place(loader, "empty"),
                  "a retained message is cleared by an empty one, and that runs this rule too: leave out "
                  "`empty: accept`, and let senders send {}");
    }
}

static void drop_nodes(struct rule_options *options)
{
    options->where = options->invoke = options->call = options->reply = NULL;
    options->batch = options->id_from = options->sent_at = NULL;
}

static void load_parts(struct rule_loader *loader)
{
    struct rule *rule = loader->rule;
    read_options(loader);
    check_name(loader);
    loader_load_topic(loader);
    size_t errors = loader->problems->errors;
    loader_load_where(loader);
    rule->where_wrong = loader->problems->errors > errors;
    rule_fixed_captures(rule, loader->captures);
    loader->scope = (struct template_scope){.pattern = rule->pattern,
                                            .groups = loader->shared->groups,
                                            .group_count = loader->shared->group_count,
                                            .captures_unknown = rule->pattern == NULL,
                                            .groups_unknown = loader->shared->groups_unknown};
    loader_load_models(loader);
    load_target(loader);
    load_id(loader);
    loader_load_reply(loader);
    loader_load_batch(loader);
    load_platform(loader);
    load_product(loader);
    loader_check_models(loader);
    warn_of_useless_keys(loader);
    warn_of_clearing(loader);
    drop_nodes(&rule->options);
}

struct rule *loader_load_rule(const struct loader *shared, const struct rule_source *source)
{
    struct problems *problems = shared->problems;
    if (!yaml_expect(source->rule, YAML_MAP, "rules", problems)) {
        return NULL;
    }
    size_t errors = problems->errors;
    struct rule_loader loader = {.shared = shared,
                                 .problems = problems,
                                 .node = source->rule,
                                 .defaults = source->defaults,
                                 .rule = mem_alloc(sizeof *loader.rule)};
    load_parts(&loader);
    if (problems->errors > errors) {
        loader_free_rule(loader.rule);
        return NULL;
    }
    return loader.rule;
}

void loader_check_defaults(const struct yaml_node *defaults, struct problems *problems)
{
    struct rule_options options = {0};
    if (options_read(mapping_default_options, defaults, &options, problems) == ERR_OK) {
        loader_check_default_parts(&options, problems);
    }
    options_free(mapping_default_options, &options);
}

static void free_where(struct rule *rule)
{
    for (size_t i = 0; i < rule->where_count; i++) {
        text_list_free(&rule->where[i].globs);
    }
    free(rule->where);
}

void loader_free_rule(struct rule *rule)
{
    if (rule == NULL) {
        return;
    }
    free_where(rule);
    for (size_t i = 0; i < rule->device_count; i++) {
        template_free(rule->devices[i]);
    }
    for (size_t i = 0; i < rule->parameter_count; i++) {
        free(rule->parameters[i].name);
        template_tree_free(rule->parameters[i].value);
    }
    free(rule->devices);
    free(rule->parameters);
    free(rule->action);
    template_free(rule->identifier);
    template_tree_free(rule->args);
    template_free(rule->ack);
    template_free(rule->result);
    template_free(rule->id_from);
    template_free(rule->sent_at);
    free(rule->models);
    topic_pattern_free(rule->pattern);
    options_free(mapping_rule_options, &rule->options);
    free(rule);
}
