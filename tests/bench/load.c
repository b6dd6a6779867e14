// Load generator of the benchmark: publishes commands with QoS 1, keeps a number of them in flight, and measures how
// long each waits for its final reply. One JSON line on stdout; exit code 1 if replies are missing.
//
// Two connections, as Nagle's algorithm would hold commands back behind the acknowledgments of replies on one.
#include <MQTTAsync.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define WAIT_S        60
#define MAX_COMMANDS  10000000
#define TOPIC_LEN     128
#define PAYLOAD_LEN   128
#define MAX_IN_FLIGHT 65535

struct options {
    const char *port;
    size_t count;
    size_t window;
    size_t devices;
};

struct load {
    struct options options;
    char id_prefix[32]; // of this run, so that no run repeats the ids of another
    MQTTAsync publisher;
    MQTTAsync listener;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t ready; // connections made and subscriptions granted
    bool is_broken;
    int64_t *sent_ns;    // by number of the command
    int64_t *latency_ns; // 0 until its final reply came
    size_t finished;
    size_t good; // ok or accepted
    size_t repeated;
};

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "load: %s\n", what);
    exit(1);
}

static void *allocate(size_t count, size_t size)
{
    void *memory = calloc(count, size);
    if (memory == NULL) {
        fail("out of memory");
    }
    return memory;
}

// Waits until *value reaches `wanted`; the lock is held. False when nothing came for WAIT_S or a connection is lost.
static bool wait_for(struct load *load, const size_t *value, size_t wanted)
{
    while (*value < wanted && !load->is_broken) {
        size_t before = *value;
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += WAIT_S;
        int result = pthread_cond_timedwait(&load->changed, &load->lock, &until);
        if (result == ETIMEDOUT && *value == before) {
            return false;
        }
    }
    return !load->is_broken;
}

// ---- Paho's threads

static void note(struct load *load, bool is_broken)
{
    pthread_mutex_lock(&load->lock);
    load->is_broken = load->is_broken || is_broken;
    load->ready++;
    pthread_cond_broadcast(&load->changed);
    pthread_mutex_unlock(&load->lock);
}

static void on_success(void *context, MQTTAsync_successData *data)
{
    (void)data;
    note(context, false);
}

static void on_failure(void *context, MQTTAsync_failureData *data)
{
    (void)data;
    note(context, true);
}

static void on_lost(void *context, char *cause)
{
    (void)cause;
    note(context, true);
}

// Number of the command that a final reply answers; false for other messages.
static bool read_reply(const struct load *load, const char *text, size_t *number, bool *is_good)
{
    const char *id = strstr(text, load->id_prefix);
    if (id == NULL || strstr(text, "\"final\":true") == NULL) {
        return false;
    }
    *number = strtoul(id + strlen(load->id_prefix), NULL, 10);
    *is_good = strstr(text, "\"status\":\"ok\"") != NULL || strstr(text, "\"status\":\"accepted\"") != NULL;
    return *number < load->options.count;
}

static void take_reply(struct load *load, size_t number, bool is_good, int64_t time_ns)
{
    pthread_mutex_lock(&load->lock);
    if (load->latency_ns[number] != 0) {
        load->repeated++;
    } else {
        load->latency_ns[number] = time_ns - load->sent_ns[number];
        load->good += is_good;
        load->finished++;
        pthread_cond_signal(&load->changed);
    }
    pthread_mutex_unlock(&load->lock);
}

static int on_message(void *context, char *topic, int topic_len, MQTTAsync_message *message)
{
    (void)topic_len;
    struct load *load = context;
    int64_t time_ns = now_ns();
    char *text = strndup(message->payload, (size_t)message->payloadlen);
    size_t number = 0;
    bool is_good = false;
    if (text != NULL && read_reply(load, text, &number, &is_good)) {
        take_reply(load, number, is_good, time_ns);
    }
    free(text);
    MQTTAsync_freeMessage(&message);
    MQTTAsync_free(topic);
    return 1;
}

// ---- main thread

static MQTTAsync connect_to_broker(struct load *load, const char *name)
{
    char url[64];
    char client_id[64];
    snprintf(url, sizeof url, "tcp://127.0.0.1:%s", load->options.port);
    snprintf(client_id, sizeof client_id, "load-%s-%d", name, (int)getpid());
    MQTTAsync client = NULL;
    if (MQTTAsync_create(&client, url, client_id, MQTTCLIENT_PERSISTENCE_NONE, NULL) != MQTTASYNC_SUCCESS ||
        MQTTAsync_setCallbacks(client, load, on_lost, on_message, NULL) != MQTTASYNC_SUCCESS) {
        fail("no MQTT client");
    }
    MQTTAsync_connectOptions options = MQTTAsync_connectOptions_initializer;
    options.cleansession = 1;
    options.maxInflight = MAX_IN_FLIGHT;
    options.context = load;
    options.onSuccess = on_success;
    options.onFailure = on_failure;
    size_t wanted = load->ready + 1;
    if (MQTTAsync_connect(client, &options) != MQTTASYNC_SUCCESS || !wait_for(load, &load->ready, wanted)) {
        fail("the broker does not answer");
    }
    return client;
}

