// The tables of tests inside mapping files.
#include "core/mapping/load/mapping_load.h"
#include "core/mapping/load/mapping_test_internal.h"

const struct option_row mapping_test_options[] = {
    OPTION_ROW(test_options, "name", OPTION_TEXT, name, .help = "what the test shows"),
    OPTION_ROW(test_options, "topic", OPTION_TEXT, topic, .help = "topic of the message; required"),
    OPTION_ROW(test_options, "payload", OPTION_NODE, payload,
               .help = "payload: a map or list is sent as JSON; default empty"),
    OPTION_ROW(test_options, "properties", OPTION_NODE, properties, .help = "MQTT 5 user properties"),
    OPTION_ROW(test_options, "response_topic", OPTION_TEXT, response_topic, .help = "MQTT 5 Response Topic"),
    OPTION_ROW(test_options, "now", OPTION_TEXT, now, .fallback = "2026-01-01T00:00:00Z",
               .help = "time at which the message arrives, RFC 3339"),
    OPTION_ROW(test_options, "answer", OPTION_NODE, answer, .members = mapping_answer_options,
               .help = "what the platform answers, for `reply`; or a list"),
    OPTION_ROW(test_options, "expect", OPTION_NODE, expect, .members = mapping_expect_options,
               .help = "the expected request, refusal or reply; required"),
    {.members = mapping_test_options},
};

const struct option_row mapping_answer_options[] = {
    OPTION_ROW(answer_options, "status", OPTION_INT, status, .fallback = "200", .min = 100, .max = 599,
               .help = "HTTP status"),
    OPTION_ROW(answer_options, "body", OPTION_NODE, body,
               .help = "body: a map is sent as JSON, text as it is; default empty"),
    {.members = mapping_test_options},
};

const struct option_row mapping_expect_options[] = {
    OPTION_ROW(expect_options, "rule", OPTION_TEXT, rule, .help = "name of the rule that takes the message"),
    OPTION_ROW(expect_options, "action", OPTION_TEXT, action, .help = "action of the request"),
    OPTION_ROW(expect_options, "calls", OPTION_INT, calls, .min = 1, .max = 10000, .help = "number of requests"),
    OPTION_ROW(expect_options, "rejected", OPTION_TEXT, rejected,
               .help = "error code with which the command is rejected"),
    OPTION_ROW(expect_options, "expired", OPTION_BOOL, expired, .help = "true: the command comes after its deadline"),
    OPTION_ROW(expect_options, "no_rule", OPTION_BOOL, no_rule, .help = "true: no rule takes the message"),
    OPTION_ROW(expect_options, "ack_topic", OPTION_TEXT, ack_topic, .help = "topic of the acceptance, or none"),
    OPTION_ROW(expect_options, "result_topic", OPTION_TEXT, result_topic, .help = "topic of the final reply, or none"),
    OPTION_ROW(expect_options, "response_topic", OPTION_TEXT, response_topic,
               .help = "topic of the requester's own that gets the final reply too, or none"),
    OPTION_ROW(expect_options, "reply", OPTION_NODE, reply, .members = mapping_expect_reply_options,
               .help = "members of the final reply, after `answer`"),
    {.members = mapping_test_options},
};

const struct option_row mapping_expect_reply_options[] = {
    OPTION_ROW(expect_reply_options, "status", OPTION_TEXT, status, .help = "status of the reply"),
    OPTION_ROW(expect_reply_options, "code", OPTION_TEXT, code, .help = "code of its error"),
    OPTION_ROW(expect_reply_options, "platform_code", OPTION_TEXT, platform_code, .help = "platform_code of its error"),
    OPTION_ROW(expect_reply_options, "message_id", OPTION_TEXT, message_id, .help = "the platform's MessageId"),
    OPTION_ROW(expect_reply_options, "request_id", OPTION_TEXT, request_id, .help = "the platform's RequestId"),
    OPTION_ROW(expect_reply_options, "id", OPTION_NODE, id, .help = "id of the command"),
    OPTION_ROW(expect_reply_options, "result", OPTION_NODE, result, .help = "the device's answer, any JSON"),
    OPTION_ROW(expect_reply_options, "target", OPTION_NODE, target, .help = "the whole target"),
    OPTION_ROW(expect_reply_options, "failed_devices", OPTION_NODE, failed_devices, .help = "list of device names"),
    {.members = mapping_test_options},
};
