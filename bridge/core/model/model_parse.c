// Reads TSL JSON into a model.
//
// The text may be the model itself or the platform's answer that has it as a text inside. Services, their arguments and
// the types of these are read into memory that the model owns from the first member on, so that what is half read is
// freed like a whole one; the first thing that is wrong ends it, with the service and the argument in the diag.
#include <stdlib.h>
#include <string.h>

#include "base/json/json.h"
#include "base/mem.h"
#include "base/show.h"
#include "base/str.h"
#include "core/model/model.h"
#include "core/template/decimal.h"

#define MAX_DEPTH      32
#define MAX_NAME_LEN   64
#define MAX_NUMBER_LEN 40

// `where` in the functions below names service and argument, for the diag.
static enum err refuse(struct diag *diag, const char *where, const char *text)
{
    return diag_set(diag, ERR_SYNTAX, "%s: %s", where, text);
}

static bool identifier_valid(const char *text)
{
    size_t len = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");
    return len > 0 && len <= MAX_NAME_LEN && text[len] == '\0';
}

static enum err read_bound(const char *where, const struct json_object *specs, const char *name, char **out,
                           struct decimal *value, struct diag *diag)
{
    *out = json_word(json_get(specs, name));
    if (*out == NULL) {
        return ERR_OK;
    }
    if (strlen(*out) > MAX_NUMBER_LEN || strpbrk(*out, " \t\r\n\v\f") != NULL || !decimal_parse(*out, value)) {
        return diag_set(diag, ERR_SYNTAX, "%s: `%s` is %s, which is no number", where, name, show_text(*out).text);
    }
    return ERR_OK;
}

static enum err read_range(const char *where, const struct json_object *specs, struct model_data *out,
                           struct diag *diag)
{
    AUTO_DECIMAL struct decimal min = {0};
    AUTO_DECIMAL struct decimal max = {0};
    enum err err = read_bound(where, specs, "min", &out->min, &min, diag);
    if (err == ERR_OK) {
        err = read_bound(where, specs, "max", &out->max, &max, diag);
    }
    if (err == ERR_OK && out->min != NULL && out->max != NULL && decimal_compare(&min, &max) > 0) {
        return refuse(diag, where, "`min` is greater than `max`");
    }
    out->unit = json_word(json_get(specs, "unit"));
    return err;
}

static enum err read_size(const char *where, const struct json_object *specs, const char *name, struct model_data *out,
                          struct diag *diag)
{
    AUTO_FREE char *text = json_word(json_get(specs, name));
    int64_t size = 0;
    if (text != NULL && (str_parse_int(text, &size) != ERR_OK || size <= 0)) {
        return diag_set(diag, ERR_SYNTAX, "%s: `%s` is %s, which is no count", where, name, show_text(text).text);
    }
    out->max_size = (size_t)size;
    return ERR_OK;
}

struct choice_reader {
    const char *where;
    struct model_data *out;
    struct diag *diag;
    enum err err;
};

static bool read_choice(void *context, const char *name, struct json_object *value)
{
    struct choice_reader *reader = context;
    struct model_data *out = reader->out;
    int64_t number;
    if (str_parse_int(name, &number) != ERR_OK) {
        reader->err =
            diag_set(reader->diag, ERR_SYNTAX, "%s: the value %s is no integer", reader->where, show_text(name).text);
        return false;
    }
    out->choices[out->choice_count++] =
        (struct model_choice){mem_printf("%lld", (long long)number), mem_strdup_or_null(json_text(value))};
    return true;
}

static enum err read_choices(const char *where, const struct json_object *specs, struct model_data *out,
                             struct diag *diag)
{
    struct choice_reader reader = {where, out, diag, ERR_OK};
    size_t count = json_kind(specs) == JSON_MAP ? json_count(specs) : 0;
    if (count == 0 && out->type == MODEL_ENUM) {
        return refuse(diag, where, "the enum has no values: `specs` must name them, as {\"0\": \"off\"}");
    }
    if (count > MODEL_MAX_ITEMS) {
        return diag_set(diag, ERR_LIMIT, "%s: there are more than %d values", where, MODEL_MAX_ITEMS);
    }
    out->choices = mem_alloc((count + 1) * sizeof *out->choices);
    if (count > 0) {
        json_each(specs, read_choice, &reader);
    }
    return reader.err;
}

