// A line is built in a buffer and written with one call. An event is written LOG_BURST times in a window of time; what
// comes beyond that is counted, and the count becomes a line of its own when the window has ended. Events are kept in a
// table of fixed size; those that find no room in it are not limited.
#include "base/log_internal.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/lock.h"
#include "base/mem.h"
#include "base/show.h"
#include "base/str.h"

#define MAX_VALUE  1024
#define MAX_EVENTS 256

struct moment (*log_clock)(void) = clock_now;

static const struct {
    const char *name;
    const char *colour;
    int priority; // sd-daemon(3), as syslog's
} levels[] = {
    [LOG_DEBUG] = {"debug", "\033[2m", 7},
    [LOG_INFO] = {"info", "", 6},
    [LOG_WARN] = {"warn", "\033[33m", 4},
    [LOG_ERROR] = {"error", "\033[31m", 3},
};

static _Atomic int least_level = LOG_INFO;
static enum log_format chosen_format = LOG_LOGFMT;
static bool in_colour;

// How often an event was written in its window. Guarded by the mutex, which also keeps lines whole.
struct repeats {
    char *event;
    int64_t suppressed;
    struct moment start;
    enum log_level level;
    int written;
};
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct repeats table[MAX_EVENTS];
static size_t table_count;

static void clear_table(void)
{
    for (size_t i = 0; i < table_count; i++) {
        free(table[i].event);
    }
    table_count = 0;
}

void log_setup(enum log_level level, enum log_format format)
{
    bool terminal = isatty(STDERR_FILENO) == 1;
    if (format == LOG_AUTO) {
        format = terminal ? LOG_TEXT : LOG_LOGFMT;
    }
    const char *no_colour = getenv("NO_COLOR");
    pthread_mutex_lock(&mutex);
    in_colour = terminal && format == LOG_TEXT && (no_colour == NULL || *no_colour == '\0');
    chosen_format = format;
    clear_table();
    pthread_mutex_unlock(&mutex);
    atomic_store_explicit(&least_level, (int)level, memory_order_relaxed);
}

bool log_enabled(enum log_level level)
{
    return (int)level >= atomic_load_explicit(&least_level, memory_order_relaxed);
}

// Length of what is written of a value: whole characters up to MAX_VALUE bytes.
static size_t shown_len(const char *text, bool *cut)
{
    size_t len = strnlen(text, MAX_VALUE + 1);
    *cut = len > MAX_VALUE;
    return *cut ? show_whole_len(text, MAX_VALUE) : len;
}

static void append_escaped(struct buf *line, const char *text, size_t len)
{
    while (len > 0) {
        unsigned code = 0;
        size_t count = str_utf8_character(text, len);
        unsigned char first = (unsigned char)*text;
        if (count == 0) {
            buf_text(line, "\xEF\xBF\xBD"); // U+FFFD, as what is no UTF-8 has no place in JSON
            count = 1;
        } else if (first == '"' || first == '\\') {
            buf_append(line, (const char[]){'\\', (char)first}, 2);
        } else if (first == '\n') {
            buf_text(line, "\\n");
        } else if (str_unshowable(text, count, &code) > 0) {
            buf_printf(line, "\\u%04x", code);
        } else {
            buf_append(line, text, count);
        }
        text += count;
        len -= count;
    }
}

static void append_quoted(struct buf *line, const char *text)
{
    bool cut = false;
    size_t len = shown_len(text, &cut);
    buf_char(line, '"');
    append_escaped(line, text, len);
    buf_text(line, cut ? "...\"" : "\"");
}

static bool is_plain(const char *text, size_t len)
{
    unsigned code = 0;
    size_t i = 0;
    for (size_t count; i < len; i += count) {
        count = str_utf8_character(text + i, len - i);
        if (count == 0 || str_unshowable(text + i, count, &code) > 0) {
            return false;
        }
    }
    return true;
}

static bool needs_quotes(const char *text)
{
    size_t len = strnlen(text, MAX_VALUE + 1);
    return len == 0 || len > MAX_VALUE || strpbrk(text, " =\"\\") != NULL || !is_plain(text, len);
}

static void append_pairs(struct buf *line, const struct log_field *fields)
{
    for (; fields->key != NULL; fields++) {
        buf_printf(line, " %s=", fields->key);
        if (fields->text == NULL) {
            buf_printf(line, "%" PRId64, fields->number);
        } else if (needs_quotes(fields->text)) {
            append_quoted(line, fields->text);
        } else {
            buf_text(line, fields->text);
        }
    }
}

