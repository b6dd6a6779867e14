#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/config/config.h"
#include "base/mem.h"

#define SMALLEST "platform: {endpoint: \"https://p/\", access_key_id: k, access_key_secret: {file: /s}}\n"

static char path[] = "/tmp/thingbridge-config-XXXXXX";

struct fixture {
    struct config config;
    struct problems problems;
};

static enum err load(struct fixture *fixture, const char *text)
{
    strcpy(path, "/tmp/thingbridge-config-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    *fixture = (struct fixture){0};
    enum err err = config_load(path, &fixture->config, &fixture->problems);
    unlink(path);
    return err;
}

static void clear(struct fixture *fixture)
{
    problems_clear(&fixture->problems);
    config_clear(&fixture->config);
}

static void expect_problem(const char *text, int line, const char *words)
{
    struct fixture fixture;
    assert_int_equal(load(&fixture, text), ERR_SYNTAX);
    bool found = false;
    for (size_t i = 0; i < fixture.problems.count; i++) {
        const struct problem *problem = &fixture.problems.items[i];
        found = found || (problem->line == line && strstr(problem->text, words) != NULL);
    }
    if (!found) {
        for (size_t i = 0; i < fixture.problems.count; i++) {
            print_message("%d: %s\n", fixture.problems.items[i].line, fixture.problems.items[i].text);
        }
        fail_msg("no problem in line %d says: %s", line, words);
    }
    clear(&fixture);
}

static void the_smallest_configuration_has_the_defaults_of_the_design(void **state)
{
    (void)state;
    struct fixture fixture;
    assert_int_equal(load(&fixture, SMALLEST), ERR_OK);
    const struct config *config = &fixture.config;
    assert_string_equal(config->mqtt.urls.items[0], "mqtt://localhost:1883");
    assert_int_equal(config->mqtt.version, CONFIG_MQTT_5);
    assert_int_equal(config->mqtt.session_expiry_ms, 86400000);
    assert_int_equal(strncmp(config->mqtt.client_id, "thingbridge-", 12), 0);
    assert_int_equal(config->platform_count, 1);
    assert_string_equal(config->platforms[0].name, "default");
    assert_string_equal(config_method_name(&config->platforms[0]), "GET");
    assert_string_equal(config_algorithm_name(&config->platforms[0]), "HMAC-SHA1");
    assert_int_equal(config->platforms[0].timeout_ms, 12000);
    assert_int_equal(config->platforms[0].connections, 64);
    assert_string_equal(config->outbox.path, "/var/lib/thingbridge/outbox.db");
    assert_int_equal(config->outbox.sync, 0);
    assert_int_equal(config->outbox.max_commands, 10000);
    assert_int_equal(config->outbox.max_bytes, 64 * 1024 * 1024);
    assert_int_equal(config->outbox.dedupe_window_ms, 600000);
    assert_int_equal(config->outbox.dedupe_max, 100000);
    assert_string_equal(config->bridge.base_topic, "thingbridge");
    assert_int_equal(config->limits.payload, 256 * 1024);
    assert_int_equal(config->limits.json_depth, 32);
    clear(&fixture);
}

static void every_key_of_the_design_is_read(void **state)
{
    (void)state;
    struct fixture fixture;
    assert_int_equal(
        load(&fixture,
             "mqtt:\n  url: [mqtts://a:8883, wss://b/mqtt]\n  client_id: me\n  version: 3.1.1\n"
             "  username: bridge\n  password: {env: PW}\n  session_expiry: 5m\n  share: g\n"
             "  tls: {ca_file: /ca, cert_file: /crt, key_file: /key}\n"
             "platforms:\n  one: {endpoint: https://1/, access_key_id: a, access_key_secret: {env: A}}\n"
             "  two:\n    endpoint: https://2/\n    access_key_id: b\n    access_key_secret: {credential: c}\n"
             "    method: POST\n    algorithm: HMAC-SHA256\n    parameters: {Version: \"2018-01-20\"}\n"
             "    timeout: 9s\n    connections: 8\n    limits: {InvokeThingService: 500/s}\n    proxy: \"\"\n"
             "    tls: {ca_file: /c}\n"
             "outbox: {path: /o.db, sync: normal, max_commands: 5, max_bytes: 2MiB, dedupe_window: 1h,"
             " dedupe_max: 7}\n"
             "reply: {allow: [\"a/#\"]}\nbridge: {base_topic: tb, control: full}\nadmin: {listen: off}\n"
             "log: {level: debug, format: json}\nmappings: [/m/*.yaml]\n"),
        ERR_OK);
    const struct config *config = &fixture.config;
    assert_int_equal(config->mqtt.urls.count, 2);
    assert_int_equal(config->mqtt.version, CONFIG_MQTT_3_1_1);
    assert_string_equal(config->mqtt.password.env, "PW");
    assert_string_equal(config->mqtt.share, "g");
    assert_string_equal(config->mqtt.tls.key_file, "/key");
    assert_int_equal(config->platform_count, 2);
    const struct config_platform *two = &config->platforms[1];
    assert_string_equal(two->name, "two");
    assert_string_equal(config_method_name(two), "POST");
    assert_string_equal(config_algorithm_name(two), "HMAC-SHA256");
    assert_string_equal(two->parameters.items[0].name, "Version");
    assert_string_equal(two->parameters.items[0].value, "2018-01-20");
    assert_string_equal(two->proxy, "");
    assert_string_equal(two->access_key_secret.credential, "c");
    assert_int_equal(config->outbox.sync, 1);
    assert_int_equal(config->outbox.dedupe_window_ms, 3600000);
    assert_string_equal(config->reply.allow.items[0], "a/#");
    assert_string_equal(config->admin.listen, "off");
    clear(&fixture);
}

static void json_is_read_as_well(void **state)
{
    (void)state;
    struct fixture fixture;
    assert_int_equal(load(&fixture, "{\"platform\": {\"endpoint\": \"https://p/\", \"access_key_id\": \"k\", "
                                    "\"access_key_secret\": {\"env\": \"S\"}}, \"log\": {\"level\": \"warn\"}}"),
                     ERR_OK);
    assert_int_equal(fixture.config.log.level, 2);
    clear(&fixture);
}

static void the_environment_wins_over_the_file(void **state)
{
    (void)state;
    struct fixture fixture;
    setenv("THINGBRIDGE_PLATFORM__ENDPOINT", "https://env/", 1);
    setenv("THINGBRIDGE_PLATFORM__TLS__CA_FILE", "/env-ca", 1);
    setenv("THINGBRIDGE_MQTT__URL", "[mqtt://x, mqtt://y]", 1);
    assert_int_equal(load(&fixture, SMALLEST), ERR_OK);
    assert_string_equal(fixture.config.platforms[0].endpoint, "https://env/");
    assert_string_equal(fixture.config.platforms[0].tls.ca_file, "/env-ca");
    assert_int_equal(fixture.config.mqtt.urls.count, 2);
    clear(&fixture);
    unsetenv("THINGBRIDGE_PLATFORM__ENDPOINT");
    unsetenv("THINGBRIDGE_PLATFORM__TLS__CA_FILE");
    unsetenv("THINGBRIDGE_MQTT__URL");
}

static void variables_for_tests_pass_only_in_builds_for_tests(void **state)
{
    (void)state;
#ifdef THINGBRIDGE_FAULTS
    const enum err expected = ERR_OK;
#else
    const enum err expected = ERR_SYNTAX;
#endif
    struct fixture fixture;
    setenv("THINGBRIDGE_TEST_KILL", "nowhere:1", 1);
    assert_int_equal(load(&fixture, SMALLEST), expected);
    clear(&fixture);
    unsetenv("THINGBRIDGE_TEST_KILL");
}

static void variables_that_kubernetes_sets_for_a_service_are_no_settings(void **state)
{
    (void)state;
    static const char *const names[] = {"THINGBRIDGE_PORT", "THINGBRIDGE_PORT_10464_TCP", "THINGBRIDGE_SERVICE_HOST"};
    struct fixture fixture;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        setenv(names[i], "tcp://10.0.0.1:10464", 1);
    }
    assert_int_equal(load(&fixture, SMALLEST), ERR_OK);
    clear(&fixture);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        unsetenv(names[i]);
    }
}

