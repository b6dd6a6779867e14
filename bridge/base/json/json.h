// JSON values (json-c) behind a strict check of our own.
//
// json-c lets several malformed texts pass and saturates large integers in silence, so outside text first goes through
// json_check. A value is json-c's `struct json_object *`; the null value is the NULL pointer, as json-c has it. A
// function that "takes" a value owns it afterwards; "borrowed" results live as long as the value they come from. A
// value belongs to one thread at a time: owners are counted without locks, and json_print keeps its text inside the
// value. Only json_copy and the functions that read leave a value as it is, so threads may share one for these.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/show.h"

struct json_object;

enum json_kind { JSON_NULL, JSON_BOOL, JSON_INT, JSON_REAL, JSON_TEXT, JSON_LIST, JSON_MAP };
#define JSON_KIND_BIT(kind) (1U << (kind)) // of a set of kinds
#define JSON_ANY_KIND       ((1U << (JSON_MAP + 1)) - 1)

#define JSON_DEPTH_MAX 1000
struct json_limits {
    size_t max_depth; // nested lists and maps; the outermost counts as 1; above JSON_DEPTH_MAX it is that
};

// RFC 8259, and stricter: valid UTF-8 without NUL (raw or \u0000), paired surrogate escapes, integers within
// -2^63 .. 2^64-1, finite reals, nothing after the value but white space. ERR_SYNTAX, or ERR_LIMIT for depth and number
// range; the diag says what and at which byte (the first is byte 1).
enum err json_check(const char *data, size_t len, const struct json_limits *limits, struct diag *diag) MUST_CHECK;
// json_check, then parse. Number text is kept (10.0 stays 10.0, 1e2 stays 1e2); of duplicate keys the last one counts.
enum err json_parse(const char *data, size_t len, const struct json_limits *limits, struct json_object **out,
                    struct diag *diag) MUST_CHECK;
// As json_parse, but a number beyond 64 bits is no error: it becomes a text of its digits.
enum err json_parse_any_number(const char *data, size_t len, const struct json_limits *limits, struct json_object **out,
                               struct diag *diag) MUST_CHECK;
// Which of the two reasons of ERR_LIMIT it is: true if lists and maps are nested deeper than the limit.
bool json_too_deep(const char *data, size_t len, const struct json_limits *limits);
// For the id inside a text that json_parse refused with ERR_LIMIT: as json_parse, but up to JSON_DEPTH_MAX levels and
// with numbers of any size (those beyond 64 bits saturate).
enum err json_parse_lenient(const char *data, size_t len, struct json_object **out) MUST_CHECK;

struct json_object *json_ref(struct json_object *value);        // one more owner; NULL stays NULL
void json_free(struct json_object *value);                      // one owner less; NULL is allowed
struct json_object *json_copy(const struct json_object *value); // deep copy

enum json_kind json_kind(const struct json_object *value);
const char *json_kind_name(enum json_kind kind); // "null", "boolean", "integer", "number", "text", "list", "object"
// Kind and value inside a message: text "on", integer 5, a list, null.
struct shown json_show(const struct json_object *value);

// Member of a map or item of a list. False if there is none (or the value is of another kind); *out is borrowed.
bool json_member(const struct json_object *map, const char *name, struct json_object **out);
bool json_item(const struct json_object *list, size_t index, struct json_object **out);
// The same where JSON null is as good as none: NULL.
struct json_object *json_get(const struct json_object *map, const char *name);
struct json_object *json_at(const struct json_object *list, size_t index);
// The first member of that name, whatever the case of its letters, that is not null; NULL if there is none.
struct json_object *json_get_folded(const struct json_object *map, const char *name);
size_t json_count(const struct json_object *value); // members or items; 0 for other kinds
// Walks a map in its order: calls visit for each member until it returns false.
void json_each(const struct json_object *map, bool (*visit)(void *context, const char *name, struct json_object *value),
               void *context);

bool json_bool(const struct json_object *value);
int64_t json_int(const struct json_object *value); // 0 for other kinds than INT; above INT64_MAX saturated
double json_real(const struct json_object *value); // INT and REAL
// The text of a JSON_TEXT value, borrowed; NULL for other kinds.
const char *json_text(const struct json_object *value);
// Member `name` if it is text, else NULL; borrowed.
const char *json_member_text(const struct json_object *map, const char *name);

struct json_object *json_new_map(void);
struct json_object *json_new_list(void);
struct json_object *json_new_text(const char *text);
struct json_object *json_new_text_len(const char *text, size_t len);
struct json_object *json_new_texts(char *const *texts, size_t count); // a list
struct json_object *json_new_int(int64_t value);
struct json_object *json_new_bool(bool value);
// A number with its text kept; the caller made sure that it is a JSON number within the limits of json_check.
struct json_object *json_new_number(const char *text);
void json_put(struct json_object *map, const char *name, struct json_object *value);     // takes value; replaces
void json_put_text(struct json_object *map, const char *name, const char *text_or_null); // nothing for NULL
void json_put_time(struct json_object *map, const char *name, int64_t wall_ms);          // as clock_iso_ms gives it
void json_remove(struct json_object *map, const char *name);
void json_add(struct json_object *list, struct json_object *value); // takes value

// Text as it is, a number as it was written; NULL for anything else and for an empty text. The caller frees it.
char *json_word(const struct json_object *value);
// Compact JSON text ("/" not escaped, number text kept); the caller frees it.
char *json_print(const struct json_object *value);
// Text as it is, numbers and booleans as JSON writes them; NULL for other kinds. The caller frees it.
char *json_scalar_text(const struct json_object *value);
// For people: indented.
char *json_print_pretty(const struct json_object *value);

static inline void json_auto_free(struct json_object **value)
{
    json_free(*value);
}
#define AUTO_JSON __attribute__((cleanup(json_auto_free)))
