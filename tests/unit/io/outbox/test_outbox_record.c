// The redelivery record: which commands can be delivered again, and how they are known.
#include "unit/io/outbox/outbox_fixture.h"

#include <sqlite3.h>

static void assert_text(const char *actual, const char *expected)
{
    assert_non_null(actual);
    assert_string_equal(actual, expected);
}

static enum outbox_append_result deliver(struct fixture *fixture, char *payload, uint16_t packet_id, bool dup)
{
    struct message message = text_message("home/hall/lamp/set", payload, packet_id);
    message.dup = dup;
    int64_t id = 0;
    return outbox_append(fixture->outbox, &message, &some_moment, false, NULL, NULL, &id, &fixture->diag);
}

static enum outbox_append_result deliver_by_content(struct fixture *fixture, char *payload, uint16_t packet_id,
                                                    int64_t *id)
{
    struct message message = text_message("home/hall/lamp/set", payload, packet_id);
    return outbox_append(fixture->outbox, &message, &some_moment, true, NULL, NULL, id, &fixture->diag);
}

static void reconnect(struct fixture *fixture)
{
    outbox_begin_connection(fixture->outbox, true);
}

// A message of ours that is published now is acknowledged.
static void prove(struct fixture *fixture, bool earlier_too)
{
    struct outbox_unproved point = outbox_unproved(fixture->outbox);
    outbox_forget_proved(fixture->outbox, point.connection, point.position, earlier_too);
    commit(fixture);
}

static void assert_unproved(struct fixture *fixture, size_t current, size_t earlier)
{
    struct outbox_unproved unproved = outbox_unproved(fixture->outbox);
    assert_int_equal(unproved.current, current);
    assert_int_equal(unproved.earlier, earlier);
}

static void a_redelivery_on_the_next_connection_is_not_written_again(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(deliver(fixture, "x", 5, false), OUTBOX_APPENDED);
    reconnect(fixture);
    assert_int_equal(deliver(fixture, "x", 5, true), OUTBOX_REDELIVERED);
    assert_int_equal(count_rows(fixture), 1);
}

static void a_redelivery_with_another_packet_id_is_not_written_again(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(deliver(fixture, "x", 5, false), OUTBOX_APPENDED);
    assert_int_equal(deliver(fixture, "y", 6, false), OUTBOX_APPENDED);
    reconnect(fixture);
    assert_int_equal(deliver(fixture, "x", 1, true), OUTBOX_RENUMBERED);
    assert_int_equal(deliver(fixture, "y", 2, true), OUTBOX_RENUMBERED);
    assert_int_equal(count_rows(fixture), 2);
}

static void a_redelivery_is_known_after_a_restart(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(deliver(fixture, "x", 5, false), OUTBOX_APPENDED);
    reopen_outbox(fixture);
    reconnect(fixture);
    assert_int_equal(deliver(fixture, "x", 1, true), OUTBOX_RENUMBERED);
    assert_int_equal(deliver(fixture, "x", 1, false), OUTBOX_APPENDED);
}

static void a_redelivery_can_come_again_on_each_connection(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(deliver(fixture, "x", 5, false), OUTBOX_APPENDED);
    for (uint16_t i = 0; i < 3; i++) {
        reconnect(fixture);
        assert_unproved(fixture, 0, 1);
        assert_int_equal(deliver(fixture, "x", (uint16_t)(6 + i), true), OUTBOX_RENUMBERED);
        assert_unproved(fixture, 1, 0);
    }
}

static void a_message_without_dup_is_no_redelivery(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(deliver(fixture, "x", 5, false), OUTBOX_APPENDED);
    assert_int_equal(deliver(fixture, "x", 5, false), OUTBOX_APPENDED);
    reconnect(fixture);
    assert_int_equal(deliver(fixture, "x", 5, false), OUTBOX_APPENDED);
}

static void a_packet_that_is_sent_again_on_a_live_connection_is_one_packet(void **state)
{
    struct fixture *fixture = *state;
    reconnect(fixture);
    assert_int_equal(deliver(fixture, "x", 5, false), OUTBOX_APPENDED);
    assert_int_equal(deliver(fixture, "x", 5, true), OUTBOX_RESENT);
    assert_int_equal(deliver(fixture, "x", 5, true), OUTBOX_RESENT);
    reconnect(fixture);
    assert_int_equal(deliver(fixture, "x", 1, true), OUTBOX_RENUMBERED);
    assert_int_equal(deliver(fixture, "x", 1, true), OUTBOX_RESENT);
}

