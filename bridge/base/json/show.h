// Outside text inside a message for people: cut at a character, without what a terminal would obey. Private to core.
#pragma once

#include <stddef.h>

struct json_object;

#define SHOW_LEN 96
struct shown {
    char text[SHOW_LEN];
};

// "hall lamp" in quotes.
struct shown show_text(const char *text);
// The same without quotes.
struct shown show_plain(const char *text);
struct shown show_text_len(const char *text, size_t len);
// Kind and value: text "on", integer 5, a list, null.
struct shown show_value(const struct json_object *value);
