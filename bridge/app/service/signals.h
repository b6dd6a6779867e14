// The signals of the process, as a descriptor that the loop polls.
#pragma once

#include <stdbool.h>

// SIGHUP would end a process that does not await it yet: from here on it waits for signals_ask_stop. To be called
// first.
void signals_hold_hangup(void);
// Before any thread starts, so that all inherit what is blocked. Never fails but for want of descriptors (-1).
int signals_open(void);
// True if SIGTERM or SIGINT has come. SIGHUP is logged.
bool signals_ask_stop(int signals);
