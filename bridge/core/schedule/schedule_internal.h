// What the files of the scheduler share. Private to it.
//
// A call that may leave (first in its lanes, not waiting for a retry) stands as a unit in the flow of its rule and
// action, alone or in a group. Actions offer flows by the turn of their rules; an account picks among its actions.
#pragma once

#include <sys/queue.h>

#include "base/clock.h"
#include "base/hash_table.h"
#include "core/schedule/schedule.h"
#include "core/schedule/schedule_bucket.h"
#include "core/schedule/schedule_heap.h"

enum queued_call_state {
    CALL_BLOCKED,   // its command is not first in all its lanes
    CALL_DELAYED,   // in schedule.delayed, until its not_before
    CALL_READY,     // in a flow
    CALL_GROUPED,   // in a group
    CALL_IN_FLIGHT, // in a flight
    CALL_ENDED,     // the flight has ended, and what becomes of the call is not said yet
    CALL_DONE,
    CALL_WITHDRAWN, // its command is late or superseded
};

// What leaves as one request: a call alone (group is NULL), or a group.
struct schedule_unit {
    struct heap_node age;       // in flow->units
    struct heap_node size;      // in flow->large, while it is for several devices
    struct schedule_flow *flow; // or NULL
    struct schedule_group *group;
};

struct queued_call {
    struct schedule_entry *entry;
    struct schedule_action *action;
    enum queued_call_state state;
    size_t devices;
    struct heap_node delay;       // in schedule.delayed
    struct schedule_unit unit;    // CALL_READY
    struct schedule_group *group; // CALL_GROUPED
    TAILQ_ENTRY(queued_call) in_group;
};

// A command's place in the queue of one lane.
struct schedule_place {
    struct schedule_entry *entry;
    struct schedule_lane *lane;
    TAILQ_ENTRY(schedule_place) in_lane;
};

struct schedule_lane {
    struct hash_node node; // in schedule.lanes, by name
    TAILQ_HEAD(schedule_queue, schedule_place) queue;
    char name[];
};

struct queued_fold {
    struct schedule_action *action;
    int64_t window_ms;
    size_t max;
    uint64_t device; // hash of its name
    char key[];
};

// A command.
struct schedule_entry {
    struct hash_node node; // in schedule.entries, by id
    uint64_t id;
    uint64_t order; // of entering
    struct schedule_account *account;
    struct schedule_rule *rule;
    struct heap_node deadline;     // in schedule.deadlines while a call waits; in schedule.expired once it is late
    bool late;                     // the deadline has passed while a call waited
    enum schedule_reason late_for; // what it waited for then
    bool superseded;
    bool outdated; // a newer command with the same `latest` has come
    bool may_have_run;
    bool alone;     // never folded again
    bool is_newest; // in schedule.latest
    struct hash_node latest_node;
    char *latest; // or NULL
    TAILQ_ENTRY(schedule_entry) in_superseded;
    struct queued_fold *fold; // or NULL
    size_t waiting;           // calls: blocked, delayed, ready or grouped
    size_t in_flight;         // calls
    size_t away;              // calls: in flight or ended
    size_t done;              // calls
    size_t call_count;
    struct queued_call *calls;
    size_t behind; // lanes in which another command is first
    size_t place_count;
    struct schedule_place places[];
};

struct schedule_rule {
    struct hash_node node; // in schedule.rules, by name
    uint64_t turn;         // when it was served last: the lowest of the waiting is next
    size_t users;          // commands and groups
    struct schedule_flow *flows;
    bool has_bucket;
    struct bucket bucket;
    struct heap_node limited; // in schedule.limited, while calls wait for a token of the rule
    char name[];
};

// The units of one rule for one action.
struct schedule_flow {
    struct schedule_flow *next; // of the rule
    struct schedule_rule *rule;
    struct schedule_action *action;
    struct heap units;  // all, the oldest first
    struct heap groups; // of several commands, the oldest first
    struct heap large;  // for several devices, the largest first
    size_t offered;     // units, while the rule has a token; else 0
    // In the action's heaps, while the rule has a token.
    struct heap_node by_turn;
    struct heap_node by_group_turn;
    struct heap_node by_size;
};

struct schedule_action {
    struct schedule_action *next; // of the account
    struct quota quota;
    struct heap by_turn;       // flows with units
    struct heap by_group_turn; // flows with groups
    struct heap by_size;       // flows with large units
    size_t offered;            // units of all flows, while their rules have a token
    size_t large_in_row;       // the largest went first so often
    bool has_spared;           // commands of its groups went alone since
    char name[];
};

struct schedule_group {
    struct hash_node node;      // in schedule.groups, while it is open
    struct schedule_unit unit;  // in a flow once the window has passed, or it is full
    struct heap_node age;       // in flow->groups
    struct heap_node window;    // in schedule.windows before that
    int64_t window_ms;          // the shortest of its members'
    int64_t offered_ms;         // when it could leave first, but for tokens; CLOCK_NEVER before that
    bool is_open;               // takes further members
    struct schedule_rule *rule; // of its first member
    bool of_one_rule;
    struct schedule_action *single;
    struct schedule_action *folded;
    TAILQ_HEAD(, queued_call) calls;
    size_t count;
    size_t max;
    char key[];
};

