// The socket of a connection, which Paho gives nobody. It names it in its trace as it sends the CONNECT:
// "20261128 163032.123 7 thingbridge-home -> CONNECT version 5 clean: 0 (0)" (Messages.c of 1.3.x).
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/lock.h"
#include "base/mem.h"
#include "io/mqtt/mqtt_internal.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct mqtt_link *watched; // guarded by lock

void mqtt_socket_watch(struct mqtt_link *link)
{
    AUTO_LOCK(&lock);
    link->next_watched = watched;
    watched = link;
}

void mqtt_socket_forget(struct mqtt_link *link)
{
    AUTO_LOCK(&lock);
    for (struct mqtt_link **at = &watched; *at != NULL; at = &(*at)->next_watched) {
        if (*at == link) {
            *at = link->next_watched;
            break;
        }
    }
}

// The number stands before the client's name, and a time before both.
static bool find_socket(const char *line, const char *client_id, int *socket)
{
    AUTO_FREE char *wanted = mem_printf(" %s -> CONNECT ", client_id);
    const char *end = strstr(line, wanted);
    const char *start = end;
    while (start != NULL && start > line && start[-1] >= '0' && start[-1] <= '9') {
        start--;
    }
    if (start == end) {
        return false;
    }
    *socket = (int)strtol(start, NULL, 10);
    return true;
}

void mqtt_socket_on_trace(const char *line)
{
    int socket = -1;
    AUTO_LOCK(&lock);
    for (struct mqtt_link *link = watched; link != NULL; link = link->next_watched) {
        if (find_socket(line, link->mqtt->options.client_id, &socket)) {
            atomic_store(&link->socket, socket);
        }
    }
}

enum err mqtt_socket_cut(struct mqtt_link *link)
{
    int socket = atomic_load(&link->socket);
    bool cut = socket >= 0 && (shutdown(socket, SHUT_RDWR) == 0 || errno == ENOTCONN);
    return cut ? ERR_OK : ERR_INTERNAL;
}
