// Random sequences of commands, answers and times, each step checked against a simple model. The seed is printed;
// TEST_SEED=N repeats a run.
#include <time.h>

#include "unit/core/schedule/schedule_model.h"

enum { SEQUENCES = 6000, STEPS = 300, FLIGHTS = 64 };

static uint64_t random_state;
static unsigned long sequence;
static unsigned long released;
static unsigned long folded;
static unsigned long expired;
static unsigned long superseded;
static unsigned long probes;

// Requests that the scheduler has given.
static const struct schedule_release *flights[FLIGHTS];
static size_t flight_count;

// xorshift64*
static uint64_t random_below(uint64_t limit)
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return ((random_state * 0x2545F4914F6CDD1DU) >> 33) % limit;
}

static bool chance(uint64_t one_in)
{
    return random_below(one_in) == 0;
}

// ---- entering

static void wish_lanes(struct wish *wish, struct model_command *command)
{
    size_t count = command->fold >= 0 ? 1 : random_below(CHECK_LANES);
    for (size_t i = 0; i < count; i++) {
        size_t lane = random_below(LANES);
        wish->lanes[i] = model_lanes[lane];
        command->lanes |= 1U << lane;
    }
}

static void replace_older(struct model *model, struct model_command *command)
{
    for (struct model_command *other = model->commands; other < command; other++) {
        if (other->latest == command->latest && command->latest >= 0) {
            other->outdated = true;
            model_supersede(model, other);
        }
    }
}

static void step_enter(struct model *model, bool folds)
{
    if (model->count == MOST) {
        return;
    }
    struct model_command *command = &model->commands[model->count++];
    *command = (struct model_command){.id = model->next_id,
                                      .order = model->next_id++,
                                      .rule = random_below(RULES),
                                      .action = random_below(ACTIONS - 1),
                                      .deadline_ms = model->now_ms - 5 + (int64_t)random_below(chance(4) ? 100 : 20000),
                                      .fold = folds && chance(2) ? (int)random_below(KEYS) : -1,
                                      .latest = chance(8) ? (int)random_below(3) : -1,
                                      .window_ms = (int64_t)random_below(40),
                                      .max = 2 + random_below(3)};
    command->call_count = command->fold < 0 && chance(3) ? 1 + random_below(CALLS) : 1;
    for (size_t i = 0; i < command->call_count; i++) {
        command->calls[i].ready_ms = -1;
    }
    struct wish wish = {.id = command->id,
                        .rule = model->rules[command->rule].name,
                        .action = model->actions[command->action].name,
                        .deadline_ms = command->deadline_ms,
                        .calls = command->call_count,
                        .latest = command->latest < 0 ? NULL : (const char *const[]){"x", "y", "z"}[command->latest],
                        .fold = command->fold < 0 ? NULL : model_keys[command->fold],
                        .window_ms = command->window_ms,
                        .max = command->max};
    wish_lanes(&wish, command);
    if (model->rule_turns[command->rule] == 0) {
        model->rule_turns[command->rule] = ++model->turns;
    }
    replace_older(model, command);
    enter_wish(model->schedule, &wish);
}

// ---- releases

static double slowest_rate(const struct model *model, size_t action)
{
    return schedule_action_rate(model->schedule, 0, model->actions[action].name, model->now_ms);
}

static void take_tokens(struct model *model, const struct schedule_release *release)
{
    const struct model_command *first = model_find(model, release->ids[0]);
    size_t action = release->folded ? ACTIONS - 1 : first->action;
    model_take(model, &model->actions[action], slowest_rate(model, action));
    bool folds = model_is_folding(first); // the token may be of another rule: the one whose command began the group
    if (!folds || model->rules[first->rule].limit > 0) {
        model_take(model, &model->rules[first->rule], 0.97 * model->rules[first->rule].limit);
    }
    model->rule_turns[first->rule] = ++model->turns;
}

static void expect_release(struct model *model, const struct schedule_release *release, bool folds)
{
    assert_true(model_find(model, release->ids[0]) != NULL);
    for (size_t i = 0; i < release->count; i++) {
        const struct model_command *command = model_find(model, release->ids[i]);
        assert_non_null(command);
        assert_true(model_may_leave(model, command, release->call));
        assert_true(command->deadline_ms > model->now_ms);
    }
    assert_int_equal(release->folded, release->count > 1);
    if (release->folded) {
        model_expect_foldable(model, release);
    } else {
        model_note_loss(model, model_find(model, release->ids[0]));
    }
    if (!folds) {
        model_expect_fair(model, model_find(model, release->ids[0]), release->call);
    }
}

