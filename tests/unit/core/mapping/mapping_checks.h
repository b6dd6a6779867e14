// Rules from YAML text, and messages for them.
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/yaml/yaml.h"
#include "core/mapping/load/mapping_load.h"
#include "core/mapping/mapping.h"

#define UUID    "0192d3c1-0000-7000-8000-000000000001"
#define NOON_MS 1795262400000LL // 2026-11-21T12:00:00Z

static inline struct mapping_options default_options(void)
{
    return (struct mapping_options){.base_topic = "thingbridge",
                                    .default_platform = "main",
                                    .discovery_prefix = "homeassistant",
                                    .max_payload = 256 * 1024,
                                    .max_json_depth = 32};
}

// Loads texts as files a.yaml, b.yaml ...; NULL if there are errors.
static inline struct mapping *load_texts(const char *const *texts, size_t count, const struct mapping_options *options,
                                         struct problems *problems)
{
    struct yaml_document *documents[4];
    struct mapping *mapping = NULL;
    for (size_t i = 0; i < count; i++) {
        char name[] = "a.yaml";
        name[0] = (char)('a' + i);
        assert_int_equal(yaml_load_text(name, texts[i], strlen(texts[i]), &documents[i], problems), ERR_OK);
    }
    enum err err = mapping_create(documents, count, options, &mapping, problems);
    assert_int_equal(err == ERR_OK, mapping != NULL);
    for (size_t i = 0; i < count; i++) {
        yaml_free(documents[i]);
    }
    return mapping;
}

static inline void print_problems(const struct problems *problems)
{
    for (size_t i = 0; i < problems->count; i++) {
        const struct problem *problem = &problems->items[i];
        print_message("%s:%d:%d: %s\n", problem->source, problem->line, problem->column, problem->text);
    }
}

// Neither errors nor warnings.
static inline struct mapping *load_with(const char *text, const struct mapping_options *options)
{
    struct problems problems = {0};
    struct mapping *mapping = load_texts(&text, 1, options, &problems);
    print_problems(&problems);
    assert_non_null(mapping);
    assert_int_equal(problems.count, 0);
    return mapping;
}

static inline struct mapping *load(const char *text)
{
    struct mapping_options options = default_options();
    return load_with(text, &options);
}

// Warnings are expected.
static inline struct mapping *load_with_warnings(const char *text)
{
    struct mapping_options options = default_options();
    struct problems problems = {0};
    struct mapping *mapping = load_texts(&text, 1, &options, &problems);
    assert_non_null(mapping);
    assert_true(problems.count > 0);
    problems_clear(&problems);
    return mapping;
}

static inline void assert_problem_with(const char *text, const struct mapping_options *options, enum severity severity,
                                       int line, const char *words)
{
    struct problems problems = {0};
    struct mapping *mapping = load_texts(&text, 1, options, &problems);
    bool found = false;
    for (size_t i = 0; i < problems.count; i++) {
        const struct problem *problem = &problems.items[i];
        found |= problem->severity == severity && problem->line == line && strstr(problem->text, words) != NULL;
    }
    if (!found) {
        print_problems(&problems);
        fail_msg("no problem in line %d with \"%s\"", line, words);
    }
    assert_int_equal(mapping == NULL, problems.errors > 0);
    mapping_destroy(mapping);
    problems_clear(&problems);
}

static inline void assert_error(const char *text, int line, const char *words)
{
    struct mapping_options options = default_options();
    assert_problem_with(text, &options, SEVERITY_ERROR, line, words);
}

static inline void assert_warning(const char *text, int line, const char *words)
{
    struct mapping_options options = default_options();
    assert_problem_with(text, &options, SEVERITY_WARNING, line, words);
}

static inline struct message message_of(const char *topic, const char *payload)
{
    return (struct message){.topic = (char *)topic,
                            .payload = (char *)payload,
                            .payload_len = payload != NULL ? strlen(payload) : 0,
                            .qos = 1};
}

static inline struct command *map_message_with(const struct mapping *mapping, const struct message *message,
                                               const struct failure *refuse_with)
{
    struct moment arrived = {.boot_id = "boot", .boot_ms = 1000, .wall_ms = NOON_MS};
    const struct rule *rule = mapping_match(mapping, message->topic);
    assert_non_null(rule);
    return mapping_command(mapping, rule, message, &arrived, UUID, refuse_with);
}

static inline struct command *map_message(const struct mapping *mapping, const struct message *message)
{
    return map_message_with(mapping, message, NULL);
}

static inline struct command *map_payload(const struct mapping *mapping, const char *topic, const char *payload)
{
    struct message message = message_of(topic, payload);
    return map_message(mapping, &message);
}

// Value of a call's parameter, or NULL.
static inline const char *parameter_of(const struct command *command, size_t call, const char *name)
{
    assert_true(call < command->call_count);
    const struct parameters *parameters = &command->calls[call].parameters;
    for (size_t i = 0; i < parameters->count; i++) {
        if (strcmp(parameters->items[i].name, name) == 0) {
            return parameters->items[i].value;
        }
    }
    return NULL;
}

static inline void assert_parameter(const struct command *command, size_t call, const char *name, const char *value)
{
    const char *found = parameter_of(command, call, name);
    if (command->refusal.code != NULL) {
        fail_msg("refused: %s: %s", command->refusal.code->code, command->refusal.detail);
    }
    assert_non_null(found);
    assert_string_equal(found, value);
}

// Nothing of the command can be sent, and the reason holds `words`.
static inline void assert_refused(const struct command *command, const char *code, const char *words)
{
    assert_string_equal(command->refusal.code != NULL ? command->refusal.code->code : "not refused", code);
    if (strstr(command->refusal.detail, words) == NULL) {
        fail_msg("\"%s\" is not in: %s", words, command->refusal.detail);
    }
    assert_int_equal(command->call_count, 0);
    assert_int_equal(command->lane_count, 0);
    assert_int_equal(command->device_count, 0);
    assert_non_null(command->id);
}
