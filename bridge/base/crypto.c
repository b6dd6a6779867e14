#include "base/crypto.h"

#include <assert.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct crypto_mac_key {
    EVP_MAC_CTX *context;
};

// OpenSSL fails here only if it is broken or out of memory. Going on would mean to sign wrongly or with a guessable
// nonce.
static void require(int ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "thingbridge: OpenSSL failed: %s\n", what);
        abort();
    }
}

struct crypto_mac_key *crypto_mac_create(enum crypto_mac algorithm, const char *key, size_t key_len)
{
    char digest[8];
    snprintf(digest, sizeof digest, "%s", algorithm == CRYPTO_HMAC_SHA1 ? "SHA1" : "SHA256");
    EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    require(hmac != NULL, "no HMAC");
    struct crypto_mac_key *made = mem_alloc(sizeof *made);
    made->context = EVP_MAC_CTX_new(hmac);
    EVP_MAC_free(hmac);
    require(made->context != NULL, "no MAC context");
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    require(EVP_MAC_init(made->context, (const unsigned char *)key, key_len, params), "MAC key refused");
    return made;
}

void crypto_mac_destroy(struct crypto_mac_key *key)
{
    if (key == NULL) {
        return;
    }
    EVP_MAC_CTX_free(key->context);
    free(key);
}

size_t crypto_mac_compute(struct crypto_mac_key *key, const void *data, size_t len, unsigned char out[CRYPTO_MAC_MAX])
{
    size_t out_len = 0;
    // Without a key, init starts anew with the key that the context has.
    require(EVP_MAC_init(key->context, NULL, 0, NULL), "MAC start");
    require(EVP_MAC_update(key->context, data, len), "MAC update");
    require(EVP_MAC_final(key->context, out, &out_len, CRYPTO_MAC_MAX), "MAC end");
    return out_len;
}

void crypto_sha256(const void *data, size_t len, unsigned char out[CRYPTO_SHA256_LEN])
{
    require(EVP_Digest(data, len, out, NULL, EVP_sha256(), NULL), "SHA-256");
}

void crypto_random(void *out, size_t len)
{
    assert(len <= INT32_MAX);
    require(RAND_bytes(out, (int)len) == 1, "no random bytes");
}

static void hex(const unsigned char *bytes, size_t count, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < count; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
}

void crypto_nonce(char out[CRYPTO_NONCE_LEN])
{
    unsigned char bytes[(CRYPTO_NONCE_LEN - 1) / 2];
    crypto_random(bytes, sizeof bytes);
    hex(bytes, sizeof bytes, out);
    out[CRYPTO_NONCE_LEN - 1] = '\0';
}

void crypto_uuid7(int64_t unix_ms, char out[CRYPTO_UUID_LEN])
{
    unsigned char bytes[16];
    crypto_random(bytes, sizeof bytes);
    for (int i = 0; i < 6; i++) {
        bytes[i] = (unsigned char)(unix_ms >> (40 - 8 * i));
    }
    bytes[6] = (unsigned char)(0x70 | (bytes[6] & 0x0F));
    bytes[8] = (unsigned char)(0x80 | (bytes[8] & 0x3F));
    static const size_t group_lens[] = {4, 2, 2, 2, 6};
    const unsigned char *from = bytes;
    char *to = out;
    for (size_t i = 0; i < COUNT_OF(group_lens); i++) {
        hex(from, group_lens[i], to);
        from += group_lens[i];
        to += 2 * group_lens[i];
        *to++ = '-';
    }
    out[CRYPTO_UUID_LEN - 1] = '\0';
}

void crypto_base64_encode(struct buf *out, const void *data, size_t len)
{
    assert(len <= INT32_MAX / 4 * 3 - 3);
    AUTO_FREE char *text = mem_alloc((len + 2) / 3 * 4 + 1);
    buf_append(out, text, (size_t)EVP_EncodeBlock((unsigned char *)text, data, (int)len));
}

enum err crypto_base64_decode(struct buf *out, const char *text, size_t len)
{
    AUTO_FREE unsigned char *bytes = mem_alloc(len);
    AUTO_BUF struct buf again = {0};
    size_t padding = len > 2 && text[len - 1] == '=' ? (text[len - 2] == '=' ? 2 : 1) : 0;
    int count = len > INT32_MAX ? -1 : EVP_DecodeBlock(bytes, (const unsigned char *)text, (int)len);
    if (count < (int)padding) {
        return ERR_SYNTAX;
    }
    // OpenSSL takes space around the text, and any bits where the padding cuts: one byte string has one text here.
    crypto_base64_encode(&again, bytes, (size_t)count - padding);
    if (again.len != len || memcmp(again.data, text, len) != 0) {
        return ERR_SYNTAX;
    }
    buf_append(out, bytes, (size_t)count - padding);
    return ERR_OK;
}
