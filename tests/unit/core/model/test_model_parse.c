// Thing models as they are exported, and what is refused of them.
#include "unit/core/model/model_checks.h"

#define SERVICE(members) "{\"services\":[{\"identifier\":\"S\",\"callType\":\"async\"" members "}]}"
#define FIELD(type)      SERVICE(",\"inputData\":[{\"identifier\":\"a\",\"dataType\":" type "}]")

static void the_simulators_models_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        const char *product;
        size_t services;
    } rows[] = {{"lamp.json", "k1ymv1DuLfE", 7},
                {"lamp-ota.json", "k1ymv1DuLfE", 1},
                {"lock.json", "a1LockProd01", 2},
                {"pump.json", "a1PumpProd01", 1}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct model *model = model_of_file(rows[i].file);
        assert_string_equal(model->product_key, rows[i].product);
        assert_int_equal(model->service_count, rows[i].services);
        model_free(model);
    }
}

static void a_service_has_its_mode_and_its_arguments(void **state)
{
    (void)state;
    struct model *model = model_of_file("lamp.json");
    assert_true(model_find(model, "Toggle")->is_sync);
    assert_false(model_find(model, "Set")->is_sync);
    const struct model_service *scene = model_find(model, "Scene");
    assert_string_equal(scene->name, "play a scene");
    assert_int_equal(scene->input_count, 6);
    const struct model_field *mode = model_find_field(scene->inputs, scene->input_count, "mode");
    assert_true(mode->required);
    assert_int_equal(mode->data.type, MODEL_ENUM);
    assert_int_equal(mode->data.choice_count, 3);
    const struct model_field *levels = model_find_field(scene->inputs, scene->input_count, "levels");
    assert_false(levels->required);
    assert_int_equal(levels->data.max_size, 4);
    assert_string_equal(levels->data.item->max, "100");
    assert_null(model_find_field(scene->inputs, scene->input_count, "none"));
    assert_string_equal(model_nearest_field(scene->inputs, scene->input_count, "level"), "levels");
    model_free(model);
}

static void access_to_properties_is_no_service(void **state)
{
    (void)state;
    struct model *model = model_of_file("lamp.json");
    assert_null(model_find(model, "get"));
    assert_null(model_find(model, "set"));
    assert_null(model_find(model, "Nothing"));
    model_free(model);
}

static void a_custom_modules_services_carry_its_name(void **state)
{
    (void)state;
    struct model *model = model_of_file("lamp-ota.json");
    assert_non_null(model_find(model, "ota:Start"));
    assert_null(model_find(model, "Start"));
    model_free(model);
    model = model_of("{\"functionBlockId\":\"x\",\"services\":[{\"identifier\":\"ota:Start\",\"callType\":\"sync\"}]}");
    assert_non_null(model_find(model, "ota:Start"));
    model_free(model);
}

static void an_answer_to_get_thing_model_tsl_is_read(void **state)
{
    (void)state;
    static const char *const answers[] = {
        "{\"RequestId\":\"1\",\"Success\":true,\"Data\":{\"TslUri\":\"\",\"TslStr\":%s}}",
        "{\"data\":{\"tslStr\":%s}}",
        "{\"TslStr\":%s}",
    };
    AUTO_JSON struct json_object *text = json_new_text(SERVICE(""));
    AUTO_FREE char *quoted = json_print(text);
    for (size_t i = 0; i < COUNT_OF(answers); i++) {
        const char *hole = strstr(answers[i], "%s");
        AUTO_FREE char *answer =
            mem_printf("%.*s%s%s", (int)(hole - answers[i]), answers[i], quoted, hole + strlen("%s"));
        struct model *model = model_of(answer);
        assert_non_null(model_find(model, "S"));
        assert_null(model->product_key);
        model_free(model);
    }
    assert_model_refused("{\"Data\":{\"TslStr\":\"{\"}}", ERR_SYNTAX, "it cannot be read: JSON, byte");
    assert_model_refused("{\"Success\":false,\"Code\":\"iot.prod.NotExistedProduct\",\"ErrorMessage\":\"no product\"}",
                         ERR_SYNTAX, "without a model: no product");
}

