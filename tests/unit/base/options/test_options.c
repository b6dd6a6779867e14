#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/options/options.h"

struct inner {
    char *ca_file;
    int64_t depth;
};

struct sample {
    char *name;
    char *note;
    bool clean;
    int64_t connections;
    int64_t timeout_ms;
    int64_t bytes;
    int64_t any_int;
    double rate;
    double part;
    int order;
    struct text_list urls;
    struct secret_source password;
    const struct yaml_node *args;
    struct inner tls;
};

static const char *const orders[] = {"device", "rule", "none", NULL};

static const struct option_row inner_keys[] = {
    {.name = "ca_file", .type = OPTION_TEXT, .offset = offsetof(struct inner, ca_file), .empty_ok = true},
    {.name = "depth", .type = OPTION_INT, .offset = offsetof(struct inner, depth), .fallback = "3"},
    {0},
};

#define AT(member) offsetof(struct sample, member)
static const struct option_row keys[] = {
    {.name = "name", .type = OPTION_TEXT, .offset = AT(name), .fallback = "someone"},
    {.name = "note", .type = OPTION_TEXT, .offset = AT(note), .fallback = "\"\""},
    {.name = "clean", .type = OPTION_BOOL, .offset = AT(clean), .fallback = "true"},
    {.name = "connections", .type = OPTION_INT, .offset = AT(connections), .fallback = "64", .min = 1, .max = 1000},
    {.name = "timeout",
     .type = OPTION_DURATION,
     .offset = AT(timeout_ms),
     .fallback = "12s",
     .min = 100,
     .max = 600000},
    {.name = "bytes", .type = OPTION_SIZE, .offset = AT(bytes), .fallback = "64MiB", .min = 1 << 20, .max = 1LL << 36},
    {.name = "any_int", .type = OPTION_INT, .offset = AT(any_int)},
    {.name = "rate", .type = OPTION_RATE, .offset = AT(rate)},
    {.name = "part", .type = OPTION_FRACTION, .offset = AT(part), .fallback = "0.5"},
    {.name = "order", .type = OPTION_CHOICE, .offset = AT(order), .fallback = "rule", .choices = orders},
    {.name = "urls", .type = OPTION_TEXT_LIST, .offset = AT(urls), .fallback = "[a, b]"},
    {.name = "password", .type = OPTION_SECRET, .offset = AT(password)},
    {.name = "args", .type = OPTION_NODE, .offset = AT(args)},
    {.name = "tls", .type = OPTION_GROUP, .offset = AT(tls), .members = inner_keys},
    {0},
};

struct fixture {
    struct sample sample;
    struct problems problems;
    struct yaml_document *documents[4];
    size_t count;
};

static int begin(void **state)
{
    struct fixture *fixture = mem_alloc(sizeof *fixture);
    options_defaults(keys, &fixture->sample);
    *state = fixture;
    return 0;
}

static int end(void **state)
{
    struct fixture *fixture = *state;
    options_free(keys, &fixture->sample);
    options_free(keys, &fixture->sample);
    problems_clear(&fixture->problems);
    for (size_t i = 0; i < fixture->count; i++) {
        yaml_free(fixture->documents[i]);
    }
    free(fixture);
    return 0;
}

static enum err read_text(struct fixture *fixture, const char *yaml)
{
    struct yaml_document *document = NULL;
    if (yaml_load_text("f.yaml", yaml, strlen(yaml), &document, &fixture->problems) != ERR_OK) {
        fail_msg("%s: %s", yaml, fixture->problems.items[0].text);
    }
    fixture->documents[fixture->count++] = document;
    return options_read(keys, yaml_root(document), &fixture->sample, &fixture->problems);
}

static void fallbacks_are_read_first(void **state)
{
    const struct sample *sample = &((struct fixture *)*state)->sample;
    assert_string_equal(sample->name, "someone");
    assert_string_equal(sample->note, "");
    assert_true(sample->clean);
    assert_int_equal(sample->connections, 64);
    assert_int_equal(sample->timeout_ms, 12000);
    assert_int_equal(sample->bytes, 64 << 20);
    assert_int_equal(sample->order, 1);
    assert_int_equal(sample->urls.count, 2);
    assert_string_equal(sample->urls.items[1], "b");
    assert_int_equal(sample->tls.depth, 3);
    assert_null(sample->tls.ca_file);
    assert_null(sample->args);
    assert_null(sample->password.file);
    assert_true(sample->rate == 0);
    assert_true(sample->part == 0.5);
}

