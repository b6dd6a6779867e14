// QoS 0 commands by id, so that their duplicates are known as well (design, section 6). Memory only: like the commands
// themselves they end with the process. Core thread.
//
// Bounded: of the commands that have ended the newest `max_commands` are kept for the window, and of these the newest
// replies up to 8 MiB; those under way are bounded by waiting.h.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/hash_table.h"

struct recent; // all of them
struct entry;

struct recent_command {
    struct hash_node node;
    STAILQ_ENTRY(recent_command) ended;
    unsigned char key[CRYPTO_SHA256_LEN];  // command_key
    unsigned char hash[CRYPTO_SHA256_LEN]; // of the payload
    struct moment arrived;
    struct entry *entry; // NULL once it has ended
    char *reply;         // NULL until then, and again when newer replies took its room
};

struct recent *recent_create(size_t max_commands, int64_t window_ms);
void recent_destroy(struct recent *recent);
// The command with this key that arrived within the window before `now`, or NULL. Borrowed until the next recent_ended.
const struct recent_command *recent_find(const struct recent *recent, const unsigned char key[CRYPTO_SHA256_LEN],
                                         const struct moment *now);
// Remembers a command under way. Borrowed until recent_ended, which must follow before the entry is freed.
struct recent_command *recent_add(struct recent *recent, const unsigned char key[CRYPTO_SHA256_LEN],
                                  const unsigned char hash[CRYPTO_SHA256_LEN], const struct moment *arrived,
                                  struct entry *entry);
// Keeps a copy of its final reply, and forgets the oldest above the limits.
void recent_ended(struct recent *recent, struct recent_command *command, const char *reply);
