#include "base/metrics.h"

#include <stdatomic.h>

static _Atomic uint64_t values[METRIC_COUNT];

static const char *const names[METRIC_COUNT] = {
#define METRIC_ROW(id, text, what) [METRIC_##id] = (text),
    METRICS(METRIC_ROW)
#undef METRIC_ROW
};

void metrics_add(enum metric metric, uint64_t n)
{
    atomic_fetch_add_explicit(&values[metric], n, memory_order_relaxed);
}

uint64_t metrics_get(enum metric metric)
{
    return atomic_load_explicit(&values[metric], memory_order_relaxed);
}

const char *metrics_name(enum metric metric)
{
    return names[metric];
}