static void every_type_is_read(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(read_text(fixture,
                               "name: lamp\nnote: 5\nclean: false\nconnections: 0x10\ntimeout: 250ms\n"
                               "bytes: 2MiB\nany_int: -9223372036854775808\nrate: 30/m\npart: 0.25\norder: none\n"
                               "urls: [x, 'y', 3]\npassword: {file: /etc/pass}\nargs: {a: 1}\n"
                               "tls: {ca_file: /ca.pem}\n"),
                     ERR_OK);
    const struct sample *sample = &fixture->sample;
    assert_string_equal(sample->name, "lamp");
    assert_string_equal(sample->note, "5");
    assert_false(sample->clean);
    assert_int_equal(sample->connections, 16);
    assert_int_equal(sample->timeout_ms, 250);
    assert_int_equal(sample->bytes, 2 << 20);
    assert_true(sample->any_int == INT64_MIN);
    assert_true(sample->rate == 0.5);
    assert_true(sample->part == 0.25);
    assert_int_equal(sample->order, 2);
    assert_int_equal(sample->urls.count, 3);
    assert_string_equal(sample->urls.items[2], "3");
    assert_string_equal(sample->password.file, "/etc/pass");
    assert_int_equal(sample->args->kind, YAML_MAP);
    assert_string_equal(sample->tls.ca_file, "/ca.pem");
    assert_int_equal(sample->tls.depth, 3);
    assert_int_equal(fixture->problems.count, 0);
}

static void reading_again_replaces_and_keeps_the_rest(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(read_text(fixture, "name: a\nurls: one\npassword: {env: PASS}\ntls: {ca_file: x}\n"), ERR_OK);
    assert_int_equal(read_text(fixture, "name: b\nurls: [two]\npassword: {credential: pass}\ntls: {ca_file: y}\n"),
                     ERR_OK);
    const struct sample *sample = &fixture->sample;
    assert_string_equal(sample->name, "b");
    assert_int_equal(sample->urls.count, 1);
    assert_string_equal(sample->urls.items[0], "two");
    assert_null(sample->password.env);
    assert_string_equal(sample->password.credential, "pass");
    assert_string_equal(sample->tls.ca_file, "y");
    assert_int_equal(sample->connections, 64);
}

static void an_empty_value_counts_as_absent_where_it_may(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(read_text(fixture, "tls: {ca_file: , depth: 4}\nurls: []\n"), ERR_OK);
    assert_null(fixture->sample.tls.ca_file);
    assert_int_equal(fixture->sample.tls.depth, 4);
    assert_int_equal(fixture->sample.urls.count, 0);
    assert_int_equal(read_text(fixture, "tls:\n  # ca_file: x\n"), ERR_OK);
    assert_int_equal(fixture->sample.tls.depth, 4);
}

// One problem, at the place, with all the words (separated by '|').
static void refused(struct fixture *fixture, const char *yaml, int line, int column, const char *words)
{
    assert_int_equal(read_text(fixture, yaml), ERR_SYNTAX);
    assert_int_equal(fixture->problems.count, 1);
    const struct problem *problem = &fixture->problems.items[0];
    AUTO_FREE char *copy = mem_strdup(words);
    char *rest = NULL;
    for (char *word = strtok_r(copy, "|", &rest); word != NULL; word = strtok_r(NULL, "|", &rest)) {
        if (strstr(problem->text, word) == NULL) {
            fail_msg("%s: \"%s\" does not hold \"%s\"", yaml, problem->text, word);
        }
    }
    if (problem->line != line || problem->column != column) {
        fail_msg("%s: %d:%d", yaml, problem->line, problem->column);
    }
    problems_clear(&fixture->problems);
    yaml_free(fixture->documents[--fixture->count]);
    fixture->sample.args = NULL;
}

static void unknown_keys_are_told_with_the_nearest(void **state)
{
    refused(*state, "name: a\nnmae: b\n", 2, 1, "unknown key `nmae`; did you mean `name`?");
    refused(*state, "Time-Out: 1s\n", 1, 1, "unknown key `Time-Out`");
    refused(*state, "tls: {cafile: x}\n", 1, 7, "unknown key `cafile`; did you mean `ca_file`?");
    refused(*state, "tls: {foo: x}\n", 1, 7, "unknown key `foo`; known here: ca_file, depth");
}

