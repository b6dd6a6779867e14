// What is legal in args and templates and hardly meant is a warning; what is common is none.
#include "core/mapping/load/mapping_load.h"
#include "unit/core/mapping/mapping_checks.h"

#define HEAD "version: 1\ndefaults: {product_key: k1ymv1DuLfE}\ngroups: {all: [a]}\nrules:\n"
#define RULE "- name: a\n  topic: \"home/{room}/set\"\n  where: {room: [hall, \"k*\"]}\n"

static char *with_args(const char *value)
{
    return mem_printf(HEAD RULE "  invoke: {identifier: Set, device: lamp, args: {x: %s}}\n", value);
}

static void warned(const char *value, const char *words)
{
    AUTO_FREE char *text = with_args(value);
    assert_warning(text, 8, words);
}

static void not_warned(const char *value)
{
    AUTO_FREE char *text = with_args(value);
    mapping_destroy(load(text));
}

static void values_that_yaml_reads_otherwise_than_they_look_are_told(void **state)
{
    (void)state;
    warned("18446744073709551616", "does not fit into 64 bits");
    warned("-9223372036854775809", "does not fit into 64 bits");
    warned(".inf", "JSON has no such number");
    warned(".NaN", "JSON has no such number");
    warned("007", "this is the number 7");
    warned("-012", "this is the number -12");
    warned("yes", "write true or false");
    warned("Off", "write true or false");
    warned("1_000", "without _");
    warned("", "there is no value, so null is sent");
    warned("[1, on]", "write true or false");
    static const char *const fine[] = {"18446744073709551615",
                                       "\"18446744073709551616\"",
                                       "0x1F",
                                       "0",
                                       "0.5",
                                       "-0",
                                       "\"007\"",
                                       "'yes'",
                                       "true",
                                       "null",
                                       "~",
                                       "yes sir",
                                       "1_a",
                                       "_1",
                                       "1.0",
                                       "12:30"};
    for (size_t i = 0; i < sizeof fine / sizeof fine[0]; i++) {
        not_warned(fine[i]);
    }
}

static void text_that_looks_like_a_template_is_told(void **state)
{
    (void)state;
    warned("\"{room}\"", "a value is written ${room}");
    warned("\"$room\"", "a value is written ${room}");
    warned("\"{{ payload.level }}\"", "a value is written ${payload.level}");
    warned("\"{payload.level}\"", "a value is written ${payload.level}");
    warned("\"{payload} ${room}\"", "a value is written ${payload}");
    static const char *const fine[] = {
        "\"{other}\"", "\"$5\"", "\"$${room}\"",       "\"${room}\"", "\"{\\\"room\\\": 1}\"", "\"{topic. See below}\"",
        "\"room\"",    "\"{}\"", "\"${payload.x}{y}\""};
    for (size_t i = 0; i < sizeof fine / sizeof fine[0]; i++) {
        not_warned(fine[i]);
    }
}

static void what_is_never_there_is_told(void **state)
{
    (void)state;
    warned("\"${payload.$id}\"", "the command's id is ${id}");
    warned("\"${payload.$expire | default(1)}\"", "taken out of ${payload}");
    warned("\"${payload.list[0]}\"", "an item of a list is written .0");
    not_warned("\"${payload.a.$id}\"");
    not_warned("\"${payload.list.0}\"");
}

static void filters_that_can_never_fit_are_told(void **state)
{
    (void)state;
    warned("\"${room | scale(0,1,0,1)}\"", "the filter scale in ${room | ...} is text");
    warned("\"${payload | json | clamp(0,1)}\"", "the filter clamp");
    warned("\"${group.all | int}\"", "the filter int");
    warned("\"${payload | int | upper}\"", "the filter upper");
    warned("\"${room | default(1)}\"", "its default has no effect");
    static const char *const fine[] = {"\"${room | float | scale(0,1,0,1)}\"",
                                       "\"${payload | default(1) | int}\"",
                                       "\"${room | map(hall=1) | default(2)}\"",
                                       "\"${property.x | default(1)}\"",
                                       "\"${payload | int | string}\"",
                                       "\"${room | bool}\"",
                                       "\"${group.all | json}\"",
                                       "\"${payload | scale(0,1,0,1)}\""};
    for (size_t i = 0; i < sizeof fine / sizeof fine[0]; i++) {
        not_warned(fine[i]);
    }
}

static void space_that_makes_text_of_a_number_is_told(void **state)
{
    (void)state;
    warned("\"${payload.x} \"", "makes text of it");
    warned("\" ${payload.x}\"", "makes text of it");
    not_warned("\"${payload.x} %\"");
    not_warned("\"${payload.x} ${payload.y}\"");
}

static void an_id_or_a_time_that_is_always_the_same_is_told(void **state)
{
    (void)state;
    static const char set[] = "  invoke: {identifier: Set, device: lamp}\n";
    AUTO_FREE char *id = mem_printf(HEAD RULE "%s  id_from: lamp\n", set);
    assert_warning(id, 9, "all commands get the same id");
    AUTO_FREE char *sent_at = mem_printf(HEAD RULE "%s  sent_at: now\n", set);
    assert_warning(sent_at, 9, "the time does not come from the message");
    AUTO_FREE char *fine = mem_printf(HEAD RULE "%s  id_from: \"${room}\"\n  sent_at: \"${now}\"\n", set);
    mapping_destroy(load(fine));
}

static void globs_that_nothing_fits_or_that_look_like_something_else_are_told(void **state)
{
    (void)state;
    static const struct {
        const char *glob;
        const char *words;
    } rows[] = {{"\"a/b\"", "holds no /"},   {"\"#\"", "any text is *"},    {"\"+\"", "any text is *"},
                {"\"a|b\"", "only * and ?"}, {"\"{a,b}\"", "only * and ?"}, {"\"[ab]\"", "only * and ?"},
                {"\"^a\"", "only * and ?"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        AUTO_FREE char *text = mem_printf(HEAD "- name: a\n  topic: \"home/{room}\"\n  where: {room: [x, %s]}\n"
                                               "  invoke: {identifier: Set, device: lamp}\n",
                                          rows[i].glob);
        assert_warning(text, 7, rows[i].words);
    }
    mapping_destroy(load(HEAD "- name: a\n  topic: \"home/{path#}\"\n  where: {path: [\"a/b\", \"*/set\", \"\"]}\n"
                              "  invoke: {identifier: Set, device: lamp}\n  reply: none\n"));
}

static void args_that_are_never_an_object_are_an_error(void **state)
{
    (void)state;
    static const char *const wrong[] = {"x${payload}", "${room}", "${payload | int}", "${group.all}", "${payload} "};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        AUTO_FREE char *text =
            mem_printf(HEAD RULE "  invoke: {identifier: Set, device: lamp, args: \"%s\"}\n", wrong[i]);
        assert_error(text, 8, "this is never one");
    }
    mapping_destroy(load(HEAD RULE "  invoke: {identifier: Set, device: lamp, args: \"${payload | default({})}\"}\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_that_yaml_reads_otherwise_than_they_look_are_told),
        cmocka_unit_test(text_that_looks_like_a_template_is_told),
        cmocka_unit_test(what_is_never_there_is_told),
        cmocka_unit_test(filters_that_can_never_fit_are_told),
        cmocka_unit_test(space_that_makes_text_of_a_number_is_told),
        cmocka_unit_test(an_id_or_a_time_that_is_always_the_same_is_told),
        cmocka_unit_test(globs_that_nothing_fits_or_that_look_like_something_else_are_told),
        cmocka_unit_test(args_that_are_never_an_object_are_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
