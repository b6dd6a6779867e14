// Tests for the rules that are written from a thing model: arguments that a service takes, and one that it does not.
#include <string.h>

#include "base/mem.h"
#include "core/mapping/tools/generate_internal.h"
#include "core/platform/invoke.h"

#define MAX_BYTES 100000 // of arguments or a result: well below what a message and a request may have

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

// A command has its limits.
static bool is_small(const struct json_object *value)
{
    AUTO_FREE char *text = json_print(value);
    return strlen(text) <= MAX_BYTES;
}

void generate_tests(const struct model_service *service, const char *product_key, const char *topic, const char *device,
                    struct buf *out)
{
    AUTO_JSON struct json_object *args = model_sample(service->inputs, service->input_count);
    AUTO_JSON struct json_object *result = model_sample(service->outputs, service->output_count);
    AUTO_JSON struct json_object *sent = NULL;
    struct failure failure;
    // Bounds that nothing fits, as an int from 0.5 to 0.7: nothing can be expected of such a service.
    if (model_check_args(service, args, &sent, &failure) != ERR_OK || !is_small(args) || !is_small(result)) {
        return;
    }
    begin_test(out, service, service->input_count > 0 ? "takes its arguments" : "takes no arguments", topic);
    if (service->input_count > 0) {
        write_json(out, "    payload: ", args, "\n");
    }
    if (service->is_sync) {
        write_json(out, "    answer: {body: {Success: true, Data: {Result: '{\"code\":200,\"data\":", result,
                   "}'}}}\n");
    }
    buf_text(out, "    expect:\n      action: " INVOKE_SINGLE "\n      ProductKey: ");
    generate_word(out, product_key);
    buf_printf(out, "\n      DeviceName: %s\n      Identifier: ", device);
    generate_word(out, service->identifier);
    write_json(out, "\n      Args: ", sent, "\n");
    if (service->is_sync) {
        write_json(out, "      reply: {status: ok, result: {code: 200, data: ", result, "}}\n");
    }
    if (service->input_count > 0) {
        write_refusal(out, service, topic, args);
    }
}
