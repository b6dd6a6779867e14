// Which call may leave when (DESIGN.md sections 5 and 8): lanes, deadlines, retries, quotas, fairness between rules,
// folding of equal commands, the in-flight limit and the breaker of each platform account. Pure: time is an argument,
// and chance comes from a seed. Not thread-safe.
//
// All times are CLOCK_BOOTTIME in milliseconds and never go back; a moment has come when now_ms >= it. Each operation
// costs O(log n) in the waiting commands (times the lanes of the command), however many wait in one lane; finding what
// may leave costs as many steps as there are accounts and actions with waiting calls. Memory follows the commands that
// are entered, and the accounts, actions and rates that were named.
//
// One command's way: enter; next gives a release of one of its calls; ended; then for each command of the release
// call_done or call_retry; once all calls are done: leave.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct schedule;

struct schedule *schedule_create(uint64_t seed); // for the jitter of the breaker
void schedule_destroy(struct schedule *schedule);

// ---- accounts and rules

struct schedule_limit {
    const char *action;
    double per_second; // above 0. We stay at 0.97 of it and below, so that some jitter on the way breaks no quota
};
struct schedule_account_options {
    int connections; // ceiling of calls in flight; above 0
    const struct schedule_limit *limits;
    size_t limit_count;
};
// Makes an account (one per platform) and gives its number: 0, 1, 2 and so on. An action without a limit has no bucket.
size_t schedule_add_account(struct schedule *schedule, const struct schedule_account_options *options);
// Sets a rule's own limit: calls per second (a folded call counts once, for the rule of its first command); 0: none,
// which is also what a rule has of which nothing was set.
void schedule_set_rate(struct schedule *schedule, const char *rule, double per_second);

// ---- commands

struct schedule_call {
    const char *action;
    size_t devices; // that it is for: while folded calls wait for the same bucket, the largest leaves first
};
// A command that may be folded with equal ones. It has one call, to one device.
struct schedule_fold {
    const char *key; // text of all in which the commands must be equal: product, identifier, args and idempotent. Those
                     // of one account, key and batch action are folded; of a rule with a rate only among themselves
    const char *device; // two commands of one device are never in one call, even where no lane keeps them apart
    const char *action; // of the folded call
    int64_t window_ms;  // from the first of the group being first in its lanes; 0 or more
    size_t max;         // commands per folded call; 2 or more
};
// Everything is borrowed for the call of schedule_enter only.
struct schedule_command {
    uint64_t id;              // unique among the entered
    size_t account;           // as schedule_add_account gave it
    const char *rule;         // its name: the wait is fair between rules
    const char *const *lanes; // a lane named twice counts once; without lanes it waits for no other
    size_t lane_count;
    int64_t deadline_ms;
    const struct schedule_call *calls; // each leaves and is retried on its own, all may be in flight together
    size_t call_count;                 // above 0
    const char *latest;                // key: replaces a waiting command with the same key; or NULL
    const struct schedule_fold *fold;  // or NULL
};
// Enters a command at the end of its lanes. If it replaces another (one of which no call is in flight, is done, or may
// have run), that one is given by schedule_superseded.
void schedule_enter(struct schedule *schedule, const struct schedule_command *command);
// The command has ended: it leaves its lanes. None of its calls may be in flight; calls may still wait.
void schedule_leave(struct schedule *schedule, uint64_t id);
// Next command whose deadline has passed while a call waited (for its lanes, a retry, a token, the breaker, a group),
// of which no call is in flight; it gets no further release and stays (also in its lanes) until schedule_leave. A
// command is given by only one of schedule_expired and schedule_superseded.
bool schedule_expired(struct schedule *schedule, int64_t now_ms, uint64_t *id);
// Next command that was replaced by a newer one; likewise until schedule_leave.
bool schedule_superseded(const struct schedule *schedule, uint64_t *id);
// For an operator: the command's calls that wait for a retry may leave at once. False if there is no such command.
bool schedule_retry_now(struct schedule *schedule, uint64_t id);

// ---- releases

