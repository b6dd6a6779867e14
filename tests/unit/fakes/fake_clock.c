#include "unit/fakes/fake_clock.h"

#include <stddef.h>

#include "app/broker/receiver/pulse.h"

#define NOON_MS INT64_C(1795262400000)
#define HOUR_MS INT64_C(3600000)

static int64_t passed_ms;

struct moment __wrap_clock_now(void);

struct moment __wrap_clock_now(void)
{
    return (struct moment){
        .boot_id = "a-boot-of-the-test", .boot_ms = HOUR_MS + passed_ms, .wall_ms = NOON_MS + passed_ms};
}

void fake_clock_reset(void)
{
    passed_ms = 0;
}

void fake_clock_advance(int64_t ms)
{
    passed_ms += ms;
}

int64_t fake_clock_ms(void)
{
    return clock_now().boot_ms;
}

// The pulse's thread lives by the machine's time: without it the turns of the loop alone show that the process runs.
struct pulse *__wrap_pulse_create(int64_t interval_ms, void (*beat)(void *context), void *context);
void __wrap_pulse_destroy(struct pulse *pulse);

struct pulse *__wrap_pulse_create(int64_t interval_ms, void (*beat)(void *context), void *context)
{
    (void)interval_ms;
    (void)beat;
    (void)context;
    return NULL;
}

void __wrap_pulse_destroy(struct pulse *pulse)
{
    (void)pulse;
}
