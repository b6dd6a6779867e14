// Subscriptions, and the fence that proves that all which the broker kept has come.
#include "unit/fakes/world.h"

#include <string.h>

#include "base/mem.h"
#include "core/topic/topic.h"

#define RULES 4 // of unit/fakes/rules.yaml, with as many filters

static void accept_session(struct world *world, bool session_present)
{
    struct mqtt_event connack = fake_mqtt_connack(session_present);
    world_accept(world, &connack);
}

static size_t number_of(const struct world *world, const char *filter)
{
    size_t number = fake_mqtt_subscribed(world->commands);
    while (number > 0 && strcmp(fake_mqtt_subscription(world->commands, number - 1)->filter, filter) != 0) {
        number--;
    }
    assert_true(number > 0);
    return number - 1;
}

// All but this filter is granted.
static void grant_but(struct world *world, const char *filter)
{
    for (size_t i = 0; i < fake_mqtt_subscribed(world->commands); i++) {
        const struct fake_subscription *each = fake_mqtt_subscription(world->commands, i);
        if (each->fate == FAKE_UNDER_WAY && strcmp(each->filter, filter) != 0) {
            fake_mqtt_grant(world->commands, i, 1);
        }
    }
    world_turn(world);
}

static size_t unsubscribes(const struct world *world, const char *part)
{
    size_t count = 0;
    for (size_t i = 0; i < fake_mqtt_subscribed(world->commands); i++) {
        const struct fake_subscription *each = fake_mqtt_subscription(world->commands, i);
        count += each->is_unsubscribe && strstr(each->filter, part) != NULL ? 1 : 0;
    }
    return count;
}

// For so long the broker answers each SUBSCRIBE and UNSUBSCRIBE and acknowledges the fence, and delivers nothing.
static void without_fence(struct world *world, int64_t ms)
{
    world->broker_is_silent = true;
    for (; ms > 0; ms -= 50) {
        fake_mqtt_grant_all(world->commands);
        fake_mqtt_acknowledge_all(world->replies);
        world_pass(world, 50);
    }
}

// ---- a connection is made

static void each_filter_is_subscribed_once_with_an_id_of_its_own_and_the_fence_last(void **state)
{
    struct world *world = *state;
    accept_session(world, false);
    assert_int_equal(fake_mqtt_subscribed(world->commands), RULES + 1);
    for (size_t i = 0; i < RULES; i++) {
        for (size_t j = 0; j < i; j++) {
            assert_int_not_equal(fake_mqtt_subscription(world->commands, i)->id,
                                 fake_mqtt_subscription(world->commands, j)->id);
        }
    }
    assert_string_equal(fake_mqtt_subscription(world->commands, RULES)->filter, world->loop.fence_topic);
}

static void the_fence_is_not_published_before_all_is_answered(void **state)
{
    struct world *world = *state;
    accept_session(world, false);
    grant_but(world, "again/+/set");
    world->broker_is_silent = true;
    world_pass(world, 1000);
    assert_int_equal(fake_mqtt_count_on(world->replies, world->loop.fence_topic), 0);
    fake_mqtt_grant(world->commands, number_of(world, "again/+/set"), 1);
    world_turn(world);
    assert_int_equal(fake_mqtt_count_on(world->replies, world->loop.fence_topic), 1);
}

static void the_bridge_is_online_when_the_fence_is_back_and_not_before(void **state)
{
    struct world *world = *state;
    accept_session(world, false);
    grant_but(world, "");
    fake_mqtt_acknowledge_all(world->replies);
    world_turn(world);
    assert_false(broker_is_online(world->loop.broker));
    world_serve(world);
    assert_true(broker_is_online(world->loop.broker));
    assert_string_equal(fake_mqtt_last_on(world->commands, "thingbridge/bridge/state")->payload, "online");
}

static void another_fence_than_the_last_one_proves_nothing(void **state)
{
    struct world *world = *state;
    accept_session(world, false);
    grant_but(world, "");
    assert_true(world_deliver(world, world->loop.fence_topic, "0123456789"));
    world_turn(world);
    assert_false(broker_is_online(world->loop.broker));
}

static void a_session_that_is_kept_is_subscribed_again_all_the_same(void **state)
{
    struct world *world = *state;
    accept_session(world, true);
    assert_int_equal(fake_mqtt_subscribed(world->commands), RULES + 1);
}

static void filters_of_an_earlier_configuration_are_given_up_only_behind_the_fence(void **state)
{
    struct world *world = *state;
    const char *filter = "old/#";
    struct subscription_set old = {0};
    struct diag diag;
    subscription_set_build(&filter, 1, false, &old);
    AUTO_FREE char *text = subscription_set_encode(&old);
    outbox_stage_note(world->loop.outbox, "subscriptions_in_force", text);
    outbox_stage_note(world->loop.outbox, "subscriptions_made", text);
    assert_int_equal(outbox_commit(world->loop.outbox, &diag), ERR_OK);
    subscription_set_free(&old);
    world_restart(world);
    accept_session(world, true);
    grant_but(world, "");
    assert_int_equal(unsubscribes(world, "old/#"), 0);
    world_serve(world);
    assert_int_equal(unsubscribes(world, "old/#"), 1);
}