// One request that may leave now: a single call of one command, or the folded call of several.
struct schedule_release {
    const uint64_t *ids; // in the order in which they became ready
    size_t count;
    size_t call; // of the command; 0 if folded
    bool folded; // count is above 1: the fold's action, for the devices of all
    bool probe;  // the breaker's try
};
// Next request that may leave now, or NULL. It counts as in flight until schedule_ended, and is borrowed until then. No
// call is given at or after its command's deadline.
//
// Rules take turns: while a rule waits for an action, each other gets at most one call of it before. Each rule's calls
// go in the order of entering. Where folded calls wait for a token, the largest goes first, but for every eighth; and
// commands leave their groups to go singly, with tokens of the single action that no single call waits for, only if
// the group would otherwise wait for a token of the batch action for longer than its window and 500 ms, or until one of
// its commands expires.
const struct schedule_release *schedule_next(struct schedule *schedule, int64_t now_ms);

// How a request went, as far as it says something about the platform.
enum schedule_finding {
    SCHEDULE_ANSWERED,      // any answer that is none of the following, also a refusal
    SCHEDULE_THROTTLED,     // over the quota
    SCHEDULE_BUSY,          // 503
    SCHEDULE_NOT_CONNECTED, // no name, connection or TLS
    SCHEDULE_NO_ANSWER,     // it left, and no whole answer came in time
    SCHEDULE_SERVER_ERROR,  // another 5xx
    SCHEDULE_NOT_TRIED,     // it did not leave after all, and nothing is learned
};
struct schedule_report {
    enum schedule_finding finding;
    int64_t wait_ms;    // how long the platform asked to wait (throttled, busy); -1: it did not say
    const char *device; // the (first) device of the call; NULL: it has none
};
// The request has ended: lowers or raises limits, opens or closes the breaker, and frees the release. Its commands'
// calls are neither in flight nor waiting until call_done or call_retry says what becomes of them, which must be before
// the loop sleeps: meanwhile their deadlines are not watched.
void schedule_ended(struct schedule *schedule, const struct schedule_release *release,
                    const struct schedule_report *report, int64_t now_ms);
// The call is over, whatever came of it.
void schedule_call_done(struct schedule *schedule, uint64_t id, size_t call);
struct schedule_retry {
    int64_t not_before_ms; // keeps its place in its lanes meanwhile
    bool may_have_run;     // so that no newer command replaces it
    bool alone;            // never fold it again
};
void schedule_call_retry(struct schedule *schedule, uint64_t id, size_t call, const struct schedule_retry *retry);

// ---- what the loop and people want to know

// Milliseconds until schedule_next, schedule_expired or schedule_superseded may give something without another call of
// ours before; 0: at once; CLOCK_NEVER.
int64_t schedule_wait_ms(const struct schedule *schedule, int64_t now_ms);
size_t schedule_in_flight(const struct schedule *schedule); // requests, of all accounts

// What a command waits for, as far as it is one thing.
enum schedule_reason {
    SCHEDULE_NO_WAIT,      // nothing of it waits, or there is no such command
    SCHEDULE_FOR_LANE,     // a command before it
    SCHEDULE_FOR_PLATFORM, // the breaker
    SCHEDULE_FOR_RETRY,    // its time
    SCHEDULE_FOR_GROUP,    // more commands for its group
    SCHEDULE_FOR_RATE,     // a token of its rule
    SCHEDULE_FOR_PAUSE,    // the platform asked to wait with its action
    SCHEDULE_FOR_QUOTA,    // a token of its action
    SCHEDULE_FOR_ROOM,     // a place among the requests in flight
    SCHEDULE_FOR_TURN,     // nothing but that others go before it
};
// Of a command that has expired: what it waited for when its deadline passed.
enum schedule_reason schedule_waits_for(const struct schedule *schedule, uint64_t id);
// The command that is first in a lane in which this one waits behind it. False if there is none.
bool schedule_before(const struct schedule *schedule, uint64_t id, uint64_t *before);

enum schedule_breaker {
    SCHEDULE_CLOSED,  // calls leave
    SCHEDULE_OPEN,    // none does, until retry_at_ms
    SCHEDULE_PROBING, // one is under way to see whether the platform is back
};
const char *schedule_breaker_name(enum schedule_breaker state); // "closed"
struct schedule_account_state {
    size_t in_flight;
    size_t in_flight_limit;
    enum schedule_breaker breaker;
    enum schedule_finding cause; // of the last opening
    int64_t retry_at_ms;         // while open
};
struct schedule_account_state schedule_account_state(const struct schedule *schedule, size_t account);
// Next account whose breaker is in another state than when it was last given here (closed at first).
bool schedule_breaker_changed(struct schedule *schedule, size_t *account);
// Calls per second that the account's action may make now; 0 while it is paused, -1 if it has no limit.
double schedule_action_rate(const struct schedule *schedule, size_t account, const char *action, int64_t now_ms);
