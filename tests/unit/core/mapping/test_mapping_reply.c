// Where the replies of a command go.
#include "core/mapping/load/mapping_load.h"
#include "unit/core/mapping/mapping_checks.h"

#define HEAD "version: 1\ndefaults: {product_key: k1ymv1DuLfE}\nrules:\n"
#define SET  "invoke: {identifier: Set, device: lamp}"

static struct command *ask(const struct mapping *mapping, const char *response_topic)
{
    struct message message = message_of("home/x", "{}");
    message.response_topic = (char *)response_topic;
    message.correlation_data = (char *)"\0c";
    message.correlation_len = 2;
    return map_message(mapping, &message);
}

static void assert_allowed(const struct mapping *mapping, const char *response_topic, bool allowed)
{
    AUTO_COMMAND struct command *command = ask(mapping, response_topic);
    assert_null(command->refusal.code);
    assert_int_equal(command->reply_topic_refused, !allowed);
    if (allowed) {
        assert_string_equal(command->response_topic, response_topic);
    } else {
        assert_null(command->response_topic);
    }
    assert_string_equal(command->result_topic, "home/x/reply");
}

static void the_default_list_allows_topics_for_replies_only(void **state)
{
    (void)state;
    static const char *const allowed[] = {"home/x/answer/7", "reply/node-red/1",    "response/a",
                                          "me/reply/1",      "thingbridge/reply/1", "me/response/x/y"};
    static const char *const refused[] = {"home/y/answer", "lights/set", "replies/x", "a/b/reply/c", "home"};
    struct mapping *mapping = load(HEAD "- {name: a, topic: home/x, " SET "}\n");
    for (size_t i = 0; i < COUNT_OF(allowed); i++) {
        assert_allowed(mapping, allowed[i], true);
    }
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        assert_allowed(mapping, refused[i], false);
    }
    mapping_destroy(mapping);
}

static void some_topics_are_never_allowed_whatever_the_list_says(void **state)
{
    (void)state;
    static const char *const allow[] = {"#", "$SYS/#"};
    static const char *const refused[] = {"$SYS/x",
                                          "homeassistant/device/x/config",
                                          "homeassistant",
                                          "home/x",
                                          "thingbridge/bridge/request/info",
                                          "cmd/1",
                                          "a/+/b",
                                          "a/#",
                                          "a\nb",
                                          ""};
    struct mapping_options options = default_options();
    options.reply_allow = allow;
    options.reply_allow_count = 2;
    struct mapping *mapping = load_with(HEAD "- {name: a, topic: home/x, " SET "}\n"
                                             "- {name: b, topic: \"cmd/{n}\", " SET "}\n",
                                        &options);
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        assert_allowed(mapping, refused[i], false);
    }
    assert_allowed(mapping, "homeassistants/x", true);
    assert_allowed(mapping, "any/thing", true);
    char long_topic[TOPIC_MAX_LEN + 2];
    memset(long_topic, 'a', sizeof long_topic);
    long_topic[TOPIC_MAX_LEN + 1] = '\0';
    assert_allowed(mapping, long_topic, false);
    long_topic[TOPIC_MAX_LEN] = '\0';
    assert_allowed(mapping, long_topic, true);
    mapping_destroy(mapping);
}

static void a_list_of_one_s_own_replaces_the_default(void **state)
{
    (void)state;
    static const char *const allow[] = {"<command topic>/r/+", "<base>/out/#"};
    struct mapping_options options = default_options();
    options.reply_allow = allow;
    options.reply_allow_count = 2;
    struct mapping *mapping = load_with(HEAD "- {name: a, topic: home/x, " SET "}\n", &options);
    assert_allowed(mapping, "home/x/r/1", true);
    assert_allowed(mapping, "thingbridge/out/1", true);
    assert_allowed(mapping, "home/y/r/1", false);
    assert_allowed(mapping, "reply/1", false);
    options.reply_allow_count = 0;
    struct mapping *closed = load_with(HEAD "- {name: a, topic: home/x, " SET "}\n", &options);
    assert_allowed(closed, "home/x/r/1", false);
    mapping_destroy(closed);
    mapping_destroy(mapping);
}

