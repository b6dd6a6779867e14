// What the files of the fake outbox share. Not for others.
#pragma once

#include "unit/fakes/fake_outbox.h"

#define ROWS_MAX   512
#define CALLS_MAX  8
#define STAGED_MAX 2048
#define NOTES_MAX  32
#define RECORD_MAX 512
#define REQUEST_ID 1
#define HASH_LEN   32

struct fake_row {
    struct outbox_row row;
    bool is_gone;
    bool has_key;
    unsigned char key[HASH_LEN];
    unsigned char hash[HASH_LEN];
    struct outbox_call calls[CALLS_MAX];
    size_t call_count;
};

enum fake_change_kind { SET_STATE, SET_REPLY, SET_CALL, SET_KEY, SET_NOTE, SET_ANSWER, DELETE_ROW };

struct fake_change {
    enum fake_change_kind kind;
    int64_t id;
    enum command_state state;
    int call;
    char *name;
    char *text;
    unsigned char key[HASH_LEN];
    unsigned char hash[HASH_LEN];
};

struct fake_note {
    char *name;
    char *text;
};

struct fake_delivery {
    uint16_t packet_id;
    unsigned char hash[HASH_LEN];
    int64_t command;
    int64_t connection;
    int64_t position;
};

struct outbox {
    struct fake_row rows[ROWS_MAX]; // row N has the id N + 1
    size_t row_count;
    struct fake_change staged[STAGED_MAX];
    size_t staged_count;
    struct fake_note notes[NOTES_MAX];
    size_t note_count;
    struct fake_delivery record[RECORD_MAX];
    size_t record_count;
    int64_t connection;
    int64_t position;
    int failing_commits;
    int failing_appends;
    int full_appends;
    struct outbox_request request;
    bool is_asked;
    char *told;
};

// NULL: it was never there, or is gone.
struct fake_row *fake_outbox_find_row(const struct outbox *outbox, int64_t id);
void fake_outbox_clear_calls(struct fake_row *row);
void fake_outbox_drop_staged(struct outbox *outbox);
// Is this one of so many times? Counts it then.
bool fake_outbox_takes_one(int *times);
