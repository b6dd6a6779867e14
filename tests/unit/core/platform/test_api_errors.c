// What an error of the platform means: each row of the table, statuses, unreadable answers.
#include "unit/core/platform/api_checks.h"

// ---- the table of errors

struct sample {
    const char *code;
    const char *error;
    enum api_class class;
    enum status status;
};

// One code at least for each row of the table.
static const struct sample samples[] = {
    {"SignatureDoesNotMatch", "signature_mismatch", API_AUTH, STATUS_FAILED},
    {"IncompleteSignature", "signature_mismatch", API_AUTH, STATUS_FAILED},
    {"InvalidAccessKeyId.NotFound", "credentials_refused", API_AUTH, STATUS_FAILED},
    {"InvalidAccessKeyId.Inactive", "credentials_refused", API_AUTH, STATUS_FAILED},
    {"MissingAccessKeyId", "credentials_refused", API_AUTH, STATUS_FAILED},
    {"Forbidden.RAM", "credentials_refused", API_AUTH, STATUS_FAILED},
    {"NoPermission", "credentials_refused", API_AUTH, STATUS_FAILED},
    {"iot.common.RamActionPermissionDeny", "credentials_refused", API_AUTH, STATUS_FAILED},
    {"iot.common.AuthActionPermissionDeny", "credentials_refused", API_AUTH, STATUS_FAILED},
    {"SignatureNonceUsed", "nonce_used", API_NONCE_USED, STATUS_UNKNOWN},
    {"InvalidTimeStamp.Expired", "clock_wrong", API_CLOCK, STATUS_FAILED},
    {"IllegalTimestamp", "clock_wrong", API_CLOCK, STATUS_FAILED},
    {"Throttling", "throttled", API_THROTTLED, STATUS_FAILED},
    {"Throttling.User", "throttled", API_THROTTLED, STATUS_FAILED},
    {"Throttling.Api", "throttled", API_THROTTLED, STATUS_FAILED},
    {"iot.messagebroker.RateLimit", "throttled", API_THROTTLED, STATUS_FAILED},
    {"ServiceUnavailable", "platform_busy", API_BUSY, STATUS_FAILED},
    {"InternalError", "platform_error", API_MAY_HAVE_RUN, STATUS_UNKNOWN},
    {"UnknownError", "platform_error", API_MAY_HAVE_RUN, STATUS_UNKNOWN},
    {"Iot.system.SystemException", "platform_error", API_MAY_HAVE_RUN, STATUS_UNKNOWN},
    {"iot.device.InvokeThingServiceFailed", "platform_error", API_MAY_HAVE_RUN, STATUS_UNKNOWN},
    {"MissingParameter", "request_refused", API_REQUEST, STATUS_FAILED},
    {"MissingTimestamp", "platform_refused", API_PERMANENT, STATUS_FAILED},
    {"InvalidParameter", "request_refused", API_REQUEST, STATUS_FAILED},
    {"InvalidParameter.Args", "request_refused", API_REQUEST, STATUS_FAILED},
    {"UnsupportedOperation", "request_refused", API_REQUEST, STATUS_FAILED},
    {"NoSuchVersion", "request_refused", API_REQUEST, STATUS_FAILED},
    {"InvalidAction.NotFound", "request_refused", API_REQUEST, STATUS_FAILED},
    {"iot.system.IllegalRequest", "request_refused", API_REQUEST, STATUS_FAILED},
    {"iot.common.QueryDeviceActionError", "request_refused", API_REQUEST, STATUS_FAILED},
    {"iot.check.something", "request_refused", API_REQUEST, STATUS_FAILED},
    {"iot.prod.NotExistedProduct", "request_refused", API_REQUEST, STATUS_FAILED},
    {"iot.device.NotExistedDevice", "device_refused", API_DEVICE, STATUS_FAILED},
    {"iot.device.InvalidIoTId", "device_refused", API_DEVICE, STATUS_FAILED},
    {"iot.device.NullDeviceName", "device_refused", API_DEVICE, STATUS_FAILED},
    {"iot.device.InactiveDevice", "device_refused", API_DEVICE, STATUS_FAILED},
    {"iot.device.DeviceCountExceeded", "device_refused", API_DEVICE, STATUS_FAILED},
    {"InvalidIoTId", "device_refused", API_DEVICE, STATUS_FAILED},
    {"NullDeviceName", "device_refused", API_DEVICE, STATUS_FAILED},
    {"InactiveDevice", "device_refused", API_DEVICE, STATUS_FAILED},
    {"iot.messagebroker.OFFLINE", "device_offline", API_DEVICE_OFFLINE, STATUS_FAILED},
    {"iot.messagebroker.HALFCONN", "device_offline", API_DEVICE_OFFLINE, STATUS_FAILED},
    {"iot.messagebroker.TIMEOUT", "device_timeout", API_DEVICE_TIMEOUT, STATUS_UNKNOWN},
    {"iot.messagebroker.RrpcFailed", "push_failed", API_PUSH_FAILED, STATUS_UNKNOWN},
    {"iot.messagebroker.PublishMessageFailed", "push_failed", API_PUSH_FAILED, STATUS_UNKNOWN},
    // the vendor's typo
    {"iot.messageborker.OFFLINE", "device_offline", API_DEVICE_OFFLINE, STATUS_FAILED},
    {"iot.messageborker.RateLimit", "throttled", API_THROTTLED, STATUS_FAILED},
    {"Iot.Messageborker.rrpcTimeout", "push_failed", API_PUSH_FAILED, STATUS_UNKNOWN},
    // any other code
    {"iot.messagebroker.InvalidFormattedTopicName", "platform_refused", API_PERMANENT, STATUS_FAILED},
    {"InvalidTimeStamp.Format", "platform_refused", API_PERMANENT, STATUS_FAILED},
    {"iot.deviceX", "platform_refused", API_PERMANENT, STATUS_FAILED},
    {"460", "platform_refused", API_PERMANENT, STATUS_FAILED},
};

