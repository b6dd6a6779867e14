// The set of subscriptions that covers the filters of all rules.
#include "core/topic/topic.h"

#include <stdlib.h>
#include <string.h>

#include "base/json/json.h"
#include "base/mem.h"
#include "core/topic/filter_tree.h"

#define ID_MAX 268435455U // MQTT 5, section 3.8.2.1.2

// Filters while they are folded; dead ones are covered by, or part of, another.
struct filter_fold {
    char **filters;
    bool *dead;
    size_t count;
    struct filter_tree *tree;
};

struct fold_search {
    const struct filter_fold *fold;
    size_t self;
    bool covering; // else one that is alive
    size_t found;
};

static int compare_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void fold_start(struct filter_fold *fold, const char *const *filters, size_t count)
{
    // A union takes the place of two filters, so there are never more than count - 1 of them.
    *fold = (struct filter_fold){.filters = mem_alloc((count * 2 + 1) * sizeof(char *)),
                                 .dead = mem_alloc((count * 2 + 1) * sizeof(bool)),
                                 .tree = filter_tree_create()};
    AUTO_FREE const char **sorted = mem_alloc((count + 1) * sizeof *sorted);
    if (count > 0) {
        memcpy(sorted, filters, count * sizeof *sorted);
    }
    qsort(sorted, count, sizeof *sorted, compare_text);
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || strcmp(sorted[i - 1], sorted[i]) != 0) {
            filter_tree_add(fold->tree, sorted[i], fold->count);
            fold->filters[fold->count++] = mem_strdup(sorted[i]);
        }
    }
}

static void fold_end(struct filter_fold *fold)
{
    for (size_t i = 0; i < fold->count; i++) {
        free(fold->filters[i]);
    }
    free(fold->filters);
    free(fold->dead);
    filter_tree_destroy(fold->tree);
}

// Of two filters that say the same ("#" and "+/#") the first stays.
static bool makes_needless(const struct filter_fold *fold, size_t a, size_t b)
{
    return topic_filter_covers(fold->filters[a], fold->filters[b]) &&
           (a < b || !topic_filter_covers(fold->filters[b], fold->filters[a]));
}

static bool find_other(void *context, const size_t *values, size_t count)
{
    struct fold_search *search = context;
    const struct filter_fold *fold = search->fold;
    for (size_t i = 0; i < count; i++) {
        bool is_wanted = search->covering ? makes_needless(fold, values[i], search->self) : !fold->dead[values[i]];
        if (values[i] != search->self && is_wanted) {
            search->found = values[i];
            return false;
        }
    }
    return true;
}

// One that makes this one needless, or one that is alive; SIZE_MAX if there is none.
static size_t fold_search(const struct filter_fold *fold, size_t self, bool covering)
{
    struct fold_search search = {fold, self, covering, SIZE_MAX};
    filter_tree_search(fold->tree, fold->filters[self], find_other, &search);
    return search.found;
}

static void drop_covered(struct filter_fold *fold)
{
    for (size_t i = 0; i < fold->count; i++) {
        fold->dead[i] = fold_search(fold, i, true) != SIZE_MAX;
    }
}

static void merge_overlapping(struct filter_fold *fold)
{
    for (size_t i = 0; i < fold->count; i++) {
        size_t other = fold->dead[i] ? SIZE_MAX : fold_search(fold, i, false);
        if (other == SIZE_MAX) {
            continue;
        }
        // Overlapping filters agree on names that begin with '$', so they have a union.
        fold->filters[fold->count] = topic_filter_union(fold->filters[i], fold->filters[other]);
        filter_tree_add(fold->tree, fold->filters[fold->count], fold->count);
        fold->count++;
        fold->dead[i] = true;
        fold->dead[other] = true;
    }
}

static uint32_t hash_id(const char *filter)
{
    uint32_t value = 2166136261U;
    for (; *filter != '\0'; filter++) {
        value = (value ^ (unsigned char)*filter) * 16777619U;
    }
    return value % (ID_MAX - 100000) + 1; // room above for numbers that move up
}

static int compare_id(const void *a, const void *b)
{
    const struct subscription *x = a;
    const struct subscription *y = b;
    if (x->id != y->id) {
        return x->id < y->id ? -1 : 1;
    }
    return strcmp(x->filter, y->filter);
}

// Filters whose texts give the same number are rare; the later one takes the next free number.
static void make_ids_unique(struct subscription_set *set)
{
    qsort(set->items, set->count, sizeof *set->items, compare_id);
    for (size_t i = 1; i < set->count; i++) {
        if (set->items[i].id <= set->items[i - 1].id) {
            set->items[i].id = set->items[i - 1].id + 1;
        }
    }
}

static void index_filters(struct subscription_set *set)
{
    set->tree = filter_tree_create();
    for (size_t i = 0; i < set->count; i++) {
        filter_tree_add(set->tree, set->items[i].filter, i);
    }
}

