#include "app/service/loop.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "app/broker/broker.h"
#include "app/broker/intake.h"
#include "app/broker/receiver/pulse.h"
#include "app/broker/receiver/receiver.h"
#include "app/broker/receiver/waiting.h"
#include "app/broker/subscription/fence.h"
#include "app/service/health.h"
#include "app/service/operator.h"
#include "app/service/pipeline.h"
#include "app/service/platform.h"
#include "app/service/signals.h"
#include "base/log.h"
#include "base/mailbox.h"
#include "base/mem.h"
#include "io/http/http.h"
#include "io/mqtt/mqtt.h"
#include "io/outbox/outbox.h"

#define REFUSED_RESERVE 1000
#define MEMORY_REFUSALS 5000 // of QoS 0 commands
#define LONGEST_WAIT_MS 10000
#define PURGE_MS        100

enum loop_state {
    LOOP_RUNNING,
    LOOP_FINISHING, // no new commands; requests under way and replies are waited for
    LOOP_CLOSING,   // the replies connection says goodbye
    LOOP_ENDED,
};

struct loop {
    const struct config *config;
    const struct mapping *mapping;
    char *fence_topic;
    char *info_topic;
    struct outbox *outbox;
    struct http *http;
    struct platform_set platforms;
    struct mailbox *mailbox;
    struct waiting *waiting;
    struct receiver *receiver;
    struct pulse *pulse;
    struct broker *broker;
    struct pipeline *pipeline;
    struct health health;
    struct intake intake;
    struct operator_requests operator;
    int signals;
    enum loop_state state;
    int64_t stop_at_ms;
    int64_t purge_at_ms;
    bool commit_failed; // what is staged waits for an outbox that can be written
    int code;           // what loop_run returns
};

// ---- set-up

static void wake(void *http)
{
    http_wakeup(http);
}

static enum err open_outbox(struct loop *loop, struct diag *diag)
{
    const struct config *config = loop->config;
    struct outbox_options options = {
        .path = config->outbox.path,
        .sync_full = config->outbox.sync == 0,
        .max_commands = config->outbox.max_commands,
        .max_bytes = config->outbox.max_bytes,
        .refused_reserve = REFUSED_RESERVE,
    };
    struct diag damaged = {0};
    enum err err = outbox_open(&options, &loop->outbox, &damaged, diag);
    if (damaged.text[0] != '\0') {
        LOG(LOG_ERROR, "outbox_damaged", LOG_S("path", config->outbox.path), LOG_S("detail", damaged.text));
    }
    return err;
}

static void beat(void *receiver)
{
    receiver_beat(receiver);
}

static enum err open_link(struct loop *loop, struct diag *diag)
{
    struct waiting_limits waiting = {
        .max_commands = loop->config->outbox.max_commands,
        .max_bytes = loop->config->outbox.max_bytes,
        .max_share = loop->config->outbox.max_share,
        .max_refusals = MEMORY_REFUSALS,
    };
    loop->waiting = waiting_create(&waiting);
    struct receiver_options receiver = {
        .outbox = loop->outbox,
        .mapping = loop->mapping,
        .mailbox = loop->mailbox,
        .max_payload = loop->config->limits.payload,
        .waiting = loop->waiting,
        .fence_topic = loop->fence_topic,
        .info_topic = loop->info_topic,
        .redelivery_by_content = loop->config->mqtt.redelivery == CONFIG_BY_CONTENT,
    };
    loop->receiver = receiver_create(&receiver);
    loop->pulse = pulse_create(FRESHNESS_BEAT_MS, beat, loop->receiver);
    struct pipeline_options pipeline = {
        .config = loop->config,
        .mapping = loop->mapping,
        .platforms = &loop->platforms,
        .http = loop->http,
        .outbox = loop->outbox,
        .waiting = loop->waiting,
    };
    loop->pipeline = pipeline_create(&pipeline);
    struct broker_options broker = {
        .config = loop->config,
        .mapping = loop->mapping,
        .receiver = loop->receiver,
        .outbox = loop->outbox,
        .fence_topic = loop->fence_topic,
        .done = pipeline_reply_done,
        .context = loop->pipeline,
    };
    enum err err = broker_create(&broker, &loop->broker, diag);
    if (err == ERR_OK) {
        pipeline_set_broker(loop->pipeline, loop->broker);
    }
    return err;
}