static void a_dup_with_another_packet_id_on_a_live_connection_is_new(void **state)
{
    struct fixture *fixture = *state;
    reconnect(fixture);
    assert_int_equal(deliver(fixture, "x", 5, false), OUTBOX_APPENDED);
    assert_int_equal(deliver(fixture, "x", 6, true), OUTBOX_APPENDED);
}

static void a_dup_with_another_payload_is_new(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(deliver(fixture, "x", 5, false), OUTBOX_APPENDED);
    reconnect(fixture);
    assert_int_equal(deliver(fixture, "y", 5, true), OUTBOX_APPENDED);
}

static void equal_commands_are_as_many_entries(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(deliver(fixture, "x", 5, false), OUTBOX_APPENDED);
    assert_int_equal(deliver(fixture, "x", 6, false), OUTBOX_APPENDED);
    reconnect(fixture);
    assert_int_equal(deliver(fixture, "x", 1, true), OUTBOX_RENUMBERED);
    assert_int_equal(deliver(fixture, "x", 2, true), OUTBOX_RENUMBERED);
    assert_int_equal(deliver(fixture, "x", 3, true), OUTBOX_APPENDED);
}

static void what_is_proved_leaves_the_record_and_the_file(void **state)
{
    struct fixture *fixture = *state;
    reconnect(fixture);
    assert_int_equal(deliver(fixture, "x", 5, false), OUTBOX_APPENDED);
    prove(fixture, false);
    assert_int_equal(deliver(fixture, "y", 6, false), OUTBOX_APPENDED);
    reopen_outbox(fixture);
    assert_unproved(fixture, 0, 1);
    reconnect(fixture);
    assert_int_equal(deliver(fixture, "x", 5, true), OUTBOX_APPENDED);
    assert_int_equal(deliver(fixture, "y", 6, true), OUTBOX_REDELIVERED);
}

static void only_what_came_before_the_proof_was_published_is_proved(void **state)
{
    struct fixture *fixture = *state;
    reconnect(fixture);
    assert_int_equal(deliver(fixture, "x", 5, false), OUTBOX_APPENDED);
    struct outbox_unproved point = outbox_unproved(fixture->outbox);
    assert_int_equal(deliver(fixture, "y", 6, false), OUTBOX_APPENDED);
    outbox_forget_proved(fixture->outbox, point.connection, point.position, false);
    assert_unproved(fixture, 1, 0);
    reconnect(fixture);
    assert_int_equal(deliver(fixture, "y", 6, true), OUTBOX_REDELIVERED);
}

static void a_proof_tells_nothing_of_earlier_connections(void **state)
{
    struct fixture *fixture = *state;
    reconnect(fixture);
    assert_int_equal(deliver(fixture, "x", 5, false), OUTBOX_APPENDED);
    assert_int_equal(deliver(fixture, "y", 6, false), OUTBOX_APPENDED);
    reconnect(fixture);
    assert_int_equal(deliver(fixture, "y", 6, true), OUTBOX_REDELIVERED);
    prove(fixture, false);
    assert_unproved(fixture, 0, 1);
    assert_int_equal(deliver(fixture, "x", 5, true), OUTBOX_REDELIVERED);
}

static void a_late_proof_of_an_ended_connection_still_counts(void **state)
{
    struct fixture *fixture = *state;
    reconnect(fixture);
    assert_int_equal(deliver(fixture, "x", 5, false), OUTBOX_APPENDED);
    struct outbox_unproved point = outbox_unproved(fixture->outbox);
    assert_int_equal(deliver(fixture, "y", 6, false), OUTBOX_APPENDED);
    reconnect(fixture);
    outbox_forget_proved(fixture->outbox, point.connection, point.position, true);
    assert_unproved(fixture, 0, 1);
    assert_int_equal(deliver(fixture, "y", 6, true), OUTBOX_REDELIVERED);
}

static void what_was_not_delivered_again_goes_when_all_must_have_come(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(deliver(fixture, "x", 5, false), OUTBOX_APPENDED);
    assert_int_equal(deliver(fixture, "y", 6, false), OUTBOX_APPENDED);
    reconnect(fixture);
    assert_int_equal(deliver(fixture, "y", 6, true), OUTBOX_REDELIVERED);
    prove(fixture, true);
    assert_unproved(fixture, 0, 0);
    reopen_outbox(fixture);
    assert_unproved(fixture, 0, 0);
}

