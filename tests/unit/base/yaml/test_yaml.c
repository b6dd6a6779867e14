#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/json/json.h"
#include "base/mem.h"
#include "base/yaml/yaml.h"

static struct yaml_document *loaded(const char *text)
{
    struct problems problems = {0};
    struct yaml_document *document = NULL;
    if (yaml_load_text("f.yaml", text, strlen(text), &document, &problems) != ERR_OK) {
        fail_msg("%s: %s", text, problems.items[0].text);
    }
    problems_clear(&problems);
    return document;
}

static void document_is(const struct yaml_document *document, const char *json)
{
    AUTO_JSON struct json_object *value = yaml_to_json(yaml_root(document));
    AUTO_FREE char *text = json_print(value);
    assert_string_equal(text, json);
}

static void reads_as(const char *yaml, const char *json)
{
    AUTO_YAML struct yaml_document *document = loaded(yaml);
    document_is(document, json);
}

static void maps_lists_and_scalars_become_a_tree(void **state)
{
    (void)state;
    AUTO_YAML struct yaml_document *document = loaded("rules:\n  - name: a\n    topic: \"x/+\"\n  - {name: b}\n");
    const struct yaml_node *root = yaml_root(document);
    assert_int_equal(root->kind, YAML_MAP);
    const struct yaml_node *rules = yaml_get(root, "rules");
    assert_int_equal(rules->kind, YAML_LIST);
    assert_int_equal(rules->count, 2);
    const struct yaml_node *topic = yaml_get(rules->items[0], "topic");
    assert_string_equal(topic->text, "x/+");
    assert_true(topic->quoted);
    assert_false(yaml_get(rules->items[1], "name")->quoted);
    assert_null(yaml_get(root, "missing"));
    assert_null(yaml_get(rules, "rules"));
}

static void nodes_know_their_place(void **state)
{
    (void)state;
    AUTO_YAML struct yaml_document *document = loaded("a: 1\n\xC3\xA9: [x,   y]\nmap:\n  k: \"v\"\n");
    const struct yaml_node *root = yaml_root(document);
    assert_string_equal(root->source, "f.yaml");
    const struct yaml_node *list = root->items[1];
    assert_int_equal(list->line, 2);
    assert_int_equal(list->column, 5);
    assert_int_equal(list->items[1]->column, 11);
    const struct yaml_node *value = yaml_get(root->items[2], "k");
    assert_int_equal(value->line, 4);
    assert_int_equal(value->column, 6);
    assert_int_equal(root->items[2]->keys[0]->column, 3);
}

static void places_are_right_on_a_long_line(void **state)
{
    (void)state;
    char text[60000] = "[";
    size_t len = 1;
    while (len < sizeof text - 10) {
        memcpy(text + len, "\xC3\xA9,", 4);
        len += 3;
    }
    memcpy(text + len, "]", 2);
    AUTO_YAML struct yaml_document *document = loaded(text);
    const struct yaml_node *root = yaml_root(document);
    for (size_t i = 0; i < root->count; i++) {
        assert_int_equal(root->items[i]->column, 2 + 3 * (int)i);
    }
}

static void json_is_read_too(void **state)
{
    (void)state;
    reads_as("{\"a\": [1, 1.0, true, null, \"\\u00e9\"], \"b\": {}}",
             "{\"a\":[1,1.0,true,null,\"\xC3\xA9\"],\"b\":{}}");
}

static void scalars_follow_the_core_schema(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum yaml_type type;
    } rows[] = {
        {"~", YAML_NULL},          {"null", YAML_NULL},  {"Null", YAML_NULL},     {"nULL", YAML_TEXT},
        {"true", YAML_BOOL},       {"FALSE", YAML_BOOL}, {"yes", YAML_TEXT},      {"no", YAML_TEXT},
        {"on", YAML_TEXT},         {"off", YAML_TEXT},   {"0", YAML_INT},         {"-17", YAML_INT},
        {"+5", YAML_INT},          {"007", YAML_INT},    {"0x1F", YAML_INT},      {"0o17", YAML_INT},
        {"0x", YAML_TEXT},         {"0o8", YAML_TEXT},   {"-0x1", YAML_TEXT},     {"1_000", YAML_TEXT},
        {"1.5", YAML_FLOAT},       {".5", YAML_FLOAT},   {"5.", YAML_FLOAT},      {"1e3", YAML_FLOAT},
        {"1E+3", YAML_FLOAT},      {".", YAML_TEXT},     {"1e", YAML_TEXT},       {"e1", YAML_TEXT},
        {".e1", YAML_TEXT},        {"1.2.3", YAML_TEXT}, {".inf", YAML_FLOAT},    {"-.INF", YAML_FLOAT},
        {".nan", YAML_FLOAT},      {"-.nan", YAML_TEXT}, {"12:30:45", YAML_TEXT}, {"-x", YAML_TEXT},
        {"2026-11-21", YAML_TEXT}, {"\"5\"", YAML_TEXT}, {"'true'", YAML_TEXT},   {"\"\"", YAML_TEXT},
        {"!!str 5", YAML_TEXT},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        AUTO_FREE char *text = mem_printf("[ %s ]", rows[i].text);
        AUTO_YAML struct yaml_document *document = loaded(text);
        if (yaml_type(yaml_root(document)->items[0]) != rows[i].type) {
            fail_msg("%s", rows[i].text);
        }
    }
}

