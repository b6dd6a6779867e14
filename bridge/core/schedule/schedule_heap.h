// A heap of nodes that live inside their owners. Pure.
#pragma once

#include <stddef.h>
#include <stdint.h>

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
