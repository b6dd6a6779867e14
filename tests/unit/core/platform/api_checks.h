// What the tests of the api module share: classify a body, and say what is wrong with the answer.
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "core/platform/api.h"

static inline void classify(long http_status, const char *body, struct api_answer *out)
{
    struct api_input input = {.http_status = http_status, .body = body, .body_len = body != NULL ? strlen(body) : 0};
    api_classify(&input, NULL, 0, out);
}

static inline void expect_class(long http_status, const char *body, enum api_class class, const char *code)
{
    struct api_answer answer;
    classify(http_status, body, &answer);
    const char *found = answer.failure.code != NULL ? answer.failure.code->code : "";
    if (answer.class != class || strcmp(found, code) != 0) {
        fail_msg("HTTP %ld %s: %s %s in place of %s %s", http_status, body != NULL ? body : "(none)",
                 api_class_name(answer.class), found, api_class_name(class), code);
    }
    assert_true(str_utf8_valid(answer.failure.detail, strlen(answer.failure.detail)));
    api_answer_clear(&answer);
}

static inline void expect_result(const char *body, const char *result, enum status status)
{
    struct api_answer answer;
    classify(200, body, &answer);
    assert_int_equal(api_status(&answer), status);
    assert_int_equal(answer.has_result, result != NULL);
    AUTO_FREE char *text = json_print(answer.result);
    assert_string_equal(text, result != NULL ? result : "null");
    api_answer_clear(&answer);
}

static inline void expect_detail_holds(long http_status, const char *body, const char *piece)
{
    struct api_answer answer;
    classify(http_status, body, &answer);
    if (strstr(answer.failure.detail, piece) == NULL) {
        fail_msg("`%s` is not in: %s", piece, answer.failure.detail);
    }
    api_answer_clear(&answer);
}
