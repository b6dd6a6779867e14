// The rows of the outbox one after the other: to list them, and to find the one that is meant.
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "app/cli/outbox/cli_outbox_internal.h"
#include "app/cli/terminal.h"
#include "base/mem.h"
#include "base/str.h"

#define PAGE_ROWS     20 // a row holds its reply, of up to 1 MiB
#define MATCHES_SHOWN 10

#define STATES_OPEN                                                                                                    \
    (OUTBOX_STATE_BIT(COMMAND_QUEUED) | OUTBOX_STATE_BIT(COMMAND_SENT) | OUTBOX_STATE_BIT(COMMAND_REPLIED))
#define STATES_ENDED OUTBOX_STATE_BIT(COMMAND_DONE)

typedef bool visit_view(void *context, struct outbox_view *view);

// Shows the rows to `visit` until it returns false. Memory is bounded by a page, however many rows there are.
static enum err each_view(struct outbox_reader *reader, unsigned states, visit_view *visit, void *context,
                          struct diag *diag)
{
    struct outbox_row rows[PAGE_ROWS];
    size_t count = PAGE_ROWS;
    int64_t after = 0;
    bool go_on = true;
    while (go_on && count == PAGE_ROWS) {
        struct moment now = clock_now();
        enum err err = outbox_list(reader, after, states, rows, PAGE_ROWS, &count, diag);
        if (err != ERR_OK) {
            return err;
        }
        for (size_t i = 0; i < count; i++) {
            struct outbox_view view;
            after = rows[i].id;
            outbox_view_read(&rows[i], &now, &view);
            go_on = go_on && visit(context, &view);
            outbox_view_clear(&view);
            outbox_row_clear(&rows[i]);
        }
    }
    return ERR_OK;
}

struct listing {
    struct outbox_reader *reader;
    bool json;
    size_t count;
};

static bool print_view(void *context, struct outbox_view *view)
{
    struct listing *listing = context;
    outbox_view_look(listing->reader, view);
    if (listing->json) {
        AUTO_JSON struct json_object *map = outbox_view_json(view);
        AUTO_FREE char *text = json_print(map);
        terminal_print_json(stdout, text);
    } else {
        if (listing->count == 0) {
            outbox_view_print_head(stdout);
        }
        outbox_view_print(stdout, view);
    }
    listing->count++;
    return ferror(stdout) == 0;
}

int outbox_list_commands(struct outbox_reader *reader, const struct outbox_cli *cli)
{
    struct listing listing = {.reader = reader, .json = cli->json};
    struct diag diag;
    enum err err = each_view(reader, cli->states == 0 ? STATES_OPEN : cli->states, print_view, &listing, &diag);
    if (err != ERR_OK) {
        return outbox_fail("list", err, &diag);
    }
    if (listing.count == 0 && !cli->json) {
        fputs("no commands\n", stderr);
    }
    return EX_OK;
}

// ---- which command is meant

struct list_search {
    const char *id;
    int64_t number; // 0: the text is none
    bool by_number;
    int64_t found[MATCHES_SHOWN];
    size_t count;
};

static bool compare(void *context, struct outbox_view *view)
{
    struct list_search *search = context;
    bool is_number = view->number == search->number;
    bool is_id = !search->by_number && view->id != NULL && strcmp(view->id, search->id) == 0;
    if (is_number || is_id) {
        search->found[search->count++] = view->number;
    }
    return search->count < MATCHES_SHOWN;
}

static int report_matches(const struct outbox_cli *cli, const struct list_search *search)
{
    fprintf(stderr, "thingbridge outbox %s: several commands are meant by this id, the numbers", cli->verb);
    for (size_t i = 0; i < search->count; i++) {
        fprintf(stderr, "%s %lld", i == 0 ? "" : ",", (long long)search->found[i]);
    }
    fprintf(stderr, "%s; name one with --number NUMBER\n", search->count == MATCHES_SHOWN ? " and maybe more" : "");
    return EX_DATAERR;
}

static int report_no_match(const struct outbox_cli *cli)
{
    fprintf(stderr, "thingbridge outbox %s: there is no command ", cli->verb);
    terminal_print_clean(stderr, cli->id);
    fputs("; `thingbridge outbox list` shows those that are not done\n", stderr);
    return EX_DATAERR;
}

// Ended commands count only if no other is meant: an id may be used again after a while.
int outbox_find_command(struct outbox_reader *reader, const struct outbox_cli *cli, int64_t *number)
{
    struct list_search search = {.id = cli->id, .by_number = cli->by_number};
    struct diag diag;
    if (str_parse_int(cli->id, &search.number) != ERR_OK && cli->by_number) {
        fprintf(stderr, "thingbridge outbox %s: --number wants a number\n", cli->verb);
        return EX_USAGE;
    }
    enum err err = each_view(reader, STATES_OPEN, compare, &search, &diag);
    if (err == ERR_OK && search.count == 0) {
        err = each_view(reader, STATES_ENDED, compare, &search, &diag);
    }
    if (err != ERR_OK) {
        return outbox_fail(cli->verb, err, &diag);
    }
    if (search.count != 1) {
        return search.count == 0 ? report_no_match(cli) : report_matches(cli, &search);
    }
    *number = search.found[0];
    return EX_OK;
}
