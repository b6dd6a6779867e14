// Tables of options: one row per key that a map of the configuration or of a mapping file can have. The rows are the
// source of the parser, of the errors (unknown key with the nearest known one, wrong type, out of range), of the JSON
// Schema and of the reference page.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text_list.h"
#include "base/yaml/yaml.h"

enum option_type {
    OPTION_TEXT,      // char *, owned
    OPTION_BOOL,      // bool
    OPTION_INT,       // int64_t within min..max
    OPTION_DURATION,  // int64_t, milliseconds, within min..max
    OPTION_SIZE,      // int64_t, bytes, within min..max
    OPTION_RATE,      // double, per second; 0 if not given
    OPTION_FRACTION,  // double, above 0 and at most 1
    OPTION_CHOICE,    // int, index into choices
    OPTION_TEXT_LIST, // struct text_list; a single text is a list of one
    OPTION_SECRET,    // struct secret_source
    OPTION_NODE,      // const struct yaml_node *, borrowed: the module that owns the table reads it further
    OPTION_GROUP,     // struct at offset, read by `members`
};

// Where a secret is read from; exactly one member is set, or none if the key is absent. Never the secret itself.
struct secret_source {
    char *file;
    char *env;
    char *credential; // name below $CREDENTIALS_DIRECTORY (systemd LoadCredential)
};

struct option_row {
    const char *name;
    enum option_type type;
    bool empty_ok; // OPTION_TEXT, OPTION_SECRET: an empty value (null) counts as absent, else it is an error
    size_t offset;
    const char *fallback; // default in YAML text, or NULL for none; not for OPTION_SECRET, OPTION_NODE, OPTION_GROUP
    int64_t min;          // OPTION_INT, OPTION_DURATION, OPTION_SIZE; OPTION_TEXT: 1 if it cannot be the empty text
    int64_t max;          // 0 with min 0: no bounds
    const char *const *choices; // OPTION_CHOICE: NULL-terminated
    // OPTION_GROUP; OPTION_NODE: the table by which its owner reads it further, or NULL
    const struct option_row *members;
    const char *each; // OPTION_NODE with members: it is a list or map of such things, as "rule"
    const char *help; // one line for the reference
};
// The row of a struct's member; more members of the row may follow.
#define OPTION_ROW(tag, key, option_type, member, ...)                                                                 \
    {                                                                                                                  \
        .name = key, .type = option_type, .offset = offsetof(struct tag, member), __VA_ARGS__                          \
    }
// A table ends with a row without a name. The `members` of that row may be the root of the tables it belongs to: an
// problem of an unknown key then says where among them it belongs.

// Fills *out with the fallbacks. *out must be zeroed.
void options_defaults(const struct option_row *table, void *out);
// Reads the keys that are present in `map` into *out and leaves the others as they are (so defaults can be read before
// a rule). Text that is replaced is freed. All problems are collected; options with problems keep their value. A group
// without a value is an empty one. ERR_SYNTAX if there was an error.
enum err options_read(const struct option_row *table, const struct yaml_node *map, void *out,
                      struct problems *problems) MUST_CHECK;
// Is a required key that is missing in the map only misspelt there? Then it is a problem already, as an unknown key.
bool options_misspelt(const struct option_row *table, const struct yaml_node *map, const char *name);
// Does the node, if it is a map, have any of the table's keys?
bool options_has_any(const struct option_row *table, const struct yaml_node *node);
// Has the map a key of the table that is none of its own?
bool options_has_foreign(const struct option_row *table, const struct option_row *own, const struct yaml_node *node);
// Has the table, or one below it, a key of this name? What a secret is read from has keys of its own (`file`).
bool options_knows(const struct option_row *root, struct str name);
// The option whose names on all levels, joined by any number of '_', are `joined`: these names joined by "__", as an
// environment variable has them. NULL if there is none; the caller frees it.
char *options_find_joined(const struct option_row *root, const char *joined);
// Frees what options_defaults and options_read allocated in *out.
void options_free(const struct option_row *table, void *out);