static void an_empty_value_is_null(void **state)
{
    (void)state;
    AUTO_YAML struct yaml_document *document = loaded("topic: #\n");
    const struct yaml_node *topic = yaml_get(yaml_root(document), "topic");
    assert_int_equal(yaml_type(topic), YAML_NULL);
    assert_string_equal(yaml_kind_name(topic), "null");
    reads_as("a:", "{\"a\":null}");
    reads_as("---\n", "null");
}

static void kinds_have_names_for_people(void **state)
{
    (void)state;
    AUTO_YAML struct yaml_document *document = loaded("[{}, [], text, 5, 1.5, true, ~, \"5\"]");
    static const char *const names[] = {"a map",    "a list",        "text", "a number",
                                        "a number", "true or false", "null", "text"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        assert_string_equal(yaml_kind_name(yaml_root(document)->items[i]), names[i]);
    }
}

static void numbers_are_written_as_json_writes_them(void **state)
{
    (void)state;
    reads_as("[10.0, 1.10, 1e2, 1E+5, -0.5, 0]", "[10.0,1.10,1e2,1E+5,-0.5,0]");
    reads_as("[0x1F, 0o17, +1, 007, -007]", "[31,15,1,7,-7]");
    reads_as("[.5, -.5, 5., +1.5, 01.5, 5.e3, .5e3]", "[0.5,-0.5,5.0,1.5,1.5,5.0e3,0.5e3]");
    reads_as("[18446744073709551615, 0xFFFFFFFFFFFFFFFF]", "[18446744073709551615,18446744073709551615]");
}

static void numbers_without_json_become_text(void **state)
{
    (void)state;
    reads_as("[.inf, -.Inf, .NaN, 1e999]", "[\".inf\",\"-.Inf\",\".NaN\",\"1e999\"]");
    reads_as("[18446744073709551616, -9223372036854775809]", "[\"18446744073709551616\",\"-9223372036854775809\"]");
    reads_as("[0x10000000000000000]", "[\"0x10000000000000000\"]");
}

static void blocks_and_quotes_are_text(void **state)
{
    (void)state;
    reads_as("a: |\n  5\n  6\nb: >-\n  x\n  y\nc: '1'\nd: \"true\"\n",
             "{\"a\":\"5\\n6\\n\",\"b\":\"x y\",\"c\":\"1\",\"d\":\"true\"}");
}

static void aliases_share_what_was_anchored(void **state)
{
    (void)state;
    reads_as("a: &x {k: [1, 2]}\nb: *x\nc: [*x, *x]\n",
             "{\"a\":{\"k\":[1,2]},\"b\":{\"k\":[1,2]},\"c\":[{\"k\":[1,2]},{\"k\":[1,2]}]}");
    reads_as("a: &x 1\nb: *x\nc: &x 2\nd: *x\n", "{\"a\":1,\"b\":1,\"c\":2,\"d\":2}");
}

static void a_byte_order_mark_is_skipped(void **state)
{
    (void)state;
    reads_as("\xEF\xBB\xBF"
             "a: 1",
             "{\"a\":1}");
}

static void line_is(const struct yaml_document *document, int line, const char *expected)
{
    const char *text = NULL;
    size_t len = 0;
    assert_true(yaml_source_line(document, line, &text, &len));
    assert_int_equal(len, strlen(expected));
    assert_memory_equal(text, expected, len);
}

