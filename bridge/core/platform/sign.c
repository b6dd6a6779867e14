// Parameters are borrowed into one array of pairs, sorted by raw name, and go through three stages, each of which keeps
// its text: the canonical query, the string to sign, the signature. A request is the first with the last behind it, so
// what was signed is what is sent.
#include "core/platform/sign.h"

#include <string.h>

#include "base/crypto.h"
#include "base/mem.h"
#include "base/str.h"

// A borrowed parameter. `rank` keeps parameters of one name in the order given, since qsort is not stable.
struct sign_pair {
    const char *name;
    const char *value;
    size_t rank;
};

struct entries {
    struct sign_pair *items;
    size_t count;
};

static void append(struct entries *entries, const char *name, const char *value)
{
    entries->items[entries->count] = (struct sign_pair){name, value, entries->count};
    entries->count++;
}

// strcmp compares as unsigned bytes, which is the order that the platform sorts in.
static int compare(const void *left, const void *right)
{
    const struct sign_pair *a = left;
    const struct sign_pair *b = right;
    int order = strcmp(a->name, b->name);
    return order != 0 ? order : (a->rank > b->rank) - (a->rank < b->rank);
}

static void encode_text(struct buf *out, const char *text)
{
    str_percent_encode(out, text, strlen(text));
}

static void write_canonical_query(struct entries *entries, struct buf *out)
{
    if (entries->count > 1) {
        qsort(entries->items, entries->count, sizeof *entries->items, compare);
    }
    buf_text(out, ""); // no parameters: an empty text, not none
    for (size_t i = 0; i < entries->count; i++) {
        if (i > 0) {
            buf_char(out, '&');
        }
        encode_text(out, entries->items[i].name);
        buf_char(out, '=');
        encode_text(out, entries->items[i].value);
    }
}

static void write_string_to_sign(const char *method, const struct buf *canonical_query, struct buf *out)
{
    buf_text(out, method);
    buf_text(out, "&%2F&");
    str_percent_encode(out, canonical_query->data, canonical_query->len);
}

void sign_string(const char *string_to_sign, size_t len, struct crypto_mac_key *key, struct buf *signature)
{
    unsigned char mac[CRYPTO_MAC_MAX];
    size_t mac_len = crypto_mac_compute(key, string_to_sign, len, mac);
    crypto_base64_encode(signature, mac, mac_len);
}

static void run_stages(struct entries *entries, const char *method, struct crypto_mac_key *key,
                       struct signature_stages *stages)
{
    buf_reset(&stages->canonical_query);
    buf_reset(&stages->string_to_sign);
    buf_reset(&stages->signature);
    write_canonical_query(entries, &stages->canonical_query);
    write_string_to_sign(method, &stages->canonical_query, &stages->string_to_sign);
    sign_string(stages->string_to_sign.data, stages->string_to_sign.len, key, &stages->signature);
}

void signature_stages_free(struct signature_stages *stages)
{
    buf_free(&stages->canonical_query);
    buf_free(&stages->string_to_sign);
    buf_free(&stages->signature);
}

void sign_parameters(const struct parameters *parameters, const char *method, struct crypto_mac_key *key,
                     struct signature_stages *stages)
{
    struct entries entries = {.items = mem_resize(NULL, parameters->count, sizeof(struct sign_pair))};
    for (size_t i = 0; i < parameters->count; i++) {
        append(&entries, parameters->items[i].name, parameters->items[i].value);
    }
    run_stages(&entries, method, key, stages);
    free(entries.items);
}

struct crypto_mac_key *sign_key_create(const char *algorithm, const char *secret)
{
    bool is_sha256 = strcmp(algorithm, "HMAC-SHA256") == 0;
    if (!is_sha256 && strcmp(algorithm, "HMAC-SHA1") != 0) {
        return NULL;
    }
    size_t len = strlen(secret);
    char *text = mem_dup(secret, len);
    text[len] = '&'; // in place of the NUL: a second copy would have to be wiped too
    struct crypto_mac_key *key = crypto_mac_create(is_sha256 ? CRYPTO_HMAC_SHA256 : CRYPTO_HMAC_SHA1, text, len + 1);
    mem_wipe(text, len + 1);
    free(text);
    return key;
}

// Adds what is not made here; of `hiding` (or NULL) the names win.
static void append_others(struct entries *entries, const struct parameters *from, const struct parameters *hiding)
{
    for (size_t i = 0; i < from->count; i++) {
        const struct parameter *item = &from->items[i];
        bool hidden = hiding != NULL && parameters_find(hiding, item->name) != NULL;
        if (!hidden && !str_is_one_of(item->name, invoke_made_parameters)) {
            append(entries, item->name, item->value);
        }
    }
}

static void append_own(struct entries *entries, const struct sign_account *account, const char *action,
                       const char *nonce, const char *timestamp)
{
    append(entries, "Action", action);
    append(entries, "AccessKeyId", account->access_key_id);
    append(entries, "SignatureMethod", account->algorithm);
    append(entries, "SignatureNonce", nonce);
    append(entries, "Timestamp", timestamp);
}

char *sign_request(const struct sign_account *account, const struct call *call, const char *nonce,
                   const char *timestamp, struct signature_stages *stages_or_null)
{
    static const struct parameters none = {0};
    const struct parameters *common = account->common != NULL ? account->common : &none;
    size_t most = 5 + call->parameters.count + common->count;
    struct entries entries = {.items = mem_resize(NULL, most, sizeof(struct sign_pair))};
    append_own(&entries, account, call->action, nonce, timestamp);
    append_others(&entries, &call->parameters, NULL);
    append_others(&entries, common, &call->parameters);

    struct signature_stages local = {0};
    struct signature_stages *stages = stages_or_null != NULL ? stages_or_null : &local;
    run_stages(&entries, account->method, account->key, stages);
    free(entries.items);

    struct buf query = {0};
    buf_append(&query, stages->canonical_query.data, stages->canonical_query.len);
    buf_text(&query, "&Signature=");
    str_percent_encode(&query, stages->signature.data, stages->signature.len);
    signature_stages_free(&local);
    return buf_steal(&query);
}
