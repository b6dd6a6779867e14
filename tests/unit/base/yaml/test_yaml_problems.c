// What the loader refuses or warns about, and in which words.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/yaml/yaml.h"

// Loads and gives the first problem as "LINE:COLUMN: text", or "" if there is none.
static enum err load(const char *text, size_t len, char first[512])
{
    struct problems problems = {0};
    AUTO_YAML struct yaml_document *document = NULL;
    enum err err = yaml_load_text("f.yaml", text, len, &document, &problems);
    first[0] = '\0';
    if (problems.count > 0) {
        const struct problem *problem = &problems.items[0];
        assert_string_equal(problem->source, "f.yaml");
        snprintf(first, 512, "%d:%d: %s", problem->line, problem->column, problem->text);
    }
    assert_int_equal(err != ERR_OK, problems.errors > 0);
    assert_int_equal(err != ERR_OK, document == NULL);
    problems_clear(&problems);
    return err;
}

static void refused_as(const char *text, enum err expected, const char *words)
{
    char first[512];
    enum err err = load(text, strlen(text), first);
    if (err != expected || strstr(first, words) == NULL) {
        fail_msg("%s: error %d, \"%s\"", text, (int)err, first);
    }
}

struct row {
    const char *text;
    const char *words;
};

static void all_refused(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        refused_as(rows[i].text, ERR_SYNTAX, rows[i].words);
    }
}

static void a_template_that_yaml_refuses_is_to_be_put_in_quotes(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"topic: {device}/set\n", "1:16: "},
        {"topic: {device}/set\n", "with ${...} or {name} in quotes"},
        {"args: {level: ${x}}\n", "1:16: "},
        {"args: {level: ${x}}\n", "in quotes"},
        {"args:\n  a: ${x | default({\"a\": 1})}\n", "2:24: "},
        {"args:\n  a: ${x | default({\"a\": 1})}\n", "in quotes"},
        {"a:\n- {device: ${d}, b: \"x\"}\n", "in quotes"},
    };
    all_refused(rows, COUNT_OF(rows));
}

static void a_template_that_yaml_cuts_is_an_error(void **state)
{
    (void)state;
    refused_as("a: ${x | map( #c )}\n", ERR_SYNTAX, "1:4: YAML cuts this value at ` #`");
    char first[512];
    assert_int_equal(load("a: ${x} # fine", 14, first), ERR_OK);
    assert_string_equal(first, "");
    assert_int_equal(load("a: \"${x | map( #c )}\"", 21, first), ERR_OK);
    assert_string_equal(first, "");
}

static void a_hash_after_a_slash_and_a_space_is_suspicious(void **state)
{
    (void)state;
    char first[512];
    const char *text = "topic: home/ #\n";
    assert_int_equal(load(text, strlen(text), first), ERR_OK);
    assert_non_null(strstr(first, "1:8: YAML ends this value at ` #`"));
}

static void tabs_are_told(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"a:\n\tb: 1\n", "2:1: a tab"},
        {"a:\n  b: 1\n\tc: 2\n", "3:1: a tab"},
        {"a: |\n\tx\n", "2:1: a tab"},
    };
    all_refused(rows, COUNT_OF(rows));
}

