#include <getopt.h>
#include <stdio.h>
#include <sysexits.h>

#include "app/cli/cli.h"
#include "app/cli/cli_options.h"
#include "app/cli/problem_report.h"
#include "app/cli/ruleset.h"

static const char help_text[] =
    "  thingbridge check\n"
    "  thingbridge check -c thingbridge.yaml\n"
    "  thingbridge check mappings/demo.yaml\n"
    "\n"
    "Reads the configuration and the mappings it names, or only the mapping files given, and prints\n"
    "all that is wrong. Exit code 0: no errors; 78: errors.\n"
    "  -c, --config FILE   configuration (default " CONFIG_DEFAULT_PATH ")\n"
    "      --json          problems as JSON\n";

static void check_rules(struct ruleset *check, const struct text_list *given)
{
    // What they return is counted in the problems too.
    (void)!(given->count > 0 ? config_load_mappings(given, &check->files, &check->problems)
                             : config_load_own_mappings(&check->config, &check->files, &check->problems));
    (void)!config_build_mapping(&check->config, &check->files, &check->mapping, &check->problems);
}

static void report(const struct ruleset *check, bool json)
{
    if (json) {
        problem_report_json(stdout, &check->problems);
        return;
    }
    problem_report(stdout, &check->problems, check->config.document, &check->files);
    if (check->problems.errors == 0) {
        size_t rules = check->mapping == NULL ? 0 : mapping_rule_count(check->mapping);
        printf("ok: %zu rule%s in %zu file%s\n", rules, rules == 1 ? "" : "s", check->files.count,
               check->files.count == 1 ? "" : "s");
    } else {
        problem_report_count(stderr, &check->problems);
    }
}

int cli_check(int argc, char **argv)
{
    const char *path = NULL;
    bool json = false;
    const struct cli_option options[] = {{"config", 'c', .text = &path}, {"json", .flag = &json}, {.help = help_text}};
    int code = cli_read_options(argc, argv, options);
    if (code >= 0) {
        return code;
    }
    struct ruleset check = {0};
    struct text_list given = {.items = argv + optind, .count = (size_t)(argc - optind)};
    bool with_config = path != NULL || given.count == 0;
    if (!with_config) {
        config_defaults(&check.config);
    }
    bool readable =
        !with_config || config_load(path, &check.config, &check.problems) == ERR_OK || config_is_read(&check.config);
    if (with_config && readable) {
        config_check_files(&check.config, &check.problems);
    }
    if (readable) {
        check_rules(&check, &given);
    }
    report(&check, json);
    code = check.problems.errors > 0 ? EX_CONFIG : EX_OK;
    ruleset_clear(&check);
    return code;
}
