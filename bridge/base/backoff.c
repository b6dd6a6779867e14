#include "base/backoff.h"

int64_t backoff_ms(int doublings, int64_t first_ms, int64_t max_ms)
{
    int64_t delay_ms = first_ms;
    for (int i = 0; i < doublings && delay_ms < max_ms; i++) {
        delay_ms *= 2;
    }
    return delay_ms < max_ms ? delay_ms : max_ms;
}
