// A connection over a client that the test answers: attempts, their pauses, ends of our own and of others, and stops.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "app/broker/connection/connection.h"
#include "base/log.h"
#include "base/mem.h"
#include "unit/fakes/fake_clock.h"
#include "unit/fakes/fake_mqtt.h"

struct fixture {
    struct mqtt *mqtt;
    struct connection connection;
    const char *unanswered;
};

static void take_event(void *context, const struct mqtt_event *event)
{
    struct fixture *fixture = context;
    (void)connection_take(&fixture->connection, event, fixture->unanswered, fake_clock_ms());
}

static int set_up(void **state)
{
    struct fixture *fixture = mem_alloc(sizeof *fixture);
    struct mqtt_handlers handlers = {.context = fixture, .on_event = take_event};
    struct diag diag;
    log_setup(LOG_ERROR, LOG_LOGFMT);
    fake_clock_reset();
    assert_int_equal(mqtt_create(&(struct mqtt_options){.client_id = "house"}, &handlers, &fixture->mqtt, &diag),
                     ERR_OK);
    fixture->connection = (struct connection){.name = "commands", .mqtt = fixture->mqtt};
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    mqtt_destroy(fixture->mqtt);
    free(fixture);
    return 0;
}

static int64_t run(struct fixture *fixture)
{
    return connection_run(&fixture->connection, fake_clock_ms());
}

// How long it takes to the next attempt, which is then under way.
static int64_t pause_ms(struct fixture *fixture)
{
    int64_t began_ms = fake_clock_ms();
    size_t connects = fake_mqtt_connects(fixture->mqtt);
    for (int64_t wait_ms = run(fixture); fake_mqtt_connects(fixture->mqtt) == connects; wait_ms = run(fixture)) {
        assert_true(wait_ms > 0 && wait_ms < INT64_MAX);
        fake_clock_advance(wait_ms);
    }
    return fake_clock_ms() - began_ms;
}

static void accept(struct fixture *fixture)
{
    struct mqtt_event connack = fake_mqtt_connack(false);
    fake_mqtt_accept(fixture->mqtt, &connack);
}

static void come_up(struct fixture *fixture)
{
    (void)pause_ms(fixture);
    accept(fixture);
    assert_int_equal(fixture->connection.state, CONNECTION_UP);
    fake_clock_advance(60000);
}

static void the_first_attempt_is_made_at_once_and_one_at_a_time(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(pause_ms(fixture), 0);
    fake_clock_advance(60000);
    assert_true(run(fixture) == INT64_MAX);
    assert_int_equal(fake_mqtt_connects(fixture->mqtt), 1);
}

static void pauses_grow_with_each_attempt_that_fails_up_to_a_limit(void **state)
{
    struct fixture *fixture = *state;
    int64_t last_ms = pause_ms(fixture);
    for (int i = 0; i < 12; i++) {
        fake_mqtt_refuse(fixture->mqtt, 0x88);
        int64_t next_ms = pause_ms(fixture);
        assert_true(next_ms >= last_ms && next_ms > 0 && next_ms <= 10000);
        last_ms = next_ms;
    }
    assert_true(last_ms >= 5000);
}

static void an_attempt_that_cannot_begin_is_made_again_later(void **state)
{
    struct fixture *fixture = *state;
    struct diag diag;
    assert_int_equal(mqtt_connect(fixture->mqtt, &diag), ERR_OK); // so that the next one is refused
    assert_true(run(fixture) == INT64_MAX);
    assert_int_equal(fixture->connection.state, CONNECTION_DOWN);
    int64_t wait_ms = run(fixture);
    assert_true(wait_ms > 0 && wait_ms <= 500);
}

static void a_connection_that_lived_is_made_anew_after_the_shortest_pause(void **state)
{
    struct fixture *fixture = *state;
    (void)pause_ms(fixture);
    for (int i = 0; i < 6; i++) {
        fake_mqtt_refuse(fixture->mqtt, 0x88);
        (void)pause_ms(fixture);
    }
    accept(fixture);
    fake_clock_advance(60000);
    fake_mqtt_lose(fixture->mqtt, MQTT_LOST, 0);
    assert_true(pause_ms(fixture) <= 500);
}

static void a_client_id_that_was_taken_over_is_left_to_the_other_for_a_while(void **state)
{
    struct fixture *fixture = *state;
    int64_t last_ms = 0;
    for (int i = 0; i < 8; i++) {
        come_up(fixture);
        fake_mqtt_lose(fixture->mqtt, MQTT_TAKEN_OVER, 0x8E);
        assert_int_equal(fixture->connection.state, CONNECTION_DOWN);
        int64_t next_ms = fixture->connection.retry_ms - fake_clock_ms();
        assert_true(next_ms >= 30000 && next_ms >= last_ms && next_ms <= 600000);
        last_ms = next_ms;
    }
}

