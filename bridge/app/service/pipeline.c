#include "app/service/pipeline_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "core/command/reply.h"

void pipeline_add(struct pipeline *pipeline, struct entry *entry)
{
    entry->previous = pipeline->last;
    *(pipeline->last == NULL ? &pipeline->entries : &pipeline->last->next) = entry;
    pipeline->last = entry;
    pipeline->count++;
}

static void release_room(struct pipeline *pipeline, const struct entry *entry)
{
    struct waiting_command counted = {
        .rule = entry->command->rule, .in_memory = entry->row_id == 0, .bytes = entry->weight};
    if (entry->weight > 0) {
        waiting_leave(pipeline->options.waiting, &counted);
    } else if (entry->row_id == 0) {
        waiting_leave_refusal(pipeline->options.waiting);
    }
}

void pipeline_remove(struct pipeline *pipeline, struct entry *entry)
{
    *(entry->previous == NULL ? &pipeline->entries : &entry->previous->next) = entry->next;
    *(entry->next == NULL ? &pipeline->last : &entry->next->previous) = entry->previous;
    pipeline->count--;
    release_room(pipeline, entry);
    entry_free(entry);
}

struct entry *pipeline_find(const struct pipeline *pipeline, int64_t row_id)
{
    struct entry *entry = pipeline->entries;
    while (entry != NULL && entry->row_id != row_id) {
        entry = entry->next;
    }
    return entry;
}

// The first command with an id that came again.
struct first {
    struct entry *entry; // or NULL, if it has ended
    bool same_payload;
    char *reply; // owned; NULL until it has ended, or if it cannot be read
};

static void answer_twin(struct pipeline *pipeline, struct entry *entry, const struct first *first,
                        const struct moment *now)
{
    if (!first->same_payload) {
        pipeline_reject(pipeline, entry, "id_reused",
                        "this id came before on this topic with another payload; give each command an id of its own",
                        now);
    } else if (first->reply != NULL) {
        pipeline_set_reply(pipeline, entry, reply_duplicate(first->reply), NULL);
    } else if (first->entry != NULL) {
        entry->next_duplicate = first->entry->duplicates;
        first->entry->duplicates = entry;
    } else {
        pipeline_reject(pipeline, entry, "id_reused",
                        "this id came before on this topic, and its reply is not kept any more", now);
    }
}

static char *decode_reply(const char *record_text)
{
    struct reply_record record = {0};
    if (record_text == NULL || reply_record_decode(record_text, &record) != ERR_OK) {
        return NULL;
    }
    char *reply = mem_strdup(record.reply);
    reply_record_clear(&record);
    return reply;
}

static bool find_on_disk(struct pipeline *pipeline, const struct entry *entry, const unsigned char *key,
                         const unsigned char *hash, const struct moment *now, struct first *first)
{
    struct diag diag;
    struct outbox_original original = {0};
    if (outbox_find_original(pipeline->options.outbox, entry->row_id, key, hash, now,
                             pipeline->options.config->outbox.dedupe_window_ms, &original, &diag) != ERR_OK) {
        LOG(LOG_ERROR, "outbox_unreadable", LOG_S("error", diag.text));
    }
    if (!original.found) {
        return false;
    }
    struct entry *live = pipeline_find(pipeline, original.id);
    char *reply = live != NULL ? mem_strdup_or_null(live->record.reply) : decode_reply(original.reply);
    *first = (struct first){.entry = live, .same_payload = original.same_message, .reply = reply};
    free(original.reply);
    return true;
}

static bool find_in_memory(const struct pipeline *pipeline, const unsigned char *key, const unsigned char *hash,
                           const struct moment *now, struct first *first)
{
    const struct recent_command *found = recent_find(pipeline->recent, key, now);
    if (found == NULL) {
        return false;
    }
    *first = (struct first){.entry = found->entry,
                            .same_payload = memcmp(found->hash, hash, CRYPTO_SHA256_LEN) == 0,
                            .reply = mem_strdup_or_null(found->reply)};
    return true;
}

static void remember(struct pipeline *pipeline, struct entry *entry, const unsigned char *key,
                     const unsigned char *hash)
{
    if (entry->row_id == 0) {
        entry->recent = recent_add(pipeline->recent, key, hash, &entry->arrived, entry);
        return;
    }
    entry->keep_done = true;
    outbox_stage_key(pipeline->options.outbox, entry->row_id, key, hash);
}

