// Checks values against a model, and writes numbers as it wants them.
//
// A function per type makes what is sent of a scalar, or nothing if it does not fit; arrays and structs descend. A
// place is a chain of names up to the argument, which is put into words only for a failure.
#include <stdlib.h>
#include <string.h>

#include "base/json/json.h"
#include "base/mem.h"
#include "base/nearest.h"
#include "base/show.h"
#include "core/model/model.h"
#include "core/template/decimal.h"

// Where a value stands: fade.seconds, levels[2]. Made into text only for a failure.
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

// One value while it is checked.
struct model_visit {
    const struct model_data *data;
    const struct json_object *value;
    struct model_place place;
    struct failure *failure;
};

static enum err refuse(const struct model_visit *visit, const char *what)
{
    AUTO_BUF struct buf where = {0};
    AUTO_BUF struct buf allowed = {0};
    print_place(&visit->place, &where);
    model_describe(visit->data, &allowed);
    failure_set(visit->failure, "argument_invalid", "%s is %s; it takes %s", where.data, what, allowed.data);
    return ERR_REFUSED;
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
    return !is_beyond(value, data->min, -1) && !is_beyond(value, data->max, 1) &&
           !(data->type == MODEL_INT && (is_beyond(value, MODEL_INT_MIN, -1) || is_beyond(value, MODEL_INT_MAX, 1)));
}

// The integer that a number is, as 5 and 5.0 are: its text, which the caller frees; NULL for anything else.
static char *whole_text(const struct json_object *value)
{
    AUTO_FREE char *text = is_number(value) ? json_print(value) : NULL;
    AUTO_DECIMAL struct decimal decimal = {0};
    bool is_whole = text != NULL && decimal_parse(text, &decimal) && decimal_fits_integer(&decimal);
    return is_whole ? decimal_print(&decimal, false) : NULL;
}

static struct json_object *send_int(const struct model_data *data, const struct json_object *value)
{
    AUTO_FREE char *text = whole_text(value);
    AUTO_DECIMAL struct decimal decimal = {0};
    bool fits = text != NULL && decimal_parse(text, &decimal) && in_range(data, &decimal);
    return fits ? json_new_number(text) : NULL;
}

static struct json_object *send_real(const struct model_data *data, const struct json_object *value)
{
    AUTO_FREE char *text = is_number(value) ? json_print(value) : NULL;
    AUTO_DECIMAL struct decimal decimal = {0};
    if (text == NULL || !decimal_parse(text, &decimal) || !in_range(data, &decimal)) {
        return NULL;
    }
    // What has a point already is sent as it was written.
    AUTO_FREE char *pointed = strchr(text, '.') != NULL ? NULL : decimal_print(&decimal, true);
    return json_new_number(pointed != NULL ? pointed : text);
}

static struct json_object *send_enum(const struct model_data *data, const struct json_object *value)
{
    AUTO_FREE char *text = whole_text(value);
    for (size_t i = 0; text != NULL && i < data->choice_count; i++) {
        if (strcmp(data->choices[i].value, text) == 0) {
            return json_new_number(text);
        }
    }
    return NULL;
}

static struct json_object *send_bool(const struct model_data *data, const struct json_object *value)
{
    (void)data;
    AUTO_FREE char *number = whole_text(value);
    if (json_kind(value) == JSON_BOOL) {
        return json_new_int(json_bool(value));
    }
    bool fits = number != NULL && (strcmp(number, "0") == 0 || strcmp(number, "1") == 0);
    return fits ? json_new_number(number) : NULL;
}

static struct json_object *send_text(const struct model_data *data, const struct json_object *value)
{
    const char *text = json_text(value);
    bool fits = text != NULL && (data->max_size == 0 || strlen(text) <= data->max_size);
    return fits ? json_copy(value) : NULL;
}

static struct json_object *send_date(const struct model_data *data, const struct json_object *value)
{
    (void)data;
    AUTO_FREE char *number = whole_text(value);
    const char *text = number != NULL ? number : json_text(value);
    bool fits = text != NULL && *text != '\0' && text[strspn(text, "0123456789")] == '\0';
    return fits ? json_new_text(text) : NULL;
}

// A text that is refused is too long.
static enum err refuse_value(const struct model_visit *visit)
{
    const char *text = visit->data->type == MODEL_TEXT ? json_text(visit->value) : NULL;
    if (text == NULL) {
        return refuse(visit, json_show(visit->value).text);
    }
    AUTO_FREE char *what = mem_printf("%s (%zu bytes)", json_show(visit->value).text, strlen(text));
    return refuse(visit, what);
}

