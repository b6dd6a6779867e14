// A machine that a test commands, preloaded into the bridge (LD_PRELOAD): its disk can be full, can lose its power, and
// its clock can be moved. The test writes its wishes into a small file that is mapped here; see machine.py.
//
// Power: of each watched file a copy is kept in which only that stands what had been written when an fsync of it
// returned. After a SIGKILL the test puts the copies in the place of the files: the hardest form of a power loss, in
// which nothing survives but what was flushed. (Without fsync the copies stay empty, which is how a missing one shows.)
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FDS      1024
#define PATH_LEN 4096

struct wishes {
    int64_t clock_offset_ms;
    int64_t disk_full;
    int64_t syncs; // counted here
};

// What was written to a descriptor since its last fsync: from low to high.
struct file {
    bool known;
    bool watched;
    off_t low;
    off_t high;
    int copy;
};

static struct wishes no_wishes;
static struct wishes *wishes = &no_wishes;
static const char *folder;
static struct file files[FDS];
static uintptr_t program_begin, program_end;

#define REAL(name) ((__typeof__(&name))real(#name))

static void *real(const char *name)
{
    return dlsym(RTLD_NEXT, name);
}

static int find_program(struct dl_phdr_info *info, size_t size, void *context)
{
    (void)size;
    (void)context;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        if (part->p_type == PT_LOAD && (part->p_flags & PF_X)) {
            program_begin = info->dlpi_addr + part->p_vaddr;
            program_end = program_begin + part->p_memsz;
        }
    }
    return 1; // the first object is the program itself
}

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("MACHINE_WISHES");
    int fd = path == NULL ? -1 : open(path, O_RDWR | O_CLOEXEC);
    folder = getenv("MACHINE_FOLDER");
    dl_iterate_phdr(find_program, NULL);
    if (fd >= 0) {
        wishes = mmap(NULL, sizeof *wishes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        close(fd);
    }
}

static bool is_watched_name(const char *path)
{
    size_t len = folder == NULL ? 0 : strlen(folder);
    const char *name = strrchr(path, '/');
    return len > 0 && strncmp(path, folder, len) == 0 && name != NULL &&
           (strcmp(name, "/outbox.db") == 0 || strcmp(name, "/outbox.db-wal") == 0);
}

static struct file *find_file(int fd)
{
    char link[64];
    char path[PATH_LEN];
    if (fd < 0 || fd >= FDS) {
        return NULL;
    }
    struct file *file = &files[fd];
    if (!file->known) {
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        ssize_t len = readlink(link, path, sizeof path - 16);
        path[len > 0 ? len : 0] = '\0';
        *file = (struct file){.known = true, .watched = is_watched_name(path), .low = INT64_MAX, .copy = -1};
        if (file->watched) {
            strcat(path, ".durable");
            file->copy = REAL(open)(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        }
    }
    return file->watched ? file : NULL;
}

static bool is_full(int fd)
{
    return find_file(fd) != NULL && __atomic_load_n(&wishes->disk_full, __ATOMIC_RELAXED) != 0;
}

static void note_written(int fd, off_t from, ssize_t len)
{
    struct file *file = find_file(fd);
    if (file == NULL || len <= 0) {
        return;
    }
    file->low = from < file->low ? from : file->low;
    file->high = from + len > file->high ? from + len : file->high;
}

static void keep_durable(int fd)
{
    static char block[1 << 16];
    struct file *file = find_file(fd);
    struct stat status;
    if (file == NULL || fstat(fd, &status) != 0) {
        return;
    }
    for (off_t at = file->low; at < file->high;) {
        size_t wanted = (size_t)(file->high - at) < sizeof block ? (size_t)(file->high - at) : sizeof block;
        ssize_t len = pread(fd, block, wanted, at);
        if (len <= 0 || REAL(pwrite64)(file->copy, block, (size_t)len, at) != len) {
            break;
        }
        at += len;
    }
    if (ftruncate(file->copy, status.st_size) != 0) {
        abort();
    }
    file->low = INT64_MAX;
    file->high = 0;
    __atomic_fetch_add(&wishes->syncs, 1, __ATOMIC_RELAXED);
}

ssize_t pwrite64(int fd, const void *data, size_t len, off64_t at)
{
    if (is_full(fd)) {
        errno = ENOSPC;
        return -1;
    }
    ssize_t written = REAL(pwrite64)(fd, data, len, at);
    note_written(fd, at, written);
    return written;
}

ssize_t pwrite(int fd, const void *data, size_t len, off_t at)
{
    return pwrite64(fd, data, len, at);
}

int fsync(int fd)
{
    int result = REAL(fsync)(fd);
    if (result == 0) {
        keep_durable(fd);
    }
    return result;
}

int fdatasync(int fd)
{
    int result = REAL(fdatasync)(fd);
    if (result == 0) {
        keep_durable(fd);
    }
    return result;
}

int close(int fd)
{
    if (fd >= 0 && fd < FDS && files[fd].known) {
        int copy = files[fd].copy;
        files[fd].known = false;
        if (copy >= 0) {
            REAL(close)(copy);
        }
    }
    return REAL(close)(fd);
}

// Only what the program itself reads: its libraries wait with the kernel's clock, which nobody can move here.
int clock_gettime(clockid_t id, struct timespec *now)
{
    uintptr_t caller = (uintptr_t)__builtin_return_address(0);
    int result = REAL(clock_gettime)(id, now);
    if (id == CLOCK_REALTIME && caller >= program_begin && caller < program_end) {
        int64_t ms = __atomic_load_n(&wishes->clock_offset_ms, __ATOMIC_RELAXED);
        now->tv_sec += ms / 1000;
    }
    return result;
}
