#include "base/options/options_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/nearest.h"
#include "base/str.h"

#define MAX_LISTED 24

static void *field_of(const struct option_row *key, void *out)
{
    return (char *)out + key->offset;
}

static size_t count_keys(const struct option_row *keys)
{
    size_t count = 0;
    while (keys[count].name != NULL) {
        count++;
    }
    return count;
}

static const struct option_row *find_key(const struct option_row *keys, const char *name)
{
    for (; keys->name != NULL; keys++) {
        if (strcmp(keys->name, name) == 0) {
            return keys;
        }
    }
    return NULL;
}

static const char *nearest_key(const struct option_row *keys, const char *name)
{
    struct nearest nearest = {.text = name};
    for (; keys->name != NULL; keys++) {
        nearest_try(&nearest, keys->name);
    }
    return nearest.name;
}

static void unknown_key(const struct option_row *keys, const struct yaml_node *node, const char *path,
                        struct problems *problems)
{
    char shown[STR_SHOWN_LEN];
    str_show(node->text, shown);
    size_t count = count_keys(keys);
    const char *nearest = nearest_key(keys, node->text);
    AUTO_FREE char *place = options_describe_place(keys, path, node->text);
    AUTO_BUF struct buf text = {0};
    buf_printf(&text, "unknown key `%s`", shown);
    if (place != NULL) {
        buf_printf(&text, "; it belongs %s", place);
    } else if (nearest != NULL) {
        buf_printf(&text, "; did you mean `%s`?", nearest);
    } else if (count <= MAX_LISTED) {
        for (size_t i = 0; i < count; i++) {
            buf_printf(&text, "%s%s", i == 0 ? "; known here: " : ", ", keys[i].name);
        }
    }
    yaml_error(problems, node, "%s", text.data);
}

bool options_misspelt(const struct option_row *keys, const struct yaml_node *map, const char *name)
{
    for (size_t i = 0; map->kind == YAML_MAP && i < map->count; i++) {
        const char *written = map->keys[i]->text;
        const char *nearest = find_key(keys, written) == NULL ? nearest_key(keys, written) : NULL;
        if (nearest != NULL && strcmp(nearest, name) == 0) {
            return true;
        }
    }
    return false;
}

bool options_has_any(const struct option_row *keys, const struct yaml_node *node)
{
    bool found = false;
    for (size_t i = 0; node->kind == YAML_MAP && i < node->count; i++) {
        found |= find_key(keys, node->keys[i]->text) != NULL;
    }
    return found;
}

bool options_has_foreign(const struct option_row *keys, const struct option_row *own, const struct yaml_node *node)
{
    bool found = false;
    for (size_t i = 0; node->kind == YAML_MAP && i < node->count; i++) {
        const char *name = node->keys[i]->text;
        found |= find_key(keys, name) != NULL && find_key(own, name) == NULL;
    }
    return found;
}

static bool read_map(const struct option_row *keys, const struct yaml_node *map, const char *path, void *out,
                     struct problems *problems);

static bool read_group(const struct option_reading *reading)
{
    const struct yaml_node *node = reading->node;
    // A group whose keys are all commented out.
    if (yaml_is_null(node)) {
        return true;
    }
    if (node->kind != YAML_MAP) {
        return options_value_wrong(reading);
    }
    return read_map(reading->key->members, node, reading->path, reading->field, reading->problems);
}

static bool read_value(const struct option_reading *reading)
{
    return reading->key->type == OPTION_GROUP ? read_group(reading) : options_value_read(reading);
}

// `path` leads the names in problems, "" at the top.
static bool read_map(const struct option_row *keys, const struct yaml_node *map, const char *path, void *out,
                     struct problems *problems)
{
    bool fine = true;
    for (size_t i = 0; i < map->count; i++) {
        const struct option_row *key = find_key(keys, map->keys[i]->text);
        if (key == NULL) {
            unknown_key(keys, map->keys[i], path, problems);
            fine = false;
            continue;
        }
        AUTO_FREE char *name = mem_printf("%s%s%s", path, *path == '\0' ? "" : ".", key->name);
        struct option_reading reading = {
            .key = key, .node = map->items[i], .path = name, .field = field_of(key, out), .problems = problems};
        fine &= read_value(&reading);
    }
    return fine;
}

enum err options_read(const struct option_row *keys, const struct yaml_node *map, void *out, struct problems *problems)
{
    if (map->kind != YAML_MAP) {
        yaml_error(problems, map, "keys are expected here, as `%s: ...`, not %s", keys[0].name, yaml_kind_name(map));
        return ERR_SYNTAX;
    }
    return read_map(keys, map, "", out, problems) ? ERR_OK : ERR_SYNTAX;
}

// A fallback is part of the program: if it cannot be read, the table is wrong.
const struct yaml_node *options_fallback(const struct option_row *key, struct yaml_node *plain,
                                         struct yaml_document **document)
{
    struct problems problems = {0};
    *plain = (struct yaml_node){.kind = YAML_SCALAR, .source = "default", .text = (char *)key->fallback};
    if (*key->fallback != '\0' && strchr("\"'[", *key->fallback) == NULL) {
        return plain;
    }
    if (yaml_load_text("default", key->fallback, strlen(key->fallback), document, &problems) != ERR_OK) {
        abort();
    }
    return yaml_root(*document);
}

static void read_fallback(const struct option_row *key, void *field)
{
    struct problems problems = {0};
    AUTO_YAML struct yaml_document *document = NULL;
    struct yaml_node plain;
    struct option_reading reading = {.key = key,
                                     .node = options_fallback(key, &plain, &document),
                                     .path = key->name,
                                     .field = field,
                                     .problems = &problems};
    if (key->type == OPTION_NODE || key->type == OPTION_SECRET || !options_value_read(&reading)) {
        abort();
    }
}

void options_defaults(const struct option_row *keys, void *out)
{
    for (; keys->name != NULL; keys++) {
        if (keys->type == OPTION_GROUP) {
            options_defaults(keys->members, field_of(keys, out));
        } else if (keys->fallback != NULL) {
            read_fallback(keys, field_of(keys, out));
        }
    }
}

void options_free(const struct option_row *keys, void *out)
{
    for (; keys->name != NULL; keys++) {
        if (keys->type == OPTION_GROUP) {
            options_free(keys->members, field_of(keys, out));
        } else {
            options_value_free(keys, field_of(keys, out));
        }
    }
}