static void check_sample(const struct sample *sample, long http_status, const char *shape, const char *code)
{
    AUTO_FREE char *body = mem_printf("%s\"Code\":\"%s\",\"Message\":\"the words\"}", shape, code);
    expect_class(http_status, body, sample->class, sample->error);
    struct api_answer answer;
    classify(http_status, body, &answer);
    assert_int_equal(api_status(&answer), sample->status);
    assert_string_equal(answer.failure.platform_code, code);
    assert_non_null(strstr(answer.failure.detail, "the words"));
    assert_non_null(strstr(answer.failure.detail, code));
    assert_false(answer.has_result);
    assert_int_equal(answer.failure.retry_after_ms, -1);
    api_answer_clear(&answer);
}

static void each_code_is_classed_in_the_gateways_shape(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(samples); i++) {
        check_sample(&samples[i], 400, "{\"RequestId\":\"r\",\"HostId\":\"h\",", samples[i].code);
    }
}

static void each_code_is_classed_in_the_business_shape(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(samples); i++) {
        check_sample(&samples[i], 200, "{\"RequestId\":\"r\",\"Success\":false,", samples[i].code);
    }
}

static void each_code_is_classed_without_regard_to_case(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(samples); i++) {
        AUTO_FREE char *code = mem_strdup(samples[i].code);
        for (char *c = code; *c != '\0'; c++) {
            *c = (char)(*c >= 'a' && *c <= 'z' ? *c - 'a' + 'A' : *c);
        }
        check_sample(&samples[i], 200, "{\"Success\":\"False\",", code);
    }
}

static bool has_sample(const struct api_row *row)
{
    for (size_t i = 0; i < COUNT_OF(samples); i++) {
        bool begins = strncasecmp(samples[i].code, row->prefix, strlen(row->prefix)) == 0;
        if (begins && samples[i].class == row->class && strcmp(samples[i].error, row->code) == 0) {
            return true;
        }
    }
    return false;
}

static void each_row_of_the_table_has_a_sample_here(void **state)
{
    (void)state;
    const struct api_row *row = NULL;
    for (size_t i = 0; (row = api_row_at(i)) != NULL; i++) {
        if (!has_sample(row)) {
            fail_msg("no sample for the row %s", row->prefix);
        }
        assert_non_null(error_code_find(row->code));
    }
}

static void the_message_may_be_named_error_message(void **state)
{
    (void)state;
    expect_detail_holds(200, "{\"Success\":false,\"Code\":\"x.y\",\"ErrorMessage\":\"System Exception\"}",
                        "with code x.y: System Exception");
}

static void control_characters_in_the_platforms_words_are_not_shown(void **state)
{
    (void)state;
    expect_detail_holds(200,
                        "{\"Success\":false,\"Code\":\"x\",\"ErrorMessage\":\"\\u001b[31mred\\nline\\u007f\\u0085.\"}",
                        "with code x: ?[31mred?line???.");
    expect_detail_holds(200, "{\"Success\":false,\"Code\":\"a\\u0007b\",\"ErrorMessage\":\"\"}", "with code a?b");
    expect_detail_holds(200, "{\"Success\":true,\"Data\":{\"Result\":{\"code\":5,\"message\":\"a\\tb\"}}}",
                        "code 5: a?b");
}

