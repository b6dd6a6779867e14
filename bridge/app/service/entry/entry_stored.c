// A command as the outbox has it: for the start of the service, and for a tool while no service runs. Its states are
// set here as they are on disk; only pipeline_state.c changes them later.
#include "app/service/entry/entry.h"

// A note has the attempts of the whole command at its time: the latest has the most.
static void restore_note(struct entry *entry, size_t call, const char *text)
{
    struct retry_note note;
    if (retry_note_decode(text, &note) == ERR_OK) {
        entry->attempts = note.attempts > entry->attempts ? note.attempts : entry->attempts;
        entry->calls[call].last = note.failure;
        entry->calls[call].may_have_run = note.may_have_run;
    }
}

enum err entry_create_stored(const struct outbox_row *row, struct entry **out, struct diag *diag)
{
    struct arrival arrival = {.row_id = row->id, .arrived = row->arrived};
    *diag = (struct diag){0};
    if (row->command_text == NULL || command_decode(row->command_text, &arrival.command, diag) != ERR_OK) {
        return ERR_SYNTAX;
    }
    struct entry *entry = entry_create(&arrival);
    entry->state = row->state;
    if (row->state == COMMAND_QUEUED && row->note != NULL && entry->command->call_count > 0) {
        restore_note(entry, 0, row->note);
    }
    *out = entry;
    return ERR_OK;
}

static void restore_call(struct entry *entry, const struct outbox_call *stored)
{
    struct entry_call *call = &entry->calls[stored->call];
    // A command of one call has its state itself.
    call->state = entry->command->call_count == 1 ? entry->state : stored->state;
    if (call->state != COMMAND_DONE) {
        if (stored->note != NULL) {
            restore_note(entry, (size_t)stored->call, stored->note);
        }
        return;
    }
    if (stored->note != NULL && call_outcome_decode(stored->note, &entry->outcomes[stored->call]) == ERR_OK) {
        entry->calls_done++;
    } else {
        call->state = COMMAND_SENT; // its outcome cannot be read: it may have run
    }
}

enum err entry_load_calls(struct entry *entry, struct outbox *outbox, struct diag *diag)
{
    struct outbox_call *calls = NULL;
    size_t count = 0;
    enum err err = outbox_load_calls(outbox, entry->row_id, &calls, &count, diag);
    if (entry->command->call_count == 1) {
        entry->calls[0].state = entry->state;
    }
    for (size_t i = 0; err == ERR_OK && i < count; i++) {
        if (calls[i].call >= 0 && (size_t)calls[i].call < entry->command->call_count) {
            restore_call(entry, &calls[i]);
        }
    }
    outbox_calls_free(calls, count);
    return err;
}
