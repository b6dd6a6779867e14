// The platform's request signature (PLATFORM.md, Signature): each stage keeps its text, so that a mismatch shows where
// it is. Pure: time, nonce and key are arguments.
#pragma once

#include <stddef.h>

#include "base/buf.h"
#include "base/crypto.h"
#include "core/platform/invoke.h"

struct signature_stages {
    struct buf canonical_query; // CQS: sorted by raw name in byte order, percent-encoded
    struct buf string_to_sign;  // METHOD&%2F&enc(CQS)
    struct buf signature;       // base64
};
void signature_stages_free(struct signature_stages *stages);

// Stages over exactly these parameters (Signature itself is not among them), also those with an empty value. `key` is a
// MAC context keyed with SECRET + "&". What the stages held before is replaced.
void sign_parameters(const struct parameters *parameters, const char *method, struct crypto_mac_key *key,
                     struct signature_stages *stages);
// The last stage alone: appends the base64 signature of a string to sign.
void sign_string(const char *string_to_sign, size_t len, struct crypto_mac_key *key, struct buf *signature);
// Makes the context: algorithm name "HMAC-SHA1" or "HMAC-SHA256", NULL for any other.
struct crypto_mac_key *sign_key_create(const char *algorithm, const char *secret);

struct sign_account {
    const char *access_key_id;
    const char *algorithm; // value of SignatureMethod
    const char *method;    // GET or POST
    struct crypto_mac_key *key;
    const struct parameters *common; // further common parameters (platform.parameters), or NULL
};
// One attempt: action and its parameters, the common parameters, `nonce` and `timestamp` (YYYY-MM-DDThh:mm:ssZ). Gives
// the query that goes on the wire (canonical query and Signature), owned by the caller. A parameter of the action wins
// over a common one of that name; Action, AccessKeyId, SignatureMethod, SignatureNonce, Timestamp and Signature are
// made here, and parameters of these names are left out.
char *sign_request(const struct sign_account *account, const struct call *call, const char *nonce,
                   const char *timestamp, struct signature_stages *stages_or_null);
