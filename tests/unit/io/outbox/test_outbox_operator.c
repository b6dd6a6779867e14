// Requests of an operator: how they come to the service, how their answers come back, and what becomes of those that
// nobody waits for; and the step of the schema that brought them.
#include "unit/io/outbox/outbox_fixture.h"

#include <sqlite3.h>

static struct outbox_asker *ask(struct fixture *fixture, enum outbox_verb verb, int64_t command)
{
    struct outbox_asker *asker = NULL;
    enum err err = outbox_request_make(fixture->path, verb, command, &some_moment, &asker, &fixture->diag);
    if (err != ERR_OK) {
        print_error("%s\n", fixture->diag.text);
    }
    assert_int_equal(err, ERR_OK);
    return asker;
}

static bool take_at(struct fixture *fixture, int64_t ms, struct outbox_request *request)
{
    bool found = false;
    struct moment now = later(ms);
    assert_int_equal(outbox_take_request(fixture->outbox, &now, request, &found, &fixture->diag), ERR_OK);
    return found;
}

static struct outbox_answer look(struct fixture *fixture, struct outbox_asker *asker)
{
    struct outbox_answer answer = {0};
    assert_int_equal(outbox_request_look(asker, &answer, &fixture->diag), ERR_OK);
    return answer;
}

static void run_sql(const char *path, const char *sql)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    int code = sqlite3_exec(db, sql, NULL, NULL, NULL);
    if (code != SQLITE_OK) {
        print_error("%s\n", sqlite3_errmsg(db));
    }
    assert_int_equal(code, SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static int64_t ask_sql(const char *path, const char *sql)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int64_t value = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    return value;
}

static int64_t count_requests(const struct fixture *fixture)
{
    return ask_sql(fixture->path, "SELECT count(*) FROM request");
}

// ---- requests and answers

static void without_a_request_nothing_is_taken(void **state)
{
    struct outbox_request request;
    assert_false(take_at(*state, 0, &request));
    append_text(*state, "x");
    assert_false(take_at(*state, 250, &request));
}

static void a_request_is_taken_once(void **state)
{
    struct fixture *fixture = *state;
    struct outbox_request request;
    assert_false(take_at(fixture, 0, &request));
    struct outbox_asker *asker = ask(fixture, OUTBOX_DROP, 17);
    assert_true(take_at(fixture, 250, &request));
    assert_int_equal(request.verb, OUTBOX_DROP);
    assert_int_equal(request.command, 17);
    assert_false(take_at(fixture, 500, &request));
    outbox_request_end(asker);
    assert_false(take_at(fixture, 750, &request));
}

static void requests_are_taken_in_their_order(void **state)
{
    struct fixture *fixture = *state;
    struct outbox_asker *first = ask(fixture, OUTBOX_DROP, 5);
    struct outbox_asker *second = ask(fixture, OUTBOX_RETRY, 3);
    struct outbox_request request;
    assert_true(take_at(fixture, 0, &request));
    assert_int_equal(request.command, 5);
    assert_true(take_at(fixture, 0, &request));
    assert_int_equal(request.command, 3);
    assert_int_equal(request.verb, OUTBOX_RETRY);
    assert_false(take_at(fixture, 0, &request));
    outbox_request_end(first);
    outbox_request_end(second);
}

static void an_answer_comes_with_the_commit_of_what_was_done(void **state)
{
    struct fixture *fixture = *state;
    int64_t id = append_text(fixture, "x");
    struct outbox_asker *asker = ask(fixture, OUTBOX_DROP, id);
    struct outbox_request request;
    assert_true(take_at(fixture, 0, &request));
    assert_int_equal(look(fixture, asker).kind, OUTBOX_WAITING);
    outbox_stage_delete(fixture->outbox, id);
    outbox_answer_request(fixture->outbox, request.id, true, "it is gone");
    assert_int_equal(look(fixture, asker).kind, OUTBOX_WAITING);
    commit(fixture);
    struct outbox_answer answer = look(fixture, asker);
    assert_int_equal(answer.kind, OUTBOX_PERFORMED);
    assert_string_equal(answer.text.text, "it is gone");
    assert_int_equal(count_rows(fixture), 0);
    outbox_request_end(asker);
    assert_int_equal(count_requests(fixture), 0);
}

