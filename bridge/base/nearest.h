// What was probably meant by a name that is none of those that are known: the nearest of them, if it is near enough.
// Pure.
#pragma once

#include <stddef.h>

// Names are tried one by one.
struct nearest {
    const char *text; // as it was written
    const char *name; // the nearest so far, the first of equally near ones; borrowed. NULL: none is near enough
    size_t distance;
};
void nearest_try(struct nearest *nearest, const char *name);
// The nearest of `names`, which end with NULL; or NULL.
const char *nearest_of(const char *text, const char *const *names);

// The end of a sentence about an unknown name: `printf("no colour %s" NEAREST_FORMAT, text, NEAREST_ARGS(name, "")`.
// `otherwise` is its end if no name is near enough.
#define NEAREST_FORMAT "%s%s%s"
#define NEAREST_ARGS(name_or_null, otherwise)                                                                          \
    (name_or_null) != NULL ? "; did you mean `" : (otherwise), (name_or_null) != NULL ? (name_or_null) : "",           \
        (name_or_null) != NULL ? "`?" : ""
