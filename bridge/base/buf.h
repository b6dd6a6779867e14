// A growing byte buffer. `data` is always NUL-terminated once anything was appended; `len` excludes the NUL.
#pragma once

#include <stddef.h>

#include "base/err.h"

struct buf {
    char *data;
    size_t len;
    size_t capacity;
};

void buf_append(struct buf *buf, const void *data, size_t len);
void buf_text(struct buf *buf, const char *text);
void buf_char(struct buf *buf, char c);
void buf_printf(struct buf *buf, const char *fmt, ...) PRINTF(2, 3);
// Empties the buffer and keeps its memory.
void buf_reset(struct buf *buf);
// Gives the text to the caller, who frees it; the buffer is empty afterwards. Never NULL.
char *buf_steal(struct buf *buf);
void buf_free(struct buf *buf);

#define AUTO_BUF __attribute__((cleanup(buf_free)))
