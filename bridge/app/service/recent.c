#include "app/service/recent.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define SLOTS     16384
#define MAX_BYTES ((size_t)8 * 1024 * 1024)

struct recent {
    struct recent_command *slots[SLOTS];
    struct recent_command *ended; // oldest first
    struct recent_command **ended_end;
    struct recent_command *replied; // the oldest that still has its reply
    size_t ended_count;
    size_t ended_bytes; // of their replies
    size_t max_commands;
    int64_t window_ms;
};

struct recent *recent_create(size_t max_commands, int64_t window_ms)
{
    struct recent *recent = mem_alloc(sizeof *recent);
    recent->max_commands = max_commands;
    recent->window_ms = window_ms;
    recent->ended_end = &recent->ended;
    return recent;
}

static void free_command(struct recent_command *command)
{
    free(command->reply);
    free(command);
}

void recent_destroy(struct recent *recent)
{
    for (size_t i = 0; i < SLOTS; i++) {
        while (recent->slots[i] != NULL) {
            struct recent_command *next = recent->slots[i]->next_in_slot;
            free_command(recent->slots[i]);
            recent->slots[i] = next;
        }
    }
    free(recent);
}

// The key is a digest: any part of it is evenly spread.
static size_t slot_of(const unsigned char *key)
{
    return ((size_t)key[0] << 8 | key[1]) % SLOTS;
}

const struct recent_command *recent_find(const struct recent *recent, const unsigned char key[CRYPTO_SHA256_LEN],
                                         const struct moment *now)
{
    const struct recent_command *command = recent->slots[slot_of(key)];
    while (command != NULL && memcmp(command->key, key, CRYPTO_SHA256_LEN) != 0) {
        command = command->next_in_slot;
    }
    if (command == NULL || command->entry != NULL) {
        return command;
    }
    return clock_elapsed_ms(&command->arrived, now) <= recent->window_ms ? command : NULL;
}

static void forget_oldest(struct recent *recent)
{
    struct recent_command *oldest = recent->ended;
    struct recent_command **broker = &recent->slots[slot_of(oldest->key)];
    while (*broker != oldest) {
        broker = &(*broker)->next_in_slot;
    }
    *broker = oldest->next_in_slot;
    recent->ended = oldest->next_ended;
    recent->ended_end = recent->ended == NULL ? &recent->ended : recent->ended_end;
    recent->ended_count--;
    if (recent->replied == oldest) {
        recent->replied = oldest->next_ended;
    }
    if (oldest->reply != NULL) {
        recent->ended_bytes -= strlen(oldest->reply);
    }
    free_command(oldest);
}

// The command stays known: it must not run twice because others had long replies.
static void forget_reply(struct recent *recent)
{
    struct recent_command *oldest = recent->replied;
    recent->replied = oldest->next_ended;
    recent->ended_bytes -= strlen(oldest->reply);
    free(oldest->reply);
    oldest->reply = NULL;
}

static bool is_over(const struct recent *recent, const struct recent_command *command, const struct moment *now)
{
    return clock_elapsed_ms(&command->arrived, now) > recent->window_ms;
}

struct recent_command *recent_add(struct recent *recent, const unsigned char key[CRYPTO_SHA256_LEN],
                                  const unsigned char hash[CRYPTO_SHA256_LEN], const struct moment *arrived,
                                  struct entry *entry)
{
    while (recent->ended != NULL && is_over(recent, recent->ended, arrived)) {
        forget_oldest(recent);
    }
    struct recent_command **slot = &recent->slots[slot_of(key)];
    struct recent_command *command = mem_alloc(sizeof *command);
    memcpy(command->key, key, CRYPTO_SHA256_LEN);
    memcpy(command->hash, hash, CRYPTO_SHA256_LEN);
    command->arrived = *arrived;
    command->entry = entry;
    command->next_in_slot = *slot; // in front of one with the same key whose window has passed
    *slot = command;
    return command;
}

void recent_ended(struct recent *recent, struct recent_command *command, const char *reply)
{
    command->entry = NULL;
    command->reply = mem_strdup(reply);
    *recent->ended_end = command;
    recent->ended_end = &command->next_ended;
    recent->replied = recent->replied == NULL ? command : recent->replied;
    recent->ended_count++;
    recent->ended_bytes += strlen(reply);
    while (recent->ended_count > recent->max_commands) {
        forget_oldest(recent);
    }
    while (recent->ended_bytes > MAX_BYTES) {
        forget_reply(recent);
    }
}
