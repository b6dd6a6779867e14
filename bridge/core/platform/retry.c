#include "core/platform/retry.h"

#include <stdlib.h>
#include <string.h>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/str.h"

enum { FIRST_BACKOFF_MS = 500, LONGEST_BACKOFF_MS = 30000 };

static int64_t bounded(int64_t ms)
{
    return ms < 0 ? 0 : ms > RETRY_AFTER_MAX_MS ? RETRY_AFTER_MAX_MS : ms;
}

static int64_t of_retry_after(const char *text, int64_t now_wall_ms)
{
    int64_t seconds = 0;
    int64_t at_ms = 0;
    if (text[0] >= '0' && text[0] <= '9' && str_parse_int(text, &seconds) == ERR_OK) {
        return seconds > RETRY_AFTER_MAX_MS / 1000 ? RETRY_AFTER_MAX_MS : seconds * 1000;
    }
    return clock_parse_http_date(text, &at_ms) ? bounded(at_ms - now_wall_ms) : -1;
}

static int64_t of_rate_limit(const char *text)
{
    static const char name[] = "TimeLeft:";
    const char *at = strcasestr(text, name);
    if (at == NULL) {
        return -1;
    }
    at += strlen(name);
    at += strspn(at, " ");
    if (*at < '0' || *at > '9') {
        return -1;
    }
    return bounded(strtoll(at, NULL, 10));
}

int64_t retry_after_ms(const struct retry_headers *headers, int64_t now_wall_ms)
{
    const int64_t waits[] = {
        of_retry_after(headers->retry_after, now_wall_ms),
        of_rate_limit(headers->rate_limit_user),
        of_rate_limit(headers->rate_limit_user_api),
    };
    int64_t longest = -1;
    for (size_t i = 0; i < sizeof waits / sizeof *waits; i++) {
        longest = waits[i] > longest ? waits[i] : longest;
    }
    return longest;
}

bool retry_each_alone(enum api_class class)
{
    return class == API_REQUEST || class == API_DEVICE || class == API_DEVICE_OFFLINE;
}

int64_t retry_backoff_ms(int attempt, uint64_t random)
{
    int64_t longest = backoff_ms(attempt, FIRST_BACKOFF_MS, LONGEST_BACKOFF_MS);
    return (int64_t)(random % (uint64_t)(longest + 1));
}
