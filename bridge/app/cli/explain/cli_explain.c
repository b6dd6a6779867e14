// The message is put together from the command line, mapped by the rules as the service does, and reported as one JSON
// object; what people read is printed from that object (cli_explain_print.c), so both say the same.
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "app/cli/cli.h"
#include "app/cli/cli_options.h"
#include "app/cli/explain/cli_explain_internal.h"
#include "app/cli/input.h"
#include "app/cli/ruleset.h"
#include "app/cli/terminal.h"
#include "app/config/secret.h"
#include "base/crypto.h"
#include "base/mem.h"
#include "base/str.h"
#include "core/mapping/tools/explain.h"

#define MAX_PAYLOAD 1048576 // as the broker is asked for; above the rules' own limit, so that its refusal can be shown

static const char help_text[] =
    "  thingbridge explain home/hall/lamp-1/set '{\"level\": 128}'\n"
    "  thingbridge explain --mapping mappings/demo.yaml home/hall/lamp-1/set '{\"level\": 128}'\n"
    "  thingbridge explain --curl home/hall/lamp-1/set '{\"level\": 128}'\n"
    "  mosquitto_sub -C 1 -t home/hall/lamp-1/set | thingbridge explain home/hall/lamp-1/set -\n"
    "\n"
    "Tells what becomes of a message: the rule that takes it and why others do not, the captures, the value of each\n"
    "template, the requests that would be sent, and the reply. Nothing is sent, and no secret is shown.\n"
    "PAYLOAD is empty if left out; - reads standard input. One that begins with a dash stands behind --.\n"
    "  -m, --mapping FILE       a mapping file in place of those of the configuration, as often as wanted. Without -c "
    "no\n"
    "                           configuration is needed, and the requests are shown unsigned\n"
    "      --property N=V       a user property of the message (MQTT 5), as often as wanted\n"
    "      --response-topic T   the Response Topic of the message (MQTT 5)\n"
    "      --curl               adds a signed curl command that sends the request; it carries a signature, so keep it\n"
    "                           to yourself. The device acts when it is run\n"
    "  -c, --config FILE        configuration (default " CONFIG_DEFAULT_PATH ")\n"
    "      --json               the same as one object\n"
    "Exit code 0: a request would be sent; 1: no rule takes it, or it is rejected; 65, 74: the payload cannot be "
    "read;\n"
    "77: the secret cannot be read (--curl); 78: errors in the configuration or the mappings.\n";

struct explain {
    const char *config_path;
    struct text_list mappings; // in place of the configuration's
    struct message message;
    bool curl;
    bool json;
};

// ---- the answer

static int print_report(const struct explain *explain, struct json_object *report)
{
    if (explain->json) {
        AUTO_FREE char *text = json_print(report);
        terminal_print_json(stdout, text);
    } else {
        explain_print(report);
    }
    return strcmp(json_member_text(report, "outcome"), "request") == 0 ? EX_OK : EX_PROBLEMS;
}

// Without a configuration there is no platform to sign for.
static enum err put_requests(const struct explain *explain, const struct config *config, struct json_object *report,
                             const struct command *command, const struct moment *now, struct diag *diag)
{
    if (strcmp(json_member_text(report, "outcome"), "request") != 0) {
        return ERR_OK;
    }
    if (config->platform_count == 0) {
        explain_put_unsigned_requests(report, command);
        return ERR_OK;
    }
    return explain_put_requests(report, config, command, now, explain->curl, diag);
}

static int explain_with(const struct explain *explain, const struct ruleset *rules)
{
    char uuid[CRYPTO_UUID_LEN];
    AUTO_COMMAND struct command *command = NULL;
    struct moment now = clock_now();
    struct diag diag;
    crypto_uuid7(now.wall_ms, uuid);
    AUTO_JSON struct json_object *report = explain_message(rules->mapping, &explain->message, &now, uuid, &command);
    enum err err = put_requests(explain, &rules->config, report, command, &now, &diag);
    if (err != ERR_OK) {
        fprintf(stderr, "thingbridge explain: %s\n", diag.text);
        return err == ERR_REFUSED ? EX_NOPERM : EX_CONFIG;
    }
    return print_report(explain, report);
}

