// Retry and drop: the service that runs is asked; if none runs, this process takes its lock and does the work.
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include "app/cli/outbox/cli_outbox_internal.h"
#include "app/cli/terminal.h"
#include "app/service/entry/offline_drop.h"
#include "base/mem.h"

#define ANSWER_MS 5000
#define LOOK_MS   20

static bool retries(const struct outbox_cli *cli)
{
    return strcmp(cli->verb, "retry") == 0;
}

// The sentence for people goes to stdout if it was done; --json reports both there.
static int report(const struct outbox_cli *cli, int64_t number, bool done, const struct diag *detail)
{
    if (cli->json) {
        AUTO_JSON struct json_object *map = json_new_map();
        json_put(map, "number", json_new_int(number));
        json_put_text(map, "verb", cli->verb);
        json_put(map, "done", json_new_bool(done));
        json_put_text(map, "detail", detail->text);
        AUTO_FREE char *text = json_print(map);
        terminal_print_json(stdout, text);
    } else if (done) {
        puts(detail->text);
    }
    if (!done) {
        fprintf(stderr, "thingbridge outbox %s: %s\n", cli->verb, detail->text);
    }
    return done ? EX_OK : EX_DATAERR;
}

// ---- the service runs

static void sleep_ms(long ms)
{
    struct timespec wait = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    nanosleep(&wait, NULL);
}

static enum err wait_answer(struct outbox_asker *asker, struct outbox_answer *answer, struct diag *diag)
{
    int64_t until_ms = clock_now().boot_ms + ANSWER_MS;
    enum err err = outbox_request_look(asker, answer, diag);
    while (err == ERR_OK && answer->kind == OUTBOX_WAITING && clock_now().boot_ms < until_ms) {
        sleep_ms(LOOK_MS);
        err = outbox_request_look(asker, answer, diag);
    }
    return err;
}

static int unanswered(const struct outbox_cli *cli, int64_t number, const struct outbox_answer *answer)
{
    const char *why = answer->kind == OUTBOX_FORGOTTEN ? "was started again and forgot the request"
                                                       : "has the outbox open and did not answer within 5 s";
    fprintf(stderr,
            "thingbridge outbox %s: the service %s; the request was withdrawn; see whether it runs, look with"
            " `thingbridge outbox show %lld`, and try again\n",
            cli->verb, why, (long long)number);
    return EX_TEMPFAIL;
}

static int ask_service(const struct outbox_cli *cli, const struct config *config, int64_t number)
{
    struct outbox_asker *asker = NULL;
    struct outbox_answer answer = {0};
    struct diag diag;
    struct moment now = clock_now();
    enum err err = outbox_request_make(config->outbox.path, retries(cli) ? OUTBOX_RETRY : OUTBOX_DROP, number, &now,
                                       &asker, &diag);
    if (err != ERR_OK) {
        return outbox_fail(cli->verb, err, &diag);
    }
    err = wait_answer(asker, &answer, &diag);
    outbox_request_end(asker);
    if (err != ERR_OK) {
        return outbox_fail(cli->verb, err, &diag);
    }
    if (answer.kind == OUTBOX_WAITING || answer.kind == OUTBOX_FORGOTTEN) {
        return unanswered(cli, number, &answer);
    }
    return report(cli, number, answer.kind == OUTBOX_PERFORMED, &answer.text);
}

// ---- no service runs

static int repair_stopped(struct outbox *outbox, const struct outbox_cli *cli, const struct config *config,
                          int64_t number)
{
    struct diag detail;
    struct moment now = clock_now();
    enum err err = retries(cli) ? offline_retry(outbox, number, &now, &detail)
                                : offline_drop(outbox, number, &now, config->outbox.dedupe_window_ms, &detail);
    if (err == ERR_OK || err == ERR_REFUSED || err == ERR_MISSING) {
        return report(cli, number, err == ERR_OK, &detail);
    }
    return outbox_fail(cli->verb, err, &detail);
}

int outbox_repair_command(const struct outbox_cli *cli, const struct config *config, int64_t number)
{
    struct outbox_options options = {.path = config->outbox.path,
                                     .sync_full = config->outbox.sync == 0,
                                     .max_commands = config->outbox.max_commands,
                                     .max_bytes = config->outbox.max_bytes,
                                     .is_tool = true};
    struct outbox *outbox = NULL;
    struct diag diag;
    struct diag damaged = {0};
    enum err err = outbox_open(&options, &outbox, &damaged, &diag);
    if (err == ERR_REFUSED) {
        return ask_service(cli, config, number);
    }
    if (err != ERR_OK) {
        return outbox_fail(cli->verb, err, &diag);
    }
    if (damaged.text[0] != '\0') {
        fprintf(stderr, "thingbridge outbox %s: %s\n", cli->verb, damaged.text);
    }
    int code = repair_stopped(outbox, cli, config, number);
    outbox_close(outbox);
    return code;
}
