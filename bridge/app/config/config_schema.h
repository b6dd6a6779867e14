// The JSON Schema of the configuration file, for editors. No key is required in it: the environment may give it.
#pragma once

struct json_object;

struct json_object *config_schema(void); // caller frees
