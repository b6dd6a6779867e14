// What becomes of a message: which are acknowledged, stored, refused or left, and how old they count.
#include "unit/fakes/world.h"

#include <string.h>

#include "base/mem.h"

#define LAMP   "lamp/a/set"
#define RESULT "lamp/a/set/result"

static struct message message_of(const char *topic, const char *payload)
{
    return (struct message){
        .topic = (char *)topic, .payload = (char *)payload, .payload_len = strlen(payload), .qos = 1, .packet_id = 500};
}

static bool deliver(struct world *world, const struct message *message)
{
    bool acknowledged = fake_mqtt_deliver(world->commands, message);
    world_turn(world);
    return acknowledged;
}

// ---- nothing is acknowledged that is not on disk

static void a_command_that_cannot_be_stored_is_not_acknowledged_and_taken_when_it_comes_again(void **state)
{
    struct world *world = *state;
    fake_outbox_fail_appends(world->loop.outbox, 1);
    assert_false(world_deliver(world, LAMP, "{}"));
    world_turn(world);
    assert_int_equal(fake_outbox_row_count(world->loop.outbox), 0);
    world_pass(world, 3000);
    world_connect(world, true);
    assert_true(world_deliver_as(world, LAMP, "{}", world->packet_id, true, 1));
    world_turn(world);
    assert_int_equal(fake_outbox_row_count(world->loop.outbox), 1);
    assert_requests(world, 1);
}

static void no_commands_are_taken_before_the_outbox_is_proved_to_be_writable(void **state)
{
    struct world *world = *state;
    size_t connects = fake_mqtt_connects(world->commands);
    fake_outbox_fail_appends(world->loop.outbox, 1);
    fake_outbox_fail_commits(world->loop.outbox, 1000);
    assert_false(world_deliver(world, LAMP, "{}"));
    world_pass(world, 30000);
    assert_int_equal(fake_mqtt_connects(world->commands), connects);
    fake_outbox_fail_commits(world->loop.outbox, 0);
    world_pass(world, 60000);
    assert_int_equal(fake_mqtt_connects(world->commands), connects + 1);
}

static void a_command_that_is_stored_while_the_core_cannot_commit_is_acknowledged_and_waits(void **state)
{
    struct world *world = *state;
    assert_true(world_deliver(world, "lamp/b/set", "{}"));
    fake_outbox_fail_commits(world->loop.outbox, 1);
    world_turn(world);
    assert_int_equal(fake_mqtt_state(world->commands), FAKE_MQTT_ENDING);
    assert_requests(world, 0);
    assert_int_equal(fake_outbox_row_count(world->loop.outbox), 1);
    world_pass(world, 5000);
    assert_requests(world, 1);
}

static void a_command_for_which_there_is_no_room_is_refused_and_acknowledged(void **state)
{
    struct world *world = *state;
    fake_outbox_fill(world->loop.outbox, 1);
    world_send(world, LAMP, "{}");
    assert_replies(world, RESULT, 1, "outbox_full");
    world_pass(world, 1000);
    assert_requests(world, 0);
    assert_int_equal(fake_mqtt_state(world->commands), FAKE_MQTT_UP);
}

static void a_command_whose_refusal_has_no_room_either_is_left_to_the_broker(void **state)
{
    struct world *world = *state;
    fake_outbox_fill(world->loop.outbox, 2);
    assert_false(world_deliver(world, LAMP, "{}"));
    world_turn(world);
    assert_int_equal(fake_outbox_row_count(world->loop.outbox), 0);
    assert_false(intake_is_open(&world->loop.intake));
}

static void an_answer_to_a_redelivery_that_cannot_be_stored_is_left_to_the_broker(void **state)
{
    struct world *world = *state;
    world->config.mqtt.redelivery = CONFIG_BY_CONTENT;
    world_restart(world);
    world_connect(world, false);
    world_send(world, LAMP, "{}");
    fake_mqtt_lose(world->commands, MQTT_LOST, 0);
    world_turn(world);
    world_connect(world, true);
    fake_outbox_fail_appends(world->loop.outbox, 1);
    assert_false(world_deliver_as(world, LAMP, "{}", 1000, false, 1));
    world_turn(world);
    assert_requests(world, 1);
}

// ---- what is no command, and what is refused

static void a_message_that_no_rule_takes_is_acknowledged_and_forgotten(void **state)
{
    struct world *world = *state;
    assert_true(world_deliver(world, "other/a", "{}"));
    world_turn(world);
    assert_int_equal(fake_outbox_row_count(world->loop.outbox), 0);
    assert_int_equal(pipeline_count(world->loop.pipeline), 0);
}

static void a_retained_message_is_no_command(void **state)
{
    struct world *world = *state;
    struct message message = message_of(LAMP, "{}");
    message.retained = true;
    assert_true(deliver(world, &message));
    assert_int_equal(fake_outbox_row_count(world->loop.outbox), 0);
}

static void a_payload_above_the_limit_is_refused_with_its_reason(void **state)
{
    struct world *world = *state;
    world->config.limits.payload = 16;
    world_restart(world);
    world_connect(world, false);
    world_send(world, LAMP, "{\"$id\":\"1\",\"level\":5}");
    assert_replies(world, RESULT, 1, "payload_too_large");
    assert_requests(world, 0);
}