// A command whose id came before is not run. True if it has been dealt with.
static bool answer_duplicate(struct pipeline *pipeline, struct entry *entry, const unsigned char *hash,
                             const struct moment *now)
{
    unsigned char key[CRYPTO_SHA256_LEN];
    struct first first = {0};
    command_key(entry->command, key);
    if (!find_on_disk(pipeline, entry, key, hash, now, &first) && !find_in_memory(pipeline, key, hash, now, &first)) {
        if (entry_is_remembered(entry)) {
            remember(pipeline, entry, key, hash);
        }
        return false;
    }
    metrics_add(METRIC_COMMANDS_DUPLICATE, 1);
    answer_twin(pipeline, entry, &first, now);
    free(first.reply);
    return true;
}

// The broker has delivered it again, and it got a row only to be answered. The first is in the pipeline, or its row
// holds its reply.
static void answer_redelivery(struct pipeline *pipeline, struct entry *entry, const struct moment *now)
{
    int64_t first_id = entry->command->redelivery_of;
    struct entry *live = pipeline_find(pipeline, first_id);
    AUTO_FREE char *record = live == NULL ? outbox_read_reply(pipeline->options.outbox, first_id) : NULL;
    AUTO_FREE char *reply = live != NULL ? mem_strdup_or_null(live->record.reply) : decode_reply(record);
    if (live == NULL && reply == NULL) {
        pipeline_reject(
            pipeline, entry, "redelivered",
            "the broker delivered it again after a reconnect; it was taken before, and its reply is not kept"
            " any more",
            now);
        return;
    }
    answer_twin(pipeline, entry, &(struct first){.entry = live, .same_payload = true, .reply = reply}, now);
}

bool pipeline_may_be_redelivered(const struct pipeline *pipeline, const struct entry *entry)
{
    return pipeline->options.config->mqtt.redelivery == CONFIG_BY_CONTENT && entry->row_id != 0 &&
           entry->command->redelivery_of == 0;
}

struct entry *pipeline_scheduled_entry(uint64_t id)
{
    return (struct entry *)(uintptr_t)id; // NOLINT(performance-no-int-to-ptr): made by enter_schedule
}

// All in which commands must be equal to be folded, but for platform and action, which the scheduler knows.
static char *fold_key(const struct command *command)
{
    struct buf key = {0};
    const struct parameters *parameters = &command->calls[0].parameters;
    buf_text(&key, command->idempotent ? "again" : "once");
    for (size_t i = 0; i < parameters->count; i++) {
        if (strcmp(parameters->items[i].name, "DeviceName") != 0) {
            buf_printf(&key, "\n%s=%s", parameters->items[i].name, parameters->items[i].value);
        }
    }
    return buf_steal(&key);
}

static bool can_fold(const struct command *command)
{
    return command->batch_window_ms > 0 && command->batch_max > 1 && command->call_count == 1 &&
           command->device_count == 1 && strcmp(command->calls[0].action, SINGLE_ACTION) == 0;
}

// A newer command with the same key replaces an older one that waits.
static char *latest_key(const struct command *command)
{
    struct buf key = {0};
    buf_printf(&key, "%s\n%s\n%s\n%s", command->rule, command->product_key != NULL ? command->product_key : "",
               command->iot_id != NULL ? command->iot_id : "", command->identifier != NULL ? command->identifier : "");
    for (size_t i = 0; i < command->device_count; i++) {
        buf_printf(&key, "\n%s", command->device_names[i]);
    }
    return buf_steal(&key);
}

static struct schedule_call *waiting_calls(struct entry *entry, size_t *count)
{
    size_t all = entry->command->call_count;
    struct schedule_call *calls = mem_alloc(all * sizeof *calls);
    entry->scheduled_calls = mem_alloc(all * sizeof *entry->scheduled_calls);
    *count = 0;
    for (size_t i = 0; i < all; i++) {
        if (entry->calls[i].state == COMMAND_QUEUED) {
            entry->scheduled_calls[*count] = i;
            calls[(*count)++] = (struct schedule_call){.action = entry->command->calls[i].action,
                                                       .devices = entry->command->calls[i].device_count};
        }
    }
    return calls;
}

