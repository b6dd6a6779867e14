// Error kinds that callers branch on, and the diagnostics that people read.
//
// A fallible function returns `enum err`; its outputs come last and are set on success only. What a person needs to
// know goes into a `struct diag`, is passed up, and is logged or printed once, where it is handled.
#pragma once

#include <stddef.h>

#define MUST_CHECK      __attribute__((warn_unused_result))
#define ASSERT_ONLY     __attribute__((unused)) // of what a build without assertions does not call
#define PRINTF(fmt, va) __attribute__((format(printf, fmt, va)))

enum err {
    ERR_OK = 0,
    ERR_SYNTAX,      // the text is not of the required form
    ERR_LIMIT,       // a size, count, depth or range is exceeded
    ERR_MISSING,     // something that must be there is not
    ERR_REFUSED,     // well formed, and not allowed
    ERR_FULL,        // a bounded store has no room
    ERR_IO,          // file, socket or device trouble
    ERR_UNAVAILABLE, // a peer cannot be reached now
    ERR_DAMAGED,     // stored data cannot be read
    ERR_NEWER,       // stored data was written by a newer major version
    ERR_INTERNAL,    // a library failed in a way that has no better name
};

// One sentence for a person: what is wrong and what to do. Never holds a secret.
struct diag {
    char text[512];
};

// Formats the sentence; text beyond the array is cut, and what a terminal would obey (str_unshowable) becomes '?'.
// Returns `err`, so that `return diag_set(...)` reads well.
enum err diag_set(struct diag *diag, enum err err, const char *fmt, ...) PRINTF(3, 4);

enum severity { SEVERITY_ERROR, SEVERITY_WARNING };

// A problem at a place in a source (a file, or an environment variable): what `check` prints.
struct problem {
    enum severity severity;
    char *source; // file name, or a name such as "environment THINGBRIDGE_LOG__LEVEL"
    int line;     // 1-based; 0 if the source has no lines
    int column;   // 1-based, in bytes; 0 if unknown
    char *text;
};

// All problems found in one go, each once. Bounded, each severity for itself, so that warnings never take the place of
// an error: further ones are only counted.
#define PROBLEMS_MAX_ERRORS   1000
#define PROBLEMS_MAX_WARNINGS 100
struct problems {
    struct problem *items;
    size_t count;
    size_t errors;           // how many, kept or omitted
    size_t warnings;         // likewise
    size_t omitted_errors;   // how many of these are not among the items
    size_t omitted_warnings; // likewise
};

// The text is made as by diag_set, but of any length.
void problems_add(struct problems *problems, enum severity severity, const char *source, int line, int column,
                  const char *fmt, ...) PRINTF(6, 7);
// Frees the items; the struct can be used again.
void problems_clear(struct problems *problems);
