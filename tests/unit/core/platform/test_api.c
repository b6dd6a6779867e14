// Success shapes, the device's word, ids.
#include "unit/core/platform/api_checks.h"

// ---- success

static void a_synchronous_success_with_the_devices_whole_reply_is_ok(void **state)
{
    (void)state;
    struct api_answer answer;
    classify(200,
             "{\"Data\":{\"Result\":\"{\\\"code\\\":200,\\\"data\\\":{},\\\"id\\\":\\\"100686\\\",\\\"message\\\":"
             "\\\"success\\\",\\\"version\\\":\\\"1.0\\\"}\",\"MessageId\":\"abcabc123\"},"
             "\"RequestId\":\"A44C818E-FA7F-4765-B1E7-01D14AE01C6A\",\"Success\":true}",
             &answer);
    assert_int_equal(answer.class, API_SUCCESS);
    assert_int_equal(api_status(&answer), STATUS_OK);
    assert_null(answer.failure.code);
    assert_string_equal(answer.message_id, "abcabc123");
    assert_string_equal(answer.request_id, "A44C818E-FA7F-4765-B1E7-01D14AE01C6A");
    AUTO_FREE char *result = json_print(answer.result);
    assert_string_equal(result, "{\"code\":200,\"data\":{},\"id\":\"100686\",\"message\":\"success\","
                                "\"version\":\"1.0\"}");
    api_answer_clear(&answer);
}

static void a_result_with_only_the_output_is_ok(void **state)
{
    (void)state;
    expect_result("{\"Success\":true,\"Data\":{\"Result\":\"{\\\"param1\\\":1}\"}}", "{\"param1\":1}", STATUS_OK);
}

static void numbers_of_a_result_keep_their_text(void **state)
{
    (void)state;
    expect_result("{\"Success\":true,\"Data\":{\"Result\":\"{\\\"a\\\":10.0,\\\"b\\\":1e2,"
                  "\\\"c\\\":9007199254740993}\"}}",
                  "{\"a\":10.0,\"b\":1e2,\"c\":9007199254740993}", STATUS_OK);
}

static void a_result_that_is_an_object_already_is_taken_as_it_is(void **state)
{
    (void)state;
    expect_result("{\"Success\":true,\"Data\":{\"Result\":{\"a\":10.0}}}", "{\"a\":10.0}", STATUS_OK);
    expect_result("{\"Success\":true,\"Data\":{\"Result\":[1,2]}}", "[1,2]", STATUS_OK);
    expect_result("{\"Success\":true,\"Data\":{\"Result\":false}}", "false", STATUS_OK);
}

static void a_result_of_other_json_kinds_is_parsed(void **state)
{
    (void)state;
    expect_result("{\"Success\":true,\"Data\":{\"Result\":\"[1,2]\"}}", "[1,2]", STATUS_OK);
    expect_result("{\"Success\":true,\"Data\":{\"Result\":\"42\"}}", "42", STATUS_OK);
    expect_result("{\"Success\":true,\"Data\":{\"Result\":\"null\"}}", "null", STATUS_OK);
}

static void a_success_without_result_is_accepted(void **state)
{
    (void)state;
    expect_result("{\"RequestId\":\"r\",\"Success\":true,\"Data\":{\"MessageId\":\"m\"}}", NULL, STATUS_ACCEPTED);
    expect_result("{\"RequestId\":\"r\",\"Success\":true}", NULL, STATUS_ACCEPTED);
    expect_result("{\"Success\":true,\"Data\":null}", NULL, STATUS_ACCEPTED);
    expect_result("{\"Success\":true,\"Data\":[]}", NULL, STATUS_ACCEPTED);
}

static void an_empty_result_is_none(void **state)
{
    (void)state;
    expect_result("{\"Success\":true,\"Data\":{\"Result\":\"\"}}", NULL, STATUS_ACCEPTED);
    expect_result("{\"Success\":true,\"Data\":{\"Result\":\" \"}}", NULL, STATUS_ACCEPTED);
    expect_result("{\"Success\":true,\"Data\":{\"Result\":null}}", NULL, STATUS_ACCEPTED);
}

