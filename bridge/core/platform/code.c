// Two tables. A reply's error is a row of the closed list of codes: who refused, whether sending again can help, and a
// hint; mappings/ERRORS.md has a section for each row. What the platform calls a mistake has hints of its own, found by
// the longest row that its code begins with; after a refusal such a hint replaces the row's.
#include "core/platform/code.h"

#include <assert.h>
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/json/json.h"
#include "base/mem.h"
#include "base/show.h"
#include "base/str.h"

static const char *const status_names[] = {
    [STATUS_OK] = "ok",           [STATUS_ACCEPTED] = "accepted",
    [STATUS_FAILED] = "failed",   [STATUS_REJECTED] = "rejected",
    [STATUS_EXPIRED] = "expired", [STATUS_SUPERSEDED] = "superseded",
    [STATUS_PARTIAL] = "partial", [STATUS_UNKNOWN] = "unknown",
    [STATUS_QUEUED] = "queued",
};

static const char *const source_names[] = {
    [SOURCE_BRIDGE] = "bridge",
    [SOURCE_NETWORK] = "network",
    [SOURCE_PLATFORM] = "platform",
    [SOURCE_DEVICE] = "device",
};

#define MAY_HAVE_RUN "it may or may not have run: look at the device before you send it again"

static const struct error_code codes[] = {
    // Refused here: nothing was sent.
    {"payload_empty", "The payload is empty", SOURCE_BRIDGE, false,
     "send {} for a service without arguments, or set `empty: accept` in the rule"},
    {"payload_invalid", "The payload is not valid", SOURCE_BRIDGE, false,
     "send valid JSON, or text in UTF-8 without NUL"},
    {"payload_too_deep", "The payload's JSON is nested too deeply", SOURCE_BRIDGE, false, NULL},
    {"payload_too_large", "The payload is too large", SOURCE_BRIDGE, false, NULL},
    {"number_out_of_range", "A number does not fit into 64 bits", SOURCE_BRIDGE, false,
     "send it as text if the service takes text"},
    {"member_missing", "A member that the rule needs is missing", SOURCE_BRIDGE, false,
     "send the member, or give the template a default(...)"},
    {"filter_failed", "A value could not be converted", SOURCE_BRIDGE, false, NULL},
    {"id_invalid", "The command's id is not usable", SOURCE_BRIDGE, false,
     "use text of 1 to 256 bytes without control characters, or an integer"},
    {"id_reused", "The id was used for another command", SOURCE_BRIDGE, false, "give each command an id of its own"},
    {"redelivered", "The broker delivered the command again, and the first reply is not kept any more", SOURCE_BRIDGE,
     false, "the command was taken before; look at the device before you send it again"},
    {"expire_invalid", "The command's time limit is not usable", SOURCE_BRIDGE, false,
     "$expire is a duration such as \"10s\" or milliseconds; $sent_at is an RFC 3339 time, or milliseconds or "
     "seconds since 1970 without a fraction"},
    {"name_invalid", "A name is not one that the platform allows", SOURCE_BRIDGE, false, NULL},
    {"argument_invalid", "An argument is not what the service takes", SOURCE_BRIDGE, false, NULL},
    {"no_devices", "The list of devices is empty", SOURCE_BRIDGE, false, NULL},
    {"request_too_large", "The request would be too large for the platform", SOURCE_BRIDGE, false, NULL},
    {"outbox_full", "The bridge's queue is full", SOURCE_BRIDGE, true,
     "send it again later; see outbox.max_commands, outbox.max_bytes and outbox.max_share"},
    {"dropped_by_operator", "An operator dropped the command", SOURCE_BRIDGE, false, NULL},
    {"bridge_stopping", "The bridge is being stopped", SOURCE_BRIDGE, true,
     "send it again when the bridge is back; a QoS 1 command would have waited"},
    {"platform_unknown", "The command's platform is no longer configured", SOURCE_BRIDGE, false,
     "put the platform back into the configuration, and send the command again"},
    {"deadline_passed", "The command's deadline passed before it could be sent", SOURCE_BRIDGE, true, NULL},
    {"superseded", "A newer command took its place", SOURCE_BRIDGE, false, NULL},
    {"interrupted", "The bridge was stopped after the request left and before its answer came", SOURCE_BRIDGE, false,
     "look at the device before you send it again"},
    // The way to the platform.
    {"resolve_failed", "The platform's host name could not be resolved", SOURCE_NETWORK, true,
     "check DNS and platform.endpoint"},
    {"connect_failed", "The platform could not be reached", SOURCE_NETWORK, true,
     "check the network, the firewall and platform.endpoint"},
    {"tls_failed", "The TLS connection to the platform could not be made", SOURCE_NETWORK, true,
     "check platform.tls.ca_file, the host name in platform.endpoint and the clock"},
    {"no_answer", "The request was sent and no answer came", SOURCE_NETWORK, false, MAY_HAVE_RUN},
    // The platform's answers.
    {"signature_mismatch", "The platform computed another signature", SOURCE_PLATFORM, false,
     "check platform.access_key_secret"},
    {"credentials_refused", "The platform refused the access key", SOURCE_PLATFORM, false,
     "check platform.access_key_id and its permissions"},
    {"clock_wrong", "The platform refused the request's time", SOURCE_PLATFORM, true, "set this machine's clock (NTP)"},
    {"throttled", "The platform's quota is used up", SOURCE_PLATFORM, true,
     "send fewer commands per second, or ask for a larger quota"},
    {"platform_busy", "The platform is not available now", SOURCE_PLATFORM, true, NULL},
    {"platform_error", "The platform had an internal error", SOURCE_PLATFORM, false, MAY_HAVE_RUN},
    {"nonce_used", "A copy of this request had arrived before", SOURCE_PLATFORM, false, MAY_HAVE_RUN},
    {"answer_unreadable", "The platform's answer could not be read", SOURCE_PLATFORM, false, MAY_HAVE_RUN},
    {"request_not_taken", "The platform did not get the whole request", SOURCE_PLATFORM, true, NULL},
    {"not_the_platform", "This is no answer of the platform", SOURCE_NETWORK, false,
     "check host and port of platform.endpoint, and whether a proxy or a captive portal answers in the platform's "
     "place"},
    {"request_refused", "The platform refused the request", SOURCE_PLATFORM, false,
     "compare product, identifier and arguments with the product's model"},
    {"device_refused", "The platform refused the device", SOURCE_PLATFORM, false,
     "check product key and device name, and that the device is active"},
    {"push_failed", "The platform could not push to the device", SOURCE_PLATFORM, false, MAY_HAVE_RUN},
    {"platform_refused", "The platform said no", SOURCE_PLATFORM, false, NULL},
    // The device.
    {"device_offline", "The device is offline", SOURCE_DEVICE, true, NULL},
    {"device_timeout", "The device did not answer in time", SOURCE_DEVICE, false, MAY_HAVE_RUN},
    {"result_unreadable", "The device's answer could not be read", SOURCE_DEVICE, false,
     "it ran or failed: see result, and look at the device before you send it again"},
    {"device_error", "The device answered with an error", SOURCE_DEVICE, false, NULL},
};

