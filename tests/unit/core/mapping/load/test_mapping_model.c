// Rules with a thing model: what is told at load, and what a command may not do.
#include "core/mapping/load/mapping_load.h"
#include "unit/core/model/model_checks.h"

#define HEAD                                                                                                           \
    "version: 1\ndefaults: {product_key: k1ymv1DuLfE, model: [" MODELS "lamp.json, " MODELS "lamp-ota.json]}\nrules:"  \
    "\n"

static struct mapping_options file_options(void)
{
    struct mapping_options options = default_options();
    options.read_file = file_read;
    return options;
}

static void assert_told(const char *text, enum severity severity, int line, const char *words)
{
    struct mapping_options options = file_options();
    assert_problem_with(text, &options, severity, line, words);
}

// Line 6 is the invocation's, line 7 the next.
static void assert_invoke_error(const char *invoke, int line, const char *words)
{
    AUTO_FREE char *text = mem_printf(HEAD "- name: a\n  topic: x\n  invoke: %s\n", invoke);
    assert_told(text, SEVERITY_ERROR, line, words);
}

static struct mapping *load_modelled(const char *text)
{
    struct mapping_options options = file_options();
    return load_with(text, &options);
}

static struct command *map_by(const char *invoke, const char *payload)
{
    AUTO_FREE char *text = mem_printf(HEAD "- name: a\n  topic: x\n  invoke: %s\n", invoke);
    struct mapping *mapping = load_modelled(text);
    struct command *command = map_payload(mapping, "x", payload);
    mapping_destroy(mapping);
    return command;
}

static void an_unknown_service_is_told_with_the_nearest_one(void **state)
{
    (void)state;
    assert_invoke_error("{identifier: Sett, device: d}", 6, "no service \"Sett\"; did you mean `Set`");
    assert_invoke_error("{identifier: \"ota:Strat\", device: d}", 6, "did you mean `ota:Start`");
    assert_invoke_error("{identifier: set, device: d}", 6, "SetDeviceProperty");
    assert_invoke_error("\n    identifier: Frobnicate\n    device: d", 7, "no service \"Frobnicate\"");
}

static void wrong_arguments_are_told_at_their_place(void **state)
{
    (void)state;
    assert_invoke_error("\n    identifier: Set\n    device: d\n    args:\n      color: red\n      brightnes: 5", 11,
                        "Set: there is no argument brightnes; did you mean `brightness`");
    assert_invoke_error("\n    identifier: Set\n    device: d\n    args:\n      color: 5\n      brightness: 5", 10,
                        "color is integer 5; it takes text");
    assert_invoke_error("\n    identifier: Set\n    device: d\n    args:\n      brightness: 101", 10, "from 0 to 100");
    assert_invoke_error("{identifier: Calibrate, device: d}", 6, "the argument gain is missing; it takes a number");
    assert_invoke_error("{identifier: Calibrate, device: d, args: {}}", 6, "the argument gain is missing");
    assert_invoke_error("{identifier: Toggle, device: d, args: {on: 1}}", 6, "there is no argument on");
    assert_invoke_error("{identifier: \"ota:Start\", device: d, args: {version: 1.0}}", 6, "version is number 1.0");
}

static void parts_of_arguments_are_told_at_their_place(void **state)
{
    (void)state;
    assert_invoke_error("\n    identifier: Scene\n    device: d\n    args:\n      mode: 1\n      levels:\n      - 1\n"
                        "      - 200",
                        13, "levels[1] is integer 200");
    assert_invoke_error("{identifier: Scene, device: d, args: {mode: 1, levels: [1, 2, 3, 4, 5]}}", 6, "has 5 items");
    assert_invoke_error("{identifier: Scene, device: d, args: {mode: 1, levels: 5}}", 6, "levels is integer 5");
    assert_invoke_error("\n    identifier: Scene\n    device: d\n    args:\n      mode: 1\n      fade:\n"
                        "        second: \"${payload.s}\"",
                        12, "no argument fade.second; did you mean `seconds`");
    assert_invoke_error("{identifier: Scene, device: d, args: {mode: 1, fade: [1]}}", 6, "fade is a list");
    assert_invoke_error("{identifier: Scene, device: d, args: {mode: 7, fade: {}}}", 6, "0 (reading)");
}

