// Text that outsiders wrote, made fit for people: cut, but never in half a character, and without what a terminal would
// obey (str_unshowable). Pure.
#pragma once

#include <stddef.h>

// The length without a character at the end of which bytes are missing; `data` is otherwise valid UTF-8.
size_t show_whole_len(const char *data, size_t len);
// Copies as much of the text as fits into `size` bytes with its NUL (size > 0).
void show_cut(char *out, size_t size, const char *text);
// Each byte of an unshowable character becomes '?'.
void show_mask(char *data, size_t len);

// What stands inside a message: cut and masked.
#define SHOW_LEN 96
struct shown {
    char text[SHOW_LEN];
};

// "hall lamp" in quotes.
struct shown show_text(const char *text);
struct shown show_text_len(const char *text, size_t len);
// The same without quotes.
struct shown show_plain(const char *text);
// Likewise, cut to 60 bytes, whether or not it is valid UTF-8.
struct shown show_short(const char *text);