// A request on its way.
struct schedule_flight {
    struct schedule_release release; // first: the caller has its address
    LIST_ENTRY(schedule_flight) list;
    struct schedule_account *account;
    struct schedule_action *action;
    int64_t left_ms;
    uint64_t *ids;
    struct queued_call **calls;
};

enum { TROUBLED_DEVICES = 3 };
struct circuit_breaker {
    enum schedule_breaker state;
    enum schedule_breaker reported; // by schedule_breaker_changed
    enum schedule_finding cause;
    int64_t retry_at_ms;
    int64_t wait_ms;         // of the last opening, before jitter
    size_t connect_failures; // in a row
    size_t troubled_count;
    uint64_t troubled[TROUBLED_DEVICES]; // hashes of different devices without a success since
};

struct schedule_account {
    size_t connections;
    size_t in_flight;
    size_t limit;     // of calls in flight
    size_t successes; // since the limit last changed, while it held calls back
    bool is_held;     // the limit holds calls back
    int64_t cut_ms;   // when the limit was last lowered
    struct circuit_breaker breaker;
    struct schedule_action *actions;
};

struct schedule {
    int64_t now_ms;
    uint64_t random;
    uint64_t entered; // commands so far
    uint64_t turns;
    size_t in_flight;
    struct schedule_account **accounts;
    size_t account_count;
    struct hash_table entries;
    struct hash_table lanes;
    struct hash_table rules;
    struct hash_table groups;
    struct hash_table latest;
    struct heap deadlines;
    struct heap expired;
    struct heap delayed;
    struct heap windows;
    struct heap limited;
    TAILQ_HEAD(, schedule_entry) superseded;
    LIST_HEAD(, schedule_flight) flights;
};

// schedule_wait.c: what calls wait for
struct schedule_entry *schedule_entry_find(const struct schedule *schedule, uint64_t id); // or NULL
void schedule_entry_unblock(struct schedule *schedule, struct schedule_entry *entry); // if it is first in all its lanes
void schedule_entry_withdraw(struct schedule *schedule, struct schedule_entry *entry); // its calls wait no more
void schedule_entry_supersede(struct schedule *schedule, struct schedule_entry *entry);
bool schedule_entry_is_replaceable(const struct schedule_entry *entry);
void schedule_call_wait(struct schedule *schedule, struct queued_call *call, int64_t not_before_ms); // begins to
void schedule_call_leave(struct schedule *schedule, struct queued_call *call);                       // in a flight
void schedule_call_land(struct schedule *schedule, struct queued_call *call,
                        enum queued_call_state state); // is not away any more
void schedule_advance(struct schedule *schedule, int64_t now_ms);

// schedule_lane.c
void schedule_lane_join(struct schedule *schedule, struct schedule_entry *entry, const char *name);
void schedule_lane_leave(struct schedule *schedule, struct schedule_place *place);

// schedule_flow.c
struct schedule_rule *schedule_rule_open(struct schedule *schedule, const char *name); // counts a user
void schedule_rule_close(struct schedule *schedule, struct schedule_rule *rule);       // one user less
void schedule_rule_free(struct schedule_rule *rule);
// Puts the rule's flows where they belong, after its turn, its token or its units changed.
void schedule_rule_place(struct schedule *schedule, struct schedule_rule *rule);
void schedule_rule_served(struct schedule *schedule, struct schedule_rule *rule);
void schedule_flow_add(struct schedule *schedule, struct schedule_rule *rule, struct schedule_action *action,
                       struct schedule_unit *unit);
void schedule_flow_remove(struct schedule *schedule, struct schedule_unit *unit); // nothing happens if it is in none

// schedule_group.c
void schedule_group_join(struct schedule *schedule, struct queued_call *call);
void schedule_group_leave(struct schedule *schedule, struct queued_call *call);     // frees a group that is empty then
void schedule_group_offer(struct schedule *schedule, struct schedule_group *group); // it may leave from now on

// schedule_account.c
struct schedule_action *schedule_action_open(struct schedule_account *account, const char *name);
void schedule_account_free(struct schedule_account *account);
void schedule_account_report(struct schedule *schedule, const struct schedule_flight *flight,
                             const struct schedule_report *report);

// schedule_pick.c
struct schedule_pick {
    struct schedule_unit *unit;     // NULL: nothing may leave
    struct schedule_action *action; // whose token it takes
    bool single;                    // only the oldest command of the group
};
struct schedule_pick schedule_account_pick(const struct schedule *schedule, struct schedule_account *account);
void schedule_account_picked(const struct schedule_pick *pick); // it leaves
// When account_pick may give something; CLOCK_NEVER: not by time alone.
int64_t schedule_account_wake_ms(const struct schedule_account *account);

// schedule_flight.c
void schedule_flight_free(struct schedule_flight *flight);
