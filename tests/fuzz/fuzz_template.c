// A template (the first line) over a payload (the rest): compiled, evaluated, and its value written. Then each filter
// alone over the payload, held to what the design says that it gives.
#include "fuzz.h"

#include <math.h>

#include "base/message.h"
#include "core/template/template_internal.h"

#define PATTERN "home/{room}/{path#}"
#define TOPIC   "home/hall/lamp/1"

static const struct user_property properties[] = {{(char *)"site.name", (char *)"north"}, {(char *)"n", (char *)"7"}};

static void must_give_text(const struct template_text *tmpl, const struct template_input *input, enum err value_err,
                           const struct json_object *value, bool missing)
{
    char *text = NULL;
    struct failure failure = {0};
    enum err err = template_string(tmpl, input, &text, &failure);
    if (err != ERR_OK) {
        MUST(text == NULL);
        must_be_failure(&failure);
        return;
    }
    MUST(value_err == ERR_OK && !missing);
    MUST(strlen(text) <= TEMPLATE_MAX_VALUE + TEMPLATE_MAX_LEN);
    MUST(str_utf8_valid(text, strlen(text)));
    must_be_same(text, json_kind(value) == JSON_TEXT ? mem_strdup(json_text(value)) : json_print(value));
}

static void evaluate(const struct template_text *tmpl, const struct template_input *input)
{
    struct template_value value = {0};
    struct failure failure = {0};
    enum err err = template_evaluate(tmpl, input, &value, &failure);
    MUST(err == ERR_OK || value.json == NULL);
    MUST(!value.missing || value.json == NULL);
    if (err != ERR_OK) {
        must_be_failure(&failure);
    } else {
        AUTO_FREE char *printed = json_print(value.json);
        AUTO_JSON struct json_object *again = must_be_json(printed);
        must_be_same(mem_strdup(printed), json_print(again));
    }
    must_give_text(tmpl, input, err, value.json, value.missing);
    json_free(value.json);
}

// As a message's payload is read: JSON if it is that, else text.
static struct json_object *read_payload(struct str data)
{
    struct json_object *value = NULL;
    struct diag diag;
    if (json_parse(data.data, data.len, &(struct json_limits){32}, &value, &diag) == ERR_OK) {
        return value;
    }
    bool is_text = str_utf8_valid(data.data, data.len) && memchr(data.data, '\0', data.len) == NULL;
    return is_text ? json_new_text_len(data.data, data.len) : NULL;
}

static void evaluate_all(const struct template_text *tmpl, const struct topic_pattern *pattern, struct str data)
{
    struct str captures[TOPIC_MAX_CAPTURES];
    MUST(topic_pattern_match(pattern, TOPIC, captures));
    AUTO_JSON struct json_object *payload = read_payload(data);
    struct template_input input = {.captures = captures,
                                   .topic = TOPIC,
                                   .id = "42",
                                   .id_is_integer = true,
                                   .payload = payload,
                                   .has_payload = data.len > 0,
                                   .properties = properties,
                                   .property_count = COUNT_OF(properties),
                                   .now_wall_ms = 1795262400000LL};
    evaluate(tmpl, &input);
    input.id = NULL;
    input.has_payload = false;
    evaluate(tmpl, &input);
}

// ---- one filter

static bool is_number(const struct json_object *value)
{
    return json_kind(value) == JSON_INT || json_kind(value) == JSON_REAL;
}

// Beside the rounding of doubles.
static bool is_near(const struct json_object *payload, const struct json_object *value, double distance)
{
    double real = json_real(payload);
    return !is_number(payload) || fabs(real - json_real(value)) <= distance + fabs(real) * 1e-15;
}

static void must_be_cut(const struct json_object *payload, const struct json_object *value)
{
    MUST(json_kind(value) == JSON_INT && is_near(payload, value, 1));
    MUST(!is_number(payload) || fabs(json_real(value)) <= fabs(json_real(payload)) * (1 + 1e-15));
}

static void must_be_rounded(const struct json_object *payload, const struct json_object *value)
{
    MUST(json_kind(value) == JSON_INT && is_near(payload, value, 0.5));
}

static void must_have_point(const struct json_object *payload, const struct json_object *value)
{
    AUTO_FREE char *text = json_print(value);
    MUST(json_kind(value) == JSON_REAL && strchr(text, '.') != NULL && isfinite(json_real(value)));
    MUST(is_near(payload, value, 0));
}

static void must_have_three_places(const struct json_object *payload, const struct json_object *value)
{
    AUTO_FREE char *text = json_print(value);
    const char *point = strchr(text, '.');
    MUST(json_kind(value) == JSON_REAL && point != NULL && strchr(text, 'e') == NULL && strlen(point + 1) <= 3);
    MUST(is_near(payload, value, 0.0005));
}

static void must_be_boolean(const struct json_object *payload, const struct json_object *value)
{
    MUST(json_kind(value) == JSON_BOOL);
    MUST(json_kind(payload) != JSON_BOOL || json_bool(payload) == json_bool(value));
}

