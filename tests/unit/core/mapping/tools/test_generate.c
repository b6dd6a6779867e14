// Mapping files that are written from thing models load as they are, and do what their tests say.
#include "unit/core/model/model_checks.h"

#include "core/mapping/load/mapping_load.h"
#include "core/mapping/tools/generate.h"
#include "core/mapping/tools/mapping_test.h"

static char *generate(const char *file, const char *topic, const char *product)
{
    struct model *model = model_of_file(file);
    AUTO_FREE char *path = mem_printf(MODELS "%s", file);
    const struct model *models[] = {model};
    const char *paths[] = {path};
    const struct generate_options options = {
        .topic = topic, .product_key = product, .models = models, .paths = paths, .model_count = 1};
    char *text = NULL;
    struct diag diag = {""};
    if (generate_mapping(&options, &text, &diag) != ERR_OK) {
        fail_msg("%s", diag.text);
    }
    model_free(model);
    return text;
}

static struct mapping *load_generated(const char *text)
{
    struct mapping_options options = default_options();
    options.read_file = file_read;
    return load_with(text, &options);
}

static void the_simulators_models_give_mappings_without_a_problem(void **state)
{
    (void)state;
    static const char *const files[] = {"lamp.json", "lamp-ota.json", "lock.json", "pump.json"};
    static const char *const topics[] = {GENERATE_DEFAULT_TOPIC, "{service}/{device}/+/{rest}",
                                         "a/{device}/x-{service}"};
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        for (size_t k = 0; k < COUNT_OF(topics); k++) {
            AUTO_FREE char *text = generate(files[i], topics[k], NULL);
            struct mapping *mapping = load_generated(text);
            assert_true(mapping_rule_count(mapping) > 0);
            mapping_destroy(mapping);
        }
    }
}

// Maps the payload of each test as it is in the text, and compares with what it expects.
static void assert_tests_hold(const char *text)
{
    struct mapping *mapping = load_generated(text);
    struct yaml_document *document = NULL;
    struct problems problems = {0};
    assert_int_equal(yaml_load_text("a.yaml", text, strlen(text), &document, &problems), ERR_OK);
    const struct yaml_node *tests = yaml_get(yaml_root(document), "tests");
    assert_true(tests->count >= mapping_rule_count(mapping));
    for (size_t i = 0; i < tests->count; i++) {
        const struct yaml_node *payload = yaml_get(tests->items[i], "payload");
        const struct yaml_node *expect = yaml_get(tests->items[i], "expect");
        AUTO_JSON struct json_object *value = payload != NULL ? yaml_to_json(payload) : NULL;
        AUTO_FREE char *sent = payload != NULL ? json_print(value) : mem_strdup("");
        AUTO_COMMAND struct command *command = map_payload(mapping, yaml_get(tests->items[i], "topic")->text, sent);
        if (yaml_get(expect, "rejected") != NULL) {
            assert_refused(command, yaml_get(expect, "rejected")->text, "it takes");
            continue;
        }
        AUTO_JSON struct json_object *args = yaml_to_json(yaml_get(expect, "Args"));
        AUTO_FREE char *expected = json_print(args);
        assert_parameter(command, 0, "Args", expected);
        assert_string_equal(command->calls[0].action, yaml_get(expect, "action")->text);
        assert_parameter(command, 0, "ProductKey", yaml_get(expect, "ProductKey")->text);
        assert_parameter(command, 0, "DeviceName", yaml_get(expect, "DeviceName")->text);
        assert_parameter(command, 0, "Identifier", yaml_get(expect, "Identifier")->text);
    }
    yaml_free(document);
    mapping_destroy(mapping);
}

static void its_tests_hold(void **state)
{
    (void)state;
    static const char *const files[] = {"lamp.json", "lamp-ota.json", "lock.json", "pump.json"};
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        AUTO_FREE char *text = generate(files[i], "home/{device}/{service}", "a1Other");
        AUTO_FREE char *own = generate(files[i], "home/{room}/{device}/{service}", NULL);
        assert_tests_hold(own);
        assert_non_null(strstr(text, "product_key: a1Other\n"));
    }
}

static void it_tells_arguments_with_types_ranges_and_units(void **state)
{
    (void)state;
    AUTO_FREE char *text = generate("lamp.json", GENERATE_DEFAULT_TOPIC, NULL);
    assert_non_null(strstr(text, "# set the light. Asynchronous"));
    assert_non_null(strstr(text, "# switch on or off. Synchronous"));
    assert_non_null(strstr(text, "# Payload: a JSON object with\n  #   brightness   an integer from 0 to 100 (%)\n"));
    assert_non_null(strstr(text, "# In the reply, result.data:\n  #   brightness   an integer from 0 to 100 (%)\n"));
    assert_non_null(strstr(text, "gain         a number from 0.1 to 10; required\n"));
    assert_non_null(strstr(text, "mode         one of 0 (reading), 1 (party), 2 (night); required\n"));
    assert_non_null(strstr(text, "    seconds      an integer from 0 to 3600 (s)\n"));
}

