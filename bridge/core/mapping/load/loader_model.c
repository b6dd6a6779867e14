// The rule key `model`: reads thing models, and holds to them what a rule will give whatever message comes.
//
// Each file is read once for all rules. The services that `identifier` can name are forecast; for each of them the
// arguments in `args` are walked beside the model's: a constant is checked as a value, a template by the values, or
// else the kinds of values, that it can give.
#include <stdlib.h>
#include <string.h>

#include "base/json/json.h"
#include "base/mem.h"
#include "base/nearest.h"
#include "base/show.h"
#include "core/mapping/load/loader.h"

struct shelved_model {
    char *path;
    struct model *model; // NULL: it could not be read, which is a problem already
};

void loader_free_models(struct model_shelf *shelf)
{
    for (size_t i = 0; i < shelf->count; i++) {
        free(shelf->items[i].path);
        model_free(shelf->items[i].model);
    }
    free(shelf->items);
}

// Relative paths begin in the folder of the file that names them.
static char *path_from(const char *source, const char *path)
{
    const char *slash = strrchr(source, '/');
    if (path[0] == '/' || slash == NULL) {
        return mem_strdup(path);
    }
    return mem_printf("%.*s/%s", (int)(slash - source), source, path);
}

static enum err read_model(const struct rule_loader *loader, const char *path, struct model **out, struct diag *diag)
{
    AUTO_FREE char *data = NULL;
    size_t len = 0;
    if (loader->shared->options->read_file == NULL) {
        return diag_set(diag, ERR_IO, "no files can be read here");
    }
    enum err err = loader->shared->options->read_file(path, MODEL_MAX_BYTES, &data, &len, diag);
    return err != ERR_OK ? err : model_parse(data, len, out, diag);
}

// NULL if it cannot be read; the problems have it, once per file.
static const struct model *take_model(const struct rule_loader *loader, const struct yaml_node *node, const char *name)
{
    struct model_shelf *shelf = loader->shared->models;
    AUTO_FREE char *path = path_from(node->source, name);
    for (size_t i = 0; i < shelf->count; i++) {
        if (strcmp(shelf->items[i].path, path) == 0) {
            return shelf->items[i].model;
        }
    }
    if (shelf->count == MAPPING_MAX_MODELS) {
        yaml_error(loader->problems, node, "the rules name more than %d files of thing models", MAPPING_MAX_MODELS);
        return NULL;
    }
    struct model *model = NULL;
    struct diag diag;
    if (read_model(loader, path, &model, &diag) != ERR_OK) {
        yaml_error(loader->problems, node, "the thing model %s: %s", show_plain(path).text, diag.text);
    }
    shelf->items = mem_resize(shelf->items, shelf->count + 1, sizeof *shelf->items);
    shelf->items[shelf->count++] = (struct shelved_model){mem_strdup(path), model};
    return model;
}

static void check_product(const struct rule_loader *loader, const struct yaml_node *node, const struct model *model)
{
    const char *product = loader->rule->options.product_key;
    if (product != NULL && model->product_key != NULL && strcmp(product, model->product_key) != 0) {
        yaml_warn(loader->problems, node, "the thing model is that of the product %s, and the rule is for %s",
                  show_plain(model->product_key).text, show_plain(product).text);
    }
}

void loader_load_models(const struct rule_loader *loader)
{
    struct rule *rule = loader->rule;
    const struct yaml_node *node = loader_place(loader, "model");
    const struct text_list *paths = &rule->options.model;
    if (paths->count == 0) {
        return;
    }
    if (rule->options.invoke == NULL) {
        // One that is in the defaults is for the file's other rules.
        if (yaml_get(loader->node, "model") != NULL && rule->options.call != NULL) {
            yaml_warn(loader->problems, node, "`model` checks what `invoke` names; of a `call` nothing is checked");
        }
        return;
    }
    rule->models = mem_alloc(paths->count * sizeof(struct model *));
    for (size_t i = 0; i < paths->count; i++) {
        const struct yaml_node *place = node->kind == YAML_LIST && i < node->count ? node->items[i] : node;
        const struct model *model = take_model(loader, place, paths->items[i]);
        if (model != NULL) {
            check_product(loader, place, model);
            rule->models[rule->model_count++] = model;
        }
    }
}

