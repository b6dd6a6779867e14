// The run of made inputs, which libFuzzer has no part in.
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>

#include "base/buf.h"
#include "fuzz.h"
#include "made.h"

#define MAX_LEN 8192
// Of the processor's time, so that a busy machine fails nothing.
#define MAX_SECONDS 20

// What sanitizers offer, in builds that have them.
extern void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));
extern int __sanitizer_install_malloc_and_free_hooks(void (*on_malloc)(const volatile void *, size_t),
                                                     void (*on_free)(const volatile void *)) __attribute__((weak));
extern int __lsan_do_recoverable_leak_check(void) __attribute__((weak));

static struct {
    struct buf input;
    uint64_t number;
    const char *prefix;
    bool is_kept;
} running;

static size_t allocations;
static size_t releases;

static void on_malloc(const volatile void *data, size_t len)
{
    (void)data;
    (void)len;
    allocations++;
}

static void on_free(const volatile void *data)
{
    releases += data != NULL;
}

static void keep(const char *kind)
{
    char path[4096];
    if (running.is_kept) {
        return;
    }
    running.is_kept = true;
    fprintf(stderr, "input %llu of those that are made: %s\n", (unsigned long long)running.number, kind);
    snprintf(path, sizeof path, "%s%s-%llu", running.prefix, kind, (unsigned long long)running.number);
    FILE *file = fopen(path, "wb");
    if (file != NULL) {
        fwrite(running.input.data, 1, running.input.len, file);
        fclose(file);
    }
}

static void on_death(void)
{
    keep("crash");
}

static void on_signal(int number)
{
    keep(number == SIGVTALRM ? "timeout" : "crash");
    signal(SIGABRT, SIG_DFL);
    abort();
}

static void watch(void)
{
    signal(SIGABRT, on_signal);
    signal(SIGVTALRM, on_signal);
    if (__sanitizer_set_death_callback != NULL) {
        __sanitizer_set_death_callback(on_death);
    }
    if (__sanitizer_install_malloc_and_free_hooks != NULL) {
        __sanitizer_install_malloc_and_free_hooks(on_malloc, on_free);
    }
}

// A check takes as long as many inputs, and most leave nothing behind.
static void run_input(void)
{
    static const struct itimerval limit = {.it_value = {.tv_sec = MAX_SECONDS}};
    size_t held = allocations - releases;
    setitimer(ITIMER_VIRTUAL, &limit, NULL);
    // A copy of exact size, so that AddressSanitizer sees a read behind its end.
    uint8_t *data = malloc(running.input.len);
    memcpy(data, running.input.data, running.input.len);
    LLVMFuzzerTestOneInput(data, running.input.len);
    free(data);
    if (allocations - releases > held && __lsan_do_recoverable_leak_check != NULL &&
        __lsan_do_recoverable_leak_check() != 0) {
        keep("leak");
        _Exit(1);
    }
}

// FNV-1a
static uint64_t add_to_checksum(uint64_t sum, struct str data)
{
    for (size_t i = 0; i <= data.len; i++) {
        sum = (sum ^ (i < data.len ? (unsigned char)data.data[i] : 0x100)) * 0x100000001B3U;
    }
    return sum;
}

static void run_inputs(const struct made *made, uint64_t from, uint64_t count, bool is_shown)
{
    uint64_t sum = 0xCBF29CE484222325U;
    for (uint64_t i = 0; i < count; i++) {
        running.number = from + i;
        made_input(made, running.number, &running.input);
        sum = add_to_checksum(sum, (struct str){running.input.data, running.input.len});
        if (is_shown) {
            fwrite(running.input.data, 1, running.input.len, stdout);
        } else {
            run_input();
        }
    }
    fprintf(stderr, "made inputs: %llu, checksum %016llx\n", (unsigned long long)count, (unsigned long long)sum);
}

static const char *value_of(const char *argument, const char *name)
{
    size_t len = strlen(name);
    return strncmp(argument, name, len) == 0 ? argument + len : NULL;
}

static int refuse(const char *argument)
{
    fprintf(stderr, "%s cannot be read\n", argument);
    return 2;
}

int made_run(int argc, char **argv)
{
    struct made made = {.max_len = MAX_LEN};
    uint64_t from = 0;
    uint64_t count = 0;
    bool is_shown = false;
    running.prefix = "";
    for (int i = 1; i < argc; i++) {
        const char *value = NULL;
        if ((value = value_of(argv[i], "--made=")) != NULL) {
            count = strtoull(value, NULL, 10);
        } else if ((value = value_of(argv[i], "--from=")) != NULL) {
            from = strtoull(value, NULL, 10);
        } else if ((value = value_of(argv[i], "--findings=")) != NULL) {
            running.prefix = value;
        } else if (strcmp(argv[i], "--show") == 0) {
            is_shown = true;
        } else if ((value = value_of(argv[i], "--words=")) != NULL ? !made_add_words(&made, value)
                                                                   : !made_add_seed(&made, argv[i])) {
            return refuse(argv[i]);
        }
    }
    if (made.seeds.count == 0) {
        return refuse("a seed, of which there is none,");
    }
    watch();
    run_inputs(&made, from, count, is_shown);
    made_free(&made);
    buf_free(&running.input);
    return 0;
}
