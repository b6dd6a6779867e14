// Replies on their way: the window, losses, and the experiments that find a reply which ends connections.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "app/broker/reply/reply_queue.h"
#include "base/log.h"
#include "base/mem.h"
#include "unit/fakes/fake_clock.h"
#include "unit/fakes/fake_mqtt.h"

#define REPLIES_MAX 32
#define LAST        "reply/last"

struct fixture {
    struct mqtt *mqtt;
    struct connection connection;
    struct reply_queue queue;
    struct outgoing replies[REPLIES_MAX];
    char topics[REPLIES_MAX][32];
    bool is_v5;
    struct mqtt_event connack;
    const struct outgoing *done[REPLIES_MAX];
    size_t done_count;
};

// As app/broker/broker.c hands the events on.
static void take_event(void *context, const struct mqtt_event *event)
{
    struct fixture *fixture = context;
    int64_t now_ms = fake_clock_ms();
    const char *unanswered = reply_queue_unacknowledged(&fixture->queue);
    if (!connection_take(&fixture->connection, event, unanswered, now_ms)) {
        reply_queue_take(&fixture->queue, event, now_ms);
    } else if (fixture->connection.state == CONNECTION_UP) {
        reply_queue_connected(&fixture->queue, event, fixture->is_v5, now_ms);
    } else {
        reply_queue_disconnected(&fixture->queue, event, now_ms);
    }
}

static void take_done(void *context, struct outgoing *outgoing)
{
    struct fixture *fixture = context;
    for (size_t i = 0; i < fixture->done_count; i++) {
        assert_ptr_not_equal(fixture->done[i], outgoing);
    }
    fixture->done[fixture->done_count++] = outgoing;
}

static void run(struct fixture *fixture)
{
    (void)connection_run(&fixture->connection, fake_clock_ms());
    (void)reply_queue_run(&fixture->queue, fake_clock_ms());
}

static void pass(struct fixture *fixture, int64_t ms)
{
    for (; ms > 0; ms -= 100) {
        fake_clock_advance(100);
        run(fixture);
    }
}

static void connect_now(struct fixture *fixture)
{
    for (int i = 0; i < 10000 && fake_mqtt_state(fixture->mqtt) != FAKE_MQTT_CONNECTING; i++) {
        pass(fixture, 100);
    }
    fake_mqtt_accept(fixture->mqtt, &fixture->connack);
    run(fixture);
}

static int set_up(void **state)
{
    struct fixture *fixture = mem_alloc(sizeof *fixture);
    struct mqtt_handlers handlers = {.context = fixture, .on_event = take_event};
    struct diag diag;
    log_setup(LOG_ERROR, LOG_LOGFMT);
    fake_clock_reset();
    assert_int_equal(mqtt_create(&(struct mqtt_options){.client_id = "replies"}, &handlers, &fixture->mqtt, &diag),
                     ERR_OK);
    fixture->connection = (struct connection){.name = "replies", .mqtt = fixture->mqtt};
    fixture->is_v5 = true;
    fixture->connack = fake_mqtt_connack(false);
    reply_queue_init(&fixture->queue, &fixture->connection, "fence", take_done, fixture);
    connect_now(fixture);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    reply_queue_clear(&fixture->queue);
    mqtt_destroy(fixture->mqtt);
    free(fixture);
    return 0;
}

static void send_one(struct fixture *fixture, size_t number, const char *topic, const char *payload)
{
    snprintf(fixture->topics[number], sizeof fixture->topics[number], "%s", topic);
    fixture->replies[number] =
        (struct outgoing){.topic = fixture->topics[number], .payload = payload, .owner = &fixture->replies[number]};
    reply_queue_send(&fixture->queue, &fixture->replies[number]);
}

// Replies r/0, r/1 ...
static void send_some(struct fixture *fixture, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char topic[32];
        snprintf(topic, sizeof topic, "r/%zu", i);
        send_one(fixture, i, topic, "{}");
    }
    run(fixture);
}

static void lose(struct fixture *fixture, enum mqtt_event_kind kind, int reason)
{
    fake_mqtt_lose(fixture->mqtt, kind, reason);
    run(fixture);
}

