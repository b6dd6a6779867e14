// A simple model of the scheduler that searches all commands for each question. It predicts who expires and who is
// superseded, tells which calls may leave, and which of them must not be passed over.
#pragma once

#include "unit/core/schedule/schedule_checks.h"

enum { MOST = 40, LANES = 5, RULES = 4, ACTIONS = 3, CALLS = 3, KEYS = 2, HISTORY = 4096 };

static const char *const model_lanes[LANES] = {"a", "b", "c", "d", "e"};
static const char *const model_keys[KEYS] = {"k", "l"};

enum model_call_state { WAITING, IN_FLIGHT, ENDED, OVER };
struct model_call {
    enum model_call_state state;
    int64_t not_before_ms;
    int64_t ready_ms; // when the scheduler could first see that nothing but tokens and groups holds it back; -1
};

struct model_command {
    uint64_t id;
    uint64_t order;
    unsigned lanes; // one bit each
    size_t rule;
    size_t action;
    int64_t deadline_ms;
    size_t call_count;
    struct model_call calls[CALLS];
    int latest; // key, or -1
    int fold;   // key, or -1
    int64_t window_ms;
    size_t max;
    bool alone;
    bool late;
    bool superseded;
    uint64_t superseded_order;
    bool outdated;
    bool may_have_run;
};

// What takes tokens: an action or a rule.
struct model_bucket {
    const char *name;
    double limit; // 0: none
    int64_t paused_ms;
    int64_t empty_until_ms; // at the latest
    int64_t times[HISTORY]; // of calls that left
    size_t count;
};

// Commands in the order of entering.
struct model {
    struct schedule *schedule;
    int64_t now_ms;
    int connections;
    bool is_down;            // the platform
    int64_t shrunk_ms[KEYS]; // when a group of this key may have lost a member last
    struct model_command commands[MOST];
    size_t count;
    uint64_t next_id;
    uint64_t next_superseded;
    uint64_t turns;
    uint64_t rule_turns[RULES]; // 0: the scheduler has forgotten it
    struct model_bucket actions[ACTIONS];
    struct model_bucket rules[RULES];
};

static inline struct model_command *model_find(struct model *model, uint64_t id)
{
    for (size_t i = 0; i < model->count; i++) {
        if (model->commands[i].id == id) {
            return &model->commands[i];
        }
    }
    return NULL;
}

static inline size_t model_calls(const struct model_command *command, enum model_call_state state)
{
    size_t count = 0;
    for (size_t i = 0; i < command->call_count; i++) {
        count += command->calls[i].state == state;
    }
    return count;
}

static inline bool model_is_away(const struct model_command *command)
{
    return model_calls(command, IN_FLIGHT) + model_calls(command, ENDED) > 0;
}

static inline bool model_is_first(const struct model *model, const struct model_command *command)
{
    for (const struct model_command *other = model->commands; other < command; other++) {
        if ((other->lanes & command->lanes) != 0) {
            return false;
        }
    }
    return true;
}

static inline bool model_may_leave(const struct model *model, const struct model_command *command, size_t call)
{
    return !command->late && !command->superseded && command->calls[call].state == WAITING &&
           command->calls[call].not_before_ms <= model->now_ms && model_is_first(model, command);
}

// A group that was full, and is not any more, needs not wait for its window again.
static inline void model_note_loss(struct model *model, const struct model_command *command)
{
    if (command->fold >= 0) {
        model->shrunk_ms[command->fold] = model->now_ms;
    }
}

// ---- what the scheduler sees when it looks at the time

static inline void model_look(struct model *model)
{
    for (size_t i = 0; i < model->count; i++) {
        struct model_command *command = &model->commands[i];
        bool waits = !command->superseded && model_calls(command, WAITING) > 0;
        if (waits && !command->late && command->deadline_ms <= model->now_ms) {
            command->late = true;
            model_note_loss(model, command);
        }
    }
    for (size_t i = 0; i < model->count; i++) {
        for (size_t call = 0; call < model->commands[i].call_count; call++) {
            struct model_call *item = &model->commands[i].calls[call];
            bool may_leave = model_may_leave(model, &model->commands[i], call);
            item->ready_ms = !may_leave ? -1 : item->ready_ms >= 0 ? item->ready_ms : model->now_ms;
        }
    }
}

// The next that expires, or NULL.
static inline const struct model_command *model_expired(const struct model *model)
{
    const struct model_command *best = NULL;
    for (size_t i = 0; i < model->count; i++) {
        const struct model_command *command = &model->commands[i];
        if (command->late && !model_is_away(command) && (best == NULL || command->deadline_ms < best->deadline_ms)) {
            best = command;
        }
    }
    return best;
}

static inline const struct model_command *model_superseded(const struct model *model)
{
    const struct model_command *best = NULL;
    for (size_t i = 0; i < model->count; i++) {
        const struct model_command *command = &model->commands[i];
        if (command->superseded && (best == NULL || command->superseded_order < best->superseded_order)) {
            best = command;
        }
    }
    return best;
}

