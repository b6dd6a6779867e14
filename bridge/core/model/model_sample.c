// Values that fit a model.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json/json.h"
#include "base/mem.h"
#include "core/model/model.h"
#include "core/template/decimal.h"

#define SAMPLE_TEXT "text"
#define SAMPLE_DATE "1795262400000" // 2026-11-21T12:00:00Z

static struct json_object *sample_of(const struct model_data *data);

static struct json_object *sample_number(const struct model_data *data)
{
    const char *bound = data->min != NULL ? data->min : data->max != NULL ? data->max : "1";
    AUTO_DECIMAL struct decimal decimal = {0};
    if (!decimal_parse(bound, &decimal)) {
        return json_new_int(0);
    }
    AUTO_FREE char *text = decimal_print(&decimal, data->type != MODEL_INT);
    // What is beyond double is no JSON.
    return isinf(strtod(text, NULL)) ? json_new_int(0) : json_new_number(text);
}

struct json_object *model_sample(const struct model_field *fields, size_t count)
{
    struct json_object *map = json_new_map();
    for (size_t i = 0; i < count; i++) {
        json_put(map, fields[i].identifier, sample_of(&fields[i].data));
    }
    return map;
}

static struct json_object *sample_of(const struct model_data *data)
{
    static const size_t len = sizeof SAMPLE_TEXT - 1;
    struct json_object *list = NULL;
    switch (data->type) {
    case MODEL_INT:
    case MODEL_FLOAT:
    case MODEL_DOUBLE:
        return sample_number(data);
    case MODEL_ENUM:
        return json_new_number(data->choices[0].value);
    case MODEL_BOOL:
        return json_new_int(1);
    case MODEL_TEXT:
        return json_new_text_len(SAMPLE_TEXT, data->max_size > 0 && data->max_size < len ? data->max_size : len);
    case MODEL_DATE:
        return json_new_text(SAMPLE_DATE);
    case MODEL_ARRAY:
        list = json_new_list();
        json_add(list, sample_of(data->item));
        return list;
    case MODEL_STRUCT:
        break;
    }
    return model_sample(data->fields, data->field_count);
}
