// A reply must not be taken for a command.
#include "core/mapping/load/mapping_load.h"
#include "unit/core/mapping/mapping_checks.h"

#define HEAD "version: 1\ndefaults: {product_key: k1ymv1DuLfE}\nrules:\n"
#define SET  "invoke: {identifier: Set, device: lamp}"

static void a_default_reply_under_a_rule_for_everything_below_is_an_error(void **state)
{
    (void)state;
    assert_error(HEAD "- name: all\n  topic: \"home/{path#}\"\n  " SET "\n", 5,
                 "taken for a command by the rule itself");
    assert_error(HEAD "- {name: a, topic: home/x, " SET "}\n"
                      "- {name: b, topic: \"home/{p#}\", " SET ", reply: none}\n",
                 4, "of the rule \"a\" would be taken for a command by the rule \"b\"");
}

static void a_reply_that_some_rule_could_take_is_an_error(void **state)
{
    (void)state;
    assert_error(HEAD "- {name: a, topic: \"{x}/{y}\", " SET "}\n- {name: b, topic: \"+/+/{z}\", " SET
                      ", reply: none}\n",
                 4, "by the rule \"b\"");
    assert_error(HEAD "- {name: a, topic: \"in/{x}/set\", " SET ", reply: {result: \"out/${x}\", ack: none}}\n"
                      "- {name: b, topic: \"out/{z}\", where: {z: [\"1\", \"2\"]}, " SET ", reply: none}\n",
                 4, "by the rule \"b\"");
    assert_error(HEAD "- {name: a, topic: \"x\", " SET ", reply: {result: \"out/${id}\", ack: none}}\n"
                      "- {name: b, topic: \"out/{z}\", " SET ", reply: none}\n",
                 4, "by the rule \"b\"");
    assert_error(HEAD "- {name: a, topic: \"c/{p#}\", " SET ", reply: {result: \"s/${p}/r\", ack: \"t\"}}\n"
                      "- {name: b, topic: \"s/+/x/r\", " SET ", reply: none}\n",
                 4, "by the rule \"b\"");
    assert_error(HEAD "- {name: a, topic: \"c/{p#}\", " SET ", reply: {result: \"t\", ack: \"x-${p}\"}}\n"
                      "- {name: b, topic: \"x-1/y\", " SET ", reply: none}\n",
                 4, "\"x-${p}\"");
    // "b/#" takes the topic b too, which then stands next to what follows.
    assert_error(HEAD "- {name: a, topic: \"b/#\", " SET ", reply: {result: \"a${topic}c\", ack: none}}\n"
                      "- {name: b, topic: \"{x}\", where: {x: \"*c\"}, " SET ", reply: none}\n",
                 4, "by the rule \"b\"");
    assert_error(HEAD "- {name: a, topic: \"b/{p#}\", " SET ", reply: {result: \"${topic}${p}\", ack: none}}\n"
                      "- {name: b, topic: c, " SET ", reply: none}\n",
                 4, "by the rule itself");
}

static void a_filter_that_gives_several_levels_is_seen(void **state)
{
    (void)state;
    static const char *const filters[] = {"map(1=\\\"x/y\\\")", "map(1=\\\"x\\\") | default(\\\"x/y\\\")"};
    for (size_t i = 0; i < COUNT_OF(filters); i++) {
        AUTO_FREE char *text =
            mem_printf(HEAD "- {name: a, topic: \"in/{p}\", " SET ", reply: {result: \"out/${p | %s}/r\", ack: none}}\n"
                            "- {name: b, topic: \"out/x/+/r\", " SET ", reply: none}\n",
                       filters[i]);
        assert_error(text, 4, "by the rule \"b\"");
    }
    assert_error(HEAD "- {name: a, topic: \"in/{p}\", " SET
                      ", reply: {result: \"out/${p | map(1=[\\\"x/y\\\"]) | json}/r\", ack: none}}\n"
                      "- {name: b, topic: \"out/+/+/r\", " SET ", reply: none}\n",
                 4, "by the rule \"b\"");
    mapping_destroy(load(HEAD "- {name: a, topic: \"in/{p}\", " SET
                              ", reply: {result: \"out/${p | map(1=\\\"x\\\")}/r\", ack: none}}\n"
                              "- {name: b, topic: \"out/x/+/r\", " SET ", reply: none}\n"));
}

