// The first rule that fits takes a message: rules that come too late are told.
#include "core/mapping/load/mapping_load.h"
#include "unit/core/mapping/mapping_checks.h"

#define HEAD "version: 1\ndefaults: {product_key: k1ymv1DuLfE, reply: none}\nrules:\n"
#define SET  "invoke: {identifier: Set, device: lamp}"

#define RULE(name, topic)              "- {name: " name ", topic: \"" topic "\", " SET "}\n"
#define RULE_WHERE(name, topic, where) "- {name: " name ", topic: \"" topic "\", where: " where ", " SET "}\n"

#define UNREACHED "no message reaches this rule"

static void a_rule_whose_messages_are_all_taken_before_is_told(void **state)
{
    (void)state;
    static const char *const texts[] = {
        HEAD RULE("a", "home/x") RULE("b", "home/x"),
        HEAD RULE("a", "home/#") RULE("b", "home/x/y"),
        HEAD RULE("a", "home/#") RULE("b", "home"),
        HEAD RULE("a", "home/{p#}") RULE("b", "home/{q#}"),
        HEAD RULE("a", "home/{x}") RULE("b", "home/lamp"),
        HEAD RULE("a", "+/{x}") RULE_WHERE("b", "{y}/+", "{y: hall}"),
        HEAD RULE("a", "home/hall") RULE_WHERE("b", "home/{x}", "{x: hall}"),
        HEAD RULE_WHERE("a", "home/{x}", "{x: [hall, kitchen]}") RULE_WHERE("b", "home/{y}", "{y: [kitchen]}"),
        HEAD RULE_WHERE("a", "home/{x}", "{x: \"lamp-*\"}") RULE("b", "home/lamp-1"),
        HEAD RULE_WHERE("a", "home/{x}", "{x: \"lamp-*\"}") RULE_WHERE("b", "home/{x}", "{x: \"lamp-1?\"}"),
        HEAD RULE_WHERE("a", "home/{x}", "{x: \"lamp-?\"}") RULE("b", "home/lamp-1"),
        HEAD RULE_WHERE("a", "home/{x}", "{x: \"lamp-?*\"}")
            RULE_WHERE("b", "home/{x}", "{x: [\"lamp-??\", \"lamp-*1\"]}"),
        HEAD RULE_WHERE("a", "home/{x}", "{x: \"*?-*\"}") RULE_WHERE("b", "home/{x}", "{x: \"*?*-\"}"),
        HEAD RULE_WHERE("a", "home/{p#}", "{p: \"hall/*\"}") RULE("b", "home/hall/{x}"),
        HEAD RULE("a", "#") RULE("b", "{x}"),
        HEAD RULE("a", "$SYS/#") RULE("b", "$SYS/x"),
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_warning(texts[i], 5, UNREACHED);
    }
}

static void rules_that_together_take_all_are_told(void **state)
{
    (void)state;
    assert_warning(HEAD RULE_WHERE("a", "home/{x}", "{x: hall}") RULE_WHERE("b", "home/{x}", "{x: kitchen}")
                       RULE_WHERE("c", "home/{x}", "{x: [kitchen, hall]}"),
                   6, "one of them \"a\" (a.yaml:4)");
    mapping_destroy(load(HEAD RULE_WHERE("a", "home/{x}", "{x: hall}") RULE_WHERE("b", "home/{x}", "{x: kitchen}")
                             RULE_WHERE("c", "home/{x}", "{x: [kitchen, hall, bath]}")));
}

static void rules_that_take_from_each_other_are_told_with_an_example(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *words;
    } rows[] = {
        {HEAD RULE("a", "home/{x}/set") RULE("b", "home/hall/{y}"), "\"home/hall/set\" fits the rule \"a\" (a.yaml:4)"},
        {HEAD RULE_WHERE("a", "home/{x}", "{x: [hall, bath]}") RULE_WHERE("b", "home/{x}", "{x: [bath, attic]}"),
         "\"home/bath\""},
        {HEAD RULE_WHERE("a", "home/{x}", "{x: \"lamp-*\"}") RULE_WHERE("b", "home/{x}", "{x: \"*-hall\"}"),
         "\"home/lamp--hall\""},
        {HEAD RULE("a", "home/{x}/set") RULE("b", "home/hall/{p#}"), "\"home/hall/set\""},
        {HEAD RULE("a", "home/{p#}") RULE("b", "{x}"), "\"home\""},
        {HEAD RULE_WHERE("a", "home/{x}/#", "{x: hall}") RULE("b", "{x}/hall"), "\"home/hall\""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_warning(rows[i].text, 5, rows[i].words);
    }
}