static void values_of_the_wrong_kind_are_told_with_an_example(void **state)
{
    refused(*state, "name: [a]\n", 1, 7, "`name` must be text such as someone, not a list");
    refused(*state, "name: {lamp}\n", 1, 7, "not a map; if { } belong to the text, put it in quotes");
    refused(*state, "connections: []\n", 1, 14, "`connections` must be a whole number such as 64, not a list");
    refused(*state, "timeout: {}\n", 1, 10, "a duration with its unit, such as 250ms|not a map");
    refused(*state, "bytes: {}\n", 1, 8, "a size such as 512");
    refused(*state, "rate: []\n", 1, 7, "a rate above 0 such as 500/s");
    refused(*state, "order: []\n", 1, 8, "`order` must be one of the known words: device, rule, none, not a list");
    refused(*state, "clean: []\n", 1, 8, "true or false");
    refused(*state, "urls: {a: 1}\n", 1, 7, "a list of texts|not a map");
    refused(*state, "urls: [a, [b]]\n", 1, 11, "a list of texts|not a list");
    refused(*state, "tls: x\n", 1, 6, "`tls` must be a map of keys such as {ca_file: ...}, not text");
    refused(*state, "tls: {ca_file: []}\n", 1, 16, "`tls.ca_file` must be text");
}

static void nothing_in_place_of_a_value_is_explained(void **state)
{
    refused(*state, "name: #\n", 1, 6,
            "`name` must be text|YAML reads an empty value, or `#` and what follows it, as nothing");
    refused(*state, "urls:\n", 1, 6, "no value here");
    refused(*state, "urls: [a, ~]\n", 1, 11, "no value here");
    refused(*state, "connections:\n", 1, 13, "no value here");
    refused(*state, "order: ~\n", 1, 8, "no value here");
    refused(*state, "clean: null\n", 1, 8, "no value here");
    refused(*state, "timeout:\n", 1, 9, "no value here");
    refused(*state, "bytes:\n", 1, 7, "no value here");
    refused(*state, "rate:\n", 1, 6, "no value here");
}

static void malformed_values_are_told(void **state)
{
    refused(*state, "connections: many\n", 1, 14, "a whole number such as 64, not `many`");
    refused(*state, "connections: 1.5\n", 1, 14, "not `1.5`");
    refused(*state, "connections: '5'\n", 1, 14, "not `5` in quotes, which is text: remove the quotes");
    refused(*state, "timeout: 30\n", 1, 10, "not `30`, which has no unit");
    refused(*state, "timeout: soon\n", 1, 10, "not `soon`");
    refused(*state, "bytes: 64MB\n", 1, 8, "not `64MB`");
    refused(*state, "rate: 5/d\n", 1, 7, "not `5/d`");
    refused(*state, "rate: 0/s\n", 1, 7, "above 0");
    refused(*state, "part: 0\n", 1, 7, "`part` must be a number above 0 and at most 1, such as 0.5");
    refused(*state, "part: 1.01\n", 1, 7, "not `1.01`");
    refused(*state, "part: -0.5\n", 1, 7, "above 0");
    refused(*state, "part: half\n", 1, 7, "above 0");
    refused(*state, "part: .nan\n", 1, 7, "above 0");
    refused(*state, "part: []\n", 1, 7, "above 0");
    refused(*state, "part: \"0.5\"\n", 1, 7, "above 0");
    refused(*state, "clean: yes\n", 1, 8, "not `yes`, which is text: write true or false without quotes");
    refused(*state, "clean: \"true\"\n", 1, 8, "which is text");
    refused(*state, "clean: maybe\n", 1, 8, "true or false, not `maybe`");
}

static void values_out_of_range_are_told_in_the_unit_of_the_key(void **state)
{
    refused(*state, "connections: 0\n", 1, 14, "`connections` must be from 1 to 1000, not `0`");
    refused(*state, "connections: 1001\n", 1, 14, "from 1 to 1000");
    refused(*state, "connections: 18446744073709551615\n", 1, 14, "from 1 to 1000");
    refused(*state, "timeout: 99ms\n", 1, 10, "`timeout` must be from 100ms to 10m, not `99ms`");
    refused(*state, "timeout: 11m\n", 1, 10, "from 100ms to 10m");
    refused(*state, "timeout: 99999999999h\n", 1, 10, "from 100ms to 10m");
    refused(*state, "bytes: 1\n", 1, 8, "`bytes` must be from 1MiB to 64GiB, not `1`");
    refused(*state, "any_int: 18446744073709551615\n", 1, 10, "`any_int` is too large");
}

