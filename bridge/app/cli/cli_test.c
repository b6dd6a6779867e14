// Loads the rules, runs the tests of all their files in order (core/mapping/tools), and prints each with its
// differences, or all as JSON. The exit code says whether all passed.
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "app/cli/cli.h"
#include "app/cli/cli_options.h"
#include "app/cli/ruleset.h"
#include "app/cli/terminal.h"
#include "base/json/json.h"
#include "base/mem.h"
#include "core/mapping/tools/mapping_test.h"

static const char help_text[] =
    "  thingbridge test mappings/demo.yaml\n"
    "  thingbridge test -c thingbridge.yaml\n"
    "  thingbridge test --json mappings/*.yaml\n"
    "\n"
    "Runs the `tests:` of the mapping files given, or of those that the configuration names. The rules of all these\n"
    "files count, as in the service. Nothing is sent. mappings/README.md tells how a test is written.\n"
    "  -c, --config FILE   configuration (default " CONFIG_DEFAULT_PATH "); not needed with mapping files\n"
    "      --json          {passed, failed, tests: [{name, file, line, rule, passed,\n"
    "                      differences: [{what, expected, got}]}]}\n"
    "Exit code 0: all passed; 1: a test failed; 78: errors in the configuration or the mappings.\n";

struct suite {
    struct ruleset rules;
    size_t passed;
    size_t failed;
    struct json_object *report; // with --json, else NULL
};

// ---- one test

static void print_difference(const struct mapping_test_difference *difference, bool colour)
{
    const char *const rows[][3] = {{"expected", "\033[32m", difference->expected},
                                   {"got", "\033[31m", difference->got}};
    fputs("        ", stdout);
    terminal_print_clean(stdout, difference->what);
    fputc('\n', stdout);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        printf("          %-9s%s", rows[i][0], colour ? rows[i][1] : "");
        terminal_print_clean(stdout, rows[i][2]);
        puts(colour ? "\033[0m" : "");
    }
}

static void print_result(const struct mapping_test_result *result, bool colour)
{
    bool passed = result->count == 0;
    const char *start = !colour ? "" : passed ? "\033[32m" : "\033[31m";
    printf("  %s%-6s%s", start, passed ? "ok" : "FAILED", colour ? "\033[0m" : "");
    fputs("  ", stdout);
    terminal_print_clean(stdout, result->name);
    if (!passed) {
        printf("  (%s:%d)", result->source, result->line);
    }
    fputc('\n', stdout);
    if (!passed && result->rule != NULL) {
        fputs("        the rule ", stdout);
        terminal_print_clean(stdout, result->rule);
        puts(" took it");
    }
    for (size_t i = 0; i < result->count; i++) {
        print_difference(&result->differences[i], colour);
    }
    if (result->count == TEST_MAX_DIFFERENCES) {
        puts("        and perhaps more");
    }
}

static void add_result(struct json_object *list, const struct mapping_test_result *result)
{
    struct json_object *item = json_new_map();
    struct json_object *differences = json_new_list();
    for (size_t i = 0; i < result->count; i++) {
        struct json_object *difference = json_new_map();
        json_put_text(difference, "what", result->differences[i].what);
        json_put_text(difference, "expected", result->differences[i].expected);
        json_put_text(difference, "got", result->differences[i].got);
        json_add(differences, difference);
    }
    json_put_text(item, "name", result->name);
    json_put_text(item, "file", result->source);
    json_put(item, "line", json_new_int(result->line));
    json_put_text(item, "rule", result->rule);
    json_put(item, "passed", json_new_bool(result->count == 0));
    json_put(item, "differences", differences);
    json_add(list, item);
}

// ---- all of them

static void run_file(struct suite *suite, const struct yaml_document *document,
                     const struct mapping_test_platform *platforms, bool colour)
{
    size_t count = mapping_test_count(document);
    if (suite->report == NULL && count > 0) {
        puts(yaml_root(document)->source);
    }
    for (size_t i = 0; i < count; i++) {
        struct mapping_test_result result;
        mapping_test_run(suite->rules.mapping, document, i, platforms, suite->rules.config.platform_count, &result);
        *(result.count == 0 ? &suite->passed : &suite->failed) += 1;
        if (suite->report != NULL) {
            add_result(suite->report, &result);
        } else {
            print_result(&result, colour);
        }
        mapping_test_result_clear(&result);
    }
}

static void print_summary(const struct suite *suite, bool colour)
{
    size_t count = suite->passed + suite->failed;
    const char *start = !colour ? "" : suite->failed == 0 ? "\033[32m" : "\033[31m";
    printf("%s%zu test%s: %zu passed, %zu failed%s\n", start, count, count == 1 ? "" : "s", suite->passed,
           suite->failed, colour ? "\033[0m" : "");
    if (suite->failed > 0) {
        fputs("`thingbridge explain --mapping FILE TOPIC PAYLOAD` shows what becomes of a message, step by step\n",
              stderr);
    }
    if (count == 0) {
        fputs("thingbridge test: there are no `tests:` in these files\n", stderr);
    }
}

static void print_json(const struct suite *suite)
{
    AUTO_JSON struct json_object *map = json_new_map();
    json_put(map, "passed", json_new_int((int64_t)suite->passed));
    json_put(map, "failed", json_new_int((int64_t)suite->failed));
    json_put(map, "tests", json_ref(suite->report));
    AUTO_FREE char *text = json_print(map);
    terminal_print_json(stdout, text);
}

static void run_all(struct suite *suite)
{
    bool colour = terminal_has_colour(stdout);
    size_t count = suite->rules.config.platform_count;
    AUTO_FREE struct mapping_test_platform *platforms = mem_alloc((count + 1) * sizeof *platforms);
    for (size_t i = 0; i < count; i++) {
        const struct config_platform *platform = &suite->rules.config.platforms[i];
        platforms[i] = (struct mapping_test_platform){platform->name, platform->errors, platform->error_count};
    }
    for (size_t i = 0; i < suite->rules.files.count; i++) {
        run_file(suite, suite->rules.files.documents[i], platforms, colour);
    }
    if (suite->report != NULL) {
        print_json(suite);
    } else {
        print_summary(suite, colour);
    }
}

static int run_suite(struct suite *suite, const char *path, const struct text_list *given)
{
    enum err err = ruleset_load(path, given, &suite->rules);
    ruleset_report(&suite->rules, suite->report != NULL);
    if (err != ERR_OK) {
        return EX_CONFIG;
    }
    run_all(suite);
    return suite->failed > 0 ? EX_PROBLEMS : EX_OK;
}

int cli_test(int argc, char **argv)
{
    const char *path = NULL;
    bool json = false;
    const struct cli_option options[] = {{"config", 'c', .text = &path}, {"json", .flag = &json}, {.help = help_text}};
    int code = cli_read_options(argc, argv, options);
    if (code >= 0) {
        return code;
    }
    struct text_list given = {.items = argv + optind, .count = (size_t)(argc - optind)};
    struct suite suite = {.report = json ? json_new_list() : NULL};
    code = run_suite(&suite, path, &given);
    json_free(suite.report);
    ruleset_clear(&suite.rules);
    return code;
}
