// Shared by options.c (walks tables), options_places.c (finds rows in them), options_values.c (reads one value) and
// options_schema.c (describes them) only.
#pragma once

#include "base/options/options.h"

// The value of one option while it is read.
struct option_reading {
    const struct option_row *row;
    const struct yaml_node *node;
    const char *path; // "mqtt.tls.ca_file", for problems
    void *field;      // where it goes
    struct problems *problems;
};

// Reads a value of any type but OPTION_GROUP. False if there was a problem; the field is then as it was.
bool options_value_read(const struct option_reading *reading);
// Frees what the field holds and zeroes it; any type but OPTION_GROUP.
void options_value_free(const struct option_row *row, void *field);
// "it is a list": the problem of a value of the wrong kind. Returns false.
bool options_value_wrong(const struct option_reading *reading);

#define OPTIONS_NUMBER_LEN 32
// A bound of OPTION_INT, OPTION_DURATION or OPTION_SIZE in the largest unit that shows it exactly.
void options_value_number(enum option_type type, int64_t value, char out[OPTIONS_NUMBER_LEN]);

// Where a key that the table does not have is known among the tables of the same root: "one level up: a rule key", "in
// `mqtt.tls`". NULL if nowhere; the caller frees it. `path` is where the table is, below what is read.
char *options_describe_place(const struct option_row *table, const char *path, const char *name);
// What a OPTION_SECRET names: a file, an environment variable or a credential. Ends with NULL.
extern const char *const options_secret_sources[];

// The fallback of a row that has one: *plain filled in, or a node of *document, which the caller frees.
const struct yaml_node *options_fallback(const struct option_row *row, struct yaml_node *plain,
                                         struct yaml_document **document);
