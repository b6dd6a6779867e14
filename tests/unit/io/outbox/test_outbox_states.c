// Staged changes: states, calls, notes, twins, purge.
#include "unit/io/outbox/outbox_fixture.h"

static const enum command_state all_states[] = {COMMAND_QUEUED, COMMAND_SENT, COMMAND_REPLIED, COMMAND_DONE};

static void stage_to(struct fixture *fixture, int64_t id, enum command_state state)
{
    if (state == COMMAND_REPLIED) {
        outbox_stage_reply(fixture->outbox, id, "{}");
    } else {
        outbox_stage_state(fixture->outbox, id, state);
    }
}

static bool change_is_possible(enum command_state from, enum command_state to)
{
    struct fixture *fixture = NULL;
    fixture_setup_open((void **)&fixture);
    int64_t id = append_text(fixture, "x");
    bring_to(fixture, id, from);
    stage_to(fixture, id, to);
    enum err err = outbox_commit(fixture->outbox, &fixture->diag);
    assert_true(err == ERR_OK || err == ERR_INTERNAL);
    fixture_teardown((void **)&fixture);
    return err == ERR_OK;
}

static void only_the_legal_changes_of_state_are_made(void **state)
{
    (void)state;
    static const bool legal[4][4] = {
        {false, true, true, false},  // QUEUED
        {true, false, true, false},  // SENT
        {false, false, false, true}, // REPLIED
        {false, false, false, false} // DONE
    };
    for (size_t from = 0; from < 4; from++) {
        for (size_t to = 0; to < 4; to++) {
            bool possible = change_is_possible(all_states[from], all_states[to]);
            if (possible != legal[from][to]) {
                print_error("%s -> %s\n", command_state_name(all_states[from]), command_state_name(all_states[to]));
            }
            assert_int_equal(possible, legal[from][to]);
        }
    }
}

static void a_row_of_any_state_can_be_deleted(void **state)
{
    struct fixture *fixture = *state;
    for (size_t i = 0; i < COUNT_OF(all_states); i++) {
        int64_t id = append_text(fixture, "x");
        bring_to(fixture, id, all_states[i]);
        outbox_stage_delete(fixture->outbox, id);
        outbox_stage_delete(fixture->outbox, id);
        commit(fixture);
        assert_int_equal(outbox_counts(fixture->outbox).commands, 0);
        assert_int_equal(outbox_counts(fixture->outbox).done, 0);
    }
    reopen_outbox(fixture);
    assert_int_equal(count_rows(fixture), 0);
}

static void assert_impossible(struct fixture *fixture)
{
    assert_int_equal(outbox_commit(fixture->outbox, &fixture->diag), ERR_INTERNAL);
    assert_non_null(strstr(fixture->diag.text, "impossible change"));
    assert_true(outbox_has_staged(fixture->outbox));
}

static void an_impossible_change_stops_the_whole_commit(void **state)
{
    struct fixture *fixture = *state;
    int64_t id = append_text(fixture, "x");
    outbox_stage_state(fixture->outbox, id, COMMAND_SENT);
    outbox_stage_state(fixture->outbox, id, COMMAND_DONE);
    assert_impossible(fixture);
    reopen_outbox(fixture);
    struct outbox_row row = load_row(fixture, id);
    assert_int_equal(row.state, COMMAND_QUEUED);
    outbox_row_clear(&row);
}

static void a_change_of_an_unknown_row_is_impossible(void **state)
{
    struct fixture *fixture = *state;
    outbox_stage_state(fixture->outbox, 4711, COMMAND_SENT);
    assert_impossible(fixture);
}

static void a_change_after_the_deletion_is_impossible(void **state)
{
    struct fixture *fixture = *state;
    int64_t id = append_text(fixture, "x");
    outbox_stage_delete(fixture->outbox, id);
    outbox_stage_call(fixture->outbox, id, 0, COMMAND_SENT, NULL);
    assert_impossible(fixture);
}

static void a_reply_without_its_text_is_impossible(void **state)
{
    struct fixture *fixture = *state;
    int64_t id = append_text(fixture, "x");
    outbox_stage_state(fixture->outbox, id, COMMAND_REPLIED);
    assert_impossible(fixture);
}

static void nothing_staged_is_on_disk_before_the_commit(void **state)
{
    struct fixture *fixture = *state;
    int64_t id = append_text(fixture, "x");
    assert_false(outbox_has_staged(fixture->outbox));
    outbox_stage_state(fixture->outbox, id, COMMAND_SENT);
    assert_true(outbox_has_staged(fixture->outbox));
    reopen_outbox(fixture);
    struct outbox_row row = load_row(fixture, id);
    assert_int_equal(row.state, COMMAND_QUEUED);
    assert_null(row.command_text);
    outbox_row_clear(&row);
}

