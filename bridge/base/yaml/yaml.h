// YAML (and JSON, being YAML) as a read-only tree that knows the place of every node (libyaml's event parser).
//
// Duplicate keys, several documents, tabs in indentation, unknown tags, aliases that recurse or expand to more than the
// limit, keys that are no scalars, invalid UTF-8 and NUL are problems at their place. Scalars follow the YAML 1.2 core
// schema: plain yes/no/on/off are text.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/str.h"

struct json_object;

#define YAML_MAX_BYTES 16777216 // 16 MiB
#define YAML_MAX_DEPTH 64
#define YAML_MAX_NODES 1000000 // with aliases expanded

enum yaml_kind { YAML_SCALAR, YAML_LIST, YAML_MAP };
enum yaml_type { YAML_NULL, YAML_BOOL, YAML_INT, YAML_FLOAT, YAML_TEXT };

struct yaml_node {
    enum yaml_kind kind;
    bool quoted;              // of a scalar: written in quotes or as a block, so always text
    int line;                 // 1-based, 0 for environment
    int column;               // 1-based, in bytes; 0 for environment
    int inset;                // of a scalar: its text stands as it is so many bytes behind the column; -1: it does not
    const char *source;       // file name or the name of the environment variable; owned by the document
    char *text;               // of a scalar, NUL-terminated, without NUL inside
    size_t count;             // items of a list, pairs of a map
    struct yaml_node **keys;  // of a map: scalar nodes
    struct yaml_node **items; // of a list: items; of a map: values
};

struct yaml_document; // owns all its nodes and the source's text

// `source` is the name shown in problems. On errors *out is unset and problems has them, in words for a person: what is
// wrong and what to do (a plain scalar that YAML cut or refused around ${...} or {name}: "put it in quotes").
// ERR_SYNTAX, or ERR_LIMIT for bytes.
enum err yaml_load_text(const char *source, const char *data, size_t len, struct yaml_document **out,
                        struct problems *problems) MUST_CHECK;
// Regular files up to YAML_MAX_BYTES. ERR_IO if it cannot be read, else as yaml_load_text; a directory, an unreadable
// or an empty file is a problem of its own. *out is set on errors too, so that more can be said: its lines can be
// shown, and if the tree is whole in spite of the errors (as with duplicate keys), it has a root. NULL if nothing could
// be read.
enum err yaml_load_file(const char *path, struct yaml_document **out, struct problems *problems) MUST_CHECK;
// libyaml exports a yaml_free of its own, and a symbol of that name in the program would take its place inside libyaml.
#define yaml_free yaml_free_document
void yaml_free(struct yaml_document *document);

const struct yaml_node *yaml_root(const struct yaml_document *document); // see yaml_load_file for NULL
const char *yaml_source_name(const struct yaml_document *document);
// Line `line` (1-based) of the source without its line end, for the caret display. False if there is none, or if it may
// hold a secret written in line (the value of a key with "secret" or "password" in its name, also where that is an
// alias, or a URL with a login): such lines are never shown.
bool yaml_source_line(const struct yaml_document *document, int line, const char **text, size_t *len);
// From now on only keys that `is_known` takes are shown, as others may be misspelt ones of a secret; their values and
// the lines below them are hidden too.
void yaml_hide_unknown(struct yaml_document *document, bool (*is_known)(struct str key));

// Value of a map's key, or NULL.
const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key);
enum yaml_type yaml_type(const struct yaml_node *node); // of a list or map: YAML_TEXT
// "a map", "a list", "text", "a number", "null" ...: for messages
const char *yaml_kind_name(const struct yaml_node *node);
static inline bool yaml_is_null(const struct yaml_node *node)
{
    return yaml_type(node) == YAML_NULL;
}
// A scalar with a value: any but null.
static inline bool yaml_has_value(const struct yaml_node *node)
{
    return node->kind == YAML_SCALAR && !yaml_is_null(node);
}
// A scalar that is read as text, so that it can be a template.
static inline bool yaml_is_text(const struct yaml_node *node)
{
    return node->kind == YAML_SCALAR && yaml_type(node) == YAML_TEXT;
}
// False and a problem, which calls it `what`, if the node is not of the kind.
bool yaml_expect(const struct yaml_node *node, enum yaml_kind kind, const char *what, struct problems *problems);
// The node as JSON; number text is kept where it is JSON's, else (0x1F, .5, +1) written as JSON writes it. Caller
// frees. Infinity, NaN and integers beyond 64 bits have no JSON: text. Shared nodes
// are copied: at most YAML_MAX_NODES values.
struct json_object *yaml_to_json(const struct yaml_node *node);
// A scalar's text as it is, a list or map as JSON text; caller frees.
char *yaml_print(const struct yaml_node *node);

// Sets a value by path ("platform", "tls", "ca_file") as if it were in the file, creating maps on the way and
// replacing what is there; `yaml_text` is parsed as YAML, an empty one is the empty text. For configuration by
// environment. A NULL *document is created as an empty map.
enum err yaml_override(struct yaml_document **document, const char *const *path, size_t path_count, const char *source,
                       const char *yaml_text, struct problems *problems) MUST_CHECK;

// Column of a byte of a scalar's text, or of the scalar itself where the text is not written as it is.
static inline int yaml_column_of(const struct yaml_node *scalar, size_t byte)
{
    return scalar->inset < 0 || scalar->column == 0 ? scalar->column : scalar->column + scalar->inset + (int)byte;
}

// Problem at a node.
#define yaml_problem(problems, severity, node, ...)                                                                    \
    problems_add(problems, severity, (node)->source, (node)->line, (node)->column, __VA_ARGS__)
#define yaml_error(problems, node, ...) yaml_problem(problems, SEVERITY_ERROR, node, __VA_ARGS__)
#define yaml_warn(problems, node, ...)  yaml_problem(problems, SEVERITY_WARNING, node, __VA_ARGS__)

static inline void yaml_auto_free(struct yaml_document **document)
{
    yaml_free(*document);
}
#define AUTO_YAML __attribute__((cleanup(yaml_auto_free)))
