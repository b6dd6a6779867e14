// A stop, and an end without one, at each state of a command; and what the next start makes of it.
#include "unit/fakes/world.h"

#define LAMP   "lamp/a/set"
#define RESULT "lamp/a/set/result"

// What is left of the process after a stop: nothing is in the way of its end.
static void assert_nothing_under_way(const struct world *world)
{
    assert_int_equal(pipeline_in_flight(world->loop.pipeline), 0);
    assert_false(outbox_has_staged(world->loop.outbox));
}

// ---- stop

static void a_command_that_is_queued_at_a_stop_is_sent_by_the_next_start(void **state)
{
    struct world *world = *state;
    world_send(world, LAMP, "{}");
    int64_t row = world_send(world, LAMP, "{\"$id\":\"2\",\"level\":2}");
    world_stop(world);
    world_answer(world, 0);
    world_pass(world, 3000);
    assert_state(world, row, COMMAND_QUEUED);
    assert_requests(world, 1);
    assert_nothing_under_way(world);
    world_restart(world);
    world_connect(world, true);
    assert_requests(world, 1); // of the new process
    assert_state(world, row, COMMAND_SENT);
}

static void a_command_that_comes_with_the_stop_stays_queued(void **state)
{
    struct world *world = *state;
    assert_true(world_deliver(world, LAMP, "{}"));
    world_stop(world);
    world_turn(world);
    world_pass(world, 3000);
    assert_requests(world, 0);
    assert_state(world, 1, COMMAND_QUEUED);
}

static void a_command_that_waits_for_its_commit_at_a_stop_leaves_after_it(void **state)
{
    struct world *world = *state;
    fake_outbox_fail_commits(world->loop.outbox, 1);
    int64_t row = world_send(world, LAMP, "{\"$id\":\"1\"}");
    world_stop(world);
    world_turn(world);
    assert_requests(world, 0);
    world_pass(world, 5000);
    assert_requests(world, 1);
    assert_state(world, row, COMMAND_SENT);
    world_answer(world, 0);
    assert_replies(world, RESULT, 1, "\"accepted\"");
}

static void a_request_that_is_under_way_at_a_stop_is_still_answered(void **state)
{
    struct world *world = *state;
    int64_t row = world_send(world, LAMP, "{\"$id\":\"1\"}");
    world_stop(world);
    world_pass(world, 1000);
    assert_int_equal(pipeline_in_flight(world->loop.pipeline), 1);
    world_answer(world, 0);
    assert_nothing_under_way(world);
    assert_replies(world, RESULT, 1, "\"accepted\"");
    world_acknowledge(world);
    assert_state(world, row, COMMAND_DONE);
}

static void a_command_that_waits_for_its_retry_at_a_stop_stays_queued(void **state)
{
    struct world *world = *state;
    int64_t row = world_send(world, LAMP, "{}");
    world_no_answer(world, 0, HTTP_NOT_SENT);
    world_stop(world);
    world_pass(world, 8000);
    assert_requests(world, 1);
    assert_state(world, row, COMMAND_QUEUED);
    assert_nothing_under_way(world);
}

static void an_attempt_that_fails_after_a_stop_is_left_to_the_next_start(void **state)
{
    struct world *world = *state;
    int64_t row = world_send(world, LAMP, "{}");
    world_stop(world);
    world_no_answer(world, 0, HTTP_NOT_SENT);
    assert_state(world, row, COMMAND_QUEUED);
    world_pass(world, 3000);
    assert_requests(world, 1);
    world_restart(world);
    world_connect(world, true);
    assert_state(world, row, COMMAND_SENT);
    world_answer(world, 0);
    assert_replies(world, RESULT, 1, "\"attempts\":2");
}

static void a_reply_that_is_unacknowledged_at_a_stop_still_ends_its_command(void **state)
{
    struct world *world = *state;
    int64_t row = world_send(world, LAMP, "{\"$id\":\"1\"}");
    world_answer(world, 0);
    world_stop(world);
    world_turn(world);
    assert_int_equal(pipeline_replies_due(world->loop.pipeline), 1);
    world_acknowledge(world);
    assert_state(world, row, COMMAND_DONE);
    assert_int_equal(pipeline_replies_due(world->loop.pipeline), 0);
}

static void a_reply_that_is_lost_at_a_stop_is_published_by_the_next_start(void **state)
{
    struct world *world = *state;
    int64_t row = world_send(world, LAMP, "{\"$id\":\"1\"}");
    world_answer(world, 0);
    world_stop(world);
    world_lose_replies(world);
    assert_state(world, row, COMMAND_REPLIED);
    world_restart(world);
    world_connect(world, true);
    assert_replies(world, RESULT, 1, "\"accepted\"");
    world_acknowledge(world);
    assert_state(world, row, COMMAND_DONE);
    assert_requests(world, 0);
}

