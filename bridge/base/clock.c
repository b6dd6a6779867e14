// A moment is the wall clock, the boot clock and the boot's id, read together: two moments of one boot are compared by
// the boot clock, which no one sets, others by the wall clock. Texts are parsed by form first, as strptime takes more
// than the formats.
#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int64_t read_ms(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void read_boot_id(char out[37])
{
    FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
    if (file == NULL || fgets(out, 37, file) == NULL) {
        strcpy(out, "unknown");
    }
    if (file != NULL) {
        fclose(file);
    }
}

struct moment clock_now(void)
{
    static _Thread_local char boot_id[37];
    if (boot_id[0] == '\0') {
        read_boot_id(boot_id);
    }
    struct moment now = {.boot_ms = read_ms(CLOCK_BOOTTIME), .wall_ms = read_ms(CLOCK_REALTIME)};
    memcpy(now.boot_id, boot_id, sizeof now.boot_id);
    return now;
}

int64_t clock_elapsed_ms(const struct moment *then, const struct moment *now)
{
    bool same_boot = strcmp(then->boot_id, now->boot_id) == 0 && strcmp(now->boot_id, "unknown") != 0;
    if (!same_boot) {
        return now->wall_ms - then->wall_ms;
    }
    return now->boot_ms > then->boot_ms ? now->boot_ms - then->boot_ms : 0;
}

// gmtime_r refuses years beyond int only: int64 milliseconds stay far below that.
static struct tm to_utc(int64_t wall_ms, int *ms)
{
    // Rounded down, so that a time before 1970 keeps a fraction that counts forward.
    int64_t fraction = (wall_ms % 1000 + 1000) % 1000;
    time_t seconds = (time_t)((wall_ms - fraction) / 1000);
    struct tm utc = {0};
    gmtime_r(&seconds, &utc);
    *ms = (int)fraction;
    return utc;
}

void clock_iso_s(int64_t wall_ms, char out[CLOCK_ISO_LEN])
{
    int ms = 0;
    struct tm utc = to_utc(wall_ms, &ms);
    if (strftime(out, CLOCK_ISO_LEN, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0) {
        out[0] = '\0';
    }
}

void clock_iso_ms(int64_t wall_ms, char out[CLOCK_ISO_LEN])
{
    int ms = 0;
    struct tm utc = to_utc(wall_ms, &ms);
    char seconds[CLOCK_ISO_LEN];
    size_t len = strftime(seconds, sizeof seconds, "%Y-%m-%dT%H:%M:%S", &utc);
    if (len == 0 || snprintf(out, CLOCK_ISO_LEN, "%s.%03dZ", seconds, ms) >= CLOCK_ISO_LEN) {
        out[0] = '\0';
    }
}

// Does the text begin with this form, where 'd' stands for a digit and 'T' for itself in either case? strptime and
// sscanf let spaces and signs pass.
static bool has_form(const char *text, const char *form)
{
    for (; *form != '\0'; form++, text++) {
        bool fits = *form == 'd'   ? *text >= '0' && *text <= '9'
                    : *form == 'T' ? *text == 'T' || *text == 't'
                                   : *text == *form;
        if (!fits) {
            return false;
        }
    }
    return true;
}

// Parses ".123456" to milliseconds; a missing fraction is 0. Returns what follows.
static const char *parse_fraction(const char *text, int *ms)
{
    *ms = 0;
    if (!has_form(text, ".d")) {
        return text;
    }
    int scale = 100;
    for (text++; *text >= '0' && *text <= '9'; text++) {
        *ms += (*text - '0') * scale;
        scale /= 10;
    }
    return text;
}

static int two_digits(const char *text)
{
    return (text[0] - '0') * 10 + text[1] - '0';
}

// "Z", "z", "+hh:mm" or "-hh:mm" at the end of the text.
static bool parse_offset(const char *text, int *offset_s)
{
    *offset_s = 0;
    if (strcmp(text, "Z") == 0 || strcmp(text, "z") == 0) {
        return true;
    }
    if ((!has_form(text, "+dd:dd") && !has_form(text, "-dd:dd")) || text[6] != '\0') {
        return false;
    }
    int hours = two_digits(text + 1);
    int minutes = two_digits(text + 4);
    *offset_s = (hours * 3600 + minutes * 60) * (*text == '-' ? -1 : 1);
    return hours <= 23 && minutes <= 59;
}

// strptime accepts a day or hour that does not exist; the way back through timegm shows it.
static bool to_wall(struct tm *utc, int64_t *wall_ms)
{
    struct tm given = *utc;
    time_t seconds = timegm(utc);
    if (utc->tm_mday != given.tm_mday || utc->tm_hour != given.tm_hour || utc->tm_min != given.tm_min) {
        return false;
    }
    *wall_ms = (int64_t)seconds * 1000;
    return true;
}

bool clock_parse_iso(const char *text, int64_t *wall_ms)
{
    if (!has_form(text, "dddd-dd-ddTdd:dd:dd")) {
        return false;
    }
    struct tm utc = {0};
    const char *day_end = strptime(text, "%Y-%m-%d", &utc);
    const char *rest = day_end != NULL ? strptime(day_end + 1, "%H:%M:%S", &utc) : NULL;
    int ms = 0;
    int offset_s = 0;
    int64_t whole = 0;
    if (rest == NULL || !parse_offset(parse_fraction(rest, &ms), &offset_s) || !to_wall(&utc, &whole)) {
        return false;
    }
    *wall_ms = whole + ms - (int64_t)offset_s * 1000;
    return true;
}

bool clock_parse_http_date(const char *text, int64_t *wall_ms)
{
    struct tm utc = {0};
    const char *rest = strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &utc);
    return rest != NULL && *rest == '\0' && to_wall(&utc, wall_ms);
}
