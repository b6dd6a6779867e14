// The stages of a signature and the query that goes on the wire. Known answers are in test_vectors.c.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "core/platform/sign.h"

static char *lit(const char *text)
{
    return (char *)text;
}

#define PARAMETER(name, value)                                                                                         \
    {                                                                                                                  \
        lit(name), lit(value)                                                                                          \
    }

static struct crypto_mac_key *key_of(const char *secret)
{
    struct crypto_mac_key *key = sign_key_create("HMAC-SHA1", secret);
    assert_non_null(key);
    return key;
}

static void expect_canonical_query(struct parameter *items, size_t count, const char *expected)
{
    struct crypto_mac_key *key = key_of("s");
    struct signature_stages stages = {0};
    sign_parameters(&(struct parameters){items, count}, "GET", key, &stages);
    assert_string_equal(stages.canonical_query.data, expected);
    signature_stages_free(&stages);
    crypto_mac_destroy(key);
}

static void parameters_are_sorted_by_raw_name_in_byte_order(void **state)
{
    (void)state;
    struct parameter items[] = {
        PARAMETER("b", "1"),       PARAMETER("DeviceName.2", "2"), PARAMETER("DeviceName.10", "3"),
        PARAMETER("B", "4"),       PARAMETER("DeviceName.1", "5"), PARAMETER("a", "6"),
        PARAMETER("\xC3\xA9", "7")};
    expect_canonical_query(items, COUNT_OF(items),
                           "B=4&DeviceName.1=5&DeviceName.10=3&DeviceName.2=2&a=6&b=1&%C3%A9=7");
}

static void names_are_sorted_before_they_are_encoded(void **state)
{
    (void)state;
    // '~' stands behind every letter and stays; '{' stands before '~' and becomes %7B.
    struct parameter items[] = {PARAMETER("a~", "1"), PARAMETER("a{", "2"), PARAMETER("aZ", "3")};
    expect_canonical_query(items, COUNT_OF(items), "aZ=3&a%7B=2&a~=1");
}

static void only_unreserved_characters_stay_unencoded(void **state)
{
    (void)state;
    struct parameter items[] = {PARAMETER("Args", "A-Z_a.z~09 *+&=/%'()!\"\xE5\xAE\xA2\n")};
    expect_canonical_query(items, 1, "Args=A-Z_a.z~09%20%2A%2B%26%3D%2F%25%27%28%29%21%22%E5%AE%A2%0A");
}

static void an_empty_value_is_signed_as_given(void **state)
{
    (void)state;
    struct parameter items[] = {PARAMETER("b", ""), PARAMETER("a", "1")};
    expect_canonical_query(items, COUNT_OF(items), "a=1&b=");
}

static void parameters_of_one_name_keep_their_order(void **state)
{
    (void)state;
    struct parameter items[] = {PARAMETER("n", "2"), PARAMETER("n", "1"), PARAMETER("a", "0"), PARAMETER("n", "3")};
    expect_canonical_query(items, COUNT_OF(items), "a=0&n=2&n=1&n=3");
}

static void no_parameters_give_an_empty_canonical_query(void **state)
{
    (void)state;
    expect_canonical_query(NULL, 0, "");
}

static void the_string_to_sign_encodes_the_canonical_query_again(void **state)
{
    (void)state;
    struct crypto_mac_key *key = key_of("testsecret");
    struct signature_stages stages = {0};
    struct parameter items[] = {PARAMETER("b", "x y"), PARAMETER("a", "1")};
    sign_parameters(&(struct parameters){items, COUNT_OF(items)}, "POST", key, &stages);
    assert_string_equal(stages.string_to_sign.data, "POST&%2F&a%3D1%26b%3Dx%2520y");
    signature_stages_free(&stages);
    crypto_mac_destroy(key);
}