#define CHECK_PRODUCT                                                                                                  \
    "check product_key, and that the access key belongs to the product's account (and instance: IotInstanceId)"
#define CHECK_DEVICE "check the device name (case counts) and its product_key"
#define CHECK_SERVICE                                                                                                  \
    "the product has no such service: compare invoke.identifier with the product's thing model (module:service of "    \
    "a custom module)"

// Codes of the platform that stand for one mistake, in lower case; `?` is any character, and what follows the text is
// not looked at. The longest counts. Numbers are those of the thing model's checks (TSL).
static const struct {
    const char *code;
    const char *hint;
} platform_hints[] = {
    {"iot.prod.", CHECK_PRODUCT},
    {"5005", CHECK_PRODUCT},
    {"6250", CHECK_PRODUCT},
    {"iot.device.notexisteddevice", CHECK_DEVICE},
    {"6100", CHECK_DEVICE},
    {"6204", "the device is disabled on the platform: enable it there"},
    {"iot.device.inactivedevice", "the device has never connected to the platform: activate it"},
    {"5092", "the product has no such property: compare its name with the product's thing model"},
    {"5094", CHECK_SERVICE},
    {"5161", CHECK_SERVICE},
    {"63??",
     "an argument does not fit the product's thing model: compare name, type and range (a float needs a decimal "
     "point); with `model` in the rule it is told before a call"},
    {"460", "the device refused a parameter: compare the arguments with what the device takes"},
    {"iot.system.illegalrequest",
     "compare the arguments with the product's thing model; a synchronous service cannot be "
     "called for several devices at once"},
    {"missingparameter",
     "the detail names the parameter: add it to call.parameters, or for all calls to platform.parameters"},
    {"nosuchversion", "set `Version` in platform.parameters, for this API 2018-01-20"},
    {"invalidaction",
     "check the name of the action (call.action), platform.endpoint and `Version` in platform.parameters"},
};

