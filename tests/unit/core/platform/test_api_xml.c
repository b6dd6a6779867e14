// Answers in XML.
#include "unit/core/platform/api_checks.h"

#include "core/platform/api_internal.h"

static void expect_xml(const char *text, const char *json)
{
    struct json_object *value = NULL;
    struct diag diag;
    assert_int_equal(api_xml_parse(text, strlen(text), &value, &diag), ERR_OK);
    AUTO_FREE char *printed = json_print(value);
    assert_string_equal(printed, json);
    json_free(value);
}

static void expect_no_xml(const char *text, enum err err)
{
    struct json_object *value = NULL;
    struct diag diag = {""};
    if (api_xml_parse(text, strlen(text), &value, &diag) != err) {
        fail_msg("not refused as it should be: %s", text);
    }
    assert_null(value);
    assert_true(diag.text[0] != '\0');
}

static void expect_unescaped(const char *text, const char *expected)
{
    AUTO_BUF struct buf out = {0};
    api_xml_unescape(&out, text, strlen(text));
    assert_string_equal(out.data, expected);
}

static void a_gateway_error_in_xml_is_read(void **state)
{
    (void)state;
    struct api_answer answer;
    classify(400,
             "<?xml version='1.0' encoding='UTF-8'?><Error><RequestId>r1</RequestId><HostId>h</HostId>"
             "<Code>Throttling.User</Code><Message>&lt;slow&gt; &amp; &quot;steady&quot; &apos;x&apos;</Message>"
             "<Recommend><![CDATA[https://example.com/?a=1&b=2]]></Recommend></Error>",
             &answer);
    assert_int_equal(answer.class, API_THROTTLED);
    assert_string_equal(answer.request_id, "r1");
    assert_string_equal(answer.failure.platform_code, "Throttling.User");
    assert_non_null(strstr(answer.failure.detail, "<slow> & \"steady\" 'x'"));
    api_answer_clear(&answer);
}

static void a_business_error_in_xml_is_read(void **state)
{
    (void)state;
    expect_class(200,
                 "<InvokeThingServiceResponse><RequestId>r</RequestId><Success>false</Success>"
                 "<Code>iot.messagebroker.OFFLINE</Code><ErrorMessage>m</ErrorMessage></InvokeThingServiceResponse>",
                 API_DEVICE_OFFLINE, "device_offline");
}

static void a_success_in_xml_is_read(void **state)
{
    (void)state;
    struct api_answer answer;
    classify(200,
             "\xEF\xBB\xBF<InvokeThingServiceResponse>\n <Data><MessageId>18446744073709551616</MessageId>"
             "<Result>{&quot;a&quot;:10.0}</Result></Data>\n <Success>true</Success></InvokeThingServiceResponse>\n",
             &answer);
    assert_int_equal(answer.class, API_SUCCESS);
    assert_string_equal(answer.message_id, "18446744073709551616");
    AUTO_FREE char *result = json_print(answer.result);
    assert_string_equal(result, "{\"a\":10.0}");
    api_answer_clear(&answer);
}

static void an_echo_in_xml_is_compared_after_decoding(void **state)
{
    (void)state;
    static const char body[] = "<Error><Code>SignatureDoesNotMatch</Code><Message>server string to sign is:"
                               "GET&amp;%2F&amp;AccessKeyId%3Dk</Message></Error>";
    struct api_input input = {
        .http_status = 400, .body = body, .body_len = sizeof body - 1, .string_to_sign = "GET&%2F&AccessKeyId%3Dk"};
    struct api_answer answer;
    api_classify(&input, NULL, 0, &answer);
    assert_non_null(strstr(answer.failure.detail, "the secret is wrong"));
    api_answer_clear(&answer);
}

static void a_cut_success_may_have_run(void **state)
{
    (void)state;
    expect_class(200, "<R><Success>true</Success>", API_MAY_HAVE_RUN, "answer_unreadable");
    expect_class(200, "<R><Success>true</Succ", API_MAY_HAVE_RUN, "answer_unreadable");
}

static void a_page_of_a_proxy_is_classed_by_its_status(void **state)
{
    (void)state;
    static const char page[] = "<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body>"
                               "<center><h1>502</h1></center><hr><code>Throttling</code></body></html>";
    expect_class(502, page, API_MAY_HAVE_RUN, "platform_error");
    expect_class(503, page, API_BUSY, "platform_busy");
    expect_class(200, page, API_MAY_HAVE_RUN, "not_the_platform");
}

