// Loads what a rule calls: `invoke` or `call`.
//
// What it names (devices, a service) are templates. Names that are known whatever message comes are checked as if a
// command had them, by a forecast of the template; of those that the sender chooses there is a warning.
#include <stdlib.h>
#include <string.h>

#include "base/json/json.h"
#include "base/mem.h"
#include "base/show.h"
#include "core/mapping/load/loader.h"
#include "core/platform/name.h"

// What the functions of this file share.
struct target {
    const struct rule_loader *loader;
    struct rule *rule;
    const struct yaml_node *node;     // `invoke` or `call`
    bool checked[TOPIC_MAX_CAPTURES]; // captures that `where` holds to something
};

static const char one_device[] = "this is one device; a list stands under `devices`";

static enum err refuse(const struct target *target, const struct yaml_node *node, const char *text)
{
    yaml_error(target->loader->problems, node, "%s", text);
    return ERR_SYNTAX;
}

// Whoever may publish on the topic chooses what the value names; a model knows which names there are.
static void warn_unchecked(const struct target *target, const struct yaml_node *node, const char *source,
                           enum name_kind kind)
{
    const char *what = kind == NAME_IDENTIFIER ? "service" : "device";
    bool names_known = target->rule->target != TARGET_CALL && target->rule->options.model.count > 0;
    const struct topic_pattern *pattern = target->rule->pattern;
    // A `where` with errors may be meant to say it.
    bool where_known = pattern != NULL && !target->rule->where_wrong;
    if (source == NULL || names_known || !where_known) {
        return;
    }
    bool is_capture = false;
    for (size_t i = 0; i < pattern->name_count; i++) {
        is_capture |= strcmp(pattern->names[i], source) == 0;
    }
    if (is_capture) {
        yaml_warn(target->loader->problems, node,
                  "whoever may publish here chooses the %s by ${%s}; say which are meant: where: {%s: [...]}", what,
                  source, source);
    } else {
        yaml_warn(target->loader->problems, node,
                  "whoever may publish here chooses the %s by ${%s}; use a group or a capture with `where`, or hold "
                  "it to known values with | map(...)",
                  what, show_plain(source).text);
    }
}

// True if it gives lists alone, or a list among the values that it can give.
static bool gives_list(const struct template_forecast *forecast)
{
    bool found = !forecast->is_complete && forecast->kinds == JSON_KIND_BIT(JSON_LIST);
    for (size_t i = 0; i < forecast->count; i++) {
        found |= json_kind(forecast->values[i]) == JSON_LIST;
    }
    return found;
}

static bool is_number_or_bool(const struct json_object *value)
{
    enum json_kind kind = json_kind(value);
    return kind == JSON_INT || kind == JSON_REAL || kind == JSON_BOOL;
}

// What is no text is no device's name: refused for what it gives, or if it can give no text at all.
static enum err check_is_text(const struct target *target, const struct yaml_node *node,
                              const struct template_forecast *forecast)
{
    static const unsigned takes = JSON_KIND_BIT(JSON_TEXT) | JSON_KIND_BIT(JSON_LIST);
    for (size_t i = 0; i < forecast->count; i++) {
        if (is_number_or_bool(forecast->values[i])) {
            yaml_error(target->loader->problems, node, "a device's name is text, not %s: add | string",
                       json_show(forecast->values[i]).text);
            return ERR_SYNTAX;
        }
    }
    if (!forecast->is_complete && (forecast->kinds & takes) == 0) {
        return refuse(target, node, "a device's name is text, and this gives none: add | string");
    }
    return ERR_OK;
}

// "downstairs" or "group.downstairs" where the group's devices were meant.
static void warn_of_group(const struct target *target, const struct yaml_node *node, const struct template_text *tmpl)
{
    const char *text = tmpl->text;
    const char *name = strncmp(text, "group.", 6) == 0 ? text + 6 : text;
    if (json_member_text(target->loader->shared->group_names, name) != NULL) {
        yaml_warn(target->loader->problems, node,
                  "%s is taken for a device's name here; the devices of the group are \"${group.%s}\"%s", text, name,
                  target->rule->target == TARGET_DEVICE ? ", under `devices`" : "");
    }
}

// The names that it can give, whatever message comes. Those of a group were checked with it.
static enum err check_names(const struct target *target, const struct yaml_node *node, enum name_kind kind,
                            const struct template_text *tmpl)
{
    struct template_forecast forecast;
    template_forecast(tmpl, target->loader->captures, &forecast);
    enum target_kind takes = target->rule->target;
    bool is_one_device = kind != NAME_IDENTIFIER && (takes == TARGET_DEVICE || takes == TARGET_IOT_ID);
    enum err err = ERR_OK;
    if (is_one_device && gives_list(&forecast)) {
        err = refuse(target, node, one_device);
    } else if (kind == NAME_DEVICE && takes != TARGET_CALL) {
        err = check_is_text(target, node, &forecast);
    }
    if (kind == NAME_DEVICE) {
        warn_of_group(target, node, tmpl);
    }
    for (size_t i = 0; i < forecast.count && err == ERR_OK; i++) {
        AUTO_FREE char *text = json_scalar_text(forecast.values[i]);
        struct diag diag;
        err = text != NULL ? name_check(kind, text, &diag) : ERR_OK;
        if (err != ERR_OK) {
            (void)refuse(target, node, diag.text);
        }
    }
    template_forecast_clear(&forecast);
    return err;
}

