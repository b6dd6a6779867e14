// For log.c and its test only.
#pragma once

#include "base/clock.h"
#include "base/log.h"

// Where lines take their time from; a test moves it by hand. Set it before log_setup.
extern struct moment (*log_clock)(void);
