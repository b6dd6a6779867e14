// Reply texts (design, section 6) and the record of a final reply that the outbox keeps. Pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/json/json.h"
#include "core/command/command.h"
#include "core/platform/api.h"
#include "core/platform/code.h"

// How one call of a command ended.
struct call_outcome {
    enum status status;
    char *message_id;
    char *request_id;
    struct json_object *result; // or NULL; has_result distinguishes JSON null from none
    bool has_result;
    struct failure failure;
};
// Takes what the answer owns.
struct call_outcome call_outcome_of(const struct api_answer *answer);
void call_outcome_clear(struct call_outcome *outcome);
char *call_outcome_encode(const struct call_outcome *outcome); // JSON text for the outbox, the caller frees
// ERR_SYNTAX for a damaged text or an error code that this version does not know.
enum err call_outcome_decode(const char *text, struct call_outcome *out) MUST_CHECK;

struct reply_facts {
    int64_t wall_ms;     // `time`
    int64_t duration_ms; // since arrival
    int attempts;
};
// The final reply of a command: one outcome is reported as it is; several (one per call, in the order of the calls) are
// `ok`/`accepted`/... if all agree, the first speaking for all, else `partial` with `calls` and `failed_devices` (those
// that surely failed: devices of an `unknown` call are not among them). A refusal is one outcome with STATUS_REJECTED;
// if that has no failure, the command's refusal is reported. JSON text, the caller frees.
char *reply_final(const struct command *command, const struct call_outcome *outcomes, size_t count,
                  const struct reply_facts *facts);
// The status that reply_final gives for these outcomes (at least one).
enum status reply_status(const struct call_outcome *outcomes, size_t count);
// A reply with `final: false`: STATUS_ACCEPTED, which reports the platform's acceptance whatever the device said later
// (no result, no error), or STATUS_QUEUED with the error it waits for.
char *reply_progress(const struct command *command, enum status status, const struct call_outcome *outcome_or_null,
                     const struct reply_facts *facts);
// The final reply of the first command, for a duplicate: `"duplicate":true` added at the end.
char *reply_duplicate(const char *reply);
// The reply without `result`, with `result_cut: true`, for a broker with a small Maximum Packet Size.
char *reply_cut(const char *reply);

// JSON of our own as text: a reply, or what the outbox stores. NULL if there is none, or it is damaged. The caller
// frees it.
struct json_object *reply_parse(const char *text_or_null);

// What the outbox stores of a call that waits to be tried again.
struct retry_note {
    int attempts;           // of the command, so far
    bool may_have_run;      // one of them
    struct failure failure; // of the last; its code is NULL if it did not leave
};
char *retry_note_encode(const struct retry_note *note);
// ERR_SYNTAX for a damaged text.
enum err retry_note_decode(const char *text, struct retry_note *out) MUST_CHECK;

// What the outbox stores with REPLIED: the bytes, and the topics they go to.
struct delivery {
    char *topic;
    char *correlation_data; // or NULL
    size_t correlation_len;
};
struct reply_record {
    char *reply;    // final reply
    char *progress; // acceptance for the ack topic, published before the final one; or NULL
    char *progress_topic;
    struct delivery *deliveries; // of the final reply; no topic twice
    size_t delivery_count;
};
// Result topic and the requester's topic, by the command's settings; takes the texts. The requester's copy carries the
// correlation data, and is the one that is kept if both topics are the same. Progress goes to the ack topic if that is
// not the result topic.
void reply_record_build(const struct command *command, char *reply, char *progress_or_null, struct reply_record *out);
void reply_record_clear(struct reply_record *record);
char *reply_record_encode(const struct reply_record *record);
// ERR_SYNTAX for a damaged text.
enum err reply_record_decode(const char *text, struct reply_record *out) MUST_CHECK;