static void a_code_decides_before_the_status(void **state)
{
    (void)state;
    expect_class(503, "{\"Code\":\"iot.prod.NotExistedProduct\"}", API_REQUEST, "request_refused");
    expect_class(400, "{\"Code\":\"InternalError\"}", API_MAY_HAVE_RUN, "platform_error");
    expect_class(500, "{\"Code\":\"Throttling\"}", API_THROTTLED, "throttled");
}

static void an_unknown_code_takes_the_row_of_its_status(void **state)
{
    (void)state;
    expect_class(429, "{\"Code\":\"New.Thing\"}", API_THROTTLED, "throttled");
    expect_class(503, "{\"Code\":\"New.Thing\"}", API_BUSY, "platform_busy");
    expect_class(500, "{\"Code\":\"New.Thing\"}", API_MAY_HAVE_RUN, "platform_error");
    expect_class(502, "{\"Code\":\"New.Thing\"}", API_MAY_HAVE_RUN, "platform_error");
    expect_class(504, "{\"Code\":\"New.Thing\"}", API_MAY_HAVE_RUN, "platform_error");
    expect_class(501, "{\"Code\":\"New.Thing\"}", API_MAY_HAVE_RUN, "platform_error");
    expect_class(524, "{\"Code\":\"New.Thing\"}", API_MAY_HAVE_RUN, "platform_error");
    expect_class(599, "{\"Code\":\"New.Thing\"}", API_MAY_HAVE_RUN, "platform_error");
    expect_class(400, "{\"Code\":\"New.Thing\"}", API_PERMANENT, "platform_refused");
    expect_class(404, "{\"Code\":\"New.Thing\"}", API_PERMANENT, "platform_refused");
    expect_class(302, "{\"Code\":\"New.Thing\"}", API_PERMANENT, "platform_refused");
    expect_class(200, "{\"Success\":false,\"Code\":\"New.Thing\"}", API_PERMANENT, "platform_refused");
}

static void without_a_code_the_status_decides(void **state)
{
    (void)state;
    expect_class(429, "{}", API_THROTTLED, "throttled");
    expect_class(503, "", API_BUSY, "platform_busy");
    expect_class(500, NULL, API_MAY_HAVE_RUN, "platform_error");
    expect_class(502, "<html>Bad Gateway", API_MAY_HAVE_RUN, "platform_error");
    expect_class(504, "garbage", API_MAY_HAVE_RUN, "platform_error");
    expect_class(501, "", API_MAY_HAVE_RUN, "platform_error");
    expect_class(301, "", API_REQUEST, "not_the_platform");
    expect_class(302, "<html></html>", API_REQUEST, "not_the_platform");
    expect_class(400, "", API_REQUEST, "request_refused");
    expect_class(404, "not found", API_REQUEST, "request_refused");
    expect_class(403, "{\"Message\":\"no\"}", API_REQUEST, "request_refused");
}

static void a_request_that_the_server_did_not_get_whole_is_sent_again(void **state)
{
    (void)state;
    expect_class(408, "", API_NOT_TAKEN, "request_not_taken");
    expect_class(408, "<html><body><h1>408 Request Time-out</h1></body></html>", API_NOT_TAKEN, "request_not_taken");
    expect_class(408, "{\"Message\":\"no\"}", API_NOT_TAKEN, "request_not_taken");
    // What the platform itself says counts more than the status.
    expect_class(408, "{\"Code\":\"InternalError\"}", API_MAY_HAVE_RUN, "platform_error");
    expect_class(408, "{\"Code\":\"New.Thing\"}", API_PERMANENT, "platform_refused");
    expect_class(408, "{\"Success\":true}", API_MAY_HAVE_RUN, "answer_unreadable");
}

// ---- answers of others

static void expect_stranger(long http_status, const char *body, enum api_class class)
{
    expect_class(http_status, body, class, "not_the_platform");
}

#define SEVENTY_NINE "1234567890123456789012345678901234567890123456789012345678901234567890123456789"

