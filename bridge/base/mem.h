// Allocation that cannot fail: out of memory ends the process (nothing is acknowledged before it is on disk, so nothing
// is lost by it). Everything allocated here is released with free().
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/err.h"

void *mem_alloc(size_t len) __attribute__((malloc, returns_nonnull)); // zeroed
void *mem_resize(void *old, size_t count, size_t size)
    __attribute__((returns_nonnull)); // count * size checked for overflow
// Makes room for one more than `count` items: twice as much when the capacity is reached, 16 at first.
void *mem_grow(void *items, size_t count, size_t *capacity, size_t size);
void *mem_dup(const void *data, size_t len) __attribute__((returns_nonnull)); // copy with a NUL byte after it
char *mem_strdup(const char *text) __attribute__((returns_nonnull));
char *mem_strdup_or_null(const char *text_or_null);
char *mem_printf(const char *fmt, ...) PRINTF(1, 2) __attribute__((returns_nonnull));
char *mem_vprintf(const char *fmt, va_list args) PRINTF(1, 0) __attribute__((returns_nonnull));
// Overwrites memory that held a secret; never optimised away.
void mem_wipe(void *data, size_t len);

// AUTO(free_text) char *text = ...;   the owner is released at the end of its scope
#define AUTO(release) __attribute__((cleanup(release)))
static inline void mem_auto_free(void *owner)
{
    free(*(void **)owner);
}
#define AUTO_FREE AUTO(mem_auto_free)

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

// Owner of a node, given the node's address.
#define OWNER_OF(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))
