// What the answers of one platform account teach: the in-flight limit and the breaker.
#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "core/schedule/schedule_internal.h"

enum {
    START_LIMIT = 16,
    LEAST_LIMIT = 8,
    CUT_EVERY_MS = 1000,
    CONNECT_FAILURES = 5,
    FIRST_WAIT_MS = 1000,
    LONGEST_WAIT_MS = 30000,
};

static size_t at_most(size_t value, size_t most)
{
    return value < most ? value : most;
}

size_t schedule_add_account(struct schedule *schedule, const struct schedule_account_options *options)
{
    assert(options->connections > 0);
    struct schedule_account *account = mem_alloc(sizeof *account);
    account->connections = (size_t)options->connections;
    account->limit = at_most(START_LIMIT, account->connections);
    account->cut_ms = INT64_MIN / 2;
    for (size_t i = 0; i < options->limit_count; i++) {
        quota_set(&schedule_action_open(account, options->limits[i].action)->quota, options->limits[i].per_second);
    }
    schedule->accounts = mem_resize(schedule->accounts, schedule->account_count + 1, sizeof(struct schedule_account *));
    schedule->accounts[schedule->account_count] = account;
    return schedule->account_count++;
}

static struct schedule_action *find_action(const struct schedule_account *account, const char *name)
{
    struct schedule_action *action = account->actions;
    while (action != NULL && strcmp(action->name, name) != 0) {
        action = action->next;
    }
    return action;
}

struct schedule_action *schedule_action_open(struct schedule_account *account, const char *name)
{
    struct schedule_action *action = find_action(account, name);
    if (action != NULL) {
        return action;
    }
    size_t size = strlen(name) + 1;
    action = mem_alloc(sizeof *action + size);
    memcpy(action->name, name, size);
    quota_set(&action->quota, 0);
    action->next = account->actions;
    account->actions = action;
    return action;
}

void schedule_account_free(struct schedule_account *account)
{
    while (account->actions != NULL) {
        struct schedule_action *next = account->actions->next;
        heap_free(&account->actions->by_turn);
        heap_free(&account->actions->by_group_turn);
        heap_free(&account->actions->by_size);
        free(account->actions);
        account->actions = next;
    }
    free(account);
}

// ---- the in-flight limit

// A burst of failures says one thing: calls that left before the last cut do not cut again.
static void cut_limit(struct schedule_account *account, int64_t left_ms, int64_t now_ms)
{
    if (left_ms < account->cut_ms || now_ms - account->cut_ms < CUT_EVERY_MS) {
        return;
    }
    size_t least = at_most(LEAST_LIMIT, account->connections);
    account->limit = account->limit / 2 > least ? account->limit / 2 : least;
    account->successes = 0;
    account->cut_ms = now_ms;
}

static void raise_limit(struct schedule_account *account)
{
    if (!account->is_held || account->limit == account->connections) {
        return;
    }
    account->successes++;
    if (account->successes >= account->limit) {
        account->successes = 0;
        account->limit++;
    }
}

// ---- the breaker

// splitmix64
static uint64_t next_random(struct schedule *schedule)
{
    schedule->random += 0x9E3779B97F4A7C15U;
    return hash_number(schedule->random);
}

// Up to a quarter is cut off, so that many bridges do not probe at once.
static int64_t with_jitter(struct schedule *schedule, int64_t wait_ms)
{
    return wait_ms - (int64_t)(next_random(schedule) % (uint64_t)(wait_ms / 4 + 1));
}

static void open_breaker(struct schedule *schedule, struct circuit_breaker *breaker, enum schedule_finding cause)
{
    int64_t doubled = breaker->wait_ms * 2 < LONGEST_WAIT_MS ? breaker->wait_ms * 2 : LONGEST_WAIT_MS;
    breaker->wait_ms = breaker->wait_ms == 0 ? FIRST_WAIT_MS : doubled;
    breaker->retry_at_ms = schedule->now_ms + with_jitter(schedule, breaker->wait_ms);
    breaker->state = SCHEDULE_OPEN;
    breaker->cause = cause;
}

// The limit starts anew, so that what has waited does not rush in.
static void close_breaker(struct schedule_account *account)
{
    account->breaker = (struct circuit_breaker){.reported = account->breaker.reported, .cause = account->breaker.cause};
    account->limit = at_most(START_LIMIT, account->connections);
    account->successes = 0;
}

static bool is_trouble(enum schedule_finding finding)
{
    return finding == SCHEDULE_BUSY || finding == SCHEDULE_NO_ANSWER || finding == SCHEDULE_SERVER_ERROR;
}

