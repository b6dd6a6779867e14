// Another process looks into the outbox, while a service has it open and while none has.
#include "unit/io/outbox/outbox_fixture.h"

#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define OPEN_STATES ((1u << COMMAND_QUEUED) | (1u << COMMAND_SENT) | (1u << COMMAND_REPLIED))
#define ALL_STATES  (OPEN_STATES | (1u << COMMAND_DONE))

static struct outbox_reader *open_reader(struct fixture *fixture)
{
    struct outbox_reader *reader = NULL;
    enum err err = outbox_open_reader(fixture->path, &reader, &fixture->diag);
    if (err != ERR_OK) {
        print_error("%s\n", fixture->diag.text);
    }
    assert_int_equal(err, ERR_OK);
    return reader;
}

static size_t count_listed(struct fixture *fixture, struct outbox_reader *reader, unsigned states)
{
    struct outbox_row rows[20];
    size_t count = 0;
    assert_int_equal(outbox_list(reader, 0, states, rows, COUNT_OF(rows), &count, &fixture->diag), ERR_OK);
    for (size_t i = 0; i < count; i++) {
        outbox_row_clear(&rows[i]);
    }
    return count;
}

static void assert_refused(struct fixture *fixture, enum err expected, const char *words)
{
    struct outbox_reader *reader = NULL;
    assert_int_equal(outbox_open_reader(fixture->path, &reader, &fixture->diag), expected);
    assert_null(reader);
    assert_non_null(strstr(fixture->diag.text, words));
    assert_non_null(strstr(fixture->diag.text, fixture->path));
}