static void a_web_page_is_no_answer_of_the_platform(void **state)
{
    (void)state;
    static const char *const pages[] = {
        "<html><body><code>Throttling</code></body></html>",
        "<!DOCTYPE html><title>Welcome</title>",
        "\xEF\xBB\xBF\r\n<HTML>",
        "<head>",
        "<body>",
        "<script>location='/login'</script>",
    };
    for (size_t i = 0; i < COUNT_OF(pages); i++) {
        expect_stranger(200, pages[i], API_MAY_HAVE_RUN);
        expect_stranger(302, pages[i], API_REQUEST);
        expect_stranger(404, pages[i], API_REQUEST);
        expect_class(429, pages[i], API_THROTTLED, "throttled");
        expect_class(500, pages[i], API_MAY_HAVE_RUN, "platform_error");
        expect_class(503, pages[i], API_BUSY, "platform_busy");
    }
    expect_detail_holds(
        200, pages[1],
        "another server answered HTTP 200, and its body cannot be read: it is a web page with the title "
        "\"Welcome\"");
    expect_detail_holds(404, pages[0],
                        "another server answered HTTP 404, and its body cannot be read: it is a web page");
    expect_detail_holds(200, "<html><title>a&%2F&secret</title>", "\"a(left out)");
    expect_detail_holds(200, "<html><title>caf\xE9</title>", "it is a web page");
    expect_detail_holds(200, "<html><title>" SEVENTY_NINE "\xC3\xA9</title>", SEVENTY_NINE "\"");
}

static void expect_typed(const char *body, const char *content_type, enum api_class class, const char *code)
{
    struct api_input input = {.http_status = 200, .body = body, .body_len = strlen(body), .content_type = content_type};
    struct api_answer answer;
    api_classify(&input, NULL, 0, &answer);
    assert_int_equal(answer.class, class);
    assert_string_equal(answer.failure.code == NULL ? "" : answer.failure.code->code, code);
    api_answer_clear(&answer);
}

static void what_is_sent_as_a_web_page_is_one_unless_it_says_what_the_platform_says(void **state)
{
    (void)state;
    expect_typed("please log in", "text/html", API_MAY_HAVE_RUN, "not_the_platform");
    expect_typed("{\"a\":1}", "Text/HTML; charset=utf-8", API_MAY_HAVE_RUN, "not_the_platform");
    expect_typed("please log in", "text/plain", API_MAY_HAVE_RUN, "answer_unreadable");
    expect_typed("{\"Success\":true}", "text/html", API_SUCCESS, "");
    expect_typed("{\"Code\":\"SignatureNonceUsed\"}", "text/html", API_NONCE_USED, "nonce_used");
}

static void expect_redirect(const char *location, const char *piece)
{
    struct api_input input = {.http_status = 302, .location = location};
    struct api_answer answer;
    api_classify(&input, NULL, 0, &answer);
    assert_non_null(strstr(answer.failure.detail, piece));
    assert_null(strstr(answer.failure.detail, "secret"));
    api_answer_clear(&answer);
}

static void a_redirect_tells_where_to_without_its_query(void **state)
{
    (void)state;
    expect_redirect("http://login.example/portal?to=secret", "another server answered HTTP 302 to "
                                                             "http://login.example/portal, and its body cannot");
    expect_redirect("/login#secret", "HTTP 302 to /login, and");
    expect_redirect("", "HTTP 302, and");
    expect_redirect(NULL, "HTTP 302, and");
    expect_redirect("/caf\xE9", "HTTP 302, and");
    expect_redirect("x\x1B[31my", "HTTP 302 to x");
}

static void what_cannot_be_read_with_2xx_may_have_run(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        NULL,
        "",
        "  ",
        "\xEF\xBB\xBF",
        "garbage",
        "{",
        "{\"Success\":tr",
        "[]",
        "[true]",
        "null",
        "true",
        "42",
        "\"Success\"",
        "{}",
        "<",
        "<a>",
        "{\"Success\":true}x",
        "\xFF\xFE",
        "{\"RequestId\":\"r\"}",
        "{\"Success\":1}",
        "{\"Success\":null}",
        "{\"Data\":{\"Result\":\"{}\"}}",
        "{\"Success\":\"yes\"}",
    };
    for (size_t i = 0; i < COUNT_OF(bodies); i++) {
        expect_class(200, bodies[i], API_MAY_HAVE_RUN, "answer_unreadable");
    }
    expect_class(0, "", API_MAY_HAVE_RUN, "answer_unreadable");
}

