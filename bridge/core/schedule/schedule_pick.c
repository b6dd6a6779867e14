// What an account lets go next, and when.
#include "base/mem.h"
#include "core/schedule/schedule_internal.h"

// The largest unit is picked so often in a row, and then the rule that was served longest ago: small ones must not wait
// for ever.
enum { LARGEST_IN_ROW = 7 };

static struct schedule_flow *first_by_turn(const struct schedule_action *action)
{
    struct heap_node *node = heap_first(&action->by_turn);
    return node == NULL ? NULL : OWNER_OF(node, struct schedule_flow, by_turn);
}

static struct schedule_unit *oldest_unit(const struct schedule_flow *flow)
{
    return OWNER_OF(heap_first(&flow->units), struct schedule_unit, age);
}

static bool has_deadline_before(const struct schedule_group *group, int64_t at_ms)
{
    const struct queued_call *call = NULL;
    TAILQ_FOREACH (call, &group->calls, in_group) {
        if (call->entry->deadline.key <= at_ms) {
            return true;
        }
    }
    return false;
}

// A wait of this length, beyond the window, is worth the tokens that are saved by it.
enum { PATIENCE_MS = 500 };

// Does the group wait too long for a token of its action? It is taken for the last of all that wait for one: the
// largest go first.
static bool waits_too_long(const struct schedule_action *action, const struct schedule_group *group)
{
    int64_t served_ms = quota_ready_for_ms(&action->quota, action->offered);
    return served_ms - group->offered_ms > group->window_ms + PATIENCE_MS || has_deadline_before(group, served_ms);
}

// The oldest group of the rule that was served longest ago, if a command of it may go alone: while only the batch
// action's bucket holds groups back, and for long, and the single action has a token that no single call waits for.
static struct schedule_group *spare_group(const struct schedule_action *action)
{
    struct heap_node *node = heap_first(&action->by_group_turn);
    if (node == NULL) {
        return NULL;
    }
    const struct schedule_flow *flow = OWNER_OF(node, struct schedule_flow, by_group_turn);
    struct schedule_group *group = OWNER_OF(heap_first(&flow->groups), struct schedule_group, age);
    bool is_spare = group->single != action && group->single->by_turn.count == 0;
    return is_spare && waits_too_long(action, group) ? group : NULL;
}

// Old groups are served by the single action's tokens, as long as some are spare: then the largest may go on.
static bool must_take_turn(const struct schedule_action *action)
{
    bool is_group = oldest_unit(first_by_turn(action))->group != NULL;
    return action->large_in_row >= LARGEST_IN_ROW && !(is_group && action->has_spared);
}

static bool takes_largest(const struct schedule_action *action)
{
    return action->by_group_turn.count > 0 && !must_take_turn(action);
}

static struct schedule_unit *best_unit(const struct schedule_action *action)
{
    if (takes_largest(action)) {
        const struct schedule_flow *flow = OWNER_OF(heap_first(&action->by_size), struct schedule_flow, by_size);
        return OWNER_OF(heap_first(&flow->large), struct schedule_unit, size);
    }
    return oldest_unit(first_by_turn(action));
}

// What the action would let go, and the turn of the rule that stands for it among the actions.
static struct schedule_pick action_pick(struct schedule_action *action, int64_t now_ms, uint64_t *turn)
{
    const struct schedule_flow *flow = first_by_turn(action);
    if (flow == NULL) {
        return (struct schedule_pick){0};
    }
    *turn = flow->rule->turn;
    if (quota_ready_ms(&action->quota) <= now_ms) {
        return (struct schedule_pick){.unit = best_unit(action), .action = action};
    }
    struct schedule_group *group = spare_group(action);
    if (group == NULL || quota_ready_ms(&group->single->quota) > now_ms) {
        return (struct schedule_pick){0};
    }
    *turn = group->rule->turn;
    return (struct schedule_pick){.unit = &group->unit, .action = group->single, .single = true};
}

