// Changes that are staged, and their commits.
#include "unit/fakes/fake_outbox_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"

// ---- staging

static struct fake_change *stage(struct outbox *outbox, enum fake_change_kind kind, int64_t id)
{
    assert_true(outbox->staged_count < STAGED_MAX);
    struct fake_change *change = &outbox->staged[outbox->staged_count++];
    *change = (struct fake_change){.kind = kind, .id = id};
    return change;
}

void outbox_stage_state(struct outbox *outbox, int64_t id, enum command_state state)
{
    stage(outbox, SET_STATE, id)->state = state;
}

void outbox_stage_reply(struct outbox *outbox, int64_t id, const char *reply)
{
    struct fake_change *change = stage(outbox, SET_REPLY, id);
    change->state = COMMAND_REPLIED;
    change->text = mem_strdup(reply);
}

void outbox_stage_delete(struct outbox *outbox, int64_t id)
{
    stage(outbox, DELETE_ROW, id);
}

void outbox_stage_call(struct outbox *outbox, int64_t id, int call, enum command_state state, const char *note)
{
    struct fake_change *change = stage(outbox, SET_CALL, id);
    change->call = call;
    change->state = state;
    change->text = mem_strdup_or_null(note);
}

void outbox_stage_key(struct outbox *outbox, int64_t id, const unsigned char key[32], const unsigned char hash[32])
{
    struct fake_change *change = stage(outbox, SET_KEY, id);
    memcpy(change->key, key, HASH_LEN);
    memcpy(change->hash, hash, HASH_LEN);
}

void outbox_stage_note(struct outbox *outbox, const char *name, const char *text_or_null)
{
    struct fake_change *change = stage(outbox, SET_NOTE, 0);
    change->name = mem_strdup(name);
    change->text = mem_strdup_or_null(text_or_null);
}

bool outbox_has_staged(const struct outbox *outbox)
{
    return outbox->staged_count > 0;
}

void outbox_answer_request(struct outbox *outbox, int64_t request, bool done, const char *text)
{
    (void)done;
    assert_int_equal(request, REQUEST_ID);
    stage(outbox, SET_ANSWER, 0)->text = mem_strdup(text);
}

void fake_outbox_drop_staged(struct outbox *outbox)
{
    for (size_t i = 0; i < outbox->staged_count; i++) {
        free(outbox->staged[i].name);
        free(outbox->staged[i].text);
    }
    outbox->staged_count = 0;
}

// ---- commits

static void replace(char **text, char **by)
{
    free(*text);
    *text = *by;
    *by = NULL;
}

static void set_state(struct fake_row *row, enum command_state state)
{
    if (!command_state_may_follow(row->row.state, state)) {
        fail_msg("command %lld: %s after %s", (long long)row->row.id, command_state_name(state),
                 command_state_name(row->row.state));
    }
    row->row.state = state;
    if (state == COMMAND_DONE) {
        fake_outbox_clear_calls(row);
    }
}

static void set_call(struct fake_row *row, struct fake_change *change)
{
    struct outbox_call *call = NULL;
    assert_int_not_equal(row->row.state, COMMAND_DONE);
    for (size_t i = 0; i < row->call_count; i++) {
        call = row->calls[i].call == change->call ? &row->calls[i] : call;
    }
    if (call == NULL) {
        assert_true(row->call_count < CALLS_MAX);
        call = &row->calls[row->call_count++];
        *call = (struct outbox_call){.call = change->call};
    }
    call->state = change->state;
    replace(&call->note, &change->text);
}

static void set_note(struct outbox *outbox, struct fake_change *change)
{
    struct fake_note *note = outbox->notes;
    while (note < &outbox->notes[outbox->note_count] && strcmp(note->name, change->name) != 0) {
        note++;
    }
    if (note == &outbox->notes[outbox->note_count]) {
        assert_true(outbox->note_count < NOTES_MAX);
        outbox->note_count++;
        *note = (struct fake_note){.name = mem_strdup(change->name)};
    }
    replace(&note->text, &change->text);
}

static void change_row(struct fake_row *row, struct fake_change *change)
{
    switch (change->kind) {
    case SET_STATE:
        assert_int_not_equal(change->state, COMMAND_REPLIED);
        set_state(row, change->state);
        break;
    case SET_REPLY:
        set_state(row, COMMAND_REPLIED);
        replace(&row->row.reply, &change->text);
        break;
    case SET_CALL:
        set_call(row, change);
        break;
    case SET_KEY:
        row->has_key = true;
        memcpy(row->key, change->key, HASH_LEN);
        memcpy(row->hash, change->hash, HASH_LEN);
        break;
    case DELETE_ROW:
        row->is_gone = true;
        break;
    case SET_NOTE:
    case SET_ANSWER:
        break;
    }
}

static void apply(struct outbox *outbox, struct fake_change *change)
{
    struct fake_row *row = fake_outbox_find_row(outbox, change->id);
    if (change->kind == SET_NOTE) {
        set_note(outbox, change);
    } else if (change->kind == SET_ANSWER) {
        replace(&outbox->told, &change->text);
    } else if (row != NULL) {
        change_row(row, change);
    } else if (change->kind != DELETE_ROW) {
        fail_msg("a change of command %lld, which is gone", (long long)change->id);
    }
}

enum err outbox_commit(struct outbox *outbox, struct diag *diag)
{
    if (outbox->staged_count > 0 && fake_outbox_takes_one(&outbox->failing_commits)) {
        return diag_set(diag, ERR_UNAVAILABLE, "the test lets it fail");
    }
    for (size_t i = 0; i < outbox->staged_count; i++) {
        apply(outbox, &outbox->staged[i]);
    }
    fake_outbox_drop_staged(outbox);
    return ERR_OK;
}
