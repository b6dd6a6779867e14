// Writes the text of a mapping file.
//
// It is written as text, not as a tree, since most of it is comments for the person who goes on from there. The options
// are checked first; then each service gets a rule, and tests, which are collected and come at the end.
#include "core/mapping/tools/generate.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/show.h"
#include "core/mapping/rule.h"
#include "core/mapping/tools/generate_internal.h"
#include "core/platform/name.h"
#include "core/topic/topic.h"

#define SERVICE_MARK "{service}"
#define DEVICE_MARK  "{device}"
#define TEST_DEVICE  "device-1"
#define NAME_WIDTH   12 // of arguments in comments, so that what they take is in a column

struct generator {
    const struct generate_options *options;
    const char *product_key;
    struct buf out;
    struct buf tests;
    struct diag *diag;
};

static char *service_topic(const char *topic, const char *identifier)
{
    AUTO_BUF struct buf out = {0};
    for (const char *mark; (mark = strstr(topic, SERVICE_MARK)) != NULL; topic = mark + strlen(SERVICE_MARK)) {
        buf_append(&out, topic, (size_t)(mark - topic));
        buf_text(&out, identifier);
    }
    buf_text(&out, topic);
    return buf_steal(&out);
}

// A topic that the pattern takes, for the tests; NULL if it is no pattern.
static char *test_topic(const char *text, struct diag *diag)
{
    struct topic_pattern *pattern = NULL;
    AUTO_BUF struct buf out = {0};
    if (topic_pattern_compile(text, &pattern, diag) != ERR_OK) {
        return NULL;
    }
    for (size_t i = 0; i < pattern->level_count; i++) {
        const struct topic_level *level = &pattern->levels[i];
        bool is_device = level->capture >= 0 && strcmp(pattern->names[level->capture], "device") == 0;
        buf_text(&out, i > 0 ? "/" : "");
        buf_text(&out, level->kind == LEVEL_TEXT ? level->text : is_device ? TEST_DEVICE : "any");
    }
    topic_pattern_free(pattern);
    return buf_steal(&out);
}

static void comment_field(struct buf *out, const struct model_field *field, int indent);

static void comment_members(struct buf *out, const struct model_data *data, int indent)
{
    while (data->type == MODEL_ARRAY) {
        data = data->item;
    }
    for (size_t i = 0; i < data->field_count; i++) {
        comment_field(out, &data->fields[i], indent + 2);
    }
}

static void comment_field(struct buf *out, const struct model_field *field, int indent)
{
    AUTO_BUF struct buf takes = {0};
    model_describe(&field->data, &takes);
    buf_printf(out, "  #%*s%-*s ", indent, "", NAME_WIDTH, field->identifier);
    generate_comment(out, takes.data);
    if (field->name != NULL && strcmp(field->name, field->identifier) != 0) {
        buf_text(out, ": ");
        generate_comment(out, show_plain(field->name).text);
    }
    buf_text(out, field->required ? "; required\n" : "\n");
    comment_members(out, &field->data, indent);
}

static void comment_fields(struct buf *out, const char *what, const struct model_field *fields, size_t count)
{
    buf_text(out, what);
    for (size_t i = 0; i < count; i++) {
        comment_field(out, &fields[i], 3);
    }
}

static void comment_service(struct buf *out, const struct model_service *service)
{
    buf_text(out, "  # ");
    generate_comment(out, show_plain(service->name != NULL ? service->name : service->identifier).text);
    buf_text(out, service->is_sync ? ". Synchronous: the reply holds the device's answer.\n"
                                   : ". Asynchronous: the reply says that the platform took it.\n");
    comment_fields(
        out, service->input_count > 0 ? "  # Payload: a JSON object with\n" : "  # No arguments: an empty payload.\n",
        service->inputs, service->input_count);
    if (service->is_sync && service->output_count > 0) {
        comment_fields(out, "  # In the reply, result.data:\n", service->outputs, service->output_count);
    }
}

static bool all_required(const struct model_service *service)
{
    for (size_t i = 0; i < service->input_count; i++) {
        if (!service->inputs[i].required) {
            return false;
        }
    }
    return true;
}

static void write_arguments(struct buf *out, const struct model_service *service, const char *mark)
{
    buf_printf(out, "      %sargs:\n", mark);
    for (size_t i = 0; i < service->input_count; i++) {
        const char *name = service->inputs[i].identifier;
        buf_printf(out, "      %s  %s: \"${payload.%s}\"\n", mark, name, name);
    }
}

// A template whose member is missing rejects the command, so optional arguments are passed as they come.
static void write_args(struct buf *out, const struct model_service *service)
{
    if (service->input_count == 0) {
        return;
    }
    if (all_required(service)) {
        write_arguments(out, service, "");
        return;
    }
    buf_text(out, "      args: \"${payload}\" # as it comes; or name the arguments that always have to be there:\n");
    write_arguments(out, service, "# ");
}

static void write_rule(struct buf *out, const struct model_service *service, const char *topic)
{
    AUTO_JSON struct json_object *value = json_new_text(topic);
    AUTO_FREE char *quoted = json_print(value);
    comment_service(out, service);
    buf_text(out, "  - name: ");
    generate_word(out, service->identifier);
    buf_printf(out, "\n    topic: %s\n", quoted);
    buf_text(out, "    # where: {device: [" TEST_DEVICE "]} # names or globs of the devices that may be called\n");
    buf_text(out, "    invoke:\n      identifier: ");
    generate_word(out, service->identifier);
    buf_text(out, "\n      device: \"${device}\"\n");
    write_args(out, service);
    buf_text(out, service->input_count == 0 ? "    empty: accept\n\n" : "\n");
}

