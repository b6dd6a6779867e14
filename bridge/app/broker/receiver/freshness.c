// Each call is a beat: a call that comes late after the one before begins a doubt, before it does anything else. A
// fence or a pause that was begun before the latest doubt ends none: the nonce is wiped, and the count of doubts
// differs.
#include "app/broker/receiver/freshness.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/lock.h"
#include "base/mem.h"

struct freshness {
    pthread_mutex_t mutex; // guards what follows
    struct moment beat;    // this process ran
    bool in_doubt;
    bool has_since; // of the doubt; without it, what comes may be of any age
    struct moment since;
    bool has_contact;
    struct moment contact;
    uint64_t doubts;   // that have begun
    uint64_t messages; // that have come
    int64_t last_message_ms;
    char nonce[CRYPTO_NONCE_LEN];
    struct moment nonce_sent;
};

struct freshness *freshness_create(const struct moment *now)
{
    struct freshness *freshness = mem_alloc(sizeof *freshness);
    *freshness = (struct freshness){.beat = *now};
    pthread_mutex_init(&freshness->mutex, NULL);
    return freshness;
}

void freshness_destroy(struct freshness *freshness)
{
    if (freshness != NULL) {
        pthread_mutex_destroy(&freshness->mutex);
        free(freshness);
    }
}

// A fence that is under way was published before the doubt, so it proves nothing about it. A doubt within another one
// goes on since the older moment.
static void begin_doubt(struct freshness *freshness, const struct moment *since_or_null)
{
    freshness->nonce[0] = '\0';
    freshness->doubts++;
    if (!freshness->in_doubt) {
        freshness->in_doubt = true;
        freshness->has_since = since_or_null != NULL;
        freshness->since = since_or_null != NULL ? *since_or_null : (struct moment){0};
    }
}

static void end_doubt(struct freshness *freshness, const struct moment *contact)
{
    freshness->in_doubt = false;
    freshness->contact = *contact;
    freshness->has_contact = true;
}

static int64_t beat_locked(struct freshness *freshness, const struct moment *now)
{
    int64_t silence_ms = now->boot_ms - freshness->beat.boot_ms;
    bool gap = silence_ms > FRESHNESS_GAP_MS;
    if (gap) {
        begin_doubt(freshness, &freshness->beat);
    }
    // Two threads may have read the clock in the other order than they came here.
    if (silence_ms > 0) {
        freshness->beat = *now;
    }
    return gap ? silence_ms : 0;
}

int64_t freshness_beat(struct freshness *freshness, const struct moment *now)
{
    AUTO_LOCK(&freshness->mutex);
    return beat_locked(freshness, now);
}

void freshness_set_contact(struct freshness *freshness, const struct moment *contact)
{
    AUTO_LOCK(&freshness->mutex);
    freshness->contact = *contact;
    freshness->has_contact = true;
}

bool freshness_contact(struct freshness *freshness, struct moment *contact)
{
    AUTO_LOCK(&freshness->mutex);
    *contact = freshness->contact;
    return freshness->has_contact;
}

void freshness_connected(struct freshness *freshness, bool may_be_kept, const struct moment *now)
{
    AUTO_LOCK(&freshness->mutex);
    (void)beat_locked(freshness, now);
    // Whatever was in doubt on the connection before is so no more: it comes again or never, and this is a new one.
    freshness->in_doubt = false;
    begin_doubt(freshness, freshness->has_contact ? &freshness->contact : NULL);
    freshness->in_doubt = may_be_kept;
}

static int64_t greatest_age_ms(const struct freshness *freshness, const struct moment *now)
{
    if (!freshness->in_doubt) {
        return 0;
    }
    int64_t age_ms = freshness->has_since ? clock_elapsed_ms(&freshness->since, now) : -1;
    return age_ms >= 0 ? age_ms : INT64_MAX;
}

int64_t freshness_message(struct freshness *freshness, const struct moment *now, int64_t *gap_ms)
{
    AUTO_LOCK(&freshness->mutex);
    *gap_ms = beat_locked(freshness, now);
    freshness->messages++;
    freshness->last_message_ms = now->boot_ms;
    int64_t age_ms = greatest_age_ms(freshness, now);
    if (!freshness->in_doubt) {
        freshness->contact = *now;
        freshness->has_contact = true;
    }
    return age_ms;
}

int64_t freshness_message_done(struct freshness *freshness, const struct moment *came, const struct moment *now)
{
    AUTO_LOCK(&freshness->mutex);
    int64_t taken_ms = now->boot_ms - came->boot_ms;
    bool slow = taken_ms > FRESHNESS_GAP_MS;
    if (slow) {
        begin_doubt(freshness, came);
    }
    int64_t gap_ms = beat_locked(freshness, now);
    return slow ? taken_ms : gap_ms;
}

void freshness_expect_fence(struct freshness *freshness, const char *nonce, const struct moment *now)
{
    AUTO_LOCK(&freshness->mutex);
    memcpy(freshness->nonce, nonce, sizeof freshness->nonce);
    freshness->nonce_sent = *now;
}

bool freshness_take_fence(struct freshness *freshness, const char *payload, size_t len, const struct moment *now,
                          int64_t *gap_ms)
{
    AUTO_LOCK(&freshness->mutex);
    *gap_ms = beat_locked(freshness, now);
    bool ours = len > 0 && len == strlen(freshness->nonce) && memcmp(payload, freshness->nonce, len) == 0;
    if (ours) {
        end_doubt(freshness, &freshness->nonce_sent);
    }
    return ours;
}

struct freshness_mark freshness_mark(struct freshness *freshness, const struct moment *now)
{
    AUTO_LOCK(&freshness->mutex);
    return (struct freshness_mark){freshness->messages, freshness->doubts, *now};
}

static bool is_quiet(const struct freshness *freshness, const struct freshness_mark *since)
{
    return freshness->messages == since->messages && freshness->doubts == since->doubts;
}

bool freshness_is_quiet(struct freshness *freshness, const struct freshness_mark *since)
{
    AUTO_LOCK(&freshness->mutex);
    return is_quiet(freshness, since);
}

bool freshness_take_pause(struct freshness *freshness, const struct freshness_mark *since, const struct moment *now,
                          int64_t *gap_ms)
{
    AUTO_LOCK(&freshness->mutex);
    *gap_ms = beat_locked(freshness, now);
    bool quiet = is_quiet(freshness, since);
    if (quiet) {
        end_doubt(freshness, &since->taken);
    }
    return quiet;
}

bool freshness_in_doubt(struct freshness *freshness)
{
    AUTO_LOCK(&freshness->mutex);
    return freshness->in_doubt;
}

int64_t freshness_last_message_ms(struct freshness *freshness)
{
    AUTO_LOCK(&freshness->mutex);
    return freshness->last_message_ms;
}