static void stages_are_replaced_when_they_are_used_again(void **state)
{
    (void)state;
    struct crypto_mac_key *key = key_of("testsecret");
    struct signature_stages stages = {0};
    struct signature_stages fresh = {0};
    struct parameter one[] = {PARAMETER("a", "1")};
    struct parameter two[] = {PARAMETER("b", "2")};
    sign_parameters(&(struct parameters){one, 1}, "GET", key, &stages);
    sign_parameters(&(struct parameters){two, 1}, "GET", key, &stages);
    sign_parameters(&(struct parameters){two, 1}, "GET", key, &fresh);
    assert_string_equal(stages.canonical_query.data, "b=2");
    assert_string_equal(stages.string_to_sign.data, fresh.string_to_sign.data);
    assert_string_equal(stages.signature.data, fresh.signature.data);
    signature_stages_free(&stages);
    signature_stages_free(&fresh);
    crypto_mac_destroy(key);
}

static void unknown_algorithms_give_no_key(void **state)
{
    (void)state;
    assert_null(sign_key_create("HMAC-MD5", "s"));
    assert_null(sign_key_create("hmac-sha1", "s"));
    assert_null(sign_key_create("", "s"));
}

static void the_key_is_the_secret_and_an_ampersand_for_both_algorithms(void **state)
{
    (void)state;
    struct crypto_mac_key *sha1 = sign_key_create("HMAC-SHA1", "secret");
    struct crypto_mac_key *sha256 = sign_key_create("HMAC-SHA256", "secret");
    AUTO_BUF struct buf one = {0};
    AUTO_BUF struct buf two = {0};
    sign_string("foo", 3, sha1, &one);
    sign_string("foo", 3, sha256, &two);
    assert_string_equal(one.data, "9Uu/L5mcjLNY6xh0YzIwEgtLts0=");
    assert_string_equal(two.data, "tpiYFieFCFBayOQT4/NoMTE5sOQaAPKhiNBEsHZ0wy4=");
    crypto_mac_destroy(sha1);
    crypto_mac_destroy(sha256);
}

// ---- requests

struct fixture {
    struct sign_account account;
    struct parameters common;
    struct call call;
    struct parameter call_items[3];
};

static void set_up(struct fixture *fixture, struct parameter *common, size_t count)
{
    *fixture = (struct fixture){
        .common = {common, count},
        .call_items = {PARAMETER("Identifier", "Set"), PARAMETER("Args", "{\"p\":1}"), PARAMETER("ProductKey", "pk")}};
    fixture->account = (struct sign_account){.access_key_id = "kid",
                                             .algorithm = "HMAC-SHA1",
                                             .method = "GET",
                                             .key = key_of("testsecret"),
                                             .common = &fixture->common};
    fixture->call = (struct call){.action = lit("InvokeThingService"), .parameters = {fixture->call_items, 3}};
}

static char *request_of(struct fixture *fixture, const char *nonce, struct signature_stages *stages)
{
    char *query = sign_request(&fixture->account, &fixture->call, nonce, "2026-11-21T19:07:31Z", stages);
    crypto_mac_destroy(fixture->account.key);
    return query;
}

static void a_request_holds_action_common_and_own_parameters_and_the_signature(void **state)
{
    (void)state;
    struct parameter common[] = {PARAMETER("Version", "2018-01-20"), PARAMETER("Format", "JSON")};
    struct fixture fixture;
    struct signature_stages stages = {0};
    set_up(&fixture, common, COUNT_OF(common));
    AUTO_FREE char *query = request_of(&fixture, "n1", &stages);

    const char *canonical = "AccessKeyId=kid&Action=InvokeThingService&Args=%7B%22p%22%3A1%7D&Format=JSON&"
                            "Identifier=Set&ProductKey=pk&SignatureMethod=HMAC-SHA1&SignatureNonce=n1&"
                            "Timestamp=2026-11-21T19%3A07%3A31Z&Version=2018-01-20";
    assert_string_equal(stages.canonical_query.data, canonical);
    assert_memory_equal(query, canonical, strlen(canonical));
    assert_memory_equal(query + strlen(canonical), "&Signature=", strlen("&Signature="));
    signature_stages_free(&stages);
}

static void the_signature_is_percent_encoded_on_the_wire(void **state)
{
    (void)state;
    struct fixture fixture;
    struct signature_stages stages = {0};
    set_up(&fixture, NULL, 0);
    AUTO_FREE char *query = request_of(&fixture, "n1", &stages);
    const char *sent = strstr(query, "&Signature=") + strlen("&Signature=");
    assert_int_equal(strcspn(sent, "+/=&"), strlen(sent));
    assert_string_equal(sent + strlen(sent) - 3, "%3D"); // the padding of 20 bytes
    signature_stages_free(&stages);
}

