#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log_internal.h"

// Lines go to a file in place of stderr, and time is moved by hand.
static struct moment now;
static int saved_stderr;
static int capture;
static char written[200000];

static struct moment test_clock(void)
{
    return now;
}

static int begin(void **state)
{
    (void)state;
    char path[] = "/tmp/test_log_XXXXXX";
    capture = mkstemp(path);
    unlink(path);
    saved_stderr = dup(STDERR_FILENO);
    dup2(capture, STDERR_FILENO);
    now = (struct moment){.boot_ms = 1000, .wall_ms = 1795288051123};
    log_clock = test_clock;
    log_setup(LOG_INFO, LOG_LOGFMT);
    return 0;
}

static int end(void **state)
{
    (void)state;
    dup2(saved_stderr, STDERR_FILENO);
    close(saved_stderr);
    close(capture);
    return 0;
}

// All that was written since the last call.
static const char *lines(void)
{
    off_t len = lseek(capture, 0, SEEK_END);
    ssize_t count = pread(capture, written, sizeof written - 1, 0);
    assert_int_equal(count, len);
    written[count] = '\0';
    assert_int_equal(ftruncate(capture, 0), 0);
    lseek(capture, 0, SEEK_SET);
    return written;
}

static size_t count_of(const char *text, const char *part)
{
    size_t count = 0;
    for (text = strstr(text, part); text != NULL; text = strstr(text + 1, part)) {
        count++;
    }
    return count;
}

static void logfmt_lines_begin_with_time_level_and_event(void **state)
{
    (void)state;
    LOG(LOG_WARN, "mqtt_lost", LOG_S("url", "mqtt://localhost"), LOG_N("retry_ms", 500));
    assert_string_equal(lines(),
                        "time=2026-11-21T19:07:31.123Z level=warn event=mqtt_lost url=mqtt://localhost retry_ms=500\n");
}

static void values_that_would_break_a_line_are_quoted(void **state)
{
    (void)state;
    LOG(LOG_INFO, "event", LOG_S("a", "two words"), LOG_S("b", ""), LOG_S("c", "x=\"1\""), LOG_S("d", "back\\slash"));
    assert_non_null(strstr(lines(), " a=\"two words\" b=\"\" c=\"x=\\\"1\\\"\" d=\"back\\\\slash\"\n"));
    LOG(LOG_INFO, "event", LOG_S("a", "forged\ntime=x\r\033[31m\x7F"), LOG_S("b", "\xC2\x85"), LOG_S("c", "\xC3\xA9"));
    assert_non_null(strstr(lines(), " a=\"forged\\ntime=x\\u000d\\u001b[31m\\u007f\" b=\"\\u0085\" c=\xC3\xA9\n"));
}

static void what_turns_the_direction_of_writing_is_escaped(void **state)
{
    (void)state;
    LOG(LOG_INFO, "event", LOG_S("a", "lamp\xE2\x80\xAEoff"), LOG_S("b", "\xE2\x80\x8D"));
    assert_non_null(strstr(lines(), " a=\"lamp\\u202eoff\" b=\xE2\x80\x8D\n"));
}

static void invalid_utf8_is_replaced(void **state)
{
    (void)state;
    LOG(LOG_INFO, "event", LOG_S("a", "x\xFFy\xE2\x82"));
    assert_non_null(strstr(lines(), " a=\"x\xEF\xBF\xBDy\xEF\xBF\xBD\xEF\xBF\xBD\"\n"));
}

static void missing_text_is_empty_text(void **state)
{
    (void)state;
    const char *none = NULL;
    LOG(LOG_INFO, "event", LOG_S("a", none));
    assert_non_null(strstr(lines(), " a=\"\"\n"));
}

static void long_values_are_cut_between_characters(void **state)
{
    (void)state;
    char text[3000];
    memset(text, 'a', sizeof text);
    memcpy(text + 1023, "\xC3\xA9", 2);
    text[2999] = '\0';
    LOG(LOG_INFO, "event", LOG_S("a", text));
    const char *line = lines();
    assert_int_equal(count_of(line, "a"), 1023 + 1);
    assert_non_null(strstr(line, "aaa...\"\n"));
}

