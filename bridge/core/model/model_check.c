// Checks values against a model, and writes numbers as it wants them.
#include <stdlib.h>
#include <string.h>

#include "base/json/json.h"
#include "base/json/show.h"
#include "base/mem.h"
#include "base/nearest.h"
#include "core/model/model.h"
#include "core/template/decimal.h"

// Where a value stands: fade.seconds, levels[2]. Made into text only when it is told.
struct model_place {
    const struct model_place *up;
    const char *name; // NULL: an item
    size_t index;
};

static void print_place(const struct model_place *place, struct buf *out)
{
    if (place->up != NULL) {
        print_place(place->up, out);
    }
    if (place->name == NULL) {
        buf_printf(out, "[%zu]", place->index);
    } else {
        buf_printf(out, "%s%s", place->up != NULL ? "." : "", show_plain(place->name).text);
    }
}

static enum err refuse(const struct model_place *place, const struct model_data *data, const char *what,
                       struct failure *failure)
{
    AUTO_BUF struct buf where = {0};
    AUTO_BUF struct buf allowed = {0};
    print_place(place, &where);
    model_describe(data, &allowed);
    failure_set(failure, "argument_invalid", "%s is %s; it takes %s", where.data, what, allowed.data);
    return ERR_REFUSED;
}

static enum err refuse_value(const struct model_place *place, const struct model_data *data,
                             const struct json_object *value, struct failure *failure)
{
    return refuse(place, data, show_value(value).text, failure);
}

static bool is_number(const struct json_object *value)
{
    return json_kind(value) == JSON_INT || json_kind(value) == JSON_REAL;
}

static bool is_beyond(const struct decimal *value, const char *bound, int side)
{
    AUTO_DECIMAL struct decimal limit = {0};
    return bound != NULL && decimal_parse(bound, &limit) && decimal_compare(value, &limit) * side > 0;
}

static bool in_range(const struct model_data *data, const struct decimal *value)
{
    bool is_int = data->type == MODEL_INT;
    return !is_beyond(value, data->min, -1) && !is_beyond(value, data->max, 1) &&
           !(is_int && (is_beyond(value, MODEL_INT_MIN, -1) || is_beyond(value, MODEL_INT_MAX, 1)));
}

// The integer that a number is, as 5 and 5.0 are: its text, which the caller frees; NULL for anything else.
static char *whole_text(const struct json_object *value)
{
    if (!is_number(value)) {
        return NULL;
    }
    AUTO_FREE char *text = json_print(value);
    AUTO_DECIMAL struct decimal decimal = {0};
    if (!decimal_parse(text, &decimal) || !decimal_fits_integer(&decimal)) {
        return NULL;
    }
    return decimal_print(&decimal, false);
}

static enum err check_int(const struct model_data *data, const struct model_place *place,
                          const struct json_object *value, struct json_object **out, struct failure *failure)
{
    AUTO_FREE char *text = whole_text(value);
    AUTO_DECIMAL struct decimal decimal = {0};
    if (text == NULL || !decimal_parse(text, &decimal) || !in_range(data, &decimal)) {
        return refuse_value(place, data, value, failure);
    }
    *out = json_new_number(text);
    return ERR_OK;
}

static enum err check_real(const struct model_data *data, const struct model_place *place,
                           const struct json_object *value, struct json_object **out, struct failure *failure)
{
    if (!is_number(value)) {
        return refuse_value(place, data, value, failure);
    }
    AUTO_FREE char *text = json_print(value);
    AUTO_DECIMAL struct decimal decimal = {0};
    if (!decimal_parse(text, &decimal) || !in_range(data, &decimal)) {
        return refuse_value(place, data, value, failure);
    }
    // What has a point already is sent as it was written.
    AUTO_FREE char *pointed = strchr(text, '.') != NULL ? NULL : decimal_print(&decimal, true);
    *out = json_new_number(pointed != NULL ? pointed : text);
    return ERR_OK;
}

static enum err check_enum(const struct model_data *data, const struct model_place *place,
                           const struct json_object *value, struct json_object **out, struct failure *failure)
{
    AUTO_FREE char *text = whole_text(value);
    for (size_t i = 0; text != NULL && i < data->choice_count; i++) {
        if (strcmp(data->choices[i].value, text) == 0) {
            *out = json_new_number(text);
            return ERR_OK;
        }
    }
    return refuse_value(place, data, value, failure);
}

static enum err check_bool(const struct model_data *data, const struct model_place *place,
                           const struct json_object *value, struct json_object **out, struct failure *failure)
{
    AUTO_FREE char *text = whole_text(value);
    bool is_one = json_kind(value) == JSON_BOOL ? json_bool(value) : text != NULL && strcmp(text, "1") == 0;
    bool is_zero = json_kind(value) == JSON_BOOL ? !json_bool(value) : text != NULL && strcmp(text, "0") == 0;
    if (!is_one && !is_zero) {
        return refuse_value(place, data, value, failure);
    }
    *out = json_new_int(is_one);
    return ERR_OK;
}

static enum err check_text(const struct model_data *data, const struct model_place *place,
                           const struct json_object *value, struct json_object **out, struct failure *failure)
{
    const char *text = json_text(value);
    if (text == NULL) {
        return refuse_value(place, data, value, failure);
    }
    if (data->max_size > 0 && strlen(text) > data->max_size) {
        AUTO_FREE char *what = mem_printf("%s (%zu bytes)", show_value(value).text, strlen(text));
        return refuse(place, data, what, failure);
    }
    *out = json_copy(value);
    return ERR_OK;
}

