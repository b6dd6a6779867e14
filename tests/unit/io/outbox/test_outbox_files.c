// The outbox's files: rights, versions, damage, two processes, a disk that fails.
#include "unit/io/outbox/outbox_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/buf.h"

static char *name_of(const struct fixture *fixture, const char *ending)
{
    return mem_printf("%s%s", fixture->path, ending);
}

static struct buf read_file(const char *name)
{
    struct buf content = {0};
    FILE *file = fopen(name, "re");
    assert_non_null(file);
    char part[4096];
    for (size_t len = fread(part, 1, sizeof part, file); len > 0; len = fread(part, 1, sizeof part, file)) {
        buf_append(&content, part, len);
    }
    assert_int_equal(fclose(file), 0);
    return content;
}

static enum err try_open(struct fixture *fixture)
{
    return outbox_open(&fixture->options, &fixture->outbox, &fixture->damaged, &fixture->diag);
}

// What another program does to the database.
static void run_sql(const struct fixture *fixture, const char *sql)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(fixture->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

// ---- rights

static void assert_private(const struct fixture *fixture, const char *ending)
{
    AUTO_FREE char *name = name_of(fixture, ending);
    struct stat found;
    assert_int_equal(stat(name, &found), 0);
    assert_int_equal(found.st_mode & 0777, 0600);
}

static void all_files_can_be_read_by_their_owner_only(void **state)
{
    struct fixture *fixture = *state;
    mode_t before = umask(0);
    open_outbox(fixture);
    append_text(fixture, "x");
    umask(before);
    static const char *const endings[] = {"", "-wal", "-shm", ".lock"};
    for (size_t i = 0; i < COUNT_OF(endings); i++) {
        assert_private(fixture, endings[i]);
    }
}

static void wider_rights_of_a_file_are_taken_back(void **state)
{
    struct fixture *fixture = *state;
    open_outbox(fixture);
    close_outbox(fixture);
    assert_int_equal(chmod(fixture->path, 0644), 0);
    open_outbox(fixture);
    assert_private(fixture, "");
}

static void a_lock_that_root_makes_belongs_to_the_owner_of_the_outbox(void **state)
{
    struct fixture *fixture = *state;
    if (geteuid() != 0) {
        skip();
    }
    open_outbox(fixture);
    close_outbox(fixture);
    AUTO_FREE char *lock = name_of(fixture, ".lock");
    assert_int_equal(unlink(lock), 0);
    assert_int_equal(chown(fixture->path, 65534, 65534), 0);
    open_outbox(fixture);
    struct stat found;
    assert_int_equal(stat(lock, &found), 0);
    assert_int_equal(found.st_uid, 65534);
}

static void assert_open_fails(struct fixture *fixture, enum err expected, const char *words)
{
    enum err err = try_open(fixture);
    if (err != expected || strstr(fixture->diag.text, words) == NULL) {
        print_error("%s\n", fixture->diag.text);
    }
    assert_int_equal(err, expected);
    assert_non_null(strstr(fixture->diag.text, words));
    assert_non_null(strstr(fixture->diag.text, fixture->options.path));
}

static void a_folder_that_does_not_exist_is_named(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.path = "/tmp/no-such-folder/outbox.db";
    assert_open_fails(fixture, ERR_IO, "the folder must exist");
}

static void a_folder_in_place_of_the_file_is_refused(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(mkdir(fixture->path, 0700), 0);
    assert_open_fails(fixture, ERR_IO, "directory");
    assert_int_equal(rmdir(fixture->path), 0);
}

// Runs the check in a child without root's rights, which ignore those of files.
static void check_as_nobody(struct fixture *fixture, void (*check)(struct fixture *fixture))
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) {
            _exit(2);
        }
        check(fixture);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void expect_unwritable(struct fixture *fixture)
{
    if (try_open(fixture) != ERR_IO || strstr(fixture->diag.text, "Permission denied") == NULL) {
        _exit(1);
    }
}

static void a_folder_that_cannot_be_written_is_an_error_that_says_so(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(chmod(fixture->folder, 0555), 0);
    check_as_nobody(fixture, expect_unwritable);
    assert_int_equal(chmod(fixture->folder, 0700), 0);
}

// ---- two processes

static void expect_in_use(struct fixture *fixture)
{
    char pid[32];
    snprintf(pid, sizeof pid, "process %ld", (long)getppid());
    if (try_open(fixture) != ERR_REFUSED || strstr(fixture->diag.text, pid) == NULL) {
        _exit(1);
    }
}

