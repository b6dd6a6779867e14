// Requests on their way: made from what was picked, ended by a report.
#include <assert.h>

#include "base/mem.h"
#include "core/schedule/schedule_internal.h"

static struct schedule_flight *create_flight(struct schedule *schedule, struct schedule_account *account,
                                             struct schedule_action *action, size_t count)
{
    struct schedule_flight *flight = mem_alloc(sizeof *flight);
    flight->ids = mem_alloc(count * sizeof *flight->ids);
    flight->calls = mem_alloc(count * sizeof(struct queued_call *));
    flight->account = account;
    flight->action = action;
    flight->left_ms = schedule->now_ms;
    LIST_INSERT_HEAD(&schedule->flights, flight, list);
    return flight;
}

void schedule_flight_free(struct schedule_flight *flight)
{
    LIST_REMOVE(flight, list);
    free(flight->ids);
    free(flight->calls);
    free(flight);
}

static void board(struct schedule *schedule, struct schedule_flight *flight, struct queued_call *call)
{
    size_t index = flight->release.count++;
    flight->ids[index] = call->entry->id;
    flight->calls[index] = call;
    schedule_call_leave(schedule, call);
}

// A group that leaves as a whole is taken out of its flow once, not for each member.
static void board_group(struct schedule *schedule, struct schedule_flight *flight, struct schedule_group *group,
                        bool single)
{
    if (single) {
        board(schedule, flight, TAILQ_FIRST(&group->calls));
        return;
    }
    schedule_flow_remove(schedule, &group->unit);
    for (size_t left = group->count; left > 0; left--) {
        board(schedule, flight, TAILQ_FIRST(&group->calls));
    }
}

static struct schedule_flight *launch(struct schedule *schedule, struct schedule_account *account,
                                      const struct schedule_pick *pick)
{
    struct schedule_group *group = pick->unit->group;
    struct schedule_rule *rule = pick->unit->flow->rule;
    struct schedule_flight *flight = create_flight(schedule, account, pick->action, group == NULL ? 1 : group->count);
    rule->users++; // the group may hold the last, and ends here
    schedule_account_picked(pick);
    if (group == NULL) {
        board(schedule, flight, OWNER_OF(pick->unit, struct queued_call, unit));
    } else {
        board_group(schedule, flight, group, pick->single);
    }
    quota_take(&pick->action->quota, schedule->now_ms);
    schedule_rule_served(schedule, rule);
    schedule_rule_close(schedule, rule);
    return flight;
}

static const struct schedule_release *release(struct schedule *schedule, struct schedule_account *account,
                                              const struct schedule_pick *pick)
{
    struct schedule_flight *flight = launch(schedule, account, pick);
    bool is_probe = account->breaker.state == SCHEDULE_OPEN;
    if (is_probe) {
        account->breaker.state = SCHEDULE_PROBING;
    }
    account->in_flight++;
    schedule->in_flight++;
    flight->release.ids = flight->ids;
    flight->release.probe = is_probe;
    flight->release.folded = flight->release.count > 1;
    flight->release.call = (size_t)(flight->calls[0] - flight->calls[0]->entry->calls);
    return &flight->release;
}

const struct schedule_release *schedule_next(struct schedule *schedule, int64_t now_ms)
{
    schedule_advance(schedule, now_ms);
    for (size_t i = 0; i < schedule->account_count; i++) {
        struct schedule_account *account = schedule->accounts[i];
        struct schedule_pick pick = schedule_account_pick(schedule, account);
        if (pick.unit != NULL) {
            return release(schedule, account, &pick);
        }
    }
    return NULL;
}

void schedule_ended(struct schedule *schedule, const struct schedule_release *ended,
                    const struct schedule_report *report, int64_t now_ms)
{
    struct schedule_flight *flight = (struct schedule_flight *)(void *)ended; // its first member
    schedule->now_ms = now_ms > schedule->now_ms ? now_ms : schedule->now_ms;
    for (size_t i = 0; i < flight->release.count; i++) {
        assert(flight->calls[i]->state == CALL_IN_FLIGHT);
        flight->calls[i]->state = CALL_ENDED;
        flight->calls[i]->entry->in_flight--;
    }
    flight->account->in_flight--;
    schedule->in_flight--;
    schedule_account_report(schedule, flight, report);
    schedule_flight_free(flight);
}

static struct queued_call *ended_call(const struct schedule *schedule, uint64_t id, size_t index)
{
    struct schedule_entry *entry = schedule_entry_find(schedule, id);
    assert(entry != NULL && index < entry->call_count);
    struct queued_call *call = &entry->calls[index];
    assert(call->state == CALL_ENDED);
    return call;
}

void schedule_call_done(struct schedule *schedule, uint64_t id, size_t index)
{
    struct queued_call *call = ended_call(schedule, id, index);
    call->entry->done++;
    schedule_call_land(schedule, call, CALL_DONE);
}

void schedule_call_retry(struct schedule *schedule, uint64_t id, size_t index, const struct schedule_retry *retry)
{
    struct queued_call *call = ended_call(schedule, id, index);
    struct schedule_entry *entry = call->entry;
    entry->may_have_run = entry->may_have_run || retry->may_have_run;
    entry->alone = entry->alone || retry->alone;
    schedule_call_land(schedule, call, CALL_WITHDRAWN);
    if (entry->late) {
        return;
    }
    schedule_call_wait(schedule, call, retry->not_before_ms);
    if (entry->outdated && schedule_entry_is_replaceable(entry)) {
        schedule_entry_supersede(schedule, entry);
    }
}
