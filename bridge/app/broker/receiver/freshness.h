// How old may a message be that arrives now? A connection says nothing of it: the broker keeps messages while we are
// away, and the socket keeps them while this process does not run. So there are times of doubt, in which what arrives
// may be as old as the time since the last moment without doubt:
// - from a connect at which the broker may have kept messages for us;
// - from a gap, a time of more than FRESHNESS_GAP_MS in which this process did not run (SIGSTOP, a frozen container, a
//   suspended machine) or its callback did not return.
// A doubt ends when it is proved that all that was kept has come: by the fence, a message of our own that was published
// after the doubt began, as a connection carries its messages in their order; or by a pause
// (app/broker/subscription/fence.h).
//
// Any thread; each function holds one mutex for a moment. Time is an argument: CLOCK_BOOTTIME counts through suspend.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"

#define FRESHNESS_BEAT_MS 500
#define FRESHNESS_GAP_MS  2000

struct freshness;

struct freshness *freshness_create(const struct moment *now);
void freshness_destroy(struct freshness *freshness);

// This process runs. To be called every FRESHNESS_BEAT_MS by a thread that does nothing else, so that a gap is
// distinguished from a thread that is only busy; the functions below do it as well. Returns the length of the gap in ms
// if it was the first call after one, else 0: whoever watches for proofs must know, as no proof that was begun before
// the gap counts.
int64_t freshness_beat(struct freshness *freshness, const struct moment *now);

// The last moment without doubt, as an earlier process left it. Before the first connect.
void freshness_set_contact(struct freshness *freshness, const struct moment *contact);
// The same now; false if there is none.
bool freshness_contact(struct freshness *freshness, struct moment *contact);

// The commands connection was made. `may_be_kept`: the broker may have kept messages for us. Without a contact, or with
// a clock that was set back, they may be of any age.
void freshness_connected(struct freshness *freshness, bool may_be_kept, const struct moment *now);

// A message came from the socket (not the fence). Returns how old it may be, in ms: 0 without doubt, INT64_MAX for any
// age. *gap_ms is freshness_beat's result.
int64_t freshness_message(struct freshness *freshness, const struct moment *now, int64_t *gap_ms);
// It has been handled. If that took so long that what lies behind it in the socket is in doubt, that is a gap: returns
// its length, else 0.
int64_t freshness_message_done(struct freshness *freshness, const struct moment *came, const struct moment *now);

// The payload by which the fence is known that is about to be published.
void freshness_expect_fence(struct freshness *freshness, const char *nonce, const struct moment *now);
// A message on the fence's topic came. True if it is the expected one, and no doubt began since: what comes now is
// younger than the fence. *gap_ms as above.
bool freshness_take_fence(struct freshness *freshness, const char *payload, size_t len, const struct moment *now,
                          int64_t *gap_ms);

// A pause is proved between a mark and now: no message came meanwhile, and no doubt began.
struct freshness_mark {
    uint64_t messages;
    uint64_t doubts;
    struct moment taken;
};
struct freshness_mark freshness_mark(struct freshness *freshness, const struct moment *now);
bool freshness_is_quiet(struct freshness *freshness, const struct freshness_mark *since);
// The pause since the mark is proof enough. False, and nothing is changed, if it is none (any more). *gap_ms as above.
bool freshness_take_pause(struct freshness *freshness, const struct freshness_mark *since, const struct moment *now,
                          int64_t *gap_ms);

// Is there doubt? And the CLOCK_BOOTTIME at which the last message came, 0 if none has.
bool freshness_in_doubt(struct freshness *freshness);
int64_t freshness_last_message_ms(struct freshness *freshness);
