// What the parts of the api module share: the facts of an answer's body, the table of errors, and the comparison of
// strings to sign. Pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json/json.h"
#include "core/platform/api.h"

// Nested elements or values of an answer.
#define API_MAX_DEPTH 32

enum api_success { API_SUCCESS_UNKNOWN, API_SUCCESS_FALSE, API_SUCCESS_TRUE };

#define API_RESULT_CODE_LEN 40 // a longer code is cut

enum api_result_word {
    API_RESULT_GOOD,     // no device's error: an output, or a whole reply with code 200
    API_RESULT_ERROR,    // a whole reply with another code
    API_RESULT_UNCERTAIN // what it says, or whether it says it all, is not certain
};
// What a Data.Result (NUL-terminated) says of itself. It need not be JSON that json_check accepts: numbers of any size,
// NaN, halves of surrogate pairs and control characters do not matter where they do not touch what is asked. `code` is
// set for API_RESULT_ERROR.
enum api_result_word api_result_read(const char *text, char code[API_RESULT_CODE_LEN]);

// What a body says, before it is judged. All texts are NULL if absent or empty.
struct api_facts {
    bool readable;       // a JSON object or an XML document
    struct diag trouble; // why it is not readable
    enum api_success success;
    char *code;           // an error code; words that mean success ("OK", "200") are none
    char *message;        // Message or ErrorMessage
    char *string_to_sign; // the server's, if it is in a member of its own
    char *message_id;
    char *request_id;
    bool html;                  // it is a web page, or was sent as one and says nothing that the platform says
    struct json_object *result; // Data.Result, parsed if it is JSON in a text
    bool has_result;
    enum api_result_word result_word;
    char result_code[API_RESULT_CODE_LEN];
    struct diag result_trouble; // why a text was not parsed; "" if it was
};
// Reads a body; never fails (`readable` says whether it could). The caller clears `out`.
void api_facts_read(const struct api_input *input, struct api_facts *out);
void api_facts_clear(struct api_facts *facts);

// XML of answers: elements become maps, elements without elements become text; attributes, comments,
// processing instructions and namespace prefixes are passed over. Gives the root's content. ERR_SYNTAX for a cut or
// badly nested text, ERR_LIMIT beyond API_MAX_DEPTH.
enum err api_xml_parse(const char *data, size_t len, struct json_object **out, struct diag *diag) MUST_CHECK;
// Appends text with the five predefined entities and character references decoded; unknown ones stay as they are.
void api_xml_unescape(struct buf *out, const char *text, size_t len);

// The row that fits a code best, or NULL.
const struct api_row *api_row_for_code(const char *code, const struct api_row *extra_rows, size_t extra_count);
// The row of an HTTP status with a code that no row knows: NULL unless it is 429 or 5xx.
const struct api_row *api_row_for_status(long http_status);
// The row of an answer without a code (never NULL).
const struct api_row *api_row_without_code(const struct api_facts *facts, long http_status);
extern const struct api_row api_row_any_code;      // a code that no row knows
extern const struct api_row api_row_contradiction; // Success true with an error code or status

// Finds an echoed string to sign in the platform's words. False if there is none.
bool api_echo_find(const char *text, size_t *start, size_t *len);
// One sentence: is the secret wrong, or the encoding? `ours` may be NULL.
void api_signature_verdict(const struct api_facts *facts, const char *ours, struct buf *out);