static void numbers_in_specs_may_be_numbers(void **state)
{
    (void)state;
    struct model *model = model_of(FIELD("{\"type\":\"int\",\"specs\":{\"min\":0,\"max\":10,\"unit\":\"\"}}"));
    assert_string_equal(model->services[0].inputs[0].data.max, "10");
    assert_null(model->services[0].inputs[0].data.unit);
    model_free(model);
}

static void what_is_no_model_is_refused_in_words(void **state)
{
    (void)state;
    assert_model_refused("", ERR_SYNTAX, "it cannot be read: JSON, byte");
    assert_model_refused("{\"services\":[]", ERR_SYNTAX, "it cannot be read: JSON, byte");
    assert_model_refused("[]", ERR_SYNTAX, "no thing model");
    assert_model_refused("{}", ERR_SYNTAX, "no thing model");
    assert_model_refused("{\"services\":{}}", ERR_SYNTAX, "no thing model");
    assert_model_refused("{\"services\":[1]}", ERR_SYNTAX, "no `identifier`");
    assert_model_refused("{\"services\":[{\"identifier\":\"a b\",\"callType\":\"sync\"}]}", ERR_SYNTAX, "\"a b\"");
    assert_model_refused("{\"services\":[{\"identifier\":\"a:\",\"callType\":\"sync\"}]}", ERR_SYNTAX, "\"a:\"");
    assert_model_refused("{\"functionBlockId\":\"a b\",\"services\":[]}", ERR_SYNTAX, "functionBlockId");
    assert_model_refused("{\"services\":[{\"identifier\":\"S\"}]}", ERR_SYNTAX, "`callType` must be sync or async");
    assert_model_refused("{\"services\":[{\"identifier\":\"S\",\"callType\":\"later\"}]}", ERR_SYNTAX, "\"later\"");
    assert_model_refused("{\"services\":[{\"identifier\":\"S\",\"callType\":\"sync\"},{\"identifier\":\"S\","
                         "\"callType\":\"sync\"}]}",
                         ERR_SYNTAX, "two of this name");
}

static void what_is_no_argument_is_refused_in_words(void **state)
{
    (void)state;
    assert_model_refused(SERVICE(",\"inputData\":{}"), ERR_SYNTAX, "the service S");
    assert_model_refused(SERVICE(",\"inputData\":[\"a\"]"), ERR_SYNTAX, "number 1 has no `identifier`");
    assert_model_refused(SERVICE(",\"inputData\":[{\"identifier\":\"a.b\"}]"), ERR_SYNTAX, "no `identifier`");
    assert_model_refused(SERVICE(",\"inputData\":[{\"identifier\":\"a\"}]"), ERR_SYNTAX,
                         "the service S, a: `dataType`");
    assert_model_refused(SERVICE(",\"inputData\":[{\"identifier\":\"a\",\"dataType\":{\"type\":\"date\"}},"
                                 "{\"identifier\":\"a\",\"dataType\":{\"type\":\"date\"}}]"),
                         ERR_SYNTAX, "two of this name");
    assert_model_refused(FIELD("{}"), ERR_SYNTAX, "`type` is missing");
    assert_model_refused(FIELD("{\"type\":\"integer\"}"), ERR_SYNTAX, "the type \"integer\" is unknown");
    assert_model_refused(FIELD("{\"type\":\"int\",\"specs\":{\"min\":\"low\"}}"), ERR_SYNTAX, "`min` is \"low\"");
    assert_model_refused(FIELD("{\"type\":\"int\",\"specs\":{\"max\":\"1 \\n\"}}"), ERR_SYNTAX, "`max`");
    assert_model_refused(FIELD("{\"type\":\"int\",\"specs\":{\"min\":\"2\",\"max\":\"1\"}}"), ERR_SYNTAX,
                         "greater than `max`");
    assert_model_refused(FIELD("{\"type\":\"text\",\"specs\":{\"length\":\"-1\"}}"), ERR_SYNTAX, "`length`");
    assert_model_refused(FIELD("{\"type\":\"enum\",\"specs\":{}}"), ERR_SYNTAX, "the enum has no values");
    assert_model_refused(FIELD("{\"type\":\"enum\",\"specs\":{\"on\":\"1\"}}"), ERR_SYNTAX, "\"on\" is no integer");
    assert_model_refused(FIELD("{\"type\":\"array\",\"specs\":{\"size\":\"x\"}}"), ERR_SYNTAX, "`size`");
    assert_model_refused(FIELD("{\"type\":\"array\",\"specs\":{\"size\":\"2\"}}"), ERR_SYNTAX, "item");
    assert_model_refused(FIELD("{\"type\":\"struct\",\"specs\":{}}"), ERR_SYNTAX, "must be a list");
    assert_model_refused(FIELD("{\"type\":\"struct\",\"specs\":[{\"identifier\":\"b\",\"dataType\":7}]}"), ERR_SYNTAX,
                         "the service S, a, b:");
}

