#include "app/service/entry/entry.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct entry *entry_create(struct arrival *arrival)
{
    struct entry *entry = mem_alloc(sizeof *entry);
    entry->row_id = arrival->row_id;
    entry->weight = arrival->weight;
    entry->arrived = arrival->arrived;
    entry->command = arrival->command;
    entry->calls = mem_alloc(arrival->command->call_count * sizeof *entry->calls);
    entry->outcomes = mem_alloc(arrival->command->call_count * sizeof *entry->outcomes);
    arrival->command = NULL;
    return entry;
}

void entry_free(struct entry *entry)
{
    if (entry == NULL) {
        return;
    }
    for (size_t i = 0; i < entry->command->call_count; i++) {
        call_outcome_clear(&entry->outcomes[i]);
    }
    free(entry->calls);
    free(entry->outcomes);
    free(entry->scheduled_calls);
    free(entry->outgoing);
    reply_record_clear(&entry->record);
    command_free(entry->command);
    free(entry);
}

bool entry_is_remembered(const struct entry *entry)
{
    const struct error_code *refusal = entry->command->refusal.code;
    return entry->command->id_given && (refusal == NULL || !refusal->retryable);
}

int64_t entry_deadline_ms(const struct entry *entry, const struct moment *now)
{
    int64_t elapsed = clock_elapsed_ms(&entry->arrived, now);
    if (elapsed < 0) {
        return 0;
    }
    return now->boot_ms + entry->command->lifetime_ms - elapsed;
}

struct reply_facts entry_facts(const struct entry *entry, const struct moment *now)
{
    int64_t elapsed = clock_elapsed_ms(&entry->arrived, now);
    return (struct reply_facts){
        .wall_ms = now->wall_ms, .duration_ms = elapsed < 0 ? 0 : elapsed, .attempts = entry->attempts};
}

static void add_outgoing(struct entry *entry, const struct outgoing *outgoing)
{
    entry->outgoing[entry->outgoing_count] = *outgoing;
    entry->outgoing[entry->outgoing_count].id = entry->command->id;
    entry->outgoing[entry->outgoing_count].rule = entry->command->rule;
    entry->outgoing[entry->outgoing_count].owner = entry;
    entry->outgoing_count++;
}

void entry_prepare_outgoing(struct entry *entry)
{
    const struct reply_record *record = &entry->record;
    entry->outgoing = mem_alloc((record->delivery_count + 1) * sizeof *entry->outgoing);
    if (record->progress != NULL && record->progress_topic != NULL) {
        add_outgoing(entry, &(struct outgoing){.topic = record->progress_topic, .payload = record->progress});
    }
    for (size_t i = 0; i < record->delivery_count; i++) {
        const struct delivery *delivery = &record->deliveries[i];
        add_outgoing(entry, &(struct outgoing){.topic = delivery->topic,
                                               .payload = record->reply,
                                               .correlation_data = delivery->correlation_data,
                                               .correlation_len = delivery->correlation_len});
    }
    entry->replies_due = entry->outgoing_count;
}
