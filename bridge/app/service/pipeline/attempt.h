// A request, from the scheduler's word to the platform's answer: for a call of one command, or folded for several.
// Core thread.
#pragma once

#include "app/service/call/platform.h"
#include "app/service/call/signed_call.h"
#include "app/service/entry/entry_list.h"
#include "core/schedule/schedule.h"

struct attempt {
    TAILQ_ENTRY(attempt) in_list;
    const struct schedule_release *release; // the scheduler's, until the end is reported
    struct entry **entries;                 // one, or those that are folded
    size_t count;
    size_t call;          // of the one entry; 0 if folded
    struct call folded;   // the call for all devices; without action if there is but one command
    char *string_to_sign; // to compare with the one that a signature error echoes
    int secret_version;   // that it was signed with
    int64_t clock_offset_ms;
};
TAILQ_HEAD(attempt_list, attempt);

// For what the scheduler lets go; the commands are in `entries`.
struct attempt *attempt_create(const struct schedule_release *release, const struct entry_list *entries);
void attempt_free(struct attempt *attempt);
void attempt_list_clear(struct attempt_list *list);
// How many are for this command?
int attempt_list_count(const struct attempt_list *list, const struct entry *entry);
// *out: signed_call_clear.
void attempt_sign(struct attempt *attempt, const struct platform *platform, const struct moment *now,
                  struct signed_call *out);
// Of the command that has the least time left.
int64_t attempt_deadline_ms(const struct attempt *attempt, const struct moment *now);