static void a_command_in_memory_that_waits_at_a_stop_is_rejected(void **state)
{
    struct world *world = *state;
    world_send(world, LAMP, "{}");
    assert_true(world_deliver_as(world, LAMP, "{\"$id\":\"2\"}", 0, false, 0));
    world_turn(world);
    world_stop(world);
    world_turn(world);
    assert_replies(world, RESULT, 1, "bridge_stopping");
    world_answer(world, 0);
    world_pass(world, 1000);
    assert_requests(world, 1);
}

static void an_attempt_in_memory_that_fails_after_a_stop_gets_its_reply(void **state)
{
    struct world *world = *state;
    assert_true(world_deliver_as(world, LAMP, "{}", 0, false, 0));
    world_turn(world);
    world_stop(world);
    world_no_answer(world, 0, HTTP_NOT_SENT);
    assert_replies(world, RESULT, 1, NULL);
    assert_nothing_under_way(world);
}

// ---- the end of the process

static void assert_loop(const struct world *world, enum loop_state state)
{
    assert_int_equal(world->loop.state, state);
}

static void a_process_with_nothing_under_way_ends_when_both_connections_are_closed(void **state)
{
    struct world *world = *state;
    world_stop(world);
    world_turn(world);
    assert_int_equal(fake_mqtt_state(world->commands), FAKE_MQTT_ENDING);
    assert_int_equal(fake_mqtt_state(world->replies), FAKE_MQTT_UP);
    fake_mqtt_end(world->commands);
    fake_mqtt_acknowledge_all(world->replies);
    world_turn(world);
    world_turn(world);
    assert_int_equal(fake_mqtt_state(world->replies), FAKE_MQTT_ENDING);
    assert_loop(world, LOOP_CLOSING);
    fake_mqtt_end(world->replies);
    world_turn(world);
    assert_loop(world, LOOP_ENDED);
}

static void a_process_waits_for_its_answers_and_the_acknowledgments_of_its_replies(void **state)
{
    struct world *world = *state;
    int64_t row = world_send(world, LAMP, "{\"$id\":\"1\"}");
    world_stop(world);
    world_pass(world, 1000);
    assert_loop(world, LOOP_FINISHING);
    world_answer(world, 0);
    world_pass(world, 1000);
    assert_loop(world, LOOP_FINISHING);
    world_acknowledge(world);
    world_pass(world, 1000);
    assert_loop(world, LOOP_ENDED);
    assert_state(world, row, COMMAND_DONE);
}

static void a_process_does_not_wait_for_replies_that_have_no_connection(void **state)
{
    struct world *world = *state;
    world_send(world, LAMP, "{}");
    world_lose_replies(world);
    world_answer(world, 0);
    world_stop(world);
    world_pass(world, 500);
    assert_loop(world, LOOP_ENDED);
}

static void a_process_waits_for_a_commit_that_fails_and_ends_at_its_deadline(void **state)
{
    struct world *world = *state;
    int64_t row = world_send(world, LAMP, "{\"$id\":\"1\"}");
    fake_outbox_fail_commits(world->loop.outbox, 1000);
    world_answer(world, 0);
    world_stop(world);
    world_pass(world, world->config.limits.stop_ms - 250);
    assert_loop(world, LOOP_FINISHING);
    world_pass(world, 500);
    assert_loop(world, LOOP_ENDED);
    assert_state(world, row, COMMAND_SENT);
    assert_replies(world, RESULT, 0, NULL);
    fake_outbox_fail_commits(world->loop.outbox, 0);
}

static void a_second_signal_ends_the_process_at_once(void **state)
{
    struct world *world = *state;
    world_send(world, LAMP, "{}");
    world_stop(world);
    world_turn(world);
    assert_loop(world, LOOP_FINISHING);
    world_stop(world);
    world_turn(world);
    assert_loop(world, LOOP_ENDED);
}

// ---- kill -9

static void a_command_whose_request_was_not_committed_is_sent_by_the_next_start(void **state)
{
    struct world *world = *state;
    fake_outbox_fail_commits(world->loop.outbox, 1000);
    int64_t row = world_send(world, LAMP, "{}");
    assert_requests(world, 0);
    fake_outbox_fail_commits(world->loop.outbox, 0);
    world_restart(world);
    world_connect(world, true);
    assert_requests(world, 1);
    assert_state(world, row, COMMAND_SENT);
}

