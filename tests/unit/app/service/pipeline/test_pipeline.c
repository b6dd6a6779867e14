// What waits for a commit, what an answer does, and when a command is over.
#include "unit/fakes/world.h"

#include <string.h>

#define LAMP   "lamp/a/set"
#define RESULT "lamp/a/set/result"

static void an_answer_becomes_a_reply_and_its_acknowledgment_ends_the_command(void **state)
{
    struct world *world = *state;
    int64_t row = world_send(world, LAMP, "{\"$id\":\"1\"}");
    assert_state(world, row, COMMAND_SENT);
    assert_requests(world, 1);
    world_answer(world, 0);
    assert_state(world, row, COMMAND_REPLIED);
    assert_replies(world, RESULT, 1, "\"accepted\"");
    world_acknowledge(world);
    assert_state(world, row, COMMAND_DONE);
    assert_int_equal(pipeline_count(world->loop.pipeline), 0);
}

static void a_command_without_an_id_of_its_sender_is_gone_after_its_reply(void **state)
{
    struct world *world = *state;
    int64_t row = world_send(world, LAMP, "{}");
    world_answer(world, 0);
    world_acknowledge(world);
    assert_state(world, row, FAKE_OUTBOX_GONE);
}

// ---- commits that fail

static void a_request_leaves_only_after_the_commit_that_failed_is_repeated(void **state)
{
    struct world *world = *state;
    fake_outbox_fail_commits(world->loop.outbox, 1);
    int64_t row = world_send(world, LAMP, "{\"$id\":\"1\"}");
    assert_state(world, row, COMMAND_QUEUED);
    assert_requests(world, 0);
    world_pass(world, 5000);
    assert_state(world, row, COMMAND_SENT);
    assert_requests(world, 1);
}

static void a_request_leaves_once_however_often_its_commit_fails(void **state)
{
    struct world *world = *state;
    fake_outbox_fail_commits(world->loop.outbox, 1);
    world_send(world, LAMP, "{}");
    for (int i = 0; i < 3; i++) {
        fake_outbox_fail_commits(world->loop.outbox, 1);
        world_pass(world, 1500);
        assert_requests(world, 0);
    }
    fake_outbox_fail_commits(world->loop.outbox, 0);
    world_pass(world, 60000);
    assert_requests(world, 1);
}

static void an_answer_whose_commit_fails_is_not_published_before_it_is_on_disk(void **state)
{
    struct world *world = *state;
    int64_t row = world_send(world, LAMP, "{\"$id\":\"1\"}");
    fake_outbox_fail_commits(world->loop.outbox, 1);
    world_answer(world, 0);
    assert_state(world, row, COMMAND_SENT);
    assert_replies(world, RESULT, 0, NULL);
    world_pass(world, 5000);
    assert_state(world, row, COMMAND_REPLIED);
    assert_replies(world, RESULT, 1, "\"accepted\"");
    assert_requests(world, 1);
}

static void an_answer_that_comes_while_commits_fail_joins_the_repeated_commit(void **state)
{
    struct world *world = *state;
    int64_t first = world_send(world, LAMP, "{\"$id\":\"1\"}");
    fake_outbox_fail_commits(world->loop.outbox, 1);
    int64_t second = world_send(world, "lamp/b/set", "{\"$id\":\"2\"}");
    assert_requests(world, 1);
    world_answer(world, 0);
    assert_state(world, first, COMMAND_SENT);
    assert_replies(world, RESULT, 0, NULL);
    world_pass(world, 5000);
    assert_state(world, first, COMMAND_REPLIED);
    assert_replies(world, RESULT, 1, "\"accepted\"");
    assert_state(world, second, COMMAND_SENT);
    assert_requests(world, 2);
}

static void a_retry_leaves_only_after_the_commit_that_says_so(void **state)
{
    struct world *world = *state;
    int64_t row = world_send(world, LAMP, "{}");
    fake_outbox_fail_commits(world->loop.outbox, 1);
    world_no_answer(world, 0, HTTP_NOT_SENT);
    assert_state(world, row, COMMAND_SENT);
    assert_requests(world, 1);
    world_pass(world, 5000);
    assert_state(world, row, COMMAND_SENT);
    assert_requests(world, 2);
}