static void must_be_text(const struct json_object *payload, const struct json_object *value)
{
    AUTO_FREE char *text = json_kind(payload) == JSON_TEXT ? mem_strdup(json_text(payload)) : json_print(payload);
    MUST(json_kind(value) == JSON_TEXT && strcmp(json_text(value), text) == 0);
}

static void must_be_json_text(const struct json_object *payload, const struct json_object *value)
{
    MUST(json_kind(value) == JSON_TEXT);
    must_be_same(mem_strdup(json_text(value)), json_print(payload));
}

static void must_be_lower(const struct json_object *payload, const struct json_object *value)
{
    const char *text = json_text(value);
    MUST(strcasecmp(text, json_text(payload)) == 0 && strpbrk(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == NULL);
}

static void must_be_trimmed(const struct json_object *payload, const struct json_object *value)
{
    const char *text = json_text(value);
    size_t len = strlen(text);
    MUST(strstr(json_text(payload), text) != NULL);
    MUST(len == 0 || (strchr(" \t\r\n", text[0]) == NULL && strchr(" \t\r\n", text[len - 1]) == NULL));
}

static void must_be_scaled(const struct json_object *payload, const struct json_object *value)
{
    double expected = json_real(payload) / 255 * 100 - 50;
    MUST(is_number(payload) && is_number(value));
    MUST(fabs(json_real(value) - expected) <= (fabs(expected) + 100) * 1e-14);
}

static void must_be_clamped(const struct json_object *payload, const struct json_object *value)
{
    MUST(is_number(payload) && json_real(value) >= -1 && json_real(value) <= 2.5);
    if (json_real(payload) >= -1 && json_real(payload) <= 2.5) {
        must_be_same(json_print(payload), json_print(value));
    }
}

static void must_be_itself(const struct json_object *payload, const struct json_object *value)
{
    must_be_same(json_print(payload), json_print(value));
}

static const struct {
    const char *text;
    void (*check)(const struct json_object *payload, const struct json_object *value);
} filters[] = {
    {"${payload}", must_be_itself},
    {"${payload | int}", must_be_cut},
    {"${payload | round}", must_be_rounded},
    {"${payload | float}", must_have_point},
    {"${payload | round(3)}", must_have_three_places},
    {"${payload | bool}", must_be_boolean},
    {"${payload | string}", must_be_text},
    {"${payload | json}", must_be_json_text},
    {"${payload | lower}", must_be_lower},
    {"${payload | upper | lower}", must_be_lower},
    {"${payload | trim}", must_be_trimmed},
    {"${payload | scale(0,255,-50,50)}", must_be_scaled},
    {"${payload | clamp(-1,2.5)}", must_be_clamped},
};

static void check_filter(size_t index, const struct template_input *input)
{
    static struct template_text *compiled[COUNT_OF(filters)];
    struct template_value value = {0};
    struct template_scope scope = {0};
    struct diag diag;
    struct failure failure = {0};
    if (compiled[index] == NULL) {
        MUST(template_compile_text(filters[index].text, &scope, &compiled[index], &diag) == ERR_OK);
    }
    if (template_evaluate(compiled[index], input, &value, &failure) != ERR_OK) {
        must_be_failure(&failure);
        MUST(strcmp(failure.code->code, "filter_failed") == 0);
    } else {
        MUST(!value.missing);
        filters[index].check(input->payload, value.json);
        json_free(value.json);
    }
}

static void check_filters(struct str data)
{
    AUTO_JSON struct json_object *payload = read_payload(data);
    struct template_input input = {.topic = TOPIC, .payload = payload, .has_payload = true};
    for (size_t i = 0; i < COUNT_OF(filters); i++) {
        check_filter(i, &input);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct parts parts = parts_of(data, size);
    AUTO_FREE char *text = next_text(&parts, "\n");
    struct topic_pattern *pattern = NULL;
    struct template_text *tmpl = NULL;
    struct diag diag = {""};
    MUST(topic_pattern_compile(PATTERN, &pattern, &diag) == ERR_OK);
    AUTO_JSON struct json_object *members = must_be_json("[\"hall-lamp\",\"kitchen-lamp\"]");
    struct device_group group = {(char *)"downstairs", members};
    struct template_scope scope = {.pattern = pattern, .groups = &group, .group_count = 1};
    if (!str_utf8_valid(text, strlen(text))) {
        // YAML lets no such text through.
    } else if (template_compile_text(text, &scope, &tmpl, &diag) != ERR_OK) {
        MUST(tmpl == NULL);
        must_tell(diag.text);
    } else {
        MUST(strcmp(tmpl->text, text) == 0);
        evaluate_all(tmpl, pattern, rest_of(&parts));
        template_free(tmpl);
    }
    topic_pattern_free(pattern);
    check_filters(rest_of(&parts));
    return 0;
}
