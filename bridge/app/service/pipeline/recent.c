#include "app/service/pipeline/recent.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define MAX_BYTES ((size_t)8 * 1024 * 1024)

struct recent {
    struct hash_table commands;          // by key
    STAILQ_HEAD(, recent_command) ended; // oldest first
    struct recent_command *replied;      // the oldest that still has its reply
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
    STAILQ_INIT(&recent->ended);
    return recent;
}

static void free_command(struct recent_command *command)
{
    free(command->reply);
    free(command);
}

static void free_node(struct hash_node *node)
{
    free_command(OWNER_OF(node, struct recent_command, node));
}

void recent_destroy(struct recent *recent)
{
    hash_table_free(&recent->commands, free_node);
    free(recent);
}

static bool is_over(const struct recent *recent, const struct recent_command *command, const struct moment *now)
{
    return clock_elapsed_ms(&command->arrived, now) > recent->window_ms;
}

const struct recent_command *recent_find(const struct recent *recent, const unsigned char key[CRYPTO_SHA256_LEN],
                                         const struct moment *now)
{
    struct hash_node *node = hash_table_first(&recent->commands, hash_digest(key));
    for (; node != NULL; node = hash_table_next(node)) {
        const struct recent_command *command = OWNER_OF(node, struct recent_command, node);
        bool is_recent = command->entry != NULL || !is_over(recent, command, now);
        if (is_recent && memcmp(command->key, key, CRYPTO_SHA256_LEN) == 0) {
            return command;
        }
    }
    return NULL;
}

// The command stays known: it must not run twice because others had long replies.
static void forget_reply(struct recent *recent)
{
    struct recent_command *oldest = recent->replied;
    recent->replied = STAILQ_NEXT(oldest, ended);
    recent->ended_bytes -= strlen(oldest->reply);
    free(oldest->reply);
    oldest->reply = NULL;
}

static void forget_oldest(struct recent *recent)
{
    struct recent_command *oldest = STAILQ_FIRST(&recent->ended);
    if (recent->replied == oldest) {
        forget_reply(recent);
    }
    hash_table_remove(&recent->commands, &oldest->node);
    STAILQ_REMOVE_HEAD(&recent->ended, ended);
    recent->ended_count--;
    free_command(oldest);
}

struct recent_command *recent_add(struct recent *recent, const unsigned char key[CRYPTO_SHA256_LEN],
                                  const unsigned char hash[CRYPTO_SHA256_LEN], const struct moment *arrived,
                                  struct entry *entry)
{
    while (!STAILQ_EMPTY(&recent->ended) && is_over(recent, STAILQ_FIRST(&recent->ended), arrived)) {
        forget_oldest(recent);
    }
    struct recent_command *command = mem_alloc(sizeof *command);
    memcpy(command->key, key, CRYPTO_SHA256_LEN);
    memcpy(command->hash, hash, CRYPTO_SHA256_LEN);
    command->arrived = *arrived;
    command->entry = entry;
    hash_table_add(&recent->commands, &command->node, hash_digest(key));
    return command;
}

void recent_ended(struct recent *recent, struct recent_command *command, const char *reply)
{
    command->entry = NULL;
    command->reply = mem_strdup(reply);
    STAILQ_INSERT_TAIL(&recent->ended, command, ended);
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
