// crypto_random without chance (--wrap, see tests/CMakeLists.txt): pauses that chance lengthens or shortens have one
// length in a test. It is a small number, so that it stays itself as the remainder of any larger pause.
#include <stdint.h>
#include <string.h>

#include "base/crypto.h"

#define CHANCE 400

void __wrap_crypto_random(void *out, size_t len);

void __wrap_crypto_random(void *out, size_t len)
{
    const uint64_t whole = CHANCE;
    const uint32_t half = CHANCE;
    memset(out, 0, len);
    if (len == sizeof half) {
        memcpy(out, &half, len);
    } else {
        memcpy(out, &whole, len < sizeof whole ? len : sizeof whole);
    }
}
