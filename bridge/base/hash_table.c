#include "base/hash_table.h"

#include <string.h>

#include "base/mem.h"

enum { FEWEST_SLOTS = 16 };

static struct hash_node **slot_of(const struct hash_table *table, uint64_t hash)
{
    return &table->slots[hash & (table->slot_count - 1)];
}

static void rebuild(struct hash_table *table, size_t slot_count)
{
    struct hash_table old = *table;
    table->slots = mem_alloc(slot_count * sizeof(struct hash_node *));
    table->slot_count = slot_count;
    for (size_t i = 0; i < old.slot_count; i++) {
        struct hash_node *next = NULL;
        for (struct hash_node *node = old.slots[i]; node != NULL; node = next) {
            next = node->next;
            struct hash_node **slot = slot_of(table, node->hash);
            node->next = *slot;
            *slot = node;
        }
    }
    free(old.slots);
}

void hash_table_add(struct hash_table *table, struct hash_node *node, uint64_t hash)
{
    if (table->count >= table->slot_count) {
        rebuild(table, table->slot_count == 0 ? FEWEST_SLOTS : table->slot_count * 2);
    }
    struct hash_node **slot = slot_of(table, hash);
    node->hash = hash;
    node->next = *slot;
    *slot = node;
    table->count++;
}

void hash_table_remove(struct hash_table *table, struct hash_node *node)
{
    struct hash_node **link = slot_of(table, node->hash);
    while (*link != node) {
        link = &(*link)->next;
    }
    *link = node->next;
    node->next = NULL;
    table->count--;
    if (table->slot_count > FEWEST_SLOTS && table->count < table->slot_count / 8) {
        rebuild(table, table->slot_count / 2);
    }
}

static struct hash_node *with_hash(struct hash_node *node, uint64_t hash)
{
    while (node != NULL && node->hash != hash) {
        node = node->next;
    }
    return node;
}

struct hash_node *hash_table_first(const struct hash_table *table, uint64_t hash)
{
    return table->slot_count == 0 ? NULL : with_hash(*slot_of(table, hash), hash);
}

struct hash_node *hash_table_next(const struct hash_node *node)
{
    return with_hash(node->next, node->hash);
}

void hash_table_free(struct hash_table *table, void (*free_owner)(struct hash_node *node))
{
    for (size_t i = 0; i < table->slot_count; i++) {
        while (table->slots[i] != NULL) {
            struct hash_node *node = table->slots[i];
            table->slots[i] = node->next;
            free_owner(node);
        }
    }
    free(table->slots);
    *table = (struct hash_table){0};
}

// Spreads all bits into the low ones, which choose the slot (the finalizer of splitmix64). Each step can be undone, so
// no two numbers have one hash.
uint64_t hash_number(uint64_t number)
{
    number = (number ^ (number >> 30)) * 0xBF58476D1CE4E5B9U;
    number = (number ^ (number >> 27)) * 0x94D049BB133111EBU;
    return number ^ (number >> 31);
}

// FNV-1a. Whoever made names collide could slow down what he could as well flood: chains are bounded by the outbox or
// by the rules.
uint64_t hash_text(const char *text)
{
    uint64_t hash = 0xCBF29CE484222325U;
    for (const unsigned char *byte = (const unsigned char *)text; *byte != '\0'; byte++) {
        hash = (hash ^ *byte) * 0x100000001B3U;
    }
    return hash_number(hash);
}

uint64_t hash_digest(const unsigned char *digest)
{
    uint64_t hash = 0;
    memcpy(&hash, digest, sizeof hash);
    return hash;
}
