// Two threads on one outbox, and a process that is killed at any moment.
#include "unit/io/outbox/outbox_fixture.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>

// ---- threads

#define THREAD_COMMANDS 400

struct appender {
    struct fixture *fixture;
    atomic_llong last_id;
    atomic_bool failed;
};

static void *append_many(void *context)
{
    struct appender *appender = context;
    for (int i = 0; i < THREAD_COMMANDS; i++) {
        struct message message = text_message("home/hall/lamp/set", "x", (uint16_t)(i + 1));
        struct diag diag;
        int64_t id = 0;
        if (outbox_append(appender->fixture->outbox, &message, &some_moment, false, NULL, NULL, &id, &diag) !=
            OUTBOX_APPENDED) {
            atomic_store(&appender->failed, true);
            return NULL;
        }
        atomic_store(&appender->last_id, id);
    }
    return NULL;
}

static void work_off(struct fixture *fixture, int64_t id)
{
    unsigned char key[32] = {(unsigned char)id, (unsigned char)(id >> 8)};
    struct outbox_original original;
    assert_int_equal(outbox_find_original(fixture->outbox, id, key, key, &some_moment, 1000, &original, &fixture->diag),
                     ERR_OK);
    assert_false(original.found);
    outbox_stage_key(fixture->outbox, id, key, key);
    outbox_stage_state(fixture->outbox, id, COMMAND_SENT);
    commit(fixture);
    outbox_stage_reply(fixture->outbox, id, "reply");
    commit(fixture);
    outbox_stage_state(fixture->outbox, id, COMMAND_DONE);
}

static void one_thread_appends_while_the_other_commits(void **state)
{
    struct fixture *fixture = *state;
    struct appender appender = {.fixture = fixture};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, append_many, &appender), 0);
    for (int64_t done = 0; done < THREAD_COMMANDS && !atomic_load(&appender.failed);) {
        if (done < atomic_load(&appender.last_id)) {
            work_off(fixture, ++done);
        } else {
            commit(fixture);
            assert_int_equal(outbox_purge(fixture->outbox, &some_moment, 1000, 1000, &fixture->diag), ERR_OK);
        }
    }
    pthread_join(thread, NULL);
    assert_false(atomic_load(&appender.failed));
    commit(fixture);
    struct outbox_counts counts = outbox_counts(fixture->outbox);
    assert_int_equal(counts.commands, 0);
    assert_int_equal(counts.bytes, 0);
    assert_int_equal(counts.done, THREAD_COMMANDS);
    reopen_outbox(fixture);
    assert_int_equal(outbox_counts(fixture->outbox).done, THREAD_COMMANDS);
}

// ---- kill -9

// What the child tells after the commit that made it true.
struct report {
    int64_t id;
    int state;
};

static void tell(int fd, int64_t id, enum command_state state)
{
    struct report report = {.id = id, .state = state};
    if (write(fd, &report, sizeof report) != (ssize_t)sizeof report) {
        _exit(1);
    }
}

// Appends for ever, and brings every second command to SENT, every fourth to REPLIED, every eighth to DONE.
static void live_until_killed(struct fixture *fixture, int fd)
{
    if (outbox_open(&fixture->options, &fixture->outbox, NULL, &fixture->diag) != ERR_OK) {
        _exit(1);
    }
    for (uint16_t i = 1;; i++) {
        struct message message = text_message("home/hall/lamp/set", "some payload", i);
        int64_t id = 0;
        if (try_append(fixture, &message, &id) != OUTBOX_APPENDED) {
            _exit(1);
        }
        tell(fd, id, COMMAND_QUEUED);
        enum command_state end = id % 8 == 0   ? COMMAND_DONE
                                 : id % 4 == 0 ? COMMAND_REPLIED
                                 : id % 2 == 0 ? COMMAND_SENT
                                               : COMMAND_QUEUED;
        for (int state = COMMAND_SENT; state <= (int)end; state++) {
            if (state == COMMAND_REPLIED) {
                outbox_stage_reply(fixture->outbox, id, "reply");
            } else {
                outbox_stage_state(fixture->outbox, id, (enum command_state)state);
            }
            if (outbox_commit(fixture->outbox, &fixture->diag) != ERR_OK) {
                _exit(1);
            }
            tell(fd, id, (enum command_state)state);
        }
    }
}

