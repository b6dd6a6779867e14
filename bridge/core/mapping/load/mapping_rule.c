// Loads one rule.
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json/show.h"
#include "base/mem.h"
#include "base/nearest.h"
#include "core/mapping/load/loader.h"
#include "core/mapping/rule.h"
#include "core/platform/name.h"
#include "core/template/template_internal.h"

// It is in `invoke`, or another map of the rule, and was told there.
static bool is_one_level_down(const struct yaml_node *rule, const char *key)
{
    static const char *const maps[] = {"invoke", "call", "reply", "batch"};
    bool found = false;
    for (size_t i = 0; i < COUNT_OF(maps); i++) {
        const struct yaml_node *map = yaml_get(rule, maps[i]);
        found |= map != NULL && yaml_get(map, key) != NULL;
    }
    return found;
}

// A key that each rule has is not there.
static void missing(const struct loader *loader, const struct rule_source *source, const char *key, const char *example)
{
    if (!options_misspelt(mapping_rule_options, source->rule, key) && !is_one_level_down(source->rule, key)) {
        yaml_error(loader->problems, source->rule, "the rule has no `%s`, as %s", key, example);
    }
}

static void check_name(const struct loader *loader, const struct rule_source *source, const struct rule *rule)
{
    const char *name = rule->options.name;
    const struct yaml_node *node = yaml_get(source->rule, "name");
    if (node == NULL) {
        missing(loader, source, "name", "name: lamp-set");
    } else if (name != NULL &&
               (*name == '\0' || strlen(name) > MAPPING_MAX_NAME_BYTES || str_has_control(name, strlen(name)))) {
        yaml_error(loader->problems, node, "a rule's name has 1 to %d bytes and no control characters",
                   MAPPING_MAX_NAME_BYTES);
    }
}

static void warn_of_topic(const struct loader *loader, const struct yaml_node *node,
                          const struct topic_pattern *pattern)
{
    for (size_t i = 0; i < pattern->level_count; i++) {
        const char *text = pattern->levels[i].text;
        if (text != NULL && strcmp(text, "*") == 0) {
            yaml_warn(loader->problems, node,
                      "`*` stands for itself in a topic: write {name} or + for one level, {name#} or # for the rest");
            return;
        }
    }
    size_t len = strlen(pattern->text);
    if (pattern->text[0] == ' ' || pattern->text[len - 1] == ' ') {
        yaml_warn(loader->problems, node, "the space at the topic's %s belongs to it: remove it",
                  pattern->text[0] == ' ' ? "beginning" : "end");
    }
    if (pattern->text[0] == '/' || (pattern->text[len - 1] == '/' && len > 1)) {
        yaml_warn(loader->problems, node,
                  "the `/` at the topic's %s makes one more level, an empty one, which senders have to write too: "
                  "remove it, unless it is meant",
                  pattern->text[0] == '/' ? "beginning" : "end");
    }
}

static void load_topic(const struct loader *loader, const struct rule_source *source, struct rule *rule)
{
    const struct yaml_node *node = yaml_get(source->rule, "topic");
    if (node == NULL) {
        missing(loader, source, "topic", "topic: \"home/{device}/set\"");
        return;
    }
    struct diag diag;
    if (rule->options.topic != NULL && topic_pattern_compile(rule->options.topic, &rule->pattern, &diag) != ERR_OK) {
        yaml_error(loader->problems, node, "%s", diag.text);
    }
    if (rule->pattern != NULL) {
        warn_of_topic(loader, node, rule->pattern);
    }
    AUTO_FREE char *own = mem_printf("%s/bridge/#", loader->options->base_topic);
    if (rule->pattern != NULL && topic_filter_covers(own, rule->pattern->filter)) {
        yaml_error(loader->problems, node, "topics below %s/bridge are the bridge's own and never commands",
                   loader->options->base_topic);
    }
}

