// The tree that yaml_build.c builds.
#include "base/yaml/yaml_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

// Room for one more item. It doubles: an array is full when its count is 0 or a power of two.
static void *make_room(void *items, size_t count, size_t item_size)
{
    bool is_full = (count & (count - 1)) == 0;
    return is_full ? mem_resize(items, count == 0 ? 1 : 2 * count, item_size) : items;
}

static void add_source(struct yaml_document *document, char *source)
{
    document->sources = make_room(document->sources, document->source_count, sizeof *document->sources);
    document->sources[document->source_count++] = source;
}

struct yaml_document *yaml_tree_create(const char *source)
{
    struct yaml_document *document = mem_alloc(sizeof *document);
    add_source(document, mem_strdup(source));
    return document;
}

static void own_node(struct yaml_document *document, struct yaml_node *node)
{
    document->nodes = make_room(document->nodes, document->node_count, sizeof(struct yaml_node *));
    document->nodes[document->node_count++] = node;
}

struct yaml_node *yaml_tree_add(struct yaml_document *document, enum yaml_kind kind, int line, int column)
{
    struct yaml_node *node = mem_alloc(sizeof *node);
    *node =
        (struct yaml_node){.kind = kind, .line = line, .column = column, .inset = -1, .source = document->sources[0]};
    own_node(document, node);
    return node;
}

void yaml_tree_push(struct yaml_node *list, struct yaml_node *item)
{
    list->items = make_room(list->items, list->count, sizeof(struct yaml_node *));
    list->items[list->count++] = item;
}

void yaml_tree_put(struct yaml_node *map, struct yaml_node *key, struct yaml_node *value)
{
    map->keys = make_room(map->keys, map->count, sizeof(struct yaml_node *));
    map->keys[map->count] = key;
    yaml_tree_push(map, value);
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

struct yaml_node **yaml_tree_find(const struct yaml_node *map, const char *key)
{
    for (size_t i = 0; map->kind == YAML_MAP && i < map->count; i++) {
        if (strcmp(map->keys[i]->text, key) == 0) {
            return &map->items[i];
        }
    }
    return NULL;
}

const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key)
{
    struct yaml_node **value = yaml_tree_find(map, key);
    return value != NULL ? *value : NULL;
}

struct yaml_node *yaml_tree_adopt(struct yaml_document *to, struct yaml_document *from)
{
    for (size_t i = 0; i < from->node_count; i++) {
        from->nodes[i]->line = 0;
        from->nodes[i]->column = 0;
        own_node(to, from->nodes[i]);
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