static void subscribe(struct load *load)
{
    MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
    options.context = load;
    options.onSuccess = on_success;
    options.onFailure = on_failure;
    size_t wanted = load->ready + 1;
    if (MQTTAsync_subscribe(load->listener, "bench/+/set/reply", 1, &options) != MQTTASYNC_SUCCESS ||
        !wait_for(load, &load->ready, wanted)) {
        fail("the broker refuses the subscription");
    }
}

static void publish(struct load *load, size_t number)
{
    char topic[TOPIC_LEN];
    char payload[PAYLOAD_LEN];
    snprintf(topic, sizeof topic, "bench/lamp-%04zu/set", number % load->options.devices + 1);
    int len =
        snprintf(payload, sizeof payload, "{\"$id\":\"%s%zu\",\"level\":%zu}", load->id_prefix, number, number % 101);
    load->sent_ns[number] = now_ns();
    // Not under the lock: Paho's threads take it in their callbacks.
    pthread_mutex_unlock(&load->lock);
    int result = MQTTAsync_send(load->publisher, topic, len, payload, 1, 0, NULL);
    pthread_mutex_lock(&load->lock);
    if (result != MQTTASYNC_SUCCESS) {
        fail("a command could not be published");
    }
}

static void run(struct load *load)
{
    for (size_t number = 0; number < load->options.count; number++) {
        size_t window = load->options.window;
        if (number >= window && !wait_for(load, &load->finished, number - window + 1)) {
            return;
        }
        publish(load, number);
    }
    (void)wait_for(load, &load->finished, load->options.count);
}

static int compare(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a;
    int64_t right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

static void report(struct load *load, int64_t duration_ns)
{
    size_t count = load->options.count;
    qsort(load->latency_ns, count, sizeof *load->latency_ns, compare);
    double seconds = (double)duration_ns / 1e9;
    printf("{\"commands\": %zu, \"replies\": %zu, \"good\": %zu, \"repeated\": %zu, \"in_flight\": %zu, "
           "\"seconds\": %.3f, \"per_second\": %.0f, \"median_us\": %" PRId64 ", \"p99_us\": %" PRId64 "}\n",
           count, load->finished, load->good, load->repeated, load->options.window, seconds,
           (double)load->finished / seconds, load->latency_ns[count / 2] / 1000,
           load->latency_ns[count - 1 - count / 100] / 1000);
}

static size_t read_number(const char *text, size_t max)
{
    char *end = NULL;
    unsigned long number = strtoul(text, &end, 10);
    if (*text == '\0' || *end != '\0' || number == 0 || number > max) {
        fail("usage: bench_load PORT COMMANDS IN_FLIGHT DEVICES");
    }
    return number;
}

static struct options read_options(int argc, char **argv)
{
    if (argc != 5) {
        fail("usage: bench_load PORT COMMANDS IN_FLIGHT DEVICES");
    }
    (void)read_number(argv[1], 65535);
    return (struct options){.port = argv[1],
                            .count = read_number(argv[2], MAX_COMMANDS),
                            .window = read_number(argv[3], MAX_IN_FLIGHT),
                            .devices = read_number(argv[4], 9999)};
}

int main(int argc, char **argv)
{
    struct load load = {
        .options = read_options(argc, argv), .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    load.sent_ns = allocate(load.options.count, sizeof *load.sent_ns);
    load.latency_ns = allocate(load.options.count, sizeof *load.latency_ns);
    snprintf(load.id_prefix, sizeof load.id_prefix, "load-%d-", (int)getpid());
    pthread_mutex_lock(&load.lock);
    load.publisher = connect_to_broker(&load, "commands");
    load.listener = connect_to_broker(&load, "replies");
    subscribe(&load);
    int64_t start_ns = now_ns();
    run(&load);
    int64_t duration_ns = now_ns() - start_ns;
    bool is_complete = load.finished == load.options.count && !load.is_broken;
    report(&load, duration_ns);
    pthread_mutex_unlock(&load.lock);
    MQTTAsync_destroy(&load.publisher);
    MQTTAsync_destroy(&load.listener);
    free(load.sent_ns);
    free(load.latency_ns);
    return is_complete ? 0 : 1;
}
