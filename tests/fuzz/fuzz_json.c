// JSON from outside: what the check accepts json-c parses, and nothing is lost between reading and writing.
#include "fuzz.h"

#define MAX_DEPTH 32

static const struct json_limits limits = {MAX_DEPTH};

static bool is_number_byte(char c)
{
    return c != '\0' && strchr("0123456789+-.eE", c) != NULL;
}

// The next number outside of texts; `*at` moves behind it.
static bool next_number(const char **at, const char *end, struct str *out)
{
    bool in_text = false;
    for (; *at < end; (*at)++) {
        if (**at == '"') {
            in_text = !in_text;
        } else if (in_text && **at == '\\') {
            (*at)++;
        } else if (!in_text && (**at == '-' || (**at >= '0' && **at <= '9'))) {
            const char *start = *at;
            while (*at < end && is_number_byte(**at)) {
                (*at)++;
            }
            *out = (struct str){start, (size_t)(*at - start)};
            return true;
        }
    }
    return false;
}

static bool has_number(const char *data, size_t size, struct str number)
{
    const char *at = data;
    struct str found;
    while (next_number(&at, data + size, &found)) {
        // json-c has no negative zero among the integers.
        if ((found.len == number.len && memcmp(found.data, number.data, number.len) == 0) ||
            (str_is(found, "-0") && str_is(number, "0"))) {
            return true;
        }
    }
    return false;
}

// Every number that is written stands so in what was read.
static void must_keep_numbers(const char *data, size_t size, const char *printed)
{
    const char *at = printed;
    struct str number;
    while (next_number(&at, printed + strlen(printed), &number)) {
        MUST(has_number(data, size, number));
    }
}

static void must_read_again(const struct json_object *value)
{
    AUTO_FREE char *printed = json_print(value);
    AUTO_FREE char *pretty = json_print_pretty(value);
    AUTO_JSON struct json_object *again = must_be_json(printed);
    AUTO_JSON struct json_object *again_pretty = must_be_json(pretty);
    AUTO_JSON struct json_object *copy = json_copy(value);
    MUST(json_kind(again) == json_kind(value) && json_count(again) == json_count(value));
    must_be_same(mem_strdup(printed), json_print(again));
    must_be_same(mem_strdup(printed), json_print(again_pretty));
    must_be_same(mem_strdup(printed), json_print(copy));
}

static void check_lenient(const char *data, size_t size)
{
    struct json_object *value = NULL;
    enum err err = json_parse_lenient(data, size, &value);
    MUST(err == ERR_OK || err == ERR_SYNTAX || err == ERR_LIMIT);
    json_free(value);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    const char *data = (const char *)bytes;
    struct diag check_diag = {""};
    struct diag diag = {""};
    struct json_object *value = NULL;
    enum err checked = json_check(data, size, &limits, &check_diag);
    enum err parsed = json_parse(data, size, &limits, &value, &diag);
    MUST(parsed == checked);
    MUST(checked == ERR_OK || checked == ERR_SYNTAX || checked == ERR_LIMIT);
    if (checked != ERR_OK) {
        MUST(value == NULL);
        must_tell(diag.text);
        if (checked == ERR_LIMIT) {
            (void)json_too_deep(data, size, &limits);
            check_lenient(data, size);
        }
        return 0;
    }
    AUTO_FREE char *printed = json_print(value);
    must_keep_numbers(data, size, printed);
    must_read_again(value);
    json_free(value);
    check_lenient(data, size);
    return 0;
}