static enum err check_date(const struct model_data *data, const struct model_place *place,
                           const struct json_object *value, struct json_object **out, struct failure *failure)
{
    AUTO_FREE char *number = whole_text(value);
    const char *text = number != NULL ? number : json_text(value);
    if (text == NULL || *text == '\0' || text[strspn(text, "0123456789")] != '\0') {
        return refuse_value(place, data, value, failure);
    }
    *out = json_new_text(text);
    return ERR_OK;
}

static enum err check(const struct model_data *data, const struct model_place *place, const struct json_object *value,
                      struct json_object **out, struct failure *failure);

static enum err check_array(const struct model_data *data, const struct model_place *place,
                            const struct json_object *value, struct json_object **out, struct failure *failure)
{
    size_t count = json_count(value);
    if (json_kind(value) != JSON_LIST) {
        return refuse_value(place, data, value, failure);
    }
    if (data->max_size > 0 && count > data->max_size) {
        AUTO_FREE char *what = mem_printf("a list of %zu items", count);
        return refuse(place, data, what, failure);
    }
    AUTO_JSON struct json_object *list = json_new_list();
    for (size_t i = 0; i < count; i++) {
        struct json_object *item = NULL;
        struct json_object *sent = NULL;
        json_item(value, i, &item);
        enum err err = check(data->item, &(struct model_place){.up = place, .index = i}, item, &sent, failure);
        if (err != ERR_OK) {
            return err;
        }
        json_add(list, sent);
    }
    *out = json_ref(list);
    return ERR_OK;
}

struct members {
    const struct model_field *fields;
    size_t count;
    const struct model_place *place; // NULL: arguments
    struct json_object *out;
    struct failure *failure;
    enum err err;
};

static enum err refuse_unknown(const struct members *members, const struct model_place *place)
{
    AUTO_BUF struct buf where = {0};
    print_place(place, &where);
    const char *nearest = model_nearest_field(members->fields, members->count, place->name);
    failure_set(members->failure, "argument_invalid", "the model has no argument %s" NEAREST_FORMAT, where.data,
                NEAREST_ARGS(nearest, ""));
    return ERR_REFUSED;
}

static bool check_member(void *context, const char *name, struct json_object *value)
{
    struct members *members = context;
    struct model_place place = {.up = members->place, .name = name};
    const struct model_field *field = model_find_field(members->fields, members->count, name);
    struct json_object *sent = NULL;
    members->err =
        field == NULL ? refuse_unknown(members, &place) : check(&field->data, &place, value, &sent, members->failure);
    if (members->err == ERR_OK) {
        json_put(members->out, name, sent);
    }
    return members->err == ERR_OK;
}

static enum err check_members(struct members *members, const struct json_object *value, struct json_object **out)
{
    AUTO_JSON struct json_object *map = json_new_map();
    members->out = map;
    json_each(value, check_member, members);
    for (size_t i = 0; i < members->count && members->err == ERR_OK; i++) {
        const struct model_field *field = &members->fields[i];
        struct json_object *given;
        if (field->required && !json_member(value, field->identifier, &given)) {
            struct model_place place = {.up = members->place, .name = field->identifier};
            members->err = refuse(&place, &field->data, "missing", members->failure);
        }
    }
    if (members->err == ERR_OK) {
        *out = json_ref(map);
    }
    return members->err;
}

static enum err check_struct(const struct model_data *data, const struct model_place *place,
                             const struct json_object *value, struct json_object **out, struct failure *failure)
{
    if (json_kind(value) != JSON_MAP) {
        return refuse_value(place, data, value, failure);
    }
    struct members members = {.fields = data->fields, .count = data->field_count, .place = place, .failure = failure};
    return check_members(&members, value, out);
}

static enum err check(const struct model_data *data, const struct model_place *place, const struct json_object *value,
                      struct json_object **out, struct failure *failure)
{
    static enum err (*const checks[])(const struct model_data *, const struct model_place *, const struct json_object *,
                                      struct json_object **, struct failure *) = {
        [MODEL_INT] = check_int,   [MODEL_FLOAT] = check_real,  [MODEL_DOUBLE] = check_real,
        [MODEL_ENUM] = check_enum, [MODEL_BOOL] = check_bool,   [MODEL_TEXT] = check_text,
        [MODEL_DATE] = check_date, [MODEL_ARRAY] = check_array, [MODEL_STRUCT] = check_struct,
    };
    return checks[data->type](data, place, value, out, failure);
}

unsigned model_kinds(const struct model_data *data)
{
    static const unsigned number = JSON_KIND_BIT(JSON_INT) | JSON_KIND_BIT(JSON_REAL);
    switch (data->type) {
    case MODEL_INT:
    case MODEL_FLOAT:
    case MODEL_DOUBLE:
    case MODEL_ENUM:
        return number;
    case MODEL_BOOL:
        return number | JSON_KIND_BIT(JSON_BOOL);
    case MODEL_TEXT:
        return JSON_KIND_BIT(JSON_TEXT);
    case MODEL_DATE:
        return number | JSON_KIND_BIT(JSON_TEXT);
    case MODEL_ARRAY:
        return JSON_KIND_BIT(JSON_LIST);
    case MODEL_STRUCT:
        break;
    }
    return JSON_KIND_BIT(JSON_MAP);
}

enum err model_check_value(const struct model_data *data, const char *name, const struct json_object *value,
                           struct json_object **out, struct failure *failure)
{
    return check(data, &(struct model_place){.name = name}, value, out, failure);
}

enum err model_check_args(const struct model_service *service, const struct json_object *args, struct json_object **out,
                          struct failure *failure)
{
    if (json_kind(args) != JSON_MAP) {
        failure_set(failure, "argument_invalid", "the arguments are %s; they must be an object", show_value(args).text);
        return ERR_REFUSED;
    }
    struct members members = {.fields = service->inputs, .count = service->input_count, .failure = failure};
    return check_members(&members, args, out);
}
