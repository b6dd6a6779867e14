#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

#define MIB 1048576

static enum err check_file(int fd, size_t max_bytes, size_t *len, struct diag *diag)
{
    struct stat status;
    if (fstat(fd, &status) != 0) {
        return diag_set(diag, ERR_IO, "%s", strerror(errno));
    }
    if (S_ISDIR(status.st_mode)) {
        return diag_set(diag, ERR_IO, "is a directory: name a file, or a pattern such as DIR/*.yaml for mappings");
    }
    if (!S_ISREG(status.st_mode)) {
        return diag_set(diag, ERR_IO, "is no regular file");
    }
    if (status.st_size == 0) {
        return diag_set(diag, ERR_SYNTAX, "the file is empty");
    }
    if ((size_t)status.st_size > max_bytes) {
        bool in_mib = max_bytes >= MIB;
        return diag_set(diag, ERR_LIMIT, "the file is larger than %zu %s", in_mib ? max_bytes / MIB : max_bytes,
                        in_mib ? "MiB" : "bytes");
    }
    *len = (size_t)status.st_size;
    return ERR_OK;
}

// Up to `len` bytes: a file that grows meanwhile is read to its size at the start, one that shrinks to its new end.
static ssize_t read_up_to(int fd, char *data, size_t len)
{
    size_t done = 0;
    while (done < len) {
        ssize_t count = read(fd, data + done, len - done);
        if (count < 0 && errno != EINTR) {
            return -1;
        }
        if (count == 0) {
            break;
        }
        done += count > 0 ? (size_t)count : 0;
    }
    return (ssize_t)done;
}

static enum err read_open_file(int fd, size_t max_bytes, char **data, size_t *len, struct diag *diag)
{
    size_t size = 0;
    enum err err = check_file(fd, max_bytes, &size, diag);
    if (err != ERR_OK) {
        return err;
    }
    char *text = mem_alloc(size + 1);
    ssize_t count = read_up_to(fd, text, size);
    if (count < 0) {
        err = diag_set(diag, ERR_IO, "%s", strerror(errno));
        free(text);
        return err;
    }
    *data = text;
    *len = (size_t)count;
    return ERR_OK;
}

enum err file_read(const char *path, size_t max_bytes, char **data, size_t *len, struct diag *diag)
{
    // Without O_NONBLOCK, opening a named pipe would wait for its writer.
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return diag_set(diag, ERR_IO, "%s", strerror(errno));
    }
    enum err err = read_open_file(fd, max_bytes, data, len, diag);
    close(fd);
    return err;
}

enum err file_check_readable(const char *option, const char *path_or_null, struct diag *diag)
{
    if (path_or_null == NULL || access(path_or_null, R_OK) == 0) {
        return ERR_OK;
    }
    return diag_set(diag, ERR_IO, "%s: cannot read %s: %s", option, path_or_null, strerror(errno));
}
