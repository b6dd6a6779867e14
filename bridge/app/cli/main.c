#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "app/cli/cli.h"
#include "app/cli/terminal.h"
#include "base/mem.h"
#include "base/nearest.h"
#include "base/str.h"

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
} commands[] = {
#define ROW(name, summary) {#name, cli_##name, summary},
    CLI_COMMANDS(ROW)
#undef ROW
};

static void usage(FILE *out)
{
    fputs("thingbridge connects an MQTT broker to the device services of an IoT platform.\n\n", out);
    fputs("  thingbridge run -c /etc/thingbridge/thingbridge.yaml\n", out);
    fputs("  thingbridge check -c thingbridge.yaml\n", out);
    fputs("  thingbridge explain --mapping lamps.yaml home/hall/lamp-1/set '{\"level\": 128}'\n\n", out);
    for (size_t i = 0; i < COUNT_OF(commands); i++) {
        fprintf(out, "  %-8s %s\n", commands[i].name, commands[i].summary);
    }
    fputs("\n`thingbridge COMMAND -h` says more; --version prints the version.\n", out);
}

static int unknown(const char *name)
{
    struct nearest nearest = {.text = name};
    for (size_t i = 0; i < COUNT_OF(commands); i++) {
        nearest_try(&nearest, commands[i].name);
    }
    fprintf(stderr, "thingbridge: there is no command `%s`" NEAREST_FORMAT "\n\n", name,
            NEAREST_ARGS(nearest.name, ""));
    usage(stderr);
    return EX_USAGE;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        usage(stderr);
        return EX_USAGE;
    }
    if (strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0) {
        usage(stdout);
        return EX_OK;
    }
    if (strcmp(argv[1], "--version") == 0) {
        puts("thingbridge " THINGBRIDGE_VERSION);
        return EX_OK;
    }
    for (size_t i = 0; i < COUNT_OF(commands); i++) {
        if (strcmp(argv[1], commands[i].name) == 0) {
            int code = commands[i].run(argc - 1, argv + 1);
            return terminal_flush(argv[1]) ? code : EX_IOERR;
        }
    }
    return unknown(argv[1]);
}
