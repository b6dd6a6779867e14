#include "unit/core/template/template_checks.h"

// `filters` over a payload that is one JSON value.
static void assert_filtered(const char *payload, const char *filters, const char *expected)
{
    AUTO_FREE char *text = mem_printf("${payload | %s}", filters);
    assert_value_of(payload, text, expected);
}

static void int_cuts_toward_zero_and_takes_numeric_text(void **state)
{
    (void)state;
    assert_filtered("2.9", "int", "2");
    assert_filtered("-2.9", "int", "-2");
    assert_filtered("-0.5", "int", "0");
    assert_filtered("1.5e2", "int", "150");
    assert_filtered("18446744073709551615", "int", "18446744073709551615");
    // A double would make 9007199254740992 of it.
    assert_filtered("9007199254740993.9", "int", "9007199254740993");
    assert_filtered("\" +007.5\\n\"", "int", "7");
    assert_filtered("1e30", "int", "filter_failed");
    assert_filtered("18446744073709551616.0", "int", "filter_failed");
    assert_filtered("-9223372036854775808.5", "int", "-9223372036854775808");
    assert_filtered("-9223372036854775809.0", "int", "filter_failed");
    assert_filtered("\"12x\"", "int", "filter_failed");
    assert_filtered("\"\"", "int", "filter_failed");
    assert_filtered("\".\"", "int", "filter_failed");
    assert_filtered("\"1e\"", "int", "filter_failed");
    assert_filtered("true", "int", "filter_failed");
    assert_filtered("null", "int", "filter_failed");
    assert_filtered("[1]", "int", "filter_failed");
}

static void float_always_writes_a_decimal_point(void **state)
{
    (void)state;
    assert_filtered("10", "float", "10.0");
    assert_filtered("10.0", "float", "10.0");
    assert_filtered("1.10", "float", "1.10");
    assert_filtered("1e2", "float", "100.0");
    assert_filtered("1e-3", "float", "0.001");
    assert_filtered("1e300", "float", "1.0e300");
    assert_filtered("12e-30", "float", "1.2e-29");
    assert_filtered("\"21.50\"", "float", "21.5");
    assert_filtered("\"-3\"", "float", "-3.0");
    assert_filtered("\".5\"", "float", "0.5");
    assert_filtered("0", "float", "0.0");
    assert_filtered("\"1e999\"", "float", "filter_failed");
    assert_filtered("\"warm\"", "float", "filter_failed");
    assert_filtered("{}", "float", "filter_failed");
}

static void round_goes_half_away_from_zero(void **state)
{
    (void)state;
    assert_filtered("2.5", "round", "3");
    assert_filtered("-2.5", "round", "-3");
    assert_filtered("2.4999", "round", "2");
    assert_filtered("0.5", "round()", "1");
    assert_filtered("0.05", "round", "0");
    assert_filtered("99.5", "round(0)", "100");
    assert_filtered("7", "round", "7");
    // As it is written, not as a double holds it (2.67499...).
    assert_filtered("2.675", "round(2)", "2.68");
    assert_filtered("0.005", "round(2)", "0.01");
    assert_filtered("9.999", "round(2)", "10.0");
    assert_filtered("3", "round(1)", "3.0");
    assert_filtered("\"1.25\"", "round(1)", "1.3");
    assert_filtered("1e30", "round", "filter_failed");
    assert_filtered("1e30", "round(2)", "filter_failed");
    assert_filtered("\"x\"", "round", "filter_failed");
}

static void scale_is_linear_does_not_clamp_and_writes_the_shortest_text(void **state)
{
    (void)state;
    assert_filtered("128", "scale(0,255,0,100)", "50.19607843137255");
    assert_filtered("255", "scale(0,255,0,100)", "100");
    assert_filtered("510", "scale(0,255,0,100)", "200");
    assert_filtered("21.5", "scale(0,100,32,212)", "70.7");
    assert_filtered("30", "scale(0,100,0,1)", "0.3");
    assert_filtered("0", "scale(0,100,100,0)", "100");
    assert_filtered("1", "scale(0, 10 , 0, 0.000001)", "0.0000001");
    assert_filtered("1", "scale(0,1,0,1e-9)", "1e-9");
    assert_filtered("5", "scale(0,1,0,1e20)", "500000000000000000000.0");
    assert_filtered("5", "scale(0,1,0,1e22)", "5.0e22");
    assert_filtered("-5", "scale(0,10,0,-0.0)", "0");
    assert_filtered("9007199254740993", "scale(0,1,0,1)", "9007199254740992");
    assert_filtered("1e300", "scale(0,1,0,1e300)", "filter_failed");
    assert_filtered("\"128\"", "scale(0,255,0,100)", "filter_failed");
    assert_filtered("\"128\"", "float | scale(0,255,0,100) | int", "50");
}

