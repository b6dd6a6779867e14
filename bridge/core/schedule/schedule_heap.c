#include "core/schedule/schedule_heap.h"

#include <stdbool.h>

#include "base/mem.h"

enum { LEAST_CAPACITY = 16 };

static bool before(const struct heap_node *a, const struct heap_node *b)
{
    return a->key != b->key ? a->key < b->key : a->order < b->order;
}

static void set(struct heap *heap, size_t index, struct heap_node *node)
{
    heap->items[index] = node;
    node->place = index + 1;
}

static void rise(struct heap *heap, size_t index)
{
    struct heap_node *node = heap->items[index];
    while (index > 0 && before(node, heap->items[(index - 1) / 2])) {
        set(heap, index, heap->items[(index - 1) / 2]);
        index = (index - 1) / 2;
    }
    set(heap, index, node);
}

static void sink(struct heap *heap, size_t index)
{
    struct heap_node *node = heap->items[index];
    for (;;) {
        size_t child = 2 * index + 1;
        if (child + 1 < heap->count && before(heap->items[child + 1], heap->items[child])) {
            child++;
        }
        if (child >= heap->count || !before(heap->items[child], node)) {
            break;
        }
        set(heap, index, heap->items[child]);
        index = child;
    }
    set(heap, index, node);
}

static void resize(struct heap *heap, size_t capacity)
{
    heap->items = mem_resize(heap->items, capacity, sizeof(struct heap_node *));
    heap->capacity = capacity;
}

void heap_add(struct heap *heap, struct heap_node *node)
{
    if (heap->count == heap->capacity) {
        resize(heap, heap->capacity == 0 ? LEAST_CAPACITY : heap->capacity * 2);
    }
    heap->items[heap->count++] = node;
    rise(heap, heap->count - 1);
}

void heap_remove(struct heap *heap, struct heap_node *node)
{
    if (node->place == 0) {
        return;
    }
    size_t index = node->place - 1;
    struct heap_node *last = heap->items[--heap->count];
    node->place = 0;
    if (last != node) {
        set(heap, index, last);
        rise(heap, index);
        sink(heap, last->place - 1);
    }
    if (heap->capacity > LEAST_CAPACITY && heap->count < heap->capacity / 4) {
        resize(heap, heap->capacity / 2);
    }
}

struct heap_node *heap_first(const struct heap *heap)
{
    return heap->count > 0 ? heap->items[0] : NULL;
}

void heap_free(struct heap *heap)
{
    free(heap->items);
    *heap = (struct heap){0};
}