static void a_nul_in_a_body_makes_it_unreadable(void **state)
{
    (void)state;
    static const char json[] = "{\"Success\":true}\0";
    static const char xml[] = "<R><Success>true</Success>\0</R>";
    struct api_answer answer;
    struct api_input input = {.http_status = 200, .body = json, .body_len = sizeof json - 1};
    api_classify(&input, NULL, 0, &answer);
    assert_int_equal(answer.class, API_MAY_HAVE_RUN);
    api_answer_clear(&answer);
    input = (struct api_input){.http_status = 200, .body = xml, .body_len = sizeof xml - 1};
    api_classify(&input, NULL, 0, &answer);
    assert_int_equal(answer.class, API_MAY_HAVE_RUN);
    api_answer_clear(&answer);
}

static void success_false_without_a_code_may_have_run(void **state)
{
    (void)state;
    expect_class(200, "{\"Success\":false}", API_MAY_HAVE_RUN, "platform_error");
    expect_class(200, "{\"Success\":false,\"Code\":\"\",\"ErrorMessage\":\"no\"}", API_MAY_HAVE_RUN, "platform_error");
    expect_class(200, "{\"Success\":false,\"Code\":{}}", API_MAY_HAVE_RUN, "platform_error");
}

static void an_answer_that_contradicts_itself_may_have_run(void **state)
{
    (void)state;
    expect_class(200, "{\"Success\":true,\"Code\":\"Throttling\"}", API_MAY_HAVE_RUN, "answer_unreadable");
    expect_class(200, "{\"Success\":true,\"Code\":\"iot.prod.x\"}", API_MAY_HAVE_RUN, "answer_unreadable");
    expect_class(503, "{\"Success\":true}", API_MAY_HAVE_RUN, "answer_unreadable");
    expect_class(400, "{\"Success\":true}", API_MAY_HAVE_RUN, "answer_unreadable");
    expect_detail_holds(200, "{\"Success\":true,\"Code\":\"Throttling\"}", "contradicts");
}

static void an_error_code_with_2xx_and_without_success_counts(void **state)
{
    (void)state;
    expect_class(200, "{\"RequestId\":\"r\",\"Code\":\"Throttling.User\",\"Message\":\"m\"}", API_THROTTLED,
                 "throttled");
}

static void an_answer_that_is_nested_too_deeply_is_unreadable(void **state)
{
    (void)state;
    AUTO_BUF struct buf body = {0};
    buf_text(&body, "{\"Success\":true,\"Data\":");
    for (int i = 0; i < 40; i++) {
        buf_char(&body, '[');
    }
    for (int i = 0; i < 40; i++) {
        buf_char(&body, ']');
    }
    buf_char(&body, '}');
    expect_class(200, body.data, API_MAY_HAVE_RUN, "answer_unreadable");
}

static void no_cut_answer_is_a_success(void **state)
{
    (void)state;
    static const char *const whole[] = {
        "{\"Data\":{\"Result\":\"{\\\"a\\\":1}\",\"MessageId\":\"m\"},\"RequestId\":\"r\",\"Success\":true}",
        "<R><Success>true</Success><Data><MessageId>m</MessageId><Result>{}</Result></Data></R>",
    };
    for (size_t i = 0; i < COUNT_OF(whole); i++) {
        for (size_t len = 0; len < strlen(whole[i]); len++) {
            AUTO_FREE char *cut = mem_dup(whole[i], len);
            expect_class(200, cut, API_MAY_HAVE_RUN, "answer_unreadable");
        }
        expect_class(200, whole[i], API_SUCCESS, "");
    }
}

static void an_error_keeps_its_request_id(void **state)
{
    (void)state;
    struct api_answer answer;
    classify(400, "{\"RequestId\":\"r9\",\"HostId\":\"h\",\"Code\":\"Throttling\",\"Message\":\"m\"}", &answer);
    assert_string_equal(answer.request_id, "r9");
    api_answer_clear(&answer);
}

static void long_words_of_the_platform_are_cut_between_characters(void **state)
{
    (void)state;
    for (int pad = 0; pad < 3; pad++) {
        AUTO_BUF struct buf body = {0};
        buf_printf(&body, "{\"Code\":\"%.*s", pad, "xxx");
        for (int i = 0; i < 100; i++) {
            buf_text(&body, "\xE5\xAE\xA2");
        }
        buf_text(&body, "\",\"Message\":\"");
        for (int i = 0; i < 400; i++) {
            buf_text(&body, "\xE5\xAE\xA2");
        }
        buf_text(&body, "\"}");
        struct api_answer answer;
        classify(400, body.data, &answer);
        assert_true(str_utf8_valid(answer.failure.platform_code, strlen(answer.failure.platform_code)));
        assert_true(strlen(answer.failure.platform_code) > 120);
        api_answer_clear(&answer);
        expect_class(400, body.data, API_PERMANENT, "platform_refused");
    }
}

