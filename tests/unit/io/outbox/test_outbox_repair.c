// A damaged file is set aside, and what is readable of it is saved.
#include "unit/io/outbox/outbox_fixture.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/buf.h"

static char *name_of(const struct fixture *fixture, const char *ending)
{
    return mem_printf("%s%s", fixture->path, ending);
}

static bool file_exists(const struct fixture *fixture, const char *ending)
{
    AUTO_FREE char *name = name_of(fixture, ending);
    return access(name, F_OK) == 0;
}

static void write_file(const struct fixture *fixture, const char *ending, const void *data, size_t len)
{
    AUTO_FREE char *name = name_of(fixture, ending);
    FILE *file = fopen(name, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
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

static void overwrite(const struct fixture *fixture, off_t at, const void *data, size_t len)
{
    int fd = open(fixture->path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, data, len, at), len);
    close(fd);
}

// ---- what was set aside

static bool is_set_aside(const char *name, const char *ending)
{
    const char *start = "outbox.db.damaged-";
    size_t len = strlen(name);
    size_t ending_len = strlen(ending);
    if (strncmp(name, start, strlen(start)) != 0 || len < ending_len) {
        return false;
    }
    bool is_log = len > 4 && (strcmp(name + len - 4, "-wal") == 0 || strcmp(name + len - 4, "-shm") == 0);
    return ending[0] == '\0' ? !is_log : strcmp(name + len - ending_len, ending) == 0;
}

static size_t list_aside(const struct fixture *fixture, const char *ending, char *last, size_t size)
{
    size_t count = 0;
    DIR *folder = opendir(fixture->folder);
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        if (is_set_aside(entry->d_name, ending)) {
            snprintf(last, size, "%s/%s", fixture->folder, entry->d_name);
            count++;
        }
    }
    closedir(folder);
    return count;
}

static size_t count_aside(const struct fixture *fixture)
{
    char name[512];
    return list_aside(fixture, "", name, sizeof name);
}

static void assert_aside_holds(const struct fixture *fixture, const char *ending, const struct buf *expected)
{
    char name[512];
    assert_int_equal(list_aside(fixture, ending, name, sizeof name), 1);
    AUTO_BUF struct buf content = read_file(name);
    assert_int_equal(content.len, expected->len);
    assert_memory_equal(content.data, expected->data, expected->len);
}

static void assert_works(struct fixture *fixture)
{
    int64_t id = append_text(fixture, "new");
    bring_to(fixture, id, COMMAND_DONE);
    reopen_outbox(fixture);
    assert_string_equal(fixture->damaged.text, "");
}

// ---- files that are no database

static void a_file_that_is_no_database_is_set_aside_unchanged(void **state)
{
    struct fixture *fixture = *state;
    AUTO_BUF struct buf garbage = {0};
    for (int i = 0; i < 1000; i++) {
        buf_printf(&garbage, "this is line %d of no database\n", i);
    }
    write_file(fixture, "", garbage.data, garbage.len);
    open_outbox(fixture);
    assert_non_null(strstr(fixture->damaged.text, "set aside as"));
    assert_non_null(strstr(fixture->damaged.text, fixture->path));
    assert_aside_holds(fixture, "", &garbage);
    assert_works(fixture);
}

// A `d` in the shape is any digit.
static bool fits_shape(const char *text, const char *shape)
{
    for (; *shape != '\0'; shape++, text++) {
        bool fits = *shape == 'd' ? *text >= '0' && *text <= '9' : *text == *shape;
        if (!fits) {
            return false;
        }
    }
    return *text == '\0';
}

static void the_name_of_the_set_aside_file_tells_the_time(void **state)
{
    struct fixture *fixture = *state;
    write_file(fixture, "", "garbage", 7);
    open_outbox(fixture);
    char name[512];
    list_aside(fixture, "", name, sizeof name);
    const char *time = strstr(name, ".damaged-20");
    assert_non_null(time);
    assert_true(fits_shape(time + strlen(".damaged-"), "ddddddddTddddddZ"));
}

static void two_damaged_files_in_one_second_get_two_names(void **state)
{
    struct fixture *fixture = *state;
    for (size_t i = 1; i <= 3; i++) {
        write_file(fixture, "", "garbage", 7);
        open_outbox(fixture);
        close_outbox(fixture);
        assert_int_equal(count_aside(fixture), i);
    }
}

static void an_empty_file_is_a_new_outbox(void **state)
{
    struct fixture *fixture = *state;
    write_file(fixture, "", "", 0);
    open_outbox(fixture);
    assert_string_equal(fixture->damaged.text, "");
    assert_int_equal(count_aside(fixture), 0);
    assert_works(fixture);
}

// ---- databases with unreadable pages

#define PAGE 4096
#define ROWS 200

static void payload_of(int number, char out[1000])
{
    int len = snprintf(out, 1000, "payload %d ", number);
    memset(out + len, 'a' + number % 26, (size_t)(999 - len));
    out[999] = '\0';
}