const char *status_name(enum status status)
{
    return status_names[status];
}

bool status_parse(const char *name, enum status *status)
{
    for (size_t i = 0; i < COUNT_OF(status_names); i++) {
        if (strcmp(status_names[i], name) == 0) {
            *status = (enum status)i;
            return true;
        }
    }
    return false;
}

const struct error_code *error_code_find(const char *code)
{
    for (size_t i = 0; i < COUNT_OF(codes); i++) {
        if (strcmp(codes[i].code, code) == 0) {
            return &codes[i];
        }
    }
    return NULL;
}

const struct error_code *error_code_at(size_t index)
{
    return index < COUNT_OF(codes) ? &codes[index] : NULL;
}

const char *error_source_name(enum error_source source)
{
    return source_names[source];
}

static bool code_begins(const char *code, const char *pattern)
{
    while (*pattern != '\0' && (*pattern == '?' ? *code != '\0' : tolower((unsigned char)*code) == *pattern)) {
        code++;
        pattern++;
    }
    // A number is one as a whole.
    return *pattern == '\0' && (!isdigit((unsigned char)code[-1]) || *code == '\0');
}

// After a refusal nothing has run: where something may have, that is the hint.
static bool is_refusal(const struct error_code *code)
{
    static const char *const names[] = {"platform_refused", "request_refused", "device_refused", "device_error", NULL};
    return str_is_one_of(code->code, names);
}

const char *failure_hint(const struct failure *failure)
{
    const char *hint = failure->code->hint;
    size_t longest = 0;
    for (size_t i = 0; is_refusal(failure->code) && i < COUNT_OF(platform_hints); i++) {
        size_t len = strlen(platform_hints[i].code);
        if (len > longest && code_begins(failure->platform_code, platform_hints[i].code)) {
            longest = len;
            hint = platform_hints[i].hint;
        }
    }
    return hint;
}

void failure_set(struct failure *failure, const char *code, const char *fmt, ...)
{
    *failure = (struct failure){.code = error_code_find(code), .retry_after_ms = -1};
    assert(failure->code != NULL);
    va_list args;
    va_start(args, fmt);
    vsnprintf(failure->detail, sizeof failure->detail, fmt, args);
    failure->detail[show_whole_len(failure->detail, strlen(failure->detail))] = '\0';
    va_end(args);
}

void failure_put(const struct failure *failure, struct json_object *map)
{
    if (failure->code != NULL) {
        json_put_text(map, "code", failure->code->code);
        json_put_text(map, "detail", failure->detail);
        json_put_text(map, "platform_code", failure->platform_code);
        json_put(map, "retry_after_ms", json_new_int(failure->retry_after_ms));
    }
}

bool failure_read(const struct json_object *map, struct failure *out)
{
    const char *code = json_member_text(map, "code");
    const char *detail = json_member_text(map, "detail");
    const char *platform_code = json_member_text(map, "platform_code");
    const struct json_object *retry_after = json_get(map, "retry_after_ms");
    *out = (struct failure){.retry_after_ms = -1};
    if (code == NULL) {
        return true;
    }
    out->code = error_code_find(code);
    show_cut(out->detail, sizeof out->detail, detail != NULL ? detail : "");
    show_cut(out->platform_code, sizeof out->platform_code, platform_code != NULL ? platform_code : "");
    if (json_kind(retry_after) == JSON_INT) {
        out->retry_after_ms = (long)json_int(retry_after);
    }
    return out->code != NULL;
}
