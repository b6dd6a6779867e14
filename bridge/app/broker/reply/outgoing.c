#include "app/broker/reply/outgoing.h"

static void insert_after(struct outgoing_list *list, struct outgoing *at_or_null, struct outgoing *outgoing)
{
    outgoing->previous = at_or_null;
    outgoing->next = at_or_null == NULL ? list->first : at_or_null->next;
    *(outgoing->previous == NULL ? &list->first : &outgoing->previous->next) = outgoing;
    *(outgoing->next == NULL ? &list->last : &outgoing->next->previous) = outgoing;
    list->count++;
}

void outgoing_append(struct outgoing_list *list, struct outgoing *outgoing)
{
    insert_after(list, list->last, outgoing);
}

void outgoing_insert(struct outgoing_list *list, struct outgoing *outgoing)
{
    struct outgoing *at = NULL;
    for (struct outgoing *each = list->first; each != NULL && each->sequence < outgoing->sequence; each = each->next) {
        at = each;
    }
    insert_after(list, at, outgoing);
}

void outgoing_remove(struct outgoing_list *list, struct outgoing *outgoing)
{
    *(outgoing->previous == NULL ? &list->first : &outgoing->previous->next) = outgoing->next;
    *(outgoing->next == NULL ? &list->last : &outgoing->next->previous) = outgoing->previous;
    outgoing->next = NULL;
    outgoing->previous = NULL;
    list->count--;
}

size_t outgoing_count_of(const struct outgoing_list *list, const void *owner)
{
    size_t count = 0;
    for (const struct outgoing *each = list->first; each != NULL; each = each->next) {
        count += each->owner == owner ? 1 : 0;
    }
    return count;
}

void outgoing_remove_of(struct outgoing_list *list, const void *owner)
{
    struct outgoing *next = NULL;
    for (struct outgoing *each = list->first; each != NULL; each = next) {
        next = each->next;
        if (each->owner == owner) {
            outgoing_remove(list, each);
        }
    }
}