static void a_refusal_comes_with_its_reason(void **state)
{
    struct fixture *fixture = *state;
    // A command of the same number as the request is not touched by the answer.
    int64_t id = append_text(fixture, "x");
    struct outbox_asker *asker = ask(fixture, OUTBOX_RETRY, id);
    struct outbox_request request;
    assert_true(take_at(fixture, 0, &request));
    assert_int_equal(request.id, id);
    outbox_answer_request(fixture->outbox, request.id, false, "it has ended");
    commit(fixture);
    struct outbox_answer answer = look(fixture, asker);
    assert_int_equal(answer.kind, OUTBOX_REFUSED);
    assert_string_equal(answer.text.text, "it has ended");
    outbox_request_end(asker);
    assert_int_equal(count_rows(fixture), 1);
}

static void a_request_that_was_withdrawn_is_not_taken(void **state)
{
    struct fixture *fixture = *state;
    struct outbox_request request;
    outbox_request_end(ask(fixture, OUTBOX_DROP, 1));
    assert_false(take_at(fixture, 0, &request));
}

static void an_answer_to_a_request_that_was_withdrawn_does_no_harm(void **state)
{
    struct fixture *fixture = *state;
    struct outbox_asker *asker = ask(fixture, OUTBOX_DROP, 1);
    struct outbox_request request;
    assert_true(take_at(fixture, 0, &request));
    outbox_request_end(asker);
    outbox_answer_request(fixture->outbox, request.id, true, "done");
    commit(fixture);
    assert_int_equal(count_requests(fixture), 0);
}

static void an_id_of_a_request_is_not_used_again(void **state)
{
    struct fixture *fixture = *state;
    struct outbox_request first;
    struct outbox_request second;
    struct outbox_asker *asker = ask(fixture, OUTBOX_DROP, 1);
    assert_true(take_at(fixture, 0, &first));
    outbox_request_end(asker);
    asker = ask(fixture, OUTBOX_DROP, 2);
    outbox_answer_request(fixture->outbox, first.id, true, "done");
    commit(fixture);
    assert_int_equal(look(fixture, asker).kind, OUTBOX_WAITING);
    assert_true(take_at(fixture, 0, &second));
    assert_true(second.id > first.id);
    outbox_request_end(asker);
}

static void a_verb_of_a_later_version_is_told_as_such(void **state)
{
    struct fixture *fixture = *state;
    struct outbox_request request;
    run_sql(fixture->path, "INSERT INTO request(verb, command_id, boot_id, boot_ms, wall_ms)"
                           " VALUES('polish', 1, '0b3c1a52-3b0e-4c1e-9a55-6f2d9a3b7c11', 5000, 0)");
    assert_true(take_at(fixture, 0, &request));
    assert_int_equal(request.verb, OUTBOX_OTHER_VERB);
}

// ---- what nobody waits for

static void a_request_that_is_too_old_is_deleted_and_not_taken(void **state)
{
    struct fixture *fixture = *state;
    struct outbox_request request;
    struct outbox_asker *asker = ask(fixture, OUTBOX_DROP, 1);
    assert_false(take_at(fixture, OUTBOX_REQUEST_LIFE_MS + 1, &request));
    assert_int_equal(look(fixture, asker).kind, OUTBOX_FORGOTTEN);
    outbox_request_end(asker);
}

static void a_request_is_taken_up_to_its_last_moment(void **state)
{
    struct fixture *fixture = *state;
    struct outbox_request request;
    struct outbox_asker *asker = ask(fixture, OUTBOX_DROP, 1);
    assert_true(take_at(fixture, OUTBOX_REQUEST_LIFE_MS, &request));
    outbox_request_end(asker);
}

