// Signature errors: is the secret wrong, or the encoding?
#include "unit/core/platform/api_checks.h"

// ---- signature errors

#define OURS "GET&%2F&AccessKeyId%3Dk%26Args%3D%257B%257D%26SecurityToken%3DTOPSECRET%26Timestamp%3D2026"

static void classify_signature(const char *message, const char *ours, struct api_answer *out)
{
    AUTO_FREE char *body = mem_printf("{\"Code\":\"SignatureDoesNotMatch\",\"Message\":\"%s\"}", message);
    struct api_input input = {.http_status = 400, .body = body, .body_len = strlen(body), .string_to_sign = ours};
    api_classify(&input, NULL, 0, out);
    assert_int_equal(out->class, API_AUTH);
    assert_null(strstr(out->failure.detail, "TOPSECRET"));
}

static void expect_verdict(const char *message, const char *ours, const char *piece)
{
    struct api_answer answer;
    classify_signature(message, ours, &answer);
    if (strstr(answer.failure.detail, piece) == NULL) {
        fail_msg("`%s` is not in: %s", piece, answer.failure.detail);
    }
    api_answer_clear(&answer);
}

static void an_equal_echo_says_that_the_secret_is_wrong(void **state)
{
    (void)state;
    expect_verdict("Specified signature is not matched with our calculation. server string to sign is:" OURS, OURS,
                   "the secret is wrong");
    expect_verdict("server string to sign is: " OURS ".", OURS, "the secret is wrong");
    expect_verdict("source:[" OURS "], see the documents", OURS, "the secret is wrong");
}

static void an_echo_is_compared_after_unescaping(void **state)
{
    (void)state;
    expect_verdict("is:GET\\u0026%2F\\u0026AccessKeyId%3Dk", "GET&%2F&AccessKeyId%3Dk", "the secret is wrong");
    expect_verdict("is:GET&amp;%2F&amp;AccessKeyId%3Dk", "GET&%2F&AccessKeyId%3Dk", "the secret is wrong");
}

static void another_echo_says_that_the_encoding_is_wrong_and_where(void **state)
{
    (void)state;
    expect_verdict("is:GET&%2F&AccessKeyId%3Dk%26Args%3D%7B%7D%26Timestamp%3D2026", OURS,
                   "the encoding is wrong, not the secret: the platform's string to sign differs from ours at byte 34 "
                   "(parameter Args)");
    expect_verdict("is:POST&%2F&AccessKeyId%3Dk", "GET&%2F&AccessKeyId%3Dk", "at byte 0 (parameter AccessKeyId)");
    expect_verdict("is:" OURS "%26Version%3D1", OURS, "the encoding is wrong");
}

static void an_echo_that_lacks_the_end_is_another(void **state)
{
    (void)state;
    expect_verdict("is:GET&%2F&AccessKeyId%3Dk", "GET&%2F&AccessKeyId%3Dk%26Args%3D1", "the encoding is wrong");
}

static void no_echo_leaves_both_possible(void **state)
{
    (void)state;
    expect_verdict("Specified signature is not matched with our calculation.", OURS, "did not tell");
    expect_verdict("is:" OURS, NULL, "did not tell");
}

static void an_echo_in_a_member_of_its_own_is_compared(void **state)
{
    (void)state;
    expect_verdict("no\",\"StringToSign\":\"" OURS, OURS, "the secret is wrong");
}

static void an_echo_stands_in_no_detail(void **state)
{
    (void)state;
    struct api_answer answer;
    classify_signature("server: " OURS ", client: " OURS " end", OURS, &answer);
    assert_non_null(strstr(answer.failure.detail, "server: (left out), client: (left out) end"));
    api_answer_clear(&answer);
    classify(400, "{\"Code\":\"Other\",\"Message\":\"is:" OURS "\"}", &answer);
    assert_null(strstr(answer.failure.detail, "TOPSECRET"));
    api_answer_clear(&answer);
}

static void an_echo_that_is_encoded_in_lower_case_stands_in_no_detail(void **state)
{
    (void)state;
    expect_detail_holds(400, "{\"Code\":\"SignatureDoesNotMatch\",\"Message\":\"is:GET&%2f&Token%3dabc end\"}",
                        "is:(left out) end");
    expect_detail_holds(200, "{\"Success\":false,\"Code\":\"x\",\"ErrorMessage\":\"GET&%2f&Token%3dabc\"}",
                        ": (left out)");
}

static void an_echo_in_the_code_stands_nowhere(void **state)
{
    (void)state;
    struct api_answer answer;
    classify(400, "{\"Code\":\"Bad:" OURS "\",\"Message\":\"m\"}", &answer);
    assert_null(strstr(answer.failure.detail, "TOPSECRET"));
    assert_string_equal(answer.failure.platform_code, "Bad:(left out)");
    api_answer_clear(&answer);
}

static void an_incomplete_signature_is_told_alike(void **state)
{
    (void)state;
    expect_detail_holds(400, "{\"Code\":\"IncompleteSignature\",\"Message\":\"m\"}", "the secret or the encoding");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_equal_echo_says_that_the_secret_is_wrong),
        cmocka_unit_test(an_echo_is_compared_after_unescaping),
        cmocka_unit_test(another_echo_says_that_the_encoding_is_wrong_and_where),
        cmocka_unit_test(an_echo_that_lacks_the_end_is_another),
        cmocka_unit_test(no_echo_leaves_both_possible),
        cmocka_unit_test(an_echo_in_a_member_of_its_own_is_compared),
        cmocka_unit_test(an_echo_stands_in_no_detail),
        cmocka_unit_test(an_echo_that_is_encoded_in_lower_case_stands_in_no_detail),
        cmocka_unit_test(an_echo_in_the_code_stands_nowhere),
        cmocka_unit_test(an_incomplete_signature_is_told_alike),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