static void source_lines_can_be_shown(void **state)
{
    (void)state;
    AUTO_YAML struct yaml_document *document = loaded("a: 1\r\n\nb: 2\rc: 3\xC2\x85"
                                                      "d: 4\xE2\x80\xA8"
                                                      "e: 5");
    const char *text = NULL;
    size_t len = 0;
    line_is(document, 1, "a: 1");
    line_is(document, 2, "");
    line_is(document, 3, "b: 2");
    line_is(document, 4, "c: 3");
    line_is(document, 5, "d: 4");
    line_is(document, 6, "e: 5");
    assert_int_equal(yaml_get(yaml_root(document), "e")->line, 6);
    assert_false(yaml_source_line(document, 7, &text, &len));
    assert_false(yaml_source_line(document, 0, &text, &len));
    assert_false(yaml_source_line(document, -1, &text, &len));
}

static bool is_known(struct str key)
{
    return str_is(key, "a") || str_is(key, "b") || str_is(key, "file") || str_is(key, "password");
}

// One character for each line: + is shown, - is not. `is_known` may be NULL.
static void lines_known_are(const char *yaml, bool (*known)(struct str key), const char *expected)
{
    AUTO_YAML struct yaml_document *document = loaded(yaml);
    char found[16] = "";
    const char *text = NULL;
    size_t len = 0;
    if (known != NULL) {
        yaml_hide_unknown(document, known);
    }
    for (int i = 0; expected[i] != '\0'; i++) {
        found[i] = yaml_source_line(document, i + 1, &text, &len) ? '+' : '-';
    }
    if (strcmp(found, expected) != 0) {
        fail_msg("%s\nis %s, not %s", yaml, found, expected);
    }
}

static void lines_are(const char *yaml, const char *expected)
{
    lines_known_are(yaml, NULL, expected);
}

static void lines_that_may_hold_a_secret_are_not_shown(void **state)
{
    (void)state;
    static const char *const hidden[] = {
        "access_key_secret: abc",
        "  password: hunter2",
        "  \"Password\": hunter2",
        "acces_key_Secret: abc",
        "password: {hunter2}",
        "password: [file, hunter2]",
        "password hunter2",
        "platform: {access_key_secret: abc}",
        "{password: {file: /x}, access_key_secret: abc}",
        "password: \"{file: x}\"",
        "password : x",
        "url: mqtt://me:hush@host",
    };
    static const char *const shown[] = {
        "access_key_secret: {file: /etc/thingbridge/secret}",
        "password: { \"env\": SECRET }",
        "password: {credential: password}",
        "username: bridge",
        "access_key_secret:",
        "url: mqtt://host",
    };
    for (size_t i = 0; i < COUNT_OF(hidden); i++) {
        lines_are(hidden[i], "-");
    }
    for (size_t i = 0; i < COUNT_OF(shown); i++) {
        lines_are(shown[i], "+");
    }
}

static void lines_of_a_value_that_may_be_a_secret_are_not_shown(void **state)
{
    (void)state;
    lines_are("password: |\n  hunter2\nnext: 1\n", "+-+");
    lines_are("password: |\n  one\n\n  hunter2\nnext: 1\n", "+---+");
    lines_are("a:\n  password:\n\n    hunter2\n  b: 1\n", "++--+");
    lines_are("a:\n  password: # below\n    # here\n    hunter2\n  b: 1\n", "++--+");
    lines_are("a:\n  password:\n\xEF\xBB\xBF# here\n   hunter2\n  b: 1\n", "++--+");
    lines_are("a:\n  password: !!str\n    hunter2\n  b: 1\n", "+--+");
    lines_are("a:\n  ? password\n  : hunter2\n  ? b\n  : 1\n", "+--++");
    lines_are("? password\n: |\n  hunter2\nb: 1\n", "---+");
    lines_are("{\"password\":\n\"hunter2\",\n\"b\": 1}\n", "+-+");
    lines_are("password: |\n  my secret word\n  hunter2\nb: 1\n", "+--+");
    lines_are("- name: set-password\n  topic: a\n", "-+");
    lines_are("password: {file: a}\nb: 1\n", "++");
}