static void the_rule_says_what_a_response_topic_does(void **state)
{
    (void)state;
    static const char *const words[] = {"also", "instead", "ignore"};
    for (size_t i = 0; i < 3; i++) {
        AUTO_FREE char *text = mem_printf(HEAD "- {name: a, topic: home/x, " SET ", response_topic: %s}\n", words[i]);
        struct mapping *mapping = load(text);
        AUTO_COMMAND struct command *asked = ask(mapping, "reply/1");
        AUTO_COMMAND struct command *refused = ask(mapping, "other/1");
        AUTO_COMMAND struct command *silent = ask(mapping, NULL);
        assert_int_equal(asked->response_topic != NULL, i < 2);
        assert_int_equal(asked->result_topic != NULL, i != 1);
        assert_int_equal(asked->ack_topic != NULL, i != 1);
        assert_int_equal(refused->reply_topic_refused, i < 2);
        assert_non_null(refused->result_topic);
        assert_non_null(silent->result_topic);
        assert_false(silent->reply_topic_refused);
        mapping_destroy(mapping);
    }
}

static void reply_to_in_the_payload_stands_for_a_response_topic(void **state)
{
    (void)state;
    struct mapping *mapping = load(HEAD "- {name: a, topic: home/x, " SET "}\n");
    AUTO_COMMAND struct command *named = map_payload(mapping, "home/x", "{\"$reply_to\":\"reply/1\"}");
    AUTO_COMMAND struct command *refused = map_payload(mapping, "home/x", "{\"$reply_to\":\"other\"}");
    AUTO_COMMAND struct command *number = map_payload(mapping, "home/x", "{\"$reply_to\":5}");
    AUTO_COMMAND struct command *null = map_payload(mapping, "home/x", "{\"$reply_to\":null}");
    assert_string_equal(named->response_topic, "reply/1");
    assert_true(refused->reply_topic_refused);
    assert_true(number->reply_topic_refused);
    assert_false(null->reply_topic_refused);
    struct message both = message_of("home/x", "{\"$reply_to\":\"reply/1\"}");
    both.response_topic = (char *)"reply/2";
    AUTO_COMMAND struct command *property = map_message(mapping, &both);
    assert_string_equal(property->response_topic, "reply/2");
    mapping_destroy(mapping);
}

static void correlation_data_is_kept_byte_for_byte(void **state)
{
    (void)state;
    struct mapping *mapping = load(HEAD "- {name: a, topic: home/x, " SET "}\n");
    AUTO_COMMAND struct command *command = ask(mapping, "reply/1");
    assert_int_equal(command->correlation_len, 2);
    assert_memory_equal(command->correlation_data, "\0c", 2);
    mapping_destroy(mapping);
}

static void a_computed_reply_topic_that_cannot_be_used_is_left_out_and_told(void **state)
{
    (void)state;
    static const char *const payloads[] = {"{\"r\":\"a/#\"}", "{\"r\":\"\"}",   "{\"r\":\"a\\u0001\"}",
                                           "{\"r\":\"in\"}",  "{\"r\":\"$a\"}", "{\"r\":\"thingbridge/bridge/x\"}"};
    struct mapping *mapping = load(HEAD "- {name: a, topic: in, " SET ", reply: {result: \"${payload.r}\"}}\n");
    for (size_t i = 0; i < COUNT_OF(payloads); i++) {
        AUTO_COMMAND struct command *command = map_payload(mapping, "in", payloads[i]);
        assert_null(command->refusal.code);
        assert_null(command->result_topic);
        assert_string_equal(command->ack_topic, "in/reply");
        assert_true(command->reply_topic_refused);
    }
    AUTO_COMMAND struct command *missing = map_payload(mapping, "in", "{}");
    assert_refused(missing, "member_missing", "payload.r");
    assert_null(missing->result_topic);
    mapping_destroy(mapping);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_default_list_allows_topics_for_replies_only),
        cmocka_unit_test(some_topics_are_never_allowed_whatever_the_list_says),
        cmocka_unit_test(a_list_of_one_s_own_replaces_the_default),
        cmocka_unit_test(the_rule_says_what_a_response_topic_does),
        cmocka_unit_test(reply_to_in_the_payload_stands_for_a_response_topic),
        cmocka_unit_test(correlation_data_is_kept_byte_for_byte),
        cmocka_unit_test(a_computed_reply_topic_that_cannot_be_used_is_left_out_and_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
