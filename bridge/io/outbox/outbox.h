// The outbox: the one durable store of commands and replies (SQLite, WAL).
//
// Two threads use it: Paho's receive thread appends (one commit per command, before its PUBACK), the core thread does
// everything else and commits its changes once per loop turn. One mutex guards the one SQLite connection; it is held
// for one transaction. It knows no rules: `command_text`, `reply` and `key` are texts and bytes of the caller.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/command_state.h"
#include "base/err.h"
#include "base/message.h"

struct outbox;

struct outbox_options {
    const char *path;        // its folder must exist; the file gets mode 0600
    bool sync_full;          // fsync before a commit returns; else safe on kill -9, not on power loss
    int64_t max_commands;    // rows in QUEUED, SENT or REPLIED, but for refused ones
    int64_t max_bytes;       // sum of messages (with properties), command texts and replies of the rows in these states
    int64_t refused_reserve; // further rows without payload, for refusals made on arrival
    bool is_tool;            // opened for a moment by another program than the service
};

// One stored command. In results everything is owned by the row (outbox_row_clear).
struct outbox_row {
    int64_t id; // in order of arrival
    enum command_state state;
    struct moment arrived;
    struct message message; // without subscription ids; refused and REPLIED rows have no payload and user properties
    char *refusal;          // error code of a refusal made on arrival, or NULL
    char *command_text;     // what the command was mapped to, or NULL
    char *reply;            // final reply and where it goes, or NULL
    char *note;             // of its first call that is not DONE and has one, or NULL
};
void outbox_row_clear(struct outbox_row *row);

// Opens or creates the file. ERR_NEWER: written by a newer major schema version, nothing was changed. A damaged file is
// set aside as PATH.damaged-TIME, what is readable of it is saved into a new one, and *damaged_or_null gets a sentence
// about it. ERR_IO: it may not be opened or written; ERR_UNAVAILABLE: it cannot be written now, but perhaps later (the
// disk is full or fails, another program writes it, a tool has it open); ERR_REFUSED: another process has it open. The
// diag says what and what to do.
enum err outbox_open(const struct outbox_options *options, struct outbox **out, struct diag *damaged_or_null,
                     struct diag *diag) MUST_CHECK;
// Can a command be written? Writes more than most commands are, commits it and takes it out again. ERR_IO and
// ERR_UNAVAILABLE as outbox_open; ERR_DAMAGED, also if an append has met it. Core thread. Blocks for two commits.
enum err outbox_prove(struct outbox *outbox, struct diag *diag) MUST_CHECK;
// Changes that are staged and not committed are lost.
void outbox_close(struct outbox *outbox);

// ---- Paho's receive thread

enum outbox_append_result {
    OUTBOX_APPENDED, // committed
    // A redelivery: nothing was written, and *id is the first's row (0: not known).
    OUTBOX_RESENT,      // the broker sent a packet of this very connection again
    OUTBOX_REDELIVERED, // of an earlier connection
    OUTBOX_RENUMBERED,  // likewise, with another packet id
    OUTBOX_NO_ROOM,     // max_commands, max_bytes (or for a refused row the reserve) is reached: nothing was written
    OUTBOX_CANNOT_WRITE // the disk failed, or another program writes the file: no PUBACK may leave
};
// Commits a command. Ids grow; none is used twice while the process runs. With QoS 1 it also enters the redelivery
// record (packet id and hash), in the same transaction, and stays there until its PUBACK is proved to have arrived
// (outbox_forget_proved). A PUBLISH with DUP that equals an entry of an earlier connection, or that is the same packet
// of this one, is that command, each entry once; `by_content`: without DUP as well. `refusal` is NULL for a command
// that is to be run; of a refused row the payload is not stored. Blocks for one commit.
enum outbox_append_result outbox_append(struct outbox *outbox, const struct message *message,
                                        const struct moment *arrived, bool by_content, const char *refusal,
                                        const char *command_text, int64_t *id, struct diag *diag) MUST_CHECK;
// The same for a message that outbox_append has found to be a redelivery, and that is to be answered: it gets a row of
// its own and no entry in the record.
enum outbox_append_result outbox_append_answer(struct outbox *outbox, const struct message *message,
                                               const struct moment *arrived, const char *command_text, int64_t *id,
                                               struct diag *diag) MUST_CHECK;
