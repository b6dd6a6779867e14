// What a scalar means (YAML 1.2, section 10.3.2, core schema), and the tree as JSON.
//
// A plain scalar is compared with the forms of the schema, one after the other; what fits none is text. Numbers keep
// their text as far as it is JSON's, and are written anew where it is not.
#include "base/yaml/yaml.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json/json.h"
#include "base/mem.h"
#include "base/str.h"

static size_t digits(const char *text)
{
    return strspn(text, "0123456789");
}

static const char *skip_sign(const char *text)
{
    return *text == '-' || *text == '+' ? text + 1 : text;
}

// 0x1F or 0o17
static bool is_based(const char *text)
{
    size_t hex = strncmp(text, "0x", 2) == 0 ? strspn(text + 2, "0123456789abcdefABCDEF") : 0;
    size_t octal = strncmp(text, "0o", 2) == 0 ? strspn(text + 2, "01234567") : 0;
    size_t len = hex > 0 ? hex : octal;
    return len > 0 && text[2 + len] == '\0';
}

static bool is_integer(const char *text)
{
    const char *number = skip_sign(text);
    size_t len = digits(number);
    return (len > 0 && number[len] == '\0') || is_based(text);
}

static bool is_infinite(const char *text)
{
    static const char *const infinities[] = {".inf", ".Inf", ".INF", NULL};
    static const char *const nans[] = {".nan", ".NaN", ".NAN", NULL};
    return str_is_one_of(skip_sign(text), infinities) || str_is_one_of(text, nans);
}

static bool is_real(const char *text)
{
    const char *at = skip_sign(text);
    size_t whole = digits(at);
    at += whole;
    if (*at == '.') {
        size_t fraction = digits(++at);
        at += fraction;
        whole += fraction;
    }
    if (whole > 0 && (*at == 'e' || *at == 'E')) {
        at = skip_sign(at + 1);
        size_t exponent = digits(at);
        at += exponent;
        whole = exponent;
    }
    return whole > 0 && *at == '\0';
}

enum yaml_type yaml_type(const struct yaml_node *node)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
    static const char *const bools[] = {"true", "True", "TRUE", "false", "False", "FALSE", NULL};
    if (node->kind != YAML_SCALAR || node->quoted) {
        return YAML_TEXT;
    }
    if (str_is_one_of(node->text, nulls)) {
        return YAML_NULL;
    }
    if (str_is_one_of(node->text, bools)) {
        return YAML_BOOL;
    }
    if (is_integer(node->text)) {
        return YAML_INT;
    }
    return is_real(node->text) || is_infinite(node->text) ? YAML_FLOAT : YAML_TEXT;
}

const char *yaml_kind_name(const struct yaml_node *node)
{
    static const char *const types[] = {
        [YAML_NULL] = "null",      [YAML_BOOL] = "true or false", [YAML_INT] = "a number",
        [YAML_FLOAT] = "a number", [YAML_TEXT] = "text",
    };
    if (node->kind == YAML_SCALAR) {
        return types[yaml_type(node)];
    }
    return node->kind == YAML_LIST ? "a list" : "a map";
}

bool yaml_expect(const struct yaml_node *node, enum yaml_kind kind, const char *what, struct problems *problems)
{
    if (node->kind == kind) {
        return true;
    }
    static const char *const kinds[] = {[YAML_SCALAR] = "text", [YAML_LIST] = "a list", [YAML_MAP] = "a map"};
    yaml_error(problems, node, "`%s` must be %s, not %s", what, kinds[kind], yaml_kind_name(node));
    return false;
}

// Decimal number text as JSON writes it: no plus sign, no leading zeros, digits on both sides of the point.
static void append_decimal(struct buf *out, const char *text)
{
    if (*text == '-') {
        buf_char(out, '-');
    }
    text = skip_sign(text);
    size_t whole = digits(text);
    const char *rest = text + whole;
    while (whole > 1 && *text == '0') {
        text++;
        whole--;
    }
    buf_append(out, whole > 0 ? text : "0", whole > 0 ? whole : 1);
    if (*rest == '.') {
        size_t fraction = digits(++rest);
        buf_char(out, '.');
        buf_append(out, fraction > 0 ? rest : "0", fraction > 0 ? fraction : 1);
        rest += fraction;
    }
    buf_text(out, rest);
}

static struct json_object *number_to_json(const char *text)
{
    AUTO_BUF struct buf decimal = {0};
    if (is_based(text)) {
        errno = 0;
        unsigned long long value = strtoull(text + 2, NULL, text[1] == 'x' ? 16 : 8);
        if (errno == ERANGE) {
            return json_new_text(text);
        }
        buf_printf(&decimal, "%llu", value);
    } else if (is_infinite(text)) {
        return json_new_text(text);
    } else {
        append_decimal(&decimal, text);
    }
    struct diag ignored;
    bool fits = json_check(decimal.data, decimal.len, &(struct json_limits){.max_depth = 0}, &ignored) == ERR_OK;
    return fits ? json_new_number(decimal.data) : json_new_text(text);
}

static struct json_object *scalar_to_json(const struct yaml_node *scalar)
{
    switch (yaml_type(scalar)) {
    case YAML_NULL:
        return NULL;
    case YAML_BOOL:
        return json_new_bool(scalar->text[0] == 't' || scalar->text[0] == 'T');
    case YAML_INT:
    case YAML_FLOAT:
        return number_to_json(scalar->text);
    case YAML_TEXT:
        break;
    }
    return json_new_text(scalar->text);
}

struct json_object *yaml_to_json(const struct yaml_node *node)
{
    if (node->kind == YAML_SCALAR) {
        return scalar_to_json(node);
    }
    struct json_object *value = node->kind == YAML_LIST ? json_new_list() : json_new_map();
    for (size_t i = 0; i < node->count; i++) {
        struct json_object *item = yaml_to_json(node->items[i]);
        if (node->kind == YAML_LIST) {
            json_add(value, item);
        } else {
            json_put(value, node->keys[i]->text, item);
        }
    }
    return value;
}

char *yaml_print(const struct yaml_node *node)
{
    AUTO_JSON struct json_object *value = node->kind == YAML_SCALAR ? NULL : yaml_to_json(node);
    return value != NULL ? json_print(value) : mem_strdup(node->text);
}