// A name in the platform's sense.
static void load_name(const struct target *target, const struct yaml_node *node, enum name_kind kind,
                      struct template_text **out)
{
    loader_compile(target->loader, node, out);
    if (*out != NULL) {
        warn_unchecked(target, node, template_unchecked(*out, target->checked), kind);
        (void)check_names(target, node, kind, *out);
    }
}

static void load_devices(const struct target *target, const struct yaml_node *node)
{
    struct rule *rule = target->rule;
    bool is_list = node->kind == YAML_LIST;
    size_t count = is_list ? node->count : 1;
    if (count == 0) {
        (void)refuse(target, node, "the list of devices is empty");
    }
    rule->devices = mem_alloc((count + 1) * sizeof(struct template_text *));
    for (size_t i = 0; i < count; i++) {
        enum name_kind kind = rule->target == TARGET_IOT_ID ? NAME_IOT_ID : NAME_DEVICE;
        load_name(target, is_list ? node->items[i] : node, kind, &rule->devices[rule->device_count]);
        rule->device_count += rule->devices[rule->device_count] != NULL;
    }
}

// A key of `invoke` that is missing there is misspelt, or one level up, which is a problem already.
static bool is_misplaced(const struct target *target, const char *key)
{
    return options_misspelt(mapping_invoke_options, target->node, key) || yaml_get(target->loader->node, key) != NULL;
}

static void load_device_key(const struct target *target, const struct invoke_options *options)
{
    struct rule *rule = target->rule;
    int given = (options->device != NULL) + (options->devices != NULL) + (options->iot_id != NULL);
    if (given > 1) {
        (void)refuse(target, target->node, "`invoke` has one of `device`, `devices` and `iot_id`, not several");
    } else if (given == 0 && !is_misplaced(target, "device") && !is_misplaced(target, "devices") &&
               !is_misplaced(target, "iot_id")) {
        (void)refuse(target, target->node, "`invoke` has no device: give one of `device`, `devices` and `iot_id`");
    }
    if (given != 1) {
        return;
    }
    const struct yaml_node *node = options->device != NULL    ? options->device
                                   : options->devices != NULL ? options->devices
                                                              : options->iot_id;
    rule->target = options->device != NULL ? TARGET_DEVICE : options->devices != NULL ? TARGET_DEVICES : TARGET_IOT_ID;
    if (rule->target != TARGET_DEVICES && node->kind == YAML_LIST) {
        (void)refuse(target, node, one_device);
    } else {
        load_devices(target, node);
    }
}

// False if the text can never be an object; what does not compile is a problem of its own.
static bool gives_object(const struct target *target, const struct yaml_node *node)
{
    struct template_forecast forecast;
    if (!loader_forecast(target->loader, node, &forecast)) {
        return true;
    }
    bool gives = !forecast.is_complete && (forecast.kinds & JSON_KIND_BIT(JSON_MAP)) != 0;
    for (size_t i = 0; i < forecast.count; i++) {
        gives |= json_kind(forecast.values[i]) == JSON_MAP;
    }
    template_forecast_clear(&forecast);
    return gives;
}

static enum err load_args(const struct target *target, const struct yaml_node *node)
{
    bool is_text = yaml_is_text(node);
    if (node->kind != YAML_MAP && !(is_text && strstr(node->text, "${") != NULL)) {
        return refuse(target, node, "`args` must be a map, or one ${...} that gives an object");
    }
    if (is_text && !gives_object(target, node)) {
        return refuse(target, node, "`args` must be a map, or one ${...} that gives an object: this is never one");
    }
    return template_tree_compile(node, &target->loader->scope, false, &target->rule->args, target->loader->problems);
}

static void load_invoke(const struct target *target)
{
    struct invoke_options options = {0};
    enum err err = options_read(mapping_invoke_options, target->node, &options, target->loader->problems);
    if (target->node->kind != YAML_MAP) {
        return;
    }
    if (options.identifier != NULL) {
        load_name(target, options.identifier, NAME_IDENTIFIER, &target->rule->identifier);
    } else if (!is_misplaced(target, "identifier")) {
        err = refuse(target, target->node, "`invoke` has no `identifier`: the service to invoke");
    }
    load_device_key(target, &options);
    if (options.args != NULL) {
        err = load_args(target, options.args);
    }
    (void)err; // the problems have it
    options_free(mapping_invoke_options, &options);
}

