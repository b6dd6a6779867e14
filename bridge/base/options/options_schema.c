// Each table of options becomes an object whose members are its rows: the type gives the schema of the value, bounds,
// choices and the fallback are added, and what the table does not say is taken from the owner's shapes, which are
// schemas as text.
#include "base/options/options_schema.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json/json.h"
#include "base/mem.h"
#include "base/options/options_internal.h"

#define TEXT "{\"type\":[\"string\",\"number\",\"boolean\"]}"
#define RATE "{\"type\":\"string\",\"pattern\":\"^(?=.*[1-9])[0-9]+([.][0-9]+)?/[smh]$\",\"maxLength\":20}"
// What str_parse_duration_ms and str_parse_size take. A number alone is bytes; of a duration only 0 needs no unit.
#define DURATION_ABOVE_0 "{\"type\":\"string\",\"pattern\":\"^0*[1-9][0-9]*(ms|s|m|h|d)$\"}"
#define DURATION         "{\"anyOf\":[{\"type\":\"string\",\"pattern\":\"^([0-9]+(ms|s|m|h|d)|0+)$\"},{\"const\":0}]}"
#define SIZE_TEXT        "{\"type\":\"string\",\"pattern\":\"^[0-9]+(KiB|MiB|GiB)?$\"}"
#define TEXT_LIST        "{\"anyOf\":[" TEXT ",{\"type\":\"array\",\"items\":" TEXT "}]}"
#define TEXT_NOT_EMPTY   "{\"type\":[\"string\",\"number\",\"boolean\"],\"minLength\":1}"
#define SECRET                                                                                                         \
    "{\"type\":[\"object\"],\"properties\":{\"file\":" TEXT_NOT_EMPTY ",\"env\":" TEXT_NOT_EMPTY                       \
    ",\"credential\":" TEXT_NOT_EMPTY "},\"additionalProperties\":false,\"minProperties\":1,\"maxProperties\":1}"

struct json_object *options_schema_parse(const char *json)
{
    struct json_object *value = NULL;
    struct diag diag;
    if (json_parse(json, strlen(json), &(struct json_limits){.max_depth = 32}, &value, &diag) != ERR_OK) {
        abort();
    }
    return value;
}

void options_schema_define(struct json_object *schema, const char *name, struct json_object *definition)
{
    json_put(json_get(schema, "definitions"), name, definition);
}

static struct json_object *int_schema(const struct option_row *row)
{
    struct json_object *schema = options_schema_parse("{\"type\":\"integer\"}");
    if (row->min != 0 || row->max != 0) {
        json_put(schema, "minimum", json_new_int(row->min));
        json_put(schema, "maximum", json_new_int(row->max));
    }
    return schema;
}

static struct json_object *size_schema(const struct option_row *row)
{
    struct json_object *schema = options_schema_parse("{\"anyOf\":[]}");
    struct json_object *forms = json_get(schema, "anyOf");
    json_add(forms, int_schema(row));
    json_add(forms, options_schema_parse(SIZE_TEXT));
    return schema;
}

// A word such as "5" may be in the file without quotes, where it is a number.
static struct json_object *choice_schema(const struct option_row *row)
{
    struct json_object *words = json_new_list();
    for (size_t i = 0; row->choices[i] != NULL; i++) {
        json_add(words, json_new_text(row->choices[i]));
        struct yaml_node plain = {.kind = YAML_SCALAR, .text = (char *)row->choices[i]};
        if (yaml_type(&plain) != YAML_TEXT) {
            json_add(words, yaml_to_json(&plain));
        }
    }
    struct json_object *schema = json_new_map();
    json_put(schema, "enum", words);
    return schema;
}

static struct json_object *nullable(struct json_object *schema, const struct option_row *row)
{
    if (row->empty_ok) {
        json_add(json_get(schema, "type"), json_new_text("null"));
    }
    return schema;
}

static struct json_object *table_schema(const struct option_row *table, const struct options_schema_shape *shapes);

static struct json_object *group_schema(const struct option_row *row, const struct options_schema_shape *shapes)
{
    struct json_object *schema = table_schema(row->members, shapes);
    json_put(schema, "type", options_schema_parse("[\"object\",\"null\"]"));
    return schema;
}

