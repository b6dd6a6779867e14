// Values checked against a thing model, and the numbers that are sent.
#include "unit/core/model/model_checks.h"

static void assert_sent(const char *data_type, const char *value, const char *sent)
{
    struct model *model = model_with(data_type);
    AUTO_FREE char *args = mem_printf("{\"a\":%s}", value);
    AUTO_FREE char *expected = mem_printf("{\"a\":%s}", sent);
    assert_args_sent(&model->services[0], args, expected);
    model_free(model);
}

static void assert_value_refused(const char *data_type, const char *value, const char *words)
{
    struct model *model = model_with(data_type);
    AUTO_FREE char *args = mem_printf("{\"a\":%s}", value);
    assert_args_refused(&model->services[0], args, words);
    model_free(model);
}

static void an_int_is_written_without_a_point_and_kept_within_its_range(void **state)
{
    (void)state;
    static const char type[] = "{\"type\":\"int\",\"specs\":{\"min\":\"-5\",\"max\":\"100\",\"unit\":\"%\"}}";
    assert_sent(type, "0", "0");
    assert_sent(type, "100", "100");
    assert_sent(type, "50.0", "50");
    assert_sent(type, "1e2", "100");
    assert_sent(type, "-5", "-5");
    assert_value_refused(type, "101", "a is integer 101; it takes an integer from -5 to 100 (%)");
    assert_value_refused(type, "-6", "-6");
    assert_value_refused(type, "50.5", "50.5");
    assert_value_refused(type, "\"50\"", "text \"50\"");
    assert_value_refused(type, "true", "boolean true");
    assert_value_refused(type, "null", "a is null");
    assert_value_refused(type, "[1]", "a is a list");
}

static void an_int_without_a_range_has_32_bits(void **state)
{
    (void)state;
    assert_sent("{\"type\":\"int\"}", "2147483647", "2147483647");
    assert_sent("{\"type\":\"int\",\"specs\":{}}", "-2147483648", "-2147483648");
    assert_value_refused("{\"type\":\"int\"}", "2147483648", "a is integer 2147483648; it takes an integer of 32 bits");
    assert_value_refused("{\"type\":\"int\",\"specs\":{\"min\":\"0\",\"max\":\"4294967295\"}}", "2147483648",
                         "it takes an integer of 32 bits from 0 to 4294967295");
    assert_value_refused("{\"type\":\"int\"}", "18446744073709551615", "an integer");
    assert_value_refused("{\"type\":\"int\"}", "1e300", "an integer");
}

static void float_and_double_have_a_point_and_keep_their_text(void **state)
{
    (void)state;
    static const char *const types[] = {"float", "double"};
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        AUTO_FREE char *type =
            mem_printf("{\"type\":\"%s\",\"specs\":{\"min\":\"0.1\",\"max\":10,\"step\":\"0.01\"}}", types[i]);
        assert_sent(type, "10", "10.0");
        assert_sent(type, "1.10", "1.10");
        assert_sent(type, "0.1", "0.1");
        assert_sent(type, "1e0", "1.0");
        assert_value_refused(type, "0.09999999999999999999", "a number from 0.1 to 10");
        assert_value_refused(type, "10.01", "10.01");
        assert_value_refused(type, "-1", "-1");
        assert_value_refused(type, "\"1.0\"", "text");
        assert_value_refused(type, "{}", "an object");
    }
    assert_sent("{\"type\":\"double\"}", "9007199254740993", "9007199254740993.0");
    assert_sent("{\"type\":\"double\"}", "-1e300", "-1.0e300");
    assert_value_refused("{\"type\":\"double\",\"specs\":{\"min\":\"-2.5\"}}", "-2.51", "a number from -2.5");
    assert_value_refused("{\"type\":\"double\",\"specs\":{\"max\":\"2.5\"}}", "2.51", "a number up to 2.5");
}

static void an_enum_takes_the_integers_that_it_names(void **state)
{
    (void)state;
    static const char type[] = "{\"type\":\"enum\",\"specs\":{\"0\":\"reading\",\"2\":\"night\"}}";
    assert_sent(type, "2", "2");
    assert_sent(type, "0.0", "0");
    assert_value_refused(type, "1", "one of 0 (reading), 2 (night)");
    assert_value_refused(type, "\"night\"", "text \"night\"");
    assert_value_refused(type, "false", "boolean");
}

static void a_bool_is_sent_as_0_or_1(void **state)
{
    (void)state;
    static const char type[] = "{\"type\":\"bool\",\"specs\":{\"0\":\"off\",\"1\":\"on\"}}";
    assert_sent(type, "0", "0");
    assert_sent(type, "1", "1");
    assert_sent(type, "true", "1");
    assert_sent(type, "false", "0");
    assert_value_refused(type, "2", "one of 0 (off), 1 (on)");
    assert_value_refused(type, "\"on\"", "text");
    assert_value_refused("{\"type\":\"bool\"}", "null", "0 or 1");
}

