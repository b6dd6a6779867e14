// A platform account ready for calls: its HTTP target and its signing key. Core thread.
#pragma once

#include <stddef.h>

#include "app/config/config.h"
#include "base/err.h"
#include "core/platform/sign.h"
#include "io/http/http.h"

struct platform {
    const struct config_platform *config; // borrowed
    struct http_target *target;
    struct crypto_mac_key *key;
    struct sign_account account;
    int64_t down_since_ms;      // wall time at which its breaker opened; 0: it can be used
    size_t schedule_account;    // its number in the scheduler
    int64_t clock_offset_ms;    // the platform's time minus ours, learned from an answer
    int secret_version;         // counts the changes of the secret
    int64_t throttled_until_ms; // CLOCK_BOOTTIME: until then a refusal may be due to the quota too
};

struct platform_set {
    struct platform *items;
    size_t count;
    int max_connections; // of all together
};

// Where the platform's requests go, with TLS prepared; the diag names the platform.
enum err platform_target_create(const struct config_platform *config, int64_t max_answer, struct http_target **out,
                                struct diag *diag) MUST_CHECK;
// Reads the secrets and prepares TLS. The diag says what and what to do; warnings are logged. The configuration must
// outlive the set.
enum err platform_set_create(const struct config *config, struct platform_set *out, struct diag *diag) MUST_CHECK;
void platform_set_clear(struct platform_set *set);
// The platform of that name, or NULL.
struct platform *platform_find(const struct platform_set *set, const char *name);

// For a request that was refused for its signature: reads the secret again. True if the one in use is now another than
// the one of `used_version`, with which the request was signed.
bool platform_read_secret_again(struct platform *platform, int used_version);
// For a request that was refused for its time: learns the offset from the answer's Date header. True if the one in use
// now differs by a second or more from `used_offset_ms`, with which the request was signed.
bool platform_learn_clock(struct platform *platform, const char *date, int64_t now_wall_ms, int64_t used_offset_ms);
