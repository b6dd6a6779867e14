#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/json/json.h"
#include "base/mem.h"

static const struct json_limits limits = {.max_depth = 32};

static void check_is(const char *text, size_t len, enum err expected, const char *words)
{
    struct diag diag = {{0}};
    enum err err = json_check(text, len, &limits, &diag);
    if (err != expected || strstr(diag.text, words) == NULL) {
        fail_msg("%s: error %d, \"%s\"", text, (int)err, diag.text);
    }
}

static struct json_object *parsed(const char *text)
{
    struct diag diag;
    struct json_object *value = NULL;
    if (json_parse(text, strlen(text), &limits, &value, &diag) != ERR_OK) {
        fail_msg("%s: %s", text, diag.text);
    }
    return value;
}

static void prints_as(const char *text, const char *expected)
{
    AUTO_JSON struct json_object *value = parsed(text);
    AUTO_FREE char *printed = json_print(value);
    assert_string_equal(printed, expected);
}

static void well_formed_json_passes(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "0",
        "-0",
        "1",
        "-17",
        "1.5",
        "1e5",
        "1E+5",
        "1e-5",
        "-0.0",
        "true",
        "false",
        "null",
        "\"\"",
        "[]",
        "{}",
        "[[],{}]",
        " \t\r\n[ 1 , 2 ] \n",
        "{\"a\":{\"b\":[null,true]}}",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\"",
        "\"\\uD83D\\uDE00\"",
        "\"\xC3\xA9\xF0\x9F\x98\x80\x7F\"",
        "18446744073709551615",
        "-9223372036854775808",
        "1.7976931348623157e308",
        "1e-400",
        "{\"a\":1,\"a\":2}",
        "0e0",
        "123456789012345678901234567890.5",
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        check_is(texts[i], strlen(texts[i]), ERR_OK, "");
    }
}

static void malformed_json_is_refused_with_its_place(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *words;
    } rows[] = {
        {"", "byte 1: the text ends too early"},
        {"  ", "byte 3: the text ends too early"},
        {"nul", "byte 1: expected a value"},
        {"nullx", "byte 5: something follows"},
        {"True", "byte 1: expected a value"},
        {"NaN", "expected a value"},
        {"Infinity", "expected a value"},
        {"-Infinity", "byte 2: a digit is missing"},
        {"'a'", "expected a value"},
        {"[1,]", "byte 4: expected a value"},
        {"[1 2]", "byte 4: expected , or ]"},
        {"[1", "byte 3: the text ends too early"},
        {"]", "expected a value"},
        {"{\"a\"}", "byte 5: expected :"},
        {"{\"a\":}", "byte 6: expected a value"},
        {"{\"a\":1,}", "byte 8: expected a member's name"},
        {"{a:1}", "byte 2: expected a member's name"},
        {"{\"a\":1 \"b\":2}", "expected , or }"},
        {"{1:2}", "expected a member's name"},
        {"01", "byte 1: a number may not begin with 0"},
        {"-01", "byte 1: a number may not begin with 0"},
        {"+1", "expected a value"},
        {".5", "expected a value"},
        {"1.", "ends too early"},
        {"1.x", "byte 3: a digit is missing after the decimal point"},
        {"1e", "ends too early"},
        {"[1e+]", "a digit is missing in the exponent"},
        {"- 1", "byte 2: a digit is missing"},
        {"0x10", "byte 2: something follows"},
        {"1 2", "byte 3: something follows"},
        {"\"abc", "byte 5: the text ends too early"},
        {"\"a\nb\"", "byte 3: a control character"},
        {"\"\\x41\"", "byte 3: unknown escape"},
        {"\"\\", "ends too early"},
        {"\"\\u00g0\"", "four hexadecimal digits"},
        {"\"\\u12", "ends too early"},
        {"\"\\u0000\"", "byte 2: NUL"},
        {"{\"a\\u0000b\":1}", "byte 4: NUL"},
        {"\"\\ud800\"", "byte 2: a surrogate without"},
        {"\"\\udc00\"", "byte 2: a surrogate without"},
        {"\"\\ud800\\u0041\"", "a surrogate without"},
        {"\"\\ud800\\n\"", "a surrogate without"},
        {"\"\xC3(\"", "byte 2: the text that begins here is not valid UTF-8"},
        {"[\"ok\",\"\xED\xA0\x80\"]", "byte 8: the text that begins here is not valid UTF-8"},
        {"{\"\xC0\x80\":1}", "not valid UTF-8"},
        {"\xEF\xBB\xBF[]", "byte 1: expected a value"},
        {"/* no */ 1", "expected a value"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        check_is(rows[i].text, strlen(rows[i].text), ERR_SYNTAX, rows[i].words);
    }
}

