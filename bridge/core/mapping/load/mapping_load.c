// Loads mapping files: groups of all files first, then their rules in order.
//
// The tables of options read the top of each file; a loader (loader.h) reads its rules. Rules with errors are left out
// and loading goes on, for further errors; at the end the rules are put into the tree that finds them by topic, and
// those that were read are compared with each other.
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/json/json.h"
#include "base/mem.h"
#include "base/show.h"
#include "core/mapping/check/mapping_check.h"
#include "core/mapping/check/topic_set.h"
#include "core/mapping/load/loader.h"
#include "core/mapping/load/mapping_test_internal.h"
#include "core/mapping/rule.h"
#include "core/platform/name.h"

// Each rule reads its file's defaults. Of a file whose defaults are wrong in more places the rules are left alone.
#define MAX_DEFAULT_ERRORS 100

struct file {
    const struct yaml_node *root;
    struct file_options options;
};

struct load {
    struct loader loader;
    struct mapping *mapping;
    struct file *files;
    size_t file_count;
    struct rule_source *sources;    // one per rule of the mapping
    struct json_object *rule_names; // name -> place, of all rules, also of those with errors
};

static void problem(const struct load *load, const struct yaml_node *node, const char *text)
{
    yaml_error(load->loader.problems, node, "%s", text);
}

// False and a problem if the name is taken; else it is from now on.
static bool claim_name(const struct load *load, struct json_object *names, const struct yaml_node *node,
                       const char *what)
{
    const char *taken = json_member_text(names, node->text);
    if (taken != NULL) {
        yaml_error(load->loader.problems, node, "there is another %s called %s, at %s", what,
                   show_text(node->text).text, taken);
        return false;
    }
    AUTO_FREE char *place = mem_printf("%s:%d", node->source, node->line);
    json_put_text(names, node->text, place);
    return true;
}

static void check_defaults(const struct load *load, struct file *file)
{
    struct problems *problems = load->loader.problems;
    size_t errors = problems->errors;
    if (!yaml_expect(file->options.defaults, YAML_MAP, "defaults", problems)) {
        file->options.defaults = NULL;
        return;
    }
    loader_check_defaults(file->options.defaults, problems);
    if (problems->errors - errors > MAX_DEFAULT_ERRORS) {
        file->options.rules = NULL;
    }
}

static void read_file(struct load *load, const struct yaml_document *document)
{
    struct file *file = &load->files[load->file_count];
    *file = (struct file){.root = yaml_root(document)};
    if (options_read(mapping_file_options, file->root, &file->options, load->loader.problems) != ERR_OK &&
        file->root->kind != YAML_MAP) {
        return;
    }
    load->file_count++;
    if (yaml_get(file->root, "version") == NULL && !options_misspelt(mapping_file_options, file->root, "version")) {
        problem(load, file->root, "`version: 1` is missing; put it at the top of the file");
    }
    if (file->options.tests != NULL) {
        mapping_check_tests(file->options.tests, load->loader.problems);
    }
    if (file->options.defaults != NULL) {
        check_defaults(load, file);
    }
}

static bool group_name_valid(const char *name)
{
    size_t len = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-");
    return len > 0 && name[len] == '\0';
}

static void read_member(const struct load *load, const struct yaml_node *node, struct json_object *list)
{
    struct diag diag;
    if (!yaml_has_value(node)) {
        yaml_error(load->loader.problems, node, "a device's name is text, not %s", yaml_kind_name(node));
    } else if (name_check(NAME_DEVICE, node->text, &diag) != ERR_OK) {
        problem(load, node, diag.text);
    } else {
        json_add(list, json_new_text(node->text));
    }
}