static void a_commit_without_changes_does_nothing(void **state)
{
    commit(*state);
}

static void changes_take_effect_in_the_order_of_staging(void **state)
{
    struct fixture *fixture = *state;
    int64_t id = append_text(fixture, "x");
    outbox_stage_state(fixture->outbox, id, COMMAND_SENT);
    outbox_stage_state(fixture->outbox, id, COMMAND_QUEUED);
    outbox_stage_state(fixture->outbox, id, COMMAND_SENT);
    commit(fixture);
    reopen_outbox(fixture);
    struct outbox_row row = load_row(fixture, id);
    assert_int_equal(row.state, COMMAND_SENT);
    outbox_row_clear(&row);
}

static void the_reply_takes_the_place_of_the_payload(void **state)
{
    struct fixture *fixture = *state;
    struct message message = text_message("home/hall/lamp/set", "payload", 7);
    int64_t id = append_command(fixture, &message, "plan");
    outbox_stage_reply(fixture->outbox, id, "reply");
    commit(fixture);
    reopen_outbox(fixture);
    struct outbox_row row = load_row(fixture, id);
    assert_int_equal(row.state, COMMAND_REPLIED);
    assert_string_equal(row.reply, "reply");
    assert_string_equal(row.command_text, "plan");
    assert_string_equal(row.message.topic, "home/hall/lamp/set");
    assert_int_equal(row.message.payload_len, 0);
    outbox_row_clear(&row);
}

// ---- calls

static void free_calls(struct outbox_call *calls, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(calls[i].note);
    }
    free(calls);
}

static size_t count_calls(struct fixture *fixture, int64_t id)
{
    struct outbox_call *calls = NULL;
    size_t count = 0;
    assert_int_equal(outbox_load_calls(fixture->outbox, id, &calls, &count, &fixture->diag), ERR_OK);
    free_calls(calls, count);
    return count;
}

static void each_call_of_a_command_keeps_its_last_state_and_note(void **state)
{
    struct fixture *fixture = *state;
    int64_t id = append_text(fixture, "x");
    int64_t other = append_text(fixture, "y");
    outbox_stage_call(fixture->outbox, id, 2, COMMAND_SENT, NULL);
    outbox_stage_call(fixture->outbox, id, 0, COMMAND_SENT, "left");
    outbox_stage_call(fixture->outbox, id, 0, COMMAND_DONE, "ok");
    outbox_stage_call(fixture->outbox, other, 0, COMMAND_SENT, "another");
    commit(fixture);
    reopen_outbox(fixture);
    struct outbox_call *calls = NULL;
    size_t count = 0;
    assert_int_equal(outbox_load_calls(fixture->outbox, id, &calls, &count, &fixture->diag), ERR_OK);
    assert_int_equal(count, 2);
    assert_int_equal(calls[0].call, 0);
    assert_int_equal(calls[0].state, COMMAND_DONE);
    assert_string_equal(calls[0].note, "ok");
    assert_int_equal(calls[1].call, 2);
    assert_int_equal(calls[1].state, COMMAND_SENT);
    assert_null(calls[1].note);
    free_calls(calls, count);
}

static void a_command_without_calls_has_none(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(count_calls(fixture, append_text(fixture, "x")), 0);
}

static void calls_go_with_their_command(void **state)
{
    struct fixture *fixture = *state;
    int64_t done = append_text(fixture, "x");
    int64_t deleted = append_text(fixture, "y");
    outbox_stage_call(fixture->outbox, done, 0, COMMAND_SENT, "n");
    outbox_stage_call(fixture->outbox, deleted, 0, COMMAND_SENT, "n");
    commit(fixture);
    reopen_outbox(fixture);
    bring_to(fixture, done, COMMAND_DONE);
    outbox_stage_delete(fixture->outbox, deleted);
    commit(fixture);
    assert_int_equal(count_calls(fixture, done), 0);
    assert_int_equal(count_calls(fixture, deleted), 0);
}

// ---- notes

static void assert_note(struct fixture *fixture, const char *name, const char *expected)
{
    AUTO_FREE char *text = outbox_read_note(fixture->outbox, name);
    if (expected == NULL) {
        assert_null(text);
    } else {
        assert_non_null(text);
        assert_string_equal(text, expected);
    }
}