static void a_reply_is_published_once_although_the_commit_of_its_end_fails(void **state)
{
    struct world *world = *state;
    int64_t row = world_send(world, LAMP, "{\"$id\":\"1\"}");
    world_answer(world, 0);
    world_acknowledge(world);
    assert_state(world, row, COMMAND_DONE);
    row = world_send(world, LAMP, "{\"$id\":\"2\"}");
    world_answer(world, 1);
    fake_outbox_fail_commits(world->loop.outbox, 1);
    world_acknowledge(world);
    assert_state(world, row, COMMAND_REPLIED);
    world_pass(world, 5000);
    assert_state(world, row, COMMAND_DONE);
    assert_replies(world, RESULT, 2, NULL);
}

static void commands_that_come_together_all_wait_for_their_one_commit(void **state)
{
    struct world *world = *state;
    fake_outbox_fail_commits(world->loop.outbox, 1);
    assert_true(world_deliver(world, "lamp/a/set", "{}"));
    assert_true(world_deliver(world, "lamp/b/set", "{}"));
    assert_true(world_deliver(world, "lamp/c/set", "{}"));
    world_turn(world);
    assert_requests(world, 0);
    world_pass(world, 5000);
    assert_requests(world, 3);
}

// ---- answers, and none

static void a_command_that_may_have_run_is_not_sent_again(void **state)
{
    struct world *world = *state;
    int64_t row = world_send(world, LAMP, "{\"$id\":\"1\"}");
    world_no_answer(world, 0, HTTP_NO_ANSWER);
    assert_state(world, row, COMMAND_REPLIED);
    assert_replies(world, RESULT, 1, "\"unknown\"");
    world_pass(world, 20000);
    assert_requests(world, 1);
}

static void an_idempotent_command_is_sent_again_and_stays_sent_on_disk(void **state)
{
    struct world *world = *state;
    int64_t row = world_send(world, "again/a/set", "{}");
    world_no_answer(world, 0, HTTP_NO_ANSWER);
    assert_state(world, row, COMMAND_SENT);
    world_pass(world, 5000);
    assert_requests(world, 2);
    world_answer(world, 1);
    assert_replies(world, "again/a/set/result", 1, "\"accepted\"");
}

static void a_command_that_was_not_sent_is_queued_again_on_disk(void **state)
{
    struct world *world = *state;
    int64_t row = world_send(world, LAMP, "{}");
    world_no_answer(world, 0, HTTP_NOT_SENT);
    assert_state(world, row, COMMAND_QUEUED);
    world_pass(world, 5000);
    assert_state(world, row, COMMAND_SENT);
    world_answer(world, 1);
    assert_replies(world, RESULT, 1, "\"attempts\":2");
}

static void a_submit_that_fails_at_once_is_tried_again(void **state)
{
    struct world *world = *state;
    fake_http_fail_next(world->loop.http);
    int64_t row = world_send(world, LAMP, "{}");
    assert_requests(world, 0);
    world_turn(world);
    assert_state(world, row, COMMAND_QUEUED);
    world_pass(world, 5000);
    assert_requests(world, 1);
    world_answer(world, 0);
    assert_replies(world, RESULT, 1, "\"attempts\":2");
}

static void a_submit_that_fails_at_once_holds_up_no_other(void **state)
{
    struct world *world = *state;
    fake_http_fail_next(world->loop.http);
    assert_true(world_deliver(world, "lamp/a/set", "{}"));
    assert_true(world_deliver(world, "lamp/b/set", "{}"));
    world_turn(world);
    assert_requests(world, 1);
    world_answer(world, 0);
    world_pass(world, 5000);
    assert_requests(world, 2);
}

static void a_folded_call_without_an_answer_ends_each_of_its_commands(void **state)
{
    struct world *world = *state;
    assert_true(world_deliver(world, "many/a/set", "{}"));
    assert_true(world_deliver(world, "many/b/set", "{}"));
    world_turn(world);
    world_pass(world, 500);
    assert_requests(world, 1);
    assert_non_null(strstr(fake_http_query(world->loop.http, 0), "InvokeThingsService"));
    world_no_answer(world, 0, HTTP_NO_ANSWER);
    assert_replies(world, "many/a/set/result", 1, "\"unknown\"");
    assert_replies(world, "many/b/set/result", 1, "\"unknown\"");
}

