// One call by hand: the arguments become a command (core/command/direct.h), which one_call.c signs, sends once and
// reads.
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "app/cli/cli.h"
#include "app/cli/cli_options.h"
#include "app/cli/input.h"
#include "app/cli/one_call.h"
#include "app/cli/ruleset.h"
#include "app/cli/terminal.h"
#include "app/config/secret.h"
#include "base/clock.h"
#include "base/json/json.h"
#include "base/mem.h"
#include "base/nearest.h"
#include "base/str.h"
#include "core/command/direct.h"

#define MAX_ARGS    262144
#define MAX_DEVICES 1000

static const char help_text[] =
    "  thingbridge invoke --product-key k1ymv1DuLfE --device hall-lamp-1 --identifier Toggle\n"
    "  thingbridge invoke --product-key k1ymv1DuLfE --device lamp-1 --device lamp-2 --identifier Set \\\n"
    "      --args '{\"brightness\": 50}'\n"
    "  thingbridge invoke --iot-id Q7uOhVRdZRRlDnTLv0000100 --identifier Set --args @args.json --json\n"
    "\n"
    "Invokes a service of one device, or of several, with one signed call, and prints what came of it. Needs no "
    "broker\n"
    "and no mapping. It is sent once and never tried again; Ctrl-C ends the wait, not what the device does.\n"
    "      --device D         name of the device; several times for several devices (up to 100)\n"
    "      --product-key K    the devices' product\n"
    "      --iot-id I         the device's IotId, in place of product and name\n"
    "      --identifier S     the service, or module:service\n"
    "      --args JSON        its arguments, an object (default {}); @FILE reads a file, - standard input\n"
    "      --platform NAME    one of the configured platforms (default: the first)\n"
    "      --timeout T        how long to wait for the answer, as 20s (default: platform.timeout)\n"
    "  -c, --config FILE      configuration (default " CONFIG_DEFAULT_PATH ")\n"
    "      --json             one object like a reply: status, message_id, request_id, result, error ...\n"
    "Exit code by the outcome:\n"
    "   0  ok or accepted\n"
    "  65  the request or the device was refused, or the device answered with an error\n"
    "  69  nothing was sent: the platform could not be reached\n"
    "  70  unknown: it was sent and may have run; look at the device before you send it again\n"
    "  75  throttled, busy or offline: try again later\n"
    "  77  credentials, signature or clock\n"
    "  64  usage; 74 a file cannot be read; 78 errors in the configuration\n";

struct invoke {
    const char *devices[MAX_DEVICES];
    struct direct direct;
    const char *args;
    const char *platform;
    const char *config_path;
    int64_t timeout_ms; // 0: as configured
    bool json;
};

// ---- what came of it

static void print_row(const char *name, const char *text_or_null)
{
    if (text_or_null != NULL && *text_or_null != '\0') {
        printf("  %-11s ", name);
        terminal_print_clean(stdout, text_or_null);
        fputc('\n', stdout);
    }
}

static void print_target(const struct invoke *invoke)
{
    const struct direct *direct = &invoke->direct;
    terminal_print_clean(stdout, direct->identifier);
    fputs(" on ", stdout);
    terminal_print_clean(stdout, direct->iot_id != NULL ? direct->iot_id : direct->devices[0]);
    if (direct->device_count > 1) {
        printf(" and %zu more", direct->device_count - 1);
    }
}

static void print_for_people(const struct invoke *invoke, const struct one_call *done)
{
    const struct call_outcome *outcome = &done->outcome;
    const struct failure *failure = &outcome->failure;
    bool colour = terminal_has_colour(stdout);
    const char *start = !colour ? "" : done->exit_code == EX_OK ? "\033[32m" : "\033[31m";
    printf("%s%s%s: ", start, status_name(outcome->status), colour ? "\033[0m" : "");
    print_target(invoke);
    printf(" (%lld ms)\n", (long long)done->duration_ms);
    print_row("message id", outcome->message_id);
    print_row("request id", outcome->request_id);
    if (outcome->has_result) {
        AUTO_FREE char *result = json_print(outcome->result);
        print_row("result", result);
    }
    if (failure->code != NULL) {
        AUTO_FREE char *error = mem_printf("%s: %s", failure->code->code, failure->code->title);
        print_row("error", error);
        print_row("", failure->detail);
        print_row("hint", failure_hint(failure));
    }
}

static void print_json(const struct command *command, const struct one_call *done)
{
    struct reply_facts facts = {
        .wall_ms = clock_now().wall_ms, .duration_ms = done->duration_ms, .attempts = done->attempts};
    AUTO_FREE char *text = reply_final(command, &done->outcome, 1, &facts);
    terminal_print_json(stdout, text);
}

// ---- the call