// Three rows to a page: the damage of one page costs few of them.
static void make_rows(struct fixture *fixture)
{
    open_outbox(fixture);
    char payload[1000];
    for (int i = 1; i <= ROWS; i++) {
        payload_of(i, payload);
        assert_int_equal(append_text(fixture, payload), i);
    }
    outbox_stage_note(fixture->outbox, "filters", "a/+");
    outbox_stage_call(fixture->outbox, 1, 0, COMMAND_SENT, "note of the call");
    outbox_stage_state(fixture->outbox, 1, COMMAND_SENT);
    commit(fixture);
}

static void assert_row_is_whole(const struct outbox_row *row)
{
    char payload[1000];
    payload_of((int)row->id, payload);
    assert_string_equal(row->message.payload, payload);
    assert_string_equal(row->message.topic, "home/hall/lamp/set");
    assert_int_equal(row->state, row->id == 1 ? COMMAND_SENT : COMMAND_QUEUED);
    assert_int_equal(row->arrived.boot_ms, some_moment.boot_ms);
}

static size_t check_saved_rows(struct fixture *fixture)
{
    struct outbox_row *rows = mem_alloc((ROWS + 1) * sizeof *rows);
    size_t count = 0;
    assert_int_equal(outbox_load(fixture->outbox, 0, rows, ROWS + 1, &count, &fixture->diag), ERR_OK);
    for (size_t i = 0; i < count; i++) {
        assert_row_is_whole(&rows[i]);
        outbox_row_clear(&rows[i]);
    }
    free(rows);
    return count;
}

// The leaves of the table of commands: pages of type 13 (SQLite's file format, section 1.6) that hold a payload.
static size_t find_leaves(const struct fixture *fixture, off_t *at, size_t max)
{
    AUTO_BUF struct buf content = read_file(fixture->path);
    size_t count = 0;
    for (size_t page = 0; page + PAGE <= content.len && count < max; page += PAGE) {
        if (content.data[page] == 13 && memmem(content.data + page, PAGE, "payload ", 8) != NULL) {
            at[count++] = (off_t)page;
        }
    }
    return count;
}

static void damage_leaf(const struct fixture *fixture, off_t at)
{
    char garbage[PAGE];
    memset(garbage, 0xa5, sizeof garbage);
    overwrite(fixture, at, garbage, sizeof garbage);
}

static void assert_saved_all_but(struct fixture *fixture, size_t lost_pages)
{
    open_outbox(fixture);
    assert_non_null(strstr(fixture->damaged.text, "commands were saved"));
    assert_int_equal(count_aside(fixture), 1);
    size_t saved = check_saved_rows(fixture);
    assert_in_range(saved, ROWS - lost_pages * 4, ROWS - 1);
    assert_int_equal(outbox_counts(fixture->outbox).commands, saved);
    AUTO_FREE char *note = outbox_read_note(fixture->outbox, "filters");
    assert_string_equal(note, "a/+");
    assert_works(fixture);
}

static void rows_on_the_other_pages_are_saved(void **state)
{
    struct fixture *fixture = *state;
    make_rows(fixture);
    close_outbox(fixture);
    off_t leaves[200] = {0};
    size_t count = find_leaves(fixture, leaves, COUNT_OF(leaves));
    assert_true(count > 20);
    damage_leaf(fixture, leaves[count / 2]);
    assert_saved_all_but(fixture, 1);
}

static void rows_between_several_unreadable_pages_are_saved(void **state)
{
    struct fixture *fixture = *state;
    make_rows(fixture);
    close_outbox(fixture);
    off_t leaves[200] = {0};
    size_t count = find_leaves(fixture, leaves, COUNT_OF(leaves));
    assert_true(count > 20);
    damage_leaf(fixture, leaves[0]);
    damage_leaf(fixture, leaves[count / 2]);
    damage_leaf(fixture, leaves[count - 1]);
    assert_saved_all_but(fixture, 3);
}

static void states_calls_and_redelivery_record_are_saved(void **state)
{
    struct fixture *fixture = *state;
    make_rows(fixture);
    close_outbox(fixture);
    off_t leaves[200] = {0};
    size_t count = find_leaves(fixture, leaves, COUNT_OF(leaves));
    assert_true(count > 20);
    damage_leaf(fixture, leaves[count - 2]);
    open_outbox(fixture);
    struct outbox_call *calls = NULL;
    size_t call_count = 0;
    assert_int_equal(outbox_load_calls(fixture->outbox, 1, &calls, &call_count, &fixture->diag), ERR_OK);
    assert_int_equal(call_count, 1);
    assert_string_equal(calls[0].note, "note of the call");
    free(calls[0].note);
    free(calls);
    char payload[1000];
    payload_of(ROWS - 100, payload);
    struct message message = text_message("home/hall/lamp/set", payload, 7);
    message.dup = true;
    int64_t id = 0;
    assert_int_equal(outbox_append(fixture->outbox, &message, &some_moment, false, NULL, NULL, &id, &fixture->diag),
                     OUTBOX_REDELIVERED);
}