// What is under way is acknowledged, but for one topic.
static void acknowledge_but(struct fixture *fixture, const char *topic)
{
    for (size_t i = 0; i < fake_mqtt_published(fixture->mqtt); i++) {
        const struct fake_publication *each = fake_mqtt_publication(fixture->mqtt, i);
        if (each->fate == FAKE_UNDER_WAY && strcmp(each->topic, topic) != 0) {
            fake_mqtt_acknowledge(fixture->mqtt, i);
        }
    }
}

static bool is_done(const struct fixture *fixture, size_t number)
{
    for (size_t i = 0; i < fixture->done_count; i++) {
        if (fixture->done[i] == &fixture->replies[number]) {
            return true;
        }
    }
    return false;
}

static bool is_under_way(const struct fixture *fixture, const char *topic)
{
    const struct fake_publication *last = fake_mqtt_last_on(fixture->mqtt, topic);
    return last != NULL && last->fate == FAKE_UNDER_WAY;
}

// ---- the window

static void replies_leave_in_their_order_and_end_with_their_acknowledgments(void **state)
{
    struct fixture *fixture = *state;
    send_some(fixture, 3);
    assert_int_equal(fake_mqtt_published(fixture->mqtt), 3);
    assert_string_equal(fake_mqtt_publication(fixture->mqtt, 2)->topic, "r/2");
    assert_int_equal(fixture->done_count, 0);
    fake_mqtt_acknowledge(fixture->mqtt, 0);
    assert_int_equal(fixture->done_count, 1);
    assert_true(is_done(fixture, 0));
}

static void the_brokers_receive_maximum_leaves_one_place_for_the_fence(void **state)
{
    struct fixture *fixture = *state;
    lose(fixture, MQTT_LOST, 0);
    fixture->connack.receive_maximum = 4;
    connect_now(fixture);
    send_some(fixture, 10);
    assert_int_equal(fake_mqtt_under_way(fixture->mqtt), 3);
    fake_mqtt_acknowledge(fixture->mqtt, 0);
    run(fixture);
    assert_int_equal(fake_mqtt_under_way(fixture->mqtt), 3);
    assert_int_equal(fake_mqtt_published(fixture->mqtt), 4);
}

static void mqtt_3_1_1_has_a_window_of_20(void **state)
{
    struct fixture *fixture = *state;
    lose(fixture, MQTT_LOST, 0);
    fixture->is_v5 = false;
    connect_now(fixture);
    send_some(fixture, 30);
    assert_int_equal(fake_mqtt_under_way(fixture->mqtt), 20);
}

static void a_library_that_sleeps_is_poked(void **state)
{
    struct fixture *fixture = *state;
    send_some(fixture, 1);
    size_t pokes = fake_mqtt_pokes(fixture->mqtt);
    pass(fixture, 200);
    assert_int_equal(fake_mqtt_pokes(fixture->mqtt), pokes);
    pass(fixture, 200);
    assert_int_equal(fake_mqtt_pokes(fixture->mqtt), pokes + 1);
}

// ---- what the library and the broker refuse

static void a_reply_that_the_broker_refuses_is_over(void **state)
{
    struct fixture *fixture = *state;
    send_some(fixture, 2);
    fake_mqtt_refuse_publication(fixture->mqtt, 0, 0x87);
    assert_true(is_done(fixture, 0));
    assert_false(is_done(fixture, 1));
}

static void a_reply_that_no_packet_can_hold_is_over(void **state)
{
    struct fixture *fixture = *state;
    fake_mqtt_fail_next_publish(fixture->mqtt, ERR_LIMIT);
    send_some(fixture, 2);
    assert_true(is_done(fixture, 0));
    assert_int_equal(fake_mqtt_published(fixture->mqtt), 1);
}

static void a_reply_that_met_a_connection_just_lost_waits_for_the_next(void **state)
{
    struct fixture *fixture = *state;
    fake_mqtt_fail_next_publish(fixture->mqtt, ERR_UNAVAILABLE);
    send_some(fixture, 1);
    lose(fixture, MQTT_LOST, 0);
    assert_int_equal(fixture->done_count, 0);
    connect_now(fixture);
    assert_true(is_under_way(fixture, "r/0"));
}

