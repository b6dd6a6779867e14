// What the scheduler's tests share: commands with defaults, and expectations.
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/mem.h"
#include "core/schedule/schedule_internal.h"

enum { FAR = 1000000000, CHECK_CALLS = 8, CHECK_LANES = 4 };

// One account; limits in pairs of action and calls per second, up to the first without a name.
static inline struct schedule *schedule_of(int connections, const struct schedule_limit *limits)
{
    struct schedule *schedule = schedule_create(1);
    struct schedule_account_options options = {.connections = connections, .limits = limits};
    while (limits != NULL && limits[options.limit_count].action != NULL) {
        options.limit_count++;
    }
    assert_int_equal(schedule_add_account(schedule, &options), 0);
    return schedule;
}

struct wish {
    uint64_t id;
    size_t account;
    const char *rule;               // "rule"
    const char *lanes[CHECK_LANES]; // up to the first NULL
    int64_t deadline_ms;            // FAR
    size_t calls;                   // 1
    const char *action;             // "Do"
    size_t devices;
    const char *latest;
    const char *fold;   // key
    const char *device; // ""
    int64_t window_ms;
    size_t max; // 100
};

static inline void enter_wish(struct schedule *schedule, const struct wish *wish)
{
    struct schedule_call calls[CHECK_CALLS];
    struct schedule_command command = {
        .id = wish->id,
        .account = wish->account,
        .rule = wish->rule != NULL ? wish->rule : "rule",
        .lanes = wish->lanes,
        .deadline_ms = wish->deadline_ms != 0 ? wish->deadline_ms : FAR,
        .calls = calls,
        .call_count = wish->calls != 0 ? wish->calls : 1,
        .latest = wish->latest,
    };
    const struct schedule_fold fold = {.key = wish->fold,
                                       .device = wish->device != NULL ? wish->device : wish->lanes[0],
                                       .action = "DoMany",
                                       .window_ms = wish->window_ms,
                                       .max = wish->max != 0 ? wish->max : 100};
    while (command.lane_count < CHECK_LANES && wish->lanes[command.lane_count] != NULL) {
        command.lane_count++;
    }
    for (size_t i = 0; i < command.call_count; i++) {
        calls[i] =
            (struct schedule_call){.action = wish->action != NULL ? wish->action : "Do", .devices = wish->devices};
    }
    command.fold = wish->fold != NULL ? &fold : NULL;
    schedule_enter(schedule, &command);
}
#define ENTER(schedule, ...) enter_wish(schedule, &(struct wish){__VA_ARGS__})

static inline const struct schedule_release *expect_call(struct schedule *schedule, int64_t now_ms, uint64_t id,
                                                         size_t call)
{
    const struct schedule_release *release = schedule_next(schedule, now_ms);
    assert_non_null(release);
    assert_int_equal(release->count, 1);
    assert_false(release->folded);
    assert_int_equal(release->ids[0], id);
    assert_int_equal(release->call, call);
    return release;
}

static inline const struct schedule_release *expect_next(struct schedule *schedule, int64_t now_ms, uint64_t id)
{
    return expect_call(schedule, now_ms, id, 0);
}

static inline void expect_none(struct schedule *schedule, int64_t now_ms)
{
    assert_null(schedule_next(schedule, now_ms));
}

static inline void expect_expired(struct schedule *schedule, int64_t now_ms, uint64_t id)
{
    uint64_t found = 0;
    assert_true(schedule_expired(schedule, now_ms, &found));
    assert_int_equal(found, id);
}

static inline void expect_none_expired(struct schedule *schedule, int64_t now_ms)
{
    uint64_t id = 0;
    assert_false(schedule_expired(schedule, now_ms, &id));
}

static inline void report(struct schedule *schedule, const struct schedule_release *release, int64_t now_ms,
                          enum schedule_finding finding, const char *device)
{
    const struct schedule_report ended = {.finding = finding, .wait_ms = -1, .device = device};
    schedule_ended(schedule, release, &ended, now_ms);
}

// The request was answered, and each of its commands is over.
static inline void finish(struct schedule *schedule, const struct schedule_release *release, int64_t now_ms)
{
    size_t count = release->count;
    size_t call = release->call;
    uint64_t *ids = mem_dup(release->ids, count * sizeof *ids);
    report(schedule, release, now_ms, SCHEDULE_ANSWERED, NULL);
    for (size_t i = 0; i < count; i++) {
        schedule_call_done(schedule, ids[i], call);
        schedule_leave(schedule, ids[i]);
    }
    free(ids);
}

// The request ended so, and each of its commands is to be tried again.
static inline void send_back(struct schedule *schedule, const struct schedule_release *release, int64_t now_ms,
                             const struct schedule_report *ended, const struct schedule_retry *retry)
{
    size_t count = release->count;
    size_t call = release->call;
    uint64_t *ids = mem_dup(release->ids, count * sizeof *ids);
    schedule_ended(schedule, release, ended, now_ms);
    for (size_t i = 0; i < count; i++) {
        schedule_call_retry(schedule, ids[i], call, retry);
    }
    free(ids);
}

static inline void retry_at(struct schedule *schedule, const struct schedule_release *release, int64_t now_ms,
                            int64_t not_before_ms)
{
    const struct schedule_report ended = {.finding = SCHEDULE_ANSWERED, .wait_ms = -1};
    const struct schedule_retry retry = {.not_before_ms = not_before_ms};
    send_back(schedule, release, now_ms, &ended, &retry);
}
