// What the files of `thingbridge outbox` share. Not for others.
//
// cli_outbox.c       options, and which command is meant
// cli_outbox_list.c  the rows in short, and which of them an ID means
// cli_outbox_view.c  what a stored row holds: in short, for people and for --json
// cli_outbox_show.c  all facts of one command
// cli_outbox_repair.c  retry and drop, by the service that runs or in its place
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "app/config/config.h"
#include "base/clock.h"
#include "base/json/json.h"
#include "core/platform/code.h"
#include "io/outbox/outbox.h"

struct outbox_cli {
    const char *verb;
    const char *id; // NULL for list
    const char *config_path;
    unsigned states; // OUTBOX_STATE_BIT of each; 0: all that are not done
    bool json;
    bool by_number;
};
#define OUTBOX_STATE_BIT(state) (1u << (state))

// Exit codes.
int outbox_list_commands(struct outbox_reader *reader, const struct outbox_cli *cli);
int outbox_find_command(struct outbox_reader *reader, const struct outbox_cli *cli, int64_t *number);

// A row in short. Texts are owned (outbox_view_clear) and NULL if the row does not have them.
struct outbox_view {
    int64_t number;
    enum command_state state;
    char *id; // the command's own
    bool id_is_integer;
    char *rule;
    char *topic;
    char *status; // of its reply
    char *refusal;
    int64_t arrived_ms;       // wall time
    int64_t age_ms;           // below 0: the clock was set back since
    bool waits;               // it has no reply, and so a deadline
    int64_t left_ms;          // until its deadline; 0 or less: passed
    int64_t attempts;         // -1: not known
    struct failure failure;   // of the last attempt, while it waits for another; its code is NULL if there is none
    char *platform;           // that it waits for
    struct json_object *down; // why that cannot be used; NULL: it can, as far as is known
};
// Without its command or reply a row still has its number, state and age.
void outbox_view_read(const struct outbox_row *row, const struct moment *now, struct outbox_view *view);
// Looks up what the service says of the platform that the command waits for.
void outbox_view_look(struct outbox_reader *reader, struct outbox_view *view);
void outbox_view_clear(struct outbox_view *view);
void outbox_view_print_head(FILE *out);
void outbox_view_print(FILE *out, const struct outbox_view *view);
// A map that the caller frees.
struct json_object *outbox_view_json(const struct outbox_view *view);
extern const char *const outbox_state_words[]; // by enum command_state; NULL-terminated

// Prints all that is stored of one command. An exit code.
int outbox_show_command(struct outbox_reader *reader, int64_t number, bool json);

// Prints what became of it. An exit code.
int outbox_repair_command(const struct outbox_cli *cli, const struct config *config, int64_t number);

// Prints the sentence, and gives the exit code for trouble with the file.
int outbox_fail(const char *verb, enum err err, const struct diag *diag);
