// Where a key is known in a tree of tables.
//
// A walk over all tables collects the places of the table at hand (some, such as `tls`, have several) and those of the
// key that is sought. From each of the former the nearest of the latter is named: by the levels up, where it is a key
// of what holds the table, else by its names.
#include "base/options/options_internal.h"

#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"

#define MAX_DEPTH  8 // of tables in each other
#define MAX_PLACES 8 // of one name

// The rows on the way from the root.
struct option_place {
    const struct option_row *steps[MAX_DEPTH];
    size_t depth;
};

struct option_search {
    const struct option_row *table; // at hand
    const char *name;               // sought
    struct option_place here[MAX_PLACES];
    size_t here_count;
    struct option_place found[MAX_PLACES];
    size_t found_count;
};

static const struct option_row *root_of(const struct option_row *table)
{
    while (table->name != NULL) {
        table++;
    }
    return table->members;
}

static void add_place(struct option_place *places, size_t *count, const struct option_place *place)
{
    if (*count < MAX_PLACES) {
        places[(*count)++] = *place;
    }
}

static void walk(struct option_search *search, const struct option_row *table, struct option_place *place)
{
    if (table == search->table) {
        add_place(search->here, &search->here_count, place);
    }
    for (const struct option_row *row = table; row->name != NULL; row++) {
        if (strcmp(row->name, search->name) == 0) {
            add_place(search->found, &search->found_count, place);
        }
        if (row->members != NULL && place->depth < MAX_DEPTH) {
            place->steps[place->depth++] = row;
            walk(search, row->members, place);
            place->depth--;
        }
    }
}

// "mqtt.tls": the names of the steps from `first` on.
static void append_names(struct buf *out, const struct option_place *place, size_t first)
{
    for (size_t i = first; i < place->depth; i++) {
        buf_printf(out, "%s%s", i > first ? "." : "", place->steps[i]->name);
    }
}

// Can the place be the one at `path`, which begins somewhere below the root?
static bool ends_with(const struct option_place *place, const char *path)
{
    AUTO_BUF struct buf names = {0};
    append_names(&names, place, 0);
    size_t len = strlen(path);
    return len <= names.len && (len == 0 || memcmp(names.data + names.len - len, path, len) == 0);
}

static void keep_possible(struct option_search *search, const char *path)
{
    size_t kept = 0;
    for (size_t i = 0; i < search->here_count; i++) {
        if (ends_with(&search->here[i], path)) {
            search->here[kept++] = search->here[i];
        }
    }
    search->here_count = kept;
}

static size_t common_depth(const struct option_place *a, const struct option_place *b)
{
    size_t common = 0;
    while (common < a->depth && common < b->depth && a->steps[common] == b->steps[common]) {
        common++;
    }
    return common;
}

static size_t distance(const struct option_place *a, const struct option_place *b)
{
    return a->depth + b->depth - 2 * common_depth(a, b);
}

static const struct option_place *nearest(const struct option_search *search, const struct option_place *here)
{
    const struct option_place *best = &search->found[0];
    for (size_t i = 1; i < search->found_count; i++) {
        if (distance(here, &search->found[i]) < distance(here, best)) {
            best = &search->found[i];
        }
    }
    return best;
}

// How many levels above each place at hand the key is known; 0 if it is not above all of them, equally far.
static size_t levels_up(const struct option_search *search)
{
    size_t levels = 0;
    for (size_t i = 0; i < search->here_count; i++) {
        const struct option_place *here = &search->here[i];
        const struct option_place *found = nearest(search, here);
        size_t up = here->depth - found->depth;
        bool is_above = found->depth < here->depth && common_depth(here, found) == found->depth;
        if (!is_above || (i > 0 && up != levels)) {
            return 0;
        }
        levels = up;
    }
    return levels;
}

static void append_up(struct buf *out, const struct option_place *found, size_t levels)
{
    static const char *const numbers[] = {"", "one", "two", "three", "four"};
    if (found->depth == 0) {
        buf_text(out, "at the top of the file");
        return;
    }
    const struct option_row *last = found->steps[found->depth - 1];
    buf_printf(out, "%s level%s up", levels < COUNT_OF(numbers) ? numbers[levels] : "some", levels == 1 ? "" : "s");
    if (last->each != NULL) {
        buf_printf(out, ": a %s key", last->each);
    } else {
        buf_printf(out, ", in `%s`", last->name);
    }
}

