// The JSON Schema of mapping files, for editors. It knows what the tables of options say, not what `check` finds in
// templates, names that refer to others, and models.
#pragma once

struct json_object;

struct json_object *mapping_schema(void); // caller frees
