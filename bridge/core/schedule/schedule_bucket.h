// Token buckets of the scheduler, and the rate of an action that adapts to throttling. Pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// At most `limit` calls in any second: tokens come at 0.97 of it, and max(1, 1 % of it) may be saved up, so that calls
// whose ways take some tens of milliseconds longer or shorter do not break it either.
struct bucket {
    double limit;         // per second
    int64_t interval_ns;  // between tokens
    int64_t tolerance_ns; // how much earlier than on average a token may be taken
    int64_t next_ns;      // when the next token would come on average
};
void bucket_set(struct bucket *bucket, double limit_per_second);
int64_t bucket_ready_ms(const struct bucket *bucket); // when a token is there
void bucket_take(struct bucket *bucket, int64_t now_ms);

// An action's part of an account's quota. Others may use the same account: each throttled answer lowers our share, and
// answered calls raise it again, slowly at first.
struct quota {
    bool has_limit;
    struct bucket bucket;
    double share;         // 0 to 1
    int64_t paused_ms;    // nothing leaves before
    int64_t cut_ms;       // when the share was last lowered
    size_t throttled_row; // cuts since the last answered call
    size_t answered_row;  // answered calls since the last cut
};
void quota_set(struct quota *quota, double limit_per_second); // 0: none
int64_t quota_ready_ms(const struct quota *quota);
// When the last of `count` (above 0) tokens is there, if they are taken as they come.
int64_t quota_ready_for_ms(const struct quota *quota, size_t count);
void quota_take(struct quota *quota, int64_t now_ms);
void quota_answered(struct quota *quota);
void quota_throttled(struct quota *quota, int64_t left_ms, int64_t now_ms);
void quota_pause(struct quota *quota, int64_t until_ms);
double quota_rate(const struct quota *quota, int64_t now_ms); // per second; -1: no limit
