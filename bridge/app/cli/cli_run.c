#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

#include "app/cli/cli.h"
#include "app/cli/problem_report.h"
#include "app/config/config.h"
#include "app/config/secret.h"
#include "app/service/loop.h"
#include "app/service/signals.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/mapping/load/mapping_load.h"

static const char help_text[] = "  thingbridge run\n"
                                "  thingbridge run -c thingbridge.yaml\n"
                                "  THINGBRIDGE_LOG__LEVEL=debug thingbridge run\n"
                                "\n"
                                "Runs the service until SIGTERM or SIGINT.\n"
                                "  -c, --config FILE   configuration (default " CONFIG_DEFAULT_PATH ")\n";

// Prints all problems; true if there are errors.
static bool report(const struct config *config, const struct mapping_files *files, const struct problems *problems)
{
    problem_report(stderr, problems, config->document, files);
    return problems->errors > 0;
}

static int run_with(struct config *config, struct mapping_files *files, const char *path, struct problems *problems)
{
    struct mapping *mapping = NULL;
    bool ready = config_load(path, config, problems) == ERR_OK &&
                 config_load_own_mappings(config, files, problems) == ERR_OK &&
                 config_build_mapping(config, files, &mapping, problems) == ERR_OK;
    bool errors = report(config, files, problems);
    if (ready && !errors) {
        config_fingerprint(config, files);
    }
    config_clear_mappings(files);
    if (!ready || errors) {
        fputs("thingbridge: not started; correct the errors above, `thingbridge check` shows them again\n", stderr);
        return EX_CONFIG;
    }
    log_setup((enum log_level)config->log.level, (enum log_format)config->log.format);
    int code = loop_run(config, mapping);
    mapping_destroy(mapping);
    return code;
}

int cli_run(int argc, char **argv)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'}, {"help", no_argument, NULL, 'h'}, {0}};
    const char *path = NULL;
    for (int option; (option = getopt_long(argc, argv, "c:h", options, NULL)) != -1;) {
        if (option == 'h') {
            fputs(help_text, stdout);
            return EX_OK;
        }
        if (option != 'c') {
            return EX_USAGE;
        }
        path = optarg;
    }
    if (optind < argc) {
        fprintf(stderr, "thingbridge run: `%s` is not expected here; a configuration is given with -c FILE\n",
                argv[optind]);
        return EX_USAGE;
    }
    secret_hide_memory();
    signals_hold_hangup();
    struct config config = {0};
    struct mapping_files files = {0};
    struct problems problems = {0};
    int code = run_with(&config, &files, path, &problems);
    problems_clear(&problems);
    config_clear(&config);
    return code;
}