static void read_group(struct load *load, const struct yaml_node *key, const struct yaml_node *members)
{
    if (!group_name_valid(key->text)) {
        problem(load, key, "a group's name has letters, digits, _ and - only");
    }
    if (!claim_name(load, load->loader.group_names, key, "group")) {
        return;
    }
    struct json_object *list = json_new_list();
    struct loader *loader = &load->loader;
    loader->groups = mem_resize(loader->groups, loader->group_count + 1, sizeof *loader->groups);
    loader->groups[loader->group_count++] = (struct device_group){.name = mem_strdup(key->text), .members = list};
    if (members->kind != YAML_LIST || members->count == 0) {
        problem(load, members, "a group is a list of at least one device name, as [hall-lamp, kitchen-lamp]");
    } else if (members->count > MAPPING_MAX_DEVICES) {
        yaml_error(load->loader.problems, key, "the group has %zu devices; one command can name at most %d",
                   members->count, MAPPING_MAX_DEVICES);
    } else {
        for (size_t i = 0; i < members->count; i++) {
            read_member(load, members->items[i], list);
        }
    }
}

static void read_groups(struct load *load, const struct yaml_node *map)
{
    if (map == NULL) {
        return;
    }
    if (!yaml_expect(map, YAML_MAP, "groups", load->loader.problems)) {
        load->loader.groups_unknown = true;
        return;
    }
    for (size_t i = 0; i < map->count; i++) {
        read_group(load, map->keys[i], map->items[i]);
    }
}

static void add_rule(struct load *load, const struct rule_source *source)
{
    struct mapping *mapping = load->mapping;
    if (mapping->count == MAPPING_MAX_RULES) {
        return;
    }
    const struct yaml_node *name = source->rule->kind == YAML_MAP ? yaml_get(source->rule, "name") : NULL;
    bool free_name = name == NULL || name->kind != YAML_SCALAR || claim_name(load, load->rule_names, name, "rule");
    struct rule *rule = loader_load_rule(&load->loader, source);
    if (rule == NULL || !free_name) {
        loader_free_rule(rule);
        return;
    }
    mapping->rules = mem_resize(mapping->rules, mapping->count + 1, sizeof(struct rule *));
    load->sources = mem_resize(load->sources, mapping->count + 1, sizeof *load->sources);
    load->sources[mapping->count] = *source;
    mapping->rules[mapping->count++] = rule;
}

static void read_rules(struct load *load, const struct file *file, size_t *total)
{
    const struct yaml_node *list = file->options.rules;
    if (list == NULL) {
        return;
    }
    if (!yaml_expect(list, YAML_LIST, "rules", load->loader.problems)) {
        return;
    }
    *total += list->count;
    if (*total > MAPPING_MAX_RULES) {
        yaml_error(load->loader.problems, list, "there are more than %d rules in all files", MAPPING_MAX_RULES);
        return;
    }
    for (size_t i = 0; i < list->count; i++) {
        add_rule(load, &(struct rule_source){list->items[i], file->options.defaults});
    }
}

static void check_topics(struct load *load)
{
    struct mapping *mapping = load->mapping;
    // Made once, as each is compared with many of them.
    AUTO_FREE struct topic_set *sets = mem_alloc((mapping->count + 1) * sizeof *sets);
    mapping->tree = filter_tree_create();
    mapping->filter_decides = mem_alloc((mapping->count + 1) * sizeof *mapping->filter_decides);
    for (size_t i = 0; i < mapping->count; i++) {
        topic_set_of_rule(mapping->rules[i], NULL, &sets[i]);
        mapping->filter_decides[i] = topic_set_add_to(&sets[i], mapping->tree, i);
    }
    mapping_check_loops(mapping, sets, load->sources, load->loader.problems);
    mapping_check_overlaps(mapping, sets, load->sources, load->loader.problems);
    for (size_t i = 0; i < mapping->count; i++) {
        topic_set_free(&sets[i]);
    }
}

static const char *const default_allow[] = {
    ALLOW_COMMAND_TOPIC "/#", ALLOW_BASE "/reply/#", "reply/#", "response/#", "+/reply/#", "+/response/#"};