static void a_text_has_a_length_in_bytes(void **state)
{
    (void)state;
    static const char type[] = "{\"type\":\"text\",\"specs\":{\"length\":\"4\"}}";
    assert_sent(type, "\"four\"", "\"four\"");
    assert_sent(type, "\"\"", "\"\"");
    assert_value_refused(type, "\"für5\"", "(5 bytes); it takes text of up to 4 bytes");
    assert_value_refused(type, "1", "integer 1");
    assert_sent("{\"type\":\"text\"}", "\"as long as it is\"", "\"as long as it is\"");
}

static void a_date_is_sent_as_text_of_milliseconds(void **state)
{
    (void)state;
    static const char type[] = "{\"type\":\"date\",\"specs\":{}}";
    assert_sent(type, "\"1795262400000\"", "\"1795262400000\"");
    assert_sent(type, "1795262400000", "\"1795262400000\"");
    assert_value_refused(type, "\"2026-11-21\"", "milliseconds since 1970");
    assert_value_refused(type, "\"\"", "milliseconds");
    assert_value_refused(type, "-1", "milliseconds");
    assert_value_refused(type, "0.5", "milliseconds");
}

static void an_array_has_a_size_and_items_of_one_type(void **state)
{
    (void)state;
    static const char type[] = "{\"type\":\"array\",\"specs\":{\"size\":\"2\",\"item\":{\"type\":\"float\"}}}";
    assert_sent(type, "[1,2.5]", "[1.0,2.5]");
    assert_sent(type, "[]", "[]");
    assert_value_refused(type, "[1,2,3]", "a is a list of 3 items; it takes a list of up to 2 items, each a number");
    assert_value_refused(type, "[1,\"b\"]", "a[1] is text \"b\"");
    assert_value_refused(type, "1", "a list");
}

static void a_struct_has_known_members_of_their_types(void **state)
{
    (void)state;
    static const char type[] =
        "{\"type\":\"struct\",\"specs\":[{\"identifier\":\"seconds\",\"required\":true,\"dataType\":{\"type\":\"int\"}}"
        ","
        "{\"identifier\":\"ways\",\"dataType\":{\"type\":\"array\",\"specs\":{\"item\":{\"type\":\"bool\"}}}}]}";
    assert_sent(type, "{\"seconds\":1.0,\"ways\":[true]}", "{\"seconds\":1,\"ways\":[1]}");
    assert_value_refused(type, "{\"ways\":[]}", "a.seconds is missing");
    assert_value_refused(type, "{\"seconds\":1,\"ways\":[0,7]}", "a.ways[1] is integer 7");
    assert_value_refused(type, "{\"second\":1}", "no argument a.second; did you mean `seconds`");
    assert_value_refused(type, "7", "an object with seconds, ways");
}

static void arguments_are_the_services_and_the_required_ones_are_there(void **state)
{
    (void)state;
    struct model *model = model_of_file("lamp.json");
    const struct model_service *set = model_find(model, "Set");
    assert_args_sent(set, "{}", "{}");
    assert_args_sent(set, "{\"color\":\"red\",\"brightness\":7.0}", "{\"color\":\"red\",\"brightness\":7}");
    assert_args_refused(set, "{\"brightnes\":7}", "no argument brightnes; did you mean `brightness`");
    assert_args_refused(set, "{\"volume\":7}", "no argument volume");
    assert_args_refused(set, "[1]", "the arguments are a list");
    const struct model_service *calibrate = model_find(model, "Calibrate");
    assert_args_refused(calibrate, "{}", "gain is missing; it takes a number from 0.1 to 10");
    assert_args_sent(calibrate, "{\"gain\":2}", "{\"gain\":2.0}");
    model_free(model);
}

static void a_wrong_value_of_any_length_is_told_in_bounds(void **state)
{
    (void)state;
    struct model *model = model_with("{\"type\":\"int\"}");
    AUTO_BUF struct buf args = {0};
    buf_text(&args, "{\"a\":\"");
    for (size_t i = 0; i < 5000; i++) {
        buf_text(&args, "ä");
    }
    buf_text(&args, "\"}");
    assert_args_refused(&model->services[0], args.data, "a is text");
    buf_reset(&args);
    buf_text(&args, "{\"\\u0001");
    for (size_t i = 0; i < 5000; i++) {
        buf_text(&args, "b");
    }
    buf_text(&args, "\":1}");
    assert_args_refused(&model->services[0], args.data, "no argument ?b");
    model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_int_is_written_without_a_point_and_kept_within_its_range),
        cmocka_unit_test(an_int_without_a_range_has_32_bits),
        cmocka_unit_test(float_and_double_have_a_point_and_keep_their_text),
        cmocka_unit_test(an_enum_takes_the_integers_that_it_names),
        cmocka_unit_test(a_bool_is_sent_as_0_or_1),
        cmocka_unit_test(a_text_has_a_length_in_bytes),
        cmocka_unit_test(a_date_is_sent_as_text_of_milliseconds),
        cmocka_unit_test(an_array_has_a_size_and_items_of_one_type),
        cmocka_unit_test(a_struct_has_known_members_of_their_types),
        cmocka_unit_test(arguments_are_the_services_and_the_required_ones_are_there),
        cmocka_unit_test(a_wrong_value_of_any_length_is_told_in_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
