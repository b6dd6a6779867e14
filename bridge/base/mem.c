#include "base/mem.h"

#include <stdio.h>
#include <string.h>

static void *checked(void *memory)
{
    if (memory == NULL) {
        fputs("thingbridge: out of memory\n", stderr);
        abort();
    }
    return memory;
}

void *mem_alloc(size_t len)
{
    return checked(calloc(1, len > 0 ? len : 1));
}

void *mem_resize(void *old, size_t count, size_t size)
{
    return checked(reallocarray(old, count > 0 ? count : 1, size));
}

void *mem_grow(void *items, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity) {
        return items;
    }
    *capacity = *capacity == 0 ? 16 : *capacity * 2;
    return mem_resize(items, *capacity, size);
}

void *mem_dup(const void *data, size_t len)
{
    char *copy = checked(malloc(len + 1));
    if (len > 0) {
        memcpy(copy, data, len);
    }
    copy[len] = '\0';
    return copy;
}

char *mem_strdup(const char *text)
{
    return mem_dup(text, strlen(text));
}

char *mem_strdup_or_null(const char *text_or_null)
{
    return text_or_null == NULL ? NULL : mem_strdup(text_or_null);
}

char *mem_printf(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    char *text = mem_vprintf(fmt, args);
    va_end(args);
    return text;
}

char *mem_vprintf(const char *fmt, va_list args)
{
    char *text = NULL;
    if (vasprintf(&text, fmt, args) < 0) {
        text = NULL;
    }
    return checked(text);
}

void mem_wipe(void *data, size_t len)
{
    explicit_bzero(data, len);
}