// "in `invoke`", "in `invoke` of a rule", "in a rule".
static void append_names_from(struct buf *out, const struct option_place *here, const struct option_place *found)
{
    size_t first = found->depth;
    while (first > 0 && found->steps[first - 1]->each == NULL) {
        first--;
    }
    bool is_outside = first > common_depth(here, found);
    if (found->depth == 0) {
        buf_text(out, "at the top of the file");
    } else if (first == found->depth) {
        buf_printf(out, "in a %s", found->steps[first - 1]->each);
    } else {
        buf_text(out, "in `");
        append_names(out, found, first);
        buf_char(out, '`');
        if (is_outside) {
            buf_printf(out, " of a %s", found->steps[first - 1]->each);
        }
    }
}

// Of a table with several places a key below it is named from there, so that it is the same for all of them.
static char *describe_one(const struct option_search *search, const struct option_place *here,
                          const struct option_place *found)
{
    AUTO_BUF struct buf out = {0};
    bool is_below = common_depth(here, found) == here->depth;
    if (is_below && search->here_count > 1) {
        buf_text(&out, "in `");
        append_names(&out, found, here->depth);
        buf_char(&out, '`');
    } else {
        append_names_from(&out, here, found);
    }
    return buf_steal(&out);
}

// All that are nearest to a place at hand, each once.
static void append_all(struct buf *out, const struct option_search *search)
{
    struct text_list texts = {0};
    for (size_t i = 0; i < search->here_count; i++) {
        const struct option_place *here = &search->here[i];
        size_t least = distance(here, nearest(search, here));
        for (size_t k = 0; k < search->found_count; k++) {
            if (distance(here, &search->found[k]) == least) {
                AUTO_FREE char *text = describe_one(search, here, &search->found[k]);
                text_list_add(&texts, text);
            }
        }
    }
    for (size_t i = 0; i < texts.count; i++) {
        size_t first = 0;
        while (strcmp(texts.items[first], texts.items[i]) != 0) {
            first++;
        }
        if (first == i) {
            buf_printf(out, "%s%s", i > 0 ? " or " : "", texts.items[i]);
        }
    }
    text_list_free(&texts);
}

char *options_describe_place(const struct option_row *table, const char *path, const char *name)
{
    const struct option_row *root = root_of(table);
    struct option_search search = {.table = table, .name = name};
    AUTO_BUF struct buf out = {0};
    if (root != NULL) {
        walk(&search, root, &(struct option_place){.depth = 0});
    }
    keep_possible(&search, path);
    if (search.found_count == 0 || search.here_count == 0) {
        return NULL;
    }
    size_t levels = levels_up(&search);
    if (levels > 0) {
        append_up(&out, nearest(&search, &search.here[0]), levels);
    } else {
        append_all(&out, &search);
    }
    return buf_steal(&out);
}

static bool find_joined(const struct option_row *table, const char *joined, struct buf *out)
{
    size_t len = out->len;
    for (const struct option_row *row = table; row->name != NULL; row++) {
        size_t name_len = strlen(row->name);
        if (strncmp(joined, row->name, name_len) != 0) {
            continue;
        }
        const char *rest = joined + name_len;
        const char *next = *rest == '_' ? rest + strspn(rest, "_") : NULL;
        out->len = len;
        buf_printf(out, "%s%s", len > 0 ? "__" : "", row->name);
        if (*rest == '\0') {
            return true;
        }
        if (next != NULL && row->type == OPTION_SECRET && str_is_one_of(next, options_secret_sources)) {
            buf_printf(out, "__%s", next);
            return true;
        }
        if (next != NULL && row->members != NULL && row->each == NULL && find_joined(row->members, next, out)) {
            return true;
        }
    }
    out->len = len;
    return false;
}

char *options_find_joined(const struct option_row *root, const char *joined)
{
    AUTO_BUF struct buf out = {0};
    return find_joined(root, joined, &out) ? buf_steal(&out) : NULL;
}
