// The options of commands that report on a configuration or on mapping files: -c, --json and -h.
#pragma once

#include <stdbool.h>

#include "base/options/options.h"

struct cli_options {
    const char *config; // NULL: none was named
    bool json;
    struct text_list given; // the words that follow; borrowed
};

// -1 to go on, or an exit code: the help was printed, or an option is wrong, which was reported.
int cli_read_options(int argc, char **argv, const char *help, struct cli_options *out);
