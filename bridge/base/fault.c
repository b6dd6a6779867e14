#include "base/fault.h"

#ifdef THINGBRIDGE_FAULTS

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static struct {
    const char *defect;
    char *point;
    atomic_long left;
} faults;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void read_environment(void)
{
    const char *kill_at = getenv(FAULT_ENV_PREFIX "KILL");
    faults.defect = getenv(FAULT_ENV_PREFIX "DEFECT");
    const char *colon = kill_at == NULL ? NULL : strrchr(kill_at, ':');
    if (colon != NULL) {
        faults.point = mem_dup(kill_at, (size_t)(colon - kill_at));
        atomic_store(&faults.left, strtol(colon + 1, NULL, 10));
    }
}

void fault_point(const char *point)
{
    pthread_once(&once, read_environment);
    if (faults.point != NULL && strcmp(faults.point, point) == 0 && atomic_fetch_sub(&faults.left, 1) == 1) {
        raise(SIGKILL);
    }
}

bool fault_defect(const char *name)
{
    pthread_once(&once, read_environment);
    return faults.defect != NULL && strcmp(faults.defect, name) == 0;
}

#endif
