// Loads `reply`, which a file's defaults can fill in key by key, and `batch`.
#include <string.h>

#include "base/mem.h"
#include "core/mapping/load/loader.h"

#define DEFAULT_REPLY "${topic}/reply"

static bool is_word(const struct yaml_node *node, const char *word)
{
    return node->kind == YAML_SCALAR && strcmp(node->text, word) == 0;
}

// True if `reply` is the word none; a map is read into *out.
static bool read_reply(const struct yaml_node *node, struct reply_options *out, struct problems *problems)
{
    if (node == NULL) {
        return false;
    }
    if (is_word(node, "none")) {
        return true;
    }
    if (node->kind != YAML_MAP) {
        yaml_error(problems, node, "`reply` must be none or a map such as {ack: ..., result: ...}, not %s",
                   yaml_kind_name(node));
        return false;
    }
    // What options_read finds is in `problems`, and that is all that matters.
    enum err err = options_read(mapping_reply_options, node, out, problems);
    (void)err;
    return false;
}

static bool text_is_no_topic(const char *text)
{
    size_t len = strlen(text);
    return strpbrk(text, "+#") != NULL || str_has_control(text, len) || str_has_noncharacter(text, len);
}

// What is in the template itself; the values can only add to it.
static void check_size(const struct rule_loader *loader, const struct yaml_node *node, const struct template_text *tmpl)
{
    size_t len = 0;
    size_t levels = 1;
    for (size_t i = 0; i < tmpl->count; i++) {
        const char *text = tmpl->parts[i].text != NULL ? tmpl->parts[i].text : "";
        len += strlen(text);
        levels += topic_count_levels(text, strlen(text)) - 1;
    }
    if (len > TOPIC_MAX_LEN || levels > TOPIC_MAX_LEVELS) {
        yaml_error(loader->problems, node, "a topic has at most %d bytes and %d levels", TOPIC_MAX_LEN,
                   TOPIC_MAX_LEVELS);
    }
}

static void check_reply_text(const struct rule_loader *loader, const struct yaml_node *node,
                             const struct template_text *tmpl)
{
    for (size_t i = 0; i < tmpl->count; i++) {
        const char *text = tmpl->parts[i].text;
        if (text != NULL && text_is_no_topic(text)) {
            yaml_error(loader->problems, node,
                       "a reply topic has no wildcards (+ #), no control characters and no noncharacters");
            return;
        }
    }
    check_size(loader, node, tmpl);
    if (tmpl->count == 0) {
        yaml_error(loader->problems, node, "the reply topic is empty; `none` publishes nothing");
    }
}

static void load_reply_topic(const struct rule_loader *loader, const struct yaml_node *node, struct template_text **out)
{
    struct diag diag;
    if (node == NULL) {
        if (template_compile_text(DEFAULT_REPLY, &loader->scope, out, &diag) != ERR_OK) {
            *out = NULL;
        }
        return;
    }
    if (is_word(node, "none")) {
        return;
    }
    loader_compile(loader, node, out);
    if (*out != NULL) {
        check_reply_text(loader, node, *out);
    }
}

void loader_load_reply(const struct rule_loader *loader)
{
    struct rule *rule = loader->rule;
    struct reply_options options = {0};
    struct problems ignored = {0};
    const struct yaml_node *own = yaml_get(loader->node, "reply");
    const struct yaml_node *shared = loader->defaults != NULL ? yaml_get(loader->defaults, "reply") : NULL;
    bool none = read_reply(shared, &options, &ignored);
    problems_clear(&ignored);
    if (own != NULL) {
        none = read_reply(own, &options, loader->problems);
    }
    rule->progress = options.progress;
    if (!none) {
        load_reply_topic(loader, options.ack, &rule->ack);
        load_reply_topic(loader, options.result, &rule->result);
    }
    bool asks_for_progress = rule->progress && own != NULL && yaml_get(own, "progress") != NULL;
    if (asks_for_progress && options.ack != NULL && is_word(options.ack, "none")) {
        yaml_warn(loader->problems, own,
                  "progress is told on the ack topic, and there is none: give one, as ack: \"${topic}/ack\"");
    }
}

static void read_batch(const struct yaml_node *node, struct batch_options *out, struct problems *problems)
{
    if (node == NULL || is_word(node, "off")) {
        return;
    }
    if (node->kind != YAML_MAP) {
        yaml_error(problems, node, "`batch` must be off or a map such as {window: 50ms, max: 100}, not %s",
                   yaml_kind_name(node));
        return;
    }
    struct batch_options options = {0};
    options_defaults(mapping_batch_options, &options);
    if (options_read(mapping_batch_options, node, &options, problems) == ERR_OK) {
        *out = options;
    }
}

void loader_load_batch(const struct rule_loader *loader)
{
    struct problems ignored = {0};
    bool own = yaml_get(loader->node, "batch") != NULL;
    read_batch(loader->rule->options.batch, &loader->rule->batch, own ? loader->problems : &ignored);
    problems_clear(&ignored);
}

void loader_check_default_parts(const struct rule_options *defaults, struct problems *problems)
{
    struct reply_options reply = {0};
    struct batch_options batch = {0};
    read_reply(defaults->reply, &reply, problems);
    read_batch(defaults->batch, &batch, problems);
}