static void a_broker_that_lost_the_session_has_nothing_to_give_up(void **state)
{
    struct world *world = *state;
    const char *filter = "old/#";
    struct subscription_set old = {0};
    struct diag diag;
    subscription_set_build(&filter, 1, false, &old);
    AUTO_FREE char *text = subscription_set_encode(&old);
    outbox_stage_note(world->loop.outbox, "subscriptions_made", text);
    assert_int_equal(outbox_commit(world->loop.outbox, &diag), ERR_OK);
    subscription_set_free(&old);
    world_restart(world);
    world_connect(world, false);
    assert_int_equal(unsubscribes(world, "old/#"), 0);
}

// A process ended before its fence came back; the filters have changed again since.
static void what_filters_brought_that_were_never_in_force_is_a_command(void **state)
{
    struct world *world = *state;
    const char *filters[] = {"lamp/#", "many/#"};
    struct subscription_set made = {0};
    struct diag diag;
    subscription_set_build(filters, COUNT_OF(filters), false, &made);
    AUTO_FREE char *text = subscription_set_encode(&made);
    outbox_stage_note(world->loop.outbox, "subscriptions_made", text);
    assert_int_equal(outbox_commit(world->loop.outbox, &diag), ERR_OK);
    world_restart(world);
    accept_session(world, true);
    struct message message = {.topic = (char *)"lamp/a/set",
                              .payload = "{}",
                              .payload_len = 2,
                              .qos = 1,
                              .packet_id = 7,
                              .subscription_id_count = 1,
                              .subscription_ids = {subscription_set_lowest(&made, "lamp/a/set")}};
    subscription_set_free(&made);
    assert_true(fake_mqtt_deliver(world->commands, &message));
    assert_int_equal(fake_outbox_row_count(world->loop.outbox), 1);
}

// ---- refusals

static void a_filter_that_is_refused_keeps_the_bridge_offline_and_the_others_working(void **state)
{
    struct world *world = *state;
    accept_session(world, false);
    fake_mqtt_refuse_subscription(world->commands, number_of(world, "again/+/set"), 0x87);
    world_serve(world);
    assert_false(broker_is_online(world->loop.broker));
    world_send(world, "lamp/a/set", "{}");
    assert_requests(world, 1);
}

static void a_filter_that_is_granted_on_the_next_connection_brings_the_bridge_online(void **state)
{
    struct world *world = *state;
    accept_session(world, false);
    fake_mqtt_refuse_subscription(world->commands, number_of(world, "again/+/set"), 0x87);
    world_serve(world);
    fake_mqtt_lose(world->commands, MQTT_LOST, 0);
    world_turn(world);
    world_connect(world, true);
}

static void a_filter_over_which_connections_end_is_left_out_and_the_others_are_granted(void **state)
{
    struct world *world = *state;
    accept_session(world, false);
    for (int i = 0; i < 10; i++) {
        grant_but(world, "again/+/set");
        world_pass(world, 0);
        const struct fake_subscription *last = fake_mqtt_subscription(world->commands, number_of(world, "again/+/set"));
        if (last->fate == FAKE_UNDER_WAY) {
            fake_mqtt_lose(world->commands, MQTT_LOST, 0);
            world_turn(world);
            accept_session(world, true);
        }
    }
    size_t asked = fake_mqtt_count_filter(world->commands, "again/+/set", false);
    assert_true(asked <= 3);
    world_serve(world);
    world_send(world, "lamp/a/set", "{}");
    assert_requests(world, 1);
    assert_false(broker_is_online(world->loop.broker));
}

static void a_broker_without_shared_subscriptions_is_not_asked_for_them(void **state)
{
    struct world *world = *state;
    char *share = world->config.mqtt.share;
    world->config.mqtt.share = (char *)"group";
    world_restart(world);
    struct mqtt_event connack = fake_mqtt_connack(false);
    connack.shared_subscriptions = false;
    world_accept(world, &connack);
    world_serve(world);
    assert_int_equal(fake_mqtt_count_filter(world->commands, "$share/group/lamp/+/set", false), 0);
    assert_false(broker_is_online(world->loop.broker));
    world->config.mqtt.share = share;
}

static void a_shared_subscription_names_its_group(void **state)
{
    struct world *world = *state;
    char *share = world->config.mqtt.share;
    world->config.mqtt.share = (char *)"group";
    world_restart(world);
    accept_session(world, false);
    assert_int_equal(fake_mqtt_count_filter(world->commands, "$share/group/lamp/+/set", false), 1);
    world->config.mqtt.share = share;
}

// ---- a fence that never comes

