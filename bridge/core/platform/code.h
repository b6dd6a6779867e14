// The closed list of error codes that replies carry, and the statuses. One table; the page of codes in
// mappings/ERRORS.md is checked against it by a test.
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct json_object;

enum status {
    STATUS_OK,
    STATUS_ACCEPTED,
    STATUS_FAILED,
    STATUS_REJECTED,
    STATUS_EXPIRED,
    STATUS_SUPERSEDED,
    STATUS_PARTIAL,
    STATUS_UNKNOWN,
    STATUS_QUEUED, // not final
};
const char *status_name(enum status status);
bool status_parse(const char *name, enum status *status);

enum error_source { SOURCE_BRIDGE, SOURCE_NETWORK, SOURCE_PLATFORM, SOURCE_DEVICE };

struct error_code {
    const char *code;
    const char *title; // constant per code
    enum error_source source;
    bool retryable;   // the sender may try the same command again later
    const char *hint; // what to look at, or NULL
};
// The row, or NULL if there is no such code: for texts from outside (a stored row).
const struct error_code *error_code_find(const char *code);
const char *error_source_name(enum error_source source);
const struct error_code *error_code_at(size_t index); // NULL after the last

// What went wrong with one command or call.
struct failure {
    const struct error_code *code; // NULL: nothing
    char detail[512];              // what and what to do
    char platform_code[128];       // as the platform wrote it, or ""
    long retry_after_ms;           // < 0: not known
};
// What to look at: for codes of the platform that say more than the failure's own; or NULL.
const char *failure_hint(const struct failure *failure);
void failure_set(struct failure *failure, const char *code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
// Members of a map that the outbox stores, and back; nothing for no failure. False for a code that this version does
// not know.
void failure_put(const struct failure *failure, struct json_object *map);
bool failure_read(const struct json_object *map, struct failure *out);
