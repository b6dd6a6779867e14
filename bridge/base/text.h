// UTF-8 text that outsiders wrote and that is shown to people: cut, but never in half a character. Pure.
#pragma once

#include <stddef.h>

// The length without a character at the end of which bytes are missing; `data` is otherwise valid UTF-8.
size_t text_whole_len(const char *data, size_t len);
// Copies as much of the text as fits into `size` bytes with its NUL (size > 0).
void text_cut(char *out, size_t size, const char *text);