// A connection was made: what was delivered before can be delivered again from now on, with whatever packet ids.
// `session_present` as the CONNACK says.
void outbox_begin_connection(struct outbox *outbox, bool session_present);
// A PUBLISH with QoS 1 came, for whatever it is: it takes a packet id of this connection.
void outbox_count_packet(struct outbox *outbox, uint16_t packet_id);
// Does a message equal an entry of an earlier connection? Nothing changes.
bool outbox_knows(struct outbox *outbox, const struct message *message);

// ---- core thread: changes are collected in memory and written by outbox_commit in one transaction, in their order.

void outbox_stage_state(struct outbox *outbox, int64_t id, enum command_state state); // SENT, QUEUED or DONE
// REPLIED with the reply's bytes. Payload and user properties are dropped (they are needed no more).
void outbox_stage_reply(struct outbox *outbox, int64_t id, const char *reply);
void outbox_stage_delete(struct outbox *outbox, int64_t id);
// State and note of one call; `note` is the caller's text or NULL. Of a command with one call only the note counts, as
// its own state is the call's.
void outbox_stage_call(struct outbox *outbox, int64_t id, int call, enum command_state state, const char *note);
// For duplicates: the command's key (rule-independent: topic and id) and the hash of its payload.
void outbox_stage_key(struct outbox *outbox, int64_t id, const unsigned char key[32], const unsigned char hash[32]);
bool outbox_has_staged(const struct outbox *outbox);
// Commits what was staged. On ERR_IO or ERR_UNAVAILABLE nothing was written, the changes stay staged, and nothing that
// they allow may leave. ERR_DAMAGED likewise; only a restart helps, which repairs the file. ERR_INTERNAL: an impossible
// change was staged (a state that may not follow, or a row that is not there); nothing was written, and it will not get
// better.
enum err outbox_commit(struct outbox *outbox, struct diag *diag) MUST_CHECK;

// Next rows in QUEUED, SENT or REPLIED with id > after, at most `max`; for start-up. *count may be less than max only
// at the end.
enum err outbox_load(struct outbox *outbox, int64_t after, struct outbox_row *rows, size_t max, size_t *count,
                     struct diag *diag) MUST_CHECK;
// The stored calls of a command, in call order. Results owned by the caller (outbox_calls_free).
struct outbox_call {
    int call;
    enum command_state state;
    char *note;
};
enum err outbox_load_calls(struct outbox *outbox, int64_t id, struct outbox_call **calls, size_t *count,
                           struct diag *diag) MUST_CHECK;
void outbox_calls_free(struct outbox_call *calls, size_t count);
// The earliest command with this key that arrived before `id` (0: any) and within window_ms before `now`; found false
// if none. What is staged counts as if it were committed.
struct outbox_original {
    bool found;
    int64_t id;
    enum command_state state;
    bool same_message; // its payload's hash is equal
    char *reply;       // set in REPLIED and DONE; owned by the caller
};
enum err outbox_find_original(struct outbox *outbox, int64_t id, const unsigned char key[32],
                              const unsigned char hash[32], const struct moment *now, int64_t window_ms,
                              struct outbox_original *original, struct diag *diag) MUST_CHECK;
// Deletes DONE rows older than window_ms, and the oldest above max_done. At most 500 rows per call; call it often
// enough for the rate of commands (a call that finds nothing costs one look into an index).
enum err outbox_purge(struct outbox *outbox, const struct moment *now, int64_t window_ms, int64_t max_done,
                      struct diag *diag) MUST_CHECK;

struct outbox_counts {
    int64_t commands; // QUEUED, SENT, REPLIED
    int64_t refused;  // refused rows among them
    int64_t bytes;
    int64_t done;
};
struct outbox_counts outbox_counts(struct outbox *outbox);

// ---- the redelivery record; core thread

