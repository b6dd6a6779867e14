// Tests for the rules that are written from a thing model: values that a service takes, and one that it does not.
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/decimal.h"
#include "core/generate_internal.h"

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
    return json_new_number(text);
}

static struct json_object *sample_text(const struct model_data *data)
{
    size_t len = strlen(SAMPLE_TEXT);
    return json_new_text_len(SAMPLE_TEXT, data->max_size > 0 && data->max_size < len ? data->max_size : len);
}

static struct json_object *sample_members(const struct model_field *fields, size_t count)
{
    struct json_object *map = json_new_map();
    for (size_t i = 0; i < count; i++) {
        json_put(map, fields[i].identifier, sample_of(&fields[i].data));
    }
    return map;
}

static struct json_object *sample_list(const struct model_data *data)
{
    struct json_object *list = json_new_list();
    json_add(list, sample_of(data->item));
    return list;
}

static struct json_object *sample_of(const struct model_data *data)
{
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
        return sample_text(data);
    case MODEL_DATE:
        return json_new_text(SAMPLE_DATE);
    case MODEL_ARRAY:
        return sample_list(data);
    case MODEL_STRUCT:
        break;
    }
    return sample_members(data->fields, data->field_count);
}

static void begin_test(struct buf *out, const struct model_service *service, const char *what, const char *topic)
{
    AUTO_FREE char *name = mem_printf("%s %s", service->identifier, what);
    buf_text(out, "  - name: ");
    generate_word(out, name);
    buf_text(out, "\n    topic: ");
    generate_word(out, topic);
    buf_char(out, '\n');
}

static void write_json(struct buf *out, const char *before, const struct json_object *value, const char *after)
{
    AUTO_FREE char *text = json_print(value);
    buf_printf(out, "%s%s%s", before, text, after);
}

// `args` are changed: one of them is made wrong.
static void write_refusal(struct buf *out, const struct model_service *service, const char *topic,
                          struct json_object *args)
{
    const struct model_field *field = &service->inputs[0];
    AUTO_FREE char *what = mem_printf("refuses a wrong %s", field->identifier);
    bool is_text = field->data.type == MODEL_TEXT;
    json_put(args, field->identifier, is_text ? json_new_int(1) : json_new_text("wrong"));
    begin_test(out, service, what, topic);
    write_json(out, "    payload: ", args, "\n");
    buf_text(out, "    expect: {rejected: argument_invalid}\n");
}

void generate_tests(const struct model_service *service, const char *product_key, const char *topic, const char *device,
                    struct buf *out)
{
    AUTO_JSON struct json_object *args = sample_members(service->inputs, service->input_count);
    AUTO_JSON struct json_object *sent = NULL;
    struct failure failure;
    // Bounds that nothing fits, as an int from 0.5 to 0.7: nothing can be expected of such a service.
    if (model_check_args(service, args, &sent, &failure) != ERR_OK) {
        return;
    }
    begin_test(out, service, service->input_count > 0 ? "takes its arguments" : "takes no arguments", topic);
    if (service->input_count > 0) {
        write_json(out, "    payload: ", args, "\n");
    }
    if (service->is_sync) {
        buf_text(out, "    answer: {body: {Success: true, Data: {Result: '{\"code\":200,\"data\":{}}'}}}\n");
    }
    buf_text(out, "    expect:\n      action: InvokeThingService\n      ProductKey: ");
    generate_word(out, product_key);
    buf_printf(out, "\n      DeviceName: %s\n      Identifier: ", device);
    generate_word(out, service->identifier);
    write_json(out, "\n      Args: ", sent, "\n");
    if (service->is_sync) {
        buf_text(out, "      reply: {status: ok, result: {code: 200, data: {}}}\n");
    }
    if (service->input_count > 0) {
        write_refusal(out, service, topic, args);
    }
}
