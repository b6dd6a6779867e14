// The clock that a test moves. Programs with the fakes are linked so that clock_now() gives it (--wrap, see
// tests/CMakeLists.txt).
#pragma once

#include <stdint.h>

#include "base/clock.h"

// Noon of 2026-11-21, an hour after boot.
void fake_clock_reset(void);
void fake_clock_advance(int64_t ms);
// CLOCK_BOOTTIME, as clock_now().boot_ms.
int64_t fake_clock_ms(void);