static void run_sql(const struct fixture *fixture, const char *sql)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(fixture->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

// ---- list and show

static void a_reader_sees_each_commit_of_the_service_that_runs(void **state)
{
    struct fixture *fixture = *state;
    struct outbox_reader *reader = open_reader(fixture);
    assert_int_equal(count_listed(fixture, reader, ALL_STATES), 0);
    int64_t id = append_text(fixture, "x");
    assert_int_equal(count_listed(fixture, reader, 1u << COMMAND_QUEUED), 1);
    outbox_stage_state(fixture->outbox, id, COMMAND_SENT);
    assert_int_equal(count_listed(fixture, reader, 1u << COMMAND_SENT), 0);
    commit(fixture);
    assert_int_equal(count_listed(fixture, reader, 1u << COMMAND_SENT), 1);
    outbox_close_reader(reader);
}

static void the_service_writes_while_a_reader_is_open(void **state)
{
    struct fixture *fixture = *state;
    append_text(fixture, "x");
    struct outbox_reader *reader = open_reader(fixture);
    for (int i = 0; i < 15; i++) {
        assert_int_equal(count_listed(fixture, reader, ALL_STATES), i + 1);
        append_text(fixture, "y");
    }
    outbox_close_reader(reader);
}

static void a_list_that_was_read_to_its_end_keeps_no_transaction_open(void **state)
{
    struct fixture *fixture = *state;
    append_text(fixture, "x");
    struct outbox_reader *reader = open_reader(fixture);
    assert_int_equal(count_listed(fixture, reader, ALL_STATES), 1);
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    assert_int_equal(sqlite3_open(fixture->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA wal_checkpoint(TRUNCATE)", -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    assert_int_equal(sqlite3_column_int(statement, 0), 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    outbox_close_reader(reader);
}

static void a_list_has_what_was_asked_for_in_order_page_by_page(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < 9; i++) {
        bring_to(fixture, append_text(fixture, "x"), i % 3 == 0 ? COMMAND_DONE : COMMAND_QUEUED);
    }
    struct outbox_reader *reader = open_reader(fixture);
    struct outbox_row rows[4];
    size_t count = 0;
    static const int64_t expected[] = {2, 3, 5, 6, 8, 9};
    size_t seen = 0;
    int64_t after = 0;
    do {
        assert_int_equal(outbox_list(reader, after, OPEN_STATES, rows, COUNT_OF(rows), &count, &fixture->diag), ERR_OK);
        for (size_t i = 0; i < count; i++) {
            after = rows[i].id;
            assert_int_equal(after, expected[seen++]);
            outbox_row_clear(&rows[i]);
        }
    } while (count == COUNT_OF(rows));
    assert_int_equal(seen, COUNT_OF(expected));
    assert_int_equal(count_listed(fixture, reader, 1u << COMMAND_DONE), 3);
    outbox_close_reader(reader);
}

static void a_list_tells_the_note_of_the_first_call_that_has_one_and_is_not_done(void **state)
{
    struct fixture *fixture = *state;
    int64_t id = append_text(fixture, "x");
    (void)append_text(fixture, "without");
    outbox_stage_call(fixture->outbox, id, 0, COMMAND_DONE, "done");
    outbox_stage_call(fixture->outbox, id, 1, COMMAND_QUEUED, NULL);
    outbox_stage_call(fixture->outbox, id, 2, COMMAND_QUEUED, "third");
    outbox_stage_call(fixture->outbox, id, 3, COMMAND_SENT, "fourth");
    commit(fixture);
    struct outbox_reader *reader = open_reader(fixture);
    struct outbox_row rows[3];
    size_t count = 0;
    assert_int_equal(outbox_list(reader, 0, OPEN_STATES, rows, COUNT_OF(rows), &count, &fixture->diag), ERR_OK);
    assert_int_equal(count, 2);
    assert_string_equal(rows[0].note, "third");
    assert_null(rows[1].note);
    outbox_row_clear(&rows[0]);
    outbox_row_clear(&rows[1]);
    outbox_close_reader(reader);
}

static void a_note_can_be_read_beside_the_service(void **state)
{
    struct fixture *fixture = *state;
    append_text(fixture, "x");
    struct outbox_reader *reader = open_reader(fixture);
    assert_null(outbox_reader_note(reader, "a"));
    outbox_stage_note(fixture->outbox, "a", "text");
    assert_null(outbox_reader_note(reader, "a"));
    commit(fixture);
    AUTO_FREE char *text = outbox_reader_note(reader, "a");
    assert_string_equal(text, "text");
    outbox_stage_note(fixture->outbox, "a", NULL);
    commit(fixture);
    assert_null(outbox_reader_note(reader, "a"));
    outbox_close_reader(reader);
}

static void a_list_has_no_payload_and_a_single_row_has_it(void **state)
{
    struct fixture *fixture = *state;
    struct message message = text_message("home/lamp", "the payload", 3);
    message.correlation_data = "corr";
    message.correlation_len = 4;
    struct user_property property = {"who", "me"};
    message.properties = &property;
    message.property_count = 1;
    int64_t id = append_command(fixture, &message, "plan");
    struct outbox_reader *reader = open_reader(fixture);
    struct outbox_row row;
    size_t count = 0;
    assert_int_equal(outbox_list(reader, 0, ALL_STATES, &row, 1, &count, &fixture->diag), ERR_OK);
    assert_int_equal(row.message.payload_len, 0);
    assert_null(row.message.correlation_data);
    assert_int_equal(row.message.property_count, 0);
    assert_string_equal(row.message.topic, "home/lamp");
    assert_string_equal(row.command_text, "plan");
    outbox_row_clear(&row);
    struct outbox_call *calls = NULL;
    assert_int_equal(outbox_show(reader, id, &row, &calls, &count, &fixture->diag), ERR_OK);
    assert_string_equal(row.message.payload, "the payload");
    assert_memory_equal(row.message.correlation_data, "corr", 4);
    assert_string_equal(row.message.properties[0].value, "me");
    assert_int_equal(count, 0);
    outbox_row_clear(&row);
    outbox_calls_free(calls, count);
    outbox_close_reader(reader);
}

static void a_row_is_shown_with_its_calls_in_order(void **state)
{
    struct fixture *fixture = *state;
    int64_t id = append_text(fixture, "x");
    outbox_stage_state(fixture->outbox, id, COMMAND_SENT);
    outbox_stage_call(fixture->outbox, id, 1, COMMAND_SENT, NULL);
    outbox_stage_call(fixture->outbox, id, 0, COMMAND_DONE, "note");
    commit(fixture);
    struct outbox_reader *reader = open_reader(fixture);
    struct outbox_row row;
    struct outbox_call *calls = NULL;
    size_t count = 0;
    assert_int_equal(outbox_show(reader, id, &row, &calls, &count, &fixture->diag), ERR_OK);
    assert_int_equal(count, 2);
    assert_string_equal(calls[0].note, "note");
    assert_int_equal(calls[1].state, COMMAND_SENT);
    outbox_row_clear(&row);
    outbox_calls_free(calls, count);
    outbox_close_reader(reader);
}

static void a_row_that_is_not_there_is_missing(void **state)
{
    struct fixture *fixture = *state;
    struct outbox_reader *reader = open_reader(fixture);
    struct outbox_row row;
    struct outbox_call *calls = NULL;
    size_t count = 0;
    assert_int_equal(outbox_show(reader, 7, &row, &calls, &count, &fixture->diag), ERR_MISSING);
    assert_non_null(strstr(fixture->diag.text, "no command 7"));
    outbox_close_reader(reader);
}

// ---- the file

static void the_file_of_a_stopped_service_can_be_read(void **state)
{
    struct fixture *fixture = *state;
    append_text(fixture, "x");
    close_outbox(fixture);
    struct outbox_reader *reader = open_reader(fixture);
    assert_int_equal(count_listed(fixture, reader, ALL_STATES), 1);
    outbox_close_reader(reader);
    open_outbox(fixture);
    assert_string_equal(fixture->damaged.text, "");
    append_text(fixture, "y");
}

static void leave_log(struct fixture *fixture)
{
    open_outbox(fixture);
    append_text(fixture, "only in the write-ahead log");
}

static void what_a_killed_service_left_in_its_log_is_read(void **state)
{
    struct fixture *fixture = *state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        leave_log(fixture);
        _exit(0);
    }
    assert_int_equal(waitpid(child, NULL, 0), child);
    struct outbox_reader *reader = open_reader(fixture);
    assert_int_equal(count_listed(fixture, reader, ALL_STATES), 1);
    outbox_close_reader(reader);
}

static void a_file_that_does_not_exist_is_missing_and_not_made(void **state)
{
    struct fixture *fixture = *state;
    assert_refused(fixture, ERR_MISSING, "there is no such file");
    assert_int_equal(access(fixture->path, F_OK), -1);
}

static void an_empty_file_is_missing_its_content(void **state)
{
    struct fixture *fixture = *state;
    FILE *file = fopen(fixture->path, "we");
    assert_non_null(file);
    fclose(file);
    assert_refused(fixture, ERR_MISSING, "it is empty");
}

static void a_file_of_a_newer_major_version_is_refused(void **state)
{
    struct fixture *fixture = *state;
    close_outbox(fixture);
    run_sql(fixture, "PRAGMA user_version = 2003");
    assert_refused(fixture, ERR_NEWER, "schema 2.3");
}

static void a_file_of_a_newer_minor_version_is_read(void **state)
{
    struct fixture *fixture = *state;
    append_text(fixture, "x");
    close_outbox(fixture);
    run_sql(fixture, "ALTER TABLE command ADD COLUMN later TEXT; PRAGMA user_version = 1999");
    struct outbox_reader *reader = open_reader(fixture);
    assert_int_equal(count_listed(fixture, reader, ALL_STATES), 1);
    outbox_close_reader(reader);
}

static void a_file_of_the_version_before_is_read_and_not_migrated(void **state)
{
    struct fixture *fixture = *state;
    append_text(fixture, "x");
    close_outbox(fixture);
    run_sql(fixture, "DROP TABLE request; PRAGMA user_version = 1000");
    struct outbox_reader *reader = open_reader(fixture);
    assert_int_equal(count_listed(fixture, reader, ALL_STATES), 1);
    outbox_close_reader(reader);
    struct outbox_asker *asker = NULL;
    assert_int_equal(outbox_request_make(fixture->path, OUTBOX_DROP, 1, &some_moment, &asker, &fixture->diag),
                     ERR_UNAVAILABLE);
    assert_non_null(strstr(fixture->diag.text, "older version"));
}

static void a_database_of_another_program_is_refused(void **state)
{
    struct fixture *fixture = *state;
    run_sql(fixture, "CREATE TABLE photos(x)");
    assert_refused(fixture, ERR_REFUSED, "another program");
}

static void a_damaged_file_is_told_and_left_alone(void **state)
{
    struct fixture *fixture = *state;
    FILE *file = fopen(fixture->path, "we");
    assert_non_null(file);
    for (int i = 0; i < 1000; i++) {
        fputs("this is no database", file);
    }
    fclose(file);
    assert_refused(fixture, ERR_DAMAGED, "damaged");
    struct stat found;
    assert_int_equal(stat(fixture->path, &found), 0);
    assert_int_equal(found.st_size, 19000);
}

static void a_folder_in_place_of_the_file_is_told(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(mkdir(fixture->path, 0700), 0);
    assert_refused(fixture, ERR_IO, "directory");
    assert_int_equal(rmdir(fixture->path), 0);
}

static void a_file_that_may_not_be_read_is_told(void **state)
{
    struct fixture *fixture = *state;
    close_outbox(fixture);
    assert_int_equal(chmod(fixture->folder, 0755), 0);
    assert_int_equal(chmod(fixture->path, 0), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct outbox_reader *reader = NULL;
        bool dropped = geteuid() != 0 || (setgid(65534) == 0 && setuid(65534) == 0);
        bool told = outbox_open_reader(fixture->path, &reader, &fixture->diag) == ERR_IO &&
                    strstr(fixture->diag.text, fixture->path) != NULL;
        _exit(dropped && told ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(name)   cmocka_unit_test_setup_teardown(name, fixture_setup_open, fixture_teardown)
#define CLOSED(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
        CASE(a_reader_sees_each_commit_of_the_service_that_runs),
        CASE(the_service_writes_while_a_reader_is_open),
        CASE(a_list_that_was_read_to_its_end_keeps_no_transaction_open),
        CASE(a_list_has_what_was_asked_for_in_order_page_by_page),
        CASE(a_list_tells_the_note_of_the_first_call_that_has_one_and_is_not_done),
        CASE(a_note_can_be_read_beside_the_service),
        CASE(a_list_has_no_payload_and_a_single_row_has_it),
        CASE(a_row_is_shown_with_its_calls_in_order),
        CASE(a_row_that_is_not_there_is_missing),
        CASE(the_file_of_a_stopped_service_can_be_read),
        CLOSED(what_a_killed_service_left_in_its_log_is_read),
        CLOSED(a_file_that_does_not_exist_is_missing_and_not_made),
        CLOSED(an_empty_file_is_missing_its_content),
        CASE(a_file_of_a_newer_major_version_is_refused),
        CASE(a_file_of_a_newer_minor_version_is_read),
        CASE(a_file_of_the_version_before_is_read_and_not_migrated),
        CLOSED(a_database_of_another_program_is_refused),
        CLOSED(a_damaged_file_is_told_and_left_alone),
        CLOSED(a_folder_in_place_of_the_file_is_told),
        CASE(a_file_that_may_not_be_read_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
