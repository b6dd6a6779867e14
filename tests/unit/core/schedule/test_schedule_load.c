// Whole loads in virtual time: what both quotas together carry, and how a queue drains after an outage.
#include "unit/core/schedule/schedule_world.h"

// Commands that come evenly, of one rule, with one of `keys` fold keys (0: not to be folded).
struct source {
    const char *rule;
    size_t per_second;
    size_t keys;
    size_t owed; // thousandths of a command
};

static void enter_from(struct world *world, struct source *source)
{
    char key[64];
    source->owed += source->per_second;
    while (source->owed >= 1000) {
        source->owed -= 1000;
        if (source->keys > 0) {
            snprintf(key, sizeof key, "%s-%llu", source->rule, (unsigned long long)world_random(world, source->keys));
        }
        world_enter(world, &world->bridges[0], source->rule, source->keys > 0 ? key : NULL);
    }
}

static void run_sources(struct world *world, struct source *sources, size_t count, int64_t seconds)
{
    for (int64_t i = 0; i < seconds * 1000; i++) {
        for (size_t s = 0; s < count; s++) {
            enter_from(world, &sources[s]);
        }
        world_turn(world);
    }
}

static double devices_per_second(const char *title, struct source *sources, size_t count)
{
    enum { SETTLE_S = 30, SECONDS = 60 };
    struct world *world = world_create(1, 500, 10);
    run_sources(world, sources, count, SETTLE_S);
    world->counts = (struct world_counts){0};
    run_sources(world, sources, count, SECONDS);
    const struct world_counts *counts = &world->counts;
    double devices = (double)counts->devices / SECONDS;
    size_t calls = counts->taken[SINGLE] + counts->taken[FOLDED];
    printf("%s: %.1f device commands/s, %.2f per call, %zu + %zu waiting\n", title, devices,
           (double)counts->devices / (double)calls, world->bridges[0].waiting[SINGLE],
           world->bridges[0].waiting[FOLDED]);
    assert_int_equal(counts->throttled[SINGLE] + counts->throttled[FOLDED], 0);
    world_destroy(world);
    return devices;
}

enum { CEILING = 1500 }; // 500/s and 10/s of 100 devices

static void single_and_foldable_commands_use_both_quotas(void **state)
{
    (void)state;
    struct source sources[] = {
        {.rule = "a", .per_second = 350},
        {.rule = "b", .per_second = 150},
        {.rule = "c", .per_second = 700, .keys = 1},
        {.rule = "d", .per_second = 400, .keys = 3},
    };
    assert_true(devices_per_second("mixed", sources, COUNT_OF(sources)) >= 0.95 * CEILING);
}

static void foldable_commands_alone_use_both_quotas(void **state)
{
    (void)state;
    struct source one_key[] = {{.rule = "a", .per_second = 1600, .keys = 1}};
    assert_true(devices_per_second("one key", one_key, 1) >= 0.95 * CEILING);
    struct source many_keys[] = {{.rule = "a", .per_second = 1600, .keys = 30}};
    assert_true(devices_per_second("thirty keys", many_keys, 1) >= 0.95 * CEILING);
}

static void small_groups_go_singly_beside_large_ones(void **state)
{
    (void)state;
    struct source sources[] = {
        {.rule = "a", .per_second = 1100, .keys = 2},
        {.rule = "b", .per_second = 500, .keys = 1000},
    };
    assert_true(devices_per_second("large and scattered", sources, COUNT_OF(sources)) >= 0.95 * CEILING);
}

static void what_both_quotas_can_carry_does_not_pile_up(void **state)
{
    (void)state;
    struct source sources[] = {
        {.rule = "a", .per_second = 400},
        {.rule = "b", .per_second = 900, .keys = 2},
    };
    struct world *world = world_create(1, 500, 10);
    run_sources(world, sources, COUNT_OF(sources), 60);
    printf("1,300/s: %zu + %zu waiting\n", world->bridges[0].waiting[SINGLE], world->bridges[0].waiting[FOLDED]);
    assert_true(world->bridges[0].waiting[SINGLE] < 100);
    assert_true(world->bridges[0].waiting[FOLDED] < 400);
    world_destroy(world);
}

// ---- outage

enum { OUTAGE_COMMANDS = 10000 };

static void a_queue_drains_at_the_rate_of_the_quota_after_an_outage(void **state)
{
    (void)state;
    struct world *world = world_create(1, 500, 10);
    struct source source = {.rule = "a", .per_second = 100};
    run_sources(world, &source, 1, 10);
    world->is_down = true;
    for (int64_t i = 0; i < 60000; i++) {
        if (world->bridges[0].waiting[SINGLE] < OUTAGE_COMMANDS && i % 6 == 0) {
            world_enter(world, &world->bridges[0], "a", NULL);
        }
        world_turn(world);
    }
    size_t waiting = world->bridges[0].waiting[SINGLE];
    size_t tries = world->counts.failed;
    world->is_down = false;
    world->counts = (struct world_counts){0};
    int64_t back_ms = world->now_ms;
    int64_t first_ms = 0;
    while (world->bridges[0].waiting[SINGLE] > 0) {
        world_turn(world);
        first_ms = first_ms == 0 && world->counts.devices > 0 ? world->now_ms - back_ms : first_ms;
    }
    double seconds = (double)(world->now_ms - back_ms) / 1000.0;
    printf(
        "outage of a minute, %zu waiting: %zu tries meanwhile, first call after %lld ms, drained after %.1f s, at most "
        "%zu in flight, %zu in a second, %zu throttled\n",
        waiting, tries, (long long)first_ms, seconds, world->counts.most_in_flight,
        world->counts.most_per_second[SINGLE], world->counts.throttled[SINGLE]);
    assert_true(waiting >= OUTAGE_COMMANDS);
    assert_true(tries <= 5 + 16 + 12);
    assert_true(first_ms <= 30000);
    assert_true(world->counts.most_in_flight <= 64);
    assert_int_equal(world->counts.throttled[SINGLE], 0);
    assert_true(seconds * 1000 - (double)first_ms <= (double)waiting / 485 * 1000 * 1.1 + 1000);
    world_destroy(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(single_and_foldable_commands_use_both_quotas),
        cmocka_unit_test(foldable_commands_alone_use_both_quotas),
        cmocka_unit_test(small_groups_go_singly_beside_large_ones),
        cmocka_unit_test(what_both_quotas_can_carry_does_not_pile_up),
        cmocka_unit_test(a_queue_drains_at_the_rate_of_the_quota_after_an_outage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
