// Reads the value of one option, by its type.
//
// A reader stores the value and returns true, or adds a problem and leaves the field as it was. The problems of all
// types are made by the same few functions from one table of what a value must be.
#include "base/options/options_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json/json.h"
#include "base/mem.h"
#include "base/nearest.h"
#include "base/show.h"
#include "base/str.h"

// A problem of the value; false.
#define refuse(reading, ...) (yaml_error((reading)->problems, (reading)->node, __VA_ARGS__), false)

// What a value must be, with an example.
static const char *wanted(enum option_type type)
{
    static const char *const texts[] = {
        [OPTION_TEXT] = "text",
        [OPTION_BOOL] = "true or false",
        [OPTION_INT] = "a whole number such as 64",
        [OPTION_DURATION] = "a duration with its unit, such as 250ms, 12s, 5m or 1h",
        [OPTION_SIZE] = "a size such as 512 (bytes), 64KiB, 16MiB or 1GiB",
        [OPTION_RATE] = "a rate above 0 such as 500/s or 20/m",
        [OPTION_FRACTION] = "a number above 0 and at most 1, such as 0.5",
        [OPTION_CHOICE] = "one of the known words",
        [OPTION_TEXT_LIST] = "text, or a list of texts such as [\"a\", \"b\"]",
        [OPTION_SECRET] = "{file: /path/to/file}, {env: NAME} or {credential: NAME}",
        [OPTION_NODE] = "a value",
        [OPTION_GROUP] = "a map of keys",
    };
    return texts[type];
}

// A map with one key and no value is what YAML makes of {name}.
static bool looks_like_template(const struct yaml_node *node)
{
    return node->kind == YAML_MAP && node->count == 1 && yaml_is_null(node->items[0]);
}

static bool wrong_null(const struct option_reading *reading)
{
    return refuse(reading,
                  "`%s` must be %s, and has no value here: YAML reads an empty value, or `#` and what follows it, as "
                  "nothing. Put text in quotes, or leave the key out",
                  reading->path, wanted(reading->row->type));
}

static void append_example(struct buf *text, const struct option_row *row)
{
    if (row->type == OPTION_GROUP) {
        buf_printf(text, " such as {%s: ...}", row->members[0].name);
    } else if (row->type == OPTION_TEXT && row->fallback != NULL && *row->fallback != '\0') {
        buf_printf(text, " such as %s", row->fallback);
    }
    for (size_t i = 0; row->type == OPTION_CHOICE && row->choices[i] != NULL; i++) {
        buf_printf(text, "%s%s", i == 0 ? ": " : ", ", row->choices[i]);
    }
}

bool options_value_wrong(const struct option_reading *reading)
{
    if (yaml_is_null(reading->node)) {
        return wrong_null(reading);
    }
    AUTO_BUF struct buf text = {0};
    buf_printf(&text, "`%s` must be %s", reading->path, wanted(reading->row->type));
    append_example(&text, reading->row);
    buf_printf(&text, ", not %s", yaml_kind_name(reading->node));
    if (looks_like_template(reading->node)) {
        buf_text(&text, "; if { } belong to the text, put it in quotes");
    }
    return refuse(reading, "%s", text.data);
}

// The value has the right kind, and is not of the right form.
static bool malformed(const struct option_reading *reading, const char *hint)
{
    return refuse(reading, "`%s` must be %s, not `%s`%s", reading->path, wanted(reading->row->type),
                  show_short(reading->node->text).text, hint);
}

static bool read_text(const struct option_reading *reading)
{
    if (reading->node->kind != YAML_SCALAR) {
        return options_value_wrong(reading);
    }
    if (yaml_is_null(reading->node)) {
        return reading->row->empty_ok || wrong_null(reading);
    }
    if (reading->node->text[0] == '\0' && reading->row->min > 0) {
        return refuse(reading, "`%s` is empty: give it a text, or leave the key out", reading->path);
    }
    char **field = reading->field;
    free(*field);
    *field = mem_strdup(reading->node->text);
    return true;
}

static bool read_bool(const struct option_reading *reading)
{
    static const char *const lookalikes[] = {"yes", "no", "on", "off", "true", "false", "y", "n", NULL};
    if (yaml_type(reading->node) != YAML_BOOL) {
        bool lookalike = str_is_one_of_folded(reading->node->text, lookalikes);
        return malformed(reading, lookalike ? ", which is text: write true or false without quotes" : "");
    }
    *(bool *)reading->field = reading->node->text[0] == 't' || reading->node->text[0] == 'T';
    return true;
}

