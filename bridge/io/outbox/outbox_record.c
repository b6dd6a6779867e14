// The redelivery record: an entry for each command whose PUBACK is not proved to have arrived, in memory as in the
// table `delivery`.
//
// Each entry is in one of two lists and in one bucket, all three in the order of the entries' latest packets. `current`
// holds what came on the connection that is up: the broker may send such a packet again, but only with its packet id. A
// new connection moves all to `earlier`: any of them may be delivered again, and the packet that does it brings its
// entry back to `current`, as now that packet's PUBACK is the one to be proved. So an entry of `earlier` answers one
// packet, and in a bucket all entries of `earlier` stand before those of `current`.
//
// Packet ids do not distinguish packets of two connections, as some brokers number anew for each. But most keep them,
// as the standard demands, and then two equal commands, of which the second was lost on its way, are distinguished by
// theirs. So an id that no equal entry has means another command where it goes on from the last one and is above what
// was counted on this connection, or where the broker was seen to deliver again with a kept id above that.
#include "io/outbox/outbox_internal.h"

#include <string.h>

#include "base/fault.h"
#include "base/hash_table.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/mem.h"

#define EARLIER_PROCESS (-1)
#define FIRST_BUCKETS   64
// Messages that are not valid take packet ids without being counted, and of an earlier process only commands are known.
#define UNCOUNTED_MAX 16

// ---- lists

void outbox_record_init(struct record *record)
{
    TAILQ_INIT(&record->current.queue);
    TAILQ_INIT(&record->earlier.queue);
}

static struct unproved_list *list_of(struct record *record, const struct unproved *entry)
{
    return entry->connection == record->connection ? &record->current : &record->earlier;
}

// ---- buckets

static struct unproved_queue *bucket_of(const struct record *record, const unsigned char *hash)
{
    return &record->buckets[hash_digest(hash) & (record->bucket_count - 1)];
}

static void fill_buckets(struct record *record, const struct unproved_list *list)
{
    struct unproved *entry = NULL;
    TAILQ_FOREACH (entry, &list->queue, in_list) {
        TAILQ_INSERT_TAIL(bucket_of(record, entry->hash), entry, in_bucket);
    }
}

static void make_buckets(struct record *record, size_t count)
{
    free(record->buckets);
    record->buckets = mem_alloc(count * sizeof *record->buckets);
    record->bucket_count = count;
    for (size_t i = 0; i < count; i++) {
        TAILQ_INIT(&record->buckets[i]);
    }
    // In the order of their packets, which buckets keep.
    fill_buckets(record, &record->earlier);
    fill_buckets(record, &record->current);
}

// ---- entries

static void enter(struct record *record, struct unproved *entry)
{
    size_t count = record->current.count + record->earlier.count;
    if (count >= record->bucket_count) {
        make_buckets(record, record->bucket_count == 0 ? FIRST_BUCKETS : record->bucket_count * 2);
    }
    entry->position = ++record->position;
    struct unproved_list *list = list_of(record, entry);
    TAILQ_INSERT_TAIL(&list->queue, entry, in_list);
    list->count++;
    TAILQ_INSERT_TAIL(bucket_of(record, entry->hash), entry, in_bucket);
}

static void take_out(struct record *record, struct unproved *entry)
{
    struct unproved_list *list = list_of(record, entry);
    TAILQ_REMOVE(&list->queue, entry, in_list);
    list->count--;
    TAILQ_REMOVE(bucket_of(record, entry->hash), entry, in_bucket);
}

static void forget(struct record *record, struct unproved *entry)
{
    take_out(record, entry);
    free(entry);
}

static struct unproved *make(int64_t slot, uint16_t packet_id, const unsigned char *hash, int64_t command_id)
{
    struct unproved *entry = mem_alloc(sizeof *entry);
    entry->slot = slot;
    entry->packet_id = packet_id;
    entry->command_id = command_id;
    memcpy(entry->hash, hash, sizeof entry->hash);
    return entry;
}