static void syntax_errors_say_what_to_do(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"a: @x", "1:4: plain text may not begin with `@`: put it in quotes"},
        {"a: `x`", "1:4: plain text may not begin with ```"},
        {"a: ,b", "1:4: plain text may not begin with `,`"},
        {"b: 1\na: \"abc\nc: 2\n", "2:4: the quote that opens here is never closed"},
        {"a: 'abc\n", "1:4: the quote that opens here is never closed"},
        {"a: [1, 2\nb: 3\n", "1:4: the [ that opens here is not closed, or a comma is missing before line 2"},
        {"a: {x: 1\nb: 2\n", "1:4: the { that opens here is not closed"},
        {"a: b: c\n", "1:5: a second `: ` in one line"},
        {"key:value\nb: 1\n", "2:2: no key is expected here"},
        {"a: 1\n b: 2\n", "2:3: no key is expected here"},
        {"a: \"x\" y\n", "1:8: the quoted text ends before this"},
        {"a: \"${x | default(\"white\")}\"\n", "1:20: the quoted text ends before this"},
        {"a: '${x | default('white')}'\n", "1:20: the quoted text ends before this"},
        {"{a: \"b\"c}\n", "1:8: the quoted text ends before this"},
        {"a: [b, c]]\n", "1:10: one `]` too many"},
        {"a: {b: c]\n", "1:9: this `]` closes nothing that is open here"},
        {"a: 1\nb = 2\nc: 3\n", "2:1: a key is expected here"},
        {"%YAML 2.0\n---\na: 1\n", "1:1: this is read as YAML 1.2"},
        {"%name\n---\na: 1\n", "speaks to YAML itself"},
        {"a:\n    b: 1\n  c: 2\n", "3:3: the line does not fit into the list or map that began in line 1"},
        {"- a\nb: 1\n", "2:1: the line does not fit"},
        {"a: - b\n", "1:4: a list with `- ` begins in a line of its own"},
        {"a: \"\\q\"\n", "1:5: unknown escape"},
        {"a: *\n", "if the text begins with `*`"},
        {"a: \x01\n", "1:4: a control character"},
        {"[a, b]]\n", "1:7: one `]` too many"},
        {"[a]\nb: 1\n", "something follows after the end"},
        {"a: [\n", "1:4: the [ that opens here is not closed"},
        {"a: [b, [c], {d:\n", "1:13: the { that opens here is not closed"},
        {"a: \"\\ud800\"\n", "1:7: "},
    };
    all_refused(rows, COUNT_OF(rows));
}

static void keys_are_unique_text(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"a: 1\nb: 2\na: 3\n", "3:1: duplicate key `a`: it is in line 1 already"},
        {"{x: {k: 1, \"k\": 2}}", "1:12: duplicate key `k`"},
        {"? [a]\n: b\n", "1:3: a key must be text, not a list"},
        {"{{a}: b}", "a key must be text, not a map"},
        {"<<: {a: 1}\n", "1:1: the merge key `<<` is not known here"},
    };
    all_refused(rows, COUNT_OF(rows));
}

static void all_duplicates_are_told_in_one_go(void **state)
{
    (void)state;
    struct problems problems = {0};
    struct yaml_document *document = NULL;
    const char *text = "b: 1\na: 1\na: 2\nb: 2\na: 3\n";
    assert_int_equal(yaml_load_text("f", text, strlen(text), &document, &problems), ERR_SYNTAX);
    assert_int_equal(problems.count, 3);
    for (size_t i = 0; i < 2; i++) {
        assert_non_null(strstr(problems.items[i].text, "`a`: it is in line 2"));
    }
    assert_non_null(strstr(problems.items[2].text, "`b`: it is in line 1"));
    problems_clear(&problems);
}

static void one_document_is_all(void **state)
{
    (void)state;
    refused_as("--- a\n--- b\n", ERR_SYNTAX, "2:1: a second document begins here");
    refused_as("", ERR_SYNTAX, "the file is empty");
    refused_as("# nothing\n\n", ERR_SYNTAX, "holds nothing but comments");
    refused_as("a: b\n...\nc\n", ERR_SYNTAX, "3:1: something follows");
    char first[512];
    assert_int_equal(load("---\na: 1\n...\n", 13, first), ERR_OK);
}

static void tags_but_text_are_unknown(void **state)
{
    (void)state;
    refused_as("a: !secret x\n", ERR_SYNTAX, "1:4: !secret is known to Home Assistant only");
    refused_as("a: !hunter2\n", ERR_SYNTAX, "1:4: unknown tag: a value may not begin with `!`");
    refused_as("a: !!python/object {}\n", ERR_SYNTAX, "unknown tag");
    char first[512];
    assert_int_equal(load("a: !!str 5\n", 11, first), ERR_OK);
}