static void only_lines_of_known_keys_are_shown_where_others_may_be_misspelt(void **state)
{
    (void)state;
    lines_known_are("a: 1\npasword: hunter2\nb: 2\n", is_known, "+-+");
    lines_known_are("\"a\" : 1\n'pass word': hunter2\npassword: {file: a}\n", is_known, "+-+");
    lines_known_are("a:\n  sercet: |\n    hunter2\n\n    b: 1\n  b: 1\n", is_known, "++---+");
    lines_known_are("a:\n- b: 1\n- x: hunter2\n- {b: 1, x: hunter2}\n- {a: {x: hunter2}}\n", is_known, "++---");
    lines_known_are("{a: 1, b: {a: 2}}\n", is_known, "+");
    lines_known_are("a: [{b: 1}, {x: hunter2}]\n", is_known, "-");
    lines_known_are("? x\n: hunter2\n", is_known, "+-");
    lines_known_are("a:\n  - mqtt://host\n  - b\n", is_known, "+++");
    lines_known_are("x:\n  - hunter2\na: 1\n", is_known, "+-+");
    lines_known_are("pasword: !!str hunter2\n", is_known, "-");
    lines_known_are("{\"pasword\":\"hunter2\"}\n", is_known, "-");
    lines_known_are("{a: 1,\n x: hunter2}\n", is_known, "+-");
    lines_known_are("a: \"b, c: d\"\n", is_known, "-");
}

static void lines_that_an_alias_may_lead_a_secret_to_are_not_shown(void **state)
{
    (void)state;
    lines_are("a: &a hunter2\nb: 1\npassword: *a\n", "-+-");
    lines_are("a: &a\n  hunter2\nb: 1\npassword:\n  *a\n", "--++-");
    lines_are("a: &a |\n  one\n  hunter2\nb: 1\npassword: *a\n", "---+-");
    lines_are("- &a hunter2\n- {b: 1, password: *a}\n", "--");
    lines_are("a: &a\n  b: 1\nc: *a\npassword: {file: b}\n", "++++");
}

static void a_line_far_down_is_found(void **state)
{
    (void)state;
    AUTO_BUF struct buf text = {0};
    buf_text(&text, "password: |\n  one\n");
    for (int i = 0; i < 100000; i++) {
        buf_text(&text, "  two\n");
    }
    buf_text(&text, "a: 1\nb: 2\n");
    AUTO_YAML struct yaml_document *document = loaded(text.data);
    const char *line = NULL;
    size_t len = 0;
    line_is(document, 1, "password: |");
    assert_false(yaml_source_line(document, 70000, &line, &len));
    line_is(document, 100003, "a: 1");
    line_is(document, 100004, "b: 2");
    assert_false(yaml_source_line(document, 100005, &line, &len));
}

static enum err override(struct yaml_document **document, const char *path, const char *text, struct problems *problems)
{
    AUTO_FREE char *copy = mem_strdup(path);
    const char *names[8];
    size_t count = 0;
    char *rest = NULL;
    for (char *name = strtok_r(copy, ".", &rest); name != NULL; name = strtok_r(NULL, ".", &rest)) {
        names[count++] = name;
    }
    return yaml_override(document, names, count, "environment X", text, problems);
}

static void overrides_set_values_by_path(void **state)
{
    (void)state;
    struct problems problems = {0};
    AUTO_YAML struct yaml_document *document = loaded("a: {b: 1, c: 2}\nd: text\ne:\n");
    assert_int_equal(override(&document, "a.b", "10", &problems), ERR_OK);
    assert_int_equal(override(&document, "a.n.m", "[x, 'y']", &problems), ERR_OK);
    assert_int_equal(override(&document, "d.deep", "true", &problems), ERR_OK);
    assert_int_equal(override(&document, "e.f", "", &problems), ERR_OK);
    document_is(document,
                "{\"a\":{\"b\":10,\"c\":2,\"n\":{\"m\":[\"x\",\"y\"]}},\"d\":{\"deep\":true},\"e\":{\"f\":\"\"}}");
    const struct yaml_node *value = yaml_get(yaml_get(yaml_root(document), "a"), "b");
    assert_string_equal(value->source, "environment X");
    assert_int_equal(value->line, 0);
    assert_int_equal(value->column, 0);
    assert_string_equal(yaml_get(yaml_get(yaml_root(document), "a"), "c")->source, "f.yaml");
    assert_int_equal(problems.count, 0);
}

static void an_override_without_a_document_makes_one(void **state)
{
    (void)state;
    struct problems problems = {0};
    const char *text = NULL;
    size_t len = 0;
    AUTO_YAML struct yaml_document *document = NULL;
    assert_int_equal(override(&document, "platform.tls.ca_file", "/ca.pem", &problems), ERR_OK);
    document_is(document, "{\"platform\":{\"tls\":{\"ca_file\":\"/ca.pem\"}}}");
    assert_false(yaml_source_line(document, 1, &text, &len));
}