static void only_the_copy_of_the_lowest_fitting_subscription_is_the_command(void **state)
{
    struct world *world = *state;
    uint32_t lowest = fake_mqtt_subscription(world->commands, 0)->id;
    struct message message = message_of("again/a/set", "{}");
    for (size_t i = 0; i < fake_mqtt_subscribed(world->commands); i++) {
        const struct fake_subscription *each = fake_mqtt_subscription(world->commands, i);
        lowest = strcmp(each->filter, "again/+/set") == 0 ? each->id : lowest;
    }
    message.subscription_id_count = 1;
    message.subscription_ids[0] = lowest + 100;
    assert_true(deliver(world, &message));
    assert_requests(world, 0);
    message.subscription_ids[0] = lowest;
    message.packet_id++;
    assert_true(deliver(world, &message));
    assert_requests(world, 1);
}

static void a_packet_that_is_sent_again_on_its_connection_is_one_command(void **state)
{
    struct world *world = *state;
    world_send(world, LAMP, "{}");
    assert_true(world_deliver_as(world, LAMP, "{}", world->packet_id, true, 1));
    world_turn(world);
    assert_int_equal(fake_outbox_row_count(world->loop.outbox), 1);
}

static void commands_in_memory_above_the_share_of_their_rule_are_refused(void **state)
{
    struct world *world = *state;
    world->config.outbox.max_commands = 4;
    world->config.outbox.max_share = 0.5;
    world_restart(world);
    world_connect(world, false);
    for (int i = 0; i < 3; i++) {
        assert_true(world_deliver_as(world, LAMP, "{}", 0, false, 0));
    }
    world_turn(world);
    assert_replies(world, RESULT, 1, "outbox_full");
    assert_int_equal(pipeline_count(world->loop.pipeline), 3);
}

// ---- how old it may be

static void lose_for(struct world *world, int64_t ms)
{
    fake_mqtt_lose(world->commands, MQTT_LOST, 0);
    world_turn(world);
    world_pass(world, ms);
}

static void a_message_before_the_fence_of_a_session_that_was_kept_counts_as_old_as_the_absence(void **state)
{
    struct world *world = *state;
    struct mqtt_event connack = fake_mqtt_connack(true);
    lose_for(world, 12000);
    world_accept(world, &connack);
    world_send(world, LAMP, "{}");
    assert_replies(world, RESULT, 1, "\"expired\"");
    assert_requests(world, 0);
}

static void a_message_behind_the_fence_is_fresh(void **state)
{
    struct world *world = *state;
    lose_for(world, 12000);
    world_connect(world, true);
    world_send(world, LAMP, "{}");
    assert_requests(world, 1);
}

static void a_message_of_a_new_session_is_fresh_before_the_fence(void **state)
{
    struct world *world = *state;
    struct mqtt_event connack = fake_mqtt_connack(false);
    lose_for(world, 12000);
    world_accept(world, &connack);
    world_send(world, LAMP, "{}");
    assert_requests(world, 1);
}

static void a_message_after_a_short_absence_runs_before_the_fence(void **state)
{
    struct world *world = *state;
    struct mqtt_event connack = fake_mqtt_connack(true);
    lose_for(world, 3000);
    world_accept(world, &connack);
    world_send(world, LAMP, "{}");
    assert_requests(world, 1);
}

static void a_message_after_the_process_stood_still_counts_as_that_old_until_a_new_fence(void **state)
{
    struct world *world = *state;
    fake_clock_advance(20000);
    world_send(world, LAMP, "{}");
    assert_replies(world, RESULT, 1, "\"expired\"");
    world_serve(world);
    world_send(world, LAMP, "{}");
    assert_requests(world, 1);
}

static void a_message_after_a_restart_counts_as_old_as_the_last_contact(void **state)
{
    struct world *world = *state;
    struct mqtt_event connack = fake_mqtt_connack(true);
    world_send(world, "lamp/b/set", "{}");
    world_pass(world, 12000); // the contact is noted
    world_restart(world);
    fake_clock_advance(20000);
    world_accept(world, &connack);
    world_send(world, LAMP, "{}");
    assert_replies(world, RESULT, 1, "\"expired\"");
    assert_requests(world, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(a_command_that_cannot_be_stored_is_not_acknowledged_and_taken_when_it_comes_again),
        WORLD_TEST(no_commands_are_taken_before_the_outbox_is_proved_to_be_writable),
        WORLD_TEST(a_command_that_is_stored_while_the_core_cannot_commit_is_acknowledged_and_waits),
        WORLD_TEST(a_command_for_which_there_is_no_room_is_refused_and_acknowledged),
        WORLD_TEST(a_command_whose_refusal_has_no_room_either_is_left_to_the_broker),
        WORLD_TEST(an_answer_to_a_redelivery_that_cannot_be_stored_is_left_to_the_broker),
        WORLD_TEST(a_message_that_no_rule_takes_is_acknowledged_and_forgotten),
        WORLD_TEST(a_retained_message_is_no_command),
        WORLD_TEST(a_payload_above_the_limit_is_refused_with_its_reason),
        WORLD_TEST(only_the_copy_of_the_lowest_fitting_subscription_is_the_command),
        WORLD_TEST(a_packet_that_is_sent_again_on_its_connection_is_one_command),
        WORLD_TEST(commands_in_memory_above_the_share_of_their_rule_are_refused),
        WORLD_TEST(a_message_before_the_fence_of_a_session_that_was_kept_counts_as_old_as_the_absence),
        WORLD_TEST(a_message_behind_the_fence_is_fresh),
        WORLD_TEST(a_message_of_a_new_session_is_fresh_before_the_fence),
        WORLD_TEST(a_message_after_a_short_absence_runs_before_the_fence),
        WORLD_TEST(a_message_after_the_process_stood_still_counts_as_that_old_until_a_new_fence),
        WORLD_TEST(a_message_after_a_restart_counts_as_old_as_the_last_contact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