static void aliases_must_be_known_and_end(void **state)
{
    (void)state;
    refused_as("\xC3\xA9: 1\na: *lamp\n", ERR_SYNTAX, "2:4: unknown alias");
    refused_as("a: &x [1, *x]\n", ERR_SYNTAX, "1:11: the alias stands inside its own anchor");
}

static void aliases_that_explode_are_refused(void **state)
{
    (void)state;
    AUTO_BUF struct buf text = {0};
    buf_text(&text, "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for (int i = 1; i < 30; i++) {
        buf_printf(&text, "a%d: &a%d [", i, i);
        for (int k = 0; k < 10; k++) {
            buf_printf(&text, "*a%d,", i - 1);
        }
        buf_text(&text, "]\n");
    }
    refused_as(text.data, ERR_LIMIT, "more than 1000000 values");
}

static void anchors_are_bounded(void **state)
{
    (void)state;
    AUTO_BUF struct buf text = {0};
    for (int i = 0; i < 1001; i++) {
        buf_printf(&text, "- &a%d x\n", i);
    }
    refused_as(text.data, ERR_LIMIT, "1001:3: more than 1000 anchors");
}

static void nesting_is_bounded(void **state)
{
    (void)state;
    AUTO_BUF struct buf text = {0};
    for (int i = 0; i < 100000; i++) {
        buf_char(&text, '[');
    }
    refused_as(text.data, ERR_LIMIT, "1:65: lists and maps are nested deeper than 64 levels");
}

static void values_are_bounded(void **state)
{
    (void)state;
    AUTO_BUF struct buf text = {0};
    for (int i = 0; i < YAML_MAX_NODES; i++) {
        buf_text(&text, "-\n");
    }
    refused_as(text.data, ERR_LIMIT, "more than 1000000 values");
}

static void bytes_are_bounded(void **state)
{
    (void)state;
    AUTO_FREE char *text = mem_alloc(YAML_MAX_BYTES + 2);
    memset(text, ' ', YAML_MAX_BYTES + 1);
    refused_as(text, ERR_LIMIT, "larger than 16 MiB");
}

static void only_text_in_utf8_is_read(void **state)
{
    (void)state;
    char first[512];
    refused_as("a: 1\nb: \xFF\n", ERR_SYNTAX, "2:4: not valid UTF-8");
    refused_as("a: \xED\xA0\x80\n", ERR_SYNTAX, "not valid UTF-8");
    assert_int_equal(load("a: 1\nb\0: 2", 10, first), ERR_SYNTAX);
    assert_non_null(strstr(first, "2:2: a NUL byte"));
    refused_as("a: \"x\\0\"\n", ERR_SYNTAX, "NUL is not allowed");
    refused_as("\xFF\xFE"
               "a",
               ERR_SYNTAX, "not valid UTF-8");
    static const char wide[] = "\xFF\xFE"
                               "a\0:\0";
    assert_int_equal(load(wide, sizeof wide - 1, first), ERR_SYNTAX);
    assert_non_null(strstr(first, "the file is UTF-16 or UTF-32: save it as UTF-8"));
}

static void columns_count_bytes(void **state)
{
    (void)state;
    refused_as("\xC3\xA4\xC3\xB6: {x: 1, \xC3\xBC: *q}", ERR_SYNTAX, "1:18: unknown alias");
    refused_as("a: 1\r\nb: @\r\n", ERR_SYNTAX, "2:4: ");
    refused_as("\xEF\xBB\xBF"
               "a: @\n",
               ERR_SYNTAX, "1:4: ");
}

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525U + 1013904223U;
    return *seed >> 8;
}

