#include "io/outbox/outbox_internal.h"

#include <string.h>

#include "base/lock.h"
#include "base/mem.h"

#define PROOF_NOTE    "proof_of_writing"
#define PROOF_LEN     65536 // what is freed again stays with the file, for the next commands
#define PROOF_BUSY_MS 100

static int write_proof(struct outbox *outbox, void *text)
{
    sqlite3_stmt *statement = outbox->statements[SQL_SET_NOTE];
    outbox_bind_text(statement, 1, PROOF_NOTE);
    outbox_bind_text(statement, 2, text);
    return outbox_sql_run(statement);
}

static int delete_proof(struct outbox *outbox, void *context)
{
    (void)context;
    sqlite3_stmt *statement = outbox->statements[SQL_DELETE_NOTE];
    outbox_bind_text(statement, 1, PROOF_NOTE);
    return outbox_sql_run(statement);
}

enum err outbox_prove(struct outbox *outbox, struct diag *diag)
{
    AUTO_FREE char *text = mem_alloc(PROOF_LEN + 1);
    memset(text, '.', PROOF_LEN);
    AUTO_LOCK(&outbox->mutex);
    // It is tried again anyway, and the core has other things to do than to wait for another program.
    sqlite3_busy_timeout(outbox->db, PROOF_BUSY_MS);
    int code = outbox_sql_transaction(outbox, write_proof, text);
    if (code == SQLITE_DONE) {
        code = outbox_sql_transaction(outbox, delete_proof, NULL);
    }
    code = outbox->is_damaged ? SQLITE_CORRUPT : code;
    enum err err = outbox_sql_result(outbox->db, code, outbox->path, diag);
    sqlite3_busy_timeout(outbox->db, BUSY_TIMEOUT_MS);
    return err;
}
