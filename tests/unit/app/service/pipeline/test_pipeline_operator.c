// What an operator does to a command in each of its states.
#include "unit/fakes/world.h"

#include <string.h>

#define LAMP   "lamp/a/set"
#define RESULT "lamp/a/set/result"

// The operator asks, and is told this with the commit of what was done.
static void ask(struct world *world, enum outbox_verb verb, int64_t row, const char *told)
{
    fake_outbox_ask(world->loop.outbox, verb, row);
    world_pass(world, 250); // it looks so often
    const char *text = fake_outbox_told(world->loop.outbox);
    if (text == NULL || strstr(text, told) == NULL) {
        fail_msg("told \"%s\", and not \"%s\"", text == NULL ? "nothing" : text, told);
    }
}

// ---- drop

static void a_command_that_waits_is_dropped_and_never_sent(void **state)
{
    struct world *world = *state;
    world_send(world, LAMP, "{}");
    int64_t row = world_send(world, LAMP, "{\"$id\":\"2\"}");
    ask(world, OUTBOX_DROP, row, "told `rejected`");
    assert_replies(world, RESULT, 1, "dropped_by_operator");
    world_answer(world, 0);
    world_pass(world, 5000);
    assert_requests(world, 1);
}

static void a_command_that_waits_for_its_retry_is_dropped_as_not_run(void **state)
{
    struct world *world = *state;
    int64_t row = world_send(world, LAMP, "{}");
    world_no_answer(world, 0, HTTP_NOT_SENT);
    ask(world, OUTBOX_DROP, row, "told `rejected`");
    world_pass(world, 5000);
    assert_requests(world, 1);
}

static void a_command_that_waits_and_may_have_run_is_dropped_as_unknown(void **state)
{
    struct world *world = *state;
    int64_t row = world_send(world, "again/a/set", "{}");
    world_no_answer(world, 0, HTTP_NO_ANSWER);
    ask(world, OUTBOX_DROP, row, "told `unknown`");
    assert_replies(world, "again/a/set/result", 1, "\"unknown\"");
}

static void a_command_under_way_is_dropped_as_unknown_and_its_answer_ignored(void **state)
{
    struct world *world = *state;
    int64_t row = world_send(world, LAMP, "{\"$id\":\"1\"}");
    ask(world, OUTBOX_DROP, row, "its answer will be ignored");
    assert_replies(world, RESULT, 1, "\"unknown\"");
    world_acknowledge(world);
    assert_state(world, row, COMMAND_DONE);
    world_answer(world, 0);
    assert_replies(world, RESULT, 1, "\"unknown\"");
    assert_int_equal(pipeline_count(world->loop.pipeline), 0);
    assert_int_equal(pipeline_in_flight(world->loop.pipeline), 0);
}

static void the_next_command_of_a_device_waits_for_the_answer_to_one_that_was_dropped(void **state)
{
    struct world *world = *state;
    int64_t row = world_send(world, LAMP, "{}");
    ask(world, OUTBOX_DROP, row, "dropped");
    world_send(world, LAMP, "{\"$id\":\"2\",\"level\":2}");
    world_pass(world, 1000);
    assert_requests(world, 1);
    world_no_answer(world, 0, HTTP_NO_ANSWER);
    assert_requests(world, 2);
}

static void a_reply_on_its_way_to_the_broker_cannot_be_dropped(void **state)
{
    struct world *world = *state;
    int64_t row = world_send(world, LAMP, "{\"$id\":\"1\"}");
    world_answer(world, 0);
    ask(world, OUTBOX_DROP, row, "on its way to the broker");
    assert_state(world, row, COMMAND_REPLIED);
    world_acknowledge(world);
    assert_state(world, row, COMMAND_DONE);
}

static void a_reply_that_waits_for_a_connection_can_be_dropped(void **state)
{
    struct world *world = *state;
    int64_t row = world_send(world, LAMP, "{\"$id\":\"1\"}");
    world_lose_replies(world);
    world_answer(world, 0);
    ask(world, OUTBOX_DROP, row, "thrown away");
    assert_int_equal(pipeline_replies_due(world->loop.pipeline), 0);
    assert_state(world, row, COMMAND_DONE);
    world_connect_replies(world);
    assert_replies(world, RESULT, 0, NULL);
}

static void a_reply_that_was_lost_with_its_connection_can_be_dropped(void **state)
{
    struct world *world = *state;
    int64_t row = world_send(world, LAMP, "{}");
    world_answer(world, 0);
    world_lose_replies(world);
    ask(world, OUTBOX_DROP, row, "thrown away");
    assert_state(world, row, FAKE_OUTBOX_GONE);
    world_connect_replies(world);
    assert_replies(world, RESULT, 1, NULL);
}

static void a_command_that_has_ended_is_not_there_to_be_dropped(void **state)
{
    struct world *world = *state;
    int64_t row = world_send(world, LAMP, "{\"$id\":\"1\"}");
    world_answer(world, 0);
    world_acknowledge(world);
    ask(world, OUTBOX_DROP, row, "has ended already");
    ask(world, OUTBOX_RETRY, row, "has ended already");
}

