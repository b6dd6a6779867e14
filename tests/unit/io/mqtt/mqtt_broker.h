// For test_mqtt_*.c: a Mosquitto with listeners of all kinds.
#pragma once

#include <glob.h>

#include "base/mem.h"
#include "unit/io/support.h"

struct broker {
    char *folder;
    pid_t pid;
    int output;
    int plain;
    int tls;
    int tls_wrong_name;
    int tls_expired;
    int tls_client; // wants a client certificate
    int ws;
    int wss;
};

// The password is "right", hashed with PBKDF2 as Mosquitto's dynamic security plugin stores it. Of the two kinds of
// access control that Mosquitto has, only this plugin refuses subscriptions.
static const char broker_security[] =
    "{\"clients\":[{\"username\":\"bridge\",\"password\":"
    "\"0I81xKXNtwQDV+SxqaSlyCJ9FdyAytZOxxLGK7Nqk004T9THuwRFJPvXQOUVHi2u8IqKNTpXjX82OkHjPvYp6g==\","
    "\"salt\":\"dGhpbmdicmlkZ2Uu\",\"iterations\":101,\"roles\":[{\"rolename\":\"bridge\"}]}],"
    "\"roles\":[{\"rolename\":\"bridge\",\"acls\":["
    "{\"acltype\":\"publishClientSend\",\"topic\":\"home/#\",\"allow\":true},"
    "{\"acltype\":\"subscribePattern\",\"topic\":\"home/#\",\"allow\":true}]}],"
    "\"defaultACLAccess\":{\"publishClientSend\":false,\"publishClientReceive\":true,\"subscribe\":false,"
    "\"unsubscribe\":true}}";

static inline void broker_plugin(FILE *file, const struct broker *broker)
{
    glob_t found;
    assert_int_equal(glob("/usr/lib/*/mosquitto_dynamic_security.so", 0, NULL, &found), 0);
    fprintf(file, "plugin %s\nplugin_opt_config_file %s/security.json\n", found.gl_pathv[0], broker->folder);
    globfree(&found);
}

static inline void broker_tls_listener(FILE *file, const struct broker *broker, int port, const char *certificate_name,
                                       const char *more)
{
    fprintf(file, "listener %d 127.0.0.1\ncafile %s/ca.pem\ncertfile %s/%s.pem\nkeyfile %s/%s.key\n%s", port,
            broker->folder, broker->folder, certificate_name, broker->folder, certificate_name, more);
}

static inline void broker_configure(struct broker *broker)
{
    int *const ports[] = {&broker->plain,       &broker->tls,        &broker->tls_wrong_name,
                          &broker->tls_expired, &broker->tls_client, &broker->ws,
                          &broker->wss};
    for (size_t i = 0; i < COUNT_OF(ports); i++) {
        *ports[i] = port_free();
    }
    char *path = path_in(broker->folder, "mosquitto.conf");
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    fprintf(file,
            "user root\nlog_dest stderr\nlog_type error\nlog_type information\nconnection_messages false\n"
            "allow_anonymous false\npersistence true\npersistence_location %s/\nmax_packet_size 100000\n"
            "max_inflight_messages 20\n",
            broker->folder);
    broker_plugin(file, broker);
    fprintf(file, "listener %d 127.0.0.1\n", broker->plain);
    broker_tls_listener(file, broker, broker->tls, "good", "");
    broker_tls_listener(file, broker, broker->tls_wrong_name, "wrong-name", "");
    broker_tls_listener(file, broker, broker->tls_expired, "expired", "");
    broker_tls_listener(file, broker, broker->tls_client, "good", "require_certificate true\n");
    fprintf(file, "listener %d 127.0.0.1\nprotocol websockets\n", broker->ws);
    broker_tls_listener(file, broker, broker->wss, "good", "protocol websockets\n");
    assert_int_equal(fclose(file), 0);
    free(path);
}

static inline bool broker_try(struct broker *broker)
{
    char *config = path_in(broker->folder, "mosquitto.conf");
    broker->pid = program_start((const char *const[]){"/usr/sbin/mosquitto", "-c", config, NULL}, &broker->output);
    free(config);
    char text[4096];
    bool running = program_says(broker->output, " running", text, sizeof text);
    if (!running) {
        print_error("mosquitto did not start: %s\n", text);
    }
    return running;
}

static inline void broker_stop(struct broker *broker, int signal)
{
    program_end(broker->pid, signal);
    close(broker->output);
    broker->pid = 0;
}

static inline void broker_restart(struct broker *broker)
{
    assert_true(broker_try(broker));
}

static inline void broker_start(struct broker *broker)
{
    // Another program can take a port between its choice and its use.
    for (int tries = 0; tries < 5; tries++) {
        broker_configure(broker);
        if (broker_try(broker)) {
            return;
        }
        broker_stop(broker, SIGKILL);
    }
    fail_msg("no broker");
}

static inline struct broker *broker_create(void)
{
    struct broker *broker = mem_alloc(sizeof *broker);
    broker->folder = folder_create();
    certificates_create(broker->folder);
    file_write(broker->folder, "security.json", broker_security);
    broker_start(broker);
    return broker;
}

static inline void broker_destroy(struct broker *broker)
{
    if (broker->pid != 0) {
        broker_stop(broker, SIGTERM);
    }
    folder_remove(broker->folder);
    free(broker);
}