static bool step_next(struct model *model, bool folds)
{
    bool had_room = model_has_room(model);
    bool was_open = schedule_account_state(model->schedule, 0).breaker == SCHEDULE_OPEN;
    model_look(model);
    const struct schedule_release *release = schedule_next(model->schedule, model->now_ms);
    if (release == NULL) {
        model_expect_none(model);
        return false;
    }
    assert_true(had_room);
    assert_int_equal(release->probe, was_open);
    expect_release(model, release, folds);
    take_tokens(model, release);
    for (size_t i = 0; i < release->count; i++) {
        model_find(model, release->ids[i])->calls[release->call].state = IN_FLIGHT;
    }
    assert_true(flight_count < FLIGHTS);
    flights[flight_count++] = release;
    released++;
    folded += release->folded;
    probes += release->probe;
    return true;
}

// ---- answers

static void end_call(struct model *model, struct model_command *command, size_t call, bool is_retried)
{
    command->calls[call].ready_ms = -1;
    if (!is_retried) {
        command->calls[call].state = OVER;
        schedule_call_done(model->schedule, command->id, call);
        if (model_calls(command, OVER) == command->call_count) {
            schedule_leave(model->schedule, command->id);
            model_remove(model, command->id);
        }
        return;
    }
    const struct schedule_retry retry = {
        .not_before_ms = model->now_ms + (int64_t)random_below(50), .may_have_run = chance(4), .alone = chance(4)};
    command->calls[call].state = WAITING;
    command->calls[call].not_before_ms = retry.not_before_ms;
    command->may_have_run = command->may_have_run || retry.may_have_run;
    command->alone = command->alone || retry.alone;
    model_supersede(model, command);
    schedule_call_retry(model->schedule, command->id, call, &retry);
}

static enum schedule_finding random_finding(const struct model *model)
{
    if (model->is_down && !chance(10)) {
        return chance(2) ? SCHEDULE_NOT_CONNECTED : SCHEDULE_NO_ANSWER;
    }
    return chance(3) ? (enum schedule_finding)random_below(SCHEDULE_NOT_TRIED + 1) : SCHEDULE_ANSWERED;
}

static void pause_action(struct model *model, size_t action, const struct schedule_report *ended)
{
    struct model_bucket *bucket = &model->actions[action];
    bool may_ask = ended->finding == SCHEDULE_THROTTLED || ended->finding == SCHEDULE_BUSY;
    if (may_ask && model->now_ms + ended->wait_ms > bucket->paused_ms) {
        bucket->paused_ms = model->now_ms + ended->wait_ms;
    }
}

static void step_end(struct model *model)
{
    if (flight_count == 0) {
        return;
    }
    size_t index = random_below(flight_count);
    const struct schedule_release *release = flights[index];
    flights[index] = flights[--flight_count];
    size_t count = release->count;
    size_t call = release->call;
    uint64_t *ids = mem_dup(release->ids, count * sizeof *ids);
    const struct schedule_report ended = {.finding = random_finding(model),
                                          .wait_ms = chance(2) ? (int64_t)random_below(100) : -1,
                                          .device = model_lanes[random_below(LANES)]};
    pause_action(model, release->folded ? ACTIONS - 1 : model_find(model, ids[0])->action, &ended);
    for (size_t i = 0; i < count; i++) {
        model_find(model, ids[i])->calls[call].state = ENDED;
    }
    schedule_ended(model->schedule, release, &ended, model->now_ms);
    for (size_t i = 0; i < count; i++) {
        end_call(model, model_find(model, ids[i]), call, chance(3));
    }
    free(ids);
}

// ---- ends without an answer

static void leave(struct model *model, uint64_t id)
{
    schedule_leave(model->schedule, id);
    model_remove(model, id);
}

static void step_leave(struct model *model)
{
    if (model->count == 0 || !chance(5)) {
        return;
    }
    const struct model_command *command = &model->commands[random_below(model->count)];
    if (!model_is_away(command)) {
        leave(model, command->id);
    }
}

static bool step_expire(struct model *model)
{
    uint64_t id = 0;
    model_look(model);
    const struct model_command *expected = model_expired(model);
    assert_int_equal(schedule_expired(model->schedule, model->now_ms, &id), expected != NULL);
    if (expected == NULL) {
        return false;
    }
    assert_int_equal(id, expected->id);
    leave(model, id);
    expired++;
    return true;
}

static bool step_superseded(struct model *model)
{
    uint64_t id = 0;
    const struct model_command *expected = model_superseded(model);
    assert_int_equal(schedule_superseded(model->schedule, &id), expected != NULL);
    if (expected == NULL) {
        return false;
    }
    assert_int_equal(id, expected->id);
    leave(model, id);
    superseded++;
    return true;
}

static void step_retry_now(struct model *model)
{
    if (model->count == 0) {
        return;
    }
    struct model_command *command = &model->commands[random_below(model->count)];
    for (size_t i = 0; i < command->call_count; i++) {
        command->calls[i].not_before_ms = 0;
    }
    assert_true(schedule_retry_now(model->schedule, command->id));
}