// Two equal commands, of which the second was lost on its way: it is not the first.
static void where_packet_ids_are_kept_another_id_is_another_command(void **state)
{
    struct fixture *fixture = *state;
    reconnect(fixture);
    assert_int_equal(deliver(fixture, "other", 700, false), OUTBOX_APPENDED);
    assert_int_equal(deliver(fixture, "x", 701, false), OUTBOX_APPENDED);
    reconnect(fixture);
    assert_int_equal(deliver(fixture, "other", 700, true), OUTBOX_REDELIVERED);
    assert_int_equal(deliver(fixture, "x", 702, true), OUTBOX_APPENDED);
    outbox_begin_connection(fixture->outbox, false);
    assert_int_equal(deliver(fixture, "x", 703, true), OUTBOX_RENUMBERED);
}

// The ids of a broker that numbers anew for each connection are equal by accident.
static void low_packet_ids_do_not_show_that_they_are_kept(void **state)
{
    struct fixture *fixture = *state;
    reconnect(fixture);
    assert_int_equal(deliver(fixture, "other", 40, false), OUTBOX_APPENDED);
    assert_int_equal(deliver(fixture, "x", 41, false), OUTBOX_APPENDED);
    reconnect(fixture);
    for (int i = 0; i < 40; i++) {
        outbox_count_packet(fixture->outbox, (uint16_t)(i + 1));
    }
    assert_int_equal(deliver(fixture, "other", 40, true), OUTBOX_REDELIVERED);
    assert_int_equal(deliver(fixture, "x", 2, true), OUTBOX_RENUMBERED);
}

static enum outbox_append_result receive(struct fixture *fixture, char *payload, uint16_t packet_id, bool dup)
{
    outbox_count_packet(fixture->outbox, packet_id);
    return deliver(fixture, payload, packet_id, dup);
}

// The bridge was killed with packets unread, or the link was lost with packets on their way.
static void an_equal_command_that_was_lost_on_its_way_is_another_one(void **state)
{
    struct fixture *fixture = *state;
    reconnect(fixture);
    assert_int_equal(receive(fixture, "on", 7, false), OUTBOX_APPENDED);
    assert_int_equal(receive(fixture, "off", 8, false), OUTBOX_APPENDED);
    reopen_outbox(fixture);
    reconnect(fixture);
    assert_int_equal(receive(fixture, "off", 8, true), OUTBOX_REDELIVERED);
    assert_int_equal(receive(fixture, "on", 9, true), OUTBOX_APPENDED);
    assert_int_equal(receive(fixture, "off", 10, true), OUTBOX_APPENDED);
    reconnect(fixture);
    assert_int_equal(receive(fixture, "on", 9, true), OUTBOX_REDELIVERED);
    assert_int_equal(receive(fixture, "on", 11, true), OUTBOX_APPENDED);
}

static void ids_go_on_from_the_highest_to_1(void **state)
{
    struct fixture *fixture = *state;
    reconnect(fixture);
    assert_int_equal(receive(fixture, "on", 65534, false), OUTBOX_APPENDED);
    reconnect(fixture);
    assert_int_equal(receive(fixture, "on", 65535, true), OUTBOX_APPENDED);
}

static void ids_that_begin_anew_tell_nothing_even_where_they_go_on(void **state)
{
    struct fixture *fixture = *state;
    reconnect(fixture);
    assert_int_equal(receive(fixture, "on", 1, false), OUTBOX_APPENDED);
    assert_int_equal(receive(fixture, "off", 2, false), OUTBOX_APPENDED);
    reconnect(fixture);
    assert_int_equal(receive(fixture, "fence", 1, true), OUTBOX_APPENDED);
    assert_int_equal(receive(fixture, "on", 2, true), OUTBOX_RENUMBERED);
    assert_int_equal(receive(fixture, "off", 3, true), OUTBOX_RENUMBERED);
}

static void ids_of_another_session_do_not_go_on(void **state)
{
    struct fixture *fixture = *state;
    reconnect(fixture);
    assert_int_equal(receive(fixture, "on", 7, false), OUTBOX_APPENDED);
    outbox_begin_connection(fixture->outbox, false);
    assert_int_equal(receive(fixture, "on", 8, true), OUTBOX_RENUMBERED);
}

static void by_content_a_message_without_dup_is_a_redelivery_once(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(deliver(fixture, "x", 5, false), OUTBOX_APPENDED);
    reconnect(fixture);
    int64_t id = 0;
    assert_int_equal(deliver_by_content(fixture, "x", 1, &id), OUTBOX_RENUMBERED);
    assert_int_equal(id, 1);
    assert_int_equal(deliver_by_content(fixture, "x", 2, &id), OUTBOX_APPENDED);
    assert_int_equal(id, 2);
}