static void a_file_that_was_cut_is_set_aside_and_its_rest_saved(void **state)
{
    struct fixture *fixture = *state;
    make_rows(fixture);
    close_outbox(fixture);
    struct stat found;
    assert_int_equal(stat(fixture->path, &found), 0);
    assert_int_equal(truncate(fixture->path, found.st_size / PAGE / 2 * PAGE), 0);
    open_outbox(fixture);
    assert_int_equal(count_aside(fixture), 1);
    assert_in_range(check_saved_rows(fixture), ROWS / 4, ROWS - 1);
    assert_works(fixture);
}

static void copy_file(const struct fixture *fixture, const char *from_path, const char *ending)
{
    AUTO_BUF struct buf content = read_file(from_path);
    write_file(fixture, ending, content.data, content.len);
}

// As after a kill: what was committed last is in the log only.
static void the_log_of_a_damaged_file_is_read_and_set_aside_with_it(void **state)
{
    struct fixture *fixture = *state;
    make_rows(fixture);
    reopen_outbox(fixture);
    char payload[1000];
    payload_of(ROWS + 1, payload);
    append_text(fixture, payload);
    AUTO_FREE char *log = name_of(fixture, "-wal");
    copy_file(fixture, log, ".kept-wal");
    copy_file(fixture, fixture->path, ".kept");
    close_outbox(fixture);
    AUTO_FREE char *kept = name_of(fixture, ".kept");
    AUTO_FREE char *kept_log = name_of(fixture, ".kept-wal");
    assert_int_equal(rename(kept, fixture->path), 0);
    assert_int_equal(rename(kept_log, log), 0);
    AUTO_BUF struct buf log_before = read_file(log);
    off_t leaves[200] = {0};
    size_t count = find_leaves(fixture, leaves, COUNT_OF(leaves));
    assert_true(count > 20);
    damage_leaf(fixture, leaves[count / 2]);
    open_outbox(fixture);
    struct outbox_row row = load_row(fixture, ROWS + 1);
    assert_row_is_whole(&row);
    outbox_row_clear(&row);
    assert_aside_holds(fixture, "-wal", &log_before);
}

// ---- repairs that a kill interrupted

static void a_repair_that_was_cut_while_building_is_begun_anew(void **state)
{
    struct fixture *fixture = *state;
    make_rows(fixture);
    close_outbox(fixture);
    off_t leaves[200] = {0};
    assert_true(find_leaves(fixture, leaves, COUNT_OF(leaves)) > 3);
    damage_leaf(fixture, leaves[3]);
    write_file(fixture, ".salvaging", "half a file", 11);
    write_file(fixture, ".salvaging-journal", "half a file", 11);
    assert_saved_all_but(fixture, 1);
    assert_false(file_exists(fixture, ".salvaging"));
}

static void a_repair_that_was_cut_after_building_is_finished(void **state)
{
    struct fixture *fixture = *state;
    make_rows(fixture);
    close_outbox(fixture);
    AUTO_FREE char *finished = name_of(fixture, ".salvaged");
    assert_int_equal(rename(fixture->path, finished), 0);
    write_file(fixture, "", "the damaged file", 16);
    write_file(fixture, "-wal", "its log", 7);
    open_outbox(fixture);
    assert_non_null(strstr(fixture->damaged.text, "set aside as"));
    assert_int_equal(check_saved_rows(fixture), ROWS);
    AUTO_BUF struct buf expected = {0};
    buf_text(&expected, "its log");
    assert_aside_holds(fixture, "-wal", &expected);
    assert_int_equal(count_aside(fixture), 1);
    assert_false(file_exists(fixture, ".salvaged"));
    assert_works(fixture);
}

static void a_repair_that_was_cut_before_its_last_step_is_finished(void **state)
{
    struct fixture *fixture = *state;
    make_rows(fixture);
    close_outbox(fixture);
    AUTO_FREE char *finished = name_of(fixture, ".salvaged");
    assert_int_equal(rename(fixture->path, finished), 0);
    open_outbox(fixture);
    assert_int_equal(check_saved_rows(fixture), ROWS);
    assert_works(fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
        CASE(a_file_that_is_no_database_is_set_aside_unchanged),
        CASE(the_name_of_the_set_aside_file_tells_the_time),
        CASE(two_damaged_files_in_one_second_get_two_names),
        CASE(an_empty_file_is_a_new_outbox),
        CASE(rows_on_the_other_pages_are_saved),
        CASE(rows_between_several_unreadable_pages_are_saved),
        CASE(states_calls_and_redelivery_record_are_saved),
        CASE(a_file_that_was_cut_is_set_aside_and_its_rest_saved),
        CASE(the_log_of_a_damaged_file_is_read_and_set_aside_with_it),
        CASE(a_repair_that_was_cut_while_building_is_begun_anew),
        CASE(a_repair_that_was_cut_after_building_is_finished),
        CASE(a_repair_that_was_cut_before_its_last_step_is_finished),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