static void member_names_are_read_in_any_case(void **state)
{
    (void)state;
    struct api_answer answer;
    classify(200, "{\"data\":{\"MESSAGEID\":\"m1\",\"result\":\"{}\"},\"requestid\":\"r1\",\"SUCCESS\":true}", &answer);
    assert_int_equal(api_status(&answer), STATUS_OK);
    assert_string_equal(answer.message_id, "m1");
    assert_string_equal(answer.request_id, "r1");
    api_answer_clear(&answer);
    classify(200, "{\"Data\":{\"MessageID\":\"m2\"},\"RequestID\":\"r2\",\"Success\":true}", &answer);
    assert_string_equal(answer.message_id, "m2");
    assert_string_equal(answer.request_id, "r2");
    api_answer_clear(&answer);
}

static void success_may_be_text(void **state)
{
    (void)state;
    expect_class(200, "{\"Success\":\"true\"}", API_SUCCESS, "");
    expect_class(200, "{\"Success\":\"True\"}", API_SUCCESS, "");
    expect_class(200, "{\"Success\":\"false\",\"Code\":\"iot.prod.x\"}", API_REQUEST, "request_refused");
}

static void a_bare_integer_message_id_keeps_all_digits(void **state)
{
    (void)state;
    struct api_answer answer;
    classify(200, "{\"Success\":true,\"Data\":{\"MessageId\":18446744073709551615},\"RequestId\":7}", &answer);
    assert_string_equal(answer.message_id, "18446744073709551615");
    assert_string_equal(answer.request_id, "7");
    api_answer_clear(&answer);
    classify(200, "{\"Success\":true,\"Data\":{\"MessageId\":9007199254740993}}", &answer);
    assert_string_equal(answer.message_id, "9007199254740993");
    api_answer_clear(&answer);
}

static void a_message_id_at_the_top_level_is_read_too(void **state)
{
    (void)state;
    struct api_answer answer;
    classify(200, "{\"Success\":true,\"MessageId\":889455942124347329}", &answer);
    assert_string_equal(answer.message_id, "889455942124347329");
    api_answer_clear(&answer);
}

static void ids_that_are_no_scalars_are_none(void **state)
{
    (void)state;
    struct api_answer answer;
    classify(200, "{\"Success\":true,\"Data\":{\"MessageId\":{}},\"RequestId\":\"\"}", &answer);
    assert_null(answer.message_id);
    assert_null(answer.request_id);
    api_answer_clear(&answer);
}

static void long_ids_are_cut_between_characters(void **state)
{
    (void)state;
    AUTO_BUF struct buf body = {0};
    buf_text(&body, "{\"Success\":true,\"RequestId\":\"x");
    for (int i = 0; i < 300; i++) {
        buf_text(&body, "\xE5\xAE\xA2");
    }
    buf_text(&body, "\"}");
    struct api_answer answer;
    classify(200, body.data, &answer);
    assert_int_equal(strlen(answer.request_id), 256);
    assert_true(str_utf8_valid(answer.request_id, 256));
    api_answer_clear(&answer);
}

static void codes_that_mean_success_are_no_errors(void **state)
{
    (void)state;
    expect_class(200, "{\"Success\":true,\"Code\":\"\"}", API_SUCCESS, "");
    expect_class(200, "{\"Success\":true,\"Code\":200}", API_SUCCESS, "");
    expect_class(200, "{\"Success\":true,\"Code\":\"OK\",\"ErrorMessage\":\"\"}", API_SUCCESS, "");
    expect_class(200, "{\"Success\":true,\"Code\":null}", API_SUCCESS, "");
}

static void a_success_may_have_a_byte_order_mark_and_white_space(void **state)
{
    (void)state;
    expect_class(200, "\xEF\xBB\xBF \r\n\t{\"Success\":true}\n", API_SUCCESS, "");
}

static void any_2xx_carries_a_success(void **state)
{
    (void)state;
    expect_class(201, "{\"Success\":true}", API_SUCCESS, "");
}

// ---- the device's word

