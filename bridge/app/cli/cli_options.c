#include "app/cli/cli_options.h"

#include <getopt.h>
#include <stdio.h>
#include <sysexits.h>

int cli_read_options(int argc, char **argv, const char *help, struct cli_options *out)
{
    static const struct option known[] = {{"config", required_argument, NULL, 'c'},
                                          {"json", no_argument, NULL, 'j'},
                                          {"help", no_argument, NULL, 'h'},
                                          {0}};
    *out = (struct cli_options){0};
    for (int option; (option = getopt_long(argc, argv, "c:h", known, NULL)) != -1;) {
        if (option == 'h') {
            fputs(help, stdout);
            return EX_OK;
        }
        if (option == '?') {
            return EX_USAGE;
        }
        out->json = out->json || option == 'j';
        out->config = option == 'c' ? optarg : out->config;
    }
    out->given = (struct text_list){.items = argv + optind, .count = (size_t)(argc - optind)};
    return -1;
}
