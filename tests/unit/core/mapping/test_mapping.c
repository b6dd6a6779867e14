// Which rule takes a message.
#include "unit/core/mapping/mapping_checks.h"

#include "core/mapping/load/mapping_load.h"
#include "core/mapping/rule.h"

#define HEAD            "version: 1\ndefaults: {product_key: k1ymv1DuLfE}\nrules:\n"
#define FIRST_RULE_LINE 4
#define SET             "invoke: {identifier: Set, device: lamp}"

static void assert_match(const struct mapping *mapping, const char *topic, const char *name_or_null)
{
    const struct rule *rule = mapping_match(mapping, topic);
    if (name_or_null == NULL) {
        assert_null(rule);
    } else {
        assert_non_null(rule);
        assert_string_equal(rule_name(rule), name_or_null);
    }
}

static void the_first_rule_that_fits_wins(void **state)
{
    (void)state;
    struct mapping *mapping =
        load_with_warnings(HEAD "- {name: deep, topic: \"home/{path#}\", where: {path: \"*/set\"}, " SET "}\n"
                                "- {name: one, topic: \"home/{room}/set\", " SET "}\n"
                                "- {name: hall, topic: home/hall/get, " SET "}\n"
                                "- {name: any, topic: \"home/{room}/get\", " SET "}\n");
    assert_match(mapping, "home/hall/set", "deep");
    assert_match(mapping, "home/hall/get", "hall");
    assert_match(mapping, "home/kitchen/get", "any");
    assert_match(mapping, "home/hall/get/reply", NULL);
    assert_match(mapping, "garden/hall/get", NULL);
    mapping_destroy(mapping);
}

static void where_holds_captures_to_globs_and_the_next_rule_is_tried(void **state)
{
    (void)state;
    struct mapping *mapping = load_with_warnings(
        HEAD "- {name: lamps, topic: \"home/{room}/{device}\", where: {room: [hall, kit*], device: lamp-?}, " SET "}\n"
             "- {name: hall, topic: \"home/{room}/+\", where: {room: hall}, " SET "}\n"
             "- {name: numbers, topic: \"home/{room}/x\", where: {room: 7}, " SET "}\n");
    assert_match(mapping, "home/hall/lamp-1", "lamps");
    assert_match(mapping, "home/kitchen/lamp-2", "lamps");
    assert_match(mapping, "home/hall/lamp-10", "hall");
    assert_match(mapping, "home/hall/fan", "hall");
    assert_match(mapping, "home/7/x", "numbers");
    assert_match(mapping, "home/Hall/fan", NULL);
    assert_match(mapping, "home/kitchen/fan", NULL);
    mapping_destroy(mapping);
}

static void assert_no_rule(const struct mapping *mapping, const char *topic, const char *why)
{
    AUTO_FREE char *text = mapping_describe_no_rule(mapping, topic);
    assert_match(mapping, topic, NULL);
    assert_string_equal(text, why);
}

static void the_where_that_missed_is_told(void **state)
{
    (void)state;
    struct mapping *mapping = load_with_warnings(
        HEAD "- {name: lamps, topic: \"home/{room}/{device}\", where: {room: [hall, kit*], device: lamp-?}, " SET "}\n"
             "- {name: garden, topic: \"garden/{device}\", where: {device: pump}, " SET "}\n"
             "- {name: hall, topic: \"home/{room}/+\", where: {room: hall}, " SET "}\n");
    assert_no_rule(mapping, "garden/hose", "the topic fits garden, whose `where` does not take \"hose\" for device");
    assert_no_rule(mapping, "home/kitchen/fan",
                   "the topic fits lamps, whose `where` does not take \"fan\" for device; 1 more rule fits but for"
                   " `where`");
    assert_no_rule(mapping, "cellar/fan", "none has such a topic");
    assert_no_rule(mapping, "thingbridge/bridge/x", "it is one of the bridge's own topics");
    mapping_destroy(mapping);
}

