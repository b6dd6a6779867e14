// What the parts of the api module share: the facts of an answer's body, the table of errors, and the comparison of
// strings to sign. Pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "core/api.h"

// Nested elements or values of an answer.
#define API_MAX_DEPTH 32

enum api_success { API_SUCCESS_UNTOLD, API_SUCCESS_FALSE, API_SUCCESS_TRUE };

// What a body says, before it is judged. All texts are NULL if absent or empty.
struct api_facts {
    bool readable;       // a JSON object or an XML document
    struct diag trouble; // why it is not readable
    enum api_success success;
    char *code;           // an error code; words that mean success ("OK", "200") are none
    char *message;        // Message or ErrorMessage
    char *string_to_sign; // the server's, if it stands in a member of its own
    char *message_id;
    char *request_id;
    struct json_object *result; // Data.Result, parsed if it is JSON in a text
    bool has_result;
};
// Reads a body; never fails (`readable` tells). The caller clears `out`.
void api_facts_read(const char *body, size_t len, struct api_facts *out);
void api_facts_clear(struct api_facts *facts);

// A small XML reader for answers: elements become maps, elements without elements become text; attributes, comments,
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
