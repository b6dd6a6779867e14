#include "app/cli/ruleset.h"

#include "app/cli/problem_report.h"
#include "core/mapping/load/mapping_load.h"

enum err ruleset_load(const char *path, const struct text_list *given, struct ruleset *out)
{
    *out = (struct ruleset){0};
    if (path == NULL && given->count > 0) {
        config_defaults(&out->config);
    } else if (config_load(path, &out->config, &out->problems) != ERR_OK) {
        return ERR_SYNTAX;
    }
    const struct text_list *patterns = given->count > 0 ? given : &out->config.mappings;
    enum err err = config_load_mappings(patterns, &out->files, &out->problems);
    return err != ERR_OK ? err : config_build_mapping(&out->config, &out->files, &out->mapping, &out->problems);
}

bool ruleset_load_config(const char *path, struct ruleset *out)
{
    *out = (struct ruleset){0};
    if (config_load(path, &out->config, &out->problems) != ERR_OK) {
        ruleset_report(out, false);
        return false;
    }
    return true;
}

void ruleset_clear(struct ruleset *set)
{
    mapping_destroy(set->mapping);
    config_clear_mappings(&set->files);
    problems_clear(&set->problems);
    config_clear(&set->config);
    *set = (struct ruleset){0};
}

void ruleset_report(const struct ruleset *set, bool json)
{
    if (json && set->problems.errors > 0) {
        problem_report_json(stdout, &set->problems);
    } else {
        problem_report(stderr, &set->problems, set->config.document, &set->files);
    }
}
