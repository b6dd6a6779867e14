// Lists of texts. Pure.
#pragma once

#include <stddef.h>

struct text_list {
    char **items; // NULL if nothing was given; not for a list that is empty
    size_t count;
};
void text_list_add(struct text_list *list, const char *text);
// Each text is continued with the separator and each of the endings.
void text_list_continue(struct text_list *list, const char *separator, const struct text_list *endings);
void text_list_free(struct text_list *list);
