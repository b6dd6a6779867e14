// The closed list of error codes and the statuses.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "core/platform/code.h"

static void every_status_has_a_name_that_leads_back_to_it(void **state)
{
    (void)state;
    for (int i = STATUS_OK; i <= STATUS_QUEUED; i++) {
        enum status found = STATUS_OK;
        assert_true(status_parse(status_name((enum status)i), &found));
        assert_int_equal(found, i);
    }
}

static void the_statuses_are_those_of_the_design(void **state)
{
    (void)state;
    assert_string_equal(status_name(STATUS_OK), "ok");
    assert_string_equal(status_name(STATUS_ACCEPTED), "accepted");
    assert_string_equal(status_name(STATUS_FAILED), "failed");
    assert_string_equal(status_name(STATUS_REJECTED), "rejected");
    assert_string_equal(status_name(STATUS_EXPIRED), "expired");
    assert_string_equal(status_name(STATUS_SUPERSEDED), "superseded");
    assert_string_equal(status_name(STATUS_PARTIAL), "partial");
    assert_string_equal(status_name(STATUS_UNKNOWN), "unknown");
    assert_string_equal(status_name(STATUS_QUEUED), "queued");
}

static void an_unknown_status_is_refused(void **state)
{
    (void)state;
    enum status status = STATUS_PARTIAL;
    assert_false(status_parse("", &status));
    assert_false(status_parse("OK", &status));
    assert_false(status_parse("okay", &status));
    assert_int_equal(status, STATUS_PARTIAL);
}

static void every_source_has_a_name(void **state)
{
    (void)state;
    assert_string_equal(error_source_name(SOURCE_BRIDGE), "bridge");
    assert_string_equal(error_source_name(SOURCE_NETWORK), "network");
    assert_string_equal(error_source_name(SOURCE_PLATFORM), "platform");
    assert_string_equal(error_source_name(SOURCE_DEVICE), "device");
}

static const char *hint_of(const char *code, const char *platform_code)
{
    struct failure failure;
    failure_set(&failure, code, "x");
    snprintf(failure.platform_code, sizeof failure.platform_code, "%s", platform_code);
    return failure_hint(&failure);
}

static void a_code_of_the_platform_brings_a_hint_of_its_own(void **state)
{
    (void)state;
    assert_null(hint_of("platform_refused", ""));
    assert_null(hint_of("platform_refused", "of.tomorrow"));
    assert_non_null(strstr(hint_of("platform_refused", "5094"), "no such service"));
    assert_non_null(strstr(hint_of("platform_refused", "6304"), "argument"));
    assert_null(hint_of("platform_refused", "630"));
    assert_null(hint_of("platform_refused", "63041"));
    assert_null(hint_of("platform_refused", "4600"));
    assert_non_null(strstr(hint_of("request_refused", "Iot.Prod.NotExistedProduct"), "product_key"));
    assert_non_null(strstr(hint_of("request_refused", "InvalidAction.NotFound"), "call.action"));
    assert_non_null(strstr(hint_of("device_refused", "iot.device.NotExistedDevice"), "case counts"));
    assert_string_equal(hint_of("device_refused", "iot.device.Other"), error_code_find("device_refused")->hint);
    assert_non_null(strstr(hint_of("device_error", "460"), "refused a parameter"));
}

static void what_may_have_run_keeps_that_hint(void **state)
{
    (void)state;
    assert_string_equal(hint_of("platform_error", "6304"), error_code_find("platform_error")->hint);
    assert_string_equal(hint_of("throttled", "5094"), error_code_find("throttled")->hint);
}

static void each_code_is_found_under_its_name_and_only_once(void **state)
{
    (void)state;
    const struct error_code *row = NULL;
    size_t count = 0;
    for (; (row = error_code_at(count)) != NULL; count++) {
        assert_ptr_equal(error_code_find(row->code), row);
        assert_ptr_equal(error_code_find(row->code), row);
    }
    assert_true(count > 30);
}

static bool is_snake_case(const char *text)
{
    return text[0] != '\0' && strspn(text, "abcdefghijklmnopqrstuvwxyz_") == strlen(text);
}

static void each_code_is_made_for_programs_and_its_title_for_people(void **state)
{
    (void)state;
    const struct error_code *row = NULL;
    for (size_t i = 0; (row = error_code_at(i)) != NULL; i++) {
        assert_true(is_snake_case(row->code));
        assert_true(row->title[0] >= 'A' && row->title[0] <= 'Z');
        assert_true(str_utf8_valid(row->title, strlen(row->title)));
        assert_true(row->hint == NULL || row->hint[0] != '\0');
    }
}

static void a_code_that_is_not_listed_is_not_found(void **state)
{
    (void)state;
    assert_null(error_code_find(""));
    assert_null(error_code_find("no_such_code"));
    assert_null(error_code_find("THROTTLED"));
}

static void a_code_after_which_the_command_may_have_run_is_not_retryable(void **state)
{
    (void)state;
    static const char *const codes[] = {"no_answer",      "platform_error", "nonce_used", "answer_unreadable",
                                        "device_timeout", "push_failed",    "interrupted"};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        assert_false(error_code_find(codes[i])->retryable);
    }
}

static void a_failure_holds_code_and_words_and_nothing_of_before(void **state)
{
    (void)state;
    struct failure failure = {.platform_code = "old", .retry_after_ms = 7};
    failure_set(&failure, "name_invalid", "%s is no name for %d", "x+y", 42);
    assert_string_equal(failure.code->code, "name_invalid");
    assert_string_equal(failure.detail, "x+y is no name for 42");
    assert_string_equal(failure.platform_code, "");
    assert_int_equal(failure.retry_after_ms, -1);
}

static void long_words_of_a_failure_are_cut(void **state)
{
    (void)state;
    struct failure failure;
    char text[2000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    failure_set(&failure, "name_invalid", "%s", text);
    assert_int_equal(strlen(failure.detail), sizeof failure.detail - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_status_has_a_name_that_leads_back_to_it),
        cmocka_unit_test(the_statuses_are_those_of_the_design),
        cmocka_unit_test(an_unknown_status_is_refused),
        cmocka_unit_test(every_source_has_a_name),
        cmocka_unit_test(a_code_of_the_platform_brings_a_hint_of_its_own),
        cmocka_unit_test(what_may_have_run_keeps_that_hint),
        cmocka_unit_test(each_code_is_found_under_its_name_and_only_once),
        cmocka_unit_test(each_code_is_made_for_programs_and_its_title_for_people),
        cmocka_unit_test(a_code_that_is_not_listed_is_not_found),
        cmocka_unit_test(a_code_after_which_the_command_may_have_run_is_not_retryable),
        cmocka_unit_test(a_failure_holds_code_and_words_and_nothing_of_before),
        cmocka_unit_test(long_words_of_a_failure_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
