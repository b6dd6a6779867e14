// Cookies say what an event of a connection is about.
#pragma once

#include <stdint.h>

// On the commands connection. A SUBSCRIBE of a rule's filter has its place in the set of subscriptions, from 1; an
// UNSUBSCRIBE whose answer nobody awaits has 0.
#define COOKIE_FENCE_SUBSCRIBE (UINT64_C(1) << 59)
#define COOKIE_FENCE_ROUND     (UINT64_C(1) << 60) // and the round's number
#define COOKIE_INFO_SUBSCRIBE  (UINT64_C(1) << 61)
#define COOKIE_PROOF           (UINT64_C(1) << 62)
#define COOKIE_STATE           (UINT64_C(1) << 63)

// On the replies connection. A PUBLISH of the reply queue has its number, from 1.
#define COOKIE_FENCE (UINT64_C(1) << 62)
#define COOKIE_PROBE (UINT64_C(1) << 63)