// `is_null`: it stands without a value, as in {room: hall, kitchen}.
static int find_capture(const struct topic_pattern *pattern, const struct yaml_node *key, bool is_null,
                        struct problems *problems)
{
    struct nearest nearest = {.text = key->text};
    for (size_t i = 0; i < pattern->name_count; i++) {
        if (strcmp(pattern->names[i], key->text) == 0) {
            return (int)i;
        }
        nearest_try(&nearest, pattern->names[i]);
    }
    AUTO_BUF struct buf otherwise = {0};
    buf_text(&otherwise, is_null                    ? "; if it is one of several values, write a list: [a, b]"
                         : pattern->name_count == 0 ? "; it has none"
                                                    : "");
    for (size_t i = 0; !is_null && i < pattern->name_count; i++) {
        buf_printf(&otherwise, "%s{%s}", i == 0 ? "; it has " : ", ", pattern->names[i]);
    }
    yaml_error(problems, key, "the topic has no capture {%s}" NEAREST_FORMAT, show_plain(key->text).text,
               NEAREST_ARGS(nearest.name, otherwise.data));
    return -1;
}

static void warn_of_glob(const struct loader *loader, const struct yaml_node *node, bool is_rest)
{
    const char *glob = node->text;
    size_t len = strlen(glob);
    if (strpbrk(glob, is_rest ? "+#" : "/+#") != NULL) {
        yaml_warn(loader->problems, node, "nothing fits this: %s",
                  strchr(glob, '/') != NULL && !is_rest ? "a capture is one level of a topic and holds no /; only "
                                                          "{name#} holds more"
                                                        : "no topic holds + or #; any text is *");
    } else if (strpbrk(glob, "[|^(") != NULL || (len > 0 && glob[len - 1] == '$') ||
               (strchr(glob, '{') != NULL && strchr(glob, ',') != NULL)) {
        yaml_warn(loader->problems, node,
                  "only * and ? stand for other text here, all else for itself; several values are a list: [a, b]");
    }
}

static void add_glob(const struct loader *loader, const struct yaml_node *node, struct where *where, bool is_rest)
{
    if (!yaml_has_value(node)) {
        yaml_error(loader->problems, node, "a glob is text, not %s", yaml_kind_name(node));
        return;
    }
    text_list_add(&where->globs, node->text);
    warn_of_glob(loader, node, is_rest);
}

static void load_globs(const struct loader *loader, const struct yaml_node *node, struct where *where, bool is_rest)
{
    if (node->kind != YAML_LIST) {
        add_glob(loader, node, where, is_rest);
        return;
    }
    if (node->count == 0) {
        yaml_error(loader->problems, node, "the list of globs is empty, so nothing would fit");
    }
    for (size_t i = 0; i < node->count; i++) {
        add_glob(loader, node->items[i], where, is_rest);
    }
}

static bool is_rest_capture(const struct topic_pattern *pattern, int capture)
{
    const struct topic_level *last = &pattern->levels[pattern->level_count - 1];
    return last->kind == LEVEL_REST && last->capture == capture;
}

static void load_where(const struct loader *loader, struct rule *rule)
{
    const struct yaml_node *node = rule->options.where;
    if (node == NULL || rule->pattern == NULL || !yaml_expect(node, YAML_MAP, "where", loader->problems)) {
        return;
    }
    rule->where = mem_alloc((node->count + 1) * sizeof *rule->where);
    for (size_t i = 0; i < node->count; i++) {
        bool is_null = yaml_is_null(node->items[i]);
        int capture = find_capture(rule->pattern, node->keys[i], is_null, loader->problems);
        if (capture >= 0) {
            struct where *where = &rule->where[rule->where_count++];
            where->capture = capture;
            load_globs(loader, node->items[i], where, is_rest_capture(rule->pattern, capture));
        }
    }
}

struct template_scope rule_scope(const struct loader *loader, const struct rule *rule)
{
    return (struct template_scope){.pattern = rule->pattern,
                                   .groups = loader->groups,
                                   .group_count = loader->group_count,
                                   .captures_unknown = rule->pattern == NULL,
                                   .groups_unknown = loader->groups_unknown};
}

void rule_load_template(const struct loader *loader, const struct yaml_node *node, const struct template_scope *scope,
                        struct template **out)
{
    if (node != NULL && template_compile(node, scope, out, loader->problems) != ERR_OK) {
        *out = NULL;
    }
}

