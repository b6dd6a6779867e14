#include "unit/core/template/template_checks.h"

#include "base/yaml/yaml.h"

static void text_without_expressions_stays_as_it_is(void **state)
{
    (void)state;
    assert_value("plain", "\"plain\"");
    assert_value("", "\"\"");
    assert_value("12", "\"12\"");
    assert_value("$5 {x} $", "\"$5 {x} $\"");
    assert_value("$${room} and $${", "\"${room} and ${\"");
}

static void a_single_expression_keeps_its_type_and_number_text(void **state)
{
    (void)state;
    assert_value("${payload.level}", "128");
    assert_value("${payload.t}", "10.0");
    assert_value("${ payload.a.b.c }", "1e2");
    assert_value("${payload.big}", "18446744073709551615");
    assert_value("${payload.on}", "true");
    assert_value("${payload.none}", "null");
    assert_value("${payload.list}", "[1,{\"x\":\"y\"}]");
    assert_value("${room}", "\"hall\"");
    assert_value("${n}", "\"7\"");
}

static void inside_a_longer_text_a_value_becomes_text(void **state)
{
    (void)state;
    assert_value("${room}-${payload.level}", "\"hall-128\"");
    assert_value("t=${payload.t} ", "\"t=10.0 \"");
    assert_value("${payload.on}${payload.color}", "\"trueRED\"");
    assert_value("x${payload.none}", "filter_failed");
    assert_value("x${payload.list}", "filter_failed");
    assert_value("x${payload.a}", "filter_failed");
    assert_value("x${payload.list | json}", "\"x[1,{\\\"x\\\":\\\"y\\\"}]\"");
    assert_value("x${payload.nothing}", "member_missing");
}

static void every_source_can_be_named(void **state)
{
    (void)state;
    assert_value("${topic}", "\"home/hall/7\"");
    assert_value("${id}", "42");
    assert_value("${now}", "\"2026-11-21T19:07:31.123Z\"");
    assert_value("${property.site.name}", "\"north\"");
    assert_value("${property.other}", "missing");
    assert_value("${group.downstairs}", "[\"hall-lamp\",\"kitchen-lamp\"]");
    assert_value_of("[1,2]", "${payload}", "[1,2]");
    assert_value_of("\"ON\"", "${payload}", "\"ON\"");
}

static void a_part_of_the_payload_is_named_by_members_or_by_json_pointer(void **state)
{
    (void)state;
    assert_value("${payload:/a/b/c}", "1e2");
    assert_value("${payload:/a~1b/~0 }", "7");
    assert_value("${payload:/}", "3");
    assert_value_of("[4]", "${payload:}", "[4]");
    assert_value("${payload.list.0}", "1");
    assert_value("${payload:/list/1/x}", "\"y\"");
    assert_value("${payload:/list/01}", "missing");
    assert_value("${payload:/list/-}", "missing");
    assert_value("${payload:/list/2}", "missing");
    assert_value("${payload.level.x}", "missing");
    assert_value("${payload.nothing.x}", "missing");
    assert_value_of("5", "${payload.x}", "missing");
}

static void an_empty_payload_has_no_value(void **state)
{
    (void)state;
    assert_value_of(NULL, "${payload}", "missing");
    assert_value_of(NULL, "${payload.x | default(1)}", "1");
    assert_value_of("null", "${payload}", "null");
}

static void a_missing_value_in_a_text_is_told_by_name_and_reason(void **state)
{
    (void)state;
    struct fixture fixture = fixture_create("{}");
    struct template_text *tmpl = compile(&fixture, "x${payload.level}");
    char *text = NULL;
    struct failure failure = {0};
    fixture.input.captures = fixture.captures;
    assert_int_equal(template_string(tmpl, &fixture.input, &text, &failure), ERR_MISSING);
    assert_null(text);
    assert_string_equal(failure.code->code, "member_missing");
    assert_non_null(strstr(failure.detail, "${payload.level}"));
    assert_non_null(strstr(failure.detail, "default(...)"));
    template_free(tmpl);
    fixture_free(&fixture);
}

