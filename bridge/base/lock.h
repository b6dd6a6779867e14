// A mutex that is held until the end of a scope. Blocks until it is free; to be used from any thread. Where something
// follows that must not be done under it, it is locked and unlocked by hand.
#pragma once

#include <pthread.h>

#include "base/mem.h"

static inline pthread_mutex_t *lock_take(pthread_mutex_t *mutex)
{
    pthread_mutex_lock(mutex);
    return mutex;
}
static inline void lock_release(pthread_mutex_t **taken)
{
    pthread_mutex_unlock(*taken);
}

// AUTO_LOCK(&mutex);   once in a scope
#define AUTO_LOCK(mutex) AUTO(lock_release) __attribute__((unused)) pthread_mutex_t *auto_lock = lock_take(mutex)