static void a_newer_command_takes_the_place_of_one_that_waits_and_not_of_one_under_way(void **state)
{
    struct world *world = *state;
    int64_t under_way = world_send(world, "latest/a/set", "{\"$id\":\"1\"}");
    int64_t waiting = world_send(world, "latest/a/set", "{\"$id\":\"2\",\"level\":2}");
    int64_t newest = world_send(world, "latest/a/set", "{\"$id\":\"3\",\"level\":3}");
    assert_state(world, under_way, COMMAND_SENT);
    assert_state(world, waiting, COMMAND_REPLIED);
    assert_state(world, newest, COMMAND_QUEUED);
    assert_replies(world, "latest/a/set/result", 1, "\"superseded\"");
    world_answer(world, 0);
    assert_requests(world, 2);
}

// ---- deadlines

static void a_deadline_that_passes_while_a_request_is_under_way_changes_nothing(void **state)
{
    struct world *world = *state;
    int64_t row = world_send(world, LAMP, "{}");
    world_pass(world, 11000);
    assert_state(world, row, COMMAND_SENT);
    assert_replies(world, RESULT, 0, NULL);
    world_answer(world, 0);
    assert_replies(world, RESULT, 1, "\"accepted\"");
}

static void a_request_may_not_leave_after_the_deadline_of_its_command(void **state)
{
    struct world *world = *state;
    int64_t came_ms = fake_clock_ms();
    world_send(world, LAMP, "{}");
    assert_int_equal(fake_http_not_after_ms(world->loop.http, 0), came_ms + 10000);
}

static void a_command_whose_request_was_too_late_expires(void **state)
{
    struct world *world = *state;
    world_send(world, LAMP, "{}");
    world_pass(world, 10001);
    world_no_answer(world, 0, HTTP_TOO_LATE);
    world_turn(world);
    assert_replies(world, RESULT, 1, "\"expired\"");
}

static void a_command_that_waits_behind_another_expires_unsent(void **state)
{
    struct world *world = *state;
    world_send(world, LAMP, "{}");
    int64_t row = world_send(world, LAMP, "{\"$id\":\"2\",\"level\":2}");
    assert_requests(world, 1);
    world_pass(world, 10001);
    assert_state(world, row, COMMAND_REPLIED);
    assert_replies(world, RESULT, 1, "\"expired\"");
    world_answer(world, 0);
    world_pass(world, 5000);
    assert_requests(world, 1);
}

static void a_command_that_may_have_run_ends_unknown_at_its_deadline(void **state)
{
    struct world *world = *state;
    world_send(world, "again/a/set", "{}");
    world_no_answer(world, 0, HTTP_NO_ANSWER);
    for (size_t number = 1; fake_mqtt_count_on(world->replies, "again/a/set/result") == 0; number++) {
        world_pass(world, 9000);
        if (number < fake_http_count(world->loop.http)) {
            world_no_answer(world, number, HTTP_NO_ANSWER);
        }
    }
    assert_replies(world, "again/a/set/result", 1, "\"unknown\"");
}

static void a_deadline_that_passes_while_commits_fail_ends_the_command_once_they_succeed(void **state)
{
    struct world *world = *state;
    world_send(world, LAMP, "{}");
    int64_t row = world_send(world, LAMP, "{\"$id\":\"2\",\"level\":2}");
    fake_outbox_fail_commits(world->loop.outbox, 1000);
    world_pass(world, 12000);
    assert_state(world, row, COMMAND_QUEUED);
    assert_replies(world, RESULT, 0, NULL);
    fake_outbox_fail_commits(world->loop.outbox, 0);
    world_pass(world, 60000);
    assert_state(world, row, COMMAND_REPLIED);
    assert_replies(world, RESULT, 1, "\"expired\"");
}

// ---- replies

static void a_reply_is_published_again_when_the_connection_ends_before_its_acknowledgment(void **state)
{
    struct world *world = *state;
    int64_t row = world_send(world, LAMP, "{\"$id\":\"1\"}");
    world_answer(world, 0);
    assert_replies(world, RESULT, 1, NULL);
    world_lose_replies(world);
    assert_state(world, row, COMMAND_REPLIED);
    assert_int_equal(pipeline_replies_due(world->loop.pipeline), 1);
    world_connect_replies(world);
    assert_replies(world, RESULT, 2, "\"accepted\"");
    world_acknowledge(world);
    assert_state(world, row, COMMAND_DONE);
    assert_requests(world, 1);
}

