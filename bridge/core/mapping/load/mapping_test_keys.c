// The keys of tests inside mapping files, one row each.
#include "core/mapping/load/mapping_load.h"
#include "core/mapping/load/mapping_test_internal.h"

#define TEST_ROW(part, key, field_type, field, ...)                                                                    \
    {                                                                                                                  \
        .name = key, .type = field_type, .offset = offsetof(struct part, field), __VA_ARGS__                           \
    }

const struct key mapping_test_keys[] = {
    TEST_ROW(test_keys, "name", KEY_TEXT, name, .help = "what the test shows"),
    TEST_ROW(test_keys, "topic", KEY_TEXT, topic, .help = "topic of the message; required"),
    TEST_ROW(test_keys, "payload", KEY_NODE, payload, .help = "payload: a map or list is sent as JSON; default empty"),
    TEST_ROW(test_keys, "properties", KEY_NODE, properties, .help = "MQTT 5 user properties"),
    TEST_ROW(test_keys, "response_topic", KEY_TEXT, response_topic, .help = "MQTT 5 Response Topic"),
    TEST_ROW(test_keys, "now", KEY_TEXT, now, .fallback = "2026-01-01T00:00:00Z",
             .help = "time at which the message arrives, RFC 3339"),
    TEST_ROW(test_keys, "answer", KEY_NODE, answer, .members = mapping_answer_keys,
             .help = "what the platform answers, for `reply`; or a list"),
    TEST_ROW(test_keys, "expect", KEY_NODE, expect, .members = mapping_expect_keys,
             .help = "the expected request, refusal or reply; required"),
    {.members = mapping_test_keys},
};

const struct key mapping_answer_keys[] = {
    TEST_ROW(answer_keys, "status", KEY_INT, status, .fallback = "200", .min = 100, .max = 599, .help = "HTTP status"),
    TEST_ROW(answer_keys, "body", KEY_NODE, body, .help = "body: a map is sent as JSON, text as it is; default empty"),
    {.members = mapping_test_keys},
};

const struct key mapping_expect_keys[] = {
    TEST_ROW(expect_keys, "rule", KEY_TEXT, rule, .help = "name of the rule that takes the message"),
    TEST_ROW(expect_keys, "action", KEY_TEXT, action, .help = "action of the request"),
    TEST_ROW(expect_keys, "calls", KEY_INT, calls, .min = 1, .max = 10000, .help = "number of requests"),
    TEST_ROW(expect_keys, "rejected", KEY_TEXT, rejected, .help = "error code with which the command is rejected"),
    TEST_ROW(expect_keys, "expired", KEY_BOOL, expired, .help = "true: the command comes after its deadline"),
    TEST_ROW(expect_keys, "no_rule", KEY_BOOL, no_rule, .help = "true: no rule takes the message"),
    TEST_ROW(expect_keys, "ack_topic", KEY_TEXT, ack_topic, .help = "topic of the acceptance, or none"),
    TEST_ROW(expect_keys, "result_topic", KEY_TEXT, result_topic, .help = "topic of the final reply, or none"),
    TEST_ROW(expect_keys, "response_topic", KEY_TEXT, response_topic,
             .help = "topic of the requester's own that gets the final reply too, or none"),
    TEST_ROW(expect_keys, "reply", KEY_NODE, reply, .members = mapping_expect_reply_keys,
             .help = "members of the final reply, after `answer`"),
    {.members = mapping_test_keys},
};

const struct key mapping_expect_reply_keys[] = {
    TEST_ROW(expect_reply_keys, "status", KEY_TEXT, status, .help = "status of the reply"),
    TEST_ROW(expect_reply_keys, "code", KEY_TEXT, code, .help = "code of its error"),
    TEST_ROW(expect_reply_keys, "platform_code", KEY_TEXT, platform_code, .help = "platform_code of its error"),
    TEST_ROW(expect_reply_keys, "message_id", KEY_TEXT, message_id, .help = "the platform's MessageId"),
    TEST_ROW(expect_reply_keys, "request_id", KEY_TEXT, request_id, .help = "the platform's RequestId"),
    TEST_ROW(expect_reply_keys, "id", KEY_NODE, id, .help = "id of the command"),
    TEST_ROW(expect_reply_keys, "result", KEY_NODE, result, .help = "the device's answer, any JSON"),
    TEST_ROW(expect_reply_keys, "target", KEY_NODE, target, .help = "the whole target"),
    TEST_ROW(expect_reply_keys, "failed_devices", KEY_NODE, failed_devices, .help = "list of device names"),
    {.members = mapping_test_keys},
};
