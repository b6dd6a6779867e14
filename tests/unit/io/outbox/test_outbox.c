// The outbox as its callers see it: messages, states, bounds, redelivery record, calls, notes.
#include "unit/io/outbox/outbox_fixture.h"

static void assert_text(const char *actual, const char *expected)
{
    if (expected == NULL) {
        assert_null(actual);
    } else {
        assert_non_null(actual);
        assert_string_equal(actual, expected);
    }
}

static void assert_bytes(const char *actual, size_t actual_len, const char *expected, size_t expected_len)
{
    assert_int_equal(actual == NULL, expected == NULL);
    assert_int_equal(actual_len, expected_len);
    if (expected_len > 0) {
        assert_memory_equal(actual, expected, expected_len);
    }
}

static void assert_same_message(const struct message *actual, const struct message *expected)
{
    assert_text(actual->topic, expected->topic);
    assert_bytes(actual->payload, actual->payload_len, expected->payload, expected->payload_len);
    assert_int_equal(actual->qos, expected->qos);
    assert_int_equal(actual->dup, expected->dup);
    assert_int_equal(actual->retained, expected->retained);
    assert_int_equal(actual->packet_id, expected->packet_id);
    assert_int_equal(actual->has_expiry, expected->has_expiry);
    assert_int_equal(actual->expiry_s, expected->expiry_s);
    assert_text(actual->response_topic, expected->response_topic);
    assert_bytes(actual->correlation_data, actual->correlation_len, expected->correlation_data,
                 expected->correlation_len);
    assert_int_equal(actual->property_count, expected->property_count);
    for (size_t i = 0; i < expected->property_count; i++) {
        assert_text(actual->properties[i].name, expected->properties[i].name);
        assert_text(actual->properties[i].value, expected->properties[i].value);
    }
}

// After a reopen, so that the disk answers.
static void assert_comes_back(struct fixture *fixture, const struct message *message)
{
    int64_t id = append_message(fixture, message);
    reopen_outbox(fixture);
    struct outbox_row row = load_row(fixture, id);
    assert_int_equal(row.id, id);
    assert_int_equal(row.state, COMMAND_QUEUED);
    assert_string_equal(row.arrived.boot_id, some_moment.boot_id);
    assert_int_equal(row.arrived.boot_ms, some_moment.boot_ms);
    assert_int_equal(row.arrived.wall_ms, some_moment.wall_ms);
    assert_same_message(&row.message, message);
    assert_null(row.refusal);
    assert_null(row.command_text);
    assert_null(row.reply);
    outbox_row_clear(&row);
}

static void a_message_with_everything_comes_back_equal(void **state)
{
    struct user_property properties[] = {{"traceparent", "00-ab"}, {"", ""}, {"twice", "1"}, {"twice", "2"}};
    struct message message = {.topic = "home/\xc3\xa4/set",
                              .payload = "a\0b\xff\x80'\";\n",
                              .payload_len = 9,
                              .qos = 1,
                              .dup = true,
                              .retained = true,
                              .packet_id = 65535,
                              .has_expiry = true,
                              .expiry_s = UINT32_MAX,
                              .response_topic = "reply/here",
                              .correlation_data = "\0\1\2",
                              .correlation_len = 3,
                              .properties = properties,
                              .property_count = COUNT_OF(properties)};
    assert_comes_back(*state, &message);
}

static void a_bare_message_comes_back_equal(void **state)
{
    struct message message = {.topic = "t", .payload = "", .payload_len = 0};
    assert_comes_back(*state, &message);
}

static void empty_correlation_data_and_zero_expiry_differ_from_none(void **state)
{
    struct message message = {
        .topic = "t", .payload = "x", .payload_len = 1, .has_expiry = true, .correlation_data = "", .qos = 1};
    assert_comes_back(*state, &message);
}

static void a_large_payload_comes_back_equal(void **state)
{
    size_t len = 262144;
    AUTO_FREE char *payload = mem_alloc(len);
    for (size_t i = 0; i < len; i++) {
        payload[i] = (char)(i * 7);
    }
    struct message message = {.topic = "t", .payload = payload, .payload_len = len, .qos = 1, .packet_id = 1};
    assert_comes_back(*state, &message);
}