static void a_whole_reply_with_another_code_is_a_device_error(void **state)
{
    (void)state;
    struct api_answer answer;
    classify(200,
             "{\"Success\":true,\"Data\":{\"MessageId\":\"m\",\"Result\":\"{\\\"code\\\":460,\\\"data\\\":{},"
             "\\\"message\\\":\\\"request parameter error\\\"}\"}}",
             &answer);
    assert_int_equal(answer.class, API_DEVICE_FAILED);
    assert_int_equal(api_status(&answer), STATUS_FAILED);
    assert_string_equal(answer.failure.code->code, "device_error");
    assert_string_equal(answer.failure.detail, "the device answered with code 460: request parameter error");
    assert_string_equal(answer.failure.platform_code, "");
    assert_int_equal(answer.failure.retry_after_ms, -1);
    assert_true(answer.has_result);
    assert_string_equal(answer.message_id, "m");
    api_answer_clear(&answer);
}

static void a_device_error_without_message_tells_its_code(void **state)
{
    (void)state;
    expect_class(200, "{\"Success\":true,\"Data\":{\"Result\":{\"code\":-1,\"data\":1}}}", API_DEVICE_FAILED,
                 "device_error");
    expect_detail_holds(200, "{\"Success\":true,\"Data\":{\"Result\":{\"code\":-1,\"data\":1}}}", "with code -1");
}

static void a_device_error_shows_no_string_to_sign(void **state)
{
    (void)state;
    expect_detail_holds(200, "{\"Success\":true,\"Data\":{\"Result\":{\"code\":5,\"message\":\"x GET&%2F&y z\"}}}",
                        "with code 5: x (left out) z");
}

static void an_output_that_looks_half_like_a_reply_is_an_output(void **state)
{
    (void)state;
    expect_class(200, "{\"Success\":true,\"Data\":{\"Result\":\"{\\\"code\\\":500}\"}}", API_SUCCESS, "");
    expect_class(200, "{\"Success\":true,\"Data\":{\"Result\":\"{\\\"code\\\":500.0,\\\"data\\\":1}\"}}", API_SUCCESS,
                 "");
    expect_class(200, "{\"Success\":true,\"Data\":{\"Result\":\"{\\\"data\\\":{},\\\"message\\\":\\\"x\\\"}\"}}",
                 API_SUCCESS, "");
}

static void a_long_device_message_is_cut_between_characters(void **state)
{
    (void)state;
    AUTO_BUF struct buf body = {0};
    buf_text(&body, "{\"Success\":true,\"Data\":{\"Result\":{\"code\":1,\"message\":\"");
    for (int i = 0; i < 400; i++) {
        buf_text(&body, "\xE5\xAE\xA2");
    }
    buf_text(&body, "\"}}}");
    expect_class(200, body.data, API_DEVICE_FAILED, "device_error");
}

static void every_class_has_a_name(void **state)
{
    (void)state;
    for (int class = API_SUCCESS; class <= API_PERMANENT; class ++) {
        assert_non_null(api_class_name((enum api_class) class));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_synchronous_success_with_the_devices_whole_reply_is_ok),
        cmocka_unit_test(a_result_with_only_the_output_is_ok),
        cmocka_unit_test(numbers_of_a_result_keep_their_text),
        cmocka_unit_test(a_result_that_is_an_object_already_is_taken_as_it_is),
        cmocka_unit_test(a_result_of_other_json_kinds_is_parsed),
        cmocka_unit_test(a_success_without_result_is_accepted),
        cmocka_unit_test(an_empty_result_is_none),
        cmocka_unit_test(member_names_are_read_in_any_case),
        cmocka_unit_test(success_may_be_text),
        cmocka_unit_test(a_bare_integer_message_id_keeps_all_digits),
        cmocka_unit_test(a_message_id_at_the_top_level_is_read_too),
        cmocka_unit_test(ids_that_are_no_scalars_are_none),
        cmocka_unit_test(long_ids_are_cut_between_characters),
        cmocka_unit_test(codes_that_mean_success_are_no_errors),
        cmocka_unit_test(a_success_may_have_a_byte_order_mark_and_white_space),
        cmocka_unit_test(any_2xx_carries_a_success),
        cmocka_unit_test(a_whole_reply_with_another_code_is_a_device_error),
        cmocka_unit_test(a_device_error_without_message_tells_its_code),
        cmocka_unit_test(a_device_error_shows_no_string_to_sign),
        cmocka_unit_test(an_output_that_looks_half_like_a_reply_is_an_output),
        cmocka_unit_test(a_long_device_message_is_cut_between_characters),
        cmocka_unit_test(every_class_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