static void scale_computes_in_decimals(void **state)
{
    (void)state;
    assert_filtered("0.29", "scale(0,1,0,100)", "29");
    assert_filtered("0.57", "scale(0,1,0,100) | int", "57");
    assert_filtered("0.1", "scale(-10,10,-1.5,1.5)", "0.015");
    assert_filtered("0.5001", "scale(0,1,-100,100)", "0.02");
    assert_filtered("100", "scale(0,1,0,1e-9)", "0.0000001");
    assert_filtered("1", "scale(0,3,0,1)", "0.3333333333333333");
    assert_filtered("2", "scale(0,-3,0,1)", "-0.6666666666666666");
    assert_filtered("1e-320", "scale(-10,10,-1.5,1.5)", "1.5e-321");
    assert_filtered("1e300", "scale(-1e-300,1e300,1e-300,1)", "1");
    assert_filtered("1e-400", "scale(0,1,5,6)", "5");
    // In the middle between two doubles, but for what only the 21st digit tells.
    assert_filtered("67", "scale(279.042E+7,5200.1453,-96.3,509.56)", "509.56111451796045");
}

static void clamp_keeps_a_number_within_its_bounds(void **state)
{
    (void)state;
    assert_filtered("150", "clamp(0,100)", "100");
    assert_filtered("-1", "clamp(0.50,100)", "0.50");
    assert_filtered("10.0", "clamp(0,100)", "10.0");
    // The same double as the bound.
    assert_filtered("9007199254740993", "clamp(0,9007199254740992)", "9007199254740992");
    assert_filtered("0.99999999999999999999", "clamp(1,2)", "1");
    assert_filtered("\"5\"", "clamp(0,100)", "filter_failed");
}

static void bool_takes_the_usual_words_in_any_case(void **state)
{
    (void)state;
    static const char *const yes[] = {"true", "\"true\"", "\"ON\"", "\"Yes\"", "\"1\"", "1"};
    static const char *const no[] = {"false", "\"FALSE\"", "\"off\"", "\"no\"", "\"0\"", "0"};
    static const char *const neither[] = {"2", "\"maybe\"", "\"\"", "null", "[]", "1.0"};
    for (size_t i = 0; i < COUNT_OF(yes); i++) {
        assert_filtered(yes[i], "bool", "true");
        assert_filtered(no[i], "bool", "false");
        assert_filtered(neither[i], "bool", "filter_failed");
    }
}

static void string_and_json_make_text(void **state)
{
    (void)state;
    assert_filtered("\"a\"", "string", "\"a\"");
    assert_filtered("10.0", "string", "\"10.0\"");
    assert_filtered("true", "string", "\"true\"");
    assert_filtered("null", "string", "filter_failed");
    assert_filtered("{}", "string", "filter_failed");
    assert_filtered("\"a\"", "json", "\"\\\"a\\\"\"");
    assert_filtered("{\"a\":[1,2.0]}", "json", "\"{\\\"a\\\":[1,2.0]}\"");
    assert_filtered("null", "json", "\"null\"");
}

static void lower_upper_and_trim_take_text(void **state)
{
    (void)state;
    assert_filtered("\"ReD \xC3\x84\"", "lower", "\"red \xC3\x84\"");
    assert_filtered("\"red\"", "upper", "\"RED\"");
    assert_filtered("\" \\t a b\\r\\n\"", "trim", "\"a b\"");
    assert_filtered("\"  \"", "trim", "\"\"");
    assert_filtered("5", "lower", "filter_failed");
    assert_filtered("null", "upper", "filter_failed");
    assert_filtered("[]", "trim", "filter_failed");
}

static void a_missing_value_passes_up_to_the_next_default(void **state)
{
    (void)state;
    assert_value("${payload.nothing | lower | int}", "missing");
    assert_value("${payload.nothing | lower | default(\"white\") | upper}", "\"WHITE\"");
    assert_value("${payload.none | default(5)}", "5");
    assert_value("${payload.color | default(\"white\") | lower}", "\"red\"");
    assert_value("${payload.nothing | default({})}", "{}");
    assert_value("${payload.nothing | default([1, {\"a\": \"})\"}])}", "[1,{\"a\":\"})\"}]");
    assert_value("${payload.nothing | default(null)}", "null");
    assert_value("${payload.nothing | default(\"a\\\"b, c)\")}", "\"a\\\"b, c)\"");
    assert_value("${payload.nothing | default(1) | default(2)}", "1");
}