static void lines_below_the_level_are_not_written(void **state)
{
    (void)state;
    LOG(LOG_DEBUG, "quiet", LOG_N("n", 1));
    assert_string_equal(lines(), "");
    assert_false(log_enabled(LOG_DEBUG));
    log_setup(LOG_DEBUG, LOG_LOGFMT);
    LOG(LOG_DEBUG, "quiet", LOG_N("n", 1));
    assert_int_equal(count_of(lines(), "event=quiet"), 1);
    log_setup(LOG_ERROR, LOG_LOGFMT);
    LOG(LOG_WARN, "quiet", LOG_N("n", 1));
    assert_string_equal(lines(), "");
    assert_true(log_enabled(LOG_ERROR));
}

static void json_lines_are_objects(void **state)
{
    (void)state;
    log_setup(LOG_INFO, LOG_JSON);
    LOG(LOG_ERROR, "failed", LOG_S("why", "no \"route\"\n"), LOG_N("n", -5));
    assert_string_equal(lines(), "{\"time\":\"2026-11-21T19:07:31.123Z\",\"level\":\"error\",\"event\":\"failed\","
                                 "\"why\":\"no \\\"route\\\"\\n\",\"n\":-5}\n");
}

static void journald_lines_begin_with_their_priority(void **state)
{
    (void)state;
    log_setup(LOG_DEBUG, LOG_JOURNALD);
    LOG(LOG_ERROR, "e", LOG_N("n", 1));
    LOG(LOG_WARN, "w", LOG_N("n", 1));
    LOG(LOG_INFO, "i", LOG_N("n", 1));
    LOG(LOG_DEBUG, "d", LOG_N("n", 1));
    assert_string_equal(lines(), "<3>level=error event=e n=1\n<4>level=warn event=w n=1\n"
                                 "<6>level=info event=i n=1\n<7>level=debug event=d n=1\n");
}

static void text_lines_without_a_terminal_have_no_colour(void **state)
{
    (void)state;
    log_setup(LOG_INFO, LOG_TEXT);
    LOG(LOG_WARN, "mqtt_lost", LOG_N("n", 1));
    assert_string_equal(lines(), "19:07:31.123 warn  mqtt_lost n=1\n");
}

static void auto_is_logfmt_where_there_is_no_terminal(void **state)
{
    (void)state;
    log_setup(LOG_INFO, LOG_AUTO);
    LOG(LOG_INFO, "event", LOG_N("n", 1));
    assert_int_equal(strncmp(lines(), "time=2026", 9), 0);
}

// Reads what a terminal got; the file capture is put back.
static void write_on_terminal(char *out, size_t size)
{
    int terminal = posix_openpt(O_RDWR | O_NOCTTY);
    assert_true(terminal >= 0 && grantpt(terminal) == 0 && unlockpt(terminal) == 0);
    int screen = open(ptsname(terminal), O_RDWR | O_NOCTTY);
    assert_true(screen >= 0);
    dup2(screen, STDERR_FILENO);
    log_setup(LOG_INFO, LOG_AUTO);
    LOG(LOG_ERROR, "event", LOG_N("n", 1));
    dup2(capture, STDERR_FILENO);
    ssize_t count = read(terminal, out, size - 1);
    out[count > 0 ? count : 0] = '\0';
    close(screen);
    close(terminal);
}

static void a_terminal_gets_text_in_colour_unless_told_otherwise(void **state)
{
    (void)state;
    char line[200];
    unsetenv("NO_COLOR");
    write_on_terminal(line, sizeof line);
    assert_string_equal(line, "\033[31m19:07:31.123 error event\033[0m n=1\r\n");
    setenv("NO_COLOR", "1", 1);
    write_on_terminal(line, sizeof line);
    assert_string_equal(line, "19:07:31.123 error event n=1\r\n");
    unsetenv("NO_COLOR");
}

static void repeats_of_one_event_are_limited(void **state)
{
    (void)state;
    for (int i = 0; i < LOG_BURST + 7; i++) {
        LOG(LOG_WARN, "noisy", LOG_N("n", i));
    }
    LOG(LOG_INFO, "other", LOG_N("n", 1));
    const char *text = lines();
    assert_int_equal(count_of(text, "event=noisy"), LOG_BURST);
    assert_int_equal(count_of(text, "event=other"), 1);
    assert_int_equal(count_of(text, "suppressed"), 0);
}

static void suppressed_repeats_are_told_after_the_window(void **state)
{
    (void)state;
    for (int i = 0; i < LOG_BURST + 7; i++) {
        LOG(LOG_WARN, "noisy", LOG_N("n", i));
    }
    (void)lines();
    now.boot_ms += LOG_WINDOW_MS - 1;
    LOG(LOG_INFO, "other", LOG_N("n", 1));
    assert_int_equal(count_of(lines(), "suppressed"), 0);
    now.boot_ms += 1;
    LOG(LOG_INFO, "other", LOG_N("n", 2));
    assert_non_null(strstr(lines(), "level=warn event=log_suppressed of=noisy count=7\n"));
    LOG(LOG_INFO, "other", LOG_N("n", 3));
    assert_int_equal(count_of(lines(), "suppressed"), 0);
}

