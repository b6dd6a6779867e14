// Retry and drop: the service that runs is asked; if none runs, this process takes its lock and does the work.
#include <stdlib.h>
#include <sysexits.h>
#include <time.h>

#include "app/cli/outbox/cli_outbox_internal.h"
#include "app/cli/terminal.h"
#include "app/service/offline_drop.h"
#include "base/mem.h"

#define ANSWER_MS 5000
#define LOOK_MS   20

static const char *verb_name(enum outbox_verb verb)
{
    return verb == OUTBOX_RETRY ? "retry" : "drop";
}

// The sentence for people goes to stdout if it was done; --json reports both there.
static int report(enum outbox_verb verb, int64_t number, bool done, const struct diag *told, bool json)
{
    if (json) {
        AUTO_JSON struct json_object *map = json_new_map();
        json_put(map, "number", json_new_int(number));
        json_put_text(map, "verb", verb_name(verb));
        json_put(map, "done", json_new_bool(done));
        json_put_text(map, "detail", told->text);
        AUTO_FREE char *text = json_print(map);
        terminal_print_json(stdout, text);
    } else if (done) {
        puts(told->text);
    }
    if (!done) {
        fprintf(stderr, "thingbridge outbox %s: %s\n", verb_name(verb), told->text);
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

static int unanswered(enum outbox_verb verb, int64_t number, const struct outbox_answer *answer)
{
    const char *why = answer->kind == OUTBOX_FORGOTTEN ? "was started again and forgot the request"
                                                       : "has the outbox open and did not answer within 5 s";
    fprintf(stderr,
            "thingbridge outbox %s: the service %s; the request was withdrawn; see whether it runs, look with"
            " `thingbridge outbox show %lld`, and try again\n",
            verb_name(verb), why, (long long)number);
    return EX_TEMPFAIL;
}

static int ask_service(const struct config *config, enum outbox_verb verb, int64_t number, bool json)
{
    struct outbox_asker *asker = NULL;
    struct outbox_answer answer = {0};
    struct diag diag;
    struct moment now = clock_now();
    enum err err = outbox_request_make(config->outbox.path, verb, number, &now, &asker, &diag);
    if (err != ERR_OK) {
        return outbox_fail(verb_name(verb), err, &diag);
    }
    err = wait_answer(asker, &answer, &diag);
    outbox_request_end(asker);
    if (err != ERR_OK) {
        return outbox_fail(verb_name(verb), err, &diag);
    }
    if (answer.kind == OUTBOX_WAITING || answer.kind == OUTBOX_FORGOTTEN) {
        return unanswered(verb, number, &answer);
    }
    return report(verb, number, answer.kind == OUTBOX_PERFORMED, &answer.text, json);
}

// ---- no service runs

static int mend_stopped(struct outbox *outbox, const struct config *config, enum outbox_verb verb, int64_t number,
                        bool json)
{
    struct diag told;
    struct moment now = clock_now();
    enum err err = verb == OUTBOX_RETRY ? offline_retry(outbox, number, &now, &told)
                                        : offline_drop(outbox, number, &now, config->outbox.dedupe_window_ms, &told);
    if (err == ERR_OK || err == ERR_REFUSED || err == ERR_MISSING) {
        return report(verb, number, err == ERR_OK, &told, json);
    }
    return outbox_fail(verb_name(verb), err, &told);
}

int outbox_repair_command(const struct config *config, enum outbox_verb verb, int64_t number, bool json)
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
        return ask_service(config, verb, number, json);
    }
    if (err != ERR_OK) {
        return outbox_fail(verb_name(verb), err, &diag);
    }
    if (damaged.text[0] != '\0') {
        fprintf(stderr, "thingbridge outbox %s: %s\n", verb_name(verb), damaged.text);
    }
    int code = mend_stopped(outbox, config, verb, number, json);
    outbox_close(outbox);
    return code;
}
