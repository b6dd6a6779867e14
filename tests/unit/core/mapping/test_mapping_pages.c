// The pages and files in mappings/ say what the program does, and show it by examples that hold.
#include "unit/core/model/model_checks.h"

#include "core/mapping/load/mapping_load.h"
#include "core/mapping/tools/mapping_test.h"
#include "core/platform/code.h"
#include "core/template/template_internal.h"

#define FOLDER TEST_SOURCE_DIR "/mappings/"

static char *read_page(const char *path)
{
    AUTO_BUF struct buf text = {0};
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    char piece[4096];
    size_t len;
    while ((len = fread(piece, 1, sizeof piece, file)) > 0) {
        buf_append(&text, piece, len);
    }
    fclose(file);
    return buf_steal(&text);
}

static void assert_told(const char *page, const char *word)
{
    AUTO_FREE char *marked = mem_printf("`%s`", word);
    if (strstr(page, marked) == NULL) {
        fail_msg("%s is not told", marked);
    }
}

static void the_page_of_errors_has_every_code(void **state)
{
    (void)state;
    AUTO_FREE char *page = read_page(FOLDER "ERRORS.md");
    for (size_t i = 0; error_code_at(i) != NULL; i++) {
        AUTO_FREE char *row = mem_printf("\n| `%s` | ", error_code_at(i)->code);
        if (strstr(page, row) == NULL) {
            fail_msg("%s has no row", error_code_at(i)->code);
        }
    }
}

static void the_page_of_errors_has_no_other_code_and_marks_the_retryable(void **state)
{
    (void)state;
    AUTO_FREE char *page = read_page(FOLDER "ERRORS.md");
    size_t rows = 0;
    for (char *at = strstr(page, "\n| `"); at != NULL; at = strstr(at + 1, "\n| `"), rows++) {
        char code[64] = "";
        char line[512] = "";
        assert_int_equal(sscanf(at, "\n| `%63[^`]`%511[^\n]", code, line), 2);
        const struct error_code *found = error_code_find(code);
        if (found == NULL) {
            print_message("%s is no code\n", code);
        }
        assert_non_null(found);
        assert_int_equal(found != NULL && found->retryable, strstr(line, "(retryable)") != NULL);
    }
    assert_true(rows > 30);
}

static void the_reference_tells_every_key(void **state)
{
    (void)state;
    const struct option_row *const tables[] = {
        mapping_file_options,   mapping_rule_options,   mapping_default_options,     mapping_invoke_options,
        mapping_call_options,   mapping_reply_options,  mapping_batch_options,       mapping_test_options,
        mapping_answer_options, mapping_expect_options, mapping_expect_reply_options};
    AUTO_FREE char *page = read_page(FOLDER "README.md");
    for (size_t i = 0; i < COUNT_OF(tables); i++) {
        for (const struct option_row *key = tables[i]; key->name != NULL; key++) {
            assert_told(page, key->name);
            assert_non_null(key->help);
        }
    }
}

// In the table of filters the name stands alone or with its arguments.
static void the_reference_tells_every_filter(void **state)
{
    (void)state;
    AUTO_FREE char *page = read_page(FOLDER "README.md");
    for (size_t i = 0; template_filter_name_at(i) != NULL; i++) {
        AUTO_FREE char *alone = mem_printf("`%s` ", template_filter_name_at(i));
        AUTO_FREE char *called = mem_printf("`%s(", template_filter_name_at(i));
        if (strstr(page, alone) == NULL && strstr(page, called) == NULL) {
            fail_msg("the filter %s is not told", template_filter_name_at(i));
        }
    }
}

static void the_reference_tells_every_status(void **state)
{
    (void)state;
    AUTO_FREE char *page = read_page(FOLDER "README.md");
    for (enum status status = STATUS_OK; status <= STATUS_QUEUED; status++) {
        AUTO_FREE char *row = mem_printf("\n| `%s` | ", status_name(status));
        if (strstr(page, row) == NULL) {
            fail_msg("%s has no row", status_name(status));
        }
    }
}

// ---- the examples

static enum err read_model(const char *path, size_t max_bytes, char **data, size_t *len, struct diag *diag)
{
    AUTO_FREE char *whole = mem_printf(MODELS "%s", path);
    return file_read(whole, max_bytes, data, len, diag);
}