static void whether_a_line_is_due_can_be_asked_before_its_values_are_made(void **state)
{
    (void)state;
    for (int i = 0; i < LOG_BURST; i++) {
        assert_true(log_is_due(LOG_WARN, "noisy"));
        assert_true(log_is_due(LOG_WARN, "noisy")); // to ask takes no room
        LOG(LOG_WARN, "noisy", LOG_N("n", i));
    }
    assert_false(log_is_due(LOG_WARN, "noisy"));
    assert_false(log_is_due(LOG_DEBUG, "quiet"));
    assert_int_equal(count_of(lines(), "event=noisy"), LOG_BURST);
    now.boot_ms += LOG_WINDOW_MS;
    assert_true(log_is_due(LOG_WARN, "noisy"));
    assert_non_null(strstr(lines(), "event=log_suppressed of=noisy count=1\n"));
}

static void a_new_window_lets_the_event_through_again(void **state)
{
    (void)state;
    for (int i = 0; i < LOG_BURST + 1; i++) {
        LOG(LOG_WARN, "noisy", LOG_N("n", i));
    }
    (void)lines();
    now.boot_ms += LOG_WINDOW_MS;
    LOG(LOG_WARN, "noisy", LOG_N("n", 99));
    const char *text = lines();
    assert_int_equal(count_of(text, "event=log_suppressed of=noisy count=1"), 1);
    assert_int_equal(count_of(text, "event=noisy n=99"), 1);
}

static void the_wall_clock_does_not_end_a_window(void **state)
{
    (void)state;
    for (int i = 0; i < LOG_BURST + 1; i++) {
        LOG(LOG_WARN, "noisy", LOG_N("n", i));
    }
    now.wall_ms += 1000L * LOG_WINDOW_MS;
    (void)lines();
    LOG(LOG_WARN, "noisy", LOG_N("n", 1));
    assert_string_equal(lines(), "");
}

static void more_events_than_the_table_holds_are_written_unlimited(void **state)
{
    (void)state;
    char name[20];
    for (int i = 0; i < 300; i++) {
        snprintf(name, sizeof name, "event_%d", i);
        LOG(LOG_INFO, name, LOG_N("n", i));
    }
    assert_int_equal(count_of(lines(), "\n"), 300);
}

static void *write_many(void *name)
{
    for (int i = 0; i < 500; i++) {
        LOG(LOG_INFO, (const char *)name, LOG_S("text", "a value with some length in it"), LOG_N("n", i));
    }
    return NULL;
}

static void lines_of_threads_stay_whole(void **state)
{
    (void)state;
    static char names[4][12] = {"thread_a", "thread_b", "thread_c", "thread_d"};
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, write_many, names[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    const char *text = lines();
    assert_int_equal(count_of(text, "\n"), 4 * LOG_BURST);
    assert_int_equal(count_of(text, "\ntime="), 4 * LOG_BURST - 1);
    assert_int_equal(count_of(text, " text=\"a value with some length in it\" n="), 4 * LOG_BURST);
}

#define log_test(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        log_test(logfmt_lines_begin_with_time_level_and_event),
        log_test(values_that_would_break_a_line_are_quoted),
        log_test(what_turns_the_direction_of_writing_is_escaped),
        log_test(invalid_utf8_is_replaced),
        log_test(missing_text_is_empty_text),
        log_test(long_values_are_cut_between_characters),
        log_test(lines_below_the_level_are_not_written),
        log_test(json_lines_are_objects),
        log_test(journald_lines_begin_with_their_priority),
        log_test(text_lines_without_a_terminal_have_no_colour),
        log_test(auto_is_logfmt_where_there_is_no_terminal),
        log_test(a_terminal_gets_text_in_colour_unless_told_otherwise),
        log_test(repeats_of_one_event_are_limited),
        log_test(suppressed_repeats_are_told_after_the_window),
        log_test(whether_a_line_is_due_can_be_asked_before_its_values_are_made),
        log_test(a_new_window_lets_the_event_through_again),
        log_test(the_wall_clock_does_not_end_a_window),
        log_test(more_events_than_the_table_holds_are_written_unlimited),
        log_test(lines_of_threads_stay_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