// A device's lane belongs to one platform: its namesake on another is another device. A rule's lane is one for all, so
// that it holds when the rule's platform changes. Made here and not where the command is mapped: what the version
// before has stored gets the same names.
static char **lanes_of(const struct command *command)
{
    char **lanes = mem_alloc((command->lane_count + 1) * sizeof *lanes);
    for (size_t i = 0; i < command->lane_count; i++) {
        const char *lane = command->lanes[i];
        lanes[i] = command->order == ORDER_RULE ? mem_strdup(lane) : mem_printf("%s\n%s", command->platform, lane);
    }
    return lanes;
}

static void free_lanes(char **lanes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(lanes[i]);
    }
    free(lanes);
}

static void enter_schedule(struct pipeline *pipeline, struct entry *entry, size_t account, const struct moment *now)
{
    const struct command *command = entry->command;
    size_t count = 0;
    AUTO_FREE struct schedule_call *calls = waiting_calls(entry, &count);
    AUTO_FREE char *key = can_fold(command) ? fold_key(command) : NULL;
    AUTO_FREE char *latest = command->latest_only ? latest_key(command) : NULL;
    char **lanes = lanes_of(command);
    struct schedule_fold fold = {.key = key,
                                 .device = key != NULL ? command->device_names[0] : NULL,
                                 .action = FOLDED_ACTION,
                                 .window_ms = command->batch_window_ms,
                                 .max = (size_t)command->batch_max};
    struct schedule_command entered = {
        .id = (uint64_t)(uintptr_t)entry,
        .account = account,
        .rule = command->rule,
        .lanes = (const char *const *)lanes,
        .lane_count = command->lane_count,
        .deadline_ms = entry_deadline_ms(entry, now),
        .calls = calls,
        .call_count = count,
        .latest = latest,
        .fold = key != NULL ? &fold : NULL,
    };
    entry->scheduled = true;
    schedule_enter(pipeline->schedule, &entered);
    free_lanes(lanes, command->lane_count);
}

void pipeline_admit(struct pipeline *pipeline, struct entry *entry, const struct moment *now)
{
    const struct platform *platform = platform_find(pipeline->options.platforms, entry->command->platform);
    if (platform == NULL) {
        pipeline_end_homeless(pipeline, entry, now);
        return;
    }
    entry->overdue = entry_deadline_ms(entry, now) <= now->boot_ms;
    enter_schedule(pipeline, entry, platform->schedule_account, now);
    if (entry->command->progress && entry->command->ack_topic != NULL) {
        pipeline_watch(pipeline, entry);
    }
}

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
    pipeline_add(pipeline, entry);
    if (entry->command->redelivery_of != 0) {
        answer_redelivery(pipeline, entry, now);
        return;
    }
    entry->keep_done = pipeline_may_be_redelivered(pipeline, entry);
    if (entry->command->id_given && answer_duplicate(pipeline, entry, hash, now)) {
        return;
    }
    if (entry->command->refusal.code != NULL) {
        pipeline_end_refused(pipeline, entry, now);
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
    pipeline->replied_end = &pipeline->replied;
    pipeline->staged_end = &pipeline->staged;
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
    pipeline_attempts_free(pipeline->staged);
    pipeline_attempts_free(pipeline->running);
    while (pipeline->entries != NULL) {
        struct entry *next = pipeline->entries->next;
        entry_free(pipeline->entries);
        pipeline->entries = next;
    }
    schedule_destroy(pipeline->schedule);
    recent_destroy(pipeline->recent);
    free(pipeline);
}

static void refuse_memory_commands(struct pipeline *pipeline, const struct moment *now)
{
    struct entry *next = NULL;
    for (struct entry *entry = pipeline->entries; entry != NULL; entry = next) {
        next = entry->next;
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
    return pipeline->count;
}

int64_t pipeline_wait_ms(const struct pipeline *pipeline, const struct moment *now)
{
    if (pipeline->stopping) {
        return -1;
    }
    int64_t wait_ms = schedule_wait_ms(pipeline->schedule, now->boot_ms);
    int64_t watch_ms = pipeline->watched == NULL ? -1 : pipeline->watch_at_ms - now->boot_ms;
    if (watch_ms < 0) {
        return pipeline->watched == NULL ? wait_ms : 0;
    }
    return wait_ms >= 0 && wait_ms < watch_ms ? wait_ms : watch_ms;
}
