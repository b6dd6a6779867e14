// One attempt of a call, signed: a nonce of its own and the time of now.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/command/command.h"
#include "core/platform/sign.h"

struct signed_call {
    char *query;
    char *string_to_sign;
    bool post; // the query goes in a form body: the account says so, or it is too long for a URL
};
// `wall_ms` is the platform's time.
void signed_call_make(const struct sign_account *account, const struct call *call, int64_t wall_ms,
                      struct signed_call *out);
void signed_call_clear(struct signed_call *signed_call);
