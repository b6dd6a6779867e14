// For test_mqtt_*.c: a broker of a few lines that says bytes of the test's choice, for what Mosquitto never says.
#pragma once

#include <pthread.h>

#include "unit/io/support.h"

struct fake_broker {
    int listener;
    int port;
    int stop[2];
    pthread_t thread;
    const char *script; // sent when the CONNECT came
    size_t script_len;
    bool close_after; // ends the connection after the script
    char connect[64]; // the start of the last CONNECT; read after fake_stop
    int tick_ms;      // 0, or how often an unasked PINGRESP is sent
};

// True until the test wants to end.
static inline bool fake_goes_on(const struct fake_broker *fake, int also, int limit_ms)
{
    struct pollfd wait[2] = {{.fd = fake->stop[0], .events = POLLIN}, {.fd = also, .events = POLLIN}};
    (void)poll(wait, 2, limit_ms);
    return wait[0].revents == 0;
}

static inline void fake_serve(struct fake_broker *fake, int fd)
{
    char bytes[4096] = {0};
    if (!fake_goes_on(fake, fd, -1) || recv(fd, bytes, sizeof bytes, 0) <= 0) {
        return;
    }
    memcpy(fake->connect, bytes, sizeof fake->connect);
    (void)send(fd, fake->script, fake->script_len, MSG_NOSIGNAL);
    if (fake->close_after) {
        return;
    }
    while (fake_goes_on(fake, fake->tick_ms > 0 ? -1 : fd, fake->tick_ms > 0 ? fake->tick_ms : -1)) {
        ssize_t got = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
        ssize_t sent = fake->tick_ms > 0 ? send(fd, "\xD0\0", 2, MSG_NOSIGNAL) : 0;
        if (got == 0 || sent < 0) {
            return;
        }
    }
}

static inline void *fake_run(void *context)
{
    struct fake_broker *fake = context;
    while (fake_goes_on(fake, fake->listener, -1)) {
        int fd = accept4(fake->listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0) {
            fake_serve(fake, fd);
            close(fd);
        }
    }
    return NULL;
}

static inline void fake_start(struct fake_broker *fake)
{
    fake->listener = port_bind(&fake->port);
    assert_int_equal(listen(fake->listener, 4), 0);
    assert_int_equal(pipe2(fake->stop, O_CLOEXEC), 0);
    assert_int_equal(pthread_create(&fake->thread, NULL, fake_run, fake), 0);
}

static inline void fake_stop(struct fake_broker *fake)
{
    close(fake->stop[1]);
    pthread_join(fake->thread, NULL);
    close(fake->stop[0]);
    close(fake->listener);
}
