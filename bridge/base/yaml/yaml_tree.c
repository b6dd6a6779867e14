// The tree that yaml.c builds: reading it, writing it as JSON, and setting values by path.
#include "base/yaml/yaml_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

// Room doubles: an array is full when its count is 0 or a power of two.
static bool is_full(size_t count)
{
    return (count & (count - 1)) == 0;
}

static size_t doubled(size_t count)
{
    return count == 0 ? 1 : 2 * count;
}

static const char *add_source(struct yaml_document *document, char *source)
{
    if (is_full(document->source_count)) {
        document->sources = mem_resize(document->sources, doubled(document->source_count), sizeof *document->sources);
    }
    document->sources[document->source_count++] = source;
    return source;
}

struct yaml_document *tree_create(const char *source)
{
    struct yaml_document *document = mem_alloc(sizeof *document);
    add_source(document, mem_strdup(source));
    return document;
}

static void add_node(struct yaml_document *document, struct yaml_node *node)
{
    if (is_full(document->node_count)) {
        document->nodes = mem_resize(document->nodes, doubled(document->node_count), sizeof(struct yaml_node *));
    }
    document->nodes[document->node_count++] = node;
}

struct yaml_node *tree_add(struct yaml_document *document, enum yaml_kind kind, int line, int column)
{
    struct yaml_node *node = mem_alloc(sizeof *node);
    *node =
        (struct yaml_node){.kind = kind, .line = line, .column = column, .inset = -1, .source = document->sources[0]};
    add_node(document, node);
    return node;
}

void tree_push(struct yaml_node *list, struct yaml_node *item)
{
    if (list->items == NULL || is_full(list->count)) {
        list->items = mem_resize(list->items, doubled(list->count), sizeof(struct yaml_node *));
    }
    list->items[list->count++] = item;
}

void tree_put(struct yaml_node *map, struct yaml_node *key, struct yaml_node *value)
{
    if (map->keys == NULL || is_full(map->count)) {
        map->keys = mem_resize(map->keys, doubled(map->count), sizeof(struct yaml_node *));
    }
    map->keys[map->count] = key;
    tree_push(map, value);
}

void yaml_free(struct yaml_document *document)
{
    if (document == NULL) {
        return;
    }
    for (size_t i = 0; i < document->node_count; i++) {
        struct yaml_node *node = document->nodes[i];
        free(node->text);
        free(node->keys);
        free(node->items);
        free(node);
    }
    for (size_t i = 0; i < document->source_count; i++) {
        free(document->sources[i]);
    }
    free(document->nodes);
    free(document->sources);
    free(document->marks);
    free(document->text);
    free(document);
}

const struct yaml_node *yaml_root(const struct yaml_document *document)
{
    return document->root;
}

const char *yaml_source_name(const struct yaml_document *document)
{
    return document->sources[0];
}

const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key)
{
    for (size_t i = 0; map->kind == YAML_MAP && i < map->count; i++) {
        if (strcmp(map->keys[i]->text, key) == 0) {
            return map->items[i];
        }
    }
    return NULL;
}

// A shallow copy of a map: an override must not show through the aliases that share the old one.
static struct yaml_node *copy_map(struct yaml_document *document, const struct yaml_node *map)
{
    struct yaml_node *copy = tree_add(document, YAML_MAP, map->line, map->column);
    copy->source = map->source;
    for (size_t i = 0; i < map->count; i++) {
        tree_put(copy, map->keys[i], map->items[i]);
    }
    return copy;
}

static struct yaml_node **find_slot(struct yaml_node *map, const char *key)
{
    for (size_t i = 0; i < map->count; i++) {
        if (strcmp(map->keys[i]->text, key) == 0) {
            return &map->items[i];
        }
    }
    return NULL;
}

// Puts `value` below *slot at the path; what is no map on the way is replaced by one.
static void put_by_path(struct yaml_document *document, struct yaml_node **slot, const char *const *path,
                        size_t path_count, struct yaml_node *value)
{
    for (size_t i = 0; i < path_count; i++) {
        const struct yaml_node *old = *slot;
        bool is_map = old != NULL && old->kind == YAML_MAP;
        struct yaml_node *map = is_map ? copy_map(document, old) : tree_add(document, YAML_MAP, 0, 0);
        map->source = is_map ? map->source : value->source;
        *slot = map;
        slot = find_slot(map, path[i]);
        if (slot == NULL) {
            struct yaml_node *key = tree_add(document, YAML_SCALAR, 0, 0);
            key->source = value->source;
            key->text = mem_strdup(path[i]);
            key->quoted = true;
            tree_put(map, key, NULL);
            slot = &map->items[map->count - 1];
        }
    }
    *slot = value;
}

// Moves nodes and sources of `from` into `to`, and frees the rest of it.
static struct yaml_node *adopt(struct yaml_document *to, struct yaml_document *from)
{
    for (size_t i = 0; i < from->node_count; i++) {
        from->nodes[i]->line = 0;
        from->nodes[i]->column = 0;
        add_node(to, from->nodes[i]);
    }
    for (size_t i = 0; i < from->source_count; i++) {
        add_source(to, from->sources[i]);
    }
    struct yaml_node *root = from->root;
    from->node_count = 0;
    from->source_count = 0;
    yaml_free(from);
    return root;
}

static enum err load_value(const char *source, const char *yaml_text, struct yaml_document **out,
                           struct problems *problems)
{
    if (*yaml_text != '\0') {
        return yaml_load_text(source, yaml_text, strlen(yaml_text), out, problems);
    }
    struct yaml_document *document = tree_create(source);
    document->root = tree_add(document, YAML_SCALAR, 0, 0);
    document->root->text = mem_strdup("");
    document->root->quoted = true;
    *out = document;
    return ERR_OK;
}

static bool is_null(const struct yaml_node *node)
{
    return node->kind == YAML_SCALAR && yaml_type(node) == YAML_NULL;
}

enum err yaml_override(struct yaml_document **document, const char *const *path, size_t path_count, const char *source,
                       const char *yaml_text, struct problems *problems)
{
    struct yaml_document *value = NULL;
    size_t first = problems->count;
    enum err err = load_value(source, yaml_text, &value, problems);
    for (size_t i = first; i < problems->count; i++) {
        problems->items[i].line = 0;
        problems->items[i].column = 0;
    }
    if (err != ERR_OK) {
        return err;
    }
    if (*document == NULL) {
        *document = tree_create(source);
    }
    const struct yaml_node *root = (*document)->root;
    if (root != NULL && root->kind != YAML_MAP && !is_null(root)) {
        yaml_free(value);
        problems_add(problems, SEVERITY_ERROR, source, 0, 0, "cannot be set, since %s is no map of keys", root->source);
        return ERR_SYNTAX;
    }
    put_by_path(*document, &(*document)->root, path, path_count, adopt(*document, value));
    return ERR_OK;
}
