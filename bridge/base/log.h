// Log lines: a stable event name and key=value fields, to stderr. Thread-safe. Repeats of one event are limited: after
// LOG_BURST lines of it within LOG_WINDOW_MS the rest are counted and reported in one line when the window ends.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOG_BURST     20
#define LOG_WINDOW_MS 10000

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_AUTO, LOG_TEXT, LOG_LOGFMT, LOG_JSON, LOG_JOURNALD };

struct log_field {
    const char *key;
    const char *text; // used if not NULL
    int64_t number;
};

// An array is never NULL, and the compiler would say so wherever LOG_S compared one itself.
static inline const char *log_text(const char *text_or_null)
{
    return text_or_null != NULL ? text_or_null : "";
}

#define LOG_S(key, value)                                                                                              \
    {                                                                                                                  \
        (key), log_text(value), 0                                                                                      \
    }
#define LOG_N(key, value)                                                                                              \
    {                                                                                                                  \
        (key), NULL, (int64_t)(value)                                                                                  \
    }

// Once, before other threads start. AUTO is TEXT on a terminal, LOGFMT otherwise; JOURNALD prefixes lines with
// <priority> (sd-daemon(3)). Colour only for TEXT on a terminal without NO_COLOR.
void log_setup(enum log_level level, enum log_format format);
bool log_enabled(enum log_level level);
// Would a line of this event be written now? For those whose values cost more than a log line should. If not, it is
// counted as suppressed.
bool log_is_due(enum log_level level, const char *event);
// `fields` ends with a zeroed one. Text is escaped (quotes, control characters); a field is cut at 1 KiB.
void log_write(enum log_level level, const char *event, const struct log_field *fields);

// LOG(LOG_WARN, "mqtt_lost", LOG_S("url", url), LOG_N("retry_ms", delay));   at least one field
#define LOG(level, event, ...)                                                                                         \
    do {                                                                                                               \
        if (log_enabled(level)) {                                                                                      \
            log_write(level, event, (const struct log_field[]){__VA_ARGS__, {NULL, NULL, 0}});                         \
        }                                                                                                              \
    } while (0)