static void a_fence_that_never_comes_back_gives_way_to_a_pause(void **state)
{
    struct world *world = *state;
    accept_session(world, true);
    without_fence(world, 5000);
    assert_true(unsubscribes(world, "/round") >= 3);
    assert_false(broker_is_online(world->loop.broker));
    assert_int_equal(fake_mqtt_state(world->commands), FAKE_MQTT_UP);
    // What was in doubt is so no more: a command runs though the session was kept, and nobody knows for how long.
    world_send(world, "lamp/a/set", "{}");
    assert_requests(world, 1);
}

static void messages_without_a_pause_stay_in_doubt(void **state)
{
    struct world *world = *state;
    accept_session(world, true);
    world->broker_is_silent = true;
    for (int i = 0; i < 100; i++) {
        fake_mqtt_grant_all(world->commands);
        fake_mqtt_acknowledge_all(world->replies);
        world_pass(world, 50);
        assert_true(world_deliver(world, "other/topic", "{}"));
    }
    world_send(world, "lamp/a/set", "{}");
    assert_requests(world, 0);
}

static void a_fence_that_is_refused_gives_way_to_a_pause(void **state)
{
    struct world *world = *state;
    accept_session(world, true);
    fake_mqtt_refuse_subscription(world->commands, number_of(world, world->loop.fence_topic), 0x87);
    grant_but(world, "");
    without_fence(world, 5000);
    world_send(world, "lamp/a/set", "{}");
    assert_requests(world, 1);
}

static void a_fence_that_nobody_acknowledges_has_the_connection_made_anew(void **state)
{
    struct world *world = *state;
    world->broker_is_silent = true;
    world_pass(world, 40000);
    assert_int_equal(fake_mqtt_state(world->replies), FAKE_MQTT_ENDING);
    assert_int_equal(fake_mqtt_state(world->commands), FAKE_MQTT_ENDING); // it carried nothing either
}

static void a_fence_that_works_again_brings_the_bridge_online(void **state)
{
    struct world *world = *state;
    accept_session(world, true);
    without_fence(world, 5000);
    assert_false(broker_is_online(world->loop.broker));
    world->broker_is_silent = false;
    world_pass(world, 20000);
    assert_true(broker_is_online(world->loop.broker));
}

static void an_unsubscribe_that_is_unanswered_for_long_has_the_connection_made_anew(void **state)
{
    struct world *world = *state;
    accept_session(world, true);
    without_fence(world, 1000);
    for (int i = 0; i < 400 && fake_mqtt_state(world->commands) == FAKE_MQTT_UP; i++) {
        fake_mqtt_acknowledge_all(world->replies);
        world_pass(world, 100);
    }
    assert_int_equal(fake_mqtt_state(world->commands), FAKE_MQTT_ENDING);
    assert_int_equal(fake_mqtt_state(world->replies), FAKE_MQTT_UP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST_OFFLINE(each_filter_is_subscribed_once_with_an_id_of_its_own_and_the_fence_last),
        WORLD_TEST_OFFLINE(the_fence_is_not_published_before_all_is_answered),
        WORLD_TEST_OFFLINE(the_bridge_is_online_when_the_fence_is_back_and_not_before),
        WORLD_TEST_OFFLINE(another_fence_than_the_last_one_proves_nothing),
        WORLD_TEST_OFFLINE(a_session_that_is_kept_is_subscribed_again_all_the_same),
        WORLD_TEST_OFFLINE(filters_of_an_earlier_configuration_are_given_up_only_behind_the_fence),
        WORLD_TEST_OFFLINE(a_broker_that_lost_the_session_has_nothing_to_give_up),
        WORLD_TEST_OFFLINE(what_filters_brought_that_were_never_in_force_is_a_command),
        WORLD_TEST_OFFLINE(a_filter_that_is_refused_keeps_the_bridge_offline_and_the_others_working),
        WORLD_TEST_OFFLINE(a_filter_that_is_granted_on_the_next_connection_brings_the_bridge_online),
        WORLD_TEST_OFFLINE(a_filter_over_which_connections_end_is_left_out_and_the_others_are_granted),
        WORLD_TEST_OFFLINE(a_broker_without_shared_subscriptions_is_not_asked_for_them),
        WORLD_TEST_OFFLINE(a_shared_subscription_names_its_group),
        WORLD_TEST_OFFLINE(a_fence_that_never_comes_back_gives_way_to_a_pause),
        WORLD_TEST_OFFLINE(messages_without_a_pause_stay_in_doubt),
        WORLD_TEST_OFFLINE(a_fence_that_is_refused_gives_way_to_a_pause),
        WORLD_TEST(a_fence_that_nobody_acknowledges_has_the_connection_made_anew),
        WORLD_TEST_OFFLINE(a_fence_that_works_again_brings_the_bridge_online),
        WORLD_TEST_OFFLINE(an_unsubscribe_that_is_unanswered_for_long_has_the_connection_made_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