static void choices_are_exact_and_the_nearest_is_told(void **state)
{
    refused(*state, "order: Rule\n", 1, 8, "device, rule, none; not `Rule`; did you mean `rule`?");
    refused(*state, "order: devcie\n", 1, 8, "did you mean `device`?");
    refused(*state, "order: x\n", 1, 8, "not `x`");
}

static void long_and_odd_values_are_shown_short_and_clean(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(
        read_text(fixture,
                  "order: \"a\\nb\\e[31m \xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9"
                  "\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9"
                  "\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\"\n"),
        ERR_SYNTAX);
    const char *text = fixture->problems.items[0].text;
    assert_non_null(strstr(text, "not `a?b?[31m "));
    assert_non_null(strstr(text, "\xC3\xA9...`"));
    assert_null(strchr(text, '\n'));
}

static void a_secret_written_in_line_is_refused_and_never_repeated(void **state)
{
    static const char *const texts[] = {
        "password: hunter2\n",
        "password: {hunter2}\n",
        "password: [hunter2]\n",
        "password: {hunter2: x}\n",
        "password: {file: , env: hunter2}\n",
        "password: {file: {hunter2: 1}}\n",
        "password: {file: ''}\n",
        "password: {env: }\n",
        "password:\n",
        "password: {}\n",
        "password: 12345\n",
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct fixture *fixture = *state;
        assert_int_equal(read_text(fixture, texts[i]), ERR_SYNTAX);
        assert_int_equal(fixture->problems.count, 1);
        const char *text = fixture->problems.items[0].text;
        assert_non_null(strstr(text, "a secret is never written in line"));
        assert_non_null(strstr(text, "{file: /path/to/file}, {env: NAME} or {credential: NAME}"));
        assert_null(strstr(text, "hunter2"));
        assert_null(strstr(text, "12345"));
        problems_clear(&fixture->problems);
        yaml_free(fixture->documents[--fixture->count]);
    }
    refused(*state, "password: {fiel: /x}\n", 1, 11, "did you mean `file`?");
}

static void a_value_with_a_problem_changes_nothing(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(read_text(fixture, "connections: 5000\nname: []\nurls: {}\norder: x\npassword: x\ntimeout: 5s\n"),
                     ERR_SYNTAX);
    assert_int_equal(fixture->problems.count, 5);
    assert_int_equal(fixture->sample.connections, 64);
    assert_string_equal(fixture->sample.name, "someone");
    assert_int_equal(fixture->sample.urls.count, 2);
    assert_int_equal(fixture->sample.order, 1);
    assert_int_equal(fixture->sample.timeout_ms, 5000);
}

static void what_is_no_map_has_no_keys(void **state)
{
    refused(*state, "[1]\n", 1, 1, "keys are expected here, as `name: ...`, not a list");
    refused(*state, "text\n", 1, 1, "not text");
}

#define key_test(name) cmocka_unit_test_setup_teardown(name, begin, end)

// A tree of tables: root {mqtt: {tls}, platform: {tls}, rules: [{invoke}]}.
struct place_fields {
    char *text;
    const struct yaml_node *node;
    struct secret_source secret;
};
#define TEXT_ROW(key)                                                                                                  \
    {                                                                                                                  \
        .name = key, .type = OPTION_TEXT, .offset = offsetof(struct place_fields, text)                                \
    }
#define NODE_ROW(key, ...)                                                                                             \
    {                                                                                                                  \
        .name = key, .type = OPTION_NODE, .offset = offsetof(struct place_fields, node), __VA_ARGS__                   \
    }
static const struct option_row place_root[4];
static const struct option_row place_tls[] = {TEXT_ROW("ca_file"), {.members = place_root}};
static const struct option_row place_mqtt[] = {
    TEXT_ROW("url"), TEXT_ROW("client_id"), NODE_ROW("tls", .members = place_tls), {.members = place_root}};
static const struct option_row place_platform[] = {
    TEXT_ROW("endpoint"),
    {.name = "secret", .type = OPTION_SECRET, .offset = offsetof(struct place_fields, secret)},
    NODE_ROW("tls", .members = place_tls),
    {.members = place_root}};
