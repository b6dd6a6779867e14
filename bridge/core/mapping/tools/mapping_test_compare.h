// Compares what a test expects with what came, and reports each difference. Private to core.
#pragma once

#include "base/json/json.h"
#include "core/command/command.h"
#include "core/mapping/load/mapping_test_internal.h"
#include "core/mapping/tools/mapping_test.h"

// Texts are copied; beyond TEST_MAX_DIFFERENCES nothing is added.
void mapping_test_differs(struct mapping_test_result *result, const char *what, const char *expected, const char *got);

// Nothing is compared where nothing is expected. No topic is the word none.
void mapping_test_compare_topic(struct mapping_test_result *result, const char *what, const char *expected_or_null,
                                const char *got_or_null);
void mapping_test_compare_request(struct mapping_test_result *result, const struct yaml_node *expect,
                                  const struct expect_options *keys, const struct command *command);
void mapping_test_compare_reply(struct mapping_test_result *result, const struct expect_reply_options *expected,
                                const struct json_object *reply);