static enum err write_service(struct generator *generator, const struct model_service *service)
{
    AUTO_FREE char *topic = service_topic(generator->options->topic, service->identifier);
    AUTO_FREE char *example = test_topic(topic, generator->diag);
    if (example == NULL) {
        return ERR_REFUSED;
    }
    write_rule(&generator->out, service, topic);
    generate_tests(service, generator->product_key, example, TEST_DEVICE, &generator->tests);
    return ERR_OK;
}

static void write_head(struct generator *generator)
{
    const struct generate_options *options = generator->options;
    struct buf *out = &generator->out;
    buf_printf(out,
               "# Commands for the devices of the product %s: a rule for each service of its thing model.\n"
               "# Written by `thingbridge generate`. Change it as you like: `thingbridge check` compares it with the "
               "model.\n"
               "# Whoever may publish on these topics may call the services: `where` says of which devices.\n\n"
               "version: 1\n\ndefaults:\n  product_key: ",
               generator->product_key);
    generate_word(out, generator->product_key);
    buf_text(out, options->model_count > 1 ? "\n  model: [" : "\n  model: ");
    for (size_t i = 0; i < options->model_count; i++) {
        AUTO_JSON struct json_object *path = json_new_text(options->paths[i]);
        AUTO_FREE char *quoted = json_print(path);
        buf_printf(out, "%s%s", i > 0 ? ", " : "", quoted);
    }
    buf_text(out, options->model_count > 1 ? "]\n" : "\n");
    buf_text(out, "  # A command that could not be sent by then is not sent, and its sender is told so:\n"
                  "  # expire: 30s\n"
                  "  # Replies are on the command's topic with /reply at its end, or for instance:\n"
                  "  # reply: {ack: \"${topic}/ack\", result: \"${topic}/result\"}\n\n"
                  "rules:\n");
}

static enum err find_product(struct generator *generator)
{
    const struct generate_options *options = generator->options;
    const char *product = options->product_key;
    for (size_t i = 0; i < options->model_count && options->product_key == NULL; i++) {
        const char *key = options->models[i]->product_key;
        if (product != NULL && key != NULL && strcmp(product, key) != 0) {
            return diag_set(generator->diag, ERR_REFUSED,
                            "these are thing models of two products, %s and %s: write a mapping for each",
                            show_plain(product).text, show_plain(key).text);
        }
        product = product != NULL ? product : key;
    }
    generator->product_key = product;
    if (generator->product_key == NULL) {
        return diag_set(generator->diag, ERR_REFUSED, "the thing model names no product: give --product-key");
    }
    return name_check(NAME_PRODUCT_KEY, generator->product_key, generator->diag);
}

// A model knows each service once; two files can both have it.
static enum err check_services(struct generator *generator)
{
    const struct generate_options *options = generator->options;
    for (size_t i = 1; i < options->model_count; i++) {
        for (size_t k = 0; k < options->models[i]->service_count; k++) {
            const char *identifier = options->models[i]->services[k].identifier;
            for (size_t other = 0; other < i; other++) {
                if (model_find(options->models[other], identifier) != NULL) {
                    return diag_set(generator->diag, ERR_REFUSED, "the service %s is in %s and in %s", identifier,
                                    options->paths[other], options->paths[i]);
                }
            }
        }
    }
    return ERR_OK;
}

static enum err check_options(struct generator *generator)
{
    const struct generate_options *options = generator->options;
    size_t services = 0;
    for (size_t i = 0; i < options->model_count; i++) {
        services += options->models[i]->service_count;
    }
    if (services == 0) {
        return diag_set(generator->diag, ERR_MISSING, "the thing model has no services (get and set are none)");
    }
    if (strstr(options->topic, DEVICE_MARK) == NULL) {
        return diag_set(generator->diag, ERR_REFUSED, "the topic needs a level " DEVICE_MARK ", as in %s",
                        GENERATE_DEFAULT_TOPIC);
    }
    if (strstr(options->topic, SERVICE_MARK) == NULL && services > 1) {
        return diag_set(generator->diag, ERR_REFUSED,
                        "the topic needs " SERVICE_MARK ", as in %s: there are several services",
                        GENERATE_DEFAULT_TOPIC);
    }
    enum err err = check_services(generator);
    return err != ERR_OK ? err : find_product(generator);
}

static enum err write_all(struct generator *generator)
{
    const struct generate_options *options = generator->options;
    enum err err = ERR_OK;
    write_head(generator);
    for (size_t i = 0; i < options->model_count; i++) {
        const struct model *model = options->models[i];
        for (size_t k = 0; k < model->service_count && err == ERR_OK; k++) {
            err = write_service(generator, &model->services[k]);
        }
    }
    if (generator->tests.len > 0) {
        buf_printf(&generator->out, "tests:\n%s", generator->tests.data);
    }
    return err;
}

enum err generate_mapping(const struct generate_options *options, char **out, struct diag *diag)
{
    struct generator generator = {.options = options, .diag = diag};
    enum err err = check_options(&generator);
    if (err == ERR_OK) {
        err = write_all(&generator);
    }
    if (err == ERR_OK) {
        *out = buf_steal(&generator.out);
    }
    buf_free(&generator.out);
    buf_free(&generator.tests);
    return err;
}
