// Published known-answer vectors of the signature: each is a test of its own, and a mismatch shows the stage.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json/json.h"
#include "base/mem.h"
#include "core/platform/sign.h"

static const char file_name[] = TEST_SOURCE_DIR "/tests/vectors/signature.json";

static void expect_stage(const char *stage, const char *computed, const char *expected)
{
    if (strcmp(computed, expected) != 0) {
        fail_msg("the stage `%s` differs\n  computed: %s\n  expected: %s", stage, computed, expected);
    }
}

static int hex_digit(char c)
{
    return c <= '9' ? c - '0' : c - 'A' + 10;
}

// The files hold no canonical query: it is what a string to sign has behind METHOD&%2F&, decoded once.
static char *canonical_query_of(const char *string_to_sign)
{
    const char *at = strstr(string_to_sign, "&%2F&");
    assert_non_null(at);
    struct buf out = {0};
    for (at += 5; *at != '\0'; at++) {
        if (*at == '%') {
            buf_char(&out, (char)(hex_digit(at[1]) * 16 + hex_digit(at[2])));
            at += 2;
        } else {
            buf_char(&out, *at);
        }
    }
    return buf_steal(&out);
}

static bool add_parameter(void *context, const char *name, struct json_object *value)
{
    struct parameters *parameters = context;
    struct parameter *item = &parameters->items[parameters->count++];
    *item = (struct parameter){mem_strdup(name), mem_strdup(json_text(value))};
    return true;
}

static struct parameters read_parameters(const struct json_object *map)
{
    struct parameters parameters = {mem_resize(NULL, json_count(map), sizeof(struct parameter)), 0};
    json_each(map, add_parameter, &parameters);
    return parameters;
}

static void free_parameters(struct parameters *parameters)
{
    for (size_t i = 0; i < parameters->count; i++) {
        free(parameters->items[i].name);
        free(parameters->items[i].value);
    }
    free(parameters->items);
}

static void check_all_stages(const struct json_object *vector, const struct json_object *params)
{
    struct crypto_mac_key *key =
        sign_key_create(json_member_text(vector, "algorithm"), json_member_text(vector, "secret"));
    assert_non_null(key);
    struct parameters parameters = read_parameters(params);
    struct signature_stages stages = {0};
    sign_parameters(&parameters, json_member_text(vector, "method"), key, &stages);
    const char *string_to_sign = json_member_text(vector, "string_to_sign");
    AUTO_FREE char *canonical_query = canonical_query_of(string_to_sign);
    expect_stage("canonical query", stages.canonical_query.data, canonical_query);
    expect_stage("string to sign", stages.string_to_sign.data, string_to_sign);
    expect_stage("signature", stages.signature.data, json_member_text(vector, "signature"));
    signature_stages_free(&stages);
    free_parameters(&parameters);
    crypto_mac_destroy(key);
}

// Vectors of a bare signer: some have no '&' in their key, so it is taken as it is.
static void check_last_stage(const struct json_object *vector)
{
    bool is_sha1 = strcmp(json_member_text(vector, "algorithm"), "HMAC-SHA1") == 0;
    const char *text = json_member_text(vector, "key");
    struct crypto_mac_key *key = crypto_mac_create(is_sha1 ? CRYPTO_HMAC_SHA1 : CRYPTO_HMAC_SHA256, text, strlen(text));
    const char *string_to_sign = json_member_text(vector, "string_to_sign");
    AUTO_BUF struct buf signature = {0};
    sign_string(string_to_sign, strlen(string_to_sign), key, &signature);
    expect_stage("signature", signature.data, json_member_text(vector, "signature"));
    crypto_mac_destroy(key);
}

static void vector_is_reproduced(void **state)
{
    const struct json_object *vector = *state;
    struct json_object *params = NULL;
    if (json_member(vector, "params", &params) && params != NULL) {
        check_all_stages(vector, params);
    } else {
        check_last_stage(vector);
    }
}

static struct json_object *load(void)
{
    FILE *file = fopen(file_name, "re");
    if (file == NULL) {
        return NULL;
    }
    static char text[1024 * 1024];
    size_t len = fread(text, 1, sizeof text, file);
    fclose(file);
    struct json_object *vectors = NULL;
    struct diag diag;
    if (json_parse(text, len, &(struct json_limits){.max_depth = 8}, &vectors, &diag) != ERR_OK) {
        fprintf(stderr, "%s: %s\n", file_name, diag.text);
    }
    return vectors;
}

int main(void)
{
    struct json_object *vectors = load();
    size_t count = json_count(vectors);
    if (count == 0) {
        fprintf(stderr, "%s cannot be read, or holds no vectors\n", file_name);
        return 1;
    }
    struct CMUnitTest *tests = mem_alloc(count * sizeof *tests);
    for (size_t i = 0; i < count; i++) {
        struct json_object *vector = NULL;
        json_item(vectors, i, &vector);
        tests[i] = (struct CMUnitTest){
            .name = json_member_text(vector, "name"), .test_func = vector_is_reproduced, .initial_state = vector};
    }
    int failed = _cmocka_run_group_tests("signature vectors", tests, count, NULL, NULL);
    free(tests);
    json_free(vectors);
    return failed;
}