// Nothing of it comes from the message or its topic.
static bool is_same_for_all(const struct template *tmpl)
{
    bool uses_now = false;
    for (size_t i = 0; i < tmpl->count; i++) {
        const struct expression *expression = tmpl->parts[i].expression;
        uses_now |= expression != NULL && expression->kind == EXPRESSION_NOW;
    }
    return !uses_now && !template_uses_outside(tmpl);
}

static bool uses_id(const struct template *tmpl)
{
    for (size_t i = 0; i < tmpl->count; i++) {
        if (tmpl->parts[i].expression != NULL && tmpl->parts[i].expression->kind == EXPRESSION_ID) {
            return true;
        }
    }
    return false;
}

static void load_id(const struct loader *loader, const struct rule_source *source, const struct template_scope *scope,
                    struct rule *rule)
{
    rule_load_template(loader, rule->options.id_from, scope, &rule->id_from);
    rule_load_template(loader, rule->options.sent_at, scope, &rule->sent_at);
    if (rule->id_from != NULL && uses_id(rule->id_from)) {
        yaml_error(loader->problems, rule_place(source, "id_from"),
                   "${id} is what id_from gives; take a member of the payload, as ${payload.id}");
    }
    if (rule->id_from != NULL && is_same_for_all(rule->id_from)) {
        yaml_warn(loader->problems, rule_place(source, "id_from"),
                  "all commands get the same id, so only the first on a topic runs; take a member of the "
                  "payload, as ${payload.id}");
    }
    if (rule->sent_at != NULL && is_same_for_all(rule->sent_at)) {
        yaml_warn(loader->problems, rule_place(source, "sent_at"),
                  "the time does not come from the message; take a member of the payload, as ${payload.sent_at}");
    }
}