enum err mapping_check_allow(const char *filter, struct diag *diag)
{
    static const char *const words[] = {ALLOW_COMMAND_TOPIC, ALLOW_BASE};
    const char *rest = NULL;
    for (size_t i = 0; i < COUNT_OF(words) && rest == NULL; i++) {
        size_t len = strlen(words[i]);
        rest = strncmp(filter, words[i], len) == 0 ? filter + len : NULL;
    }
    if (rest == NULL && filter[0] == '<') {
        return diag_set(diag, ERR_SYNTAX,
                        "%s: what is in < > is " ALLOW_COMMAND_TOPIC " or " ALLOW_BASE ", as " ALLOW_BASE "/reply/#",
                        show_text(filter).text);
    }
    // What takes the word's place is a topic name, so any name shows whether the rest is well formed.
    AUTO_FREE char *text = mem_printf("%s%s", rest != NULL ? "x" : "", rest != NULL ? rest : filter);
    struct diag reason;
    enum err err = topic_filter_check(text, &reason);
    return err == ERR_OK ? ERR_OK : diag_set(diag, err, "%s: %s", show_text(filter).text, reason.text);
}

static void copy_options(struct load *load)
{
    const struct mapping_options *options = load->loader.options;
    struct mapping *mapping = load->mapping;
    mapping->base_topic = mem_strdup(options->base_topic);
    mapping->discovery_prefix = mem_strdup_or_null(options->discovery_prefix);
    mapping->default_platform = mem_strdup_or_null(options->default_platform);
    mapping->max_payload = (size_t)options->max_payload;
    mapping->max_json_depth = (size_t)options->max_json_depth;
    bool given = options->reply_allow != NULL;
    size_t count = given ? options->reply_allow_count : COUNT_OF(default_allow);
    for (size_t i = 0; i < count; i++) {
        const char *filter = given ? options->reply_allow[i] : default_allow[i];
        struct diag diag;
        if (mapping_check_allow(filter, &diag) != ERR_OK) {
            problems_add(load->loader.problems, SEVERITY_ERROR, "reply.allow", 0, 0, "%s", diag.text);
        }
        text_list_add(&mapping->reply_allow, filter);
    }
}

static void read_all(struct load *load, struct yaml_document *const *documents, size_t count)
{
    size_t total = 0;
    copy_options(load);
    for (size_t i = 0; i < count; i++) {
        read_file(load, documents[i]);
    }
    for (size_t i = 0; i < load->file_count; i++) {
        read_groups(load, load->files[i].options.groups);
    }
    for (size_t i = 0; i < load->file_count; i++) {
        read_rules(load, &load->files[i], &total);
    }
    check_topics(load);
}

static void load_free(struct load *load)
{
    for (size_t i = 0; i < load->loader.group_count; i++) {
        json_free(load->loader.groups[i].members);
        free(load->loader.groups[i].name);
    }
    free(load->loader.groups);
    free(load->files);
    free(load->sources);
    json_free(load->rule_names);
    json_free(load->loader.group_names);
}

void mapping_destroy(struct mapping *mapping)
{
    if (mapping == NULL) {
        return;
    }
    for (size_t i = 0; i < mapping->count; i++) {
        loader_free_rule(mapping->rules[i]);
    }
    free(mapping->rules);
    filter_tree_destroy(mapping->tree);
    free(mapping->filter_decides);
    text_list_free(&mapping->reply_allow);
    loader_free_models(&mapping->models);
    free(mapping->base_topic);
    free(mapping->discovery_prefix);
    free(mapping->default_platform);
    free(mapping);
}

enum err mapping_create(struct yaml_document *const *documents, size_t count, const struct mapping_options *options,
                        struct mapping **out, struct problems *problems)
{
    size_t errors = problems->errors;
    struct mapping *mapping = mem_alloc(sizeof *mapping);
    struct load load = {.loader = {.options = options,
                                   .models = &mapping->models,
                                   .group_names = json_new_map(),
                                   .groups_unknown = options->incomplete,
                                   .problems = problems},
                        .mapping = mapping,
                        .files = mem_alloc((count + 1) * sizeof *load.files),
                        .rule_names = json_new_map()};
    read_all(&load, documents, count);
    load_free(&load);
    if (problems->errors > errors || options->incomplete) {
        mapping_destroy(mapping);
        return ERR_SYNTAX;
    }
    *out = mapping;
    return ERR_OK;
}
