// Trees of templates: the values of args and parameters.
//
// The tree has the shape of the YAML node. What can hold no ${...} is made JSON when it is compiled; evaluating copies
// that and evaluates the rest.
#include "core/template/template_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/show.h"

struct template_tree {
    enum { TREE_CONSTANT, TREE_TEMPLATE, TREE_LIST, TREE_MAP } kind;
    struct json_object *constant; // threads share it, so only copies leave
    struct template_text *tmpl;
    char **names; // TREE_MAP
    struct template_tree **children;
    size_t count;
};

// How a tree is compiled.
struct tree_compiler {
    const struct template_scope *scope;
    bool of_names; // a number is text as it is written
    struct problems *problems;
};

static enum err compile_scalar(const struct tree_compiler *compiler, const struct yaml_node *node,
                               struct template_tree *tree)
{
    bool is_name = compiler->of_names && !yaml_is_null(node);
    if (!is_name) {
        template_warn_constant(node, compiler->problems);
    }
    if (!is_name && !yaml_is_text(node)) {
        tree->kind = TREE_CONSTANT;
        tree->constant = yaml_to_json(node);
        return ERR_OK;
    }
    tree->kind = TREE_TEMPLATE;
    return template_compile(node, compiler->scope, &tree->tmpl, compiler->problems);
}

static enum err check_name(const struct yaml_node *key, struct problems *problems)
{
    if (strstr(key->text, "${") == NULL) {
        return ERR_OK;
    }
    yaml_error(problems, key, "${...} can be in values only, not in a member's name");
    return ERR_SYNTAX;
}

static enum err compile_tree(const struct tree_compiler *compiler, const struct yaml_node *node,
                             struct template_tree **out);

static enum err compile_children(const struct tree_compiler *compiler, const struct yaml_node *node,
                                 struct template_tree *tree)
{
    enum err result = ERR_OK;
    tree->kind = node->kind == YAML_MAP ? TREE_MAP : TREE_LIST;
    tree->children = mem_alloc((node->count + 1) * sizeof(struct template_tree *));
    tree->names = mem_alloc((node->count + 1) * sizeof *tree->names);
    for (size_t i = 0; i < node->count; i++) {
        if (tree->kind == TREE_MAP) {
            enum err err = check_name(node->keys[i], compiler->problems);
            result = err != ERR_OK ? err : result;
            tree->names[i] = mem_strdup(node->keys[i]->text);
        }
        enum err err = compile_tree(compiler, node->items[i], &tree->children[i]);
        result = err != ERR_OK ? err : result;
        tree->count++;
    }
    return result;
}

static enum err compile_tree(const struct tree_compiler *compiler, const struct yaml_node *node,
                             struct template_tree **out)
{
    struct template_tree *tree = mem_alloc(sizeof *tree);
    enum err err =
        node->kind == YAML_SCALAR ? compile_scalar(compiler, node, tree) : compile_children(compiler, node, tree);
    if (err != ERR_OK) {
        template_tree_free(tree);
        return err;
    }
    *out = tree;
    return ERR_OK;
}

enum err template_tree_compile(const struct yaml_node *node, const struct template_scope *scope, bool of_names,
                               struct template_tree **out, struct problems *problems)
{
    return compile_tree(&(struct tree_compiler){scope, of_names, problems}, node, out);
}

void template_tree_free(struct template_tree *tree)
{
    if (tree == NULL) {
        return;
    }
    for (size_t i = 0; i < tree->count; i++) {
        template_tree_free(tree->children[i]);
        free(tree->names[i]);
    }
    free(tree->children);
    free(tree->names);
    json_free(tree->constant);
    template_free(tree->tmpl);
    free(tree);
}

const char *template_tree_unchecked(const struct template_tree *tree, const bool *checked)
{
    const char *name = tree->tmpl != NULL ? template_unchecked(tree->tmpl, checked) : NULL;
    for (size_t i = 0; i < tree->count && name == NULL; i++) {
        name = template_tree_unchecked(tree->children[i], checked);
    }
    return name;
}

void template_tree_each(const struct template_tree *tree, const char *name,
                        void (*visit)(void *context, const char *place, const struct template_text *tmpl),
                        void *context)
{
    if (tree->kind == TREE_TEMPLATE) {
        visit(context, name, tree->tmpl);
    }
    for (size_t i = 0; i < tree->count; i++) {
        AUTO_FREE char *place =
            tree->kind == TREE_MAP ? mem_printf("%s.%s", name, tree->names[i]) : mem_printf("%s.%zu", name, i);
        template_tree_each(tree->children[i], place, visit, context);
    }
}

static enum err evaluate(const struct template_tree *tree, const char *name, const struct template_input *input,
                         struct json_object **out, struct failure *failure);

static enum err evaluate_children(const struct template_tree *tree, const char *name,
                                  const struct template_input *input, struct json_object **out, struct failure *failure)
{
    bool is_map = tree->kind == TREE_MAP;
    AUTO_JSON struct json_object *result = is_map ? json_new_map() : json_new_list();
    for (size_t i = 0; i < tree->count; i++) {
        struct json_object *child = NULL;
        enum err err = evaluate(tree->children[i], is_map ? tree->names[i] : name, input, &child, failure);
        if (err != ERR_OK) {
            return err;
        }
        if (is_map) {
            json_put(result, tree->names[i], child);
        } else {
            json_add(result, child);
        }
    }
    *out = json_ref(result);
    return ERR_OK;
}

static enum err evaluate_template(const struct template_tree *tree, const char *name,
                                  const struct template_input *input, struct json_object **out, struct failure *failure)
{
    struct template_value value;
    enum err err = template_evaluate(tree->tmpl, input, &value, failure);
    if (err != ERR_OK) {
        return err;
    }
    if (value.missing) {
        failure_set(failure, "member_missing", "%s%s%s has no value: %s; send one, or add | default(...)",
                    name != NULL ? show_text(name).text : "", name != NULL ? ": " : "",
                    show_plain(tree->tmpl->text).text, value.why);
        return ERR_MISSING;
    }
    *out = value.json;
    return ERR_OK;
}

static enum err evaluate(const struct template_tree *tree, const char *name, const struct template_input *input,
                         struct json_object **out, struct failure *failure)
{
    if (tree->kind == TREE_CONSTANT) {
        *out = json_copy(tree->constant);
        return ERR_OK;
    }
    bool is_template = tree->kind == TREE_TEMPLATE;
    return (is_template ? evaluate_template : evaluate_children)(tree, name, input, out, failure);
}

enum err template_tree_value(const struct template_tree *tree, const struct template_input *input,
                             struct json_object **out, struct failure *failure)
{
    return evaluate(tree, NULL, input, out, failure);
}
