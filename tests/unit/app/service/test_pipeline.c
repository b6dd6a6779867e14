#include "unit/fakes/world.h"

static void an_answer_becomes_a_reply(void **state)
{
    struct world *world = *state;
    int64_t row = world_send(world, "lamp/a/set", "{\"$id\":\"1\"}");
    assert_state(world, row, COMMAND_SENT);
    assert_requests(world, 1);
    world_answer(world, 0);
    assert_state(world, row, COMMAND_REPLIED);
    assert_replies(world, "lamp/a/set/result", 1, "\"accepted\"");
    world_acknowledge(world);
    assert_state(world, row, COMMAND_DONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_answer_becomes_a_reply, world_set_up, world_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
