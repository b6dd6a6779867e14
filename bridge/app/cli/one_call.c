// One request in a loop of its own: submit, poll until the answer or a signal comes, classify, report. After a signal
// the request may have run, and the result says so.
#include "app/cli/one_call.h"

#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <sysexits.h>
#include <unistd.h>

#include "app/config/secret.h"
#include "app/service/call/answer.h"
#include "app/service/call/platform.h"
#include "app/service/call/signed_call.h"
#include "base/clock.h"
#include "base/mem.h"

#define LONGEST_POLL_MS 1000

static int exit_code_of_class(enum api_class class)
{
    switch (class) {
    case API_SUCCESS:
        return EX_OK;
    case API_AUTH:
    case API_CLOCK:
        return EX_NOPERM;
    case API_THROTTLED:
    case API_BUSY:
    case API_DEVICE_OFFLINE:
    case API_NOT_TAKEN:
        return EX_TEMPFAIL;
    case API_REQUEST:
    case API_DEVICE:
    case API_DEVICE_FAILED:
    case API_PERMANENT:
        return EX_DATAERR;
    case API_RESULT_UNREAD:
    case API_MAY_HAVE_RUN:
    case API_NONCE_USED:
    case API_DEVICE_TIMEOUT:
    case API_PUSH_FAILED:
        break;
    }
    return EX_SOFTWARE;
}

static int watch_signals(void)
{
    sigset_t wanted;
    sigemptyset(&wanted);
    sigaddset(&wanted, SIGINT);
    sigaddset(&wanted, SIGTERM);
    sigprocmask(SIG_BLOCK, &wanted, NULL);
    signal(SIGPIPE, SIG_IGN);
    return signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK);
}

// Waits for the one answer; false if a signal came first.
static bool wait_for_answer(struct http *http, int signals, struct http_answer *answer)
{
    bool interrupted = false;
    while (!http_take(http, answer)) {
        if (interrupted) {
            return false;
        }
        http_poll(http, LONGEST_POLL_MS, &signals, &interrupted, signals >= 0 ? 1 : 0);
    }
    return true;
}

static void end_interrupted(struct one_call *out)
{
    out->outcome = (struct call_outcome){.status = STATUS_UNKNOWN};
    failure_set(&out->outcome.failure, "interrupted", "a signal came before the answer; the request may have left");
    out->exit_code = EX_SOFTWARE;
}

static void read_answer(const struct platform *platform, const struct http_answer *answer, const char *string_to_sign,
                        struct one_call *out)
{
    struct moment now = clock_now();
    if (answer->outcome == HTTP_ANSWERED) {
        out->exit_code = exit_code_of_class(answer_read(platform->config, answer, string_to_sign, &now, &out->outcome));
        return;
    }
    answer_read_silence(answer, &out->outcome);
    bool maybe_sent = answer->outcome == HTTP_NO_ANSWER;
    out->attempts = maybe_sent ? 1 : 0;
    out->exit_code = maybe_sent ? EX_SOFTWARE : EX_UNAVAILABLE;
}

static enum err send(struct http *http, const struct platform *platform, const struct call *call, struct one_call *out,
                     struct diag *diag)
{
    struct signed_call signed_call;
    struct http_answer answer = {0};
    struct moment begun = clock_now();
    signed_call_make(&platform->account, call, begun.wall_ms, &signed_call);
    struct http_request request = {.target = platform->target,
                                   .query = signed_call.query,
                                   .post = signed_call.post,
                                   .not_after_boot_ms = begun.boot_ms + platform->config->timeout_ms};
    int signals = watch_signals();
    out->attempts = 1;
    enum err err = http_submit(http, &request, diag);
    if (err == ERR_OK && wait_for_answer(http, signals, &answer)) {
        read_answer(platform, &answer, signed_call.string_to_sign, out);
    } else if (err == ERR_OK) {
        end_interrupted(out);
    }
    struct moment ended = clock_now();
    out->duration_ms = clock_elapsed_ms(&begun, &ended);
    http_answer_clear(&answer);
    signed_call_clear(&signed_call);
    close(signals);
    return err;
}

static enum err check_secret(const struct config_platform *platform, struct diag *diag)
{
    struct diag reason;
    char *secret = NULL;
    const char *warning = NULL;
    if (secret_read(&platform->access_key_secret, &secret, &warning, &reason) != ERR_OK) {
        return diag_set(diag, ERR_REFUSED, "access_key_secret of platform %s: %s", platform->name, reason.text);
    }
    secret_free(secret);
    return ERR_OK;
}

enum err one_call_make(struct config *config, struct config_platform *platform, const struct command *command,
                       struct one_call *out, struct diag *diag)
{
    *out = (struct one_call){0};
    if (command->refusal.code != NULL) {
        out->outcome = (struct call_outcome){.status = STATUS_REJECTED, .failure = command->refusal};
        out->exit_code = EX_DATAERR;
        return ERR_OK;
    }
    // Only this platform: another one's missing secret is no matter here.
    struct config alone = *config;
    alone.platforms = platform;
    alone.platform_count = 1;
    struct platform_set set = {0};
    struct http *http = NULL;
    enum err err = check_secret(platform, diag);
    if (err != ERR_OK) {
        return err;
    }
    err = platform_set_create(&alone, &set, diag);
    if (err != ERR_OK) {
        return err == ERR_REFUSED ? ERR_SYNTAX : err;
    }
    err = http_create(1, &http, diag);
    if (err == ERR_OK) {
        err = send(http, &set.items[0], &command->calls[0], out, diag);
        http_destroy(http);
    }
    platform_set_clear(&set);
    return err;
}