static void a_reply_that_is_made_without_a_connection_waits_for_one(void **state)
{
    struct world *world = *state;
    int64_t row = world_send(world, LAMP, "{\"$id\":\"1\"}");
    world_lose_replies(world);
    world_answer(world, 0);
    assert_state(world, row, COMMAND_REPLIED);
    assert_replies(world, RESULT, 0, NULL);
    world_connect_replies(world);
    assert_replies(world, RESULT, 1, "\"accepted\"");
}

static void a_reply_that_the_broker_refuses_ends_its_command(void **state)
{
    struct world *world = *state;
    int64_t row = world_send(world, LAMP, "{\"$id\":\"1\"}");
    world_answer(world, 0);
    fake_mqtt_refuse_publication(world->replies, fake_mqtt_published(world->replies) - 1, 0x87);
    world_turn(world);
    assert_state(world, row, COMMAND_DONE);
    assert_int_equal(pipeline_replies_due(world->loop.pipeline), 0);
}

static void a_command_of_qos_0_gets_its_reply_and_no_row(void **state)
{
    struct world *world = *state;
    assert_true(world_deliver_as(world, LAMP, "{}", 0, false, 0));
    world_turn(world);
    assert_requests(world, 1);
    assert_int_equal(fake_outbox_row_count(world->loop.outbox), 0);
    world_answer(world, 0);
    assert_replies(world, RESULT, 1, "\"accepted\"");
    world_acknowledge(world);
    assert_int_equal(pipeline_count(world->loop.pipeline), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(an_answer_becomes_a_reply_and_its_acknowledgment_ends_the_command),
        WORLD_TEST(a_command_without_an_id_of_its_sender_is_gone_after_its_reply),
        WORLD_TEST(a_request_leaves_only_after_the_commit_that_failed_is_repeated),
        WORLD_TEST(a_request_leaves_once_however_often_its_commit_fails),
        WORLD_TEST(an_answer_whose_commit_fails_is_not_published_before_it_is_on_disk),
        WORLD_TEST(an_answer_that_comes_while_commits_fail_joins_the_repeated_commit),
        WORLD_TEST(a_retry_leaves_only_after_the_commit_that_says_so),
        WORLD_TEST(a_reply_is_published_once_although_the_commit_of_its_end_fails),
        WORLD_TEST(commands_that_come_together_all_wait_for_their_one_commit),
        WORLD_TEST(a_command_that_may_have_run_is_not_sent_again),
        WORLD_TEST(an_idempotent_command_is_sent_again_and_stays_sent_on_disk),
        WORLD_TEST(a_command_that_was_not_sent_is_queued_again_on_disk),
        WORLD_TEST(a_submit_that_fails_at_once_is_tried_again),
        WORLD_TEST(a_submit_that_fails_at_once_holds_up_no_other),
        WORLD_TEST(a_folded_call_without_an_answer_ends_each_of_its_commands),
        WORLD_TEST(a_newer_command_takes_the_place_of_one_that_waits_and_not_of_one_under_way),
        WORLD_TEST(a_deadline_that_passes_while_a_request_is_under_way_changes_nothing),
        WORLD_TEST(a_request_may_not_leave_after_the_deadline_of_its_command),
        WORLD_TEST(a_command_whose_request_was_too_late_expires),
        WORLD_TEST(a_command_that_waits_behind_another_expires_unsent),
        WORLD_TEST(a_command_that_may_have_run_ends_unknown_at_its_deadline),
        WORLD_TEST(a_deadline_that_passes_while_commits_fail_ends_the_command_once_they_succeed),
        WORLD_TEST(a_reply_is_published_again_when_the_connection_ends_before_its_acknowledgment),
        WORLD_TEST(a_reply_that_is_made_without_a_connection_waits_for_one),
        WORLD_TEST(a_reply_that_the_broker_refuses_ends_its_command),
        WORLD_TEST(a_command_of_qos_0_gets_its_reply_and_no_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
