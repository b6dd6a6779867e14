#include "app/service/entry_list.h"

#define MEMORY_ID ((uint64_t)1 << 63) // above those of all rows

void entry_list_init(struct entry_list *list)
{
    *list = (struct entry_list){0};
    TAILQ_INIT(&list->all);
}

void entry_list_clear(struct entry_list *list)
{
    while (!TAILQ_EMPTY(&list->all)) {
        struct entry *entry = TAILQ_FIRST(&list->all);
        entry_list_remove(list, entry);
        entry_free(entry);
    }
}

void entry_list_add(struct entry_list *list, struct entry *entry)
{
    entry->id = entry->row_id != 0 ? (uint64_t)entry->row_id : MEMORY_ID | ++list->memory_count;
    TAILQ_INSERT_TAIL(&list->all, entry, in_list);
    list->count++;
}

void entry_list_remove(struct entry_list *list, struct entry *entry)
{
    TAILQ_REMOVE(&list->all, entry, in_list);
    list->count--;
}

struct entry *entry_list_find(const struct entry_list *list, uint64_t id)
{
    struct entry *entry = NULL;
    TAILQ_FOREACH (entry, &list->all, in_list) {
        if (entry->id == id) {
            break;
        }
    }
    return entry;
}

struct entry *entry_list_find_row(const struct entry_list *list, int64_t row_id)
{
    return row_id > 0 ? entry_list_find(list, (uint64_t)row_id) : NULL;
}
