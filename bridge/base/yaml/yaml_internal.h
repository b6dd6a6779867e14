// Shared by the yaml_*.c files only: yaml.c (documents) uses yaml_build.c (libyaml's events to a tree), yaml_tree.c
// (the tree), yaml_lines.c (lines and places) and yaml_words.c (errors in words).
#pragma once

#include "base/str.h"
#include "base/yaml/yaml.h"

// What lines are hidden, as they may hold a secret: the value of a key that stands further up.
struct line_shade {
    bool open;
    bool next;  // the next line that holds anything
    bool below; // lines that are further in than `indent`
    size_t indent;
};
// Where a walk over the lines stands.
struct line_walk {
    size_t offset; // of the next line
    int number;    // of the last line
    struct line_shade shade;
    bool (*is_known)(struct str key); // of a document in which keys that are not known may be secrets; or NULL
    bool hides_anchors;               // a secret is an alias, so that any anchor's value may be one
};

struct yaml_document {
    struct yaml_node *root;
    char *text; // of the source, for yaml_source_line; NULL if it was made from nothing
    size_t text_len;
    struct yaml_node **nodes; // owned; aliases share nodes, so the tree itself owns none
    size_t node_count;
    char **sources; // owned
    size_t source_count;
    struct line_walk *marks; // of the text, from which lines are looked for; none without a text
    size_t mark_count;
};

struct yaml_document *yaml_tree_create(const char *source);
// A new node, owned by the document and named after its first source.
struct yaml_node *yaml_tree_add(struct yaml_document *document, enum yaml_kind kind, int line, int column);
// Appends an item to a list.
void yaml_tree_push(struct yaml_node *list, struct yaml_node *item);
// Appends a pair to a map.
void yaml_tree_put(struct yaml_node *map, struct yaml_node *key, struct yaml_node *value);
// Where the value of a map's key is; NULL if it has none.
struct yaml_node **yaml_tree_find(const struct yaml_node *map, const char *key);
// Moves nodes and sources of `from` into `to` and frees the rest of it; gives its root.
struct yaml_node *yaml_tree_adopt(struct yaml_document *to, struct yaml_document *from);

// Size, UTF-8 and NUL, before libyaml sees the text: a problem and an error if it cannot be YAML.
enum err yaml_words_check_bytes(struct problems *problems, const char *source, const char *text, size_t len) MUST_CHECK;

// Builds the tree of the document's text; an error if it is not whole, even where it has a root.
enum err yaml_build(struct yaml_document *document, struct problems *problems) MUST_CHECK;

// The next line without its break, counted as libyaml counts; false at the end. *offset is 0 at first.
bool yaml_lines_next(const char *text, size_t len, size_t *offset, struct str *line);
// Line and column (1-based, bytes) of a byte.
void yaml_lines_place(const char *text, size_t len, size_t offset, int *line, int *column);

// Sets the marks, from a walk with these known keys (or NULL).
void yaml_lines_mark(struct yaml_document *document, bool (*is_known)(struct str key));

// What libyaml says about a text that it refuses.
struct yaml_refusal {
    const char *problem;
    const char *context; // or NULL
    size_t offset;       // of the problem, in bytes
    int line;            // 1-based; 0: to be found from the offset
    int column;          // 1-based, bytes
    int context_line;    // where the construct began
    int context_column;
    char context_byte; // what stands there, '\0' at the end
};
// Adds the problem in words for a person.
void yaml_words_refused(struct problems *problems, const char *source, const char *text, size_t len,
                        const struct yaml_refusal *refusal);
// A plain scalar that ends at `end` and lost its rest to a comment: a problem at the node.
void yaml_words_cut(struct problems *problems, const struct yaml_node *node, const char *text, size_t len, size_t end);
// A plain scalar with what looks like a quote or a space and is none: a warning at its place.
void yaml_words_odd(struct problems *problems, const struct yaml_node *node);
