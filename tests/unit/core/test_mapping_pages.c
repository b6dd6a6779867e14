// The pages and files in mappings/ say what the program does.
#include "mapping_checks.h"

#include "core/code.h"
#include "core/mapping_test.h"

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
    const struct key *const tables[] = {mapping_file_keys,   mapping_rule_keys,        mapping_default_keys,
                                        mapping_invoke_keys, mapping_call_keys,        mapping_reply_keys,
                                        mapping_batch_keys,  mapping_test_keys,        mapping_answer_keys,
                                        mapping_expect_keys, mapping_expect_reply_keys};
    AUTO_FREE char *page = read_page(FOLDER "README.md");
    for (size_t i = 0; i < COUNT_OF(tables); i++) {
        for (const struct key *key = tables[i]; key->name != NULL; key++) {
            assert_told(page, key->name);
            assert_non_null(key->help);
        }
    }
}

static void the_reference_tells_every_filter(void **state)
{
    (void)state;
    static const char *const filters[] = {"int",        "float",        "bool",       "string",        "json",
                                          "lower",      "upper",        "trim",       "round",         "round(n)",
                                          "default(x)", "map(a=1,b=2)", "clamp(a,b)", "scale(a,b,c,d)"};
    AUTO_FREE char *page = read_page(FOLDER "README.md");
    for (size_t i = 0; i < COUNT_OF(filters); i++) {
        assert_told(page, filters[i]);
    }
}

static size_t pass_tests(const char *text)
{
    struct problems problems = {0};
    AUTO_YAML struct yaml_document *document = NULL;
    assert_int_equal(yaml_load_text("page", text, strlen(text), &document, &problems), ERR_OK);
    struct mapping *mapping = load(text);
    size_t count = mapping_test_count(document);
    for (size_t i = 0; i < count; i++) {
        struct test_result result;
        mapping_test_run(mapping, document, i, NULL, 0, &result);
        if (result.count > 0) {
            fail_msg("%s: %s is %s, not %s", result.name, result.differences[0].what, result.differences[0].got,
                     result.differences[0].expected);
        }
        test_result_clear(&result);
    }
    mapping_destroy(mapping);
    return count;
}

static void the_files_in_the_reference_load_without_a_warning_and_pass_their_tests(void **state)
{
    (void)state;
    static const char start[] = "```yaml\nversion: 1\n";
    AUTO_FREE char *page = read_page(FOLDER "README.md");
    size_t blocks = 0;
    size_t tests = 0;
    for (char *at = strstr(page, start); at != NULL; at = strstr(at, start), blocks++) {
        at += strlen("```yaml\n");
        char *end = strstr(at, "```\n");
        assert_non_null(end);
        AUTO_FREE char *text = mem_dup(at, (size_t)(end - at));
        tests += pass_tests(text);
    }
    assert_true(blocks >= 4);
    assert_true(tests >= 4);
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
        cmocka_unit_test(the_files_in_the_reference_load_without_a_warning_and_pass_their_tests),
        cmocka_unit_test(the_demo_s_rules_load_without_a_warning_and_do_what_they_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
