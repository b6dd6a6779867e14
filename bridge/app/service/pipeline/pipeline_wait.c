// What a command waits for, in words for its sender: while it waits, and when its deadline has passed. The scheduler
// gives the reason; names, rates and the last failure are added here. Of the command that is before it in its lane only
// that is said which its own sender hears as well.
#include "app/service/pipeline/pipeline_internal.h"

#include <stdio.h>

#define BRIEF_MS 1000 // less is hardly meant

static const struct failure *last_failure(const struct entry *entry)
{
    for (size_t i = 0; i < entry->command->call_count; i++) {
        if (entry->calls[i].last.code != NULL) {
            return &entry->calls[i].last;
        }
    }
    return NULL;
}

// Of the command that is before it may be said only what its own sender hears as well.
static const char *state_of_first(const struct pipeline *pipeline, const struct entry *first)
{
    enum schedule_reason reason = schedule_waits_for(pipeline->schedule, first->id);
    return reason == SCHEDULE_NO_WAIT        ? "is under way"
           : reason == SCHEDULE_FOR_PLATFORM ? "waits for a platform that cannot be reached"
           : reason == SCHEDULE_FOR_RETRY    ? "waits for its next try"
                                             : "waits itself";
}

static void describe_first(const struct pipeline *pipeline, const struct entry *entry, char *out, size_t size)
{
    uint64_t before = 0;
    const char *lane = entry->command->order == ORDER_RULE ? "rule" : "device";
    if (!schedule_before(pipeline->schedule, entry->id, &before)) {
        snprintf(out, size, "a command before it for the same %s", lane);
        return;
    }
    const struct entry *first = entry_list_find(&pipeline->entries, before);
    snprintf(out, size, "command %s of the rule %s, which is before it for the same %s and %s",
             show_short(first->command->id).text, show_short(first->command->rule).text, lane,
             state_of_first(pipeline, first));
}

static const char *cause_words(enum schedule_finding cause)
{
    return cause == SCHEDULE_NOT_CONNECTED ? "no connection is made"
           : cause == SCHEDULE_NO_ANSWER   ? "it does not answer"
                                           : "it answers with errors of its own";
}

static void describe_platform(const struct pipeline *pipeline, const struct entry *entry, char *out, size_t size)
{
    const struct platform *platform = platform_find(pipeline->options.platforms, entry->command->platform);
    const struct failure *last = last_failure(entry);
    struct schedule_account_state state = schedule_account_state(pipeline->schedule, platform->schedule_account);
    snprintf(out, size, "the platform, which cannot be used now (%s%s%s)", cause_words(state.cause),
             last != NULL ? ": " : "", last != NULL ? last->code->code : "");
}

static void describe_quota(const struct pipeline *pipeline, const struct entry *entry, const struct moment *now,
                           char *out, size_t size)
{
    const struct platform *platform = platform_find(pipeline->options.platforms, entry->command->platform);
    const char *action = entry->command->calls[0].action;
    double rate = schedule_action_rate(pipeline->schedule, platform->schedule_account, action, now->boot_ms);
    if (rate > 0) {
        snprintf(out, size, "the quota of %s (about %.3g/s now), which other commands use up", action, rate);
    } else {
        snprintf(out, size, "the quota of %s, which other commands use up", action);
    }
}

static const struct {
    const char *what; // it waits for; NULL: not the same for all
    const char *code; // if it is the platform's doing
} words[] = {
    [SCHEDULE_NO_WAIT] = {"its turn", NULL},
    [SCHEDULE_FOR_LANE] = {NULL, NULL},
    [SCHEDULE_FOR_PLATFORM] = {NULL, "connect_failed"},
    [SCHEDULE_FOR_RETRY] = {"its next try", NULL},
    [SCHEDULE_FOR_GROUP] = {"commands to be folded with (batch.window)", NULL},
    [SCHEDULE_FOR_RATE] = {"the rate of its rule, which other commands use up", "throttled"},
    [SCHEDULE_FOR_PAUSE] = {"the platform, which asked to wait (throttled)", "throttled"},
    [SCHEDULE_FOR_QUOTA] = {NULL, "throttled"},
    [SCHEDULE_FOR_ROOM] = {"a place among the requests that the platform gets at once", "throttled"},
    [SCHEDULE_FOR_TURN] = {"its turn", "throttled"},
};

static void describe_wait(const struct pipeline *pipeline, const struct entry *entry, const struct moment *now,
                          char *out, size_t size)
{
    enum schedule_reason reason = schedule_waits_for(pipeline->schedule, entry->id);
    if (words[reason].what != NULL) {
        snprintf(out, size, "%s", words[reason].what);
    } else if (reason == SCHEDULE_FOR_LANE) {
        describe_first(pipeline, entry, out, size);
    } else if (reason == SCHEDULE_FOR_PLATFORM) {
        describe_platform(pipeline, entry, out, size);
    } else {
        describe_quota(pipeline, entry, now, out, size);
    }
}

bool pipeline_describe_queued(const struct pipeline *pipeline, const struct entry *entry, const struct moment *now,
                              struct failure *failure)
{
    char wait[280];
    enum schedule_reason reason = schedule_waits_for(pipeline->schedule, entry->id);
    if (reason == SCHEDULE_FOR_RETRY) {
        *failure = entry->calls[0].last;
        return failure->code != NULL;
    }
    if (words[reason].code == NULL) {
        return false;
    }
    describe_wait(pipeline, entry, now, wait, sizeof wait);
    failure_set(failure, words[reason].code, "it waits for %s; it is sent until its deadline", wait);
    return true;
}

// It had no time left when it was looked at for the first time.
static void describe_overdue(const struct command *command, char *out, size_t size)
{
    if (command->lifetime_ms < 0) {
        snprintf(out, size, "by the time at which it was sent, its deadline had passed %lld ms before it came",
                 -(long long)command->lifetime_ms);
    } else if (command->lifetime_ms == 0) {
        snprintf(out, size,
                 "the broker may have kept it for longer than it may live, and nothing tells when it was"
                 " sent");
    } else {
        snprintf(out, size, "its deadline passed while the bridge was not running or stood still");
    }
}

void pipeline_describe_late(const struct pipeline *pipeline, const struct entry *entry, size_t call,
                            const struct moment *now, struct failure *failure)
{
    const struct command *command = entry->command;
    char why[320];
    char wait[280];
    char brief[120] = "";
    if (entry->overdue) {
        describe_overdue(command, why, sizeof why);
    } else if (entry->calls[call].connecting) {
        snprintf(why, sizeof why, "its deadline passed while a connection to the platform was being made");
    } else {
        describe_wait(pipeline, entry, now, wait, sizeof wait);
        snprintf(why, sizeof why, "its deadline passed while it waited for %s", wait);
    }
    if (command->lifetime_ms > 0 && command->lifetime_ms < BRIEF_MS && !command->age_known) {
        snprintf(brief, sizeof brief,
                 "; it had %lld ms: a number as $expire is in milliseconds, ten seconds are \"10s\"",
                 (long long)command->lifetime_ms);
    }
    failure_set(failure, "deadline_passed", "%s; %s%s", why,
                entry->calls[call].may_have_run ? "an earlier attempt may have run" : "nothing was sent", brief);
}