// ---- time

static int64_t earliest_deadline(const struct model *model)
{
    int64_t earliest = INT64_MAX;
    for (size_t i = 0; i < model->count; i++) {
        const struct model_command *command = &model->commands[i];
        bool waits = !command->late && !command->superseded && model_calls(command, WAITING) > 0;
        earliest = waits && command->deadline_ms < earliest ? command->deadline_ms : earliest;
    }
    return earliest;
}

// Once nothing is left to do, nothing comes before the wait is over.
static void step_sleep(struct model *model, bool folds)
{
    while (step_expire(model) || step_superseded(model) || step_next(model, folds)) {
    }
    int64_t wait_ms = schedule_wait_ms(model->schedule, model->now_ms);
    int64_t deadline_ms = earliest_deadline(model);
    assert_true(wait_ms != 0); // it would spin
    assert_int_equal(wait_ms == CLOCK_NEVER, deadline_ms == INT64_MAX);
    if (wait_ms == CLOCK_NEVER) {
        return;
    }
    assert_true(model->now_ms + wait_ms <= deadline_ms);
    int64_t slept_ms = (int64_t)random_below((uint64_t)wait_ms);
    model->now_ms += slept_ms;
    assert_false(step_expire(model) || step_superseded(model) || step_next(model, folds));
    if (chance(2)) {
        model->now_ms += wait_ms - slept_ms;
    }
}

static void expect_same(const struct model *model)
{
    const struct schedule_account_state state = schedule_account_state(model->schedule, 0);
    assert_int_equal(model->schedule->entries.count, model->count);
    assert_int_equal(schedule_in_flight(model->schedule), flight_count);
    assert_int_equal(state.in_flight, flight_count);
    assert_true(flight_count <= (size_t)model->connections);
    assert_true(state.in_flight_limit <= (size_t)model->connections);
    assert_true(state.in_flight_limit >= (size_t)(model->connections < 8 ? model->connections : 8));
}

static void run_step(struct model *model, bool folds)
{
    switch (random_below(14)) {
    case 0:
    case 1:
    case 2:
    case 3:
        step_enter(model, folds);
        break;
    case 4:
    case 5:
    case 6:
        step_next(model, folds);
        break;
    case 7:
    case 8:
    case 11:
    case 12:
        step_end(model);
        break;
    case 9:
        step_leave(model);
        step_superseded(model);
        break;
    case 10:
        step_sleep(model, folds);
        break;
    default:
        model->is_down = chance(10) ? !model->is_down : model->is_down;
        if (chance(4)) {
            step_retry_now(model);
        }
        model->now_ms += (int64_t)random_below(15);
        break;
    }
}

static void set_up(struct model *model)
{
    static const char *const actions[ACTIONS] = {"Do", "DoElse", "DoMany"};
    static const char *const rules[RULES] = {"one", "two", "three", "four"};
    static const double limits[] = {0, 0, 3, 20, 150};
    struct schedule_limit given[ACTIONS + 1] = {0};
    size_t count = 0;
    *model = (struct model){.now_ms = 1000, .next_id = 1, .connections = 1 + (int)random_below(24)};
    for (size_t i = 0; i < ACTIONS; i++) {
        model->actions[i].name = actions[i];
        model->actions[i].limit = limits[random_below(COUNT_OF(limits))];
        if (model->actions[i].limit > 0) {
            given[count++] = (struct schedule_limit){actions[i], model->actions[i].limit};
        }
    }
    model->schedule = schedule_of(model->connections, given);
    for (size_t i = 0; i < RULES; i++) {
        model->rules[i].name = rules[i];
        model->rules[i].limit = chance(4) ? limits[2 + random_below(3)] : 0;
        schedule_set_rate(model->schedule, rules[i], model->rules[i].limit);
        model->rule_turns[i] = model->rules[i].limit > 0 ? ++model->turns : 0;
    }
    flight_count = 0;
}

static void run_sequence(bool folds)
{
    struct model *model = mem_alloc(sizeof *model);
    set_up(model);
    for (int i = 0; i < STEPS; i++) {
        run_step(model, folds);
        expect_same(model);
    }
    schedule_destroy(model->schedule);
    free(model);
}

static void random_sequences_do_what_the_model_does(void **state)
{
    (void)state;
    for (sequence = 0; sequence < SEQUENCES; sequence++) {
        run_sequence(sequence % 2 == 0);
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
    printf("%lu sequences, %lu releases (%lu folded, %lu probes), %lu expired, %lu superseded\n", sequence, released,
           folded, probes, expired, superseded);
    if (failed != 0) {
        printf("in sequence %lu of TEST_SEED=%llu\n", sequence, (unsigned long long)seed);
    }
    return failed;
}
