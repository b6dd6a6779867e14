// Loads `topic` and `where`: which messages a rule takes.
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/nearest.h"
#include "base/show.h"
#include "core/mapping/load/loader.h"

static void warn_of_topic(const struct rule_loader *loader, const struct yaml_node *node)
{
    const struct topic_pattern *pattern = loader->rule->pattern;
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

void loader_load_topic(const struct rule_loader *loader)
{
    struct rule *rule = loader->rule;
    const struct yaml_node *node = yaml_get(loader->node, "topic");
    if (node == NULL) {
        loader_say_missing(loader, "topic", "topic: \"home/{device}/set\"");
        return;
    }
    struct diag diag;
    if (rule->options.topic != NULL && topic_pattern_compile(rule->options.topic, &rule->pattern, &diag) != ERR_OK) {
        yaml_error(loader->problems, node, "%s", diag.text);
    }
    if (rule->pattern != NULL) {
        warn_of_topic(loader, node);
    }
    AUTO_FREE char *own = mem_printf("%s/bridge/#", loader->shared->options->base_topic);
    if (rule->pattern != NULL && topic_filter_covers(own, rule->pattern->filter)) {
        yaml_error(loader->problems, node, "topics below %s/bridge are the bridge's own and never commands",
                   loader->shared->options->base_topic);
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

static void warn_of_glob(const struct rule_loader *loader, const struct yaml_node *node, bool is_rest)
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

// One, or a list.
static void load_globs(const struct rule_loader *loader, const struct yaml_node *node, struct rule_where *where,
                       bool is_rest)
{
    bool is_list = node->kind == YAML_LIST;
    size_t count = is_list ? node->count : 1;
    if (count == 0) {
        yaml_error(loader->problems, node, "the list of globs is empty, so nothing would fit");
    }
    for (size_t i = 0; i < count; i++) {
        const struct yaml_node *glob = is_list ? node->items[i] : node;
        if (yaml_has_value(glob)) {
            text_list_add(&where->globs, glob->text);
            warn_of_glob(loader, glob, is_rest);
        } else {
            yaml_error(loader->problems, glob, "a glob is text, not %s", yaml_kind_name(glob));
        }
    }
}

static bool is_rest_capture(const struct topic_pattern *pattern, int capture)
{
    const struct topic_level *last = &pattern->levels[pattern->level_count - 1];
    return last->kind == LEVEL_REST && last->capture == capture;
}

void loader_load_where(const struct rule_loader *loader)
{
    struct rule *rule = loader->rule;
    const struct yaml_node *node = rule->options.where;
    if (node == NULL || rule->pattern == NULL || !yaml_expect(node, YAML_MAP, "where", loader->problems)) {
        return;
    }
    rule->where = mem_alloc((node->count + 1) * sizeof *rule->where);
    for (size_t i = 0; i < node->count; i++) {
        bool is_null = yaml_is_null(node->items[i]);
        int capture = find_capture(rule->pattern, node->keys[i], is_null, loader->problems);
        if (capture >= 0) {
            struct rule_where *where = &rule->where[rule->where_count++];
            where->capture = capture;
            load_globs(loader, node->items[i], where, is_rest_capture(rule->pattern, capture));
        }
    }
}