static void by_content_the_first_is_known_after_a_restart(void **state)
{
    struct fixture *fixture = *state;
    append_text(fixture, "other");
    assert_int_equal(deliver(fixture, "x", 5, false), OUTBOX_APPENDED);
    reopen_outbox(fixture);
    reconnect(fixture);
    int64_t id = 0;
    assert_int_equal(deliver_by_content(fixture, "x", 1, &id), OUTBOX_RENUMBERED);
    assert_int_equal(id, 2);
}

static void by_content_what_came_on_this_connection_is_not_looked_at(void **state)
{
    struct fixture *fixture = *state;
    int64_t id = 0;
    reconnect(fixture);
    assert_int_equal(deliver_by_content(fixture, "x", 5, &id), OUTBOX_APPENDED);
    assert_int_equal(deliver_by_content(fixture, "x", 5, &id), OUTBOX_APPENDED);
}

static void an_answer_to_a_redelivery_is_a_row_and_no_entry(void **state)
{
    struct fixture *fixture = *state;
    struct message message = text_message("home/hall/lamp/set", "x", 5);
    int64_t id = 0;
    assert_int_equal(outbox_append_answer(fixture->outbox, &message, &some_moment, "{}", &id, &fixture->diag),
                     OUTBOX_APPENDED);
    assert_int_equal(id, 1);
    assert_int_equal(count_rows(fixture), 1);
    assert_unproved(fixture, 0, 0);
}

static void a_message_is_known_while_it_may_be_delivered_again(void **state)
{
    struct fixture *fixture = *state;
    struct message message = text_message("home/hall/lamp/set", "x", 5);
    assert_false(outbox_knows(fixture->outbox, &message));
    assert_int_equal(deliver(fixture, "x", 5, false), OUTBOX_APPENDED);
    assert_false(outbox_knows(fixture->outbox, &message));
    reconnect(fixture);
    assert_true(outbox_knows(fixture->outbox, &message));
    assert_int_equal(deliver(fixture, "x", 5, true), OUTBOX_REDELIVERED);
    assert_false(outbox_knows(fixture->outbox, &message));
}

static void a_stored_reply_is_read(void **state)
{
    struct fixture *fixture = *state;
    int64_t id = append_text(fixture, "x");
    assert_null(outbox_read_reply(fixture->outbox, id));
    assert_null(outbox_read_reply(fixture->outbox, id + 1));
    bring_to(fixture, id, COMMAND_DONE);
    AUTO_FREE char *reply = outbox_read_reply(fixture->outbox, id);
    assert_text(reply, "{\"reply\":1}");
}

static void a_qos_0_message_is_not_recorded(void **state)
{
    struct fixture *fixture = *state;
    struct message message = text_message("t", "x", 0);
    message.qos = 0;
    append_message(fixture, &message);
    assert_unproved(fixture, 0, 0);
}

static void a_refused_command_is_known_when_it_is_redelivered(void **state)
{
    struct fixture *fixture = *state;
    struct message message = text_message("t", "x", 3);
    int64_t id = 0;
    assert_int_equal(
        outbox_append(fixture->outbox, &message, &some_moment, false, "outbox_full", "{}", &id, &fixture->diag),
        OUTBOX_APPENDED);
    reconnect(fixture);
    message.dup = true;
    assert_int_equal(outbox_append(fixture->outbox, &message, &some_moment, false, NULL, NULL, &id, &fixture->diag),
                     OUTBOX_REDELIVERED);
}

static void a_command_without_room_is_not_recorded(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.max_commands = 1;
    reopen_outbox(fixture);
    bring_to(fixture, append_text(fixture, "first"), COMMAND_QUEUED);
    assert_int_equal(deliver(fixture, "x", 5, false), OUTBOX_NO_ROOM);
    outbox_stage_delete(fixture->outbox, 1);
    commit(fixture);
    reconnect(fixture);
    assert_int_equal(deliver(fixture, "x", 5, true), OUTBOX_APPENDED);
}

static char *numbered(char *text, unsigned number)
{
    snprintf(text, 24, "x%u", number);
    return text;
}

static void the_record_holds_600_commands(void **state)
{
    struct fixture *fixture = *state;
    char text[24];
    for (unsigned i = 1; i <= 600; i++) {
        assert_int_equal(deliver(fixture, numbered(text, i), (uint16_t)i, false), OUTBOX_APPENDED);
    }
    reopen_outbox(fixture);
    assert_unproved(fixture, 0, 600);
    reconnect(fixture);
    for (unsigned i = 1; i <= 600; i++) {
        assert_int_equal(deliver(fixture, numbered(text, i), (uint16_t)i, true), OUTBOX_REDELIVERED);
    }
    assert_int_equal(count_rows(fixture), 600);
    prove(fixture, true);
    reopen_outbox(fixture);
    assert_unproved(fixture, 0, 0);
}

