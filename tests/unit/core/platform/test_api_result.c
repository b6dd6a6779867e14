// Results of devices that the strict reader of JSON refuses: a device's error is never told as a success.
#include "unit/core/platform/api_checks.h"

// A Data.Result that holds this text.
static char *body_of(const char *result)
{
    AUTO_JSON struct json_object *body = json_new_map();
    struct json_object *data = json_new_map();
    json_put(body, "Success", json_new_bool(true));
    json_put(data, "Result", json_new_text(result));
    json_put(body, "Data", data);
    return json_print(body);
}

static void expect_word(const char *result, enum api_class class, const char *code)
{
    AUTO_FREE char *body = body_of(result);
    expect_class(200, body, class, code);
}

static void expect_error(const char *result, const char *piece)
{
    AUTO_FREE char *body = body_of(result);
    expect_class(200, body, API_DEVICE_FAILED, "device_error");
    expect_detail_holds(200, body, piece);
}

static void expect_unread(const char *result)
{
    AUTO_FREE char *body = body_of(result);
    expect_class(200, body, API_RESULT_UNREAD, "result_unreadable");
}

// It stays the text that it is.
static void expect_text(const char *result, enum status status)
{
    AUTO_FREE char *body = body_of(result);
    AUTO_JSON struct json_object *text = json_new_text(result);
    AUTO_FREE char *printed = json_print(text);
    expect_result(body, printed, status);
}

// Each holds what we do not take, and its code can be told with certainty.
static const char *const odd_replies[] = {
    "{\"code\":CODE,\"data\":{\"n\":18446744073709551616},\"message\":\"x\"}",
    "{\"data\":{\"n\":-9223372036854775809},\"code\":CODE}",
    "{\"code\":CODE,\"data\":{\"n\":1e999}}",
    "{\"code\":CODE,\"data\":{\"n\":NaN},\"message\":null}",
    "{\"code\":CODE,\"data\":[Infinity,-Infinity,undefined]}",
    "{\"code\":CODE,\"data\":{\"t\":\"\\ud800\"}}",
    "{\"data\":\"\\udc00\\ud800\",\"code\":CODE}",
    "{\"code\":CODE,\"message\":\"a\\u0000b\"}",
    "{\"code\":CODE,\"message\":\"a\tb\n\"}",
    "{\"code\":CODE,\"message\":\"\\x41\\'\"}",
    "{\"code\":CODE,\"message\":\"a \\\"quoted\\\" word\\\\\",\"n\":01}",
    "{\"message\":\"\\ud800\",\"c\\u006fde\":CODE}",
    "{\"code\":CODE,\"data\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}",
};

static char *with_code(const char *reply, const char *code)
{
    const char *mark = strstr(reply, "CODE");
    return mem_printf("%.*s%s%s", (int)(mark - reply), reply, code, mark + strlen("CODE"));
}

static void a_code_is_found_though_something_else_cannot_be_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(odd_replies); i++) {
        AUTO_FREE char *bad = with_code(odd_replies[i], "460");
        AUTO_FREE char *good = with_code(odd_replies[i], "200");
        expect_error(bad, "the device answered with code 460, and the rest of its answer cannot be read (JSON, byte ");
        expect_text(bad, STATUS_FAILED);
        expect_word(good, API_SUCCESS, "");
        expect_text(good, STATUS_OK);
    }
}

static void an_output_is_one_though_something_in_it_cannot_be_read(void **state)
{
    (void)state;
    expect_text("{\"n\":18446744073709551616}", STATUS_OK);
    expect_text("{\"code\":500,\"n\":18446744073709551616}", STATUS_OK);
    expect_text("{\"message\":\"\\ud800\"}", STATUS_OK);
    expect_text("{\"n\":{\"code\":460,\"data\":{},\"message\":NaN}}", STATUS_OK);
    expect_text("18446744073709551616", STATUS_OK);
    expect_text("[1e999]", STATUS_OK);
}

static void a_text_before_which_a_byte_order_mark_stands_is_read(void **state)
{
    (void)state;
    expect_error("\xEF\xBB\xBF{\"code\":460,\"message\":\"no\"}", "code 460: no");
    AUTO_FREE char *body = body_of("\xEF\xBB\xBF \n{\"code\":200,\"data\":{\"a\":1.0}}");
    expect_result(body, "{\"code\":200,\"data\":{\"a\":1.0}}", STATUS_OK);
}

static void what_is_cut_tells_an_error_and_no_success(void **state)
{
    (void)state;
    static const char error[] = "{\"code\":460,\"message\":\"request parameter error\",\"data\":{}}";
    static const char success[] = "{\"code\":200,\"message\":\"success\",\"data\":{\"a\":[1]}}";
    size_t told = strlen("{\"code\":460,\"message\":");
    for (size_t len = 1; len < strlen(error); len++) {
        AUTO_FREE char *cut = mem_dup(error, len);
        expect_word(cut, len < told ? API_RESULT_UNREAD : API_DEVICE_FAILED,
                    len < told ? "result_unreadable" : "device_error");
    }
    for (size_t len = 1; len < strlen(success); len++) {
        AUTO_FREE char *cut = mem_dup(success, len);
        expect_unread(cut);
    }
    expect_unread("{\"message\":\"x\",\"code\":46"); // perhaps 460
    expect_text("{\"code\":20", STATUS_UNKNOWN);
}