static void templates_are_left_to_the_run(void **state)
{
    (void)state;
    mapping_destroy(load_modelled(
        HEAD "- {name: a, topic: x, invoke: {identifier: Set, device: d, args: {brightness: \"${payload.b}\"}}}\n"
             "- {name: b, topic: y, invoke: {identifier: Calibrate, device: d, args: \"${payload}\"}}\n"
             "- {name: c, topic: \"z/{s}\", invoke: {identifier: \"${s}\", device: \"${payload.d}\"}, reply: none}\n"));
}

static void services_that_a_message_chooses_from_known_names_are_checked(void **state)
{
    (void)state;
    assert_invoke_error("{identifier: '${payload.m | map(set=\"Set\", flip=\"Togle\")}', device: d}", 6,
                        "no service \"Togle\"; did you mean `Toggle`");
    assert_invoke_error("{identifier: '${payload.m | map(set=\"Set\") | default(\"Blink\")}', device: d}", 6,
                        "no service \"Blink\"");
    assert_told(HEAD "- name: a\n  topic: \"x/{s}\"\n  where: {s: [Toggle, Blink]}\n  reply: none\n"
                     "  invoke: {identifier: \"${s}\", device: d}\n",
                SEVERITY_ERROR, 8, "no service \"Blink\"");
    assert_told(HEAD "- name: a\n  topic: \"x/{s}\"\n  where: {s: [Start, Stopp]}\n  reply: none\n"
                     "  invoke: {identifier: \"ota:${s}\", device: d, args: \"${payload}\"}\n",
                SEVERITY_ERROR, 8, "no service \"ota:Stopp\"");
    assert_told(HEAD "- name: a\n  topic: \"x/{s}\"\n  where: {s: [Toggle, Set]}\n  reply: none\n"
                     "  invoke: {identifier: \"${s}\", device: d, args: {brightness: 1}}\n",
                SEVERITY_ERROR, 8, "Toggle: there is no argument brightness");
    mapping_destroy(load_modelled(
        HEAD
        "- {name: a, topic: \"x/{s}\", where: {s: [toggle, set]}, reply: none,\n"
        "   invoke: {identifier: '${s | map(toggle=\"Toggle\",set=\"Set\")}', device: d, args: \"${payload}\"}}\n"));
}

static void arguments_that_can_never_fit_are_told(void **state)
{
    (void)state;
    assert_invoke_error("{identifier: Set, device: d, args: {brightness: \"${payload.b | lower}\"}}", 6,
                        "Set: brightness takes an integer from 0 to 100 (%), and this gives text; add | int");
    assert_invoke_error("{identifier: Calibrate, device: d, args: {gain: \"${property.gain}\"}}", 6,
                        "and this gives text; add | float");
    assert_invoke_error("{identifier: Set, device: d, args: {color: \"${payload.c | int}\"}}", 6,
                        "and this gives integer; add | string");
    assert_invoke_error("{identifier: Set, device: d, args: {brightness: \"${payload.b | map(on=100, max=255)}\"}}", 6,
                        "brightness is integer 255; it takes an integer from 0 to 100");
    assert_invoke_error(
        "{identifier: Set, device: d, args: {brightness: \"${payload.b | map(on=100) | default(-1)}\"}}", 6,
        "brightness is integer -1");
    assert_invoke_error("{identifier: Scene, device: d, args: {mode: 1, levels: [1, \"level ${payload.l}\"]}}", 6,
                        "levels[1] takes an integer");
    mapping_destroy(load_modelled(
        HEAD "- {name: a, topic: \"x/{b}\", reply: none, where: {b: [\"0\", \"50\", \"x\"]},\n"
             "   invoke: {identifier: Set, device: d, args: {brightness: \"${b | int}\", color: \"${id}\"}}}\n"
             "- {name: b, topic: y, invoke: {identifier: Set, device: d,\n"
             "   args: {brightness: \"${payload.b | default(100)}\", color: '${payload.c | map(r=\"red\") | "
             "default(\"w\")}'}}}\n"));
}

