// The keys of tests inside mapping files, one row each.
#include "core/mapping/load/mapping_load.h"
#include "core/mapping/load/mapping_test_internal.h"

#define TEST_ROW(part, key, field_type, field, ...)                                                                    \
    {                                                                                                                  \
        .name = key, .type = field_type, .offset = offsetof(struct part, field), __VA_ARGS__                           \
    }

const struct option_row mapping_test_options[] = {
    TEST_ROW(test_options, "name", OPTION_TEXT, name, .help = "what the test shows"),
    TEST_ROW(test_options, "topic", OPTION_TEXT, topic, .help = "topic of the message; required"),
    TEST_ROW(test_options, "payload", OPTION_NODE, payload,
             .help = "payload: a map or list is sent as JSON; default empty"),
    TEST_ROW(test_options, "properties", OPTION_NODE, properties, .help = "MQTT 5 user properties"),
    TEST_ROW(test_options, "response_topic", OPTION_TEXT, response_topic, .help = "MQTT 5 Response Topic"),
    TEST_ROW(test_options, "now", OPTION_TEXT, now, .fallback = "2026-01-01T00:00:00Z",
             .help = "time at which the message arrives, RFC 3339"),
    TEST_ROW(test_options, "answer", OPTION_NODE, answer, .members = mapping_answer_options,
             .help = "what the platform answers, for `reply`; or a list"),
    TEST_ROW(test_options, "expect", OPTION_NODE, expect, .members = mapping_expect_options,
             .help = "the expected request, refusal or reply; required"),
    {.members = mapping_test_options},
};

const struct option_row mapping_answer_options[] = {
    TEST_ROW(answer_options, "status", OPTION_INT, status, .fallback = "200", .min = 100, .max = 599,
             .help = "HTTP status"),
    TEST_ROW(answer_options, "body", OPTION_NODE, body,
             .help = "body: a map is sent as JSON, text as it is; default empty"),
    {.members = mapping_test_options},
};

const struct option_row mapping_expect_options[] = {
    TEST_ROW(expect_options, "rule", OPTION_TEXT, rule, .help = "name of the rule that takes the message"),
    TEST_ROW(expect_options, "action", OPTION_TEXT, action, .help = "action of the request"),
    TEST_ROW(expect_options, "calls", OPTION_INT, calls, .min = 1, .max = 10000, .help = "number of requests"),
    TEST_ROW(expect_options, "rejected", OPTION_TEXT, rejected,
             .help = "error code with which the command is rejected"),
    TEST_ROW(expect_options, "expired", OPTION_BOOL, expired, .help = "true: the command comes after its deadline"),
    TEST_ROW(expect_options, "no_rule", OPTION_BOOL, no_rule, .help = "true: no rule takes the message"),
    TEST_ROW(expect_options, "ack_topic", OPTION_TEXT, ack_topic, .help = "topic of the acceptance, or none"),
    TEST_ROW(expect_options, "result_topic", OPTION_TEXT, result_topic, .help = "topic of the final reply, or none"),
    TEST_ROW(expect_options, "response_topic", OPTION_TEXT, response_topic,
             .help = "topic of the requester's own that gets the final reply too, or none"),
    TEST_ROW(expect_options, "reply", OPTION_NODE, reply, .members = mapping_expect_reply_options,
             .help = "members of the final reply, after `answer`"),
    {.members = mapping_test_options},
};

const struct option_row mapping_expect_reply_options[] = {
    TEST_ROW(expect_reply_options, "status", OPTION_TEXT, status, .help = "status of the reply"),
    TEST_ROW(expect_reply_options, "code", OPTION_TEXT, code, .help = "code of its error"),
    TEST_ROW(expect_reply_options, "platform_code", OPTION_TEXT, platform_code, .help = "platform_code of its error"),
    TEST_ROW(expect_reply_options, "message_id", OPTION_TEXT, message_id, .help = "the platform's MessageId"),
    TEST_ROW(expect_reply_options, "request_id", OPTION_TEXT, request_id, .help = "the platform's RequestId"),
    TEST_ROW(expect_reply_options, "id", OPTION_NODE, id, .help = "id of the command"),
    TEST_ROW(expect_reply_options, "result", OPTION_NODE, result, .help = "the device's answer, any JSON"),
    TEST_ROW(expect_reply_options, "target", OPTION_NODE, target, .help = "the whole target"),
    TEST_ROW(expect_reply_options, "failed_devices", OPTION_NODE, failed_devices, .help = "list of device names"),
    {.members = mapping_test_options},
};
