#include "app/config/config_schema.h"

#include "app/config/config.h"
#include "base/json/json.h"
#include "base/options/options_schema.h"
#include "core/platform/api.h"

#define REF(name) "{\"$ref\":\"#/definitions/" name "\"}"

// clang-format off
static const struct options_schema_shape shapes[] = {
    {config_options, NULL, "{\"not\":{\"required\":[\"platform\",\"platforms\"]}}"},
    {config_options, "platform", REF("platform")},
    {config_options, "platforms", "{\"type\":\"object\",\"minProperties\":1,\"additionalProperties\":" REF("platform") "}"},
    {config_platform_options, "parameters",
     "{\"type\":\"object\",\"propertyNames\":" REF("parameter") ",\"additionalProperties\":"
     "{\"type\":[\"string\",\"number\",\"boolean\"],\"minLength\":1}}"},
    {config_platform_options, "limits", "{\"type\":\"object\",\"additionalProperties\":" REF("rate") "}"},
    {config_platform_options, "errors",
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
    for (size_t i = 0; invoke_made_parameters[i] != NULL; i++) {
        json_add(names, json_new_text(invoke_made_parameters[i]));
    }
    struct json_object *schema = json_new_map();
    json_put(schema, "not", enumeration(names));
    json_put(schema, "minLength", json_new_int(1));
    return schema;
}

struct json_object *config_schema(void)
{
    static const struct options_schema_table tables[] = {{"platform", config_platform_options}, {0}};
    static const struct options_schema parts = {"thingbridge configuration", config_options, tables, shapes};
    struct json_object *schema = options_schema_create(&parts);
    options_schema_define(schema, "error_class", error_classes());
    options_schema_define(schema, "parameter", parameter_names());
    return schema;
}