static void text_of_a_template_is_bounded(void **state)
{
    (void)state;
    AUTO_FREE char *payload = mem_alloc(204801);
    memset(payload, 'x', 204800);
    payload[0] = payload[204800 - 1] = '"';
    assert_value_of(payload, "${payload}${payload}", "request_too_large");
}

static void a_malformed_expression_is_refused_with_its_reason(void **state)
{
    (void)state;
    assert_no_template("${room", "without its }");
    assert_no_template("\xFF${room}", "UTF-8");
    assert_no_template("${}", "name is missing");
    assert_no_template("${room x}", "expected '|' or '}'");
    assert_no_template("${rom}", "did you mean ${room}");
    assert_no_template("${paylod.x}", "did you mean ${payload}");
    assert_no_template("${something}", "no capture");
    assert_no_template("${payload.}", "after '.'");
    assert_no_template("${payload..x}", "after '.'");
    assert_no_template("${payload:x}", "begins with '/'");
    assert_no_template("${payload:/a~2}", "~0");
    assert_no_template("${payload:/a~}", "~0");
    assert_no_template("${property}", "${property.NAME}");
    assert_no_template("${property.}", "name is missing");
    assert_no_template("${group}", "${group.NAME}");
    assert_no_template("${group.downstair}", "did you mean ${group.downstairs}");
    assert_no_template("${group.x}", "no group");
    AUTO_FREE char *text = mem_alloc(TEMPLATE_MAX_LEN + 2);
    memset(text, 'x', TEMPLATE_MAX_LEN + 1);
    assert_no_template(text, "at most");
}

static void it_is_known_whether_a_template_uses_what_comes_from_outside(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool outside;
    } rows[] = {
        {"abc", false},     {"${room}", true}, {"x${payload.a}", true}, {"${property.x}", true},
        {"${topic}", true}, {"${id}", true},   {"${now}", false},       {"${group.downstairs}", false},
    };
    struct fixture fixture = fixture_create(NULL);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct template_text *tmpl = compile(&fixture, rows[i].text);
        assert_int_equal(template_uses_outside(tmpl), rows[i].outside);
        assert_string_equal(tmpl->text, rows[i].text);
        template_free(tmpl);
    }
    fixture_free(&fixture);
}

// The tree of a YAML text as JSON text, or the code and detail of its failure.
static char *tree_value(const char *yaml)
{
    struct fixture fixture = fixture_create(FIXTURE_PAYLOAD);
    struct problems problems = {0};
    AUTO_YAML struct yaml_document *document = NULL;
    struct template_tree *tree = NULL;
    struct json_object *value = NULL;
    struct failure failure = {0};
    assert_int_equal(yaml_load_text("tree", yaml, strlen(yaml), &document, &problems), ERR_OK);
    assert_int_equal(template_tree_compile(yaml_root(document), &fixture.scope, false, &tree, &problems), ERR_OK);
    fixture.input.captures = fixture.captures;
    enum err err = template_tree_value(tree, &fixture.input, &value, &failure);
    char *text = err == ERR_OK ? json_print(value) : mem_printf("%s: %s", failure.code->code, failure.detail);
    json_free(value);
    template_tree_free(tree);
    problems_clear(&problems);
    fixture_free(&fixture);
    return text;
}

static void a_tree_keeps_its_shape_and_constants_and_fills_in_its_templates(void **state)
{
    (void)state;
    AUTO_FREE char *text =
        tree_value("{a: 1.50, b: [\"${payload.level}\", true, null, x], c: {d: \"${room}!\", e: {}}}");
    assert_string_equal(text, "{\"a\":1.50,\"b\":[128,true,null,\"x\"],\"c\":{\"d\":\"hall!\",\"e\":{}}}");
    AUTO_FREE char *object = tree_value("\"${payload.a}\"");
    assert_string_equal(object, "{\"b\":{\"c\":1e2}}");
    AUTO_FREE char *number_text = tree_value("{a: \"12\", b: 12}");
    assert_string_equal(number_text, "{\"a\":\"12\",\"b\":12}");
}