static void in_child(struct fixture *fixture, void (*check)(struct fixture *fixture))
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        check(fixture);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void a_second_process_is_refused_and_told_which_one_has_it(void **state)
{
    struct fixture *fixture = *state;
    open_outbox(fixture);
    in_child(fixture, expect_in_use);
    append_text(fixture, "the first goes on");
}

// A service must not give up its start because a tool has the file for a moment.
static void expect_in_use_by_a_tool(struct fixture *fixture)
{
    if (try_open(fixture) != ERR_UNAVAILABLE || strstr(fixture->diag.text, "`thingbridge outbox`, process") == NULL) {
        _exit(1);
    }
}

static void a_tool_that_has_it_is_told_from_a_service(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.is_tool = true;
    open_outbox(fixture);
    fixture->options.is_tool = false;
    in_child(fixture, expect_in_use_by_a_tool);
    fixture->options.is_tool = true;
    in_child(fixture, expect_in_use_by_a_tool);
    close_outbox(fixture);
    fixture->options.is_tool = false;
    open_outbox(fixture);
    in_child(fixture, expect_in_use);
    fixture->options.is_tool = true;
    in_child(fixture, expect_in_use);
}

static void expect_free(struct fixture *fixture)
{
    if (try_open(fixture) != ERR_OK) {
        _exit(1);
    }
    outbox_close(fixture->outbox);
}

static void a_closed_outbox_can_be_opened_by_another_process(void **state)
{
    struct fixture *fixture = *state;
    open_outbox(fixture);
    close_outbox(fixture);
    in_child(fixture, expect_free);
}

static void expect_readable(struct fixture *fixture)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    if (sqlite3_open_v2(fixture->path, &db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(db, "SELECT count(*) FROM command", -1, &statement, NULL) != SQLITE_OK ||
        sqlite3_step(statement) != SQLITE_ROW || sqlite3_column_int(statement, 0) != 1) {
        _exit(1);
    }
    sqlite3_finalize(statement);
    sqlite3_close(db);
}

static void another_process_can_read_while_the_service_runs(void **state)
{
    struct fixture *fixture = *state;
    open_outbox(fixture);
    append_text(fixture, "x");
    in_child(fixture, expect_readable);
    append_text(fixture, "y");
}

// ---- versions

static void a_file_of_a_newer_major_version_is_refused_and_not_touched(void **state)
{
    struct fixture *fixture = *state;
    open_outbox(fixture);
    append_text(fixture, "x");
    close_outbox(fixture);
    run_sql(fixture, "PRAGMA user_version = 2003");
    AUTO_BUF struct buf before = read_file(fixture->path);
    assert_open_fails(fixture, ERR_NEWER, "schema 2.3");
    AUTO_BUF struct buf after = read_file(fixture->path);
    assert_int_equal(after.len, before.len);
    assert_memory_equal(after.data, before.data, before.len);
}

static void leave_newer_log(struct fixture *fixture)
{
    sqlite3 *db = NULL;
    sqlite3_open(fixture->path, &db);
    sqlite3_exec(db, "PRAGMA journal_mode = WAL; PRAGMA user_version = 2000", NULL, NULL, NULL);
}

static void a_newer_file_keeps_its_write_ahead_log_too(void **state)
{
    struct fixture *fixture = *state;
    open_outbox(fixture);
    close_outbox(fixture);
    in_child(fixture, leave_newer_log);
    AUTO_FREE char *log = name_of(fixture, "-wal");
    AUTO_BUF struct buf before = read_file(log);
    assert_true(before.len > 0);
    assert_open_fails(fixture, ERR_NEWER, "newer thingbridge");
    AUTO_BUF struct buf after = read_file(log);
    assert_int_equal(after.len, before.len);
    assert_memory_equal(after.data, before.data, before.len);
}

