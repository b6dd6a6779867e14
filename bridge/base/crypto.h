// What the bridge needs of OpenSSL: message authentication, digest, random bytes, base64.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define CRYPTO_SHA256_LEN 32
#define CRYPTO_MAC_MAX    32

enum crypto_mac { CRYPTO_HMAC_SHA1, CRYPTO_HMAC_SHA256 };

// A keyed MAC context, reused for many messages with the same key (three times faster than a new one each time).
// Not thread-safe. The key is copied by OpenSSL and wiped by crypto_mac_destroy.
struct crypto_mac_key;
struct crypto_mac_key *crypto_mac_create(enum crypto_mac algorithm, const char *key, size_t key_len);
void crypto_mac_destroy(struct crypto_mac_key *key);
// Writes 20 (SHA1) or 32 (SHA256) bytes to out and returns their count.
size_t crypto_mac_compute(struct crypto_mac_key *key, const void *data, size_t len, unsigned char out[CRYPTO_MAC_MAX]);

void crypto_sha256(const void *data, size_t len, unsigned char out[CRYPTO_SHA256_LEN]);
// Cryptographically secure; ends the process if the source fails, since nothing may be signed without it.
void crypto_random(void *out, size_t len);

#define CRYPTO_NONCE_LEN 33
// 32 lower-case hex digits and NUL from 16 random bytes (the platform's SignatureNonce).
void crypto_nonce(char out[CRYPTO_NONCE_LEN]);
#define CRYPTO_UUID_LEN 37
// UUID version 7 (RFC 9562 section 5.7) with the given Unix time in milliseconds.
void crypto_uuid7(int64_t unix_ms, char out[CRYPTO_UUID_LEN]);

// Appends to `out`.
void crypto_base64_encode(struct buf *out, const void *data, size_t len);
// Standard alphabet with padding, at most 2 GiB; anything else is ERR_SYNTAX. Appends the bytes to `out`.
enum err crypto_base64_decode(struct buf *out, const char *text, size_t len) MUST_CHECK;