static void a_missing_member_of_a_tree_is_told_by_its_name(void **state)
{
    (void)state;
    AUTO_FREE char *text = tree_value("{fade: {seconds: \"${payload.fade}\"}}");
    assert_memory_equal(text, "member_missing: \"seconds\": ${payload.fade} has no value", 54);
    AUTO_FREE char *item = tree_value("{levels: [\"${payload.nothing}\"]}");
    assert_memory_equal(item, "member_missing: \"levels\"", 24);
    AUTO_FREE char *failed = tree_value("{x: \"${payload.color | int}\"}");
    assert_memory_equal(failed, "filter_failed: the filter int of ${payload.color}", 49);
}

static void problems_of_a_template_have_its_place(void **state)
{
    (void)state;
    static const char yaml[] = "a: 1\nb:\n  - \"${rom}\"\n  - \"${x | uper}\"\n\"${room}\": 5\n";
    struct fixture fixture = fixture_create(NULL);
    struct problems problems = {0};
    AUTO_YAML struct yaml_document *document = NULL;
    struct template_tree *tree = NULL;
    assert_int_equal(yaml_load_text("rules.yaml", yaml, strlen(yaml), &document, &problems), ERR_OK);
    assert_int_not_equal(template_tree_compile(yaml_root(document), &fixture.scope, false, &tree, &problems), ERR_OK);
    assert_null(tree);
    assert_int_equal(problems.count, 3);
    assert_string_equal(problems.items[0].source, "rules.yaml");
    assert_int_equal(problems.items[0].line, 3);
    assert_int_equal(problems.items[0].column, 6);
    assert_int_equal(problems.items[1].line, 4);
    assert_int_equal(problems.items[2].line, 5);
    problems_clear(&problems);
    fixture_free(&fixture);
}

static void only_text_can_be_a_template(void **state)
{
    (void)state;
    static const char *const texts[] = {"[a]", "{a: b}", "~"};
    struct fixture fixture = fixture_create(NULL);
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct problems problems = {0};
        AUTO_YAML struct yaml_document *document = NULL;
        struct template_text *tmpl = NULL;
        assert_int_equal(yaml_load_text("t", texts[i], strlen(texts[i]), &document, &problems), ERR_OK);
        assert_int_equal(template_compile(yaml_root(document), &fixture.scope, &tmpl, &problems), ERR_SYNTAX);
        assert_int_equal(problems.errors, 1);
        problems_clear(&problems);
    }
    fixture_free(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_without_expressions_stays_as_it_is),
        cmocka_unit_test(a_single_expression_keeps_its_type_and_number_text),
        cmocka_unit_test(inside_a_longer_text_a_value_becomes_text),
        cmocka_unit_test(every_source_can_be_named),
        cmocka_unit_test(a_part_of_the_payload_is_named_by_members_or_by_json_pointer),
        cmocka_unit_test(an_empty_payload_has_no_value),
        cmocka_unit_test(a_missing_value_in_a_text_is_told_by_name_and_reason),
        cmocka_unit_test(text_of_a_template_is_bounded),
        cmocka_unit_test(a_malformed_expression_is_refused_with_its_reason),
        cmocka_unit_test(it_is_known_whether_a_template_uses_what_comes_from_outside),
        cmocka_unit_test(a_tree_keeps_its_shape_and_constants_and_fills_in_its_templates),
        cmocka_unit_test(a_missing_member_of_a_tree_is_told_by_its_name),
        cmocka_unit_test(problems_of_a_template_have_its_place),
        cmocka_unit_test(only_text_can_be_a_template),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