static void many_values_of_where_are_tried_like_few(void **state)
{
    (void)state;
    AUTO_BUF struct buf text = {0};
    buf_text(&text, HEAD "- name: many\n  topic: \"{a}/{b}/set\"\n  " SET "\n  where: {a: [");
    for (int i = 0; i < 100; i++) {
        buf_printf(&text, "a%d, ", i);
    }
    buf_text(&text, "\"a0\", \"x/y\", \"+\"], b: [c, d]}\n");
    struct mapping *mapping = load_with_warnings(text.data);
    assert_match(mapping, "a99/d/set", "many");
    assert_match(mapping, "a0/c/set", "many");
    assert_match(mapping, "a100/c/set", NULL);
    assert_match(mapping, "x/y/c/set", NULL);
    mapping_destroy(mapping);
}

// As long as a beginning that the index holds.
#define LONG_LEVEL "abababababababababababababababababababababababababababababababa"

static unsigned next_random(uint32_t *random, unsigned below)
{
    *random = *random * 1664525U + 1013904223U;
    return (*random >> 16) % below;
}

static void add_random_rule(struct buf *text, uint32_t *random, int number)
{
    static const char *const levels[] = {"a", "b", "", "+", "$a", "*", "a?", "a*", "{x%d}", "{x%d}", "{x%d}", "{x%d}"};
    static const char *const globs[] = {"b",       "\"a*\"", "\"ab*\"", "[b, \"ab*\", \"a*\"]", "\"*b\"",
                                        "\"a?*\"", "\"$*\"", "\"a*b\"", "\"" LONG_LEVEL "b*\"", "[\"?\", \"a/*\"]",
                                        "\"\""};
    AUTO_BUF struct buf where = {0};
    unsigned depth = 1 + next_random(random, 3);
    buf_printf(text, "- {name: r%d, " SET ", reply: none, topic: \"", number);
    for (unsigned i = 0; i < depth; i++) {
        const char *level = levels[next_random(random, COUNT_OF(levels))];
        level = depth == 1 && level[0] == '\0' ? "a" : level;
        bool is_rest = i + 1 == depth && next_random(random, 4) == 0;
        bool is_capture = is_rest || level[0] == '{';
        buf_text(text, i > 0 ? "/" : "");
        if (is_capture) {
            buf_printf(text, "{x%u%s}", i, is_rest ? "#" : "");
        } else {
            buf_text(text, level);
        }
        if (is_capture && next_random(random, 3) > 0) {
            buf_printf(&where, "%sx%u: %s", where.len > 0 ? ", " : "", i, globs[next_random(random, COUNT_OF(globs))]);
        }
    }
    buf_printf(text, "\", where: {%s}}\n", where.len > 0 ? where.data : "");
}

// What is told of overlaps holds: a rule that no message reaches is never the first, and the example is taken before.
static void assert_told_rightly(const struct problems *problems, const struct mapping *mapping, const char *topic)
{
    const struct rule *first = mapping_match(mapping, topic);
    for (size_t i = 0; first != NULL && i < problems->count; i++) {
        const char *text = problems->items[i].text;
        const struct rule *told = mapping_rule_at(mapping, (size_t)problems->items[i].line - FIRST_RULE_LINE);
        if (strstr(text, "no message reaches") != NULL && told == first) {
            fail_msg("%s reaches %s", topic, rule_name(first));
        }
    }
}

static void assert_examples_hold(const struct problems *problems, const struct mapping *mapping)
{
    for (size_t i = 0; i < problems->count; i++) {
        char topic[256];
        const struct rule *told = mapping_rule_at(mapping, (size_t)problems->items[i].line - FIRST_RULE_LINE);
        struct str captures[TOPIC_MAX_CAPTURES];
        if (sscanf(problems->items[i].text, "a message on \"%255[^\"]\"", topic) == 1 &&
            strstr(topic, "...") == NULL) { // a long one is shown in part
            assert_true(rule_takes(told, topic, captures));
            assert_ptr_not_equal(mapping_match(mapping, topic), told);
        }
    }
}

static void assert_first_that_takes(const struct mapping *mapping, const char *topic)
{
    struct str captures[TOPIC_MAX_CAPTURES];
    const struct rule *expected = NULL;
    for (size_t i = 0; i < mapping_rule_count(mapping) && expected == NULL; i++) {
        const struct rule *rule = mapping_rule_at(mapping, i);
        expected = rule_takes(rule, topic, captures) ? rule : NULL;
    }
    if (mapping_match(mapping, topic) != expected) {
        fail_msg("%s is for %s", topic, expected != NULL ? rule_name(expected) : "no rule");
    }
}

