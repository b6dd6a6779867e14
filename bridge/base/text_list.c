#include "base/text_list.h"

#include <stdlib.h>

#include "base/mem.h"

void text_list_add(struct text_list *list, const char *text)
{
    list->items = mem_resize(list->items, list->count + 1, sizeof *list->items);
    list->items[list->count++] = mem_strdup(text);
}

void text_list_continue(struct text_list *list, const char *separator, const struct text_list *endings)
{
    struct text_list longer = {0};
    for (size_t i = 0; i < list->count; i++) {
        for (size_t k = 0; k < endings->count; k++) {
            AUTO_FREE char *text = mem_printf("%s%s%s", list->items[i], separator, endings->items[k]);
            text_list_add(&longer, text);
        }
    }
    text_list_free(list);
    *list = longer;
}

void text_list_free(struct text_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->items[i]);
    }
    free(list->items);
    *list = (struct text_list){0};
}
