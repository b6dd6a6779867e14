#include "app/broker/receiver/pulse.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/mem.h"

struct pulse {
    int64_t interval_ms;
    void (*beat)(void *context);
    void *context;
    pthread_t thread;
    int end; // readable when the thread is to end
};

static void *run(void *context)
{
    struct pulse *pulse = context;
    struct pollfd end = {.fd = pulse->end, .events = POLLIN};
    // An interrupted wait is a beat as well: an early one does no harm.
    while (poll(&end, 1, (int)pulse->interval_ms) <= 0) {
        pulse->beat(pulse->context);
    }
    return NULL;
}

struct pulse *pulse_create(int64_t interval_ms, void (*beat)(void *context), void *context)
{
    struct pulse *pulse = mem_alloc(sizeof *pulse);
    *pulse = (struct pulse){.interval_ms = interval_ms, .beat = beat, .context = context};
    pulse->end = eventfd(0, EFD_CLOEXEC);
    if (pulse->end < 0 || pthread_create(&pulse->thread, NULL, run, pulse) != 0) {
        fputs("thingbridge: out of memory, descriptors or threads\n", stderr);
        abort();
    }
    return pulse;
}

void pulse_destroy(struct pulse *pulse)
{
    const uint64_t one = 1;
    if (pulse == NULL) {
        return;
    }
    // An eventfd that is 0 takes a 1.
    if (write(pulse->end, &one, sizeof one) != (ssize_t)sizeof one) {
        abort();
    }
    pthread_join(pulse->thread, NULL);
    close(pulse->end);
    free(pulse);
}