static void elements_become_maps_and_texts(void **state)
{
    (void)state;
    expect_xml("<a><b>1</b><c><d>x</d></c><e/><f></f></a>", "{\"b\":\"1\",\"c\":{\"d\":\"x\"},\"e\":\"\",\"f\":\"\"}");
    expect_xml("<a>text</a>", "\"text\"");
    expect_xml("<a/>", "\"\"");
}

static void what_is_no_content_is_passed_over(void **state)
{
    (void)state;
    expect_xml("<?xml?><!DOCTYPE x><!-- <b> --><n:a x='1>2' y=\"/\"><!-- c --><n:b z='/'>1<?p <c>?></n:b></n:a> tail",
               "{\"b\":\"1\"}");
}

static void text_in_cdata_is_not_decoded(void **state)
{
    (void)state;
    expect_xml("<a><b>1&lt;<![CDATA[<&amp;]]>2</b></a>", "{\"b\":\"1<<&amp;2\"}");
}

static void white_space_in_tags_is_allowed(void **state)
{
    (void)state;
    expect_xml("<a ><b\n x = '1' >1</b ><c /></a>", "{\"b\":\"1\",\"c\":\"\"}");
}

static void entities_and_character_references_are_decoded(void **state)
{
    (void)state;
    expect_unescaped("&lt;&gt;&amp;&quot;&apos;", "<>&\"'");
    expect_unescaped("&#65;&#x4e2D;&#233;&#x1F4A1;", "A\xE4\xB8\xAD\xC3\xA9\xF0\x9F\x92\xA1");
    expect_unescaped("a&amp;amp;b", "a&amp;b");
}

static void what_is_no_entity_stays(void **state)
{
    (void)state;
    expect_unescaped("&", "&");
    expect_unescaped("a & b;", "a & b;");
    expect_unescaped("&unknown; &; &#; &#x; &#0; &#xD800; &#x110000; &#99999999; &#12x;",
                     "&unknown; &; &#; &#x; &#0; &#xD800; &#x110000; &#99999999; &#12x;");
    expect_unescaped("&thisisfartoolongforone;", "&thisisfartoolongforone;");
}

static void cut_and_badly_nested_texts_are_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "<",           "<a",     "<a>",   "<a><b></a>", "</a>", "<a></b>", "<a", "<!-- x", "<a><![CDATA[x",
        "<a b='>",     "<a></a", "<?xml", "<!DOCTYPE",  "text", "<>x</>",  "",   "<a></>", "<a><",
        "<a>\xFF</a>",
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        expect_no_xml(texts[i], ERR_SYNTAX);
    }
}

static void too_deep_a_nesting_is_refused(void **state)
{
    (void)state;
    AUTO_BUF struct buf text = {0};
    for (int i = 0; i < API_MAX_DEPTH; i++) {
        buf_text(&text, "<a>");
    }
    size_t open = text.len;
    for (int i = 0; i < API_MAX_DEPTH; i++) {
        buf_text(&text, "</a>");
    }
    struct json_object *value = NULL;
    struct diag diag;
    assert_int_equal(api_xml_parse(text.data, text.len, &value, &diag), ERR_OK);
    json_free(value);
    AUTO_FREE char *deeper = mem_printf("%.*s<a>", (int)open, text.data);
    expect_no_xml(deeper, ERR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_gateway_error_in_xml_is_read),
        cmocka_unit_test(a_business_error_in_xml_is_read),
        cmocka_unit_test(a_success_in_xml_is_read),
        cmocka_unit_test(an_echo_in_xml_is_compared_after_decoding),
        cmocka_unit_test(a_cut_success_may_have_run),
        cmocka_unit_test(a_page_of_a_proxy_is_classed_by_its_status),
        cmocka_unit_test(elements_become_maps_and_texts),
        cmocka_unit_test(what_is_no_content_is_passed_over),
        cmocka_unit_test(text_in_cdata_is_not_decoded),
        cmocka_unit_test(white_space_in_tags_is_allowed),
        cmocka_unit_test(entities_and_character_references_are_decoded),
        cmocka_unit_test(what_is_no_entity_stays),
        cmocka_unit_test(cut_and_badly_nested_texts_are_refused),
        cmocka_unit_test(too_deep_a_nesting_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