void outbox_record_load(struct record *record, int64_t slot, uint16_t packet_id, const unsigned char *hash,
                        int64_t command_id)
{
    struct unproved *entry = make(slot, packet_id, hash, command_id);
    entry->connection = EARLIER_PROCESS;
    enter(record, entry);
    record->last_id = packet_id;
    record->knows_last_id = true;
}

static struct unproved *oldest_of(const struct record *record)
{
    return TAILQ_FIRST(TAILQ_EMPTY(&record->earlier.queue) ? &record->current.queue : &record->earlier.queue);
}

const struct unproved *outbox_record_excess(const struct record *record)
{
    return record->current.count + record->earlier.count < RECORD_MAX ? NULL : oldest_of(record);
}

static void make_room(struct record *record)
{
    if (!record->has_overflown) {
        record->has_overflown = true;
        LOG(LOG_WARN, "redelivery_record_full", LOG_N("commands", RECORD_MAX),
            LOG_S("hint",
                  "the broker has acknowledged nothing that this client published on its commands connection since"
                  " they came, so that they are not known to be settled; what it delivers again of older ones"
                  " will run again. Let this client write and read its fence topic"));
    }
    forget(record, oldest_of(record));
}

void outbox_record_add(struct record *record, uint16_t packet_id, const unsigned char *hash, int64_t command_id)
{
    if (outbox_record_excess(record) != NULL) {
        make_room(record);
    }
    struct unproved *entry = make(record->next_slot++, packet_id, hash, command_id);
    entry->connection = record->connection;
    enter(record, entry);
}

static void free_list(struct unproved_list *list)
{
    struct unproved *entry = NULL;
    while ((entry = TAILQ_FIRST(&list->queue)) != NULL) {
        TAILQ_REMOVE(&list->queue, entry, in_list);
        free(entry);
    }
}

void outbox_record_free(struct record *record)
{
    free_list(&record->current);
    free_list(&record->earlier);
    free(record->buckets);
}

// ---- matching

static bool is_equal(const struct unproved *entry, const unsigned char *hash)
{
    return memcmp(entry->hash, hash, DELIVERY_HASH_LEN) == 0;
}

static struct unproved *find_current(const struct record *record, const unsigned char *hash, uint16_t packet_id)
{
    struct unproved *entry = TAILQ_LAST(bucket_of(record, hash), unproved_queue);
    while (entry != NULL && entry->connection == record->connection) {
        if (entry->packet_id == packet_id && is_equal(entry, hash)) {
            return entry;
        }
        entry = TAILQ_PREV(entry, unproved_queue, in_bucket);
    }
    return NULL;
}

static struct unproved *find_earlier(const struct record *record, const unsigned char *hash, const uint16_t *id_or_null)
{
    struct unproved *entry = TAILQ_FIRST(bucket_of(record, hash));
    while (entry != NULL && entry->connection != record->connection) {
        if (is_equal(entry, hash) && (id_or_null == NULL || entry->packet_id == *id_or_null)) {
            return entry;
        }
        entry = TAILQ_NEXT(entry, in_bucket);
    }
    return NULL;
}

struct unproved *outbox_record_match(struct record *record, const struct message *message, const unsigned char *hash,
                                     bool by_content)
{
    bool can_match = message->qos > 0 && (message->dup || by_content) && record->bucket_count > 0;
    if (!can_match || FAULT_DEFECT("redelivery_forgotten")) {
        return NULL;
    }
    struct unproved *resent = message->dup ? find_current(record, hash, message->packet_id) : NULL;
    if (resent != NULL) {
        return resent;
    }
    struct unproved *same_id = find_earlier(record, hash, &message->packet_id);
    bool id_counts = message->dup && (record->has_kept_ids || record->goes_on);
    return same_id != NULL || id_counts ? same_id : find_earlier(record, hash, NULL);
}