void options_value_number(enum option_type type, int64_t value, char out[OPTIONS_NUMBER_LEN])
{
    struct option_unit {
        const char *name;
        int64_t factor;
    };
    static const struct option_unit durations[] = {{"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};
    static const struct option_unit sizes[] = {{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"", 1}};
    static const struct option_unit plain[] = {{"", 1}};
    const struct option_unit *unit = type == OPTION_DURATION ? durations : type == OPTION_SIZE ? sizes : plain;
    while (unit->factor > 1 && (value == 0 || value % unit->factor != 0)) {
        unit++;
    }
    snprintf(out, OPTIONS_NUMBER_LEN, "%" PRId64 "%s", value / unit->factor, unit->name);
}

static bool out_of_range(const struct option_reading *reading)
{
    const struct option_row *row = reading->row;
    char min[OPTIONS_NUMBER_LEN];
    char max[OPTIONS_NUMBER_LEN];
    options_value_number(row->type, row->min, min);
    options_value_number(row->type, row->max, max);
    if (row->min == 0 && row->max == 0) {
        return refuse(reading, "`%s` is too large: `%s`", reading->path, show_short(reading->node->text).text);
    }
    if (row->min == row->max) {
        return refuse(reading, "`%s` must be %s, not `%s`", reading->path, min, show_short(reading->node->text).text);
    }
    return refuse(reading, "`%s` must be from %s to %s, not `%s`", reading->path, min, max,
                  show_short(reading->node->text).text);
}

// `err` is what the parser of `value` said.
static bool store_number(const struct option_reading *reading, enum err err, int64_t value)
{
    const struct option_row *row = reading->row;
    bool bounded = row->min != 0 || row->max != 0;
    if (err == ERR_LIMIT || (err == ERR_OK && bounded && (value < row->min || value > row->max))) {
        return out_of_range(reading);
    }
    if (err != ERR_OK) {
        return malformed(reading, "");
    }
    *(int64_t *)reading->field = value;
    return true;
}

static bool read_int(const struct option_reading *reading)
{
    const struct yaml_node *node = reading->node;
    if (yaml_type(node) != YAML_INT) {
        bool is_quoted = node->quoted && str_parse_int(node->text, &(int64_t){0}) == ERR_OK;
        return malformed(reading, is_quoted ? " in quotes, which is text: remove the quotes" : "");
    }
    AUTO_JSON struct json_object *number = yaml_to_json(node);
    int64_t value = json_int(number);
    bool fits = json_kind(number) == JSON_INT && value < INT64_MAX;
    return store_number(reading, fits ? ERR_OK : ERR_LIMIT, value);
}

static bool read_duration(const struct option_reading *reading)
{
    int64_t value = 0;
    enum err err = str_parse_duration_ms(reading->node->text, &value);
    if (err == ERR_SYNTAX && yaml_type(reading->node) == YAML_INT) {
        return malformed(reading, ", which has no unit");
    }
    return store_number(reading, err, value);
}

static bool read_size(const struct option_reading *reading)
{
    int64_t value = 0;
    enum err err = str_parse_size(reading->node->text, &value);
    return store_number(reading, err, value);
}

static bool read_rate(const struct option_reading *reading)
{
    double per_second = 0;
    if (str_parse_rate(reading->node->text, &per_second) != ERR_OK) {
        return malformed(reading, "");
    }
    *(double *)reading->field = per_second;
    return true;
}

static bool read_fraction(const struct option_reading *reading)
{
    const struct yaml_node *node = reading->node;
    enum yaml_type type = yaml_type(node);
    double value = strtod(node->text, NULL);
    if ((type != YAML_INT && type != YAML_FLOAT) || !(value > 0 && value <= 1)) {
        return malformed(reading, "");
    }
    *(double *)reading->field = value;
    return true;
}

static bool read_choice(const struct option_reading *reading)
{
    const struct option_row *row = reading->row;
    for (int i = 0; row->choices[i] != NULL; i++) {
        if (strcmp(row->choices[i], reading->node->text) == 0) {
            *(int *)reading->field = i;
            return true;
        }
    }
    AUTO_BUF struct buf text = {0};
    buf_printf(&text, "`%s` must be %s", reading->path, wanted(row->type));
    append_example(&text, row);
    buf_printf(&text, "; not `%s`", show_short(reading->node->text).text);
    const char *nearest = nearest_of(reading->node->text, row->choices);
    return refuse(reading, "%s" NEAREST_FORMAT, text.data, NEAREST_ARGS(nearest, ""));
}

static bool read_text_list(const struct option_reading *reading)
{
    const struct yaml_node *node = reading->node;
    struct text_list list = {0};
    struct option_reading item = *reading;
    if (node->kind == YAML_MAP || yaml_is_null(node)) {
        return options_value_wrong(reading);
    }
    list.items = mem_alloc(sizeof *list.items);
    for (size_t i = 0; node->kind == YAML_LIST && i < node->count; i++) {
        item.node = node->items[i];
        if (!yaml_has_value(item.node)) {
            text_list_free(&list);
            return options_value_wrong(&item);
        }
        text_list_add(&list, item.node->text);
    }
    if (node->kind == YAML_SCALAR) {
        text_list_add(&list, node->text);
    }
    struct text_list *field = reading->field;
    text_list_free(field);
    *field = list;
    return true;
}

const char *const options_secret_sources[] = {"file", "env", "credential", NULL};

// Never names what was written: it may be the secret itself.
static bool wrong_secret(const struct option_reading *reading)
{
    if (reading->node->line == 0 && reading->node->kind == YAML_SCALAR) {
        return refuse(
            reading,
            "`%s`: this variable cannot hold the secret itself; add __FILE, __ENV or __CREDENTIAL to its name, "
            "and say there where it is read from",
            reading->path);
    }
    return refuse(reading, "`%s`: a secret is never written in line; say where it is read from: %s", reading->path,
                  wanted(OPTION_SECRET));
}

static bool wrong_secret_key(const struct option_reading *reading, const char *name)
{
    const char *nearest = nearest_of(name, options_secret_sources);
    if (nearest == NULL) {
        return wrong_secret(reading);
    }
    return refuse(reading, "`%s`: unknown key; did you mean `%s`?", reading->path, nearest);
}

// The one place that the map names; what the environment names wins over what the file does. The count of the map if
// it names none, or several.
static size_t find_place(const struct yaml_node *map)
{
    size_t of_environment = map->count;
    size_t count = 0;
    for (size_t i = 0; i < map->count; i++) {
        bool is_own = map->keys[i]->line == 0;
        of_environment = is_own ? i : of_environment;
        count += is_own;
    }
    return count == 1 ? of_environment : map->count == 1 ? 0 : map->count;
}

static bool read_secret(const struct option_reading *reading)
{
    const struct yaml_node *node = reading->node;
    if (yaml_is_null(node) && reading->row->empty_ok) {
        return true;
    }
    if (node->kind != YAML_MAP || node->count == 0) {
        return wrong_secret(reading);
    }
    size_t place = find_place(node);
    if (place == node->count) {
        return refuse(reading, "`%s`: a secret is never written in line; say by one key where it is read from: %s",
                      reading->path, wanted(OPTION_SECRET));
    }
    const char *name = node->keys[place]->text;
    const struct yaml_node *value = node->items[place];
    if (!str_is_one_of(name, options_secret_sources)) {
        return wrong_secret_key(reading, name);
    }
    if (!yaml_has_value(value) || value->text[0] == '\0') {
        return wrong_secret(reading);
    }
    options_value_free(reading->row, reading->field);
    struct secret_source *field = reading->field;
    char **member = *name == 'f' ? &field->file : *name == 'e' ? &field->env : &field->credential;
    *member = mem_strdup(value->text);
    return true;
}

bool options_value_read(const struct option_reading *reading)
{
    static bool (*const readers[])(const struct option_reading *) = {
        [OPTION_TEXT] = read_text,         [OPTION_BOOL] = read_bool,           [OPTION_INT] = read_int,
        [OPTION_DURATION] = read_duration, [OPTION_SIZE] = read_size,           [OPTION_RATE] = read_rate,
        [OPTION_CHOICE] = read_choice,     [OPTION_TEXT_LIST] = read_text_list, [OPTION_SECRET] = read_secret,
        [OPTION_FRACTION] = read_fraction,
    };
    enum option_type type = reading->row->type;
    if (type == OPTION_NODE) {
        *(const struct yaml_node **)reading->field = reading->node;
        return true;
    }
    bool is_scalar = type != OPTION_TEXT && type != OPTION_TEXT_LIST && type != OPTION_SECRET;
    return is_scalar && !yaml_has_value(reading->node) ? options_value_wrong(reading) : readers[type](reading);
}

static void free_secret(struct secret_source *source)
{
    free(source->file);
    free(source->env);
    free(source->credential);
    *source = (struct secret_source){0};
}

void options_value_free(const struct option_row *row, void *field)
{
    if (row->type == OPTION_TEXT) {
        free(*(char **)field);
        *(char **)field = NULL;
    } else if (row->type == OPTION_TEXT_LIST) {
        text_list_free(field);
    } else if (row->type == OPTION_SECRET) {
        free_secret(field);
    }
}