static void pass_test(const struct mapping *mapping, const struct yaml_document *document, size_t index)
{
    struct mapping_test_result result;
    mapping_test_run(mapping, document, index, NULL, 0, &result);
    if (result.count > 0) {
        fail_msg("%s: %s is %s, not %s", result.name, result.differences[0].what, result.differences[0].got,
                 result.differences[0].expected);
    }
    mapping_test_result_clear(&result);
}

// A page's files: they load without a warning, and their tests pass.
struct examples {
    struct yaml_document *documents[64];
    char *texts[64];
    size_t count;
    size_t tests;
};

static void add_example(struct examples *examples, char *text)
{
    struct mapping_options options = default_options();
    struct problems problems = {0};
    struct yaml_document *document = NULL;
    options.read_file = read_model;
    struct mapping *mapping = load_with(text, &options);
    assert_int_equal(yaml_load_text("page", text, strlen(text), &document, &problems), ERR_OK);
    for (size_t i = 0; i < mapping_test_count(document); i++, examples->tests++) {
        pass_test(mapping, document, i);
    }
    mapping_destroy(mapping);
    assert_true(examples->count < COUNT_OF(examples->documents));
    examples->documents[examples->count] = document;
    examples->texts[examples->count++] = text;
}

static void add_examples(struct examples *examples, const char *name)
{
    AUTO_FREE char *path = mem_printf(FOLDER "%s", name);
    AUTO_FREE char *page = read_page(path);
    for (char *at = page; (at = strstr(at, "```yaml\n")) != NULL;) {
        at += strlen("```yaml\n");
        char *end = strstr(at, "```\n");
        assert_non_null(end);
        add_example(examples, mem_dup(at, (size_t)(end - at)));
        at = end;
    }
}

static void clear_examples(struct examples *examples)
{
    for (size_t i = 0; i < examples->count; i++) {
        yaml_free(examples->documents[i]);
        free(examples->texts[i]);
    }
}

// Is there a pair of this key, and with this value unless it is NULL?
static bool holds(const struct yaml_node *node, const char *key, const char *value_or_null)
{
    bool found = false;
    for (size_t i = 0; i < node->count && !found; i++) {
        const struct yaml_node *item = node->items[i];
        bool is_key = node->kind == YAML_MAP && strcmp(node->keys[i]->text, key) == 0;
        bool is_value = value_or_null == NULL || (item->text != NULL && strcmp(item->text, value_or_null) == 0);
        found = (is_key && is_value) || holds(item, key, value_or_null);
    }
    return found;
}

static bool shown(const struct examples *examples, const char *key, const char *value_or_null)
{
    bool found = false;
    for (size_t i = 0; i < examples->count && !found; i++) {
        found = holds(yaml_root(examples->documents[i]), key, value_or_null);
    }
    return found;
}

static void the_files_in_the_pages_load_without_a_warning_and_pass_their_tests(void **state)
{
    (void)state;
    struct examples examples = {.count = 0};
    add_examples(&examples, "README.md");
    add_examples(&examples, "ERRORS.md");
    assert_true(examples.count >= 12);
    assert_true(examples.tests >= 50);
    clear_examples(&examples);
}

static void every_key_is_shown_by_an_example(void **state)
{
    (void)state;
    const struct option_row *const tables[] = {
        mapping_file_options,   mapping_rule_options,        mapping_invoke_options, mapping_call_options,
        mapping_reply_options,  mapping_batch_options,       mapping_test_options,   mapping_answer_options,
        mapping_expect_options, mapping_expect_reply_options};
    struct examples examples = {.count = 0};
    add_examples(&examples, "README.md");
    for (size_t i = 0; i < COUNT_OF(tables); i++) {
        for (const struct option_row *key = tables[i]; key->name != NULL; key++) {
            if (!shown(&examples, key->name, NULL)) {
                fail_msg("no example shows %s", key->name);
            }
        }
    }
    clear_examples(&examples);
}

static bool uses_filter(const struct examples *examples, const char *name)
{
    AUTO_FREE char *start = mem_printf("| %s", name);
    for (size_t i = 0; i < examples->count; i++) {
        for (const char *at = examples->texts[i]; (at = strstr(at, start)) != NULL; at += strlen(start)) {
            if (strchr("(} ", at[strlen(start)]) != NULL) {
                return true;
            }
        }
    }
    return false;
}

static void every_filter_is_shown_by_an_example(void **state)
{
    (void)state;
    struct examples examples = {.count = 0};
    add_examples(&examples, "README.md");
    for (size_t i = 0; template_filter_name_at(i) != NULL; i++) {
        if (!uses_filter(&examples, template_filter_name_at(i))) {
            fail_msg("no example uses %s", template_filter_name_at(i));
        }
    }
    clear_examples(&examples);
}

