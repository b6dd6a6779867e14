// A hash table of nodes that live inside their owners: it allocates nothing for them and owns none. It grows and
// shrinks with its count. Not for several threads at once.
#pragma once

#include <stddef.h>
#include <stdint.h>

struct hash_node {
    struct hash_node *next;
    uint64_t hash;
};
struct hash_table {
    struct hash_node **slots;
    size_t slot_count; // a power of two, or 0
    size_t count;
};
void hash_table_add(struct hash_table *table, struct hash_node *node, uint64_t hash);
void hash_table_remove(struct hash_table *table, struct hash_node *node);
// Nodes with this hash, one after the other, in no order; NULL after the last. The caller compares what they stand for.
struct hash_node *hash_table_first(const struct hash_table *table, uint64_t hash);
struct hash_node *hash_table_next(const struct hash_node *node);
// Gives each node to `free_owner`, and frees the slots.
void hash_table_free(struct hash_table *table, void (*free_owner)(struct hash_node *node));

uint64_t hash_text(const char *text);
uint64_t hash_number(uint64_t number);             // different for different numbers
uint64_t hash_digest(const unsigned char *digest); // of at least eight bytes that are evenly spread
