// What the files of the pipeline share, in the order of their use: each calls only those above it. Not for others.
#pragma once

#include "app/service/entry/entry_list.h"
#include "app/service/pipeline/attempt.h"
#include "app/service/pipeline/pipeline.h"
#include "app/service/pipeline/recent.h"
#include "core/schedule/schedule.h"

struct pipeline {
    struct pipeline_options options;
    struct broker *broker;
    struct schedule *schedule;
    struct recent *recent;
    struct entry_list entries;
    size_t replies_due;
    struct attempt_list staged;   // may leave after the commit, in order
    struct attempt_list running;  // the HTTP client has them
    STAILQ_HEAD(, entry) replied; // replies may leave after the commit
    LIST_HEAD(, entry) watched;   // their senders want to hear of a wait
    int64_t watch_at_ms;          // when to look at them
    bool stopping;
};

// pipeline_state.c. Everything is staged for the turn's commit. For REPLIED the entry's record is complete, for a
// call's DONE its outcome.
void pipeline_set_state(struct pipeline *pipeline, struct entry *entry, enum command_state state);
void pipeline_set_call_state(struct pipeline *pipeline, struct entry *entry, size_t call, enum command_state state);
void pipeline_set_sent(struct pipeline *pipeline, const struct attempt *attempt);
// The call waits for another attempt; its command is QUEUED again only if no attempt at all may have run.
void pipeline_set_waiting(struct pipeline *pipeline, struct entry *entry, size_t call);

// pipeline_wait.c: what a command waits for. False if it is not the platform's doing: a command that waits for its
// device's turn gets no word.
bool pipeline_describe_queued(const struct pipeline *pipeline, const struct entry *entry, const struct moment *now,
                              struct failure *failure);
// Why the deadline of a call has passed.
void pipeline_describe_late(const struct pipeline *pipeline, const struct entry *entry, size_t call,
                            const struct moment *now, struct failure *failure);

// pipeline_notify.c: what is said while commands wait
void pipeline_watch(struct pipeline *pipeline, struct entry *entry);
void pipeline_unwatch(struct entry *entry);
void pipeline_notify_waiting(struct pipeline *pipeline, const struct moment *now);
void pipeline_notify_platforms(struct pipeline *pipeline, const struct moment *now);
void pipeline_forget_platforms(struct pipeline *pipeline); // what the outbox says of their state
bool pipeline_end_notice(struct outgoing *outgoing);       // frees it; false if it is a command's reply

// pipeline_end.c: the ends of calls and commands
// The reply (owned from now on) is on disk with the turn's commit and leaves after it; `progress` (or NULL) before it.
void pipeline_set_reply(struct pipeline *pipeline, struct entry *entry, char *reply, char *progress);
// Puts a command that has its reply among those that are published after the commit.
void pipeline_stage_replies(struct pipeline *pipeline, struct entry *entry);
// These end a command of which nothing was sent.
void pipeline_reject(struct pipeline *pipeline, struct entry *entry, const char *code, const char *detail,
                     const struct moment *now);
void pipeline_end_rejected(struct pipeline *pipeline, struct entry *entry, const struct failure *failure,
                           const struct moment *now);
// Ends a call, and with the last one its command. Takes what the outcome points to.
void pipeline_end_call(struct pipeline *pipeline, struct entry *entry, size_t call, const struct call_outcome *outcome,
                       const struct moment *now);
// These end the calls of a command that have not left: its deadline has passed (STATUS_EXPIRED), a newer one took its
// place (STATUS_SUPERSEDED), or the configuration has no such platform any more.
void pipeline_end_waiting(struct pipeline *pipeline, struct entry *entry, enum status status, const struct moment *now);
void pipeline_end_homeless(struct pipeline *pipeline, struct entry *entry, const struct moment *now);
// A request ended whose command was dropped meanwhile.
void pipeline_end_abandoned(struct pipeline *pipeline, struct entry *entry, size_t scheduled_call);
// All replies are acknowledged: DONE or gone. Frees the entry.
void pipeline_forget(struct pipeline *pipeline, struct entry *entry);

// pipeline_duplicate.c
// Is its reply kept to answer a redelivery?
bool pipeline_may_be_redelivered(const struct pipeline *pipeline, const struct entry *entry);
// A command that the broker has delivered again, and that got a row only to be answered.
void pipeline_answer_redelivery(struct pipeline *pipeline, struct entry *entry, const struct moment *now);
// A command whose id came before is not run. True if it has been dealt with. `hash` is its payload's.
bool pipeline_answer_duplicate(struct pipeline *pipeline, struct entry *entry, const unsigned char *hash,
                               const struct moment *now);

// pipeline_admit.c
void pipeline_admit(struct pipeline *pipeline, struct entry *entry, const struct moment *now);

// pipeline.c
// A command without its reply yet: answered as a duplicate, rejected, or scheduled. `hash` is its payload's.
void pipeline_take(struct pipeline *pipeline, struct entry *entry, const unsigned char *hash, const struct moment *now);
