// Nodes are levels of filters, in one array; a child is found by a hash of its parent and its text in one
// open-addressed table of the whole tree, wildcard children by an index in the node. A search walks the levels of what
// is searched for and visits, at each node, the child with that text, `+` and `#`. A level that ends in
// FILTER_TREE_PREFIX is a node whose text is the beginning of levels; the parent knows by a bit mask which lengths of
// beginnings its children have, so that only these are hashed.
#include "core/topic/filter_tree.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "core/topic/level.h"

// Node 0 is the root, which is nobody's child: so 0 stands for "none". Small, as what a search reads is in no cache.
struct node {
    uint64_t prefixes; // bit n: there are children whose text is a beginning of n bytes
    union {
        size_t one;
        size_t *many;
    } values;
    uint32_t value_count;
    uint32_t parent;
    uint32_t first_child;  // of those with text
    uint32_t next_sibling; // of those with text
    uint32_t one;          // the child '+'
    uint32_t rest;         // the child '#'
    uint32_t text;         // where its text begins in the tree's texts; unused in wildcard nodes
    uint32_t text_len;
    bool is_prefix; // the text is the beginning of a level, otherwise a whole one
};

struct slot {
    uint32_t node;
    uint32_t hash; // distinguishes most others without a look at their nodes
};

struct filter_tree {
    struct node *nodes;
    size_t count;
    size_t capacity;
    struct buf texts;
    struct slot *slots; // hash table of all nodes with text, by parent and text
    size_t slot_count;
    size_t text_count;
};

// What a node with text is found by.
struct edge {
    uint32_t parent;
    bool is_prefix;
    struct str text;
    uint32_t hash; // of all that
};

struct tree_search {
    const struct filter_tree *tree;
    bool by_name; // for a topic name, in which nothing is a wildcard
    filter_tree_visit *visit;
    void *context;
};

static uint32_t add_node(struct filter_tree *tree, uint32_t parent)
{
    tree->nodes = mem_grow(tree->nodes, tree->count, &tree->capacity, sizeof *tree->nodes);
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
        if (tree->nodes[i].value_count > 1) {
            free(tree->nodes[i].values.many);
        }
    }
    buf_free(&tree->texts);
    free(tree->nodes);
    free(tree->slots);
    free(tree);
}

// FNV-1a, byte by byte, as all beginnings of a level may be looked for. Only rule files add nodes, so nobody outside
// can choose colliding levels.
static uint64_t hash_start(uint32_t parent)
{
    return (14695981039346656037U ^ parent) * 1099511628211U;
}

static uint64_t hash_add(uint64_t hash, char c)
{
    return (hash ^ (unsigned char)c) * 1099511628211U;
}

static struct edge edge_of(uint32_t parent, bool is_prefix, struct str text, uint64_t hash)
{
    uint64_t all = is_prefix ? hash_add(hash, FILTER_TREE_PREFIX) : hash;
    return (struct edge){parent, is_prefix, text, (uint32_t)(all ^ (all >> 32))};
}

static struct str text_of(const struct filter_tree *tree, const struct node *node)
{
    return (struct str){tree->texts.data + node->text, node->text_len};
}

// The slot that holds the child, or the free one where it belongs.
static struct slot *find_slot(const struct filter_tree *tree, const struct edge *edge)
{
    size_t mask = tree->slot_count - 1;
    for (size_t i = edge->hash & mask;; i = (i + 1) & mask) {
        struct slot *slot = &tree->slots[i];
        const struct node *node = &tree->nodes[slot->node];
        if (slot->node == 0 || (slot->hash == edge->hash && node->parent == edge->parent &&
                                node->is_prefix == edge->is_prefix && level_equal(text_of(tree, node), edge->text))) {
            return slot;
        }
    }
}

static void grow_slots(struct filter_tree *tree)
{
    struct slot *old = tree->slots;
    size_t old_count = tree->slot_count;
    tree->slot_count *= 2;
    tree->slots = mem_alloc(tree->slot_count * sizeof *tree->slots);
    size_t mask = tree->slot_count - 1;
    for (size_t i = 0; i < old_count; i++) {
        size_t at = old[i].hash & mask;
        while (tree->slots[at].node != 0) {
            at = (at + 1) & mask;
        }
        if (old[i].node != 0) {
            tree->slots[at] = old[i];
        }
    }
    free(old);
}

static uint32_t add_text_child(struct filter_tree *tree, uint32_t parent, bool is_prefix, struct str text)
{
    if ((tree->text_count + 1) * 2 > tree->slot_count) {
        grow_slots(tree);
    }
    uint64_t hash = hash_start(parent);
    for (size_t i = 0; i < text.len; i++) {
        hash = hash_add(hash, text.data[i]);
    }
    struct edge edge = edge_of(parent, is_prefix, text, hash);
    struct slot *slot = find_slot(tree, &edge);
    if (slot->node == 0) {
        uint32_t child = add_node(tree, parent);
        struct node *above = &tree->nodes[parent];
        struct node *node = &tree->nodes[child];
        node->text = (uint32_t)tree->texts.len;
        node->text_len = (uint32_t)text.len;
        buf_append(&tree->texts, text.data, text.len);
        node->is_prefix = is_prefix;
        node->next_sibling = above->first_child;
        above->first_child = child;
        above->prefixes |= is_prefix ? UINT64_C(1) << text.len : 0;
        tree->text_count++;
        *slot = (struct slot){child, edge.hash};
    }
    return slot->node;
}

