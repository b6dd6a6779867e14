// What the files that load one rule share.
#include "core/mapping/load/loader.h"

#include "base/mem.h"

const struct yaml_node *loader_place(const struct rule_loader *loader, const char *key)
{
    return rule_place(&(struct rule_source){loader->node, loader->defaults}, key);
}

// It is in `invoke`, or another map of the rule, and is a problem there.
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

void loader_say_missing(const struct rule_loader *loader, const char *key, const char *example)
{
    if (!options_misspelt(mapping_rule_options, loader->node, key) && !is_one_level_down(loader->node, key)) {
        yaml_error(loader->problems, loader->node, "the rule has no `%s`, as %s", key, example);
    }
}

void loader_compile(const struct rule_loader *loader, const struct yaml_node *node, struct template_text **out)
{
    if (node != NULL && template_compile(node, &loader->scope, out, loader->problems) != ERR_OK) {
        *out = NULL;
    }
}

bool loader_forecast(const struct rule_loader *loader, const struct yaml_node *node, struct template_forecast *out)
{
    struct template_text *tmpl = NULL;
    struct diag ignored;
    if (node->kind != YAML_SCALAR || template_compile_text(node->text, &loader->scope, &tmpl, &ignored) != ERR_OK) {
        return false;
    }
    template_forecast(tmpl, loader->captures, out);
    template_free(tmpl);
    return true;
}