static void a_reply_that_the_library_cannot_take_has_the_connection_made_anew(void **state)
{
    struct fixture *fixture = *state;
    fake_mqtt_fail_next_publish(fixture->mqtt, ERR_INTERNAL);
    send_some(fixture, 1);
    assert_int_equal(fake_mqtt_state(fixture->mqtt), FAKE_MQTT_ENDING);
    fake_mqtt_end(fixture->mqtt);
    connect_now(fixture);
    assert_true(is_under_way(fixture, "r/0"));
    assert_int_equal(fixture->done_count, 0);
}

static void a_reply_to_a_topic_that_brokers_hang_up_on_is_never_sent(void **state)
{
    struct fixture *fixture = *state;
    send_one(fixture, 0, "reply/#", "{}");
    run(fixture);
    assert_true(is_done(fixture, 0));
    assert_int_equal(fake_mqtt_published(fixture->mqtt), 0);
}

static void a_reply_above_the_brokers_packet_limit_is_sent_without_its_result(void **state)
{
    struct fixture *fixture = *state;
    lose(fixture, MQTT_LOST, 0);
    fixture->connack.max_packet_size = 200;
    connect_now(fixture);
    AUTO_FREE char *payload = mem_printf("{\"v\":1,\"id\":\"1\",\"result\":\"%0300d\"}", 0);
    send_one(fixture, 0, LAST, payload);
    run(fixture);
    const struct fake_publication *sent = fake_mqtt_last_on(fixture->mqtt, LAST);
    assert_non_null(sent);
    assert_true(strlen(sent->payload) < 200);
    assert_non_null(strstr(sent->payload, "\"id\":\"1\""));
}

// ---- losses

static void what_a_loss_leaves_unacknowledged_is_sent_again_in_its_order(void **state)
{
    struct fixture *fixture = *state;
    send_some(fixture, 3);
    fake_mqtt_acknowledge(fixture->mqtt, 1);
    lose(fixture, MQTT_LOST, 0);
    connect_now(fixture);
    assert_int_equal(fake_mqtt_published(fixture->mqtt), 4); // one at a time after a loss
    assert_string_equal(fake_mqtt_publication(fixture->mqtt, 3)->topic, "r/0");
    fake_mqtt_acknowledge_all(fixture->mqtt);
    run(fixture);
    assert_string_equal(fake_mqtt_publication(fixture->mqtt, 4)->topic, "r/2");
    fake_mqtt_acknowledge_all(fixture->mqtt);
    assert_int_equal(fixture->done_count, 3);
}

static void an_acknowledgment_ends_a_reply_once_however_often_it_was_sent(void **state)
{
    struct fixture *fixture = *state;
    send_some(fixture, 1);
    for (int i = 0; i < 3; i++) {
        lose(fixture, MQTT_LOST, 0x8B);
        connect_now(fixture);
    }
    fake_mqtt_acknowledge_all(fixture->mqtt);
    assert_int_equal(fixture->done_count, 1);
    pass(fixture, 10000);
    assert_int_equal(fixture->done_count, 1); // take_done looks for a second one
}

static void replies_that_come_during_an_outage_leave_behind_those_before(void **state)
{
    struct fixture *fixture = *state;
    send_some(fixture, 1);
    lose(fixture, MQTT_LOST, 0);
    send_one(fixture, 1, LAST, "{}");
    connect_now(fixture);
    assert_true(is_under_way(fixture, "r/0"));
    assert_false(is_under_way(fixture, LAST));
    fake_mqtt_acknowledge_all(fixture->mqtt);
    run(fixture);
    assert_true(is_under_way(fixture, LAST));
}

static void a_publication_that_is_told_lost_without_its_connection_is_sent_again(void **state)
{
    struct fixture *fixture = *state;
    send_some(fixture, 1);
    struct mqtt_event lost = {.kind = MQTT_PUBLISH_LOST, .cookie = fake_mqtt_publication(fixture->mqtt, 0)->cookie};
    take_event(fixture, &lost);
    pass(fixture, 3000);
    assert_int_equal(fake_mqtt_published(fixture->mqtt), 1);
    pass(fixture, 3000);
    assert_int_equal(fake_mqtt_published(fixture->mqtt), 2);
}

