#include "app/service/pipeline/pipeline_internal.h"

#include <stdlib.h>

#include "base/crypto.h"
#include "base/mem.h"

// What lives in memory only cannot wait for the next start.
static void reject_stopping(struct pipeline *pipeline, struct entry *entry, const struct moment *now)
{
    pipeline_reject(pipeline, entry, "bridge_stopping", "the bridge is being stopped; nothing was sent", now);
}

void pipeline_accept(struct pipeline *pipeline, struct arrival *arrival, const struct moment *now)
{
    pipeline_take(pipeline, entry_create(arrival), arrival->hash, now);
}

void pipeline_take(struct pipeline *pipeline, struct entry *entry, const unsigned char *hash, const struct moment *now)
{
    entry_list_add(&pipeline->entries, entry);
    if (entry->command->redelivery_of != 0) {
        pipeline_answer_redelivery(pipeline, entry, now);
        return;
    }
    entry->keep_done = pipeline_may_be_redelivered(pipeline, entry);
    if (entry->command->id_given && pipeline_answer_duplicate(pipeline, entry, hash, now)) {
        return;
    }
    if (entry->command->refusal.code != NULL) {
        pipeline_end_rejected(pipeline, entry, &entry->command->refusal, now);
        return;
    }
    if (pipeline->stopping && entry->row_id == 0) {
        reject_stopping(pipeline, entry, now);
        return;
    }
    pipeline_admit(pipeline, entry, now);
}

static void make_schedule(struct pipeline *pipeline)
{
    uint64_t seed = 0;
    crypto_random(&seed, sizeof seed);
    pipeline->schedule = schedule_create(seed);
    for (size_t i = 0; i < pipeline->options.platforms->count; i++) {
        struct platform *platform = &pipeline->options.platforms->items[i];
        struct schedule_account_options account = {.connections = (int)platform->config->connections,
                                                   .limits = platform->config->limits,
                                                   .limit_count = platform->config->limit_count};
        platform->schedule_account = schedule_add_account(pipeline->schedule, &account);
    }
    const struct mapping *mapping = pipeline->options.mapping;
    for (size_t i = 0; i < mapping_rule_count(mapping); i++) {
        const struct rule *rule = mapping_rule_at(mapping, i);
        if (rule_rate(rule) > 0) {
            schedule_set_rate(pipeline->schedule, rule_name(rule), rule_rate(rule));
        }
    }
}

struct pipeline *pipeline_create(const struct pipeline_options *options)
{
    struct pipeline *pipeline = mem_alloc(sizeof *pipeline);
    pipeline->options = *options;
    entry_list_init(&pipeline->entries);
    TAILQ_INIT(&pipeline->staged);
    TAILQ_INIT(&pipeline->running);
    STAILQ_INIT(&pipeline->replied);
    make_schedule(pipeline);
    const struct config *config = options->config;
    pipeline->recent = recent_create((size_t)config->outbox.dedupe_max, config->outbox.dedupe_window_ms);
    return pipeline;
}

void pipeline_set_broker(struct pipeline *pipeline, struct broker *broker)
{
    pipeline->broker = broker;
}

void pipeline_destroy(struct pipeline *pipeline)
{
    attempt_list_clear(&pipeline->staged);
    attempt_list_clear(&pipeline->running);
    entry_list_clear(&pipeline->entries);
    schedule_destroy(pipeline->schedule);
    recent_destroy(pipeline->recent);
    free(pipeline);
}

static void refuse_memory_commands(struct pipeline *pipeline, const struct moment *now)
{
    struct entry *next = NULL;
    for (struct entry *entry = TAILQ_FIRST(&pipeline->entries.all); entry != NULL; entry = next) {
        next = TAILQ_NEXT(entry, in_list);
        if (entry->row_id == 0 && entry->state == COMMAND_QUEUED) {
            reject_stopping(pipeline, entry, now);
        }
    }
}

void pipeline_stop(struct pipeline *pipeline, const struct moment *now)
{
    pipeline->stopping = true;
    pipeline_forget_platforms(pipeline);
    refuse_memory_commands(pipeline, now);
}

size_t pipeline_in_flight(const struct pipeline *pipeline)
{
    return schedule_in_flight(pipeline->schedule);
}

size_t pipeline_replies_due(const struct pipeline *pipeline)
{
    return pipeline->replies_due;
}

size_t pipeline_count(const struct pipeline *pipeline)
{
    return pipeline->entries.by_id.count;
}

int64_t pipeline_wait_ms(const struct pipeline *pipeline, const struct moment *now)
{
    if (pipeline->stopping) {
        return CLOCK_NEVER;
    }
    int64_t wait_ms = schedule_wait_ms(pipeline->schedule, now->boot_ms);
    if (LIST_EMPTY(&pipeline->watched)) {
        return wait_ms;
    }
    return clock_sooner(wait_ms, clock_later(pipeline->watch_at_ms, now->boot_ms) - now->boot_ms);
}