// All kinds of patterns against the plain definition: the first whose pattern and where fit.
static void the_index_gives_what_trying_all_rules_would_give(void **state)
{
    (void)state;
    static const char *const names[] = {"a", "ab", "abb", "b", "", "$a", "*", "a*", LONG_LEVEL "a", LONG_LEVEL "b"};
    uint32_t random = 99;
    for (int round = 0; round < 60; round++) {
        AUTO_BUF struct buf text = {0};
        buf_text(&text, HEAD);
        for (int i = 0; i < 12; i++) {
            add_random_rule(&text, &random, i);
        }
        struct mapping_options options = default_options();
        struct problems problems = {0};
        const char *const texts[] = {text.data};
        struct mapping *mapping = load_texts(texts, 1, &options, &problems);
        assert_examples_hold(&problems, mapping);
        for (int i = 0; i < 200; i++) {
            AUTO_BUF struct buf topic = {0};
            unsigned depth = 1 + next_random(&random, 4);
            for (unsigned k = 0; k < depth; k++) {
                buf_printf(&topic, "%s%s", k > 0 ? "/" : "", names[next_random(&random, COUNT_OF(names))]);
            }
            assert_first_that_takes(mapping, topic.data);
            assert_told_rightly(&problems, mapping, topic.data);
        }
        problems_clear(&problems);
        mapping_destroy(mapping);
    }
}

// What marks a beginning in the index comes in no topic of the rules, but anyone can send it.
static void control_characters_in_a_topic_fit_nothing_but_captures(void **state)
{
    (void)state;
    struct mapping *mapping =
        load(HEAD "- {name: glob, topic: \"home/{room}/set\", where: {room: \"hall-*\"}, " SET "}\n"
                  "- {name: text, topic: home/kitchen/set, " SET "}\n"
                  "- {name: any, topic: \"garden/{place}/set\", " SET "}\n");
    assert_match(mapping, "home/\1/set", NULL);
    assert_match(mapping, "home/h\1/set", NULL);
    assert_match(mapping, "home/kitchen\1/set", NULL);
    assert_match(mapping, "home/hall-1/set", "glob");
    assert_match(mapping, "garden/\1/set", "any");
    mapping_destroy(mapping);
    mapping = load(HEAD "- {name: odd, topic: \"home/{room}/set\", where: {room: \"hall\\x01\"}, " SET "}\n");
    assert_match(mapping, "home/hall-1/set", NULL);
    assert_match(mapping, "home/hall\1/set", "odd");
    mapping_destroy(mapping);
}

static void topics_of_the_bridge_itself_are_never_commands(void **state)
{
    (void)state;
    struct mapping *mapping = load(
        HEAD "- {name: all, topic: \"{all#}\", where: {all: [\"thingbridge*\", \"*set\"]}, " SET ", reply: none}\n");
    assert_match(mapping, "thingbridge/bridge/request/info", NULL);
    assert_match(mapping, "thingbridge/x", "all");
    assert_match(mapping, "x/set", "all");
    assert_match(mapping, "$SYS/set", NULL);
    mapping_destroy(mapping);
}

static void rules_of_several_files_follow_each_other_and_share_groups(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "version: 1\ngroups: {up: [lamp-1, lamp-2]}\n",
        "version: 1\ndefaults: {product_key: one, expire: 5s}\nrules:\n"
        "- {name: b, topic: \"x/{a}\", invoke: {identifier: Set, devices: \"${group.up}\"}}\n",
        "version: 1\nrules:\n- {name: a, topic: x/y, product_key: two, " SET "}\n"};
    struct mapping_options options = default_options();
    struct problems problems = {0};
    struct mapping *mapping = load_texts(texts, 3, &options, &problems);
    assert_int_equal(problems.errors, 0);
    assert_int_equal(problems.count, 1);
    assert_non_null(strstr(problems.items[0].text, "no message reaches this rule"));
    problems_clear(&problems);
    assert_int_equal(mapping_rule_count(mapping), 2);
    AUTO_COMMAND struct command *command = map_payload(mapping, "x/y", "{}");
    assert_string_equal(command->rule, "b");
    assert_string_equal(command->product_key, "one");
    assert_int_equal(command->lifetime_ms, 5000);
    assert_int_equal(command->device_count, 2);
    mapping_destroy(mapping);
}

