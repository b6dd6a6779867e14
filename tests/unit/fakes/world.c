#include "unit/fakes/world.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/broker/subscription/fence.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/mapping/load/mapping_load.h"

#define STEP_MS 250

static const struct moment *now_of(struct moment *out)
{
    *out = clock_now();
    return out;
}

// ---- set-up

static void assert_loaded(enum err err, const struct problems *problems)
{
    if (err != ERR_OK) {
        fail_msg("%s: %s", problems->items[0].source, problems->items[0].text);
    }
}

static void load(struct world *world)
{
    struct problems problems = {0};
    struct mapping_files files = {0};
    setenv("FAKE_WORLD_SECRET", "secret-of-the-test", 1);
    assert_int_equal(chdir(TEST_SOURCE_DIR "/tests/unit/fakes"), 0);
    assert_loaded(config_load("bridge.yaml", &world->config, &problems), &problems);
    assert_loaded(config_load_own_mappings(&world->config, &files, &problems), &problems);
    assert_loaded(config_build_mapping(&world->config, &files, &world->mapping, &problems), &problems);
    config_fingerprint(&world->config, &files);
    mapping_files_clear(&files);
    problems_clear(&problems);
}

static void wake(void *http)
{
    http_wakeup(http);
}

static void open_receiver(struct world *world)
{
    static const char info_topic[] = "thingbridge/bridge/info";
    struct waiting_limits limits = {.max_commands = world->config.outbox.max_commands,
                                    .max_bytes = world->config.outbox.max_bytes,
                                    .max_share = world->config.outbox.max_share,
                                    .max_refusals = 100};
    world->mailbox = mailbox_create(wake, world->http);
    world->waiting = waiting_create(&limits);
    struct receiver_options receiver = {.outbox = world->outbox,
                                        .mapping = world->mapping,
                                        .mailbox = world->mailbox,
                                        .max_payload = world->config.limits.payload,
                                        .waiting = world->waiting,
                                        .fence_topic = world->fence_topic,
                                        .info_topic = info_topic,
                                        .redelivery_by_content = world->config.mqtt.redelivery == CONFIG_BY_CONTENT};
    world->receiver = receiver_create(&receiver);
}

static void open_pipeline(struct world *world)
{
    struct diag diag;
    struct pipeline_options pipeline = {.config = &world->config,
                                        .mapping = world->mapping,
                                        .platforms = &world->platforms,
                                        .http = world->http,
                                        .outbox = world->outbox,
                                        .waiting = world->waiting};
    world->pipeline = pipeline_create(&pipeline);
    struct broker_options broker = {.config = &world->config,
                                    .mapping = world->mapping,
                                    .receiver = world->receiver,
                                    .outbox = world->outbox,
                                    .fence_topic = world->fence_topic,
                                    .done = pipeline_reply_done,
                                    .context = world->pipeline};
    assert_int_equal(broker_create(&broker, &world->broker, &diag), ERR_OK);
    pipeline_set_broker(world->pipeline, world->broker);
    world->commands = fake_mqtt_at(0);
    world->replies = fake_mqtt_at(1);
}

static void open_parts(struct world *world)
{
    struct diag diag;
    struct moment now;
    struct intake_limits limits = {.refused_reserve = 1000,
                                   .max_commands = world->config.outbox.max_commands,
                                   .max_bytes = world->config.outbox.max_bytes};
    assert_int_equal(platform_set_create(&world->config, &world->platforms, &diag), ERR_OK);
    assert_int_equal(http_create((size_t)world->platforms.max_connections, &world->http, &diag), ERR_OK);
    open_receiver(world);
    open_pipeline(world);
    intake_init(&world->intake, &limits);
    world->operator=(struct operator_requests){.outbox = world->outbox, .pipeline = world->pipeline};
    world->commit_failed = false;
    assert_int_equal(pipeline_restore(world->pipeline, now_of(&now), &diag), ERR_OK);
}

static void drain(struct world *world)
{
    for (struct mail *mail = mailbox_take_all(world->mailbox); mail != NULL;) {
        struct app_mail *item = (struct app_mail *)mail;
        mail = mail->next;
        if (item->kind == APP_MAIL_COMMAND) {
            command_free(item->arrival.command);
        }
        free(item);
    }
}

static void close_parts(struct world *world)
{
    broker_destroy(world->broker);
    pipeline_destroy(world->pipeline);
    receiver_destroy(world->receiver);
    waiting_destroy(world->waiting);
    drain(world);
    mailbox_destroy(world->mailbox);
    http_destroy(world->http);
    platform_set_clear(&world->platforms);
}

int world_set_up_offline(void **state)
{
    struct diag diag;
    struct world *world = mem_alloc(sizeof *world);
    log_setup(LOG_ERROR, LOG_LOGFMT);
    fake_clock_reset();
    load(world);
    world->fence_topic = fence_make_topic(world->config.bridge.base_topic, world->config.mqtt.client_id);
    assert_int_equal(outbox_open(&(struct outbox_options){.path = ""}, &world->outbox, NULL, &diag), ERR_OK);
    open_parts(world);
    *state = world;
    return 0;
}