static void a_full_record_loses_its_oldest(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.max_commands = 100000;
    reopen_outbox(fixture);
    char text[24];
    for (unsigned i = 0; i <= 65535; i++) {
        assert_int_equal(deliver(fixture, numbered(text, i), (uint16_t)(i % 65535 + 1), false), OUTBOX_APPENDED);
    }
    assert_unproved(fixture, 65535, 0);
    reopen_outbox(fixture);
    assert_unproved(fixture, 0, 65535);
    reconnect(fixture);
    assert_int_equal(deliver(fixture, "x1", 2, true), OUTBOX_REDELIVERED);
    assert_int_equal(deliver(fixture, "x65535", 1, true), OUTBOX_REDELIVERED);
    assert_int_equal(deliver(fixture, "x0", 1, true), OUTBOX_APPENDED);
    prove(fixture, true);
    reopen_outbox(fixture);
    assert_unproved(fixture, 0, 0);
}

// ---- the version before

static void run_sql(const char *path, const char *sql)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

// Version 1.1 kept the last 256, number n in slot n % 256, and knew no command_id.
static void what_the_version_before_delivered_is_known_and_goes(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(deliver(fixture, "x", 5, false), OUTBOX_APPENDED);
    assert_int_equal(deliver(fixture, "y", 6, false), OUTBOX_APPENDED);
    close_outbox(fixture);
    run_sql(fixture->path, "UPDATE delivery SET number = 513, slot = 1, command_id = NULL WHERE packet_id = 6;"
                           "UPDATE delivery SET number = 512, slot = 0, command_id = NULL WHERE packet_id = 5");
    open_outbox(fixture);
    reconnect(fixture);
    assert_int_equal(deliver(fixture, "z", 7, false), OUTBOX_APPENDED);
    assert_int_equal(deliver(fixture, "x", 5, true), OUTBOX_REDELIVERED);
    assert_int_equal(deliver(fixture, "y", 6, true), OUTBOX_REDELIVERED);
    reopen_outbox(fixture);
    assert_unproved(fixture, 0, 3);
    reconnect(fixture);
    prove(fixture, true);
    reopen_outbox(fixture);
    assert_unproved(fixture, 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup_open, fixture_teardown)
        CASE(a_redelivery_on_the_next_connection_is_not_written_again),
        CASE(a_redelivery_with_another_packet_id_is_not_written_again),
        CASE(a_redelivery_is_known_after_a_restart),
        CASE(a_redelivery_can_come_again_on_each_connection),
        CASE(a_message_without_dup_is_no_redelivery),
        CASE(a_packet_that_is_sent_again_on_a_live_connection_is_one_packet),
        CASE(a_dup_with_another_packet_id_on_a_live_connection_is_new),
        CASE(a_dup_with_another_payload_is_new),
        CASE(equal_commands_are_as_many_entries),
        CASE(what_is_proved_leaves_the_record_and_the_file),
        CASE(only_what_came_before_the_proof_was_published_is_proved),
        CASE(a_proof_tells_nothing_of_earlier_connections),
        CASE(a_late_proof_of_an_ended_connection_still_counts),
        CASE(what_was_not_delivered_again_goes_when_all_must_have_come),
        CASE(where_packet_ids_are_kept_another_id_is_another_command),
        CASE(low_packet_ids_do_not_show_that_they_are_kept),
        CASE(an_equal_command_that_was_lost_on_its_way_is_another_one),
        CASE(ids_go_on_from_the_highest_to_1),
        CASE(ids_that_begin_anew_tell_nothing_even_where_they_go_on),
        CASE(ids_of_another_session_do_not_go_on),
        CASE(by_content_a_message_without_dup_is_a_redelivery_once),
        CASE(by_content_the_first_is_known_after_a_restart),
        CASE(by_content_what_came_on_this_connection_is_not_looked_at),
        CASE(an_answer_to_a_redelivery_is_a_row_and_no_entry),
        CASE(a_message_is_known_while_it_may_be_delivered_again),
        CASE(a_stored_reply_is_read),
        CASE(a_qos_0_message_is_not_recorded),
        CASE(a_refused_command_is_known_when_it_is_redelivered),
        CASE(a_command_without_room_is_not_recorded),
        CASE(the_record_holds_600_commands),
        CASE(a_full_record_loses_its_oldest),
        CASE(what_the_version_before_delivered_is_known_and_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