static void a_synchronous_service_is_not_batched(void **state)
{
    (void)state;
    assert_told(HEAD "- name: a\n  topic: x\n  batch: {window: 50ms}\n  invoke: {identifier: Toggle, device: d}\n",
                SEVERITY_ERROR, 6, "Toggle: the service is synchronous");
    assert_told(HEAD "- {name: a, topic: x, invoke: {identifier: Toggle, devices: [d, e]}}\n", SEVERITY_WARNING, 4,
                "only asynchronous ones for several devices");
    struct mapping *mapping =
        load_modelled(HEAD "- name: a\n  topic: \"x/{s}\"\n  batch: {window: 50ms}\n  reply: none\n"
                           "  invoke: {identifier: \"${s}\", device: d}\n");
    AUTO_COMMAND struct command *toggle = map_payload(mapping, "x/Toggle", "{}");
    assert_int_equal(toggle->batch_window_ms, 0);
    AUTO_COMMAND struct command *set = map_payload(mapping, "x/Set", "{}");
    assert_int_equal(set->batch_window_ms, 50);
    mapping_destroy(mapping);
}

static void a_model_that_cannot_be_read_is_told_once_at_its_place(void **state)
{
    (void)state;
    static const char rules[] = "version: 1\ndefaults: {product_key: p}\nrules:\n"
                                "- name: a\n  topic: x\n  model: %s\n  invoke: {identifier: Set, device: d}\n"
                                "- name: b\n  topic: y\n  model: %s\n  invoke: {identifier: Set, device: d}\n";
    static const struct {
        const char *path;
        const char *words;
    } rows[] = {{"/nowhere/model.json", "No such file"},
                {"/", "is a directory"},
                {"/dev/null", "no regular file"},
                {TEST_SOURCE_DIR "/mappings/README.md", "it cannot be read: JSON, byte 1"}};
    struct mapping_options options = file_options();
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        AUTO_BUF struct buf text = {0};
        for (const char *at = rules; *at != '\0'; at++) {
            if (at[0] == '%') {
                buf_text(&text, rows[i].path);
                at++;
            } else {
                buf_char(&text, *at);
            }
        }
        struct problems problems = {0};
        const char *const texts[] = {text.data};
        assert_null(load_texts(texts, 1, &options, &problems));
        assert_int_equal(problems.count, 1);
        assert_int_equal(problems.items[0].line, 6);
        assert_non_null(strstr(problems.items[0].text, rows[i].words));
        problems_clear(&problems);
    }
    options.read_file = NULL;
    assert_problem_with(HEAD "- {name: a, topic: x, invoke: {identifier: Set, device: d}}\n", &options, SEVERITY_ERROR,
                        2, "no files can be read");
}

static enum err read_named(const char *path, size_t max_bytes, char **data, size_t *len, struct diag *diag)
{
    static const char text[] = "{\"services\":[{\"identifier\":\"Set\",\"callType\":\"sync\"}]}";
    assert_string_equal(path, "/etc/rules/models/lamp.json");
    assert_int_equal(max_bytes, MODEL_MAX_BYTES);
    (void)diag;
    *data = mem_strdup(text);
    *len = strlen(text);
    return ERR_OK;
}

static void a_path_begins_in_the_mapping_files_folder(void **state)
{
    (void)state;
    static const char text[] = "version: 1\ndefaults: {product_key: p, model: models/lamp.json}\nrules:\n"
                               "- {name: a, topic: x, invoke: {identifier: Set, device: d}}\n";
    struct mapping_options options = default_options();
    options.read_file = read_named;
    struct problems problems = {0};
    struct yaml_document *document = NULL;
    struct mapping *mapping = NULL;
    assert_int_equal(yaml_load_text("/etc/rules/a.yaml", text, strlen(text), &document, &problems), ERR_OK);
    assert_int_equal(mapping_create(&document, 1, &options, &mapping, &problems), ERR_OK);
    mapping_destroy(mapping);
    yaml_free(document);
}