static void what_is_no_json_at_all_is_not_read(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "done",
        "460 refused",
        "{broken",
        "{'code':460,'message':'x'}",
        "NaN",
        "\"\\ud800\"",
        "{}{}",
        "{\"a\":1}x",
        "{\"a\":1,}",
        "{\"a\" 1}",
        "{\"a\":1 \"b\":2}",
        "{\"a\":[1}",
        "{\"a\":(1)}",
        "{1:2}",
        "{\"a\":}",
        "{,}",
        "{]",
        "{\"code\":200,\"message\":\"un\"escaped\"}",
        "{\"code\":200,\"data\":{}} {\"code\":460,\"data\":{}}",
        "{\"\\",
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        expect_unread(texts[i]);
        expect_text(texts[i], STATUS_UNKNOWN);
    }
}

static void a_code_may_be_text_and_written_in_any_case(void **state)
{
    (void)state;
    expect_error("{\"code\":\"460\",\"message\":\"no\"}", "code 460: no");
    expect_error("{\"Code\":460,\"Message\":\"no\"}", "code 460: no");
    expect_error("{\"CODE\":\"-1\",\"DATA\":{}}", "code -1");
    expect_error("{\"code\":\"\\u0034\\u0036\\u0030\",\"data\":{}}", "code 460");
    expect_error("{\"code\":18446744073709551616,\"data\":{}}", "code 18446744073709551616, and");
    expect_error("{\"code\":0,\"data\":{}}", "code 0");
    expect_error("{\"code\":\"-0\",\"data\":{}}", "code 0");
    expect_word("{\"code\":\"200\",\"data\":{}}", API_SUCCESS, "");
    expect_word("{\"Code\":\"0200\",\"data\":{}}", API_SUCCESS, "");
}

static void what_is_no_integer_is_no_code(void **state)
{
    (void)state;
    static const char *const codes[] = {"500.0", "5e2", "null", "true", "\"x\"", "\"\"", "\"-\"", "\" 460\"", "{}"};
    for (size_t i = 0; i < COUNT_OF(codes); i++) {
        AUTO_FREE char *text = mem_printf("{\"code\":%s,\"data\":{},\"message\":\"x\"}", codes[i]);
        expect_word(text, API_SUCCESS, "");
    }
}

static void codes_that_contradict_each_other_are_no_success(void **state)
{
    (void)state;
    expect_unread("{\"code\":200,\"Code\":460,\"data\":{}}");
    expect_unread("{\"code\":460,\"data\":{},\"code\":200}");
    AUTO_FREE char *body = body_of("{\"code\":200,\"Code\":460,\"data\":{}}");
    expect_detail_holds(200, body, "it has several codes");
    expect_word("{\"code\":460,\"Code\":\"460\",\"data\":{}}", API_DEVICE_FAILED, "device_error");
    expect_word("{\"code\":1,\"Code\":2}", API_SUCCESS, "");
}

static void a_result_that_is_an_object_is_read_in_the_same_way(void **state)
{
    (void)state;
    expect_class(200, "{\"Success\":true,\"Data\":{\"Result\":{\"Code\":\"460\",\"data\":18446744073709551616}}}",
                 API_DEVICE_FAILED, "device_error");
    expect_result("{\"Success\":true,\"Data\":{\"Result\":{\"n\":[18446744073709551616,1.50]}}}",
                  "{\"n\":[\"18446744073709551616\",1.50]}", STATUS_OK);
}

// ---- numbers elsewhere

static void a_number_beyond_64_bits_elsewhere_is_no_trouble(void **state)
{
    (void)state;
    struct api_answer answer;
    classify(200,
             "{\"Success\":true,\"RequestId\":123456789012345678901234567890,\"Extra\":[-1e999,18446744073709551616],"
             "\"Data\":{\"MessageId\":18446744073709551616}}",
             &answer);
    assert_int_equal(api_status(&answer), STATUS_ACCEPTED);
    assert_string_equal(answer.message_id, "18446744073709551616");
    assert_string_equal(answer.request_id, "123456789012345678901234567890");
    api_answer_clear(&answer);
    expect_class(200, "{\"Success\":false,\"Code\":\"iot.messagebroker.OFFLINE\",\"N\":18446744073709551616}",
                 API_DEVICE_OFFLINE, "device_offline");
}

static void a_result_that_cannot_be_read_is_told_with_the_reason(void **state)
{
    (void)state;
    AUTO_FREE char *body = body_of("{\"code\":200,\"data\":{");
    expect_detail_holds(200, body,
                        "the platform took the call, and whether the device's answer is an error cannot be read: JSON, "
                        "byte 21: the text ends too early");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_code_is_found_though_something_else_cannot_be_read),
        cmocka_unit_test(an_output_is_one_though_something_in_it_cannot_be_read),
        cmocka_unit_test(a_text_before_which_a_byte_order_mark_stands_is_read),
        cmocka_unit_test(what_is_cut_tells_an_error_and_no_success),
        cmocka_unit_test(what_is_no_json_at_all_is_not_read),
        cmocka_unit_test(a_code_may_be_text_and_written_in_any_case),
        cmocka_unit_test(what_is_no_integer_is_no_code),
        cmocka_unit_test(codes_that_contradict_each_other_are_no_success),
        cmocka_unit_test(a_result_that_is_an_object_is_read_in_the_same_way),
        cmocka_unit_test(a_number_beyond_64_bits_elsewhere_is_no_trouble),
        cmocka_unit_test(a_result_that_cannot_be_read_is_told_with_the_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
