// What the tests of io need of the world: a temporary folder, programs that are started and stopped, free ports,
// certificates. Every failure fails the test that asked.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define LIMIT_MS 20000

static inline int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

// ---- programs

// Starts argv; its output and errors can be read from *output. It dies with the test.
static inline pid_t program_start(const char *const argv[], int *output)
{
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
        dup2(nothing, 0);
        dup2(ends[1], 1);
        dup2(ends[1], 2);
        execvp(argv[0], (char *const *)argv);
        _exit(127);
    }
    assert_true(pid > 0);
    close(ends[1]);
    *output = ends[0];
    return pid;
}

static inline int program_end(pid_t pid, int signal_or_zero)
{
    if (signal_or_zero != 0) {
        kill(pid, signal_or_zero);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

// Reads until `wanted` was seen; false if the program ended or the limit passed. `text` holds the end of what it said.
static inline bool program_says(int output, const char *wanted, char *text, size_t size)
{
    int64_t until = now_ms() + LIMIT_MS;
    size_t len = 0;
    text[0] = '\0';
    while (strstr(text, wanted) == NULL) {
        struct pollfd wait = {.fd = output, .events = POLLIN};
        int64_t left = until - now_ms();
        if (left <= 0 || poll(&wait, 1, (int)left) <= 0) {
            return false;
        }
        if (len > size / 2) {
            memmove(text, text + len - size / 4, size / 4);
            len = size / 4;
        }
        ssize_t got = read(output, text + len, size - len - 1);
        if (got <= 0) {
            return false;
        }
        len += (size_t)got;
        text[len] = '\0';
    }
    return true;
}

static inline void program_run(const char *const argv[])
{
    int output = -1;
    pid_t pid = program_start(argv, &output);
    char text[4096];
    (void)program_says(output, "\xff", text, sizeof text);
    close(output);
    int status = program_end(pid, 0);
    if (status != 0) {
        print_error("%s failed: %s\n", argv[0], text);
    }
    assert_int_equal(status, 0);
}

// ---- folder and ports

static inline char *folder_create(void)
{
    char *folder = strdup("/tmp/thingbridge-test-XXXXXX");
    assert_non_null(mkdtemp(folder));
    return folder;
}

static inline void folder_remove(char *folder)
{
    program_run((const char *const[]){"rm", "-rf", folder, NULL});
    free(folder);
}

// "FOLDER/NAME", freed by the caller.
static inline char *path_in(const char *folder, const char *name)
{
    char *path = NULL;
    assert_true(asprintf(&path, "%s/%s", folder, name) > 0);
    return path;
}

static inline void file_write(const char *folder, const char *name, const char *text)
{
    char *path = path_in(folder, name);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    free(path);
}

// A socket that is bound to a free port of 127.0.0.1.
static inline int port_bind(int *port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    *port = ntohs(address.sin_port);
    return fd;
}

static inline int port_free(void)
{
    int port = 0;
    close(port_bind(&port));
    return port;
}

// ---- certificates: NAME.pem and NAME.key in the folder

static inline void certificate_authority(const char *folder, const char *name)
{
    char command[1024];
    snprintf(command, sizeof command,
             "cd %s && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout %s.key -out %s.pem "
             "-days 2 -subj '/CN=%s'",
             folder, name, name, name);
    program_run((const char *const[]){"sh", "-c", command, NULL});
}

static inline void certificate(const char *folder, const char *authority, const char *name, const char *alternative,
                               int days)
{
    char command[2048];
    snprintf(command, sizeof command,
             "cd %s && openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout %s.key -out %s.csr "
             "-subj '/CN=%s' -addext subjectAltName=%s && openssl x509 -req -in %s.csr -CA %s.pem -CAkey %s.key "
             "-CAcreateserial -days %d -copy_extensions copy -out %s.pem",
             folder, name, name, name, alternative, name, authority, authority, days, name);
    program_run((const char *const[]){"sh", "-c", command, NULL});
}

// The authority "ca" with "good", "wrong-name", "expired" and "client", and the authority "other".
static inline void certificates_create(const char *folder)
{
    certificate_authority(folder, "ca");
    certificate_authority(folder, "other");
    certificate(folder, "ca", "good", "DNS:localhost,IP:127.0.0.1", 2);
    certificate(folder, "ca", "wrong-name", "DNS:elsewhere.example", 2);
    certificate(folder, "ca", "expired", "DNS:localhost,IP:127.0.0.1", -1);
    certificate(folder, "ca", "client", "DNS:client.example", 2);
}
