// Prints how fast the outbox commits: appends one at a time (what Paho's thread does), and a command's whole way in
// turns of the core.
//
//   bench_outbox [FOLDER]    default: the current folder, as /tmp may be in memory, where fsync costs nothing
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "io/outbox/outbox.h"

#define COMMANDS 20000

static double seconds(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void must(int good, const struct diag *diag)
{
    if (!good) {
        fprintf(stderr, "bench_outbox: %s\n", diag->text);
        exit(74);
    }
}

static void append_one(struct outbox *outbox, int number)
{
    static const char command_text[601] = "";
    char payload[64];
    struct message message = {.topic = "home/hall/lamp-1/set", .payload = payload, .qos = 1};
    message.payload_len = (size_t)snprintf(payload, sizeof payload, "{\"level\": 128, \"number\": %d}", number);
    message.packet_id = (uint16_t)(number % 65535 + 1);
    struct moment now = clock_now();
    struct diag diag = {""};
    int64_t id = 0;
    must(outbox_append(outbox, &message, &now, false, NULL, command_text, &id, &diag) == OUTBOX_APPENDED, &diag);
}

static void commit(struct outbox *outbox)
{
    struct diag diag = {""};
    must(outbox_commit(outbox, &diag) == ERR_OK, &diag);
}

static char *text_of(char c, size_t len)
{
    char *text = mem_alloc(len + 1);
    memset(text, c, len);
    return text;
}

// Key and SENT in one turn, the reply in the next, DONE in the third.
static void work_off(struct outbox *outbox, int turn)
{
    static const unsigned char hash[32] = {0};
    AUTO_FREE char *reply = text_of('r', 500);
    for (int first = 1; first <= COMMANDS; first += turn) {
        int end = first + turn <= COMMANDS + 1 ? first + turn : COMMANDS + 1;
        for (int id = first; id < end; id++) {
            unsigned char key[32] = {(unsigned char)id, (unsigned char)(id >> 8)};
            outbox_stage_key(outbox, id, key, hash);
            outbox_stage_state(outbox, id, COMMAND_SENT);
        }
        commit(outbox);
        for (int id = first; id < end; id++) {
            outbox_stage_reply(outbox, id, reply);
        }
        commit(outbox);
        for (int id = first; id < end; id++) {
            outbox_stage_state(outbox, id, COMMAND_DONE);
        }
        commit(outbox);
    }
}

static void remove_files(const char *path)
{
    static const char *const endings[] = {"", "-wal", "-shm", ".lock"};
    for (size_t i = 0; i < COUNT_OF(endings); i++) {
        AUTO_FREE char *name = mem_printf("%s%s", path, endings[i]);
        unlink(name);
    }
}

static void report(const char *sync, const char *what, int count, double wall_s, double cpu_s)
{
    printf("%-6s %-28s %9.0f /s %8.1f us CPU each\n", sync, what, count / wall_s, cpu_s * 1e6 / count);
}

static void measure(const char *folder, bool sync_full, int turn)
{
    AUTO_FREE char *path = mem_printf("%s/bench-outbox-%ld.db", folder, (long)getpid());
    const char *sync = sync_full ? "full" : "normal";
    struct outbox_options options = {
        .path = path, .sync_full = sync_full, .max_commands = COMMANDS, .max_bytes = 1 << 30, .refused_reserve = 1};
    struct outbox *outbox = NULL;
    struct diag diag = {""};
    must(outbox_open(&options, &outbox, NULL, &diag) == ERR_OK, &diag);

    double wall_s = seconds(CLOCK_MONOTONIC);
    double cpu_s = seconds(CLOCK_PROCESS_CPUTIME_ID);
    for (int i = 0; i < COMMANDS; i++) {
        append_one(outbox, i);
    }
    report(sync, "append (a commit each)", COMMANDS, seconds(CLOCK_MONOTONIC) - wall_s,
           seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu_s);

    char what[64];
    snprintf(what, sizeof what, "to DONE, %d per turn", turn);
    wall_s = seconds(CLOCK_MONOTONIC);
    cpu_s = seconds(CLOCK_PROCESS_CPUTIME_ID);
    work_off(outbox, turn);
    report(sync, what, COMMANDS, seconds(CLOCK_MONOTONIC) - wall_s, seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu_s);
    outbox_close(outbox);
    remove_files(path);
}

int main(int argc, char **argv)
{
    const char *folder = argc > 1 ? argv[1] : ".";
    static const int turns[] = {1, 16, 256};
    for (size_t i = 0; i < COUNT_OF(turns); i++) {
        measure(folder, true, turns[i]);
        measure(folder, false, turns[i]);
    }
    return 0;
}
