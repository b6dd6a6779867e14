// A world for the scheduler in virtual time: bridges with waiting commands, one platform with quotas in a sliding
// second (as the simulated platform has them), and ways between them that take their time. A millisecond per turn.
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "core/schedule/schedule.h"

#define WORLD_SINGLE "InvokeThingService"
#define WORLD_FOLDED "InvokeThingsService"

enum { WORLD_BRIDGES = 20, WORLD_RING = 4096, WORLD_MOST = 1024 };
enum world_action { SINGLE, FOLDED, WORLD_ACTIONS };

// Calls that the platform took in the last second.
struct world_quota {
    size_t limit;
    int64_t taken[WORLD_MOST];
    size_t count;
};

struct world_counts {
    size_t taken[WORLD_ACTIONS]; // calls
    size_t throttled[WORLD_ACTIONS];
    size_t devices; // commands that ran
    size_t failed;  // connections
    size_t expired;
    size_t most_in_flight;
    size_t most_per_second[WORLD_ACTIONS];
};

// A request on its way to the platform, then on its way back.
struct world_request {
    struct world_request *next;
    struct world_bridge *bridge;
    const struct schedule_release *release;
    bool is_answered;
    struct schedule_report report;
};

struct world_bridge {
    struct schedule *schedule;
    uint64_t next_id;
    size_t waiting[WORLD_ACTIONS]; // commands entered for singles, and to be folded
};

struct world {
    int64_t now_ms;
    uint64_t random;
    int64_t way_ms;    // least time of one way
    int64_t jitter_ms; // up to so much more
    bool is_down;
    bool tells_no_wait; // with its throttled answers
    struct world_quota quotas[WORLD_ACTIONS];
    struct world_counts counts;
    struct world_bridge bridges[WORLD_BRIDGES];
    size_t bridge_count;
    struct world_request *ring[WORLD_RING]; // what happens in which millisecond
    int64_t deadline_ms;                    // of a command, from its entering
};

static inline uint64_t world_random(struct world *world, uint64_t limit)
{
    world->random ^= world->random >> 12;
    world->random ^= world->random << 25;
    world->random ^= world->random >> 27;
    return ((world->random * 0x2545F4914F6CDD1DU) >> 33) % limit;
}

static inline struct world *world_create(size_t bridges, size_t single_limit, size_t folded_limit)
{
    struct world *world = mem_alloc(sizeof *world);
    const struct schedule_limit limits[] = {{WORLD_SINGLE, (double)single_limit}, {WORLD_FOLDED, (double)folded_limit}};
    const struct schedule_account_options options = {.connections = 64, .limits = limits, .limit_count = 2};
    *world = (struct world){.now_ms = 1000,
                            .random = 12345,
                            .way_ms = 10,
                            .jitter_ms = 10,
                            .bridge_count = bridges,
                            .deadline_ms = 1000000000,
                            .quotas = {{.limit = single_limit}, {.limit = folded_limit}}};
    for (size_t i = 0; i < bridges; i++) {
        world->bridges[i].schedule = schedule_create(i + 1);
        schedule_add_account(world->bridges[i].schedule, &options);
    }
    return world;
}

static inline void world_destroy(struct world *world)
{
    for (size_t i = 0; i < WORLD_RING; i++) {
        while (world->ring[i] != NULL) {
            struct world_request *next = world->ring[i]->next;
            free(world->ring[i]);
            world->ring[i] = next;
        }
    }
    for (size_t i = 0; i < world->bridge_count; i++) {
        schedule_destroy(world->bridges[i].schedule);
    }
    free(world);
}

// ---- commands

// Each has a device of its own; ids tell what a command is: odd ones are to be folded.
static inline void world_enter(struct world *world, struct world_bridge *bridge, const char *rule,
                               const char *fold_key_or_null)
{
    char device[32];
    const char *lane = device;
    enum world_action action = fold_key_or_null == NULL ? SINGLE : FOLDED;
    uint64_t id = 2 * bridge->next_id++ + (uint64_t)action;
    snprintf(device, sizeof device, "device-%llu", (unsigned long long)id);
    const struct schedule_call call = {.action = WORLD_SINGLE, .devices = 1};
    const struct schedule_fold fold = {
        .key = fold_key_or_null, .device = device, .action = WORLD_FOLDED, .window_ms = 50, .max = 100};
    const struct schedule_command command = {.id = id,
                                             .rule = rule,
                                             .lanes = &lane,
                                             .lane_count = 1,
                                             .deadline_ms = world->now_ms + world->deadline_ms,
                                             .calls = &call,
                                             .call_count = 1,
                                             .fold = fold_key_or_null == NULL ? NULL : &fold};
    bridge->waiting[action]++;
    schedule_enter(bridge->schedule, &command);
}