static void an_override_does_not_show_through_aliases(void **state)
{
    (void)state;
    struct problems problems = {0};
    AUTO_YAML struct yaml_document *document = loaded("a: &x {k: {v: 1}}\nb: *x\n");
    assert_int_equal(override(&document, "b.k.v", "2", &problems), ERR_OK);
    document_is(document, "{\"a\":{\"k\":{\"v\":1}},\"b\":{\"k\":{\"v\":2}}}");
}

static void a_wrong_override_is_a_problem_of_its_source(void **state)
{
    (void)state;
    struct problems problems = {0};
    AUTO_YAML struct yaml_document *document = loaded("a: 1\n");
    assert_int_equal(override(&document, "a", "@x", &problems), ERR_SYNTAX);
    assert_int_equal(problems.count, 1);
    assert_string_equal(problems.items[0].source, "environment X");
    assert_int_equal(problems.items[0].line, 0);
    assert_int_equal(problems.items[0].column, 0);
    document_is(document, "{\"a\":1}");
    problems_clear(&problems);
}

static void a_file_that_is_no_map_takes_no_override(void **state)
{
    (void)state;
    struct problems problems = {0};
    AUTO_YAML struct yaml_document *list = loaded("[1]");
    assert_int_equal(override(&list, "a", "1", &problems), ERR_SYNTAX);
    assert_non_null(strstr(problems.items[0].text, "f.yaml is no map of keys"));
    problems_clear(&problems);
    AUTO_YAML struct yaml_document *nothing = loaded("---\n");
    assert_int_equal(override(&nothing, "a", "1", &problems), ERR_OK);
    document_is(nothing, "{\"a\":1}");
}

static void files_are_read(void **state)
{
    (void)state;
    struct problems problems = {0};
    char path[] = "/tmp/test_yaml_XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "a: 1\n", 5), 5);
    close(fd);
    AUTO_YAML struct yaml_document *document = NULL;
    assert_int_equal(yaml_load_file(path, &document, &problems), ERR_OK);
    document_is(document, "{\"a\":1}");
    assert_string_equal(yaml_root(document)->source, path);
    assert_int_equal(truncate(path, 0), 0);
    struct yaml_document *none = NULL;
    assert_int_equal(yaml_load_file(path, &none, &problems), ERR_SYNTAX);
    assert_string_equal(problems.items[0].text, "the file is empty");
    problems_clear(&problems);
    assert_int_equal(truncate(path, YAML_MAX_BYTES + 1), 0);
    assert_int_equal(yaml_load_file(path, &none, &problems), ERR_LIMIT);
    problems_clear(&problems);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(maps_lists_and_scalars_become_a_tree),
        cmocka_unit_test(nodes_know_their_place),
        cmocka_unit_test(places_are_right_on_a_long_line),
        cmocka_unit_test(json_is_read_too),
        cmocka_unit_test(scalars_follow_the_core_schema),
        cmocka_unit_test(an_empty_value_is_null),
        cmocka_unit_test(kinds_have_names_for_people),
        cmocka_unit_test(numbers_are_written_as_json_writes_them),
        cmocka_unit_test(numbers_without_json_become_text),
        cmocka_unit_test(blocks_and_quotes_are_text),
        cmocka_unit_test(aliases_share_what_was_anchored),
        cmocka_unit_test(a_byte_order_mark_is_skipped),
        cmocka_unit_test(source_lines_can_be_shown),
        cmocka_unit_test(lines_that_may_hold_a_secret_are_not_shown),
        cmocka_unit_test(lines_of_a_value_that_may_be_a_secret_are_not_shown),
        cmocka_unit_test(only_lines_of_known_keys_are_shown_where_others_may_be_misspelt),
        cmocka_unit_test(lines_that_an_alias_may_lead_a_secret_to_are_not_shown),
        cmocka_unit_test(a_line_far_down_is_found),
        cmocka_unit_test(overrides_set_values_by_path),
        cmocka_unit_test(an_override_without_a_document_makes_one),
        cmocka_unit_test(an_override_does_not_show_through_aliases),
        cmocka_unit_test(a_wrong_override_is_a_problem_of_its_source),
        cmocka_unit_test(a_file_that_is_no_map_takes_no_override),
        cmocka_unit_test(files_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