static void a_note_is_read_as_it_was_committed_last(void **state)
{
    struct fixture *fixture = *state;
    assert_note(fixture, "last_contact", NULL);
    outbox_stage_note(fixture->outbox, "last_contact", "1");
    assert_note(fixture, "last_contact", NULL);
    commit(fixture);
    outbox_stage_note(fixture->outbox, "last_contact", "2");
    outbox_stage_note(fixture->outbox, "filters", "a/+ b/#");
    assert_note(fixture, "last_contact", "1");
    commit(fixture);
    reopen_outbox(fixture);
    assert_note(fixture, "last_contact", "2");
    outbox_stage_note(fixture->outbox, "last_contact", NULL);
    commit(fixture);
    assert_note(fixture, "last_contact", NULL);
    assert_note(fixture, "filters", "a/+ b/#");
}

// ---- twins

static const unsigned char some_key[32] = {1, 2, 3};
static const unsigned char other_key[32] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
static const unsigned char some_hash[32] = {4, 5, 6};
static const unsigned char other_hash[32] = {7};

static int64_t append_keyed(struct fixture *fixture, const unsigned char *key)
{
    int64_t id = append_text(fixture, "x");
    outbox_stage_key(fixture->outbox, id, key, some_hash);
    return id;
}

// Owned by the caller: its reply.
static struct outbox_original find_twin(struct fixture *fixture, int64_t id, int64_t after_ms, int64_t window_ms)
{
    struct outbox_original original = {0};
    struct moment now = later(after_ms);
    assert_int_equal(
        outbox_find_original(fixture->outbox, id, some_key, some_hash, &now, window_ms, &original, &fixture->diag),
        ERR_OK);
    return original;
}

static bool has_twin(struct fixture *fixture, int64_t id, int64_t after_ms, int64_t window_ms)
{
    struct outbox_original original = find_twin(fixture, id, after_ms, window_ms);
    free(original.reply);
    return original.found;
}

static void assert_twin(struct fixture *fixture, int64_t id, int64_t expected, enum command_state state,
                        const char *reply)
{
    struct outbox_original original = find_twin(fixture, id, 1000, 60000);
    assert_true(original.found);
    assert_true(original.same_message);
    assert_int_equal(original.id, expected);
    assert_int_equal(original.state, state);
    assert_int_equal(original.reply == NULL, reply == NULL);
    if (reply != NULL) {
        assert_string_equal(original.reply, reply);
    }
    free(original.reply);
}

static void a_twin_is_found_in_every_state(void **state)
{
    struct fixture *fixture = *state;
    int64_t first = append_keyed(fixture, some_key);
    commit(fixture);
    int64_t second = append_text(fixture, "x");
    assert_twin(fixture, second, first, COMMAND_QUEUED, NULL);
    bring_to(fixture, first, COMMAND_SENT);
    assert_twin(fixture, second, first, COMMAND_SENT, NULL);
    outbox_stage_reply(fixture->outbox, first, "reply");
    commit(fixture);
    assert_twin(fixture, second, first, COMMAND_REPLIED, "reply");
    outbox_stage_state(fixture->outbox, first, COMMAND_DONE);
    commit(fixture);
    reopen_outbox(fixture);
    assert_twin(fixture, second, first, COMMAND_DONE, "reply");
}

static void a_twin_that_is_only_staged_is_found(void **state)
{
    struct fixture *fixture = *state;
    append_keyed(fixture, other_key);
    int64_t first = append_keyed(fixture, some_key);
    int64_t second = append_keyed(fixture, some_key);
    assert_twin(fixture, second, first, COMMAND_QUEUED, NULL);
    outbox_stage_reply(fixture->outbox, first, "reply");
    assert_twin(fixture, second, first, COMMAND_REPLIED, "reply");
    commit(fixture);
    outbox_stage_state(fixture->outbox, first, COMMAND_DONE);
    assert_twin(fixture, second, first, COMMAND_DONE, "reply");
    outbox_stage_delete(fixture->outbox, first);
    assert_false(has_twin(fixture, second, 0, 60000));
}

static void the_earliest_twin_is_the_first(void **state)
{
    struct fixture *fixture = *state;
    int64_t first = append_keyed(fixture, some_key);
    append_keyed(fixture, some_key);
    int64_t third = append_text(fixture, "x");
    commit(fixture);
    assert_twin(fixture, third, first, COMMAND_QUEUED, NULL);
    assert_twin(fixture, 0, first, COMMAND_QUEUED, NULL);
}

static void a_later_command_is_no_twin_of_an_earlier_one(void **state)
{
    struct fixture *fixture = *state;
    int64_t first = append_keyed(fixture, some_key);
    append_keyed(fixture, some_key);
    assert_false(has_twin(fixture, first, 0, 60000));
    commit(fixture);
    assert_false(has_twin(fixture, first, 0, 60000));
}

