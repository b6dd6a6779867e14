// The configuration and the rules that a command of the shell works with: those of the configuration, or of mapping
// files alone.
#pragma once

#include <stdbool.h>

#include "app/config/config.h"
#include "base/err.h"
#include "core/mapping/mapping.h"

struct ruleset {
    struct config config; // the defaults, without a platform, if none was read
    struct mapping_files files;
    struct mapping *mapping;
    struct problems problems;
};

// `given` are mapping files in place of those that the configuration names; with them a configuration is read only if
// `path` is not NULL. ERR_SYNTAX: the problems have the errors. Cleared in any case.
enum err ruleset_load(const char *path, const struct text_list *given, struct ruleset *out) MUST_CHECK;
// The configuration alone. False if it has errors, which were reported on standard error. Cleared in any case.
bool ruleset_load_config(const char *path, struct ruleset *out);
void ruleset_clear(struct ruleset *set);

// Reports errors and warnings on standard error; with `json`, and if there are errors, as JSON on standard output.
void ruleset_report(const struct ruleset *set, bool json);
