// The subcommands: a row each, and cli_NAME.c. Each gets its own arguments (argv[0] is its name) and returns an exit
// code of sysexits.h.
#pragma once

#define EX_PROBLEMS 1 // a test or check found problems

#define CLI_COMMANDS(X)                                                                                                \
    X(run, "the service")                                                                                              \
    X(check, "reads configuration and mappings, and prints all that is wrong with them")                               \
    X(test, "runs the tests in mapping files")                                                                         \
    X(explain, "shows what becomes of a message: its rule, its templates, its requests, its reply")                    \
    X(invoke, "invokes a service with one signed call, without a broker")                                              \
    X(generate, "writes a mapping from a product's thing model")                                                       \
    X(schema, "writes the JSON Schema of mapping files or of the configuration, for editors")                          \
    X(sign, "shows the stages of a signature")                                                                         \
    X(outbox, "looks into the queue of commands and repairs it: list, show, retry, drop")

#define CLI_DECLARE(name, summary) int cli_##name(int argc, char **argv);
CLI_COMMANDS(CLI_DECLARE)
#undef CLI_DECLARE
