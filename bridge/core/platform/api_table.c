// The table of PLATFORM.md, "What to do with an error".
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "core/platform/api_internal.h"

static const struct api_row rows[] = {
    {"SignatureDoesNotMatch", API_AUTH, "signature_mismatch"},
    {"IncompleteSignature", API_AUTH, "signature_mismatch"},
    {"InvalidAccessKeyId", API_AUTH, "credentials_refused"},
    {"MissingAccessKeyId", API_AUTH, "credentials_refused"},
    {"Forbidden", API_AUTH, "credentials_refused"},
    {"NoPermission", API_AUTH, "credentials_refused"},
    {"iot.common.RamActionPermissionDeny", API_AUTH, "credentials_refused"},
    {"iot.common.AuthActionPermissionDeny", API_AUTH, "credentials_refused"},

    {"SignatureNonceUsed", API_NONCE_USED, "nonce_used"},

    {"InvalidTimeStamp.Expired", API_CLOCK, "clock_wrong"},
    {"IllegalTimestamp", API_CLOCK, "clock_wrong"},

    {"Throttling", API_THROTTLED, "throttled"},
    {"iot.messagebroker.RateLimit", API_THROTTLED, "throttled"},

    {"ServiceUnavailable", API_BUSY, "platform_busy"},

    {"InternalError", API_MAY_HAVE_RUN, "platform_error"},
    {"UnknownError", API_MAY_HAVE_RUN, "platform_error"},
    {"iot.system.SystemException", API_MAY_HAVE_RUN, "platform_error"},
    {"iot.device.InvokeThingServiceFailed", API_MAY_HAVE_RUN, "platform_error"},

    {"MissingParameter", API_REQUEST, "request_refused"},
    {"InvalidParameter", API_REQUEST, "request_refused"},
    {"UnsupportedOperation", API_REQUEST, "request_refused"},
    {"NoSuchVersion", API_REQUEST, "request_refused"},
    {"InvalidAction", API_REQUEST, "request_refused"},
    {"iot.system.IllegalRequest", API_REQUEST, "request_refused"},
    {"iot.common.", API_REQUEST, "request_refused"},
    {"iot.check.", API_REQUEST, "request_refused"},
    {"iot.prod.", API_REQUEST, "request_refused"},

    {"iot.device.", API_DEVICE, "device_refused"},
    {"InvalidIoTId", API_DEVICE, "device_refused"},
    {"NullDeviceName", API_DEVICE, "device_refused"},
    {"InactiveDevice", API_DEVICE, "device_refused"},

    {"iot.messagebroker.OFFLINE", API_DEVICE_OFFLINE, "device_offline"},
    {"iot.messagebroker.HALFCONN", API_DEVICE_OFFLINE, "device_offline"},

    {"iot.messagebroker.TIMEOUT", API_DEVICE_TIMEOUT, "device_timeout"},

    {"iot.messagebroker.Rrpc", API_PUSH_FAILED, "push_failed"},
    {"iot.messagebroker.PublishMessage", API_PUSH_FAILED, "push_failed"},
};

// How the vendor's pages misspell the beginning of a code.
static const char misspelt[] = "iot.messageborker.";
static const char spelt[] = "iot.messagebroker.";

static const struct api_row throttled_row = {"HTTP 429", API_THROTTLED, "throttled"};
static const struct api_row busy_row = {"HTTP 503", API_BUSY, "platform_busy"};
static const struct api_row not_taken_row = {"HTTP 408", API_NOT_TAKEN, "request_not_taken"};
static const struct api_row stranger_row = {"HTTP 3xx, page", API_REQUEST, "not_the_platform"};
static const struct api_row stranger_2xx_row = {"page", API_MAY_HAVE_RUN, "not_the_platform"};
static const struct api_row refused_row = {"HTTP 4xx", API_REQUEST, "request_refused"};
static const struct api_row error_row = {"HTTP 5xx", API_MAY_HAVE_RUN, "platform_error"};
static const struct api_row unreadable_row = {"unreadable", API_MAY_HAVE_RUN, "answer_unreadable"};
const struct api_row api_row_any_code = {"any code", API_PERMANENT, "platform_refused"};
const struct api_row api_row_contradiction = {"contradiction", API_MAY_HAVE_RUN, "answer_unreadable"};

const struct api_row *api_row_at(size_t index)
{
    return index < COUNT_OF(rows) ? &rows[index] : NULL;
}

static char *correct_spelling(const char *code)
{
    size_t len = strlen(misspelt);
    bool is_misspelt = strncasecmp(code, misspelt, len) == 0;
    return is_misspelt ? mem_printf("%s%s", spelt, code + len) : mem_strdup(code);
}

static bool fits(const char *prefix, size_t len, const char *code)
{
    return len > 0 && strncasecmp(prefix, code, len) == 0;
}

// An extra row may be written with the vendor's spelling or with the right one.
static const struct api_row *longest(const struct api_row *from, size_t count, const char *code, const char *corrected,
                                     const struct api_row *best)
{
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(from[i].prefix);
        if ((fits(from[i].prefix, len, code) || fits(from[i].prefix, len, corrected)) &&
            (best == NULL || len > strlen(best->prefix))) {
            best = &from[i];
        }
    }
    return best;
}

const struct api_row *api_row_for_code(const char *code, const struct api_row *extra_rows, size_t extra_count)
{
    char *corrected = correct_spelling(code);
    const struct api_row *best = longest(extra_rows, extra_count, code, corrected, NULL);
    best = longest(rows, COUNT_OF(rows), code, corrected, best);
    free(corrected);
    return best;
}

const struct api_row *api_row_for_status(long http_status)
{
    if (http_status == 429 || http_status == 503) {
        return http_status == 429 ? &throttled_row : &busy_row;
    }
    return http_status >= 500 ? &error_row : NULL;
}

const struct api_row *api_row_without_code(const struct api_facts *facts, long http_status)
{
    const struct api_row *row = api_row_for_status(http_status);
    if (row != NULL) {
        return row;
    }
    // RFC 9110 section 15.5.9. A server may send it on a kept connection on which nothing came for a while, just when
    // a request leaves.
    if (http_status == 408) {
        return &not_taken_row;
    }
    if (http_status >= 300 && http_status <= 499) {
        return http_status <= 399 || facts->html ? &stranger_row : &refused_row;
    }
    if (facts->html) {
        return &stranger_2xx_row;
    }
    // Success false without a code says that something failed, and not whether it ran before.
    return facts->success == API_SUCCESS_FALSE ? &error_row : &unreadable_row;
}
