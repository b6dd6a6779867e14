// The small parsers of texts from outside, each fed with every line: times, sizes, rates, headers, base64.
#include "fuzz.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "core/platform/retry.h"

#define TEN_YEARS_MS (10LL * 365 * 24 * 60 * 60 * 1000)
#define YEAR_9999_MS 253402300800000LL

static void check_units(const char *text)
{
    int64_t number = -1;
    double rate = -1;
    MUST(str_parse_duration_ms(text, &number) != ERR_OK || (number >= 0 && number <= TEN_YEARS_MS));
    MUST(str_parse_size(text, &number) != ERR_OK || number >= 0);
    MUST(str_parse_rate(text, &rate) != ERR_OK || rate > 0);
    if (str_parse_int(text, &number) == ERR_OK) {
        MUST(number == strtoll(text, NULL, 10));
    }
}

static void check_times(const char *text)
{
    int64_t wall_ms = 0;
    int64_t again_ms = 0;
    if (clock_parse_iso(text, &wall_ms) && wall_ms >= 0 && wall_ms < YEAR_9999_MS) {
        char printed[CLOCK_ISO_LEN];
        clock_iso_ms(wall_ms, printed);
        MUST(clock_parse_iso(printed, &again_ms) && again_ms == wall_ms);
    }
    (void)clock_parse_http_date(text, &wall_ms);
}

static void check_headers(const char *text)
{
    struct retry_headers headers = {text, text, text};
    int64_t wait_ms = retry_after_ms(&headers, 1795262400000LL);
    MUST(wait_ms >= -1 && wait_ms <= RETRY_AFTER_MAX_MS);
}

static void check_base64(const char *text, size_t len)
{
    AUTO_BUF struct buf encoded = {0};
    AUTO_BUF struct buf decoded = {0};
    AUTO_BUF struct buf again = {0};
    if (crypto_base64_decode(&decoded, text, len) == ERR_OK && decoded.len > 0) {
        crypto_base64_encode(&again, decoded.data, decoded.len);
        // Bits that do not count may differ.
        MUST(again.len == len && memcmp(again.data, text, len >= 4 ? len - 4 : 0) == 0);
    }
    if (len > 0) {
        buf_reset(&decoded);
        crypto_base64_encode(&encoded, text, len);
        MUST(crypto_base64_decode(&decoded, encoded.data, encoded.len) == ERR_OK);
        MUST(decoded.len == len && memcmp(decoded.data, text, len) == 0);
    }
}

static void check_percent(const char *text, size_t len)
{
    AUTO_BUF struct buf out = {0};
    str_percent_encode(&out, text, len);
    for (size_t i = 0; i < out.len; i++) {
        MUST(strchr("-_.~%", out.data[i]) != NULL || (out.data[i] >= '0' && out.data[i] <= '9') ||
             (out.data[i] >= 'A' && out.data[i] <= 'Z') || (out.data[i] >= 'a' && out.data[i] <= 'z'));
    }
}

static void check_nearness(const char *a, const char *b)
{
    size_t distance = str_distance(a, b);
    MUST(distance == str_distance(b, a));
    MUST((distance == 0) == (strcmp(a, b) == 0) || distance == SIZE_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct parts parts = parts_of(data, size);
    struct str line;
    AUTO_FREE char *before = mem_strdup("");
    while (next_part(&parts, "\n", &line)) {
        char *text = mem_dup(line.data, line.len);
        check_units(text);
        check_times(text);
        check_headers(text);
        check_nearness(text, before);
        check_base64(line.data, line.len);
        check_percent(line.data, line.len);
        free(before);
        before = text;
    }
    return 0;
}