static void rows_are_loaded_in_order_of_arrival_page_by_page(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < 120; i++) {
        append_text(fixture, "x");
    }
    assert_int_equal(count_rows(fixture), 120);
    struct outbox_row rows[200];
    size_t count = 0;
    assert_int_equal(outbox_load(fixture->outbox, 100, rows, COUNT_OF(rows), &count, &fixture->diag), ERR_OK);
    assert_int_equal(count, 20);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(rows[i].id, 101 + i);
        outbox_row_clear(&rows[i]);
    }
}

static void a_command_that_was_mapped_on_arrival_has_its_plan_and_payload(void **state)
{
    struct fixture *fixture = *state;
    struct message message = text_message("t", "payload", 9);
    int64_t id = 0;
    assert_int_equal(outbox_append(fixture->outbox, &message, &some_moment, false, NULL, "plan", &id, &fixture->diag),
                     OUTBOX_APPENDED);
    assert_int_equal(outbox_counts(fixture->outbox).refused, 0);
    reopen_outbox(fixture);
    struct outbox_row row = load_row(fixture, id);
    assert_text(row.command_text, "plan");
    assert_null(row.refusal);
    assert_bytes(row.message.payload, row.message.payload_len, "payload", 7);
    outbox_row_clear(&row);
}

static void an_id_is_not_used_again_after_its_row_is_gone(void **state)
{
    struct fixture *fixture = *state;
    int64_t first = append_text(fixture, "x");
    outbox_stage_delete(fixture->outbox, first);
    commit(fixture);
    assert_true(append_text(fixture, "x") > first);
}

static void a_refused_row_keeps_its_reason_and_plan_and_no_payload(void **state)
{
    struct fixture *fixture = *state;
    struct user_property property = {"name", "value"};
    struct message message = text_message("home/hall/lamp/set", "much too much", 9);
    message.properties = &property;
    message.property_count = 1;
    message.correlation_data = "c";
    message.correlation_len = 1;
    int64_t id = 0;
    assert_int_equal(outbox_append(fixture->outbox, &message, &some_moment, false, "payload_too_large", "{\"plan\":1}",
                                   &id, &fixture->diag),
                     OUTBOX_APPENDED);
    reopen_outbox(fixture);
    struct outbox_row row = load_row(fixture, id);
    assert_text(row.refusal, "payload_too_large");
    assert_text(row.command_text, "{\"plan\":1}");
    assert_text(row.message.topic, "home/hall/lamp/set");
    assert_bytes(row.message.correlation_data, row.message.correlation_len, "c", 1);
    assert_int_equal(row.message.payload_len, 0);
    assert_int_equal(row.message.property_count, 0);
    outbox_row_clear(&row);
}

// ---- bounds

static void a_full_outbox_takes_no_more_commands_until_one_is_done(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.max_commands = 3;
    open_outbox(fixture);
    int64_t first = append_text(fixture, "1");
    append_text(fixture, "2");
    append_text(fixture, "3");
    struct message message = text_message("t", "4", 4);
    int64_t id = -1;
    assert_int_equal(try_append(fixture, &message, &id), OUTBOX_NO_ROOM);
    assert_int_equal(id, -1);
    assert_non_null(strstr(fixture->diag.text, "outbox.max_commands"));
    assert_int_equal(count_rows(fixture), 3);

    bring_to(fixture, first, COMMAND_REPLIED);
    assert_int_equal(try_append(fixture, &message, &id), OUTBOX_NO_ROOM);
    outbox_stage_state(fixture->outbox, first, COMMAND_DONE);
    commit(fixture);
    assert_int_equal(try_append(fixture, &message, &id), OUTBOX_APPENDED);
}

static void bytes_are_bounded_with_plans_and_properties(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.max_bytes = 100;
    open_outbox(fixture);
    struct user_property property = {"0123456789", "0123456789"};
    struct message message = text_message("0123456789", "0123456789", 1);
    message.properties = &property;
    message.property_count = 1;
    int64_t id = append_command(fixture, &message, "0123456789");
    assert_int_equal(outbox_counts(fixture->outbox).bytes, 58);
    assert_int_equal(try_append(fixture, &message, &id), OUTBOX_NO_ROOM);
    message.property_count = 0;
    assert_int_equal(try_append(fixture, &message, &id), OUTBOX_APPENDED);
    assert_int_equal(outbox_counts(fixture->outbox).bytes, 78);
}

