// A command that came before is not run again: it gets the reply of the one that came first, its original.
#include "app/service/pipeline/pipeline_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"

// What is known of the command that came first.
struct original {
    struct entry *entry; // or NULL, if it has ended
    bool same_payload;
    char *reply; // owned; NULL until it has ended, or if it cannot be read
};

static void answer_with(struct pipeline *pipeline, struct entry *entry, const struct original *original,
                        const struct moment *now)
{
    if (!original->same_payload) {
        pipeline_reject(pipeline, entry, "id_reused",
                        "this id came before on this topic with another payload; give each command an id of its own",
                        now);
    } else if (original->reply != NULL) {
        pipeline_set_reply(pipeline, entry, reply_duplicate(original->reply), NULL);
    } else if (original->entry != NULL) {
        entry->original = original->entry;
        LIST_INSERT_HEAD(&entry->original->duplicates, entry, in_duplicates);
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
                         const unsigned char *hash, const struct moment *now, struct original *original)
{
    struct diag diag;
    struct outbox_original stored = {0};
    if (outbox_find_original(pipeline->options.outbox, entry->row_id, key, hash, now,
                             pipeline->options.config->outbox.dedupe_window_ms, &stored, &diag) != ERR_OK) {
        LOG(LOG_ERROR, "outbox_unreadable", LOG_S("error", diag.text));
    }
    if (!stored.found) {
        return false;
    }
    struct entry *live = entry_list_find_row(&pipeline->entries, stored.id);
    char *reply = live != NULL ? mem_strdup_or_null(live->record.reply) : decode_reply(stored.reply);
    *original = (struct original){.entry = live, .same_payload = stored.same_message, .reply = reply};
    free(stored.reply);
    return true;
}

static bool find_in_memory(const struct pipeline *pipeline, const unsigned char *key, const unsigned char *hash,
                           const struct moment *now, struct original *original)
{
    const struct recent_command *found = recent_find(pipeline->recent, key, now);
    if (found == NULL) {
        return false;
    }
    *original = (struct original){.entry = found->entry,
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

bool pipeline_answer_duplicate(struct pipeline *pipeline, struct entry *entry, const unsigned char *hash,
                               const struct moment *now)
{
    unsigned char key[CRYPTO_SHA256_LEN];
    struct original known = {0};
    command_key(entry->command, key);
    if (!find_on_disk(pipeline, entry, key, hash, now, &known) && !find_in_memory(pipeline, key, hash, now, &known)) {
        if (entry_is_remembered(entry)) {
            remember(pipeline, entry, key, hash);
        }
        return false;
    }
    metrics_add(METRIC_COMMANDS_DUPLICATE, 1);
    answer_with(pipeline, entry, &known, now);
    free(known.reply);
    return true;
}

// The original is in the pipeline, or its row holds its reply.
void pipeline_answer_redelivery(struct pipeline *pipeline, struct entry *entry, const struct moment *now)
{
    int64_t original_id = entry->command->redelivery_of;
    struct entry *live = entry_list_find_row(&pipeline->entries, original_id);
    AUTO_FREE char *record = live == NULL ? outbox_read_reply(pipeline->options.outbox, original_id) : NULL;
    AUTO_FREE char *reply = live != NULL ? mem_strdup_or_null(live->record.reply) : decode_reply(record);
    if (live == NULL && reply == NULL) {
        pipeline_reject(
            pipeline, entry, "redelivered",
            "the broker delivered it again after a reconnect; it was taken before, and its reply is not kept"
            " any more",
            now);
        return;
    }
    answer_with(pipeline, entry, &(struct original){.entry = live, .same_payload = true, .reply = reply}, now);
}

bool pipeline_may_be_redelivered(const struct pipeline *pipeline, const struct entry *entry)
{
    return pipeline->options.config->mqtt.redelivery == CONFIG_BY_CONTENT && entry->row_id != 0 &&
           entry->command->redelivery_of == 0;
}