static void what_where_rules_out_is_no_loop(void **state)
{
    (void)state;
    mapping_destroy(load(HEAD "- {name: a, topic: \"b/{p#}\", where: {p: \"*/set\"}, " SET
                              ", reply: {result: \"a${topic}c\", ack: none}}\n"
                              "- {name: b, topic: \"{x}\", where: {x: \"*c\"}, " SET "}\n"));
    mapping_destroy(load(HEAD "- {name: a, topic: \"{x}/{verb}\", where: {verb: [set, get]}, " SET "}\n"
                              "- {name: b, topic: \"+/+/{v}\", where: {v: \"s?\"}, " SET "}\n"
                              "- {name: c, topic: \"home/{p#}\", where: {p: [\"*/set\", \"*/get\"]}, " SET "}\n"));
    mapping_destroy(load(HEAD "- {name: a, topic: \"{x}/set\", where: {x: [hall]}, " SET
                              ", reply: {result: \"out/${x}\", ack: \"out/${x}-ack\"}}\n"
                              "- {name: b, topic: \"out/{z}\", where: {z: [garden, \"*-set\"]}, " SET "}\n"));
    mapping_destroy(load(HEAD "- {name: a, topic: \"c/{p#}\", " SET ", reply: {result: \"s/${p}/r\", ack: none}}\n"
                              "- {name: b, topic: \"s/+/set\", " SET "}\n"));
}

static void a_reply_without_a_topic_is_no_loop(void **state)
{
    (void)state;
    mapping_destroy(load(HEAD "- {name: a, topic: \"{y}/{p#}\", where: {p: \"\"}, " SET
                              ", reply: {result: \"${p}\", ack: none}}\n"));
}

static void what_where_says_of_a_rest_or_of_part_of_a_level_counts_too(void **state)
{
    (void)state;
    mapping_destroy(load(HEAD "- {name: a, topic: \"home/{p#}\", where: {p: [lamp, \"door/?\"]}, " SET "}\n"));
    mapping_destroy(load(HEAD "- {name: a, topic: \"home/{p#}\", where: {p: \"*/set\"}, " SET "}\n"));
    mapping_destroy(load(HEAD "- {name: a, topic: \"in/{x}\", where: {x: [\"1\", \"2\"]}, " SET
                              ", reply: {result: \"out/r-${x}\", ack: none}}\n"
                              "- {name: b, topic: \"out/r-3\", " SET ", reply: none}\n"));
    mapping_destroy(load(HEAD "- {name: a, topic: \"{x}/in\", where: {x: [\"1\", \"2\"]}, " SET
                              ", reply: {result: \"${x}/${x}\", ack: none}}\n"
                              "- {name: b, topic: \"1/2\", " SET ", reply: none}\n"));
    assert_error(HEAD "- {name: a, topic: \"home/{p#}\", where: {p: [lamp, \"*y\"]}, " SET "}\n", 4, "the rule itself");
    assert_error(HEAD "- {name: a, topic: \"home/{p#}\", where: {p: [\"\"]}, " SET "}\n"
                      "- {name: b, topic: \"home/{y}\", where: {y: \"rÃ©ply?\"}, " SET
                      ", reply: {result: \"home/${y}\", ack: none}}\n",
                 5, "by the rule itself");
}

static void a_rest_that_is_empty_still_leaves_its_slash(void **state)
{
    (void)state;
    mapping_destroy(load(HEAD "- {name: a, topic: \"x/{p#}\", " SET ", reply: {result: \"y/${p}\", ack: none}}\n"
                              "- {name: b, topic: y, " SET ", reply: none}\n"));
    assert_error(HEAD "- {name: a, topic: \"x/{p#}\", " SET ", reply: {result: \"y${p}\", ack: none}}\n"
                      "- {name: b, topic: y, " SET ", reply: none}\n",
                 4, "by the rule \"b\"");
    assert_error(HEAD "- {name: a, topic: \"x/{p#}\", " SET ", reply: {result: \"y/${p}\", ack: none}}\n"
                      "- {name: b, topic: \"y/+\", " SET ", reply: none}\n",
                 4, "by the rule \"b\"");
}