static void a_model_of_another_product_is_warned_about(void **state)
{
    (void)state;
    assert_told("version: 1\nrules:\n- name: a\n  topic: x\n  product_key: a1Other\n  model: " MODELS
                "lamp.json\n  invoke: {identifier: Set, device: d}\n",
                SEVERITY_WARNING, 6, "of the product k1ymv1DuLfE, and the rule is for a1Other");
}

static void a_call_is_not_checked(void **state)
{
    (void)state;
    mapping_destroy(load_modelled(HEAD "- {name: a, topic: x, call: {action: Pub, parameters: {A: b}}}\n"));
    assert_told("version: 1\nrules:\n- name: a\n  topic: x\n  model: m.json\n  call: {action: Pub}\n", SEVERITY_WARNING,
                5, "of a `call` nothing is checked");
    assert_told(HEAD "- {name: a, topic: x, call: {action: Pub, parameters: {DeviceName: \"${payload.d}\"}}}\n",
                SEVERITY_WARNING, 4, "chooses the device");
}

static void numbers_are_sent_as_the_model_wants_them(void **state)
{
    (void)state;
    AUTO_COMMAND struct command *gain =
        map_by("{identifier: Calibrate, device: d, args: {gain: \"${payload.g}\"}}", "{\"g\":2}");
    assert_parameter(gain, 0, "Args", "{\"gain\":2.0}");
    AUTO_COMMAND struct command *level =
        map_by("{identifier: Set, device: d, args: {brightness: \"${payload.b}\"}}", "{\"b\":50.0}");
    assert_parameter(level, 0, "Args", "{\"brightness\":50}");
    AUTO_COMMAND struct command *none = map_by("{identifier: Toggle, device: d}", "{}");
    assert_parameter(none, 0, "Args", "{}");
}

static void a_wrong_argument_is_rejected(void **state)
{
    (void)state;
    AUTO_COMMAND struct command *range =
        map_by("{identifier: Set, device: d, args: \"${payload}\"}", "{\"brightness\":200}");
    assert_refused(range, "argument_invalid", "brightness is integer 200; it takes an integer from 0 to 100 (%)");
    AUTO_COMMAND struct command *unknown =
        map_by("{identifier: Set, device: d, args: \"${payload}\"}", "{\"colour\":\"red\"}");
    assert_refused(unknown, "argument_invalid", "no argument colour; did you mean `color`");
    AUTO_COMMAND struct command *missing = map_by("{identifier: Calibrate, device: d, args: \"${payload}\"}", "{}");
    assert_refused(missing, "argument_invalid", "gain is missing");
    AUTO_COMMAND struct command *service = map_by("{identifier: \"${payload.s}\", device: d}", "{\"s\":\"Togle\"}");
    assert_refused(service, "name_invalid", "no service \"Togle\"; did you mean `Toggle`");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unknown_service_is_told_with_the_nearest_one),
        cmocka_unit_test(wrong_arguments_are_told_at_their_place),
        cmocka_unit_test(parts_of_arguments_are_told_at_their_place),
        cmocka_unit_test(templates_are_left_to_the_run),
        cmocka_unit_test(services_that_a_message_chooses_from_known_names_are_checked),
        cmocka_unit_test(arguments_that_can_never_fit_are_told),
        cmocka_unit_test(a_synchronous_service_is_not_batched),
        cmocka_unit_test(a_model_that_cannot_be_read_is_told_once_at_its_place),
        cmocka_unit_test(a_path_begins_in_the_mapping_files_folder),
        cmocka_unit_test(a_model_of_another_product_is_warned_about),
        cmocka_unit_test(a_call_is_not_checked),
        cmocka_unit_test(numbers_are_sent_as_the_model_wants_them),
        cmocka_unit_test(a_wrong_argument_is_rejected),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