static enum err read_data(const char *where, const struct json_object *holder, const char *member, size_t nesting,
                          struct model_data *out, struct diag *diag);
static enum err read_fields(const char *where, const struct json_object *list, size_t nesting,
                            struct model_field **fields, size_t *count, struct diag *diag);

static enum err read_item(const char *where, const struct json_object *specs, size_t nesting, struct model_data *out,
                          struct diag *diag)
{
    enum err err = read_size(where, specs, "size", out, diag);
    if (err != ERR_OK) {
        return err;
    }
    out->item = mem_alloc(sizeof *out->item);
    AUTO_FREE char *inside = mem_printf("%s, item", where);
    return read_data(inside, specs, "item", nesting, out->item, diag);
}

static enum err read_specs(const char *where, const struct json_object *specs, size_t nesting, struct model_data *out,
                           struct diag *diag)
{
    switch (out->type) {
    case MODEL_INT:
    case MODEL_FLOAT:
    case MODEL_DOUBLE:
        return read_range(where, specs, out, diag);
    case MODEL_ENUM:
    case MODEL_BOOL:
        return read_choices(where, specs, out, diag);
    case MODEL_TEXT:
        return read_size(where, specs, "length", out, diag);
    case MODEL_DATE:
        return ERR_OK;
    case MODEL_ARRAY:
        return read_item(where, specs, nesting + 1, out, diag);
    case MODEL_STRUCT:
        break;
    }
    return read_fields(where, specs, nesting + 1, &out->fields, &out->field_count, diag);
}

static bool find_type(const char *name, enum model_type *type)
{
    static const char *const names[] = {
        [MODEL_INT] = "int",   [MODEL_FLOAT] = "float", [MODEL_DOUBLE] = "double",
        [MODEL_ENUM] = "enum", [MODEL_BOOL] = "bool",   [MODEL_TEXT] = "text",
        [MODEL_DATE] = "date", [MODEL_ARRAY] = "array", [MODEL_STRUCT] = "struct",
    };
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (strcmp(names[i], name) == 0) {
            *type = (enum model_type)i;
            return true;
        }
    }
    return false;
}

static enum err read_data(const char *where, const struct json_object *holder, const char *member, size_t nesting,
                          struct model_data *out, struct diag *diag)
{
    const struct json_object *json = json_get(holder, member);
    const char *type = json_member_text(json, "type");
    if (nesting > MODEL_MAX_NESTING) {
        return diag_set(diag, ERR_LIMIT, "%s: arrays and structs are nested deeper than %d", where, MODEL_MAX_NESTING);
    }
    if (type == NULL) {
        return diag_set(diag, ERR_SYNTAX, "%s: `%s` with a `type` is missing", where, member);
    }
    if (!find_type(type, &out->type)) {
        return diag_set(diag, ERR_SYNTAX,
                        "%s: the type %s is unknown; it must be int, float, double, enum, bool, text, date, array or "
                        "struct",
                        where, show_text(type).text);
    }
    return read_specs(where, json_get(json, "specs"), nesting, out, diag);
}

static enum err read_field(const char *where, const struct json_object *json, size_t nesting,
                           const struct model_field *before, size_t count, struct model_field *out, struct diag *diag)
{
    const char *identifier = json_member_text(json, "identifier");
    if (identifier == NULL || !identifier_valid(identifier)) {
        return diag_set(diag, ERR_SYNTAX, "%s: number %zu has no `identifier` of 1 to %d letters, digits and _", where,
                        count + 1, MAX_NAME_LEN);
    }
    AUTO_FREE char *inside = mem_printf("%s, %s", where, identifier);
    if (model_find_field(before, count, identifier) != NULL) {
        return refuse(diag, inside, "there are two of this name");
    }
    out->identifier = mem_strdup(identifier);
    out->name = mem_strdup_or_null(json_member_text(json, "name"));
    out->required = json_bool(json_get(json, "required"));
    return read_data(inside, json, "dataType", nesting, &out->data, diag);
}

