// What the tests of the outbox share: an outbox in a folder of its own, and short names for common steps.
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "io/outbox/outbox.h"

#define UNUSED_HERE __attribute__((unused))

struct fixture {
    char folder[64];
    char path[96];
    struct outbox_options options;
    struct outbox *outbox;
    struct diag damaged;
    struct diag diag;
};

UNUSED_HERE static int fixture_setup(void **state)
{
    struct fixture *fixture = mem_alloc(sizeof *fixture);
    strcpy(fixture->folder, "/tmp/outbox-test-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    snprintf(fixture->path, sizeof fixture->path, "%s/outbox.db", fixture->folder);
    fixture->options = (struct outbox_options){.path = fixture->path,
                                               .sync_full = false,
                                               .max_commands = 1000,
                                               .max_bytes = 64 * 1024 * 1024,
                                               .refused_reserve = 10};
    *state = fixture;
    return 0;
}

UNUSED_HERE static int fixture_teardown(void **state)
{
    struct fixture *fixture = *state;
    outbox_close(fixture->outbox);
    DIR *folder = opendir(fixture->folder);
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        unlinkat(dirfd(folder), entry->d_name, 0);
    }
    closedir(folder);
    rmdir(fixture->folder);
    free(fixture);
    return 0;
}

UNUSED_HERE static void open_outbox(struct fixture *fixture)
{
    enum err err = outbox_open(&fixture->options, &fixture->outbox, &fixture->damaged, &fixture->diag);
    if (err != ERR_OK) {
        print_error("%s\n", fixture->diag.text);
    }
    assert_int_equal(err, ERR_OK);
}

UNUSED_HERE static void close_outbox(struct fixture *fixture)
{
    outbox_close(fixture->outbox);
    fixture->outbox = NULL;
}

UNUSED_HERE static void reopen_outbox(struct fixture *fixture)
{
    close_outbox(fixture);
    open_outbox(fixture);
}

UNUSED_HERE static int fixture_setup_open(void **state)
{
    fixture_setup(state);
    open_outbox(*state);
    return 0;
}

static const struct moment some_moment UNUSED_HERE = {
    .boot_id = "0b3c1a52-3b0e-4c1e-9a55-6f2d9a3b7c11", .boot_ms = 5000, .wall_ms = 1795287000000};

UNUSED_HERE static struct moment later(int64_t ms)
{
    struct moment moment = some_moment;
    moment.boot_ms += ms;
    moment.wall_ms += ms;
    return moment;
}

UNUSED_HERE static struct message text_message(char *topic, char *payload, uint16_t packet_id)
{
    return (struct message){
        .topic = topic, .payload = payload, .payload_len = strlen(payload), .qos = 1, .packet_id = packet_id};
}

UNUSED_HERE static enum outbox_append_result try_append(struct fixture *fixture, const struct message *message,
                                                        int64_t *id)
{
    return outbox_append(fixture->outbox, message, &some_moment, false, NULL, NULL, id, &fixture->diag);
}

UNUSED_HERE static int64_t append_message(struct fixture *fixture, const struct message *message)
{
    int64_t id = 0;
    assert_int_equal(try_append(fixture, message, &id), OUTBOX_APPENDED);
    return id;
}

UNUSED_HERE static int64_t append_text(struct fixture *fixture, char *payload)
{
    struct message message = text_message("home/hall/lamp/set", payload, 7);
    return append_message(fixture, &message);
}

UNUSED_HERE static int64_t append_command(struct fixture *fixture, const struct message *message,
                                          const char *command_text)
{
    int64_t id = 0;
    assert_int_equal(
        outbox_append(fixture->outbox, message, &some_moment, false, NULL, command_text, &id, &fixture->diag),
        OUTBOX_APPENDED);
    return id;
}

UNUSED_HERE static enum outbox_append_result try_append_refused(struct fixture *fixture, int64_t *id)
{
    struct message message = text_message("home/hall/lamp/set", "much too much", 9);
    return outbox_append(fixture->outbox, &message, &some_moment, false, "outbox_full", "{\"plan\":1}", id,
                         &fixture->diag);
}

UNUSED_HERE static void commit(struct fixture *fixture)
{
    enum err err = outbox_commit(fixture->outbox, &fixture->diag);
    if (err != ERR_OK) {
        print_error("%s\n", fixture->diag.text);
    }
    assert_int_equal(err, ERR_OK);
    assert_false(outbox_has_staged(fixture->outbox));
}

// Brings a QUEUED row to a state by legal changes.
UNUSED_HERE static void bring_to(struct fixture *fixture, int64_t id, enum command_state state)
{
    if (state == COMMAND_SENT) {
        outbox_stage_state(fixture->outbox, id, COMMAND_SENT);
    }
    if (state >= COMMAND_REPLIED) {
        outbox_stage_reply(fixture->outbox, id, "{\"reply\":1}");
    }
    if (state == COMMAND_DONE) {
        outbox_stage_state(fixture->outbox, id, COMMAND_DONE);
    }
    commit(fixture);
}

// The row with this id among those that are not DONE; an empty one (id 0) if there is none. Owned by the caller.
UNUSED_HERE static struct outbox_row load_row(struct fixture *fixture, int64_t id)
{
    struct outbox_row row = {0};
    size_t count = 0;
    assert_int_equal(outbox_load(fixture->outbox, id - 1, &row, 1, &count, &fixture->diag), ERR_OK);
    if (count == 1 && row.id != id) {
        outbox_row_clear(&row);
    }
    return row;
}

UNUSED_HERE static size_t count_rows(struct fixture *fixture)
{
    size_t total = 0;
    int64_t after = 0;
    for (;;) {
        struct outbox_row rows[50];
        size_t count = 0;
        assert_int_equal(outbox_load(fixture->outbox, after, rows, COUNT_OF(rows), &count, &fixture->diag), ERR_OK);
        for (size_t i = 0; i < count; i++) {
            assert_true(rows[i].id > after);
            after = rows[i].id;
            outbox_row_clear(&rows[i]);
        }
        total += count;
        if (count < COUNT_OF(rows)) {
            return total;
        }
    }
}