static void an_answer_that_nobody_fetches_is_deleted_after_a_while(void **state)
{
    struct fixture *fixture = *state;
    struct outbox_request request;
    struct outbox_asker *asker = ask(fixture, OUTBOX_DROP, 1);
    assert_true(take_at(fixture, 0, &request));
    outbox_answer_request(fixture->outbox, request.id, true, "done");
    commit(fixture);
    assert_false(take_at(fixture, 5000, &request));
    assert_int_equal(count_requests(fixture), 1);
    assert_false(take_at(fixture, OUTBOX_REQUEST_LIFE_MS + 1, &request));
    assert_int_equal(count_requests(fixture), 0);
    outbox_request_end(asker);
}

static void a_request_from_before_a_reboot_is_not_taken(void **state)
{
    struct fixture *fixture = *state;
    struct outbox_request request;
    struct outbox_asker *asker = ask(fixture, OUTBOX_DROP, 1);
    struct moment now = {.boot_id = "99999999-3b0e-4c1e-9a55-6f2d9a3b7c11", .boot_ms = 10, .wall_ms = 1};
    bool found = true;
    assert_int_equal(outbox_take_request(fixture->outbox, &now, &request, &found, &fixture->diag), ERR_OK);
    assert_false(found);
    assert_int_equal(count_requests(fixture), 0);
    outbox_request_end(asker);
}

static void requests_of_an_earlier_run_are_forgotten_at_the_start(void **state)
{
    struct fixture *fixture = *state;
    struct outbox_request request;
    struct outbox_asker *asker = ask(fixture, OUTBOX_DROP, 1);
    reopen_outbox(fixture);
    assert_int_equal(look(fixture, asker).kind, OUTBOX_FORGOTTEN);
    assert_false(take_at(fixture, 0, &request));
    outbox_request_end(asker);
}

static void no_more_than_so_many_requests_wait_at_a_time(void **state)
{
    struct fixture *fixture = *state;
    struct outbox_asker *askers[OUTBOX_REQUESTS_MAX];
    for (size_t i = 0; i < COUNT_OF(askers); i++) {
        askers[i] = ask(fixture, OUTBOX_DROP, (int64_t)i);
    }
    struct outbox_asker *asker = NULL;
    assert_int_equal(outbox_request_make(fixture->path, OUTBOX_DROP, 1, &some_moment, &asker, &fixture->diag),
                     ERR_FULL);
    assert_non_null(strstr(fixture->diag.text, "100 requests wait"));
    for (size_t i = 0; i < COUNT_OF(askers); i++) {
        outbox_request_end(askers[i]);
    }
    outbox_request_end(ask(fixture, OUTBOX_DROP, 1));
}

static void a_request_for_an_outbox_that_does_not_exist_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct outbox_asker *asker = NULL;
    assert_int_equal(outbox_request_make(fixture->path, OUTBOX_DROP, 1, &some_moment, &asker, &fixture->diag),
                     ERR_MISSING);
    assert_int_equal(access(fixture->path, F_OK), -1);
}

// ---- the schema's step from 1.0

static const char version_1_0[] =
    "PRAGMA journal_mode = WAL;"
    "CREATE TABLE command(id INTEGER PRIMARY KEY, state INTEGER NOT NULL CHECK(state BETWEEN 0 AND 3),"
    " boot_id TEXT NOT NULL, boot_ms INTEGER NOT NULL, wall_ms INTEGER NOT NULL,"
    " qos INTEGER NOT NULL, dup INTEGER NOT NULL, retained INTEGER NOT NULL, packet_id INTEGER NOT NULL,"
    " expiry_s INTEGER, key BLOB, hash BLOB, topic TEXT NOT NULL, response_topic TEXT, correlation_data BLOB,"
    " refusal TEXT, plan TEXT, reply TEXT, properties BLOB, payload BLOB NOT NULL);"
    "CREATE INDEX command_key ON command(key) WHERE key IS NOT NULL;"
    "CREATE INDEX command_done ON command(state) WHERE state = 3;"
    "CREATE TABLE call(command_id INTEGER NOT NULL, call INTEGER NOT NULL,"
    " state INTEGER NOT NULL CHECK(state BETWEEN 0 AND 3), note TEXT, PRIMARY KEY(command_id, call)) WITHOUT ROWID;"
    "CREATE TABLE delivery(slot INTEGER PRIMARY KEY, number INTEGER NOT NULL, packet_id INTEGER NOT NULL,"
    " hash BLOB NOT NULL);"
    "CREATE TABLE note(name TEXT NOT NULL PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID;"
    "INSERT INTO command(id, state, boot_id, boot_ms, wall_ms, qos, dup, retained, packet_id, topic, plan, payload)"
    " VALUES(41, 1, 'boot', 1, 2, 1, 0, 0, 9, 'home/lamp/set', 'the plan', 'on');"
    "INSERT INTO call VALUES(41, 0, 1, NULL);"
    "INSERT INTO note VALUES('contact', 'then');"
    "PRAGMA application_id = 1952608871; PRAGMA user_version = 1000;";

