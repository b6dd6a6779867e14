// Tables of keys: one row per key of the configuration and of mapping rules. The rows are the source of the parser, of
// the errors (unknown key with the nearest known one, wrong type, out of range), of the JSON Schema and of the
// reference page.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text_list.h"
#include "base/yaml/yaml.h"

enum key_type {
    KEY_TEXT,      // char *, owned
    KEY_BOOL,      // bool
    KEY_INT,       // int64_t within min..max
    KEY_DURATION,  // int64_t, milliseconds, within min..max
    KEY_SIZE,      // int64_t, bytes, within min..max
    KEY_RATE,      // double, per second; 0 if not given
    KEY_FRACTION,  // double, above 0 and at most 1
    KEY_CHOICE,    // int, index into choices
    KEY_TEXT_LIST, // struct text_list; a single text is a list of one
    KEY_SECRET,    // struct secret_source
    KEY_NODE,      // const struct yaml_node *, borrowed: the module that owns the table reads it further
    KEY_GROUP,     // struct at offset, read by `members`
};

// Where a secret is read from; exactly one member is set, or none if the key is absent. Never the secret itself.
struct secret_source {
    char *file;
    char *env;
    char *credential; // name below $CREDENTIALS_DIRECTORY (systemd LoadCredential)
};

struct key {
    const char *name;
    enum key_type type;
    bool empty_ok; // KEY_TEXT, KEY_SECRET: an empty value (null) counts as absent, else it is an error
    size_t offset;
    const char *fallback;       // default in YAML text, or NULL for none; not for KEY_SECRET, KEY_NODE, KEY_GROUP
    int64_t min;                // KEY_INT, KEY_DURATION, KEY_SIZE; KEY_TEXT: 1 if it cannot be the empty text
    int64_t max;                // 0 with min 0: no bounds
    const char *const *choices; // KEY_CHOICE: NULL-terminated
    const struct key *members;  // KEY_GROUP; KEY_NODE: the table by which its owner reads it further, or NULL
    const char *each;           // KEY_NODE with members: it is a list or map of such things, as "rule"
    const char *help;           // one line for the reference
};
// A table ends with a row without a name. The `members` of that row may be the root of the tables it belongs to: an
// unknown key is then told where among them it belongs.

// Fills *out with the fallbacks. *out must be zeroed.
void keys_defaults(const struct key *keys, void *out);
// Reads the keys that are present in `map` into *out and leaves the others as they are (so defaults can be read before
// a rule). Text that is replaced is freed. All problems are collected; keys with problems keep their value. A group
// without a value is an empty one. ERR_SYNTAX if there was an error.
enum err keys_read(const struct key *keys, const struct yaml_node *map, void *out,
                   struct problems *problems) MUST_CHECK;
// Is a required key that is missing in the map only misspelt there? Then it is told as an unknown key already.
bool keys_misspelt(const struct key *keys, const struct yaml_node *map, const char *name);
// Does the node, if it is a map, have any of these keys?
bool keys_has_any(const struct key *keys, const struct yaml_node *node);
// Has the map a key of `keys` that is none of its own?
bool keys_has_foreign(const struct key *keys, const struct key *own, const struct yaml_node *node);
// The key whose names on all levels, joined by any number of '_', are `joined`: these names joined by "__", as an
// environment variable has them. NULL if there is none; the caller frees it.
char *keys_find_joined(const struct key *root, const char *joined);
// Frees what keys_defaults and keys_read allocated in *out.
void keys_free(const struct key *keys, void *out);
