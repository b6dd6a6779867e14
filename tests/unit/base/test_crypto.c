#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/buf.h"
#include "base/crypto.h"
#include "base/mem.h"
#include "base/str.h"

static void mac_is(struct crypto_mac_key *key, const char *data, const char *hex)
{
    unsigned char mac[CRYPTO_MAC_MAX];
    AUTO_BUF struct buf text = {0};
    str_hex_encode(&text, mac, crypto_mac_compute(key, data, strlen(data), mac));
    assert_string_equal(text.data, hex);
}

// RFC 2202 section 3, cases 2 and 6.
static void hmac_sha1_gives_the_published_values(void **state)
{
    (void)state;
    struct crypto_mac_key *key = crypto_mac_create(CRYPTO_HMAC_SHA1, "Jefe", 4);
    mac_is(key, "what do ya want for nothing?", "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
    crypto_mac_destroy(key);
    char long_key[80];
    memset(long_key, 0xAA, sizeof long_key);
    key = crypto_mac_create(CRYPTO_HMAC_SHA1, long_key, sizeof long_key);
    mac_is(key, "Test Using Larger Than Block-Size Key - Hash Key First", "aa4ae5e15272d00e95705637ce8a3b55ed402112");
    crypto_mac_destroy(key);
}

// RFC 4231 section 4.3.
static void hmac_sha256_gives_the_published_value(void **state)
{
    (void)state;
    struct crypto_mac_key *key = crypto_mac_create(CRYPTO_HMAC_SHA256, "Jefe", 4);
    mac_is(key, "what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    crypto_mac_destroy(key);
}

static void a_key_serves_many_messages_and_does_not_need_its_text_any_more(void **state)
{
    (void)state;
    char secret[] = "key";
    struct crypto_mac_key *key = crypto_mac_create(CRYPTO_HMAC_SHA1, secret, 3);
    memset(secret, 'x', 3);
    for (int i = 0; i < 3; i++) {
        mac_is(key, "The quick brown fox jumps over the lazy dog", "de7c9b85b8b78aa6bc8a7a36f70a90701c9db4d9");
        mac_is(key, "", "f42bb0eeb018ebbd4597ae7213711ec60760843f");
    }
    crypto_mac_destroy(key);
}

static void an_empty_key_is_a_key(void **state)
{
    (void)state;
    struct crypto_mac_key *key = crypto_mac_create(CRYPTO_HMAC_SHA256, "", 0);
    mac_is(key, "", "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
    crypto_mac_destroy(key);
    crypto_mac_destroy(NULL);
}

static void sha256_gives_the_published_values(void **state)
{
    (void)state;
    unsigned char digest[CRYPTO_SHA256_LEN];
    AUTO_BUF struct buf text = {0};
    crypto_sha256("abc", 3, digest);
    str_hex_encode(&text, digest, sizeof digest);
    assert_string_equal(text.data, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    buf_reset(&text);
    crypto_sha256("", 0, digest);
    str_hex_encode(&text, digest, sizeof digest);
    assert_string_equal(text.data, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void random_bytes_differ(void **state)
{
    (void)state;
    unsigned char a[32] = {0};
    unsigned char b[32] = {0};
    crypto_random(a, sizeof a);
    crypto_random(b, sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
}

static void nonces_are_32_hex_digits_and_differ(void **state)
{
    (void)state;
    char a[CRYPTO_NONCE_LEN];
    char b[CRYPTO_NONCE_LEN];
    crypto_nonce(a);
    crypto_nonce(b);
    assert_int_equal(strlen(a), 32);
    assert_int_equal(strspn(a, "0123456789abcdef"), 32);
    assert_string_not_equal(a, b);
}

static void uuids_have_version_variant_and_time(void **state)
{
    (void)state;
    char a[CRYPTO_UUID_LEN];
    char b[CRYPTO_UUID_LEN];
    for (int i = 0; i < 50; i++) {
        crypto_uuid7(0x017F22E279B0, a);
        assert_int_equal(strlen(a), 36);
        assert_memory_equal(a, "017f22e2-79b0-7", 15);
        assert_non_null(strchr("89ab", a[19]));
        assert_true(a[18] == '-' && a[23] == '-');
    }
    crypto_uuid7(0x017F22E279B0, b);
    assert_string_not_equal(a, b);
    crypto_uuid7(0x017F22E279B1, b);
    assert_true(strcmp(a, b) < 0);
}

static void base64_is_that_of_rfc_4648(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        const char *text;
    } rows[] = {{"", ""},
                {"f", "Zg=="},
                {"fo", "Zm8="},
                {"foo", "Zm9v"},
                {"foob", "Zm9vYg=="},
                {"fooba", "Zm9vYmE="},
                {"foobar", "Zm9vYmFy"},
                {"\xFB\xFF\xFE", "+//+"}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        AUTO_BUF struct buf text = {0};
        AUTO_BUF struct buf bytes = {0};
        crypto_base64_encode(&text, rows[i].bytes, strlen(rows[i].bytes));
        assert_string_equal(text.data, rows[i].text);
        assert_int_equal(crypto_base64_decode(&bytes, text.data, text.len), ERR_OK);
        assert_int_equal(bytes.len, strlen(rows[i].bytes));
        assert_memory_equal(bytes.data, rows[i].bytes, bytes.len);
    }
}

static void malformed_base64_is_refused_and_appends_nothing(void **state)
{
    (void)state;
    static const char *const texts[] = {"Z",    "Zg",   "Zg=",  "Z===", "====", "Zg==Zg==", "Zm9v!m9v",
                                        "Zm9 ", "Zm-_", "Zh==", "Zm9=", "=m9v", "Zg=v"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        AUTO_BUF struct buf out = {0};
        buf_text(&out, "kept");
        assert_int_equal(crypto_base64_decode(&out, texts[i], strlen(texts[i])), ERR_SYNTAX);
        assert_string_equal(out.data, "kept");
    }
    AUTO_BUF struct buf out = {0};
    assert_int_equal(crypto_base64_decode(&out, "Zg\0=", 4), ERR_SYNTAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hmac_sha1_gives_the_published_values),
        cmocka_unit_test(hmac_sha256_gives_the_published_value),
        cmocka_unit_test(a_key_serves_many_messages_and_does_not_need_its_text_any_more),
        cmocka_unit_test(an_empty_key_is_a_key),
        cmocka_unit_test(sha256_gives_the_published_values),
        cmocka_unit_test(random_bytes_differ),
        cmocka_unit_test(nonces_are_32_hex_digits_and_differ),
        cmocka_unit_test(uuids_have_version_variant_and_time),
        cmocka_unit_test(base64_is_that_of_rfc_4648),
        cmocka_unit_test(malformed_base64_is_refused_and_appends_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
