// What the files of the pipeline share. Not for others.
#pragma once

#include "app/service/entry.h"
#include "app/service/pipeline.h"
#include "app/service/recent.h"
#include "core/schedule/schedule.h"

// A request, from the scheduler's word to the platform's answer.
struct attempt {
    struct attempt *next;
    struct attempt *previous;
    const struct schedule_release *release; // the scheduler's, until it is told the end
    struct entry **entries;                 // one, or those that are folded
    size_t count;
    size_t call;          // of the one entry; 0 if folded
    struct call folded;   // the call for all devices; without action if there is but one command
    char *string_to_sign; // to compare with the one that a signature error echoes
    int secret_version;   // that it was signed with
    int64_t clock_offset_ms;
};

#define FOLDED_ACTION "InvokeThingsService"
#define SINGLE_ACTION "InvokeThingService"

struct pipeline {
    struct pipeline_options options;
    struct broker *broker;
    struct schedule *schedule;
    struct recent *recent;
    struct entry *entries; // all, in order of arrival
    struct entry *last;
    size_t count;
    size_t replies_due;
    struct attempt *staged; // may leave after the commit, in order
    struct attempt **staged_end;
    struct attempt *running; // the HTTP client has them
    struct entry *replied;   // replies may leave after the commit
    struct entry **replied_end;
    struct entry *watched; // their senders want to hear of a wait
    int64_t watch_at_ms;   // when to look at them
    bool stopping;
};

// pipeline_end.c: states on disk, and the ends of calls and commands. Everything is staged for the turn's commit.
void pipeline_set_state(struct pipeline *pipeline, struct entry *entry, enum command_state state);
void pipeline_set_call_state(struct pipeline *pipeline, struct entry *entry, size_t call, enum command_state state);
// The reply (owned from now on) is on disk with the turn's commit and leaves after it; `progress` (or NULL) before it.
void pipeline_set_reply(struct pipeline *pipeline, struct entry *entry, char *reply, char *progress);
// Puts a command that has its reply among those that are published after the commit.
void pipeline_stage_replies(struct pipeline *pipeline, struct entry *entry);
// Ends a command of which nothing was sent.
void pipeline_reject(struct pipeline *pipeline, struct entry *entry, const char *code, const char *detail,
                     const struct moment *now);
// Ends the calls of a command that have not left: the configuration has no such platform any more.
void pipeline_end_homeless(struct pipeline *pipeline, struct entry *entry, const struct moment *now);
void pipeline_end_refused(struct pipeline *pipeline, struct entry *entry, const struct moment *now);
// Ends a call, and with the last one its command. Takes what the outcome points to.
void pipeline_end_call(struct pipeline *pipeline, struct entry *entry, size_t call, const struct call_outcome *outcome,
                       const struct moment *now);
// All replies are acknowledged: DONE or gone. Frees the entry.
void pipeline_forget(struct pipeline *pipeline, struct entry *entry);

// Ends the calls of a command that have not left: its deadline has passed, or a newer one took its place.
void pipeline_expire(struct pipeline *pipeline, struct entry *entry, const struct moment *now);
void pipeline_supersede(struct pipeline *pipeline, struct entry *entry, const struct moment *now);

// pipeline_operator.c: a request ended whose command was dropped meanwhile.
void pipeline_end_abandoned(struct pipeline *pipeline, struct entry *entry, size_t scheduled_call);

// pipeline_send.c
void pipeline_stage_sent(struct pipeline *pipeline, const struct attempt *attempt);
void pipeline_attempts_free(struct attempt *list);
void pipeline_attempt_ended(struct pipeline *pipeline, struct attempt *attempt); // frees it

// pipeline_wait.c: what a command waits for, in words that follow "waits for"
void pipeline_describe_wait(const struct pipeline *pipeline, const struct entry *entry, const struct moment *now,
                            char *out, size_t size);
// Why the deadline of a call has passed.
void pipeline_describe_late(const struct pipeline *pipeline, const struct entry *entry, size_t call,
                            const struct moment *now, struct failure *failure);

// pipeline_notify.c: what is said while commands wait
void pipeline_watch(struct pipeline *pipeline, struct entry *entry);
void pipeline_unwatch(struct pipeline *pipeline, struct entry *entry);
void pipeline_notify_waiting(struct pipeline *pipeline, const struct moment *now);
void pipeline_notify_platforms(struct pipeline *pipeline, const struct moment *now);
void pipeline_forget_platforms(struct pipeline *pipeline); // what the outbox says of their state
bool pipeline_is_notice(const struct outgoing *outgoing);
void pipeline_notice_done(struct outgoing *outgoing); // frees it

// pipeline.c
void pipeline_add(struct pipeline *pipeline, struct entry *entry);
void pipeline_remove(struct pipeline *pipeline, struct entry *entry);         // frees it
struct entry *pipeline_find(const struct pipeline *pipeline, int64_t row_id); // or NULL
// A command without its reply yet: answered as a duplicate, rejected, or scheduled. `hash` is its payload's.
void pipeline_take(struct pipeline *pipeline, struct entry *entry, const unsigned char *hash, const struct moment *now);
// Is its reply kept to answer a redelivery?
bool pipeline_may_be_redelivered(const struct pipeline *pipeline, const struct entry *entry);
void pipeline_admit(struct pipeline *pipeline, struct entry *entry, const struct moment *now);
struct entry *pipeline_scheduled_entry(uint64_t id); // what the scheduler knows by this id