static void an_unknown_variable_is_an_error_that_names_it(void **state)
{
    (void)state;
    struct fixture fixture;
    setenv("THINGBRIDGE_PLATFORM__ENDPIONT", "x", 1);
    assert_int_equal(load(&fixture, SMALLEST), ERR_SYNTAX);
    assert_non_null(strstr(fixture.problems.items[0].source, "THINGBRIDGE_PLATFORM__ENDPIONT"));
    assert_non_null(strstr(fixture.problems.items[0].text, "endpoint"));
    clear(&fixture);
    unsetenv("THINGBRIDGE_PLATFORM__ENDPIONT");
}

static void what_is_missing_is_said(void **state)
{
    (void)state;
    expect_problem("log: {level: info}\n", 1, "platform.endpoint");
    expect_problem("platform: {access_key_id: k, access_key_secret: {file: /s}}\n", 1, "endpoint");
    expect_problem("platform: {endpoint: \"https://p/\", access_key_secret: {file: /s}}\n", 1, "access_key_id");
    expect_problem("platform: {endpoint: \"https://p/\", access_key_id: k}\n", 1, "access_key_secret");
}

static void an_empty_list_is_not_one_that_was_left_out(void **state)
{
    (void)state;
    static const char *const texts[] = {SMALLEST, SMALLEST "reply: {allow: []}\n"};
    for (size_t i = 0; i < 2; i++) {
        struct fixture fixture;
        assert_int_equal(load(&fixture, texts[i]), ERR_OK);
        assert_int_equal(fixture.config.reply.allow.count, 0);
        assert_int_equal(fixture.config.reply.allow.items != NULL, i == 1);
        clear(&fixture);
    }
}