static enum err read_stored(const char *path, size_t max_bytes, char **data, size_t *len, struct diag *diag);
static const char *stored_model;

static void names_in_a_model_cannot_leave_their_comment(void **state)
{
    (void)state;
    stored_model =
        "{\"profile\":{\"productKey\":\"p\"},\"services\":[{\"identifier\":\"null\",\"name\":\"a\\nrules: []"
        "\\u2028b: c\\u2029\\u0085\\u009f\\ufeffd\",\"callType\":\"async\",\"inputData\":[{\"identifier\":\"on\","
        "\"name\":\"x\\r\\ny: z\",\"dataType\":{\"type\":\"enum\",\"specs\":{\"-1\":\"a\\u2028b\"}}},"
        "{\"identifier\":\"7\",\"required\":true,\"dataType\":{\"type\":\"text\",\"specs\":{\"length\":2}}},"
        "{\"identifier\":\"n\",\"dataType\":{\"type\":\"int\",\"specs\":{\"max\":\"-3\",\"unit\":\"\\u0085\"}}}]},"
        "{\"identifier\":\"Never\",\"callType\":\"sync\",\"inputData\":[{\"identifier\":\"i\",\"dataType\":"
        "{\"type\":\"int\",\"specs\":{\"min\":\"0.5\",\"max\":\"0.7\"}}}]}]}";
    struct model *model = model_of(stored_model);
    const struct model *models[] = {model};
    const char *paths[] = {"any \"name\"\n.json"};
    const struct generate_options options = {
        .topic = GENERATE_DEFAULT_TOPIC, .models = models, .paths = paths, .model_count = 1};
    char *text = NULL;
    struct diag diag;
    assert_int_equal(generate_mapping(&options, &text, &diag), ERR_OK);
    struct mapping_options reading = default_options();
    reading.read_file = read_stored;
    struct mapping *mapping = load_with(text, &reading);
    assert_int_equal(mapping_rule_count(mapping), 2);
    AUTO_COMMAND struct command *command = map_payload(mapping, "home/d/null", "{\"7\":\"ab\",\"on\":-1,\"n\":-3}");
    assert_parameter(command, 0, "Identifier", "null");
    assert_null(strstr(text, "Never takes"));
    mapping_destroy(mapping);
    model_free(model);
    free(text);
}

static enum err read_stored(const char *path, size_t max_bytes, char **data, size_t *len, struct diag *diag)
{
    (void)max_bytes;
    (void)diag;
    assert_string_equal(path, "any \"name\"\n.json");
    *data = mem_strdup(stored_model);
    *len = strlen(stored_model);
    return ERR_OK;
}

static void its_tests_pass_as_they_are(void **state)
{
    (void)state;
    static const char *const files[] = {"lamp.json", "lamp-ota.json", "lock.json", "pump.json"};
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        AUTO_FREE char *text = generate(files[i], GENERATE_DEFAULT_TOPIC, NULL);
        AUTO_YAML struct yaml_document *document = NULL;
        struct problems problems = {0};
        struct mapping *mapping = load_generated(text);
        assert_int_equal(yaml_load_text("a.yaml", text, strlen(text), &document, &problems), ERR_OK);
        for (size_t k = 0; k < mapping_test_count(document); k++) {
            struct mapping_test_result result;
            mapping_test_run(mapping, document, k, NULL, 0, &result);
            assert_int_equal(result.count, 0);
            mapping_test_result_clear(&result);
        }
        mapping_destroy(mapping);
    }
}

static void the_test_of_a_synchronous_service_has_its_reply(void **state)
{
    (void)state;
    AUTO_FREE char *lock = generate("lock.json", GENERATE_DEFAULT_TOPIC, NULL);
    AUTO_FREE char *pump = generate("pump.json", GENERATE_DEFAULT_TOPIC, NULL);
    assert_non_null(strstr(lock, "Data: {Result: '{\"code\":200,\"data\":{\"locked\":1}}'}}}\n"));
    assert_non_null(strstr(lock, "      reply: {status: ok, result: {code: 200, data: {\"locked\":1}}}\n"));
    assert_null(strstr(pump, "status: ok"));
}

static void two_models_have_one_product_and_each_service_once(void **state)
{
    (void)state;
    struct model *lamp = model_of_file("lamp.json");
    struct model *lock = model_of_file("lock.json");
    const struct model *same[] = {lamp, lamp};
    const struct model *others[] = {lamp, lock};
    const char *paths[] = {"a.json", "b.json"};
    struct generate_options options = {
        .topic = GENERATE_DEFAULT_TOPIC, .models = same, .paths = paths, .model_count = 2};
    char *text = NULL;
    struct diag diag;
    assert_int_equal(generate_mapping(&options, &text, &diag), ERR_REFUSED);
    assert_string_equal(diag.text, "the service Set is in a.json and in b.json");
    options.models = others;
    assert_int_equal(generate_mapping(&options, &text, &diag), ERR_REFUSED);
    assert_non_null(strstr(diag.text, "two products, k1ymv1DuLfE and a1LockProd01"));
    model_free(lamp);
    model_free(lock);
}

