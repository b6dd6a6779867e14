// A command is counted in the sum of its rule, and one in memory in the sum of those as well; each sum has its limits.
// The core takes the commands out again with the weight that they came in with.
#include "app/broker/receiver/waiting.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash_table.h"
#include "base/lock.h"
#include "base/mem.h"

#define MEMORY_OVERHEAD 512 // of a command in memory, beside its texts

struct sum {
    int64_t commands;
    int64_t bytes;
};

// Kept once its rule has had a command: there are as many as rules.
struct rule_sum {
    struct hash_node node;
    char *rule;
    struct sum sum;
};

struct waiting {
    struct waiting_limits limits;
    pthread_mutex_t mutex;   // guards what follows
    struct hash_table rules; // of struct rule_sum, by name
    struct sum memory;
    int64_t refusals;
};

struct waiting *waiting_create(const struct waiting_limits *limits)
{
    struct waiting *waiting = mem_alloc(sizeof *waiting);
    waiting->limits = *limits;
    pthread_mutex_init(&waiting->mutex, NULL);
    return waiting;
}

static void free_rule_sum(struct hash_node *node)
{
    struct rule_sum *sum = OWNER_OF(node, struct rule_sum, node);
    free(sum->rule);
    free(sum);
}

void waiting_destroy(struct waiting *waiting)
{
    hash_table_free(&waiting->rules, free_rule_sum);
    pthread_mutex_destroy(&waiting->mutex);
    free(waiting);
}

struct waiting_command waiting_weigh(const struct message *message, const struct command *command,
                                     const char *command_text)
{
    bool in_memory = message->qos == 0;
    size_t besides = in_memory ? MEMORY_OVERHEAD : message->payload_len;
    return (struct waiting_command){.rule = command->rule,
                                    .in_memory = in_memory,
                                    .bytes = (int64_t)(strlen(message->topic) + strlen(command_text) + besides)};
}

static struct sum *sum_of(struct waiting *waiting, const char *rule)
{
    uint64_t hash = hash_text(rule);
    for (struct hash_node *node = hash_table_first(&waiting->rules, hash); node != NULL; node = hash_table_next(node)) {
        struct rule_sum *found = OWNER_OF(node, struct rule_sum, node);
        if (strcmp(found->rule, rule) == 0) {
            return &found->sum;
        }
    }
    struct rule_sum *made = mem_alloc(sizeof *made);
    made->rule = mem_strdup(rule);
    hash_table_add(&waiting->rules, &made->node, hash);
    return &made->sum;
}

static bool fits(const struct sum *sum, int64_t bytes, double max_commands, double max_bytes)
{
    // A rule always has room for one command, however small its share.
    return sum->commands == 0 ||
           ((double)(sum->commands + 1) <= max_commands && (double)(sum->bytes + bytes) <= max_bytes);
}

static enum err look(struct waiting *waiting, const struct waiting_command *command, struct failure *why)
{
    const struct waiting_limits *limits = &waiting->limits;
    double commands = (double)limits->max_commands;
    double bytes = (double)limits->max_bytes;
    const struct sum *rule = sum_of(waiting, command->rule);
    if (!fits(rule, command->bytes, commands * limits->max_share, bytes * limits->max_share)) {
        failure_set(why, "outbox_full",
                    "%lld commands of the rule with %lld bytes wait, and one rule may have %g of %lld commands and %lld"
                    " bytes (outbox.max_share, outbox.max_commands, outbox.max_bytes); send it again later",
                    (long long)rule->commands, (long long)rule->bytes, limits->max_share,
                    (long long)limits->max_commands, (long long)limits->max_bytes);
        return ERR_FULL;
    }
    if (command->in_memory && !fits(&waiting->memory, command->bytes, commands, bytes)) {
        failure_set(why, "outbox_full",
                    "%lld QoS 0 commands with %lld bytes wait, and at most %lld with %lld bytes may"
                    " (outbox.max_commands, outbox.max_bytes); send it again later",
                    (long long)waiting->memory.commands, (long long)waiting->memory.bytes,
                    (long long)limits->max_commands, (long long)limits->max_bytes);
        return ERR_FULL;
    }
    return ERR_OK;
}

static void add(struct waiting *waiting, const struct waiting_command *command, int64_t sign)
{
    struct sum *sums[] = {sum_of(waiting, command->rule), command->in_memory ? &waiting->memory : NULL};
    for (size_t i = 0; i < COUNT_OF(sums); i++) {
        if (sums[i] != NULL) {
            sums[i]->commands += sign;
            sums[i]->bytes += sign * command->bytes;
        }
    }
}

enum err waiting_enter(struct waiting *waiting, const struct waiting_command *command, struct failure *why)
{
    AUTO_LOCK(&waiting->mutex);
    enum err err = look(waiting, command, why);
    if (err == ERR_OK) {
        add(waiting, command, 1);
    }
    return err;
}

void waiting_restore(struct waiting *waiting, const struct waiting_command *command)
{
    AUTO_LOCK(&waiting->mutex);
    add(waiting, command, 1);
}

void waiting_leave(struct waiting *waiting, const struct waiting_command *command)
{
    AUTO_LOCK(&waiting->mutex);
    add(waiting, command, -1);
}

bool waiting_enter_refusal(struct waiting *waiting)
{
    AUTO_LOCK(&waiting->mutex);
    bool has_room = waiting->refusals < waiting->limits.max_refusals;
    waiting->refusals += has_room ? 1 : 0;
    return has_room;
}

void waiting_leave_refusal(struct waiting *waiting)
{
    AUTO_LOCK(&waiting->mutex);
    waiting->refusals--;
}