static struct json_object *type_schema(const struct option_row *row, const struct options_schema_shape *shapes)
{
    switch (row->type) {
    case OPTION_TEXT:
        return nullable(options_schema_parse(row->min > 0 ? TEXT_NOT_EMPTY : TEXT), row);
    case OPTION_BOOL:
        return options_schema_parse("{\"type\":\"boolean\"}");
    case OPTION_INT:
        return int_schema(row);
    case OPTION_DURATION:
        return options_schema_parse(row->min > 0 ? DURATION_ABOVE_0 : DURATION);
    case OPTION_SIZE:
        return size_schema(row);
    case OPTION_RATE:
        return options_schema_parse(RATE);
    case OPTION_FRACTION:
        return options_schema_parse("{\"type\":\"number\",\"exclusiveMinimum\":0,\"maximum\":1}");
    case OPTION_CHOICE:
        return choice_schema(row);
    case OPTION_TEXT_LIST:
        return options_schema_parse(TEXT_LIST);
    case OPTION_SECRET:
        return nullable(options_schema_parse(SECRET), row);
    case OPTION_GROUP:
        return group_schema(row, shapes);
    case OPTION_NODE:
        break;
    }
    return json_new_map();
}

static const char *find_shape(const struct options_schema_shape *shapes, const struct option_row *table,
                              const char *name)
{
    for (; shapes->table != NULL; shapes++) {
        bool same = name == NULL || shapes->key == NULL ? name == shapes->key : strcmp(name, shapes->key) == 0;
        if (same && shapes->table == table) {
            return shapes->json;
        }
    }
    return NULL;
}

// Draft-07 ignores whatever stands beside a $ref, and a description will.
static struct json_object *shape_schema(const char *json)
{
    struct json_object *shape = options_schema_parse(json);
    if (json_get(shape, "$ref") == NULL) {
        return shape;
    }
    struct json_object *schema = options_schema_parse("{\"allOf\":[]}");
    json_add(json_get(schema, "allOf"), shape);
    return schema;
}

// A pattern cannot say the range of a text with a unit, so the description does.
static void put_description(struct json_object *schema, const struct option_row *row)
{
    AUTO_BUF struct buf text = {0};
    buf_text(&text, row->help);
    bool has_unit = row->type == OPTION_DURATION || row->type == OPTION_SIZE;
    if (has_unit && (row->min != 0 || row->max != 0)) {
        char min[OPTIONS_NUMBER_LEN];
        char max[OPTIONS_NUMBER_LEN];
        options_value_number(row->type, row->min, min);
        options_value_number(row->type, row->max, max);
        buf_printf(&text, "; from %s to %s", min, max);
    }
    json_put_text(schema, "description", text.data);
}

static void put_default(struct json_object *schema, const struct option_row *row)
{
    AUTO_YAML struct yaml_document *document = NULL;
    struct yaml_node plain;
    if (row->fallback != NULL) {
        json_put(schema, "default", yaml_to_json(options_fallback(row, &plain, &document)));
    }
}

static struct json_object *row_schema(const struct option_row *table, const struct option_row *row,
                                      const struct options_schema_shape *shapes)
{
    const char *shape = find_shape(shapes, table, row->name);
    struct json_object *schema = shape != NULL ? shape_schema(shape) : type_schema(row, shapes);
    put_description(schema, row);
    put_default(schema, row);
    return schema;
}

static bool copy_member(void *context, const char *name, struct json_object *value)
{
    json_put(context, name, json_ref(value));
    return true;
}

static struct json_object *table_schema(const struct option_row *table, const struct options_schema_shape *shapes)
{
    struct json_object *schema = options_schema_parse("{\"type\":\"object\",\"additionalProperties\":false}");
    struct json_object *properties = json_new_map();
    const char *own = find_shape(shapes, table, NULL);
    if (own != NULL) {
        AUTO_JSON struct json_object *shape = options_schema_parse(own);
        json_each(shape, copy_member, schema);
    }
    for (const struct option_row *row = table; row->name != NULL; row++) {
        json_put(properties, row->name, row_schema(table, row, shapes));
    }
    json_put(schema, "properties", properties);
    return schema;
}

struct json_object *options_schema_create(const struct options_schema *schema)
{
    struct json_object *out = json_new_map();
    json_put_text(out, "$schema", "http://json-schema.org/draft-07/schema#");
    json_put_text(out, "title", schema->title);
    AUTO_JSON struct json_object *root = table_schema(schema->root, schema->shapes);
    json_each(root, copy_member, out);
    json_put(out, "definitions", json_new_map());
    options_schema_define(out, "text", options_schema_parse(TEXT));
    options_schema_define(out, "rate", options_schema_parse(RATE));
    for (const struct options_schema_table *table = schema->tables; table->name != NULL; table++) {
        options_schema_define(out, table->name, table_schema(table->rows, schema->shapes));
    }
    return out;
}