// What the checks of one rule's arguments share.
struct model_checker {
    const struct rule_loader *loader;
    const struct model_service *service;
};

static void refuse(const struct model_checker *checker, const struct yaml_node *node, const char *text)
{
    yaml_error(checker->loader->problems, node, "%s: %s", checker->service->identifier, text);
}

// `name` is the argument's, with the members and items on the way: fade.seconds.
static void check_node(const struct model_checker *checker, const struct model_data *data, const char *name,
                       const struct yaml_node *node);

static void check_field(const struct model_checker *checker, const struct model_field *fields, size_t count,
                        const char *prefix, const struct yaml_node *key, const struct yaml_node *value)
{
    const struct model_field *field = model_find_field(fields, count, key->text);
    AUTO_FREE char *name = mem_printf("%s%s", prefix, key->text);
    if (field != NULL) {
        check_node(checker, &field->data, name, value);
        return;
    }
    const char *nearest = model_nearest_field(fields, count, key->text);
    AUTO_FREE char *text =
        mem_printf("there is no argument %s" NEAREST_FORMAT, show_plain(name).text, NEAREST_ARGS(nearest, ""));
    refuse(checker, key, text);
}

// `map_or_null`: no arguments at all. What is missing is a problem at `place`.
static void check_fields(const struct model_checker *checker, const struct model_field *fields, size_t count,
                         const char *prefix, const struct yaml_node *map_or_null, const struct yaml_node *place)
{
    for (size_t i = 0; map_or_null != NULL && i < map_or_null->count; i++) {
        check_field(checker, fields, count, prefix, map_or_null->keys[i], map_or_null->items[i]);
    }
    for (size_t i = 0; i < count; i++) {
        if (fields[i].required && (map_or_null == NULL || yaml_get(map_or_null, fields[i].identifier) == NULL)) {
            AUTO_BUF struct buf text = {0};
            buf_printf(&text, "the argument %s%s is missing; it takes ", prefix, fields[i].identifier);
            model_describe(&fields[i].data, &text);
            refuse(checker, place, text.data);
        }
    }
}

static void check_value(const struct model_checker *checker, const struct model_data *data, const char *name,
                        const struct yaml_node *node, const struct json_object *value)
{
    AUTO_JSON struct json_object *sent = NULL;
    struct failure failure;
    if (model_check_value(data, name, value, &sent, &failure) != ERR_OK) {
        refuse(checker, node, failure.detail);
    }
}

// The filter that makes something that fits of the only kind there is; "" if there is none.
static const char *fitting_filter(const struct model_data *data, unsigned kinds)
{
    if (kinds == JSON_KIND_BIT(JSON_TEXT)) {
        bool is_real = data->type == MODEL_FLOAT || data->type == MODEL_DOUBLE;
        bool is_whole = data->type == MODEL_INT || data->type == MODEL_ENUM;
        return is_real ? "; add | float" : is_whole ? "; add | int" : data->type == MODEL_BOOL ? "; add | bool" : "";
    }
    return data->type == MODEL_TEXT ? "; add | string" : "";
}

static void refuse_kinds(const struct model_checker *checker, const struct model_data *data, const char *name,
                         const struct yaml_node *node, unsigned kinds)
{
    AUTO_BUF struct buf text = {0};
    buf_printf(&text, "%s takes ", show_plain(name).text);
    model_describe(data, &text);
    buf_text(&text, ", and this gives");
    const char *separator = " ";
    for (int kind = JSON_NULL; kind <= JSON_MAP; kind++) {
        if ((kinds & JSON_KIND_BIT(kind)) != 0) {
            buf_printf(&text, "%s%s", separator, json_kind_name((enum json_kind)kind));
            separator = " or ";
        }
    }
    buf_text(&text, fitting_filter(data, kinds));
    refuse(checker, node, text.data);
}

