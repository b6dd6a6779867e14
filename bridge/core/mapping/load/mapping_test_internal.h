// The tests inside mapping files: what loading and running them share. Private to core.
#pragma once

#include "base/options/options.h"
#include "base/yaml/yaml.h"
#include "core/mapping/mapping.h"

// Filled through mapping_test_options. Nodes are borrowed from the document.
struct test_options {
    char *name;
    char *topic;
    char *response_topic; // or NULL
    char *now;
    const struct yaml_node *payload;
    const struct yaml_node *properties;
    const struct yaml_node *answer;
    const struct yaml_node *expect;
};

// Filled through mapping_answer_options.
struct answer_options {
    int64_t status;
    const struct yaml_node *body;
};

// Filled through mapping_expect_options.
struct expect_options {
    char *rule;
    char *action;
    int64_t calls; // 0: not given
    char *rejected;
    bool expired;
    bool no_rule;
    char *ack_topic;
    char *result_topic;
    char *response_topic;
    const struct yaml_node *reply;
};

// Filled through mapping_expect_reply_options.
struct expect_reply_options {
    char *status;
    char *code;
    char *platform_code;
    char *message_id;
    char *request_id;
    const struct yaml_node *id;
    const struct yaml_node *result;
    const struct yaml_node *target;
    const struct yaml_node *failed_devices;
};

// One test as it was read.
struct mapping_test {
    struct test_options options;
    struct answer_options *answers; // to the requests in their order; the last also to all that follow
    size_t answer_count;
    struct expect_options expect;
    struct expect_reply_options reply;
    size_t parameter_count; // members of `expect` that are parameters of the request
};
// What is wrong is in the problems. Cleared in any case.
void mapping_test_read(const struct yaml_node *node, struct mapping_test *out, struct problems *problems);
void mapping_test_clear(struct mapping_test *test);
// A member of `expect` that names a parameter of the request: they begin with a capital letter, our own words do not.
bool mapping_test_is_parameter(const char *name);

// Checks the `tests` of a file.
void mapping_check_tests(const struct yaml_node *tests, struct problems *problems);