static void map_compares_as_text_and_gives_nothing_for_the_rest(void **state)
{
    (void)state;
    assert_filtered("\"on\"", "map(on=1,off=0)", "1");
    assert_filtered("\"off\"", "map(on = 1, off = 0)", "0");
    assert_filtered("2", "map(1=\"one\",2=\"two\")", "\"two\"");
    assert_filtered("true", "map(true={\"a\":1})", "{\"a\":1}");
    assert_filtered("\"a, b\"", "map(\"a, b\"=[1,2])", "[1,2]");
    assert_filtered("\"dim\"", "map(on=1,off=0)", "missing");
    assert_filtered("\"dim\"", "map(on=1,off=0) | default(9)", "9");
    assert_filtered("null", "map(null=1)", "missing");
    assert_filtered("[]", "map(on=1)", "filter_failed");
}

static void a_failure_names_the_filter_the_expression_and_the_value(void **state)
{
    (void)state;
    struct fixture fixture = fixture_create("{\"level\":\"h\xC3\xB6"
                                            "ch\"}");
    struct template_text *tmpl = compile(&fixture, "${payload.level | int}");
    struct template_value value = {0};
    struct failure failure = {0};
    assert_int_equal(template_evaluate(tmpl, &fixture.input, &value, &failure), ERR_REFUSED);
    assert_string_equal(failure.code->code, "filter_failed");
    assert_string_equal(failure.detail, "the filter int of ${payload.level} wants a number, or text that is one, not "
                                        "text \"h\xC3\xB6"
                                        "ch\"");
    template_free(tmpl);
    fixture_free(&fixture);
}

static void a_malformed_filter_is_refused_with_its_reason(void **state)
{
    (void)state;
    assert_no_template("${room | uper}", "did you mean upper");
    assert_no_template("${room | nonsense}", "there are int float");
    assert_no_template("${room | }", "no filter");
    assert_no_template("${room | int(1)}", "takes no arguments");
    assert_no_template("${room | default}", "needs 1 argument");
    assert_no_template("${room | default()}", "needs 1 argument");
    assert_no_template("${room | default(white)}", "not a JSON value");
    assert_no_template("${room | default(\"a)}", "not a JSON value");
    assert_no_template("${room | default(1,2)}", "too many");
    assert_no_template("${room | default(1}", "its ) is missing");
    assert_no_template("${room | scale(0,1)}", "needs 4 arguments");
    assert_no_template("${room | scale(0,0,1,2)}", "the same number");
    assert_no_template("${room | scale(0,\"1\",1,2)}", "are numbers");
    assert_no_template("${room | clamp(2,1)}", "greater");
    assert_no_template("${room | clamp(true,1)}", "are numbers");
    assert_no_template("${room | round(1.5)}", "from 0 to 15");
    assert_no_template("${room | round(16)}", "from 0 to 15");
    assert_no_template("${room | round(-1)}", "from 0 to 15");
    assert_no_template("${room | map()}", "needs 1 argument");
    assert_no_template("${room | map(1)}", "name=value");
    assert_no_template("${room | map(a=ON)}", "not a JSON value");
    assert_no_template("${room | map(=1)}", "name=value");
    assert_no_template("${room | map(\"a\\q\"=1)}", "JSON");
}

static void the_number_of_filters_is_bounded(void **state)
{
    (void)state;
    char text[512] = "${room";
    for (int i = 0; i < 17; i++) {
        strcat(text, " | lower");
    }
    strcat(text, "}");
    assert_no_template(text, "more than 16 filters");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(int_cuts_toward_zero_and_takes_numeric_text),
        cmocka_unit_test(float_always_writes_a_decimal_point),
        cmocka_unit_test(round_goes_half_away_from_zero),
        cmocka_unit_test(scale_is_linear_does_not_clamp_and_writes_the_shortest_text),
        cmocka_unit_test(scale_computes_in_decimals),
        cmocka_unit_test(clamp_keeps_a_number_within_its_bounds),
        cmocka_unit_test(bool_takes_the_usual_words_in_any_case),
        cmocka_unit_test(string_and_json_make_text),
        cmocka_unit_test(lower_upper_and_trim_take_text),
        cmocka_unit_test(a_missing_value_passes_up_to_the_next_default),
        cmocka_unit_test(map_compares_as_text_and_gives_nothing_for_the_rest),
        cmocka_unit_test(a_failure_names_the_filter_the_expression_and_the_value),
        cmocka_unit_test(a_malformed_filter_is_refused_with_its_reason),
        cmocka_unit_test(the_number_of_filters_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
