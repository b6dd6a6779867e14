// Thing models from text and from the files of the simulated platform.
#pragma once

#include "unit/core/mapping/mapping_checks.h"

#include "base/file.h"
#include "base/json/json.h"
#include "core/model/model.h"

#define MODELS TEST_SOURCE_DIR "/tests/simulator/models/"

static inline struct model *model_of(const char *text)
{
    struct model *model = NULL;
    struct diag diag = {""};
    if (model_parse(text, strlen(text), &model, &diag) != ERR_OK) {
        fail_msg("%s", diag.text);
    }
    return model;
}

static inline struct model *model_of_file(const char *name)
{
    AUTO_FREE char *path = mem_printf(MODELS "%s", name);
    AUTO_FREE char *text = NULL;
    size_t len = 0;
    struct diag diag;
    assert_int_equal(file_read(path, MODEL_MAX_BYTES, &text, &len, &diag), ERR_OK);
    return model_of(text);
}

// A model of one service S with one argument a of this type.
static inline struct model *model_with(const char *data_type)
{
    AUTO_FREE char *text = mem_printf("{\"services\":[{\"identifier\":\"S\",\"callType\":\"sync\",\"inputData\":"
                                      "[{\"identifier\":\"a\",\"dataType\":%s}]}]}",
                                      data_type);
    return model_of(text);
}

static inline void assert_model_refused(const char *text, enum err err, const char *words)
{
    struct model *model = NULL;
    struct diag diag = {""};
    assert_int_equal(model_parse(text, strlen(text), &model, &diag), err);
    assert_null(model);
    if (strstr(diag.text, words) == NULL) {
        fail_msg("\"%s\" is not in: %s", words, diag.text);
    }
}

static inline struct json_object *json_of(const char *text)
{
    struct json_limits limits = {.max_depth = 32};
    struct json_object *value = NULL;
    struct diag diag;
    assert_int_equal(json_parse(text, strlen(text), &limits, &value, &diag), ERR_OK);
    return value;
}

static inline void assert_args_sent(const struct model_service *service, const char *args, const char *sent)
{
    AUTO_JSON struct json_object *value = json_of(args);
    AUTO_JSON struct json_object *out = NULL;
    struct failure failure;
    if (model_check_args(service, value, &out, &failure) != ERR_OK) {
        fail_msg("%s: %s", args, failure.detail);
    }
    AUTO_FREE char *text = json_print(out);
    assert_string_equal(text, sent);
}

static inline void assert_args_refused(const struct model_service *service, const char *args, const char *words)
{
    AUTO_JSON struct json_object *value = json_of(args);
    struct json_object *out = NULL;
    struct failure failure;
    assert_int_equal(model_check_args(service, value, &out, &failure), ERR_REFUSED);
    assert_null(out);
    assert_string_equal(failure.code->code, "argument_invalid");
    if (strstr(failure.detail, words) == NULL) {
        fail_msg("\"%s\" is not in: %s", words, failure.detail);
    }
}
