#include "base/machine.h"

#include <assert.h>

#include "base/log.h"

void machine_change(const struct machine_row *table, unsigned from, unsigned to, const char *event, const char *subject)
{
    if (from != to) {
        assert((table[from].next & MACHINE_BIT(to)) != 0);
        LOG(LOG_DEBUG, event, LOG_S("of", subject), LOG_S("from", table[from].name), LOG_S("to", table[to].name));
    }
}
