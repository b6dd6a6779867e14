// Reads verb, options and ids, loads the configuration only for the outbox's path, and hands over to the verb's file:
// list, show, or repair (retry and drop).
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "app/cli/cli.h"
#include "app/cli/cli_options.h"
#include "app/cli/outbox/cli_outbox_internal.h"
#include "app/cli/ruleset.h"
#include "base/mem.h"
#include "base/nearest.h"
#include "base/str.h"

static const char help_text[] =
    "  thingbridge outbox list\n"
    "  thingbridge outbox list --state queued --json\n"
    "  thingbridge outbox show req-42\n"
    "  thingbridge outbox drop 17\n"
    "\n"
    "Looks into the queue of commands and repairs it, whether the service runs or not.\n"
    "  list       the commands that are not done, oldest first; payloads are not shown\n"
    "  show ID    all that is stored of one command, with its payload, its calls and its reply\n"
    "  retry ID   tries a waiting command now\n"
    "  drop ID    ends a command: its sender is told `rejected` (dropped_by_operator), or `unknown` if an\n"
    "             attempt may have run. A reply that waits while there is no broker is thrown away\n"
    "ID is the outbox's NUMBER or the command's own id.\n"
    "  -c, --config FILE   configuration (default " CONFIG_DEFAULT_PATH ")\n"
    "      --state STATE   list: only queued (waits), sent (a request left), replied (the reply is not yet\n"
    "                      acknowledged), done (kept to answer duplicates), or several with commas between\n"
    "      --number        show, retry, drop: ID is the outbox's NUMBER, whatever ids commands have\n"
    "      --json          list: one object per line (JSON Lines); show, retry, drop: one object\n"
    "Exit code 65: there is no such command, or it cannot be done to it; 74: the file is not there or\n"
    "cannot be read; 75: the service did not answer.\n";

// ---- the command line

static int perform(const struct outbox_cli *cli, const struct config *config)
{
    struct outbox_reader *reader = NULL;
    struct diag diag;
    int64_t number = 0;
    enum err err = outbox_open_reader(config->outbox.path, &reader, &diag);
    if (err != ERR_OK) {
        return outbox_fail(cli->verb, err, &diag);
    }
    bool lists = strcmp(cli->verb, "list") == 0;
    bool shows = strcmp(cli->verb, "show") == 0;
    int code = lists ? outbox_list_commands(reader, cli) : outbox_find_command(reader, cli, &number);
    if (code == EX_OK && shows) {
        code = outbox_show_command(reader, number, cli->json);
    }
    outbox_close_reader(reader);
    if (code == EX_OK && !lists && !shows) {
        code = outbox_repair_command(cli, config, number);
    }
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "thingbridge outbox %s: the output cannot be written\n", cli->verb);
        return EX_IOERR;
    }
    return code;
}

static int perform_configured(const struct outbox_cli *cli)
{
    struct ruleset rules;
    int code = ruleset_load_config(cli->config_path, &rules) ? perform(cli, &rules.config) : EX_CONFIG;
    ruleset_clear(&rules);
    return code;
}

static bool parse_state(const char *word, unsigned *states)
{
    for (enum command_state state = COMMAND_QUEUED; state <= COMMAND_DONE; state++) {
        if (strcmp(word, outbox_state_words[state]) == 0) {
            *states |= OUTBOX_STATE_BIT(state);
            return true;
        }
    }
    fprintf(stderr, "thingbridge outbox list: there is no state `%s`" NEAREST_FORMAT "\n", word,
            NEAREST_ARGS(nearest_of(word, outbox_state_words), "; use queued, sent, replied or done"));
    return false;
}

static bool parse_states(void *context, const char *text)
{
    unsigned *states = context;
    AUTO_FREE char *words = mem_strdup(text);
    char *rest = NULL;
    bool valid = *text != '\0' || parse_state("", states);
    for (char *word = strtok_r(words, ",", &rest); valid && word != NULL; word = strtok_r(NULL, ",", &rest)) {
        valid = parse_state(word, states);
    }
    return valid;
}

static bool check_verb(const char *verb)
{
    static const char *const verbs[] = {"list", "show", "retry", "drop", NULL};
    if (str_is_one_of(verb, verbs)) {
        return true;
    }
    fprintf(stderr, "thingbridge outbox: `%s` is not known" NEAREST_FORMAT "\n", verb,
            NEAREST_ARGS(nearest_of(verb, verbs), "; use list, show, retry or drop"));
    return false;
}

static bool read_words(int count, char **words, struct outbox_cli *cli)
{
    if (count == 0) {
        fputs(help_text, stderr);
        return false;
    }
    cli->verb = words[0];
    if (!check_verb(cli->verb)) {
        return false;
    }
    bool lists = strcmp(cli->verb, "list") == 0;
    if (count != (lists ? 1 : 2)) {
        fprintf(stderr, "thingbridge outbox %s: %s\n", cli->verb,
                lists ? "takes no ID; `show ID` shows one command"
                      : "takes one ID, as `thingbridge outbox list` shows");
        return false;
    }
    if (lists ? cli->by_number : cli->states != 0) {
        fprintf(stderr, "thingbridge outbox %s: %s is not for this\n", cli->verb, lists ? "--number" : "--state");
        return false;
    }
    cli->id = lists ? NULL : words[1];
    return true;
}

int cli_outbox(int argc, char **argv)
{
    struct outbox_cli cli = {0};
    const struct cli_option options[] = {{"config", 'c', .text = &cli.config_path},
                                         {"state", .take = parse_states, .context = &cli.states},
                                         {"number", .flag = &cli.by_number},
                                         {"json", .flag = &cli.json},
                                         {.help = help_text, .help_last = true}};
    int code = cli_read_options(argc, argv, options);
    if (code >= 0) {
        return code;
    }
    return read_words(argc - optind, argv + optind, &cli) ? perform_configured(&cli) : EX_USAGE;
}