static int stored_version(const struct fixture *fixture)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    assert_int_equal(sqlite3_open(fixture->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int version = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return version;
}

static void a_file_of_a_newer_minor_version_is_used_and_keeps_its_version(void **state)
{
    struct fixture *fixture = *state;
    open_outbox(fixture);
    append_text(fixture, "x");
    close_outbox(fixture);
    run_sql(fixture, "ALTER TABLE command ADD COLUMN later TEXT; CREATE TABLE later(x); PRAGMA user_version = 1999");
    open_outbox(fixture);
    append_text(fixture, "y");
    assert_int_equal(count_rows(fixture), 2);
    assert_string_equal(fixture->damaged.text, "");
    close_outbox(fixture);
    assert_int_equal(stored_version(fixture), 1999);
}

static void a_database_of_another_program_is_refused_and_not_touched(void **state)
{
    struct fixture *fixture = *state;
    run_sql(fixture, "CREATE TABLE photos(x); INSERT INTO photos VALUES(1)");
    AUTO_BUF struct buf before = read_file(fixture->path);
    assert_open_fails(fixture, ERR_REFUSED, "another program");
    AUTO_BUF struct buf after = read_file(fixture->path);
    assert_int_equal(after.len, before.len);
    assert_memory_equal(after.data, before.data, before.len);
}

static void properties_that_cannot_be_read_leave_the_rest_of_the_message(void **state)
{
    struct fixture *fixture = *state;
    open_outbox(fixture);
    int64_t id = append_text(fixture, "payload");
    close_outbox(fixture);
    run_sql(fixture, "UPDATE command SET properties = x'0000000161ffffffff62'");
    open_outbox(fixture);
    struct outbox_row row = load_row(fixture, id);
    assert_string_equal(row.message.payload, "payload");
    assert_int_equal(row.message.property_count, 0);
    outbox_row_clear(&row);
}

// ---- a disk that fails

static void set_file_limit(rlim_t bytes)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void no_row_is_taken_and_no_change_lost_while_the_disk_cannot_be_written(void **state)
{
    struct fixture *fixture = *state;
    open_outbox(fixture);
    struct message first = text_message("home/hall/lamp/set", "x", 7);
    int64_t id = append_command(fixture, &first, "plan");
    outbox_stage_state(fixture->outbox, id, COMMAND_SENT);
    signal(SIGXFSZ, SIG_IGN);
    set_file_limit(4096);
    struct message message = text_message("t", "y", 2);
    int64_t refused = -1;
    assert_int_equal(try_append(fixture, &message, &refused), OUTBOX_CANNOT_WRITE);
    assert_int_equal(refused, -1);
    assert_non_null(strstr(fixture->diag.text, fixture->path));
    assert_int_equal(outbox_commit(fixture->outbox, &fixture->diag), ERR_UNAVAILABLE);
    assert_true(outbox_has_staged(fixture->outbox));
    assert_int_equal(outbox_counts(fixture->outbox).commands, 1);
    set_file_limit(RLIM_INFINITY);
    commit(fixture);
    message.dup = true;
    assert_int_equal(
        outbox_append(fixture->outbox, &message, &some_moment, false, NULL, NULL, &refused, &fixture->diag),
        OUTBOX_APPENDED);
    reopen_outbox(fixture);
    struct outbox_row row = load_row(fixture, id);
    assert_int_equal(row.state, COMMAND_SENT);
    assert_string_equal(row.command_text, "plan");
    outbox_row_clear(&row);
    assert_int_equal(count_rows(fixture), 2);
}

static void a_full_disk_is_named_as_such(void **state)
{
    struct fixture *fixture = *state;
    if (mount("none", fixture->folder, "tmpfs", 0, "size=1m") != 0) {
        print_message("no right to mount a small disk\n");
        skip();
    }
    fixture->options.max_bytes = INT64_MAX;
    open_outbox(fixture);
    AUTO_FREE char *payload = mem_alloc(100001);
    memset(payload, 'x', 100000);
    struct message message = text_message("t", payload, 2);
    enum outbox_append_result result = OUTBOX_APPENDED;
    int64_t appended = 0;
    for (int64_t id = 0; result == OUTBOX_APPENDED; appended++) {
        result = try_append(fixture, &message, &id);
    }
    char told[sizeof fixture->diag.text];
    memcpy(told, fixture->diag.text, sizeof told);
    int64_t rows = (int64_t)count_rows(fixture);
    close_outbox(fixture);
    umount2(fixture->folder, MNT_DETACH);
    assert_int_equal(result, OUTBOX_CANNOT_WRITE);
    assert_non_null(strstr(told, "the disk is full"));
    assert_int_equal(rows, appended - 1);
}

static void a_program_that_holds_the_database_for_writing_is_told(void **state)
{
    struct fixture *fixture = *state;
    open_outbox(fixture);
    int64_t id = append_text(fixture, "x");
    outbox_stage_state(fixture->outbox, id, COMMAND_SENT);
    sqlite3 *other = NULL;
    assert_int_equal(sqlite3_open(fixture->path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(outbox_commit(fixture->outbox, &fixture->diag), ERR_UNAVAILABLE);
    assert_non_null(strstr(fixture->diag.text, "another program"));
    assert_int_equal(sqlite3_close(other), SQLITE_OK);
    commit(fixture);
}

static void a_proof_of_writing_leaves_nothing_behind(void **state)
{
    struct fixture *fixture = *state;
    open_outbox(fixture);
    append_text(fixture, "x");
    assert_int_equal(outbox_prove(fixture->outbox, &fixture->diag), ERR_OK);
    assert_int_equal(outbox_prove(fixture->outbox, &fixture->diag), ERR_OK);
    assert_int_equal(outbox_counts(fixture->outbox).commands, 1);
    assert_null(outbox_read_note(fixture->outbox, "proof_of_writing"));
}

static void a_full_disk_cannot_be_proved_writable_until_it_has_room(void **state)
{
    struct fixture *fixture = *state;
    open_outbox(fixture);
    signal(SIGXFSZ, SIG_IGN);
    set_file_limit(32768);
    assert_int_equal(outbox_prove(fixture->outbox, &fixture->diag), ERR_UNAVAILABLE);
    assert_non_null(strstr(fixture->diag.text, fixture->path));
    set_file_limit(RLIM_INFINITY);
    assert_int_equal(outbox_prove(fixture->outbox, &fixture->diag), ERR_OK);
}

static void overwrite_pages_but_the_first(const char *path)
{
    static unsigned char garbage[4096];
    memset(garbage, 0xA5, sizeof garbage);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    off_t size = lseek(fd, 0, SEEK_END);
    for (off_t at = sizeof garbage; at < size; at += (off_t)sizeof garbage) {
        assert_int_equal(pwrite(fd, garbage, sizeof garbage, at), sizeof garbage);
    }
    close(fd);
}

static void damage_that_an_append_meets_is_told_by_the_proof(void **state)
{
    struct fixture *fixture = *state;
    open_outbox(fixture);
    append_text(fixture, "x");
    // Another program's write makes the outbox read its pages again.
    sqlite3 *other = NULL;
    assert_int_equal(sqlite3_open(fixture->path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other,
                                  "DELETE FROM note; INSERT INTO note VALUES('a', 'b');"
                                  "PRAGMA wal_checkpoint(TRUNCATE)",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_close(other), SQLITE_OK);
    overwrite_pages_but_the_first(fixture->path);
    struct message message = text_message("t", "y", 2);
    int64_t id = 0;
    assert_int_equal(try_append(fixture, &message, &id), OUTBOX_CANNOT_WRITE);
    assert_int_equal(outbox_prove(fixture->outbox, &fixture->diag), ERR_DAMAGED);
    assert_non_null(strstr(fixture->diag.text, "damaged"));
}

static void what_another_program_holds_cannot_be_proved_writable(void **state)
{
    struct fixture *fixture = *state;
    open_outbox(fixture);
    sqlite3 *other = NULL;
    assert_int_equal(sqlite3_open(fixture->path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(outbox_prove(fixture->outbox, &fixture->diag), ERR_UNAVAILABLE);
    assert_non_null(strstr(fixture->diag.text, "another program"));
    assert_int_equal(sqlite3_close(other), SQLITE_OK);
    assert_int_equal(outbox_prove(fixture->outbox, &fixture->diag), ERR_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
        CASE(all_files_can_be_read_by_their_owner_only),
        CASE(wider_rights_of_a_file_are_taken_back),
        CASE(a_lock_that_root_makes_belongs_to_the_owner_of_the_outbox),
        CASE(a_folder_that_does_not_exist_is_named),
        CASE(a_folder_in_place_of_the_file_is_refused),
        CASE(a_folder_that_cannot_be_written_is_an_error_that_says_so),
        CASE(a_second_process_is_refused_and_told_which_one_has_it),
        CASE(a_tool_that_has_it_is_told_from_a_service),
        CASE(a_closed_outbox_can_be_opened_by_another_process),
        CASE(another_process_can_read_while_the_service_runs),
        CASE(a_file_of_a_newer_major_version_is_refused_and_not_touched),
        CASE(a_newer_file_keeps_its_write_ahead_log_too),
        CASE(a_file_of_a_newer_minor_version_is_used_and_keeps_its_version),
        CASE(a_database_of_another_program_is_refused_and_not_touched),
        CASE(properties_that_cannot_be_read_leave_the_rest_of_the_message),
        CASE(no_row_is_taken_and_no_change_lost_while_the_disk_cannot_be_written),
        CASE(a_full_disk_is_named_as_such),
        CASE(a_program_that_holds_the_database_for_writing_is_told),
        CASE(a_proof_of_writing_leaves_nothing_behind),
        CASE(a_full_disk_cannot_be_proved_writable_until_it_has_room),
        CASE(damage_that_an_append_meets_is_told_by_the_proof),
        CASE(what_another_program_holds_cannot_be_proved_writable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