static void dropping_a_duplicate_leaves_its_original_alone(void **state)
{
    struct world *world = *state;
    world_send(world, LAMP, "{\"$id\":\"1\"}");
    int64_t duplicate = world_send(world, LAMP, "{\"$id\":\"1\"}");
    ask(world, OUTBOX_DROP, duplicate, "told `rejected`");
    world_answer(world, 0);
    assert_replies(world, RESULT, 2, "\"accepted\"");
}

static void dropping_the_original_ends_its_duplicates_with_it(void **state)
{
    struct world *world = *state;
    int64_t first = world_send(world, LAMP, "{\"$id\":\"1\"}");
    world_send(world, LAMP, "{\"$id\":\"1\"}");
    ask(world, OUTBOX_DROP, first, "told `unknown`");
    assert_replies(world, RESULT, 2, "\"duplicate\":true");
}

static void an_operator_is_told_nothing_before_the_commit_of_what_was_done(void **state)
{
    struct world *world = *state;
    int64_t row = world_send(world, LAMP, "{}");
    world_no_answer(world, 0, HTTP_NOT_SENT);
    fake_outbox_ask(world->loop.outbox, OUTBOX_DROP, row);
    fake_outbox_fail_commits(world->loop.outbox, 1);
    world_pass(world, 250);
    assert_null(fake_outbox_told(world->loop.outbox));
    assert_state(world, row, COMMAND_QUEUED);
    assert_replies(world, RESULT, 0, NULL);
    world_pass(world, 5000);
    assert_non_null(fake_outbox_told(world->loop.outbox));
    assert_replies(world, RESULT, 1, "\"rejected\"");
    assert_requests(world, 1);
}

static void an_operator_has_to_wait_while_commits_fail(void **state)
{
    struct world *world = *state;
    fake_outbox_fail_commits(world->loop.outbox, 1);
    int64_t row = world_send(world, LAMP, "{}");
    fake_outbox_ask(world->loop.outbox, OUTBOX_DROP, row);
    world_turn(world);
    assert_null(fake_outbox_told(world->loop.outbox));
    world_pass(world, 5000);
    assert_requests(world, 1); // it left first, and is dropped as one under way
    assert_replies(world, RESULT, 1, "\"unknown\"");
}

// ---- retry

static void a_command_that_waits_for_its_retry_is_tried_at_once(void **state)
{
    struct world *world = *state;
    int64_t row = world_send(world, LAMP, "{}");
    size_t requests = 1;
    for (; requests < 4; requests++) { // the pauses grow
        world_no_answer(world, requests - 1, HTTP_NOT_SENT);
        ask(world, OUTBOX_RETRY, row, "as soon as its turn comes");
        assert_requests(world, requests + 1);
    }
}

static void a_command_under_way_is_not_tried_twice(void **state)
{
    struct world *world = *state;
    int64_t row = world_send(world, LAMP, "{}");
    ask(world, OUTBOX_RETRY, row, "is under way");
    assert_requests(world, 1);
}

static void a_command_with_its_reply_is_not_tried_again(void **state)
{
    struct world *world = *state;
    int64_t row = world_send(world, LAMP, "{\"$id\":\"1\"}");
    world_answer(world, 0);
    ask(world, OUTBOX_RETRY, row, "has its reply already");
    assert_requests(world, 1);
}

static void a_duplicate_is_not_tried(void **state)
{
    struct world *world = *state;
    world_send(world, LAMP, "{\"$id\":\"1\"}");
    int64_t duplicate = world_send(world, LAMP, "{\"$id\":\"1\"}");
    ask(world, OUTBOX_RETRY, duplicate, "is a duplicate of command");
    assert_requests(world, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(a_command_that_waits_is_dropped_and_never_sent),
        WORLD_TEST(a_command_that_waits_for_its_retry_is_dropped_as_not_run),
        WORLD_TEST(a_command_that_waits_and_may_have_run_is_dropped_as_unknown),
        WORLD_TEST(a_command_under_way_is_dropped_as_unknown_and_its_answer_ignored),
        WORLD_TEST(the_next_command_of_a_device_waits_for_the_answer_to_one_that_was_dropped),
        WORLD_TEST(a_reply_on_its_way_to_the_broker_cannot_be_dropped),
        WORLD_TEST(a_reply_that_waits_for_a_connection_can_be_dropped),
        WORLD_TEST(a_reply_that_was_lost_with_its_connection_can_be_dropped),
        WORLD_TEST(a_command_that_has_ended_is_not_there_to_be_dropped),
        WORLD_TEST(dropping_a_duplicate_leaves_its_original_alone),
        WORLD_TEST(dropping_the_original_ends_its_duplicates_with_it),
        WORLD_TEST(an_operator_is_told_nothing_before_the_commit_of_what_was_done),
        WORLD_TEST(an_operator_has_to_wait_while_commits_fail),
        WORLD_TEST(a_command_that_waits_for_its_retry_is_tried_at_once),
        WORLD_TEST(a_command_under_way_is_not_tried_twice),
        WORLD_TEST(a_command_with_its_reply_is_not_tried_again),
        WORLD_TEST(a_duplicate_is_not_tried),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
