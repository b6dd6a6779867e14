// The options of a subcommand: a row each, which says where it goes. -h and --help are known of all.
#pragma once

#include <stdbool.h>

#include "base/text_list.h"

// In one of `flag` (without an argument), `text` (the last counts), `list` (all) or `take` an option goes.
struct cli_option {
    const char *name; // NULL in the last row, which is that of the help
    char letter;      // short form of an option with an argument; '\0': none
    bool help_last;   // errors behind -h count
    bool *flag;
    const char **text;
    struct text_list *list;
    bool (*take)(void *context, const char *text); // false: it is wrong, which was reported
    void *context;
    const char *help;
};

// -1 to go on, with the words from argv[optind] on; or an exit code: the help was printed, or an option is wrong, which
// was reported.
int cli_read_options(int argc, char **argv, const struct cli_option *rows);