static const struct option_row place_invoke[] = {TEXT_ROW("device"), {.members = place_root}};
static const struct option_row place_rule[] = {
    TEXT_ROW("expire"), NODE_ROW("invoke", .members = place_invoke), {.members = place_root}};
static const struct option_row place_root[4] = {NODE_ROW("mqtt", .members = place_mqtt),
                                                NODE_ROW("platform", .members = place_platform),
                                                NODE_ROW("rules", .members = place_rule, .each = "rule"),
                                                {.members = place_root}};

static void a_key_of_another_table_is_told_where_it_belongs(void **state)
{
    (void)state;
    static const struct {
        const struct option_row *table;
        const char *yaml;
        const char *words;
    } rows[] = {
        {place_root, "url: x", "unknown key `url`; it belongs in `mqtt`"},
        {place_root, "device: x", "unknown key `device`; it belongs in `invoke` of a rule"},
        {place_root, "expire: x", "unknown key `expire`; it belongs in a rule"},
        {place_root, "ca_file: x", "unknown key `ca_file`; it belongs in `mqtt.tls` or in `platform.tls`"},
        {place_mqtt, "ca_file: x", "unknown key `ca_file`; it belongs in `mqtt.tls`"},
        {place_mqtt, "endpoint: x", "unknown key `endpoint`; it belongs in `platform`"},
        {place_mqtt, "rules: x", "unknown key `rules`; it belongs at the top of the file"},
        {place_rule, "device: x", "unknown key `device`; it belongs in `invoke`"},
        {place_invoke, "expire: x", "unknown key `expire`; it belongs one level up: a rule key"},
        {place_invoke, "url: x", "unknown key `url`; it belongs in `mqtt`"},
        {place_tls, "client_id: x", "unknown key `client_id`; it belongs in `mqtt`"},
        {place_mqtt, "urll: x", "unknown key `urll`; did you mean `url`?"},
        {place_mqtt, "nothing: x", "unknown key `nothing`; known here: url, client_id, tls"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct problems problems = {0};
        struct place_fields fields = {0};
        AUTO_YAML struct yaml_document *document = NULL;
        assert_int_equal(yaml_load_text("f", rows[i].yaml, strlen(rows[i].yaml), &document, &problems), ERR_OK);
        assert_int_equal(options_read(rows[i].table, yaml_root(document), &fields, &problems), ERR_SYNTAX);
        assert_int_equal(problems.count, 1);
        assert_string_equal(problems.items[0].text, rows[i].words);
        problems_clear(&problems);
    }
}

static void names_of_all_levels_are_found_with_any_number_of_underscores(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"mqtt_client_id", "mqtt__client_id"},
        {"mqtt__client_id", "mqtt__client_id"},
        {"mqtt_tls_ca_file", "mqtt__tls__ca_file"},
        {"platform__secret_file", "platform__secret__file"},
        {"platform", "platform"},
        {"rules_expire", NULL},
        {"mqtt_nothing", NULL},
        {"", NULL},
        {"mqtt_", NULL},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        AUTO_FREE char *found = options_find_joined(place_root, rows[i][0]);
        if (rows[i][1] == NULL) {
            assert_null(found);
        } else {
            assert_string_equal(found, rows[i][1]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_of_another_table_is_told_where_it_belongs),
        cmocka_unit_test(names_of_all_levels_are_found_with_any_number_of_underscores),
        key_test(fallbacks_are_read_first),
        key_test(every_type_is_read),
        key_test(reading_again_replaces_and_keeps_the_rest),
        key_test(an_empty_value_counts_as_absent_where_it_may),
        key_test(unknown_keys_are_told_with_the_nearest),
        key_test(values_of_the_wrong_kind_are_told_with_an_example),
        key_test(nothing_in_place_of_a_value_is_explained),
        key_test(malformed_values_are_told),
        key_test(values_out_of_range_are_told_in_the_unit_of_the_key),
        key_test(choices_are_exact_and_the_nearest_is_told),
        key_test(long_and_odd_values_are_shown_short_and_clean),
        key_test(a_secret_written_in_line_is_refused_and_never_repeated),
        key_test(a_value_with_a_problem_changes_nothing),
        key_test(what_is_no_map_has_no_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