static inline void world_end_command(struct world_bridge *bridge, uint64_t id)
{
    bridge->waiting[id % 2]--;
    schedule_leave(bridge->schedule, id);
}

// ---- the platform

static inline void world_post(struct world *world, struct world_request *request)
{
    int64_t way_ms = world->way_ms + (int64_t)world_random(world, (uint64_t)world->jitter_ms + 1);
    struct world_request **slot = &world->ring[(world->now_ms + way_ms) % WORLD_RING];
    request->next = *slot;
    *slot = request;
}

// 0: taken; else the milliseconds until a place is free.
static inline int64_t world_take_quota(struct world_quota *quota, int64_t now_ms)
{
    size_t old = 0;
    while (old < quota->count && quota->taken[old] <= now_ms - 1000) {
        old++;
    }
    quota->count -= old;
    memmove(quota->taken, quota->taken + old, quota->count * sizeof *quota->taken);
    if (quota->count >= quota->limit) {
        return quota->taken[quota->count - quota->limit] + 1000 - now_ms;
    }
    quota->taken[quota->count++] = now_ms;
    return 0;
}

static inline void world_arrive(struct world *world, struct world_request *request)
{
    enum world_action action = request->release->folded ? FOLDED : SINGLE;
    struct world_quota *quota = &world->quotas[action];
    request->is_answered = true;
    request->report = (struct schedule_report){.finding = SCHEDULE_ANSWERED, .wait_ms = -1};
    if (world->is_down) {
        request->report.finding = SCHEDULE_NOT_CONNECTED;
        world->counts.failed++;
    } else {
        int64_t wait_ms = world_take_quota(quota, world->now_ms);
        request->report.finding = wait_ms > 0 ? SCHEDULE_THROTTLED : SCHEDULE_ANSWERED;
        request->report.wait_ms = wait_ms > 0 && !world->tells_no_wait ? wait_ms : -1;
        world->counts.throttled[action] += wait_ms > 0;
        world->counts.taken[action] += wait_ms == 0;
        world->counts.devices += wait_ms == 0 ? request->release->count : 0;
        if (quota->count > world->counts.most_per_second[action]) {
            world->counts.most_per_second[action] = quota->count;
        }
    }
    world_post(world, request);
}

static inline void world_answer(struct world *world, struct world_request *request)
{
    struct schedule *schedule = request->bridge->schedule;
    size_t count = request->release->count;
    uint64_t ids[256];
    memcpy(ids, request->release->ids, count * sizeof *ids);
    schedule_ended(schedule, request->release, &request->report, world->now_ms);
    bool is_over = request->report.finding == SCHEDULE_ANSWERED;
    int64_t wait_ms = request->report.wait_ms > 0 ? request->report.wait_ms : (int64_t)world_random(world, 1000);
    const struct schedule_retry retry = {.not_before_ms = world->now_ms + wait_ms};
    for (size_t i = 0; i < count; i++) {
        if (is_over) {
            schedule_call_done(schedule, ids[i], 0);
            world_end_command(request->bridge, ids[i]);
        } else {
            schedule_call_retry(schedule, ids[i], 0, &retry);
        }
    }
    free(request);
}

static inline void world_deliver(struct world *world)
{
    struct world_request **slot = &world->ring[world->now_ms % WORLD_RING];
    struct world_request *request = *slot;
    *slot = NULL;
    while (request != NULL) {
        struct world_request *next = request->next;
        (request->is_answered ? world_answer : world_arrive)(world, request);
        request = next;
    }
}

// ---- the bridges

static inline void world_run_bridge(struct world *world, struct world_bridge *bridge)
{
    uint64_t id = 0;
    while (schedule_expired(bridge->schedule, world->now_ms, &id)) {
        world->counts.expired++;
        world_end_command(bridge, id);
    }
    const struct schedule_release *release = NULL;
    while ((release = schedule_next(bridge->schedule, world->now_ms)) != NULL) {
        struct world_request *request = mem_alloc(sizeof *request);
        *request = (struct world_request){.bridge = bridge, .release = release};
        world_post(world, request);
    }
    size_t in_flight = schedule_in_flight(bridge->schedule);
    world->counts.most_in_flight = in_flight > world->counts.most_in_flight ? in_flight : world->counts.most_in_flight;
}

// One millisecond.
static inline void world_turn(struct world *world)
{
    world->now_ms++;
    world_deliver(world);
    for (size_t i = 0; i < world->bridge_count; i++) {
        world_run_bridge(world, &world->bridges[i]);
    }
}

static inline double world_throttled_part(const struct world_counts *counts, enum world_action action)
{
    size_t all = counts->taken[action] + counts->throttled[action];
    return all == 0 ? 0 : (double)counts->throttled[action] / (double)all;
}