void subscription_set_build(const char *const *filters, size_t count, bool merge, struct subscription_set *out)
{
    struct filter_fold fold;
    fold_start(&fold, filters, count);
    drop_covered(&fold);
    if (merge) {
        merge_overlapping(&fold);
    }
    *out = (struct subscription_set){.items = mem_alloc((fold.count + 1) * sizeof *out->items)};
    for (size_t i = 0; i < fold.count; i++) {
        if (!fold.dead[i]) {
            out->items[out->count++] = (struct subscription){mem_strdup(fold.filters[i]), hash_id(fold.filters[i])};
        }
    }
    fold_end(&fold);
    make_ids_unique(out);
    index_filters(out);
}

void subscription_set_free(struct subscription_set *set)
{
    for (size_t i = 0; i < set->count; i++) {
        free(set->items[i].filter);
    }
    free(set->items);
    filter_tree_destroy(set->tree);
    *set = (struct subscription_set){0};
}

static bool keep_lowest(void *context, const size_t *values, size_t count)
{
    size_t *lowest = context;
    for (size_t i = 0; i < count; i++) {
        *lowest = values[i] < *lowest ? values[i] : *lowest;
    }
    return true;
}

uint32_t subscription_set_lowest(const struct subscription_set *set, const char *name)
{
    size_t lowest = SIZE_MAX;
    if (set->tree != NULL) {
        filter_tree_match(set->tree, name, keep_lowest, &lowest);
    }
    return lowest == SIZE_MAX ? 0 : set->items[lowest].id;
}

size_t subscription_set_find(const struct subscription_set *set, const char *filter)
{
    size_t i = 0;
    while (i < set->count && strcmp(set->items[i].filter, filter) != 0) {
        i++;
    }
    return i;
}

bool subscription_set_has(const struct subscription_set *set, const char *filter)
{
    return subscription_set_find(set, filter) < set->count;
}

// They are mostly the same, filter by filter.
bool subscription_set_has_all(const struct subscription_set *set, const struct subscription_set *part)
{
    for (size_t i = 0; i < part->count; i++) {
        const char *filter = part->items[i].filter;
        bool is_here = i < set->count && strcmp(set->items[i].filter, filter) == 0;
        if (!is_here && !subscription_set_has(set, filter)) {
            return false;
        }
    }
    return true;
}

void subscription_set_add(struct subscription_set *set, const char *filter, uint32_t id)
{
    filter_tree_destroy(set->tree);
    set->tree = NULL;
    set->items = mem_resize(set->items, set->count + 1, sizeof *set->items);
    set->items[set->count++] = (struct subscription){mem_strdup(filter), id};
}

static void put_in_order(struct subscription_set *set)
{
    filter_tree_destroy(set->tree);
    qsort(set->items, set->count, sizeof *set->items, compare_id);
    index_filters(set);
}

void subscription_set_add_all(struct subscription_set *set, const struct subscription_set *part)
{
    for (size_t i = 0; i < part->count; i++) {
        if (!subscription_set_has(set, part->items[i].filter)) {
            subscription_set_add(set, part->items[i].filter, part->items[i].id);
        }
    }
    put_in_order(set);
}

char *subscription_set_encode(const struct subscription_set *set)
{
    AUTO_JSON struct json_object *list = json_new_list();
    for (size_t i = 0; i < set->count; i++) {
        struct json_object *item = json_new_map();
        json_put_text(item, "filter", set->items[i].filter);
        json_put(item, "id", json_new_int(set->items[i].id));
        json_add(list, item);
    }
    return json_print(list);
}

static enum err decode_item(const struct json_object *list, size_t index, struct subscription *out)
{
    struct json_object *item;
    struct json_object *id;
    struct diag diag;
    if (!json_item(list, index, &item) || !json_member(item, "id", &id)) {
        return ERR_SYNTAX;
    }
    const char *filter = json_member_text(item, "filter");
    int64_t number = json_int(id);
    if (filter == NULL || number < 1 || number > ID_MAX || topic_filter_check(filter, &diag) != ERR_OK) {
        return ERR_SYNTAX;
    }
    *out = (struct subscription){mem_strdup(filter), (uint32_t)number};
    return ERR_OK;
}

enum err subscription_set_decode(const char *text, struct subscription_set *out)
{
    AUTO_JSON struct json_object *list = NULL;
    struct diag diag;
    *out = (struct subscription_set){0};
    if (json_parse(text, strlen(text), &(struct json_limits){8}, &list, &diag) != ERR_OK ||
        json_kind(list) != JSON_LIST) {
        return ERR_SYNTAX;
    }
    out->items = mem_alloc((json_count(list) + 1) * sizeof *out->items);
    for (size_t i = 0; i < json_count(list); i++) {
        if (decode_item(list, i, &out->items[i]) != ERR_OK) {
            subscription_set_free(out);
            return ERR_SYNTAX;
        }
        out->count++;
    }
    put_in_order(out);
    return ERR_OK;
}