static void wrong_values_are_told_at_their_place(void **state)
{
    (void)state;
    expect_problem(SMALLEST "mqt: {}\n", 2, "mqtt");
    expect_problem(SMALLEST "log:\n  level: inof\n", 3, "info");
    expect_problem(SMALLEST "outbox:\n  max_commands: 0\n", 3, "1");
    expect_problem(SMALLEST "outbox:\n  dedupe_window: 10\n", 3, "dedupe_window");
    expect_problem(SMALLEST "outbox:\n  max_bytes: 64MB\n", 3, "max_bytes");
    expect_problem(SMALLEST "bridge: {base_topic: \"a/#\"}\n", 2, "base_topic");
    expect_problem(SMALLEST "reply: {allow: [\"a/#/b\"]}\n", 2, "reply.allow");
    expect_problem(SMALLEST "mqtt: {url: []}\n", 2, "mqtt.url");
    expect_problem(SMALLEST SMALLEST, 2, "platform");
}

static void platform_parameters_and_limits_are_checked(void **state)
{
    (void)state;
    const char *start = "platform:\n  endpoint: https://p/\n  access_key_id: k\n  access_key_secret: {file: /s}\n";
    AUTO_FREE char *own = mem_printf("%s  parameters: {Action: X}\n", start);
    expect_problem(own, 5, "Action");
    AUTO_FREE char *empty = mem_printf("%s  parameters: {Version: \"\"}\n", start);
    expect_problem(empty, 5, "Version");
    AUTO_FREE char *list = mem_printf("%s  parameters: [a]\n", start);
    expect_problem(list, 5, "parameters");
    AUTO_FREE char *rate = mem_printf("%s  limits: {InvokeThingService: fast}\n", start);
    expect_problem(rate, 5, "500/s");
    AUTO_FREE char *both = mem_printf("%splatforms: {a: {}}\n", start);
    expect_problem(both, 5, "platforms");
}

static void a_secret_in_line_is_refused_and_not_repeated(void **state)
{
    (void)state;
    struct fixture fixture;
    assert_int_equal(
        load(&fixture, "platform: {endpoint: \"https://p/\", access_key_id: k, access_key_secret: hunter2}\n"),
        ERR_SYNTAX);
    for (size_t i = 0; i < fixture.problems.count; i++) {
        assert_null(strstr(fixture.problems.items[i].text, "hunter2"));
    }
    assert_non_null(strstr(fixture.problems.items[0].text, "{file:"));
    clear(&fixture);
}

static void a_missing_file_is_named(void **state)
{
    (void)state;
    struct fixture fixture = {0};
    assert_int_equal(config_load("/nonexistent/tb.yaml", &fixture.config, &fixture.problems), ERR_SYNTAX);
    assert_string_equal(fixture.problems.items[0].source, "/nonexistent/tb.yaml");
    clear(&fixture);
}

static void a_mapping_pattern_without_files_is_an_error(void **state)
{
    (void)state;
    char *pattern = (char *)"/nonexistent/*.yaml";
    struct text_list patterns = {.items = &pattern, .count = 1};
    struct mapping_files files;
    struct problems problems = {0};
    assert_int_equal(config_load_mappings(&patterns, &files, &problems), ERR_SYNTAX);
    assert_string_equal(problems.items[0].source, "/nonexistent/*.yaml");
    problems_clear(&problems);
    config_clear_mappings(&files);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_smallest_configuration_has_the_defaults_of_the_design),
        cmocka_unit_test(every_key_of_the_design_is_read),
        cmocka_unit_test(json_is_read_as_well),
        cmocka_unit_test(the_environment_wins_over_the_file),
        cmocka_unit_test(variables_for_tests_pass_only_in_builds_for_tests),
        cmocka_unit_test(variables_that_kubernetes_sets_for_a_service_are_no_settings),
        cmocka_unit_test(an_unknown_variable_is_an_error_that_names_it),
        cmocka_unit_test(what_is_missing_is_said),
        cmocka_unit_test(an_empty_list_is_not_one_that_was_left_out),
        cmocka_unit_test(wrong_values_are_told_at_their_place),
        cmocka_unit_test(platform_parameters_and_limits_are_checked),
        cmocka_unit_test(a_secret_in_line_is_refused_and_not_repeated),
        cmocka_unit_test(a_missing_file_is_named),
        cmocka_unit_test(a_mapping_pattern_without_files_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
