#include "core/schedule/schedule_bucket.h"

#include <math.h>

#define NS_PER_S  1000000000.0
#define NS_PER_MS 1000000

// Part of the limit that is used, and part of it that may leave at once after a pause.
#define USED_PART  0.97
#define BURST_PART 0.01
// A loop that wakes up late by so much loses nothing by it.
#define LATENESS_NS 3000000

static void use_share(struct bucket *bucket, double share)
{
    bucket->interval_ns = (int64_t)ceil(NS_PER_S / (bucket->limit * USED_PART * share));
}

void bucket_set(struct bucket *bucket, double limit_per_second)
{
    double burst = fmax(1.0, limit_per_second * BURST_PART);
    bucket->limit = limit_per_second;
    use_share(bucket, 1.0);
    bucket->tolerance_ns = (int64_t)((burst - 1.0) * (double)bucket->interval_ns) + LATENESS_NS;
}

int64_t bucket_ready_ms(const struct bucket *bucket)
{
    int64_t ready_ns = bucket->next_ns - bucket->tolerance_ns;
    return ready_ns <= 0 ? 0 : (ready_ns + NS_PER_MS - 1) / NS_PER_MS;
}

// What is saved up is bounded by the tolerance: the next token never lags behind by more.
void bucket_take(struct bucket *bucket, int64_t now_ms)
{
    int64_t now_ns = now_ms * NS_PER_MS;
    bucket->next_ns = (bucket->next_ns > now_ns ? bucket->next_ns : now_ns) + bucket->interval_ns;
}

// ---- quotas

#define LEAST_SHARE  0.01
#define CUT          0.125 // of the share, doubled for each further cut without an answered call between
#define GREATEST_CUT 0.5
#define CUT_EVERY_MS 1000
// Calls per second, for each answered call. Not a part of the limit: of bridges under one quota, those with less then
// come up to those with more; and a low limit, which chance alone breaks often, is not given up too far.
#define STEP         0.02
#define STEP_DOUBLES 300.0 // answered calls since the last cut, after which steps have become twice as large

void quota_set(struct quota *quota, double limit_per_second)
{
    *quota = (struct quota){.has_limit = limit_per_second > 0, .share = 1.0, .cut_ms = -CUT_EVERY_MS};
    if (quota->has_limit) {
        bucket_set(&quota->bucket, limit_per_second);
    }
}

int64_t quota_ready_ms(const struct quota *quota)
{
    int64_t ready_ms = quota->has_limit ? bucket_ready_ms(&quota->bucket) : 0;
    return ready_ms > quota->paused_ms ? ready_ms : quota->paused_ms;
}

int64_t quota_ready_for_ms(const struct quota *quota, size_t count)
{
    int64_t interval_ns = quota->has_limit ? quota->bucket.interval_ns : 0;
    return quota_ready_ms(quota) + (int64_t)((double)(count - 1) * (double)interval_ns / NS_PER_MS);
}

void quota_take(struct quota *quota, int64_t now_ms)
{
    if (quota->has_limit) {
        bucket_take(&quota->bucket, now_ms);
    }
}

static void set_share(struct quota *quota, double share)
{
    quota->share = fmin(1.0, fmax(LEAST_SHARE, share));
    use_share(&quota->bucket, quota->share);
}

void quota_answered(struct quota *quota)
{
    quota->throttled_row = 0;
    if (quota->has_limit && quota->share < 1.0) {
        double far = (double)quota->answered_row++ / STEP_DOUBLES;
        set_share(quota, quota->share + STEP / quota->bucket.limit * (1.0 + far * far));
    }
}

// A burst of refusals says one thing: calls that left before the last cut do not cut again.
void quota_throttled(struct quota *quota, int64_t left_ms, int64_t now_ms)
{
    if (!quota->has_limit || left_ms < quota->cut_ms || now_ms - quota->cut_ms < CUT_EVERY_MS) {
        return;
    }
    double cut = fmin(GREATEST_CUT, ldexp(CUT, (int)quota->throttled_row));
    quota->throttled_row++;
    quota->answered_row = 0;
    quota->cut_ms = now_ms;
    set_share(quota, quota->share * (1.0 - cut));
}

void quota_pause(struct quota *quota, int64_t until_ms)
{
    quota->paused_ms = until_ms > quota->paused_ms ? until_ms : quota->paused_ms;
}

double quota_rate(const struct quota *quota, int64_t now_ms)
{
    if (quota->paused_ms > now_ms) {
        return 0;
    }
    return quota->has_limit ? quota->bucket.limit * USED_PART * quota->share : -1;
}
