// Reading files into yaml_load_text.
#include "base/yaml.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

static enum err file_problem(struct problems *problems, enum err err, const char *path, const char *text)
{
    problems_add(problems, SEVERITY_ERROR, path, 0, 0, "%s", text);
    return err;
}

static enum err check_file(int fd, const char *path, size_t *len, struct problems *problems)
{
    struct stat status;
    if (fstat(fd, &status) != 0) {
        return file_problem(problems, ERR_IO, path, strerror(errno));
    }
    if (S_ISDIR(status.st_mode)) {
        return file_problem(problems, ERR_IO, path, "is a directory: name a file, or a pattern such as DIR/*.yaml");
    }
    if (!S_ISREG(status.st_mode)) {
        return file_problem(problems, ERR_IO, path, "is no regular file");
    }
    if (status.st_size == 0) {
        return file_problem(problems, ERR_SYNTAX, path, "the file is empty");
    }
    if (status.st_size > YAML_MAX_BYTES) {
        return file_problem(problems, ERR_LIMIT, path, "the file is larger than 16 MiB");
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

static enum err load_open_file(int fd, const char *path, struct yaml_document **out, struct problems *problems)
{
    size_t len = 0;
    enum err err = check_file(fd, path, &len, problems);
    if (err != ERR_OK) {
        return err;
    }
    AUTO_FREE char *data = mem_alloc(len);
    ssize_t count = read_up_to(fd, data, len);
    if (count < 0) {
        return file_problem(problems, ERR_IO, path, strerror(errno));
    }
    return yaml_load_text(path, data, (size_t)count, out, problems);
}

enum err yaml_load_file(const char *path, struct yaml_document **out, struct problems *problems)
{
    // Without O_NONBLOCK, opening a named pipe would wait for its writer.
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return file_problem(problems, ERR_IO, path, strerror(errno));
    }
    enum err err = load_open_file(fd, path, out, problems);
    close(fd);
    return err;
}