static bool level_is_prefix(struct str level)
{
    return level.len > 0 && level.data[level.len - 1] == FILTER_TREE_PREFIX;
}

static uint32_t add_child(struct filter_tree *tree, uint32_t parent, struct str level)
{
    if (level_is_prefix(level)) {
        return add_text_child(tree, parent, true, (struct str){level.data, level.len - 1});
    }
    if (!level_is_wild(level)) {
        return add_text_child(tree, parent, false, level);
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
    if (node->value_count++ == 0) {
        node->values.one = value;
        return;
    }
    size_t *old = node->value_count > 2 ? node->values.many : NULL;
    size_t *values = mem_resize(old, node->value_count, sizeof *values);
    if (old == NULL) {
        values[0] = node->values.one;
    }
    values[node->value_count - 1] = value;
    node->values.many = values;
}

static bool emit(const struct tree_search *search, uint32_t at)
{
    const struct node *node = &search->tree->nodes[at];
    const size_t *values = node->value_count == 1 ? &node->values.one : node->values.many;
    return at == 0 || node->value_count == 0 || search->visit(search->context, values, node->value_count);
}

static bool visit_all_below(const struct tree_search *search, uint32_t at, bool first)
{
    const struct node *node = &search->tree->nodes[at];
    if (!emit(search, at) || !emit(search, node->rest)) {
        return false;
    }
    for (uint32_t child = node->first_child; child != 0; child = search->tree->nodes[child].next_sibling) {
        bool apart = first && level_is_dollar(text_of(search->tree, &search->tree->nodes[child]));
        if (!apart && !visit_all_below(search, child, false)) {
            return false;
        }
    }
    return node->one == 0 || visit_all_below(search, node->one, false);
}

static bool visit_overlapping(const struct tree_search *search, uint32_t at, const char *rest, bool first);

static bool agree(struct str a, struct str b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    return memcmp(a.data, b.data, len) == 0;
}

// The children that a level with this beginning can be; an empty one is that of '+'.
static bool visit_beginning(const struct tree_search *search, uint32_t at, struct str beginning, const char *rest,
                            bool first)
{
    const struct node *nodes = search->tree->nodes;
    for (uint32_t child = nodes[at].first_child; child != 0; child = nodes[child].next_sibling) {
        const struct node *node = &nodes[child];
        bool long_enough = node->is_prefix || node->text_len >= beginning.len;
        bool fits = long_enough && agree(text_of(search->tree, node), beginning);
        bool apart = first && beginning.len == 0 && level_is_dollar(text_of(search->tree, node));
        if (fits && !apart && !visit_overlapping(search, child, rest, false)) {
            return false;
        }
    }
    return true;
}

static bool visit_edge(const struct tree_search *search, struct edge edge, const char *rest)
{
    uint32_t child = find_slot(search->tree, &edge)->node;
    return child == 0 || visit_overlapping(search, child, rest, false);
}

// The children that are the level, or a beginning of it.
static bool visit_level(const struct tree_search *search, uint32_t at, struct str level, const char *rest)
{
    uint64_t prefixes = search->tree->nodes[at].prefixes;
    uint64_t hash = hash_start(at);
    for (size_t len = 0; len <= level.len; len++, prefixes >>= 1) {
        struct str beginning = {level.data, len};
        if ((prefixes & 1) != 0 && !visit_edge(search, edge_of(at, true, beginning, hash), rest)) {
            return false;
        }
        hash = len < level.len ? hash_add(hash, level.data[len]) : hash;
    }
    return visit_edge(search, edge_of(at, false, level, hash), rest);
}

static bool visit_children(const struct tree_search *search, uint32_t at, struct str level, const char *rest,
                           bool first, bool is_text)
{
    if (is_text) {
        return visit_level(search, at, level, rest);
    }
    return visit_beginning(search, at, (struct str){level.data, level.len - 1}, rest, first);
}

static bool visit_overlapping(const struct tree_search *search, uint32_t at, const char *rest, bool first)
{
    const struct node *node = &search->tree->nodes[at];
    struct str level;
    if (!level_next(&rest, &level)) {
        return emit(search, at) && emit(search, node->rest);
    }
    bool is_text = search->by_name || (!level_is_wild(level) && !level_is_prefix(level));
    if (!is_text && level_is_rest(level)) {
        return visit_all_below(search, at, first);
    }
    if (!visit_children(search, at, level, rest, first, is_text)) {
        return false;
    }
    if (first && level_is_dollar(level)) {
        return true;
    }
    return emit(search, node->rest) && (node->one == 0 || visit_overlapping(search, node->one, rest, false));
}

void filter_tree_match(const struct filter_tree *tree, const char *name, filter_tree_visit *visit, void *context)
{
    struct tree_search search = {tree, true, visit, context};
    visit_overlapping(&search, 0, name, true);
}

void filter_tree_search(const struct filter_tree *tree, const char *filter, filter_tree_visit *visit, void *context)
{
    struct tree_search search = {tree, false, visit, context};
    visit_overlapping(&search, 0, filter, true);
}
