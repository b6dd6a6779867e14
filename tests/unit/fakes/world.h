// The whole service over the fakes: its own loop, whose turns the test makes, with the test in place of the broker, the
// platform and the disk, and a clock that stands still until the test moves it.
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "app/service/loop_internal.h"
#include "unit/fakes/fake_clock.h"
#include "unit/fakes/fake_http.h"
#include "unit/fakes/fake_mqtt.h"
#include "unit/fakes/fake_outbox.h"

#define WORLD_FENCE_PREFIX "thingbridge/"
#define WORLD_OK           "{\"Success\":true,\"RequestId\":\"r\",\"Data\":{\"MessageId\":\"m\"}}"

struct world {
    struct config config;
    struct mapping *mapping;
    struct loop loop;
    struct mqtt *commands;
    struct mqtt *replies;
    bool broker_is_silent; // while time passes
    uint16_t packet_id;
    size_t fences_returned;
};

// cmocka's set-up and tear-down: *state is the world, online.
int world_set_up(void **state);
// The same before anything is connected.
int world_set_up_offline(void **state);
int world_tear_down(void **state);
#define WORLD_TEST(test)         cmocka_unit_test_setup_teardown(test, world_set_up, world_tear_down)
#define WORLD_TEST_OFFLINE(test) cmocka_unit_test_setup_teardown(test, world_set_up_offline, world_tear_down)
// kill -9 and a new start, with what is committed in the outbox. Offline.
void world_restart(struct world *world);

// One turn of the loop.
void world_turn(struct world *world);
// Time goes by, with turns and the broker's answers (world_serve) between them. Connections are not made.
void world_pass(struct world *world, int64_t ms);
// The broker accepts the connections that are not up, the commands connection with this CONNACK, and does nothing more.
void world_accept(struct world *world, const struct mqtt_event *connack);
// The broker accepts both connections, grants all, and carries the fence: the bridge is online.
void world_connect(struct world *world, bool session_present);
// The broker answers what is not a reply: it grants subscriptions, and acknowledges and delivers the bridge's own
// texts.
void world_serve(struct world *world);
// The replies connection is lost; and made again, when its pause is over.
void world_lose_replies(struct world *world);
void world_connect_replies(struct world *world);
// SIGTERM; the next turn takes it.
void world_stop(struct world *world);

// A command comes with QoS 1 and is taken up; its row, or the row of the last one if it got none.
int64_t world_send(struct world *world, const char *topic, const char *payload);
// Without a turn. True: the PUBACK leaves.
bool world_deliver(struct world *world, const char *topic, const char *payload);
bool world_deliver_as(struct world *world, const char *topic, const char *payload, uint16_t packet_id, bool dup,
                      int qos);
// The platform answers request `number`, and the turn in which it does.
void world_answer(struct world *world, size_t number);
void world_no_answer(struct world *world, size_t number, enum http_outcome outcome);
// The broker acknowledges all that is published, and the turn in which it does.
void world_acknowledge(struct world *world);

// The broker has got so many replies on this topic, the last of them with this status (NULL: whatever it says).
void assert_replies(const struct world *world, const char *topic, size_t count, const char *status);
void assert_state(const struct world *world, int64_t row, int state);
void assert_requests(const struct world *world, size_t count);
