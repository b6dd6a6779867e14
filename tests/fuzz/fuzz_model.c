// A thing model, and arguments for its services. From every model that can be read a mapping file is generated, which
// must load and pass its own tests.
#include "fuzz.h"

#include "base/yaml/yaml.h"
#include "core/mapping/load/mapping_load.h"
#include "core/mapping/mapping.h"
#include "core/mapping/tools/generate.h"
#include "core/mapping/tools/mapping_test.h"
#include "core/model/model.h"

// What the generated file names as its model.
static struct str model_file;

static enum err read_model(const char *path, size_t max_bytes, char **data, size_t *len, struct diag *diag)
{
    (void)diag;
    MUST(strcmp(path, "model.json") == 0 && model_file.len <= max_bytes);
    *data = mem_dup(model_file.data, model_file.len);
    *len = model_file.len;
    return ERR_OK;
}

static void must_pass_tests(const struct mapping *mapping, const struct yaml_document *document)
{
    for (size_t i = 0; i < mapping_test_count(document); i++) {
        struct mapping_test_result result;
        mapping_test_run(mapping, document, i, NULL, 0, &result);
        for (size_t k = 0; k < result.count; k++) {
            fprintf(stderr, "%s: %s: %s, not %s\n", result.name, result.differences[k].what, result.differences[k].got,
                    result.differences[k].expected);
        }
        MUST(result.count == 0);
        mapping_test_result_clear(&result);
    }
}

static void must_load(const char *text)
{
    struct mapping_options options = {.base_topic = "thingbridge",
                                      .default_platform = "default",
                                      .discovery_prefix = "homeassistant",
                                      .max_payload = 262144,
                                      .max_json_depth = 32,
                                      .read_file = read_model};
    struct yaml_document *document = NULL;
    struct mapping *mapping = NULL;
    struct problems problems = {0};
    enum err err = yaml_load_text("generated.yaml", text, strlen(text), &document, &problems);
    if (err == ERR_OK) {
        err = mapping_create(&document, 1, &options, &mapping, &problems);
    }
    for (size_t i = 0; i < problems.count; i++) {
        fprintf(stderr, "%d: %s\n", problems.items[i].line, problems.items[i].text);
    }
    MUST(err == ERR_OK && problems.count == 0);
    must_pass_tests(mapping, document);
    mapping_destroy(mapping);
    yaml_free(document);
    problems_clear(&problems);
}

static void check_generate(const struct model *model)
{
    static const char *const paths[] = {"model.json"};
    const struct model *models[] = {model};
    struct generate_options options = {
        .topic = GENERATE_DEFAULT_TOPIC, .models = models, .paths = paths, .model_count = 1};
    char *text = NULL;
    struct diag diag = {""};
    enum err err = generate_mapping(&options, &text, &diag);
    MUST(err == ERR_OK || err == ERR_REFUSED || err == ERR_MISSING);
    if (err != ERR_OK) {
        MUST(text == NULL);
        must_tell(diag.text);
        return;
    }
    must_load(text);
    free(text);
}

static bool fits_type(const struct model_data *data, const struct json_object *value)
{
    AUTO_FREE char *text = json_print(value);
    int64_t number = json_int(value);
    switch (data->type) {
    case MODEL_INT:
        return json_kind(value) == JSON_INT && number >= INT32_MIN && number <= INT32_MAX;
    case MODEL_FLOAT:
    case MODEL_DOUBLE:
        return json_kind(value) == JSON_REAL && strchr(text, '.') != NULL;
    case MODEL_ENUM:
        return json_kind(value) == JSON_INT;
    case MODEL_BOOL:
        return json_kind(value) == JSON_INT && (number == 0 || number == 1);
    case MODEL_TEXT:
        return json_kind(value) == JSON_TEXT && (data->max_size == 0 || strlen(json_text(value)) <= data->max_size);
    case MODEL_DATE:
        return json_kind(value) == JSON_TEXT;
    case MODEL_ARRAY:
        return json_kind(value) == JSON_LIST && (data->max_size == 0 || json_count(value) <= data->max_size);
    case MODEL_STRUCT:
        return json_kind(value) == JSON_MAP && json_count(value) <= data->field_count;
    }
    return false;
}