static void append_members(struct buf *line, const struct log_field *fields)
{
    for (; fields->key != NULL; fields++) {
        buf_printf(line, ",\"%s\":", fields->key);
        if (fields->text == NULL) {
            buf_printf(line, "%" PRId64, fields->number);
        } else {
            append_quoted(line, fields->text);
        }
    }
}

static void append_head(struct buf *line, enum log_level level, const char *event, const char *time)
{
    const char *name = levels[level].name;
    switch (chosen_format) {
    case LOG_TEXT:
        // Only the time of day: a person is watching.
        buf_printf(line, "%s%.12s %-5s %s%s", in_colour ? levels[level].colour : "", time + 11, name, event,
                   in_colour && *levels[level].colour != '\0' ? "\033[0m" : "");
        break;
    case LOG_JSON:
        buf_printf(line, "{\"time\":\"%s\",\"level\":\"%s\",\"event\":\"%s\"", time, name, event);
        break;
    case LOG_JOURNALD:
        buf_printf(line, "<%d>level=%s event=%s", levels[level].priority, name, event);
        break;
    case LOG_AUTO:
    case LOG_LOGFMT:
        buf_printf(line, "time=%s level=%s event=%s", time, name, event);
        break;
    }
}

// One write per line, so that lines of several processes on one stderr stay whole. A line that cannot be written is
// lost: there is no better place to say so.
static void write_line(enum log_level level, const char *event, const struct log_field *fields,
                       const struct moment *now)
{
    AUTO_BUF struct buf line = {0};
    char time[CLOCK_ISO_LEN];
    clock_iso_ms(now->wall_ms, time);
    append_head(&line, level, event, time);
    if (chosen_format == LOG_JSON) {
        append_members(&line, fields);
        buf_char(&line, '}');
    } else {
        append_pairs(&line, fields);
    }
    buf_char(&line, '\n');
    ssize_t ignored = write(STDERR_FILENO, line.data, line.len);
    (void)ignored;
}

static bool window_over(const struct repeats *repeats, const struct moment *now)
{
    return now->boot_ms - repeats->start.boot_ms >= LOG_WINDOW_MS;
}

// Reports what was suppressed in windows that have ended.
static void report_suppressed(const struct moment *now)
{
    for (size_t i = 0; i < table_count; i++) {
        struct repeats *repeats = &table[i];
        if (repeats->suppressed == 0 || !window_over(repeats, now)) {
            continue;
        }
        const struct log_field fields[] = {LOG_S("of", repeats->event), LOG_N("count", repeats->suppressed), {0}};
        write_line(repeats->level, "log_suppressed", fields, now);
        repeats->suppressed = 0;
    }
}

static struct repeats *find_repeats(const char *event)
{
    for (size_t i = 0; i < table_count; i++) {
        if (strcmp(table[i].event, event) == 0) {
            return &table[i];
        }
    }
    if (table_count == MAX_EVENTS) {
        return NULL;
    }
    table[table_count] = (struct repeats){.event = mem_strdup(event)};
    return &table[table_count++];
}

// What is not written is counted. Room is not taken: log_write does.
static bool may_write(struct repeats *repeats_or_null, enum log_level level, const struct moment *now)
{
    struct repeats *repeats = repeats_or_null;
    if (repeats == NULL) {
        return true;
    }
    if (repeats->written == 0 || window_over(repeats, now)) {
        repeats->start = *now;
        repeats->written = 0;
    }
    repeats->level = level;
    if (repeats->written == LOG_BURST) {
        repeats->suppressed++;
        return false;
    }
    return true;
}

bool log_is_due(enum log_level level, const char *event)
{
    if (!log_enabled(level)) {
        return false;
    }
    struct moment now = log_clock();
    AUTO_LOCK(&mutex);
    report_suppressed(&now);
    return may_write(find_repeats(event), level, &now);
}

void log_write(enum log_level level, const char *event, const struct log_field *fields)
{
    struct moment now = log_clock();
    AUTO_LOCK(&mutex);
    report_suppressed(&now);
    struct repeats *repeats = find_repeats(event);
    if (may_write(repeats, level, &now)) {
        if (repeats != NULL) {
            repeats->written++;
        }
        write_line(level, event, fields, &now);
    }
}
