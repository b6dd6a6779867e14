// A thread that does nothing but call a function at a steady interval, so that its lateness shows that the process did
// not run.
#pragma once

#include <stdint.h>

struct pulse;

// `beat(context)` runs on a thread of its own, every `interval_ms`, until pulse_destroy has returned.
struct pulse *pulse_create(int64_t interval_ms, void (*beat)(void *context), void *context);
void pulse_destroy(struct pulse *pulse);