static void filters_of_the_rules_are_told_for_subscribing(void **state)
{
    (void)state;
    struct mapping *mapping = load(HEAD "- {name: a, topic: \"x/{a}/+\", " SET ", retained: accept}\n"
                                        "- {name: b, topic: \"y/{b#}\", " SET ", reply: none}\n");
    size_t count = 0;
    AUTO_FREE const char **filters = mapping_filters(mapping, &count);
    assert_int_equal(count, 2);
    assert_string_equal(filters[0], "x/+/+");
    assert_string_equal(filters[1], "y/#");
    assert_string_equal(rule_filter(mapping_rule_at(mapping, 1)), "y/#");
    assert_true(rule_accepts_retained(mapping_rule_at(mapping, 0)));
    assert_false(rule_accepts_retained(mapping_rule_at(mapping, 1)));
    mapping_destroy(mapping);
}

static void defaults_give_way_to_a_rule_s_own_keys(void **state)
{
    (void)state;
    struct mapping *mapping =
        load("version: 1\n"
             "defaults: {product_key: one, expire: 5s, idempotent: true, order: none, empty: accept,\n"
             "           reply: {ack: none, result: \"replies/${topic}\", progress: true}, id_from: \"${payload.n}\"}\n"
             "rules:\n"
             "- {name: a, topic: x/a, " SET "}\n"
             "- {name: b, topic: x/b, " SET ", product_key: two, expire: 7s, idempotent: false, order: rule,\n"
             "   reply: {ack: \"acks/${topic}\"}}\n"
             "- {name: c, topic: x/c, " SET ", reply: none}\n");
    AUTO_COMMAND struct command *a = map_payload(mapping, "x/a", "{\"n\":\"i\"}");
    AUTO_COMMAND struct command *b = map_payload(mapping, "x/b", "{}");
    AUTO_COMMAND struct command *c = map_payload(mapping, "x/c", NULL);
    assert_string_equal(a->product_key, "one");
    assert_string_equal(a->id, "i");
    assert_true(a->idempotent && a->progress && a->order == ORDER_NONE && a->lifetime_ms == 5000);
    assert_null(a->ack_topic);
    assert_string_equal(a->result_topic, "replies/x/a");
    assert_string_equal(b->product_key, "two");
    assert_true(!b->idempotent && b->progress && b->order == ORDER_RULE && b->lifetime_ms == 7000);
    assert_string_equal(b->ack_topic, "acks/x/b");
    assert_string_equal(b->result_topic, "replies/x/b");
    assert_null(c->ack_topic);
    assert_null(c->result_topic);
    assert_int_equal(c->call_count, 1);
    mapping_destroy(mapping);
}

static void ten_thousand_rules_are_loaded_and_matched_and_no_more(void **state)
{
    (void)state;
    AUTO_BUF struct buf text = {0};
    buf_text(&text, HEAD);
    for (int i = 0; i < MAPPING_MAX_RULES; i++) {
        buf_printf(&text, "- {name: r%d, topic: \"home/room%d/{device}/set\", " SET "}\n", i, i);
    }
    struct mapping *mapping = load(text.data);
    assert_match(mapping, "home/room9999/lamp/set", "r9999");
    assert_match(mapping, "home/room0/lamp/set", "r0");
    assert_match(mapping, "home/room10000/lamp/set", NULL);
    mapping_destroy(mapping);
    buf_text(&text, "- {name: more, topic: x, " SET "}\n");
    assert_error(text.data, 4, "more than 10000 rules");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_rule_that_fits_wins),
        cmocka_unit_test(where_holds_captures_to_globs_and_the_next_rule_is_tried),
        cmocka_unit_test(the_where_that_missed_is_told),
        cmocka_unit_test(many_values_of_where_are_tried_like_few),
        cmocka_unit_test(the_index_gives_what_trying_all_rules_would_give),
        cmocka_unit_test(control_characters_in_a_topic_fit_nothing_but_captures),
        cmocka_unit_test(topics_of_the_bridge_itself_are_never_commands),
        cmocka_unit_test(rules_of_several_files_follow_each_other_and_share_groups),
        cmocka_unit_test(filters_of_the_rules_are_told_for_subscribing),
        cmocka_unit_test(defaults_give_way_to_a_rule_s_own_keys),
        cmocka_unit_test(ten_thousand_rules_are_loaded_and_matched_and_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
