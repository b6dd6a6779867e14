#include "app/service/entry/entry_list.h"

#include "base/mem.h"

#define MEMORY_ID ((uint64_t)1 << 63) // above those of all rows

void entry_list_init(struct entry_list *list)
{
    *list = (struct entry_list){0};
    TAILQ_INIT(&list->all);
}

static void free_owner(struct hash_node *node)
{
    entry_free(OWNER_OF(node, struct entry, by_id));
}

void entry_list_clear(struct entry_list *list)
{
    hash_table_free(&list->by_id, free_owner);
    entry_list_init(list);
}

void entry_list_add(struct entry_list *list, struct entry *entry)
{
    entry->id = entry->row_id != 0 ? (uint64_t)entry->row_id : MEMORY_ID | ++list->memory_count;
    TAILQ_INSERT_TAIL(&list->all, entry, in_list);
    hash_table_add(&list->by_id, &entry->by_id, hash_number(entry->id));
}

void entry_list_remove(struct entry_list *list, struct entry *entry)
{
    TAILQ_REMOVE(&list->all, entry, in_list);
    hash_table_remove(&list->by_id, &entry->by_id);
}

struct entry *entry_list_find(const struct entry_list *list, uint64_t id)
{
    struct hash_node *node = hash_table_first(&list->by_id, hash_number(id));
    return node == NULL ? NULL : OWNER_OF(node, struct entry, by_id);
}

struct entry *entry_list_find_row(const struct entry_list *list, int64_t row_id)
{
    return row_id > 0 ? entry_list_find(list, (uint64_t)row_id) : NULL;
}