static inline void model_supersede(struct model *model, struct model_command *command)
{
    bool has_run = command->may_have_run || model_is_away(command) || model_calls(command, OVER) > 0;
    if (command->outdated && !command->late && !command->superseded && !has_run) {
        command->superseded = true;
        model_note_loss(model, command);
        command->superseded_order = model->next_superseded++;
    }
}

static inline void model_remove(struct model *model, uint64_t id)
{
    struct model_command *command = model_find(model, id);
    size_t rule = command->rule;
    bool is_used = false;
    model_note_loss(model, command);
    for (; command + 1 < model->commands + model->count; command++) {
        command[0] = command[1];
    }
    model->count--;
    for (size_t i = 0; i < model->count; i++) {
        is_used = is_used || model->commands[i].rule == rule;
    }
    if (!is_used && model->rules[rule].limit <= 0) {
        model->rule_turns[rule] = 0;
    }
}

// ---- buckets

static inline bool model_is_short(const struct model *model, const struct model_bucket *bucket)
{
    return bucket->paused_ms > model->now_ms || bucket->empty_until_ms > model->now_ms;
}

// A call left: no second holds more of them than the limit.
static inline void model_take(struct model *model, struct model_bucket *bucket, double rate)
{
    size_t in_second = 1;
    if (bucket->limit <= 0) {
        return;
    }
    assert_true(bucket->paused_ms <= model->now_ms);
    assert_true(bucket->count < HISTORY);
    for (size_t i = bucket->count; i > 0 && bucket->times[i - 1] > model->now_ms - 1000; i--) {
        in_second++;
    }
    assert_true((double)in_second <= bucket->limit);
    bucket->times[bucket->count++] = model->now_ms;
    bucket->empty_until_ms = model->now_ms + (int64_t)(1000 / rate) + 1;
}

// ---- what must not happen

static inline bool model_has_room(const struct model *model)
{
    const struct schedule_account_state state = schedule_account_state(model->schedule, 0);
    return state.breaker == SCHEDULE_CLOSED ? state.in_flight < state.in_flight_limit
                                            : state.breaker == SCHEDULE_OPEN && state.retry_at_ms <= model->now_ms &&
                                                  state.in_flight < (size_t)model->connections;
}

static inline bool model_is_folding(const struct model_command *command)
{
    return command->fold >= 0 && !command->alone;
}

// Nothing left: then whatever may leave is short of a token, or its group's window is open.
static inline void model_expect_none(struct model *model)
{
    for (size_t i = 0; i < model->count && model_has_room(model); i++) {
        const struct model_command *command = &model->commands[i];
        for (size_t call = 0; call < command->call_count; call++) {
            bool is_short = model_is_short(model, &model->actions[command->action]) ||
                            model_is_short(model, &model->rules[command->rule]);
            if (model_is_folding(command)) {
                is_short = is_short || model_is_short(model, &model->actions[ACTIONS - 1]) ||
                           command->calls[call].ready_ms + command->window_ms > model->now_ms;
            }
            assert_true(is_short || !model_may_leave(model, command, call));
        }
    }
}

// Of what could have left instead: an older call of the same rule and action, or one of a rule whose turn it was.
static inline void model_expect_fair(const struct model *model, const struct model_command *left, size_t left_call)
{
    for (size_t i = 0; i < model->count; i++) {
        const struct model_command *other = &model->commands[i];
        for (size_t call = 0; call < other->call_count; call++) {
            bool is_free = other->action == left->action || model->actions[other->action].limit <= 0;
            is_free = is_free && model->actions[other->action].paused_ms <= model->now_ms;
            if (!model_may_leave(model, other, call) || !is_free || model->rules[other->rule].limit > 0) {
                continue;
            }
            if (other->rule != left->rule) {
                assert_true(model->rule_turns[other->rule] > model->rule_turns[left->rule]);
            } else if (other != left) {
                assert_true(other->order > left->order);
            } else {
                assert_true(call >= left_call);
            }
        }
    }
}

static inline void model_expect_foldable(struct model *model, const struct schedule_release *release)
{
    const struct model_command *first = model_find(model, release->ids[0]);
    size_t most = CHECK_CALLS * MOST;
    bool is_open = true;
    bool has_shrunk = false;
    for (size_t i = 0; i < release->count; i++) {
        const struct model_command *member = model_find(model, release->ids[i]);
        assert_true(model_is_folding(member) && member->fold == first->fold && member->action == first->action);
        assert_true(member->rule == first->rule ||
                    (model->rules[member->rule].limit <= 0 && model->rules[first->rule].limit <= 0));
        for (size_t j = 0; j < i; j++) {
            assert_int_equal(model_find(model, release->ids[j])->lanes & member->lanes, 0);
        }
        most = member->max < most ? member->max : most;
        has_shrunk = has_shrunk || member->calls[0].ready_ms <= model->shrunk_ms[member->fold];
        is_open = is_open && member->calls[0].ready_ms + member->window_ms > model->now_ms;
    }
    assert_true(release->count <= most);
    assert_true(!is_open || release->count == most || has_shrunk);
}