static void nul_bytes_are_refused_everywhere(void **state)
{
    (void)state;
    check_is("1\0", 2, ERR_SYNTAX, "byte 2: something follows");
    check_is("\0", 1, ERR_SYNTAX, "byte 1: expected a value");
    check_is("\"a\0b\"", 5, ERR_SYNTAX, "byte 3: NUL");
    check_is("[\0]", 3, ERR_SYNTAX, "expected a value");
}

static void the_check_reads_no_further_than_the_length(void **state)
{
    (void)state;
    check_is("[1]x", 3, ERR_OK, "");
    check_is("true", 3, ERR_SYNTAX, "expected a value");
    check_is("\"\xE2\x82\xAC\"", 3, ERR_SYNTAX, "ends too early");
}

static void numbers_beyond_64_bits_are_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "18446744073709551616",  "-9223372036854775809", "[1,99999999999999999999999]", "1e309", "-1e400",
        "1e99999999999999999999"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        check_is(texts[i], strlen(texts[i]), ERR_LIMIT, "the number");
        assert_false(json_too_deep(texts[i], strlen(texts[i]), &limits));
    }
    char digits[401];
    memset(digits, '9', 400);
    digits[398] = '.';
    check_is(digits, 400, ERR_LIMIT, "the number is too large");
}

static char *nested(size_t levels)
{
    char *text = mem_alloc(2 * levels + 1);
    memset(text, '[', levels);
    memset(text + levels, ']', levels);
    return text;
}

static void nesting_is_bounded(void **state)
{
    (void)state;
    AUTO_FREE char *fits = nested(32);
    AUTO_FREE char *deep = nested(33);
    check_is(fits, strlen(fits), ERR_OK, "");
    check_is(deep, strlen(deep), ERR_LIMIT, "byte 33: nested deeper than 32 levels");
    assert_true(json_too_deep(deep, strlen(deep), &limits));
    assert_false(json_too_deep(fits, strlen(fits), &limits));
    assert_false(json_too_deep("[", 1, &limits));
}

static void no_limit_is_above_the_general_one(void **state)
{
    (void)state;
    struct json_limits generous = {.max_depth = SIZE_MAX};
    struct diag diag;
    struct json_object *value = NULL;
    AUTO_FREE char *fits = nested(JSON_DEPTH_MAX);
    AUTO_FREE char *deep = nested(JSON_DEPTH_MAX + 1);
    assert_int_equal(json_parse(fits, strlen(fits), &generous, &value, &diag), ERR_OK);
    json_free(value);
    assert_int_equal(json_parse(deep, strlen(deep), &generous, &value, &diag), ERR_LIMIT);
}

static void a_refused_text_gives_no_value(void **state)
{
    (void)state;
    struct diag diag;
    struct json_object *value = NULL;
    assert_int_equal(json_parse("[1,", 3, &limits, &value, &diag), ERR_SYNTAX);
    assert_null(value);
}

