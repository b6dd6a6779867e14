// The JSON Schema (draft-07) of files that are read by tables of options, for editors. What a row says becomes the
// schema of its key; what the module that owns a table reads further (OPTION_NODE) or demands besides is in shapes.
#pragma once

#include "base/options/options.h"

struct json_object;

// A shape is the text of a schema. It may refer to "#/definitions/NAME": `text` (any scalar but null), `rate`, the
// tables of the schema and what its owner adds.
struct options_schema_shape {
    const struct option_row *table;
    const char *key;  // its schema in place of what the row's type gives; NULL: added to the table's own schema
    const char *json; // a map
};

// A table that becomes the definition `name`.
struct options_schema_table {
    const char *name;
    const struct option_row *rows;
};

struct options_schema {
    const char *title;
    const struct option_row *root;
    const struct options_schema_table *tables; // ends with a row without a name
    const struct options_schema_shape *shapes; // ends with a row without a table
};

// The whole schema; caller frees. Its owner may add to `definitions`.
struct json_object *options_schema_create(const struct options_schema *schema);
void options_schema_define(struct json_object *schema, const char *name, struct json_object *definition); // takes it
// A schema from its text, which is part of the program.
struct json_object *options_schema_parse(const char *json);
