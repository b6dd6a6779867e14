// Documents: from text, from a file, and changed by path.
#include "base/yaml/yaml.h"

#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/yaml/yaml_internal.h"

// A document with the source's text, and its tree unless that could not be read to the end (then without a root).
static enum err read_text(const char *source, const char *data, size_t len, struct yaml_document **out,
                          struct problems *problems)
{
    size_t errors = problems->errors;
    if (len >= 3 && memcmp(data, "\xEF\xBB\xBF", 3) == 0) {
        data += 3;
        len -= 3;
    }
    struct yaml_document *document = yaml_tree_create(source);
    document->text = mem_dup(data, len);
    document->text_len = len;
    yaml_lines_mark(document, NULL);
    enum err err = yaml_words_check_bytes(problems, source, document->text, len);
    err = err != ERR_OK ? err : yaml_build(document, problems);
    if (err != ERR_OK) {
        document->root = NULL;
    }
    *out = document;
    return err == ERR_OK && problems->errors > errors ? ERR_SYNTAX : err;
}

enum err yaml_load_text(const char *source, const char *data, size_t len, struct yaml_document **out,
                        struct problems *problems)
{
    struct yaml_document *document = NULL;
    enum err err = read_text(source, data, len, &document, problems);
    if (err != ERR_OK) {
        yaml_free(document);
        return err;
    }
    *out = document;
    return ERR_OK;
}

enum err yaml_load_file(const char *path, struct yaml_document **out, struct problems *problems)
{
    AUTO_FREE char *data = NULL;
    size_t len = 0;
    struct diag diag;
    *out = NULL;
    enum err err = file_read(path, YAML_MAX_BYTES, &data, &len, &diag);
    if (err != ERR_OK) {
        problems_add(problems, SEVERITY_ERROR, path, 0, 0, "%s", diag.text);
        return err;
    }
    return read_text(path, data, len, out, problems);
}

// A shallow copy of a map: an override must not show through the aliases that share the old one.
static struct yaml_node *copy_map(struct yaml_document *document, const struct yaml_node *map)
{
    struct yaml_node *copy = yaml_tree_add(document, YAML_MAP, map->line, map->column);
    copy->source = map->source;
    for (size_t i = 0; i < map->count; i++) {
        yaml_tree_put(copy, map->keys[i], map->items[i]);
    }
    return copy;
}

// Puts `value` below *slot at the path; what is no map on the way is replaced by one.
static void put_by_path(struct yaml_document *document, struct yaml_node **slot, const char *const *path,
                        size_t path_count, struct yaml_node *value)
{
    for (size_t i = 0; i < path_count; i++) {
        const struct yaml_node *old = *slot;
        bool is_map = old != NULL && old->kind == YAML_MAP;
        struct yaml_node *map = is_map ? copy_map(document, old) : yaml_tree_add(document, YAML_MAP, 0, 0);
        map->source = is_map ? map->source : value->source;
        *slot = map;
        slot = yaml_tree_find(map, path[i]);
        if (slot == NULL) {
            struct yaml_node *key = yaml_tree_add(document, YAML_SCALAR, 0, 0);
            key->source = value->source;
            key->text = mem_strdup(path[i]);
            key->quoted = true;
            yaml_tree_put(map, key, NULL);
            slot = &map->items[map->count - 1];
        }
    }
    *slot = value;
}

static enum err load_value(const char *source, const char *yaml_text, struct yaml_document **out,
                           struct problems *problems)
{
    if (*yaml_text != '\0') {
        return yaml_load_text(source, yaml_text, strlen(yaml_text), out, problems);
    }
    struct yaml_document *document = yaml_tree_create(source);
    document->root = yaml_tree_add(document, YAML_SCALAR, 0, 0);
    document->root->text = mem_strdup("");
    document->root->quoted = true;
    *out = document;
    return ERR_OK;
}

enum err yaml_override(struct yaml_document **document, const char *const *path, size_t path_count, const char *source,
                       const char *yaml_text, struct problems *problems)
{
    struct yaml_document *value = NULL;
    size_t first = problems->count;
    enum err err = load_value(source, yaml_text, &value, problems);
    for (size_t i = first; i < problems->count; i++) {
        problems->items[i].line = 0;
        problems->items[i].column = 0;
    }
    if (err != ERR_OK) {
        return err;
    }
    if (*document == NULL) {
        *document = yaml_tree_create(source);
    }
    const struct yaml_node *root = (*document)->root;
    if (root != NULL && root->kind != YAML_MAP && !yaml_is_null(root)) {
        yaml_free(value);
        problems_add(problems, SEVERITY_ERROR, source, 0, 0, "cannot be set, since %s is no map of keys", root->source);
        return ERR_SYNTAX;
    }
    put_by_path(*document, &(*document)->root, path, path_count, yaml_tree_adopt(*document, value));
    return ERR_OK;
}