int world_set_up(void **state)
{
    world_set_up_offline(state);
    world_connect(*state, false);
    return 0;
}

int world_tear_down(void **state)
{
    struct world *world = *state;
    close_parts(world);
    outbox_close(world->outbox);
    mapping_destroy(world->mapping);
    config_clear(&world->config);
    free(world->fence_topic);
    free(world);
    return 0;
}

void world_restart(struct world *world)
{
    close_parts(world);
    fake_outbox_restart(world->outbox);
    world->fences_returned = 0;
    open_parts(world);
}

// ---- a turn, in the order of app/service/loop.c

static void take_mail(struct world *world, const struct moment *now)
{
    for (struct mail *mail = mailbox_take_all(world->mailbox); mail != NULL;) {
        struct app_mail *item = (struct app_mail *)mail;
        mail = mail->next;
        switch (item->kind) {
        case APP_MAIL_COMMAND:
            pipeline_accept(world->pipeline, &item->arrival, now);
            break;
        case APP_MAIL_FENCE:
            if (broker_on_fence(world->broker, now->boot_ms)) {
                pipeline_publish_platform(world->pipeline, now);
            }
            break;
        case APP_MAIL_GAP:
            broker_on_gap(world->broker);
            break;
        case APP_MAIL_INFO:
            broker_on_info(world->broker, &item->event, now->boot_ms);
            break;
        case APP_MAIL_COMMANDS:
            broker_on_commands_event(world->broker, &item->event, now);
            break;
        case APP_MAIL_REPLIES:
            broker_on_replies_event(world->broker, &item->event, now->boot_ms);
            break;
        case APP_MAIL_NO_ROOM:
            intake_no_room(&world->intake, now->boot_ms);
            break;
        case APP_MAIL_CANNOT_WRITE:
            intake_cannot_write(&world->intake, item->event.text, now->boot_ms);
            break;
        }
        free(item);
    }
}

static bool can_write(const struct world *world)
{
    return world->intake.state == INTAKE_OPEN || world->intake.state == INTAKE_FULL;
}

static void prove(struct world *world, const struct moment *now)
{
    struct diag diag;
    if (!intake_must_prove(&world->intake, now->boot_ms)) {
        return;
    }
    if (outbox_prove(world->outbox, &diag) == ERR_OK) {
        intake_proved(&world->intake, now->boot_ms);
    } else {
        intake_cannot_write(&world->intake, diag.text, now->boot_ms);
    }
}

static bool commit(struct world *world, const struct moment *now)
{
    struct diag diag;
    bool has_staged = outbox_has_staged(world->outbox);
    bool done = true;
    if (has_staged && can_write(world)) {
        enum err err = outbox_commit(world->outbox, &diag);
        done = err == ERR_OK;
        if (!done) {
            assert_int_equal(err, ERR_UNAVAILABLE);
            intake_cannot_write(&world->intake, diag.text, now->boot_ms);
        }
    }
    world->commit_failed = has_staged && (!done || !can_write(world));
    return !world->commit_failed;
}

static void run_broker(struct world *world, const struct moment *now)
{
    struct outbox_counts counts = outbox_counts(world->outbox);
    intake_look(&world->intake, &counts, now->boot_ms);
    if (world->intake.state != INTAKE_UNPROVED) {
        (void)broker_run(world->broker, now, intake_is_open(&world->intake));
    }
}

void world_turn(struct world *world)
{
    struct http_answer answer;
    struct diag diag;
    receiver_beat(world->receiver);
    struct moment now = clock_now();
    take_mail(world, &now);
    while (http_take(world->http, &answer)) {
        pipeline_answered(world->pipeline, &answer, &now);
    }
    prove(world, &now);
    if (!world->commit_failed && can_write(world)) {
        operator_run(&world->operator, & now);
    }
    pipeline_run(world->pipeline, &now);
    assert_int_equal(outbox_purge(world->outbox, &now, world->config.outbox.dedupe_window_ms,
                                  world->config.outbox.dedupe_max, &diag),
                     ERR_OK);
    if (commit(world, &now)) {
        pipeline_release(world->pipeline, &now);
    }
    run_broker(world, &now);
}

// ---- the broker

static bool is_own(const struct fake_publication *publication)
{
    return strncmp(publication->topic, WORLD_FENCE_PREFIX, strlen(WORLD_FENCE_PREFIX)) == 0;
}

static void acknowledge_own(struct mqtt *mqtt)
{
    for (size_t i = 0; i < fake_mqtt_published(mqtt); i++) {
        const struct fake_publication *each = fake_mqtt_publication(mqtt, i);
        if (each->fate == FAKE_UNDER_WAY && is_own(each)) {
            fake_mqtt_acknowledge(mqtt, i);
        }
    }
}

