// What the service consists of: made in the order in which one part needs another, and ended the other way.
#include "app/service/loop_internal.h"

#include <poll.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "app/broker/receiver/pulse.h"
#include "app/broker/subscription/fence.h"
#include "app/service/signals.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/mqtt/mqtt.h"

#define REFUSED_RESERVE 1000
#define MEMORY_REFUSALS 5000 // of QoS 0 commands

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

static enum err open_broker(struct loop *loop, struct diag *diag)
{
    struct waiting_limits waiting = {
        .max_commands = loop->config->outbox.max_commands,
        .max_bytes = loop->config->outbox.max_bytes,
        .max_share = loop->config->outbox.max_share,
        .max_refusals = MEMORY_REFUSALS,
    };
    loop->waiting = waiting_create(&waiting);
    struct receiver_options receiver = {
        .config = loop->config,
        .outbox = loop->outbox,
        .mapping = loop->mapping,
        .mailbox = loop->mailbox,
        .waiting = loop->waiting,
        .fence_topic = loop->fence_topic,
        .info_topic = loop->info_topic,
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

int loop_exit_code(enum err err)
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
    return loop_exit_code(err);
}

// A full disk, or a program that holds the file, can be gone later: that is waited for here, as a service manager would
// give up starting what ends at once. ERR_UNAVAILABLE: the process is to stop.
static enum err open_outbox_in_time(struct loop *loop, struct diag *diag)
{
    enum err err = open_outbox(loop, diag);
    for (; err == ERR_UNAVAILABLE; err = open_outbox(loop, diag)) {
        struct moment now = clock_now();
        intake_cannot_write(&loop->intake, diag->text, now.boot_ms);
        health_notify_intake(&loop->health, NULL, &loop->intake, &now);
        struct pollfd signals = {.fd = loop->signals, .events = POLLIN};
        (void)poll(&signals, 1, (int)intake_wait_ms(&loop->intake, now.boot_ms));
        if (signals_ask_stop(loop->signals)) {
            return err;
        }
    }
    return err;
}

static int open_parts(struct loop *loop)
{
    struct diag diag;
    enum err err = platform_set_create(loop->config, &loop->platforms, &diag);
    if (err != ERR_OK) {
        (void)fail("platform", err, &diag);
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
    err = open_broker(loop, &diag);
    if (err != ERR_OK) {
        return fail("mqtt", err, &diag) == EX_SOFTWARE ? EX_SOFTWARE : EX_CONFIG;
    }
    struct moment now = clock_now();
    loop->requests = (struct operator_requests){.outbox = loop->outbox, .pipeline = loop->pipeline};
    err = pipeline_restore(loop->pipeline, &now, &diag);
    return err == ERR_OK ? EX_OK : fail("outbox", err, &diag);
}

int loop_open(struct loop *loop, const struct config *config, const struct mapping *mapping)
{
    *loop = (struct loop){.config = config,
                          .mapping = mapping,
                          .fence_topic = fence_make_topic(config->bridge.base_topic, config->mqtt.client_id),
                          .info_topic = mem_printf("%s/bridge/info", config->bridge.base_topic),
                          .signals = signals_open()};
    struct intake_limits limits = {.refused_reserve = REFUSED_RESERVE,
                                   .max_commands = config->outbox.max_commands,
                                   .max_bytes = config->outbox.max_bytes};
    health_init(&loop->health);
    intake_init(&loop->intake, &limits);
    return open_parts(loop);
}

// ---- close

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
void loop_close(struct loop *loop)
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
