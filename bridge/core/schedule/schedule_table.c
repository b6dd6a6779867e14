#include "base/mem.h"
#include "core/schedule/schedule_parts.h"

enum { FEWEST_SLOTS = 16 };

static struct table_node **slot_of(const struct table *table, uint64_t hash)
{
    return &table->slots[hash & (table->slot_count - 1)];
}

static void rebuild(struct table *table, size_t slot_count)
{
    struct table old = *table;
    table->slots = mem_alloc(slot_count * sizeof(struct table_node *));
    table->slot_count = slot_count;
    for (size_t i = 0; i < old.slot_count; i++) {
        struct table_node *next = NULL;
        for (struct table_node *node = old.slots[i]; node != NULL; node = next) {
            next = node->next;
            struct table_node **slot = slot_of(table, node->hash);
            node->next = *slot;
            *slot = node;
        }
    }
    free(old.slots);
}

void table_add(struct table *table, struct table_node *node, uint64_t hash)
{
    if (table->count >= table->slot_count) {
        rebuild(table, table->slot_count == 0 ? FEWEST_SLOTS : table->slot_count * 2);
    }
    struct table_node **slot = slot_of(table, hash);
    node->hash = hash;
    node->next = *slot;
    *slot = node;
    table->count++;
}

void table_remove(struct table *table, struct table_node *node)
{
    struct table_node **link = slot_of(table, node->hash);
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

static struct table_node *with_hash(struct table_node *node, uint64_t hash)
{
    while (node != NULL && node->hash != hash) {
        node = node->next;
    }
    return node;
}

struct table_node *table_first(const struct table *table, uint64_t hash)
{
    return table->slot_count == 0 ? NULL : with_hash(*slot_of(table, hash), hash);
}

struct table_node *table_next(const struct table_node *node)
{
    return with_hash(node->next, node->hash);
}

void table_free(struct table *table, void (*free_owner)(struct table_node *node))
{
    for (size_t i = 0; i < table->slot_count; i++) {
        while (table->slots[i] != NULL) {
            struct table_node *node = table->slots[i];
            table->slots[i] = node->next;
            free_owner(node);
        }
    }
    free(table->slots);
    *table = (struct table){0};
}

// Spreads all bits into the low ones, which choose the slot (the finalizer of splitmix64).
uint64_t table_hash_number(uint64_t number)
{
    number = (number ^ (number >> 30)) * 0xBF58476D1CE4E5B9U;
    number = (number ^ (number >> 27)) * 0x94D049BB133111EBU;
    return number ^ (number >> 31);
}

// FNV-1a. Whoever made names collide could slow down what he could as well flood: chains are bounded by the outbox.
uint64_t table_hash_text(const char *text)
{
    uint64_t hash = 0xCBF29CE484222325U;
    for (const unsigned char *byte = (const unsigned char *)text; *byte != '\0'; byte++) {
        hash = (hash ^ *byte) * 0x100000001B3U;
    }
    return table_hash_number(hash);
}