static void two_globs_that_cannot_both_fit_are_no_loop(void **state)
{
    (void)state;
    mapping_destroy(load(HEAD "- {name: a, topic: \"{x}/set\", where: {x: \"in-*\"}, " SET
                              ", reply: {result: \"${x}\", ack: none}}\n"
                              "- {name: b, topic: \"{z}\", where: {z: \"out-*\"}, " SET "}\n"));
    assert_error(HEAD "- {name: a, topic: \"{x}/set\", where: {x: \"in-*\"}, " SET
                      ", reply: {result: \"${x}\", ack: none}}\n"
                      "- {name: b, topic: \"{z}\", where: {z: \"*-1\"}, " SET "}\n",
                 4, "by the rule \"b\"");
}

static void a_reply_of_several_rests_is_compared_with_many_levels(void **state)
{
    (void)state;
    static const char *const ends[] = {"z", "e"};
    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        AUTO_BUF struct buf text = {0};
        buf_text(&text, HEAD "- {name: a, topic: \"{p#}\", where: {p: \"q/*\"}, " SET
                             ", reply: {result: \"a/${p}/b/${p}/c/${p}/e\", ack: none}}\n- {name: b, topic: \"a/");
        for (int k = 0; k < 195; k++) {
            buf_text(&text, "+/");
        }
        buf_printf(&text, "%s\", " SET ", reply: none}\n", ends[i]);
        if (i == 0) {
            mapping_destroy(load(text.data));
        } else {
            assert_error(text.data, 4, "by the rule \"b\"");
        }
    }
}

static void reply_topics_that_are_never_allowed_are_errors(void **state)
{
    (void)state;
    assert_error(HEAD "- {name: a, topic: x, " SET ", reply: {result: \"thingbridge/bridge/request/info\"}}\n", 4,
                 "cannot reply");
    assert_error(HEAD "- {name: a, topic: x, " SET ", reply: {ack: \"$SYS/x\"}}\n", 4, "cannot reply");
    assert_error(HEAD "- {name: a, topic: x, " SET ", reply: {ack: \"homeassistant/${id}\"}}\n", 4, "cannot reply");
    mapping_destroy(load(HEAD "- {name: a, topic: x, " SET ", reply: {ack: \"homeassistant${payload.a}\"}}\n"));
}

static void what_only_the_message_tells_is_checked_for_each_message(void **state)
{
    (void)state;
    struct mapping *mapping =
        load(HEAD "- {name: a, topic: \"in/{x}\", " SET
                  ", reply: {ack: \"${payload.ack}\", result: \"${property.to | default(\\\"out/r\\\")}\"}}\n");
    AUTO_COMMAND struct command *loops = map_payload(mapping, "in/1", "{\"ack\":\"in/2\"}");
    assert_null(loops->ack_topic);
    assert_true(loops->reply_topic_refused);
    assert_string_equal(loops->result_topic, "out/r");
    assert_int_equal(loops->call_count, 1);
    AUTO_COMMAND struct command *fine = map_payload(mapping, "in/1", "{\"ack\":\"out/a\"}");
    assert_string_equal(fine->ack_topic, "out/a");
    assert_false(fine->reply_topic_refused);
    mapping_destroy(mapping);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_default_reply_under_a_rule_for_everything_below_is_an_error),
        cmocka_unit_test(a_reply_that_some_rule_could_take_is_an_error),
        cmocka_unit_test(a_filter_that_gives_several_levels_is_seen),
        cmocka_unit_test(what_where_rules_out_is_no_loop),
        cmocka_unit_test(a_reply_without_a_topic_is_no_loop),
        cmocka_unit_test(what_where_says_of_a_rest_or_of_part_of_a_level_counts_too),
        cmocka_unit_test(a_rest_that_is_empty_still_leaves_its_slash),
        cmocka_unit_test(two_globs_that_cannot_both_fit_are_no_loop),
        cmocka_unit_test(a_reply_of_several_rests_is_compared_with_many_levels),
        cmocka_unit_test(reply_topics_that_are_never_allowed_are_errors),
        cmocka_unit_test(what_only_the_message_tells_is_checked_for_each_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
