// The subcommands. Each gets its own arguments (argv[0] is its name) and returns an exit code of sysexits.h.
#pragma once

#define EX_PROBLEMS 1 // a test or check found problems

int cli_run(int argc, char **argv);
int cli_check(int argc, char **argv);
int cli_test(int argc, char **argv);
int cli_explain(int argc, char **argv);
int cli_invoke(int argc, char **argv);
int cli_generate(int argc, char **argv);
int cli_schema(int argc, char **argv);
int cli_sign(int argc, char **argv);
int cli_outbox(int argc, char **argv);