static enum err check(const struct model_visit *visit, struct json_object **out);

static enum err check_array(const struct model_visit *visit, struct json_object **out)
{
    size_t count = json_count(visit->value);
    if (json_kind(visit->value) != JSON_LIST) {
        return refuse_value(visit);
    }
    if (visit->data->max_size > 0 && count > visit->data->max_size) {
        AUTO_FREE char *what = mem_printf("a list of %zu items", count);
        return refuse(visit, what);
    }
    AUTO_JSON struct json_object *list = json_new_list();
    for (size_t i = 0; i < count; i++) {
        struct json_object *sent = NULL;
        struct model_visit inside = {
            visit->data->item, json_at(visit->value, i), {.up = &visit->place, .index = i}, visit->failure};
        enum err err = check(&inside, &sent);
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
    const struct model_field *field = model_find_field(members->fields, members->count, name);
    struct model_visit visit = {.value = value, .place = {members->place, name, 0}, .failure = members->failure};
    struct json_object *sent = NULL;
    if (field == NULL) {
        members->err = refuse_unknown(members, &visit.place);
        return false;
    }
    visit.data = &field->data;
    members->err = check(&visit, &sent);
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
            struct model_visit visit = {&field->data, NULL, {members->place, field->identifier, 0}, members->failure};
            members->err = refuse(&visit, "missing");
        }
    }
    if (members->err == ERR_OK) {
        *out = json_ref(map);
    }
    return members->err;
}

static enum err check_struct(const struct model_visit *visit, struct json_object **out)
{
    if (json_kind(visit->value) != JSON_MAP) {
        return refuse_value(visit);
    }
    struct members members = {.fields = visit->data->fields,
                              .count = visit->data->field_count,
                              .place = &visit->place,
                              .failure = visit->failure};
    return check_members(&members, visit->value, out);
}

static enum err check(const struct model_visit *visit, struct json_object **out)
{
    // What is sent of a scalar; NULL if it does not fit.
    static struct json_object *(*const senders[])(const struct model_data *, const struct json_object *) = {
        [MODEL_INT] = send_int,   [MODEL_FLOAT] = send_real, [MODEL_DOUBLE] = send_real, [MODEL_ENUM] = send_enum,
        [MODEL_BOOL] = send_bool, [MODEL_TEXT] = send_text,  [MODEL_DATE] = send_date,
    };
    enum model_type type = visit->data->type;
    if (type == MODEL_ARRAY || type == MODEL_STRUCT) {
        return type == MODEL_ARRAY ? check_array(visit, out) : check_struct(visit, out);
    }
    struct json_object *sent = senders[type](visit->data, visit->value);
    if (sent == NULL) {
        return refuse_value(visit);
    }
    *out = sent;
    return ERR_OK;
}

unsigned model_kinds(const struct model_data *data)
{
    enum { NUMBER = JSON_KIND_BIT(JSON_INT) | JSON_KIND_BIT(JSON_REAL) };
    static const unsigned kinds[] = {
        [MODEL_INT] = NUMBER,
        [MODEL_FLOAT] = NUMBER,
        [MODEL_DOUBLE] = NUMBER,
        [MODEL_ENUM] = NUMBER,
        [MODEL_BOOL] = NUMBER | JSON_KIND_BIT(JSON_BOOL),
        [MODEL_TEXT] = JSON_KIND_BIT(JSON_TEXT),
        [MODEL_DATE] = NUMBER | JSON_KIND_BIT(JSON_TEXT),
        [MODEL_ARRAY] = JSON_KIND_BIT(JSON_LIST),
        [MODEL_STRUCT] = JSON_KIND_BIT(JSON_MAP),
    };
    return kinds[data->type];
}

enum err model_check_value(const struct model_data *data, const char *name, const struct json_object *value,
                           struct json_object **out, struct failure *failure)
{
    return check(&(struct model_visit){data, value, {.name = name}, failure}, out);
}

enum err model_check_args(const struct model_service *service, const struct json_object *args, struct json_object **out,
                          struct failure *failure)
{
    if (json_kind(args) != JSON_MAP) {
        failure_set(failure, "argument_invalid", "the arguments are %s; they must be an object", json_show(args).text);
        return ERR_REFUSED;
    }
    struct members members = {.fields = service->inputs, .count = service->input_count, .failure = failure};
    return check_members(&members, args, out);
}