static void probe_ended(struct schedule *schedule, struct schedule_account *account, enum schedule_finding finding)
{
    if (finding == SCHEDULE_NOT_TRIED) {
        account->breaker.state = SCHEDULE_OPEN;
        account->breaker.retry_at_ms = schedule->now_ms;
    } else if (finding == SCHEDULE_NOT_CONNECTED || is_trouble(finding)) {
        open_breaker(schedule, &account->breaker, finding);
    } else {
        close_breaker(account);
    }
}

static void note_trouble(struct circuit_breaker *breaker, const char *device_or_null)
{
    uint64_t hash = hash_text(device_or_null != NULL ? device_or_null : "");
    for (size_t i = 0; i < breaker->troubled_count; i++) {
        if (breaker->troubled[i] == hash) {
            return;
        }
    }
    breaker->troubled[breaker->troubled_count++] = hash;
}

// Late answers of calls that left before it opened say nothing new: only the probe's counts then.
static void watch(struct schedule *schedule, struct circuit_breaker *breaker, const struct schedule_report *report)
{
    if (breaker->state != SCHEDULE_CLOSED || report->finding == SCHEDULE_NOT_TRIED) {
        return;
    }
    breaker->connect_failures = report->finding == SCHEDULE_NOT_CONNECTED ? breaker->connect_failures + 1 : 0;
    if (report->finding == SCHEDULE_ANSWERED) {
        breaker->troubled_count = 0;
    } else if (is_trouble(report->finding)) {
        note_trouble(breaker, report->device);
    }
    if (breaker->connect_failures == CONNECT_FAILURES || breaker->troubled_count == TROUBLED_DEVICES) {
        open_breaker(schedule, breaker, report->finding);
    }
}

// ---- reports

static void report_to_quota(struct quota *quota, const struct schedule_flight *flight,
                            const struct schedule_report *report, int64_t now_ms)
{
    if (report->finding == SCHEDULE_ANSWERED) {
        quota_answered(quota);
    } else if (report->finding == SCHEDULE_THROTTLED) {
        quota_throttled(quota, flight->left_ms, now_ms);
    }
    bool may_ask = report->finding == SCHEDULE_THROTTLED || report->finding == SCHEDULE_BUSY;
    if (may_ask && report->wait_ms > 0) {
        quota_pause(quota, now_ms + report->wait_ms);
    }
}

void schedule_account_report(struct schedule *schedule, const struct schedule_flight *flight,
                             const struct schedule_report *report)
{
    struct schedule_account *account = flight->account;
    int64_t now_ms = schedule->now_ms;
    report_to_quota(&flight->action->quota, flight, report, now_ms);
    if (flight->release.probe) {
        probe_ended(schedule, account, report->finding);
    } else {
        watch(schedule, &account->breaker, report);
    }
    if (report->finding == SCHEDULE_ANSWERED) {
        raise_limit(account);
    } else if (report->finding == SCHEDULE_THROTTLED || report->finding == SCHEDULE_BUSY ||
               report->finding == SCHEDULE_NOT_CONNECTED) {
        cut_limit(account, flight->left_ms, now_ms);
    }
}

// ---- for the loop and people

const char *schedule_breaker_name(enum schedule_breaker state)
{
    static const char *const names[] = {
        [SCHEDULE_CLOSED] = "closed", [SCHEDULE_OPEN] = "open", [SCHEDULE_PROBING] = "probing"};
    return names[state];
}

struct schedule_account_state schedule_account_state(const struct schedule *schedule, size_t number)
{
    assert(number < schedule->account_count);
    const struct schedule_account *account = schedule->accounts[number];
    return (struct schedule_account_state){
        .in_flight = account->in_flight,
        .in_flight_limit = account->limit,
        .breaker = account->breaker.state,
        .cause = account->breaker.cause,
        .retry_at_ms = account->breaker.retry_at_ms,
    };
}

bool schedule_breaker_changed(struct schedule *schedule, size_t *number)
{
    for (size_t i = 0; i < schedule->account_count; i++) {
        struct circuit_breaker *breaker = &schedule->accounts[i]->breaker;
        if (breaker->reported != breaker->state) {
            breaker->reported = breaker->state;
            *number = i;
            return true;
        }
    }
    return false;
}

double schedule_action_rate(const struct schedule *schedule, size_t number, const char *name, int64_t now_ms)
{
    assert(number < schedule->account_count);
    const struct schedule_action *action = find_action(schedule->accounts[number], name);
    return action == NULL ? -1 : quota_rate(&action->quota, now_ms);
}
