// Many topic filters, found by level: a search costs by the levels of what is searched for, not by the number of
// filters. Immutable once filled, and then usable from any thread. Private to core.
#pragma once

#include <stdbool.h>
#include <stddef.h>

// In a filter that is added or searched for: ends a level that stands for all levels beginning with the text before it,
// of 1 to FILTER_TREE_MAX_PREFIX bytes. Topics hold no control characters.
#define FILTER_TREE_PREFIX     '\1'
#define FILTER_TREE_MAX_PREFIX 63

struct filter_tree;

struct filter_tree *filter_tree_create(void);
void filter_tree_destroy(struct filter_tree *tree);
// Several values can stand under one filter; they are kept in the order in which they were added.
void filter_tree_add(struct filter_tree *tree, const char *filter, size_t value);

// The values of one filter; false ends the search.
typedef bool filter_tree_visit(void *context, const size_t *values, size_t count);
// Visits each stored filter that matches a topic name, whatever bytes it has. The order of the filters is not defined.
void filter_tree_match(const struct filter_tree *tree, const char *name, filter_tree_visit *visit, void *context);
// Visits each stored filter that overlaps `filter`.
void filter_tree_search(const struct filter_tree *tree, const char *filter, filter_tree_visit *visit, void *context);