static void a_request_without_common_parameters_and_stages_works(void **state)
{
    (void)state;
    struct fixture fixture;
    set_up(&fixture, NULL, 0);
    fixture.account.common = NULL;
    AUTO_FREE char *query = request_of(&fixture, "n1", NULL);
    assert_non_null(strstr(query, "&Signature="));
}

static void the_actions_parameter_wins_over_a_common_one(void **state)
{
    (void)state;
    struct parameter common[] = {PARAMETER("ProductKey", "other"), PARAMETER("RegionId", "r")};
    struct fixture fixture;
    set_up(&fixture, common, COUNT_OF(common));
    AUTO_FREE char *query = request_of(&fixture, "n1", NULL);
    assert_non_null(strstr(query, "&ProductKey=pk&RegionId=r&"));
    assert_null(strstr(query, "other"));
}

static void parameters_made_here_cannot_be_replaced(void **state)
{
    (void)state;
    struct parameter common[] = {PARAMETER("SignatureNonce", "fixed"),  PARAMETER("Timestamp", "fixed"),
                                 PARAMETER("Signature", "fixed"),       PARAMETER("AccessKeyId", "fixed"),
                                 PARAMETER("SignatureMethod", "fixed"), PARAMETER("Action", "fixed")};
    struct fixture fixture;
    set_up(&fixture, common, COUNT_OF(common));
    fixture.call_items[2] = (struct parameter)PARAMETER("Signature", "fixed");
    AUTO_FREE char *query = request_of(&fixture, "n1", NULL);
    assert_null(strstr(query, "fixed"));
    assert_non_null(strstr(query, "SignatureNonce=n1"));
}

static void a_new_nonce_gives_a_new_signature(void **state)
{
    (void)state;
    struct fixture fixture;
    struct signature_stages first = {0};
    struct signature_stages second = {0};
    set_up(&fixture, NULL, 0);
    free(request_of(&fixture, "n1", &first));
    set_up(&fixture, NULL, 0);
    free(request_of(&fixture, "n2", &second));
    assert_string_not_equal(first.signature.data, second.signature.data);
    signature_stages_free(&first);
    signature_stages_free(&second);
}

static void the_secret_stands_in_no_stage(void **state)
{
    (void)state;
    struct fixture fixture;
    struct signature_stages stages = {0};
    set_up(&fixture, NULL, 0);
    AUTO_FREE char *query = request_of(&fixture, "n1", &stages);
    assert_null(strstr(query, "testsecret"));
    assert_null(strstr(stages.string_to_sign.data, "testsecret"));
    signature_stages_free(&stages);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parameters_are_sorted_by_raw_name_in_byte_order),
        cmocka_unit_test(names_are_sorted_before_they_are_encoded),
        cmocka_unit_test(only_unreserved_characters_stay_unencoded),
        cmocka_unit_test(an_empty_value_is_signed_as_given),
        cmocka_unit_test(parameters_of_one_name_keep_their_order),
        cmocka_unit_test(no_parameters_give_an_empty_canonical_query),
        cmocka_unit_test(the_string_to_sign_encodes_the_canonical_query_again),
        cmocka_unit_test(stages_are_replaced_when_they_are_used_again),
        cmocka_unit_test(unknown_algorithms_give_no_key),
        cmocka_unit_test(the_key_is_the_secret_and_an_ampersand_for_both_algorithms),
        cmocka_unit_test(a_request_holds_action_common_and_own_parameters_and_the_signature),
        cmocka_unit_test(the_signature_is_percent_encoded_on_the_wire),
        cmocka_unit_test(a_request_without_common_parameters_and_stages_works),
        cmocka_unit_test(the_actions_parameter_wins_over_a_common_one),
        cmocka_unit_test(parameters_made_here_cannot_be_replaced),
        cmocka_unit_test(a_new_nonce_gives_a_new_signature),
        cmocka_unit_test(the_secret_stands_in_no_stage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