static void the_id_can_be_read_where_only_a_limit_was_exceeded(void **state)
{
    (void)state;
    const char *text = "{\"$id\":\"x\",\"n\":99999999999999999999,\"m\":1e999}";
    struct json_object *value = NULL;
    assert_int_equal(json_parse_lenient(text, strlen(text), &value), ERR_OK);
    assert_string_equal(json_member_text(value, "$id"), "x");
    json_free(value);
    AUTO_FREE char *deep = nested(100);
    assert_int_equal(json_parse_lenient(deep, strlen(deep), &value), ERR_OK);
    json_free(value);
    value = NULL;
    assert_int_equal(json_parse_lenient("{", 1, &value), ERR_SYNTAX);
    AUTO_FREE char *bottomless = nested(JSON_DEPTH_MAX + 1);
    assert_int_equal(json_parse_lenient(bottomless, strlen(bottomless), &value), ERR_LIMIT);
    assert_null(value);
}

static void expect_any_number(const char *text, const char *printed)
{
    struct diag diag;
    AUTO_JSON struct json_object *value = NULL;
    assert_int_equal(json_parse_any_number(text, strlen(text), &limits, &value, &diag), ERR_OK);
    AUTO_FREE char *found = json_print(value);
    assert_string_equal(found, printed);
}

static void a_number_beyond_64_bits_can_become_text(void **state)
{
    (void)state;
    expect_any_number("{\"a\":18446744073709551616,\"b\":[-9223372036854775809, 1e999 ],\"c\":1.50}",
                      "{\"a\":\"18446744073709551616\",\"b\":[\"-9223372036854775809\",\"1e999\"],\"c\":1.50}");
    expect_any_number("18446744073709551616", "\"18446744073709551616\"");
    expect_any_number("[18446744073709551615,-9223372036854775808]", "[18446744073709551615,-9223372036854775808]");
    expect_any_number("{\"18446744073709551616\":\"18446744073709551616\"}",
                      "{\"18446744073709551616\":\"18446744073709551616\"}");
    struct diag diag;
    struct json_object *value = NULL;
    assert_int_equal(json_parse_any_number("[18446744073709551616", 21, &limits, &value, &diag), ERR_SYNTAX);
    assert_int_equal(json_parse_any_number("[018446744073709551616]", 23, &limits, &value, &diag), ERR_SYNTAX);
    AUTO_FREE char *deep = nested(limits.max_depth + 1);
    assert_int_equal(json_parse_any_number(deep, strlen(deep), &limits, &value, &diag), ERR_LIMIT);
    assert_null(value);
}

static void number_text_is_kept(void **state)
{
    (void)state;
    prints_as("10.0", "10.0");
    prints_as("[1.10,1e2,1E+2,-0.0]", "[1.10,1e2,1E+2,-0.0]");
    prints_as("18446744073709551615", "18446744073709551615");
    prints_as("-9223372036854775808", "-9223372036854775808");
    prints_as("123456789012345678901234567890.5", "123456789012345678901234567890.5");
}

static void text_is_printed_compactly_and_slashes_stay(void **state)
{
    (void)state;
    prints_as(" { \"a/b\" : [ 1 , null , \"\\u00e9\\/\" ] } ", "{\"a/b\":[1,null,\"\xC3\xA9/\"]}");
    prints_as("\"\\n\\u0001\\\"\\\\\"", "\"\\n\\u0001\\\"\\\\\"");
    prints_as("null", "null");
}

static void of_duplicate_members_the_last_counts(void **state)
{
    (void)state;
    prints_as("{\"a\":1,\"b\":2,\"a\":3}", "{\"a\":3,\"b\":2}");
}

static void kinds_are_told(void **state)
{
    (void)state;
    AUTO_JSON struct json_object *list = parsed("[null,true,1,1.0,\"x\",[],{}]");
    static const char *const names[] = {"null", "boolean", "integer", "number", "text", "list", "object"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        struct json_object *item = NULL;
        assert_true(json_item(list, i, &item));
        assert_int_equal(json_kind(item), i);
        assert_string_equal(json_kind_name(json_kind(item)), names[i]);
    }
    struct json_object *none = NULL;
    assert_false(json_item(list, COUNT_OF(names), &none));
}