static int exit_code(enum err err)
{
    switch (err) {
    case ERR_IO:
    case ERR_DAMAGED:
    case ERR_FULL:
        return EX_IOERR;
    case ERR_UNAVAILABLE:
    case ERR_REFUSED:
        return EX_TEMPFAIL;
    case ERR_OK:
    case ERR_SYNTAX:
    case ERR_LIMIT:
    case ERR_MISSING:
    case ERR_NEWER:
        return EX_CONFIG;
    case ERR_INTERNAL:
        break;
    }
    return EX_SOFTWARE;
}

static int fail(const char *what, enum err err, const struct diag *diag)
{
    LOG(LOG_ERROR, "cannot_start", LOG_S("part", what), LOG_S("error", diag->text));
    return exit_code(err);
}

// A full disk, or a program that holds the file, can be gone later: that is waited for here, as a service manager would
// give up starting what ends at once. ERR_UNAVAILABLE: the process is to stop.
static enum err open_outbox_in_time(struct loop *loop, struct diag *diag)
{
    enum err err = open_outbox(loop, diag);
    for (; err == ERR_UNAVAILABLE; err = open_outbox(loop, diag)) {
        int64_t now_ms = clock_now().boot_ms;
        intake_cannot_write(&loop->intake, diag->text, now_ms);
        health_notify_intake(&loop->health, NULL, &loop->intake, now_ms);
        struct pollfd signals = {.fd = loop->signals, .events = POLLIN};
        (void)poll(&signals, 1, (int)intake_wait_ms(&loop->intake, now_ms));
        if (signals_ask_stop(loop->signals)) {
            return err;
        }
    }
    return err;
}

static int open_all(struct loop *loop)
{
    struct diag diag;
    enum err err = platform_set_create(loop->config, &loop->platforms, &diag);
    if (err != ERR_OK) {
        LOG(LOG_ERROR, "cannot_start", LOG_S("part", "platform"), LOG_S("error", diag.text));
        return EX_CONFIG;
    }
    err = http_create((size_t)loop->platforms.max_connections, &loop->http, &diag);
    if (err != ERR_OK) {
        return fail("http", err, &diag);
    }
    err = open_outbox_in_time(loop, &diag);
    if (err == ERR_UNAVAILABLE) {
        loop->state = LOOP_ENDED;
        return EX_OK;
    }
    if (err != ERR_OK) {
        return fail("outbox", err, &diag);
    }
    loop->mailbox = mailbox_create(wake, loop->http);
    mqtt_library_init();
    err = open_link(loop, &diag);
    if (err != ERR_OK) {
        return fail("mqtt", err, &diag) == EX_SOFTWARE ? EX_SOFTWARE : EX_CONFIG;
    }
    struct moment now = clock_now();
    loop->operator=(struct operator_requests){.outbox = loop->outbox, .pipeline = loop->pipeline};
    err = pipeline_restore(loop->pipeline, &now, &diag);
    return err == ERR_OK ? EX_OK : fail("outbox", err, &diag);
}

static void drain_unhandled(struct loop *loop)
{
    for (struct mail *mail = mailbox_take_all(loop->mailbox); mail != NULL;) {
        struct app_mail *item = (struct app_mail *)mail;
        mail = mail->next;
        if (item->kind == APP_MAIL_COMMAND) {
            command_free(item->arrival.command);
        }
        free(item);
    }
}