static void a_full_outbox_takes_refusals_from_a_reserve_of_their_own(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.max_commands = 1;
    fixture->options.refused_reserve = 2;
    open_outbox(fixture);
    append_text(fixture, "1");
    int64_t id = 0;
    int64_t last = 0;
    assert_int_equal(try_append_refused(fixture, &id), OUTBOX_APPENDED);
    assert_int_equal(try_append_refused(fixture, &last), OUTBOX_APPENDED);
    assert_int_equal(try_append_refused(fixture, &id), OUTBOX_NO_ROOM);
    assert_int_equal(outbox_counts(fixture->outbox).refused, 2);
    outbox_stage_delete(fixture->outbox, last);
    commit(fixture);
    assert_int_equal(try_append_refused(fixture, &id), OUTBOX_APPENDED);
}

static void refusals_take_no_room_from_commands(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.max_commands = 1;
    open_outbox(fixture);
    int64_t id = 0;
    assert_int_equal(try_append_refused(fixture, &id), OUTBOX_APPENDED);
    append_text(fixture, "1");
}

static void assert_counts(struct fixture *fixture, int64_t commands, int64_t refused, int64_t done)
{
    struct outbox_counts counts = outbox_counts(fixture->outbox);
    assert_int_equal(counts.commands, commands);
    assert_int_equal(counts.refused, refused);
    assert_int_equal(counts.done, done);
}

static void counts_are_the_same_after_a_restart(void **state)
{
    struct fixture *fixture = *state;
    int64_t refused = 0;
    assert_int_equal(try_append_refused(fixture, &refused), OUTBOX_APPENDED);
    append_text(fixture, "waits");
    bring_to(fixture, append_text(fixture, "sent"), COMMAND_SENT);
    bring_to(fixture, append_text(fixture, "replied"), COMMAND_REPLIED);
    bring_to(fixture, append_text(fixture, "done"), COMMAND_DONE);
    assert_counts(fixture, 4, 1, 1);
    int64_t bytes = outbox_counts(fixture->outbox).bytes;
    reopen_outbox(fixture);
    assert_counts(fixture, 4, 1, 1);
    assert_int_equal(outbox_counts(fixture->outbox).bytes, bytes);
    for (int64_t id = 1; id <= 5; id++) {
        outbox_stage_delete(fixture->outbox, id);
    }
    commit(fixture);
    assert_counts(fixture, 0, 0, 0);
    assert_int_equal(outbox_counts(fixture->outbox).bytes, 0);
}

static void deleting_a_row_that_is_not_there_changes_nothing(void **state)
{
    struct fixture *fixture = *state;
    outbox_stage_delete(fixture->outbox, 4711);
    commit(fixture);
    assert_counts(fixture, 0, 0, 0);
}

static void rows_that_come_and_go_leave_the_counts_right(void **state)
{
    struct fixture *fixture = *state;
    int64_t waiting[8] = {0};
    for (size_t i = 0; i < 800; i++) {
        if (waiting[i % 8] != 0) {
            bring_to(fixture, waiting[i % 8], i % 3 == 0 ? COMMAND_DONE : COMMAND_REPLIED);
            outbox_stage_delete(fixture->outbox, waiting[i % 8]);
            commit(fixture);
        }
        waiting[i % 8] = append_text(fixture, "x");
    }
    assert_counts(fixture, 8, 0, 0);
    assert_int_equal(count_rows(fixture), 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(name)   cmocka_unit_test_setup_teardown(name, fixture_setup_open, fixture_teardown)
#define CLOSED(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
        CASE(a_message_with_everything_comes_back_equal),
        CASE(a_bare_message_comes_back_equal),
        CASE(empty_correlation_data_and_zero_expiry_differ_from_none),
        CASE(a_large_payload_comes_back_equal),
        CASE(rows_are_loaded_in_order_of_arrival_page_by_page),
        CASE(a_command_that_was_mapped_on_arrival_has_its_plan_and_payload),
        CASE(an_id_is_not_used_again_after_its_row_is_gone),
        CASE(a_refused_row_keeps_its_reason_and_plan_and_no_payload),
        CLOSED(a_full_outbox_takes_no_more_commands_until_one_is_done),
        CLOSED(bytes_are_bounded_with_plans_and_properties),
        CLOSED(a_full_outbox_takes_refusals_from_a_reserve_of_their_own),
        CLOSED(refusals_take_no_room_from_commands),
        CASE(counts_are_the_same_after_a_restart),
        CASE(deleting_a_row_that_is_not_there_changes_nothing),
        CASE(rows_that_come_and_go_leave_the_counts_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