static void check_template(const struct model_checker *checker, const struct model_data *data, const char *name,
                           const struct yaml_node *node)
{
    struct template_forecast forecast;
    if (!loader_forecast(checker->loader, node, &forecast)) {
        return;
    }
    for (size_t i = 0; i < forecast.count; i++) {
        check_value(checker, data, name, node, forecast.values[i]);
    }
    if (!forecast.is_complete && (forecast.kinds & model_kinds(data)) == 0) {
        refuse_kinds(checker, data, name, node, forecast.kinds);
    }
    template_forecast_clear(&forecast);
}

static void check_items(const struct model_checker *checker, const struct model_data *data, const char *name,
                        const struct yaml_node *list)
{
    if (data->max_size > 0 && list->count > data->max_size) {
        AUTO_FREE char *text = mem_printf("the list %s has %zu items; it takes up to %zu", show_plain(name).text,
                                          list->count, data->max_size);
        refuse(checker, list, text);
    }
    for (size_t i = 0; i < list->count; i++) {
        AUTO_FREE char *item = mem_printf("%s[%zu]", name, i);
        check_node(checker, data->item, item, list->items[i]);
    }
}

static void check_node(const struct model_checker *checker, const struct model_data *data, const char *name,
                       const struct yaml_node *node)
{
    if (yaml_is_text(node) && strstr(node->text, "${") != NULL) {
        check_template(checker, data, name, node);
        return;
    }
    if (node->kind == YAML_MAP && data->type == MODEL_STRUCT) {
        AUTO_FREE char *prefix = mem_printf("%s.", name);
        check_fields(checker, data->fields, data->field_count, prefix, node, node);
        return;
    }
    if (node->kind == YAML_LIST && data->type == MODEL_ARRAY) {
        check_items(checker, data, name, node);
        return;
    }
    AUTO_JSON struct json_object *value = yaml_to_json(node);
    check_value(checker, data, name, node, value);
}

static void check_args(const struct model_checker *checker, const struct yaml_node *invoke)
{
    const struct yaml_node *args = yaml_get(invoke, "args");
    const struct model_service *service = checker->service;
    if (args == NULL || args->kind == YAML_MAP) {
        check_fields(checker, service->inputs, service->input_count, "", args, args != NULL ? args : invoke);
    }
}

// A call for several devices is asynchronous, whatever the service is (INVOKE_SEVERAL).
static void check_sync(const struct model_checker *checker)
{
    const struct rule *rule = checker->loader->rule;
    if (!checker->service->is_sync) {
        return;
    }
    if (rule->batch.window_ms > 0) {
        refuse(checker, loader_place(checker->loader, "batch"),
               "the service is synchronous, and only asynchronous ones can be folded into one call: remove `batch`");
    }
    if (rule->target == TARGET_DEVICES && rule->device_count > 1) {
        yaml_warn(checker->loader->problems, yaml_get(rule->options.invoke, "devices"),
                  "%s: the service is synchronous, and the platform takes only asynchronous ones for several devices",
                  checker->service->identifier);
    }
}

static void check_identifier(const struct rule_loader *loader, const char *identifier)
{
    struct model_checker checker = {.loader = loader};
    struct failure failure;
    if (rule_find_service(loader->rule, identifier, &checker.service, &failure) == ERR_OK) {
        check_args(&checker, loader->rule->options.invoke);
        check_sync(&checker);
    } else {
        yaml_error(loader->problems, yaml_get(loader->rule->options.invoke, "identifier"), "%s", failure.detail);
    }
}

void loader_check_models(const struct rule_loader *loader)
{
    const struct rule *rule = loader->rule;
    if (rule->model_count < rule->options.model.count || rule->model_count == 0 || rule->identifier == NULL) {
        return;
    }
    struct template_forecast identifiers;
    template_forecast(rule->identifier, loader->captures, &identifiers);
    for (size_t i = 0; i < identifiers.count; i++) {
        AUTO_FREE char *identifier = json_scalar_text(identifiers.values[i]);
        if (identifier != NULL) {
            check_identifier(loader, identifier);
        }
    }
    template_forecast_clear(&identifiers);
}