static void load_platform(const struct loader *loader, const struct rule_source *source, struct rule *rule)
{
    const struct mapping_options *options = loader->options;
    const struct yaml_node *node = rule_place(source, "platform");
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

static const struct yaml_node *product_of_invoke(const struct rule_source *source)
{
    const struct yaml_node *invoke = yaml_get(source->rule, "invoke");
    return invoke != NULL ? yaml_get(invoke, "product_key") : NULL;
}

const struct yaml_node *rule_product_place(const struct rule_source *source)
{
    const struct yaml_node *node = product_of_invoke(source);
    return node != NULL ? node : rule_place(source, "product_key");
}

// What stands in `invoke` wins over the defaults. Its kind is told where `invoke` is read.
static void take_product_of_invoke(const struct loader *loader, const struct rule_source *source, struct rule *rule)
{
    const struct yaml_node *node = product_of_invoke(source);
    if (node == NULL || !yaml_has_value(node)) {
        return;
    }
    if (yaml_get(source->rule, "product_key") != NULL) {
        yaml_error(loader->problems, node, "`product_key` is in the rule already: leave one of the two out");
        return;
    }
    free(rule->options.product_key);
    rule->options.product_key = mem_strdup(node->text);
}

static void load_product(const struct loader *loader, const struct rule_source *source, const struct rule *rule)
{
    struct diag diag;
    bool by_name = rule->target == TARGET_DEVICE || rule->target == TARGET_DEVICES;
    if (rule->options.product_key == NULL) {
        const struct yaml_node *invoke = yaml_get(source->rule, "invoke");
        bool misspelt =
            options_misspelt(mapping_rule_options, source->rule, "product_key") || product_of_invoke(source) != NULL ||
            (invoke != NULL && options_misspelt(mapping_invoke_options, invoke, "product_key")) ||
            (source->defaults != NULL && options_misspelt(mapping_default_options, source->defaults, "product_key"));
        if (by_name && !misspelt && invoke != NULL) {
            yaml_error(loader->problems, source->rule,
                       "the rule has no `product_key`, which a device's name needs (in the rule, in `invoke` or in "
                       "`defaults`)");
        }
    } else if (name_check(NAME_PRODUCT_KEY, rule->options.product_key, &diag) != ERR_OK) {
        yaml_error(loader->problems, rule_product_place(source), "%s", diag.text);
    }
}

static void load_target(const struct loader *loader, const struct rule_source *source,
                        const struct template_scope *scope, struct rule *rule)
{
    if (rule->options.invoke != NULL && rule->options.call != NULL) {
        yaml_error(loader->problems, source->rule, "a rule has either `invoke` or `call`, not both");
        return;
    }
    if (rule->options.invoke == NULL && rule->options.call == NULL) {
        bool is_misplaced = yaml_get(source->rule, "identifier") != NULL || yaml_get(source->rule, "action") != NULL;
        if (!options_misspelt(mapping_rule_options, source->rule, "call") && !is_misplaced) {
            missing(loader, source, "invoke",
                    "invoke: {identifier: Set, device: lamp}, or a `call`: this one has neither");
        }
        return;
    }
    rule_load_target(loader, source, scope, rule);
}

static void read_keys(const struct loader *loader, const struct rule_source *source, struct rule *rule)
{
    struct problems told_before = {0};
    options_defaults(mapping_rule_options, &rule->options);
    if (source->defaults != NULL) {
        enum err err = options_read(mapping_default_options, source->defaults, &rule->options, &told_before);
        (void)err; // rule_check_defaults tells it, once
        problems_clear(&told_before);
    }
    enum err err = options_read(mapping_rule_options, source->rule, &rule->options, loader->problems);
    (void)err; // told in the problems
    take_product_of_invoke(loader, source, rule);
}

static bool call_names_device(const struct rule *rule)
{
    enum name_kind kind;
    for (size_t i = 0; i < rule->parameter_count; i++) {
        if (name_kind_of_parameter(rule->parameters[i].name, &kind) && (kind == NAME_DEVICE || kind == NAME_IOT_ID)) {
            return true;
        }
    }
    return false;
}

// In the defaults these keys are for the file's other rules.
static void warn_of_useless_keys(const struct loader *loader, const struct rule_source *source, const struct rule *rule)
{
    const struct yaml_node *latest_only = yaml_get(source->rule, "latest_only");
    const struct yaml_node *batch = yaml_get(source->rule, "batch");
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
static void warn_of_clearing(const struct loader *loader, const struct rule_source *source, const struct rule *rule)
{
    if (rule->options.empty == EMPTY_ACCEPT && rule->options.retained == RETAINED_ACCEPT) {
        yaml_warn(loader->problems, rule_place(source, "empty"),
                  "a retained message is cleared by an empty one, and that runs this rule too: leave out "
                  "`empty: accept`, and let senders send {}");
    }
}

static void drop_nodes(struct rule_options *keys)
{
    keys->where = keys->invoke = keys->call = keys->reply = NULL;
    keys->batch = keys->id_from = keys->sent_at = NULL;
}

struct rule *rule_load(const struct loader *loader, const struct rule_source *source)
{
    if (!yaml_expect(source->rule, YAML_MAP, "rules", loader->problems)) {
        return NULL;
    }
    size_t errors = loader->problems->errors;
    struct rule *rule = mem_alloc(sizeof *rule);
    read_keys(loader, source, rule);
    check_name(loader, source, rule);
    load_topic(loader, source, rule);
    size_t errors_before_where = loader->problems->errors;
    load_where(loader, rule);
    rule->where_wrong = loader->problems->errors > errors_before_where;
    rule_load_models(loader, source, rule);
    struct template_scope scope = rule_scope(loader, rule);
    load_target(loader, source, &scope, rule);
    load_id(loader, source, &scope, rule);
    rule_load_reply(loader, source, &scope, rule);
    rule_load_batch(loader, source, rule);
    load_platform(loader, source, rule);
    load_product(loader, source, rule);
    rule_check_models(loader, source, rule);
    warn_of_useless_keys(loader, source, rule);
    warn_of_clearing(loader, source, rule);
    drop_nodes(&rule->options);
    if (loader->problems->errors > errors) {
        rule_free(rule);
        return NULL;
    }
    return rule;
}

void rule_check_defaults(const struct yaml_node *defaults, struct problems *problems)
{
    struct rule_options options = {0};
    if (options_read(mapping_default_options, defaults, &options, problems) == ERR_OK) {
        rule_check_default_parts(&options, problems);
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

void rule_free(struct rule *rule)
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
