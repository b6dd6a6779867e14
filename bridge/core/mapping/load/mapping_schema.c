#include "core/mapping/load/mapping_schema.h"

#include "base/buf.h"
#include "base/json/json.h"
#include "base/mem.h"
#include "base/options/options_schema.h"
#include "core/mapping/load/mapping_load.h"
#include "core/mapping/rule.h"
#include "core/platform/code.h"
#include "core/platform/name.h"

#define REF(name)     "{\"$ref\":\"#/definitions/" name "\"}"
#define LIST_OF(item) "{\"type\":\"array\",\"items\":" item ",\"minItems\":1}"
#define MAP_OF(item)  "{\"type\":\"object\",\"additionalProperties\":" item "}"
#define ANY_OF(a, b)  "{\"anyOf\":[" a "," b "]}"
#define WORD(word)    "{\"const\":\"" word "\"}"
#define REQUIRED(key) "{\"required\":[\"" key "\"]}"
#define SCALAR        "\"string\",\"number\",\"boolean\""

#define NUMBER_(text) #text
#define NUMBER(value) NUMBER_(value)

// Keys of rules that `defaults` can have too.
#define SHARED_SHAPES(table)                                                                                           \
    {table, "product_key", REF("product_key")}, {table, "reply", ANY_OF(WORD("none"), REF("reply"))},                  \
        {table, "batch", ANY_OF(WORD("off"), REF("batch"))}, {table, "id_from", REF("text")},                          \
    {                                                                                                                  \
        table, "sent_at", REF("text")                                                                                  \
    }

// clang-format off
static const struct options_schema_shape shapes[] = {
    {mapping_file_options, NULL, REQUIRED("version")},
    {mapping_file_options, "defaults", REF("defaults")},
    {mapping_file_options, "groups", "{\"type\":\"object\",\"propertyNames\":{\"pattern\":\"^[A-Za-z0-9_-]+$\"},"
                                  "\"additionalProperties\":" LIST_OF(REF("device_name")) "}"},
    {mapping_file_options, "rules", "{\"type\":\"array\",\"items\":" REF("rule") "}"},
    {mapping_file_options, "tests", "{\"type\":\"array\",\"items\":" REF("test") "}"},

    {mapping_rule_options, NULL, "{\"required\":[\"name\",\"topic\"],"
                              "\"oneOf\":[" REQUIRED("invoke") "," REQUIRED("call") "]}"},
    {mapping_rule_options, "name", "{\"type\":[" SCALAR "],\"minLength\":1,\"maxLength\":" NUMBER(MAPPING_MAX_NAME_BYTES) "}"},
    {mapping_rule_options, "topic", "{\"type\":[" SCALAR "],\"minLength\":1}"},
    {mapping_rule_options, "where", MAP_OF(ANY_OF(REF("text"), LIST_OF(REF("text"))))},
    {mapping_rule_options, "invoke", REF("invoke")},
    {mapping_rule_options, "call", REF("call")},
    SHARED_SHAPES(mapping_rule_options),
    SHARED_SHAPES(mapping_default_options),

    {mapping_invoke_options, NULL, "{\"required\":[\"identifier\"],\"oneOf\":[" REQUIRED("device") ","
                                REQUIRED("devices") "," REQUIRED("iot_id") "]}"},
    {mapping_invoke_options, "identifier", REF("identifier_template")},
    {mapping_invoke_options, "device", REF("device_name_template")},
    {mapping_invoke_options, "devices", ANY_OF(REF("device_name_template"), LIST_OF(REF("device_name_template")))},
    {mapping_invoke_options, "iot_id", REF("iot_id_template")},
    {mapping_invoke_options, "product_key", REF("product_key")},
    {mapping_invoke_options, "args", ANY_OF("{\"type\":\"object\"}", "{\"type\":\"string\",\"pattern\":\"[$][{]\"}")},
    {mapping_call_options, NULL, REQUIRED("action")},
    {mapping_call_options, "action", REF("action")},
    {mapping_call_options, "parameters", "{\"type\":\"object\",\"propertyNames\":" REF("parameter") "}"},
    {mapping_reply_options, "ack", "{\"type\":[" SCALAR "],\"minLength\":1}"},
    {mapping_reply_options, "result", "{\"type\":[" SCALAR "],\"minLength\":1}"},

    {mapping_test_options, NULL, "{\"required\":[\"topic\",\"expect\"]}"},
    {mapping_test_options, "topic", "{\"type\":[" SCALAR "],\"pattern\":\"^[^+#]+$\"}"},
    {mapping_test_options, "response_topic", "{\"type\":[" SCALAR "],\"pattern\":\"^[^+#]+$\"}"},
    {mapping_test_options, "properties", MAP_OF("{\"type\":[" SCALAR ",\"null\"]}")},
    {mapping_test_options, "answer", ANY_OF(REF("answer"), LIST_OF(REF("answer")))},
    {mapping_test_options, "expect", REF("expect")},
    // A parameter of the request begins with a capital letter.
    {mapping_expect_options, NULL, "{\"minProperties\":1,\"patternProperties\":{\"^[A-Z]\":{}}}"},
    {mapping_expect_options, "rejected", REF("error_code")},
    {mapping_expect_options, "reply", REF("expect_reply")},
    {mapping_expect_reply_options, "status", REF("status")},
    {mapping_expect_reply_options, "code", REF("error_code")},
    {0},
};

