// How long to wait before something that failed is tried again. Pure.
#pragma once

#include <stdint.h>

// `first_ms`, doubled so often, at most `max_ms`.
int64_t backoff_ms(int doublings, int64_t first_ms, int64_t max_ms);
