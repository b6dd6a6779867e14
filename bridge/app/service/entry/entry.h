// A command that the pipeline holds, with its calls and its replies. Memory only; the outbox has what must survive.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "app/broker/broker.h"
#include "app/broker/receiver/mail.h"
#include "base/command_state.h"
#include "base/hash_table.h"
#include "core/command/command.h"
#include "core/command/reply.h"
#include "io/outbox/outbox.h"

struct entry_call {
    enum command_state state;
    bool may_have_run;      // an earlier attempt left, and what came of it is not known
    int tries;              // of this process, for the backoff
    bool time_corrected;    // tried again with the platform's time
    bool secret_read_again; // tried again with another secret
    bool refusal_doubted;   // tried again as its refusal came right after throttling
    bool connecting;        // its last attempt was given up at the deadline, before it was sent
    struct failure last;    // of the last attempt, if it was not the end
};

struct entry {
    TAILQ_ENTRY(entry) in_list;
    struct hash_node by_id;
    STAILQ_ENTRY(entry) in_replied;
    LIST_ENTRY(entry) in_watched; // those whose sender wants to hear of a wait
    LIST_ENTRY(entry) in_duplicates;
    LIST_HEAD(, entry) duplicates; // that wait for this command's reply
    struct entry *original;        // of a duplicate that waits, or NULL

    uint64_t id;    // among the entries; that of the row, if there is one
    int64_t row_id; // 0: QoS 0
    int64_t weight; // as of the arrival
    enum command_state state;
    struct moment arrived;
    struct command *command;
    struct recent_command *recent; // of a QoS 0 command under way with an id, or NULL
    bool keep_done;                // DONE rows are kept for duplicates and redeliveries; else the row goes
    bool scheduled;                // the scheduler knows it
    bool overdue;                  // its deadline had passed before it was scheduled
    bool watched;
    int attempts;
    int abandoned;  // requests under way that were dropped with the command; they still hold its lanes
    bool forgotten; // its row has ended; it is freed with the last abandoned request
    size_t calls_done;
    struct entry_call *calls;
    struct call_outcome *outcomes; // of the calls
    size_t *scheduled_calls;       // the scheduler's number of a call -> ours: calls that had ended are not entered

    struct reply_record record;
    struct outgoing *outgoing; // progress first, then each delivery
    size_t outgoing_count;
    size_t replies_due;
};

// Takes the arrival's command.
struct entry *entry_create(struct arrival *arrival);
// As the outbox has it, but for its calls. ERR_SYNTAX: what it was mapped to cannot be read.
enum err entry_create_stored(const struct outbox_row *row, struct entry **out, struct diag *diag) MUST_CHECK;
// Of a command that is SENT: what the outbox has of its calls.
enum err entry_load_calls(struct entry *entry, struct outbox *outbox, struct diag *diag) MUST_CHECK;
void entry_free(struct entry *entry); // NULL is fine
// Does its id answer duplicates? Whoever was refused for a time is to send the same again, and must not meet the
// refusal.
bool entry_is_remembered(const struct entry *entry);
// CLOCK_BOOTTIME of its deadline. After a reboot with a clock that stands before the arrival the deadline has passed.
int64_t entry_deadline_ms(const struct entry *entry, const struct moment *now);
struct reply_facts entry_facts(const struct entry *entry, const struct moment *now);
// Makes entry->outgoing from entry->record.
void entry_prepare_outgoing(struct entry *entry);