// ---- rows of a configuration

static void expect_with_rows(const char *code, const struct api_row *rows, size_t count, enum api_class class,
                             const char *error)
{
    AUTO_FREE char *body = mem_printf("{\"Code\":\"%s\"}", code);
    struct api_input input = {.http_status = 400, .body = body, .body_len = strlen(body)};
    struct api_answer answer;
    api_classify(&input, rows, count, &answer);
    assert_int_equal(answer.class, class);
    assert_string_equal(answer.failure.code->code, error);
    api_answer_clear(&answer);
}

static void a_row_of_the_configuration_wins_over_an_equal_one(void **state)
{
    (void)state;
    const struct api_row rows[] = {{"iot.device.", API_BUSY, "platform_busy"}};
    expect_with_rows("iot.device.NotExistedDevice", rows, 1, API_BUSY, "platform_busy");
    expect_with_rows("iot.device.InvokeThingServiceFailed", rows, 1, API_MAY_HAVE_RUN, "platform_error");
}

static void the_longest_prefix_wins(void **state)
{
    (void)state;
    const struct api_row rows[] = {{"iot.", API_PERMANENT, "platform_refused"},
                                   {"iot.device.Not", API_BUSY, "platform_busy"},
                                   {"iot.device.NotExisted", API_PUSH_FAILED, "push_failed"}};
    expect_with_rows("iot.device.NotExistedDevice", rows, 3, API_PUSH_FAILED, "push_failed");
    expect_with_rows("IOT.DEVICE.NOTHING", rows, 3, API_BUSY, "platform_busy");
    expect_with_rows("iot.device.InactiveDevice", rows, 3, API_DEVICE, "device_refused");
    expect_with_rows("iot.other", rows, 3, API_PERMANENT, "platform_refused");
}

static void a_row_of_the_configuration_may_be_spelled_like_the_vendors_typo(void **state)
{
    (void)state;
    const struct api_row typo[] = {{"iot.messageborker.Odd", API_BUSY, "platform_busy"}};
    const struct api_row right[] = {{"iot.messagebroker.Odd", API_BUSY, "platform_busy"}};
    expect_with_rows("iot.messageborker.OddThing", typo, 1, API_BUSY, "platform_busy");
    expect_with_rows("iot.messageborker.OddThing", right, 1, API_BUSY, "platform_busy");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_code_is_classed_in_the_gateways_shape),
        cmocka_unit_test(each_code_is_classed_in_the_business_shape),
        cmocka_unit_test(each_code_is_classed_without_regard_to_case),
        cmocka_unit_test(each_row_of_the_table_has_a_sample_here),
        cmocka_unit_test(the_message_may_be_named_error_message),
        cmocka_unit_test(control_characters_in_the_platforms_words_are_not_shown),
        cmocka_unit_test(a_code_decides_before_the_status),
        cmocka_unit_test(an_unknown_code_takes_the_row_of_its_status),
        cmocka_unit_test(without_a_code_the_status_decides),
        cmocka_unit_test(a_request_that_the_server_did_not_get_whole_is_sent_again),
        cmocka_unit_test(a_web_page_is_no_answer_of_the_platform),
        cmocka_unit_test(what_is_sent_as_a_web_page_is_one_unless_it_says_what_the_platform_says),
        cmocka_unit_test(a_redirect_tells_where_to_without_its_query),
        cmocka_unit_test(what_cannot_be_read_with_2xx_may_have_run),
        cmocka_unit_test(a_nul_in_a_body_makes_it_unreadable),
        cmocka_unit_test(success_false_without_a_code_may_have_run),
        cmocka_unit_test(an_answer_that_contradicts_itself_may_have_run),
        cmocka_unit_test(an_error_code_with_2xx_and_without_success_counts),
        cmocka_unit_test(an_answer_that_is_nested_too_deeply_is_unreadable),
        cmocka_unit_test(no_cut_answer_is_a_success),
        cmocka_unit_test(an_error_keeps_its_request_id),
        cmocka_unit_test(long_words_of_the_platform_are_cut_between_characters),
        cmocka_unit_test(a_row_of_the_configuration_wins_over_an_equal_one),
        cmocka_unit_test(the_longest_prefix_wins),
        cmocka_unit_test(a_row_of_the_configuration_may_be_spelled_like_the_vendors_typo),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