static void getters_of_another_kind_give_nothing(void **state)
{
    (void)state;
    AUTO_JSON struct json_object *text = json_new_text("1");
    AUTO_JSON struct json_object *real = parsed("2.5");
    struct json_object *out = NULL;
    assert_false(json_bool(text));
    assert_int_equal(json_int(text), 0);
    assert_int_equal(json_int(real), 0);
    assert_true(json_real(text) == 0);
    assert_true(json_real(real) == 2.5);
    assert_null(json_text(real));
    assert_null(json_text(NULL));
    assert_int_equal(json_count(text), 0);
    assert_int_equal(json_count(NULL), 0);
    assert_false(json_member(text, "a", &out));
    assert_false(json_item(text, 0, &out));
    assert_null(json_member_text(NULL, "a"));
}

static void integers_above_int64_saturate(void **state)
{
    (void)state;
    AUTO_JSON struct json_object *value = parsed("18446744073709551615");
    assert_true(json_int(value) == INT64_MAX);
    assert_int_equal(json_kind(value), JSON_INT);
}

static void a_member_that_is_null_exists(void **state)
{
    (void)state;
    AUTO_JSON struct json_object *map = parsed("{\"a\":null,\"b\":\"text\",\"c\":1}");
    struct json_object *value = map;
    assert_true(json_member(map, "a", &value));
    assert_null(value);
    assert_false(json_member(map, "z", &value));
    assert_string_equal(json_member_text(map, "b"), "text");
    assert_null(json_member_text(map, "c"));
    assert_int_equal(json_count(map), 3);
}

static void values_are_built_and_changed(void **state)
{
    (void)state;
    AUTO_JSON struct json_object *map = json_new_map();
    json_put(map, "int", json_new_int(INT64_MIN));
    json_put(map, "bool", json_new_bool(true));
    json_put(map, "null", NULL);
    json_put_text(map, "text", "a\"b");
    json_put_text(map, "none", NULL);
    json_put(map, "part", json_new_text_len("longer", 4));
    struct json_object *list = json_new_list();
    json_add(list, json_new_number("10.0"));
    json_add(list, json_new_number("18446744073709551615"));
    json_add(list, json_new_number("-5"));
    json_put(map, "list", list);
    json_put(map, "bool", json_new_bool(false));
    json_remove(map, "null");
    json_remove(map, "missing");
    AUTO_FREE char *text = json_print(map);
    assert_string_equal(text, "{\"int\":-9223372036854775808,\"bool\":false,\"text\":\"a\\\"b\",\"part\":\"long\","
                              "\"list\":[10.0,18446744073709551615,-5]}");
}

static void a_copy_is_deep_and_keeps_number_text(void **state)
{
    (void)state;
    AUTO_JSON struct json_object *value = parsed("{\"a\":[1.10,{\"b\":2}]}");
    AUTO_JSON struct json_object *copy = json_copy(value);
    struct json_object *list = NULL;
    assert_true(json_member(value, "a", &list));
    json_add(list, json_new_int(3));
    AUTO_FREE char *text = json_print(copy);
    assert_string_equal(text, "{\"a\":[1.10,{\"b\":2}]}");
    assert_null(json_copy(NULL));
}

static void a_value_lives_as_long_as_its_last_owner(void **state)
{
    (void)state;
    struct json_object *value = json_new_text("kept");
    struct json_object *second = json_ref(value);
    json_free(value);
    assert_string_equal(json_text(second), "kept");
    json_free(second);
    json_free(NULL);
    assert_null(json_ref(NULL));
}

static bool collect_two(void *context, const char *name, struct json_object *value)
{
    char *names = context;
    strcat(names, name);
    (void)value;
    return strlen(names) < 2;
}