// A list under Name becomes Name.1, Name.2 ...: so no other parameter may begin with "Name.". Gives all that stands
// before a '.' in the names, each as a member.
static struct json_object *names_before_dots(const struct yaml_node *map)
{
    struct json_object *prefixes = json_new_map();
    for (size_t i = 0; i < map->count; i++) {
        struct diag ignored;
        const char *name = map->keys[i]->text;
        bool valid = name_check(NAME_PARAMETER, name, &ignored) == ERR_OK;
        for (const char *dot = strchr(name, '.'); valid && dot != NULL; dot = strchr(dot + 1, '.')) {
            AUTO_FREE char *prefix = mem_dup(name, (size_t)(dot - name));
            json_put(prefixes, prefix, NULL);
        }
    }
    return prefixes;
}

static enum err check_parameter_name(const struct target *target, const struct yaml_node *key,
                                     const struct json_object *before_dots)
{
    struct diag diag;
    struct json_object *ignored;
    if (name_check(NAME_PARAMETER, key->text, &diag) != ERR_OK) {
        return refuse(target, key, diag.text);
    }
    if (invoke_is_common_parameter(key->text)) {
        return refuse(target, key, "this parameter is part of every request and cannot be set by a rule");
    }
    if (json_member(before_dots, key->text, &ignored)) {
        return refuse(target, key, "a parameter X and a parameter X.1 in one call could mean the same");
    }
    return ERR_OK;
}

// The names that a parameter's value can give, be it one or a list.
static enum err check_parameter_names(const struct target *target, const struct yaml_node *node, enum name_kind kind)
{
    enum err err = ERR_OK;
    if (node->kind == YAML_LIST) {
        for (size_t i = 0; i < node->count && err == ERR_OK; i++) {
            err = check_parameter_names(target, node->items[i], kind);
        }
        return err;
    }
    struct template_text *tmpl = NULL;
    struct diag ignored;
    if (node->kind != YAML_SCALAR ||
        template_compile_text(node->text, &target->loader->scope, &tmpl, &ignored) != ERR_OK) {
        return ERR_OK;
    }
    err = check_names(target, node, kind, tmpl);
    template_free(tmpl);
    return err;
}

// What would reject each command is refused now.
static enum err check_parameter_value(const struct target *target, const struct yaml_node *node)
{
    bool is_empty = node->kind == YAML_SCALAR ? node->text[0] == '\0' || yaml_is_null(node)
                                              : node->kind == YAML_LIST && node->count == 0;
    if (is_empty) {
        return refuse(target, node, "the platform is never sent an empty parameter: give it a value, or leave it out");
    }
    return ERR_OK;
}

static enum err load_parameter_value(const struct target *target, const char *name, const struct yaml_node *node,
                                     struct template_tree **out)
{
    const struct rule_loader *loader = target->loader;
    enum name_kind kind = NAME_PARAMETER;
    bool is_name = invoke_kind_of_parameter(name, &kind);
    enum err err = check_parameter_value(target, node);
    if (err == ERR_OK && is_name) {
        err = check_parameter_names(target, node, kind);
    }
    if (err == ERR_OK) {
        err = template_tree_compile(node, &loader->scope, is_name, out, loader->problems);
    }
    if (err == ERR_OK && is_name) {
        warn_unchecked(target, node, template_tree_unchecked(*out, target->checked), kind);
    }
    return err;
}

static void load_parameters(const struct target *target, const struct yaml_node *map)
{
    struct rule *rule = target->rule;
    if (!yaml_expect(map, YAML_MAP, "parameters", target->loader->problems)) {
        return;
    }
    AUTO_JSON struct json_object *before_dots = names_before_dots(map);
    rule->parameters = mem_alloc((map->count + 1) * sizeof *rule->parameters);
    for (size_t i = 0; i < map->count; i++) {
        struct template_tree *tree = NULL;
        const char *name = map->keys[i]->text;
        if (check_parameter_name(target, map->keys[i], before_dots) == ERR_OK &&
            load_parameter_value(target, name, map->items[i], &tree) == ERR_OK) {
            rule->parameters[rule->parameter_count++] = (struct rule_parameter){mem_strdup(name), tree};
        }
    }
}

static void load_call(const struct target *target)
{
    struct call_options options = {0};
    struct diag diag;
    target->rule->target = TARGET_CALL;
    enum err err = options_read(mapping_call_options, target->node, &options, target->loader->problems);
    target->rule->action = options.action;
    if (options.action == NULL && err == ERR_OK) {
        (void)refuse(target, target->node, "`call` has no `action`, as action: SetDeviceProperty");
    }
    if (options.action != NULL && name_check(NAME_ACTION, options.action, &diag) != ERR_OK) {
        (void)refuse(target, yaml_get(target->node, "action"), diag.text);
    }
    if (options.parameters != NULL) {
        load_parameters(target, options.parameters);
    }
}

void loader_load_target(const struct rule_loader *loader)
{
    struct rule *rule = loader->rule;
    bool is_invoke = rule->options.invoke != NULL;
    struct target target = {
        .loader = loader, .rule = rule, .node = is_invoke ? rule->options.invoke : rule->options.call};
    for (size_t i = 0; i < rule->where_count; i++) {
        target.checked[rule->where[i].capture] = true;
    }
    (is_invoke ? load_invoke : load_call)(&target);
}
