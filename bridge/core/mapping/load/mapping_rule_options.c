// The tables of mapping files and rules.
#include "core/mapping/load/loader.h"
#include "core/mapping/rule.h"

static const char *const retained_choices[] = {"ignore", "accept", NULL};
static const char *const response_choices[] = {"also", "instead", "ignore", NULL};
static const char *const empty_choices[] = {"reject", "accept", NULL};

const struct option_row mapping_file_options[] = {
    OPTION_ROW(file_options, "version", OPTION_INT, version, .min = 1, .max = 1,
               .help = "version of the rule language; required"),
    OPTION_ROW(file_options, "defaults", OPTION_NODE, defaults, .members = mapping_default_options,
               .help = "rule keys for all rules of this file; a rule's own win"),
    OPTION_ROW(file_options, "groups", OPTION_NODE, groups,
               .help = "lists of device names, for ${group.NAME} in any file"),
    OPTION_ROW(file_options, "rules", OPTION_NODE, rules, .members = mapping_rule_options, .each = "rule",
               .help = "the rules, in the order in which they are tried"),
    OPTION_ROW(file_options, "tests", OPTION_NODE, tests,
               .help = "messages and the requests that are expected of them"),
    {.members = mapping_file_options},
};

// Rows that both `defaults` and a rule can have.
#define SHARED_ROWS                                                                                                    \
    OPTION_ROW(rule_options, "product_key", OPTION_TEXT, product_key, .help = "product of the devices"),               \
        OPTION_ROW(rule_options, "platform", OPTION_TEXT, platform,                                                    \
                   .help = "name of the platform; default: the only one"),                                             \
        OPTION_ROW(rule_options, "model", OPTION_TEXT_LIST, model,                                                     \
                   .help = "file with the product's thing model, or one per module"),                                  \
        OPTION_ROW(rule_options, "reply", OPTION_NODE, reply, .members = mapping_reply_options,                        \
                   .help = "reply topics, or none"),                                                                   \
        OPTION_ROW(rule_options, "expire", OPTION_DURATION, expire_ms, .fallback = "30s", .min = 1,                    \
                   .max = MAPPING_MAX_LIFETIME, .help = "a command that could not be sent by then is not sent"),       \
        OPTION_ROW(rule_options, "idempotent", OPTION_BOOL, idempotent, .fallback = "false",                           \
                   .help = "running it twice does no harm"),                                                           \
        OPTION_ROW(rule_options, "order", OPTION_CHOICE, order, .fallback = "device", .choices = command_orders,       \
                   .help = "what waits for what: commands of one device, of the rule, or none"),                       \
        OPTION_ROW(rule_options, "latest_only", OPTION_BOOL, latest_only, .fallback = "false",                         \
                   .help = "a newer command takes the place of one that waits"),                                       \
        OPTION_ROW(rule_options, "batch", OPTION_NODE, batch, .members = mapping_batch_options,                        \
                   .help = "folds equal commands into one call, or off"),                                              \
        OPTION_ROW(rule_options, "rate", OPTION_RATE, rate, .help = "most calls of the rule per time, as 20/s"),       \
        OPTION_ROW(rule_options, "retained", OPTION_CHOICE, retained, .fallback = "ignore",                            \
                   .choices = retained_choices, .help = "whether retained messages are commands"),                     \
        OPTION_ROW(rule_options, "response_topic", OPTION_CHOICE, response_topic, .fallback = "also",                  \
                   .choices = response_choices,                                                                        \
                   .help = "replies to the requester's own topic: also, instead of the rule's, or ignore it"),         \
        OPTION_ROW(rule_options, "id_from", OPTION_NODE, id_from, .help = "template that gives the command's id"),     \
        OPTION_ROW(rule_options, "sent_at", OPTION_NODE, sent_at,                                                      \
                   .help = "template that gives the time when it was sent"),                                           \
        OPTION_ROW(rule_options, "empty", OPTION_CHOICE, empty, .fallback = "reject", .choices = empty_choices,        \
                   .help = "whether an empty payload is a command")

const struct option_row mapping_rule_options[] = {
    OPTION_ROW(rule_options, "name", OPTION_TEXT, name, .help = "name of the rule, unique over all files; required"),
    OPTION_ROW(rule_options, "topic", OPTION_TEXT, topic, .help = "topic pattern with {captures}; required"),
    OPTION_ROW(rule_options, "where", OPTION_NODE, where, .help = "globs that captures have to fit"),
    OPTION_ROW(rule_options, "invoke", OPTION_NODE, invoke, .members = mapping_invoke_options,
               .help = "the service to invoke; this or call is required"),
    OPTION_ROW(rule_options, "call", OPTION_NODE, call, .members = mapping_call_options,
               .help = "any other action of the platform's API"),
    SHARED_ROWS,
    {.members = mapping_file_options},
};

const struct option_row mapping_default_options[] = {SHARED_ROWS, {.members = mapping_file_options}};

const struct option_row mapping_invoke_options[] = {
    OPTION_ROW(invoke_options, "identifier", OPTION_NODE, identifier, .help = "service, or module:service; required"),
    OPTION_ROW(invoke_options, "device", OPTION_NODE, device, .help = "name of the device"),
    OPTION_ROW(invoke_options, "devices", OPTION_NODE, devices, .help = "names of several devices"),
    OPTION_ROW(invoke_options, "iot_id", OPTION_NODE, iot_id,
               .help = "IotId of the device, in place of product and name"),
    OPTION_ROW(invoke_options, "product_key", OPTION_TEXT, product_key,
               .help = "product of the device; may stand here or in the rule"),
    OPTION_ROW(invoke_options, "args", OPTION_NODE, args,
               .help = "arguments: a map, or a template that gives an object"),
    {.members = mapping_file_options},
};

const struct option_row mapping_call_options[] = {
    OPTION_ROW(call_options, "action", OPTION_TEXT, action, .help = "name of the action; required"),
    OPTION_ROW(call_options, "parameters", OPTION_NODE, parameters, .help = "its parameters"),
    {.members = mapping_file_options},
};

const struct option_row mapping_reply_options[] = {
    OPTION_ROW(reply_options, "ack", OPTION_NODE, ack,
               .help = "topic for the acceptance; default ${topic}/reply; or none"),
    OPTION_ROW(reply_options, "result", OPTION_NODE, result,
               .help = "topic for the final reply; default ${topic}/reply; or none"),
    OPTION_ROW(reply_options, "progress", OPTION_BOOL, progress, .fallback = "false",
               .help = "tell ack when a command waits"),
    {.members = mapping_file_options},
};

const struct option_row mapping_batch_options[] = {
    OPTION_ROW(batch_options, "window", OPTION_DURATION, window_ms, .fallback = "50ms", .min = 1, .max = 10000,
               .help = "how long a command waits for others"),
    OPTION_ROW(batch_options, "max", OPTION_INT, max, .fallback = "100", .min = 2, .max = INVOKE_MAX_DEVICES,
               .help = "most devices of one call"),
    {.members = mapping_file_options},
};
