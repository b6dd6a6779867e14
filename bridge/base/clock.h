// Time as the bridge stores and compares it. Nothing outside base/clock.c and tests reads a system clock.
#pragma once

#include <stdbool.h>
#include <stdint.h>

// CLOCK_BOOTTIME counts through suspend and is not moved by setting the date, but starts anew at boot: so all three are
// kept.
struct moment {
    char boot_id[37]; // text of /proc/sys/kernel/random/boot_id
    int64_t boot_ms;  // CLOCK_BOOTTIME
    int64_t wall_ms;  // milliseconds since 1970-01-01T00:00:00Z
};

struct moment clock_now(void);

// Milliseconds from `then` to `now`: by CLOCK_BOOTTIME within one boot (0 if another thread took `then` a moment after
// `now`), by wall time after a reboot. Negative only after a reboot, when the wall clock stands before `then`.
int64_t clock_elapsed_ms(const struct moment *then, const struct moment *now);

// A time that does not come, or a wait without an end.
#define CLOCK_NEVER INT64_MAX

// Of two times, or of two lengths.
static inline int64_t clock_sooner(int64_t a, int64_t b)
{
    return a < b ? a : b;
}
static inline int64_t clock_later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

#define CLOCK_ISO_LEN 25
// "2026-11-21T19:07:31.123Z"
void clock_iso_ms(int64_t wall_ms, char out[CLOCK_ISO_LEN]);
// "2026-11-21T19:07:31Z", as the platform's Timestamp wants it
void clock_iso_s(int64_t wall_ms, char out[CLOCK_ISO_LEN]);
// RFC 3339 date-time with Z or an offset, fraction optional.
bool clock_parse_iso(const char *text, int64_t *wall_ms);
// HTTP-date in the preferred form of RFC 9110 section 5.6.7: "Sat, 21 Nov 2026 19:07:31 GMT".
bool clock_parse_http_date(const char *text, int64_t *wall_ms);
