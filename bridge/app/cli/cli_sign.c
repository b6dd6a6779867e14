// Shows the stages of a signature: of given parameters alone, or, with a configuration, of a request as the service
// makes it.
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "app/cli/cli.h"
#include "app/cli/cli_options.h"
#include "app/cli/ruleset.h"
#include "app/cli/terminal.h"
#include "app/config/secret.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/json/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "core/platform/sign.h"

static const char help_text[] =
    "  thingbridge sign --secret-file secret Action=InvokeThingService AccessKeyId=testid ProductKey=a1BwAGV \\\n"
    "      DeviceName=lamp Identifier=Set 'Args={\"level\":1}'\n"
    "  thingbridge sign -c thingbridge.yaml Action=GetDeviceStatus ProductKey=a1BwAGV DeviceName=lamp\n"
    "  thingbridge sign --exact --json --secret-file secret NAME=VALUE...\n"
    "\n"
    "Prints the canonical query, the string to sign and the signature, to compare with the string that a\n"
    "SignatureDoesNotMatch answer shows. What is missing of SignatureMethod, SignatureNonce and Timestamp is added, "
    "with -c\n"
    "also AccessKeyId and the configured parameters.\n"
    "      --method M        GET (default) or POST\n"
    "      --algorithm A     HMAC-SHA1 (default) or HMAC-SHA256\n"
    "      --secret-file F   file that holds the AccessKeySecret\n"
    "  -c, --config FILE     takes secret, method, algorithm and common parameters from the (first) platform\n"
    "      --exact           adds no parameters\n"
    "      --json            prints {canonical_query, string_to_sign, signature}\n"
    "Exit code 64: a parameter or an option is wrong; 77: the secret cannot be read; 78: errors in the "
    "configuration.\n";

struct sign_request_options {
    const char *method;
    const char *algorithm;
    const char *secret_file;
    const char *config_path;
    bool exact;
    bool json;
};

static void add_missing(struct parameters *parameters, const char *name, const char *value)
{
    if (parameters_find(parameters, name) == NULL) {
        parameters_add(parameters, name, value);
    }
}

static void add_common(struct parameters *parameters, const char *algorithm, const struct config_platform *platform)
{
    char nonce[CRYPTO_NONCE_LEN];
    char timestamp[CLOCK_ISO_LEN];
    struct moment now = clock_now();
    crypto_nonce(nonce);
    clock_iso_s(now.wall_ms, timestamp);
    add_missing(parameters, "SignatureMethod", algorithm);
    add_missing(parameters, "SignatureNonce", nonce);
    add_missing(parameters, "Timestamp", timestamp);
    if (platform->access_key_id != NULL) {
        add_missing(parameters, "AccessKeyId", platform->access_key_id);
    }
    for (size_t i = 0; i < platform->parameters.count; i++) {
        add_missing(parameters, platform->parameters.items[i].name, platform->parameters.items[i].value);
    }
}

static void show(const struct signature_stages *stages, bool json)
{
    if (!json) {
        printf("canonical query: %s\nstring to sign:  %s\nsignature:       %s\n", stages->canonical_query.data,
               stages->string_to_sign.data, stages->signature.data);
        return;
    }
    AUTO_JSON struct json_object *map = json_new_map();
    json_put_text(map, "canonical_query", stages->canonical_query.data);
    json_put_text(map, "string_to_sign", stages->string_to_sign.data);
    json_put_text(map, "signature", stages->signature.data);
    AUTO_FREE char *text = json_print(map);
    terminal_print_json(stdout, text);
}