static enum err read_fields(const char *where, const struct json_object *list, size_t nesting,
                            struct model_field **fields, size_t *count, struct diag *diag)
{
    if (list == NULL) {
        return ERR_OK;
    }
    if (json_kind(list) != JSON_LIST) {
        return diag_set(diag, ERR_SYNTAX, "%s: there must be a list of what it is made of, not %s", where,
                        json_show(list).text);
    }
    if (json_count(list) > MODEL_MAX_ITEMS) {
        return diag_set(diag, ERR_LIMIT, "%s: there are more than %d arguments or members", where, MODEL_MAX_ITEMS);
    }
    *fields = mem_alloc((json_count(list) + 1) * sizeof **fields);
    enum err err = ERR_OK;
    for (size_t i = 0; i < json_count(list) && err == ERR_OK; i++) {
        err = read_field(where, json_at(list, i), nesting, *fields, i, &(*fields)[i], diag);
        (*count)++; // also of one that is half read: it has to be freed
    }
    return err;
}

static void read_outputs(const char *where, const struct json_object *list, struct model_service *service)
{
    struct diag ignored;
    if (read_fields(where, list, 0, &service->outputs, &service->output_count, &ignored) != ERR_OK) {
        model_free_fields(service->outputs, service->output_count);
        service->outputs = NULL;
        service->output_count = 0;
    }
}

static enum err read_call_type(const char *where, const struct json_object *json, bool *is_sync, struct diag *diag)
{
    const char *type = json_member_text(json, "callType");
    if (type == NULL || (strcmp(type, "sync") != 0 && strcmp(type, "async") != 0)) {
        return diag_set(diag, ERR_SYNTAX, "%s: `callType` must be sync or async, not %s", where,
                        type != NULL ? show_text(type).text : "missing");
    }
    *is_sync = strcmp(type, "sync") == 0;
    return ERR_OK;
}

// An identifier that holds its module already is taken as it is.
static enum err read_name(const struct json_object *json, const char *module, char **out, struct diag *diag)
{
    const char *identifier = json_member_text(json, "identifier");
    if (identifier == NULL) {
        return diag_set(diag, ERR_SYNTAX, "a service has no `identifier`");
    }
    const char *colon = strchr(identifier, ':');
    AUTO_FREE char *first = colon != NULL ? mem_dup(identifier, (size_t)(colon - identifier)) : mem_strdup(identifier);
    if (!identifier_valid(first) || (colon != NULL && !identifier_valid(colon + 1))) {
        return diag_set(diag, ERR_SYNTAX, "the service %s: an identifier has 1 to %d letters, digits and _",
                        show_text(identifier).text, MAX_NAME_LEN);
    }
    *out = colon != NULL || module == NULL ? mem_strdup(identifier) : mem_printf("%s:%s", module, identifier);
    return ERR_OK;
}

static enum err read_service(struct model *model, const struct json_object *json, const char *module, struct diag *diag)
{
    // Access to properties is part of the list, and no service of the device's own.
    static const char *const property_access[] = {"get", "set", NULL};
    const char *identifier = json_member_text(json, "identifier");
    if (identifier != NULL && str_is_one_of(identifier, property_access)) {
        return ERR_OK;
    }
    AUTO_FREE char *name = NULL;
    enum err err = read_name(json, module, &name, diag);
    if (err != ERR_OK) {
        return err;
    }
    AUTO_FREE char *where = mem_printf("the service %s", name);
    if (model_find(model, name) != NULL) {
        return refuse(diag, where, "there are two of this name");
    }
    struct model_service *service = &model->services[model->service_count++];
    service->identifier = mem_strdup(name);
    service->name = mem_strdup_or_null(json_member_text(json, "name"));
    read_outputs(where, json_get(json, "outputData"), service);
    err = read_call_type(where, json, &service->is_sync, diag);
    return err != ERR_OK
               ? err
               : read_fields(where, json_get(json, "inputData"), 0, &service->inputs, &service->input_count, diag);
}

