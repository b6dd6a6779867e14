#include "app/config/config_schema.h"

#include "app/config/config.h"
#include "base/json/json.h"
#include "base/options/keys_schema.h"
#include "core/platform/api.h"

#define REF(name) "{\"$ref\":\"#/definitions/" name "\"}"

// clang-format off
static const struct schema_shape shapes[] = {
    {config_keys, NULL, "{\"not\":{\"required\":[\"platform\",\"platforms\"]}}"},
    {config_keys, "platform", REF("platform")},
    {config_keys, "platforms", "{\"type\":\"object\",\"minProperties\":1,\"additionalProperties\":" REF("platform") "}"},
    {config_platform_keys, "parameters",
     "{\"type\":\"object\",\"propertyNames\":" REF("parameter") ",\"additionalProperties\":"
     "{\"type\":[\"string\",\"number\",\"boolean\"],\"minLength\":1}}"},
    {config_platform_keys, "limits", "{\"type\":\"object\",\"additionalProperties\":" REF("rate") "}"},
    {config_platform_keys, "errors",
     "{\"type\":\"object\",\"propertyNames\":{\"minLength\":1},\"additionalProperties\":" REF("error_class") "}"},
    {0},
};
// clang-format on

static struct json_object *enumeration(struct json_object *words)
{
    struct json_object *schema = json_new_map();
    json_put(schema, "enum", words);
    return schema;
}

static struct json_object *error_classes(void)
{
    struct json_object *names = json_new_list();
    for (enum api_class each = API_AUTH; each <= API_PERMANENT; each++) {
        json_add(names, json_new_text(api_class_name(each)));
    }
    return enumeration(names);
}

static struct json_object *parameter_names(void)
{
    struct json_object *names = json_new_list();
    for (size_t i = 0; config_own_parameters[i] != NULL; i++) {
        json_add(names, json_new_text(config_own_parameters[i]));
    }
    struct json_object *schema = json_new_map();
    json_put(schema, "not", enumeration(names));
    json_put(schema, "minLength", json_new_int(1));
    return schema;
}

struct json_object *config_schema(void)
{
    static const struct schema_table tables[] = {{"platform", config_platform_keys}, {0}};
    static const struct schema parts = {"thingbridge configuration", config_keys, tables, shapes};
    struct json_object *schema = keys_schema_create(&parts);
    keys_schema_define(schema, "error_class", error_classes());
    keys_schema_define(schema, "parameter", parameter_names());
    return schema;
}