// Of one rule the older call, whatever its action.
static bool goes_before(const struct schedule_pick *a, uint64_t turn_a, const struct schedule_pick *b, uint64_t turn_b)
{
    return turn_a != turn_b ? turn_a < turn_b : a->unit->age.key < b->unit->age.key;
}

static struct schedule_pick best_pick(const struct schedule *schedule, const struct schedule_account *account)
{
    struct schedule_pick best = {0};
    uint64_t best_turn = 0;
    for (struct schedule_action *action = account->actions; action != NULL; action = action->next) {
        uint64_t turn = 0;
        struct schedule_pick pick = action_pick(action, schedule->now_ms, &turn);
        if (pick.unit != NULL && (best.unit == NULL || goes_before(&pick, turn, &best, best_turn))) {
            best = pick;
            best_turn = turn;
        }
    }
    return best;
}

static int64_t action_wake_ms(const struct schedule_action *action)
{
    if (action->by_turn.count == 0) {
        return CLOCK_NEVER;
    }
    int64_t ready_ms = quota_ready_ms(&action->quota);
    const struct schedule_group *group = spare_group(action);
    int64_t spare_ms = group != NULL ? quota_ready_ms(&group->single->quota) : CLOCK_NEVER;
    return spare_ms < ready_ms ? spare_ms : ready_ms;
}

static bool has_room(const struct schedule_account *account)
{
    bool is_closed = account->breaker.state == SCHEDULE_CLOSED;
    return account->in_flight < (is_closed ? account->limit : account->connections);
}

int64_t schedule_account_wake_ms(const struct schedule_account *account)
{
    if (account->breaker.state == SCHEDULE_PROBING || !has_room(account)) {
        return CLOCK_NEVER;
    }
    int64_t first_ms = CLOCK_NEVER;
    for (const struct schedule_action *action = account->actions; action != NULL; action = action->next) {
        int64_t wake_ms = action_wake_ms(action);
        first_ms = wake_ms < first_ms ? wake_ms : first_ms;
    }
    bool is_open = account->breaker.state == SCHEDULE_OPEN;
    return is_open && first_ms < account->breaker.retry_at_ms ? account->breaker.retry_at_ms : first_ms;
}

static bool may_try(const struct schedule *schedule, const struct schedule_account *account)
{
    const struct circuit_breaker *breaker = &account->breaker;
    return breaker->state == SCHEDULE_CLOSED ||
           (breaker->state == SCHEDULE_OPEN && breaker->retry_at_ms <= schedule->now_ms);
}

// The breaker's try is one command: of a group its oldest, if the single action has a token.
static void narrow_probe(const struct schedule *schedule, struct schedule_pick *pick)
{
    const struct schedule_group *group = pick->unit->group;
    if (group != NULL && !pick->single && group->count > 1 &&
        quota_ready_ms(&group->single->quota) <= schedule->now_ms) {
        pick->single = true;
        pick->action = group->single;
    }
}

struct schedule_pick schedule_account_pick(const struct schedule *schedule, struct schedule_account *account)
{
    if (!may_try(schedule, account)) {
        return (struct schedule_pick){0};
    }
    struct schedule_pick pick = best_pick(schedule, account);
    account->is_held = pick.unit != NULL && !has_room(account);
    if (pick.unit == NULL || account->is_held) {
        return (struct schedule_pick){0};
    }
    if (account->breaker.state == SCHEDULE_OPEN) {
        narrow_probe(schedule, &pick);
    }
    return pick;
}

void schedule_account_picked(const struct schedule_pick *pick)
{
    struct schedule_action *action = pick->unit->flow->action;
    if (pick->action != action) {
        action->has_spared = true;
        return;
    }
    bool is_counted = takes_largest(action) && action->large_in_row < LARGEST_IN_ROW;
    action->large_in_row = is_counted ? action->large_in_row + 1 : 0;
    action->has_spared = action->has_spared && is_counted;
}