static void a_publication_that_is_passed_by_for_long_has_the_connection_made_anew(void **state)
{
    struct fixture *fixture = *state;
    send_some(fixture, 2);
    fake_mqtt_acknowledge(fixture->mqtt, 1);
    pass(fixture, 29000);
    assert_int_equal(fake_mqtt_state(fixture->mqtt), FAKE_MQTT_UP);
    pass(fixture, 2000);
    assert_int_equal(fake_mqtt_state(fixture->mqtt), FAKE_MQTT_ENDING);
}

// ---- a reply that ends connections

// The broker ends the connection whenever this reply comes, and acknowledges the others, for so long. `own_or_null` is
// published each second, as the fence is from time to time.
static void broker_that_hangs_up_on(struct fixture *fixture, const char *topic, const char *own_or_null, int64_t ms)
{
    for (; ms > 0; ms -= 100) {
        if (own_or_null != NULL && ms % 1000 == 0) {
            reply_queue_publish_own(&fixture->queue, own_or_null, "text", false, fake_clock_ms());
        }
        if (fake_mqtt_state(fixture->mqtt) == FAKE_MQTT_CONNECTING) {
            fake_mqtt_accept(fixture->mqtt, &fixture->connack);
        }
        fake_mqtt_grant_all(fixture->mqtt);
        acknowledge_but(fixture, topic);
        if (fake_mqtt_state(fixture->mqtt) == FAKE_MQTT_UP && is_under_way(fixture, topic)) {
            fake_mqtt_lose(fixture->mqtt, MQTT_LOST, 0);
        }
        pass(fixture, 100);
    }
}

static void send_bad_one(struct fixture *fixture)
{
    send_one(fixture, 5, "r/bad", "{}");
    send_some(fixture, 5);
}

static void a_reply_that_ends_each_connection_is_condemned_and_the_others_are_delivered(void **state)
{
    struct fixture *fixture = *state;
    send_bad_one(fixture);
    broker_that_hangs_up_on(fixture, "r/bad", "own", 20000);
    assert_true(fixture->done_count >= 5); // the others, at the latest while it is set aside
    broker_that_hangs_up_on(fixture, "r/bad", "own", 100000);
    assert_int_equal(fixture->done_count, 6);
    size_t tries = fake_mqtt_count_on(fixture->mqtt, "r/bad");
    broker_that_hangs_up_on(fixture, "r/bad", "own", 100000);
    assert_int_equal(fake_mqtt_count_on(fixture->mqtt, "r/bad"), tries);
}

static void a_reply_is_not_condemned_by_connections_that_carry_nothing_else(void **state)
{
    struct fixture *fixture = *state;
    send_bad_one(fixture);
    broker_that_hangs_up_on(fixture, "r/bad", NULL, 600000);
    assert_int_equal(fixture->done_count, 5);
    assert_false(is_done(fixture, 5));
}

static void a_reply_that_was_first_in_two_losses_is_tried_alone_and_delivered(void **state)
{
    struct fixture *fixture = *state;
    send_some(fixture, 3);
    for (int i = 0; i < 2; i++) {
        lose(fixture, MQTT_LOST, 0);
        connect_now(fixture);
    }
    assert_false(is_under_way(fixture, "r/0"));
    broker_that_hangs_up_on(fixture, "none", "own", 30000);
    assert_int_equal(fixture->done_count, 3);
}

static void an_end_with_a_reason_of_the_brokers_own_is_no_replys_doing(void **state)
{
    struct fixture *fixture = *state;
    send_some(fixture, 1);
    for (int i = 0; i < 10; i++) {
        lose(fixture, MQTT_LOST, 0x8B);
        connect_now(fixture);
        pass(fixture, 3000); // a connection may have to be quiet at first
        assert_true(is_under_way(fixture, "r/0"));
    }
    for (int i = 0; i < 3; i++) {
        lose(fixture, MQTT_TAKEN_OVER, 0x8E);
        connect_now(fixture);
        pass(fixture, 3000);
        assert_true(is_under_way(fixture, "r/0"));
    }
}

