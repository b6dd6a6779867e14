#include <getopt.h>
#include <stdio.h>
#include <sysexits.h>

#include "app/cli/cli.h"
#include "app/cli/cli_options.h"
#include "app/cli/ruleset.h"
#include "app/config/secret.h"
#include "app/service/loop.h"
#include "app/service/signals.h"
#include "base/log.h"

static const char help_text[] = "  thingbridge run\n"
                                "  thingbridge run -c thingbridge.yaml\n"
                                "  THINGBRIDGE_LOG__LEVEL=debug thingbridge run\n"
                                "\n"
                                "Runs the service until SIGTERM or SIGINT.\n"
                                "  -c, --config FILE   configuration (default " CONFIG_DEFAULT_PATH ")\n";

static int run_with(const char *path, struct ruleset *rules)
{
    struct config *config = &rules->config;
    bool ready = config_load(path, config, &rules->problems) == ERR_OK &&
                 config_load_own_mappings(config, &rules->files, &rules->problems) == ERR_OK &&
                 config_build_mapping(config, &rules->files, &rules->mapping, &rules->problems) == ERR_OK;
    ruleset_report(rules, false);
    if (!ready || rules->problems.errors > 0) {
        fputs("thingbridge: not started; correct the errors above, `thingbridge check` shows them again\n", stderr);
        return EX_CONFIG;
    }
    config_fingerprint(config, &rules->files);
    config_clear_mappings(&rules->files);
    log_setup((enum log_level)config->log.level, (enum log_format)config->log.format);
    return loop_run(config, rules->mapping);
}

int cli_run(int argc, char **argv)
{
    const char *path = NULL;
    const struct cli_option options[] = {{"config", 'c', .text = &path}, {.help = help_text}};
    int code = cli_read_options(argc, argv, options);
    if (code >= 0) {
        return code;
    }
    if (optind < argc) {
        fprintf(stderr, "thingbridge run: `%s` is not expected here; a configuration is given with -c FILE\n",
                argv[optind]);
        return EX_USAGE;
    }
    secret_hide_memory();
    signals_hold_hangup();
    struct ruleset rules = {0};
    code = run_with(path, &rules);
    ruleset_clear(&rules);
    return code;
}
