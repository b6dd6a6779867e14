// One message and one rule's scope for the tests of templates.
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/message.h"
#include "core/template/template_internal.h"

struct fixture {
    struct topic_pattern *pattern;
    struct str captures[TOPIC_MAX_CAPTURES];
    struct json_object *payload;
    struct device_group *group;
    struct template_scope scope;
    struct template_input input;
};

#define FIXTURE_PAYLOAD                                                                                                \
    "{\"level\":128,\"t\":10.0,\"big\":18446744073709551615,\"on\":true,\"color\":\"RED\",\"none\":null,"              \
    "\"text\":\" 12.5 \",\"list\":[1,{\"x\":\"y\"}],\"a\":{\"b\":{\"c\":1e2}},\"a/b\":{\"~\":7},\"\":3}"

static inline struct fixture fixture_create(const char *payload)
{
    static const struct user_property properties[] = {{(char *)"site.name", (char *)"north"}};
    struct fixture fixture = {0};
    struct diag diag;
    assert_int_equal(topic_pattern_compile("home/{room}/{n}", &fixture.pattern, &diag), ERR_OK);
    assert_true(topic_pattern_match(fixture.pattern, "home/hall/7", fixture.captures));
    fixture.group = mem_alloc(sizeof *fixture.group);
    *fixture.group = (struct device_group){(char *)"downstairs", json_new_list()};
    json_add(fixture.group->members, json_new_text("hall-lamp"));
    json_add(fixture.group->members, json_new_text("kitchen-lamp"));
    fixture.scope = (struct template_scope){.pattern = fixture.pattern, .groups = fixture.group, .group_count = 1};
    fixture.input = (struct template_input){.topic = "home/hall/7",
                                            .id = "42",
                                            .id_is_integer = true,
                                            .has_payload = payload != NULL,
                                            .properties = properties,
                                            .property_count = 1,
                                            .now_wall_ms = 1795288051123};
    if (payload != NULL) {
        struct json_limits limits = {32};
        assert_int_equal(json_parse(payload, strlen(payload), &limits, &fixture.payload, &diag), ERR_OK);
        fixture.input.payload = fixture.payload;
    }
    return fixture;
}

static inline void fixture_free(struct fixture *fixture)
{
    topic_pattern_free(fixture->pattern);
    json_free(fixture->payload);
    json_free(fixture->group->members);
    free(fixture->group);
}

static inline struct template_text *compile(const struct fixture *fixture, const char *text)
{
    struct template_text *tmpl = NULL;
    struct diag diag = {0};
    if (template_compile_text(text, &fixture->scope, &tmpl, &diag) != ERR_OK) {
        fail_msg("%s: %s", text, diag.text);
    }
    return tmpl;
}

// The value of the template as JSON text; "missing", or the code of its failure.
static inline char *value_with(struct fixture *fixture, const char *text)
{
    struct template_text *tmpl = compile(fixture, text);
    struct failure failure = {0};
    struct template_value value = {0};
    fixture->input.captures = fixture->captures;
    enum err err = template_evaluate(tmpl, &fixture->input, &value, &failure);
    template_free(tmpl);
    if (err != ERR_OK) {
        assert_non_null(failure.code);
        return mem_strdup(failure.code->code);
    }
    char *printed = value.missing ? mem_strdup("missing") : json_print(value.json);
    json_free(value.json);
    return printed;
}

static inline void assert_value_of(const char *payload, const char *text, const char *expected)
{
    struct fixture fixture = fixture_create(payload);
    AUTO_FREE char *value = value_with(&fixture, text);
    if (strcmp(value, expected) != 0) {
        fail_msg("%s gives %s, not %s", text, value, expected);
    }
    fixture_free(&fixture);
}

static inline void assert_value(const char *text, const char *expected)
{
    assert_value_of(FIXTURE_PAYLOAD, text, expected);
}

// The text does not compile, and the reason holds `words`.
static inline void assert_no_template(const char *text, const char *words)
{
    struct fixture fixture = fixture_create(NULL);
    struct template_text *tmpl = NULL;
    struct diag diag = {0};
    if (template_compile_text(text, &fixture.scope, &tmpl, &diag) == ERR_OK) {
        fail_msg("%s compiles", text);
    }
    if (strstr(diag.text, words) == NULL) {
        fail_msg("%s: \"%s\" is not in: %s", text, words, diag.text);
    }
    assert_null(tmpl);
    fixture_free(&fixture);
}