// A connection carries its packets in order (MQTT section 4.6), so what the broker acknowledges of ours proves that it
// has got all PUBACKs that we had sent before.
struct outbox_unproved {
    size_t current;     // packets of this connection
    size_t earlier;     // of earlier ones, not delivered again so far
    int64_t connection; // with `position`, what a message of ours that is published now will prove
    int64_t position;
};
struct outbox_unproved outbox_unproved(struct outbox *outbox);
// All packets of `connection` up to `position` are proved. `earlier_too`: all that the broker had to deliver again has
// come on that connection, so that what has not will not. Their entries go at once, and from the file with the next
// outbox_commit.
void outbox_forget_proved(struct outbox *outbox, int64_t connection, int64_t position, bool earlier_too);
// The final reply of a command, as outbox_stage_reply got it, owned by the caller; NULL if it has none or its row is
// gone.
char *outbox_read_reply(struct outbox *outbox, int64_t id);

// Small named texts (subscriptions in force, last contact with the broker), written by the next outbox_commit. NULL
// deletes.
void outbox_stage_note(struct outbox *outbox, const char *name, const char *text_or_null);
// The committed text, owned by the caller, or NULL.
char *outbox_read_note(struct outbox *outbox, const char *name);

// ---- other processes: they look into the file, whether a service has it open or not, and change nothing in it.

struct outbox_reader;

// Never creates, migrates or repairs. ERR_MISSING: there is no file, or nothing in it; ERR_NEWER and ERR_REFUSED as
// outbox_open; ERR_DAMAGED; ERR_IO: it cannot be read.
enum err outbox_open_reader(const char *path, struct outbox_reader **out, struct diag *diag) MUST_CHECK;
void outbox_close_reader(struct outbox_reader *reader);
// Next rows with id > after in one of the states (bit 1 << state), at most `max`; *count may be less than max only at
// the end. The rows have no payload, correlation data and user properties. Between two calls no transaction is open, so
// a slow reader does not make the service's log grow.
enum err outbox_list(struct outbox_reader *reader, int64_t after, unsigned states, struct outbox_row *rows, size_t max,
                     size_t *count, struct diag *diag) MUST_CHECK;
// The committed text of a note (outbox_stage_note), owned by the caller, or NULL.
char *outbox_reader_note(struct outbox_reader *reader, const char *name);
// One row with all that is stored, and its calls, as they were at one moment. ERR_MISSING: there is no such row.
enum err outbox_show(struct outbox_reader *reader, int64_t id, struct outbox_row *row, struct outbox_call **calls,
                     size_t *count, struct diag *diag) MUST_CHECK;

// ---- requests of an operator, made by another process while the service has the outbox open. They live in a table of
// the file, so that no port is needed, and for 10 s at most.

#define OUTBOX_REQUEST_LIFE_MS 10000
#define OUTBOX_REQUESTS_MAX    100 // at a time

enum outbox_verb {
    OUTBOX_RETRY,
    OUTBOX_DROP,
    OUTBOX_OTHER_VERB, // of a later version
};

// The operator's side.
struct outbox_asker;
// ERR_FULL: OUTBOX_REQUESTS_MAX wait, or the file stays busy; ERR_UNAVAILABLE: the file was last opened by a version
// that knows no requests; otherwise as outbox_open_reader. `verb` is RETRY or DROP.
enum err outbox_request_make(const char *path, enum outbox_verb verb, int64_t command, const struct moment *now,
                             struct outbox_asker **out, struct diag *diag) MUST_CHECK;
enum outbox_answer_kind {
    OUTBOX_WAITING,
    OUTBOX_PERFORMED,
    OUTBOX_REFUSED,
    OUTBOX_FORGOTTEN, // the service was started again, or the request became too old: it is not performed
};
struct outbox_answer {
    enum outbox_answer_kind kind;
    struct diag text; // the service's sentence, if performed or refused
};
// Does not wait.
enum err outbox_request_look(struct outbox_asker *asker, struct outbox_answer *answer, struct diag *diag) MUST_CHECK;
// Removes the request, so that it is not performed from now on, and frees the asker.
void outbox_request_end(struct outbox_asker *asker);

// The service's side; core thread.
struct outbox_request {
    int64_t id;
    enum outbox_verb verb;
    int64_t command;
};
// The next request, each once; found false if there is none, which costs a look into shared memory. Those that are too
// old are deleted.
enum err outbox_take_request(struct outbox *outbox, const struct moment *now, struct outbox_request *request,
                             bool *found, struct diag *diag) MUST_CHECK;
// Stages the answer: the operator sees it with the commit of what was done.
void outbox_answer_request(struct outbox *outbox, int64_t request, bool done, const char *text);