// Fences that an earlier connection published are not delivered any more.
static void return_fences(struct world *world)
{
    for (; world->fences_returned < fake_mqtt_published(world->replies); world->fences_returned++) {
        const struct fake_publication *each = fake_mqtt_publication(world->replies, world->fences_returned);
        if (strcmp(each->topic, world->fence_topic) == 0 && each->fate == FAKE_ACKNOWLEDGED &&
            fake_mqtt_state(world->commands) == FAKE_MQTT_UP) {
            (void)world_deliver(world, each->topic, each->payload);
        }
    }
}

static void answer_own(struct world *world)
{
    struct mqtt *both[] = {world->commands, world->replies};
    for (size_t i = 0; i < COUNT_OF(both); i++) {
        fake_mqtt_grant_all(both[i]);
        acknowledge_own(both[i]);
        if (fake_mqtt_state(both[i]) == FAKE_MQTT_ENDING) {
            fake_mqtt_end(both[i]);
        }
    }
    return_fences(world);
}

void world_pass(struct world *world, int64_t ms)
{
    while (ms > 0) {
        int64_t step = ms < STEP_MS ? ms : STEP_MS;
        fake_clock_advance(step);
        ms -= step;
        world_turn(world);
        if (!world->broker_is_silent) {
            answer_own(world);
        }
    }
}

void world_serve(struct world *world)
{
    for (int i = 0; i < 4; i++) {
        answer_own(world);
        world_turn(world);
    }
}

static void accept(struct world *world, struct mqtt *mqtt, const struct mqtt_event *connack)
{
    for (int i = 0; i < 4000 && fake_mqtt_state(mqtt) == FAKE_MQTT_DOWN; i++) {
        world_pass(world, STEP_MS);
    }
    if (fake_mqtt_state(mqtt) == FAKE_MQTT_CONNECTING) {
        fake_mqtt_accept(mqtt, connack);
    }
}

void world_accept(struct world *world, const struct mqtt_event *connack)
{
    struct mqtt_event replies = fake_mqtt_connack(false);
    world_turn(world);
    accept(world, world->commands, connack);
    accept(world, world->replies, &replies);
    world_turn(world);
}

void world_connect(struct world *world, bool session_present)
{
    struct mqtt_event connack = fake_mqtt_connack(session_present);
    world_accept(world, &connack);
    for (int i = 0; i < 40 && !broker_is_online(world->broker); i++) {
        world_serve(world);
        world_pass(world, STEP_MS);
    }
    assert_true(broker_is_online(world->broker));
    world_serve(world);
}

void world_lose_replies(struct world *world)
{
    fake_mqtt_lose(world->replies, MQTT_LOST, 0);
    world_turn(world);
}

void world_connect_replies(struct world *world)
{
    struct mqtt_event connack = fake_mqtt_connack(false);
    accept(world, world->replies, &connack);
    world_turn(world);
}

void world_stop(struct world *world)
{
    struct moment now = clock_now();
    broker_stop_commands(world->broker, &now);
    pipeline_stop(world->pipeline, &now);
}

// ---- what the test does

bool world_deliver_as(struct world *world, const char *topic, const char *payload, uint16_t packet_id, bool dup,
                      int qos)
{
    struct message message = {.topic = (char *)topic,
                              .payload = (char *)payload,
                              .payload_len = strlen(payload),
                              .qos = qos,
                              .dup = dup,
                              .packet_id = packet_id};
    return fake_mqtt_deliver(world->commands, &message);
}

bool world_deliver(struct world *world, const char *topic, const char *payload)
{
    return world_deliver_as(world, topic, payload, ++world->packet_id, false, 1);
}

int64_t world_send(struct world *world, const char *topic, const char *payload)
{
    assert_true(world_deliver(world, topic, payload));
    world_turn(world);
    return fake_outbox_last_id(world->outbox);
}

void world_answer(struct world *world, size_t number)
{
    fake_http_answer(world->http, number, 200, WORLD_OK);
    world_turn(world);
}

void world_no_answer(struct world *world, size_t number, enum http_outcome outcome)
{
    fake_http_end(world->http, number, outcome, HTTP_TIMEOUT);
    world_turn(world);
}

void world_acknowledge(struct world *world)
{
    fake_mqtt_acknowledge_all(world->replies);
    world_turn(world);
}

void assert_replies(const struct world *world, const char *topic, size_t count, const char *status)
{
    const struct fake_publication *last = fake_mqtt_last_on(world->replies, topic);
    assert_int_equal(fake_mqtt_count_on(world->replies, topic), count);
    if (status != NULL && (last == NULL || strstr(last->payload, status) == NULL)) {
        fail_msg("the last reply is not %s: %s", status, last == NULL ? "there is none" : last->payload);
    }
}

void assert_state(const struct world *world, int64_t row, int state)
{
    assert_int_equal(fake_outbox_state(world->outbox, row), state);
}

void assert_requests(const struct world *world, size_t count)
{
    assert_int_equal(fake_http_count(world->http), count);
}
