// Bridges under one account's quota in virtual time: what they use of it, and how often they are throttled.
#include "unit/core/schedule/schedule_world.h"

enum { WAITING = 300, SHARED_S = 180 };

// Keeps commands waiting for both actions at each bridge.
static void run_saturated(struct world *world, int64_t seconds)
{
    for (int64_t i = 0; i < seconds * 1000; i++) {
        for (size_t b = 0; b < world->bridge_count; b++) {
            struct world_bridge *bridge = &world->bridges[b];
            while (bridge->waiting[SINGLE] < WAITING) {
                world_enter(world, bridge, "single", NULL);
            }
            while (bridge->waiting[FOLDED] < WAITING) {
                world_enter(world, bridge, "folded", "equal");
            }
        }
        world_turn(world);
    }
}

static void print_counts(const struct world *world, const char *title, int64_t seconds)
{
    const struct world_counts *counts = &world->counts;
    printf("%s: %zu bridge(s), %lld s\n", title, world->bridge_count, (long long)seconds);
    static const char *const names[] = {WORLD_SINGLE, WORLD_FOLDED};
    for (enum world_action i = 0; i < WORLD_ACTIONS; i++) {
        printf("  %-20s %6.1f calls/s of %zu, %5.2f %% throttled, most in a second %zu\n", names[i],
               (double)counts->taken[i] / (double)seconds, world->quotas[i].limit,
               100 * world_throttled_part(counts, i), counts->most_per_second[i]);
    }
    size_t throttled = counts->throttled[SINGLE] + counts->throttled[FOLDED];
    size_t all = throttled + counts->taken[SINGLE] + counts->taken[FOLDED];
    printf("  %.1f device commands/s, %.2f %% of all calls throttled\n", (double)counts->devices / (double)seconds,
           100 * (double)throttled / (double)all);
}

static double used_part(const struct world *world, enum world_action action, int64_t seconds)
{
    return (double)world->counts.taken[action] / (double)seconds / (double)world->quotas[action].limit;
}

static double throttled_part_of_all(const struct world_counts *counts)
{
    size_t throttled = counts->throttled[SINGLE] + counts->throttled[FOLDED];
    return (double)throttled / (double)(throttled + counts->taken[SINGLE] + counts->taken[FOLDED]);
}

// Runs for a while that does not count, and then for one that does.
static void measure(struct world *world, const char *title, int64_t settle_s, int64_t seconds)
{
    run_saturated(world, settle_s);
    world->counts = (struct world_counts){0};
    run_saturated(world, seconds);
    print_counts(world, title, seconds);
}

static void one_bridge_alone_is_never_throttled_and_uses_the_quota(void **state)
{
    (void)state;
    struct world *world = world_create(1, 500, 10);
    world->jitter_ms = 15;
    measure(world, "alone", 0, 300);
    assert_int_equal(world->counts.throttled[SINGLE], 0);
    assert_int_equal(world->counts.throttled[FOLDED], 0);
    assert_true(used_part(world, SINGLE, 300) >= 0.95);
    assert_true(used_part(world, FOLDED, 300) >= 0.95);
    assert_true((double)world->counts.devices / 300 >= 0.95 * 1500);
    world_destroy(world);
}

static void expect_shared_well(struct world *world, const char *title)
{
    measure(world, title, 120, SHARED_S);
    assert_true(throttled_part_of_all(&world->counts) < 0.02);
    assert_true(used_part(world, SINGLE, SHARED_S) >= 0.8);
    assert_true(used_part(world, FOLDED, SHARED_S) >= 0.8);
    world_destroy(world);
}

static void twenty_bridges_share_a_quota(void **state)
{
    (void)state;
    expect_shared_well(world_create(20, 500, 10), "shared");
}

static void twenty_bridges_far_from_the_platform_share_a_quota(void **state)
{
    (void)state;
    struct world *world = world_create(20, 500, 10);
    world->way_ms = 60;
    world->jitter_ms = 90;
    world->random = 777;
    expect_shared_well(world, "shared, far away");
}

static void twenty_bridges_share_though_the_platform_does_not_say_how_long_to_wait(void **state)
{
    (void)state;
    struct world *world = world_create(20, 500, 10);
    world->tells_no_wait = true;
    expect_shared_well(world, "shared, no wait told");
}

static void a_quota_that_is_smaller_than_configured_is_found(void **state)
{
    (void)state;
    struct world *world = world_create(1, 200, 10);
    world->quotas[SINGLE].limit = 40;
    measure(world, "a fifth of what is configured, at first", 0, 15);
    assert_true(world_throttled_part(&world->counts, SINGLE) < 0.15); // at the configured rate it would be four of five
    measure(world, "a fifth of what is configured, later", 0, 60);
    assert_true(world_throttled_part(&world->counts, SINGLE) < 0.05);
    assert_true(used_part(world, SINGLE, 60) >= 0.8);
    world_destroy(world);
}

static void the_quota_comes_back_when_others_have_gone(void **state)
{
    (void)state;
    struct world *world = world_create(20, 500, 10);
    run_saturated(world, 120);
    while (world->bridge_count > 1) {
        world->bridge_count--; // their requests still end
    }
    measure(world, "left alone for two minutes", 120, 60);
    assert_true(used_part(world, SINGLE, 60) >= 0.9);
    assert_true(used_part(world, FOLDED, 60) >= 0.8);
    world->bridge_count = 20;
    world_destroy(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_bridge_alone_is_never_throttled_and_uses_the_quota),
        cmocka_unit_test(twenty_bridges_share_a_quota),
        cmocka_unit_test(twenty_bridges_far_from_the_platform_share_a_quota),
        cmocka_unit_test(twenty_bridges_share_though_the_platform_does_not_say_how_long_to_wait),
        cmocka_unit_test(a_quota_that_is_smaller_than_configured_is_found),
        cmocka_unit_test(the_quota_comes_back_when_others_have_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