static int explain_rules(const struct explain *explain)
{
    struct ruleset rules;
    int code = EX_CONFIG;
    if (ruleset_load(explain->config_path, &explain->mappings, &rules) != ERR_OK) {
        ruleset_report(&rules, explain->json);
    } else {
        code = explain_with(explain, &rules);
    }
    ruleset_clear(&rules);
    return code;
}

// ---- the command line

static bool fail(const char *text)
{
    fprintf(stderr, "thingbridge explain: %s\n", text);
    return false;
}

static bool add_property(void *context, const char *text)
{
    struct message *message = context;
    const char *equals = strchr(text, '=');
    if (equals == NULL || equals == text || !str_utf8_valid(text, strlen(text))) {
        return fail("a user property is given as --property NAME=VALUE");
    }
    message->properties = mem_resize(message->properties, message->property_count + 1, sizeof *message->properties);
    message->properties[message->property_count++] =
        (struct user_property){.name = mem_dup(text, (size_t)(equals - text)), .value = mem_strdup(equals + 1)};
    return true;
}

static bool set_response_topic(void *context, const char *topic)
{
    struct message *message = context;
    if (!topic_name_valid(topic, strlen(topic))) {
        return fail("--response-topic is a topic without + and #");
    }
    free(message->response_topic);
    message->response_topic = mem_strdup(topic);
    return true;
}

static int read_options(int argc, char **argv, struct explain *explain)
{
    const struct cli_option options[] = {
        {"config", 'c', .text = &explain->config_path},
        {"mapping", 'm', .list = &explain->mappings},
        {"property", .take = add_property, .context = &explain->message},
        {"response-topic", .take = set_response_topic, .context = &explain->message},
        {"curl", .flag = &explain->curl},
        {"json", .flag = &explain->json},
        {.help = help_text, .help_last = true},
    };
    int code = cli_read_options(argc, argv, options);
    if (code < 0 && explain->curl && explain->mappings.count > 0 && explain->config_path == NULL) {
        fail("--curl needs the platform: give its configuration with -c");
        return EX_USAGE;
    }
    return code;
}

static bool read_topic(int count, char **words, struct message *message)
{
    if (count == 0) {
        return fail("the topic is missing: thingbridge explain TOPIC [PAYLOAD]");
    }
    if (count > 2) {
        return fail("there is one topic and one payload; put quotes around a payload with spaces");
    }
    if (!topic_name_valid(words[0], strlen(words[0]))) {
        return fail("this is no topic on which a message can come (no + and #, not empty)");
    }
    message->topic = mem_strdup(words[0]);
    message->qos = 1;
    return true;
}

static int read_payload(const char *word, struct message *message)
{
    struct diag diag;
    enum err err = input_read(word, false, MAX_PAYLOAD, &message->payload, &message->payload_len, &diag);
    if (err != ERR_OK) {
        fprintf(stderr, "thingbridge explain: %s\n", diag.text);
        return err == ERR_LIMIT ? EX_DATAERR : EX_IOERR;
    }
    return EX_OK;
}

int cli_explain(int argc, char **argv)
{
    struct explain explain = {0};
    int code = read_options(argc, argv, &explain);
    if (code < 0 && !read_topic(argc - optind, argv + optind, &explain.message)) {
        code = EX_USAGE;
    } else if (code < 0) {
        secret_hide_memory();
        code = read_payload(optind + 1 < argc ? argv[optind + 1] : "", &explain.message);
        code = code == EX_OK ? explain_rules(&explain) : code;
    }
    message_clear(&explain.message);
    text_list_free(&explain.mappings);
    return code;
}
