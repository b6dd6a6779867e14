// io/http without a network: records what is submitted, and the test says how each request ends.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "io/http/http.h"

// Requests are numbered from 0 in the order of their submits, over the life of `http`.
size_t fake_http_count(const struct http *http);
bool fake_http_is_running(const struct http *http, size_t number);
// The signed parameters.
const char *fake_http_query(const struct http *http, size_t number);
int64_t fake_http_not_after_ms(const struct http *http, size_t number);

// The platform's answer to a running request; http_take gives it.
void fake_http_answer(struct http *http, size_t number, long status, const char *body);
// A running request ends without an answer.
void fake_http_end(struct http *http, size_t number, enum http_outcome outcome, enum http_trouble trouble);
// The next submit fails at once.
void fake_http_fail_next(struct http *http);
