// All commands that the pipeline holds, in order of arrival, each found by its id. Core thread.
#pragma once

#include "app/service/entry/entry.h"

struct entry_list {
    TAILQ_HEAD(, entry) all;
    struct hash_table by_id; // has their count
    uint64_t memory_count;   // ids given so far to those without a row
};

void entry_list_init(struct entry_list *list);
// Frees the entries too.
void entry_list_clear(struct entry_list *list);
// Gives the entry its id.
void entry_list_add(struct entry_list *list, struct entry *entry);
void entry_list_remove(struct entry_list *list, struct entry *entry);
struct entry *entry_list_find(const struct entry_list *list, uint64_t id);        // or NULL
struct entry *entry_list_find_row(const struct entry_list *list, int64_t row_id); // or NULL
