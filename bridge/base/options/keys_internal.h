// Shared by keys.c (walks tables), keys_places.c (finds keys in them), keys_values.c (reads one value) and
// keys_schema.c (describes them) only.
#pragma once

#include "base/options/keys.h"

// The value of one key while it is read.
struct reading {
    const struct key *key;
    const struct yaml_node *node;
    const char *path; // "mqtt.tls.ca_file", for problems
    void *field;      // where it goes
    struct problems *problems;
};

// Reads a value of any type but KEY_GROUP. False if there was a problem; the field is then as it was.
bool values_read(const struct reading *reading);
// Frees what the field holds and zeroes it; any type but KEY_GROUP.
void values_free(const struct key *key, void *field);
// "it is a list": the problem of a value of the wrong kind. Returns false.
bool values_wrong(const struct reading *reading);

#define VALUES_NUMBER_LEN 32
// A bound of KEY_INT, KEY_DURATION or KEY_SIZE in the largest unit that shows it exactly.
void values_number(enum key_type type, int64_t value, char out[VALUES_NUMBER_LEN]);

// Where a key that `keys` does not have is known among the tables of the same root: "one level up: a rule key", "in
// `mqtt.tls`". NULL if nowhere; the caller frees it. `path` is where `keys` is, below what is read.
char *places_describe(const struct key *keys, const char *path, const char *name);
// What a KEY_SECRET names: a file, an environment variable or a credential. Ends with NULL.
extern const char *const values_secret_keys[];

// The fallback of a row that has one: *plain filled in, or a node of *document, which the caller frees.
const struct yaml_node *keys_fallback(const struct key *key, struct yaml_node *plain, struct yaml_document **document);