static void losses_right_after_each_connect_look_like_a_takeover_only_if_all_was_answered(void **state)
{
    struct fixture *fixture = *state;
    fixture->unanswered = "reply/topic";
    for (int i = 0; i < 20; i++) {
        (void)pause_ms(fixture);
        accept(fixture);
        fake_mqtt_lose(fixture->mqtt, MQTT_LOST, 0);
        assert_true(fixture->connection.retry_ms - fake_clock_ms() <= 10000);
    }
    fixture->unanswered = NULL;
    (void)pause_ms(fixture);
    accept(fixture);
    fake_mqtt_lose(fixture->mqtt, MQTT_LOST, 0);
    assert_true(fixture->connection.retry_ms - fake_clock_ms() >= 30000);
}

static void a_connection_that_is_renewed_is_made_anew_at_once(void **state)
{
    struct fixture *fixture = *state;
    come_up(fixture);
    connection_renew(&fixture->connection);
    assert_int_equal(fake_mqtt_state(fixture->mqtt), FAKE_MQTT_ENDING);
    assert_true(run(fixture) == INT64_MAX);
    fake_mqtt_end(fixture->mqtt);
    assert_int_equal(pause_ms(fixture), 0);
}

static void only_a_connection_that_is_up_can_be_renewed(void **state)
{
    struct fixture *fixture = *state;
    connection_renew(&fixture->connection);
    assert_int_equal(fixture->connection.state, CONNECTION_DOWN);
    (void)pause_ms(fixture);
    connection_renew(&fixture->connection);
    assert_int_equal(fixture->connection.state, CONNECTION_CONNECTING);
    assert_int_equal(fake_mqtt_state(fixture->mqtt), FAKE_MQTT_CONNECTING);
}

static void a_broker_with_a_shorter_keep_alive_hears_of_us_twice_within_it(void **state)
{
    struct fixture *fixture = *state;
    struct mqtt_event connack = fake_mqtt_connack(false);
    connack.keepalive_s = 10;
    (void)pause_ms(fixture);
    fake_mqtt_accept(fixture->mqtt, &connack);
    assert_int_equal(run(fixture), 5000);
    fake_clock_advance(4999);
    (void)run(fixture);
    assert_int_equal(fake_mqtt_pokes(fixture->mqtt), 0);
    fake_clock_advance(1);
    (void)run(fixture);
    assert_int_equal(fake_mqtt_pokes(fixture->mqtt), 1);
}

// ---- stops

static void a_stop_of_a_connection_that_is_up_waits_for_its_end(void **state)
{
    struct fixture *fixture = *state;
    come_up(fixture);
    connection_stop(&fixture->connection);
    assert_int_equal(fixture->connection.state, CONNECTION_STOPPING);
    connection_stop(&fixture->connection);
    fake_mqtt_end(fixture->mqtt);
    assert_int_equal(fixture->connection.state, CONNECTION_STOPPED);
    fake_clock_advance(60000);
    assert_true(run(fixture) == INT64_MAX);
    assert_int_equal(fake_mqtt_connects(fixture->mqtt), 1);
}

static void a_stop_while_it_is_down_is_done_at_once_and_no_attempt_follows(void **state)
{
    struct fixture *fixture = *state;
    come_up(fixture);
    fake_mqtt_lose(fixture->mqtt, MQTT_LOST, 0);
    connection_stop(&fixture->connection);
    assert_int_equal(fixture->connection.state, CONNECTION_STOPPED);
    fake_clock_advance(60000);
    (void)run(fixture);
    assert_int_equal(fake_mqtt_connects(fixture->mqtt), 1);
}

static void a_connection_that_comes_up_after_the_stop_stays_stopped(void **state)
{
    struct fixture *fixture = *state;
    (void)pause_ms(fixture);
    connection_stop(&fixture->connection);
    accept(fixture);
    assert_int_equal(fixture->connection.state, CONNECTION_STOPPED);
}

static void a_connection_that_is_lost_while_it_stops_is_stopped(void **state)
{
    struct fixture *fixture = *state;
    come_up(fixture);
    connection_stop(&fixture->connection);
    struct mqtt_event lost = {.kind = MQTT_LOST};
    take_event(fixture, &lost);
    assert_int_equal(fixture->connection.state, CONNECTION_STOPPED);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(the_first_attempt_is_made_at_once_and_one_at_a_time),
        TEST(pauses_grow_with_each_attempt_that_fails_up_to_a_limit),
        TEST(an_attempt_that_cannot_begin_is_made_again_later),
        TEST(a_connection_that_lived_is_made_anew_after_the_shortest_pause),
        TEST(a_client_id_that_was_taken_over_is_left_to_the_other_for_a_while),
        TEST(losses_right_after_each_connect_look_like_a_takeover_only_if_all_was_answered),
        TEST(a_connection_that_is_renewed_is_made_anew_at_once),
        TEST(only_a_connection_that_is_up_can_be_renewed),
        TEST(a_broker_with_a_shorter_keep_alive_hears_of_us_twice_within_it),
        TEST(a_stop_of_a_connection_that_is_up_waits_for_its_end),
        TEST(a_stop_while_it_is_down_is_done_at_once_and_no_attempt_follows),
        TEST(a_connection_that_comes_up_after_the_stop_stays_stopped),
        TEST(a_connection_that_is_lost_while_it_stops_is_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