// ---- texts of our own

static void a_text_of_our_own_is_sent_now_or_never(void **state)
{
    struct fixture *fixture = *state;
    lose(fixture, MQTT_LOST, 0);
    reply_queue_publish_own(&fixture->queue, "own", "text", true, fake_clock_ms());
    connect_now(fixture);
    assert_int_equal(fake_mqtt_count_on(fixture->mqtt, "own"), 0);
    reply_queue_publish_own(&fixture->queue, "own", "text", true, fake_clock_ms());
    assert_int_equal(fake_mqtt_count_on(fixture->mqtt, "own"), 1);
    lose(fixture, MQTT_LOST, 0);
    connect_now(fixture);
    assert_int_equal(fake_mqtt_count_on(fixture->mqtt, "own"), 1);
}

static void a_text_of_our_own_that_ends_connections_is_left_out_for_a_while(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < 2; i++) {
        reply_queue_publish_own(&fixture->queue, "own", "text", true, fake_clock_ms());
        lose(fixture, MQTT_LOST, 0);
        connect_now(fixture);
    }
    reply_queue_publish_own(&fixture->queue, "own", "text", true, fake_clock_ms());
    assert_int_equal(fake_mqtt_count_on(fixture->mqtt, "own"), 2);
    pass(fixture, 10000);
    reply_queue_publish_own(&fixture->queue, "own", "text", true, fake_clock_ms());
    assert_int_equal(fake_mqtt_count_on(fixture->mqtt, "own"), 3);
}

// ---- withdrawing

static void only_replies_that_all_wait_can_be_withdrawn(void **state)
{
    struct fixture *fixture = *state;
    send_some(fixture, 1);
    assert_false(reply_queue_withdraw(&fixture->queue, &fixture->replies[0], 1));
    lose(fixture, MQTT_LOST, 0);
    assert_true(reply_queue_withdraw(&fixture->queue, &fixture->replies[0], 1));
    connect_now(fixture);
    assert_int_equal(fake_mqtt_count_on(fixture->mqtt, "r/0"), 1);
    assert_int_equal(fixture->done_count, 0);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(replies_leave_in_their_order_and_end_with_their_acknowledgments),
        TEST(the_brokers_receive_maximum_leaves_one_place_for_the_fence),
        TEST(mqtt_3_1_1_has_a_window_of_20),
        TEST(a_library_that_sleeps_is_poked),
        TEST(a_reply_that_the_broker_refuses_is_over),
        TEST(a_reply_that_no_packet_can_hold_is_over),
        TEST(a_reply_that_met_a_connection_just_lost_waits_for_the_next),
        TEST(a_reply_that_the_library_cannot_take_has_the_connection_made_anew),
        TEST(a_reply_to_a_topic_that_brokers_hang_up_on_is_never_sent),
        TEST(a_reply_above_the_brokers_packet_limit_is_sent_without_its_result),
        TEST(what_a_loss_leaves_unacknowledged_is_sent_again_in_its_order),
        TEST(an_acknowledgment_ends_a_reply_once_however_often_it_was_sent),
        TEST(replies_that_come_during_an_outage_leave_behind_those_before),
        TEST(a_publication_that_is_told_lost_without_its_connection_is_sent_again),
        TEST(a_publication_that_is_passed_by_for_long_has_the_connection_made_anew),
        TEST(a_reply_that_ends_each_connection_is_condemned_and_the_others_are_delivered),
        TEST(a_reply_is_not_condemned_by_connections_that_carry_nothing_else),
        TEST(a_reply_that_was_first_in_two_losses_is_tried_alone_and_delivered),
        TEST(an_end_with_a_reason_of_the_brokers_own_is_no_replys_doing),
        TEST(a_text_of_our_own_is_sent_now_or_never),
        TEST(a_text_of_our_own_that_ends_connections_is_left_out_for_a_while),
        TEST(only_replies_that_all_wait_can_be_withdrawn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
