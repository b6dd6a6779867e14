#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/json/json.h"
#include "base/mem.h"
#include "base/options/options_schema.h"

static const char *const versions[] = {"5", "3.1.1", NULL};
static const struct option_row inner_keys[] = {
    {.name = "file", .type = OPTION_TEXT, .empty_ok = true, .help = "a file"}, {0}};
static const struct option_row keys[] = {
    {.name = "wait", .type = OPTION_DURATION, .fallback = "60s", .min = 1000, .max = 3600000, .help = "how long"},
    {.name = "keep", .type = OPTION_DURATION, .min = 0, .max = 1000, .help = "how long"},
    {.name = "count", .type = OPTION_INT, .fallback = "64", .min = 1, .max = 1000, .help = "how many"},
    {.name = "bytes", .type = OPTION_SIZE, .min = 1024, .max = 1048576, .help = "how large"},
    {.name = "version", .type = OPTION_CHOICE, .fallback = "\"5\"", .choices = versions, .help = "which"},
    {.name = "tls", .type = OPTION_GROUP, .members = inner_keys, .help = "group"},
    {.name = "part", .type = OPTION_NODE, .help = "a part"},
    {.name = "any", .type = OPTION_NODE, .help = "anything"},
    {0},
};
static const struct options_schema_table tables[] = {{"part", inner_keys}, {0}};
static const struct options_schema_shape shapes[] = {
    {keys, NULL, "{\"required\":[\"count\"]}"},
    {keys, "part", "{\"$ref\":\"#/definitions/part\"}"},
    {0},
};

static struct json_object *create(void)
{
    static const struct options_schema schema = {"a title", keys, tables, shapes};
    return options_schema_create(&schema);
}

static struct json_object *get(struct json_object *map, const char *name)
{
    struct json_object *value = NULL;
    assert_true(json_member(map, name, &value));
    return value;
}

static void expect(struct json_object *value, const char *json)
{
    AUTO_FREE char *text = json_print(value);
    assert_string_equal(text, json);
}

static void expect_key(const char *name, const char *json)
{
    AUTO_JSON struct json_object *schema = create();
    expect(get(get(schema, "properties"), name), json);
}

static void a_key_that_is_not_in_the_table_is_refused(void **state)
{
    (void)state;
    AUTO_JSON struct json_object *schema = create();
    assert_false(json_bool(get(schema, "additionalProperties")));
    assert_false(json_bool(get(get(get(schema, "definitions"), "part"), "additionalProperties")));
}

static void a_table_s_shape_is_added_to_it(void **state)
{
    (void)state;
    AUTO_JSON struct json_object *schema = create();
    expect(get(schema, "required"), "[\"count\"]");
}

static void a_duration_tells_its_range_in_words(void **state)
{
    (void)state;
    expect_key("wait", "{\"type\":\"string\",\"pattern\":\"^0*[1-9][0-9]*(ms|s|m|h|d)$\","
                       "\"description\":\"how long; from 1s to 1h\",\"default\":\"60s\"}");
}

static void only_a_duration_that_may_be_zero_can_stand_without_unit(void **state)
{
    (void)state;
    expect_key("keep", "{\"anyOf\":[{\"type\":\"string\",\"pattern\":\"^([0-9]+(ms|s|m|h|d)|0+)$\"},{\"const\":0}],"
                       "\"description\":\"how long; from 0ms to 1s\"}");
}

static void an_integer_has_its_bounds_and_its_default(void **state)
{
    (void)state;
    expect_key("count", "{\"type\":\"integer\",\"minimum\":1,\"maximum\":1000,\"description\":\"how many\","
                        "\"default\":64}");
}

static void a_size_is_bytes_or_text_with_a_unit(void **state)
{
    (void)state;
    expect_key("bytes", "{\"anyOf\":[{\"type\":\"integer\",\"minimum\":1024,\"maximum\":1048576},"
                        "{\"type\":\"string\",\"pattern\":\"^[0-9]+(KiB|MiB|GiB)?$\"}],"
                        "\"description\":\"how large; from 1KiB to 1MiB\"}");
}

static void a_word_that_looks_like_a_number_needs_no_quotes(void **state)
{
    (void)state;
    expect_key("version", "{\"enum\":[\"5\",5,\"3.1.1\"],\"description\":\"which\",\"default\":\"5\"}");
}

static void a_group_and_a_text_that_may_be_empty_take_null(void **state)
{
    (void)state;
    expect_key("tls", "{\"type\":[\"object\",\"null\"],\"additionalProperties\":false,\"properties\":{\"file\":"
                      "{\"type\":[\"string\",\"number\",\"boolean\",\"null\"],\"description\":\"a file\"}},"
                      "\"description\":\"group\"}");
}

static void a_reference_keeps_the_description_beside_it(void **state)
{
    (void)state;
    expect_key("part", "{\"allOf\":[{\"$ref\":\"#/definitions/part\"}],\"description\":\"a part\"}");
}

static void a_node_without_shape_takes_anything(void **state)
{
    (void)state;
    expect_key("any", "{\"description\":\"anything\"}");
}

static void an_owner_can_add_definitions(void **state)
{
    (void)state;
    AUTO_JSON struct json_object *schema = create();
    options_schema_define(schema, "word", options_schema_parse("{\"enum\":[\"a\"]}"));
    expect(get(get(schema, "definitions"), "word"), "{\"enum\":[\"a\"]}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_that_is_not_in_the_table_is_refused),
        cmocka_unit_test(a_table_s_shape_is_added_to_it),
        cmocka_unit_test(a_duration_tells_its_range_in_words),
        cmocka_unit_test(only_a_duration_that_may_be_zero_can_stand_without_unit),
        cmocka_unit_test(an_integer_has_its_bounds_and_its_default),
        cmocka_unit_test(a_size_is_bytes_or_text_with_a_unit),
        cmocka_unit_test(a_word_that_looks_like_a_number_needs_no_quotes),
        cmocka_unit_test(a_group_and_a_text_that_may_be_empty_take_null),
        cmocka_unit_test(a_reference_keeps_the_description_beside_it),
        cmocka_unit_test(a_node_without_shape_takes_anything),
        cmocka_unit_test(an_owner_can_add_definitions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
