// Whether a call is tried again, and when: as the answer's headers say, and otherwise by chance. Pure.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/platform/api.h"

#define RETRY_AFTER_MAX_MS 3600000 // a server that asks for more is not believed

struct retry_headers {
    const char *retry_after;         // RFC 9110 section 10.2.3: seconds or an HTTP-date; "" if absent
    const char *rate_limit_user;     // X-RateLimit-User, as "Limit:500,Remain:0,TimeLeft:123,Reset:..."; TimeLeft in ms
    const char *rate_limit_user_api; // X-RateLimit-User-API, likewise
};

// The longest wait that the headers ask for, in milliseconds from now; -1 if they say nothing that can be read.
// `now_wall_ms` should be the server's time (its Date header) where an HTTP-date is meant, as our clock may be off.
int64_t retry_after_ms(const struct retry_headers *headers, int64_t now_wall_ms);

// True for a refusal of a folded call that may be due to one of its devices: each command is then tried alone. Not for
// a code that nobody knows, as it does not say that nothing ran.
bool retry_each_alone(enum api_class class);

// Full jitter: evenly spread over 0 to 500 ms doubled `attempt` times (0 for the first retry), at most 30 s. `random`
// is 64 random bits.
int64_t retry_backoff_ms(int attempt, uint64_t random);