static enum err read_services(struct model *model, const struct json_object *root, const char *module,
                              struct diag *diag)
{
    const struct json_object *list = json_get(root, "services");
    if (json_kind(list) != JSON_LIST) {
        return diag_set(diag, ERR_SYNTAX,
                        "this is no thing model: it has no list `services`; export the model as JSON (TSL)");
    }
    if (json_count(list) > MODEL_MAX_ITEMS) {
        return diag_set(diag, ERR_LIMIT, "the model has more than %d services", MODEL_MAX_ITEMS);
    }
    model->services = mem_alloc((json_count(list) + 1) * sizeof *model->services);
    enum err err = ERR_OK;
    for (size_t i = 0; i < json_count(list) && err == ERR_OK; i++) {
        err = read_service(model, json_at(list, i), module, diag);
    }
    return err;
}

static enum err read_model(const struct json_object *root, struct model *model, struct diag *diag)
{
    const char *module = json_member_text(root, "functionBlockId");
    if (module != NULL && *module == '\0') {
        module = NULL;
    }
    if (module != NULL && !identifier_valid(module)) {
        return diag_set(diag, ERR_SYNTAX, "`functionBlockId` is %s; a module's name has 1 to %d letters, digits and _",
                        show_text(module).text, MAX_NAME_LEN);
    }
    model->product_key = mem_strdup_or_null(json_member_text(json_get(root, "profile"), "productKey"));
    return read_services(model, root, module, diag);
}

// The model's text inside an answer to GetThingModelTsl: under Data or at the top level, spelled in more than one way
// by the platform's documents. NULL if it is no such answer.
static const char *answer_text(const struct json_object *root)
{
    const struct json_object *data = json_get_folded(root, "Data");
    const struct json_object *text = json_get_folded(data != NULL ? data : root, "TslStr");
    return json_text(text);
}

static enum err parse_json(const char *data, size_t len, struct json_object **out, struct diag *diag)
{
    static const struct json_limits limits = {.max_depth = MAX_DEPTH};
    struct diag inner;
    if (len > MODEL_MAX_BYTES) {
        return diag_set(diag, ERR_LIMIT, "a thing model has at most %d bytes", MODEL_MAX_BYTES);
    }
    enum err err = json_parse(data, len, &limits, out, &inner);
    return err == ERR_OK ? ERR_OK : diag_set(diag, err, "it cannot be read: %s", inner.text);
}

enum err model_parse(const char *data, size_t len, struct model **out, struct diag *diag)
{
    AUTO_JSON struct json_object *root = NULL;
    AUTO_JSON struct json_object *inner = NULL;
    enum err err = parse_json(data, len, &root, diag);
    if (err != ERR_OK) {
        return err;
    }
    const char *text = answer_text(root);
    if (text != NULL) {
        err = parse_json(text, strlen(text), &inner, diag);
        if (err != ERR_OK) {
            return err;
        }
    } else if (json_get_folded(root, "ErrorMessage") != NULL) {
        const char *message = json_text(json_get_folded(root, "ErrorMessage"));
        return diag_set(diag, ERR_SYNTAX, "this is an answer of the platform without a model: %s",
                        message != NULL ? show_plain(message).text : "no reason is told");
    }
    struct model *model = mem_alloc(sizeof *model);
    err = read_model(inner != NULL ? inner : root, model, diag);
    if (err != ERR_OK) {
        model_free(model);
        return err;
    }
    *out = model;
    return ERR_OK;
}
