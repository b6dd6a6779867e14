// One turn of the loop: what came in is handled, the pipeline decides, one commit makes it last, and only then what it
// allows leaves: requests to the HTTP client, replies to the broker. A commit that fails holds all of that back until
// one succeeds. A stop lets requests under way end and replies leave, and then closes the replies connection.
#include "app/service/loop_internal.h"

#include <stdlib.h>

#include "app/service/signals.h"
#include "base/log.h"

#define LONGEST_WAIT_MS 10000
#define PURGE_MS        100

static void take_mail(struct loop *loop, const struct moment *now)
{
    for (struct mail *mail = mailbox_take_all(loop->mailbox); mail != NULL;) {
        struct app_mail *item = (struct app_mail *)mail;
        mail = mail->next;
        switch (item->kind) {
        case APP_MAIL_COMMAND:
            pipeline_accept(loop->pipeline, &item->arrival, now);
            break;
        case APP_MAIL_FENCE:
            if (broker_on_fence(loop->broker, now->boot_ms)) {
                pipeline_publish_platform(loop->pipeline, now);
            }
            break;
        case APP_MAIL_GAP:
            broker_on_gap(loop->broker);
            break;
        case APP_MAIL_INFO:
            broker_on_info(loop->broker, &item->event, now->boot_ms);
            break;
        case APP_MAIL_COMMANDS:
            broker_on_commands_event(loop->broker, &item->event, now);
            break;
        case APP_MAIL_REPLIES:
            broker_on_replies_event(loop->broker, &item->event, now->boot_ms);
            break;
        case APP_MAIL_NO_ROOM:
            intake_no_room(&loop->intake, now->boot_ms);
            break;
        case APP_MAIL_CANNOT_WRITE:
            intake_cannot_write(&loop->intake, item->event.text, now->boot_ms);
            break;
        }
        free(item);
    }
}

static void take_answers(struct loop *loop, const struct moment *now)
{
    struct http_answer answer;
    while (http_take(loop->http, &answer)) {
        pipeline_answered(loop->pipeline, &answer, now);
    }
}

static void begin_stop(struct loop *loop, const struct moment *now)
{
    LOG(LOG_INFO, "stopping", LOG_N("in_flight", pipeline_in_flight(loop->pipeline)),
        LOG_N("commands", pipeline_count(loop->pipeline)));
    loop->state = LOOP_FINISHING;
    loop->stop_at_ms = now->boot_ms + loop->config->limits.stop_ms;
    broker_stop_commands(loop->broker, now);
    pipeline_stop(loop->pipeline, now);
}

static void take_signals(struct loop *loop, const struct moment *now)
{
    if (!signals_ask_stop(loop->signals)) {
        return;
    }
    if (loop->state == LOOP_RUNNING) {
        begin_stop(loop, now);
    } else {
        loop->state = LOOP_ENDED; // asked twice: do not wait
    }
}

static void advance_stop(struct loop *loop, const struct moment *now)
{
    if (loop->state == LOOP_RUNNING) {
        return;
    }
    bool replies_pending = pipeline_replies_due(loop->pipeline) > 0 && broker_replies_up(loop->broker);
    if (loop->state == LOOP_FINISHING && broker_commands_stopped(loop->broker) &&
        pipeline_in_flight(loop->pipeline) == 0 && !replies_pending && !outbox_has_staged(loop->outbox)) {
        loop->state = LOOP_CLOSING;
        broker_stop_replies(loop->broker);
    }
    if (loop->state == LOOP_CLOSING && broker_replies_stopped(loop->broker)) {
        loop->state = LOOP_ENDED;
    }
    if (now->boot_ms >= loop->stop_at_ms) {
        loop->state = LOOP_ENDED;
    }
}

// A full disk gets room while we wait; a damaged file is repaired by the next start, and a fault of ours does not get
// better.
static void cannot_write(struct loop *loop, enum err err, const struct diag *diag, const struct moment *now)
{
    if (err == ERR_IO || err == ERR_UNAVAILABLE) {
        intake_cannot_write(&loop->intake, diag->text, now->boot_ms);
        return;
    }
    LOG(LOG_ERROR, "outbox_failed", LOG_S("error", diag->text), LOG_S("hint", "the bridge ends; start it again"));
    loop->state = LOOP_ENDED;
    loop->code = loop_exit_code(err);
}