static int read_arguments(int count, char **arguments, struct parameters *parameters)
{
    for (int i = 0; i < count; i++) {
        const char *equals = strchr(arguments[i], '=');
        if (equals == NULL || equals == arguments[i]) {
            fprintf(stderr, "thingbridge sign: `%s` is not NAME=VALUE\n", arguments[i]);
            return EX_USAGE;
        }
        AUTO_FREE char *name = mem_dup(arguments[i], (size_t)(equals - arguments[i]));
        if (parameters_find(parameters, name) != NULL) {
            fprintf(stderr, "thingbridge sign: %s is given twice\n", name);
            return EX_USAGE;
        }
        if (strcmp(name, "Signature") == 0) {
            fputs("thingbridge sign: Signature is no part of what is signed; leave it out\n", stderr);
            return EX_USAGE;
        }
        if (!str_utf8_valid(equals + 1, strlen(equals + 1))) {
            fprintf(stderr, "thingbridge sign: the value of %s is not valid UTF-8\n", name);
            return EX_DATAERR;
        }
        parameters_add(parameters, name, equals + 1);
    }
    return EX_OK;
}

static int sign_with(const struct sign_request_options *options, const struct config_platform *platform,
                     struct parameters *parameters)
{
    char *secret = NULL;
    const char *warning = NULL;
    struct diag diag;
    const char *algorithm = options->algorithm != NULL ? options->algorithm : config_algorithm_name(platform);
    const char *method = options->method != NULL ? options->method : config_method_name(platform);
    if (secret_read(&platform->access_key_secret, &secret, &warning, &diag) != ERR_OK) {
        fprintf(stderr, "thingbridge sign: %s\n", diag.text);
        return EX_NOPERM;
    }
    struct crypto_mac_key *key = sign_key_create(algorithm, secret);
    secret_free(secret);
    if (key == NULL) {
        fprintf(stderr, "thingbridge sign: there is no algorithm `%s`; use HMAC-SHA1 or HMAC-SHA256\n", algorithm);
        return EX_USAGE;
    }
    if (!options->exact) {
        add_common(parameters, algorithm, platform);
    }
    struct signature_stages stages = {0};
    sign_parameters(parameters, method, key, &stages);
    show(&stages, options->json);
    signature_stages_free(&stages);
    crypto_mac_destroy(key);
    return EX_OK;
}

static int sign_configured(const struct sign_request_options *options, struct parameters *parameters)
{
    struct ruleset rules;
    int code = EX_CONFIG;
    if (ruleset_load_config(options->config_path, &rules)) {
        code = sign_with(options, &rules.config.platforms[0], parameters);
    }
    ruleset_clear(&rules);
    return code;
}

// An exit code, or -1 to go on.
static int read_options(int argc, char **argv, struct sign_request_options *options)
{
    const struct cli_option known[] = {{"method", .text = &options->method},
                                       {"algorithm", .text = &options->algorithm},
                                       {"secret-file", .text = &options->secret_file},
                                       {"config", 'c', .text = &options->config_path},
                                       {"exact", .flag = &options->exact},
                                       {"json", .flag = &options->json},
                                       {.help = help_text}};
    int code = cli_read_options(argc, argv, known);
    if (code < 0 && options->method != NULL && strcmp(options->method, "GET") != 0 &&
        strcmp(options->method, "POST") != 0) {
        fprintf(stderr, "thingbridge sign: there is no method `%s` here; use GET or POST\n", options->method);
        return EX_USAGE;
    }
    return code;
}

int cli_sign(int argc, char **argv)
{
    struct sign_request_options options = {0};
    int code = read_options(argc, argv, &options);
    if (code >= 0) {
        return code;
    }
    struct parameters parameters = {0};
    code = read_arguments(argc - optind, argv + optind, &parameters);
    if (code == EX_OK && parameters.count == 0) {
        fputs(help_text, stderr);
        code = EX_USAGE;
    } else if (code == EX_OK && options.secret_file != NULL) {
        // Without a configuration only the secret is known; the rest of a platform is as by default.
        struct config_platform platform = {.access_key_secret = {.file = (char *)options.secret_file}};
        code = sign_with(&options, &platform, &parameters);
    } else if (code == EX_OK) {
        code = sign_configured(&options, &parameters);
    }
    parameters_clear(&parameters);
    return code;
}
