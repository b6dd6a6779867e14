#include "unit/fakes/world.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "core/mapping/load/mapping_load.h"

#define STEP_MS 250

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
    config_clear_mappings(&files);
    problems_clear(&problems);
}

static void open_loop(struct world *world)
{
    assert_int_equal(loop_open(&world->loop, &world->config, world->mapping), EX_OK);
    world->commands = fake_mqtt_at(0);
    world->replies = fake_mqtt_at(1);
    world->fences_returned = 0;
}

int world_set_up_offline(void **state)
{
    struct world *world = mem_alloc(sizeof *world);
    log_setup(LOG_ERROR, LOG_LOGFMT);
    fake_clock_reset();
    load(world);
    open_loop(world);
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
    loop_close(&world->loop);
    fake_outbox_erase();
    mapping_destroy(world->mapping);
    config_clear(&world->config);
    free(world);
    return 0;
}

void world_restart(struct world *world)
{
    loop_close(&world->loop);
    open_loop(world);
}

void world_turn(struct world *world)
{
    int64_t wait_ms = 0;
    if (world->loop.state != LOOP_ENDED) {
        loop_turn(&world->loop, &wait_ms);
    }
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
        if (strcmp(each->topic, world->loop.fence_topic) == 0 && each->fate == FAKE_ACKNOWLEDGED &&
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
    for (int i = 0; i < 40 && !broker_is_online(world->loop.broker); i++) {
        world_serve(world);
        world_pass(world, STEP_MS);
    }
    assert_true(broker_is_online(world->loop.broker));
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
    (void)world;
    assert_int_equal(raise(SIGTERM), 0); // signals_open has blocked it
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
    return fake_outbox_last_id(world->loop.outbox);
}

void world_answer(struct world *world, size_t number)
{
    fake_http_answer(world->loop.http, number, 200, WORLD_OK);
    world_turn(world);
}

void world_no_answer(struct world *world, size_t number, enum http_outcome outcome)
{
    fake_http_end(world->loop.http, number, outcome, HTTP_TIMEOUT);
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
    assert_int_equal(fake_outbox_state(world->loop.outbox, row), state);
}

void assert_requests(const struct world *world, size_t count)
{
    assert_int_equal(fake_http_count(world->loop.http), count);
}
