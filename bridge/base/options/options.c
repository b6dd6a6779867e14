// Reads maps by tables of options.
//
// Each key of a map is looked for in the table at hand; its value is read by its type (options_values.c), or, where it
// is a group, by the group's own table. A key that the table does not have is a problem that says what is meant: the
// place in another table that has it (options_places.c), the nearest name, or all names. Fallbacks are YAML texts that
// go the same way.
#include "base/options/options_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/nearest.h"
#include "base/show.h"

#define MAX_LISTED 24

static void *field_of(const struct option_row *row, void *out)
{
    return (char *)out + row->offset;
}

static size_t count_rows(const struct option_row *table)
{
    size_t count = 0;
    while (table[count].name != NULL) {
        count++;
    }
    return count;
}

static const struct option_row *find_row(const struct option_row *table, const char *name)
{
    for (const struct option_row *row = table; row->name != NULL; row++) {
        if (strcmp(row->name, name) == 0) {
            return row;
        }
    }
    return NULL;
}

static bool is_secret_source(struct str name)
{
    bool found = false;
    for (const char *const *source = options_secret_sources; *source != NULL; source++) {
        found |= str_is(name, *source);
    }
    return found;
}

bool options_knows(const struct option_row *root, struct str name)
{
    for (const struct option_row *row = root; row->name != NULL; row++) {
        if (str_is(name, row->name) || (row->type == OPTION_SECRET && is_secret_source(name)) ||
            (row->members != NULL && options_knows(row->members, name))) {
            return true;
        }
    }
    return false;
}

static const char *nearest_name(const struct option_row *table, const char *name)
{
    struct nearest nearest = {.text = name};
    for (const struct option_row *row = table; row->name != NULL; row++) {
        nearest_try(&nearest, row->name);
    }
    return nearest.name;
}

static void refuse_unknown(const struct option_row *table, const struct yaml_node *node, const char *path,
                           struct problems *problems)
{
    const char *nearest = nearest_name(table, node->text);
    AUTO_FREE char *place = options_describe_place(table, path, node->text);
    AUTO_BUF struct buf text = {0};
    buf_printf(&text, "unknown key `%s`", show_short(node->text).text);
    if (place != NULL) {
        buf_printf(&text, "; it belongs %s", place);
    } else if (nearest != NULL) {
        buf_printf(&text, "; did you mean `%s`?", nearest);
    } else if (count_rows(table) <= MAX_LISTED) {
        for (size_t i = 0; table[i].name != NULL; i++) {
            buf_printf(&text, "%s%s", i == 0 ? "; known here: " : ", ", table[i].name);
        }
    }
    yaml_error(problems, node, "%s", text.data);
}

bool options_misspelt(const struct option_row *table, const struct yaml_node *map, const char *name)
{
    for (size_t i = 0; map->kind == YAML_MAP && i < map->count; i++) {
        const char *written = map->keys[i]->text;
        const char *nearest = find_row(table, written) == NULL ? nearest_name(table, written) : NULL;
        if (nearest != NULL && strcmp(nearest, name) == 0) {
            return true;
        }
    }
    return false;
}

bool options_has_foreign(const struct option_row *table, const struct option_row *own, const struct yaml_node *node)
{
    bool found = false;
    for (size_t i = 0; node->kind == YAML_MAP && i < node->count; i++) {
        const char *name = node->keys[i]->text;
        found |= find_row(table, name) != NULL && find_row(own, name) == NULL;
    }
    return found;
}

bool options_has_any(const struct option_row *table, const struct yaml_node *node)
{
    static const struct option_row none = {0};
    return options_has_foreign(table, &none, node);
}

static bool read_map(const struct option_row *table, const struct yaml_node *map, const char *path, void *out,
                     struct problems *problems);

static bool read_value(const struct option_reading *reading)
{
    const struct yaml_node *node = reading->node;
    if (reading->row->type != OPTION_GROUP) {
        return options_value_read(reading);
    }
    // A group whose keys are all commented out.
    if (yaml_is_null(node)) {
        return true;
    }
    if (node->kind != YAML_MAP) {
        return options_value_wrong(reading);
    }
    return read_map(reading->row->members, node, reading->path, reading->field, reading->problems);
}

// `path` leads the names in problems, "" at the top.
static bool read_map(const struct option_row *table, const struct yaml_node *map, const char *path, void *out,
                     struct problems *problems)
{
    bool fine = true;
    for (size_t i = 0; i < map->count; i++) {
        const struct option_row *row = find_row(table, map->keys[i]->text);
        if (row == NULL) {
            refuse_unknown(table, map->keys[i], path, problems);
            fine = false;
            continue;
        }
        AUTO_FREE char *name = mem_printf("%s%s%s", path, *path == '\0' ? "" : ".", row->name);
        struct option_reading reading = {
            .row = row, .node = map->items[i], .path = name, .field = field_of(row, out), .problems = problems};
        fine &= read_value(&reading);
    }
    return fine;
}

enum err options_read(const struct option_row *table, const struct yaml_node *map, void *out, struct problems *problems)
{
    if (map->kind != YAML_MAP) {
        yaml_error(problems, map, "keys are expected here, as `%s: ...`, not %s", table[0].name, yaml_kind_name(map));
        return ERR_SYNTAX;
    }
    return read_map(table, map, "", out, problems) ? ERR_OK : ERR_SYNTAX;
}

// A fallback is part of the program: if it cannot be read, the table is wrong.
const struct yaml_node *options_fallback(const struct option_row *row, struct yaml_node *plain,
                                         struct yaml_document **document)
{
    struct problems problems = {0};
    *plain = (struct yaml_node){.kind = YAML_SCALAR, .source = "default", .text = (char *)row->fallback};
    if (*row->fallback != '\0' && strchr("\"'[", *row->fallback) == NULL) {
        return plain;
    }
    if (yaml_load_text("default", row->fallback, strlen(row->fallback), document, &problems) != ERR_OK) {
        abort();
    }
    return yaml_root(*document);
}

static void read_fallback(const struct option_row *row, void *field)
{
    struct problems problems = {0};
    AUTO_YAML struct yaml_document *document = NULL;
    struct yaml_node plain;
    struct option_reading reading = {.row = row,
                                     .node = options_fallback(row, &plain, &document),
                                     .path = row->name,
                                     .field = field,
                                     .problems = &problems};
    if (row->type == OPTION_NODE || row->type == OPTION_SECRET || !options_value_read(&reading)) {
        abort();
    }
}

void options_defaults(const struct option_row *table, void *out)
{
    for (const struct option_row *row = table; row->name != NULL; row++) {
        if (row->type == OPTION_GROUP) {
            options_defaults(row->members, field_of(row, out));
        } else if (row->fallback != NULL) {
            read_fallback(row, field_of(row, out));
        }
    }
}

void options_free(const struct option_row *table, void *out)
{
    for (const struct option_row *row = table; row->name != NULL; row++) {
        if (row->type == OPTION_GROUP) {
            options_free(row->members, field_of(row, out));
        } else {
            options_value_free(row, field_of(row, out));
        }
    }
}