static void walking_a_map_keeps_its_order_and_stops_when_told(void **state)
{
    (void)state;
    AUTO_JSON struct json_object *map = parsed("{\"z\":1,\"a\":2,\"m\":3}");
    char names[8] = "";
    json_each(map, collect_two, names);
    assert_string_equal(names, "za");
    json_each(NULL, collect_two, names);
    assert_string_equal(names, "za");
}

static void pretty_text_is_the_same_value_in_lines(void **state)
{
    (void)state;
    AUTO_JSON struct json_object *value = parsed("{\"a/b\":[1.0]}");
    AUTO_FREE char *pretty = json_print_pretty(value);
    assert_non_null(strchr(pretty, '\n'));
    prints_as(pretty, "{\"a/b\":[1.0]}");
}

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525U + 1013904223U;
    return *seed >> 8;
}

// What passes the check must be parsed by json-c, and what that prints must pass again and print the same.
static void what_passes_the_check_is_parsed_and_printed_unchanged(void **state)
{
    (void)state;
    static const char *const pieces[] = {
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"a\"",
        "\"\\u00e9\"",
        "\"\\ud83d\\ude00\"",
        "\"\"",
        "1",
        "-0",
        "0.10",
        "-1e2",
        "1E+02",
        "18446744073709551615",
        "-9223372036854775808",
        "true",
        "false",
        "null",
        " ",
        "\n",
        "{}",
        "[]",
        "{\"k\":1}",
        "\"\x7F\"",
        "\"\\\"\"",
        "\"\\/\"",
        "0e-99999999999",
        "[1,",
        "{\"a\":",
        "]}",
        "1.0000000000000000000000000000001",
    };
    uint32_t seed = 1;
    size_t passed = 0;
    for (int round = 0; round < 200000; round++) {
        char text[256] = "";
        size_t count = next_random(&seed) % 7 + 1;
        for (size_t i = 0; i < count; i++) {
            strcat(text, pieces[next_random(&seed) % COUNT_OF(pieces)]);
        }
        struct diag diag;
        struct json_object *value = NULL;
        enum err err = json_parse(text, strlen(text), &limits, &value, &diag);
        if (err == ERR_INTERNAL) {
            fail_msg("%s: %s", text, diag.text);
        }
        if (err != ERR_OK) {
            continue;
        }
        passed++;
        AUTO_FREE char *printed = json_print(value);
        json_free(value);
        prints_as(printed, printed);
    }
    assert_true(passed > 5000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(well_formed_json_passes),
        cmocka_unit_test(malformed_json_is_refused_with_its_place),
        cmocka_unit_test(nul_bytes_are_refused_everywhere),
        cmocka_unit_test(the_check_reads_no_further_than_the_length),
        cmocka_unit_test(numbers_beyond_64_bits_are_refused),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(no_limit_is_above_the_general_one),
        cmocka_unit_test(a_refused_text_gives_no_value),
        cmocka_unit_test(the_id_can_be_read_where_only_a_limit_was_exceeded),
        cmocka_unit_test(a_number_beyond_64_bits_can_become_text),
        cmocka_unit_test(number_text_is_kept),
        cmocka_unit_test(text_is_printed_compactly_and_slashes_stay),
        cmocka_unit_test(of_duplicate_members_the_last_counts),
        cmocka_unit_test(kinds_are_told),
        cmocka_unit_test(getters_of_another_kind_give_nothing),
        cmocka_unit_test(integers_above_int64_saturate),
        cmocka_unit_test(a_member_that_is_null_exists),
        cmocka_unit_test(values_are_built_and_changed),
        cmocka_unit_test(a_copy_is_deep_and_keeps_number_text),
        cmocka_unit_test(a_value_lives_as_long_as_its_last_owner),
        cmocka_unit_test(walking_a_map_keeps_its_order_and_stops_when_told),
        cmocka_unit_test(pretty_text_is_the_same_value_in_lines),
        cmocka_unit_test(what_passes_the_check_is_parsed_and_printed_unchanged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