static void rules_that_stand_well_beside_each_other_are_not_told(void **state)
{
    (void)state;
    static const char *const texts[] = {
        HEAD RULE("special", "home/hall/set") RULE("general", "home/{x}/set") RULE("rest", "home/#") RULE("all", "#"),
        HEAD RULE_WHERE("a", "home/{x}", "{x: \"lamp-*\"}") RULE("b", "home/{x}"),
        HEAD RULE_WHERE("a", "home/{x}", "{x: \"lamp-*\"}") RULE_WHERE("b", "home/{x}", "{x: \"door-*\"}"),
        HEAD RULE_WHERE("a", "home/{x}", "{x: \"lamp-?\"}") RULE_WHERE("b", "home/{x}", "{x: \"lamp-*\"}"),
        HEAD RULE_WHERE("a", "home/{p#}", "{p: \"*/*\"}") RULE("b", "home/{p#}"),
        HEAD RULE_WHERE("a", "home/{x}", "{x: \"*b?b*\"}") RULE_WHERE("b", "home/{x}", "{x: [\"b*b*b\", \"*b?b*\"]}"),
        HEAD RULE_WHERE("a", "home/{x}", "{x: \"l?*\"}") RULE_WHERE("b", "home/{x}", "{x: \"l*\"}"),
        HEAD RULE_WHERE("a", "home/{x}", "{x: \"?\"}") RULE("b", "home/Ã©Ã©"),
        HEAD RULE("a", "#") RULE("b", "$SYS/x"),
        HEAD RULE("a", "home/{x}") RULE("b", "home/{x}/set"),
        HEAD RULE("a", "home/x*") RULE("b", "home/{x}"),
        HEAD RULE_WHERE("a", "home/{p#}", "{p: hall}") RULE("b", "{y}/{x}"),
        HEAD RULE_WHERE("a", "home/{p#}", "{p: \"lamp-*\"}") RULE_WHERE("b", "home/{x}/#", "{x: [\"l*\", \"door-*\"]}"),
        HEAD RULE_WHERE("a", "home/{x}", "{x: [\"lamp-??\"]}") RULE_WHERE("b", "home/{x}", "{x: [\"*-?\", \"?*\"]}"),
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        mapping_destroy(load(texts[i]));
    }
}

static void what_a_special_rule_takes_before_both_is_not_told_of_a_general_one(void **state)
{
    (void)state;
    mapping_destroy(load(HEAD RULE("special", "home/hall") RULE("a", "home/{x}") RULE("b", "{y}/hall")));
}

static void the_rules_of_all_files_are_compared(void **state)
{
    (void)state;
    static const char *const texts[] = {HEAD RULE("a", "home/{x}"), HEAD RULE("b", "home/lamp")};
    struct mapping_options options = default_options();
    struct problems problems = {0};
    mapping_destroy(load_texts(texts, 2, &options, &problems));
    assert_int_equal(problems.count, 1);
    assert_string_equal(problems.items[0].source, "b.yaml");
    assert_non_null(strstr(problems.items[0].text, "(a.yaml:4)"));
    problems_clear(&problems);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rule_whose_messages_are_all_taken_before_is_told),
        cmocka_unit_test(rules_that_together_take_all_are_told),
        cmocka_unit_test(rules_that_take_from_each_other_are_told_with_an_example),
        cmocka_unit_test(rules_that_stand_well_beside_each_other_are_not_told),
        cmocka_unit_test(what_a_special_rule_takes_before_both_is_not_told_of_a_general_one),
        cmocka_unit_test(the_rules_of_all_files_are_compared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