static void a_command_that_was_sent_ends_unknown_after_a_restart(void **state)
{
    struct world *world = *state;
    int64_t row = world_send(world, LAMP, "{\"$id\":\"1\"}");
    world_restart(world);
    world_connect(world, true);
    assert_state(world, row, COMMAND_REPLIED);
    assert_replies(world, RESULT, 1, "\"unknown\"");
    assert_requests(world, 0);
}

static void an_idempotent_command_that_was_sent_is_sent_again_after_a_restart(void **state)
{
    struct world *world = *state;
    world_send(world, "again/a/set", "{}");
    world_restart(world);
    world_connect(world, true);
    assert_requests(world, 1);
    world_answer(world, 0);
    assert_replies(world, "again/a/set/result", 1, "\"accepted\"");
}

static void an_answer_that_was_not_committed_is_unknown_after_a_restart(void **state)
{
    struct world *world = *state;
    int64_t row = world_send(world, LAMP, "{\"$id\":\"1\"}");
    fake_outbox_fail_commits(world->loop.outbox, 1000);
    world_answer(world, 0);
    fake_outbox_fail_commits(world->loop.outbox, 0);
    world_restart(world);
    world_connect(world, true);
    assert_state(world, row, COMMAND_REPLIED);
    assert_replies(world, RESULT, 1, "\"unknown\"");
}

static void a_reply_whose_end_was_not_committed_is_published_again_after_a_restart(void **state)
{
    struct world *world = *state;
    int64_t row = world_send(world, LAMP, "{\"$id\":\"1\"}");
    world_answer(world, 0);
    fake_outbox_fail_commits(world->loop.outbox, 1000);
    world_acknowledge(world);
    fake_outbox_fail_commits(world->loop.outbox, 0);
    world_restart(world);
    world_connect(world, true);
    assert_replies(world, RESULT, 1, "\"accepted\"");
    world_acknowledge(world);
    assert_state(world, row, COMMAND_DONE);
}

static void a_restart_whose_first_commit_fails_publishes_nothing_before_it_is_repeated(void **state)
{
    struct world *world = *state;
    world_send(world, LAMP, "{\"$id\":\"1\"}");
    world_restart(world);
    fake_outbox_fail_commits(world->loop.outbox, 1000);
    world_pass(world, 5000);
    assert_int_equal(fake_mqtt_connects(world->commands), 0); // nothing is proved yet
    fake_outbox_fail_commits(world->loop.outbox, 0);
    world_pass(world, 60000);
    world_connect(world, true);
    assert_replies(world, RESULT, 1, "\"unknown\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(a_command_that_is_queued_at_a_stop_is_sent_by_the_next_start),
        WORLD_TEST(a_command_that_comes_with_the_stop_stays_queued),
        WORLD_TEST(a_command_that_waits_for_its_commit_at_a_stop_leaves_after_it),
        WORLD_TEST(a_request_that_is_under_way_at_a_stop_is_still_answered),
        WORLD_TEST(a_command_that_waits_for_its_retry_at_a_stop_stays_queued),
        WORLD_TEST(an_attempt_that_fails_after_a_stop_is_left_to_the_next_start),
        WORLD_TEST(a_reply_that_is_unacknowledged_at_a_stop_still_ends_its_command),
        WORLD_TEST(a_reply_that_is_lost_at_a_stop_is_published_by_the_next_start),
        WORLD_TEST(a_command_in_memory_that_waits_at_a_stop_is_rejected),
        WORLD_TEST(an_attempt_in_memory_that_fails_after_a_stop_gets_its_reply),
        WORLD_TEST(a_process_with_nothing_under_way_ends_when_both_connections_are_closed),
        WORLD_TEST(a_process_waits_for_its_answers_and_the_acknowledgments_of_its_replies),
        WORLD_TEST(a_process_does_not_wait_for_replies_that_have_no_connection),
        WORLD_TEST(a_process_waits_for_a_commit_that_fails_and_ends_at_its_deadline),
        WORLD_TEST(a_second_signal_ends_the_process_at_once),
        WORLD_TEST(a_command_whose_request_was_not_committed_is_sent_by_the_next_start),
        WORLD_TEST(a_command_that_was_sent_ends_unknown_after_a_restart),
        WORLD_TEST(an_idempotent_command_that_was_sent_is_sent_again_after_a_restart),
        WORLD_TEST(an_answer_that_was_not_committed_is_unknown_after_a_restart),
        WORLD_TEST(a_reply_whose_end_was_not_committed_is_published_again_after_a_restart),
        WORLD_TEST(a_restart_whose_first_commit_fails_publishes_nothing_before_it_is_repeated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
