// The two containers of the scheduler: a hash table and a heap, both of nodes that live inside their owners. Pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Owner of a node, given the node's address.
#define OWNER_OF(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))

// Nodes by hash, in chains. It grows and shrinks with its count.
struct table_node {
    struct table_node *next;
    uint64_t hash;
};
struct table {
    struct table_node **slots;
    size_t slot_count; // a power of two, or 0
    size_t count;
};
void table_add(struct table *table, struct table_node *node, uint64_t hash);
void table_remove(struct table *table, struct table_node *node);
// Nodes with this hash, one after the other; NULL after the last. The caller compares what they stand for.
struct table_node *table_first(const struct table *table, uint64_t hash);
struct table_node *table_next(const struct table_node *node);
// Gives each node to `free_owner`, and frees the slots.
void table_free(struct table *table, void (*free_owner)(struct table_node *node));

uint64_t table_hash_text(const char *text);
uint64_t table_hash_number(uint64_t number);

// The node with the lowest key first, of equal keys the one with the lowest `order`.
struct heap_node {
    int64_t key;
    uint64_t order;
    size_t place; // index + 1; 0 while it is in no heap
};
struct heap {
    struct heap_node **items;
    size_t count;
    size_t capacity;
};
void heap_add(struct heap *heap, struct heap_node *node);
// Nothing happens if the node is in no heap.
void heap_remove(struct heap *heap, struct heap_node *node);
struct heap_node *heap_first(const struct heap *heap); // or NULL
void heap_free(struct heap *heap);
