// What the HTTP client's answer means for a call. For the service and for `thingbridge invoke`.
#pragma once

#include "app/config/config.h"
#include "base/clock.h"
#include "core/command/reply.h"
#include "core/platform/api.h"
#include "io/http/http.h"

// Of HTTP_ANSWERED. Fills *out (call_outcome_clear); its retry_after_ms is what the platform asks for when it is busy
// or throttles, -1 if it does not say. `string_to_sign` is that of this attempt.
enum api_class answer_read(const struct config_platform *platform, const struct http_answer *answer,
                           const char *string_to_sign, const struct moment *now, struct call_outcome *out);
// Of HTTP_NOT_SENT, which is `failed`, and HTTP_NO_ANSWER, which is `unknown`.
void answer_read_silence(const struct http_answer *answer, struct call_outcome *out);
