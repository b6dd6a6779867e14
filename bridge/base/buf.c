#include "base/buf.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static void reserve(struct buf *buf, size_t extra)
{
    if (extra >= SIZE_MAX / 4 - buf->len) {
        abort();
    }
    size_t needed = buf->len + extra + 1;
    if (needed <= buf->capacity) {
        return;
    }
    size_t capacity = buf->capacity < 64 ? 64 : buf->capacity;
    while (capacity < needed) {
        capacity *= 2;
    }
    buf->data = mem_resize(buf->data, capacity, 1);
    buf->capacity = capacity;
}

void buf_append(struct buf *buf, const void *data, size_t len)
{
    reserve(buf, len);
    if (len > 0) {
        memcpy(buf->data + buf->len, data, len);
    }
    buf->len += len;
    buf->data[buf->len] = '\0';
}

void buf_text(struct buf *buf, const char *text)
{
    buf_append(buf, text, strlen(text));
}

void buf_char(struct buf *buf, char c)
{
    buf_append(buf, &c, 1);
}

void buf_printf(struct buf *buf, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    char *text = mem_vprintf(fmt, args);
    va_end(args);
    buf_text(buf, text);
    free(text);
}

void buf_reset(struct buf *buf)
{
    buf->len = 0;
    if (buf->data != NULL) {
        buf->data[0] = '\0';
    }
}

char *buf_steal(struct buf *buf)
{
    reserve(buf, 0);
    buf->data[buf->len] = '\0';
    char *text = buf->data;
    *buf = (struct buf){0};
    return text;
}

void buf_free(struct buf *buf)
{
    free(buf->data);
    *buf = (struct buf){0};
}
