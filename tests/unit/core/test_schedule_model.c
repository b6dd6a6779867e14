// Random sequences of commands, answers and times, compared after each step with a simple model that searches all
// commands. The seed is printed; TEST_SEED=N repeats a run.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "base/mem.h"
#include "core/schedule.h"

enum { SEQUENCES = 4000, STEPS = 250, MOST = 64, LANES = 6 };

static const char *const lane_names[LANES] = {"a", "b", "c", "d", "e", "f"};

struct model_command {
    uint64_t id;
    unsigned lanes; // one bit each
    int64_t deadline_ms;
    int calls;
    int left;
    int in_flight;
};

// Commands in the order of entering.
struct model {
    struct model_command commands[MOST];
    size_t count;
    int max_in_flight;
    int64_t now_ms;
    uint64_t next_id;
};

static uint64_t random_state;
static unsigned long sequence;

// xorshift64*
static uint64_t random_below(uint64_t limit)
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return ((random_state * 0x2545F4914F6CDD1DU) >> 33) % limit;
}

// ---- the model

static int model_in_flight(const struct model *model)
{
    int total = 0;
    for (size_t i = 0; i < model->count; i++) {
        total += model->commands[i].in_flight;
    }
    return total;
}

static bool is_first_in_its_lanes(const struct model *model, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if ((model->commands[i].lanes & model->commands[index].lanes) != 0) {
            return false;
        }
    }
    return true;
}

static struct model_command *model_next(struct model *model)
{
    if (model_in_flight(model) >= model->max_in_flight) {
        return NULL;
    }
    for (size_t i = 0; i < model->count; i++) {
        struct model_command *command = &model->commands[i];
        if (command->left > 0 && command->left < command->calls) {
            return command;
        }
    }
    for (size_t i = 0; i < model->count; i++) {
        struct model_command *command = &model->commands[i];
        if (command->left == 0 && command->deadline_ms > model->now_ms && is_first_in_its_lanes(model, i)) {
            return command;
        }
    }
    return NULL;
}

// The waiting command with the earliest deadline.
static const struct model_command *model_earliest(const struct model *model)
{
    const struct model_command *best = NULL;
    for (size_t i = 0; i < model->count; i++) {
        const struct model_command *command = &model->commands[i];
        if (command->left == 0 && (best == NULL || command->deadline_ms < best->deadline_ms)) {
            best = command;
        }
    }
    return best;
}

static int64_t model_wait_ms(const struct model *model)
{
    const struct model_command *earliest = model_earliest(model);
    if (earliest == NULL) {
        return -1;
    }
    return earliest->deadline_ms > model->now_ms ? earliest->deadline_ms - model->now_ms : 0;
}

static void model_remove(struct model *model, size_t index)
{
    for (size_t i = index; i + 1 < model->count; i++) {
        model->commands[i] = model->commands[i + 1];
    }
    model->count--;
}

// ---- steps, done to both

static void step_enter(struct model *model, struct schedule *schedule)
{
    if (model->count == MOST) {
        return;
    }
    struct model_command *command = &model->commands[model->count++];
    *command = (struct model_command){.id = model->next_id++,
                                      .deadline_ms = model->now_ms - 5 + (int64_t)random_below(80),
                                      .calls = random_below(4) == 0 ? 1 + (int)random_below(4) : 1};
    const char *lanes[4];
    size_t lane_count = random_below(COUNT_OF(lanes) + 1);
    for (size_t i = 0; i < lane_count; i++) {
        size_t lane = random_below(LANES);
        lanes[i] = lane_names[lane];
        command->lanes |= 1U << lane;
    }
    schedule_enter(schedule, command->id, lanes, lane_count, command->deadline_ms, command->calls);
}

static void step_next(struct model *model, struct schedule *schedule)
{
    struct model_command *expected = model_next(model);
    uint64_t id = 0;
    int call = -1;
    bool found = schedule_next(schedule, model->now_ms, &id, &call);
    assert_int_equal(found, expected != NULL);
    if (expected != NULL) {
        assert_int_equal(id, expected->id);
        assert_int_equal(call, expected->left);
        expected->left++;
        expected->in_flight++;
    }
}

static void step_call_done(struct model *model, struct schedule *schedule)
{
    if (model->count == 0) {
        return;
    }
    struct model_command *command = &model->commands[random_below(model->count)];
    if (command->in_flight > 0) {
        command->in_flight--;
        schedule_call_done(schedule, command->id);
    }
}

static void step_leave(struct model *model, struct schedule *schedule)
{
    if (model->count == 0) {
        return;
    }
    size_t index = random_below(model->count);
    const struct model_command *command = &model->commands[index];
    bool has_ended = command->left == command->calls;
    if (command->in_flight == 0 && (has_ended || random_below(10) == 0)) {
        schedule_leave(schedule, command->id);
        model_remove(model, index);
    }
}

static void step_expire(struct model *model, struct schedule *schedule)
{
    const struct model_command *earliest = model_earliest(model);
    bool expected = earliest != NULL && earliest->deadline_ms <= model->now_ms;
    uint64_t id = 0;
    assert_int_equal(schedule_expired(schedule, model->now_ms, &id), expected);
    if (expected) {
        assert_int_equal(id, earliest->id);
        schedule_leave(schedule, id);
        model_remove(model, (size_t)(earliest - model->commands));
    }
}

static void step_time(struct model *model, struct schedule *schedule)
{
    (void)schedule;
    model->now_ms += (int64_t)random_below(15);
}

static void expect_same(const struct model *model, const struct schedule *schedule)
{
    assert_int_equal(schedule_count(schedule), model->count);
    assert_int_equal(schedule_in_flight(schedule), model_in_flight(model));
    assert_int_equal(schedule_wait_ms(schedule, model->now_ms), model_wait_ms(model));
}

static void run_sequence(void)
{
    static void (*const steps[])(struct model *, struct schedule *) = {
        step_enter, step_enter,     step_enter,     step_next,  step_next,   step_next, step_next,
        step_leave, step_call_done, step_call_done, step_leave, step_expire, step_time,
    };
    struct model model = {.max_in_flight = 1 + (int)random_below(8), .now_ms = 1000, .next_id = 1};
    struct schedule *schedule = schedule_create(&(struct schedule_options){.max_in_flight = model.max_in_flight});
    for (int i = 0; i < STEPS; i++) {
        steps[random_below(COUNT_OF(steps))](&model, schedule);
        expect_same(&model, schedule);
    }
    schedule_destroy(schedule);
}

static void random_sequences_do_what_the_model_does(void **state)
{
    (void)state;
    for (sequence = 0; sequence < SEQUENCES; sequence++) {
        run_sequence();
    }
}

int main(void)
{
    const char *given = getenv("TEST_SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    printf("TEST_SEED=%llu\n", (unsigned long long)seed);
    random_state = seed * 2 + 1; // never 0
    const struct CMUnitTest tests[] = {cmocka_unit_test(random_sequences_do_what_the_model_does)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    if (failed != 0) {
        printf("in sequence %lu of TEST_SEED=%llu\n", sequence, (unsigned long long)seed);
    }
    return failed;
}