static bool fits_range(const struct model_data *data, const struct json_object *value)
{
    bool is_number = data->type == MODEL_INT || data->type == MODEL_FLOAT || data->type == MODEL_DOUBLE;
    bool below = is_number && data->min != NULL && json_real(value) < strtod(data->min, NULL);
    bool above = is_number && data->max != NULL && json_real(value) > strtod(data->max, NULL);
    return !below && !above;
}

static void must_fit(const struct model_data *data, const struct json_object *value)
{
    struct json_object *part = NULL;
    MUST(fits_type(data, value) && fits_range(data, value));
    for (size_t i = 0; data->type == MODEL_ARRAY && json_item(value, i, &part); i++) {
        must_fit(data->item, part);
    }
    for (size_t i = 0; data->type == MODEL_STRUCT && i < data->field_count; i++) {
        bool given = json_member(value, data->fields[i].identifier, &part);
        MUST(given || !data->fields[i].required);
        if (given) {
            must_fit(&data->fields[i].data, part);
        }
    }
}

static void must_fit_service(const struct model_service *service, const struct json_object *sent)
{
    struct json_object *value = NULL;
    size_t given = 0;
    for (size_t i = 0; i < service->input_count; i++) {
        if (json_member(sent, service->inputs[i].identifier, &value)) {
            must_fit(&service->inputs[i].data, value);
            given++;
        } else {
            MUST(!service->inputs[i].required);
        }
    }
    MUST(given == json_count(sent));
}

// What is sent is what the model wants: checking it again changes nothing.
static void check_args(const struct model_service *service, const struct json_object *args)
{
    AUTO_JSON struct json_object *sent = NULL;
    AUTO_JSON struct json_object *again = NULL;
    struct failure failure = {0};
    if (model_check_args(service, args, &sent, &failure) != ERR_OK) {
        MUST(sent == NULL);
        must_be_failure(&failure);
        MUST(strcmp(failure.code->code, "argument_invalid") == 0);
        return;
    }
    MUST(json_count(sent) == json_count(args));
    must_fit_service(service, sent);
    MUST(model_check_args(service, sent, &again, &failure) == ERR_OK);
    must_be_same(json_print(sent), json_print(again));
}

static void check_service(const struct model *model, const struct model_service *service,
                          const struct json_object *args)
{
    MUST(model_find(model, service->identifier) == service);
    for (size_t i = 0; i < service->input_count; i++) {
        const struct model_field *field = &service->inputs[i];
        AUTO_BUF struct buf text = {0};
        model_describe(&field->data, &text);
        must_tell(text.data);
        MUST(model_find_field(service->inputs, service->input_count, field->identifier) == field);
    }
    check_args(service, args);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct parts parts = parts_of(data, size);
    struct model *model = NULL;
    struct diag diag = {""};
    model_file = (struct str){"", 0};
    next_part(&parts, PART_SEPARATOR, &model_file);
    enum err err = model_parse(model_file.data, model_file.len, &model, &diag);
    if (err != ERR_OK) {
        MUST(model == NULL && (err == ERR_SYNTAX || err == ERR_LIMIT));
        must_tell(diag.text);
        return 0;
    }
    AUTO_JSON struct json_object *args = NULL;
    struct str text = rest_of(&parts);
    if (json_parse(text.data, text.len, &(struct json_limits){32}, &args, &diag) != ERR_OK) {
        args = json_new_map();
    }
    for (size_t i = 0; i < model->service_count; i++) {
        check_service(model, &model->services[i], args);
    }
    check_generate(model);
    model_free(model);
    return 0;
}