enum outbox_append_result outbox_record_take(struct record *record, struct unproved *entry, uint16_t packet_id)
{
    if (entry->connection == record->connection) {
        return OUTBOX_RESENT;
    }
    bool kept_id = entry->packet_id == packet_id;
    record->has_kept_ids = record->has_kept_ids || (kept_id && packet_id > record->packets + UNCOUNTED_MAX);
    take_out(record, entry);
    entry->packet_id = packet_id;
    entry->connection = record->connection;
    enter(record, entry);
    return kept_id ? OUTBOX_REDELIVERED : OUTBOX_RENUMBERED;
}

// ---- for Paho's thread and the core

void outbox_begin_connection(struct outbox *outbox, bool session_present)
{
    struct record *record = &outbox->record;
    AUTO_LOCK(&outbox->mutex);
    // A broker without our session may be another one.
    record->has_kept_ids = record->has_kept_ids && session_present;
    record->knows_last_id = record->knows_last_id && session_present;
    record->goes_on = false;
    record->packets = 0;
    record->connection++;
    TAILQ_CONCAT(&record->earlier.queue, &record->current.queue, in_list);
    record->earlier.count += record->current.count;
    record->current.count = 0;
}

static void count_packet(struct record *record, uint16_t packet_id)
{
    uint16_t ahead = (uint16_t)(packet_id - record->last_id);
    record->packets++;
    record->goes_on = record->knows_last_id && ahead > 0 && ahead <= UNCOUNTED_MAX && packet_id > record->packets;
    if (!record->knows_last_id || (ahead > 0 && ahead <= UINT16_MAX / 2)) {
        record->last_id = packet_id;
        record->knows_last_id = true;
    }
}

void outbox_count_packet(struct outbox *outbox, uint16_t packet_id)
{
    AUTO_LOCK(&outbox->mutex);
    count_packet(&outbox->record, packet_id);
}

bool outbox_knows(struct outbox *outbox, const struct message *message)
{
    unsigned char hash[DELIVERY_HASH_LEN];
    message_hash(message, hash);
    AUTO_LOCK(&outbox->mutex);
    return outbox->record.earlier.count > 0 && find_earlier(&outbox->record, hash, NULL) != NULL;
}

struct outbox_unproved outbox_unproved(struct outbox *outbox)
{
    AUTO_LOCK(&outbox->mutex);
    return (struct outbox_unproved){.current = outbox->record.current.count,
                                    .earlier = outbox->record.earlier.count,
                                    .connection = outbox->record.connection,
                                    .position = outbox->record.position};
}

static bool is_proved(const struct unproved *entry, int64_t connection, int64_t position)
{
    return entry->connection == connection && entry->position <= position;
}

struct proved {
    int64_t *slots;
    size_t count;
};

// Those of one connection stand together, in the order of their packets.
static void collect(struct record *record, struct unproved_list *list, int64_t connection, int64_t position,
                    bool everything, struct proved *proved)
{
    struct unproved *next = NULL;
    for (struct unproved *entry = TAILQ_FIRST(&list->queue); entry != NULL; entry = next) {
        next = TAILQ_NEXT(entry, in_list);
        if (everything || is_proved(entry, connection, position)) {
            proved->slots[proved->count++] = entry->slot;
            forget(record, entry);
        } else if (entry->connection >= connection) {
            return;
        }
    }
}

void outbox_forget_proved(struct outbox *outbox, int64_t connection, int64_t position, bool earlier_too)
{
    struct record *record = &outbox->record;
    struct proved proved = {0};
    pthread_mutex_lock(&outbox->mutex);
    proved.slots = mem_alloc((record->current.count + record->earlier.count + 1) * sizeof *proved.slots);
    bool is_up = connection == record->connection;
    if (earlier_too || !is_up) {
        collect(record, &record->earlier, connection, position, is_up, &proved);
    }
    collect(record, &record->current, connection, position, false, &proved);
    pthread_mutex_unlock(&outbox->mutex);
    if (proved.count == 0) {
        free(proved.slots);
        return;
    }
    outbox_stage_proved(outbox, proved.slots, proved.count);
}
