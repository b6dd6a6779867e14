#include "core/filter_tree.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/level.h"

// Node 0 is the root, which is nobody's child: so 0 stands for "none".
struct node {
    struct str level; // owned; unused in wildcard nodes
    uint32_t parent;
    uint32_t first_child; // text levels only
    uint32_t next_sibling;
    uint32_t one;  // the child '+'
    uint32_t rest; // the child '#'
    size_t *values;
    size_t count;
};

struct filter_tree {
    struct node *nodes;
    size_t count;
    size_t capacity;
    uint32_t *slots; // hash table of all text children, by parent and level
    size_t slot_count;
    size_t text_count;
};

struct search {
    const struct filter_tree *tree;
    filter_tree_visit *visit;
    void *context;
};

static uint32_t add_node(struct filter_tree *tree, uint32_t parent)
{
    if (tree->count == tree->capacity) {
        tree->capacity = tree->capacity > 0 ? tree->capacity * 2 : 16;
        tree->nodes = mem_resize(tree->nodes, tree->capacity, sizeof *tree->nodes);
    }
    tree->nodes[tree->count] = (struct node){.parent = parent};
    return (uint32_t)tree->count++;
}

struct filter_tree *filter_tree_create(void)
{
    struct filter_tree *tree = mem_alloc(sizeof *tree);
    tree->slot_count = 16;
    tree->slots = mem_alloc(tree->slot_count * sizeof *tree->slots);
    add_node(tree, 0);
    return tree;
}

void filter_tree_destroy(struct filter_tree *tree)
{
    if (tree == NULL) {
        return;
    }
    for (size_t i = 0; i < tree->count; i++) {
        free((char *)tree->nodes[i].level.data);
        free(tree->nodes[i].values);
    }
    free(tree->nodes);
    free(tree->slots);
    free(tree);
}

// FNV-1a. Only rule files add nodes, so nobody outside can choose colliding levels.
static size_t hash(uint32_t parent, struct str level)
{
    uint64_t value = 14695981039346656037U ^ parent;
    value *= 1099511628211U;
    for (size_t i = 0; i < level.len; i++) {
        value = (value ^ (unsigned char)level.data[i]) * 1099511628211U;
    }
    return (size_t)(value ^ (value >> 32));
}

// The slot that holds the child, or the free one where it belongs.
static uint32_t *find_slot(const struct filter_tree *tree, uint32_t parent, struct str level)
{
    size_t mask = tree->slot_count - 1;
    for (size_t i = hash(parent, level) & mask;; i = (i + 1) & mask) {
        uint32_t *slot = &tree->slots[i];
        const struct node *node = &tree->nodes[*slot];
        if (*slot == 0 || (node->parent == parent && level_equal(node->level, level))) {
            return slot;
        }
    }
}

static void grow_slots(struct filter_tree *tree)
{
    uint32_t *old = tree->slots;
    size_t old_count = tree->slot_count;
    tree->slot_count *= 2;
    tree->slots = mem_alloc(tree->slot_count * sizeof *tree->slots);
    for (size_t i = 0; i < old_count; i++) {
        if (old[i] != 0) {
            *find_slot(tree, tree->nodes[old[i]].parent, tree->nodes[old[i]].level) = old[i];
        }
    }
    free(old);
}

static uint32_t add_text_child(struct filter_tree *tree, uint32_t parent, struct str level)
{
    if ((tree->text_count + 1) * 2 > tree->slot_count) {
        grow_slots(tree);
    }
    uint32_t *slot = find_slot(tree, parent, level);
    if (*slot == 0) {
        uint32_t child = add_node(tree, parent);
        struct node *node = &tree->nodes[child];
        node->level = (struct str){mem_dup(level.data, level.len), level.len};
        node->next_sibling = tree->nodes[parent].first_child;
        tree->nodes[parent].first_child = child;
        tree->text_count++;
        *slot = child;
    }
    return *slot;
}

static uint32_t add_child(struct filter_tree *tree, uint32_t parent, struct str level)
{
    if (!level_is_wild(level)) {
        return add_text_child(tree, parent, level);
    }
    bool one = level_is_one(level);
    uint32_t child = one ? tree->nodes[parent].one : tree->nodes[parent].rest;
    if (child == 0) {
        child = add_node(tree, parent);
        *(one ? &tree->nodes[parent].one : &tree->nodes[parent].rest) = child;
    }
    return child;
}

void filter_tree_add(struct filter_tree *tree, const char *filter, size_t value)
{
    uint32_t at = 0;
    struct str level;
    while (level_next(&filter, &level)) {
        at = add_child(tree, at, level);
    }
    struct node *node = &tree->nodes[at];
    node->values = mem_resize(node->values, node->count + 1, sizeof *node->values);
    node->values[node->count++] = value;
}

static bool emit(const struct search *search, uint32_t at)
{
    const struct node *node = &search->tree->nodes[at];
    return at == 0 || node->count == 0 || search->visit(search->context, node->values, node->count);
}

static bool visit_all_below(const struct search *search, uint32_t at, bool first)
{
    const struct node *node = &search->tree->nodes[at];
    if (!emit(search, at) || !emit(search, node->rest)) {
        return false;
    }
    for (uint32_t child = node->first_child; child != 0; child = search->tree->nodes[child].next_sibling) {
        bool apart = first && level_is_dollar(search->tree->nodes[child].level);
        if (!apart && !visit_all_below(search, child, false)) {
            return false;
        }
    }
    return node->one == 0 || visit_all_below(search, node->one, false);
}

static bool visit_overlapping(const struct search *search, uint32_t at, const char *rest, bool first);

static bool visit_text_children(const struct search *search, uint32_t at, const char *rest, bool first)
{
    const struct node *nodes = search->tree->nodes;
    for (uint32_t child = nodes[at].first_child; child != 0; child = nodes[child].next_sibling) {
        bool apart = first && level_is_dollar(nodes[child].level);
        if (!apart && !visit_overlapping(search, child, rest, false)) {
            return false;
        }
    }
    return true;
}

static bool visit_overlapping(const struct search *search, uint32_t at, const char *rest, bool first)
{
    const struct node *node = &search->tree->nodes[at];
    struct str level;
    if (!level_next(&rest, &level)) {
        return emit(search, at) && emit(search, node->rest);
    }
    if (level_is_rest(level)) {
        return visit_all_below(search, at, first);
    }
    if (level_is_one(level)) {
        if (!visit_text_children(search, at, rest, first)) {
            return false;
        }
    } else {
        uint32_t child = *find_slot(search->tree, at, level);
        if (child != 0 && !visit_overlapping(search, child, rest, false)) {
            return false;
        }
    }
    if (first && level_is_dollar(level)) {
        return true;
    }
    return emit(search, node->rest) && (node->one == 0 || visit_overlapping(search, node->one, rest, false));
}

void filter_tree_search(const struct filter_tree *tree, const char *filter, filter_tree_visit *visit, void *context)
{
    struct search search = {tree, visit, context};
    visit_overlapping(&search, 0, filter, true);
}
