// Commands that come again: from their sender with the same id, or from the broker after an outage.
#include "unit/fakes/world.h"

#define LAMP   "lamp/a/set"
#define RESULT "lamp/a/set/result"
#define FIRST  "{\"$id\":\"1\"}"

static void a_duplicate_of_a_command_under_way_gets_its_reply_and_no_request(void **state)
{
    struct world *world = *state;
    int64_t first = world_send(world, LAMP, FIRST);
    int64_t duplicate = world_send(world, LAMP, FIRST);
    assert_requests(world, 1);
    assert_state(world, duplicate, COMMAND_QUEUED);
    world_answer(world, 0);
    assert_replies(world, RESULT, 2, "\"duplicate\":true");
    world_acknowledge(world);
    assert_state(world, first, COMMAND_DONE);
    assert_state(world, duplicate, FAKE_OUTBOX_GONE);
    assert_requests(world, 1);
}

static void a_duplicate_of_a_command_that_has_ended_gets_its_reply_at_once(void **state)
{
    struct world *world = *state;
    world_send(world, LAMP, FIRST);
    world_answer(world, 0);
    world_acknowledge(world);
    world_send(world, LAMP, FIRST);
    assert_replies(world, RESULT, 2, "\"duplicate\":true");
    assert_requests(world, 1);
}

static void a_duplicate_of_a_command_whose_reply_is_unacknowledged_gets_a_reply_of_its_own(void **state)
{
    struct world *world = *state;
    int64_t first = world_send(world, LAMP, FIRST);
    world_answer(world, 0);
    world_lose_replies(world);
    int64_t duplicate = world_send(world, LAMP, FIRST);
    world_connect_replies(world);
    world_acknowledge(world); // after a loss one leaves after the other
    world_acknowledge(world);
    assert_replies(world, RESULT, 3, NULL);
    assert_state(world, first, COMMAND_DONE);
    assert_state(world, duplicate, FAKE_OUTBOX_GONE);
}

static void a_duplicate_that_comes_with_its_original_is_known(void **state)
{
    struct world *world = *state;
    assert_true(world_deliver(world, LAMP, FIRST));
    assert_true(world_deliver(world, LAMP, FIRST));
    world_turn(world);
    assert_requests(world, 1);
    world_answer(world, 0);
    assert_replies(world, RESULT, 2, "\"duplicate\":true");
}

static void a_duplicate_that_comes_before_the_commit_of_its_original_is_known(void **state)
{
    struct world *world = *state;
    fake_outbox_fail_commits(world->loop.outbox, 1);
    assert_true(world_deliver(world, LAMP, FIRST));
    assert_true(world_deliver(world, LAMP, FIRST));
    world_turn(world);
    assert_requests(world, 0);
    world_pass(world, 5000);
    assert_requests(world, 1);
    world_answer(world, 0);
    assert_replies(world, RESULT, 2, "\"duplicate\":true");
}

static void an_id_that_comes_with_another_payload_is_rejected(void **state)
{
    struct world *world = *state;
    world_send(world, LAMP, FIRST);
    world_send(world, LAMP, "{\"$id\":\"1\",\"level\":2}");
    assert_replies(world, RESULT, 1, "id_reused");
    assert_requests(world, 1);
}

static void a_duplicate_is_known_after_a_restart(void **state)
{
    struct world *world = *state;
    world_send(world, LAMP, FIRST);
    world_answer(world, 0);
    world_acknowledge(world);
    world_restart(world);
    world_connect(world, true);
    world_send(world, LAMP, FIRST);
    assert_replies(world, RESULT, 1, "\"duplicate\":true");
    assert_requests(world, 0);
}

static void a_duplicate_and_its_original_both_get_their_replies_after_a_restart(void **state)
{
    struct world *world = *state;
    world_send(world, LAMP, FIRST);
    world_send(world, LAMP, FIRST);
    world_restart(world);
    world_connect(world, true);
    assert_replies(world, RESULT, 2, "\"unknown\"");
    assert_requests(world, 0);
}

static void a_duplicate_that_is_older_than_the_window_is_a_command_of_its_own(void **state)
{
    struct world *world = *state;
    world_send(world, LAMP, FIRST);
    world_answer(world, 0);
    world_acknowledge(world);
    world->config.outbox.dedupe_window_ms = 5000;
    world_pass(world, 6000);
    world_send(world, LAMP, FIRST);
    assert_requests(world, 2);
}