static void any_mixture_of_signs_is_read_or_refused(void **state)
{
    (void)state;
    static const char *const pieces[] = {
        "a",   ": ",  "- ",       "\n",           "  ",       "{",  "}", "[", "]",  ",",
        "\"",  "'",   "&x ",      "*x",           "#",        " #", "|", ">", "\t", "${",
        "{a}", "? ",  "!t ",      "---",          "\r",       "\\", "%", "@", "<<", "~",
        "1",   "\n ", "\xC3\xA9", "\xE2\x80\xA8", "\xC2\x85", "..."};
    uint32_t seed = 7;
    for (int round = 0; round < 100000; round++) {
        char text[128] = "";
        size_t count = next_random(&seed) % 14 + 1;
        for (size_t i = 0; i < count; i++) {
            strcat(text, pieces[next_random(&seed) % COUNT_OF(pieces)]);
        }
        char first[512];
        (void)load(text, strlen(text), first);
    }
}

static void path_refused(const char *path, enum err expected, const char *words)
{
    struct problems problems = {0};
    struct yaml_document *document = NULL;
    assert_int_equal(yaml_load_file(path, &document, &problems), expected);
    assert_int_equal(problems.errors, 1);
    assert_string_equal(problems.items[0].source, path);
    assert_non_null(strstr(problems.items[0].text, words));
    assert_null(document);
    problems_clear(&problems);
}

// Gives what yaml_load_file makes of a file with this text; it must be refused with one error.
static struct yaml_document *load_wrong_file(const char *text)
{
    char path[] = "/tmp/test-yaml-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
    struct problems problems = {0};
    struct yaml_document *document = NULL;
    assert_int_equal(yaml_load_file(path, &document, &problems), ERR_SYNTAX);
    assert_int_equal(problems.errors, 1);
    assert_string_equal(yaml_source_name(document), path);
    unlink(path);
    problems_clear(&problems);
    return document;
}

static void lines_of_a_refused_file_can_be_shown(void **state)
{
    (void)state;
    AUTO_YAML struct yaml_document *document = load_wrong_file("a: 1\nb: [\n");
    const char *text = NULL;
    size_t len = 0;
    assert_null(yaml_root(document));
    assert_true(yaml_source_line(document, 2, &text, &len));
    assert_memory_equal(text, "b: [", len);
}

static void a_file_whose_tree_is_whole_can_be_read_on_for_further_errors(void **state)
{
    (void)state;
    AUTO_YAML struct yaml_document *document = load_wrong_file("a: 1\na: 2\nb: 3\n");
    assert_string_equal(yaml_get(yaml_root(document), "b")->text, "3");
}

static void paths_that_are_no_readable_file_are_refused(void **state)
{
    (void)state;
    path_refused("/nonexistent/x.yaml", ERR_IO, "No such file");
    path_refused("/", ERR_IO, "is a directory");
    path_refused("/dev/null", ERR_IO, "no regular file");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_template_that_yaml_refuses_is_to_be_put_in_quotes),
        cmocka_unit_test(a_template_that_yaml_cuts_is_an_error),
        cmocka_unit_test(a_hash_after_a_slash_and_a_space_is_suspicious),
        cmocka_unit_test(tabs_are_told),
        cmocka_unit_test(syntax_errors_say_what_to_do),
        cmocka_unit_test(keys_are_unique_text),
        cmocka_unit_test(all_duplicates_are_told_in_one_go),
        cmocka_unit_test(one_document_is_all),
        cmocka_unit_test(tags_but_text_are_unknown),
        cmocka_unit_test(aliases_must_be_known_and_end),
        cmocka_unit_test(aliases_that_explode_are_refused),
        cmocka_unit_test(anchors_are_bounded),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(values_are_bounded),
        cmocka_unit_test(bytes_are_bounded),
        cmocka_unit_test(only_text_in_utf8_is_read),
        cmocka_unit_test(columns_count_bytes),
        cmocka_unit_test(any_mixture_of_signs_is_read_or_refused),
        cmocka_unit_test(paths_that_are_no_readable_file_are_refused),
        cmocka_unit_test(lines_of_a_refused_file_can_be_shown),
        cmocka_unit_test(a_file_whose_tree_is_whole_can_be_read_on_for_further_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
