// A product's thing model (TSL): the services of its devices with their arguments, read from the file that the
// platform's console exports or from an answer to GetThingModelTsl (platform document, Thing model). Properties
// and events are not read. Pure and immutable after reading, so any thread may check with it.
// Limits: MODEL_MAX_BYTES of text, MODEL_MAX_ITEMS services, arguments of one service, members of one struct and
// values of one enum, MODEL_MAX_NESTING arrays and structs within each other.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "core/platform/code.h"

#define MODEL_MAX_BYTES   4194304 // 4 MiB
#define MODEL_MAX_ITEMS   1000
#define MODEL_MAX_NESTING 8

// An int of the platform has 32 bits, whatever its bounds say.
#define MODEL_INT_MIN "-2147483648"
#define MODEL_INT_MAX "2147483647"

struct json_object;

enum model_type {
    MODEL_INT,   // 32 bits
    MODEL_FLOAT, // sent with a decimal point, as MODEL_DOUBLE
    MODEL_DOUBLE,
    MODEL_ENUM, // sent as the integer of one of `choices`
    MODEL_BOOL, // sent as 0 or 1
    MODEL_TEXT,
    MODEL_DATE, // sent as text: milliseconds since 1970
    MODEL_ARRAY,
    MODEL_STRUCT,
};

struct model_choice {
    char *value; // an integer
    char *name;
};

struct model_field;
struct model_data {
    enum model_type type;
    char *min; // of numbers: decimal texts as written; NULL: none
    char *max;
    char *unit;      // or NULL
    size_t max_size; // bytes of a text, items of an array; 0: not limited
    struct model_choice *choices;
    size_t choice_count;
    struct model_data *item; // of an array
    struct model_field *fields;
    size_t field_count;
};

// An argument, or a member of a struct.
struct model_field {
    char *identifier; // letters, digits and _
    char *name;       // for people; or NULL
    bool required;
    struct model_data data;
};

struct model_service {
    char *identifier; // as a call names it: `service`, or `module:service` of a custom module
    char *name;       // for people; or NULL
    bool is_sync;     // the device's result is part of the call's answer
    struct model_field *inputs;
    size_t input_count;
    struct model_field *outputs; // members of the result; none if they cannot be read, as only samples need them
    size_t output_count;
};

struct model {
    char *product_key; // or NULL
    struct model_service *services;
    size_t service_count;
};

// ERR_SYNTAX (not JSON, no thing model, an unknown type ...) or ERR_LIMIT; the diag names service and argument.
enum err model_parse(const char *data, size_t len, struct model **out, struct diag *diag) MUST_CHECK;
void model_free(struct model *model);
void model_free_fields(struct model_field *fields, size_t count);

// Services and arguments by name; NULL if there is none.
const struct model_service *model_find(const struct model *model, const char *identifier);
const struct model_field *model_find_field(const struct model_field *fields, size_t count, const char *identifier);
const char *model_nearest_field(const struct model_field *fields, size_t count, const char *identifier);

// Checks a JSON object of arguments. *out is what to send: the same with numbers written as their types want (float and
// double with a decimal point, int and enum without, true and false of a bool as 1 and 0, an integer of a date as
// text); the caller frees it. ERR_REFUSED: the failure argument_invalid names argument, value and what is allowed.
enum err model_check_args(const struct model_service *service, const struct json_object *args, struct json_object **out,
                          struct failure *failure) MUST_CHECK;
// One value; `name` is its argument's, for the failure.
enum err model_check_value(const struct model_data *data, const char *name, const struct json_object *value,
                           struct json_object **out, struct failure *failure) MUST_CHECK;

// The kinds of JSON values that it can take: JSON_KIND_BIT of each.
unsigned model_kinds(const struct model_data *data);

// An object that fits the fields, for tests and explanations: lower bounds, first choices, constant texts. The caller
// frees it.
struct json_object *model_sample(const struct model_field *fields, size_t count);

// What values it takes, for people: "an integer from 0 to 100 (%)".
void model_describe(const struct model_data *data, struct buf *out);