static bool is_among(const char *word, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(words[i], word) == 0) {
            return true;
        }
    }
    return false;
}

static void every_status_that_a_test_can_meet_is_shown_by_an_example(void **state)
{
    (void)state;
    static const char *const in_the_service_only[] = {"superseded", "queued"};
    struct examples examples = {.count = 0};
    add_examples(&examples, "README.md");
    for (enum status status = STATUS_OK; status <= STATUS_QUEUED; status++) {
        const char *name = status_name(status);
        assert_int_equal(shown(&examples, "status", name),
                         !is_among(name, in_the_service_only, COUNT_OF(in_the_service_only)));
    }
    clear_examples(&examples);
}

static void every_code_that_a_test_can_meet_is_shown_by_an_example(void **state)
{
    (void)state;
    // They need the outbox, a connection, or more than a page holds.
    static const char *const not_here[] = {
        "payload_too_large", "request_too_large", "id_reused",  "outbox_full", "dropped_by_operator",
        "bridge_stopping",   "platform_unknown",  "superseded", "interrupted", "resolve_failed",
        "connect_failed",    "tls_failed",        "no_answer",  "redelivered"};
    struct examples examples = {.count = 0};
    add_examples(&examples, "ERRORS.md");
    for (size_t i = 0; error_code_at(i) != NULL; i++) {
        const char *code = error_code_at(i)->code;
        bool found = shown(&examples, "rejected", code) || shown(&examples, "code", code);
        if (found == is_among(code, not_here, COUNT_OF(not_here))) {
            fail_msg("%s is %s", code, found ? "shown, and said not to be" : "not shown");
        }
    }
    clear_examples(&examples);
}

static struct mapping *load_file(const char *path)
{
    AUTO_FREE char *text = read_page(path);
    return load(text);
}

static void the_demo_s_rules_load_without_a_warning_and_do_what_they_say(void **state)
{
    (void)state;
    struct mapping *mapping = load_file(FOLDER "demo.yaml");
    AUTO_COMMAND struct command *set = map_payload(mapping, "home/hall/lamp-1/set", "{\"level\":128}");
    assert_parameter(set, 0, "DeviceName", "hall-lamp-1");
    assert_parameter(set, 0, "Args", "{\"brightness\":50,\"color\":\"white\"}");
    assert_string_equal(set->ack_topic, "home/hall/lamp-1/set/ack");
    AUTO_COMMAND struct command *toggle = map_payload(mapping, "home/offline/lamp/toggle", "");
    assert_parameter(toggle, 0, "DeviceName", "offline-lamp");
    AUTO_COMMAND struct command *level = map_payload(mapping, "home/kitchen/lamp-2/level/get", "");
    assert_parameter(level, 0, "Identifier", "GetLevel");
    AUTO_COMMAND struct command *site = map_payload(mapping, "site/house/set", "{\"level\":140}");
    assert_string_equal(site->calls[0].action, "InvokeThingsService");
    assert_int_equal(site->device_count, 6);
    AUTO_COMMAND struct command *door =
        map_payload(mapping, "doors/front-door/lock", "{\"user\":\"Ada\",\"request\":1}");
    assert_parameter(door, 0, "Identifier", "Lock");
    assert_parameter(door, 0, "ProductKey", "a1LockProd01");
    assert_string_equal(door->id, "1");
    assert_null(mapping_match(mapping, "home/garden/lamp-1/set"));
    assert_null(mapping_match(mapping, "doors/front-door/lock/reply"));
    mapping_destroy(mapping);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_page_of_errors_has_every_code),
        cmocka_unit_test(the_page_of_errors_has_no_other_code_and_marks_the_retryable),
        cmocka_unit_test(the_reference_tells_every_key),
        cmocka_unit_test(the_reference_tells_every_filter),
        cmocka_unit_test(the_reference_tells_every_status),
        cmocka_unit_test(the_files_in_the_pages_load_without_a_warning_and_pass_their_tests),
        cmocka_unit_test(every_key_is_shown_by_an_example),
        cmocka_unit_test(every_filter_is_shown_by_an_example),
        cmocka_unit_test(every_status_that_a_test_can_meet_is_shown_by_an_example),
        cmocka_unit_test(every_code_that_a_test_can_meet_is_shown_by_an_example),
        cmocka_unit_test(the_demo_s_rules_load_without_a_warning_and_do_what_they_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