static struct config_platform *choose_platform(const struct config *config, const char *name_or_null)
{
    if (name_or_null == NULL) {
        return &config->platforms[0];
    }
    struct nearest nearest = {.text = name_or_null};
    for (size_t i = 0; i < config->platform_count; i++) {
        if (strcmp(config->platforms[i].name, name_or_null) == 0) {
            return &config->platforms[i];
        }
        nearest_try(&nearest, config->platforms[i].name);
    }
    fprintf(stderr, "thingbridge invoke: no platform `%s` is configured" NEAREST_FORMAT "\n", name_or_null,
            NEAREST_ARGS(nearest.name, ""));
    return NULL;
}

static int perform(const struct invoke *invoke, struct config *config, struct config_platform *platform)
{
    AUTO_COMMAND struct command *command = direct_command(&invoke->direct);
    struct one_call done;
    struct diag diag;
    if (invoke->timeout_ms > 0) {
        platform->timeout_ms = invoke->timeout_ms;
    }
    enum err err = one_call_make(config, platform, command, &done, &diag);
    if (err != ERR_OK) {
        fprintf(stderr, "thingbridge invoke: %s\n", diag.text);
        return err == ERR_REFUSED ? EX_NOPERM : EX_CONFIG;
    }
    if (invoke->json) {
        print_json(command, &done);
    } else {
        print_for_people(invoke, &done);
    }
    call_outcome_clear(&done.outcome);
    return done.exit_code;
}

static int perform_configured(const struct invoke *invoke)
{
    struct ruleset rules;
    int code = EX_CONFIG;
    if (ruleset_load_config(invoke->config_path, &rules)) {
        struct config_platform *platform = choose_platform(&rules.config, invoke->platform);
        code = platform == NULL ? EX_USAGE : perform(invoke, &rules.config, platform);
    }
    ruleset_clear(&rules);
    return code;
}

// ---- the command line

static bool fail(const char *text)
{
    fprintf(stderr, "thingbridge invoke: %s\n", text);
    return false;
}

static bool add_device(void *context, const char *name)
{
    struct invoke *invoke = context;
    if (invoke->direct.device_count == MAX_DEVICES) {
        return fail("there are too many devices; one call has at most 100");
    }
    invoke->devices[invoke->direct.device_count++] = name;
    return true;
}

static bool set_timeout(void *context, const char *text)
{
    int64_t *timeout_ms = context;
    return (str_parse_duration_ms(text, timeout_ms) == ERR_OK && *timeout_ms > 0) ||
           fail("--timeout is a duration above 0 with its unit, such as 20s");
}

static bool check_target(const struct direct *direct)
{
    if (direct->identifier == NULL) {
        return fail("--identifier is missing: the service to invoke");
    }
    if (direct->iot_id != NULL) {
        return (direct->device_count == 0 && direct->product_key == NULL) ||
               fail("--iot-id replaces --product-key and --device");
    }
    if (direct->device_count == 0) {
        return fail("--device is missing: name a device, or give --iot-id");
    }
    return direct->product_key != NULL || fail("--product-key is missing: a device's name needs its product");
}

static int read_options(int argc, char **argv, struct invoke *invoke)
{
    const struct cli_option options[] = {{"device", .take = add_device, .context = invoke},
                                         {"product-key", .text = &invoke->direct.product_key},
                                         {"iot-id", .text = &invoke->direct.iot_id},
                                         {"identifier", .text = &invoke->direct.identifier},
                                         {"args", .text = &invoke->args},
                                         {"platform", .text = &invoke->platform},
                                         {"timeout", .take = set_timeout, .context = &invoke->timeout_ms},
                                         {"config", 'c', .text = &invoke->config_path},
                                         {"json", .flag = &invoke->json},
                                         {.help = help_text, .help_last = true}};
    int code = cli_read_options(argc, argv, options);
    if (code < 0 && optind < argc) {
        fprintf(stderr, "thingbridge invoke: `%s` is not expected here; arguments are given with --args\n",
                argv[optind]);
        return EX_USAGE;
    }
    return code < 0 && !check_target(&invoke->direct) ? EX_USAGE : code;
}

int cli_invoke(int argc, char **argv)
{
    struct invoke invoke = {.args = "{}"};
    int code = read_options(argc, argv, &invoke);
    if (code >= 0) {
        return code;
    }
    secret_hide_memory();
    AUTO_FREE char *args = NULL;
    struct diag diag;
    enum err err = input_read(invoke.args, true, MAX_ARGS, &args, &invoke.direct.args_len, &diag);
    if (err != ERR_OK) {
        fprintf(stderr, "thingbridge invoke: --args: %s\n", diag.text);
        return err == ERR_LIMIT ? EX_DATAERR : EX_IOERR;
    }
    invoke.direct.args = args;
    invoke.direct.devices = invoke.devices;
    return perform_configured(&invoke);
}