static bool can_write(const struct loop *loop)
{
    return loop->intake.state == INTAKE_OPEN || loop->intake.state == INTAKE_FULL;
}

static void prove(struct loop *loop, const struct moment *now)
{
    struct diag diag;
    if (!intake_must_prove(&loop->intake, now->boot_ms)) {
        return;
    }
    enum err err = outbox_prove(loop->outbox, &diag);
    if (err == ERR_OK) {
        intake_proved(&loop->intake, now->boot_ms);
    } else {
        cannot_write(loop, err, &diag, now);
    }
}

// Nothing that was decided in this turn leaves before this has succeeded.
static bool commit(struct loop *loop, const struct moment *now)
{
    struct diag diag;
    enum err err = ERR_OK;
    bool has_staged = outbox_has_staged(loop->outbox);
    if (has_staged && can_write(loop)) {
        err = outbox_commit(loop->outbox, &diag);
    }
    if (err != ERR_OK) {
        cannot_write(loop, err, &diag, now);
    }
    loop->commit_failed = has_staged && (err != ERR_OK || !can_write(loop));
    return !loop->commit_failed;
}

static void purge(struct loop *loop, const struct moment *now)
{
    struct diag diag;
    if (now->boot_ms < loop->purge_at_ms || !can_write(loop)) {
        return;
    }
    loop->purge_at_ms = now->boot_ms + PURGE_MS;
    if (outbox_purge(loop->outbox, now, loop->config->outbox.dedupe_window_ms, loop->config->outbox.dedupe_max,
                     &diag) != ERR_OK) {
        LOG(LOG_WARN, "outbox_purge_failed", LOG_S("error", diag.text));
    }
}

static int64_t turn_wait_ms(const struct loop *loop, const struct moment *now, int64_t broker_wait_ms)
{
    if (outbox_has_staged(loop->outbox) && !loop->commit_failed) {
        return 0;
    }
    int64_t wait_ms = clock_sooner(LONGEST_WAIT_MS, broker_wait_ms);
    // What waits for its commit must not be asked again at once.
    wait_ms = clock_sooner(wait_ms, loop->commit_failed ? CLOCK_NEVER : pipeline_wait_ms(loop->pipeline, now));
    wait_ms =
        clock_sooner(wait_ms, loop->commit_failed ? CLOCK_NEVER : operator_wait_ms(&loop->requests, now->boot_ms));
    wait_ms = clock_sooner(wait_ms, health_wait_ms(&loop->health, now->boot_ms));
    wait_ms = clock_sooner(wait_ms, intake_wait_ms(&loop->intake, now->boot_ms));
    return loop->state == LOOP_RUNNING ? wait_ms : clock_sooner(wait_ms, loop->stop_at_ms - now->boot_ms);
}

static int64_t run_broker(struct loop *loop, const struct moment *now)
{
    struct outbox_counts counts = outbox_counts(loop->outbox);
    intake_look(&loop->intake, &counts, now->boot_ms);
    health_notify_intake(&loop->health, loop->broker, &loop->intake, now);
    bool proved = loop->intake.state != INTAKE_UNPROVED;
    return proved ? broker_run(loop->broker, now, intake_is_open(&loop->intake)) : CLOCK_NEVER;
}

void loop_turn(struct loop *loop, int64_t *wait_ms)
{
    bool signalled = false;
    http_poll(loop->http, (int)*wait_ms, &loop->signals, &signalled, 1);
    receiver_beat(loop->receiver);
    struct moment now = clock_now();
    take_signals(loop, &now);
    take_mail(loop, &now);
    take_answers(loop, &now);
    prove(loop, &now);
    if (!loop->commit_failed && can_write(loop)) {
        operator_run(&loop->requests, &now);
    }
    pipeline_run(loop->pipeline, &now);
    purge(loop, &now);
    if (commit(loop, &now)) {
        pipeline_release(loop->pipeline, &now);
    }
    int64_t broker_wait_ms = run_broker(loop, &now);
    health_run(&loop->health, loop->broker, loop->pipeline, &now);
    advance_stop(loop, &now);
    *wait_ms = turn_wait_ms(loop, &now, broker_wait_ms);
}
