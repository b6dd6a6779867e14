// Each call is a beat: a call that comes late after the one before begins a doubt, before it does anything else. A fence
// or a pause that was begun before the latest doubt ends none: the nonce is wiped, and the count of doubts differs.
#include "app/broker/receiver/freshness.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
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
    pthread_mutex_lock(&freshness->mutex);
    int64_t gap_ms = beat_locked(freshness, now);
    pthread_mutex_unlock(&freshness->mutex);
    return gap_ms;
}

void freshness_set_contact(struct freshness *freshness, const struct moment *contact)
{
    pthread_mutex_lock(&freshness->mutex);
    freshness->contact = *contact;
    freshness->has_contact = true;
    pthread_mutex_unlock(&freshness->mutex);
}

bool freshness_contact(struct freshness *freshness, struct moment *contact)
{
    pthread_mutex_lock(&freshness->mutex);
    bool known = freshness->has_contact;
    *contact = freshness->contact;
    pthread_mutex_unlock(&freshness->mutex);
    return known;
}

void freshness_connected(struct freshness *freshness, bool may_be_kept, const struct moment *now)
{
    pthread_mutex_lock(&freshness->mutex);
    (void)beat_locked(freshness, now);
    // Whatever was in doubt on the connection before is so no more: it comes again or never, and this is a new one.
    freshness->in_doubt = false;
    begin_doubt(freshness, freshness->has_contact ? &freshness->contact : NULL);
    freshness->in_doubt = may_be_kept;
    pthread_mutex_unlock(&freshness->mutex);
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
    pthread_mutex_lock(&freshness->mutex);
    *gap_ms = beat_locked(freshness, now);
    freshness->messages++;
    freshness->last_message_ms = now->boot_ms;
    int64_t age_ms = greatest_age_ms(freshness, now);
    if (!freshness->in_doubt) {
        freshness->contact = *now;
        freshness->has_contact = true;
    }
    pthread_mutex_unlock(&freshness->mutex);
    return age_ms;
}

int64_t freshness_message_done(struct freshness *freshness, const struct moment *came, const struct moment *now)
{
    pthread_mutex_lock(&freshness->mutex);
    int64_t taken_ms = now->boot_ms - came->boot_ms;
    bool slow = taken_ms > FRESHNESS_GAP_MS;
    if (slow) {
        begin_doubt(freshness, came);
    }
    int64_t gap_ms = beat_locked(freshness, now);
    pthread_mutex_unlock(&freshness->mutex);
    return slow ? taken_ms : gap_ms;
}

void freshness_expect_fence(struct freshness *freshness, const char *nonce, const struct moment *now)
{
    pthread_mutex_lock(&freshness->mutex);
    memcpy(freshness->nonce, nonce, sizeof freshness->nonce);
    freshness->nonce_sent = *now;
    pthread_mutex_unlock(&freshness->mutex);
}

bool freshness_take_fence(struct freshness *freshness, const char *payload, size_t len, const struct moment *now,
                          int64_t *gap_ms)
{
    pthread_mutex_lock(&freshness->mutex);
    *gap_ms = beat_locked(freshness, now);
    bool ours = len > 0 && len == strlen(freshness->nonce) && memcmp(payload, freshness->nonce, len) == 0;
    if (ours) {
        end_doubt(freshness, &freshness->nonce_sent);
    }
    pthread_mutex_unlock(&freshness->mutex);
    return ours;
}

struct freshness_mark freshness_mark(struct freshness *freshness, const struct moment *now)
{
    pthread_mutex_lock(&freshness->mutex);
    struct freshness_mark mark = {freshness->messages, freshness->doubts, *now};
    pthread_mutex_unlock(&freshness->mutex);
    return mark;
}

static bool is_quiet(const struct freshness *freshness, const struct freshness_mark *since)
{
    return freshness->messages == since->messages && freshness->doubts == since->doubts;
}

bool freshness_is_quiet(struct freshness *freshness, const struct freshness_mark *since)
{
    pthread_mutex_lock(&freshness->mutex);
    bool quiet = is_quiet(freshness, since);
    pthread_mutex_unlock(&freshness->mutex);
    return quiet;
}

bool freshness_take_pause(struct freshness *freshness, const struct freshness_mark *since, const struct moment *now,
                          int64_t *gap_ms)
{
    pthread_mutex_lock(&freshness->mutex);
    *gap_ms = beat_locked(freshness, now);
    bool quiet = is_quiet(freshness, since);
    if (quiet) {
        end_doubt(freshness, &since->taken);
    }
    pthread_mutex_unlock(&freshness->mutex);
    return quiet;
}

bool freshness_in_doubt(struct freshness *freshness)
{
    pthread_mutex_lock(&freshness->mutex);
    bool in_doubt = freshness->in_doubt;
    pthread_mutex_unlock(&freshness->mutex);
    return in_doubt;
}

int64_t freshness_last_message_ms(struct freshness *freshness)
{
    pthread_mutex_lock(&freshness->mutex);
    int64_t last_ms = freshness->last_message_ms;
    pthread_mutex_unlock(&freshness->mutex);
    return last_ms;
}