static void sizes_are_bounded(void **state)
{
    (void)state;
    AUTO_BUF struct buf deep = {0};
    for (size_t i = 0; i < MODEL_MAX_NESTING + 1; i++) {
        buf_text(&deep, "{\"type\":\"array\",\"specs\":{\"item\":");
    }
    buf_text(&deep, "{\"type\":\"int\"}");
    for (size_t i = 0; i < MODEL_MAX_NESTING + 1; i++) {
        buf_text(&deep, "}}");
    }
    AUTO_FREE char *nested = mem_printf("{\"services\":[{\"identifier\":\"S\",\"callType\":\"sync\",\"inputData\":["
                                        "{\"identifier\":\"a\",\"dataType\":%s}]}]}",
                                        deep.data);
    assert_model_refused(nested, ERR_LIMIT, "nested deeper");
    AUTO_BUF struct buf many = {0};
    buf_text(&many, "{\"services\":[0");
    for (size_t i = 0; i < MODEL_MAX_ITEMS; i++) {
        buf_text(&many, ",0");
    }
    buf_text(&many, "]}");
    assert_model_refused(many.data, ERR_LIMIT, "more than 1000 services");
    AUTO_FREE char *large = mem_alloc(MODEL_MAX_BYTES + 2);
    memset(large, ' ', MODEL_MAX_BYTES + 1);
    assert_model_refused(large, ERR_LIMIT, "at most 4194304 bytes");
    memset(large, '[', 100);
    large[100] = '\0';
    assert_model_refused(large, ERR_LIMIT, "it cannot be read: JSON, byte");
}

static void outputs_are_read_or_left_out(void **state)
{
    (void)state;
    static const char good[] = "{\"identifier\":\"on\",\"dataType\":{\"type\":\"bool\"}}";
    AUTO_FREE char *known = mem_printf(SERVICE(",\"outputData\":[%s]"), good);
    AUTO_FREE char *odd = mem_printf(SERVICE(",\"outputData\":[%s,{\"identifier\":\"new type\"}]"), good);
    struct model *model = model_of(known);
    assert_int_equal(model->services[0].output_count, 1);
    AUTO_JSON struct json_object *sample = model_sample(model->services[0].outputs, 1);
    AUTO_FREE char *text = json_print(sample);
    assert_string_equal(text, "{\"on\":1}");
    model_free(model);
    model = model_of(odd);
    assert_int_equal(model->services[0].output_count, 0);
    model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_simulators_models_are_read),
        cmocka_unit_test(a_service_has_its_mode_and_its_arguments),
        cmocka_unit_test(access_to_properties_is_no_service),
        cmocka_unit_test(a_custom_modules_services_carry_its_name),
        cmocka_unit_test(an_answer_to_get_thing_model_tsl_is_read),
        cmocka_unit_test(numbers_in_specs_may_be_numbers),
        cmocka_unit_test(what_is_no_model_is_refused_in_words),
        cmocka_unit_test(what_is_no_argument_is_refused_in_words),
        cmocka_unit_test(sizes_are_bounded),
        cmocka_unit_test(outputs_are_read_or_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
