#include "io/outbox/outbox_internal.h"

#include "base/mem.h"

// Sizes are counted as outbox_append and the staged changes count them.
static const char live_sql[] =
    "SELECT id, state, refusal IS NOT NULL, EXISTS(SELECT 1 FROM call WHERE command_id = command.id),"
    " length(CAST(topic AS BLOB)) + ifnull(length(CAST(response_topic AS BLOB)), 0)"
    " + ifnull(length(correlation_data), 0),"
    " length(payload) + ifnull(length(properties), 0),"
    " ifnull(length(CAST(plan AS BLOB)), 0), ifnull(length(CAST(reply AS BLOB)), 0)"
    " FROM command WHERE state <> 3 ORDER BY id";

static void read_live(struct outbox *outbox, sqlite3_stmt *statement)
{
    struct live_facts facts = {.state = (enum command_state)sqlite3_column_int(statement, 1),
                               .refused = sqlite3_column_int(statement, 2) != 0,
                               .has_calls = sqlite3_column_int(statement, 3) != 0,
                               .head_bytes = sqlite3_column_int64(statement, 4),
                               .payload_bytes = sqlite3_column_int64(statement, 5),
                               .command_bytes = sqlite3_column_int64(statement, 6),
                               .reply_bytes = sqlite3_column_int64(statement, 7)};
    outbox_live_add(&outbox->live, sqlite3_column_int64(statement, 0), &facts);
    outbox_live_count(&outbox->counts, &facts, 1);
}

static void read_totals(struct outbox *outbox, sqlite3_stmt *statement)
{
    outbox->next_id = sqlite3_column_int64(statement, 0) + 1;
    outbox->counts.done = sqlite3_column_int64(statement, 1);
}

static void read_delivery(struct outbox *outbox, sqlite3_stmt *statement)
{
    const void *hash = sqlite3_column_blob(statement, 2);
    if (sqlite3_column_bytes(statement, 2) == DELIVERY_HASH_LEN) {
        outbox_record_load(&outbox->record, sqlite3_column_int64(statement, 0),
                           (uint16_t)sqlite3_column_int(statement, 1), hash, sqlite3_column_int64(statement, 3));
    }
}

// Slots of an earlier version stand below its numbers.
static void read_next_slot(struct outbox *outbox, sqlite3_stmt *statement)
{
    outbox->record.next_slot = sqlite3_column_int64(statement, 0);
}

static enum err for_each(struct outbox *outbox, const char *sql,
                         void (*read)(struct outbox *outbox, sqlite3_stmt *statement), struct diag *diag)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(outbox->db, sql, -1, &statement, NULL);
    if (code == SQLITE_OK) {
        code = sqlite3_step(statement);
    }
    for (; code == SQLITE_ROW; code = sqlite3_step(statement)) {
        read(outbox, statement);
    }
    sqlite3_finalize(statement);
    return outbox_sql_result(outbox->db, code, outbox->path, diag);
}

enum err outbox_memory_read(struct outbox *outbox, struct diag *diag)
{
    static const struct {
        const char *sql;
        void (*read)(struct outbox *outbox, sqlite3_stmt *statement);
    } parts[] = {
        {live_sql, read_live},
        {"SELECT slot, packet_id, hash, command_id FROM delivery ORDER BY number", read_delivery},
        {"SELECT ifnull(max(max(number), max(slot)), -1) + 1 FROM delivery", read_next_slot},
        {"SELECT ifnull(max(id), 0), (SELECT count(*) FROM command WHERE state = 3) FROM command", read_totals},
    };
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < COUNT_OF(parts); i++) {
        err = for_each(outbox, parts[i].sql, parts[i].read, diag);
    }
    return err;
}
