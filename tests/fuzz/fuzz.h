// What the fuzz targets share. A target hands bytes to one parser and holds what comes of it to what the parser's
// header and the design promise: MUST ends the program, and libFuzzer keeps the input.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/json/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "core/platform/code.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(promise) ((promise) ? (void)0 : fuzz_broken(__FILE__, __LINE__, #promise))

static inline _Noreturn void fuzz_broken(const char *file, int line, const char *promise)
{
    fprintf(stderr, "%s:%d: broken promise: %s\n", file, line, promise);
    abort();
}

// An input of several parts, one behind the other.
struct parts {
    const char *at;
    const char *end;
};

static inline struct parts parts_of(const uint8_t *data, size_t size)
{
    return (struct parts){(const char *)data, (const char *)data + size};
}

// Between parts that have lines themselves.
#define PART_SEPARATOR "\n====\n"

// The next part: up to `separator`, or all that is left. False if nothing is left.
static inline bool next_part(struct parts *parts, const char *separator, struct str *out)
{
    size_t left = (size_t)(parts->end - parts->at);
    if (left == 0) {
        return false;
    }
    const char *found = memmem(parts->at, left, separator, strlen(separator));
    *out = (struct str){parts->at, found != NULL ? (size_t)(found - parts->at) : left};
    parts->at = found != NULL ? found + strlen(separator) : parts->end;
    return true;
}

static inline struct str rest_of(const struct parts *parts)
{
    return (struct str){parts->at, (size_t)(parts->end - parts->at)};
}

// The next part as text (up to a NUL in it), "" if nothing is left; the caller frees it.
static inline char *next_text(struct parts *parts, const char *separator)
{
    struct str part = {"", 0};
    next_part(parts, separator, &part);
    return mem_dup(part.data, part.len);
}

// A text that people read: something, whole characters.
static inline void must_tell(const char *text)
{
    MUST(text[0] != '\0');
    MUST(str_utf8_valid(text, strlen(text)));
}

static inline void must_be_failure(const struct failure *failure)
{
    MUST(failure->code != NULL);
    must_tell(failure->detail);
}

// `errors_expected`: what the loader said. Every problem has words and a place.
static inline void must_be_problems(const struct problems *problems, bool errors_expected)
{
    MUST((problems->errors > 0) == errors_expected);
    for (size_t i = 0; i < problems->count; i++) {
        must_tell(problems->items[i].text);
        MUST(problems->items[i].line >= 0 && problems->items[i].column >= 0);
    }
}

// Deeper than anything that the limits let through.
#define JSON_DEPTH 100

// JSON that our own check accepts; the value belongs to the caller.
static inline struct json_object *must_be_json(const char *text)
{
    struct json_object *value = NULL;
    struct diag diag;
    MUST(json_parse(text, strlen(text), &(struct json_limits){JSON_DEPTH}, &value, &diag) == ERR_OK);
    return value;
}

// The same text, which both give up.
static inline void must_be_same(char *a, char *b)
{
    MUST(strcmp(a, b) == 0);
    free(a);
    free(b);
}