static void a_duplicate_in_memory_is_known(void **state)
{
    struct world *world = *state;
    assert_true(world_deliver_as(world, LAMP, FIRST, 0, false, 0));
    assert_true(world_deliver_as(world, LAMP, FIRST, 0, false, 0));
    world_turn(world);
    assert_requests(world, 1);
    world_answer(world, 0);
    assert_replies(world, RESULT, 2, "\"duplicate\":true");
}

// ---- redeliveries

static void lose_and_resume(struct world *world)
{
    fake_mqtt_lose(world->commands, MQTT_LOST, 0);
    world_turn(world);
    world_connect(world, true);
}

static void a_redelivery_after_an_outage_does_not_run_again(void **state)
{
    struct world *world = *state;
    world_send(world, LAMP, "{}");
    size_t rows = fake_outbox_row_count(world->loop.outbox);
    lose_and_resume(world);
    assert_true(world_deliver_as(world, LAMP, "{}", world->packet_id, true, 1));
    world_turn(world);
    assert_requests(world, 1);
    assert_int_equal(fake_outbox_row_count(world->loop.outbox), rows);
    world_answer(world, 0);
    assert_replies(world, RESULT, 1, "\"accepted\"");
}

static void a_redelivery_while_the_commit_of_its_command_fails_does_not_run_again(void **state)
{
    struct world *world = *state;
    fake_outbox_fail_commits(world->loop.outbox, 1);
    world_send(world, LAMP, "{}");
    world_serve(world); // the bridge closes the connection, as it cannot write
    world_pass(world, 5000);
    world_connect(world, true);
    assert_true(world_deliver_as(world, LAMP, "{}", 1000, true, 1));
    world_turn(world);
    world_pass(world, 1000);
    assert_requests(world, 1);
}

static void two_equal_commands_of_which_one_is_redelivered_are_two_commands(void **state)
{
    struct world *world = *state;
    world_send(world, LAMP, "{}");
    lose_and_resume(world);
    assert_true(world_deliver_as(world, LAMP, "{}", world->packet_id, true, 1));
    world_send(world, LAMP, "{}");
    world_answer(world, 0);
    assert_requests(world, 2);
}

static void a_redelivery_without_dup_gets_the_reply_of_the_first(void **state)
{
    struct world *world = *state;
    world->config.mqtt.redelivery = CONFIG_BY_CONTENT;
    world_restart(world);
    world_connect(world, false);
    world_send(world, LAMP, "{}");
    lose_and_resume(world);
    assert_true(world_deliver_as(world, LAMP, "{}", 1000, false, 1));
    world_turn(world);
    assert_requests(world, 1);
    world_answer(world, 0);
    assert_replies(world, RESULT, 2, "\"duplicate\":true");
}

static void a_redelivery_without_dup_of_a_command_that_has_ended_gets_its_reply(void **state)
{
    struct world *world = *state;
    world->config.mqtt.redelivery = CONFIG_BY_CONTENT;
    world_restart(world);
    world_connect(world, false);
    world_send(world, LAMP, "{}");
    world_answer(world, 0);
    world_acknowledge(world);
    lose_and_resume(world);
    assert_true(world_deliver_as(world, LAMP, "{}", 1000, false, 1));
    world_turn(world);
    assert_requests(world, 1);
    assert_replies(world, RESULT, 2, "\"duplicate\":true");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(a_duplicate_of_a_command_under_way_gets_its_reply_and_no_request),
        WORLD_TEST(a_duplicate_of_a_command_that_has_ended_gets_its_reply_at_once),
        WORLD_TEST(a_duplicate_of_a_command_whose_reply_is_unacknowledged_gets_a_reply_of_its_own),
        WORLD_TEST(a_duplicate_that_comes_with_its_original_is_known),
        WORLD_TEST(a_duplicate_that_comes_before_the_commit_of_its_original_is_known),
        WORLD_TEST(an_id_that_comes_with_another_payload_is_rejected),
        WORLD_TEST(a_duplicate_is_known_after_a_restart),
        WORLD_TEST(a_duplicate_and_its_original_both_get_their_replies_after_a_restart),
        WORLD_TEST(a_duplicate_that_is_older_than_the_window_is_a_command_of_its_own),
        WORLD_TEST(a_duplicate_in_memory_is_known),
        WORLD_TEST(a_redelivery_after_an_outage_does_not_run_again),
        WORLD_TEST(a_redelivery_while_the_commit_of_its_command_fails_does_not_run_again),
        WORLD_TEST(two_equal_commands_of_which_one_is_redelivered_are_two_commands),
        WORLD_TEST(a_redelivery_without_dup_gets_the_reply_of_the_first),
        WORLD_TEST(a_redelivery_without_dup_of_a_command_that_has_ended_gets_its_reply),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