#define REPORTS_MAX 20000

// Reads `count` reports, kills the child, and reads what it had told until then. The result is the number of reports.
static size_t run_and_kill(struct fixture *fixture, size_t count, struct report *reports)
{
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(fds[0]);
        live_until_killed(fixture, fds[1]);
    }
    close(fds[1]);
    FILE *pipe_end = fdopen(fds[0], "r");
    assert_non_null(pipe_end);
    size_t read = fread(reports, sizeof *reports, count, pipe_end);
    assert_int_equal(read, count);
    assert_int_equal(kill(child, SIGKILL), 0);
    read += fread(reports + read, sizeof *reports, REPORTS_MAX - read, pipe_end);
    fclose(pipe_end);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    return read;
}

// The states on disk by id; -1: no such row among those that are not DONE.
static int64_t load_states(struct fixture *fixture, int *states, int64_t max)
{
    for (int64_t i = 0; i < max; i++) {
        states[i] = -1;
    }
    int64_t last = 0;
    size_t count = 1;
    while (count > 0) {
        struct outbox_row rows[64];
        assert_int_equal(outbox_load(fixture->outbox, last, rows, COUNT_OF(rows), &count, &fixture->diag), ERR_OK);
        for (size_t i = 0; i < count; i++) {
            last = rows[i].id;
            assert_true(last < max);
            states[last] = (int)rows[i].state;
            outbox_row_clear(&rows[i]);
        }
    }
    return last;
}

static void assert_all_told_is_true(struct fixture *fixture, const struct report *reports, size_t count)
{
    int *told = mem_alloc(REPORTS_MAX * sizeof *told);
    int *stored = mem_alloc(REPORTS_MAX * sizeof *stored);
    int64_t highest = 0;
    for (size_t i = 0; i < count; i++) {
        told[reports[i].id] = reports[i].state;
        highest = reports[i].id;
    }
    load_states(fixture, stored, REPORTS_MAX);
    for (int64_t id = 1; id <= highest; id++) {
        int state = stored[id] == -1 ? (int)COMMAND_DONE : stored[id];
        // Only the last change may be on disk and not yet told.
        assert_in_range(state, told[id], id == highest ? told[id] + 1 : told[id]);
    }
    free(told);
    free(stored);
}

static void kill_with_seeds(struct fixture *fixture, bool sync_full, unsigned first_seed)
{
    fixture->options.sync_full = sync_full;
    fixture->options.max_commands = REPORTS_MAX;
    struct report *reports = mem_alloc(REPORTS_MAX * sizeof *reports);
    for (unsigned seed = first_seed; seed < first_seed + 6; seed++) {
        size_t count = run_and_kill(fixture, 1 + seed * 7919 % 1500, reports);
        open_outbox(fixture);
        assert_string_equal(fixture->damaged.text, "");
        assert_all_told_is_true(fixture, reports, count);
        close_outbox(fixture);
        assert_int_equal(unlink(fixture->path), 0);
    }
    free(reports);
}

static void all_that_was_committed_survives_a_kill_with_sync_full(void **state)
{
    kill_with_seeds(*state, true, 1);
}

static void all_that_was_committed_survives_a_kill_with_sync_normal(void **state)
{
    kill_with_seeds(*state, false, 101);
}

static void a_redelivery_after_a_kill_is_not_written_twice(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.max_commands = REPORTS_MAX;
    struct report *reports = mem_alloc(REPORTS_MAX * sizeof *reports);
    size_t count = run_and_kill(fixture, 500, reports);
    open_outbox(fixture);
    struct message message = text_message("home/hall/lamp/set", "some payload", (uint16_t)reports[count - 1].id);
    message.dup = true;
    int64_t id = 0;
    assert_int_equal(outbox_append(fixture->outbox, &message, &some_moment, false, NULL, NULL, &id, &fixture->diag),
                     OUTBOX_REDELIVERED);
    free(reports);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(name, setup) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)
        CASE(one_thread_appends_while_the_other_commits, fixture_setup_open),
        CASE(all_that_was_committed_survives_a_kill_with_sync_full, fixture_setup),
        CASE(all_that_was_committed_survives_a_kill_with_sync_normal, fixture_setup),
        CASE(a_redelivery_after_a_kill_is_not_written_twice, fixture_setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