static const struct options_schema_table tables[] = {
    {"defaults", mapping_default_options}, {"rule", mapping_rule_options},     {"invoke", mapping_invoke_options},
    {"call", mapping_call_options},        {"reply", mapping_reply_options},   {"batch", mapping_batch_options},
    {"test", mapping_test_options},        {"answer", mapping_answer_options}, {"expect", mapping_expect_options},
    {"expect_reply", mapping_expect_reply_options},
    {0},
};
// clang-format on

// `or_template`: what a template gives is known when a command comes.
static void define_name(struct json_object *schema, const char *definition, enum name_kind kind, bool or_template)
{
    AUTO_FREE char *pattern = name_pattern(kind);
    AUTO_FREE char *text = mem_printf("%s%s", pattern, or_template ? "|[$][{]" : "");
    struct json_object *name = options_schema_parse("{\"type\":[" SCALAR "]}");
    json_put_text(name, "pattern", text);
    options_schema_define(schema, definition, name);
}

static void define_words(struct json_object *schema, const char *definition, struct json_object *words)
{
    struct json_object *choice = json_new_map();
    json_put(choice, "enum", words);
    options_schema_define(schema, definition, choice);
}

static struct json_object *error_codes(void)
{
    struct json_object *codes = json_new_list();
    for (size_t i = 0; error_code_at(i) != NULL; i++) {
        json_add(codes, json_new_text(error_code_at(i)->code));
    }
    return codes;
}

static struct json_object *statuses(void)
{
    struct json_object *names = json_new_list();
    for (enum status status = STATUS_OK; status <= STATUS_QUEUED; status++) {
        json_add(names, json_new_text(status_name(status)));
    }
    return names;
}

struct json_object *mapping_schema(void)
{
    static const struct options_schema parts = {"thingbridge mapping file", mapping_file_options, tables, shapes};
    struct json_object *schema = options_schema_create(&parts);
    define_name(schema, "product_key", NAME_PRODUCT_KEY, false);
    define_name(schema, "device_name", NAME_DEVICE, false);
    define_name(schema, "action", NAME_ACTION, false);
    define_name(schema, "parameter", NAME_PARAMETER, false);
    define_name(schema, "device_name_template", NAME_DEVICE, true);
    define_name(schema, "iot_id_template", NAME_IOT_ID, true);
    define_name(schema, "identifier_template", NAME_IDENTIFIER, true);
    define_words(schema, "error_code", error_codes());
    define_words(schema, "status", statuses());
    return schema;
}