// A service `identifier` with four arguments of this type.
static void append_service(struct buf *out, const char *identifier, const char *data_type)
{
    buf_printf(out, "%s{\"identifier\":\"%s\",\"callType\":\"sync\",\"inputData\":[", out->len > 0 ? "," : "",
               identifier);
    for (int i = 0; i < 4; i++) {
        buf_printf(out, "%s{\"identifier\":\"a%d\",\"dataType\":%s}", i > 0 ? "," : "", i, data_type);
    }
    buf_text(out, "]}");
}

static char *huge_struct(void)
{
    AUTO_BUF struct buf out = {0};
    buf_text(&out, "{\"type\":\"struct\",\"specs\":[");
    for (int i = 0; i < 1000; i++) {
        buf_printf(&out, "%s{\"identifier\":\"m%060d\",\"dataType\":{\"type\":\"text\"}}", i > 0 ? "," : "", i);
    }
    buf_text(&out, "]}");
    return buf_steal(&out);
}

static void a_service_whose_arguments_no_payload_can_hold_has_no_tests(void **state)
{
    (void)state;
    AUTO_BUF struct buf services = {0};
    AUTO_FREE char *huge = huge_struct();
    append_service(&services, "Far", "{\"type\":\"double\",\"specs\":{\"min\":\"1e403\"}}");
    append_service(&services, "Large", huge);
    append_service(&services, "Good", "{\"type\":\"double\",\"specs\":{\"max\":\"1e403\"}}");
    AUTO_FREE char *model_text = mem_printf("{\"profile\":{\"productKey\":\"p\"},\"services\":[%s]}", services.data);
    struct model *model = model_of(model_text);
    const struct model *models[] = {model};
    const char *paths[] = {"m.json"};
    const struct generate_options options = {
        .topic = GENERATE_DEFAULT_TOPIC, .models = models, .paths = paths, .model_count = 1};
    char *text = NULL;
    struct diag diag = {""};
    assert_int_equal(generate_mapping(&options, &text, &diag), ERR_OK);
    assert_null(strstr(text, "Far takes"));
    assert_null(strstr(text, "Large takes"));
    assert_non_null(strstr(text, "Good takes"));
    model_free(model);
    free(text);
}

static void assert_generate_refused(const char *model_text, const char *topic, const char *product, enum err err,
                                    const char *words)
{
    struct model *model = model_of(model_text);
    const struct model *models[] = {model};
    const char *paths[] = {"m.json"};
    const struct generate_options options = {
        .topic = topic, .product_key = product, .models = models, .paths = paths, .model_count = 1};
    char *text = NULL;
    struct diag diag = {""};
    assert_int_equal(generate_mapping(&options, &text, &diag), err);
    assert_null(text);
    if (strstr(diag.text, words) == NULL) {
        fail_msg("\"%s\" is not in: %s", words, diag.text);
    }
    model_free(model);
}

static void what_cannot_be_generated_is_refused(void **state)
{
    (void)state;
    static const char two[] = "{\"services\":[{\"identifier\":\"A\",\"callType\":\"sync\"},"
                              "{\"identifier\":\"B\",\"callType\":\"sync\"}]}";
    assert_generate_refused("{\"services\":[]}", GENERATE_DEFAULT_TOPIC, "p", ERR_MISSING, "no services");
    assert_generate_refused(two, "home/{service}", "p", ERR_REFUSED, "needs a level {device}");
    assert_generate_refused(two, "home/{device}", "p", ERR_REFUSED, "needs {service}");
    assert_generate_refused(two, GENERATE_DEFAULT_TOPIC, NULL, ERR_REFUSED, "--product-key");
    assert_generate_refused(two, GENERATE_DEFAULT_TOPIC, "a b", ERR_REFUSED, "product key");
    assert_generate_refused(two, "{device}/{device}/{service}", "p", ERR_REFUSED, "twice");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_simulators_models_give_mappings_without_a_problem),
        cmocka_unit_test(its_tests_hold),
        cmocka_unit_test(it_tells_arguments_with_types_ranges_and_units),
        cmocka_unit_test(names_in_a_model_cannot_leave_their_comment),
        cmocka_unit_test(its_tests_pass_as_they_are),
        cmocka_unit_test(the_test_of_a_synchronous_service_has_its_reply),
        cmocka_unit_test(two_models_have_one_product_and_each_service_once),
        cmocka_unit_test(a_service_whose_arguments_no_payload_can_hold_has_no_tests),
        cmocka_unit_test(what_cannot_be_generated_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