// The connections go first: after that no other thread uses the rest.
static void close_all(struct loop *loop)
{
    if (loop->broker != NULL) {
        broker_destroy(loop->broker);
    }
    if (loop->pipeline != NULL) {
        pipeline_destroy(loop->pipeline);
    }
    pulse_destroy(loop->pulse);
    if (loop->receiver != NULL) {
        receiver_destroy(loop->receiver);
    }
    if (loop->waiting != NULL) {
        waiting_destroy(loop->waiting);
    }
    if (loop->mailbox != NULL) {
        drain_unhandled(loop);
        mailbox_destroy(loop->mailbox);
    }
    if (loop->outbox != NULL) {
        outbox_close(loop->outbox);
    }
    if (loop->http != NULL) {
        http_destroy(loop->http);
    }
    platform_set_clear(&loop->platforms);
    close(loop->signals);
    free(loop->fence_topic);
    free(loop->info_topic);
}

// ---- a turn

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
    loop->code = exit_code(err);
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

static int64_t sooner(int64_t a, int64_t b)
{
    return b >= 0 && b < a ? b : a;
}

static int64_t turn_wait_ms(const struct loop *loop, const struct moment *now, int64_t broker_wait_ms)
{
    if (outbox_has_staged(loop->outbox) && !loop->commit_failed) {
        return 0;
    }
    int64_t wait_ms = sooner(LONGEST_WAIT_MS, broker_wait_ms);
    // What waits for its commit must not be asked again at once.
    wait_ms = sooner(wait_ms, loop->commit_failed ? -1 : pipeline_wait_ms(loop->pipeline, now));
    wait_ms = sooner(wait_ms, loop->commit_failed ? -1 : operator_wait_ms(&loop->operator, now->boot_ms));
    wait_ms = sooner(wait_ms, health_wait_ms(&loop->health, now->boot_ms));
    wait_ms = sooner(wait_ms, intake_wait_ms(&loop->intake, now->boot_ms));
    return loop->state == LOOP_RUNNING ? wait_ms : sooner(wait_ms, loop->stop_at_ms - now->boot_ms);
}

static int64_t run_link(struct loop *loop, const struct moment *now)
{
    struct outbox_counts counts = outbox_counts(loop->outbox);
    intake_look(&loop->intake, &counts, now->boot_ms);
    health_notify_intake(&loop->health, loop->broker, &loop->intake, now->boot_ms);
    bool proved = loop->intake.state != INTAKE_UNPROVED;
    return proved ? broker_run(loop->broker, now, intake_is_open(&loop->intake)) : INT64_MAX;
}

static void turn(struct loop *loop, int64_t *wait_ms)
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
        operator_run(&loop->operator, & now);
    }
    pipeline_run(loop->pipeline, &now);
    purge(loop, &now);
    if (commit(loop, &now)) {
        pipeline_release(loop->pipeline, &now);
    }
    int64_t broker_wait_ms = run_link(loop, &now);
    health_run(&loop->health, loop->broker, loop->pipeline, &now);
    advance_stop(loop, &now);
    *wait_ms = turn_wait_ms(loop, &now, broker_wait_ms);
}

int loop_run(const struct config *config, const struct mapping *mapping)
{
    struct loop loop = {.config = config,
                        .mapping = mapping,
                        .fence_topic = fence_make_topic(config->bridge.base_topic, config->mqtt.client_id),
                        .info_topic = mem_printf("%s/bridge/info", config->bridge.base_topic),
                        .signals = signals_open()};
    struct intake_limits limits = {.refused_reserve = REFUSED_RESERVE,
                                   .max_commands = config->outbox.max_commands,
                                   .max_bytes = config->outbox.max_bytes};
    health_init(&loop.health, config);
    intake_init(&loop.intake, &limits);
    loop.code = open_all(&loop);
    bool opened = loop.code == EX_OK && loop.state == LOOP_RUNNING;
    if (opened) {
        int64_t wait_ms = 0;
        LOG(LOG_INFO, "started", LOG_S("version", THINGBRIDGE_VERSION), LOG_N("rules", mapping_rule_count(mapping)),
            LOG_S("client_id", config->mqtt.client_id));
        while (loop.state != LOOP_ENDED) {
            turn(&loop, &wait_ms);
        }
        health_log(&loop.health);
    }
    close_all(&loop);
    if (opened) {
        LOG(LOG_INFO, "stopped", LOG_N("exit", loop.code));
    }
    return loop.code;
}