static void a_command_outside_the_window_is_no_twin(void **state)
{
    struct fixture *fixture = *state;
    append_keyed(fixture, some_key);
    commit(fixture);
    assert_true(has_twin(fixture, 0, 60000, 60000));
    assert_false(has_twin(fixture, 0, 60001, 60000));
}

static void another_key_is_no_twin_and_another_message_is_told(void **state)
{
    struct fixture *fixture = *state;
    append_keyed(fixture, other_key);
    commit(fixture);
    assert_false(has_twin(fixture, 0, 0, 60000));
    append_keyed(fixture, some_key);
    commit(fixture);
    struct outbox_original original = {0};
    assert_int_equal(
        outbox_find_original(fixture->outbox, 0, some_key, other_hash, &some_moment, 60000, &original, &fixture->diag),
        ERR_OK);
    assert_true(original.found);
    assert_false(original.same_message);
}

// ---- purge

static void make_done(struct fixture *fixture, int count)
{
    for (int i = 0; i < count; i++) {
        int64_t id = append_text(fixture, "x");
        outbox_stage_reply(fixture->outbox, id, "r");
        outbox_stage_state(fixture->outbox, id, COMMAND_DONE);
    }
    commit(fixture);
}

static int64_t purge(struct fixture *fixture, int64_t after_ms, int64_t window_ms, int64_t max_done)
{
    struct moment now = later(after_ms);
    assert_int_equal(outbox_purge(fixture->outbox, &now, window_ms, max_done, &fixture->diag), ERR_OK);
    return outbox_counts(fixture->outbox).done;
}

static void purge_deletes_what_is_done_and_older_than_the_window(void **state)
{
    struct fixture *fixture = *state;
    make_done(fixture, 5);
    int64_t waiting = append_text(fixture, "waits");
    assert_int_equal(purge(fixture, 60000, 60000, 100), 5);
    assert_int_equal(purge(fixture, 60001, 60000, 100), 0);
    struct outbox_row row = load_row(fixture, waiting);
    assert_int_equal(row.id, waiting);
    outbox_row_clear(&row);
}

static void purge_deletes_the_oldest_above_the_bound(void **state)
{
    struct fixture *fixture = *state;
    int64_t first = append_keyed(fixture, some_key);
    bring_to(fixture, first, COMMAND_DONE);
    make_done(fixture, 5);
    assert_int_equal(purge(fixture, 0, 60000, 6), 6);
    assert_true(has_twin(fixture, 0, 0, 60000));
    assert_int_equal(purge(fixture, 0, 60000, 5), 5);
    assert_false(has_twin(fixture, 0, 0, 60000));
    reopen_outbox(fixture);
    assert_int_equal(outbox_counts(fixture->outbox).done, 5);
}

static void purge_does_bounded_work_per_call(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < 5; i++) {
        make_done(fixture, 500);
    }
    int64_t left = purge(fixture, 60001, 60000, 3000);
    assert_in_range(left, 1, 2499);
    for (int i = 0; i < 10; i++) {
        left = purge(fixture, 60001, 60000, 3000);
    }
    assert_int_equal(left, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup_open, fixture_teardown)
        cmocka_unit_test(only_the_legal_changes_of_state_are_made),
        CASE(a_row_of_any_state_can_be_deleted),
        CASE(an_impossible_change_stops_the_whole_commit),
        CASE(a_change_of_an_unknown_row_is_impossible),
        CASE(a_change_after_the_deletion_is_impossible),
        CASE(a_reply_without_its_text_is_impossible),
        CASE(nothing_staged_is_on_disk_before_the_commit),
        CASE(a_commit_without_changes_does_nothing),
        CASE(changes_take_effect_in_the_order_of_staging),
        CASE(the_reply_takes_the_place_of_the_payload),
        CASE(each_call_of_a_command_keeps_its_last_state_and_note),
        CASE(a_command_without_calls_has_none),
        CASE(calls_go_with_their_command),
        CASE(a_note_is_read_as_it_was_committed_last),
        CASE(a_twin_is_found_in_every_state),
        CASE(a_twin_that_is_only_staged_is_found),
        CASE(the_earliest_twin_is_the_first),
        CASE(a_later_command_is_no_twin_of_an_earlier_one),
        CASE(a_command_outside_the_window_is_no_twin),
        CASE(another_key_is_no_twin_and_another_message_is_told),
        CASE(purge_deletes_what_is_done_and_older_than_the_window),
        CASE(purge_deletes_the_oldest_above_the_bound),
        CASE(purge_does_bounded_work_per_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
