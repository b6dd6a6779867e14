#include "app/service/call/signed_call.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/fault.h"

#define LONGEST_QUERY 6000 // many servers and proxies refuse a request line above 8 KiB

// The method is part of what is signed.
void signed_call_make(const struct sign_account *account, const struct call *call, int64_t wall_ms,
                      struct signed_call *out)
{
    struct signature_stages stages = {0};
    struct sign_account with_method = *account;
    char timestamp[CLOCK_ISO_LEN];
    char nonce[CRYPTO_NONCE_LEN];
    clock_iso_s(wall_ms, timestamp);
    crypto_nonce(nonce);
    if (FAULT_DEFECT("nonce_reused")) {
        memset(nonce, '0', sizeof nonce - 1);
    }
    out->query = sign_request(&with_method, call, nonce, timestamp, &stages);
    out->post = strcmp(account->method, "POST") == 0;
    if (!out->post && strlen(out->query) > LONGEST_QUERY) {
        free(out->query);
        signature_stages_free(&stages);
        with_method.method = "POST";
        out->post = true;
        out->query = sign_request(&with_method, call, nonce, timestamp, &stages);
    }
    out->string_to_sign = buf_steal(&stages.string_to_sign);
    signature_stages_free(&stages);
}

void signed_call_clear(struct signed_call *signed_call)
{
    free(signed_call->query);
    free(signed_call->string_to_sign);
    *signed_call = (struct signed_call){0};
}