static void a_file_of_version_1_0_keeps_all_it_has_and_takes_requests(void **state)
{
    struct fixture *fixture = *state;
    run_sql(fixture->path, version_1_0);
    open_outbox(fixture);
    assert_string_equal(fixture->damaged.text, "");
    assert_int_equal(ask_sql(fixture->path, "PRAGMA user_version"), 1002);
    struct outbox_row row = load_row(fixture, 41);
    assert_int_equal(row.state, COMMAND_SENT);
    assert_string_equal(row.command_text, "the plan");
    assert_string_equal(row.message.payload, "on");
    outbox_row_clear(&row);
    AUTO_FREE char *note = outbox_read_note(fixture->outbox, "contact");
    assert_string_equal(note, "then");
    assert_int_equal(append_text(fixture, "x"), 42);
    struct outbox_asker *asker = ask(fixture, OUTBOX_DROP, 41);
    struct outbox_request request;
    assert_true(take_at(fixture, 0, &request));
    outbox_request_end(asker);
}

// What version 1.0 writes names the columns it knows; none of them has changed.
static void version_1_0_can_still_write_a_file_of_this_version(void **state)
{
    struct fixture *fixture = *state;
    open_outbox(fixture);
    append_text(fixture, "x");
    close_outbox(fixture);
    run_sql(fixture->path, "INSERT INTO command(id, state, boot_id, boot_ms, wall_ms, topic, payload, qos, dup,"
                           " retained, packet_id, expiry_s, response_topic, correlation_data, properties, refusal,"
                           " plan) VALUES(2, 0, 'b', 1, 2, 't', x'', 1, 0, 0, 1, NULL, NULL, NULL, NULL, NULL, NULL);"
                           "INSERT OR REPLACE INTO delivery(slot, number, packet_id, hash) VALUES(1, 1, 1, x'');"
                           "INSERT INTO call(command_id, call, state, note) VALUES(2, 0, 0, NULL);"
                           "INSERT OR REPLACE INTO note(name, text) VALUES('a', 'b');");
    open_outbox(fixture);
    assert_string_equal(fixture->damaged.text, "");
    assert_int_equal(count_rows(fixture), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(name)   cmocka_unit_test_setup_teardown(name, fixture_setup_open, fixture_teardown)
#define CLOSED(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
        CASE(without_a_request_nothing_is_taken),
        CASE(a_request_is_taken_once),
        CASE(requests_are_taken_in_their_order),
        CASE(an_answer_comes_with_the_commit_of_what_was_done),
        CASE(a_refusal_comes_with_its_reason),
        CASE(a_request_that_was_withdrawn_is_not_taken),
        CASE(an_answer_to_a_request_that_was_withdrawn_does_no_harm),
        CASE(an_id_of_a_request_is_not_used_again),
        CASE(a_verb_of_a_later_version_is_told_as_such),
        CASE(a_request_that_is_too_old_is_deleted_and_not_taken),
        CASE(a_request_is_taken_up_to_its_last_moment),
        CASE(an_answer_that_nobody_fetches_is_deleted_after_a_while),
        CASE(a_request_from_before_a_reboot_is_not_taken),
        CASE(requests_of_an_earlier_run_are_forgotten_at_the_start),
        CASE(no_more_than_so_many_requests_wait_at_a_time),
        CLOSED(a_request_for_an_outbox_that_does_not_exist_is_refused),
        CLOSED(a_file_of_version_1_0_keeps_all_it_has_and_takes_requests),
        CLOSED(version_1_0_can_still_write_a_file_of_this_version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
