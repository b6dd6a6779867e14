// Answers of the platform: both success shapes, both error shapes, and what an error means (PLATFORM.md, What to do
// with an error). Pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/json/json.h"
#include "core/platform/code.h"

// Classes of PLATFORM.md's table.
enum api_class {
    API_SUCCESS,        // Success true
    API_DEVICE_FAILED,  // Success true, and Data.Result is a device's whole reply with another code than 200
    API_RESULT_UNREAD,  // Success true, and whether Data.Result is an error cannot be read with certainty
    API_NOT_TAKEN,      // the server did not get the whole request: surely not run
    API_AUTH,           // no retry
    API_CLOCK,          // timestamp refused: surely not run
    API_THROTTLED,      // surely not run
    API_BUSY,           // surely not run
    API_MAY_HAVE_RUN,   // retry only if idempotent
    API_NONCE_USED,     // an earlier copy of this request arrived: as MAY_HAVE_RUN
    API_REQUEST,        // no retry
    API_DEVICE,         // no retry
    API_DEVICE_OFFLINE, // no retry by us, retryable for the sender
    API_DEVICE_TIMEOUT, // the device did not answer: unknown
    API_PUSH_FAILED,    // as MAY_HAVE_RUN
    API_PERMANENT,      // any other code
};
const char *api_class_name(enum api_class class);
// The class of an error by its name, for rows of the configuration (API_AUTH and those after it); false if there is
// none of that name.
bool api_class_find(const char *name, enum api_class *class);
// The error code that a reply carries for a class of error where a row says no other.
const char *api_class_code(enum api_class class);

// What an attempt that did not succeed means for the next (PLATFORM.md, What to do with an error).
enum retry_advice {
    RETRY_NEVER,         // the answer is final
    RETRY_SAFE,          // it surely did not run: again, until the deadline
    RETRY_IF_IDEMPOTENT, // it may have run
    RETRY_NEW_TIME,      // once, with the platform's time
    RETRY_NEW_SECRET,    // once, if the secret that is read anew is another, and once if it came right after throttling
};
enum retry_advice api_retry_advice(enum api_class class);

// One row of the table: longest prefix wins, case does not count. The table is data; a configuration can put rows
// before it: of an extra row and one of the table with equally long prefixes the extra one wins.
struct api_row {
    const char *prefix; // not empty
    enum api_class class;
    const char *code; // error code of the reply, one of the closed list
};
// The table's own rows, longest prefix not necessarily first; NULL after the last.
const struct api_row *api_row_at(size_t index);

struct api_input {
    long http_status;
    const char *body; // may be NULL
    size_t body_len;
    const char *string_to_sign; // of this attempt, to compare with an echoed one; or NULL
    const char *content_type;   // the header's value; NULL or "": unknown
    const char *location;       // where a redirect points; likewise
};

struct api_answer {
    enum api_class class;
    char *message_id;           // or NULL; text whatever the platform wrote, cut at 256 bytes
    char *request_id;           // or NULL; likewise
    struct json_object *result; // Data.Result parsed (API_SUCCESS with it, API_DEVICE_FAILED, API_RESULT_UNREAD), or
                                // NULL; what json_check refuses stays text
    bool has_result;
    struct failure failure; // set for all classes but API_SUCCESS; the detail names the platform's own words, cut. An
                            // echoed string to sign is never among them
};
void api_answer_clear(struct api_answer *answer);
// Never fails: what cannot be read is API_MAY_HAVE_RUN (2xx) or classed by its HTTP status. The same holds for answers
// that contradict themselves (Success true with an error code or an error status): API_MAY_HAVE_RUN.
void api_classify(const struct api_input *input, const struct api_row *extra_rows, size_t extra_count,
                  struct api_answer *out);
// The final status of a command that ends with this class now (no further attempt). `idempotent` changes nothing here:
// whether to try again is the caller's decision.
enum status api_status(const struct api_answer *answer);
